"""The main job on a small line: contents, calibration, progress, cancel, likelihoods, engines."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
import xarray as xr

import seisnb
from seisnb import synthetic
from seisnb.conventions import (
    ENSEMBLE,
    SURVEY,
    Cancelled,
    check_dataset,
)
from seisnb.diagnostics import coverage, expected_coverage
from seisnb.prior import PriorConfig
from seisnb.section import section_grid, to_depth_grid
from seisnb.survey import make_survey, survey_checksum
from seisnb.tomography import Progress, invert
from seisnb.traveltime.base import pick_geometry
from seisnb.traveltime.grid import referee_times
from tests.bounds import student
from tests.seeds import shifted
from tests.tomography.conftest import CELL, PICK_STD, PRIOR, Line, config, make_line, same_result

Run = Callable[..., xr.Dataset]


def truth_of(line: Line, ensemble: xr.Dataset) -> np.ndarray:
    return to_depth_grid(line.truth, line.prior.grid, ensemble["depth"].values)


def test_holds_all_that_an_ensemble_holds(line: Line, ensemble: xr.Dataset) -> None:
    check_dataset(ensemble, ENSEMBLE, where="test", kind="ensemble")
    check_dataset(ensemble, SURVEY, where="test", kind="ensemble")
    for name, variable in ENSEMBLE.items():
        assert ensemble[name].attrs["units"] == variable.units, name
        assert ensemble[name].attrs["long_name"] == variable.long_name, name
    for name in ("deepest_ray", "residual", "sigma_scale", "depth", "easting", "particle"):
        assert {"units", "long_name"} <= set(ensemble[name].attrs), name
    assert ensemble.sizes["particle"] == 8
    assert ensemble["velocity"].dtype == np.float32
    assert ensemble["depth"].attrs["positive"] == "down"
    np.testing.assert_allclose(ensemble["depth"], CELL * np.arange(21), atol=1e-12)
    np.testing.assert_allclose(ensemble["easting"], CELL * np.arange(61), atol=1e-12)
    for name in SURVEY:
        xr.testing.assert_identical(ensemble[name].variable, line.survey[name].variable)


def test_says_where_it_comes_from(line: Line, ensemble: xr.Dataset) -> None:
    attrs = ensemble.attrs
    assert attrs["kind"] == "ensemble"
    assert attrs["title"] == "line 3"
    assert attrs["length_unit"] == "km"
    assert attrs["seed"] == 0
    assert attrs["cancelled"] == 0
    assert attrs["seisnb_version"] == seisnb.__version__
    assert attrs["survey_checksum"] == survey_checksum(line.survey)
    settings, prior = json.loads(attrs["config"]), json.loads(attrs["prior"])
    assert settings["n_members"] == 8
    assert settings["cell"] == CELL
    assert (prior["amplitude"], prior["length_easting"]) == (0.2, 1.5)
    assert 0 < attrs["elapsed_seconds"] < 600
    assert attrs["verdict"].endswith(".")
    assert "water_velocity" not in attrs


def test_values_are_positive_ordered_and_consistent(line: Line, ensemble: xr.Dataset) -> None:
    velocity = ensemble["velocity"].values.astype(float)
    assert velocity.min() > 0
    np.testing.assert_allclose(ensemble["velocity_mean"], velocity.mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(ensemble["velocity_std"], velocity.std(axis=0, ddof=1), rtol=1e-5)
    assert (np.diff(ensemble["velocity_quantile"], axis=0) >= 0).all()
    np.testing.assert_allclose(
        ensemble["velocity_quantile"].sel(quantile=0.5), np.median(velocity, axis=0), rtol=1e-6
    )
    np.testing.assert_allclose(np.exp(ensemble["log_weight"]).sum(), 1.0)
    np.testing.assert_allclose(ensemble["prior_mean"][:, 0], 2 + 0.6 * ensemble["depth"])
    assert ensemble["rock"].values.all()
    observed, predicted = ensemble["travel_time"], ensemble["predicted_time"]
    np.testing.assert_allclose(ensemble["residual"], observed - predicted.mean("particle"))
    np.testing.assert_allclose(
        ensemble["chi2_ray"], (((observed - predicted) / PICK_STD) ** 2).mean("pick")
    )
    model = ensemble["velocity"][2].values.astype(float).T  # flat surface: depth is below it
    geometry = pick_geometry(line.survey)
    times = referee_times(model, line.prior.grid, geometry, CELL)
    np.testing.assert_allclose(
        ensemble["chi2_referee"][2], np.mean(((observed - times) / PICK_STD) ** 2), rtol=1e-4
    )
    mean = referee_times(ensemble["velocity_mean"].values.T, line.prior.grid, geometry, CELL)
    rms = np.sqrt(np.mean((observed - mean) ** 2))
    np.testing.assert_allclose(ensemble["rms_referee_mean"], rms, rtol=1e-3)


def test_rays_cover_what_they_run_through(ensemble: xr.Dataset) -> None:
    """The coverage's sum is the length of all rays of a member, a bit above the offsets' sum."""
    total = float(ensemble["ray_coverage"].sum())
    straight = float(np.abs(ensemble["shot_easting"] - ensemble["receiver_easting"]).sum())
    assert 1.0 < total / straight < 1.25
    visited = ensemble["ray_coverage"] > 0
    deepest = ensemble["depth"].where(visited).max("depth")
    inside = ensemble["deepest_ray"].values > 0
    assert (ensemble["deepest_ray"].values[inside] >= deepest.values[inside] - 1e-9).all()
    assert 0.5 < float(ensemble["deepest_ray"].max()) <= 2.0
    assert ensemble["floor_ray_share"] == 0


@pytest.mark.kernels
def test_picks_are_fitted_and_the_truth_is_inside(line: Line, ensemble: xr.Dataset) -> None:
    for name in ("chi2_ray", "chi2_referee"):
        assert 0.6 < float(ensemble[name].mean()) < 1.4
    assert np.abs(ensemble["predicted_time"] - ensemble["travel_time"]).max() < 6 * PICK_STD
    truth = truth_of(line, ensemble)
    error = np.sqrt(np.mean((ensemble["velocity_mean"] - truth) ** 2))
    before = np.sqrt(np.mean((ensemble["prior_mean"] - truth) ** 2))
    assert error < 0.8 * before
    low, high = (ensemble["velocity_quantile"].sel(quantile=q).values for q in (0.025, 0.975))
    assert ((low <= truth) & (truth <= high)).mean() > 0.6
    many = ensemble["velocity_mean"].values + 2 * ensemble["velocity_std"].values * np.array(
        [-1, 1]
    ).reshape(2, 1, 1)
    assert ((many[0] <= truth) & (truth <= many[1])).mean() > 0.7


def test_spread_shrinks_where_rays_run_and_is_the_priors_elsewhere(run: Run) -> None:
    ensemble = run(n_members=100)
    ratio = ensemble["velocity_std"] / ensemble["prior_std"]
    covered = ensemble["ray_coverage"] > np.quantile(ensemble["ray_coverage"], 0.8)
    assert float(ratio.where(covered).median()) < 0.5
    deep = ratio.sel(depth=slice(1.95, 2.0))
    assert 0.8 < float(deep.median()) < 1.2
    assert float(ratio.quantile(0.99)) < 1.35


def test_picks_that_say_nothing_give_the_prior_back(line: Line) -> None:
    """Mean and spread of 200 members against the prior's closed form."""
    blind = line.survey.copy(deep=True)
    blind["pick_std"].values[:] = 0.95 * line.survey["travel_time"].median().item()
    found = invert(blind, PRIOR, config(n_members=200))
    ratio = (found["velocity_std"] / found["prior_std"]).values
    assert 0.9 < np.median(ratio) < 1.06
    shift = (found["velocity_mean"] - found["prior_mean"]) / found["prior_std"]
    assert float(np.abs(shift).mean()) < 0.35


