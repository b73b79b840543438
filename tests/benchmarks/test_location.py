"""What the locator reaches: the toy, coverage under the sea, Cascadia's OBS year, speed."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from pyproj import Geod

from seisnb.catalogue import event_names, make_stations
from seisnb.io import read_arrivals, read_models, read_stations
from seisnb.location import (
    LocationConfig,
    as_trial,
    locate,
    prepare,
    synthetic_arrivals,
)
from seisnb.synthetic import marine_line
from seisnb.tomography import TomographyConfig, invert
from seisnb.velocity_ensembles import layered_ensemble, section_ensemble
from seisnb.velocity_models import LayeredModel, VelocityEnsemble

pytestmark = pytest.mark.benchmark
Say = Callable[[str], None]
EXACT = {"model_share": 0.0, "smooth_share": 0.0, "vpvs_std": 0.0}


def rough(rng: np.random.Generator, name: str, std: float = 0.03) -> LayeredModel:
    """A profile with a Gaussian process of 3 % on log velocity, 5 km long."""
    top = np.arange(0.0, 40.0)
    covariance = std**2 * np.exp(-0.5 * ((top[:, None] - top) / 5.0) ** 2)
    field = np.linalg.cholesky(covariance + 1e-10 * np.eye(40)) @ rng.standard_normal(40)
    v = (5.0 + 0.06 * top) * np.exp(field)
    return LayeredModel(name=name, top=top, vp=v, vp_gradient=np.append(np.diff(v), 0.05))


def line_network() -> xr.Dataset:
    """Nine stations along 60 km."""
    return make_stations(
        station=[f"S{i}" for i in range(9)], depth=np.zeros(9),
        easting=np.linspace(-30, 30, 9), northing=np.where(np.arange(9) % 2, -8.0, 8.0),
    )  # fmt: skip


def test_toy(say: Say) -> None:
    """One model against 256, truth at 11 km, fifty draws of the true rock."""
    rng = np.random.default_rng(0)
    stations = line_network()
    ensemble = layered_ensemble([rough(rng, f"m{k}") for k in range(256)])
    config = LocationConfig(likelihood="gaussian", depth_range=(0.0, 40.0), **EXACT)
    prepared = prepare(stations, ensemble, config)
    place = np.array([5.0, 0.0, 11.0])
    rows = []
    for k in range(50):
        truth = layered_ensemble([rough(rng, "truth")])
        arrivals = synthetic_arrivals(stations, truth, place, phases="P", seed=k)
        found = locate(arrivals, stations, ensemble, config, prepared=prepared)
        rows.append(
            [found[n].sel(component="depth").item() for n in ("single_std", "std")]
            + [found[n].item() for n in ("single_mean_depth", "mean_depth")]
        )
    single_std, std, single, multi = np.array(rows).T
    off = np.abs(single - 11) / single_std, np.abs(multi - 11) / std
    say(
        f"toy: one model +- {single_std.mean():.2f} km, off by {np.mean(off[0] > 2):.0%} of the "
        f"time by more than 2 std (rms {np.sqrt((off[0] ** 2).mean()):.2f} std); 256 models +- "
        f"{std.mean():.2f} km, {np.mean(off[1] > 2):.0%} ({np.sqrt((off[1] ** 2).mean()):.2f} std)"
    )
    worst = int(np.argmax(off[0]))
    say(
        f"  the worst: {single[worst]:.2f} +- {single_std[worst]:.2f} against "
        f"{multi[worst]:.2f} +- {std[worst]:.2f} km"
    )
    assert np.sqrt((off[1] ** 2).mean()) < 1.35
    assert np.sqrt((off[0] ** 2).mean()) > 1.5


def test_coverage_under_the_sea(say: Say) -> None:
    """200 events, twelve OBS, a tomography ensemble; each true model is a member left out."""
    n, n_members = 200, 160
    survey, _ = marine_line(3)
    whole = invert(survey, config=TomographyConfig(n_members=n + n_members, seed=1))
    members = section_ensemble(whole.isel(particle=slice(n, None)), vpvs=1.78)
    left_out = section_ensemble(whole.isel(particle=slice(0, n)), vpvs=1.78)
    group = members.groups[0]
    rng = np.random.default_rng(5)
    easting = np.linspace(12.0, 68.0, 12)
    stations = make_stations(
        station=[f"OBS{i:02d}" for i in range(12)], easting=easting,
        northing=np.where(np.arange(12) % 2, -9.0, 9.0) + rng.uniform(-2, 2, 12),
        depth=np.interp(easting, group.along, group.surface),
    )  # fmt: skip
    places = np.column_stack([rng.uniform(20, 60, n), rng.uniform(-8, 8, n), rng.uniform(9, 17, n)])
    config = LocationConfig(likelihood="gaussian", table_step=1.2)
    begun = time.perf_counter()
    prepared = prepare(stations, members, config)
    say(
        f"OBS: tables of {n_members} members, 12 stations: {time.perf_counter() - begun:.0f} s, "
        f"{prepared.tables.n_bytes / 1e6:.0f} MB"
    )
    held: dict[tuple[float, float], tuple[float, float]] = {}
    for pick_std in ((0.1, 0.2), (0.05, 0.08)):
        arrivals = synthetic_arrivals(
            stations, left_out, places, member=np.arange(n), step=0.9, pick_std=pick_std,
            n_workers=2, seed=2,
        )  # fmt: skip
        found = locate(
            arrivals, stations, members, config, prepared=prepared,
            trial=as_trial(places, stations),
        )  # fmt: skip
        held[pick_std] = tuple(
            (found[f"{name}trial_credibility"] <= 0.95).mean().item() for name in ("", "single_")
        )
        ratio = found["std_ratio"].median("event").values
        say(
            f"  picks of {pick_std[0]} s (P) and {pick_std[1]} s (S): 95 % regions over all "
            f"models hold {held[pick_std][0]:.3f} of {n} events, of the mean model "
            f"{held[pick_std][1]:.3f}; std ratio easting {ratio[0]:.2f}, northing "
            f"{ratio[1]:.2f}, depth {ratio[2]:.2f}; "
            f"{found['n_effective_models'].median():.0f} effective models"
        )
    multi, single = held[0.1, 0.2]
    assert 0.92 <= multi <= 0.98
    assert single < multi - 0.1


def analysts(folder: Path) -> tuple[xr.Dataset, set[str]]:
    """Analysts' hypocentres of both catalogues, and the events of Morton et al. (2023)."""
    import pandas as pd

    rows: dict[str, tuple[float, float, float]] = {}
    tables = {n: pd.read_csv(folder / f"derived_matched_{n}.csv") for n in ("anss", "morton2023")}
    for table in tables.values():
        for row in table.itertuples():
            rows[str(int(row.idx))] = (row.ref_lon, row.ref_lat, row.ref_depth)
    values = np.array(list(rows.values()))
    trial = xr.Dataset(
        {n: ("event", values[:, i]) for i, n in enumerate(("longitude", "latitude", "depth"))},
        coords={"event": list(rows)},
    )
    return trial, {str(int(i)) for i in tables["morton2023"]["idx"]}


