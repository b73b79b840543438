"""The shift that all members share: what it does to times, misfits and models."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import xarray as xr

from seisnb.dashboards.report import report_html
from seisnb.diagnostics import diagnose
from seisnb.handles import Progress
from seisnb.tomography import invert, recentre
from seisnb.tomography.recentre import (
    LEAST_MEMBERS,
    LEAST_SHIFT,
    LEAST_SPREAD,
    MOST_SHIFT,
    _largest,
)
from seisnb.traveltime.base import pick_geometry
from seisnb.traveltime.grid import referee_times
from seisnb.traveltime.referee import Referee
from tests.tomography.conftest import CELL, PICK_STD, PRIOR, Line, config, make_line, same_result

Run = Callable[..., xr.Dataset]


@pytest.fixture(scope="module")
def bent() -> Line:
    """A line whose deep part only some members reach with rays: times bend strongly."""
    return make_line(7, n_receivers=8, n_shots=20)


@pytest.fixture(scope="module")
def fits(bent: Line) -> xr.Dataset:
    return invert(bent.survey, PRIOR, config(n_members=48, recentre=False))


@pytest.fixture(scope="module")
def moved(bent: Line) -> xr.Dataset:
    """Moved, however large the bias."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recentre, "TRUSTED_SHIFT", np.inf)
        return invert(bent.survey, PRIOR, config(n_members=48))


@pytest.fixture(scope="module")
def whole(line: Line) -> xr.Dataset:
    """An undisturbed run of the fewest members that are moved, however large the bias."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recentre, "TRUSTED_SHIFT", np.inf)
        return invert(line.survey, PRIOR, config(n_members=LEAST_MEMBERS))


@pytest.mark.slow
def test_all_members_move_together(fits: xr.Dataset, moved: xr.Dataset) -> None:
    """On log velocity, by one field: all of the bias that is told, or as much as may be removed."""
    change = np.log(moved["velocity"].values / fits["velocity"].values)
    np.testing.assert_allclose(change, np.broadcast_to(change[0], change.shape), atol=3e-6)
    told = moved.attrs["recentred_bias_std"]
    whole = change.mean(axis=0) * max(1.0, told / MOST_SHIFT)
    bias = np.expm1(whole) * (fits["velocity_mean"] / fits["velocity_std"]).values
    assert np.abs(bias).max() == pytest.approx(told, rel=2e-3)
    assert told == 0 or told >= LEAST_SHIFT
    assert np.isnan(fits.attrs["recentred_bias_std"])


@pytest.mark.slow
def test_a_shift_that_is_not_trusted_is_told_and_not_made(
    bent: Line, fits: xr.Dataset, moved: xr.Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = moved.attrs["recentred_bias_std"]
    assert told > 0
    monkeypatch.setattr(recentre, "TRUSTED_SHIFT", 0.9 * told)
    found = invert(bent.survey, PRIOR, config(n_members=48))
    assert found.attrs["recentred_bias_std"] == pytest.approx(told)
    xr.testing.assert_identical(found["velocity"], fits["velocity"])


@pytest.mark.slow
def test_times_and_misfits_are_those_of_the_moved_models(
    bent: Line, fits: xr.Dataset, moved: xr.Dataset
) -> None:
    """By rays as by the referee; a fit is no worse for half a posterior standard deviation."""
    observed, sigma = moved["travel_time"].values, moved["pick_std"].values
    for member in (0, 20, 40):
        velocity = moved["velocity"][member].values.astype(float).T
        times = referee_times(velocity, bent.prior.grid, pick_geometry(bent.survey), CELL)
        by_rays = moved["predicted_time"][member].values
        for name, predicted in (("chi2_referee", times), ("chi2_ray", by_rays)):
            chi2 = np.mean(((observed - predicted) / sigma) ** 2)
            assert float(moved[name][member]) == pytest.approx(chi2, rel=1e-3)
        assert np.median(np.abs(by_rays - times)) < 0.3 * PICK_STD
    # some 5 % of the picks' number is spent on the model: (1 + 0.5 * sqrt(0.05))**2
    for name in ("chi2_ray", "chi2_referee"):
        assert 0.8 < float(moved[name].mean() / fits[name].mean()) < 1.25


@pytest.mark.slow
def test_the_mean_is_no_farther_from_that_of_langevin_chains() -> None:
    """Long chains from every member are the judge, on a line whose times bend strongly."""
    line = make_line(3, n_receivers=8, n_shots=20)

    def of(**changes: Any) -> xr.Dataset:
        return invert(line.survey, PRIOR, config(n_members=150, **changes))

    exact = of(correction_steps=100)

    def off(found: xr.Dataset) -> float:
        away = (found["velocity_mean"] - exact["velocity_mean"]) / exact["velocity_std"]
        return float(np.sqrt((away**2).mean()))

    assert off(of()) < 1.02 * off(of(recentre=False))


@pytest.mark.slow
def test_student_and_corrected_members_stay(run: Run) -> None:
    for changes in ({"likelihood": "student"}, {"correction_steps": 4}, {"engine": "svgd"}):
        found = run(n_members=LEAST_MEMBERS, n_iterations=3, **changes)
        assert np.isnan(found.attrs["recentred_bias_std"])


@pytest.mark.slow
def test_few_members_stay(bent: Line, moved: xr.Dataset) -> None:
    """Their spread is no measure of a shift, and their mean is noisier than its bias."""
    few = invert(bent.survey, PRIOR, config(n_members=LEAST_MEMBERS - 1))
    assert np.isnan(few.attrs["recentred_bias_std"])
    assert moved.attrs["recentred_bias_std"] > 0


@pytest.mark.slow
def test_the_referee_is_asked_once_per_member(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it comes to stand; about their mean, too, and twice about the most probable model."""
    asked = Counter[bytes]()
    times = Referee.times

    def counted(self: Referee, velocity: np.ndarray, step: float) -> np.ndarray:
        asked[velocity.tobytes()] += 1
        return times(self, velocity, step)

    monkeypatch.setattr(Referee, "times", counted)
    told: list[Progress] = []
    found = invert(line.survey, PRIOR, config(n_members=LEAST_MEMBERS), progress=told.append)
    assert found.sizes["particle"] == LEAST_MEMBERS
    assert sorted(asked.values()) == [1] * (LEAST_MEMBERS + 1) + [2]
    last = [message for message in told if message.stage == "referee"]
    assert [message.done for message in last] == list(range(LEAST_MEMBERS + 1))
    assert told[-1] is last[-1]
    assert last[-1].remaining == 0


