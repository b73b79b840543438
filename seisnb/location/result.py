"""Posteriors of many events as one labelled Dataset."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.special import chdtri

import seisnb
from seisnb.catalogue import arrivals_checksum
from seisnb.conventions import HYPOCENTRES, set_units
from seisnb.eigenvectors import signed
from seisnb.location.config import LocationConfig
from seisnb.location.event import Posterior
from seisnb.location.picks import EventPicks
from seisnb.location.prepare import Prepared, stations_checksum
from seisnb.location.terms import Terms
from seisnb.projection import Projection

Array = NDArray[np.float64]

#: Components of a hypocentre.
COMPONENTS = ("easting", "northing", "depth", "origin_time")
#: Probabilities of the regions, and of the quantiles of each component alone.
REGIONS = (0.68, 0.95)
QUANTILES = (0.025, 0.16, 0.5, 0.84, 0.975)


@dataclass(frozen=True, kw_only=True)
class Located:
    """One event over all models, and in their mean."""

    multi: Posterior
    single: Posterior | None


def hypocentres_dataset(
    events: Sequence[EventPicks],
    located: Sequence[Located],
    arrivals: xr.Dataset,
    prepared: Prepared,
    config: LocationConfig,
    terms: Terms,
    left_out: Mapping[str, str],
    notes: Sequence[str],
    *,
    elapsed: float,
    is_cancelled: bool,
) -> xr.Dataset:
    """The result of :func:`seisnb.location.locate`."""
    projection = Projection(prepared.stations.attrs["projection"])
    reference = np.array([event.reference for event in events], "datetime64[ns]")
    multi = [found.multi for found in located]
    variables = _posteriors(multi, reference, projection)
    singles = [found.single for found in located if found.single is not None]
    if len(singles) == len(located):
        one = _posteriors(singles, reference, projection)
        variables |= {f"single_{name}": value for name, value in one.items()}
        variables["shift_over_std"] = (
            ("event", "component"),
            np.stack([_shift(found.multi, single) for found, single in
                      zip(located, singles, strict=True)]),
        )  # fmt: skip
        variables["std_ratio"] = (
            ("event", "component"), variables["std"][1] / one["std"][1],
        )  # fmt: skip
    variables |= _models(multi) | _geometry(events, multi, prepared.stations)
    variables |= _picks(events, multi, arrivals, prepared.stations)
    variables |= _stations(prepared.stations, terms)
    dataset = xr.Dataset(
        variables,
        coords={
            "event": np.array([event.name for event in events], dtype=str),
            "component": np.array(COMPONENTS),
            "other": np.array(COMPONENTS),
            "direction": np.array(COMPONENTS[:3]),
            "region": np.array(REGIONS),
            "quantile": np.array(QUANTILES),
            "member": np.array(prepared.ensemble.name, dtype=str),
            "station": prepared.stations["station"].values.astype(str),
            "term_phase": np.array(["P", "S"]),
        },
        attrs={
            "kind": "hypocentres",
            "seisnb_version": seisnb.__version__,
            "projection": projection.proj,
            "config": json.dumps(asdict(config)),
            "noise": json.dumps(asdict(prepared.noise)),
            "region": json.dumps(asdict(prepared.space.region)),
            "ensemble_kinds": json.dumps(prepared.ensemble.kinds),
            "notes": json.dumps(
                [
                    *_notes_of(arrivals),
                    *_notes_of(prepared.stations),
                    *prepared.ensemble.notes,
                    *notes,
                ]
            ),
            "ensemble_checksum": prepared.ensemble.checksum,
            "log_prior_weight": json.dumps(
                [round(float(w), 6) for w in np.maximum(prepared.ensemble.log_weight, -700.0)]
            ),
            "arrivals_checksum": arrivals_checksum(arrivals),
            "stations_checksum": stations_checksum(prepared.stations),
            "source": str(arrivals.attrs.get("source", "")),
            "left_out": json.dumps(dict(left_out)),
            "seed": config.seed,
            "elapsed_seconds": round(elapsed, 2),
            "cancelled": int(is_cancelled),
        },
    )
    for name, value in HYPOCENTRES.items():
        single = f"single_{name}"
        if single in dataset:
            set_units(
                dataset,
                {single: type(value)(dims=value.dims, units=value.units,
                                     long_name=f"{value.long_name} by the mean model")},
            )  # fmt: skip
    return set_units(dataset, HYPOCENTRES)


def _posteriors(
    posteriors: Sequence[Posterior], reference: NDArray[np.datetime64], projection: Projection
) -> dict[str, Any]:
    """Samples and their summaries."""
    points = np.stack([p.points for p in posteriors])
    origin = np.stack([p.origin for p in posteriors])
    whole = np.concatenate([points, origin[..., None]], axis=2)
    density = np.stack([p.log_density for p in posteriors])
    mean, best = whole.mean(axis=1), np.stack([p.best for p in posteriors])
    away = whole - mean[:, None, :]
    covariance = np.einsum("esi,esj->eij", away, away) / max(whole.shape[1] - 1, 1)
    value, vector = np.linalg.eigh(covariance[:, :3, :3])
    n_samples = points.shape[1]
    found: dict[str, Any] = {
        "log_weight": (("event", "sample"), np.full(density.shape, -np.log(n_samples))),
        "log_density": (("event", "sample"), density),
        "model": (("event", "sample"), np.stack([p.model for p in posteriors])),
        "best_log_density": ("event", np.array([p.best_log_density for p in posteriors])),
        "covariance": (("event", "component", "other"), covariance),
        "std": (("event", "component"), np.sqrt(np.diagonal(covariance, axis1=1, axis2=2))),
        "ellipsoid_length": (
            ("event", "axis"),
            np.sqrt(chdtri(3, 1.0 - REGIONS[0]) * np.maximum(value, 0.0))[:, ::-1],
        ),
        "ellipsoid_axis": (
            ("event", "axis", "direction"), signed(vector).transpose(0, 2, 1)[:, ::-1],
        ),
        "quantile_value": (
            ("event", "quantile", "component"),
            np.quantile(whole, QUANTILES, axis=1).transpose(1, 0, 2),
        ),
        "region_log_density": (
            ("event", "region"), np.quantile(density, 1.0 - np.array(REGIONS), axis=1).T,
        ),
        "ess": ("event", np.array([p.ess for p in posteriors])),
        "edge_mass": ("event", np.array([p.edge_mass for p in posteriors])),
        "log_evidence": ("event", np.array([p.log_evidence for p in posteriors])),
    }  # fmt: skip
    for prefix, dims, values in (
        ("", ("event", "sample"), whole),
        ("mean_", ("event",), mean),
        ("best_", ("event",), best),
    ):
        longitude, latitude = projection.inverse(values[..., 0], values[..., 1])
        found |= {
            f"{prefix}{name}": (dims, values[..., i]) for i, name in enumerate(COMPONENTS[:3])
        }
        found[f"{prefix}longitude"], found[f"{prefix}latitude"] = (
            (dims, longitude),
            (dims, latitude),
        )
        start = reference[:, None] if values.ndim == 3 else reference
        found[f"{prefix}origin_time"] = (dims, start + _nanoseconds(values[..., 3]))
    trial = np.array([p.trial_log_density for p in posteriors])
    if np.isfinite(trial).any() or np.isneginf(trial).any():
        above = np.where(np.isnan(trial), np.nan, (density > trial[:, None]).mean(axis=1))
        found["trial_credibility"] = (
            "event", above,
            {"units": "1", "long_name": "probability of the smallest region that holds the trial"},
        )  # fmt: skip
    return found


def _notes_of(dataset: xr.Dataset) -> list[str]:
    """What a reader noted."""
    return [str(note) for note in json.loads(dataset.attrs.get("notes", "[]"))]


def _nanoseconds(seconds: Array) -> NDArray[np.timedelta64]:
    """Seconds as differences of times."""
    return np.round(seconds * 1e9).astype("timedelta64[ns]")


def _shift(multi: Posterior, single: Posterior) -> Array:
    """One model's mean less that of all models, over one model's std, (component,)."""
    a, b = (np.column_stack([p.points, p.origin]) for p in (multi, single))
    return np.asarray((b.mean(axis=0) - a.mean(axis=0)) / np.maximum(b.std(axis=0, ddof=1), 1e-9))


def _models(posteriors: Sequence[Posterior]) -> dict[str, Any]:
    """What the events say of the models."""
    probability = np.stack([p.model_probability for p in posteriors])
    return {
        "model_probability": (("event", "member"), probability),
        "model_log_evidence": (
            ("event", "member"), np.stack([p.model_log_evidence for p in posteriors]),
        ),
        "n_effective_models": ("event", 1.0 / (probability**2).sum(axis=1)),
    }  # fmt: skip


def _geometry(
    events: Sequence[EventPicks], posteriors: Sequence[Posterior], stations: xr.Dataset
) -> dict[str, Any]:
    """Numbers of picks and stations, gap, nearest station, rms."""
    rows = []
    for event, posterior in zip(events, posteriors, strict=True):
        distance, azimuth = _polar(posterior, stations, np.unique(event.station))
        turned = np.sort(azimuth)
        gap = float(np.diff(np.append(turned, turned[0] + 360.0)).max())
        weight = posterior.weight / posterior.sigma**2
        rms = float(np.sqrt(weight @ posterior.residual**2 / weight.sum()))
        rows.append((event.n_picks, distance.size, rms, gap, float(distance.min())))
    columns = list(zip(*rows, strict=True))
    names = ("n_used", "n_stations", "rms", "azimuthal_gap", "nearest_station")
    return {name: ("event", np.array(column)) for name, column in zip(names, columns, strict=True)}


def _polar(
    posterior: Posterior, stations: xr.Dataset, which: NDArray[np.intp]
) -> tuple[Array, Array]:
    """Distance [km] and azimuth [degrees] from the mean epicentre to stations."""
    x, y = posterior.points[:, :2].mean(axis=0)
    dx = stations["easting"].values[which] - x
    dy = stations["northing"].values[which] - y
    return np.hypot(dx, dy), np.degrees(np.arctan2(dx, dy)) % 360.0


def _picks(
    events: Sequence[EventPicks],
    posteriors: Sequence[Posterior],
    arrivals: xr.Dataset,
    stations: xr.Dataset,
) -> dict[str, Any]:
    """All picks of the source, those not located with too: NaN there, and weight 0."""
    n = arrivals.sizes["pick"]
    numbers = {
        name: np.full(n, np.nan)
        for name in ("residual", "predicted_std", "sigma", "distance", "azimuth")
    }
    weight = np.zeros(n)
    for event, posterior in zip(events, posteriors, strict=True):
        row = event.row
        distance, azimuth = _polar(posterior, stations, event.station)
        values = (
            posterior.residual, posterior.predicted_std, posterior.sigma, distance, azimuth,
        )  # fmt: skip
        for name, value in zip(numbers, values, strict=True):
            numbers[name][row] = value
        weight[row] = posterior.weight
    found: dict[str, Any] = {name: ("pick", value) for name, value in numbers.items()}
    found["weight"] = ("pick", weight)
    for name in ("event", "station", "phase"):
        found[f"pick_{name}"] = ("pick", arrivals[name].values.astype(str))
    for name in ("arrival_time", "pick_std", "used"):
        found[name] = ("pick", arrivals[name].values)
    return found


def _stations(stations: xr.Dataset, terms: Terms) -> dict[str, Any]:
    """Where the stations are, and their terms."""
    found: dict[str, Any] = {
        f"station_{name}": ("station", stations[name].values, dict(stations[name].attrs))
        for name in ("longitude", "latitude", "easting", "northing", "depth")
    }
    for name, value, words in (
        ("station_term", terms.term, "station term, added to predicted times"),
        ("station_term_std", terms.std, "standard deviation of the station term"),
    ):
        found[name] = (("station", "term_phase"), value, {"units": "s", "long_name": words})
    return found