def against_analysts(found: xr.Dataset, trial: xr.Dataset, prefix: str = "") -> str:
    """Median distance and depth difference, and how often the region holds the analyst's answer."""
    names = [str(n) for n in found["event"].values if str(n) in set(trial["event"].values)]
    own, theirs = found.sel(event=names), trial.sel(event=names)
    _, _, away = Geod(ellps="WGS84").inv(
        own[f"{prefix}mean_longitude"].values, own[f"{prefix}mean_latitude"].values,
        theirs["longitude"].values, theirs["latitude"].values,
    )  # fmt: skip
    deep = np.abs(own[f"{prefix}mean_depth"].values - theirs["depth"].values)
    held = (own[f"{prefix}trial_credibility"] <= 0.95).mean().item()
    return (
        f"{len(names)} events: {np.median(away) / 1e3:.1f} km, {np.median(deep):.1f} km deep, "
        f"{held:.2f} inside 95 %"
    )


@pytest.mark.parametrize("likelihood", ["student", "edt"])
def test_cascadia(likelihood: str, data_folder: Path, say: Say) -> None:
    """All events with six stations, ten regional models, against analysts; every single model."""
    folder = data_folder / "cascadia_obs2011"
    arrivals = read_arrivals(
        folder / "all_pick_assignments_2011.csv", pick_std={"P": 0.1, "S": 0.2}, on_bad="drop"
    )
    stations = read_stations(folder / "all_stations_2011.csv")
    files = sorted(folder.glob("vel_*.csv"))
    trial, morton = analysts(folder)
    config = LocationConfig(
        likelihood=likelihood, min_stations=6, on_bad="drop", station_terms="estimate",
        n_samples=500,
    )  # fmt: skip
    begun = time.perf_counter()
    found = locate(arrivals, stations, read_models(files), config, trial=trial)
    took = time.perf_counter() - begun
    matched = trial.isel(event=np.isin(trial["event"].values, list(morton)))
    say(f"Cascadia, {likelihood}, {found.sizes['event']} events in {took:.0f} s, ten models:")
    say(f"  {against_analysts(found, trial)}; Morton et al.: {against_analysts(found, matched)}")
    say(f"  their mean: {against_analysts(found, trial, 'single_')}")
    known = [n for n in event_names(arrivals) if n in set(trial["event"].values)]
    rows = np.isin(arrivals["event"].values, known)
    for path in files:
        one = LocationConfig(
            likelihood=likelihood, min_stations=6, on_bad="drop", n_samples=300,
            single_model=False, smooth_share=0.0, vpvs_std=0.0,
        )  # fmt: skip
        alone = locate(arrivals.isel(pick=rows), stations, read_models(path), one, trial=trial)
        say(f"  {path.stem} alone: {against_analysts(alone, trial)}")
    names = [str(n) for n in found["event"].values if str(n) in set(trial["event"].values)]
    own, theirs = found.sel(event=names), trial.sel(event=names)
    _, _, away = Geod(ellps="WGS84").inv(
        own["mean_longitude"].values, own["mean_latitude"].values,
        theirs["longitude"].values, theirs["latitude"].values,
    )  # fmt: skip
    deep = np.abs(own["mean_depth"].values - theirs["depth"].values)
    assert np.median(away) < 7100.0
    assert np.median(deep) < 11.8
    assert (own["trial_credibility"] <= 0.95).mean() >= 0.85


