"""Lists of shot or receiver positions that stand in a file of their own.

One point per line: its number or name, then ``x``, and perhaps ``y`` and ``z``; separated by white
space, commas, semicolons or tabs; ``#`` starts a comment. A first line, also a comment, may name
the columns in any order (``station x_m y_m elevation_m``). Without names two columns are number
and ``x``, four are number, ``x``, ``y``, ``z`` (PyRefra's ``.geo``); three are refused, since the
third may be ``y`` or ``z``. Lengths are in m in a ``.geo`` file, else in the unit that the names or
the caller state. A ``z`` that differs between points is an elevation or a depth, as the caller
states.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path

from seisnb.conventions import InputError
from seisnb.io.header import Header, find_header, table_lines
from seisnb.io.lines import Line, as_number, is_number, read_text, shown
from seisnb.io.names import Column
from seisnb.io.records import ReadOptions

_NAMELESS = {2: ("name", "easting"), 4: ("name", "easting", "northing", "vertical")}
_HEIGHTS = ("elevation", "depth", "vertical")


@dataclass(frozen=True)
class Place:
    """Easting, northing and depth [km] of a point; a depth of NaN is not stated."""

    easting: float
    northing: float
    depth: float


def read_positions(path: Path, options: ReadOptions, *, kind: str, where: str) -> dict[str, Place]:
    """Positions by number or name.

    Parameters
    ----------
    path : Path
        The list.
    options : ReadOptions
        Units and sign that the file leaves open.
    kind : str
        "shot" or "receiver", for messages.
    where : str
        The public function's name, for messages.

    Returns
    -------
    dict of str to Place

    Raises
    ------
    InputError
        No such file, or a unit or sign is not stated.
    FileFormatError
        A line that is no position, or two positions of one number.
    """
    text = read_text(path, where=where)
    lines = table_lines(text)
    rows = [line for line in lines if line.fields]
    if not rows:
        raise lines[-1].error("the file has only comments", "one position per line")
    header = find_header(lines, positions=True)
    if header is None:
        header = _nameless(rows[0], kind)
    elif header.line.fields:
        rows = rows[1:]
    _check(header, text.name, options, where, geo=path.suffix.lower() == ".geo")
    default = options.length_unit or "m"
    height = next((name for name in _HEIGHTS if name in header.columns), None)
    places: dict[str, Place] = {}
    for line in rows:
        name = point_name(line.field(header.columns["name"][0], f"{kind} number"))
        if name in places:
            raise line.error(f"{kind} {name} has a second position", "one", "Remove one.")
        places[name] = Place(
            header.real(line, "easting", default),
            header.real(line, "northing", default) if "northing" in header.columns else 0.0,
            header.real(line, height, default) if height else math.nan,
        )
    heights = [place.depth for place in places.values()]
    sign = vertical_sign(height, heights, options, f"{where}: {text.name}")
    return {name: replace(place, depth=sign * place.depth) for name, place in places.items()}


def vertical_sign(
    quantity: str | None, heights: list[float], options: ReadOptions, where: str
) -> float:
    """What turns heights into depths: 1 or -1, 0 for a ``z`` that is the same everywhere.

    Raises
    ------
    InputError
        A ``z`` that differs between points and may be an elevation or a depth.
    """
    if quantity in ("elevation", "depth"):
        return -1.0 if quantity == "elevation" else 1.0
    if quantity is None or options.vertical is not None:
        return -1.0 if options.vertical == "elevation" else 1.0
    low, high = min(heights), max(heights)
    if low == high:
        return 0.0
    raise InputError(
        f"{where}: the points' z runs from {low:g} to {high:g} km, and nothing says whether it is "
        "positive up or down. Pass vertical='elevation' or 'depth' (--vertical)."
    )


def point_name(text: str) -> str:
    """A point's number without decoration ("007" and "7.0" are "7"), or its name."""
    value = as_number(text)
    return str(int(value)) if value is not None and value.is_integer() else text.strip()


def _nameless(first: Line, kind: str) -> Header:
    """The columns of a list without names."""
    names = _NAMELESS.get(len(first.fields))
    if names is None or not all(map(is_number, first.fields[1:])):
        raise first.error(
            f"found {shown(first.raw.strip())}",
            f"column names such as '{kind} x_m elevation_m', or a number, x, y and z",
            "Name the columns in the first line.",
        )
    columns = {name: (index, Column(name, name)) for index, name in enumerate(names)}
    return Header(first, columns)


def _check(header: Header, file: str, options: ReadOptions, where: str, *, geo: bool) -> None:
    """Refuse a list without the columns or the units that it needs."""
    missing = [what for what in ("name", "easting") if what not in header.columns]
    if missing or header.doubled:
        found = f"{' and '.join(header.doubled)} mean the same" if header.doubled else (
            f"the columns are {shown(header.line.raw.strip())}"
        )  # fmt: skip
        raise header.line.error(
            found, "a number (or name) and 'x', once each", "Name the columns in the first line."
        )
    unitless = [
        shown(column.name)
        for quantity, (_, column) in header.columns.items()
        if quantity in ("easting", "northing", *_HEIGHTS) and not column.unit
    ]
    if unitless and not options.length_unit and not geo:
        raise InputError(
            f"{where}: {file} states no unit for {', '.join(unitless)}. Pass length_unit='m' or "
            "'km' (--length-unit), or write it into the column's name, such as 'x_m'."
        )
