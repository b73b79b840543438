"""The unified data format of pyGIMLi (``.sgt``, ``.data``): points, picks, topography.

Plain text; ``#`` or ``//`` starts a comment; blank lines, the kind of white space and text behind
a count do not matter::

    4 # shot/geophone points
    #x   z
    0.0  1.2
    ...
    2 # measurements
    #s  g  t       err
    1   2  0.0041  0.0003
    1   3  0.0072  0.0003
    2 # topography, optional
    0.0  1.2
    9.0  2.4

1. *Points*: their number, then one row each. The header comment names the columns in any order:
   ``x`` is the position along the line, the vertical column is ``elevation`` (positive up),
   ``depth`` (positive down), ``z`` or, without a ``z`` that differs from 0, ``y``; the last two are
   elevations unless the caller says otherwise. A ``y`` beside a vertical column, or too large for
   an elevation, is a northing: the points are then projected onto their line. Lengths are in m, or
   in mm or km where the header says so (``x/mm``, ``x (mm)``). Without a header: ``x``, elevation;
   or ``x``, ``y``, ``z``. Two points at one place count as one, the first.
2. *Measurements*: their number, then one row each. ``s`` and ``g`` are the numbers of the shot's
   and the geophone's point, from 1; ``t`` the travel time and ``err`` its standard deviation [s]
   (``t/ms``, ``err/ms`` and ``err/%`` are understood); ``valid`` 0 mutes a pick. Without a
   header: ``s``, ``g``, ``t`` and, if there is a fourth column, ``err``. Other columns are
   ignored and reported.
3. *Topography*, optional: their number, then rows like the points. The surface runs through the
   topography and all points above or beyond it; without topography, through all points
   (:mod:`seisnb.io.ground`).

The format knows no phases, no water and no sign of a first arrival: all rows are first arrivals.

References
----------
pyGIMLi, ``core/src/datacontainer.cpp``, ``DataContainer::load``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import xarray as xr

from seisnb.conventions import InputError
from seisnb.io.lines import Line, TextFile, is_number, keep_good, listed, shown
from seisnb.io.records import Array, PickFile, PickRow

_LENGTHS = {"m": 1e3, "mm": 1e6, "km": 1.0}
_TIMES = {"s": 1.0, "ms": 1e3}
#: Units a column may have, and how many there are in ours; the first is meant without a unit.
_UNITS: Mapping[str, Mapping[str, float]] = {
    **dict.fromkeys(("x", "y", "z", "depth", "elevation"), _LENGTHS),
    "t": _TIMES,
    "err": {**_TIMES, "%": 100.0},
}
_POINT_COLUMNS = ("x", "y", "z", "depth", "elevation")
_IN_BRACKETS = re.compile(r"\s*[\[(]\s*([a-z%]+)\s*[\])]")
_VERTICAL = {"depth": 1.0, "elevation": -1.0}
#: Other names of the columns of points.
_ALIASES = {"elev": "elevation", "height": "elevation", "dep": "depth"}
#: No elevation is larger [km].
_HIGHEST = 9.0


@dataclass(frozen=True)
class _Table:
    """One of the three blocks: its count line, column names with units, and rows."""

    count: Line
    columns: dict[str, tuple[int, str]]
    rows: list[Line]

    def real(self, line: Line, name: str, what: str, *, finite: bool = True) -> float:
        """A column's value of a row, divided by what its unit is in ours."""
        index, unit = self.columns[name]
        units = _UNITS[name]
        return line.real(index, what, finite=finite) / units[unit or next(iter(units))]


def is_sgt(text: TextFile) -> bool:
    """Whether the first line with values is a count, perhaps with text behind it."""
    first = next((line for line in _lines(text) if line.fields), None)
    return first is not None and _is_count(first)


def parse_sgt(text: TextFile, *, on_bad: str = "raise", vertical: str | None = None) -> PickFile:
    """Parse a unified data file (module docstring).

    Parameters
    ----------
    text : TextFile
        The file.
    on_bad : {"raise", "drop"}
        What to do with a bad measurement row; a bad count or point always raises.
    vertical : {"elevation", "depth"}, optional
        What ``z`` (or the ``y`` in its place) is, where the header does not say; elevation.

    Returns
    -------
    PickFile
        ``shot`` and ``receiver`` are the point numbers.

    Raises
    ------
    FileFormatError
        A count that does not fit its rows, a value that is not a number, a point that is not there.
    """
    notes: list[str] = []
    lines = _lines(text)
    points, at = _read_table(lines, 0, "points", text.name)
    picks, at = _read_table(lines, at, "measurements", text.name)
    places = _positions(points, vertical, notes)
    number = _merge_duplicates(places, notes)
    _check_columns(picks, notes)

    def parse(line: Line) -> PickRow:
        s, g = (_point(line, picks.columns[name][0], name, number) for name in "sg")
        time = picks.real(line, "t", "travel time", finite=False)
        std: float | None = None
        if "err" in picks.columns:
            std = picks.real(line, "err", "pick error", finite=False)
            std *= time if picks.columns["err"][1] == "%" else 1.0
        used = "valid" not in picks.columns or bool(
            line.integer(picks.columns["valid"][0], "'valid' flag")
        )
        return PickRow(
            line=line.number,
            shot=s,
            receiver=g,
            shot_easting=float(places[s - 1, 0]),
            shot_northing=float(places[s - 1, 1]),
            shot_depth=float(places[s - 1, 2]),
            receiver_easting=float(places[g - 1, 0]),
            receiver_northing=float(places[g - 1, 1]),
            receiver_depth=float(places[g - 1, 2]),
            travel_time=time,
            pick_std=std,
            used=used,
        )

    rows = keep_good(picks.rows, parse, on_bad=on_bad, notes=notes)
    topography = None
    if any(line.fields for line in lines[at:]):
        table, at = _read_table(lines, at, "topography points", text.name)
        topography = _positions(table, vertical, []) if table.rows else None
        rest = next((line for line in lines[at:] if line.fields), None)
        if rest is not None:
            raise rest.error(f"{shown(rest.raw.strip())} after the topography", "the file's end")
    return PickFile(rows=rows, notes=notes, points=places, topography=topography)


