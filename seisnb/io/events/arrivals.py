"""The door for arrivals: one call for every format, the same checks for all of them."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
import xarray as xr

from seisnb.catalogue import make_arrivals
from seisnb.conventions import FileFormatError, InputError
from seisnb.io.atomic import replaced
from seisnb.io.events.checks import (
    PhasesOption,
    PickStdOption,
    check_order,
    check_spread,
    check_times,
    drop_repeats,
    name_phases,
    phase_map,
    set_std,
)
from seisnb.io.events.formats import (
    ARRIVAL_FORMATS,
    CALLED,
    PARSERS,
    detect_arrival_format,
    format_by_contents,
    looks_like,
)
from seisnb.io.events.records import ParseOptions, preliminary_dataset
from seisnb.io.events.table import format_arrival_table
from seisnb.io.events.times import offset_ns
from seisnb.io.lines import TextFile, read_text


def read_arrivals(
    path: str | Path,
    format: str | None = None,
    *,
    pick_std: PickStdOption = None,
    phases: PhasesOption = None,
    on_bad: Literal["raise", "drop"] = "raise",
    year: int | None = None,
    utc_offset: float | None = None,
) -> xr.Dataset:
    """Read P and S arrivals of earthquakes from a file into a checked Dataset.

    Parameters
    ----------
    path : str or Path
        The file.
    format : {"nlloc", "hypodd", "pyocto", "quakeml", "csv", "hypomh"}, optional
        The format, each described in its module of :mod:`seisnb.io.events`; without it, told
        from the contents, then from the extension.
    pick_std : float or mapping, optional
        Standard deviation [s] instead of the file's, for all picks or by phase:
        ``{"P": 0.1, "S": 0.2}``. Needed where the file has none (``hypodd``, ``pyocto``). For
        ``hypodd`` it is that of a pick of weight 1.
    phases : str, sequence of str or mapping, optional
        Codes to read: ``"P"``, ``["P", "Pn", "S"]``, or with what they are,
        ``{"P1": "P", "S1": "S"}``. By default P, Pn, Pg, Pb, P*, p and the same of S.
    on_bad : {"raise", "drop"}
        Whether a bad line or pick stops the reading, or is left out and named in the notes.
    year : int, optional
        Year of the picks, for a format whose years have two digits (``hypomh``).
    utc_offset : float, optional
        Hours that the clock of the file is ahead of UTC, for ``hypomh``: 9 for Japanese time.

    Returns
    -------
    xr.Dataset
        As :func:`seisnb.catalogue.make_arrivals` returns it; ``preliminary_*`` where the source has
        hypocentres. ``attrs["notes"]`` is a JSON list of all that was dropped or assumed.

    Raises
    ------
    FileFormatError
        The file is not what its format says, a pick has no sigma or an impossible one, a time is
        before 1900 or in the future, picks of one event are more than ten minutes apart, a pick
        is there twice, or S is not after P. The message names file, line and value.
    InputError
        An option is unknown, or no pick is left.

    Notes
    -----
    Where two codes of one phase stand at a station (Pg and Pn) the earlier is kept. How many picks
    an event needs is for the locator to judge: an event with one pick is read.
    """
    where = "read_arrivals"
    if on_bad not in ("raise", "drop"):
        raise InputError(f"{where}: on_bad is {on_bad!r}; expected 'raise' or 'drop'.")
    if format is not None and format not in ARRIVAL_FORMATS:
        raise InputError(
            f"{where}: format is {format!r}; expected one of {', '.join(ARRIVAL_FORMATS)}."
        )
    codes = phase_map(phases, where)
    offset_ns(utc_offset)
    text = read_text(path, where=where)
    kind = _kind(text, path, format)
    if utc_offset is not None and kind != "hypomh":
        raise InputError(
            f"{where}: utc_offset is {utc_offset} h, but {text.name} is {CALLED[kind]}, whose "
            "times are UTC. Leave it out."
        )
    parsed = PARSERS[kind](text, ParseOptions(on_bad=on_bad, year=year, utc_offset=utc_offset))
    notes = [*text.notes, *parsed.notes]
    rows = name_phases(parsed.rows, codes, notes)
    rows = check_times(rows, on_bad, notes)
    rows = set_std(rows, pick_std, on_bad=on_bad, where=where, notes=notes)
    rows = check_spread(rows, on_bad, notes)
    rows = drop_repeats(rows, on_bad, notes)
    rows = check_order(rows, on_bad, notes)
    if not rows:
        raise InputError(
            f"{where}: {text.name}: none of {len(parsed.rows)} picks is usable. {' '.join(notes)}"
        )
    return make_arrivals(
        event=[row.event for row in rows],
        station=[row.station for row in rows],
        phase=[row.phase for row in rows],
        arrival_time=np.array([row.time for row in rows], np.int64).view("datetime64[ns]"),
        pick_std=np.array([row.pick_std for row in rows], float),
        used=np.array([row.used for row in rows], bool),
        source=text.name,
        checksum=text.checksum,
        notes=notes,
        preliminary=preliminary_dataset(parsed.hypocentres),
        where=f"{where}: {text.name}",
    )


def write_arrivals_csv(arrivals: xr.Dataset, path: str | Path) -> None:
    """Write arrivals to a CSV table that :func:`read_arrivals` reads back to the last digit.

    Parameters
    ----------
    arrivals : xr.Dataset
        The arrivals; picks that are not used are written as such, the source's hypocentres not.
    path : str or Path
        The file. It appears whole or not at all.

    Raises
    ------
    InputError
        A name that CSV cannot hold.
    OutputError
        The file cannot be written.
    """
    text = format_arrival_table(arrivals, where="write_arrivals_csv")
    with replaced(path, where="write_arrivals_csv") as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def _kind(text: TextFile, path: str | Path, given: str | None) -> str:
    """The format, refusing a file that is plainly of another than the one said."""
    found = format_by_contents(text)
    if given is None:
        kind = found or detect_arrival_format(path)
        if kind is None:
            raise FileFormatError(
                f"read_arrivals: {text.name} is of no known format; it looks like "
                f"{looks_like(text)}. Pass format, one of {', '.join(ARRIVAL_FORMATS)}."
            )
        return kind
    if found not in (None, given) and {found, given} != {"csv", "pyocto"}:
        raise FileFormatError(
            f"read_arrivals: {text.name} looks like {looks_like(text)}; expected {CALLED[given]}, "
            f"as format={given!r} says. Leave format out, or give the other file."
        )
    return given
