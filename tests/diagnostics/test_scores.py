from __future__ import annotations

import math

import numpy as np
import pytest

from seisnb.diagnostics import crps, gaussian_crps, mean_square
from tests.seeds import shifted


def test_mean_square_is_over_the_last_axis() -> None:
    residual = np.array([[1.0, -2.0], [3.0, 0.0]])
    np.testing.assert_allclose(mean_square(residual, [1.0, 2.0]), [1.0, 4.5])
    np.testing.assert_allclose(mean_square([2.0, 2.0], 2.0), 1.0)


def test_crps_is_the_double_sum() -> None:
    rng = np.random.default_rng(shifted(5))
    members, truth = rng.standard_normal((7, 3)), rng.standard_normal(3)
    pairs = np.abs(members[:, None] - members[None, :]).sum(axis=(0, 1)) / (2 * 7 * 6)
    np.testing.assert_allclose(crps(members, truth), np.abs(members - truth).mean(axis=0) - pairs)


@pytest.mark.parametrize("n_members", [2, 8])
def test_crps_of_few_members_is_on_average_that_of_their_distribution(n_members: int) -> None:
    draws = np.random.default_rng(shifted(6)).normal(2.0, 0.5, (n_members, 100_000))
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
