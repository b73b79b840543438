"""A self-contained HTML report of slip over an ensemble of structures; opens offline."""

from __future__ import annotations

import os
from collections.abc import Sequence
from html import escape
from pathlib import Path

import numpy as np
import xarray as xr

from seisnb.dashboards.figures.slip_units import (
    ONE,
    amount_of,
    check_slip,
    interval,
    is_velocity,
    magnitude_name,
    structure_labels,
)
from seisnb.dashboards.figures.style import number, settings_of
from seisnb.dashboards.page import notes_html, page_html, table_html
from seisnb.dashboards.report import shown_settings
from seisnb.dashboards.slip_plates import slip_plates
from seisnb.dashboards.style_sheet import write_page
from seisnb.slip import SlipConfig

#: What the verdict of a sampler that has not converged begins with.
NOT_CONVERGED = "NOT CONVERGED"
#: Of the software, as in CITATION.cff.
TITLE = "seisnb: seismic velocity models from first-arrival picks with calibrated uncertainty"
#: Chi2 per datum above which errors or structures are in doubt.
POOR_FIT = 1.5
_STYLE = """
.alarm { font-size: 1.5rem; font-weight: 700; color: #a1161b; display: block; }
.numbers td { overflow-wrap: normal; }
"""


def write_slip_report(
    slip: xr.Dataset,
    path: str | os.PathLike[str],
    *,
    beside: Sequence[tuple[str, xr.Dataset]] = (),
) -> Path:
    """Write the report of a slip inversion as one HTML file that needs nothing else.

    Parameters
    ----------
    slip : xr.Dataset
        Of :func:`seisnb.slip.invert_slip`.
    path : path
        Where to write; the file appears whole or not at all.
    beside : sequence of (str, xr.Dataset)
        As for :func:`slip_html`.

    Returns
    -------
    Path
        The file written.

    Raises
    ------
    InputError
        A Dataset holds no slip.
    OutputError
        The folder is not there or cannot be written to, or the disk is full.
    """
    return write_page(slip_html(slip, beside=beside), path, where="write_slip_report")


def slip_html(slip: xr.Dataset, *, beside: Sequence[tuple[str, xr.Dataset]] = ()) -> str:
    """The report's HTML text: verdict, numbers, figures, settings, notes, how to cite.

    Parameters
    ----------
    slip : xr.Dataset
        Of :func:`seisnb.slip.invert_slip`; ``attrs["title"]`` and ``attrs["source"]`` are told.
    beside : sequence of (str, xr.Dataset)
        Titles and Datasets of other results, to be compared on maps and in a table; the title of
        ``slip`` among them is that of its smoothing.

    Raises
    ------
    InputError
        A Dataset holds no slip.
    """
    for each in (slip, *(other for _, other in beside)):
        check_slip(each, "slip_html")
    attrs = slip.attrs
    title = str(attrs.get("title") or "Slip over an ensemble of structures")
    compared = [(smoothing_name(slip), slip), *beside] if beside else []
    is_poor = not all(is_converged(each) for each in (slip, *(other for _, other in beside)))
    notes = notes_html(slip)
    header = f"""<h1>{escape(title)}</h1>
<p class="source">Slip from displacements of the ground. Sites:
{escape(str(attrs.get("source") or "not named"))}</p>
<p class="verdict{" cancelled" if is_poor else ""}">{_verdict_html(slip, compared)}</p>"""
    main = f"""<h2>Key numbers</h2>
{table_html(key_numbers(slip), head=("Quantity", "Value"))}
{_comparison_html(compared)}
{{plates}}
<h2>Settings</h2>
{table_html(shown_settings(slip, "config", SlipConfig), caption="Slip")}
{f"<h2>Notes</h2><ul>{notes}</ul>" if notes else ""}
<h2>How to cite</h2>
<p>{escape(citation(slip))}</p>"""
    footer = f"""seisnb {escape(str(attrs.get("seisnb_version", "of unknown version")))} · seed
{escape(str(attrs.get("seed", "not recorded")))} · checksum of the displacements
<code>{escape(str(attrs.get("offsets_checksum", "not recorded")))}</code>"""
    return page_html(
        f"{title}: slip report", header, main, footer, slip_plates(slip, compared), style=_STYLE
    )


