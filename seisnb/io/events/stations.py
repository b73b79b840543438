"""The door for stations: one call for every format.

Positions come out as depth below sea level [km], positive down; every format says height in its own
way, and what is taken for what is written down here and in :mod:`seisnb.io.events.station_xml`:

- ``nlloc``: lines ``GTSRCE`` (or ``LOCSRCE``) name, ``LATLON`` latitude longitude, ``LATLONDM``
  degrees minutes N|S degrees minutes E|W, or ``XYZ`` easting northing [km]; then z, a depth
  [km, positive down], and the elevation above it [km, positive up]: depth = z - elevation.
- ``csv``: columns ``station`` (or ``id``, ``name``, ``code``), ``longitude``, ``latitude`` (or
  ``easting_km``, ``northing_km``), and one of ``elevation`` or ``elevation_m`` [m, positive up],
  ``elevation_km``, ``depth_km``, ``depth_m``. Where ``network`` tells two stations of one code
  apart, all are called ``NET.STA``.
- ``hypodd``: station.dat, name, latitude, longitude and, optionally, elevation [m]; without it the
  station is at sea level. Degrees may have minutes after a colon.
- ``hypomh``: the station lines of a WIN pick file (:mod:`seisnb.io.events.hypomh`), height in m.
- ``stationxml``: FDSN StationXML, through ObsPy.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import xarray as xr

from seisnb.catalogue import NOWHERE, make_stations
from seisnb.conventions import FileFormatError, InputError
from seisnb.io.events.columns import Table, header_names, read_table, require
from seisnb.io.events.hypomh import station_lines
from seisnb.io.events.xml import root_name
from seisnb.io.lines import Line, TextFile, listed, read_text, shown
from seisnb.projection import Projection


@dataclass(frozen=True, kw_only=True, slots=True)
class StationRow:
    """A station as the file has it: [degrees] or [km], depth below sea level [km]."""

    place: str
    name: str
    x: float
    y: float
    depth: float
    projected: bool = False
    network: str = ""


@dataclass(frozen=True, kw_only=True)
class StationFile:
    """A parsed file of stations, and what was assumed."""

    rows: list[StationRow]
    notes: list[str] = field(default_factory=list)


def read_stations(
    path: str | Path, format: str | None = None, *, projection: Projection | str | None = None
) -> xr.Dataset:
    """Read stations from a file into a checked Dataset.

    Parameters
    ----------
    path : str or Path
        The file.
    format : {"nlloc", "csv", "hypodd", "hypomh", "stationxml"}, optional
        The format (module docstring); without it, told from the contents.
    projection : Projection or str, optional
        From longitude and latitude to easting and northing; by default one around the stations.
        Needed where a file gives some stations in km and some in degrees.

    Returns
    -------
    xr.Dataset
        As :func:`seisnb.catalogue.make_stations` returns it; ``attrs["notes"]`` is a JSON list of
        what was assumed.

    Raises
    ------
    FileFormatError
        The file is not what its format says; the message names file, line and value.
    InputError, GeometryError
        No station, a name on two places, a position that cannot be.
    """
    where = "read_stations"
    if format is not None and format not in STATION_FORMATS:
        raise InputError(
            f"{where}: format is {format!r}; expected one of {', '.join(STATION_FORMATS)}."
        )
    if isinstance(projection, str):
        projection = Projection(projection)
    text = read_text(path, where=where)
    found = _format_by_contents(text)
    if format is None and found is None:
        first = next(raw for raw in text.lines if raw.strip())
        raise FileFormatError(
            f"{where}: {text.name} is of no known format; it starts {shown(first.strip())}. Pass "
            f"format, one of {', '.join(STATION_FORMATS)}."
        )
    if format is not None and found not in (None, format):
        raise FileFormatError(
            f"{where}: {text.name} looks like stations of format {found!r}; expected {format!r}. "
            "Leave format out, or give the other file."
        )
    parsed = _PARSERS[format or found or ""](text)
    notes = [*text.notes, *parsed.notes]
    rows = _merged(_with_networks(parsed.rows), notes)
    return _stations(rows, projection, text, notes, f"{where}: {text.name}")


def _format_by_contents(text: TextFile) -> str | None:
    """The format by the root element, the header or the first line of values."""
    root = root_name(text)
    if root:
        return "stationxml" if root == "FDSNStationXML" else None
    if any(raw.split()[:1] in (["GTSRCE"], ["LOCSRCE"]) for raw in text.lines):
        return "nlloc"
    if any(raw.startswith("#s ") for raw in text.lines):
        return "hypomh"
    names = header_names(text)
    if any(n in names for n in COLUMNS["station"]) and any(n in names for n in COLUMNS["latitude"]):
        return "csv"
    if {"easting_km", "northing_km"} <= set(names):
        return "csv"
    rows = text.rows()
    known = rows and len(rows[0].fields) >= 3 and all(map(_is_angle, rows[0].fields[1:3]))
    return "hypodd" if known else None


def _parse_nonlinloc(text: TextFile) -> StationFile:
    """NonLinLoc's GTSRCE and LOCSRCE lines; other statements of a control file are passed over."""
    rows = []
    for line in text.rows():
        if line.fields[0] not in ("GTSRCE", "LOCSRCE"):
            continue
        kind = line.field(2, "kind of coordinates").upper()
        if kind == "LATLON":
            y, x, at = line.real(3, "latitude"), line.real(4, "longitude"), 5
        elif kind == "LATLONDM":
            y, x, at = _minutes(line, 3, "NS"), _minutes(line, 6, "EW"), 9
        elif kind == "XYZ":
            x, y, at = line.real(3, "easting"), line.real(4, "northing"), 5
        else:
            raise line.error(
                f"the kind of coordinates is {shown(kind)}", "LATLON, LATLONDM or XYZ",
                "Write the station in one of these.",
            )  # fmt: skip
        depth = line.real(at, "z") - line.real(at + 1, "elevation")
        rows.append(_row(line, line.fields[1], x, y, depth, projected=kind == "XYZ"))
    return StationFile(rows=rows)