@pytest.mark.slow
@pytest.mark.parametrize("when", ["while fitted", "while moved", "while checked"])
def test_a_cancelled_run_is_neither_moved_nor_checked_says_so_and_goes_on(
    line: Line, whole: xr.Dataset, when: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recentre, "TRUSTED_SHIFT", np.inf)
    n_fits = LEAST_MEMBERS - 2 if when == "while fitted" else LEAST_MEMBERS
    fitted, asked = [], []
    times = Referee.times

    def counted(self: Referee, velocity: np.ndarray, step: float) -> np.ndarray:
        asked.append(step)
        return times(self, velocity, step)

    def progress(report: Progress) -> None:
        if report.stage == "members":
            fitted.append(report.done)

    def cancel() -> bool:
        is_late = when == "while fitted" or len(asked) >= 3
        return bool(fitted) and fitted[-1] >= n_fits and is_late

    with monkeypatch.context() as patch:
        patch.setattr(Referee, "times", counted)
        if when == "while checked":
            patch.setattr("seisnb.tomography.recentre.LEAST_SHIFT", np.inf)
        part = invert(
            line.survey, PRIOR, config(n_members=LEAST_MEMBERS), checkpoint=tmp_path,
            progress=progress, cancel=cancel,
        )  # fmt: skip
    assert part.attrs["cancelled"] == 1
    assert part.sizes["particle"] == n_fits
    assert np.isnan(part.attrs["recentred_bias_std"]) == (when != "while checked")
    assert not {"chi2_referee", "ray_error"} & set(part.variables)
    assert float(part["rms_referee_mean"]) > 0
    assert np.isfinite(diagnose(part)["chi2_ray"])
    said = report_html(part)
    assert "nor checked by the grid referee" in said
    assert ("smaller than asked for" in said) == (when == "while fitted")
    again = invert(line.survey, PRIOR, config(n_members=LEAST_MEMBERS), checkpoint=tmp_path)
    same_result(again, whole)


def _problem_and_members(line: Line, spread: float) -> tuple[Any, list[Any]]:
    """Members around the prior's mean; their spread in units of the prior's."""
    rng = np.random.default_rng(0)
    unknowns = spread * rng.standard_normal((LEAST_MEMBERS, line.prior.n_unknowns))
    return SimpleNamespace(prior=line.prior), [SimpleNamespace(unknowns=each) for each in unknowns]


def test_a_shift_is_not_judged_by_members_that_agree(line: Line) -> None:
    """Nothing is divided by a std of zero: it is not known then."""
    shift = np.full(line.prior.n_unknowns, 0.01)
    for spread in (0.0, 1e-7, 0.1 * LEAST_SPREAD):
        assert np.isnan(_largest(*_problem_and_members(line, spread), shift))
    found = _largest(*_problem_and_members(line, 1.0), shift)
    assert 0 < found < 1
    # cells of no spread are left out, the others are judged as before
    problem, members = _problem_and_members(line, 1.0)
    with_zeros = problem.prior.velocity
    fixed = with_zeros(np.zeros(line.prior.n_unknowns))

    def still(unknowns: np.ndarray) -> np.ndarray:
        velocity = with_zeros(unknowns).copy()
        velocity[:3] = fixed[:3] + 0.1 * (unknowns[0] == members[0].unknowns[0] + shift[0])
        return velocity

    half = SimpleNamespace(
        prior=SimpleNamespace(
            velocity=still, mean=line.prior.mean, velocity_std=line.prior.velocity_std
        )
    )
    assert _largest(half, members, shift) < 10
