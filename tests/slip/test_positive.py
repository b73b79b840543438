"""The sampler of non-negative slip against quadrature; its draws against their laws."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.special import logsumexp
from scipy.stats import halfnorm, invgamma, kstest, truncnorm

from seisnb.slip import positive_kernels
from seisnb.slip.positive import Target, run_population


@pytest.mark.parametrize(("mean", "std"), [(1.0, 0.5), (-0.3, 1.0), (-4.0, 1.0), (-30.0, 2.0)])
def test_positive_normal(mean, std):
    rng = np.random.default_rng(1)
    draws = [positive_kernels.positive_normal(rng, mean, std) for _ in range(20_000)]
    exact = truncnorm(-mean / std, np.inf, loc=mean, scale=std)
    assert kstest(draws, exact.cdf).pvalue > 1e-3


@pytest.mark.parametrize(
    ("low", "high"), [(-1, 2), (-0.1, 0.2), (3, 8), (-9, -2), (6, 6.5), (-20, 1), (0, 9)]
)
def test_bounded_normal(low, high):
    rng = np.random.default_rng(2)
    draws = [positive_kernels.bounded_normal(rng, float(low), float(high)) for _ in range(20_000)]
    assert kstest(draws, truncnorm(low, high).cdf).pvalue > 1e-3


def test_amplitude():
    rng = np.random.default_rng(3)
    draws = [positive_kernels.draw_amplitude(rng, 8.0, 10, 0.01, 100.0) for _ in range(20_000)]
    assert kstest(np.array(draws) ** 2, invgamma(5.0, scale=4.0).cdf).pvalue > 1e-3


@pytest.fixture
def target():
    """Two unknowns that the data hardly tell apart, three structures, a correlated prior."""
    rng = np.random.default_rng(4)
    kernels = rng.standard_normal((3, 2, 5))
    kernels[:, 1] = kernels[:, 0] + 0.3 * rng.standard_normal((3, 5))
    observed = kernels[1].T @ (0.7, 0.2) + 0.8 * rng.standard_normal(5)
    correlation = np.array([[1.0, 0.5], [0.5, 1.0]])
    return Target(
        observed=observed, kernels=kernels, log_weight=np.log([0.5, 0.2, 0.3]),
        factor=np.linalg.cholesky(correlation), precision=np.linalg.inv(correlation),
        pairs=np.array([[0, 1]]), amplitude=(0.8, 0.8),
    )  # fmt: skip


def by_quadrature(target, temperature=1.0):
    """Log evidence, mean slip, structure probability, mean minus log likelihood."""
    u = (np.arange(1200) + 0.5) * 0.005
    grid = np.stack(np.meshgrid(u, u, indexing="ij"), axis=-1).reshape(-1, 2)
    a = target.amplitude[0]
    log_prior = -0.5 * np.einsum("gi,ij,gj->g", grid, target.precision, grid) / a**2
    log_prior -= logsumexp(log_prior)
    log_l = np.stack(
        [-0.5 * ((target.observed - grid @ kernel) ** 2).sum(axis=1) for kernel in target.kernels]
    ) - 0.5 * target.observed.size * np.log(2 * np.pi)
    joint = target.log_weight[:, None] + log_prior + temperature * log_l
    whole = logsumexp(joint)
    chance = np.exp(joint - whole)
    return whole, chance.sum(axis=0) @ grid, chance.sum(axis=1), -(chance * log_l).sum()


def test_a_population_is_the_posterior(target):
    evidence, mean, structure, _ = by_quadrature(target)
    found = run_population(target, n_particles=8000, n_sweeps=3, n_rounds=5, seed=0)
    assert found is not None
    assert_allclose(found.log_evidence, evidence, atol=0.05)
    assert_allclose(found.slip.mean(axis=0), mean, atol=0.02)
    assert_allclose(found.structure_probability, structure, atol=0.015)
    assert_allclose(np.bincount(found.structure, minlength=3) / 40_000, structure, atol=0.015)
    assert (found.slip >= 0).all()
    warm = 1.0 / np.log(5)
    assert_allclose(found.wbic, by_quadrature(target, warm)[3], rtol=0.01)


def test_without_data_it_is_the_prior():
    n = 30
    target = Target(
        observed=np.zeros(1), kernels=np.zeros((1, n, 1)), log_weight=np.zeros(1),
        factor=np.eye(n), precision=np.zeros((0, 0)),
        pairs=np.column_stack([np.arange(n - 1), np.arange(1, n)]), amplitude=(0.1, 10.0),
    )  # fmt: skip
    found = run_population(target, n_particles=500, n_sweeps=2, n_rounds=1, seed=1)
    assert found is not None
    scaled = (found.slip / found.amplitude[:, None])[:, ::7]
    assert kstest(scaled.ravel(), halfnorm.cdf).pvalue > 1e-3


def test_a_cancel_ends_it(target):
    assert run_population(
        target, n_particles=50, n_sweeps=1, n_rounds=1, seed=0, is_cancelled=lambda: True
    ) is None  # fmt: skip