def fifteen_stations() -> tuple[xr.Dataset, VelocityEnsemble]:
    """A network whose events have thirty picks, and 256 models."""
    rng = np.random.default_rng(3)
    stations = make_stations(
        station=[f"N{i:02d}" for i in range(15)], depth=np.zeros(15),
        easting=rng.uniform(-40, 40, 15), northing=rng.uniform(-40, 40, 15),
    )  # fmt: skip
    return stations, layered_ensemble([rough(rng, f"m{k}") for k in range(256)])


def test_speed(say: Say) -> None:
    """256 models, 30 picks: at most 0.3 s per event once tables stand, 1000 in ten minutes."""
    stations, ensemble = fifteen_stations()
    rng = np.random.default_rng(4)
    n = 200
    places = np.column_stack(
        [rng.uniform(-30, 30, n), rng.uniform(-30, 30, n), rng.uniform(3, 20, n)]
    )
    truth = layered_ensemble([rough(rng, "truth")])
    arrivals = synthetic_arrivals(stations, truth, places)
    begun = time.perf_counter()
    prepared = prepare(stations, ensemble, LocationConfig())
    tables = time.perf_counter() - begun
    say(f"tables of 256 models, 15 stations: {tables:.1f} s")
    for likelihood in ("student", "gaussian", "edt"):
        config = LocationConfig(likelihood=likelihood)
        locate(arrivals.isel(pick=slice(0, 60)), stations, ensemble, config, prepared=prepared)
        begun = time.perf_counter()
        found = locate(arrivals, stations, ensemble, config, prepared=prepared)
        each = (time.perf_counter() - begun) / n
        say(f"  {likelihood}: {each:.3f} s per event, median {found['ess'].median():.0f} draws")
        assert each <= 0.3
        assert 1000 * each + tables < 600
