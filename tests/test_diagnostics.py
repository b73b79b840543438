from __future__ import annotations

import json
import math
import re
from typing import Any

import numpy as np
import pytest
import torch
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from seisnb.diagnostics import (
    coverage,
    crps,
    expected_coverage,
    gaussian_crps,
    interval_ranks,
    mean_square,
    rank_histogram,
    rank_of_truth,
    uniformity_p,
    verdict,
)

levels = st.sampled_from([0.5, 0.68, 0.9, 0.95])


def test_rank_counts_members_below_the_truth() -> None:
    members = np.array([[1.0, 5.0], [2.0, 6.0], [3.0, 7.0]])
    np.testing.assert_array_equal(rank_of_truth(members, np.array([2.5, 7.5])), [2, 3])
    np.testing.assert_array_equal(rank_of_truth(members, np.array([1.0, 4.0])), [0, 0])


def test_interval_ranks_by_hand() -> None:
    """Of 19 members the 90 % interval leaves out one rank of twenty at each end."""
    assert interval_ranks(19, 0.90) == (1, 18)
    assert expected_coverage(19, 0.90) == pytest.approx(0.90)
    assert interval_ranks(39, 0.5) == (10, 29)
    assert expected_coverage(39, 0.5) == pytest.approx(0.5)


@given(n_members=st.integers(2, 400), level=levels)
def test_interval_is_central_and_no_wider_than_one_rank_too_much(
    n_members: int, level: float
) -> None:
    low, high = interval_ranks(n_members, level)
    assert low == n_members - high
    assert low > 0
    expected = expected_coverage(n_members, level)
    assert expected <= level + 2 / (n_members + 1) + 1e-9
    assert expected >= level - 2 / (n_members + 1) - 1e-9


@pytest.mark.parametrize(("n_members", "level"), [(16, 0.68), (39, 0.95), (40, 0.5)])
def test_exchangeable_truths_are_covered_as_expected(n_members: int, level: float) -> None:
    n = 20_000
    draws = np.random.default_rng(0).standard_normal((n_members + 1, n))
    share = coverage(draws[1:], draws[0], level).mean()
    expected = expected_coverage(n_members, level)
    assert abs(share - expected) < 4 * np.sqrt(expected * (1 - expected) / n)


def test_collapsed_and_shifted_ensembles_are_found_out() -> None:
    draws = np.random.default_rng(1).standard_normal((40, 5000))
    assert coverage(0.3 * draws[1:], draws[0]).mean() < 0.5
    assert coverage(draws[1:] + 3, draws[0]).mean() < 0.3
    assert coverage(5 * draws[1:], draws[0]).mean() > 0.99


def test_mean_square_is_over_the_last_axis() -> None:
    residual = np.array([[1.0, -2.0], [3.0, 0.0]])
    np.testing.assert_allclose(mean_square(residual, [1.0, 2.0]), [1.0, 4.5])
    np.testing.assert_allclose(mean_square([2.0, 2.0], 2.0), 1.0)


def result(n_members: int = 64, **changes: Any) -> xr.Dataset:
    """What a verdict looks at."""
    values = {"chi2": 1.0, "converged": 1.0, "clock": 1e-4, **changes}
    converged = np.arange(n_members) < values["converged"] * n_members
    return xr.Dataset(
        {
            "chi2_referee": ("particle", np.full(n_members, values["chi2"])),
            "sigma_scale": ("particle", np.ones(n_members)),
            "is_converged": ("particle", converged),
            "pick_std": ("pick", np.full(9, 0.01)),
        },
        attrs={"ray_error_seconds": values["clock"]},
    )


def test_verdict_says_when_sigmas_were_scaled() -> None:
    found = result()
    found["sigma_scale"].values[:] = 3.0
    assert "fitted within 3 times their sigmas" in verdict(found)
    found["chi2_referee"].values[:] = 0.4
    assert "Use infer_sigma or smaller sigmas" in verdict(found)
    found.attrs["config"] = json.dumps({"infer_sigma": True})
    assert "Use smaller sigmas" in verdict(found)


def test_verdict_names_the_setting_of_the_engine() -> None:
    found = result(converged=0.0)
    found.attrs["config"] = json.dumps({"engine": "svgd"})
    assert "raise n_iterations" in verdict(found)


def test_verdict_of_a_student_likelihood_is_not_upset_by_outliers() -> None:
    found = result()
    residual = 0.01 * np.random.default_rng(0).standard_t(4.0, (64, 400))
    residual[:, :20] = 1.0
    found = found.drop_vars("pick_std").assign(
        pick_std=("pick", np.full(400, 0.01)),
        travel_time=("pick", np.full(400, 2.0)),
        predicted_time=(("particle", "pick"), 2.0 - residual),
        chi2_referee=("particle", np.full(64, 500.0)),
    )
    assert "Misfit is too large" in verdict(found)
    found.attrs["config"] = json.dumps({"likelihood": "student", "student_dof": 4.0})
    assert re.search(r"fitted within their sigmas \(chi2 1\.[12]", verdict(found))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, r"fitted within their sigmas \(chi2 1\.00"),
        ({"chi2": 2.5}, r"Misfit is too large \(chi2 2\.50.*infer_sigma"),
        ({"chi2": 0.3}, r"fitted better than their sigmas say \(chi2 0\.30"),
        ({"n_members": 16}, r"16 members give rough intervals: use 64"),
        ({"converged": 0.5}, r"50% of the members did not converge: raise n_steps"),
        ({"clock": 0.03, "chi2": 500.0}, "Misfit is too large"),
        ({"clock": 0.009}, r"differ from the referee by 0\.9 pick sigmas: choose a smaller cell"),
    ],
)
def test_verdict_is_a_sentence_with_a_remedy(changes: dict[str, Any], said: str) -> None:
    sentence = verdict(result(**changes))
    assert sentence.endswith(".")
    assert "nan" not in sentence
    assert re.search(said, sentence)


