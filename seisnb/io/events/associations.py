"""Tables of associated picks as PyOcto, GaMMA and SeisBench users write them (CSV).

One line per pick, columns by name, others ignored:

==============  ====================================================================
quantity        column, the first that is there
==============  ====================================================================
event           ``event_idx``, ``event_index``, ``event_id``, ``event``, ``idx``
station         ``station``, ``station_id``, ``trace_id``, ``station_code``
phase           ``phase``, ``phase_hint``, ``phase_type``, ``type``
arrival time    ``time_pick``, ``pick_time``, ``peak_time``, ``phase_time``,
                ``arrival_time``, ``timestamp``, ``time``
origin time     ``time``, ``event_time``, ``origin_time``, if another column is the
                arrival's
hypocentre      ``latitude``, ``longitude``, ``depth`` [degrees, km]
==============  ====================================================================

Times are seconds since 1970 or ISO 8601, UTC. Picks that belong to no event (index empty or -1) are
left out. There is no sigma in such tables. PyOcto's ``x``, ``y``, ``z`` are in its own projection
and are not read; the hypocentre is kept as preliminary.
"""

from __future__ import annotations

import re

from seisnb.conventions import FileFormatError
from seisnb.io.events.columns import Table, read_table, require
from seisnb.io.events.records import (
    ArrivalFile,
    ArrivalRow,
    ParseOptions,
    SourceHypocentre,
    place_of,
)
from seisnb.io.events.times import parse_time
from seisnb.io.lines import Line, TextFile, keep_good

COLUMNS = {
    "event": ("event_idx", "event_index", "event_id", "event", "idx"),
    "station": ("station", "station_id", "trace_id", "station_code"),
    "phase": ("phase", "phase_hint", "phase_type", "type"),
    "arrival_time": (
        "time_pick", "pick_time", "peak_time", "phase_time", "arrival_time", "timestamp", "time",
    ),
    "origin_time": ("time", "event_time", "origin_time"),
    "latitude": ("latitude",),
    "longitude": ("longitude",),
    "depth": ("depth",),
}  # fmt: skip
NEEDED = ("event", "station", "phase", "arrival_time")
_UNASSOCIATED = ("", "-1", "nan", "None")
_WHOLE = re.compile(r"(-?[0-9]+)\.0*")


def is_association(names: tuple[str, ...]) -> bool:
    """Whether a header has a column for each quantity that is needed."""
    return all(any(alias in names for alias in COLUMNS[quantity]) for quantity in NEEDED)


def parse_associations(text: TextFile, options: ParseOptions) -> ArrivalFile:
    """Parse a table of associated picks (module docstring).

    Parameters
    ----------
    text : TextFile
        The file.
    options : ParseOptions
        ``on_bad`` decides on bad lines.

    Raises
    ------
    FileFormatError
        A needed column is missing, or a line does not fit the header.
    """
    notes: list[str] = []
    table = read_table(text, COLUMNS)
    require(table, COLUMNS, NEEDED)
    hypocentres: dict[str, SourceHypocentre] = {}
    parsed = keep_good(
        table.rows,
        lambda line: _row(line, table, hypocentres),
        on_bad=options.on_bad,
        notes=notes,
    )
    rows = [row for row in parsed if row is not None]
    if len(rows) < len(parsed):
        notes.append(f"Left out {len(parsed) - len(rows)} picks that belong to no event.")
    return ArrivalFile(rows=rows, hypocentres=list(hypocentres.values()), notes=notes)


def _row(line: Line, table: Table, hypocentres: dict[str, SourceHypocentre]) -> ArrivalRow | None:
    """One pick, and its event's hypocentre where it is the first; None without an event."""
    table.check(line)
    event = table.text(line, "event")
    if event in _UNASSOCIATED:
        return None
    whole = _WHOLE.fullmatch(event)
    event = whole[1] if whole else event
    row = ArrivalRow(
        place=place_of(line),
        event=event,
        station=table.name(line, "station"),
        code=table.text(line, "phase"),
        time=parse_time(line, table.text(line, "arrival_time"), "arrival time"),
    )
    if event not in hypocentres and _has_hypocentre(table):
        hypocentres[event] = _hypocentre(line, table, event)
    return row


def _has_hypocentre(table: Table) -> bool:
    """Whether the table has columns of an origin that are not the pick's own."""
    origin = table.index.get("origin_time", table.index["arrival_time"])
    known = {"latitude", "longitude", "depth"} <= table.index.keys()
    return known and origin != table.index["arrival_time"]


def _hypocentre(line: Line, table: Table, event: str) -> SourceHypocentre:
    """The hypocentre on a pick's line; without one where a field cannot be read."""
    try:
        return SourceHypocentre(
            event=event,
            origin_time=parse_time(line, table.text(line, "origin_time"), "origin time"),
            longitude=table.real(line, "longitude"),
            latitude=table.real(line, "latitude"),
            depth=table.real(line, "depth"),
        )
    except FileFormatError:
        return SourceHypocentre(event=event)
