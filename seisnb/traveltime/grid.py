"""Grid solutions of the eikonal equation: ray candidates, and the independent referee.

One solve per anchor (factored fast marching, second order) on a level grid whose nodes are laid so
that the anchor is one of them: by :mod:`seisnb.traveltime.marching` for ray candidates, by the
``eikonalfm`` library for the referee. Above the rock's surface the velocity
decays upward, so that no first arrival runs through the air; water is handled outside the solver:
the time from a shot at sea is the least sum of water time and rock time over the entry points.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import eikonalfm
import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import RectBivariateSpline
from scipy.ndimage import map_coordinates

from seisnb.conventions import InputError
from seisnb.section import SectionGrid
from seisnb.traveltime import kernels
from seisnb.traveltime.base import PickGeometry, Rays
from seisnb.traveltime.marching import march

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class TimeField:
    """Travel times from one anchor on a level grid.

    Attributes
    ----------
    times : Array, (n_easting, n_depth)
        Travel times [s].
    factor : Array, (n_easting, n_depth)
        Times over distance [s/km]: smooth, also at the anchor.
    origin : tuple of float
        Easting and depth of the first node [km].
    step : float
        Spacing [km].
    anchor : Array, (2,)
        The anchor's position [km].
    """

    times: Array
    factor: Array
    origin: tuple[float, float]
    step: float
    anchor: Array

    def at(self, points: Array) -> Array:
        """Times at points (n, 2) [s]: cubic interpolation of the smooth factor, times distance."""
        n_x, n_z = self.factor.shape
        spline = RectBivariateSpline(
            self.origin[0] + self.step * np.arange(n_x),
            self.origin[1] + self.step * np.arange(n_z),
            self.factor,
        )
        distance = np.hypot(points[:, 0] - self.anchor[0], points[:, 1] - self.anchor[1])
        return np.asarray(spline.ev(points[:, 0], points[:, 1]) * distance)


#: Solves for time over distance: (velocity, source_i, source_j, step) -> factor.
Solver = Callable[[Array, int, int, float], Array]


def library_march(velocity: Array, source_i: int, source_j: int, step: float) -> Array:
    """The referee's solver. Not for threads: it replaces the process's interrupt handler."""
    return eikonalfm.factored_fast_marching(velocity, (source_i, source_j), (step, step), 2)


def solve(
    velocity: Array, grid: SectionGrid, anchor: Array, step: float, solver: Solver = march
) -> TimeField:
    """Travel times from one anchor through a velocity model.

    Parameters
    ----------
    velocity : Array, (n_easting, n_depth)
        Velocity on the section grid [km/s].
    grid : SectionGrid
        Its geometry.
    anchor : Array, (2,)
        Easting and depth of the source [km].
    step : float
        Spacing of the solver's grid [km].
    solver : callable
        :func:`seisnb.traveltime.marching.march` or :func:`library_march`.

    Raises
    ------
    InputError
        A velocity that is not positive and finite.
    """
    x0, x1, z0, z1 = grid.extent
    before_x = int(np.ceil((anchor[0] - x0) / step - 1e-9)) + 1
    before_z = int(np.ceil((anchor[1] - z0) / step - 1e-9)) + 2
    origin = (float(anchor[0] - before_x * step), float(anchor[1] - before_z * step))
    n_x = before_x + int(np.ceil((x1 - anchor[0]) / step - 1e-9)) + 2
    n_z = before_z + int(np.ceil((z1 - anchor[1]) / step - 1e-9)) + 2
    sampled = kernels.sample_velocity(
        velocity, grid.surface, grid.x0, grid.cell_easting, grid.cell_depth,
        *origin, step, n_x, n_z, 4.0 * step,
    )  # fmt: skip
    if not (np.isfinite(velocity).all() and velocity.min() > 0):
        raise InputError(
            "grid solver: the velocity model holds values that are zero, negative or NaN. "
            "Velocities must be positive everywhere."
        )
    factor = solver(sampled, before_x, before_z, step)
    x = (np.arange(n_x) - before_x) * step
    z = (np.arange(n_z) - before_z) * step
    times = factor * np.hypot(x[:, None], z[None, :])
    return TimeField(
        times=times, factor=factor, origin=origin, step=step, anchor=np.asarray(anchor, float)
    )


@dataclass(frozen=True, kw_only=True)
class GridWavefronts:
    """Ray candidates down the grid solver's own field of every model.

    Attributes
    ----------
    step : float
        Spacing of the solver's grid [km].
    spacing : float
        Spacing of the rays' nodes [km].
    """

    step: float
    spacing: float

    def trace(
        self,
        velocity: Array,
        grid: SectionGrid,
        geometry: PickGeometry,
        like: Rays,
        than: Array | None = None,
    ) -> Rays:
        """One solve per anchor, then one ray per pick whose field is ahead of ``than`` [s]."""
        rays = Rays(nodes=np.zeros_like(like.nodes), count=np.zeros_like(like.count))
        for k, anchor in enumerate(geometry.anchors):
            picks = np.flatnonzero(geometry.anchor == k)
            if picks.size:
                field = solve(velocity, grid, anchor, self.step)
                if than is not None:
                    picks = picks[first_arrivals(field, grid, geometry, picks) < than[picks]]
                trace_field(
                    field.times, field.origin, self.step, anchor, grid, geometry, picks,
                    self.spacing, rays,
                )  # fmt: skip
        return rays


def first_arrivals(
    field: TimeField, grid: SectionGrid, geometry: PickGeometry, picks: NDArray[np.intp]
) -> Array:
    """Times of some picks of a field's anchor, linear between its nodes, (n,) [s]."""
    start, wet = geometry.start[picks], geometry.in_water[picks]
    entry = start.copy()
    if wet.any():
        entry[wet] = kernels.entry_points(
            field.times, *field.origin, field.step, grid.surface, grid.x0, grid.cell_easting,
            start[wet], geometry.water_slowness,
        )  # fmt: skip
    place = (entry - np.array(field.origin)) / field.step
    times = map_coordinates(field.times, place.T, order=1, mode="nearest")
    return np.asarray(times + geometry.water_slowness * wet * np.hypot(*(entry - start).T))


