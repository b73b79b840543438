"""Questions about one event: what a trial hypocentre predicts, what one more station would do."""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from seisnb.catalogue import make_stations
from seisnb.conventions import InputError
from seisnb.location.config import LocationConfig
from seisnb.location.picks import events_to_locate
from seisnb.location.prepare import Prepared
from seisnb.projection import Projection
from seisnb.traveltime.tables import build_tables

Array = NDArray[np.float64]

#: Samples that stand for the truth, and that are weighted, when a station is tried.
N_TRUTHS, N_WEIGHTED = 200, 1000


def predicted_arrivals(
    arrivals: xr.Dataset,
    prepared: Prepared,
    place: tuple[float, float, float],
    config: LocationConfig | None = None,
) -> xr.Dataset:
    """Observed against predicted arrivals of one event from a trial hypocentre.

    The origin time of every model is the weighted median of observed less predicted; what remains
    is the residual.

    Parameters
    ----------
    arrivals : xr.Dataset
        Arrivals of one event.
    prepared : Prepared
        Travel times of all models.
    place : tuple of float
        Easting, northing, depth [km] in the projection of ``prepared``.
    config : LocationConfig, optional
        Which phases and stations are used.

    Returns
    -------
    xr.Dataset
        Over ``pick``: ``station``, ``phase``, ``distance`` [km], ``azimuth`` [degrees],
        ``travel_time`` [s] (mean over models), ``model_std`` [s], ``residual`` [s] (observed less
        predicted, mean over models), ``pick_std`` [s]; ``origin_time`` and ``rms`` [s].

    Raises
    ------
    InputError
        More than one event, or none that can be located.
    """
    events, _ = events_to_locate(arrivals, prepared.stations, config or LocationConfig())
    if len(events) != 1:
        raise InputError(f"predicted_arrivals: {len(events)} events; expected the arrivals of one.")
    [event] = events
    point = np.asarray(place, float)[None]
    weight = prepared.ensemble.weight
    predicted = np.empty((event.n_picks, weight.size))
    for index in np.unique(event.station):
        p, s = prepared.tables.times(int(index), point)
        own = event.station == index
        predicted[own] = np.where(event.is_s[own][:, None], s[0], p[0])
    miss = event.observed[:, None] - predicted
    origin = np.array([_median(miss[:, m], 1 / event.pick_std) for m in range(weight.size)])
    residual = miss - origin
    mean = residual @ weight
    stations = prepared.stations.isel(station=event.station)
    dx = stations["easting"].values - point[0, 0]
    dy = stations["northing"].values - point[0, 1]
    scaled = mean / event.pick_std
    share = 1 / event.pick_std**2
    centred = predicted - predicted.mean(axis=0)
    spread = np.sqrt(((centred - (centred @ weight)[:, None]) ** 2) @ weight)
    return xr.Dataset(
        {
            "station": ("pick", stations["station"].values.astype(str)),
            "phase": ("pick", np.where(event.is_s, "S", "P")),
            "distance": ("pick", np.hypot(dx, dy), {"units": "km"}),
            "azimuth": ("pick", np.degrees(np.arctan2(dx, dy)) % 360, {"units": "degrees"}),
            "travel_time": ("pick", predicted @ weight, {"units": "s"}),
            "model_std": ("pick", spread, {"units": "s"}),
            "residual": ("pick", mean, {"units": "s"}),
            "pick_std": ("pick", event.pick_std, {"units": "s"}),
        },
        attrs={
            "kind": "predicted_arrivals",
            "event": event.name,
            "place": [float(v) for v in place],
            "origin": float(origin @ weight),
            "rms": float(np.sqrt((share @ mean**2) / share.sum())),
            "chi2": float(np.mean(scaled**2)),
        },
    )


