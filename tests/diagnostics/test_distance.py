"""Distance between ensembles against brute force, closed forms and its own sampling floor."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import stats

from seisnb.diagnostics import (
    median_squared_distance,
    mmd_floor,
    sqrt_mmd,
    sqrt_mmd_gaussian,
)
from tests.bounds import FALSE_ALARM, sigmas, student
from tests.seeds import shifted

COVARIANCE = np.array([[1.0, 0.5, 0.0], [0.5, 2.0, 0.3], [0.0, 0.3, 0.4]])
MEAN = np.array([5.0, -3.0, 100.0])


def draws(n: int, seed: int, scale: float = 1.0) -> np.ndarray:
    root = np.linalg.cholesky(COVARIANCE)
    return MEAN + scale * np.random.default_rng(shifted(seed)).standard_normal((n, 3)) @ root.T


def test_distance_is_its_definition() -> None:
    one, other, width = draws(7, 0), draws(11, 1), 2.5

    def mean_kernel(a, b) -> float:
        return float(np.mean([[math.exp(-((x - y) ** 2).sum() / width) for y in b] for x in a]))

    exact = mean_kernel(one, one) + mean_kernel(other, other) - 2 * mean_kernel(one, other)
    assert sqrt_mmd(one, other, width) == pytest.approx(math.sqrt(exact), rel=1e-9)
    assert sqrt_mmd(one, one[::-1]) == pytest.approx(0, abs=1e-7)


def test_default_bandwidth_is_the_references_median() -> None:
    one, other = draws(7, 0), draws(12, 1)
    squared = [((a - b) ** 2).sum() for i, a in enumerate(other) for b in other[:i]]
    assert median_squared_distance(other) == pytest.approx(np.median(squared))
    assert sqrt_mmd(one, other) == pytest.approx(
        sqrt_mmd(one, other, float(np.median(squared))), rel=1e-12
    )


def test_distance_to_the_normal_itself_is_that_to_many_draws() -> None:
    """Their squares differ by twice the mean of the draws' witness, and by the draws' own floor."""
    members, width, n = draws(50, 0, scale=0.7), 3.0, 8000
    reference = draws(n, 1)
    exact = sqrt_mmd_gaussian(members, MEAN, COVARIANCE, width) ** 2
    near_all, near_members = (
        np.exp(-((reference[:1000, None] - each) ** 2).sum(axis=2) / width).mean(axis=1)
        for each in (reference[1000:3000], members)
    )
    error = sigmas() * 2 * np.std(near_all - near_members) / math.sqrt(n)
    assert error < 0.3 * exact
    assert sqrt_mmd(members, reference, width) ** 2 == pytest.approx(exact, abs=error + 2 / n)


def test_floor_is_what_draws_score() -> None:
    """E MMD**2 of n draws is (1 - E k(y, y')) / n; the floor falls with the root of n."""
    width = 3.0
    spread = float(np.linalg.det(np.eye(3) + 4 * COVARIANCE / width)) ** -0.5
    floors = {}
    for n in (32, 512):
        floor = mmd_floor(
            MEAN, COVARIANCE, n, width, torch.Generator().manual_seed(shifted(0)), n_draws=200
        )
        floors[n] = floor
        assert floor.low < floor.median < floor.high
        scores = np.array(
            [sqrt_mmd_gaussian(draws(n, s), MEAN, COVARIANCE, width) for s in range(60)]
        )
        error = np.std(scores**2, ddof=1) / math.sqrt(60)
        assert abs(np.mean(scores**2) - (1 - spread) / n) < student(59, 2) * error
        # what lies between the 5th and the 196th of 200 draws is a beta variate
        law = stats.betabinom(60, 191, 10)
        assert np.sum((floor.low <= scores) & (scores <= floor.high)) >= law.ppf(FALSE_ALARM / 4)
        below, half = np.sum(scores <= floor.median), stats.betabinom(60, 100, 101)
        assert half.ppf(FALSE_ALARM / 4) <= below <= half.isf(FALSE_ALARM / 4)
    collapsed = sqrt_mmd_gaussian(draws(512, 0, scale=0.7), MEAN, COVARIANCE, width)
    assert collapsed > floors[512].high


def test_floor_against_draws_counts_their_own_noise() -> None:
    reference, width, generator = draws(200, 0), 3.0, torch.Generator().manual_seed(shifted(0))
    alone = mmd_floor(MEAN, COVARIANCE, 200, width, generator, n_draws=100)
    floor = mmd_floor(MEAN, COVARIANCE, 200, width, generator, reference=reference, n_draws=100)
    expected = math.hypot(alone.median, sqrt_mmd_gaussian(reference, MEAN, COVARIANCE, width))
    assert floor.median == pytest.approx(expected, rel=0.2)


def test_a_singular_truth() -> None:
    flat = np.diag([1.0, 0.0, 0.0])
    on_it = np.zeros((300, 3))
    on_it[:, 0] = np.random.default_rng(shifted(0)).standard_normal(300)
    floor = mmd_floor(
        np.zeros(3), flat, 300, 1.0, torch.Generator().manual_seed(shifted(1)), n_draws=400
    )
    assert sqrt_mmd_gaussian(on_it, np.zeros(3), flat, 1.0) < 2.0 * floor.high  # chi2 of 20
    assert sqrt_mmd_gaussian(on_it + np.array([0, 0.5, 0]), np.zeros(3), flat, 1.0) > 2 * floor.high
