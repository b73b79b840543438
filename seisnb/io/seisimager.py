"""First arrivals of SeisImager's Pickwin and Plotrefa (``.vs``).

Plain text, lengths in m and times in ms::

    1996 0 3.000000
    0 2 2.000000               a flag, number of shots, spacing of the receivers
    -1.000000 24 0.000000      position of a shot, number of its picks, a third value
    0.000000 4.970000 1        position of a receiver, time, layer
    2.000000 7.830000 1
    ...
    0 0                        what follows the shots: zeros where there is no terrain
    0
    0 0

Positions run along the line. The third value of a shot's line and the layer are not read; a third
value that is not 0 is noted. Numbers other than 0 behind the last shot are terrain in a form that
is not public: such a file is refused unless the caller gives the surface.
"""

from __future__ import annotations

import math

from seisnb.conventions import FileFormatError
from seisnb.io.lines import Line, TextFile, as_number, keep_good, listed, shown
from seisnb.io.records import PickFile, PickRow

_MAGIC = "1996"
_M_PER_KM = 1e3
_MS_PER_S = 1e3


def is_seisimager(text: TextFile) -> bool:
    """Whether the file begins as a ``.vs`` file does."""
    rows = text.rows()[:2]
    return (
        len(rows) == 2
        and rows[0].fields[0] == _MAGIC
        and len(rows[0].fields) == 3
        and len(rows[1].fields) == 3
    )


def parse_seisimager(text: TextFile, *, on_bad: str = "raise") -> PickFile:
    """Parse a ``.vs`` file (module docstring).

    Parameters
    ----------
    text : TextFile
        The file.
    on_bad : {"raise", "drop"}
        What to do with a bad pick; a bad header or count always raises.

    Returns
    -------
    PickFile
        Depths are NaN; shots are numbered in the file's order, receivers by place.

    Raises
    ------
    FileFormatError
        A header that is none, counts that do not fit, bad numbers.
    """
    lines = text.rows()
    if not lines:
        raise text.all_lines()[-1].error("the file has only comments", "the line '1996 0 3.0'")
    if lines[0].fields[0] != _MAGIC:
        raise lines[0].error(
            f"found {shown(lines[0].raw.strip())}", "SeisImager's first line, '1996 0 3.0'"
        )
    if len(lines) < 2:
        raise lines[0].error("the file ends", "'0 shots spacing' next", "It may be truncated.")
    n_shots = lines[1].integer(1, "number of shots")
    if n_shots < 1:
        raise lines[1].error(f"the number of shots is {n_shots}", "at least 1")
    notes: list[str] = []
    shot_of: dict[int, tuple[int, float]] = {}
    picks: list[Line] = []
    third: list[int] = []
    at = 2
    for shot in range(1, n_shots + 1):
        if at >= len(lines):
            raise lines[-1].error(
                f"the file ends after {shot - 1} of {n_shots} shots",
                "'position picks 0' of the next",
                "The file may be truncated: complete it or correct line 2.",
            )
        head = lines[at]
        place = head.real(0, "shot position") / _M_PER_KM
        n_picks = head.integer(1, "number of picks of the shot")
        if n_picks < 0 or len(head.fields) > 3:
            raise head.error(f"found {shown(head.raw.strip())}", f"shot {shot}: 'position picks 0'")
        if n_picks == 0 and len(head.fields) == 2:
            raise head.error(
                f"found {shown(head.raw.strip())}, as after the last shot",
                f"shot {shot} of {n_shots}: 'position picks 0'",
                "Correct the number of shots in the second line.",
            )
        if len(head.fields) == 3 and head.real(2, "third value of the shot's line") != 0:
            third.append(head.number)
        block = lines[at + 1 : at + 1 + n_picks]
        if len(block) < n_picks:
            raise head.error(
                f"{n_picks} picks are announced but {len(block)} follow",
                "as many lines 'position time layer'",
                "The file may be truncated: complete it or correct the number.",
            )
        shot_of.update((line.number, (shot, place)) for line in block)
        picks += block
        at += 1 + n_picks
    if third:
        notes.append(
            f"The third value of {len(third)} shot lines is not 0 and was not read (lines "
            f"{listed(third)})."
        )
    numbers: dict[float, int] = {}

    def parse(line: Line) -> PickRow:
        shot, shot_x = shot_of[line.number]
        x = line.real(0, "receiver position") / _M_PER_KM
        return PickRow(
            line=line.number,
            shot=shot,
            receiver=numbers.setdefault(x, len(numbers) + 1),
            shot_easting=shot_x,
            shot_depth=math.nan,
            receiver_easting=x,
            receiver_depth=math.nan,
            travel_time=line.real(1, "travel time", finite=False) / _MS_PER_S,
        )

    rows = keep_good(picks, parse, on_bad=on_bad, notes=notes)
    return PickFile(rows=rows, notes=notes, needs_surface=_terrain(lines[at:]))


def _terrain(rest: list[Line]) -> FileFormatError | None:
    """The error for what follows the shots, unless it is zeros."""
    filled = next((line for line in rest if any(as_number(f) != 0 for f in line.fields)), None)
    if filled is None:
        return None
    return filled.error(
        f"{shown(filled.raw.strip())} follows the last shot",
        "zeros; it may be the terrain, in a form that seisnb does not know",
        "Pass surface (--surface), a file of easting and elevation, or correct the number of "
        "shots in the second line.",
    )
