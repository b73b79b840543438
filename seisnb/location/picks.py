"""Arrivals grouped into events that can be located, and those that cannot, with the reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from seisnb.catalogue import event_names
from seisnb.conventions import (
    ARRIVALS,
    STATIONS,
    GeometryError,
    InputError,
    Variable,
    check_dataset,
)
from seisnb.location.config import LocationConfig

Array = NDArray[np.float64]

#: Times of one event that are farther apart [s] belong to two events, or one has a wrong date.
WIDEST_SPREAD = 600.0
#: A second in the units of arrival times.
SECOND = np.timedelta64(1, "s")


@dataclass(frozen=True, kw_only=True)
class EventPicks:
    """The picks that one event is located with.

    Attributes
    ----------
    name : str
        Identifier in the source.
    row : NDArray of int, (n,)
        Index of every pick in the arrivals Dataset.
    station : NDArray of int, (n,)
        Index of its station.
    is_s : NDArray of bool, (n,)
        S, otherwise P.
    observed : Array, (n,)
        Arrival time after ``reference`` [s].
    pick_std : Array, (n,)
        1 sigma [s].
    reference : np.datetime64
        The earliest of the arrivals, to the nanosecond.
    """

    name: str
    row: NDArray[np.intp]
    station: NDArray[np.intp]
    is_s: NDArray[np.bool_]
    observed: Array
    pick_std: Array
    reference: np.datetime64

    @property
    def n_picks(self) -> int:
        """How many."""
        return int(self.row.size)


def events_to_locate(
    arrivals: xr.Dataset, stations: xr.Dataset, config: LocationConfig
) -> tuple[list[EventPicks], dict[str, str]]:
    """Group arrivals into events.

    Parameters
    ----------
    arrivals : xr.Dataset
        Of :func:`seisnb.catalogue.make_arrivals`.
    stations : xr.Dataset
        Of :func:`seisnb.catalogue.make_stations`.
    config : LocationConfig
        Phases, stations to leave out, fewest picks and stations, ``on_bad``.

    Returns
    -------
    events : list of EventPicks
        In the order of the arrivals.
    left_out : dict of str to str
        Events that are not located, with the reason; filled only with ``on_bad="drop"``.

    Raises
    ------
    InputError
        A table is not what it should be; a pick that cannot be used (its station is unknown, its
        sigma is not positive, it is there twice, S comes before P, its time is far from the
        others), an event with too few picks or stations, with ``on_bad="raise"``; no event left.
    GeometryError
        A station without coordinates, with ``on_bad="raise"``.
    """
    check_dataset(stations, _named(STATIONS, ("easting", "northing", "depth")), where="locate",
                  kind="stations")  # fmt: skip
    missing = [name for name in ARRIVALS if name not in arrivals]
    if missing or arrivals.sizes.get("pick", 0) == 0:
        raise InputError(
            f"locate: the arrivals have no {missing or 'picks'}; expected what read_arrivals or "
            "make_arrivals returns."
        )
    index = {str(name): i for i, name in enumerate(stations["station"].values)}
    unknown = [name for name in config.leave_out if name not in index]
    if unknown:
        raise InputError(
            f"locate: leave_out names station {unknown[0]!r}, which the stations do not have."
        )
    columns = {n: arrivals[n].values.astype(str) for n in ("event", "station", "phase")}
    used = arrivals["used"].values.astype(bool)
    phases = [phase for phase, on in (("P", config.use_p), ("S", config.use_s)) if on]
    used &= np.isin(columns["phase"], phases)
    used &= ~np.isin(columns["station"], config.leave_out)
    rows_of: dict[str, list[int]] = {name: [] for name in event_names(arrivals)}
    for row in np.flatnonzero(used):
        rows_of[str(columns["event"][row])].append(int(row))
    events, left_out = [], {}
    for name, rows in rows_of.items():
        event, reason = _event(name, rows, arrivals, columns, index, config)
        if event is None:
            if config.on_bad == "raise":
                raise _error(reason)
            left_out[name] = reason
        else:
            events.append(event)
    if not events:
        name, reason = next(iter(left_out.items()))
        raise InputError(
            f"locate: none of {len(rows_of)} events can be located. The first: {reason}"
        )
    return events, left_out


def _named(table: Mapping[str, Variable], names: tuple[str, ...]) -> dict[str, Variable]:
    """Some rows of a table of variables."""
    return {name: table[name] for name in names}


def _error(reason: str) -> InputError:
    """The exception for a reason."""
    kind = GeometryError if "coordinates" in reason else InputError
    return kind(
        f"locate: {reason} With on_bad='drop' such picks and events are left out and listed."
    )


def _event(
    name: str,
    rows: list[int],
    arrivals: xr.Dataset,
    columns: dict[str, NDArray[np.str_]],
    index: dict[str, int],
    config: LocationConfig,
) -> tuple[EventPicks | None, str]:
    """One event, or why it cannot be located; bad picks are dropped where the caller asked to."""
    time, std = arrivals["arrival_time"].values, arrivals["pick_std"].values
    kept: dict[tuple[str, str], int] = {}
    reasons = []
    usable = [row for row in rows if not np.isnat(time[row])]
    middle = np.sort(time[usable])[len(usable) // 2] if usable else np.datetime64("NaT")
    for row in rows:
        station, phase = str(columns["station"][row]), str(columns["phase"][row])
        told = f"event {name}: the {phase} pick at {station}"
        other = kept.get((station, "S" if phase == "P" else "P"))
        if station not in index:
            reasons.append(
                f"event {name}: station {station} has picks but no coordinates. Add it to the "
                "stations, or leave its picks out."
            )
        elif not (np.isfinite(std[row]) and std[row] > 0):
            reasons.append(f"{told} has a pick_std of {std[row]} s; expected above 0.")
        elif np.isnat(time[row]) or abs(time[row] - middle) > WIDEST_SPREAD * SECOND:
            reasons.append(
                f"{told} is at {time[row]}, more than {WIDEST_SPREAD:g} s from the event's other "
                f"picks around {middle}. Check the date and the year."
            )
        elif (station, phase) in kept:
            reasons.append(f"{told} is there twice. Keep one.")
        elif other is not None and (time[row] <= time[other]) == (phase == "S"):
            reasons.append(
                f"{told}, {time[row]}, and its other phase, {time[other]}: S is not after P. Are "
                "they swapped?"
            )
        else:
            kept[station, phase] = row
    if reasons and config.on_bad == "raise":
        return None, reasons[0]
    stations = {station for station, _ in kept}
    if len(kept) < config.min_picks or len(stations) < config.min_stations:
        also = f" Picks dropped: {' '.join(reasons)}" if reasons else ""
        named = f" ({', '.join(sorted(stations))})" if 0 < len(stations) < 4 else ""
        return None, (
            f"event {name} has {len(kept)} usable picks at {len(stations)} stations{named}; at "
            f"least {config.min_picks} picks at {config.min_stations} stations are needed.{also}"
        )
    chosen = np.array(sorted(kept.values()), np.intp)
    reference = time[chosen].min().astype("datetime64[ns]")
    return EventPicks(
        name=name,
        row=chosen,
        station=np.array([index[str(s)] for s in columns["station"][chosen]], np.intp),
        is_s=columns["phase"][chosen] == "S",
        observed=(time[chosen] - reference) / SECOND,
        pick_std=std[chosen].astype(float),
        reference=reference,
    ), ""
