"""Lines, models and independent answers that the contracts and the tests of travel times share."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray

from seisnb.prior import FieldKind, GaussianProcessPrior, gaussian_process_prior, linear_profile
from seisnb.section import SectionGrid, section_grid
from seisnb.survey import make_survey
from seisnb.traveltime.analytic import travel_time_linear_gradient
from seisnb.traveltime.base import PickGeometry
from tests.seeds import shifted

Array = NDArray[np.float64]
Surface = Literal["flat", "hills", "valley", "sea", "level_sea"]

#: Velocity at the surface [km/s], gradient [1/s] and velocity of the water [km/s] of all lines.
SURFACE_VELOCITY, GRADIENT, WATER_VELOCITY = 2.0, 0.6, 1.5
WIDTH, DEPTH_MAX, CELL = 6.0, 2.0, 0.05


def surface_of(kind: Surface) -> tuple[Array, Array]:
    """Easting and depth of the rock's surface [km]."""
    x = np.linspace(0.0, WIDTH, 121)
    depth = {
        "flat": 0.0 * x,
        "hills": 0.12 * np.sin(2 * x) + 0.05 * np.cos(5 * x),
        "valley": 0.8 * np.exp(-(((x - 3.0) / 0.5) ** 2)),
        "sea": 1.0 + 0.2 * np.sin(1.5 * x),
        "level_sea": 1.0 + 0.0 * x,
    }[kind]
    return x, depth


def line(kind: Surface, *, n_receivers: int = 6, n_shots: int = 15) -> xr.Dataset:
    """A 6 km line whose times do not matter; at sea the shots float."""
    x, surface = surface_of(kind)
    receivers, shots = np.linspace(0.3, 5.7, n_receivers), np.linspace(0.2, 5.8, n_shots)
    receiver, shot = (a.ravel() for a in np.meshgrid(receivers, shots))
    apart = np.abs(receiver - shot) > 0.05
    receiver, shot = receiver[apart], shot[apart]
    at_sea = "sea" in kind
    return make_survey(
        travel_time=np.abs(receiver - shot) / 3.0 + 0.3,
        pick_std=0.005,
        shot_easting=shot,
        shot_depth=0.0 if at_sea else np.interp(shot, x, surface),
        receiver_easting=receiver,
        receiver_depth=np.interp(receiver, x, surface),
        surface_easting=x,
        surface_depth=surface,
        water_velocity=WATER_VELOCITY if at_sea else None,
    )


def grid_of(survey: xr.Dataset, *, cell: float = CELL) -> SectionGrid:
    """The section grid of a line."""
    return section_grid(survey, depth_max=DEPTH_MAX, cell=cell)


def gradient_model(grid: SectionGrid) -> Array:
    """Velocity that grows linearly below the surface."""
    column = SURFACE_VELOCITY + GRADIENT * grid.below_surface
    return np.tile(column, (grid.n_easting, 1))


def prior_on(grid: SectionGrid, field_kind: FieldKind = "log_velocity") -> GaussianProcessPrior:
    """A prior of 20 % (or 0.3 km/s) around the gradient."""
    return gaussian_process_prior(
        grid,
        linear_profile(SURFACE_VELOCITY, GRADIENT, DEPTH_MAX),
        field_kind=field_kind,
        amplitude=0.2 if field_kind == "log_velocity" else 0.3,
        length_easting=1.5,
        length_depth=0.7,
    )


def unknowns(prior: GaussianProcessPrior, seed: int) -> Array:
    """One draw."""
    return prior.draw(1, torch.Generator().manual_seed(shifted(seed)))[0]


def distance(geometry: PickGeometry) -> Array:
    """Horizontal distance of every pick [km]."""
    return np.abs(geometry.start[:, 0] - geometry.anchors[geometry.anchor, 0])


def swapped(geometry: PickGeometry) -> PickGeometry:
    """The same picks with wavefronts from the other ends; on land only."""
    assert not geometry.in_water.any()
    anchors, anchor = np.unique(geometry.start, axis=0, return_inverse=True)
    return PickGeometry(
        anchors=anchors,
        anchor=anchor.reshape(-1),
        start=geometry.anchors[geometry.anchor],
        in_water=geometry.in_water,
        water_slowness=geometry.water_slowness,
    )


def land_times(geometry: PickGeometry) -> Array:
    """Closed form on a flat land line with the gradient model [s]."""
    end = geometry.anchors[geometry.anchor]
    velocity = [SURFACE_VELOCITY + GRADIENT * z for z in (geometry.start[:, 1], end[:, 1])]
    return travel_time_linear_gradient(
        np.hypot(*(geometry.start - end).T), velocity[0], velocity[1], GRADIENT
    )


def sea_times(geometry: PickGeometry) -> Array:
    """Brute force over entry points, closed form below a level sea floor [s]."""
    along = np.linspace(0.0, WIDTH, 60_001)
    rock = travel_time_linear_gradient(along, SURFACE_VELOCITY, SURFACE_VELOCITY, GRADIENT)
    thickness = geometry.anchors[geometry.anchor, 1] - geometry.start[:, 1]
    return np.array(
        [
            (np.hypot(x - along, h) / WATER_VELOCITY + rock).min()
            for x, h in zip(distance(geometry), thickness, strict=True)
        ]
    )


def taut_string(grid: SectionGrid, a: Array, b: Array) -> float:
    """Length of the shortest path between two points on the surface that stays under it [km]."""
    if a[0] > b[0]:
        a, b = b, a
    inner = (grid.easting > a[0]) & (grid.easting < b[0])
    points = [a, *np.stack([grid.easting, grid.surface], axis=1)[inner], b]
    hull: list[Array] = []
    for point in points:
        while len(hull) > 1:
            first, second = hull[-2], hull[-1]
            if np.cross(np.append(second - first, 0), np.append(point - first, 0))[2] < 0:
                break
            hull.pop()
        hull.append(np.asarray(point))
    return float(np.hypot(*np.diff(np.array(hull), axis=0).T).sum())
