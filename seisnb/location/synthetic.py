"""Arrivals of events at known places, through a model that is not told: to test and to teach."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from seisnb.catalogue import make_arrivals, make_stations
from seisnb.conventions import InputError
from seisnb.projection import Projection
from seisnb.traveltime.tables import build_tables
from seisnb.traveltime.tables_grid import Region
from seisnb.velocity_ensembles import layered_ensemble
from seisnb.velocity_models import LayeredModel, VelocityEnsemble

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


def random_layers(
    n: int, *, std: float = 0.03, length: float = 5.0, seed: int = 0
) -> list[LayeredModel]:
    """Profiles that grow from 5 km/s by 0.06 km/s per km, a Gaussian process on their logarithm.

    Parameters
    ----------
    n : int
        How many.
    std, length : float
        Standard deviation of log velocity, and correlation length over depth [km].
    seed : int
        Of the draws.
    """
    rng = np.random.default_rng([seed, 67])
    top = np.arange(0.0, 40.0)
    covariance = std**2 * np.exp(-0.5 * ((top[:, None] - top) / length) ** 2)
    factor = np.linalg.cholesky(covariance + 1e-10 * np.eye(top.size))
    models = []
    for k in range(n):
        v = (5.0 + 0.06 * top) * np.exp(factor @ rng.standard_normal(top.size))
        models.append(
            LayeredModel(name=f"model {k}", top=top, vp=v, vp_gradient=np.append(np.diff(v), 0.05))
        )
    return models


def example_network(
    seed: int = 0, *, n_models: int = 64, n_events: int = 12
) -> tuple[xr.Dataset, xr.Dataset, VelocityEnsemble, xr.Dataset]:
    """A coast with twelve stations, four of them under the sea, and events of known places.

    Parameters
    ----------
    seed : int
        Of stations, models, places and errors.
    n_models, n_events : int
        How many models and events; the true rock is one more draw of the models' kind.

    Returns
    -------
    arrivals, stations : xr.Dataset
    ensemble : VelocityEnsemble
    truth : xr.Dataset
        The events' places, as :func:`as_trial` gives them.
    """
    rng = np.random.default_rng([seed, 73])
    longitude = np.concatenate([rng.uniform(-125.4, -124.9, 4), rng.uniform(-123.9, -123.2, 8)])
    latitude = rng.uniform(44.4, 45.4, 12)
    depth = np.concatenate([rng.uniform(0.6, 1.8, 4), -rng.uniform(0.05, 0.6, 8)])
    stations = make_stations(
        station=[f"OB{i}" for i in range(1, 5)] + [f"LA{i}" for i in range(1, 9)],
        longitude=longitude, latitude=latitude, depth=depth, source="synthetic",
    )  # fmt: skip
    *models, truth = random_layers(n_models + 1, seed=seed)
    places = np.column_stack(
        [rng.uniform(-35, 25, n_events), rng.uniform(-35, 35, n_events),
         rng.uniform(8, 28, n_events)]
    )  # fmt: skip
    arrivals = synthetic_arrivals(stations, layered_ensemble([truth], vpvs=1.74), places, seed=seed)
    return (
        arrivals, stations, layered_ensemble(models, vpvs=1.74, vpvs_std=0.02, seed=seed),
        as_trial(places, stations),
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
