"""The rock's surface under a line, as callers give it: arrays or a two-column text file."""

from __future__ import annotations

from pathlib import Path
from typing import TypeAlias

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from seisnb.conventions import FileFormatError, GeometryError
from seisnb.io.lines import Line, read_text
from seisnb.io.records import Array, StraightLine

#: What ``read_picks`` takes as ``surface``.
Surface: TypeAlias = str | Path | xr.DataArray | ArrayLike

_WORDS = {"depth": "depth or elevation"}
_LENGTHS = {"km": 1.0, "m": 1e3}
#: Deeper or higher than any sea floor or mountain [km]: the numbers are metres.
_DEEPEST = 12.0


def read_surface(
    surface: Surface, *, where: str = "read_surface", line: StraightLine | None = None
) -> tuple[Array, Array]:
    """Easting and depth of the rock's surface: topography on land, the sea floor at sea.

    Parameters
    ----------
    surface : str, Path, DataArray or array_like
        One of:

        * a path to a text file of two columns, separated by white space, comma or semicolon:
          easting and depth [km], depth positive down from sea level. A first line that names the
          columns says otherwise: ``easting_km`` or ``easting_m``, then ``depth_km``, ``depth_m``,
          ``elevation_km`` or ``elevation_m`` (elevation positive up). A third
          column ``northing_km`` or ``northing_m`` places points on the map; they are projected
          onto ``line``. ``#`` starts a comment;
        * a DataArray of depths over the coordinate ``easting``, [km] unless an attribute ``units``
          says "m";
        * a pair (easting, depth) of lists [km], or one array (profile, 2).
    where : str
        The public function's name, for messages.
    line : StraightLine, optional
        The line that a file with northings is projected onto.

    Returns
    -------
    easting, depth : Array, (profile,)
        [km], easting increasing.

    Raises
    ------
    InputError
        There is no such file.
    FileFormatError
        A line that is not two numbers.
    GeometryError
        Arrays of another shape, or depths that must be metres.
    """
    if isinstance(surface, str | Path):
        easting, depth = _from_file(surface, where, line)
    elif isinstance(surface, xr.DataArray):
        easting, depth = _from_data_array(surface, where)
    else:
        easting, depth = _from_arrays(surface, where)
    order = np.argsort(easting, kind="stable")
    easting, depth = easting[order] + 0.0, depth[order] + 0.0
    if depth.size and np.nanmax(np.abs(depth)) > _DEEPEST:
        raise GeometryError(
            f"{where}: the surface reaches a depth of {depth[np.argmax(np.abs(depth))]:g} km; "
            f"expected at most {_DEEPEST:g} km up or down. Are these metres? Start the file with a "
            "line such as 'easting_m elevation_m'; arrays are in km, depth positive down."
        )
    return easting, depth


def _from_file(path: str | Path, where: str, on: StraightLine | None) -> tuple[Array, Array]:
    """A file of two columns, or of three with northings."""
    lines = (
        Line(line.file, line.number, line.raw, tuple(_data(line.raw).split()))
        for line in read_text(path, where=where).rows()
    )
    rows = [line for line in lines if line.fields]
    columns = {"easting": (0, 1.0), "depth": (1, 1.0)}
    if rows and rows[0].fields[0][0].isalpha():
        columns = _named_columns(rows.pop(0))
    if len(rows) < 2:
        name = Path(path).name
        raise FileFormatError(
            f"{where}: {name} holds {len(rows)} points; expected at least two lines "
            "'easting depth'. Complete it."
        )
    found = {
        name: np.array(
            [line.real(index, f"surface {_WORDS.get(name, name)}") / scale for line in rows]
        )
        for name, (index, scale) in columns.items()
    }
    if "northing" not in found:
        return found["easting"], found["depth"]
    if on is None:
        if np.ptp(found["northing"]) == 0:
            return found["easting"], found["depth"]
        raise GeometryError(
            f"{where}: {Path(path).name} has northings, but the picks have positions along a line "
            "only. Give the surface as easting (distance along the line) and depth."
        )
    along, _ = on.along_across(found["easting"], found["northing"])
    along, first = np.unique(along, return_index=True)
    return along, found["depth"][first]


def _data(raw: str) -> str:
    """A line without its comment, separators turned into spaces."""
    return raw.partition("#")[0].replace(";", " ").replace(",", " ")


def _named_columns(header: Line) -> dict[str, tuple[int, float]]:
    """Index and divisor of the easting, the depth and perhaps the northing column."""
    found: dict[str, tuple[int, float]] = {}
    for index, name in enumerate(header.fields):
        quantity, _, unit = name.lower().rpartition("_")
        if quantity in ("easting", "northing", "depth", "elevation") and unit in _LENGTHS:
            sign = -1.0 if quantity == "elevation" else 1.0
            key = "depth" if quantity == "elevation" else quantity
            found[key] = (index, sign * _LENGTHS[unit])
    if not {"easting", "depth"} <= found.keys():
        raise header.error(
            f"found {header.raw.strip()[:60]!r}",
            "two numbers, or column names such as 'easting_km depth_km' or 'easting_m elevation_m'",
        )
    return found


def _from_data_array(surface: xr.DataArray, where: str) -> tuple[Array, Array]:
    """Depths over a coordinate ``easting``."""
    if surface.dims != ("easting",) or "easting" not in surface.coords:
        raise GeometryError(
            f"{where}: the surface has dims {surface.dims}; expected depths over the coordinate "
            "'easting'."
        )
    parts = []
    for part in (surface["easting"], surface):
        unit = str(part.attrs.get("units", "km"))
        if unit not in _LENGTHS:
            raise GeometryError(f"{where}: the surface is in {unit!r}; expected 'km' or 'm'.")
        parts.append(np.asarray(part.values, float) / _LENGTHS[unit])
    return parts[0], parts[1]


def _from_arrays(surface: ArrayLike, where: str) -> tuple[Array, Array]:
    """A pair of lists, or one array of two columns."""
    try:
        array = np.asarray(surface, float)
    except (TypeError, ValueError):
        array = np.empty(0)
    if array.ndim == 2 and array.shape[1] == 2 and array.shape[0] != 2:
        array = array.T
    if array.ndim != 2 or array.shape[0] != 2:
        raise GeometryError(
            f"{where}: the surface is {type(surface).__name__} of shape {array.shape}; expected a "
            "path, or easting and depth [km] as two equal lists."
        )
    return array[0], array[1]