def _minutes(line: Line, at: int, signs: str) -> float:
    """Degrees from degrees, minutes and a direction of two."""
    degrees, minutes = line.real(at, "degrees"), line.real(at + 1, "minutes")
    sign = line.field(at + 2, "direction").upper()
    if sign not in tuple(signs) or degrees < 0 or not 0 <= minutes < 60:
        raise line.error(
            f"the angle is {' '.join(line.fields[at : at + 3])!r}",
            f"degrees, minutes below 60, and {signs[0]} or {signs[1]}",
        )
    return (degrees + minutes / 60.0) * (-1.0 if sign == signs[1] else 1.0)


def _parse_hypodd(text: TextFile) -> StationFile:
    """HypoDD's station.dat."""
    rows, at_sea_level = [], []
    for line in text.rows():
        elevation = line.real(3, "elevation") if len(line.fields) > 3 else 0.0
        if len(line.fields) <= 3:
            at_sea_level.append(line.field(0, "name"))
        y, x = _angle(line, 1, "latitude"), _angle(line, 2, "longitude")
        rows.append(_row(line, line.fields[0], x, y, 0.0 - elevation / 1e3))
    notes = [f"Without an elevation, put at sea level: {listed(at_sea_level)}."]
    return StationFile(rows=rows, notes=notes if at_sea_level else [])


def _is_angle(text: str) -> bool:
    """Whether a text is degrees, or degrees:minutes."""
    return re.fullmatch(r"[+-]?\d+(\.\d*)?(:\d+(\.\d*)?)?", text) is not None


def _angle(line: Line, at: int, what: str) -> float:
    """Degrees from degrees, or degrees:minutes; a sign before the degrees is that of both."""
    degrees, colon, minutes = line.field(at, what).partition(":")
    if not colon:
        return line.real(at, what)
    if not _is_angle(line.fields[at]) or float(minutes) >= 60:
        raise line.error(f"{what} is {shown(line.fields[at])}", "degrees:minutes")
    size = abs(float(degrees)) + float(minutes) / 60.0
    return -size if degrees.startswith("-") else size


def _parse_hypomh(text: TextFile) -> StationFile:
    """The coordinates in the station lines of a WIN pick file; a station may be there often."""
    rows = [
        _row(
            line, line.field(0, "station"), line.real(9, "longitude"), line.real(8, "latitude"),
            0.0 - line.real(10, "height") / 1e3,
        )
        for line in station_lines(text)
    ]  # fmt: skip
    return StationFile(rows=rows)


COLUMNS = {
    "station": ("station", "id", "name", "code", "station_code", "sta"),
    "longitude": ("longitude", "lon", "long"),
    "latitude": ("latitude", "lat"),
    "easting": ("easting_km",),
    "northing": ("northing_km",),
    "network": ("network", "network_code", "net"),
    "elevation_m": ("elevation_m", "elevation"),
    "elevation_km": ("elevation_km",),
    "depth_m": ("depth_m",),
    "depth_km": ("depth_km",),
}
#: What a height must be multiplied by to become a depth in km.
_DEPTH = {"elevation_m": -1e-3, "elevation_km": -1.0, "depth_m": 1e-3, "depth_km": 1.0}
#: Elevations [m] that would be those of a mountain or trench if they were km.
_LIKE_KM = 9.0


def _parse_csv(text: TextFile) -> StationFile:
    """A table of stations (module docstring)."""
    table = read_table(text, COLUMNS)
    projected = "easting" in table.index
    needed = ("easting", "northing") if projected else ("longitude", "latitude")
    require(table, COLUMNS, ("station", *needed))
    height = _height_column(table)
    rows = []
    for line in table.rows:
        table.check(line)
        x, y = (table.real(line, quantity) for quantity in needed)
        depth = 0.0 + _DEPTH[height] * table.real(line, height)
        network = table.text(line, "network")
        row = _row(line, table.name(line, "station"), x, y, depth, projected=projected)
        rows.append(replace(row, network=network))
    notes = []
    if "elevation" in table.names:
        notes.append("The column 'elevation' was taken as metres above sea level.")
        if 0 < max(abs(row.depth) for row in rows) * 1e3 < _LIKE_KM:
            notes.append(
                f"All elevations are within {_LIKE_KM:g} m of sea level. If they are km, call the "
                "column elevation_km."
            )
    return StationFile(rows=rows, notes=notes)


