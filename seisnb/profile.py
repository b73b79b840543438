"""A mean velocity profile from the picks, for users who have none."""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.optimize import least_squares

from seisnb.prior import MeanProfile
from seisnb.survey import horizontal_distance, surface_depth_at
from seisnb.traveltime.analytic import travel_time_linear_gradient, travel_time_profile

Array = NDArray[np.float64]

#: What lateral structure adds to a pick's scatter around a uniform model, as a share of its time;
#: at least this part of it where the scatter that is seen is less.
STRUCTURE, LEAST_STRUCTURE = 0.03, 0.2
#: Picks of about the same offset whose scatter is looked at together, and what they count for:
#: structure shifts neighbours alike, so that a hundred of them say no more than some.
NEIGHBOURS, COUNTED = 15, 20
#: Parts of the offset range within which picks share what they count for.
N_RANGES = 24
#: Mean velocity of the uppermost mantle at most [km/s]: a profile grows no further.
FASTEST = 8.5
#: Share by which velocity may grow below the deepest ray.
MOST_GROWTH = 0.15
#: Knots of the refined profile.
N_KNOTS = 14
#: Shots or receivers deeper than this share of the line's width make it a cross-hole survey.
BURIED = 0.05


def profile_from_picks(survey: xr.Dataset) -> MeanProfile:
    """Fit a profile that increases with depth to the picks, as if the line were uniform and flat.

    First v(z') = v0 + dv (1 - exp(-z' / h)) from several starts, then knots that may depart from
    it smoothly; the misfit is robust (soft L1) and allows for structure along the line. Below the
    deepest turning ray the profile continues the fitted curve. A survey with shots or receivers
    deep in the rock (cross-hole) gets the linear gradient that fits its direct rays.

    Parameters
    ----------
    survey : xr.Dataset
        A checked survey.

    Returns
    -------
    MeanProfile
        Velocity against depth below the surface [km/s], down to the largest offset.
    """
    used = survey["used"].values.astype(bool)
    if buried_depth(survey) > BURIED * float(np.ptp(survey["surface_easting"].values)):
        return _profile_between_buried(survey.isel(pick=np.flatnonzero(used)))
    distance = horizontal_distance(survey)[used]
    time, std = (survey[name].values[used] for name in ("travel_time", "pick_std"))
    water = np.zeros(used.sum())
    for kind in ("shot", "receiver"):
        x, z = survey[f"{kind}_easting"].values[used], survey[f"{kind}_depth"].values[used]
        water += np.maximum(surface_depth_at(survey, x) - z, 0.0)
    water_velocity = float(survey.attrs.get("water_velocity", 0.0))
    if not water_velocity:
        water[:] = 0.0
    reach = max(float(distance.max()), 1e-6)
    depth = reach * np.concatenate([[0.0], np.geomspace(1e-3, 1.0, 48)])
    far, near = distance > 0.5 * reach, distance <= np.quantile(distance, 0.2)
    fast = float(np.median(distance[far] / time[far]))
    slow = float(np.median((distance / time)[near]))
    slow = min(max(slow, 0.05 * fast), 0.9 * fast)
    if water_velocity:
        slow = max(slow, 1.02 * water_velocity)
    slack = np.hypot(std, STRUCTURE * time)
    share = _shares(distance, reach)

    def residual(velocity: Array) -> Array:
        predicted = travel_time_profile(
            distance, depth, velocity,
            water_thickness=water, water_velocity=water_velocity or 1.5, n_slowness=200,
        )  # fmt: skip
        return np.asarray(predicted - time)

    def misfit(velocity: Array) -> Array:
        return share * residual(velocity) / slack

    def curve(parameters: Array) -> Array:
        v0, dv, h = np.exp(parameters)
        rising = v0 + dv * (1 - np.exp(-depth / h))
        return np.asarray(np.minimum(rising, FASTEST) + 1e-6 * depth / reach)

    bounds = (
        np.log([0.02 * slow, 1e-3 * fast, 1e-3 * reach]),
        np.log([2.0 * fast, 20.0 * fast, 10.0 * reach]),
    )

    def best(starts: list[Array]) -> Array:
        fits = [
            least_squares(
                lambda parameters: misfit(curve(parameters)),
                np.clip(start, *bounds), bounds=bounds, loss="soft_l1", max_nfev=60,
            )
            for start in starts
        ]  # fmt: skip
        return np.asarray(min(fits, key=lambda fit: float(fit.cost)).x)

    rough = best([np.log([slow, fast, part * reach]) for part in (0.03, 0.1, 0.3)])
    # once a curve is there, the scatter around it tells how much structure there is
    around = _scatter(distance, residual(curve(rough)))
    seen = np.clip(around, LEAST_STRUCTURE * STRUCTURE * time, STRUCTURE * time)
    slack = np.hypot(std, seen)
    smooth = curve(best([rough, np.log([slow, fast, 0.3 * reach])]))
    knots = np.linspace(0, depth.size - 1, N_KNOTS).round().astype(int)
    first = np.log(np.diff(smooth[knots], prepend=0.0))

    def bent(parameters: Array) -> Array:
        velocity = np.interp(depth, depth[knots], np.cumsum(np.exp(parameters)))
        return np.minimum(velocity, FASTEST + 1e-6 * depth / reach)

    def regularised(parameters: Array) -> Array:
        departure = parameters - first
        return np.concatenate([misfit(bent(parameters)), departure, 2 * np.diff(departure[1:])])

    refined = bent(least_squares(regularised, first, loss="soft_l1", max_nfev=60).x)
    profile = MeanProfile(depth=depth, velocity=refined)
    return _held_below(profile, turning_depth(profile, reach))