def trace_field(
    times: Array,
    origin: tuple[float, float],
    step: float,
    anchor: Array,
    grid: SectionGrid,
    geometry: PickGeometry,
    picks: NDArray[np.intp],
    spacing: float,
    rays: Rays,
) -> None:
    """Trace the rays of some picks of one anchor down its times on a level grid, into ``rays``."""
    entry = geometry.start[picks].copy()
    wet = geometry.in_water[picks]
    if wet.any():
        entry[wet] = kernels.entry_points(
            times, *origin, step, grid.surface, grid.x0, grid.cell_easting,
            entry[wet], geometry.water_slowness,
        )  # fmt: skip
    nodes = np.empty((picks.size, *rays.nodes.shape[1:]))
    count = np.empty(picks.size, np.int64)
    kernels.trace(
        times, *origin, step, grid.surface, grid.x0, grid.cell_easting,
        grid.below_surface[-1], entry, np.asarray(anchor, float), spacing, nodes, count,
    )  # fmt: skip
    rays.nodes[picks] = nodes
    rays.count[picks] = count


def referee_times(velocity: Array, grid: SectionGrid, geometry: PickGeometry, step: float) -> Array:
    """Times of all picks by the grid solver alone, (pick,) [s]: the independent check.

    Parameters
    ----------
    velocity : Array, (n_easting, n_depth)
        Velocity on the section grid [km/s].
    grid, geometry : SectionGrid, PickGeometry
        Where the model and the picks live.
    step : float
        Spacing of the solver's grid [km].
    """
    out = np.empty(geometry.n_picks)
    for k, anchor in enumerate(geometry.anchors):
        picks = np.flatnonzero(geometry.anchor == k)
        if not picks.size:
            continue
        field = solve(velocity, grid, anchor, step, library_march)
        wet = geometry.in_water[picks]
        out[picks[~wet]] = field.at(geometry.start[picks[~wet]])
        if wet.any():
            fine = np.linspace(grid.x0, grid.easting[-1], 8 * grid.n_easting)
            fine = np.union1d(fine, anchor[:1])
            floor = np.stack([fine, np.interp(fine, grid.easting, grid.surface)], axis=1)
            rock = field.at(floor)
            start = geometry.start[picks[wet]]
            water = geometry.water_slowness * np.hypot(
                start[:, :1] - floor[:, 0], start[:, 1:] - floor[:, 1]
            )
            out[picks[wet]] = (water + rock).min(axis=1)
    return out