@pytest.mark.slow
@pytest.mark.kernels
def test_intervals_are_calibrated_over_truths() -> None:
    """Coverage of central intervals over 16 truths drawn from the prior: close to stated."""
    levels = {0.5: [], 0.9: []}  # type: dict[float, list[float]]
    for seed in range(16):
        line = make_line(100 + seed)
        found = invert(line.survey, PRIOR, config(n_members=39, seed=shifted(seed)))
        truth = truth_of(line, found)
        for level, shares in levels.items():
            shares.append(coverage(found["velocity"].values, truth, level).mean())
    for level, shares in levels.items():
        slack = student(15, 2) * np.std(shares, ddof=1) / np.sqrt(len(shares))
        assert abs(np.mean(shares) - expected_coverage(39, level)) < max(slack, 0.04)


def test_depth_is_from_sea_level(line: Line, ensemble: xr.Dataset) -> None:
    """The same line 1.3 km above the sea gives the same models 1.3 km higher.

    Rounding may end a fit one step earlier: members agree to the fits' own tolerance, a small
    share of the posterior's spread.
    """
    high = line.survey.copy(deep=True)
    for name in ("shot_depth", "receiver_depth", "surface_depth"):
        high[name] = high[name] - 1.3
    found = invert(high, PRIOR, config())
    np.testing.assert_allclose(found["depth"], ensemble["depth"] - 1.3, atol=1e-9)
    moved = (found["velocity"].values - ensemble["velocity"].values) / ensemble[
        "velocity_std"
    ].values
    assert np.sqrt(np.mean(moved**2)) < 0.05
    assert np.abs(moved).max() < 0.5


