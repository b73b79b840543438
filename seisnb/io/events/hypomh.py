"""Pick files of the WIN system, as its locator hypomh reads them.

WIN [1]_ writes one file per earthquake with three kinds of lines. Those with ``#p`` hold its own
readings by channel number and are not read; ``#s`` lines hold the same picks by station and are
what hypomh [2]_ locates with::

    #s 98/02/17 14:03                   98/02/17 14:18:04
    #s ASO  U   2.755 0.003   3.917 0.006   0.0 2.79e-06   36.64934  139.45970    720
    #s

Read are: the reference minute, whose year has two digits (70 to 99 are 19xx, others 20xx, unless
``year`` is given); station, first motion (not kept), P time and its sigma, S time and its sigma [s
after the minute], separated by blanks. A sigma of 0 or less means that there is no such pick. Not
read: F-P time, amplitude, station coordinates (:func:`seisnb.io.read_stations` reads them), and
station corrections after the height, which are named in the notes and not applied. The first
``#f`` line gives WIN's own hypocentre. The input of hypomh itself ("seis", the same lines without
``#s``) is read too.

WIN keeps the time of the recording, in Japan mostly Japanese standard time; the file does not say.
``utc_offset=9`` turns that into UTC. An event is called by the name of the file, or by its number
where one file holds several.

References
----------
.. [1] T. Urabe and S. Tsukada (1992), win: a workstation program for processing waveform data from
   microearthquake networks, Programme and Abstracts of the Seismological Society of Japan;
   manual page pickfile(1W).
.. [2] N. Hirata and M. Matsu'ura (1987), Maximum-likelihood estimation of hypocenter with origin
   time eliminated using nonlinear inversion technique, Phys. Earth Planet. Inter. 47, 50-61.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import partial

from seisnb.conventions import FileFormatError
from seisnb.io.events.records import (
    ArrivalFile,
    ArrivalRow,
    ParseOptions,
    SourceHypocentre,
    place_of,
)
from seisnb.io.events.times import SECOND, civil_time, full_year, offset_ns
from seisnb.io.lines import Line, TextFile, keep_good, listed

_REFERENCE = re.compile(r"\s*(\d{2})/\s*(\d{1,2})/\s*(\d{1,2})\s+(\d{1,2}):\s*(\d{1,2})(\s.*)?")
#: Station, first motion, P, its sigma, S, its sigma.
_N_NEEDED = 6
#: Fields up to the station's height; what follows are corrections of P and S.
_N_PLAIN = 11
_SUFFIXES = (".pick", ".txt", ".dat", ".seis")


@dataclass
class _Event:
    """Lines of one event while they are collected."""

    reference: Line
    stations: list[Line] = field(default_factory=list)
    final: Line | None = None


def is_hypomh(raw: str) -> bool:
    """Whether a line looks like one of a WIN pick file or of hypomh's input."""
    return raw.startswith(("#p ", "#s ", "#f ")) or _REFERENCE.fullmatch(raw) is not None


def parse_hypomh(text: TextFile, options: ParseOptions) -> ArrivalFile:
    """Parse a WIN pick file (module docstring).

    Parameters
    ----------
    text : TextFile
        The file.
    options : ParseOptions
        ``on_bad`` decides on bad lines; ``year`` and ``utc_offset`` [h] complete the times.

    Raises
    ------
    FileFormatError
        No #s lines, or a line that cannot be read.
    """
    events = _events(text)
    notes: list[str] = []
    rows: list[ArrivalRow] = []
    hypocentres: list[SourceHypocentre] = []
    lead = offset_ns(options.utc_offset)
    if options.utc_offset is None:
        notes.append(
            "Times were taken as UTC; WIN files do not say. Give utc_offset=9 if they are in "
            "Japanese standard time."
        )
    corrected: list[str] = []
    for number, event in enumerate(events, start=1):
        name = str(number) if len(events) > 1 else _file_event(text.name)
        minute = _reference_time(event.reference, options) - lead
        for picks in keep_good(
            event.stations,
            partial(_picks, event=name, minute=minute),
            on_bad=options.on_bad,
            notes=notes,
        ):
            rows += picks
        corrected += [line.fields[0] for line in event.stations if len(line.fields) > _N_PLAIN]
        if event.final is not None:
            hypocentres.append(_hypocentre(event.final, name, options, lead))
    if corrected:
        notes.append(
            f"Station corrections in the file were not applied: {listed(sorted(set(corrected)))}."
        )
    return ArrivalFile(rows=rows, hypocentres=hypocentres, notes=notes)


