"""Scans of the prior on truths drawn from a known one, and against refits."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import xarray as xr

from seisnb import synthetic
from seisnb.conventions import Cancelled, InputError, PriorError
from seisnb.inference.evidence import wbic
from seisnb.prior import PriorConfig
from seisnb.survey import used_picks
from seisnb.tomography import (
    Progress,
    TomographyConfig,
    best_prior,
    credible_range,
    scan_prior,
)
from seisnb.tomography.lengths import LENGTHS, fit_prior
from seisnb.tomography.problem import make_frame
from tests.bounds import counts, sigmas
from tests.seeds import shifted

TRUE = replace(synthetic.TEST_LINE_PRIOR, kernel="gaussian", length_depth_growth=0.0)
OPEN = replace(TRUE, amplitude=None, length_easting=None, length_depth=None)
CONFIG = TomographyConfig(depth_max=10.0, cell=0.2, n_workers=1)
#: The true lengths between two values.
BETWEEN = {
    "lengths_easting": 9.0 * 2.0 ** np.arange(-1, 3),
    "lengths_depth": 3.5 * 2.0 ** np.arange(-1, 3),
}
#: The true lengths in the middle.
WHOLE = {
    "lengths_easting": 9.0 * 2.0 ** np.arange(-1.5, 2),
    "lengths_depth": 3.5 * 2.0 ** np.arange(-1.5, 2),
}


def line(seed: int, *, wrong: float = 1.0, share: float = 1.0) -> xr.Dataset:
    """The test line or a share of it, its sigmas ``wrong`` times as large as the noise."""
    survey = synthetic.test_line(shifted(seed), share=share)[0]
    survey["pick_std"] = survey["pick_std"] * wrong
    return survey


def small_line(seed: int, *, wrong: float = 1.0) -> xr.Dataset:
    """The 30 km line of 214 picks, two and a half correlation lengths long."""
    return line(seed, wrong=wrong, share=0.5)


def neighbours(scan: xr.Dataset, name: str) -> tuple[float, float]:
    """The grid's values beside the chosen one; itself at an end."""
    values, best = scan[name].values, json.loads(scan.attrs["best_by_evidence"])[name]
    place = int(np.flatnonzero(values == best)[0])
    return values[max(place - 1, 0)], values[min(place + 1, values.size - 1)]


def expected_scale(wrong: float, n_free: int) -> float:
    """The factor on sigmas, with ten pseudo-data that say that they are right."""
    return float(np.sqrt((n_free / wrong**2 + 10) / (n_free + 10)))


@pytest.fixture(scope="module")
def scan() -> xr.Dataset:
    """One scan of one line; only read."""
    return scan_prior(small_line(2), OPEN, CONFIG, amplitudes=[0.1, 0.2, 0.4, 0.8], **WHOLE)


@pytest.mark.slow
@pytest.mark.parametrize(("seed", "wrong"), [(0, 2.0), (1, 0.5), (2, 2.0), (3, 0.5)])
def test_neighbours_of_the_chosen_lengths_bracket_the_true_ones(seed: int, wrong: float) -> None:
    config = replace(CONFIG, depth_max=20.0)
    found = scan_prior(line(seed, wrong=wrong), OPEN, config, **BETWEEN)
    for name in LENGTHS:
        low, high = neighbours(found, name)
        assert low < getattr(TRUE, name) < high, name
    scale = json.loads(found.attrs["best_by_evidence"])["sigma_scale"]
    assert scale == pytest.approx(expected_scale(wrong, 780), rel=sigmas(4) / np.sqrt(2 * 780))


@pytest.mark.slow
def test_few_picks_know_less_and_say_so() -> None:
    """214 picks: the best is often off, its credible range is not."""
    bracketed = dict.fromkeys(LENGTHS, 0)
    held = dict.fromkeys(LENGTHS, 0)
    for seed in range(8):
        wrong = (2.0, 0.5)[seed % 2]
        found = scan_prior(small_line(seed, wrong=wrong), OPEN, CONFIG, **WHOLE)
        for name in LENGTHS:
            low, high = neighbours(found, name)
            bracketed[name] += low <= getattr(TRUE, name) <= high
            low, high = found.attrs[f"credible_{name}"]
            assert high > 1.5 * low
            held[name] += low < getattr(TRUE, name) < high
        scale = json.loads(found.attrs["best_by_evidence"])["sigma_scale"]
        assert scale == pytest.approx(expected_scale(wrong, 190), rel=sigmas(8) / np.sqrt(2 * 190))
    assert min(held.values()) >= counts(8, 0.95, 2)[0], held
    assert min(bracketed.values()) >= 6, bracketed


def test_scales_of_one_fit_are_those_of_refits(scan: xr.Dataset) -> None:
    """Evidence and WBIC off the best amplitude, against fits of their own."""
    survey = used_picks(small_line(2), where="test")
    at = {name: getattr(TRUE, name) for name in LENGTHS}
    one = scan.sel(at, method="nearest")
    frame = make_frame(survey, OPEN, CONFIG)
    for amplitude in (0.2, 0.4, 0.8):
        prior = replace(TRUE, amplitude=amplitude)
        cell = one.sel(amplitude=amplitude)
        scale = float(cell["sigma_scale"])
        scaled = survey.assign(pick_std=scale * survey["pick_std"])
        fixed = replace(CONFIG, infer_sigma=False)
        refit = fit_prior(scaled, prior, fixed, frame, None, tolerance=1e-3)
        assert refit is not None
        # what ten pseudo-data lose by the factor
        loss = 5.0 * (scale**-2 - 1 + 2 * np.log(scale))
        assert float(cell["log_evidence"]) == pytest.approx(refit.evidence - loss, abs=1.0)
        target = refit.problem.target
        tempered = wbic(target, refit.fit.here.memory, position=refit.fit.position)
        assert float(cell["wbic"]) == pytest.approx(tempered, rel=0.01)


