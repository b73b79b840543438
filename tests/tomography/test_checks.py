"""What an ensemble says of its own prior and sigmas: against refits, and over known truths."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import xarray as xr

from seisnb.diagnostics import verdict
from seisnb.handles import Handles
from seisnb.inference.rml import maximum_a_posteriori
from seisnb.prior import PriorConfig
from seisnb.tomography import TomographyConfig, invert
from seisnb.tomography.checks import kernel_checks, neighbours, peak_checks
from seisnb.tomography.peak import Peak, find_peak, train
from seisnb.tomography.problem import Problem, make_frame, make_problem
from seisnb.traveltime.base import pick_geometry
from seisnb.traveltime.grid import referee_times
from seisnb.verification.cases import small_case
from tests.bounds import counts, sigmas
from tests.seeds import shifted
from tests.tomography.conftest import PICK_STD, PRIOR, Line, config, make_line

QUIET = Handles(progress=lambda _: None, is_cancelled=lambda: False)


def solved(
    survey: xr.Dataset, prior: PriorConfig, settings: TomographyConfig
) -> tuple[Problem, Peak]:
    problem = make_problem(survey, prior, settings, make_frame(survey, prior, settings))
    return problem, find_peak(problem, QUIET, 0.0)


def test_left_out_residuals_are_those_of_inversions_without_the_pick(line: Line) -> None:
    problem, peak = solved(line.survey, PRIOR, config())
    checks = peak_checks(problem, peak)
    n_picks = line.survey.sizes["pick"]
    for pick in (3, 30, 60):
        held = np.arange(n_picks) != pick
        others, _ = solved(line.survey.isel(pick=held), PRIOR, config())
        fit = maximum_a_posteriori(
            others.target, others.start, position=peak.fit.position, tolerance=1e-6
        )
        times, _ = problem.target.forward.times(fit.position.numpy(), peak.fit.here.memory.rays)
        missed = line.survey["travel_time"].values[pick] - times[pick]
        sigma = line.survey["pick_std"].values[pick]
        share = (float(checks["predicted_std"][pick]) / sigma) ** 2
        # left out, the prediction's variance is share / (1 - share) of the pick's
        found = float(checks["left_out_residual"][pick]) * sigma / np.sqrt(1 - share)
        assert found == pytest.approx(missed, abs=0.1 * sigma)


def test_neighbours_follow_each_other_along_a_gather() -> None:
    survey = xr.Dataset(
        {
            "shot": ("pick", [1, 2, 1, 1, 2]),
            "receiver_easting": ("pick", [3.0, 1.0, 1.0, 2.0, 5.0]),
            "receiver_depth": ("pick", np.zeros(5)),
        }
    )
    assert neighbours(survey, "shot", "receiver").tolist() == [[2, 3], [3, 0], [1, 4]]
    hole = survey.assign(
        receiver_easting=("pick", np.ones(5)), receiver_depth=("pick", [0.3, 0.1, 0.1, 0.2, 0.5])
    )
    assert neighbours(hole, "shot", "receiver").tolist() == [[2, 3], [3, 0], [1, 4]]


def test_an_ensemble_holds_its_checks(line: Line, ensemble: xr.Dataset) -> None:
    problem, peak = solved(line.survey, PRIOR, config())
    expected = peak_checks(problem, peak)
    assert set(expected["check"].values) == {
        "pick_sigma", "prior_pull", "neighbours_shot", "neighbours_receiver", "length_easting",
        "length_depth",
    }  # fmt: skip
    for name in expected:
        xr.testing.assert_allclose(ensemble[name], expected[name])
        assert {"units", "long_name"} <= set(ensemble[name].attrs)
    assert (ensemble["check_low"] < ensemble["check_high"]).all()
    assert json.loads(ensemble.attrs["prior_estimated"]) == []
    error = np.sqrt(np.mean(ensemble["ray_error"].values ** 2))
    assert error == pytest.approx(ensemble.attrs["ray_error_seconds"])


def test_what_was_estimated_is_recorded(line: Line) -> None:
    part_open = replace(PRIOR, amplitude=None)
    found = invert(line.survey, part_open, config(n_members=2))
    assert json.loads(found.attrs["prior_estimated"]) == ["amplitude"]


def test_heavy_tails_are_judged_as_such() -> None:
    """Student noise, Student likelihood: left-out residuals are normal scores all the same."""
    scores = []
    for seed in range(4):
        made = make_line(seed)
        survey, grid = made.survey.copy(deep=True), made.prior.grid
        exact = referee_times(made.truth, grid, pick_geometry(survey), 0.025)
        noise = np.random.default_rng(shifted(seed)).standard_t(3.0, exact.size)
        survey["travel_time"].values[:] = exact + PICK_STD * noise
        settings = config(likelihood="student", student_dof=3.0)
        scores.append(peak_checks(*solved(survey, PRIOR, settings))["left_out_residual"].values)
    z = np.concatenate(scores)
    assert 0.8 < z.std() < 1.2
    assert np.sum(np.abs(z) > 1.96) <= counts(z.size, 0.05)[1]
    assert np.abs(z).max() < sigmas(z.size)


@pytest.mark.slow
def test_kernels_of_a_network_leak_and_the_rays_do_not(line: Line) -> None:
    problem, peak = solved(line.survey, PRIOR, config())
    settings = replace(problem.config, ray_source="network", training_steps=60)
    trained = train(replace(problem, config=settings), QUIET, 0.0)
    velocity = problem.prior.velocity(peak.fit.position.numpy())
    found = kernel_checks(trained, peak, velocity)
    assert float(found["leakage_ray"]) == 0.0
    assert 0.3 < float(found["leakage_network"]) < 1.0
    # lobes cancel within a correlation length, so the prior sees much less of it
    assert 0.0 < float(found["kernel_difference"]) < float(found["leakage_network"])


def judged(seed: int, *, sigma: float = 1.0, infer: bool = True, **factors: float) -> str:
    """The verdict on a small line, settings of the true prior multiplied by factors."""
    case = small_case(shifted(seed))
    survey = case.survey.copy(deep=True)
    survey["pick_std"].values[:] *= sigma
    changed: dict[str, Any] = {k: getattr(case.prior, k) * v for k, v in factors.items()}
    settings = TomographyConfig(
        n_members=2, n_workers=1, referee_cell=0.2, infer_sigma=infer, **case.settings
    )
    return verdict(invert(survey, replace(case.prior, **changed), settings))


@pytest.mark.slow
def test_right_settings_raise_no_alarm_at_ten_truths() -> None:
    for seed in range(200, 210):
        for infer in (True, False):
            assert "fitted within their sigmas" in judged(seed, infer=infer), seed


@pytest.mark.slow
@pytest.mark.parametrize(
    ("wrong", "said", "remedy", "least"),
    [
        ({"amplitude": 0.2}, "too stiff", "larger amplitude", 6),
        ({"amplitude": 0.5}, "too stiff", "larger amplitude", 3),
        ({"length_easting": 3, "length_depth": 3}, "too stiff", "shorter lengths", 6),
        ({"length_easting": 3, "length_depth": 3, "infer": False}, "too stiff", "shorter", 6),
        (
            {"amplitude": 2, "length_easting": 0.3, "length_depth": 0.3},
            "looser than the picks ask for",
            "smaller amplitude",
            5,
        ),
        ({"sigma": 0.5, "infer": False}, "sigmas are too small", "infer_sigma", 6),
        ({"sigma": 2.0, "infer": False}, "sigmas are too large", "infer_sigma", 6),
    ],
)
def test_wrong_settings_are_named_with_a_remedy(
    wrong: dict[str, Any], said: str, remedy: str, least: int
) -> None:
    found = [judged(seed, **wrong) for seed in range(200, 206)]
    named = [each for each in found if said in each and remedy in each]
    assert len(named) >= least, found