@given(n_members=st.integers(2, 60), n_bins=st.integers(1, 30))
def test_equally_frequent_ranks_fill_any_bins_equally(n_members: int, n_bins: int) -> None:
    shares = rank_histogram(np.arange(n_members + 1), n_members, n_bins)
    np.testing.assert_allclose(shares, 1 / n_bins, atol=1e-12)


def test_rank_histogram_by_hand() -> None:
    np.testing.assert_allclose(rank_histogram([0, 0, 3], 3, 4), [2 / 3, 0, 0, 1 / 3])
    # rank 1 of 2 members stands for the middle third
    np.testing.assert_allclose(rank_histogram([1], 2, 2), [0.5, 0.5])
    np.testing.assert_allclose(rank_histogram([1], 2, 6), [0, 0, 0.5, 0.5, 0, 0])
    assert np.isnan(rank_histogram([], 3, 2)).all()


def correlated_histograms(n_truths: int, rng: np.random.Generator, spread: float) -> np.ndarray:
    """Rank histograms of truths whose 60 cells are four fields seen fifteen times."""
    found = []
    for _ in range(n_truths):
        fields = rng.standard_normal((40, 4, 1)) + 0.3 * rng.standard_normal((40, 4, 15))
        found.append(rank_histogram(rank_of_truth(spread * fields[1:], fields[0]), 39))
    return np.array(found)


def test_uniformity_keeps_its_size_when_cells_are_correlated() -> None:
    """Calibrated ensembles are refused five times in a hundred, not whenever cells agree."""
    rng, generator = np.random.default_rng(2), torch.Generator().manual_seed(2)
    p = [
        uniformity_p(correlated_histograms(30, rng, 1.0), generator, n_draws=499)
        for _ in range(400)
    ]
    assert 0.02 < np.mean(np.array(p) <= 0.05) < 0.09
    assert 0.4 < np.mean(p) < 0.6


def test_uniformity_finds_what_is_too_narrow_too_wide_or_shifted() -> None:
    rng, generator = np.random.default_rng(3), torch.Generator().manual_seed(3)
    assert uniformity_p(correlated_histograms(30, rng, 0.5), generator) < 0.01
    assert uniformity_p(correlated_histograms(30, rng, 2.0), generator) < 0.01
    shifted = np.tile(np.linspace(0.08, 0.12, 10), (30, 1)) + 0.01 * rng.standard_normal((30, 10))
    assert uniformity_p(shifted, generator) < 0.01


def test_uniformity_of_few_truths_is_not_told() -> None:
    rng, generator = np.random.default_rng(4), torch.Generator().manual_seed(4)
    histograms = correlated_histograms(12, rng, 1.0)
    assert np.isnan(uniformity_p(histograms[:5], generator))
    histograms[6:] = np.nan
    assert uniformity_p(histograms, generator) > 0.0
    histograms[5] = np.nan
    assert np.isnan(uniformity_p(histograms, generator))


def test_crps_is_the_double_sum() -> None:
    rng = np.random.default_rng(5)
    members, truth = rng.standard_normal((7, 3)), rng.standard_normal(3)
    pairs = np.abs(members[:, None] - members[None, :]).sum(axis=(0, 1)) / (2 * 7 * 6)
    np.testing.assert_allclose(crps(members, truth), np.abs(members - truth).mean(axis=0) - pairs)


@pytest.mark.parametrize("n_members", [2, 8])
def test_crps_of_few_members_is_on_average_that_of_their_distribution(n_members: int) -> None:
    draws = np.random.default_rng(6).normal(2.0, 0.5, (n_members, 100_000))
    truth = np.full(100_000, 2.4)
    exact = gaussian_crps(np.array(2.0), np.array(0.5), np.array(2.4))
    score = crps(draws, truth)
    assert abs(score.mean() - exact) < 4 * score.std() / np.sqrt(score.size)


def test_gaussian_crps_by_quadrature() -> None:
    """The integral of the squared difference of the distribution functions."""
    x = np.linspace(-10, 12, 20_001)
    below = 0.5 * (1 + np.vectorize(math.erf)((x - 1.0) / (1.5 * np.sqrt(2))))
    integral = np.trapezoid((below - (x >= 0.3)) ** 2, x)
    found = gaussian_crps(np.array(1.0), np.array(1.5), np.array(0.3))
    assert found == pytest.approx(integral, rel=1e-3)
