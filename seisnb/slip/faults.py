"""Faults as triangles: patches that slip, and the directions that they slip in."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seisnb.conventions import GeometryError, InputError

Array = NDArray[np.float64]

#: A triangle whose smallest height over its longest side is below this is degenerate.
LEAST_HEIGHT = 1e-3
#: Normals with a smaller upward part belong to a vertical fault, which has no upper side.
VERTICAL = 1e-6


@dataclass(frozen=True, kw_only=True)
class Fault:
    """Patches made of triangles.

    Attributes
    ----------
    vertices : Array, (n, 3)
        Easting, northing, depth [km], depth positive down.
    triangles : NDArray of int, (m, 3)
        Vertices of every triangle, counter-clockwise seen from above: normals point up.
    patch : NDArray of int, (m,)
        The patch that a triangle belongs to; a rectangle is two of them.
    notes : tuple of str
        What was mended.
    """

    vertices: Array
    triangles: NDArray[np.intp]
    patch: NDArray[np.intp]
    notes: tuple[str, ...] = ()

    @property
    def n_patches(self) -> int:
        """How many patches."""
        return int(self.patch.max()) + 1

    @property
    def corners(self) -> Array:
        """Corners of every triangle, (m, 3, 3): easting, northing, depth [km]."""
        return np.asarray(self.vertices[self.triangles])

    @cached_property
    def triangle_area(self) -> Array:
        """Areas of the triangles, (m,) [km2]."""
        return np.asarray(0.5 * np.linalg.norm(_cross(self.corners), axis=1))

    @cached_property
    def area(self) -> Array:
        """Areas of the patches, (patch,) [km2]."""
        return np.asarray(np.bincount(self.patch, self.triangle_area), float)

    @cached_property
    def centre(self) -> Array:
        """Centroids of the patches, (patch, 3) [km]."""
        return self._mean(self.corners.mean(axis=1))

    @cached_property
    def normal(self) -> Array:
        """Unit normals of the patches, (patch, 3): east, north, up; upward."""
        cross = _cross(self.corners) * (1.0, 1.0, -1.0) * -1.0  # depth points down
        mean = self._mean(cross / np.linalg.norm(cross, axis=1, keepdims=True))
        return np.asarray(mean / np.linalg.norm(mean, axis=1, keepdims=True))

    @cached_property
    def along_strike(self) -> Array:
        """Unit vectors along strike, (patch, 3), with the dip to their right: east, north, up.

        Of a level patch, whose strike is any direction, northward.
        """
        n = self.normal
        strike = np.column_stack([-n[:, 1], n[:, 0], np.zeros(len(n))])
        size = np.linalg.norm(strike, axis=1, keepdims=True)
        return np.where(size > VERTICAL, strike / np.maximum(size, VERTICAL), (0.0, 1.0, 0.0))

    @cached_property
    def up_dip(self) -> Array:
        """Unit vectors up the dip, (patch, 3): east, north, up."""
        return np.cross(self.normal, self.along_strike)

    @property
    def strike(self) -> Array:
        """Strikes, (patch,) [degrees clockwise from north], the dip to their right."""
        east, north, _ = self.along_strike.T
        return np.asarray(np.degrees(np.arctan2(east, north)) % 360.0)

    @property
    def dip(self) -> Array:
        """Dips, (patch,) [degrees from horizontal]."""
        return np.asarray(np.degrees(np.arccos(np.clip(self.normal[:, 2], -1.0, 1.0))))

    def _mean(self, values: Array) -> Array:
        """Mean of values of triangles (m, 3) by patch, weighted by area."""
        weight = self.triangle_area
        return np.column_stack(
            [np.bincount(self.patch, weight * value) / self.area for value in values.T]
        )


def _cross(corners: Array) -> Array:
    """Twice the vector areas of triangles (m, 3, 3)."""
    return np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])


def triangle_fault(
    vertices: ArrayLike, triangles: ArrayLike, *, where: str = "triangle_fault"
) -> Fault:
    """A mesh as a fault, a patch for every triangle.

    Parameters
    ----------
    vertices : array_like, (n, 3)
        Easting, northing, depth [km], depth positive down.
    triangles : array_like of int, (m, 3)
        Indices of vertices; those that are flipped against the rest are turned, with a note.
    where : str
        The public function's name, for messages.

    Raises
    ------
    GeometryError
        A degenerate triangle, one above the ground, coordinates that are not finite, or an index
        without a vertex.
    """
    at = np.asarray(vertices, float)
    index = np.asarray(triangles)
    if at.ndim != 2 or at.shape[1] != 3 or not np.isfinite(at).all():
        raise GeometryError(
            f"{where}: vertices of shape {at.shape}; expected (n, 3) finite numbers: easting, "
            "northing, depth [km]."
        )
    if index.ndim != 2 or index.shape[1] != 3 or not len(index) or index.dtype.kind not in "iu":
        raise GeometryError(f"{where}: triangles of shape {index.shape}; expected (m, 3) indices.")
    if index.min() < 0 or index.max() >= len(at):
        raise GeometryError(
            f"{where}: triangles name vertices {index.min()} to {index.max()}; there are "
            f"{len(at)}, numbered from 0."
        )
    _check_depths(at[index], where)
    _check_shapes(at[index], where)
    turned, notes = _turned(at, index.astype(np.intp))
    return Fault(vertices=at, triangles=turned, patch=np.arange(len(turned)), notes=notes)


def rectangle_fault(
    *,
    top_centre: tuple[float, float, float],
    length: float,
    width: float,
    strike: float,
    dip: float,
    n_along: int = 1,
    n_down: int = 1,
    where: str = "rectangle_fault",
) -> Fault:
    """A plane of rectangular patches, row by row from the top.

    Parameters
    ----------
    top_centre : tuple of float
        Easting, northing, depth [km] of the middle of the upper edge.
    length, width : float
        Along strike and down the dip [km].
    strike, dip : float
        [degrees]; the dip is to the right of the strike, 0 to 90.
    n_along, n_down : int
        Patches along strike and down the dip.
    where : str
        The public function's name, for messages.

    Raises
    ------
    InputError, GeometryError
        Sizes that are not positive, a dip outside 0 to 90, an upper edge above the ground.
    """
    numbers = [*top_centre, length, width, strike, dip]
    if not (np.isfinite(numbers).all() and min(length, width, n_along, n_down) > 0):
        raise InputError(
            f"{where}: length {length} km, width {width} km, {n_along} x {n_down} patches at "
            f"{top_centre}; expected finite numbers and sizes above 0."
        )
    if not 0.0 <= dip <= 90.0:
        raise InputError(f"{where}: dip is {dip}; expected 0 to 90 degrees, right of the strike.")
    s, d = np.radians(strike), np.radians(dip)
    along = np.array([np.sin(s), np.cos(s), 0.0])
    down = np.array([np.cos(s) * np.cos(d), -np.sin(s) * np.cos(d), np.sin(d)])
    u = np.linspace(-0.5, 0.5, n_along + 1) * length
    v = np.linspace(0.0, 1.0, n_down + 1) * width
    grid = np.asarray(top_centre) + u[None, :, None] * along + v[:, None, None] * down
    i, j = np.meshgrid(np.arange(n_down), np.arange(n_along), indexing="ij")
    a = (i * (n_along + 1) + j).ravel()
    b, c, e = a + 1, a + n_along + 1, a + n_along + 2
    triangles = np.stack([np.column_stack([a, c, b]), np.column_stack([b, c, e])], axis=1)
    vertices = grid.reshape(-1, 3)
    _check_depths(vertices[triangles.reshape(-1, 3)], where)
    turned, _ = _turned(vertices, triangles.reshape(-1, 3))
    return Fault(
        vertices=vertices, triangles=turned, patch=np.repeat(np.arange(n_along * n_down), 2)
    )


def moved(fault: Fault, vertices: Array, *, where: str = "moved") -> Fault:
    """The same triangles on other vertices, (n, 3) [km].

    Raises
    ------
    GeometryError
        As for :func:`triangle_fault`; for instance, a vertex above the ground.
    """
    corners = vertices[fault.triangles]
    _check_depths(corners, where)
    _check_shapes(corners, where)
    return replace(fault, vertices=vertices)


def part_of(fault: Fault, keep: NDArray[np.bool_]) -> Fault:
    """The patches of a fault that are kept, (patch,), in their order, and their vertices."""
    is_kept = keep[fault.patch]
    used, triangles = np.unique(fault.triangles[is_kept], return_inverse=True)
    number = np.cumsum(keep) - 1
    return replace(
        fault, vertices=fault.vertices[used], triangles=triangles.reshape(-1, 3),
        patch=number[fault.patch[is_kept]],
    )  # fmt: skip


def rim_of(triangles: NDArray[np.intp], patch: NDArray[np.intp]) -> NDArray[np.intp]:
    """Sides of triangles (m, 3) that are shared with none of the same patch (m,), (n, 2)."""
    ends = np.sort(triangles[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1)
    whole = np.column_stack([ends, np.repeat(patch, 3)])
    sides, count = np.unique(whole, axis=0, return_counts=True)
    return np.asarray(sides[count == 1][:, :2])


def neighbours(fault: Fault) -> NDArray[np.intp]:
    """Pairs of patches that share an edge, (n, 2), each once."""
    edges = np.sort(fault.triangles[:, [[0, 1], [1, 2], [2, 0]]], axis=-1).reshape(-1, 2)
    owner = np.repeat(fault.patch, 3)
    order = np.lexsort(edges.T)
    edges, owner = edges[order], owner[order]
    same = np.flatnonzero((edges[1:] == edges[:-1]).all(axis=1))
    pairs = np.sort(np.column_stack([owner[same], owner[same + 1]]), axis=1)
    return np.unique(pairs[pairs[:, 0] != pairs[:, 1]], axis=0)


def _turned(at: Array, index: NDArray[np.intp]) -> tuple[NDArray[np.intp], tuple[str, ...]]:
    """Triangles with all normals up, or on a vertical fault to one side, and what was said."""
    vector = -_cross(at[index]) * (1.0, 1.0, -1.0)
    up = vector[:, 2] / np.linalg.norm(vector, axis=1)
    side = vector @ vector[np.argmax(np.linalg.norm(vector, axis=1))]
    is_flipped = np.where(np.abs(up) > VERTICAL, up < 0, side < 0)
    index = np.where(is_flipped[:, None], index[:, ::-1], index)
    n = int(min(is_flipped.sum(), (~is_flipped).sum()))
    if n == 0:
        return index, ()
    return index, (f"{n} of {len(index)} triangles were flipped against the others and are turned",)


def _check_depths(corners: Array, where: str) -> None:
    """Refuse what rises above the ground."""
    highest = corners[..., 2].min(axis=1)
    bad = np.flatnonzero(highest < 0.0)
    if bad.size:
        raise GeometryError(
            f"{where}: {bad.size} triangles rise above the ground, the first (number {bad[0]}) to "
            f"{-highest[bad[0]]:g} km. Depths are positive down, in km; cut the mesh at sea level."
        )
    deepest = float(corners[..., 2].max())
    if deepest > 800.0:
        raise GeometryError(
            f"{where}: the mesh reaches {deepest:g} km; expected kilometres. Divide metres by 1000."
        )


def _check_shapes(corners: Array, where: str) -> None:
    """Refuse triangles without area."""
    longest = np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=2).max(axis=1)
    height = np.linalg.norm(_cross(corners), axis=1) / np.maximum(longest, 1e-300)
    bad = np.flatnonzero(height < LEAST_HEIGHT * np.maximum(longest, 1e-9))
    if bad.size:
        x, y, z = corners[bad[0]].mean(axis=0)
        raise GeometryError(
            f"{where}: {bad.size} triangles are degenerate (no area), the first number {bad[0]} at "
            f"easting {x:.3f}, northing {y:.3f}, depth {z:.3f} km. Mesh the surface again."
        )
