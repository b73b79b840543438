"""Checks of prior and sigmas: against dense algebra, refits, and draws of the prior."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import stats

from seisnb.eigenvectors import principal_factor
from seisnb.inference.base import Linearised
from seisnb.inference.checks import (
    Check,
    WhitenedFit,
    factor_check,
    neighbour_check,
    pull_check,
    sigma_check,
    whitened_fit,
)
from tests.bounds import counts, sigmas, student
from tests.contracts.engine import LinearTarget, linear_target
from tests.seeds import shifted

Checker = Callable[[WhitenedFit], Check]


def line_jacobian(length: float, n_data: int = 60) -> torch.Tensor:
    """Data that each see a few neighbouring values of a process of a length; values 0.3 apart."""
    x = np.linspace(0.0, 12.0, 40)
    root = principal_factor(np.exp(-((x[:, None] - x) ** 2) / length**2), 1e-10)
    at = np.linspace(1.0, 11.0, n_data)
    window = np.exp(-((at[:, None] - x) ** 2))
    return torch.from_numpy(4.0 * window / window.sum(axis=1, keepdims=True) @ root)


PAIRS = torch.stack([torch.arange(59), torch.arange(1, 60)], dim=1)
CHECKS: dict[str, Checker] = {
    "sigma": sigma_check,
    "pull": pull_check,
    "neighbours": lambda fit: neighbour_check(fit, PAIRS),
    "length": lambda fit: factor_check(fit, line_jacobian(2.0 * 1.1), 1.1),
}


def fitted(
    jacobian: torch.Tensor, data: torch.Tensor, at: torch.Tensor | None = None
) -> WhitenedFit:
    """The fit of whitened linear data, linearised anywhere."""
    position = torch.zeros(jacobian.shape[1], dtype=torch.float64) if at is None else at
    here = Linearised(predicted=jacobian @ position, jacobian=jacobian, memory=None)
    return whitened_fit(here, position, data, torch.ones(len(data), dtype=torch.float64))


def scores(truth_length: float, amplitude: float = 1.0, sigma: float = 1.0) -> dict[str, list]:
    """Normal scores of every check over 300 truths, judged by a prior of length 2 and sigma 1."""
    rng = np.random.default_rng(shifted(1))
    drawn, judged = line_jacobian(truth_length), line_jacobian(2.0)
    found: dict[str, list[float]] = {name: [] for name in CHECKS}
    for _ in range(300):
        x = torch.from_numpy(rng.standard_normal(drawn.shape[1]))
        noise = torch.from_numpy(rng.standard_normal(len(drawn)))
        fit = fitted(judged, amplitude * drawn @ x + sigma * noise)
        for name, check in CHECKS.items():
            found[name].append(check(fit).z)
    return found


@pytest.mark.kernels
def test_every_check_is_a_normal_score_when_the_prior_is_right() -> None:
    """Mean 0, variance 1, and one in twenty beyond 1.96, each within its sampling error.

    A score is a weighted sum of squares: the variance of its square is 2 where many weigh, and
    below 5 for the length, which few do.
    """
    found = {name: np.array(z) for name, z in scores(2.0).items()}
    for name, z in found.items():
        error = sigmas(2 * len(found)) / np.sqrt(z.size)
        assert abs(z.mean()) < error, name
        assert abs(np.mean(z**2) - 1.0) < error * np.sqrt(5.0 if name == "length" else 2.6), name
        low, high = counts(z.size, 0.05, len(found))
        assert low <= np.sum(np.abs(z) > 1.96) <= high, name


@pytest.mark.parametrize(
    ("truth", "seen"),
    [
        ({"truth_length": 2.0, "amplitude": 3.0}, {"pull": 1}),
        ({"truth_length": 2.0, "amplitude": 0.3}, {"pull": -1}),
        ({"truth_length": 2.0, "sigma": 1.8}, {"sigma": 1}),
        ({"truth_length": 2.0, "sigma": 0.5}, {"sigma": -1}),
        ({"truth_length": 0.8, "least": 1.4}, {"length": -1}),  # the median over all is 2.3 +- 0.2
        ({"truth_length": 5.0, "least": 1}, {"length": 1}),  # short lengths hardly show
        ({"truth_length": 0.5, "amplitude": 3.0}, {"length": -1, "neighbours": 1}),
    ],
)
def test_what_is_wrong_shows_and_on_its_side(truth: dict, seen: dict) -> None:
    least = truth.get("least", 2)
    found = scores(**{name: value for name, value in truth.items() if name != "least"})
    for name, side in seen.items():
        assert side * np.median(found[name]) > least, (name, np.median(found[name]))


@pytest.mark.parametrize(("n_data", "n_unknowns"), [(12, 6), (4, 10)])
def test_left_out_residuals_are_those_of_refits(n_data: int, n_unknowns: int) -> None:
    target: LinearTarget = linear_target(n_data=n_data, n_unknowns=n_unknowns, seed=4)
    somewhere = torch.from_numpy(np.random.default_rng(shifted(5)).standard_normal(n_unknowns))
    _, memory = target.predict(somewhere, None)
    here = target.linearise(somewhere, memory)
    found = whitened_fit(here, somewhere, target.observed, target.std).left_out
    for left in range(n_data):
        others = torch.arange(n_data) != left
        matrix, std = target.matrix[others].numpy(), target.std[others].numpy()
        covariance = np.linalg.inv(matrix.T @ (matrix / std[:, None] ** 2) + np.eye(n_unknowns))
        data = (target.observed - target.shift)[others].numpy()
        mean = covariance @ matrix.T @ (data / std**2)
        row = target.matrix[left].numpy()
        missed = float((target.observed - target.shift)[left]) - row @ mean
        std_left = np.sqrt(row @ covariance @ row + float(target.std[left]) ** 2)
        assert float(found[left]) == pytest.approx(missed / std_left, abs=1e-8)


def test_moments_are_those_of_dense_matrices() -> None:
    """Mean and variance of z.T W z and of the score, with no low-rank shortcut."""
    jacobian, other = line_jacobian(2.0).numpy(), line_jacobian(2.2).numpy()
    data = np.random.default_rng(shifted(3)).standard_normal(60) + 0.5
    precision = np.linalg.inv(jacobian @ jacobian.T + np.eye(60))
    residual, free = precision @ data, np.diag(precision)
    fit = fitted(torch.from_numpy(jacobian), torch.from_numpy(data))
    np.testing.assert_allclose(fit.residual, residual, atol=1e-10)
    np.testing.assert_allclose(fit.leverage, 1 - free, atol=1e-10)
    covariance = precision / np.sqrt(np.outer(free, free))
    pairing = np.zeros((60, 60))
    pairing[PAIRS[:, 0], PAIRS[:, 1]] = pairing[PAIRS[:, 1], PAIRS[:, 0]] = 0.5 / len(PAIRS)
    z = residual / np.sqrt(free)
    mean = np.trace(pairing @ covariance)
    std = np.sqrt(2 * np.trace(pairing @ covariance @ pairing @ covariance))
    check = neighbour_check(fit, PAIRS)
    assert check.value == pytest.approx(z @ pairing @ z)
    assert (check.low, check.high) == pytest.approx((mean - 1.96 * std, mean + 1.96 * std), 1e-4)
    assert check.z == pytest.approx((z @ pairing @ z - mean) / std)
    change = (other @ other.T - jacobian @ jacobian.T) / np.log(1.1)
    slope = 0.5 * (residual @ change @ residual - np.trace(precision @ change))
    information = 0.5 * np.trace(precision @ change @ precision @ change)
    score = factor_check(fit, torch.from_numpy(other), 1.1)
    assert score.z == pytest.approx(slope / np.sqrt(information))
    assert np.log(score.value) == pytest.approx(np.clip(slope / information, -np.log(4), np.log(4)))


def test_score_is_the_slope_of_the_evidence() -> None:
    """Against the log density of the data under two priors, by finite differences."""
    data = torch.from_numpy(np.random.default_rng(shifted(8)).standard_normal(60) + 0.3)

    def log_evidence(length: float) -> float:
        jacobian = line_jacobian(length).numpy()
        law = stats.multivariate_normal(np.zeros(60), jacobian @ jacobian.T + np.eye(60))
        return float(law.logpdf(data.numpy()))

    step = 1e-3
    slope = (log_evidence(2.0 * (1 + step)) - log_evidence(2.0 * (1 - step))) / (2 * step)
    score = factor_check(fitted(line_jacobian(2.0), data), line_jacobian(2.0 * 1.001), 1.001)
    one, other = line_jacobian(2.0).numpy(), line_jacobian(2.0 * 1.001).numpy()
    change = np.linalg.solve(one @ one.T + np.eye(60), other @ other.T - one @ one.T)
    information = 0.5 * np.trace(change @ change) / np.log(1.001) ** 2
    assert score.z == pytest.approx(slope / np.sqrt(information), abs=0.01)


def test_amplitude_asked_for_is_the_true_one() -> None:
    """The mean over truths in closed form; its root lies within 10 % of the true amplitude."""
    rng = np.random.default_rng(shifted(6))
    jacobian = line_jacobian(2.0)
    ratio = []
    for _ in range(200):
        x = torch.from_numpy(rng.standard_normal(jacobian.shape[1]))
        noise = torch.from_numpy(rng.standard_normal(60))
        ratio.append(pull_check(fitted(jacobian, 2.0 * jacobian @ x + noise)).value)
    known = np.linalg.eigvalsh(jacobian.numpy().T @ jacobian.numpy())
    expected = (known * (1 + 4 * known) / (1 + known) ** 2).sum() / (known / (1 + known)).sum()
    assert np.sqrt(expected) == pytest.approx(2.0, rel=0.1)
    error = np.std(ratio, ddof=1) / np.sqrt(len(ratio))
    assert np.mean(ratio) == pytest.approx(expected, abs=student(len(ratio) - 1) * error)


def test_where_linearised_does_not_matter_and_a_dead_setting_says_nothing() -> None:
    jacobian, data = line_jacobian(2.0), torch.linspace(-2, 2, 60, dtype=torch.float64)
    at = torch.ones(jacobian.shape[1], dtype=torch.float64)
    torch.testing.assert_close(fitted(jacobian, data, at).residual, fitted(jacobian, data).residual)
    fit = fitted(jacobian, data)
    assert factor_check(fit, jacobian, 1.1) == Check(value=1.0, low=0.0, high=np.inf, z=0.0)
    far = sigma_check(replace(fit, residual=1e3 * fit.residual))
    assert np.isfinite(far.z)
    assert far.z > 30
