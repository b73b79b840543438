"""Gates: conditions that every result must meet before its intervals may be called good.

Each gate is one function of what :func:`evidence_of` gathers and gives a :class:`Gate`: a value,
the range that is allowed, whether the value keeps to it, a sentence, and a remedy. A gate whose
value cannot be known is neither passed nor failed, and no result with such a gate is called good.

- ``distinct_members``: models that differ, of all members; allowed: all.
- ``std_where_rays_are``: median std over prior std in cells with rays; at least 0.001, or the
  ensemble has collapsed.
- ``failed_members``: members left out because no fit reached its objective; 0.
- ``converged_members``: share of members that converged; at least 0.95.
- ``own_objective``: share of members more than 4 std and 10 % above their objective's expectation;
  at most 0.02.
- ``std_far_from_rays``: std over prior std (rms) farther than two lengths from every ray; 0.9 to
  1.1, and twice the noise of so few members.
- ``ray_times``: rms error of times along rays against the referee, in pick sigmas as used; at most
  0.3.
- ``floor_rays``, ``side_rays``: share of picks whose ray runs along the model's floor, or its
  sides; at most 0.01.
- ``spread``: spread of predicted times over that of the linearised posterior; at least 0.75.
- ``sigma_scale``: mean factor on the given pick sigmas; 0.5 to 2.
- ``plausible_velocity``: share of ray length below 0.05 or above 9 km/s, of the worst member; at
  most 0.01.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from seisnb.diagnostics.evidence import (
    IMPLAUSIBLE,
    LEAST_FAR,
    MOST_NOISE,
    VELOCITIES,
    Evidence,
    Velocities,
    evidence_of,
    far_ratio,
    floor_cells,
    ray_time_error,
    side_cells,
    spread_ratio,
)
from seisnb.diagnostics.gate import Gate

#: Least median std over prior std in cells with rays; less is a collapse, not knowledge.
COLLAPSED = 1e-3
#: Share of members that must have converged, and below which the result is bad.
CONVERGED, FEW_CONVERGED = 0.95, 0.9
#: A member is no fit of its own this many std and this share above its objective's expectation.
OBJECTIVE_STD, OBJECTIVE_SHARE = 4.0, 0.1
#: Share of members that may be so far above by chance, and above which the result is bad.
ODD_MEMBERS, MANY_ODD = 0.02, 0.1
#: Range of std over prior std there, and std of its sampling noise allowed beyond.
KEEPS_PRIOR, NOISE_STD = (0.9, 1.1), 2.0
#: Rms error of times along rays [pick sigmas]: allowed, and bad.
RAY_TIMES, BAD_RAY_TIMES = 0.3, 1.0
#: Share of rays along the floor or the sides: allowed, and bad.
EDGE_RAYS, MANY_EDGE_RAYS = 0.01, 0.05
#: Members spread less than this share of the linearised posterior are too confident.
NARROW = 0.75
#: Fewest members whose spread is judged.
LEAST_SPREAD = 8
#: Mean factor on the pick sigmas.
SIGMA_SCALE = (0.5, 2.0)
#: What makes every member a fit of its own: times that do not jump between neighbouring models.
SMOOTHER = (
    "use a smaller wavefront_cell (such as the model's cell), and look for picks of another phase"
)


def gates(ensemble: xr.Dataset, velocity: Velocities | None = None) -> list[Gate]:
    """Judge a result by every gate.

    Parameters
    ----------
    ensemble : xr.Dataset
        A result of :func:`seisnb.tomography.invert`, of any version.
    velocity : array, (particle, depth, easting), optional
        Its models [km/s] where the Dataset does not hold them yet. Read a block at a time.

    Returns
    -------
    list of Gate
        In the order of harm.
    """
    evidence = evidence_of(ensemble, velocity)
    return [judge(evidence) for judge in GATES]


def _distinct_members(found: Evidence) -> Gate:
    n = found.n_members
    missing = n - found.n_distinct
    failed = missing > 0
    return Gate(
        name="distinct_members",
        title="Distinct members",
        value=found.n_distinct,
        low=float(n),
        high=float(n),
        passed=None if np.isnan(missing) else not failed,
        sentence=f"Only {found.n_distinct:.0f} of {n} members are distinct models, so the spread "
        "is no uncertainty"
        if failed
        else "No two members are the same model",
        remedy=SMOOTHER if failed else "",
    )


def _collapse(found: Evidence) -> Gate:
    ratio, crossed = found.std_ratio, found.crossed
    value = np.nan
    if ratio is not None and crossed is not None and crossed.any():
        value = float(np.nanmedian(ratio[crossed]))
    failed = value < COLLAPSED
    return Gate(
        name="std_where_rays_are",
        title="Std over the prior's where rays are, median",
        value=value,
        low=COLLAPSED,
        passed=_known(value, not failed),
        sentence=f"The ensemble has collapsed: where rays are, its std is {value:.1g} of the "
        "prior's"
        if failed
        else "The members spread where rays are",
        remedy=SMOOTHER if failed else "",
    )


def _failed_members(found: Evidence) -> Gate:
    value = float(found.ensemble.attrs.get("n_failed", np.nan))
    asked = float(found.ensemble.attrs.get("n_asked", found.n_members + np.nan_to_num(value)))
    if found.is_together:
        value = 0.0
    failed = value > 0
    return Gate(
        name="failed_members",
        title="Members that failed and were left out",
        value=value,
        high=0.0,
        passed=_known(value, not failed),
        sentence=f"{value:.0f} of {asked:.0f} members found no model that fits their picks and "
        "were left out, so the ensemble may lack a part of the posterior"
        if failed
        else "No member was left out",
        remedy=SMOOTHER if failed else "",
        level="bad" if value > (1 - FEW_CONVERGED) * asked else "care",
    )


def _converged(found: Evidence) -> Gate:
    value = np.nan
    if "is_converged" in found.ensemble:
        value = float(found.ensemble["is_converged"].values.astype(bool).mean())
    failed = value < CONVERGED
    steps = "n_iterations" if found.is_together else "n_steps"
    if found.config.get("method") == "vsvgd":
        steps = "n_network_iterations"
    return Gate(
        name="converged_members",
        title="Share of members that converged",
        value=value,
        low=CONVERGED,
        passed=_known(value, not failed),
        sentence=f"{1 - value:.0%} of the members did not converge"
        if failed
        else "The members converged",
        remedy=f"raise {steps}{_now(found, steps)}, or mute picks that no model can fit together"
        if failed
        else "",
        level="bad" if value < FEW_CONVERGED else "care",
    )


def _own_objective(found: Evidence) -> Gate:
    value = np.nan
    if found.is_together:
        value = 0.0  # particles have no objective of their own
    elif "objective" in found.ensemble:
        objective = found.ensemble["objective"]
        expected = float(objective.attrs.get("expected", np.nan))
        std = float(objective.attrs.get("std", np.nan))
        if np.isfinite(expected) and np.isfinite(std):
            limit = max(expected + OBJECTIVE_STD * std, (1 + OBJECTIVE_SHARE) * expected)
            value = float((~(objective.values <= limit)).mean())
    failed = value > ODD_MEMBERS
    return Gate(
        name="own_objective",
        title="Share of members far above their objective",
        value=value,
        high=ODD_MEMBERS,
        passed=_known(value, not failed),
        sentence=f"{value:.0%} of the members stand far above what a fit to their own picks "
        "reaches, so they are no draws of the posterior"
        if failed
        else "The members reach their own objectives",
        remedy=f"raise n_steps{_now(found, 'n_steps')}, or {SMOOTHER}" if failed else "",
        level="bad" if value > MANY_ODD else "care",
    )


def _far_from_rays(found: Evidence) -> Gate:
    value, noise, n_cells = far_ratio(found)
    is_judged = n_cells >= LEAST_FAR
    low, high = KEEPS_PRIOR
    if np.isfinite(noise):
        low, high = low - NOISE_STD * noise, high + NOISE_STD * noise
    passed: bool | None = None
    if not np.isnan(n_cells):
        is_noisy = is_judged and noise > MOST_NOISE
        passed = None if is_noisy else not is_judged or low <= value <= high
    sentence = (
        "Not enough rock lies farther than two correlation lengths from every ray: nothing to judge"
        if not is_judged
        else "Far from all rays the members keep the prior's std"
    )
    if passed is None and is_judged:
        sentence = "Too few members to judge the std far from all rays"
    if passed is False:
        sentence = (
            f"Farther than two correlation lengths from every ray the std is {value:.2f} times the "
            f"prior's, where the picks say nothing: the intervals are "
            f"{'too narrow' if value < 1 else 'wrong'} there"
        )
    return Gate(
        name="std_far_from_rays",
        title="Std over the prior's, two lengths from all rays",
        value=value,
        low=low,
        high=high,
        passed=passed,
        sentence=sentence,
        remedy=("use engine='rml'" if found.config.get("engine") == "svgd" else SMOOTHER)
        if passed is False
        else "",
    )


def _ray_times(found: Evidence) -> Gate:
    value = ray_time_error(found.ensemble)
    failed = value > RAY_TIMES
    cell = found.config.get("wavefront_cell")
    now = f" (now {cell:.3g} km)" if isinstance(cell, int | float) else ""
    return Gate(
        name="ray_times",
        title="Error of times along rays, in pick sigmas",
        value=value,
        high=RAY_TIMES,
        passed=_known(value, not failed),
        sentence=f"Times along the rays differ from the referee's by {value:.2g} pick sigmas"
        if failed
        else "Times along the rays are those of the referee",
        remedy=f"choose a smaller wavefront_cell{now}, or a smaller cell" if failed else "",
        level="bad" if value > BAD_RAY_TIMES else "care",
    )


def _floor_rays(found: Evidence) -> Gate:
    gate = _edge_gate(found, "floor_rays", "floor_ray_share", "floor", floor_cells)
    if gate.passed is not False:
        return gate
    return replace(
        gate,
        sentence=f"{gate.value:.0%} of the rays run along the model's floor, where the true ones "
        "would go deeper",
        remedy=f"choose a larger depth_max{_depth_hint(found)}",
    )


def _side_rays(found: Evidence) -> Gate:
    gate = _edge_gate(found, "side_rays", "side_ray_share", "sides", side_cells)
    if gate.passed is not False:
        return gate
    return replace(
        gate,
        sentence=f"{gate.value:.0%} of the rays run along the model's sides, where the true ones "
        "would leave it",
        remedy="give a surface profile (--surface) that reaches farther than the line's ends",
    )


def _edge_gate(
    found: Evidence,
    name: str,
    variable: str,
    where: str,
    cells: Callable[[Evidence], NDArray[np.bool_] | None],
) -> Gate:
    """A gate on rays along an edge; without their share judged by the length of ray there.

    A tenth of all ray length within a cell of an edge is a fault for sure; less tells nothing.
    """
    value, passed = np.nan, None
    if variable in found.ensemble:
        value = float(found.ensemble[variable])
        passed = _known(value, value <= EDGE_RAYS)
    else:
        coverage, edge = found.cells("ray_coverage"), cells(found)
        if coverage is not None and edge is not None and coverage.sum() > 0:
            length = float(coverage[edge].sum() / coverage.sum())
            if length > 0.1:
                value, passed = length, False
    return Gate(
        name=name,
        title=f"Share of rays along the {where} of the model",
        value=value,
        high=EDGE_RAYS,
        passed=passed,
        sentence=f"No ray to speak of runs along the {where} of the model",
        level="bad" if value > MANY_EDGE_RAYS else "care",
    )


def _spread(found: Evidence) -> Gate:
    value = spread_ratio(found.ensemble) if found.n_members >= LEAST_SPREAD else np.nan
    failed = value < NARROW
    return Gate(
        name="spread",
        title="Spread of predicted times over the linearised posterior's",
        value=value,
        low=NARROW,
        passed=_known(value, not failed),
        sentence=f"The members spread only {value:.2f} times as far as the posterior around the "
        "most probable model: the intervals are too narrow"
        if failed
        else "The members spread as far as the posterior around the most probable model",
        remedy=(SMOOTHER if found.config.get("engine") == "rml" else "use engine='rml'")
        if failed
        else "",
    )


def _sigma_scale(found: Evidence) -> Gate:
    low, high = SIGMA_SCALE
    value = (
        float(found.ensemble["sigma_scale"].mean()) if "sigma_scale" in found.ensemble else np.nan
    )
    sentence, remedy = "The picks keep to their sigmas", ""
    if value > high:
        sentence = f"The picks were fitted only after their sigmas were multiplied by {value:.2g}"
        remedy = (
            "give larger sigmas if all picks are so poor, or mute those whose residuals stand out"
            if found.config.get("likelihood") == "student"
            else "if a few picks are outliers, use likelihood='student' or mute them; if all are "
            "so poor, give larger sigmas"
        )
    elif value < low:
        sentence = f"The picks are better than told: their sigmas were multiplied by {value:.2g}"
        remedy = f"give sigmas that are {value:.2g} times as large"
    return Gate(
        name="sigma_scale",
        title="Factor on the pick sigmas, mean",
        value=value,
        low=low,
        high=high,
        passed=_known(value, low <= value <= high),
        sentence=sentence,
        remedy=remedy,
        level="care",
    )


def _plausible(found: Evidence) -> Gate:
    value, failed = found.implausible, found.implausible > IMPLAUSIBLE
    n_known = not np.isnan(found.n_implausible)
    who = f"{found.n_implausible:.0f} of {found.n_members} members" if n_known else "some members"
    low, high = VELOCITIES
    return Gate(
        name="plausible_velocity",
        title="Share of ray length in implausible velocities, worst member",
        value=value,
        high=IMPLAUSIBLE,
        passed=_known(value, not failed),
        sentence=f"In {who} rays run through velocities below {low:g} or above {high:g} km/s, "
        f"which rock does not have (up to {value:.0%} of their length)"
        if failed
        else "Where rays are, every member has velocities of rock",
        remedy="use a smaller amplitude, or give the mean profile (surface_velocity and gradient, "
        "or profile)"
        if failed
        else "",
        level="bad" if not n_known or found.n_implausible > MANY_ODD * found.n_members else "care",
    )


#: The gates in the order of harm.
GATES: tuple[Callable[[Evidence], Gate], ...] = (
    _distinct_members,
    _collapse,
    _failed_members,
    _converged,
    _own_objective,
    _far_from_rays,
    _ray_times,
    _floor_rays,
    _side_rays,
    _spread,
    _sigma_scale,
    _plausible,
)


def _known(value: float, passed: bool) -> bool | None:
    """Whether a gate is passed; None where its value is not known."""
    return None if np.isnan(value) else bool(passed)


def _now(found: Evidence, name: str) -> str:
    """What a setting is, in brackets."""
    value = found.config.get(name)
    return "" if value is None else f" (now {value})"


def _depth_hint(found: Evidence) -> str:
    """A depth to try, in brackets."""
    depth = found.config.get("depth_max")
    if not isinstance(depth, int | float):
        return ""
    return f" (now {depth:.3g} km; try {1.6 * depth:.2g})"
