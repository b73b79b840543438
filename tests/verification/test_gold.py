"""The gold standard in small, its figures against closed forms, and its command."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import xarray as xr
from scipy import stats

from seisnb import cli
from seisnb.cli import verify
from seisnb.conventions import Cancelled, InputError
from seisnb.survey import used_picks
from seisnb.tomography import TomographyConfig
from seisnb.tomography.problem import Problem, RayMemory, make_frame, make_problem
from seisnb.traveltime.grid import referee_times
from seisnb.traveltime.referee import open_referee
from seisnb.verification.agreement import agreement, reweighted
from seisnb.verification.chains import RefereeTarget, diagnose, referee_chains, sharp_rays
from seisnb.verification.gold import (
    BY_RAYS,
    CELL,
    DEFAULT,
    PLAIN,
    gold_case,
    gold_standard,
    gold_table,
    is_gold,
)
from tests.bounds import FALSE_ALARM, counts
from tests.seeds import shifted

SMALL = {"n_looks": 80, "n_rounds": 2, "n_inner": 6, "n_adapt": 150, "least_ess": 1e9}


def problem_of(seed: int = 0) -> Problem:
    case = gold_case(shifted(seed))
    picks = used_picks(case.survey, where="test")
    config = TomographyConfig(**case.settings)
    return make_problem(picks, case.prior, config, make_frame(picks, case.prior, config))


@pytest.fixture(scope="module")
def result() -> xr.Dataset:
    return gold_standard(n_members=130, correction_steps=12, chains=SMALL)


@pytest.mark.slow
def test_small_form_agrees_within_its_noise(result: xr.Dataset) -> None:
    """Few draws on both sides: what is left after the Langevin steps is noise, and it says so."""
    assert result.sizes["chain"] == 4
    least = float(result["ess"].min())
    assert least > 50
    # means of four chains of so many independent draws differ by a chi2 of three degrees
    most = stats.chi2.isf(FALSE_ALARM / result["rhat"].size, 3) / 3 / (least / 4)
    assert float(result["rhat"].max()) < np.sqrt(1 + most)
    moved = result.sel(row="rml + 12 Langevin steps")
    assert float(moved["mean_rms"]) < 1.8 * float(moved["noise_rms"])
    assert float(moved["mean_max"]) < 1.5 * float(moved["noise_max"])
    assert 1 - float(moved["std_low"]) < 1.5 * float(moved["noise_std"])
    assert float(moved["std_high"]) - 1 < 1.5 * float(moved["noise_std"])
    assert 0.04 < float(moved["noise_rms"]) < 0.15
    plain = result.sel(row=PLAIN)
    assert float(plain["mean_rms"]) < 0.3
    assert float(result.sel(row=DEFAULT)["mean_rms"]) < 1.8 * float(moved["noise_rms"])
    assert (result["acceptance"] > 0.85).all()
    # rays and referee are two codes: they agree to a tenth of a sigma, but not to the last digit
    assert 1e-5 < result.attrs["ray_error_seconds"] < 0.1 * result.attrs["pick_std_seconds"]
    assert float(result.sel(row=BY_RAYS)["mean_rms"]) < 0.1
    ratio = result["velocity_std"] / result["velocity_mean"]
    assert 0.005 < float(ratio.min()) < float(ratio.max()) < 0.25
    table = gold_table(result)
    assert "rml + 12 Langevin steps" in table
    assert f"bulk ESS at least {float(result['ess'].min()):.0f}" in table


def test_the_referee_and_nothing_else_decides() -> None:
    """The chains' likelihood is the grid solver's of this process, whatever the memory."""
    problem = problem_of()
    grid, geometry = problem.prior.grid, problem.geometry
    position = torch.linspace(-1, 1, problem.target.n_unknowns, dtype=torch.float64)
    with open_referee(grid, geometry, 1) as referee:
        target = RefereeTarget(target=problem.target, referee=referee, cell=CELL)
        times, memory = target.predict(position, None)
        velocity = problem.prior.velocity(position.numpy())
        np.testing.assert_array_equal(times, referee_times(velocity, grid, geometry, CELL))
        assert memory is None
        by_rays, _ = sharp_rays(problem).predict(position, problem.start)
        _, far = problem.target.predict(-2 * position, problem.start)
        assert 0 < float((by_rays - times).abs().max()) < 0.1 * float(target.std.max())
        with pytest.raises(NotImplementedError, match="no derivative"):
            target.linearise(position, None)
        with pytest.raises(InputError, match="1 chains; expected at least two"):
            referee_chains(problem, referee, CELL, seed=0, n_chains=1)
        again, _ = sharp_rays(problem).predict(position, RayMemory(rays=far.rays, times=far.times))
        assert torch.equal(again, by_rays)


def test_chains_that_disagree_are_seen() -> None:
    rng = np.random.default_rng(shifted(0))
    draws = rng.standard_normal((4, 500, 2))
    draws[0, :, 1] += 1.0
    found = diagnose(draws)
    assert found.rhat[0] < 1.01 < 1.03 < found.rhat[1]
    assert 1500 < found.ess[0] < 2500
    assert found.ess[1] < 100
    assert found.mean_error[0] == pytest.approx(1 / np.sqrt(2000), rel=0.2)
    assert found.std_error[0] == pytest.approx(1 / np.sqrt(4000), rel=0.2)


def test_figures_of_an_ensemble_are_those_of_its_law() -> None:
    rng = np.random.default_rng(shifted(1))
    exact = 5.0 + 2.0 * rng.standard_normal((4, 2500, 6))
    pooled, error = exact.reshape(-1, 6), diagnose(exact)
    members = 5.0 + 2.0 * (0.3 + 1.2 * rng.standard_normal((4000, 6)))
    found = agreement(members, pooled, error, seed=0)
    np.testing.assert_allclose(found.mean_off, 0.3, atol=0.08)
    np.testing.assert_allclose(found.std_ratio, 1.2, rtol=0.06)
    assert found.noise_rms == pytest.approx(np.sqrt(1.44 / 4000 + 1 / 10_000), rel=0.1)
    assert found.figures["mean_max"] == pytest.approx(np.abs(found.mean_off).max())


def test_noise_alone_stays_below_its_bound_as_often_as_it_says() -> None:
    rng = np.random.default_rng(shifted(2))
    below = []
    for seed in range(120):
        exact = rng.standard_normal((4, 200, 5))
        members = rng.standard_normal((300, 5))
        found = agreement(members, exact.reshape(-1, 5), diagnose(exact), seed=seed)
        figures = found.figures
        below.append(
            (
                figures["mean_max"] < found.noise_max,
                np.abs(found.std_ratio - 1).max() < found.noise_std,
            )
        )
    found = np.sum(below, axis=0)
    assert (found >= counts(120, 0.95, 2)[0]).all(), found
    assert (found < 120).any(), found


def test_weights_move_draws_to_the_other_posterior() -> None:
    rng = np.random.default_rng(shifted(3))
    exact = rng.standard_normal((4, 5000, 3))
    found = reweighted(exact, 0.2 * exact[..., 0])  # N(0, 1) to N(0.2, 1) in the first
    np.testing.assert_allclose(found.mean_off, [0.2, 0, 0], atol=4 * 0.2 / np.sqrt(20_000) * 2)
    np.testing.assert_allclose(found.std_ratio, 1.0, rtol=0.02)
    assert found.n == pytest.approx(20_000 * np.exp(-0.04), rel=0.01)
    assert 0 < found.noise_rms < 0.005


def test_what_is_within_is_called_so() -> None:
    rows = xr.Dataset(
        {
            "mean_max": ("row", [0.09, 0.11, 0.05, 0.05]),
            "std_low": ("row", [0.91, 0.95, 0.89, 0.95]),
            "std_high": ("row", [1.09, 1.05, 1.05, 1.11]),
        },
        coords={"row": list("abcd")},
    )
    assert [is_gold(rows, name) for name in "abcd"] == [True, False, False, False]


def test_a_cancel_ends_it() -> None:
    with pytest.raises(Cancelled, match="gold standard: cancelled"):
        gold_standard(n_members=10, cancel=lambda: True)


@pytest.mark.parametrize("changes", [{"n_members": 5}, {"correction_steps": 0}])
def test_too_little_is_refused(changes: dict[str, int]) -> None:
    with pytest.raises(InputError, match="expected at least 10 and 1"):
        gold_standard(**changes)


def test_missing_package_is_named(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "arviz_stats.base.array", None)
    with pytest.raises(InputError, match=r"pip install 'seisnb\[verification\]'"):
        gold_standard(n_members=20)


def test_the_command_writes_what_it_prints(
    tmp_path: Path, monkeypatch, capsys: pytest.CaptureFixture[str]
) -> None:

    asked: dict[str, object] = {}

    def fake(**arguments: object) -> xr.Dataset:
        asked.update(arguments)
        return xr.Dataset({"mean_off": ("row", [0.1])}, coords={"row": ["rml"]})

    monkeypatch.setattr(verify, "gold_standard", fake)
    monkeypatch.setattr(verify, "gold_table", lambda result: "the table")
    options = ["--out", str(tmp_path / "out"), "--members", "40", "--steps", "7", "--seed", "3"]
    assert cli.main(["verify", "gold", *options, "--amplitude", "0.2"]) == 0
    assert (asked["n_members"], asked["correction_steps"], asked["seed"]) == (40, 7, 3)
    assert asked["amplitude"] == 0.2
    assert capsys.readouterr().out == "the table\n"
    assert (tmp_path / "out" / "gold.txt").read_text() == "the table\n"
    with xr.open_dataset(tmp_path / "out" / "gold.nc") as written:
        assert float(written["mean_off"].item()) == 0.1
