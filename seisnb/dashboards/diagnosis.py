"""The diagnostics of an ensemble in plain words: each figure, what is good, and what to do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape

import numpy as np
import xarray as xr

from seisnb.dashboards.figures.style import Display, display_of, number
from seisnb.diagnostics import Gate, diagnose, gates
from seisnb.diagnostics.facts import is_suspect
from seisnb.diagnostics.gates import LEAST_SPREAD, NARROW


@dataclass(frozen=True, kw_only=True)
class Row:
    """One figure of the table.

    Attributes
    ----------
    name, value, good : str
        What it is, what was found, what is good.
    words : str
        What it means, or what to do when it is not good.
    is_good : bool
        The value is as it should be.
    """

    name: str
    value: str
    good: str
    words: str
    is_good: bool


#: Checks of the settings: name, meaning, what to do when too low and when too high.
_CHECKS = {
    "pick_sigma": (
        "Squared residual per free pick",
        "The size of the residuals against the pick errors as used.",
        "Pick errors are too large: use smaller ones, or infer_sigma.",
        "Pick errors are too small: use larger ones, or infer_sigma.",
    ),
    "prior_pull": (
        "Squared pull on the prior, per unknown found",
        "How far the picks move the model from the prior's mean, against the amplitude.",
        "The prior is looser than need be: use a smaller amplitude or longer lengths.",
        "The prior is too stiff: use a larger amplitude or shorter lengths.",
    ),
    "neighbours_shot": (
        "Neighbouring picks of a shot, correlation",
        "Whether neighbours miss their predictions together.",
        "Neighbours miss in turn: look for picks that jump from trace to trace.",
        "They miss together: shared errors (shot time, position), or the prior is too stiff.",
    ),
    "neighbours_receiver": (
        "Neighbouring picks of a receiver, correlation",
        "Whether neighbours miss their predictions together.",
        "Neighbours miss in turn: look for picks that jump from shot to shot.",
        "They miss together: shared errors (clock, position), or the prior is too stiff.",
    ),
    "length_easting": (
        "Length along the line, factor asked for",
        "The correlation length that the picks ask for, over the prior's.",
        "The picks ask for shorter lengths along the line, or a larger amplitude.",
        "The picks ask for longer lengths along the line.",
    ),
    "length_depth": (
        "Length in depth, factor asked for",
        "The correlation length that the picks ask for, over the prior's.",
        "The picks ask for shorter lengths in depth, or a larger amplitude.",
        "The picks ask for longer lengths in depth.",
    ),
}


def diagnosis_rows(ensemble: xr.Dataset) -> list[Row]:
    """The table's rows, in reading order; figures that the ensemble does not hold are left out.

    Parameters
    ----------
    ensemble : xr.Dataset
        An ensemble.
    """
    found = diagnose(ensemble)
    display = display_of(ensemble)
    return [
        *_fit_rows(found),
        *_time_rows(found, display),
        *_kernel_rows(found),
        *_member_rows(found),
        *_std_rows(found),
        *_left_out_rows(found),
        *_check_rows(found),
    ]


def diagnosis_table(ensemble: xr.Dataset) -> str:
    """The rows as an HTML table, every text escaped; what is not good is said in words and bold."""
    head = "".join(
        f'<th scope="col">{cell}</th>' for cell in ("Figure", "Value", "Good", "In words")
    )
    body = "".join(
        f'<tr><th scope="row">{escape(row.name)}</th>'
        f"<td>{_marked(row)}</td><td>{escape(row.good)}</td><td>{escape(row.words)}</td></tr>"
        for row in diagnosis_rows(ensemble)
    )
    return (
        '<table class="diagnosis"><caption>What is good, and what each figure means</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    )


def gate_table(ensemble: xr.Dataset) -> str:
    """The gates as an HTML table, every text escaped; passed or not is said in words."""
    head = "".join(
        f'<th scope="col">{cell}</th>'
        for cell in ("Gate", "Value", "Allowed", "Passed", "In words")
    )
    body = "".join(
        f'<tr><th scope="row">{escape(gate.title)}</th>'
        f"<td>{escape(_gate_number(gate, gate.value))}</td><td>{escape(_allowed(gate))}</td>"
        f"<td>{_passed(gate)}</td>"
        f"<td>{escape(_gate_words(gate))}</td></tr>"
        for gate in gates(ensemble)
    )
    return (
        '<table class="diagnosis seisnb-gates"><caption>What every good result must meet</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    )


def _gate_number(gate: Gate, value: float) -> str:
    """A value of a gate as text, shares in per cent; empty where there is none."""
    if not np.isfinite(value):
        return ""
    return f"{number(100 * value, 3)} %" if gate.title.startswith("Share") else number(value, 3)


def _allowed(gate: Gate) -> str:
    """The range of a gate in words."""
    low, high = (_gate_number(gate, end) for end in (gate.low, gate.high))
    if low == high:
        return low
    if low and high:
        return f"{low} to {high}"
    if low:
        return f"at least {low}"
    return f"at most {high}" if gate.high else high


def _passed(gate: Gate) -> str:
    """Whether a gate is passed, by word and symbol."""
    if gate.passed is None:
        return "<strong>? not known</strong>"
    if not gate.passed:
        return "<strong>✕ no</strong>"
    return "✓ yes" if np.isfinite(gate.value) else "– does not apply"


def _gate_words(gate: Gate) -> str:
    """What a gate says, with what to do."""
    if gate.passed is None and not gate.sentence.startswith("Too few"):
        return "The result does not hold what this needs."
    return f"{gate.sentence}{f': {gate.remedy}' if gate.remedy else ''}."


def _percent(share: float, digits: int = 0) -> str:
    """A share in per cent."""
    return f"{100 * share:.{digits}f} %"


def _marked(row: Row) -> str:
    """The value, marked when it is not good."""
    value = escape(row.value)
    return value if row.is_good else f"<strong>{value} (look here)</strong>"


def _fit_rows(found: xr.Dataset) -> Iterator[Row]:
    """Misfit by the three clocks."""
    clocks = {
        "chi2_ray": ("rays", "The misfit that the members were fitted with."),
        "chi2_referee": ("the grid referee", "The same by a solver that had no part in the fit."),
        "chi2_network": ("the network alone", "For comparison: the network is not the clock."),
    }
    for name, (clock, words) in clocks.items():
        if name in found:
            value = float(found[name])
            is_good = 0.6 <= value <= 1.5 or name == "chi2_network"
            remedy = "Above: pick errors too small or prior too stiff. Below: errors too large."
            yield Row(
                name=f"chi² per pick, by {clock}",
                value=f"{value:.2f}",
                good="about 1",
                words=words if is_good else remedy,
                is_good=is_good,
            )


def _time_rows(found: xr.Dataset, display: Display) -> Iterator[Row]:
    """Errors of the times against the referee."""
    clocks = {
        "ray_error": ("Error of times along rays", "below 0.3 pick errors", 0.5),
        "network_error": ("Error of the network's own times", "not used as the clock", np.inf),
    }
    for name, (title, good, most) in clocks.items():
        if name in found:
            error, share = float(found[name]), float(found[f"{name}_sigmas"])
            is_good = share <= most
            yield Row(
                name=title,
                value=f"{display.text(error, display.time)} = {number(share, 2)} pick errors",
                good=good,
                words="Root mean square against the independent grid referee."
                if is_good
                else "Choose a smaller cell or wavefront_cell.",
                is_good=is_good,
            )


def _kernel_rows(found: xr.Dataset) -> Iterator[Row]:
    """Leakage of kernels, the ray's beside the network's."""
    yield Row(
        name="Leakage of the rays' kernels",
        value=_percent(float(found["leakage_ray"])),
        good="0 %",
        words="Share of a pick's sensitivity farther than one cell from its ray: rock that no ray "
        "meets is left to the prior.",
        is_good=float(found["leakage_ray"]) < 0.01,
    )
    if "leakage_network" in found:
        yield Row(
            name="Leakage of the network's own kernels",
            value=f"{_percent(float(found['leakage_network']))}; "
            f"{_percent(float(found['kernel_difference']), 1)} as the prior smooths it",
            good="0 %; not used",
            words="Why times and kernels are read along rays and not from the network.",
            is_good=True,
        )


def _member_rows(found: xr.Dataset) -> Iterator[Row]:
    """How many members, and whether they spread as they should."""
    n_members, worth = int(found["n_members"]), float(found["n_independent"])
    is_draws = bool(np.isfinite(worth))
    yield Row(
        name="Members",
        value=f"{n_members}, worth {worth:.0f} independent draws" if is_draws else f"{n_members}",
        good="64 or more",
        words="Fewer make rough intervals: ask for more members."
        if is_draws
        else "Stein particles repel each other and are no draws: see their spread below.",
        is_good=n_members >= 32 and not (is_draws and worth < 32),
    )
    if "spread_ratio" in found:
        ratio = float(found["spread_ratio"])
        is_good = n_members < LEAST_SPREAD or NARROW <= ratio <= 1 / NARROW
        yield Row(
            name="Spread of the members",
            value=f"{ratio:.2f}",
            good="about 1",
            words="Std of the predicted times over that of the linearised posterior."
            if is_good
            else "Below: intervals too narrow, use engine rml. Above: far from linear.",
            is_good=is_good,
        )


def _std_rows(found: xr.Dataset) -> Iterator[Row]:
    """What the picks have taught, with rays and without."""
    parts = [
        f"{float(found[name]):.2f} {where}"
        for name, where in (
            ("std_ratio_crossed", "with rays"),
            ("std_ratio_uncrossed", "without"),
        )
        if name in found
    ]
    yield Row(
        name="Posterior over prior std, median of cells",
        value=f"{float(found['std_ratio']):.2f} ({', '.join(parts)})",
        good="well below 1 with rays",
        words="Near 1 the result is the prior's, whatever the mean looks like.",
        is_good=float(found.get("std_ratio_crossed", xr.DataArray(0.0))) < 0.95,
    )


def _left_out_rows(found: xr.Dataset) -> Iterator[Row]:
    """Picks outside their left-out predictions."""
    if "outside_share" in found:
        share = float(found["outside_share"])
        is_good = 0.01 <= share <= 0.1
        yield Row(
            name="Picks outside 95 % of their left-out prediction",
            value=_percent(share, 1),
            good="about 5 %",
            words="Each pick against its prediction from all other picks."
            if is_good
            else "More: errors too small, or outliers to mute. Fewer: errors too large.",
            is_good=is_good,
        )


def _check_rows(found: xr.Dataset) -> Iterator[Row]:
    """The checks of prior and sigmas."""
    if "check_z" not in found:
        return
    for name in found["check"].values:
        check = found.sel(check=name)
        value, low, high, z = (
            float(check[f"check_{part}"]) for part in ("value", "low", "high", "z")
        )
        title, meaning, lower, upper = _CHECKS.get(str(name), (str(name), "", "", ""))
        is_good = not is_suspect(str(name), value, z)
        yield Row(
            name=title,
            value=f"{value:.2f}",
            good=f"{low:.2f} to {high:.2f}",
            words=meaning if is_good else (lower if z < 0 else upper),
            is_good=is_good,
        )
