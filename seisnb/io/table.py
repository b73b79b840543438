"""The pick table of seisnb: a CSV file with units in its column names.

UTF-8 text; the first line that is not a comment names the columns, in any order; then one line per
pick. Fields are separated by commas (semicolons and tabs are understood), decimals have a point::

    # title = Line 7
    # water_velocity_km_s = 1.5
    # surface_km = 0.0 1.20
    # surface_km = 60.0 1.45
    # buried = receiver
    shot_easting_km,shot_depth_km,receiver_easting_km,receiver_depth_km,travel_time_s,pick_std_s
    10.0,1.25,14.2,0.0,2.507,0.02

=================================================  ==========================================
column                                             meaning
=================================================  ==========================================
``shot_easting_km``, ``receiver_easting_km``       position along the line; required
``shot_northing_km``, ``receiver_northing_km``     the other horizontal coordinate, of points
                                                   that are yet to be projected onto a line
``offset_across_km``                               how much farther to the left of the line
                                                   the receiver lies than the shot
``shot_depth_km``, ``receiver_depth_km``           depth, positive down from sea level; or
``shot_elevation_km``, ``receiver_elevation_km``   elevation, positive up from sea level;
                                                   without either the end stands on the
                                                   caller's surface
``travel_time_s``                                  travel time; required
``pick_std_s``                                     its standard deviation
``phase``                                          phase code (a number or a word)
``used``                                           1 or true; 0 or false for a muted pick
``shot``, ``receiver``                             whole numbers; without them, by position
=================================================  ==========================================

``_m`` may stand for ``_km`` and ``_ms`` for ``_s``. Other columns are ignored and reported, unless
their name looks like a misspelt one. Comments carry what is not a column: the title, the velocity
of the water, ``first_arrivals = 1 5`` (codes of the phase column that are first arrivals), and one
``surface_km = easting depth`` for each point of the surface profile, which ends of picks stand in
boreholes (``buried``), and where a line lies on the map (``line_km = easting northing azimuth``).
"""

from __future__ import annotations

import csv
import difflib
import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import xarray as xr

from seisnb.conventions import SURVEY
from seisnb.io.lines import Line, TextFile, keep_good, listed, shown
from seisnb.io.records import NO_PHASE, PickFile, PickRow, StraightLine

_LENGTHS = {"km": 1.0, "m": 1e3}
_TIMES = {"s": 1.0, "ms": 1e3}
_QUANTITIES = {
    **{
        f"{kind}_{quantity}": _LENGTHS
        for kind in ("shot", "receiver")
        for quantity in ("easting", "northing", "depth", "elevation")
    },
    "offset_across": _LENGTHS,
    "travel_time": _TIMES,
    "pick_std": _TIMES,
}
_PLAIN = ("phase", "used", "shot", "receiver")
_NAMES = [f"{name}_{unit}" for name, units in _QUANTITIES.items() for unit in units] + [*_PLAIN]
#: Parts of column names that are ours alone.
_OWN = ("shot_easting", "receiver_easting", "travel_time_")
_YES_NO = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}
#: Similarity (0 to 1) from which an unknown column is taken for a misspelt one.
_MISSPELT = 0.85


@dataclass(frozen=True)
class _Header:
    """Where each quantity stands, and what its column must be divided by."""

    columns: dict[str, tuple[int, float]]
    delimiter: str
    n_columns: int


def parse_table(text: TextFile, *, on_bad: str = "raise") -> PickFile:
    """Parse a CSV pick table (module docstring).

    Parameters
    ----------
    text : TextFile
        The file.
    on_bad : {"raise", "drop"}
        What to do with a bad line; a bad header or comment always raises.

    Returns
    -------
    PickFile
        Depths are NaN where the table has none.

    Raises
    ------
    FileFormatError
        A required column is missing, doubled or misspelt; a line that does not fit the header.
    """
    notes: list[str] = []
    lines = text.all_lines()
    said = _comments(lines, notes)
    rows = [line for line in lines if line.fields]
    if not rows:
        raise lines[-1].error("the file has only comments", "a header line with column names")
    header = _read_header(rows[0], notes)

    def split(line: Line) -> Line:
        fields = _split(line.raw.partition("#")[0], header.delimiter)
        return Line(line.file, line.number, line.raw, fields, line.comment)

    parsed = keep_good(
        map(split, rows[1:]), lambda line: _row(line, header), on_bad=on_bad, notes=notes
    )
    if not rows[1:]:
        raise rows[0].error("no picks follow the header", "one line per pick")
    codes = frozenset(row.phase for row in parsed)
    only = codes if len(codes) == 1 else None
    return replace(
        said,
        rows=parsed,
        first_arrivals=said.first_arrivals or only,
        is_projected="offset_across" in header.columns or said.line is not None,
    )