def _shares(distance: Array, reach: float) -> Array:
    """Root of what each pick counts for: a crowd at one offset no more than :data:`COUNTED`."""
    part = np.minimum((N_RANGES * distance / reach).astype(int), N_RANGES - 1)
    n = np.bincount(part, minlength=N_RANGES)[part]
    return np.asarray(np.sqrt(np.minimum(n, COUNTED) / n))


def _scatter(distance: Array, residual: Array) -> Array:
    """Robust std of residuals around their median among picks of about the same offset."""
    order = np.argsort(distance, kind="stable")
    ordered = residual[order]
    n = min(NEIGHBOURS, ordered.size)
    windows = np.lib.stride_tricks.sliding_window_view(ordered, n)
    middle = np.median(windows, axis=1)
    spread = 1.4826 * np.median(np.abs(windows - middle[:, None]), axis=1)
    at = np.clip(np.arange(ordered.size) - n // 2, 0, spread.size - 1)
    out = np.empty_like(residual)
    out[order] = spread[at]
    return out


def _held_below(profile: MeanProfile, turning: float) -> MeanProfile:
    """The profile with a gradient that dies out below the deepest ray, where no pick speaks.

    What the fit's curve does there is an extrapolation: the velocity grows on as at the turning
    point, ever less, by :data:`MOST_GROWTH` at most.
    """
    velocity = profile.at(profile.depth)
    at = float(profile.at(np.array([turning]))[0])
    below = profile.depth > turning
    most = at * (1 + MOST_GROWTH * -np.expm1(-(profile.depth - turning) / (2 * turning)))
    held = np.where(below, np.minimum(velocity, most), velocity)
    return MeanProfile(depth=profile.depth, velocity=held)


def buried_depth(survey: xr.Dataset) -> float:
    """Depth of the deepest shot or receiver below the surface [km]."""
    depths = [
        survey[f"{kind}_depth"].values - surface_depth_at(survey, survey[f"{kind}_easting"].values)
        for kind in ("shot", "receiver")
    ]
    return float(np.max(depths))


def _profile_between_buried(survey: xr.Dataset) -> MeanProfile:
    """The linear gradient below the surface whose closed-form times fit best."""
    ends = {kind: survey[f"{kind}_easting"].values for kind in ("shot", "receiver")}
    below = {
        kind: np.maximum(survey[f"{kind}_depth"].values - surface_depth_at(survey, x), 0.0)
        for kind, x in ends.items()
    }
    distance = np.hypot(horizontal_distance(survey), below["receiver"] - below["shot"])
    time = survey["travel_time"].values
    distance, time = _below_water(survey, distance, time)
    slack = np.hypot(survey["pick_std"].values, STRUCTURE * time)
    deepest = max(float(below["shot"].max()), float(below["receiver"].max()))
    middle = float(np.median(distance[distance > 0] / time[distance > 0]))

    def velocity(parameters: Array, depth: Array) -> Array:
        return np.asarray(np.exp(parameters[0] + parameters[1] * depth / deepest))

    def misfit(parameters: Array) -> Array:
        top, bottom = velocity(parameters, np.array([0.0, deepest]))
        gradient = float(bottom - top) / deepest
        at = {kind: top + gradient * depth for kind, depth in below.items()}
        predicted = travel_time_linear_gradient(
            distance, at["shot"], at["receiver"], gradient if abs(gradient) > 1e-9 else 0.0
        )
        return np.asarray((predicted - time) / slack)

    start = np.array([np.log(middle), 0.0])
    fit = least_squares(
        misfit, start, loss="soft_l1", bounds=(start - np.full(2, 2.0), start + np.full(2, 2.0))
    )
    top, bottom = velocity(fit.x, np.array([0.0, deepest]))
    depth = np.array([0.0, deepest, 2 * deepest])
    return MeanProfile(depth=depth, velocity=np.array([top, bottom, bottom]))


def _below_water(survey: xr.Dataset, distance: Array, time: Array) -> tuple[Array, Array]:
    """Distances and times of the parts of straight paths in the rock: water taken off."""
    water_velocity = float(survey.attrs.get("water_velocity", 0.0))
    if not water_velocity:
        return distance, time
    z = {kind: survey[f"{kind}_depth"].values for kind in ("shot", "receiver")}
    floor = {kind: surface_depth_at(survey, survey[f"{kind}_easting"].values) for kind in z}
    water = sum(np.maximum(floor[kind] - z[kind], 0.0) for kind in z)
    fall = np.abs(z["receiver"] - z["shot"])
    length = np.hypot(horizontal_distance(survey), fall)
    # a path that lies level in the rock has no share of water
    share = np.clip(np.divide(water, fall, out=np.zeros_like(fall), where=fall > 0), 0.0, 1.0)
    return (1 - share) * length, np.maximum(time - share * length / water_velocity, 0.01 * time)


def turning_depth(profile: MeanProfile, distance: float) -> float:
    """Depth below the surface [km] at which the ray of a given offset [km] turns."""
    # no ray turns in a low-velocity zone; the closed form needs velocities that increase
    velocity = np.maximum.accumulate(profile.velocity) + 1e-9 * np.arange(profile.velocity.size)
    step = 1e-3 * distance
    times = travel_time_profile(
        np.array([distance - step, distance + step]), profile.depth, velocity, n_slowness=4000
    )
    slowness = (times[1] - times[0]) / (2 * step)
    return float(np.interp(1 / slowness, velocity, profile.depth))
