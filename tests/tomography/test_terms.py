"""Time terms: delays of shots and receivers, and drifts along gathers, as unknowns."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import xarray as xr

from seisnb.conventions import InputError
from seisnb.tomography import TomographyConfig, invert
from seisnb.tomography.terms import time_terms
from tests.bounds import sigmas
from tests.seeds import shifted
from tests.tomography.conftest import PICK_STD, PRIOR, Line, config

DELAY = 0.03


def delayed(survey: xr.Dataset, seed: int) -> tuple[xr.Dataset, np.ndarray]:
    """The survey with every shot's trigger late or early, and by how much [s]."""
    shots = np.unique(survey["shot"].values)
    delay = DELAY * np.random.default_rng(shifted(seed)).standard_normal(shots.size)
    later = survey["travel_time"].values + delay[np.searchsorted(shots, survey["shot"].values)]
    return survey.assign(travel_time=survey["travel_time"].copy(data=later)), delay


@pytest.mark.kernels
def test_delays_of_shots_are_found(line: Line) -> None:
    survey, delay = delayed(line.survey, 5)
    found = invert(survey, PRIOR, config(n_members=24, shot_term_std=DELAY))
    term = found["time_term"]
    assert list(found["term"].values) == [f"shot {s}" for s in np.unique(survey["shot"].values)]
    assert term.attrs["units"] == "s"
    error = (term.mean("particle").values - delay) / term.std("particle", ddof=1).values
    # a mean over 24 members and a std of 24 degrees of freedom
    assert np.abs(error).max() < 1.3 * sigmas(error.size)
    assert term.std("particle").max() < 0.5 * DELAY
    assert 0.5 < found["chi2_referee"].mean() < 1.6


def test_a_late_trigger_no_longer_shifts_the_rock(line: Line) -> None:
    survey, _ = delayed(line.survey, 6)
    settings = {"n_members": 16, "recentre": False}
    without = invert(survey, PRIOR, config(**settings))
    aware = invert(survey, PRIOR, config(**settings, shot_term_std=DELAY))
    rock = aware["ray_coverage"].values > 0
    truth = invert(line.survey, PRIOR, config(**settings))["velocity_mean"].values

    def off(ensemble: xr.Dataset) -> float:
        return float(np.sqrt(np.mean((ensemble["velocity_mean"].values - truth)[rock] ** 2)))

    assert off(aware) < off(without)
    assert without["chi2_ray"].mean() > 2
    assert aware["chi2_ray"].mean() < 1.6


def test_terms_have_the_variance_that_was_asked_for(line: Line) -> None:
    shots = line.survey["shot"].values
    asked = TomographyConfig(shot_term_std=0.02, receiver_term_std=0.01, gather_error_std=0.005)
    terms = time_terms(line.survey, asked)
    assert terms is not None
    assert terms.matrix.shape == (shots.size, terms.n_terms)
    covariance = (terms.matrix @ terms.matrix.T).numpy()
    # the smooth functions of a gather may lose a twentieth of its variance
    np.testing.assert_allclose(
        np.trace(covariance) / shots.size, 0.02**2 + 0.01**2 + 0.005**2, rtol=0.01
    )
    receivers = line.survey["receiver"].values
    apart = (shots[:, None] != shots) & (receivers[:, None] != receivers)
    assert not covariance[apart].any()
    same = shots[:, None] == shots
    np.testing.assert_array_less(0.02**2 - 1e-12, covariance[same])
    assert time_terms(line.survey, TomographyConfig()) is None


def test_errors_shared_along_a_gather_widen_the_intervals(line: Line) -> None:
    settings = {"n_members": 24, "recentre": False}
    independent = invert(line.survey, PRIOR, config(**settings))
    shared = invert(line.survey, PRIOR, config(**settings, gather_error_std=2 * PICK_STD))
    met = independent["ray_coverage"].values > 0
    ratio = (shared["velocity_std"] / independent["velocity_std"]).values[met]
    assert np.median(ratio) > 1.15
    assert "time_term" not in shared


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"shot_term_std": -0.1}, r"shot_term_std is -0\.1; expected seconds"),
        ({"receiver_term_std": float("nan")}, "receiver_term_std is nan"),
        ({"gather_error_length": 0.0}, r"gather_error_length is 0\.0; expected more than zero"),
        ({"shot_term_std": 0.01, "engine": "svgd"}, "only engine='rml' with method='rays'"),
    ],
)
def test_refuses_terms_that_cannot_be(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        TomographyConfig(**changes)
