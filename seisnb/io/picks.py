"""The door for first-arrival picks: one call for every format, the same checks for all of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import xarray as xr

from seisnb.conventions import InputError
from seisnb.io.atomic import replaced
from seisnb.io.checks import drop_repeats, drop_zero_offset, place_ends, set_std
from seisnb.io.formats import FORMATS, PickFormat, check_options, guess_format
from seisnb.io.ground import BURIED, Buried, natural_surface
from seisnb.io.lines import TextFile, read_text
from seisnb.io.phases import Phases, select_phases
from seisnb.io.pick_std import PickStd, as_pick_std
from seisnb.io.records import NO_PHASE, Array, PickFile, PickRow, ReadOptions, StraightLine
from seisnb.io.sgt import format_sgt
from seisnb.io.straight_line import offsets_across, straighten
from seisnb.io.surface import Surface, read_surface
from seisnb.io.table import format_table
from seisnb.io.units import CHOICES
from seisnb.survey import check_survey, make_survey

_WRITERS: Mapping[str, Callable[[xr.Dataset], str]] = {"sgt": format_sgt, "csv": format_table}

#: Names of the pick formats.
PICK_FORMATS = tuple(FORMATS)


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
    buried: Buried | None = None,
    shots: str | Path | None = None,
    receivers: str | Path | None = None,
    length_unit: Literal["m", "km"] | None = None,
    time_unit: Literal["s", "ms"] | None = None,
    vertical: Literal["elevation", "depth"] | None = None,
) -> xr.Dataset:
    """Read first-arrival picks of a line from a file into a checked survey.

    Parameters
    ----------
    path : str or Path
        The file; docs/formats.md and the module of each format say what it holds.
    format : str, optional
        One of :data:`PICK_FORMATS`; without it, told from the contents, then from the extension.
    pick_std : str, float or PickStd, optional
        Standard deviation of the picks instead of the file's: seconds, or a text such as
        ``"3%+0.0005"`` (see :func:`parse_pick_std`). Needed where the file has none.
    phases : str, int or sequence, optional
        Codes that are first arrivals, ``[1, 5]`` or ``"1,5"``; with the offsets [km] where they
        are, ``"1:-90,5:185-"``. Needed for ``txin``, and for tables with more than one code;
        ``tomo2d`` takes 0 by default. Other picks are left out and counted in the notes.
    water_velocity : float, optional
        Velocity of the water [km/s], for a line at sea; needs a surface.
    surface : path, DataArray or array_like, optional
        The rock's surface (topography or sea floor), see :func:`read_surface`: easting and depth
        [km], depth positive down. Without it the surface runs through the file's points, except
        buried ones. For points that are projected onto a line, easting is the distance along it,
        unless the file has northings too.
    instrument : {"shot", "receiver"}
        At sea, and where the file has no depths: which end stands on the sea floor. The other
        is at the sea surface. ``"shot"`` is the custom of marine ``tx.in`` files, whose shot
        headers are the ocean-bottom instruments.
    on_bad : {"raise", "drop"}
        Whether a bad pick stops the reading, or is left out and named in the notes.
    title : str, optional
        Title of the line; without it the file's, then the file's name.
    buried : {"shot", "receiver", "both", "none"}, optional
        Which ends of picks lie in the ground (boreholes) rather than on the surface. Asked for
        where a surface through all points would be a zig-zag; "none" for steep topography.
    shots, receivers : str or Path, optional
        Lists of positions, for tables and PyRefra's picks, which hold numbers
        (:mod:`seisnb.io.positions`).
    length_unit : {"m", "km"}, optional
        Unit of lengths that the file does not state.
    time_unit : {"s", "ms"}, optional
        Unit of times that the file does not state.
    vertical : {"elevation", "depth"}, optional
        What a ``z`` is that may be either: positive up, or positive down.

    Returns
    -------
    xr.Dataset
        As :func:`seisnb.survey.make_survey` returns it, and ``phase`` (pick,) where the file has
        phase codes. Points off a straight line are projected onto one: ``offset_across`` (pick,)
        [km] then is the distance from shot to receiver across it, and the attributes
        ``line_easting``, ``line_northing`` [km] and ``line_azimuth`` [degrees from north] say
        where it begins and runs. ``attrs["notes"]`` is a JSON list of all that was dropped,
        merged, projected or assumed.

    Raises
    ------
    FileFormatError
        The file is not what its format says; the message names file, line and value.
    InputError
        An option is missing or unknown, or no pick is left.
    GeometryError
        A position that cannot be.
    """
    for name, value, allowed in (
        ("on_bad", on_bad, ("raise", "drop")),
        ("instrument", instrument, ("shot", "receiver")),
        ("buried", buried, (None, *BURIED)),
        ("length_unit", length_unit, (None, *CHOICES["length_unit"])),
        ("time_unit", time_unit, (None, *CHOICES["time_unit"])),
        ("vertical", vertical, (None, *CHOICES["vertical"])),
    ):
        if value not in allowed:
            wanted = " or ".join(repr(choice) for choice in allowed if choice is not None)
            extra = ", the end that stands on the sea floor" if name == "instrument" else ""
            raise InputError(f"read_picks: {name} is {value!r}; expected {wanted}{extra}.")
    std = as_pick_std(pick_std)
    options = ReadOptions(
        on_bad=on_bad,
        length_unit=length_unit,
        time_unit=time_unit,
        vertical=vertical,
        shots=None if shots is None else Path(shots),
        receivers=None if receivers is None else Path(receivers),
        folder=Path(path).parent,
    )
    text, _, parsed = _parse(path, format, options)
    where = f"read_picks: {text.name}"
    notes = [*text.notes, *parsed.notes]
    parsed, line = straighten(parsed, where, notes)
    profile = parsed.surface if surface is None else read_surface(surface, where=where, line=line)
    if surface is not None and parsed.surface is not None:
        notes.append("The surface given by the caller was used, not the file's.")
    if surface is None and parsed.needs_surface is not None:
        raise parsed.needs_surface
    water = parsed.water_velocity if water_velocity is None else water_velocity
    if water is not None and profile is None:
        raise InputError(
            f"{where}: water_velocity is {water} km/s but there is no sea floor. Pass surface, "
            "a two-column file or arrays: easting, depth [km, positive down]."
        )
    rows = select_phases(parsed, phases, where, notes)
    rows = place_ends(rows, profile, water, instrument, where, notes)
    rows = drop_zero_offset(rows, notes)
    rows = set_std(rows, std, text, on_bad, where, notes)
    rows = drop_repeats(rows, text, on_bad, notes)
    if not rows:
        raise InputError(f"{where}: none of {len(parsed.rows)} picks is usable. {' '.join(notes)}")
    if profile is None:
        profile = natural_surface(rows, parsed.points, parsed.topography, buried, where, notes)
    name = title or parsed.title or text.stem
    return _survey(rows, profile, water, buried or parsed.buried, line, name, text, notes, where)


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


def describe_picks(
    path: str | Path, format: str | None = None, options: ReadOptions | None = None
) -> PickSummary:
    """Say what a pick file holds, so that a person can choose phases and a pick_std.

    Bad picks are left out of the counts; :func:`read_picks` reports them.

    Parameters
    ----------
    path : str or Path
        The file.
    format : str, optional
        One of :data:`PICK_FORMATS`; without it, told from the contents, then from the extension.
    options : ReadOptions, optional
        Units and lists of positions that the file needs.

    Returns
    -------
    PickSummary

    Raises
    ------
    FileFormatError, InputError
        As :func:`read_picks`.
    """
    options = replace(options or ReadOptions(folder=Path(path).parent), on_bad="drop")
    _, entry, parsed = _parse(path, format, options)
    return PickSummary(
        format=entry.name,
        n_picks=len(parsed.rows),
        phases=parsed.phase_counts(),
        has_pick_std=bool(parsed.rows) and parsed.rows[0].pick_std is not None,
        has_depths=not any(math.isnan(r.shot_depth + r.receiver_depth) for r in parsed.rows),
    )


def _parse(
    path: str | Path, kind: str | None, options: ReadOptions
) -> tuple[TextFile, PickFormat, PickFile]:
    """Text, format and picks of a file."""
    if kind is not None and kind not in FORMATS:
        raise InputError(
            f"read_picks: format is {kind!r}; expected one of {', '.join(PICK_FORMATS)}."
        )
    text = read_text(path, where="read_picks")
    entry = guess_format(text) if kind is None else FORMATS[kind]
    check_options(entry, options, f"read_picks: {text.name}")
    return text, entry, entry.parse(text, options)


def _survey(
    rows: list[PickRow],
    profile: tuple[Array, Array],
    water_velocity: float | None,
    buried: str | None,
    line: StraightLine | None,
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
        offset_across=offsets_across(rows),
        surface_easting=profile[0],
        surface_depth=profile[1],
        water_velocity=water_velocity,
        buried=buried,
        shot=numbers("shot"),
        receiver=numbers("receiver"),
        used=column("used"),
        title=title,
        source=text.name,
        checksum=text.checksum,
        notes=notes,
        where=where,
    )
    if line is not None:
        survey.attrs["line_easting"] = line.easting
        survey.attrs["line_northing"] = line.northing
        survey.attrs["line_azimuth"] = line.azimuth
    if any(row.phase != NO_PHASE for row in rows):
        survey["phase"] = ("pick", np.array([row.phase for row in rows]))
        survey["phase"].attrs.update(units="1", long_name="phase code")
    return survey
