"""The arrival table of seisnb: a CSV file that keeps every digit.

The first line that is not a comment (#) names the columns, in any order; then one line per pick::

    event,station,phase,arrival_time,pick_std,used
    2011a,LZB,P,2011-01-02T02:11:06.200000000,0.1,1

``arrival_time`` is ISO 8601 in UTC or seconds since 1970, ``pick_std`` in s. ``used`` (1 or 0) and
``pick_std`` may be missing; other columns are ignored and reported.
"""

from __future__ import annotations

import xarray as xr

from seisnb.conventions import InputError
from seisnb.io.events.columns import Table, quoted, read_table, require
from seisnb.io.events.records import ArrivalFile, ArrivalRow, ParseOptions, place_of
from seisnb.io.events.times import iso_text, parse_time
from seisnb.io.lines import Line, TextFile, keep_good, listed, shown

COLUMNS = {
    name: (name,) for name in ("event", "station", "phase", "arrival_time", "pick_std", "used")
}
NEEDED = ("event", "station", "phase", "arrival_time")
_YES_NO = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}


def is_arrival_table(names: tuple[str, ...]) -> bool:
    """Whether a header is that of an arrival table."""
    return set(NEEDED) <= set(names)


def parse_arrival_table(text: TextFile, options: ParseOptions) -> ArrivalFile:
    """Parse an arrival table (module docstring).

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
    table = read_table(text, COLUMNS)
    require(table, COLUMNS, NEEDED)
    ignored = table.ignored()
    notes = [f"Ignored columns: {listed(map(shown, ignored))}."] if ignored else []
    rows = keep_good(table.rows, lambda line: _row(line, table), on_bad=options.on_bad, notes=notes)
    return ArrivalFile(rows=rows, notes=notes)


def format_arrival_table(arrivals: xr.Dataset, *, where: str) -> str:
    """The text of a table that reads back as the same picks, to the last digit.

    Raises
    ------
    InputError
        A name that a line of CSV cannot hold: with a line break, or blanks at its ends.
    """
    for kind in ("event", "station"):
        for name in set(map(str, arrivals[kind].values)):
            if not name or name != name.strip() or not name.isprintable():
                raise InputError(
                    f"{where}: {kind} {shown(name)} cannot be written to CSV; expected a name "
                    "without line breaks and without blanks at its ends. Rename it."
                )
    lines = ["event,station,phase,arrival_time,pick_std,used"]
    columns = [arrivals[name].values.tolist() for name in ("event", "station", "phase")]
    times = arrivals["arrival_time"].values.astype("datetime64[ns]").astype("int64").tolist()
    rest = [arrivals[name].values.tolist() for name in ("pick_std", "used")]
    lines += [
        ",".join([*map(quoted, names), iso_text(time), repr(float(std)), str(int(used))])
        for *names, time, std, used in zip(*columns, times, *rest, strict=True)
    ]
    return "\n".join(lines) + "\n"


def _row(line: Line, table: Table) -> ArrivalRow:
    """One pick from one line."""
    table.check(line)
    used = table.text(line, "used").lower()
    if "used" in table.index and used not in _YES_NO:
        raise line.error(f"'used' is {shown(used)}", "1, 0, true or false")
    has_std = "pick_std" in table.index and table.text(line, "pick_std") != ""
    return ArrivalRow(
        place=place_of(line),
        event=table.name(line, "event"),
        station=table.name(line, "station"),
        code=table.text(line, "phase"),
        time=parse_time(line, table.text(line, "arrival_time"), "arrival time"),
        pick_std=table.real(line, "pick_std", finite=False) if has_std else None,
        used=_YES_NO.get(used, True),
    )
