"""Boundaries in the rock, a plate interface or a reflector, and where events lie against them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import LinearNDInterpolator
from scipy.spatial import cKDTree

from seisnb.conventions import GeometryError, InputError
from seisnb.io.lines import read_text
from seisnb.io.meshes import read_mesh
from seisnb.io.surface import read_surface
from seisnb.projection import Projection

Array = NDArray[np.float64]

#: Triangles nearest by their middles that a point's distance to a mesh is taken over.
N_NEAR = 24


@dataclass(frozen=True, kw_only=True)
class LineBoundary:
    """A boundary along a section, unchanged across it.

    Attributes
    ----------
    along, depth : Array, (n,)
        Its points [km]; ``along`` increases.
    origin, azimuth
        Where the section lies: as for :class:`seisnb.velocity_models.SectionGroup`.
    """

    along: Array
    depth: Array
    origin: tuple[float, float] = (0.0, 0.0)
    azimuth: float = 90.0

    def __post_init__(self) -> None:
        """Refuse a line that is none.

        Raises
        ------
        GeometryError
            Fewer than two points, values that are not finite, ``along`` that does not increase.
        """
        along, depth = np.asarray(self.along, float), np.asarray(self.depth, float)
        good = along.ndim == 1 and along.size >= 2 and along.shape == depth.shape
        if not (good and np.isfinite([along, depth]).all() and (np.diff(along) > 0).all()):
            raise GeometryError(
                f"LineBoundary: along of shape {along.shape} and depth of shape {depth.shape}; "
                "expected two or more finite points in increasing order along the section [km]."
            )

    def to_section(self, easting: Array, northing: Array) -> Array:
        """Distance along the section [km] of places [km], any shape."""
        a = np.radians(self.azimuth)
        return np.asarray(
            (easting - self.origin[0]) * np.sin(a) + (northing - self.origin[1]) * np.cos(a)
        )

    def separation(self, points: Array) -> tuple[Array, Array]:
        """Depth under the boundary, positive below, and shortest distance [km], (n,) each.

        NaN in depth beyond the ends of the line.
        """
        along = self.to_section(points[:, 0], points[:, 1])
        level = np.interp(along, self.along, self.depth, left=np.nan, right=np.nan)
        start = np.column_stack([self.along, self.depth])
        step = np.diff(start, axis=0)
        place = np.column_stack([along, points[:, 2]])
        away = place[:, None, :] - start[None, :-1]
        share = np.clip((away * step).sum(axis=2) / (step**2).sum(axis=1), 0.0, 1.0)
        distance = np.linalg.norm(away - share[..., None] * step, axis=2).min(axis=1)
        return points[:, 2] - level, distance


@dataclass(frozen=True, kw_only=True)
class MeshBoundary:
    """A boundary as triangles.

    Attributes
    ----------
    vertices : Array, (n, 3)
        Easting, northing, depth [km].
    triangles : NDArray of int, (m, 3)
        Vertices of every triangle.
    """

    vertices: Array
    triangles: NDArray[np.intp]

    def __post_init__(self) -> None:
        """Refuse a mesh that is none.

        Raises
        ------
        GeometryError
            No triangle, a vertex that is not there or not finite, a triangle without area.
        """
        v, t = np.asarray(self.vertices, float), np.asarray(self.triangles)
        if v.ndim != 2 or v.shape[1:] != (3,) or t.ndim != 2 or t.shape[1:] != (3,) or not t.size:
            raise GeometryError(
                f"MeshBoundary: vertices of shape {v.shape} and triangles of shape {t.shape}; "
                "expected (n, 3) and (m, 3)."
            )
        if t.min() < 0 or t.max() >= v.shape[0] or not np.isfinite(v).all():
            raise GeometryError(
                "MeshBoundary: a triangle names a vertex that is not there, or a vertex is not "
                "finite. Check that the mesh was saved fully."
            )
        a, b, c = (v[t[:, i]] for i in range(3))
        flat = np.flatnonzero(np.linalg.norm(np.cross(b - a, c - a), axis=1) < 1e-10)
        if flat.size:
            raise GeometryError(
                f"MeshBoundary: triangle {flat[0]} has no area ({flat.size} such). Remove them."
            )

    def separation(self, points: Array) -> tuple[Array, Array]:
        """Depth under the boundary, positive below, and shortest distance [km], (n,) each.

        NaN in depth beyond the mesh's edge.
        """
        corners = self.vertices[self.triangles]
        surface = LinearNDInterpolator(self.vertices[:, :2], self.vertices[:, 2])
        level = surface(points[:, 0], points[:, 1])
        tree = cKDTree(corners.mean(axis=1))
        n_near = min(N_NEAR, corners.shape[0])
        _, near = tree.query(points, k=[*range(1, n_near + 1)])
        distance = np.full(points.shape[0], np.inf)
        for k in range(n_near):
            np.minimum(distance, _to_triangle(points, corners[near[:, k]]), out=distance)
        return points[:, 2] - level, distance


Boundary = LineBoundary | MeshBoundary


def read_boundary(
    path: str | Path,
    projection: Projection | str,
    *,
    origin: tuple[float, float] = (0.0, 0.0),
    azimuth: float = 90.0,
) -> Boundary:
    """Read a boundary: a gmsh mesh, three columns (longitude, latitude, depth), or two (a line).

    Parameters
    ----------
    path : str or Path
        ``.msh``; or text. Two columns are distance along a section and depth.
    projection : Projection or str
        Of the hypocentres (``attrs["projection"]``).
    origin, azimuth
        Where the section of a line lies [km, degrees].

    Raises
    ------
    InputError, FileFormatError, GeometryError
        The file is not there or none of these; see the message.
    """
    if Path(path).suffix != ".msh":
        rows = read_text(path, where="read_boundary").rows()
        if rows and len(rows[-1].fields) == 2:
            along, depth = read_surface(path, where="read_boundary")
            return LineBoundary(along=along, depth=depth, origin=origin, azimuth=azimuth)
    vertices, triangles = read_mesh(path, projection)
    return MeshBoundary(vertices=vertices, triangles=triangles)


def _to_triangle(points: Array, corners: Array) -> Array:
    """Distance from points (n, 3) to a triangle each (n, corner, 3)."""
    a, b, c = corners[:, 0], corners[:, 1], corners[:, 2]
    normal = np.cross(b - a, c - a)
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    height = ((points - a) * normal).sum(axis=1)
    foot = points - height[:, None] * normal
    sides = [(np.cross(q - p, foot - p) * normal).sum(axis=1) for p, q in ((a, b), (b, c), (c, a))]
    inside = (np.array(sides) >= 0).all(axis=0)
    edges = np.min([_to_edge(points, p, q) for p, q in ((a, b), (b, c), (c, a))], axis=0)
    return np.where(inside, np.abs(height), edges)


def _to_edge(points: Array, p: Array, q: Array) -> Array:
    """Distance from points (n, 3) to a straight piece each."""
    step = q - p
    share = ((points - p) * step).sum(axis=1) / np.maximum((step**2).sum(axis=1), 1e-30)
    return np.asarray(np.linalg.norm(points - p - np.clip(share, 0.0, 1.0)[:, None] * step, axis=1))


def boundary_distance(
    hypocentres: xr.Dataset,
    boundary: Boundary | Sequence[Boundary],
    *,
    within: float = 2.0,
    weight: ArrayLike | None = None,
    seed: int = 0,
) -> xr.Dataset:
    """How far events lie from a boundary, with the uncertainty of both.

    Parameters
    ----------
    hypocentres : xr.Dataset
        Of :func:`seisnb.location.locate`.
    boundary : LineBoundary, MeshBoundary or a sequence of them
        The boundary in the hypocentres' projection; a sequence is an ensemble, one of which is
        drawn for every sample.
    within : float
        Distance d [km] of which the probability is wanted that the event is nearer.
    weight : array_like, (n_boundaries,), optional
        Weights of an ensemble's boundaries; equal by default.
    seed : int
        Of the draws.

    Returns
    -------
    xr.Dataset
        ``separation`` (event, sample): depth of the event less that of the boundary above or below
        it [km], positive below; NaN where the boundary does not reach. ``distance`` (event,
        sample): to its nearest point [km]. ``separation_mean``, ``separation_std``,
        ``probability_within``, ``probability_below`` (event). The same with ``single_`` in front
        for the mean model's answer.

    Raises
    ------
    InputError
        No boundary, a distance that is not positive, weights of another number.
    GeometryError
        No sample of any event lies over or under the boundary.
    """
    each = list(boundary) if isinstance(boundary, Sequence) else [boundary]
    if not each or not within > 0:
        raise InputError(
            f"boundary_distance: {len(each)} boundaries, within {within} km; expected one or more, "
            "and a distance above 0."
        )
    share = np.ones(len(each)) if weight is None else np.asarray(weight, float)
    if share.shape != (len(each),) or not (np.isfinite(share).all() and share.sum() > 0):
        raise InputError(
            f"boundary_distance: weights {share.tolist()} for {len(each)} boundaries; expected one "
            "for each."
        )
    rng = np.random.default_rng([seed, 113])
    found: dict[str, tuple[tuple[str, ...], Array, dict[str, str]]] = {}
    for prefix in ("", "single_"):
        if f"{prefix}easting" not in hypocentres:
            continue
        values = [hypocentres[f"{prefix}{n}"].values for n in ("easting", "northing", "depth")]
        points = np.stack(values, axis=-1)
        drawn = rng.choice(len(each), size=points.shape[:2], p=share / share.sum())
        below, distance = np.full(drawn.shape, np.nan), np.full(drawn.shape, np.nan)
        for k, one in enumerate(each):
            if (drawn == k).any():
                below[drawn == k], distance[drawn == k] = one.separation(points[drawn == k])
        known = np.isfinite(below)
        if not known.any():
            raise GeometryError(
                "boundary_distance: no event lies over or under the boundary. Check that both are "
                "in the same projection, in km, and the line's origin and azimuth."
            )
        count = np.maximum(known.sum(axis=1), 1)
        mean = np.where(known.any(axis=1), np.where(known, below, 0.0).sum(axis=1) / count, np.nan)
        square = np.where(known, (below - mean[:, None]) ** 2, 0.0).sum(axis=1)
        found |= {
            f"{prefix}separation": (("event", "sample"), below, {"units": "km", "long_name":
                                    "depth below the boundary"}),
            f"{prefix}distance": (("event", "sample"), distance, {"units": "km", "long_name":
                                  "shortest distance to the boundary"}),
            f"{prefix}separation_mean": (("event",), mean, {"units": "km", "long_name":
                                         "mean depth below the boundary"}),
            f"{prefix}separation_std": (("event",), np.sqrt(square / np.maximum(count - 1, 1)),
                                        {"units": "km", "long_name": "std of it"}),
            f"{prefix}probability_within": (("event",), (distance <= within).mean(axis=1),
                                            {"units": "1", "long_name":
                                             f"probability within {within:g} km"}),
            f"{prefix}probability_below": (("event",), (np.where(known, below, -1) > 0).sum(axis=1)
                                           / count, {"units": "1", "long_name":
                                                     "probability below the boundary"}),
        }  # fmt: skip
    return xr.Dataset(
        found,
        coords={"event": hypocentres["event"].values},
        attrs={"kind": "boundary_distance", "within": within, "n_boundaries": len(each)},
    )
