"""Picks that look wrong before any inversion, each with its reason: suggestions only."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from seisnb.survey import check_survey, horizontal_distance

Array = NDArray[np.float64]

#: Standard deviations beyond which a pick is suspect.
THRESHOLD = 5.0
#: Neighbours on either side that a pick is compared with.
N_SIDE = 4
#: A kind of gather that scatters so much more than the other says nothing.
ROUGHER = 2.0
#: No rock is faster [km/s].
FASTEST = 9.5


@dataclass(frozen=True, kw_only=True)
class Suspect:
    """A pick to look at.

    Attributes
    ----------
    pick : int
        Its number in the survey.
    score : float
        Standard deviations that it is off.
    reason : str
        Why, for a person.
    """

    pick: int
    score: float
    reason: str


def suspects(survey: xr.Dataset, *, threshold: float = THRESHOLD) -> list[Suspect]:
    """Used picks that neighbours, the reverse path or physics contradict, worst first.

    A pick is held against a robust parabola through its neighbours in its shot gather and in its
    receiver gather, on its own side of either. Both must contradict it where both are about
    as smooth: structure shows in one of them only. The scale is the pick's std or the scatter of
    the whole survey, whichever is larger, so that a survey with optimistic stds is not all suspect.

    Parameters
    ----------
    survey : xr.Dataset
        A survey; muted picks neither judge nor are judged.
    threshold : float
        Standard deviations beyond which a pick is named.

    Raises
    ------
    InputError
        Not a survey.
    """
    check_survey(survey, where="suspects")
    used = survey["used"].values.astype(bool)
    time, std = (survey[name].values.astype(float) for name in ("travel_time", "pick_std"))
    found: dict[int, Suspect] = {}

    def add(pick: int, score: float, reason: str) -> None:
        if score > threshold and (pick not in found or found[pick].score < score):
            found[pick] = Suspect(pick=pick, score=score, reason=reason)

    misses = {kind: _misses(survey, kind, used) for kind in ("shot", "receiver")}
    scatter = {kind: _scatter(miss / std) for kind, miss in misses.items()}
    smoothest = min(scatter.values())
    scores = {
        kind: np.abs(miss / std) / scatter[kind]
        if scatter[kind] <= ROUGHER * smoothest
        else np.full(std.size, np.nan)
        for kind, miss in misses.items()
    }
    both = np.fmin(scores["shot"], scores["receiver"])
    for pick in np.flatnonzero(both > threshold).tolist():
        kind = "shot" if scores["shot"][pick] >= scores["receiver"][pick] else "receiver"
        if not np.isfinite(scores[kind][pick]):
            kind = "receiver" if kind == "shot" else "shot"
        miss = misses[kind][pick]
        add(
            pick, float(both[pick]),
            f"{_seconds(abs(miss), survey)} {'later' if miss > 0 else 'earlier'} than its "
            f"neighbours in the gather of {kind} {survey[kind].values[pick]}",
        )  # fmt: skip
    for pick, other, gap in _reverse_paths(survey, used):
        score = abs(gap) / float(np.hypot(std[pick], std[other]))
        add(pick, score, f"differs by {_seconds(abs(gap), survey)} from pick {other}, which runs "
                         "the same path the other way")  # fmt: skip
    distance = horizontal_distance(survey)
    too_fast = used & (distance > FASTEST * (time + 5 * std))
    for pick in np.flatnonzero(too_fast).tolist():
        speed = float(distance[pick]) / time[pick]
        add(int(pick), 2 * threshold,
            f"{speed:.3g} km/s from shot to receiver is faster than rock")  # fmt: skip
    return sorted(found.values(), key=lambda each: -each.score)


def _misses(survey: xr.Dataset, kind: str, used: NDArray[np.bool_]) -> Array:
    """Time less that of a robust parabola through the neighbours [s]; NaN with fewer than five."""
    other = "receiver" if kind == "shot" else "shot"
    time, std = survey["travel_time"].values.astype(float), survey["pick_std"].values.astype(float)
    x = survey[f"{other}_easting"].values - survey[f"{kind}_easting"].values
    # gathers, and in them the two sides, one after the other; a window never crosses a border
    side = np.sign(x).astype(int)
    order = np.lexsort((x, side, survey[kind].values))
    order = order[used[order]]
    label = np.stack([survey[kind].values[order], side[order]])
    found = np.full(time.size, np.nan)
    if order.size < 2 * N_SIDE:
        return found
    steps = np.array([s for s in range(-N_SIDE, N_SIDE + 1) if s])
    at = np.arange(order.size)[:, None] + steps
    inside = (at >= 0) & (at < order.size)
    at = np.clip(at, 0, order.size - 1)
    inside &= (label[:, at] == label[:, :, None]).all(axis=0)
    reach = np.max(np.abs(np.where(inside, x[order[at]] - x[order][:, None], 0.0)), axis=1)
    dx = (x[order[at]] - x[order][:, None]) / np.maximum(reach, 1e-12)[:, None]
    t = time[order[at]] - time[order][:, None]
    base = np.where(inside, 1.0 / std[order[at]], 0.0)
    weight = base.copy()
    powers = np.stack([np.ones_like(dx), dx, dx**2], axis=-1)
    fit = np.zeros((order.size, 3))
    for _ in range(15):  # iteratively reweighted: a parabola of least absolute misfit
        normal = np.einsum("pn,pni,pnj->pij", weight, powers, powers)
        size = np.trace(normal, axis1=1, axis2=2)[:, None, None]
        normal += (1e-9 * size + 1e-12) * np.eye(3)
        right = np.einsum("pn,pni,pn->pi", weight, powers, t)
        fit = np.linalg.solve(normal, right[..., None])[..., 0]
        miss = np.abs(t - np.einsum("pni,pi->pn", powers, fit)) / std[order[at]]
        weight = base / np.maximum(miss, 0.1)
    level = fit[:, 0]
    is_between = (inside & (dx < 0)).any(axis=1) & (inside & (dx > 0)).any(axis=1)
    level[(inside.sum(axis=1) < 5) | ~is_between] = np.nan
    found[order] = -level
    return found


def _scatter(scaled: Array) -> float:
    """Robust standard deviation of misses in units of the picks' stds, at least 1."""
    known = scaled[np.isfinite(scaled)]
    return max(1.4826 * float(np.median(np.abs(known))), 1.0) if known.size else np.inf


def _reverse_paths(survey: xr.Dataset, used: NDArray[np.bool_]) -> list[tuple[int, int, float]]:
    """Pairs of picks with shot and receiver exchanged: numbers and difference of time [s]."""
    names = ("shot_easting", "shot_depth", "receiver_easting", "receiver_depth")
    ends = np.stack([survey[name].values for name in names], axis=1).round(5)
    known = {tuple(row): pick for pick, row in enumerate(ends) if used[pick]}
    time = survey["travel_time"].values
    pairs = []
    for pick in np.flatnonzero(used):
        a, b, c, d = ends[pick]
        other = known.get((c, d, a, b))
        if other is not None and other != pick:
            pairs.append((int(pick), other, float(time[pick] - time[other])))
    return pairs


def _seconds(value: float, survey: xr.Dataset) -> str:
    """A time as the survey's figures show it."""
    if survey.attrs.get("length_unit", "km") == "m":
        return f"{1000 * value:.3g} ms"
    return f"{value:.3g} s"
