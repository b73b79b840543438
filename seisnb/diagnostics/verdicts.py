"""One sentence on a result: what it is good for, or what is wrong and what to do.

What the sentence can see was measured on lines of known truth (30 km, 214 picks, 12 truths for
each wrong setting). Settings that were right or left open: no alarm at any truth. Amplitude five
times too small, or both lengths twice too long: named at all 12; amplitude twice too small at 10;
one length three times too long at 11. A prior that is too loose hardly shows, because it can always
explain the data: lengths three times too short show at 7, twice at 2, an amplitude twice too large
at 1 (both of these at once at all 12). Rock that no ray meets never shows.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

#: Correlation lengths of a prior.
LENGTHS = ("length_easting", "length_depth")
#: Normal score beyond which a check speaks: one right prior in a thousand.
SURE = 3.3
#: A length is called wrong when the picks ask for this factor or less (or its inverse or more).
LENGTH_FACTOR = 0.6
#: Correlation of neighbouring left-out residuals that matters.
CORRELATED = 0.1
#: Members spread less than this share of the linearised posterior are too confident.
NARROW = 0.75
#: Fewest members whose spread is judged.
LEAST_SPREAD = 8
#: A bias of the members' mean, in posterior std, that a common shift does not remove for sure.
BENT = 0.5


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What a verdict rests on; NaN and empty where an ensemble does not hold it.

    Attributes
    ----------
    n_members : int
        Members.
    chi2 : float
        Misfit per pick by the referee, or along rays where it was not asked, or with Student
        weights.
    is_student : bool
        It is with Student weights.
    scale, clock : float
        Mean factor on the sigmas; rms error of the rays' times in pick sigmas.
    stuck : float
        Share of members that did not converge.
    spread : float
        Std of predicted times over that of the linearised posterior.
    checks : dict
        ``value``, ``low``, ``high`` and ``z`` of every check by its name.
    config, prior : dict
        The settings.
    estimated : frozenset of str
        Settings of the prior that were estimated from the picks.
    bias : float
        What the members' mean was off by before they were moved together [posterior std].
    """

    n_members: int
    chi2: float
    is_student: bool
    scale: float
    clock: float
    stuck: float
    spread: float
    checks: dict[str, dict[str, float]]
    config: dict[str, Any]
    prior: dict[str, Any]
    estimated: frozenset[str]
    bias: float

    @property
    def is_together(self) -> bool:
        """Members are particles that moved together, no independent draws."""
        return self.config.get("method") == "vsvgd" or self.config.get("engine") == "svgd"

    def z(self, check: str) -> float:
        """A check as a normal score; zero where it was not made."""
        return self.checks[check]["z"] if check in self.checks else 0.0

    def value(self, check: str) -> float:
        """A check as found; one where it was not made."""
        return self.checks[check]["value"] if check in self.checks else 1.0


def verdict(ensemble: xr.Dataset) -> str:
    """One sentence on a result: what it is good for, or what is wrong and what to do.

    Parameters
    ----------
    ensemble : xr.Dataset
        A result of :func:`seisnb.tomography.invert`.
    """
    facts = facts_of(ensemble)
    judges = (
        _unconverged,
        _clock,
        _stiff,
        _misfit,
        _loose,
        _overfit,
        _narrow,
        _shared,
        _bent,
        _few,
    )
    return next((found for judge in judges if (found := judge(facts))), _fine(facts))


def judging_misfit(ensemble: xr.Dataset) -> str:
    """Name of the misfit to go by: the referee's, or along rays where a cancel came before it."""
    return "chi2_referee" if "chi2_referee" in ensemble else "chi2_ray"


def facts_of(ensemble: xr.Dataset) -> Facts:
    """Gather what a verdict rests on."""
    config = json.loads(ensemble.attrs.get("config", "{}"))
    is_student = config.get("likelihood") == "student"
    scale = float(ensemble["sigma_scale"].mean())
    sigma = float(np.median(ensemble["pick_std"].values * scale))
    parts = ("value", "low", "high", "z")
    names = ensemble["check"].values if "check_z" in ensemble else ()
    return Facts(
        n_members=ensemble.sizes["particle"],
        chi2=_student_chi2(ensemble, config["student_dof"])
        if is_student
        else float(ensemble[judging_misfit(ensemble)].mean()),
        is_student=is_student,
        scale=scale,
        clock=float(ensemble.attrs.get("ray_error_seconds", np.nan)) / sigma,
        stuck=float((1 - ensemble["is_converged"]).mean()) if "is_converged" in ensemble else 0.0,
        spread=spread_ratio(ensemble),
        checks={
            str(name): {part: float(ensemble[f"check_{part}"][i]) for part in parts}
            for i, name in enumerate(names)
        },
        config=config,
        prior=json.loads(ensemble.attrs.get("prior", "{}")),
        estimated=frozenset(json.loads(ensemble.attrs.get("prior_estimated", "[]"))),
        bias=float(ensemble.attrs.get("recentred_bias_std", 0.0)),
    )


