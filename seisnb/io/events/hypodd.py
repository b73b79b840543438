"""HypoDD's phase files, the input of ph2dt.

Each event has a header, then a line for each pick [1]_::

    #  1985  1 24  2 19 58.71  37.8832 -122.2415    9.80 1.40  0.15   0.51   0.02      38542
    NCCSP       2.850  -1.000   P

year, month, day, hour, minute, second, latitude, longitude, depth [km], magnitude, horizontal and
vertical error [km], rms [s] and id; station, travel time [s], weight, phase. The arrival time is
the header's time plus the travel time. There is no sigma: the weight is taken for an inverse
variance, so that sigma is pick_std / sqrt(weight). A weight of 0 marks a pick that is not used, a
negative one (ph2dt keeps such a pick always) counts by its absolute value.

References
----------
.. [1] F. Waldhauser (2001), hypoDD: a program to compute double-difference hypocenter locations,
   U.S. Geological Survey Open-File Report 01-113.
"""

from __future__ import annotations

from seisnb.conventions import FileFormatError
from seisnb.io.events.records import (
    ArrivalFile,
    ArrivalRow,
    ParseOptions,
    SourceHypocentre,
    place_of,
)
from seisnb.io.events.times import SECOND, civil_time, full_year
from seisnb.io.lines import Line, TextFile, listed, shown

_HEADER = (
    "year", "month", "day", "hour", "minute", "second", "latitude", "longitude", "depth",
    "magnitude", "horizontal error", "vertical error", "rms", "id",
)  # fmt: skip


def is_hypodd(raw: str) -> bool:
    """Whether a line looks like the header of an event."""
    fields = raw.strip().removeprefix("#").split()
    if not raw.lstrip().startswith("#") or len(fields) != len(_HEADER):
        return False
    return all(field.lstrip("-").replace(".", "", 1).isdecimal() for field in fields[:9])


def parse_hypodd(text: TextFile, options: ParseOptions) -> ArrivalFile:
    """Parse a HypoDD phase file (module docstring).

    Parameters
    ----------
    text : TextFile
        The file.
    options : ParseOptions
        ``on_bad`` decides on bad lines; ``year`` gives the century of two-digit years.

    Raises
    ------
    FileFormatError
        A header or pick that cannot be read, a pick before the first header, one id twice.
    """
    bad: list[str] = []
    rows: list[ArrivalRow] = []
    hypocentres: dict[str, SourceHypocentre] = {}
    current: SourceHypocentre | None = None
    skipping = False
    for line in text.all_lines(comment=""):
        if not line.fields:
            continue
        try:
            if line.fields[0].startswith("#"):
                skipping = True
                current = _header(line, options)
                if current.event in hypocentres:
                    raise line.error(
                        f"event {current.event} is there again", "each id once", "Renumber it."
                    )
                hypocentres[current.event] = current
                skipping = False
            elif not skipping:
                rows.append(_pick(line, current))
        except FileFormatError as error:
            if options.on_bad == "raise":
                raise
            bad.append(str(error))
    notes = [f"Dropped {len(bad)} bad lines, picks under them included: {listed(bad)}"]
    return ArrivalFile(
        rows=rows, hypocentres=list(hypocentres.values()), notes=notes if bad else []
    )


def _header(line: Line, options: ParseOptions) -> SourceHypocentre:
    """The hypocentre of a header."""
    fields = tuple(line.raw.strip().removeprefix("#").split())
    if len(fields) != len(_HEADER):
        raise line.error(
            f"the event line has {len(fields)} values", f"{len(_HEADER)}: {', '.join(_HEADER)}"
        )
    line = Line(line.file, line.number, line.raw, fields)
    year, month, day, hour, minute = (line.integer(i, _HEADER[i]) for i in range(5))
    year = full_year(line, year, options.year)
    return SourceHypocentre(
        event=fields[-1],
        origin_time=civil_time(line, year, month, day, hour, minute, line.real(5, "second")),
        latitude=line.real(6, "latitude"),
        longitude=line.real(7, "longitude"),
        depth=line.real(8, "depth"),
    )


def _pick(line: Line, event: SourceHypocentre | None) -> ArrivalRow:
    """One pick from one line."""
    if event is None or event.origin_time is None:
        raise line.error(f"{shown(line.raw.strip())} comes first", "an event line, which starts #")
    line.field(3, "phase")
    weight = abs(line.real(2, "weight"))
    return ArrivalRow(
        place=place_of(line),
        event=event.event,
        station=line.fields[0],
        code=line.fields[3],
        time=event.origin_time + round(line.real(1, "travel time") * SECOND),
        weight=weight,
        used=weight > 0,
    )
