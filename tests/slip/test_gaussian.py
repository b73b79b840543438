"""The closed form in data space against the textbook's in model space, and its own draws."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.stats import multivariate_normal

from seisnb.slip.gaussian import GaussianSlip, Whitening, log_evidences
from tests.seeds import shifted


@pytest.fixture
def case():
    rng = np.random.default_rng(shifted(2))
    n, m = 12, 20
    kernel = rng.standard_normal((n, m))
    root = rng.standard_normal((m, m)) * 0.4
    noise = rng.standard_normal((n, n)) * 0.3 + np.eye(n)
    return kernel, root @ root.T + 0.1 * np.eye(m), noise @ noise.T, rng.standard_normal(n)


def test_mean_std_and_evidence_are_exact(case):
    kernel, prior, noise, observed = case
    white = Whitening.of(noise, np.zeros((12, 0)), np.zeros(0))
    found = GaussianSlip(
        kernel=white(kernel), factor=np.linalg.cholesky(prior), observed=white(observed)
    )
    precision = np.linalg.inv(prior) + kernel.T @ np.linalg.inv(noise) @ kernel
    covariance = np.linalg.inv(precision)
    assert_allclose(found.mean, covariance @ kernel.T @ np.linalg.solve(noise, observed), rtol=1e-6)
    assert_allclose(np.sqrt(found.variance), np.sqrt(np.diag(covariance)), rtol=1e-6)
    amplitudes = np.array([0.2, 1.0, 7.0])
    evidences = log_evidences(white(kernel), np.linalg.cholesky(prior), white(observed), amplitudes)
    exact = [
        multivariate_normal(cov=a**2 * kernel @ prior @ kernel.T + noise).logpdf(observed)
        for a in amplitudes
    ]
    assert_allclose(evidences + white.log_volume, exact, rtol=1e-6)


def test_a_free_motion_is_integrated_out(case):
    kernel, prior, noise, observed = case
    motion = np.ones((12, 1))
    white = Whitening.of(noise, motion, np.array([5.0]))
    found = log_evidences(white(kernel), np.linalg.cholesky(prior), white(observed), np.ones(1))
    exact = multivariate_normal(cov=kernel @ prior @ kernel.T + noise + 25.0).logpdf(observed)
    assert_allclose(found + white.log_volume, exact, rtol=1e-6)


@pytest.mark.parametrize("temperature", [1.0, 0.4])
def test_draws_and_misfit_are_those_of_the_closed_form(case, temperature):
    kernel, prior, _, observed = case
    found = GaussianSlip(
        kernel=kernel, factor=np.linalg.cholesky(prior), observed=observed,
        inverse_temperature=temperature,
    )  # fmt: skip
    draws = found.draw(200_000, np.random.default_rng(shifted(3)))
    assert_allclose(draws.mean(axis=0), found.mean, atol=5 * np.sqrt(found.variance.max() / 2e5))
    assert_allclose(draws.var(axis=0), found.variance, rtol=0.02)
    misfit = ((observed - draws @ kernel.T) ** 2).sum(axis=1).mean()
    assert_allclose(found.expected_misfit, misfit, rtol=0.01)


def test_the_tempered_evidence_is_the_integral(case):
    """One unknown, by quadrature."""
    kernel, _, _, observed = case
    kernel, b = kernel[:, :1], 0.3
    found = log_evidences(kernel, np.eye(1), observed, np.array([0.7]), b)
    u = np.linspace(-6, 6, 20_001)
    log_l = -0.5 * ((observed[:, None] - kernel * u) ** 2).sum(axis=0) - 6 * np.log(2 * np.pi)
    prior = np.exp(-0.5 * (u / 0.7) ** 2) / (0.7 * np.sqrt(2 * np.pi))
    exact = np.log(np.trapezoid(np.exp(b * log_l) * prior, u))
    assert_allclose(found, exact, rtol=1e-9)