def is_converged(slip: xr.Dataset) -> bool:
    """Whether the result's own verdict lets it be used."""
    return not str(slip.attrs.get("verdict", "")).startswith(NOT_CONVERGED)


def smoothing_name(slip: xr.Dataset) -> str:
    """The prior of a result in a few words."""
    kind = str(settings_of(slip, "config").get("smoothing", "none"))
    return {"none": "no smoothing", "gaussian_process": "Gaussian process"}.get(kind, kind)


def citation(slip: xr.Dataset) -> str:
    """What to write of how the result was made, so that it can be made again."""
    attrs = slip.attrs
    return (
        f"seisnb developers. {TITLE}. Version {attrs.get('seisnb_version', 'unknown')}. "
        "State the version, the seed and the checksum below with the settings above: together they "
        "give the same result again."
    )


def summary(slip: xr.Dataset) -> str:
    """The verdict, what was found, and what to look at, in a few sentences."""
    n = slip.sizes["structure"]
    low, middle, high = interval(slip["magnitude"].values)
    said = [
        str(slip.attrs.get("verdict", "No verdict was recorded.")),
        f"{_magnitude(slip)} {middle:.2f} (95 %: {low:.2f} to {high:.2f}) over "
        f"{n} structure{'s' if n != 1 else ''}.",
    ]
    if "single_magnitude" in slip:
        low, middle, high = interval(slip["single_magnitude"].values)
        said.append(
            f"On the first structure alone it would be {middle:.2f} ({low:.2f} to {high:.2f})."
        )
    if not settings_of(slip, "config").get("positive", True):
        said.append(
            "Slip may have either sign: magnitudes are those of its sum, in which patches that "
            "nothing constrains cancel."
        )
    chi2 = float(slip["chi2"])
    if chi2 > POOR_FIT:
        is_still = settings_of(slip, "config").get("frame") == "none"
        said.append(
            f"chi² per datum is {chi2:.1f}: the errors of the displacements are too small, no "
            "structure can explain them, or all sites share a motion that is no slip"
            f"{' (frame: translation)' if is_still else ''}."
        )
    probability = slip["structure_probability"].values
    if n > 3 and probability.max() > 0.95:
        name = structure_labels(slip)[int(np.argmax(probability))]
        said.append(
            f"One structure, {name}, holds {100 * probability.max():.0f} % of the probability: add "
            "structures around it before its uncertainty is read off."
        )
    return " ".join(said)


def key_numbers(slip: xr.Dataset) -> dict[str, str]:
    """Numbers of the result as text by name."""
    n = slip.sizes["structure"]
    rows = {
        f"{_magnitude(slip)}, over {n} structures" if n > 1 else _magnitude(slip): _range(
            slip["magnitude"].values
        )
    }
    if "single_magnitude" in slip:
        rows[f"{_magnitude(slip)}, {ONE}"] = _range(slip["single_magnitude"].values)
    rows["Seismic moment, median"] = (
        f"{_power(float(np.median(slip['moment'])))} {slip['moment'].attrs.get('units', 'N m')}"
    )
    rows["Peak slip"] = _peak(slip, "")
    if "single_slip_mean" in slip:
        rows[f"Peak slip, {ONE}"] = _peak(slip, "single_")
    rows["chi² per datum of the mean prediction"] = _both(slip, "chi2", ".2f")
    rows["Log evidence"] = _both(slip, "log_evidence", ".1f")
    rows["WBIC (the smaller, the better)"] = _both(slip, "wbic", ".1f")
    if n > 1:
        probability = slip["structure_probability"].values
        best = int(np.argmax(probability))
        rows["Most probable structure"] = (
            f"{structure_labels(slip)[best]}: {_percent(float(slip['structure_prior'][best]))} "
            f"before the data, {_percent(float(probability[best]))} after"
        )
    if "scale_reduction" in slip:
        rows["Scale reduction over independent populations (good: at most 1.1)"] = _both(
            slip, "scale_reduction", ".3f"
        )
        rows["Std of log evidence over them (good: at most 1)"] = _both(
            slip, "log_evidence_std", ".2f"
        )
    rows["Data"] = (
        f"{slip.attrs.get('n_data', 'not recorded')} components of {slip.sizes['site']} sites"
    )
    rows["Patches"] = f"{slip.sizes['patch']}, {number(float(slip['area'].sum()), 4)} km²"
    if "elapsed_seconds" in slip.attrs:
        rows["Time taken"] = f"{float(slip.attrs['elapsed_seconds']):.0f} s"
    return rows