def test_mutes_are_left_out(line: Line) -> None:
    muted = line.survey.copy(deep=True)
    muted["used"].values[::3] = False
    wild = muted.copy(deep=True)
    wild["travel_time"].values[::3] *= 3
    found = [invert(survey, PRIOR, config(n_members=2)) for survey in (muted, wild)]
    assert found[0].sizes["pick"] == int(muted["used"].sum())
    xr.testing.assert_identical(found[0]["velocity"], found[1]["velocity"])


def test_hidden_settings_are_chosen_and_recorded(line: Line) -> None:
    found = invert(
        line.survey, PriorConfig(amplitude=0.2, kernel="gaussian"),
        config(n_members=2, depth_max=None, referee_cell=None),
    )  # fmt: skip
    settings, prior = json.loads(found.attrs["config"]), json.loads(found.attrs["prior"])
    assert 0.5 < settings["depth_max"] < 3.0
    assert 0.2 < prior["length_depth"] <= prior["length_easting"] < 4
    assert len(prior["profile"]) > 5
    assert found["depth"][-1] >= settings["depth_max"] - 1e-9
    assert found.attrs["referee_error_seconds"] < 0.2 * PICK_STD


def test_settings_of_numpy_types_and_bare_surveys_come_out_whole(line: Line) -> None:
    """Results hold settings as JSON; a survey may have lost its attributes in xarray's hands."""
    bare = line.survey.assign_attrs()
    bare.attrs = {}
    settings = config(n_members=np.int64(2), cell=np.float32(0.1), seed=np.uint8(3))
    found = invert(bare, replace(PRIOR, kernel=None, amplitude=np.float32(0.2)), settings)
    assert json.loads(found.attrs["config"])["n_members"] == 2
    assert json.loads(found.attrs["prior"])["kernel"] == "gaussian"


def test_a_coarse_cell_rules_out_short_lengths_instead_of_failing(line: Line) -> None:
    found = invert(line.survey, config=config(n_members=2, cell=0.4, depth_max=2.0))
    prior = json.loads(found.attrs["prior"])
    assert min(prior["length_easting"], prior["length_depth"]) >= 0.6