def test_weights_ranges_and_the_best(scan: xr.Dataset) -> None:
    weight = scan["posterior_weight"].values
    assert weight.sum() == pytest.approx(1.0)
    evidence = scan["log_evidence"].values
    ratio = np.log(weight[0, 2, 2] / weight[2, 1, 1])
    assert ratio == pytest.approx(evidence[0, 2, 2] - evidence[2, 1, 1])
    best = best_prior(scan)
    place = {name: getattr(best, name) for name in ("amplitude", "length_easting", "length_depth")}
    assert float(scan["log_evidence"].sel(place)) == np.max(evidence)
    assert (best.field, best.surface_velocity, best.kernel) == ("velocity", 2.0, "gaussian")
    by_wbic = best_prior(scan, "wbic")
    place = {name: getattr(by_wbic, name) for name in place}
    assert float(scan["wbic"].sel(place)) == np.min(scan["wbic"].values)
    low, high = credible_range(scan, "length_depth", 0.5)
    wide = credible_range(scan, "length_depth")
    assert wide == tuple(scan.attrs["credible_length_depth"])
    assert wide[0] < low < high < wide[1]
    for name, variable in scan.variables.items():
        assert {"units", "long_name"} <= set(variable.attrs), name
    assert scan["amplitude"].attrs["units"] == "km/s"


def test_a_range_is_no_narrower_than_the_grid_can_tell(scan: xr.Dataset) -> None:
    sure = scan.copy(deep=True)
    sure["posterior_weight"][:] = 0.0
    sure["posterior_weight"][1, 2, 2] = 1.0
    low, high = credible_range(sure, "length_depth", 0.95)
    value = float(sure["length_depth"][2])
    assert (low, high) == pytest.approx((value * 2**-0.475, value * 2**0.475))
    one = sure.isel(length_depth=[2])
    assert credible_range(one, "length_depth") == (value, value)
    with pytest.raises(InputError, match="expected one of"):
        credible_range(scan, "cell")


def test_what_cannot_be_fitted_is_counted_and_said() -> None:
    told: list[Progress] = []
    found = scan_prior(
        small_line(0),
        OPEN,
        CONFIG,
        amplitudes=[0.3, 0.9],
        lengths_easting=[1.2, 12.0],
        lengths_depth=[0.25, 0.5, 5.0],
        progress=told.append,
    )
    assert found.attrs["n_unresolved"] == 2
    assert found.attrs["n_too_costly"] == 1
    assert found.attrs["n_improper"] == 1  # 0.9 km/s around a mean of 2 km/s
    fitted = np.isfinite(found["log_evidence"].values)
    assert fitted.sum() == 3
    assert not fitted[1].any()
    np.testing.assert_array_equal(found["status"], [[2, 1, 0], [2, 0, 0]])
    assert (found["posterior_weight"].values[~fitted] == 0).all()
    assert np.isfinite(found["n_unknowns"].values).sum() == 3
    assert [message.done for message in told] == [1, 2, 3, 4, 5, 6]
    assert any("too many unknowns" in message.message for message in told)
    assert json.loads(found.attrs["at_edge"])


def test_threads_do_not_change_it() -> None:
    grid = {"amplitudes": [0.2, 0.4], "lengths_easting": [6.0, 12.0], "lengths_depth": [3.0, 6.0]}
    one = scan_prior(small_line(1), OPEN, CONFIG, **grid)
    two = scan_prior(small_line(1), OPEN, replace(CONFIG, n_workers=2), **grid)
    np.testing.assert_array_equal(one["log_evidence"], two["log_evidence"])


def test_given_sigmas_are_kept_where_asked() -> None:
    grid = {"lengths_easting": [12.0], "lengths_depth": [5.0]}
    found = scan_prior(small_line(1), TRUE, replace(CONFIG, infer_sigma=False), **grid)
    assert (found["sigma_scale"] == 1.0).all()
    assert TRUE.amplitude
    around = TRUE.amplitude * 2.0 ** np.arange(-1.5, 1.5, 0.5)  # twice that is no velocity
    np.testing.assert_allclose(found["amplitude"], around)


def test_defaults_span_what_a_line_can_tell() -> None:
    found = scan_prior(small_line(1), PriorConfig(), replace(CONFIG, cell=0.5))
    assert found["log_evidence"].shape == (9, 7, 7)
    assert found["amplitude"].attrs["units"] == "1"
    assert np.isfinite(found["log_evidence"]).any()


def test_it_refuses_and_stops() -> None:
    survey = small_line(0)
    with pytest.raises(InputError, match="increase"):
        scan_prior(survey, OPEN, CONFIG, amplitudes=[0.4, 0.2])
    with pytest.raises(InputError, match="above zero"):
        scan_prior(survey, OPEN, CONFIG, lengths_depth=[0.0, 1.0])
    with pytest.raises(PriorError, match="no combination"):
        scan_prior(survey, OPEN, CONFIG, lengths_easting=[0.25], lengths_depth=[3.0])
    with pytest.raises(InputError, match="negative velocities"):
        scan_prior(survey, OPEN, CONFIG, amplitudes=[1.5])
    with pytest.raises(Cancelled):
        scan_prior(survey, OPEN, CONFIG, cancel=lambda: True)