def format_sgt(survey: xr.Dataset) -> str:
    """A survey as the text of a unified data file, lengths in m, elevations positive up.

    Points are numbered along the line; muted picks get ``valid`` 0; the surface profile becomes
    the topography block. Numbers are written so that they are read back exactly, apart from the
    last digit that the change from km to m may cost.

    Raises
    ------
    InputError
        The survey is at sea or its line is crooked: the format cannot hold that.
    """
    if "water_velocity" in survey.attrs:
        raise InputError(
            "write_picks: the survey has a water velocity, which an .sgt file cannot hold. "
            "Write a .csv file."
        )
    if "offset_across" in survey:
        raise InputError(
            "write_picks: the survey has distances across its line (offset_across), which an .sgt "
            "file cannot hold. Write a .csv file."
        )
    ends = [
        np.stack([survey[f"{kind}_easting"].values, survey[f"{kind}_depth"].values], axis=1)
        for kind in ("shot", "receiver")
    ]
    points, inverse = np.unique(np.concatenate(ends), axis=0, return_inverse=True)
    shot, receiver = inverse.reshape(2, -1) + 1
    rows = zip(
        shot,
        receiver,
        survey["travel_time"].values,
        survey["pick_std"].values,
        survey["used"].values,
        strict=True,
    )
    profile = np.stack([survey["surface_easting"].values, survey["surface_depth"].values], axis=1)
    parts = [
        f"{len(points)} # shot/geophone points\n#x\tz",
        *map(_metres, points),
        f"{shot.size} # measurements\n#s\tg\tt\terr\tvalid",
        *(f"{s}\t{g}\t{float(t)!r}\t{float(e)!r}\t{int(used)}" for s, g, t, e, used in rows),
        f"{len(profile)} # topography points\n#x\tz",
        *map(_metres, profile),
    ]
    return "\n".join(parts) + "\n"


def _metres(point: Array) -> str:
    """Easting and depth [km] as "x<tab>z" [m], z positive up."""
    return f"{float(point[0]) * 1e3!r}\t{0.0 - float(point[1]) * 1e3!r}"


def _read_table(lines: list[Line], at: int, kind: str, file: str) -> tuple[_Table, int]:
    """The block that starts at a line index, and the index of the first line after it."""
    start = next((i for i in range(at, len(lines)) if lines[i].fields), None)
    if start is None:
        last = lines[-1]
        raise last.error("the file ends", f"the number of {kind}", "The file may be truncated.")
    count = lines[start]
    if not _is_count(count):
        hint = "Correct the line, or the count of the block before it." if at else ""
        expected = f"the number of {kind} alone on the line"
        raise count.error(f"found {shown(count.raw.strip())}", expected, hint)
    n = int(count.fields[0])
    if n == 0 and kind != "topography points":
        raise count.error(f"the number of {kind} is 0", "at least 1")
    header: list[str] = []
    rows: list[Line] = []
    stop = start + 1
    while len(rows) < n and stop < len(lines):
        line = lines[stop]
        if line.fields:
            rows.append(line)
        elif not rows and _is_header(line.comment, kind):
            header = _words(line.comment)
        elif not rows and kind != "measurements" and _may_be_depth(line.comment):
            raise line.error(
                f"the comment {shown(line.comment)} may name a column of depths",
                "column names such as '#x depth' or '#x elevation'",
                "Rename the columns, or reword the comment.",
            )
        stop += 1
    if len(rows) < n:
        raise count.error(
            f"{n} {kind} are announced but {len(rows)} follow",
            f"{n} rows",
            f"{file} may be truncated: complete it or correct the count.",
        )
    names = header or _default_columns(kind, len(rows[0].fields) if rows else 0)
    columns: dict[str, tuple[int, str]] = {}
    for index, name in enumerate(names):
        bare, _, unit = name.partition("/")
        bare = _ALIASES.get(bare, bare)
        units = _UNITS.get(bare, {})
        if unit and units and unit not in units:
            raise count.error(
                f"the column {bare!r} is in {shown(unit)}", f"one of {', '.join(units)}"
            )
        columns.setdefault(bare, (index, unit))
    return _Table(count, columns, rows), stop


