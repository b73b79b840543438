"""The published two-network method on a section: the same door, picks, prior and referee."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import xarray as xr

from seisnb.conventions import Cancelled, CheckpointError, InputError
from seisnb.diagnostics import diagnose
from seisnb.inference.base import seeded
from seisnb.prior import PriorConfig
from seisnb.survey import make_survey
from seisnb.tomography import Progress, TomographyConfig, invert
from seisnb.tomography.networks import section_problem, section_settings
from seisnb.tomography.problem import Problem, make_frame, make_problem
from seisnb.vsvgd.config import VsvgdConfig
from seisnb.vsvgd.run import start_swarm, velocity_at
from tests.seeds import shifted
from tests.tomography.conftest import PRIOR, Line, config

SMALL = VsvgdConfig(
    n_collocation=60,
    velocity_width=12,
    travel_width=20,
    n_frequencies=12,
    n_warm_up=10,
    slave="gauss_newton",
    adjoint="dense",
)


def published(n_iterations: int, **changes: object) -> TomographyConfig:
    return config(method="vsvgd", n_network_iterations=n_iterations, **changes)


def problem_of(survey: xr.Dataset, prior: PriorConfig, settings: TomographyConfig) -> Problem:
    return make_problem(survey, prior, settings, make_frame(survey, prior, settings))


@pytest.mark.slow
def test_particles_come_to_fit_and_say_what_they_are(line: Line, ensemble: xr.Dataset) -> None:
    """An ensemble like any other, its own clock beside the rays' and the referee's.

    150 iterations do not end the descent: misfits fall to 1-6 % of those at the start by the draw,
    and the mean comes up to five times nearer to the answer by rays.
    """
    short, long = (
        invert(line.survey, PRIOR, published(n, n_members=6), networks=SMALL) for n in (1, 150)
    )
    assert float(long["chi2_referee"].mean()) < 0.25 * float(short["chi2_referee"].mean())
    assert float(long["chi2_ray"].mean()) == pytest.approx(
        float(long["chi2_referee"].mean()), rel=0.2
    )
    assert long["chi2_network"].shape == (6,)
    assert not np.array_equal(long["chi2_network"], long["chi2_ray"])
    assert (long["velocity"].values > 0).all()
    crossed = long["ray_coverage"].values > 0

    by_rays = ensemble["velocity_mean"].values

    def off(name: str) -> float:
        return float(np.sqrt(np.mean((long[name].values - by_rays)[crossed] ** 2)))

    assert off("velocity_mean") < off("prior_mean")
    assert np.isnan(diagnose(long)["n_independent"])


def test_the_section_poses_the_same_problem(line: Line) -> None:
    """Mean, covariance and picks of the section's prior, between points instead of on a grid."""
    problem = problem_of(line.survey, PRIOR, published(1))
    posed = section_problem(problem, problem.target.std)
    grid = problem.prior.grid
    place = torch.tensor([[1.0, 0.0], [2.5, 0.8], [6.0, 2.0]])
    np.testing.assert_allclose(posed.prior.mean(place), 2.0 + 0.6 * place[:, 1], rtol=1e-5)
    column, row = [10, 25, 60], [0, 8, 20]
    draws = problem.prior.field(problem.prior.draw(20_000, seeded(shifted(0), 0)))
    at = draws[:, column, row]
    covariance = posed.prior.covariance(place.double(), place.double())
    assert grid.easting[25] == pytest.approx(2.5)
    np.testing.assert_allclose(np.cov(at.T), covariance, atol=0.03 * 0.2**2)
    apart = np.hypot(*(posed.ends[:, 0] - posed.ends[:, 1]).numpy().T)
    expected = np.abs(line.survey["shot_easting"] - line.survey["receiver_easting"]).values
    np.testing.assert_allclose(apart, expected, rtol=1e-5)