def station_lines(text: TextFile) -> list[Line]:
    """The station lines of all events of a file.

    Raises
    ------
    FileFormatError
        No #s lines.
    """
    return [line for event in _events(text) for line in event.stations]


def _events(text: TextFile) -> list[_Event]:
    """The lines of each event: its reference minute, its stations, its first #f line."""
    marked = any(raw.startswith("#s") for raw in text.lines)
    events: list[_Event] = []
    for number, raw in enumerate(text.lines, start=1):
        mark, rest = (raw[:2], raw[2:]) if raw.startswith("#") else ("" if marked else "#s", raw)
        line = Line(text.name, number, raw, tuple(rest.split()))
        if mark == "#s" and _REFERENCE.fullmatch(rest):
            events.append(_Event(line))
        elif mark == "#s" and line.fields and events:
            events[-1].stations.append(line)
        elif mark == "#s" and line.fields:
            raise line.error(f"{raw.strip()!r} comes first", "the reference minute, yy/mm/dd hh:mm")
        elif mark == "#f" and events and events[-1].final is None:
            events[-1].final = line
    if not events:
        raise text.line(1).error(
            "there are no #s lines",
            "arrival times by station in lines that start with #s",
            "Locate the event once in win, which writes them; #p lines have channel numbers only.",
        )
    return events


def _reference_time(line: Line, options: ParseOptions) -> int:
    """The reference minute [ns since 1970] by the file's clock."""
    match = _REFERENCE.fullmatch(line.raw.removeprefix("#s"))
    assert match is not None
    year, month, day, hour, minute = (int(part) for part in match.groups()[:5])
    return civil_time(line, full_year(line, year, options.year), month, day, hour, minute, 0.0)


def _picks(line: Line, event: str, minute: int) -> list[ArrivalRow]:
    """The P and the S pick of a station line, as far as they are there."""
    if len(line.fields) < _N_NEEDED:
        raise line.error(
            f"the line has {len(line.fields)} values",
            f"at least {_N_NEEDED}: station, first motion, P, sigma, S, sigma",
            "Part columns that have run together.",
        )
    picks = []
    for phase, at in (("P", 2), ("S", 4)):
        seconds, std = line.real(at, f"{phase} time"), line.real(at + 1, f"sigma of {phase}")
        if std > 0:
            picks.append(
                ArrivalRow(
                    place=place_of(line),
                    event=event,
                    station=line.fields[0],
                    code=phase,
                    time=minute + round(seconds * SECOND),
                    pick_std=std,
                )
            )
    return picks


def _hypocentre(line: Line, event: str, options: ParseOptions, lead: int) -> SourceHypocentre:
    """WIN's own hypocentre; none where its numbers have run over their columns."""
    try:
        year, month, day, hour, minute = (line.integer(i, "origin time") for i in range(5))
        year = full_year(line, year, options.year)
        time = civil_time(line, year, month, day, hour, minute, line.real(5, "origin seconds"))
        latitude, longitude, depth = (line.real(i, "coordinate") for i in (6, 7, 8))
    except FileFormatError:
        return SourceHypocentre(event=event)
    return SourceHypocentre(
        event=event, origin_time=time - lead, longitude=longitude, latitude=latitude, depth=depth
    )


def _file_event(name: str) -> str:
    """The event's name: that of the file, which WIN makes from the time of the first P."""
    for suffix in _SUFFIXES:
        if name.lower().endswith(suffix):
            return name[: -len(suffix)]
    return name