def format_table(survey: xr.Dataset) -> str:
    """A survey as the text of a CSV pick table that reads back as the same survey, to the digit."""
    comments = []
    if survey.attrs.get("title"):
        comments.append(f"# title = {' '.join(str(survey.attrs['title']).split())}")
    if "water_velocity" in survey.attrs:
        comments.append(f"# water_velocity_km_s = {float(survey.attrs['water_velocity'])!r}")
    if "buried" in survey.attrs:
        comments.append(f"# buried = {survey.attrs['buried']}")
    if "line_azimuth" in survey.attrs:
        place = [survey.attrs[f"line_{name}"] for name in ("easting", "northing", "azimuth")]
        comments.append(f"# line_km = {' '.join(repr(float(value)) for value in place)}")
    comments += [
        f"# surface_km = {float(x)!r} {float(z)!r}"
        for x, z in zip(
            survey["surface_easting"].values, survey["surface_depth"].values, strict=True
        )
    ]
    columns: dict[str, list[str]] = {}
    for name, variable in SURVEY.items():
        if variable.dims != ("pick",):
            continue
        unit = "" if variable.units == "1" else f"_{variable.units}"
        write: Callable[[float], str] = repr if unit else lambda value: str(int(value))
        columns[name + unit] = [write(value) for value in survey[name].values.tolist()]
    if "offset_across" in survey:
        columns["offset_across_km"] = [repr(v) for v in survey["offset_across"].values.tolist()]
    if "phase" in survey:
        columns["phase"] = [str(value) for value in survey["phase"].values]
        comments.append(f"# first_arrivals = {' '.join(sorted(set(columns['phase'])))}")
    lines = [",".join(columns), *map(",".join, zip(*columns.values(), strict=True))]
    return "\n".join([*comments, *lines]) + "\n"


def is_table(text: TextFile) -> bool:
    """Whether the first line with values names a column as only our tables do."""
    rows = text.rows()[:1]
    return bool(rows) and any(name in rows[0].raw.lower() for name in _OWN)


def _split(raw: str, delimiter: str) -> tuple[str, ...]:
    """The fields of one CSV line, stripped."""
    return tuple(field.strip() for field in next(csv.reader([raw.strip()], delimiter=delimiter)))


def _read_header(line: Line, notes: list[str]) -> _Header:
    """Find the columns; refuse missing, doubled and misspelt ones."""
    text = line.raw.partition("#")[0]
    delimiter = max(",;\t", key=text.count)
    names = [name.lower() for name in _split(text, delimiter)]
    columns: dict[str, tuple[int, float]] = {}
    unknown = []
    for index, name in enumerate(names):
        quantity, _, unit = name.rpartition("_")
        if name in _PLAIN:
            quantity, scale = name, 1.0
        elif unit in _QUANTITIES.get(quantity, {}):
            scale = _QUANTITIES[quantity][unit]
        else:
            close = difflib.get_close_matches(name, _NAMES, n=1, cutoff=_MISSPELT)
            if close or name in _QUANTITIES:
                right = close[0] if close else f"{name}_{next(iter(_QUANTITIES[name]))}"
                raise line.error(
                    f"there is no column {shown(name)}",
                    f"a name such as {right!r}",
                    "Correct the name (units are part of it).",
                )
            unknown.append(shown(name))
            continue
        if quantity in columns:
            raise line.error(f"{quantity!r} has two columns", "one", "Remove or rename one.")
        columns[quantity] = (index, scale)
    if unknown:
        notes.append(f"Ignored columns: {listed(unknown)}.")
    missing = [
        f"'{name}_{next(iter(_QUANTITIES[name]))}'"
        for name in ("shot_easting", "receiver_easting", "travel_time")
        if name not in columns
    ]
    if missing:
        raise line.error(
            f"the header is {shown(text.strip())}",
            f"it to hold {' and '.join(missing)}",
            "The first line that is not a comment must name the columns.",
        )
    if "offset_across" in columns and columns.keys() & {"shot_northing", "receiver_northing"}:
        raise line.error(
            "there are northings and 'offset_across'", "one of them", "Remove or rename one."
        )
    for kind in ("shot", "receiver"):
        if {f"{kind}_depth", f"{kind}_elevation"} <= columns.keys():
            raise line.error(
                f"the {kind} has a depth and an elevation", "one of them", "Remove or rename one."
            )
    return _Header(columns, delimiter, len(names))


