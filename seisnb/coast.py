"""Land and sea: coastlines for maps, and whether a place is on land.

The outlines are Natural Earth's at 1:10 million (public domain), from the npm package world-atlas,
thinned to 0.004 degrees: good to about a kilometre.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]

#: Kilometres to a degree of latitude.
DEGREE = 111.195


@cache
def land_rings() -> tuple[Array, ...]:
    """Closed outlines of land, islands, inland seas: (n, 2) longitude, latitude [degrees]."""
    with files("seisnb").joinpath("land.npz").open("rb") as stream:
        stored = np.load(stream, allow_pickle=False)
        points = np.cumsum(stored["step"], axis=0) * 1e-3
        ends = np.cumsum(stored["count"])[:-1]
    return tuple(np.split(points, ends))


@cache
def _boxes() -> tuple[Array, Array]:
    """Lower and upper corners of the boxes around all rings, (ring, 2)."""
    rings = land_rings()
    return np.array([r.min(axis=0) for r in rings]), np.array([r.max(axis=0) for r in rings])


def is_land(longitude: ArrayLike, latitude: ArrayLike) -> NDArray[np.bool_]:
    """Whether places [degrees] are on land, elementwise.

    Examples
    --------
    >>> is_land([-120.0, -130.0], [45.0, 45.0]).tolist()
    [True, False]
    """
    x, y = _wrapped(longitude), np.asarray(latitude, float)
    x, y = np.broadcast_arrays(x, y)
    inside, rings, (low, high) = np.zeros(x.shape, bool), land_rings(), _boxes()
    for index in np.ndindex(x.shape):
        at = np.array([x[index], y[index]])
        for k in np.flatnonzero((low <= at).all(axis=1) & (high >= at).all(axis=1)):
            inside[index] ^= _is_within(rings[k], *at)
    return inside


def coast_distance(longitude: ArrayLike, latitude: ArrayLike) -> Array:
    """Distance from places to the nearest coast [km], elementwise; at most 500 km is told."""
    x, y = np.atleast_1d(_wrapped(longitude)), np.atleast_1d(np.asarray(latitude, float))
    found, rings, (low, high) = np.full(x.shape, 500.0), land_rings(), _boxes()
    for i, at in enumerate(np.stack([x, y], axis=1)):
        scale = np.array([DEGREE * max(np.cos(np.radians(at[1])), 0.02), DEGREE])
        # no coast of a ring is nearer than its box
        least = np.linalg.norm(np.maximum(np.maximum(low - at, at - high), 0.0) * scale, axis=1)
        for k in np.argsort(least):
            if least[k] >= found[i]:
                break
            found[i] = min(found[i], _to_line((rings[k] - at) * scale))
    return found


def coast_lines(
    west: float, east: float, south: float, north: float, margin: float = 0.5
) -> list[Array]:
    """Coastlines within a box [degrees] and a margin, as lines (n, 2) of longitude and latitude."""
    lines = []
    rings, (low, high) = land_rings(), _boxes()
    least, most = np.array([west, south]) - margin, np.array([east, north]) + margin
    turns = np.array([[-360.0, 0.0], [0.0, 0.0], [360.0, 0.0]])
    meets = (low[:, None] + turns < most).all(axis=2) & (high[:, None] + turns > least).all(axis=2)
    for k in np.flatnonzero(meets.any(axis=1)):  # most rings are elsewhere
        for turn in turns[meets[k]]:
            moved = rings[k] + turn
            inside = (
                (moved[:, 0] > west - margin) & (moved[:, 0] < east + margin)
                & (moved[:, 1] > south - margin) & (moved[:, 1] < north + margin)
            )  # fmt: skip
            # a point more on both sides, so that lines leave the box
            wide = inside | np.roll(inside, 1) | np.roll(inside, -1)
            edges = np.flatnonzero(np.diff(np.concatenate([[0], wide.astype(np.int8), [0]])))
            lines += [moved[a:b] for a, b in zip(edges[::2], edges[1::2], strict=True) if b - a > 1]
    return lines


def _wrapped(longitude: ArrayLike) -> Array:
    """Longitudes in -180 to 180."""
    return np.asarray((np.asarray(longitude, float) + 180.0) % 360.0 - 180.0)


def _is_within(ring: Array, x: float, y: float) -> bool:
    """Even-odd rule along a ray eastward."""
    x0, y0 = ring[:-1].T
    x1, y1 = ring[1:].T
    crosses = (y0 > y) != (y1 > y)
    at = x0[crosses] + (y - y0[crosses]) / (y1[crosses] - y0[crosses]) * (x1 - x0)[crosses]
    return bool((at > x).sum() % 2)


def _to_line(points: Array) -> float:
    """Distance from the origin to a line through points (n, 2)."""
    a, step = points[:-1], np.diff(points, axis=0)
    square = np.maximum((step**2).sum(axis=1), 1e-30)
    share = np.clip(-(a * step).sum(axis=1) / square, 0.0, 1.0)
    return float(np.sqrt(((a + share[:, None] * step) ** 2).sum(axis=1).min()))
