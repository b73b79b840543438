"""Six columns of Reflexw's ``.TOM`` and of ``.PCK`` first arrivals (Reflexw, ABEM Terraloc).

One pick per line, no header; the line may begin with its number and a colon::

    0.0244  0  23.00  0.00  2.00  0.00      time, a code, shot x and z, receiver x and z

The second column (a set or code) is not read. Lengths are in m. The file does not say whether times
are in s or ms (both occur; Terraloc's manual says ms over an example in s): the caller states it. A
negative time means that nothing was picked. In a ``.TOM`` file ``z`` is a depth, positive down, as
pyGIMLi reads it; in a ``.PCK`` file the second coordinate is only said to be a ``y``: where it
differs between points, the caller states whether it is an elevation or a depth.

References
----------
pyGIMLi, ``physics/traveltime/importData.py``, ``readTOMfile``; ABEM Terraloc Pro 2, user manual,
appendix "The First Arrivals File Format (PCK)".
"""

from __future__ import annotations

import re
from dataclasses import replace

from seisnb.io.lines import Line, TextFile, is_number, keep_good, listed, shown
from seisnb.io.positions import vertical_sign
from seisnb.io.records import PickFile, PickRow, ReadOptions
from seisnb.io.units import LENGTHS, TIMES, open_units

_N_COLUMNS = 6
_NUMBERED = re.compile(r"\s*\d+\s*:\s*")


def is_tom(text: TextFile) -> bool:
    """Whether the first two lines are six numbers."""
    rows = _rows(text)[:2]
    return bool(rows) and all(
        len(line.fields) == _N_COLUMNS and all(map(is_number, line.fields)) for line in rows
    )


def parse_tom(text: TextFile, options: ReadOptions) -> PickFile:
    """Parse a file of six columns (module docstring).

    Parameters
    ----------
    text : TextFile
        The file.
    options : ReadOptions
        Unit of times and lengths (m unless stated), sign of ``z``.

    Returns
    -------
    PickFile
        Shots and receivers are not numbered.

    Raises
    ------
    FileFormatError
        A line that is not six numbers.
    InputError
        The unit of times, or the sign of ``z``, is not stated.
    """
    lines = _rows(text)
    if not lines:
        raise text.all_lines()[-1].error("the file has only comments", "six columns of numbers")
    notes: list[str] = []
    length = LENGTHS[options.length_unit or "m"]
    time = TIMES[options.time_unit or "s"]

    def parse(line: Line) -> PickRow:
        if len(line.fields) != _N_COLUMNS:
            raise line.error(
                f"{shown(line.raw.strip())} has {len(line.fields)} values",
                "6: time, code, shot x and z, receiver x and z",
                "The line may be truncated: complete or remove it.",
            )
        return PickRow(
            line=line.number,
            travel_time=line.real(0, "travel time", finite=False) / time,
            shot_easting=line.real(2, "shot x") / length,
            shot_depth=line.real(3, "shot z") / length,
            receiver_easting=line.real(4, "receiver x") / length,
            receiver_depth=line.real(5, "receiver z") / length,
        )

    rows = keep_good(lines, parse, on_bad=options.on_bad, notes=notes)
    unpicked = [row.line for row in rows if row.travel_time < 0]
    if unpicked:
        notes.append(
            f"Dropped {len(unpicked)} rows with a negative time (not picked): lines "
            f"{listed(unpicked)}."
        )
        rows = [row for row in rows if not row.travel_time < 0]
    if rows and options.time_unit is None:
        raise open_units(
            f"read_picks: {text.name}",
            ["the times in the first column"],
            rows,
            length=False,
            time=True,
            has_names=False,
        )
    depth = "vertical" if options.vertical or text.suffix == ".pck" else "depth"
    heights = [z for row in rows for z in (row.shot_depth, row.receiver_depth)]
    sign = vertical_sign(depth, heights or [0.0], options, f"read_picks: {text.name}")
    return PickFile(
        rows=[
            replace(
                row,
                shot_depth=sign * row.shot_depth + 0.0,
                receiver_depth=sign * row.receiver_depth + 0.0,
            )
            for row in rows
        ],
        notes=notes,
    )


def _rows(text: TextFile) -> list[Line]:
    """The lines that hold values, without a number and colon before them."""
    result = []
    for line in text.rows():
        data = line.raw.partition("#")[0]
        match = _NUMBERED.match(data)
        fields = tuple(data[match.end() :].split()) if match else line.fields
        if fields:
            result.append(Line(line.file, line.number, line.raw, fields, line.comment))
    return result
