"""Grids of the depth of an interface, such as Slab2's, as triangles."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from seisnb.conventions import FileFormatError, GeometryError, InputError
from seisnb.projection import Projection

Array = NDArray[np.float64]

WHERE = "read_interface"
#: Names of variables and coordinates, whatever their case.
DEPTHS = ("depth", "dep", "z", "slab_depth")
LONGITUDES, LATITUDES = ("lon", "longitude", "x"), ("lat", "latitude", "y")
METRES = ("m", "meter", "meters", "metre", "metres")
#: What is deeper is in metres [km].
DEEPEST = 800.0
#: A mesh of more vertices needs a spacing.
MOST_VERTICES = 50_000


def read_interface(
    path: str | Path,
    projection: Projection | str,
    *,
    spacing_km: float | None = None,
    depth_min: float = 0.0,
    depth_max: float = DEEPEST,
    variable: str | None = None,
) -> tuple[Array, NDArray[np.intp]]:
    """Read an interface's depth over longitude and latitude as vertices and triangles.

    :func:`seisnb.slip.triangle_fault` makes a fault of them: ``triangle_fault(*read_interface(...
    ))``.

    Parameters
    ----------
    path : str or Path
        NetCDF with one depth [km] for each longitude and latitude [degrees], positive or negative
        throughout, NaN where there is no interface.
    projection : Projection or str
        That vertices come out in.
    spacing_km : float, optional
        Sides of triangles along the ground [km]: the grid is resampled, linearly, at a triangular
        lattice. By default its own nodes are taken.
    depth_min, depth_max : float
        Only vertices between these depths are used [km].
    variable : str, optional
        Name of the depth; by default depth, dep, z or slab_depth.

    Returns
    -------
    vertices : Array, (n, 3)
        Easting, northing, depth [km], depth positive down.
    triangles : NDArray of int, (m, 3)
        Without those that a missing depth is a corner of.

    Raises
    ------
    InputError
        There is no such file, a spacing or depths that cannot be, no triangle is left, or the mesh
        would be too large.
    FileFormatError
        It cannot be read, or has no depth, longitude or latitude.
    GeometryError
        Depths in metres, all missing or of both signs, or coordinates that are not degrees.
    """
    path = Path(path)
    if spacing_km is not None and not (np.isfinite(spacing_km) and spacing_km > 0):
        raise InputError(f"{WHERE}: spacing_km is {spacing_km}; expected kilometres above 0.")
    if not 0.0 <= depth_min < depth_max:
        raise InputError(
            f"{WHERE}: depths from {depth_min} to {depth_max} km; expected 0 or more, the second "
            "greater than the first."
        )
    place = projection if isinstance(projection, Projection) else Projection(projection)
    longitude, latitude, depth = _trimmed(*_grid(path, variable))
    if spacing_km is None:
        _check_size(depth.size, path, "")
        x, y = place.forward(*np.meshgrid(longitude, latitude))
        z = depth
    else:
        x, y, z = _resampled(longitude, latitude, depth, place, spacing_km, path)
    z = np.where((z >= depth_min) & (z <= depth_max), z, np.nan)
    return _triangulated(np.stack([x, y, z], axis=-1), path)


def _grid(path: Path, variable: str | None) -> tuple[Array, Array, Array]:
    """Longitudes and latitudes, rising, and depth (latitude, longitude) [km], positive down."""
    if not path.is_file():
        raise InputError(f"{WHERE}: there is no file {str(path)!r}. Check the path.")
    try:
        with xr.open_dataset(path, engine="netcdf4", decode_times=False) as dataset:
            found = _depth_of(dataset, path, variable).load()
    except (OSError, RuntimeError, KeyError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise FileFormatError(
            f"{WHERE}: {path.name} cannot be read as NetCDF ({error}). Copy it again, or convert "
            "it."
        ) from error
    axes = [_axis(found, names, what, path) for names, what in (
        (LONGITUDES, "longitude"), (LATITUDES, "latitude"))]  # fmt: skip
    depth = found.transpose(axes[1], axes[0]).values.astype(float)
    longitude = np.unwrap(found[axes[0]].values.astype(float), period=360.0)
    latitude = found[axes[1]].values.astype(float)
    if not (
        np.isfinite(longitude).all()
        and np.ptp(longitude) <= 360.0
        and np.abs(latitude).max() <= 90.0
    ):
        raise GeometryError(
            f"{WHERE}: {path.name}: {axes[0]} from {longitude.min():g} to {longitude.max():g} and "
            f"{axes[1]} from {latitude.min():g} to {latitude.max():g}; expected degrees. Project "
            "the grid back to longitude and latitude."
        )
    right, up = np.argsort(longitude), np.argsort(latitude)
    longitude, latitude, depth = longitude[right], latitude[up], depth[np.ix_(up, right)]
    if min(longitude.size, latitude.size) < 2 or not (
        np.diff(longitude).min() > 0 and np.diff(latitude).min() > 0
    ):
        raise GeometryError(
            f"{WHERE}: {path.name} has {longitude.size} longitudes and {latitude.size} latitudes; "
            "expected two or more of each, none twice."
        )
    return longitude, latitude, _downward(depth, str(found.attrs.get("units", "")), path)


def _depth_of(dataset: xr.Dataset, path: Path, variable: str | None) -> xr.DataArray:
    """The variable that is the depth, without dims of one value."""
    names = [str(name) for name in dataset.data_vars]
    if variable is not None:
        chosen = [name for name in names if name == variable]
    else:
        chosen = [name for known in DEPTHS for name in names if name.lower() == known]
    if not chosen:
        wanted = repr(variable) if variable else ", ".join(DEPTHS)
        raise FileFormatError(
            f"{WHERE}: {path.name} has no variable {wanted}; it holds "
            f"{', '.join(names) or 'none'}. Name the depth by variable=..."
        )
    found = dataset[chosen[0]].squeeze()
    if found.ndim != 2 or found.dtype.kind not in "fiu":
        raise FileFormatError(
            f"{WHERE}: {chosen[0]!r} of {path.name} has dims {found.dims}; expected numbers over "
            "longitude and latitude."
        )
    return found


def _axis(found: xr.DataArray, names: tuple[str, ...], what: str, path: Path) -> str:
    """The dim that is a coordinate of one of some names."""
    for dim in found.dims:
        if str(dim).lower() in names and dim in found.coords:
            return str(dim)
    raise FileFormatError(
        f"{WHERE}: {path.name} has no {what}: the depth's dims are {found.dims}; expected one "
        f"named {', '.join(names)}, with its values. Rename it."
    )


def _downward(depth: Array, units: str, path: Path) -> Array:
    """Depths [km], positive down, of depths or heights."""
    depth = np.where(np.isfinite(depth), depth, np.nan)
    if np.isnan(depth).all():
        raise GeometryError(f"{WHERE}: {path.name} holds no depth that is a number.")
    low, high = float(np.nanmin(depth)), float(np.nanmax(depth))
    if units.strip().lower() in METRES or max(-low, high) > DEEPEST:
        raise GeometryError(
            f"{WHERE}: {path.name} holds depths from {low:g} to {high:g} {units or '(no unit)'}; "
            "expected kilometres. Divide metres by 1000."
        )
    if low < 0.0 < high:
        raise GeometryError(
            f"{WHERE}: {path.name} holds depths of both signs, from {low:g} to {high:g} km; "
            "expected one. Mask what lies above sea level."
        )
    return -depth if low < 0.0 else depth


def _trimmed(longitude: Array, latitude: Array, depth: Array) -> tuple[Array, Array, Array]:
    """The part of a grid that holds depths, and a node more on every side."""
    is_there = np.isfinite(depth)
    parts = []
    for axis in (0, 1):
        held = np.flatnonzero(is_there.any(axis=1 - axis))
        parts.append(slice(max(held[0] - 1, 0), held[-1] + 2))
    return longitude[parts[1]], latitude[parts[0]], depth[parts[0], parts[1]]


def _resampled(
    longitude: Array, latitude: Array, depth: Array, place: Projection, spacing: float, path: Path
) -> tuple[Array, Array, Array]:
    """Depths at a triangular lattice, NaN where one of four nodes around has none."""
    edge = [np.meshgrid(longitude, latitude[[0, -1]]), np.meshgrid(longitude[[0, -1]], latitude)]
    lon, lat = (np.concatenate([each[k].ravel() for each in edge]) for k in (0, 1))
    x, y = place.forward(lon, lat)
    rise = spacing * np.sqrt(0.75)
    n_rows, n_columns = int(np.ptp(y) / rise) + 2, int(np.ptp(x) / spacing) + 2
    _check_size(n_rows * n_columns, path, f" at {spacing:g} km")
    rows, columns = np.meshgrid(np.arange(n_rows), np.arange(n_columns), indexing="ij")
    east = x.min() + spacing * (columns + 0.5 * (rows % 2))
    north = y.min() + rise * rows
    lon, lat = place.inverse(east, north)
    at = np.stack([lat, (lon - longitude[0]) % 360.0 + longitude[0]], axis=-1)
    from scipy.interpolate import RegularGridInterpolator  # slow to load, and few need it

    read = RegularGridInterpolator((latitude, longitude), depth, bounds_error=False)
    return east, north, np.asarray(read(at), float)


def _check_size(n: int, path: Path, at: str) -> None:
    """Refuse meshes that nothing can be inverted on."""
    if n > MOST_VERTICES:
        raise InputError(
            f"{WHERE}: {path.name} has {n} nodes{at}; at most {MOST_VERTICES}. Give a larger "
            "spacing_km, or cut the grid to your region."
        )


def _triangulated(nodes: Array, path: Path) -> tuple[Array, NDArray[np.intp]]:
    """Vertices that have depths, and two triangles between any four nodes (row, column, 3).

    Four are cut across their shorter diagonal; where one has no depth, so that the others are used.
    """
    row, column = nodes.shape[:2]
    index = np.arange(row * column).reshape(row, column)
    a, b = index[:-1, :-1].ravel(), index[:-1, 1:].ravel()
    c, d = index[1:, :-1].ravel(), index[1:, 1:].ravel()
    flat = nodes.reshape(-1, 3)
    is_there = np.isfinite(flat[:, 2])
    across = [np.linalg.norm(flat[p, :2] - flat[q, :2], axis=1) for p, q in ((b, c), (a, d))]
    one_way = np.where(is_there[b] & is_there[c], across[0], np.inf)
    other = np.where(is_there[a] & is_there[d], across[1], np.inf)
    first = (one_way <= other)[:, None]
    triangles = np.concatenate(
        [
            np.where(first, np.column_stack([a, b, c]), np.column_stack([a, b, d])),
            np.where(first, np.column_stack([b, d, c]), np.column_stack([a, d, c])),
        ]
    )
    triangles = triangles[is_there[triangles].all(axis=1)]
    if not len(triangles):
        raise InputError(
            f"{WHERE}: no triangle of {path.name} is left. Use a smaller spacing_km, or a wider "
            "range of depths."
        )
    used, at = np.unique(triangles, return_inverse=True)
    return flat[used], at.reshape(triangles.shape).astype(np.intp)