def _height_column(table: Table) -> str:
    """The one column of heights."""
    found = [name for name in _DEPTH if name in table.index]
    if "depth" in table.names:
        raise table.header.error(
            "the column 'depth' has no unit", "depth_km or depth_m, positive down",
            "Rename the column.",
        )  # fmt: skip
    if len(found) != 1:
        raise table.header.error(
            f"{listed(found) or 'no column'} gives the height of the stations",
            "one of elevation (m), elevation_m, elevation_km, depth_km, depth_m",
            "Name one column so.",
        )
    return found[0]


def _parse_stationxml(text: TextFile) -> StationFile:
    """FDSN StationXML."""
    from seisnb.io.events.station_xml import parse_stationxml

    places, notes = parse_stationxml(text)
    rows = [
        StationRow(
            place=f"{text.name}, station {p.network}.{p.code}", name=p.code, x=p.longitude,
            y=p.latitude, depth=p.depth, network=p.network,
        )
        for p in places
    ]  # fmt: skip
    return StationFile(rows=rows, notes=notes)


_PARSERS: Mapping[str, Callable[[TextFile], StationFile]] = {
    "nlloc": _parse_nonlinloc,
    "csv": _parse_csv,
    "hypodd": _parse_hypodd,
    "hypomh": _parse_hypomh,
    "stationxml": _parse_stationxml,
}
#: Names of the formats of stations.
STATION_FORMATS = tuple(_PARSERS)


def _row(
    line: Line, name: str, x: float, y: float, depth: float, *, projected: bool = False
) -> StationRow:
    """A station of a line."""
    if not projected and not (-180 <= x <= 360 and -90 <= y <= 90):
        raise line.error(
            f"station {shown(name)} is at longitude {x:g}, latitude {y:g}",
            "degrees, longitude -180 to 360 and latitude -90 to 90",
            "Check the order of the columns and their unit.",
        )
    place = f"{line.file}, line {line.number}"
    return StationRow(place=place, name=name, x=x, y=y, depth=depth, projected=projected)


def _with_networks(rows: list[StationRow]) -> list[StationRow]:
    """NET.STA for all stations where one code belongs to two networks."""
    network: dict[str, str] = {}
    if all(network.setdefault(row.name, row.network) == row.network for row in rows):
        return rows
    return [replace(row, name=f"{row.network}.{row.name}") for row in rows]


def _merged(rows: list[StationRow], notes: list[str]) -> list[StationRow]:
    """One row for each name: repeats at the same place are merged, others refused."""
    first: dict[str, StationRow] = {}
    repeated: dict[str, int] = {}
    for row in rows:
        kept = first.setdefault(row.name, row)
        if kept is row:
            continue
        if (kept.x, kept.y, kept.depth) != (row.x, row.y, row.depth):
            raise FileFormatError(
                f"{row.place}: station {shown(row.name)} is at ({row.x:g}, {row.y:g}, depth "
                f"{row.depth:g} km), but in {kept.place} at ({kept.x:g}, {kept.y:g}, depth "
                f"{kept.depth:g} km); expected one place for each name. Remove one, or rename it."
            )
        repeated[row.name] = repeated.get(row.name, 1) + 1
    if repeated:
        notes.append(f"Listed more than once at the same place: {listed(repeated)}.")
    return list(first.values())


def _stations(
    rows: list[StationRow],
    projection: Projection | None,
    text: TextFile,
    notes: list[str],
    where: str,
) -> xr.Dataset:
    """The checked Dataset of stations in degrees, in km, or both where a projection joins them."""
    kinds = {row.projected for row in rows}
    if kinds == {True, False}:
        if projection is None:
            raise InputError(
                f"{where}: some stations are in km, some in degrees. Pass projection, which says "
                "where the km are."
            )
        rows = [_unprojected(row, projection) for row in rows]
    columns = ("easting", "northing") if kinds == {True} else ("longitude", "latitude")
    if kinds == {True} and projection is None:
        notes.append(
            f"Stations are in km of an unknown projection; {NOWHERE!r} was assumed. Pass "
            "projection to place them on the earth."
        )
    return make_stations(
        station=[row.name for row in rows],
        depth=[row.depth for row in rows],
        projection=projection,
        source=text.name,
        checksum=text.checksum,
        notes=notes,
        where=where,
        **{columns[0]: [row.x for row in rows], columns[1]: [row.y for row in rows]},
    )


def _unprojected(row: StationRow, projection: Projection) -> StationRow:
    """A station in degrees."""
    if not row.projected:
        return row
    x, y = projection.inverse(row.x, row.y)
    return replace(row, x=float(x), y=float(y), projected=False)
