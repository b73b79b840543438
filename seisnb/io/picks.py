"""The door for first-arrival picks: one call for every format, the same checks for all of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
import xarray as xr

from seisnb.conventions import FileFormatError, InputError
from seisnb.io.atomic import replaced
from seisnb.io.checks import (
    Phases,
    drop_repeats,
    drop_zero_offset,
    place_ends,
    select_phases,
    set_std,
)
from seisnb.io.lines import TextFile, read_text
from seisnb.io.pick_std import PickStd, as_pick_std
from seisnb.io.records import NO_PHASE, Array, PickFile, PickRow
from seisnb.io.sgt import format_sgt, parse_sgt
from seisnb.io.surface import Surface, read_surface
from seisnb.io.table import format_table, is_table_header, parse_table
from seisnb.io.tomo2d import parse_tomo2d
from seisnb.io.txin import is_txin_record, parse_txin
from seisnb.survey import check_survey, make_survey


class _Parser(Protocol):
    """From text to picks, one function per format."""

    def __call__(self, text: TextFile, *, on_bad: str = "raise") -> PickFile:
        """Parse a text."""


_PARSERS: Mapping[str, _Parser] = {
    "sgt": parse_sgt,
    "txin": parse_txin,
    "tomo2d": parse_tomo2d,
    "csv": parse_table,
}
_WRITERS: Mapping[str, Callable[[xr.Dataset], str]] = {"sgt": format_sgt, "csv": format_table}

#: Names of the pick formats.
PICK_FORMATS = tuple(_PARSERS)


@dataclass(frozen=True, kw_only=True)
class PickSummary:
    """What a pick file holds, before anything is decided.

    Attributes
    ----------
    format : str
        One of :data:`PICK_FORMATS`.
    n_picks : int
        Rows of picks, later arrivals and zero offsets included.
    phases : dict of str to int
        Phase codes with their counts; empty for a format without codes.
    has_pick_std : bool
        Whether the file states standard deviations.
    has_depths : bool
        Whether the file states depths; without them the caller's surface is needed at sea.
    """

    format: str
    n_picks: int
    phases: dict[str, int]
    has_pick_std: bool
    has_depths: bool


def read_picks(
    path: str | Path,
    format: str | None = None,
    *,
    pick_std: str | float | PickStd | None = None,
    phases: Phases | None = None,
    water_velocity: float | None = None,
    surface: Surface | None = None,
    instrument: Literal["shot", "receiver"] = "shot",
    on_bad: Literal["raise", "drop"] = "raise",
    title: str | None = None,
) -> xr.Dataset:
    """Read first-arrival picks of a line from a file into a checked survey.

    Parameters
    ----------
    path : str or Path
        The file; see :mod:`seisnb.io.sgt`, :mod:`seisnb.io.txin`, :mod:`seisnb.io.tomo2d` and
        :mod:`seisnb.io.table` for what each format holds.
    format : {"sgt", "txin", "tomo2d", "csv"}, optional
        The format; without it, told from the contents, then from the extension.
    pick_std : str, float or PickStd, optional
        Standard deviation of the picks instead of the file's: seconds, or a text such as
        ``"3%+0.0005"`` (see :func:`parse_pick_std`). Needed where the file has none.
    phases : str, int or sequence, optional
        Codes that are first arrivals, ``[1, 5]`` or ``"1,5"``. Needed for ``txin``, and for
        ``csv`` with more than one code; ``tomo2d`` takes 0 by default. Picks of other codes are
        left out and counted in the notes.
    water_velocity : float, optional
        Velocity of the water [km/s], for a line at sea; needs a surface.
    surface : path, DataArray or array_like, optional
        The rock's surface (topography or sea floor), see :func:`read_surface`: easting and depth
        [km], depth positive down. Without it the surface runs through the file's points.
    instrument : {"shot", "receiver"}
        At sea, and where the file has no depths: which end stands on the sea floor. The other
        is at the sea surface. ``"shot"`` is the custom of marine ``tx.in`` files, whose shot
        headers are the ocean-bottom instruments.
    on_bad : {"raise", "drop"}
        Whether a bad pick stops the reading, or is left out and named in the notes.
    title : str, optional
        Title of the line; without it the file's, then the file's name.

    Returns
    -------
    xr.Dataset
        As :func:`seisnb.survey.make_survey` returns it, and ``phase`` (pick,) where the file has
        phase codes. ``attrs["notes"]`` is a JSON list of all that was dropped, merged or assumed.

    Raises
    ------
    FileFormatError
        The file is not what its format says; the message names file, line and value.
    InputError
        An option is missing or unknown, or no pick is left.
    GeometryError
        A position that cannot be.
    """
    if on_bad not in ("raise", "drop"):
        raise InputError(f"read_picks: on_bad is {on_bad!r}; expected 'raise' or 'drop'.")
    if instrument not in ("shot", "receiver"):
        raise InputError(
            f"read_picks: instrument is {instrument!r}; expected 'shot' or 'receiver', the end "
            "that stands on the sea floor."
        )
    std = as_pick_std(pick_std)
    text, kind, parsed = _parse(path, format, on_bad)
    where = f"read_picks: {text.name}"
    notes = [*text.notes, *parsed.notes]
    profile = parsed.surface if surface is None else read_surface(surface, where=where)
    if surface is not None and parsed.surface is not None and kind == "csv":
        notes.append("The surface given by the caller was used, not the file's.")
    water = parsed.water_velocity if water_velocity is None else water_velocity
    if water is not None and (profile is None or (surface is None and kind == "sgt")):
        raise InputError(
            f"{where}: water_velocity is {water} km/s but there is no sea floor. Pass surface, "
            "a two-column file or arrays: easting, depth [km, positive down]."
        )
    rows = select_phases(parsed, phases, where, notes)
    rows = place_ends(rows, profile, water, instrument, notes)
    rows = drop_zero_offset(rows, notes)
    rows = set_std(rows, std, text, on_bad, where, notes)
    rows = drop_repeats(rows, text, on_bad, notes)
    if not rows:
        raise InputError(f"{where}: none of {len(parsed.rows)} picks is usable. {' '.join(notes)}")
    return _survey(rows, profile, water, title or parsed.title or text.stem, text, notes, where)


def write_picks(survey: xr.Dataset, path: str | Path, format: str | None = None) -> None:
    """Write a survey's picks to a file that :func:`read_picks` reads back.

    Parameters
    ----------
    survey : xr.Dataset
        The survey; muted picks are written as muted.
    path : str or Path
        The file. It appears whole or not at all.
    format : {"csv", "sgt"}, optional
        Without it, the extension says. ``csv`` keeps everything to the last digit.

    Raises
    ------
    InputError
        The format is unknown, or cannot hold the survey (``sgt`` at sea).
    OutputError
        The file cannot be written.
    """
    check_survey(survey, where="write_picks")
    kind = format or Path(path).suffix.lower().removeprefix(".")
    if kind not in _WRITERS:
        raise InputError(
            f"write_picks: format is {kind!r}; expected one of {', '.join(sorted(_WRITERS))}. "
            "Pass format or use that extension."
        )
    text = _WRITERS[kind](survey)
    with replaced(path, where="write_picks") as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def describe_picks(path: str | Path, format: str | None = None) -> PickSummary:
    """Say what a pick file holds, so that a person can choose phases and a pick_std.

    Bad picks are left out of the counts; :func:`read_picks` reports them.

    Parameters
    ----------
    path : str or Path
        The file.
    format : {"sgt", "txin", "tomo2d", "csv"}, optional
        Without it, told from the contents, then from the extension.

    Returns
    -------
    PickSummary

    Raises
    ------
    FileFormatError, InputError
        As :func:`read_picks`.
    """
    _, kind, parsed = _parse(path, format, "drop")
    return PickSummary(
        format=kind,
        n_picks=len(parsed.rows),
        phases=parsed.phase_counts(),
        has_pick_std=bool(parsed.rows) and parsed.rows[0].pick_std is not None,
        has_depths=not any(math.isnan(r.shot_depth + r.receiver_depth) for r in parsed.rows),
    )


def _parse(path: str | Path, kind: str | None, on_bad: str) -> tuple[TextFile, str, PickFile]:
    """Text, format and picks of a file."""
    if kind is not None and kind not in _PARSERS:
        raise InputError(
            f"read_picks: format is {kind!r}; expected one of {', '.join(PICK_FORMATS)}."
        )
    text = read_text(path, where="read_picks")
    kind = kind or _guess_format(text, Path(path).suffix.lower())
    return text, kind, _PARSERS[kind](text, on_bad=on_bad)


def _guess_format(text: TextFile, extension: str) -> str:
    """The format by the first lines that hold values, else by the extension."""
    rows = text.rows()[:2]
    first = rows[0].raw if rows else ""
    if is_table_header(first):
        return "csv"
    if is_txin_record(first):
        return "txin"
    if rows and len(rows[0].fields) == 1 and rows[0].fields[0].isdecimal():
        return "tomo2d" if len(rows) > 1 and rows[1].fields[0] == "s" else "sgt"
    known = {".sgt": "sgt", ".csv": "csv", ".in": "txin"}
    if extension in known:
        return known[extension]
    raise FileFormatError(
        f"read_picks: {text.name} is of no known format; line "
        f"{rows[0].number if rows else 1} is {first.strip()[:60]!r}. Pass format, one of "
        f"{', '.join(PICK_FORMATS)}."
    )


def _survey(
    rows: list[PickRow],
    profile: tuple[Array, Array] | None,
    water_velocity: float | None,
    title: str,
    text: TextFile,
    notes: list[str],
    where: str,
) -> xr.Dataset:
    """The checked survey of the rows that are left."""

    def column(name: str) -> list[float]:
        return [getattr(row, name) for row in rows]

    def numbers(kind: str) -> list[float] | None:
        values = column(kind)
        return None if None in values else values

    survey = make_survey(
        travel_time=column("travel_time"),
        pick_std=column("pick_std"),
        shot_easting=column("shot_easting"),
        shot_depth=column("shot_depth"),
        receiver_easting=column("receiver_easting"),
        receiver_depth=column("receiver_depth"),
        surface_easting=None if profile is None else profile[0],
        surface_depth=None if profile is None else profile[1],
        water_velocity=water_velocity,
        shot=numbers("shot"),
        receiver=numbers("receiver"),
        used=column("used"),
        title=title,
        source=text.name,
        checksum=text.checksum,
        notes=notes,
        where=where,
    )
    if any(row.phase != NO_PHASE for row in rows):
        survey["phase"] = ("pick", np.array([row.phase for row in rows]))
        survey["phase"].attrs.update(units="1", long_name="phase code")
    return survey