def _is_header(comment: str, kind: str) -> bool:
    """Whether a comment names columns and is not prose."""
    words = [word.partition("/")[0] for word in _words(comment)]
    if kind == "measurements":
        return {"s", "g"} <= set(words)
    return bool(words) and {_ALIASES.get(w, w) for w in words[:2]} <= set(_POINT_COLUMNS)


def _words(comment: str) -> list[str]:
    """The words of a header, lower case; "t (ms)" is "t/ms"."""
    return _IN_BRACKETS.sub(r"/\1", comment.lower()).split()


def _may_be_depth(comment: str) -> bool:
    """Whether a comment is two or three words of which one is a depth."""
    words = [word.partition("/")[0] for word in _words(comment)]
    return 2 <= len(words) <= 3 and any(word in ("depth", "depths", "dep") for word in words)


def _default_columns(kind: str, n_fields: int) -> list[str]:
    """Column names of a block without a header."""
    if kind == "measurements":
        return ["s", "g", "t", "err"][:n_fields]
    return ["x", "y", "z"][: max(n_fields, 1)]


def _positions(table: _Table, vertical: str | None, notes: list[str]) -> Array:
    """Easting, northing and depth [km] of the rows of a points or topography block, (n, 3)."""
    named = [name for name in _VERTICAL if name in table.columns]
    if len(named) == 2 or (named and "z" in table.columns):
        both = " and ".join([*named, "z"][:2])
        raise table.count.error(f"the columns have {both}", "one vertical column", "Remove one.")
    values = {
        name: np.array([table.real(line, name, f"coordinate {name}") for line in table.rows])
        for name in _POINT_COLUMNS
        if name in table.columns
    }
    if "x" not in values:
        raise table.count.error("the columns have no 'x'", "'x' and 'z' or 'y'")
    zero = np.zeros(len(table.rows))
    y, height, northing = values.get("y", zero), values.get("z", zero), zero
    sign = _VERTICAL[named[0] if named else vertical or "elevation"]
    if named:
        height, northing = values[named[0]], y
    elif np.any(height != 0):
        northing = y
    elif np.abs(y).max() > _HIGHEST:
        northing = y
        notes.append("The points' y are too large for elevations: they were read as northings.")
    elif y.any():
        height = y
        if "z" in values:
            notes.append("The points' z is 0 throughout: their y was read as the elevation.")
    if not named and "z" not in values and height is not y:
        height = np.full(zero.size, np.nan)
    return np.stack([values["x"], northing, sign * height + 0.0], axis=1)


def _lines(text: TextFile) -> list[Line]:
    """Every line; what follows ``#`` or ``//`` is its comment."""
    result = []
    for line in text.all_lines():
        data, slashes, remark = line.raw.partition("#")[0].partition("//")
        comment = line.comment if not slashes else remark.strip()
        result.append(Line(line.file, line.number, line.raw, tuple(data.split()), comment))
    return result


def _is_count(line: Line) -> bool:
    """Whether a line is a whole number, alone or with text behind it."""
    count, *rest = line.fields
    return count.isdecimal() and count.isascii() and not (rest and is_number(rest[0]))


def _merge_duplicates(places: Array, notes: list[str]) -> list[int]:
    """For every point the number of the first point at the same place."""
    first: dict[tuple[float, ...], int] = {}
    known = np.nan_to_num(places)  # a depth that is not stated equals itself
    number = [first.setdefault(tuple(place), i) for i, place in enumerate(known.tolist(), 1)]
    twins = [f"{i} (as {n})" for i, n in enumerate(number, 1) if i != n]
    if twins:
        notes.append(
            f"Merged {len(twins)} points that lie where an earlier point does: {listed(twins)}."
        )
    return number


def _check_columns(table: _Table, notes: list[str]) -> None:
    """Refuse measurements without the needed columns; note the columns that nobody reads."""
    known = {"s", "g", "t", "err", "valid"}
    missing = [name for name in ("s", "g", "t") if name not in table.columns]
    if missing:
        raise table.count.error(
            f"the measurements have no column {missing[0]!r}",
            "'s', 'g' and 't'",
            "Name the columns in a comment line '#s g t' after the count.",
        )
    unknown = [name for name in table.columns if name not in known]
    if unknown:
        notes.append(f"Ignored columns of the measurements: {listed(unknown)}.")


def _point(line: Line, index: int, name: str, number: list[int]) -> int:
    """The point number in a column, checked and merged."""
    what = {"s": "shot point s", "g": "geophone point g"}[name]
    value = line.integer(index, what)
    if not 1 <= value <= len(number):
        raise line.error(
            f"{what} is {value}", f"a point number from 1 to {len(number)}", "Points count from 1."
        )
    return number[value - 1]
