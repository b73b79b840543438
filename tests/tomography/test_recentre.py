"""The shift that all members share: what it does to times, misfits and models."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import xarray as xr

from seisnb.tomography import invert
from seisnb.tomography.recentre import LEAST_MEMBERS, MOST_SHIFT
from tests.tomography.conftest import PRIOR, Line, config, make_line

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
    return invert(bent.survey, PRIOR, config(n_members=48))


@pytest.mark.slow
def test_all_members_move_together(fits: xr.Dataset, moved: xr.Dataset) -> None:
    """On log velocity, by one field, at most half a standard deviation."""
    change = np.log(moved["velocity"].values / fits["velocity"].values)
    np.testing.assert_allclose(change, np.broadcast_to(change[0], change.shape), atol=3e-6)
    off = np.abs((moved["velocity_mean"] - fits["velocity_mean"]) / fits["velocity_std"]).values
    bias = moved.attrs["recentred_bias_std"]
    assert bias > 0.1
    assert off.max() == pytest.approx(min(bias, MOST_SHIFT), rel=0.02)
    assert fits.attrs["recentred_bias_std"] == 0


@pytest.mark.slow
def test_times_and_misfits_are_those_of_the_moved_models(
    fits: xr.Dataset, moved: xr.Dataset
) -> None:
    """By rays as by the referee: times fit as before, and are not the old ones."""
    assert np.abs(moved["predicted_time"] - fits["predicted_time"]).max() > 1e-4
    for name in ("chi2_ray", "chi2_referee"):
        assert 0.9 < float(moved[name].mean() / fits[name].mean()) < 1.1
    assert moved.attrs["ray_error_seconds"] < 1.5 * fits.attrs["ray_error_seconds"]


@pytest.mark.slow
def test_the_mean_comes_nearer_to_that_of_langevin_chains() -> None:
    """Long chains from every member are the judge; less by more than the two means' noise."""
    line = make_line(3, n_receivers=8, n_shots=20)

    def of(**changes: Any) -> xr.Dataset:
        return invert(line.survey, PRIOR, config(n_members=150, **changes))

    exact = of(correction_steps=100)

    def off(found: xr.Dataset) -> float:
        away = (found["velocity_mean"] - exact["velocity_mean"]) / exact["velocity_std"]
        return float(np.sqrt((away**2).mean()))

    assert off(of()) < 0.95 * off(of(recentre=False))


@pytest.mark.slow
def test_student_and_corrected_members_stay(run: Run) -> None:
    for changes in ({"likelihood": "student"}, {"correction_steps": 4}, {"engine": "svgd"}):
        found = run(n_members=LEAST_MEMBERS, n_iterations=3, **changes)
        assert found.attrs["recentred_bias_std"] == 0


@pytest.mark.slow
def test_few_members_stay(bent: Line, moved: xr.Dataset) -> None:
    """Their spread is no measure of a shift, and their mean is noisier than its bias."""
    few = invert(bent.survey, PRIOR, config(n_members=LEAST_MEMBERS - 1))
    assert few.attrs["recentred_bias_std"] == 0 < moved.attrs["recentred_bias_std"]