def station_gain(
    hypocentre: xr.Dataset,
    prepared: Prepared,
    place: tuple[float, float, float],
    *,
    pick_std: tuple[float, float] = (0.1, 0.2),
    phases: tuple[str, ...] = ("P", "S"),
    seed: int = 0,
) -> xr.Dataset:
    """How much smaller an event's posterior would be expected to be with one more station.

    Every sample in turn stands for the truth: picks at the new station are drawn from it, all
    samples are weighted by them, and the variances of the weighted samples are averaged over the
    truths (a preposterior analysis).

    Parameters
    ----------
    hypocentre : xr.Dataset
        One event of :func:`seisnb.location.locate`.
    prepared : Prepared
        That it was located with.
    place : tuple of float
        Easting, northing, depth [km] of the station.
    pick_std : tuple of float
        Std of its P and S picks [s].
    phases : tuple of str
        What would be picked.
    seed : int
        Of the drawn picks.

    Returns
    -------
    xr.Dataset
        ``std_before``, ``std_after`` [km] over ``component`` (easting, northing, depth), and
        ``effective_samples``: of how many samples the posterior afterwards consists on average;
        below about 20 the figures are rough.

    Raises
    ------
    InputError
        More than one event, a phase that is neither P nor S, a std that is not above zero.
    GeometryError
        The place lies outside of the models.
    """
    if hypocentre.sizes.get("event", 1) != 1:
        raise InputError(
            f"station_gain: {hypocentre.sizes['event']} events; expected one. Use isel(event=[i])."
        )
    if not phases or set(phases) - {"P", "S"} or not min(pick_std) > 0:
        raise InputError(
            f"station_gain: phases {phases} with stds {pick_std} s; expected P, S or both, and "
            "stds above 0."
        )
    one = hypocentre.isel(event=0) if "event" in hypocentre.dims else hypocentre
    points = np.stack([one[name].values for name in ("easting", "northing", "depth")], axis=1)
    points = points[:N_WEIGHTED]
    model = one["model"].values[: len(points)].astype(int)
    started = one["origin_time"].values[: len(points)]
    origin = (started - started.min()) / np.timedelta64(1, "s")
    times = _times_from(prepared, place, points, model)
    rng = np.random.default_rng([seed, 131])
    truths = rng.choice(len(points), size=min(N_TRUTHS, len(points)), replace=False)
    log_weight = np.zeros((truths.size, len(points)))
    for phase in phases:
        k = "PS".index(phase)
        arrival = origin + times[k]
        share = prepared.noise.share[k] * float(times[k].mean())
        floor = np.clip(share, prepared.noise.least, prepared.noise.most) if share > 0 else 0.0
        sigma = float(np.hypot(pick_std[k], floor))
        drawn = arrival[truths] + sigma * rng.standard_normal(truths.size)
        log_weight += -0.5 * ((drawn[:, None] - arrival) / sigma) ** 2
    weight = np.exp(log_weight - log_weight.max(axis=1, keepdims=True))
    weight /= weight.sum(axis=1, keepdims=True)
    mean = weight @ points
    variance = weight @ points**2 - mean**2
    effective = 1.0 / (weight**2).sum(axis=1)
    # the spread of few weighted samples is too small by this factor
    variance *= (effective / np.maximum(effective - 1.0, 1.0))[:, None]
    return xr.Dataset(
        {
            "std_before": ("component", points.std(axis=0, ddof=1), {"units": "km"}),
            "std_after": ("component", np.sqrt(variance.mean(axis=0)), {"units": "km"}),
            "effective_samples": ((), float(effective.mean())),
        },
        coords={"component": ["easting", "northing", "depth"]},
        attrs={"kind": "station_gain", "place": [float(v) for v in place],
               "phases": list(phases), "pick_std": [float(v) for v in pick_std]},
    )  # fmt: skip


def _times_from(
    prepared: Prepared, place: tuple[float, float, float], points: Array, model: NDArray[np.intp]
) -> tuple[Array, Array]:
    """P and S times of points from a new station, each in its own model."""
    projection = Projection(prepared.stations.attrs["projection"])
    lon, lat = projection.inverse(np.array([place[0]]), np.array([place[1]]))
    station = make_stations(
        station=["new"], longitude=lon, latitude=lat, depth=[place[2]], projection=projection,
        source="what if",
    )  # fmt: skip
    tables = build_tables(station, prepared.ensemble, prepared.space.region, tolerance=5e-3)
    rows = np.arange(len(points))
    p, s = (values[rows, model].astype(float) for values in tables.times(0, points))
    return p, s


def _median(values: Array, weight: Array) -> float:
    """Weighted median."""
    order = np.argsort(values)
    reached = np.cumsum(weight[order])
    return float(values[order[np.searchsorted(reached, 0.5 * reached[-1])]])
