"""Arrivals of events at known places, through a model that is not told: to test and to teach."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from seisnb.catalogue import make_arrivals
from seisnb.conventions import InputError
from seisnb.projection import Projection
from seisnb.traveltime.tables import build_tables
from seisnb.traveltime.tables_grid import Region
from seisnb.velocity_models import VelocityEnsemble

Array = NDArray[np.float64]

#: What events are called, and when they are, one every minute.
PREFIX, START, APART = "event", np.datetime64("2020-01-01T00:00:30", "ns"), np.timedelta64(60, "s")


def synthetic_arrivals(
    stations: xr.Dataset,
    truth: VelocityEnsemble,
    places: ArrayLike,
    *,
    pick_std: tuple[float, float] = (0.05, 0.1),
    phases: Sequence[str] = ("P", "S"),
    member: Sequence[int] | None = None,
    step: float | None = None,
    seed: int = 0,
    n_workers: int = 1,
) -> xr.Dataset:
    """Arrivals at all stations, with normal errors.

    Parameters
    ----------
    stations : xr.Dataset
        Of :func:`seisnb.catalogue.make_stations`.
    truth : VelocityEnsemble
        The true rock; of several members, one for each event.
    places : array_like, (n, 3)
        Easting, northing, depth [km].
    pick_std : tuple of float
        Errors of P and S [s].
    phases : sequence of str
        P, S or both.
    member : sequence of int, (n,), optional
        The member of ``truth`` that each event's arrivals are computed in; the first by default.
    step : float, optional
        As for :func:`seisnb.traveltime.tables.build_tables`.
    seed : int
        Of the errors.
    n_workers : int
        Threads.

    Returns
    -------
    xr.Dataset
        Arrivals; ``attrs`` are those of :func:`seisnb.catalogue.make_arrivals`. Event k happens at
        ``START + k * APART``.

    Raises
    ------
    InputError
        Places or members that do not match.
    """
    points = np.atleast_2d(np.asarray(places, float))
    chosen = np.zeros(len(points), int) if member is None else np.asarray(member, int)
    if points.shape[1] != 3 or chosen.shape != (len(points),) or not np.isfinite(points).all():
        raise InputError(
            f"synthetic_arrivals: places of shape {points.shape} and {chosen.size} members; "
            "expected (n, 3) finite values, and one member for each."
        )
    low, high = points.min(axis=0) - 1.0, points.max(axis=0) + 1.0
    region = Region(easting=(low[0], high[0]), northing=(low[1], high[1]), depth=(low[2], high[2]))
    tables = build_tables(stations, truth, region, step=step, tolerance=1e-4, n_workers=n_workers)
    rng = np.random.default_rng([seed, 61])
    columns: dict[str, list[str]] = {name: [] for name in ("event", "station", "phase")}
    seconds: list[float] = []
    std: list[float] = []
    rows = np.arange(len(points))
    for i, name in enumerate(map(str, stations["station"].values)):
        both = dict(zip("PS", tables.times(i, points), strict=True))
        for phase in phases:
            sigma = pick_std[0 if phase == "P" else 1]
            times = both[phase][rows, chosen] + sigma * rng.standard_normal(len(points))
            for k, time in enumerate(times):
                columns["event"].append(f"{PREFIX}{k:04d}")
                columns["station"].append(name)
                columns["phase"].append(phase)
                seconds.append(float(time) + k * float(APART / np.timedelta64(1, "s")))
                std.append(sigma)
    order = np.argsort(np.array(columns["event"]), kind="stable")
    moved = np.round(np.array(seconds) * 1e9).astype("timedelta64[ns]")
    return make_arrivals(
        event=[columns["event"][i] for i in order], station=[columns["station"][i] for i in order],
        phase=[columns["phase"][i] for i in order], arrival_time=(START + moved)[order],
        pick_std=np.array(std)[order], source="synthetic",
    )  # fmt: skip


def as_trial(places: ArrayLike, stations: xr.Dataset) -> xr.Dataset:
    """Places (n, 3) [km] of such events as trial hypocentres of :func:`seisnb.location.locate`."""
    points = np.atleast_2d(np.asarray(places, float))
    longitude, latitude = Projection(stations.attrs["projection"]).inverse(
        points[:, 0], points[:, 1]
    )
    return xr.Dataset(
        {
            "longitude": ("event", longitude),
            "latitude": ("event", latitude),
            "depth": ("event", points[:, 2]),
        },
        coords={"event": [f"{PREFIX}{k:04d}" for k in range(len(points))]},
    )