def test_progress_moves_forward_only(line: Line) -> None:
    told: list[Progress] = []
    shapes = []

    def progress(message: Progress) -> None:
        told.append(message)
        if message.member and (now := message.member()):
            shapes.append((now[0].size, now[1].size, now[2].shape))

    invert(line.survey, PRIOR, config(), progress=progress)
    stages = [message.stage for message in told]
    order = ["prior", "training", "map", "members", "referee"]
    assert [order.index(stage) for stage in stages] == sorted(order.index(s) for s in stages)
    assert (np.diff([message.elapsed for message in told]) >= 0).all()
    members = [message for message in told if message.stage == "members"]
    assert [message.done for message in members] == list(range(9))
    assert {message.total for message in members} == {8}
    assert members[-1].remaining == 0
    assert all(0.3 < message.chi2 < 3 for message in members[1:] if message.chi2 is not None)
    assert all(message.chi2 is not None for message in members[1:])
    assert shapes == [(61, 21, (21, 61))] * 8
    assert all(message.message for message in told)


def test_a_cancel_keeps_finished_members(line: Line) -> None:
    done = [0]

    def progress(message: Progress) -> None:
        if message.stage == "members":
            done[0] = message.done

    found = invert(line.survey, PRIOR, config(), progress=progress, cancel=lambda: done[0] >= 3)
    assert 3 <= found.sizes["particle"] < 8
    assert found.attrs["cancelled"] == 1
    assert np.isnan(found.attrs["recentred_bias_std"])
    n = found.sizes["particle"]
    fits = invert(line.survey, PRIOR, config(recentre=False))
    xr.testing.assert_identical(found["velocity"], fits["velocity"].isel(particle=slice(0, n)))
    check_dataset(found, ENSEMBLE, where="test", kind="ensemble")


@pytest.mark.parametrize("stage", ["prior", "map", "members"])
def test_a_cancel_before_two_members_raises(line: Line, stage: str) -> None:
    seen = [False]

    def progress(message: Progress) -> None:
        seen[0] = message.stage == stage or seen[0]

    with pytest.raises(Cancelled, match="cancelled (before|after)"):
        invert(line.survey, PRIOR, config(), progress=progress, cancel=lambda: seen[0])


def test_an_error_in_progress_is_not_swallowed(line: Line) -> None:
    def progress(message: Progress) -> None:
        if message.stage == "members" and message.done == 2:
            raise ZeroDivisionError("a callback's own fault")

    with pytest.raises(ZeroDivisionError, match="a callback's own fault"):
        invert(line.survey, PRIOR, config(), progress=progress)


