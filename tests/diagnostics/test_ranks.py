from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from seisnb.diagnostics import (
    coverage,
    expected_coverage,
    interval_ranks,
    rank_histogram,
    rank_of_truth,
    uniformity_p,
)
from tests.bounds import counts, sigmas
from tests.seeds import shifted

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
    draws = np.random.default_rng(shifted(0)).standard_normal((n_members + 1, n))
    share = coverage(draws[1:], draws[0], level).mean()
    expected = expected_coverage(n_members, level)
    assert abs(share - expected) < sigmas(3) * np.sqrt(expected * (1 - expected) / n)


def test_collapsed_and_shifted_ensembles_are_found_out() -> None:
    draws = np.random.default_rng(shifted(1)).standard_normal((40, 5000))
    assert coverage(0.3 * draws[1:], draws[0]).mean() < 0.5
    assert coverage(draws[1:] + 3, draws[0]).mean() < 0.3
    assert coverage(5 * draws[1:], draws[0]).mean() > 0.99


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
    rng, generator = np.random.default_rng(shifted(2)), torch.Generator().manual_seed(shifted(2))
    p = [
        uniformity_p(correlated_histograms(30, rng, 1.0), generator, n_draws=499)
        for _ in range(400)
    ]
    low, high = counts(len(p), 0.05)
    assert low <= np.sum(np.array(p) <= 0.05) <= high
    assert 0.4 < np.mean(p) < 0.6


def test_uniformity_finds_what_is_too_narrow_too_wide_or_shifted() -> None:
    rng, generator = np.random.default_rng(shifted(3)), torch.Generator().manual_seed(shifted(3))
    assert uniformity_p(correlated_histograms(30, rng, 0.5), generator) < 0.01
    assert uniformity_p(correlated_histograms(30, rng, 2.0), generator) < 0.01
    moved = np.tile(np.linspace(0.08, 0.12, 10), (30, 1)) + 0.01 * rng.standard_normal((30, 10))
    assert uniformity_p(moved, generator) < 0.01


def test_uniformity_of_few_truths_is_not_told() -> None:
    rng, generator = np.random.default_rng(shifted(4)), torch.Generator().manual_seed(shifted(4))
    histograms = correlated_histograms(12, rng, 1.0)
    assert np.isnan(uniformity_p(histograms[:5], generator))
    histograms[6:] = np.nan
    assert uniformity_p(histograms, generator) > 0.0
    histograms[5] = np.nan
    assert np.isnan(uniformity_p(histograms, generator))
