"""The sampler of non-negative slip against quadrature; its draws against their laws."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.special import expit, log_ndtr, logsumexp
from scipy.stats import halfnorm, invgamma, kstest, truncnorm

from seisnb.slip import positive_kernels
from seisnb.slip.positive import FIRST_STEP, Target, run_population
from tests.bounds import FALSE_ALARM, sigmas
from tests.seeds import shifted


def test_an_amplitude_given_the_field():
    rng = np.random.default_rng(shifted(3))
    draws = [positive_kernels.scale_by_field(rng, 8.0, 10, 0.01, 100.0) for _ in range(20_000)]
    assert kstest(np.array(draws) ** 2, invgamma(5.0, scale=4.0).cdf).pvalue > FALSE_ALARM


def test_an_amplitude_given_the_data():
    """A long chain against the density on a grid."""
    rng, low, high = np.random.default_rng(shifted(6)), 0.05, 20.0
    w, factor = np.array([0.7, -1.0, 0.2]), np.zeros((0, 3))
    kernel, observed = rng.standard_normal((4, 3)), rng.standard_normal(4)
    draws, a = np.empty(40_000), 1.0
    for i in range(draws.size):
        a = positive_kernels.scale_by_data(rng, w, a, observed, kernel, factor, low, high, 0.7)
        draws[i] = np.log(a)
    u = np.linspace(np.log(low), np.log(high), 4001)
    misfit = ((observed - np.exp(u)[:, None] * (kernel @ np.maximum(w, 0))) ** 2).sum(axis=1)
    density = np.exp(-0.35 * (misfit - misfit.min()))
    below = np.cumsum(density) / density.sum()
    assert kstest(draws[::10], lambda x: np.interp(x, u, below)).pvalue > FALSE_ALARM


@pytest.fixture
def target():
    """Two unknowns that the data hardly tell apart, three structures, two correlated priors."""
    rng = np.random.default_rng(shifted(4))
    kernels = rng.standard_normal((3, 5, 2))
    kernels[..., 1] = kernels[..., 0] + 0.3 * rng.standard_normal((3, 5))
    observed = kernels[1] @ (0.7, 0.2) + 0.8 * rng.standard_normal(5)
    factors = np.stack([np.linalg.cholesky(np.array([[1.0, c], [c, 1.0]])) for c in (0.5, -0.8)])
    return Target(
        observed=observed, kernels=kernels, log_weight=np.log([0.5, 0.2, 0.3]),
        factors=factors, ranks=np.array([2, 2]), amplitude=(0.8, 0.8),
    )  # fmt: skip


def uncorrelated(scale):
    """Two unknowns for themselves, which the data hardly tell apart, and two structures."""
    rng = np.random.default_rng(shifted(8))
    kernels = scale * rng.standard_normal((2, 4, 2))
    kernels[..., 1] = kernels[..., 0] + 0.2 * scale * rng.standard_normal((2, 4))
    observed = kernels[0] @ (0.1, 0.6) + 0.5 * rng.standard_normal(4)
    return Target(
        observed=observed, kernels=kernels, log_weight=np.log([0.3, 0.7]),
        factors=np.zeros((1, 0, 2)), ranks=np.array([2]), amplitude=(0.9, 0.9),
    )  # fmt: skip


def by_quadrature(target, temperature=1.0):
    """Log evidence, mean slip, probability of structures and of lengths, mean -log likelihood."""
    u = (np.arange(1000) - 499.5) * 0.012
    grid = np.stack(np.meshgrid(u, u, indexing="ij"), axis=-1).reshape(-1, 2)
    log_prior = -0.5 * (grid**2).sum(axis=1)
    log_prior -= logsumexp(log_prior) + np.log(len(target.factors))
    factors = target.factors if target.factors.size else np.eye(2)[None]
    slip = target.amplitude[0] * np.maximum(grid @ factors.transpose(0, 2, 1), 0.0)
    left = target.observed - np.einsum("kdn,lgn->klgd", target.kernels, slip)
    log_l = -0.5 * (left**2).sum(axis=-1) - 0.5 * target.observed.size * np.log(2 * np.pi)
    joint = target.log_weight[:, None, None] + log_prior + temperature * log_l
    whole = logsumexp(joint)
    chance = np.exp(joint - whole)
    return (
        whole, np.einsum("klg,lgn->n", chance, slip), chance.sum(axis=(1, 2)),
        chance.sum(axis=(0, 2)), -(chance * log_l).sum(),
    )  # fmt: skip


def test_a_population_is_the_posterior(target):
    evidence, mean, structure, length, _ = by_quadrature(target)
    found = run_population(target, n_particles=8000, n_moves=3, n_rounds=5, seed=shifted(0))
    assert found is not None
    assert_allclose(found.log_evidence, evidence, atol=0.05)
    # rounds are alike, so that there are 8000 independent draws at least
    error = sigmas(2 + 3 + 3 + 2) / np.sqrt(8000)
    assert_allclose(found.slip.mean(axis=0), mean, atol=error * found.slip.std(axis=0).max())
    assert_allclose(found.structure_probability, structure, atol=0.5 * error)
    assert_allclose(np.bincount(found.structure, minlength=3) / 40_000, structure, atol=0.5 * error)
    assert_allclose(np.bincount(found.length, minlength=2) / 40_000, length, atol=0.5 * error)
    assert (found.slip >= 0).all()
    warm = 1.0 / np.log(5)
    assert_allclose(found.wbic, by_quadrature(target, warm)[4], rtol=0.01)


@pytest.mark.parametrize(("scale", "way"), [(0.4, "patch by patch"), (4.0, "paths")])
def test_patches_for_themselves_are_the_posterior(scale, way):
    target = uncorrelated(scale)
    _, squares = target.columns
    n_draws = min(positive_kernels.draws_needed(0.9, each, 1.0) for each in squares)
    most = positive_kernels.QUARTER / FIRST_STEP
    assert (n_draws < 0.6 * most) if way == "patch by patch" else (n_draws > 2.0 * most)
    evidence, mean, structure, _, _ = by_quadrature(target)
    found = run_population(target, n_particles=8000, n_moves=3, n_rounds=5, seed=shifted(2))
    assert found is not None
    assert_allclose(found.log_evidence, evidence, atol=0.05)
    error = sigmas(2 + 2) / np.sqrt(8000)
    assert_allclose(found.slip.mean(axis=0), mean, atol=error * found.slip.std(axis=0).max())
    assert_allclose(found.structure_probability, structure, atol=0.5 * error)
    assert_allclose(found.wbic, by_quadrature(target, 1.0 / np.log(4))[4], rtol=0.02)


def test_one_draw_of_a_patch_follows_its_law():
    """Against the density on a grid, from where the data pull hard up to where they pull down."""
    for target in (-3.0, -0.2, 0.5, 4.0):
        rng, observed = np.random.default_rng(shifted(5)), np.array([target])
        columns, squares, z = np.array([[1.5]]), np.array([2.25]), np.zeros(1)
        draws = np.empty(20_000)
        for i in range(draws.size):
            positive_kernels.sweeps(rng, z, 0.8, observed, columns, squares, 0.6)
            draws[i] = z[0]
        u = np.linspace(-7.0, 7.0, 7001)
        log_p = -0.5 * u**2 - 0.3 * (target - 0.8 * 1.5 * np.maximum(u, 0.0)) ** 2
        below = np.cumsum(np.exp(log_p - log_p.max()))
        below /= below[-1]
        assert kstest(draws, lambda x, u=u, b=below: np.interp(x, u, b)).pvalue > FALSE_ALARM


@pytest.mark.parametrize("least", [-3.0, 0.0, 0.5, 3.0, 30.0])
def test_a_normal_number_above_a_bound(least):
    rng = np.random.default_rng(shifted(7))
    draws = [positive_kernels.normal_above(rng, least) for _ in range(20_000)]
    assert kstest(draws, truncnorm(least, np.inf).cdf).pvalue > FALSE_ALARM


@pytest.mark.parametrize("m", [-300.0, -26.0, -24.0, -3.0, 0.0, 3.0, 34.0, 36.0])
def test_the_chance_of_the_upper_part(m):
    """Against logarithms, also far out where exponentials overflow."""
    odds = np.log(0.3) + log_ndtr(m) + 0.5 * m**2 - np.log(0.5)
    assert_allclose(positive_kernels.chance_above(m, 0.3), expit(odds), rtol=1e-5)


@pytest.mark.parametrize("is_free", [False, True])
def test_without_data_it_is_the_prior(is_free):
    n = 30
    target = Target(
        observed=np.zeros(1), kernels=np.zeros((1, 1, n)), log_weight=np.zeros(1),
        factors=np.zeros((1, 0, n)), ranks=np.array([n]),
        amplitude=(0.1, 10.0) if is_free else (2.0, 2.0),
    )  # fmt: skip
    found = run_population(target, n_particles=1000, n_moves=4, n_rounds=1, seed=shifted(1))
    assert found is not None
    assert_allclose((found.slip == 0).mean(), 0.5, atol=0.01)
    scaled = (found.slip / found.amplitude[:, None])[:, ::7]
    assert kstest(scaled[scaled > 0], halfnorm.cdf).pvalue > FALSE_ALARM
    if is_free:
        low, high = np.log(target.amplitude)
        assert (
            kstest((np.log(found.amplitude) - low) / (high - low), "uniform").pvalue > FALSE_ALARM
        )


def test_a_cancel_ends_it(target):
    assert run_population(
        target, n_particles=50, n_moves=1, n_rounds=1, seed=0, is_cancelled=lambda: True
    ) is None  # fmt: skip
