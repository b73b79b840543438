"""RAYINVR's travel-time file ``tx.in``: shot headers, picks with phase codes, an end record.

Every record has four numbers, in Fortran ``3F10.3,I10`` columns (10 characters each, which may
touch) or separated by white space; there are no comments::

        12.000     1.000     0.000         0     shot at 12 km, picks to its right (+1)
        12.400     0.105     0.020         1     receiver [km], time [s], pick std [s], phase code
        31.250     4.310     0.040         1
        12.000    -1.000     0.000         0     the same shot, picks to its left (-1)
         3.750     2.015     0.030         1
         0.000     0.000     0.000        -1     end of the file

* code 0: a header: position of the shot along the line [km] and the direction, -1 or 1, in which
  its picks lie. A shot with picks on both sides has two headers.
* code above 0: a pick of the shot before it. What a code means is up to whoever picked: the
  caller names those that are first arrivals. Times are not reduced.
* code -1: the end. What follows is not read (and reported).

Depths are not in the file: RAYINVR takes them from the model. On land both ends stand on the
surface. At sea the "shot" of the header usually is the ocean-bottom instrument and the "receivers"
are the airgun shots at the sea surface; travel times are the same both ways.
:func:`seisnb.io.read_picks` puts the ends on the caller's surface.

References
----------
Zelt, C. A. and Smith, R. B. (1992), Seismic traveltime inversion for 2-D crustal velocity
structure, Geophys. J. Int. 108, 16-34; program RAYINVR, ``main.f``, "read in observed data".
"""

from __future__ import annotations

import math

from seisnb.io.lines import Line, TextFile, keep_good, listed, shown
from seisnb.io.records import PickFile, PickRow

_WIDTH = 10


def parse_txin(text: TextFile, *, on_bad: str = "raise") -> PickFile:
    """Parse a ``tx.in`` file (module docstring).

    Parameters
    ----------
    text : TextFile
        The file.
    on_bad : {"raise", "drop"}
        What to do with a bad pick; a bad header always raises. With "drop" a missing end record
        is noted instead.

    Returns
    -------
    PickFile
        Depths are NaN; shots and receivers are numbered by position, in the file's order.

    Raises
    ------
    FileFormatError
        A record that is not four numbers, a pick before any header, a direction other than -1
        or 1, an unknown negative code, no end record.
    """
    notes: list[str] = []
    pairs: list[tuple[float, Line]] = []
    opposite: list[int] = []
    shot: float | None = None
    direction = 0.0
    ended = False
    records = [_record(line) for line in text.rows(comment="")]
    for at, line in enumerate(records):
        code = _code(line)
        if code == -1:
            ended = True
            if rest := records[at + 1 :]:
                notes.append(
                    f"{len(rest)} lines after the end record in line {line.number} were not read."
                )
            break
        if code == 0:
            shot, direction = _header(line)
        elif code is None or code > 0:
            if shot is None:
                line.integer(3, "phase code")
                raise line.error(
                    "a pick comes before any shot",
                    "a shot header (position, -1 or 1, 0, 0) first",
                )
            pairs.append((shot, line))
            if code and (line.real(0, "receiver position") - shot) * direction < 0:
                opposite.append(line.number)
        else:
            raise line.error(f"the code is {code}", "0 (shot), -1 (end) or a phase code above 0")
    if opposite:
        notes.append(
            f"{len(opposite)} picks lie on the other side of the shot than its header says "
            f"(lines {listed(opposite)}); they were kept."
        )
    if not ended:
        error = records[-1].error(
            "the file ends without the end record (0 0 0 -1)",
            "it after the last pick",
            "The file may be truncated; if it is complete, add the record.",
        )
        if on_bad == "raise":
            raise error
        notes.append(str(error))
    shots: dict[float, int] = {}
    receivers: dict[float, int] = {}
    shot_of = {line.number: position for position, line in pairs}

    def parse(line: Line) -> PickRow:
        x = line.real(0, "receiver position")
        time = line.real(1, "travel time", finite=False)
        std = line.real(2, "pick std", finite=False)
        code = line.integer(3, "phase code")
        position = shot_of[line.number]
        return PickRow(
            line=line.number,
            shot=shots.setdefault(position, len(shots) + 1),
            receiver=receivers.setdefault(x, len(receivers) + 1),
            shot_easting=position,
            shot_depth=math.nan,
            receiver_easting=x,
            receiver_depth=math.nan,
            travel_time=time,
            pick_std=std,
            phase=str(code),
        )

    rows = keep_good((line for _, line in pairs), parse, on_bad=on_bad, notes=notes)
    return PickFile(rows=rows, notes=notes)


def is_txin(text: TextFile) -> bool:
    """Whether the first line with values looks like a shot header of ``tx.in``."""
    rows = text.rows()[:1]
    return bool(rows) and is_txin_record(rows[0].raw)


def is_txin_record(raw: str) -> bool:
    """Whether a line looks like a shot header of ``tx.in``."""
    fields = _fields(raw)
    try:
        values = [float(value) for value in fields]
    except ValueError:
        return False
    return len(values) == 4 and values[3] == 0 and abs(values[1]) == 1


def _fields(raw: str) -> tuple[str, ...]:
    """The four values of a record: by white space, or by columns where they touch."""
    fields = tuple(raw.split())
    if len(fields) != 4 and len(raw.rstrip()) > 3 * _WIDTH:
        ends = [raw[at * _WIDTH : (at + 1) * _WIDTH].strip() for at in range(4)]
        return tuple(ends)
    return fields


def _record(line: Line) -> Line:
    """The line with its four values as fields."""
    return Line(line.file, line.number, line.raw, _fields(line.raw))


def _code(line: Line) -> int | None:
    """The code of a record; None where it cannot be read, which a pick may be dropped for."""
    try:
        return line.integer(3, "phase code")
    except ValueError:
        return None


def _header(line: Line) -> tuple[float, float]:
    """Position and direction of a shot header."""
    position = line.real(0, "shot position")
    direction = line.real(1, "direction of the shot header")
    if abs(direction) != 1:
        raise line.error(
            f"direction of the shot header is {shown(line.fields[1])}",
            "-1 (picks to the left) or 1 (to the right)",
        )
    return position, direction