def is_suspect(check: str, value: float, z: float) -> bool:
    """Whether a check speaks: surely, and by enough to matter.

    >>> is_suspect("prior_pull", 4.0, 5.0), is_suspect("length_depth", 0.8, -5.0)
    (True, False)
    """
    if abs(z) <= SURE:
        return False
    if check.startswith("length"):
        return value < LENGTH_FACTOR or value > 1 / LENGTH_FACTOR
    if check.startswith("neighbours"):
        return z > 0 and value > CORRELATED
    return True


def spread_ratio(ensemble: xr.Dataset) -> float:
    """Std of the members' predicted times over that of the linearised posterior; NaN if unknown."""
    if "predicted_std" not in ensemble:
        return float("nan")
    found = ensemble["predicted_time"].var("particle", ddof=1)
    return float(np.sqrt(found.mean() / (ensemble["predicted_std"] ** 2).mean()))


def _unconverged(facts: Facts) -> str:
    if not facts.stuck > 0.1:
        return ""
    steps = "n_iterations" if facts.is_together else "n_steps"
    return (
        f"{facts.stuck:.0%} of the members did not converge: raise {steps}, or look for picks that "
        "no model can fit together."
    )


def _clock(facts: Facts) -> str:
    if not (facts.clock > 0.5 and facts.clock**2 > 0.1 * facts.chi2):
        return ""
    return (
        f"Times along the rays differ from the referee by {facts.clock:.1f} pick sigmas: choose a "
        "smaller cell or wavefront_cell."
    )


def _bent(facts: Facts) -> str:
    """Times bend strongly over the posterior's width."""
    if not facts.bias > BENT:
        return ""
    return (
        f"The mean was off by {facts.bias:.1f} posterior std somewhere before members were moved "
        "together, too much to be sure of the rest: use correction_steps=30, or more picks."
    )


def _stiff(facts: Facts) -> str:
    """The prior holds the model back: amplitude too small or lengths too long."""
    is_pulled = facts.z("prior_pull") > SURE
    lengths = [
        name
        for name in LENGTHS
        if is_suspect(name, facts.value(name), facts.z(name))
        and facts.z(name) < 0
        and name not in facts.estimated
        and (is_pulled or facts.z("pick_sigma") < SURE)  # small sigmas ask for short lengths too
    ]
    if not (is_pulled or lengths):
        return ""
    pull = float(np.sqrt(facts.value("prior_pull")))
    signs = []
    if is_pulled:
        signs.append(
            f"the picks pull the model {pull:.1f} times as far from the prior's mean as an "
            f"amplitude of {_amplitude(facts)} allows"
        )
    if lengths:
        signs.append(f"they ask for a shorter {' and '.join(lengths)}")
    together = _most_correlated(facts)
    if together:
        signs.append(f"neighbouring picks miss together (correlation {together[1]:.2f})")
    wanted = []
    if is_pulled:
        wanted.append("a larger amplitude" + ("" if lengths else _about(facts, pull)))
    if lengths or not is_pulled or "length_easting" not in facts.estimated:
        wanted.append("shorter lengths")
    return f"The prior is too stiff: {_listed(signs)}. Use {' or '.join(wanted)}{_open(facts)}."


def _misfit(facts: Facts) -> str:
    if not facts.chi2 > 1.5:
        return ""
    remedy = "" if facts.config.get("infer_sigma") else "infer_sigma or "
    stiff = "" if facts.checks else " or the prior too stiff"
    wider = "larger sigmas" if facts.checks else "a larger amplitude or shorter correlation lengths"
    return (
        f"Misfit is too large (chi2 {facts.chi2:.2f} per pick): the pick sigmas are too small"
        f"{stiff}. Use {remedy}{wider}, or mute picks whose residuals stand out."
    )


def _loose(facts: Facts) -> str:
    """The prior allows more than the picks ask for: intervals wider than need be."""
    lengths = [
        name
        for name in LENGTHS
        if is_suspect(name, facts.value(name), facts.z(name))
        and facts.z(name) > 0
        and name not in facts.estimated
    ]
    is_slack = facts.z("prior_pull") < -SURE
    if not (is_slack or lengths) or facts.z("pick_sigma") > SURE:
        return ""
    pull = float(np.sqrt(facts.value("prior_pull")))
    signs, wanted = [], []
    if is_slack:
        signs.append(
            f"the model strays only {pull:.2f} times as far from the prior's mean as an amplitude "
            f"of {_amplitude(facts)} allows"
        )
        wanted.append(f"a smaller amplitude{'' if lengths else _about(facts, pull)}")
    if lengths:
        signs.append(f"the picks ask for a longer {' and '.join(lengths)}")
    wanted.append("longer lengths")
    return (
        f"The prior is looser than the picks ask for: {_listed(signs)}, so the intervals are wider "
        f"than they need to be. Use {' or '.join(wanted)}{_open(facts)}."
    )


