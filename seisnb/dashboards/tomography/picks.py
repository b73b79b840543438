"""Picks as a person sets them: read with options, some muted, their stds typed in."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path

import numpy as np
import xarray as xr

from seisnb.conventions import InputError, SeisnbError
from seisnb.dashboards.tomography.state import ReadingConfig
from seisnb.io import describe_picks, parse_pick_std, read_picks


def read_survey(path: Path, reading: ReadingConfig) -> xr.Dataset:
    """The picks of a file.

    Raises
    ------
    InputError
        The file cannot be read so; the message says what it holds.
    """
    kind = None if reading.format == "guess" else reading.format
    said = {
        name: None if (value := getattr(reading, name)) == "ask" else value
        for name in ("buried", "shots", "receivers", "length_unit", "time_unit", "vertical")
    }
    try:
        return read_picks(
            path,
            kind,
            pick_std=reading.pick_std,
            phases=reading.phases,
            water_velocity=reading.water_velocity,
            surface=reading.surface,
            instrument=reading.instrument,
            on_bad=reading.on_bad,
            **said,
        )
    except SeisnbError as error:
        hint = _what_it_holds(path, kind)
        raise InputError(f"{error} {hint}".strip()) from error


def edited(base: xr.Dataset, muted: Collection[int], pick_std: str) -> xr.Dataset:
    """The picks as read, without the muted ones and with the stds that were typed.

    Raises
    ------
    InputError
        There is no such pick, or the text is no std.
    """
    used = np.ones(base.sizes["pick"], bool)
    used[checked(muted, base)] = False
    survey = base.copy()
    survey["used"] = base["used"].copy(data=used)
    if pick_std.strip():
        std = parse_pick_std(pick_std).at(base["travel_time"].values)
        survey["pick_std"] = base["pick_std"].copy(data=std)
    return survey


def checked(picks: Iterable[int], survey: xr.Dataset) -> list[int]:
    """Pick numbers that a survey has.

    Raises
    ------
    InputError
        It has one of them not.
    """
    numbers = [int(pick) for pick in picks]
    n_picks = survey.sizes["pick"]
    for pick in numbers:
        if not 0 <= pick < n_picks:
            raise InputError(f"dashboard: there is no pick {pick}; they run 0 to {n_picks - 1}.")
    return numbers


def _what_it_holds(path: Path, kind: str | None) -> str:
    """A sentence that helps to choose phases and pick_std, or nothing."""
    try:
        summary = describe_picks(path, kind)
    except (SeisnbError, OSError):
        return ""
    phases = ", ".join(f"{code} ({count} picks)" for code, count in summary.phases.items())
    return f"The file holds {summary.n_picks} picks" + (f"; phases {phases}." if phases else ".")
