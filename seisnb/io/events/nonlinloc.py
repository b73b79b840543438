"""NonLinLoc's phase files (.obs) and the phase lists of its location files (.hyp).

One line per pick, fields separated by blanks [1]_::

    UH1    ?    ?    ? P      ? 20100527 1656 26.1300 GAU  2.00e-02 -1.00e+00 -1.00e+00 -1.00e+00

station, instrument, component, onset, phase, first motion, date, hour and minute, seconds, type of
error, error [s], coda, amplitude, period and, optionally, a prior weight (0: not used). Seconds may
be negative or above 60. What follows ``>`` is NonLinLoc's own result and is left out. Blank lines
separate events; ``PUBLIC_ID`` names one, otherwise it is called by its number. A sigma is read from
the type GAU alone. In a location file the ``GEOGRAPHIC`` line gives the source's hypocentre.

References
----------
.. [1] A. Lomax, NonLinLoc, file formats: http://alomax.free.fr/nlloc/soft7.00/formats.html
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
from seisnb.io.events.times import civil_time
from seisnb.io.lines import Line, TextFile, keep_good, shown

_DATE = re.compile(r"[0-9]{8}")
_HOUR_MINUTE = re.compile(r"[0-9]{1,4}")
#: Fields of a pick, as far as its seconds.
_N_NEEDED = 9
_PRIOR_WEIGHT = 14


@dataclass
class _Event:
    """Lines of one event while they are collected."""

    number: int
    name: str = ""
    line: int = 0
    located: bool = True
    origin: Line | None = None
    picks: list[Line] = field(default_factory=list)


def is_nonlinloc(raw: str) -> bool:
    """Whether a line looks like one of NonLinLoc's."""
    fields = raw.split()
    return raw.startswith(("PUBLIC_ID ", "NLLOC ")) or (
        len(fields) >= _N_NEEDED
        and _DATE.fullmatch(fields[6]) is not None
        and _HOUR_MINUTE.fullmatch(fields[7]) is not None
    )


def parse_nonlinloc(text: TextFile, options: ParseOptions) -> ArrivalFile:
    """Parse a NonLinLoc phase or location file (module docstring).

    Parameters
    ----------
    text : TextFile
        The file.
    options : ParseOptions
        ``on_bad`` decides on bad lines.

    Raises
    ------
    FileFormatError
        A line that is no pick; one PUBLIC_ID on two events.
    """
    notes: list[str] = []
    rows: list[ArrivalRow] = []
    hypocentres: list[SourceHypocentre] = []
    first: dict[str, int] = {}
    for event in _events(text):
        name = event.name or str(event.number)
        if first.setdefault(name, event.line) != event.line:
            raise text.line(event.line).error(
                f"event {shown(name)} is there again, first in line {first[name]}",
                "each name once",
                "Give each event its own PUBLIC_ID, or none.",
            )
        if event.origin is not None and event.located:
            hypocentres.append(_hypocentre(event.origin, name))
        rows += keep_good(
            event.picks, partial(_pick, event=name), on_bad=options.on_bad, notes=notes
        )
    return ArrivalFile(rows=rows, hypocentres=hypocentres, notes=notes)


def _events(text: TextFile) -> list[_Event]:
    """The lines of each event, for a location file those between PHASE and END_PHASE."""
    located = any(raw.startswith("NLLOC ") for raw in text.lines)
    events = [_Event(1)]
    in_phases = not located

    def begin(line: Line) -> None:
        if events[-1].picks or events[-1].name or events[-1].origin:
            events.append(_Event(events[-1].number + 1))
        events[-1].line = line.number

    for line in text.all_lines(comment=""):
        word = line.fields[0] if line.fields else ""
        if word == "NLLOC" or (not located and word == ""):
            begin(line)
            events[-1].located = "LOCATED" in line.raw or not located
        elif word.startswith("#"):
            continue
        elif word == "PUBLIC_ID":
            if not located:
                begin(line)
            name = line.raw.strip().removeprefix("PUBLIC_ID").strip()
            events[-1].name = "" if name == "None" else name
        elif word == "GEOGRAPHIC":
            events[-1].origin = line
        elif word in ("PHASE", "END_PHASE", "END_NLLOC"):
            in_phases = word == "PHASE" or not located
        elif in_phases and word:
            events[-1].line = events[-1].line or line.number
            events[-1].picks.append(line)
    return [event for event in events if event.picks]


def _pick(line: Line, event: str) -> ArrivalRow:
    """One pick from one line."""
    fields = tuple(line.raw.partition(">")[0].split())
    line = Line(line.file, line.number, line.raw, fields)
    line.field(_N_NEEDED - 1, "seconds")
    if not _DATE.fullmatch(fields[6]):
        raise line.error(f"the date is {shown(fields[6])}", "year, month and day as 20110102")
    if not _HOUR_MINUTE.fullmatch(fields[7]):
        raise line.error(f"hour and minute are {shown(fields[7])}", "four digits such as 0210")
    day, clock = fields[6], fields[7].zfill(4)
    gaussian = len(fields) > 10 and fields[9].upper() == "GAU"
    prior = line.real(_PRIOR_WEIGHT, "prior weight") if len(fields) > _PRIOR_WEIGHT else 1.0
    return ArrivalRow(
        place=place_of(line),
        event=event,
        station=fields[0],
        code=fields[4],
        time=civil_time(
            line, int(day[:4]), int(day[4:6]), int(day[6:]), int(clock[:2]), int(clock[2:]),
            line.real(8, "seconds"),
        ),
        pick_std=line.real(10, "error", finite=False) if gaussian else None,
        used=prior != 0,
    )  # fmt: skip


def _hypocentre(line: Line, event: str) -> SourceHypocentre:
    """The hypocentre of a GEOGRAPHIC line."""
    try:
        year, month, day, hour, minute = (line.integer(i, "origin time") for i in range(2, 7))
        time = civil_time(line, year, month, day, hour, minute, line.real(7, "origin seconds"))
        latitude, longitude, depth = (line.real(i, "coordinate") for i in (9, 11, 13))
    except FileFormatError as error:
        raise line.error(
            "the hypocentre cannot be read", "GEOGRAPHIC as NonLinLoc writes it", str(error)
        ) from error
    return SourceHypocentre(
        event=event, origin_time=time, longitude=longitude, latitude=latitude, depth=depth
    )
