"""Crooked lines: true distances between shots and receivers count, not those along the line."""

from __future__ import annotations

import numpy as np
import torch
import xarray as xr

from seisnb.survey import make_survey
from seisnb.tomography import invert
from seisnb.tomography.problem import Problem, make_frame, make_problem
from seisnb.traveltime.analytic import travel_time_linear_gradient
from tests.bounds import sigmas
from tests.seeds import shifted
from tests.tomography.conftest import PICK_STD, PRIOR, config

GRADIENT = 0.6


def crooked(*, noise: float = 0.0) -> xr.Dataset:
    """Picks over v = 2 + 0.6 z along a line that bends off by up to 0.8 km in 6."""
    x = {"receiver": np.linspace(0.5, 5.5, 6), "shot": np.linspace(0.2, 5.8, 15)}
    receiver, shot = (a.ravel() for a in np.meshgrid(x["receiver"], x["shot"]))
    across = 0.8 * (np.sin(receiver) - np.sin(shot))
    kept = np.abs(receiver - shot) > 1.5 * np.abs(across) + 0.2
    receiver, shot, across = receiver[kept], shot[kept], across[kept]
    distance = np.hypot(receiver - shot, across)
    time = travel_time_linear_gradient(distance, 2.0, 2.0, GRADIENT)
    generator = np.random.default_rng(shifted(2))
    return make_survey(
        travel_time=time + noise * generator.standard_normal(time.size),
        pick_std=PICK_STD,
        shot_easting=shot, shot_depth=0.0, receiver_easting=receiver, receiver_depth=0.0,
        offset_across=across, surface_easting=[0.0, 6.0], surface_depth=[0.0, 0.0],
    )  # fmt: skip


def problem_of(survey: xr.Dataset) -> Problem:
    settings = config(cell=0.05)
    return make_problem(survey, PRIOR, settings, make_frame(survey, PRIOR, settings))


def test_times_are_those_of_the_true_distance() -> None:
    survey = crooked()
    problem = problem_of(survey)
    zero = torch.zeros(problem.target.n_unknowns, dtype=torch.float64)
    predicted, memory = problem.target.predict(zero, problem.start)
    true = survey["travel_time"].values
    in_section = memory.times - memory.across
    # the section alone is up to a fifth of the time off; what is left is of second order in that
    assert np.abs(in_section - true).max() > 0.1
    np.testing.assert_allclose(predicted, true, rtol=0, atol=0.006)
    assert np.sqrt(np.mean((predicted.numpy() - true) ** 2)) < 0.2 * PICK_STD


def test_the_derivative_counts_the_way_across() -> None:
    problem = problem_of(crooked())
    target = problem.target
    position = torch.zeros(target.n_unknowns, dtype=torch.float64)
    _, memory = target.predict(position, problem.start)
    slope = target.linearise(position, memory).jacobian
    step = 0.05 * torch.nn.functional.one_hot(torch.tensor(0), target.n_unknowns).double()
    ahead, _ = target.predict(position + step, memory)
    back, _ = target.predict(position - step, memory)
    numeric = (ahead - back) / 0.1
    assert float((numeric - slope[:, 0]).abs().max()) < 0.05 * float(numeric.abs().max())


def test_a_crooked_line_gives_the_rock_back() -> None:
    found = invert(crooked(noise=PICK_STD), PRIOR, config(n_members=16))
    assert 0.6 < found["chi2_referee"].mean() < 1.4
    met = found["ray_coverage"].values > 0
    truth = (2.0 + GRADIENT * found["depth"].values)[:, None]
    off = (found["velocity_mean"].values - truth)[met] / found["velocity_std"].values[met]
    assert np.abs(off).max() < sigmas(met.sum()) * np.sqrt(1 + 1 / 16) * 1.2
