"""A network of twelve stations, gradient models that differ, and events whose place is known."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import xarray as xr

from seisnb.catalogue import make_arrivals, make_stations
from seisnb.location import LocationConfig, Prepared, prepare
from seisnb.traveltime.layered import layered_times
from seisnb.velocity_ensembles import layered_ensemble
from seisnb.velocity_models import LayeredModel, VelocityEnsemble
from tests.seeds import shifted

START = np.datetime64("2020-03-01T23:59:55", "ns")
#: Neither errors of single paths nor of neighbouring ones: what the models leave is the picks'.
EXACT = {"model_share": 0.0, "smooth_share": 0.0, "vpvs_std": 0.0}
TRUE = (4.0, -3.0, 12.0)


def model(scale: float, name: str = "a") -> LayeredModel:
    top = np.array([0.0, 8.0, 20.0])
    return LayeredModel(
        name=name, top=top, vp=scale * np.array([5.0, 6.0, 7.0]),
        vp_gradient=np.array([0.05, 0.02, 0.01]), vs=scale * np.array([2.9, 3.45, 4.0]),
        vs_gradient=np.array([0.028, 0.012, 0.006]),
    )  # fmt: skip


def ensemble_of(n: int, std: float = 0.02, seed: int = 0) -> VelocityEnsemble:
    rng = np.random.default_rng(shifted(seed))
    return layered_ensemble([model(1 + std * rng.standard_normal(), f"m{k}") for k in range(n)])


def network() -> xr.Dataset:
    angle = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    radius = np.where(np.arange(12) % 2, 15.0, 32.0)
    return make_stations(
        station=[f"ST{i:02d}" for i in range(12)], depth=np.linspace(0.0, 0.4, 12),
        easting=radius * np.cos(angle), northing=radius * np.sin(angle),
    )  # fmt: skip


def arrivals_at(
    stations: xr.Dataset,
    places: Sequence[tuple[float, float, float]] = (TRUE,),
    *,
    rock: LayeredModel | None = None,
    std: float = 0.05,
    seed: int = 0,
    phases: str = "PS",
) -> xr.Dataset:
    rng = np.random.default_rng([shifted(seed), 5])
    columns: dict[str, list] = {n: [] for n in ("event", "station", "phase", "time")}
    for k, (x, y, z) in enumerate(places):
        for i, name in enumerate(stations["station"].values):
            away = np.hypot(stations["easting"][i] - x, stations["northing"][i] - y)
            for phase in phases:
                time = layered_times(
                    rock or model(1.0), phase, float(stations["depth"][i]),
                    np.array([float(away)]), np.array([z]),
                )[0, 0]  # fmt: skip
                columns["event"].append(f"ev{k}")
                columns["station"].append(str(name))
                columns["phase"].append(phase)
                columns["time"].append(time + std * rng.standard_normal())
    seconds = np.round(np.array(columns["time"]) * 1e9).astype("timedelta64[ns]")
    return make_arrivals(
        event=columns["event"], station=columns["station"], phase=columns["phase"],
        arrival_time=START + seconds, pick_std=max(std, 0.01),
    )  # fmt: skip


def settings(**changes) -> LocationConfig:
    return LocationConfig(**{"n_workers": 1, "n_samples": 500, **EXACT, **changes})


@pytest.fixture(scope="session")
def stations() -> xr.Dataset:
    return network()


@pytest.fixture(scope="session")
def ensemble() -> VelocityEnsemble:
    return ensemble_of(24)


@pytest.fixture(scope="session")
def prepared(stations: xr.Dataset, ensemble: VelocityEnsemble) -> Prepared:
    return prepare(stations, ensemble, settings())


@pytest.fixture(scope="session")
def arrivals(stations: xr.Dataset) -> xr.Dataset:
    return arrivals_at(stations, [TRUE, (-10.0, 6.0, 18.0), (8.0, 12.0, 5.0)])
