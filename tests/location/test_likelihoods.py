"""The compiled likelihoods against sums over origin time by the definitions."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm, t

from seisnb.location import kernels
from seisnb.location.density import _floor
from tests.location.conftest import settings
from tests.seeds import shifted

SIGMA = np.array([0.05, 0.08, 0.05, 0.2, 0.1, 0.1, 0.06])


def residuals(spread: float, n_members: int = 3) -> np.ndarray:
    rng = np.random.default_rng(shifted(3))
    found = rng.standard_normal((SIGMA.size, 4, n_members)) * spread * SIGMA[:, None, None] + 1.3
    return found.astype(np.float32)


def summed(density, residual: np.ndarray) -> tuple[float, float, float]:
    """Log integral over origin time, mean and std of the origin time, by a fine sum."""
    origin = np.linspace(-3.0, 6.0, 60_001)
    log_f = sum(density(residual[i] - origin, SIGMA[i]) for i in range(SIGMA.size))
    f = np.exp(log_f - log_f.max())
    mean = (f * origin).sum() / f.sum()
    std = np.sqrt((f * (origin - mean) ** 2).sum() / f.sum())
    return float(np.log(f.sum() * (origin[1] - origin[0])) + log_f.max()), float(mean), float(std)


@pytest.mark.parametrize("spread", [0.5, 1.0, 2.0])
def test_gaussian_in_closed_form(spread: float) -> None:
    residual = residuals(spread)
    sigma = np.repeat(SIGMA[:, None], 4, axis=1)
    log_l, origin, std = kernels.gaussian(residual, sigma)
    for p in range(4):
        for k in range(3):
            exact = summed(lambda r, s: norm.logpdf(r / s) - np.log(s), residual[:, p, k])
            np.testing.assert_allclose((log_l[p, k], origin[p, k], std[p, k]), exact, atol=2e-4)


@pytest.mark.parametrize("spread", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("dof", [4.0, 3.0])
@pytest.mark.parametrize("share", [0.0, 0.1])
def test_student_and_outliers(spread: float, dof: float, share: float) -> None:
    residual = residuals(spread)
    if share:
        residual[2] += 5.0  # one pick of something else
    sigma = np.repeat(SIGMA[:, None], 4, axis=1)
    config = settings(outlier_probability=share, outlier_window=20.0)
    floor, constant = _floor(dof, config)
    start = np.median(residual.mean(axis=2), axis=0).astype(float)
    log_l, origin, std = kernels.robust(residual, sigma, start, dof, floor)

    def density(r, s):
        inner = t.pdf(r / s, dof) / s
        return np.log((1 - share) * inner + share / 20.0)

    for p in range(4):
        for k in range(3):
            exact = summed(density, residual[:, p, k])
            assert log_l[p, k] + constant * SIGMA.size == pytest.approx(exact[0], abs=0.02)
            assert origin[p, k] == pytest.approx(exact[1], abs=0.15 * exact[2])
            assert std[p, k] == pytest.approx(exact[2], rel=0.1)


@pytest.mark.parametrize("share", [0.0, 0.05])
def test_picks_an_hour_off_count_as_outliers_and_nothing_overflows(share: float) -> None:
    residual = residuals(1.0)
    residual[2:4] += 3600.0  # 18,000 and 70,000 sigmas
    sigma = np.repeat(SIGMA[:, None], 4, axis=1)
    floor, constant = _floor(4.0, settings(outlier_probability=share, outlier_window=20.0))
    start = np.median(residual, axis=0).mean(axis=1).astype(float)
    log_l, origin, std = kernels.robust(residual, sigma, start, 4.0, floor)

    def density(r, s):
        return np.log((1 - share) * t.pdf(r / s, 4) / s + share / 20.0)

    for p in range(4):
        exact = summed(density, residual[:, p, 0])
        assert log_l[p, 0] + constant * SIGMA.size == pytest.approx(exact[0], abs=0.02)
        assert origin[p, 0] == pytest.approx(exact[1], abs=0.15 * exact[2])
        assert std[p, 0] == pytest.approx(exact[2], rel=0.1)


def test_gaussian_with_outliers() -> None:
    residual = residuals(1.0)
    residual[4] -= 3.0
    sigma = np.repeat(SIGMA[:, None], 4, axis=1)
    floor, constant = _floor(0.0, settings(likelihood="gaussian", outlier_probability=0.05))
    start = np.median(residual.mean(axis=2), axis=0).astype(float)
    log_l, _, _ = kernels.robust(residual, sigma, start, 0.0, floor)
    for p in range(4):
        exact = summed(
            lambda r, s: np.log(0.95 * norm.pdf(r / s) / s + 0.05 / 20.0), residual[:, p, 0]
        )
        assert log_l[p, 0] + constant * SIGMA.size == pytest.approx(exact[0], abs=0.03)


def test_where_picks_contradict_each_other_the_integral_is_not_too_large() -> None:
    """A coarse step across separate peaks must not make a bad place a good one."""
    rng = np.random.default_rng(shifted(1))
    residual = (rng.standard_normal((SIGMA.size, 200, 2)) * 3.0).astype(np.float32)
    sigma = np.repeat(SIGMA[:, None], 200, axis=1)
    floor, constant = _floor(4.0, settings())
    start = np.median(residual.mean(axis=2), axis=0).astype(float)
    log_l, _, _ = kernels.robust(residual, sigma, start, 4.0, floor)
    for p in range(200):
        origin = np.linspace(-12.0, 12.0, 24_001)
        log_f = sum(
            t.logpdf((residual[i, p, 0] - origin) / SIGMA[i], 4) - np.log(SIGMA[i])
            for i in range(SIGMA.size)
        )
        exact = np.log(np.exp(log_f - log_f.max()).sum() * 1e-3) + log_f.max()
        assert log_l[p, 0] + constant * SIGMA.size < exact + 0.5


def test_equal_differential_times_do_not_know_the_origin_time() -> None:
    residual = residuals(1.0)
    sigma = np.repeat(SIGMA[:, None], 4, axis=1)
    found = kernels.equal_differential_time(residual, sigma)
    later = kernels.equal_differential_time(residual + np.float32(7.0), sigma)
    np.testing.assert_allclose(found, later, atol=2e-3)
    for p in range(4):
        total = 0.0
        for a in range(SIGMA.size):
            for b in range(a):
                square = SIGMA[a] ** 2 + SIGMA[b] ** 2
                r = float(residual[a, p, 0]) - float(residual[b, p, 0])
                total += np.exp(-(r**2) / square) / np.sqrt(square)
        assert found[p, 0] == pytest.approx(SIGMA.size * np.log(total), abs=0.01)


def test_cells_are_found() -> None:
    middle = np.array([[0.0, 0, 0], [2.0, 0, 0], [0.0, 2, 0]])
    half = np.ones((3, 3))
    points = np.array([[0.5, 0.5, 0.5], [2.5, -0.5, 0], [0, 2.9, 0.9], [9.0, 0, 0]])
    assert kernels.find_cells(middle, half, points).tolist() == [0, 1, 2, -1]