def _row(line: Line, header: _Header) -> PickRow:
    """One pick from one line."""
    if len(line.fields) != header.n_columns:
        raise line.error(
            f"{shown(line.raw.strip())} has {len(line.fields)} values",
            f"{header.n_columns}, as in the header",
            "The line may be truncated, or a decimal comma split a number.",
        )

    def real(name: str, *, finite: bool = True) -> float:
        index, scale = header.columns[name]
        return line.real(index, name.replace("_", " "), finite=finite) / scale

    def depth(kind: str) -> float:
        if f"{kind}_elevation" in header.columns:
            return 0.0 - real(f"{kind}_elevation")
        return real(f"{kind}_depth") if f"{kind}_depth" in header.columns else math.nan

    def plain(name: str) -> str | None:
        return line.fields[header.columns[name][0]] if name in header.columns else None

    def northing(kind: str) -> float:
        if kind == "receiver" and "offset_across" in header.columns:
            return real("offset_across")
        return real(f"{kind}_northing") if f"{kind}_northing" in header.columns else 0.0

    used = plain("used")
    if used is not None and used.lower() not in _YES_NO:
        raise line.error(f"'used' is {shown(used)}", "1, 0, true or false")
    phase = plain("phase")
    if phase is not None and (not phase or set(phase) & set(' \t,;:#"')):
        raise line.error(f"phase is {shown(phase)}", "a code: one number or word")
    number = {
        kind: line.integer(header.columns[kind][0], f"{kind} number")
        for kind in ("shot", "receiver")
        if kind in header.columns
    }
    return PickRow(
        line=line.number,
        shot_easting=real("shot_easting"),
        shot_northing=northing("shot"),
        shot_depth=depth("shot"),
        receiver_easting=real("receiver_easting"),
        receiver_northing=northing("receiver"),
        receiver_depth=depth("receiver"),
        travel_time=real("travel_time", finite=False),
        pick_std=real("pick_std", finite=False) if "pick_std" in header.columns else None,
        phase=phase or NO_PHASE,
        used=used is None or _YES_NO[used.lower()],
        **number,
    )


def _comments(lines: list[Line], notes: list[str]) -> PickFile:
    """What the comments say, as a file without picks."""
    title = ""
    water_velocity: float | None = None
    first: frozenset[str] | None = None
    buried: str | None = None
    placed: StraightLine | None = None
    profile: list[tuple[float, float]] = []
    for line in lines:
        key, equals, value = line.comment.partition("=")
        if not equals or line.fields:
            continue
        entry = Line(line.file, line.number, line.raw, tuple(value.split()))
        match key.strip().lower():
            case "title":
                title = value.strip()
            case "water_velocity_km_s":
                water_velocity = entry.real(0, "water velocity")
            case "buried":
                buried = value.strip()
                if buried not in ("shot", "receiver", "both"):
                    raise entry.error(f"buried is {shown(buried)}", "shot, receiver or both")
            case "line_km":
                placed = StraightLine(
                    entry.real(0, "easting of the line's beginning"),
                    entry.real(1, "northing of the line's beginning"),
                    entry.real(2, "azimuth of the line"),
                )
            case "first_arrivals":
                first = frozenset(entry.fields)
            case "surface_km":
                profile.append((entry.real(0, "surface easting"), entry.real(1, "surface depth")))
    easting, depth = np.array(profile).reshape(-1, 2).T
    return PickFile(
        rows=[],
        notes=notes,
        first_arrivals=first,
        surface=(easting, depth) if profile else None,
        water_velocity=water_velocity,
        buried=buried,
        line=placed,
        title=title,
    )
