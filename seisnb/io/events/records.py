"""What every format of arrivals is parsed into, before the checks that all of them share."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import xarray as xr

from seisnb.io.lines import Line


@dataclass(frozen=True, kw_only=True, slots=True)
class ArrivalRow:
    """One pick as it stands in the source.

    Attributes
    ----------
    place : str
        File and line, or file and resource id, for messages.
    event, station, code : str
        Event, station and phase code of the source.
    time : int
        Arrival time [ns since 1970-01-01 UTC].
    pick_std : float or None
        Standard deviation [s]; None where the source has none.
    weight : float
        Weight of the source, for a format whose sigma follows from it.
    used : bool
        False where the source rejects the pick.
    phase : str
        "P" or "S" once the code has been understood.
    """

    place: str
    event: str
    station: str
    code: str
    time: int
    pick_std: float | None = None
    weight: float = 1.0
    used: bool = True
    phase: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class SourceHypocentre:
    """The source's own hypocentre: [ns since 1970 UTC], [degrees], [km]; NaN or None if absent."""

    event: str
    origin_time: int | None = None
    longitude: float = math.nan
    latitude: float = math.nan
    depth: float = math.nan


@dataclass(frozen=True, kw_only=True)
class ArrivalFile:
    """A parsed file: picks and hypocentres in its order, and notes on what was assumed."""

    rows: list[ArrivalRow]
    hypocentres: list[SourceHypocentre] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class ParseOptions:
    """What a parser must know of the call: see :func:`seisnb.io.events.read_arrivals`."""

    on_bad: str = "raise"
    year: int | None = None
    utc_offset: float | None = None


def place_of(line: Line) -> str:
    """File and line, for messages."""
    return f"{line.file}, line {line.number}"


def preliminary_dataset(hypocentres: Sequence[SourceHypocentre]) -> xr.Dataset | None:
    """The source's hypocentres as :func:`seisnb.catalogue.make_arrivals` takes them."""
    if not hypocentres:
        return None
    nat = int(np.iinfo(np.int64).min)
    times = [
        nat if h.origin_time is None or abs(h.origin_time) >= -nat else h.origin_time
        for h in hypocentres
    ]
    dataset = xr.Dataset(
        {
            "origin_time": ("event", np.array(times, np.int64).view("datetime64[ns]")),
            "longitude": ("event", np.array([h.longitude for h in hypocentres])),
            "latitude": ("event", np.array([h.latitude for h in hypocentres])),
            "depth": ("event", np.array([h.depth for h in hypocentres])),
        },
        coords={"event": np.array([h.event for h in hypocentres], dtype=str)},
    )
    units = {"longitude": "degrees_east", "latitude": "degrees_north", "depth": "km"}
    for name in dataset:
        dataset[name].attrs.update(long_name=f"{str(name).replace('_', ' ')} of the source")
        if name in units:
            dataset[name].attrs.update(units=units[str(name)])
    return dataset