def test_the_equation_is_held_under_the_surface_only() -> None:
    """Over a hill no collocation point lies in the air, and the mean hangs from the surface."""
    x = np.linspace(0, 6, 61)
    hill = -0.5 * np.exp(-(((x - 3) / 0.8) ** 2))
    receiver, shot = np.array([0.5, 3.0, 5.5]), np.array([5.0, 1.0, 3.2])
    survey = make_survey(
        travel_time=np.abs(receiver - shot) / 2.2 + 0.05,
        pick_std=0.01,
        shot_easting=shot,
        shot_depth=np.interp(shot, x, hill),
        receiver_easting=receiver,
        receiver_depth=np.interp(receiver, x, hill),
        surface_easting=x,
        surface_depth=hill,
    )
    settings = published(1)
    problem = problem_of(survey, PRIOR, settings)
    posed = section_problem(problem, problem.target.std)
    assert posed.top is not None
    seen = []
    surface_of = posed.top
    posed = replace(posed, top=lambda place: seen.append(place) or surface_of(place))
    networks = replace(section_settings(SMALL, settings), n_collocation=500, n_warm_up=0)
    start_swarm(posed, networks, seeded(shifted(0), 0))
    place = seen[0]  # moved in place to where the equation is held
    surface = np.interp(place[:, 0], x, hill)
    below = place[:, 1].numpy() - surface
    assert below.min() >= -1e-5
    assert np.histogram(below, bins=4)[0].min() > 50
    at_most = np.minimum(below, 2.0)  # the model ends there
    np.testing.assert_allclose(posed.prior.mean(place), 2.0 + 0.6 * at_most, rtol=1e-3)


def test_a_stopped_run_goes_on_to_the_same_result(line: Line, tmp_path: Path) -> None:
    settings = published(20, n_members=3)
    whole = invert(line.survey, PRIOR, settings, networks=SMALL)
    told: list[Progress] = []

    def is_enough() -> bool:
        return any("iteration 12" in message.message for message in told)

    with pytest.raises(Cancelled, match="checkpoint the next run goes on"):
        invert(
            line.survey, PRIOR, settings, networks=SMALL,
            progress=told.append, cancel=is_enough, checkpoint=tmp_path,
        )  # fmt: skip
    assert (tmp_path / "networks.safetensors").exists()
    told.clear()
    resumed = invert(
        line.survey, PRIOR, settings, networks=SMALL, progress=told.append, checkpoint=tmp_path
    )
    assert not any("iteration 10 of" in message.message for message in told)
    xr.testing.assert_identical(resumed["velocity"], whole["velocity"])
    with pytest.raises(CheckpointError, match=r"its networks\.travel_width is 20, this run's is 8"):
        invert(
            line.survey, PRIOR, settings, networks=replace(SMALL, travel_width=8),
            checkpoint=tmp_path,
        )  # fmt: skip


@pytest.mark.parametrize(
    ("prior", "changes", "said"),
    [
        ({"kernel": "matern"}, {}, "kernel='matern'.*kernel='gaussian'"),
        ({"length_depth_growth": 0.3}, {}, "length_depth_growth=0"),
        ({}, {"likelihood": "student"}, "likelihood is 'student'"),
    ],
)
def test_refuses_what_the_published_method_does_not_know(
    line: Line, prior: dict[str, object], changes: dict[str, object], said: str
) -> None:
    with pytest.raises(InputError, match=said):
        invert(line.survey, replace(PRIOR, **prior), published(1, **changes))


def test_refuses_water(line: Line) -> None:
    sea = make_survey(
        travel_time=line.survey["travel_time"].values + 1.0,
        pick_std=0.01,
        shot_easting=line.survey["shot_easting"].values,
        shot_depth=0.0,
        receiver_easting=line.survey["receiver_easting"].values,
        receiver_depth=1.5,
        surface_easting=[0.0, 6.0],
        surface_depth=[1.5, 1.5],
        water_velocity=1.5,
    )
    with pytest.raises(InputError, match=r"knows no water layer, and \d+ picks.*method='rays'"):
        invert(sea, PRIOR, published(1), networks=SMALL)


def test_networks_stand_at_prior_draws_before_the_first_iteration(line: Line) -> None:
    problem = problem_of(line.survey, PRIOR, published(1))
    posed = section_problem(problem, problem.target.std)
    networks = replace(SMALL, n_particles=60, velocity_width=20, n_warm_up=0)
    swarm = start_swarm(posed, networks, seeded(shifted(1), 0))
    place = torch.tensor([[1.0, 0.5], [3.0, 1.0], [5.0, 1.5]])
    spread = velocity_at(posed, networks, swarm, place).log().std(dim=0)
    np.testing.assert_allclose(spread, 0.2, rtol=0.3)