def test_student_likelihood_resists_gross_outliers() -> None:
    """10 % of the picks late by 15 sigma: the mean's error against the truth, over four lines."""

    def error(line: Line, survey: xr.Dataset, **changes: Any) -> float:
        # Student members are not moved together: neither are those beside them
        found = invert(survey, PRIOR, config(n_members=16, recentre=False, **changes))
        seen = found["ray_coverage"].values > 0
        return float(
            np.sqrt(np.mean((found["velocity_mean"].values - truth_of(line, found))[seen] ** 2))
        )

    clean = gaussian = student = 0.0
    for seed in (5, 6, 7, 8):
        line = make_line(seed, n_receivers=8, n_shots=20)
        wild = line.survey.copy(deep=True)
        rng = np.random.default_rng(shifted(0))
        bad = rng.choice(wild.sizes["pick"], wild.sizes["pick"] // 10, replace=False)
        wild["travel_time"].values[bad] += 15 * PICK_STD
        clean += error(line, line.survey)
        gaussian += error(line, wild)
        student += error(line, wild, likelihood="student")
    assert gaussian > 1.5 * clean
    assert student < 0.7 * gaussian
    # single lines vary between 1.0 and 1.6
    assert student < 1.5 * clean


@pytest.mark.parametrize("factor", [0.5, 2.0])
def test_wrong_sigmas_are_put_right(factor: float) -> None:
    """Stated sigmas half or twice the noise: the factor is inferred within 15 %, with a spread."""
    line = make_line(7, n_receivers=9, n_shots=30)
    stated = line.survey.copy(deep=True)
    stated["pick_std"].values[:] *= factor
    found = invert(stated, PRIOR, config(n_members=24, infer_sigma=True))
    scale = found["sigma_scale"].values
    assert scale.mean() * factor == pytest.approx(1.0, rel=0.15)
    assert 0.005 < scale.std() / scale.mean() < 0.12
    assert float(found["chi2_ray"].mean()) == pytest.approx(1.0, abs=0.2)


def test_few_exact_picks_do_not_blow_up_the_inferred_scale(line: Line) -> None:
    few = line.survey.isel(pick=[0, 20, 40, 60])
    found = invert(few, PRIOR, config(n_members=16, infer_sigma=True))
    assert (found["sigma_scale"] > 0.2).all()
    assert (found["sigma_scale"] < 5).all()
    assert np.isfinite(found["velocity"]).all()


def test_stein_particles_are_an_ensemble_too(line: Line, ensemble: xr.Dataset) -> None:
    first, again = (
        invert(
            line.survey, PRIOR, config(engine="svgd", n_members=20, n_iterations=40, n_workers=n)
        )
        for n in (1, 2)
    )
    check_dataset(first, ENSEMBLE, where="test", kind="ensemble")
    same_result(first, again)
    assert float(first["velocity"].min()) > 0.5  # no particle is thrown out of the prior
    assert 0.5 < float(first["chi2_referee"].mean()) < 1.6
    apart = np.abs(first["velocity_mean"] - ensemble["velocity_mean"]) / ensemble["prior_std"]
    assert float(apart.mean()) < 0.6
    assert float((first["velocity_std"] / first["prior_std"]).median()) > 0.1


def test_a_line_at_sea(line: Line) -> None:
    """Shots afloat over an undulating sea floor: rock, water and picks in the result."""
    x = np.linspace(0.0, 6.0, 61)
    floor = 0.8 + 0.1 * np.sin(2 * x)
    shot, receiver = (
        a.ravel() for a in np.meshgrid(np.linspace(0.1, 5.9, 25), np.linspace(0.5, 5.5, 6))
    )
    geometry = make_survey(
        travel_time=np.hypot(shot - receiver, 0.8) / 2,
        pick_std=PICK_STD,
        shot_easting=shot,
        shot_depth=0.0,
        receiver_easting=receiver,
        receiver_depth=np.interp(receiver, x, floor),
        surface_easting=x,
        surface_depth=floor,
        water_velocity=1.5,
    )
    grid = section_grid(geometry, depth_max=2.0, cell=CELL)
    truth = np.tile(2.0 + 0.6 * grid.below_surface, (grid.n_easting, 1))
    truth *= 1 + 0.15 * np.cos(grid.easting)[:, None]
    generator = torch.Generator().manual_seed(shifted(0))
    survey = synthetic.add_picks(geometry, truth, grid, step=0.0125, generator=generator)
    found = invert(survey, PRIOR, config(n_members=16))
    check_dataset(found, ENSEMBLE, where="test", kind="ensemble")
    assert found.attrs["water_velocity"] == 1.5
    rock, depth = found["rock"].values, found["depth"].values
    np.testing.assert_array_equal(rock, depth[:, None] >= grid.surface - 1e-9)
    assert 0.01 < 1 - rock.mean() < 0.2
    assert 0.6 < float(found["chi2_ray"].mean()) < 1.4
    seen = rock & (found["ray_coverage"].values > 0.02)
    error = (found["velocity_mean"].values - to_depth_grid(truth, grid, depth))[seen]
    before = (found["prior_mean"].values - to_depth_grid(truth, grid, depth))[seen]
    assert np.sqrt(np.mean(error**2)) < 0.5 * np.sqrt(np.mean(before**2))
    top = int(np.argmax(rock[:, 30]))
    assert top > 0
    np.testing.assert_array_equal(found["velocity"][:, 0, 30], found["velocity"][:, top - 1, 30])
