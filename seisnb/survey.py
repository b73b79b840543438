"""The survey Dataset: first-arrival picks of one line, their geometry and the rock's surface.

Positions are those of the survey, along the line: easting [km] and depth [km, positive down from
sea level; an elevation of 120 m is a depth of -0.12]. The surface profile is the top of the rock:
topography on land, the sea floor at sea. A shot (or receiver) above it is in the water and is only
allowed when the survey states a water velocity.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from seisnb.conventions import SURVEY, GeometryError, InputError, check_dataset, set_units

Array = NDArray[np.float64]

#: Average velocities [km/s] from source to receiver outside this range mean a unit error.
PLAUSIBLE_VELOCITY = (0.05, 12.0)


def make_survey(
    *,
    travel_time: ArrayLike,
    pick_std: ArrayLike,
    shot_easting: ArrayLike,
    shot_depth: ArrayLike,
    receiver_easting: ArrayLike,
    receiver_depth: ArrayLike,
    offset_across: ArrayLike | None = None,
    surface_easting: ArrayLike | None = None,
    surface_depth: ArrayLike | None = None,
    water_velocity: float | None = None,
    buried: str | None = None,
    shot: ArrayLike | None = None,
    receiver: ArrayLike | None = None,
    used: ArrayLike | None = None,
    title: str = "",
    source: str = "",
    checksum: str = "",
    notes: Sequence[str] = (),
    where: str = "make_survey",
) -> xr.Dataset:
    """Build a checked survey Dataset from arrays.

    Parameters
    ----------
    travel_time, pick_std : array_like, (pick,)
        First-arrival time and its standard deviation (1 sigma) [s].
    shot_easting, shot_depth, receiver_easting, receiver_depth : array_like, (pick,)
        Positions [km], depth positive down from sea level.
    offset_across : array_like, (pick,), optional
        How much farther to the left of the line, looking along it, the receiver lies than the
        shot [km]: the part of the true offset that a section does not hold. Zero if omitted.
    surface_easting, surface_depth : array_like, (profile,), optional
        The rock's surface (topography or sea floor) [km], easting increasing. Without it the
        surface runs through all shots and receivers, which then are all on land.
    water_velocity : float, optional
        Velocity of the water [km/s]; needed when a shot or receiver lies above the surface.
    buried : {"shot", "receiver", "both"}, optional
        Which ends of picks stand in boreholes; at sea only those may lie under the sea floor.
    shot, receiver : array_like of int, (pick,), optional
        Numbers as in the source; without them, numbered by position along the line.
    used : array_like of bool, (pick,), optional
        False where a pick is muted.
    title, source, checksum : str, optional
        What the line is called, which file it came from, that file's SHA-256.
    notes : sequence of str, optional
        What a reader dropped or converted, one sentence each.
    where : str
        The caller's name, for messages.

    Returns
    -------
    xr.Dataset
        dims ``pick`` and ``profile``; variables as in :data:`seisnb.conventions.SURVEY`, and
        ``offset_across`` (pick,) where it is given; attrs ``title``, ``source``, ``checksum``,
        ``notes`` (JSON list), ``length_unit`` ("m" for lines shorter than 2 km, else "km": for
        display only), at sea ``water_velocity``, and ``buried`` where some ends are.

    Raises
    ------
    InputError
        No pick; an unknown ``buried``; NaN, infinite, zero or negative times or sigmas;
        implausible mean velocities.
    GeometryError
        A position that is NaN, under the sea floor, above the topography, or beyond the profile.

    Examples
    --------
    >>> line = make_survey(travel_time=[0.5, 0.9], pick_std=[0.01, 0.01],
    ...     shot_easting=[0, 0], shot_depth=[0, 0], receiver_easting=[1, 2], receiver_depth=[0, 0])
    >>> line.sizes["pick"], line.attrs["length_unit"]
    (2, 'km')
    """
    if buried not in (None, "none", "shot", "receiver", "both"):
        raise InputError(
            f"{where}: buried is {buried!r}; expected 'shot', 'receiver' or 'both', the ends of "
            "picks that stand in boreholes, or None."
        )
    time = np.atleast_1d(np.asarray(travel_time, float))
    n_picks = time.size
    if n_picks == 0:
        raise InputError(f"{where}: no picks. At least one first-arrival time is needed.")

    def column(values: ArrayLike, name: str) -> Array:
        array = _per_pick(values, name, n_picks, where).astype(float)
        bad = np.flatnonzero(~np.isfinite(array))
        if bad.size:
            raise GeometryError(
                f"{where}: {name} of pick {bad[0]} is {array[bad[0]]}; {bad.size} such. "
                "Every position must be a finite number."
            )
        return array

    position = {
        "shot_easting": column(shot_easting, "shot_easting"),
        "shot_depth": column(shot_depth, "shot_depth"),
        "receiver_easting": column(receiver_easting, "receiver_easting"),
        "receiver_depth": column(receiver_depth, "receiver_depth"),
    }
    if (surface_easting is None) != (surface_depth is None):
        raise GeometryError(
            f"{where}: only one of surface_easting and surface_depth is given; expected both or "
            "neither."
        )
    if surface_easting is None or surface_depth is None:
        if water_velocity is not None:
            raise GeometryError(
                f"{where}: water_velocity is {water_velocity} km/s but there is no sea floor. "
                "Give surface_easting and surface_depth."
            )
        surface_easting, surface_depth = _surface_through_points(position, where)
    surface_x = np.asarray(surface_easting, float)
    surface_z = np.asarray(surface_depth, float)
    if surface_x.ndim != 1 or surface_x.shape != surface_z.shape or surface_x.size < 2:
        raise GeometryError(
            f"{where}: the surface profile has shapes {surface_x.shape} and {surface_z.shape}; "
            "expected two equal lists of at least two points."
        )
    if not (np.isfinite(surface_x).all() and np.isfinite(surface_z).all()):
        raise GeometryError(f"{where}: the surface profile holds NaN or infinite values.")
    if not (np.diff(surface_x) > 0).all():
        at = int(np.flatnonzero(np.diff(surface_x) <= 0)[0]) + 1
        raise GeometryError(
            f"{where}: the surface profile's easting does not increase at point {at} "
            f"({surface_x[at]} km after {surface_x[at - 1]} km). Sort it and drop duplicates."
        )
    survey = xr.Dataset(
        {
            "travel_time": ("pick", time),
            "pick_std": ("pick", _per_pick(pick_std, "pick_std", n_picks, where).astype(float)),
            "shot": ("pick", _labels(shot, position, "shot", n_picks, where)),
            "receiver": ("pick", _labels(receiver, position, "receiver", n_picks, where)),
            **{name: ("pick", values) for name, values in position.items()},
            "used": (
                "pick",
                _per_pick(True if used is None else used, "used", n_picks, where).astype(bool),
            ),
            "surface_easting": ("profile", surface_x),
            "surface_depth": ("profile", surface_z),
        },
        attrs={
            "kind": "survey",
            "title": title,
            "source": source,
            "checksum": checksum,
            "notes": json.dumps(list(notes)),
        },
    )
    x = np.concatenate([position["shot_easting"], position["receiver_easting"]])
    survey.attrs["length_unit"] = "m" if np.ptp(x) < 2.0 else "km"
    if water_velocity is not None:
        survey.attrs["water_velocity"] = float(water_velocity)
    if buried not in (None, "none"):
        survey.attrs["buried"] = buried
    if offset_across is not None:
        survey["offset_across"] = ("pick", column(offset_across, "offset_across"))
        survey["offset_across"].attrs.update(
            units="km", long_name="receiver minus shot across the line, positive to its left"
        )
    set_units(survey, SURVEY)
    check_survey(survey, where=where)
    return survey


def check_survey(survey: xr.Dataset, *, where: str) -> None:
    """Refuse a survey that cannot be inverted, naming the pick and the remedy.

    Raises
    ------
    InputError
        Wrong Dataset, bad times or sigmas, no used pick, implausible mean velocities.
    GeometryError
        Positions beyond the profile, in the air, or under the rock's surface at sea.
    """
    time, std = _values(survey, "travel_time"), _values(survey, "pick_std")
    for name, values in (("travel_time", time), ("pick_std", std)):
        bad = np.flatnonzero(~np.isfinite(values) | (values <= 0))
        if bad.size:
            i = int(bad[0])
            raise InputError(
                f"{where}: {name} of pick {i} (shot {int(survey['shot'][i])}, receiver "
                f"{int(survey['receiver'][i])}) is {values[i]} s; {bad.size} such. "
                "Expected a finite value above zero: drop or repair these picks."
            )
    check_dataset(survey, SURVEY, where=where, kind="survey")
    if not bool(survey["used"].any()):
        raise InputError(f"{where}: all {time.size} picks are muted. Restore at least three.")
    if float(np.median(std / time)) >= 1.0:
        raise InputError(
            f"{where}: the median pick_std is {np.median(std):.3g} s, the median travel_time "
            f"{np.median(time):.3g} s: the picks would say nothing. Is pick_std in ms? It is in s."
        )
    _check_positions(survey, where)
    _check_velocities(survey, where)


def surface_depth_at(survey: xr.Dataset, easting: ArrayLike) -> Array:
    """Depth of the rock's surface [km] at eastings [km]; level beyond the profile's ends."""
    return np.interp(
        np.asarray(easting, float),
        survey["surface_easting"].values,
        survey["surface_depth"].values,
    )


def offset(survey: xr.Dataset) -> Array:
    """Receiver easting minus shot easting of every pick, (pick,) [km]."""
    return _values(survey, "receiver_easting") - _values(survey, "shot_easting")


def offset_across(survey: xr.Dataset) -> Array:
    """Receiver minus shot across the line of every pick, (pick,) [km]; zeros on a straight line."""
    if "offset_across" in survey:
        return _values(survey, "offset_across")
    return np.zeros(survey.sizes["pick"])


def horizontal_distance(survey: xr.Dataset) -> Array:
    """Distance on the map from shot to receiver of every pick, (pick,) [km]."""
    return np.hypot(offset(survey), offset_across(survey))


def survey_checksum(survey: xr.Dataset) -> str:
    """SHA-256 of all numbers that an inversion depends on (positions, times, sigmas, mutes)."""
    digest = hashlib.sha256()
    for name in sorted({*SURVEY, *({"offset_across"} & set(survey.data_vars))}):
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(survey[name].values).tobytes())
    digest.update(str(survey.attrs.get("water_velocity")).encode())
    return digest.hexdigest()


def used_picks(survey: xr.Dataset, *, where: str) -> xr.Dataset:
    """The survey without its muted picks, checked."""
    check_survey(survey, where=where)
    return survey.isel(pick=np.flatnonzero(survey["used"].values))


def _values(survey: xr.Dataset, name: str) -> Array:
    """A variable as floats, with a clear error when it is missing."""
    if name not in survey:
        raise InputError(f"the survey Dataset has no variable {name!r}; build it by make_survey.")
    return np.asarray(survey[name].values, float)


def _per_pick(values: ArrayLike, name: str, n_picks: int, where: str) -> NDArray:
    """One value per pick: a list of that length, or one value for all."""
    array = np.asarray(values)
    if array.shape not in ((), (n_picks,)):
        raise InputError(
            f"{where}: {name} has shape {array.shape} but there are {n_picks} travel times. "
            "Give one value per pick, or one for all."
        )
    return np.broadcast_to(array, (n_picks,)).copy()


def _labels(
    given: ArrayLike | None, position: dict[str, Array], kind: str, n_picks: int, where: str
) -> NDArray[np.int64]:
    """Numbers of shots or receivers: as given, else by position along the line from 1."""
    if given is not None:
        return _per_pick(given, kind, n_picks, where).astype(np.int64)
    points = np.stack([position[f"{kind}_easting"], position[f"{kind}_depth"]], axis=1)
    return np.unique(points, axis=0, return_inverse=True)[1].reshape(-1).astype(np.int64) + 1


def _surface_through_points(position: dict[str, Array], where: str) -> tuple[Array, Array]:
    """The profile through all shots and receivers, one point per easting."""
    x = np.concatenate([position["shot_easting"], position["receiver_easting"]])
    z = np.concatenate([position["shot_depth"], position["receiver_depth"]])
    easting, inverse = np.unique(x, return_inverse=True)
    depth = np.full(easting.size, np.inf)
    np.minimum.at(depth, inverse.reshape(-1), z)
    if easting.size < 2:
        raise GeometryError(
            f"{where}: all shots and receivers stand at easting {easting[0]} km. "
            "A survey line needs positions along it."
        )
    return easting, depth


def _check_positions(survey: xr.Dataset, where: str) -> None:
    """Every position within the profile, on or under the surface, or in stated water."""
    x0, x1 = survey["surface_easting"].values[[0, -1]]
    tolerance = 1e-6 * (x1 - x0)
    at_sea = "water_velocity" in survey.attrs
    if at_sea and not 1.3 <= float(survey.attrs["water_velocity"]) <= 1.7:
        raise GeometryError(
            f"{where}: water_velocity is {survey.attrs['water_velocity']} km/s; "
            "sea water has 1.4 to 1.6 km/s."
        )
    relief = 1e-3 * max(x1 - x0, 1e-3)
    for kind in ("shot", "receiver"):
        x, z = _values(survey, f"{kind}_easting"), _values(survey, f"{kind}_depth")
        floor = surface_depth_at(survey, x)
        mirrored = np.abs(z + floor) < 0.1 * np.abs(z - floor)
        outside = (x < x0 - tolerance) | (x > x1 + tolerance)
        span = f"beyond the surface profile ({x0:g} to {x1:g} km)"
        faults = [(outside, span, "Extend the profile over the whole line.")]
        if at_sea:
            air = np.minimum(floor, 0.0) - np.where(floor > 0, 1e-2, max(relief, 1e-2))
            in_hole = survey.attrs.get("buried") in (kind, "both")
            deep = floor + (np.inf if in_hole else 5 * relief)
            mirrored |= (z < air) & (floor > 0)
            faults += [
                (z < air, "above the sea", "Correct it."),
                (
                    z > deep,
                    "under the sea floor",
                    f"Correct it, or the sea-floor profile, or say that it stands in a borehole: "
                    f"buried='{kind}' (--buried {kind}).",
                ),
            ]
        else:
            remedy = "Correct it, or state water_velocity if this is water."
            faults += [
                (z < floor - relief, "above the surface", remedy),
                (mirrored & (z > floor + 10 * relief), "under the surface", remedy),
            ]
        for bad, fault, remedy in faults:
            if not bad.any():
                continue
            i = int(np.flatnonzero(bad)[0])
            if mirrored[i] and bad is not outside:
                remedy = f"Depth is positive down: use {-z[i]:g}."
            raise GeometryError(
                f"{where}: {kind} {int(survey[kind][i])} at easting {x[i]:g} km has depth "
                f"{z[i]:g} km; it lies {fault}; the surface there has depth {floor[i]:g} km. "
                f"{int(bad.sum())} such picks. {remedy}"
            )


def _check_velocities(survey: xr.Dataset, where: str) -> None:
    """Straight-line velocities must be those of rock: a factor of 1000 is a unit error."""
    used = survey["used"].values.astype(bool)
    distance = np.hypot(
        horizontal_distance(survey),
        _values(survey, "receiver_depth") - _values(survey, "shot_depth"),
    )
    apparent = (distance / _values(survey, "travel_time"))[used]
    if not (distance[used] > 0).any():
        raise InputError(f"{where}: every used pick has zero offset; nothing can be learnt.")
    middle = float(np.median(apparent[apparent > 0]))
    low, high = PLAUSIBLE_VELOCITY
    if not low <= middle <= high:
        hint = (
            "Are the times in ms? Times are in s."
            if middle < low
            else "Are the positions in m, or the times too small? Expected km and s inside seisnb."
        )
        raise InputError(
            f"{where}: the median of distance / travel time is {middle:.3g} km/s; "
            f"rock has {low} to {high} km/s. {hint}"
        )