def _verdict_html(slip: xr.Dataset, compared: Sequence[tuple[str, xr.Dataset]]) -> str:
    """The summary, with what forbids its use ahead of it."""
    bad = [title for title, each in compared if not is_converged(each)]
    if not compared and not is_converged(slip):
        bad = [""]
    if not bad:
        return escape(summary(slip))
    which = f" ({', '.join(bad)})" if any(bad) else ""
    return (
        f'<strong class="alarm">{NOT_CONVERGED}{escape(which)}: do not use these numbers</strong> '
        f"{escape(summary(slip))}"
    )


def _comparison_html(compared: Sequence[tuple[str, xr.Dataset]]) -> str:
    """A table of several results; the largest log evidence is what the data prefer."""
    if not compared:
        return ""
    head = ("Prior", "Mw (95 %)", "Peak slip (95 %)", "chi² per datum", "Log evidence", "WBIC")
    top = "".join(f'<th scope="col">{name}</th>' for name in head)
    rows = []
    for title, each in compared:
        cells = (
            _range(each["magnitude"].values).replace("95 %: ", ""),
            _peak(each, "").replace("95 %: ", ""), f"{float(each['chi2']):.2f}",
            f"{float(each['log_evidence']):.1f}", f"{float(each['wbic']):.1f}",
        )  # fmt: skip
        body = "".join(f"<td>{escape(cell)}</td>" for cell in cells)
        rows.append(f'<tr><th scope="row">{escape(title)}</th>{body}</tr>')
    return (
        f'<table class="numbers"><caption>By prior</caption><thead><tr>{top}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table>"
    )


def _magnitude(slip: xr.Dataset) -> str:
    """The magnitude in a few letters."""
    return magnitude_name(slip) if is_velocity(slip) else "Mw"


def _range(values: np.ndarray) -> str:
    """Median and 95 % interval."""
    low, middle, high = interval(values)
    return f"{middle:.2f} (95 %: {low:.2f} to {high:.2f})"


def _peak(slip: xr.Dataset, prefix: str) -> str:
    """The largest mean slip, with its interval and depth."""
    mean = slip[f"{prefix}slip_mean"].values
    at = int(np.argmax(mean))
    low, high = (
        float(slip[f"{prefix}slip_quantile"].sel(quantile=q)[at]) for q in (0.025, 0.975)
    )  # fmt: skip
    amount = amount_of(slip, [mean[at]])
    ends = f"{number(amount.factor * low)} to {number(amount.factor * high)}"
    return (
        f"{amount.text(float(mean[at]))} (95 %: {ends}) at "
        f"{float(slip['patch_depth'][at]):.0f} km depth"
    )


def _both(slip: xr.Dataset, name: str, form: str) -> str:
    """A number over all structures, and on the first alone."""
    text = format(float(slip[name]), form)
    if f"single_{name}" in slip:
        return f"{text}; {ONE}: {format(float(slip[f'single_{name}']), form)}"
    return text


def _percent(share: float) -> str:
    """A probability in percent."""
    return f"{number(100 * share)} %"


def _power(value: float) -> str:
    """A large number as a multiple of a power of ten."""
    digits, _, exponent = f"{value:.2e}".partition("e")
    return f"{digits} × 10" + str(int(exponent)).translate(
        str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
    )
