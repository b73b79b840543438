"""Velocities of all members of an ensemble on a vertical section along any line."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import RegularGridInterpolator

from seisnb.conventions import InputError
from seisnb.velocity_models import Group, LayeredGroup, SectionGroup, VelocityEnsemble, VolumeGroup

Array = NDArray[np.float64]


def velocity_along(
    ensemble: VelocityEnsemble,
    start: tuple[float, float],
    end: tuple[float, float],
    depth: Array,
    *,
    n_along: int = 121,
) -> tuple[Array, NDArray[np.float32]]:
    """P velocity of every member under a straight line.

    Parameters
    ----------
    ensemble : VelocityEnsemble
        Members of any kind.
    start, end : tuple of float
        Easting and northing [km] of the line's ends, in the ensemble's projection.
    depth : Array, (depth,)
        Depths [km].
    n_along : int
        Points along the line.

    Returns
    -------
    along : Array, (along,)
        Distance from the start [km].
    velocity : NDArray, (member, depth, along)
        P velocity [km/s]; NaN above the rock's surface where a member knows it.

    Raises
    ------
    InputError
        A line without length.
    """
    length = float(np.hypot(end[0] - start[0], end[1] - start[1]))
    if not (np.isfinite(length) and length > 0):
        raise InputError(
            f"velocity_along: the line from {start} to {end} km has no length. Give two places."
        )
    share = np.linspace(0.0, 1.0, n_along)
    x = start[0] + share * (end[0] - start[0])
    y = start[1] + share * (end[1] - start[1])
    parts = [_of_group(group, x, y, np.asarray(depth, float)) for group in ensemble.groups]
    return length * share, np.concatenate(parts)


def _of_group(group: Group, x: Array, y: Array, depth: Array) -> NDArray[np.float32]:
    """Velocity of a group's members, (member, depth, along)."""
    if isinstance(group, LayeredGroup):
        columns = np.stack([model.velocity(depth) for model in group.models])
        return np.repeat(columns[:, :, None], x.size, axis=2).astype(np.float32)
    if isinstance(group, SectionGroup):
        along, _ = group.to_section(x, y)
        axes = (group.depth, group.along)
        values = np.moveaxis(group.velocity, 0, -1)
        places = np.stack(np.meshgrid(depth, along, indexing="ij"), axis=-1)
        found = _interpolated(axes, values, places)
        surface = np.interp(along, group.along, group.surface)
        found[depth[:, None] < surface - 0.5 * float(group.depth[1] - group.depth[0])] = np.nan
        return np.moveaxis(found, -1, 0).astype(np.float32)
    return _of_volume(group, x, y, depth)


def _of_volume(group: VolumeGroup, x: Array, y: Array, depth: Array) -> NDArray[np.float32]:
    """Velocity of members on a 3-D grid."""
    axes = (group.northing, group.easting, group.depth)
    z, north = np.meshgrid(depth, y, indexing="ij")
    _, east = np.meshgrid(depth, x, indexing="ij")
    places = np.stack([north, east, z], axis=-1)
    found = _interpolated(axes, np.moveaxis(group.velocity, 0, -1), places)
    return np.moveaxis(found, -1, 0).astype(np.float32)


def _interpolated(axes: tuple[Array, ...], values: NDArray, places: Array) -> Array:
    """Linear between nodes; beyond the grid the value of its edge goes on."""
    low, high = (np.array([axis[i] for axis in axes]) for i in (0, -1))
    return np.asarray(RegularGridInterpolator(axes, values)(np.clip(places, low, high)))
