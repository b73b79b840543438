"""Picks of PyRefra (``picks.dat``) with its lists of positions (``shots.geo``, ``receivers.geo``).

One pick per line, times in s::

    1 2 0.00612 0.00562 0.00662      shot, receiver, time, earliest and latest time

The std is half of what lies between the earliest and the latest time. The positions stand in files
beside it, or where the caller says: number, x, y, z [m] per line (:mod:`seisnb.io.positions`).
PyRefra's documentation calls ``z`` positive down in one version and positive up in another: where
it differs between points, the caller states which.

References
----------
Zeyen, H.: PyRefra, "Data preparation", https://github.com/HZeyen/PyRefra
"""

from __future__ import annotations

from pathlib import Path

from seisnb.conventions import InputError
from seisnb.io.lines import Line, TextFile, as_number, keep_good, listed, shown
from seisnb.io.positions import Place, point_name, read_positions
from seisnb.io.records import PickFile, PickRow, ReadOptions

_N_COLUMNS = 5


def is_pyrefra(text: TextFile) -> bool:
    """Whether the first lines are two whole numbers and three times, the first the middle one."""
    rows = text.rows()[:2]
    return bool(rows) and all(_is_pick(line) for line in rows)


def _is_pick(line: Line) -> bool:
    """Whether a line is shot, receiver and three times in order."""
    values = [as_number(field) for field in line.fields]
    if len(values) != _N_COLUMNS:
        return False
    shot, receiver, time, early, late = values
    if shot is None or receiver is None or time is None or early is None or late is None:
        return False
    return shot.is_integer() and receiver.is_integer() and early <= time <= late


def parse_pyrefra(text: TextFile, options: ReadOptions) -> PickFile:
    """Parse a ``picks.dat`` and its positions (module docstring).

    Parameters
    ----------
    text : TextFile
        The file.
    options : ReadOptions
        Where the positions are, if not beside it, and the sign of ``z``.

    Returns
    -------
    PickFile

    Raises
    ------
    InputError
        There are no positions, or the sign of ``z`` is not stated.
    FileFormatError
        A line that is no pick, or a number without a position.
    """
    lines = text.rows()
    if not lines:
        raise text.all_lines()[-1].error("the file has only comments", "one pick per line")
    shots = _list(text.name, "shot", options.shots, options)
    receivers = _list(text.name, "receiver", options.receivers, options)
    notes: list[str] = []

    def parse(line: Line) -> PickRow:
        if len(line.fields) != _N_COLUMNS:
            raise line.error(
                f"{shown(line.raw.strip())} has {len(line.fields)} values",
                "5: shot, receiver, time, earliest and latest time",
                "The line may be truncated: complete or remove it.",
            )
        shot, receiver = line.integer(0, "shot number"), line.integer(1, "receiver number")
        source = _place(line, shots, "shot", 0)
        target = _place(line, receivers, "receiver", 1)
        time, early, late = (
            line.real(index, what, finite=False)
            for index, what in ((2, "travel time"), (3, "earliest time"), (4, "latest time"))
        )
        return PickRow(
            line=line.number,
            shot=shot,
            receiver=receiver,
            shot_easting=source.easting,
            shot_northing=source.northing,
            shot_depth=source.depth,
            receiver_easting=target.easting,
            receiver_northing=target.northing,
            receiver_depth=target.depth,
            travel_time=time,
            pick_std=(late - early) / 2,
        )

    rows = keep_good(lines, parse, on_bad=options.on_bad, notes=notes)
    return PickFile(rows=rows, notes=notes)


def _list(name: str, kind: str, given: Path | None, options: ReadOptions) -> dict[str, Place]:
    """The positions of shots or receivers, by the caller's file or the one beside the picks."""
    path = given or options.folder / f"{kind}s.geo"
    if given is None and not path.is_file():
        raise InputError(
            f"read_picks: {name} looks like PyRefra's picks, which need the positions of the "
            f"{kind}s, but there is no {path.name} beside it. Put it there, or pass {kind}s "
            f"(--{kind}s), a file of number, x, y, z."
        )
    return read_positions(path, options, kind=kind, where="read_picks")


def _place(line: Line, places: dict[str, Place], kind: str, index: int) -> Place:
    """The position of a number."""
    name = point_name(line.fields[index])
    if name not in places:
        raise line.error(
            f"{kind} {name} is not in the list of {kind}s",
            f"one of {listed(places)}",
            "Add its position to the list.",
        )
    return places[name]