def _overfit(facts: Facts) -> str:
    if not facts.chi2 < 0.6:
        return ""
    remedy = "" if facts.config.get("infer_sigma") else "infer_sigma or "
    return (
        f"Picks are fitted better than their sigmas say (chi2 {facts.chi2:.2f} per pick): the "
        f"sigmas are too large, so the intervals are too wide. Use {remedy}smaller sigmas."
    )


def _narrow(facts: Facts) -> str:
    if not (facts.spread < NARROW and facts.n_members >= LEAST_SPREAD):
        return ""
    remedy = (
        "more members, n_steps or a smaller cell"
        if facts.config.get("engine") == "rml"
        else "engine='rml'"
    )
    return (
        f"The members spread only {facts.spread:.2f} times as far as the posterior around the most "
        f"probable model: the intervals are too narrow. Use {remedy}."
    )


def _shared(facts: Facts) -> str:
    found = _most_correlated(facts)
    if found is None:
        return ""
    kind, correlation = found
    is_given = bool({"amplitude", *LENGTHS} - facts.estimated)
    shorter = [
        name
        for name in LENGTHS
        if facts.z(name) < 0 and is_suspect(name, facts.value(name), facts.z(name))
    ]
    cause = "they share errors"
    if shorter:
        names = " and ".join(shorter)
        cause = f"a shorter {names}, given by hand, may explain a part; they also share errors"
    elif is_given:
        cause = "unless the prior is too stiff, they share errors"
    return (
        f"{_fitted(facts)}, but neighbouring picks of one {kind} miss together (correlation "
        f"{correlation:.2f}): {cause} (clock, position, picking, rock off the line), so the "
        f"intervals are too narrow. Check the {kind}s' times and positions, or give such picks "
        "larger sigmas."
    )


def _few(facts: Facts) -> str:
    if facts.n_members >= 32:
        return ""
    return (
        f"{_fitted(facts)}, but {facts.n_members} members give rough intervals: use 64 or more for "
        "publication."
    )


def _fine(facts: Facts) -> str:
    return (
        f"{_fitted(facts)}; where the std ratio is near one, the picks say nothing beyond the "
        "prior."
    )


def _fitted(facts: Facts) -> str:
    """How well the picks are fitted, as the beginning of a sentence."""
    sigmas = "their sigmas" if 0.8 < facts.scale < 1.25 else f"{facts.scale:.2g} times their sigmas"
    judge = " with Student weights" if facts.is_student else " per pick by the independent solver"
    return f"Picks are fitted within {sigmas} (chi2 {facts.chi2:.2f}{judge})"


def _most_correlated(facts: Facts) -> tuple[str, float] | None:
    """The gather whose neighbours miss together beyond doubt, and their correlation."""
    found = [
        (facts.value(name), name.removeprefix("neighbours_"))
        for name in facts.checks
        if name.startswith("neighbours_") and is_suspect(name, facts.value(name), facts.z(name))
    ]
    return max(found)[::-1] if found else None


def _amplitude(facts: Facts) -> str:
    """The prior's amplitude as text."""
    value = facts.prior.get("amplitude")
    unit = " km/s" if facts.prior.get("field") == "velocity" else ""
    return f"{value:.3g}{unit}" if isinstance(value, int | float) else "the prior's"


def _about(facts: Facts, factor: float) -> str:
    """The amplitude that is asked for, in brackets."""
    value = facts.prior.get("amplitude")
    return f" (about {value * factor:.2g})" if isinstance(value, int | float) else ""


def _open(facts: Facts) -> str:
    """The easy way out, for what was given by hand."""
    given = {"amplitude", *LENGTHS} - facts.estimated
    if given:
        return ", or leave them open so that they are estimated from the picks"
    return ", given by hand: the search for a prior went no further"


def _listed(parts: list[str]) -> str:
    """Parts of a sentence with commas and an and."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def _student_chi2(ensemble: xr.Dataset, dof: float) -> float:
    """chi2 per pick along the rays with Student weights, one expected, outliers apart."""
    std = ensemble["pick_std"].values * ensemble["sigma_scale"].values[:, None]
    square = ((ensemble["travel_time"].values - ensemble["predicted_time"].values) / std) ** 2
    return float(np.mean(square * (dof + 1) / (dof + square)))
