"""TOMO2D's geometry-and-times file: sources, each followed by its receivers.

Plain text, values separated by white space; ``#`` starts a comment (our addition)::

    2                             number of sources
    s  10.0  2.31  3              easting [km], depth [km], number of receivers that follow
    r  12.5  0.0   0  2.113 0.02  easting, depth [km], code, time [s], its standard deviation [s]
    r  14.0  0.0   0  2.507 0.02
    r  14.0  0.0   1  4.920 0.05
    s  ...

Depth is positive down from the sea surface. The code is 0 for a refraction, here a first arrival,
and 1 for a reflection; other codes occur in descendants of the program. At sea the source usually
is the ocean-bottom instrument and the receivers are the airgun shots; travel times are the same
both ways. A geometry file for forward modelling has the same form with times 0.

References
----------
Korenaga, J. et al. (2000), Crustal structure of the southeast Greenland margin from joint
refraction and reflection seismic tomography, J. Geophys. Res. 105, 21591-21614; program TOMO2D,
``inverse.cc``, ``TomographicInversion2d::read_file``.
"""

from __future__ import annotations

from seisnb.io.lines import Line, TextFile, keep_good, shown
from seisnb.io.records import PickFile, PickRow

#: The code of a refraction.
REFRACTION = "0"


def parse_tomo2d(text: TextFile, *, on_bad: str = "raise") -> PickFile:
    """Parse a geometry-and-times file (module docstring).

    Parameters
    ----------
    text : TextFile
        The file.
    on_bad : {"raise", "drop"}
        What to do with a bad receiver line; a bad source line or count always raises.

    Returns
    -------
    PickFile
        Shots are numbered in the file's order, receivers by place; code 0 is the first arrival.

    Raises
    ------
    FileFormatError
        Counts that do not fit, a line that starts with neither ``s`` nor ``r``, bad numbers.
    """
    lines = text.rows()
    if not lines:
        raise text.all_lines()[-1].error("the file has only comments", "the number of sources")
    n_sources = _count(lines[0], 0, "number of sources")
    notes: list[str] = []
    source_of: dict[int, tuple[int, float, float]] = {}
    receivers: list[Line] = []
    at = 1
    for shot in range(1, n_sources + 1):
        if at == len(lines):
            raise lines[-1].error(
                f"the file ends after {shot - 1} of {n_sources} sources",
                "a source line 's easting depth number'",
                "The file may be truncated: complete it or correct line 1.",
            )
        source = lines[at]
        if source.fields[0] != "s":
            raise source.error(
                f"found {shown(source.raw.strip())}",
                f"source {shot} of {n_sources}: 's easting depth number'",
                "Correct the line, or the number of receivers of the source before it.",
            )
        place = (shot, source.real(1, "source easting"), source.real(2, "source depth"))
        n_receivers = _count(source, 3, "number of receivers", least=0)
        block = lines[at + 1 : at + 1 + n_receivers]
        short = next((line for line in block if line.fields[0] != "r"), None)
        if short is not None or len(block) < n_receivers:
            n_found = block.index(short) if short is not None else len(block)
            raise source.error(
                f"{n_receivers} receivers are announced but {n_found} follow"
                + (f" before line {short.number}, {shown(short.raw.strip())}" if short else ""),
                "as many lines 'r easting depth code time std'",
                "The file may be truncated: complete it or correct the number.",
            )
        source_of.update((line.number, place) for line in block)
        receivers += block
        at += 1 + n_receivers
    if at < len(lines):
        raise lines[at].error(
            f"found {shown(lines[at].raw.strip())} after {n_sources} sources",
            "the file's end",
            f"Correct the number of sources in line {lines[0].number}.",
        )
    numbers: dict[tuple[float, float], int] = {}

    def parse(line: Line) -> PickRow:
        shot, shot_x, shot_z = source_of[line.number]
        x, z = line.real(1, "receiver easting"), line.real(2, "receiver depth")
        code = line.integer(3, "ray code")
        time = line.real(4, "travel time", finite=False)
        std = line.real(5, "pick std", finite=False)
        return PickRow(
            line=line.number,
            shot=shot,
            receiver=numbers.setdefault((x, z), len(numbers) + 1),
            shot_easting=shot_x,
            shot_depth=shot_z,
            receiver_easting=x,
            receiver_depth=z,
            travel_time=time,
            pick_std=std,
            phase=str(code),
        )

    rows = keep_good(receivers, parse, on_bad=on_bad, notes=notes)
    return PickFile(rows=rows, notes=notes, first_arrivals=frozenset({REFRACTION}))


def is_tomo2d(text: TextFile) -> bool:
    """Whether a number stands alone on the first line and a source on the next."""
    rows = text.rows()[:2]
    return (
        len(rows) == 2
        and len(rows[0].fields) == 1
        and rows[0].fields[0].isdecimal()
        and rows[1].fields[0] == "s"
    )


def _count(line: Line, index: int, what: str, *, least: int = 1) -> int:
    """A whole number of at least ``least``."""
    value = line.integer(index, what)
    if value < least:
        raise line.error(f"{what} is {value}", f"at least {least}")
    return value
