"""WBIC and the evidence of neighbours against exact Gaussian answers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import stats

from seisnb.conventions import InputError
from seisnb.inference.evidence import (
    Tempered,
    linear_evidence,
    wbic,
)
from seisnb.inference.rml import (
    SCALE_WEIGHT,
    inferred_scale,
    log_evidence,
    maximum_a_posteriori,
)
from tests.bounds import sigmas
from tests.contracts.engine import EngineContract, LinearTarget, linear_target
from tests.seeds import shifted

assert EngineContract


def exact_log_evidence(target: LinearTarget) -> float:
    matrix, std = target.matrix.numpy(), target.std.numpy()
    marginal = stats.multivariate_normal(
        target.shift.numpy(), matrix @ matrix.T + np.diag(std**2), allow_singular=False
    )
    return float(marginal.logpdf(target.observed.numpy()))


def drawn(target: LinearTarget, seed: int) -> LinearTarget:
    """The target with data drawn from its own prior and noise."""
    rng = np.random.default_rng(shifted(seed))
    x = torch.from_numpy(rng.standard_normal(target.n_unknowns))
    noise = torch.from_numpy(rng.standard_normal(target.std.numel())) * target.std
    return replace(target, observed=target.matrix @ x + target.shift + noise)


def mean_cost(target: LinearTarget, beta: float) -> float:
    """E[-log likelihood] over the tempered posterior, by dense algebra."""
    matrix, std = target.matrix.numpy(), target.std.numpy()
    data = (target.observed - target.shift).numpy()
    precision = np.diag(beta / std**2)
    covariance = np.linalg.inv(matrix.T @ precision @ matrix + np.eye(matrix.shape[1]))
    mean = covariance @ matrix.T @ precision @ data
    at_mean = -stats.norm(matrix @ mean, std).logpdf(data).sum()
    return float(at_mean + 0.5 * np.trace(matrix @ covariance @ matrix.T / std[:, None] ** 2))


def cost_std(target: LinearTarget, beta: float) -> float:
    """Standard deviation of -log likelihood over the tempered posterior, by dense algebra."""
    weighted = (target.matrix / target.std[:, None]).numpy()
    data = ((target.observed - target.shift) / target.std).numpy()
    hessian = weighted.T @ weighted
    covariance = np.linalg.inv(beta * hessian + np.eye(target.n_unknowns))
    slope = hessian @ (beta * covariance @ weighted.T @ data) - weighted.T @ data
    spread = hessian @ covariance
    return float(np.sqrt(0.5 * np.trace(spread @ spread) + slope @ covariance @ slope))


@pytest.mark.parametrize(("n_data", "n_unknowns"), [(40, 6), (5, 12)])
def test_wbic_is_the_tempered_mean_cost(n_data: int, n_unknowns: int) -> None:
    target = linear_target(n_data=n_data, n_unknowns=n_unknowns, seed=2)
    exact = mean_cost(target, 1 / np.log(n_data))
    assert wbic(target, None, tolerance=1e-14) == pytest.approx(exact, abs=1e-8)


def test_wbic_of_draws_agrees_with_the_closed_form() -> None:
    target = linear_target(n_data=40, n_unknowns=6, seed=2)
    exact = wbic(target, None, tolerance=1e-14)
    generator = torch.Generator().manual_seed(shifted(0))
    n_draws = 2000
    found = wbic(target, None, n_members=n_draws, generator=generator, tolerance=1e-12)
    error = cost_std(target, 1 / np.log(40)) / np.sqrt(n_draws)
    assert found == pytest.approx(exact, abs=sigmas() * error)
    assert found != exact


def test_mean_cost_over_all_temperatures_is_the_evidence() -> None:
    """Thermodynamic integration with the tempered target: an identity that ties the two numbers."""
    target = drawn(linear_target(n_data=30, n_unknowns=5, seed=3), 1)
    nodes, weights = np.polynomial.legendre.leggauss(60)
    beta = ((nodes + 1) / 2) ** 4  # most of the change is near zero
    slope = 4 * ((nodes + 1) / 2) ** 3 / 2
    total = sum(w * s * mean_cost(target, b) for w, s, b in zip(weights, slope, beta, strict=True))
    assert -total == pytest.approx(exact_log_evidence(target), abs=1e-3)
    warm = Tempered(target=target, beta=0.25)
    np.testing.assert_allclose(warm.std, 2 * target.std)
    fit = maximum_a_posteriori(target, None, tolerance=1e-14)
    assert log_evidence(fit, target.std) == pytest.approx(exact_log_evidence(target), abs=1e-8)


def test_wbic_nears_the_evidence_with_many_data() -> None:
    """Its error grows more slowly than log n, the evidence's own penalty per unknown."""
    errors = []
    for n_data in (100, 10_000):
        errors.append(
            np.mean(
                [
                    wbic(target, None, tolerance=1e-12)
                    + log_evidence(maximum_a_posteriori(target, None, tolerance=1e-12), target.std)
                    for seed in range(20)
                    for target in [drawn(linear_target(n_data=n_data, n_unknowns=4), seed)]
                ]
            )
        )
    per_unknown = np.abs(errors) / 4
    assert (per_unknown < 0.5).all(), errors
    assert per_unknown[1] < 0.1 * 0.5 * np.log(10_000)


def test_wbic_refuses_what_it_cannot_do() -> None:
    with pytest.raises(InputError, match="at least 3"):
        wbic(linear_target(n_data=2, n_unknowns=1), None)
    with pytest.raises(InputError, match="need a generator"):
        wbic(linear_target(), None, n_members=5)


@pytest.mark.parametrize(("n_data", "n_unknowns"), [(12, 6), (4, 10), (7, 7)])
@pytest.mark.parametrize(("amplitude", "sigma"), [(1.0, 1.0), (3.0, 1.0), (0.4, 2.0)])
def test_linear_evidence_is_exact_at_every_scale(
    n_data: int, n_unknowns: int, amplitude: float, sigma: float
) -> None:
    target = linear_target(n_data=n_data, n_unknowns=n_unknowns, seed=5)
    evidence = linear_evidence(target.matrix, target.observed - target.shift, target.std)
    scaled = replace(target, matrix=amplitude * target.matrix, std=sigma * target.std)
    found = evidence.at(amplitude=amplitude, sigma=sigma)
    assert found == pytest.approx(exact_log_evidence(scaled), abs=1e-7)


@pytest.mark.parametrize("amplitude", [1.0, 2.0])
@pytest.mark.parametrize("sigma", [1.0, 0.5])
def test_wbic_of_axes_is_that_of_a_fit(amplitude: float, sigma: float) -> None:
    target = drawn(linear_target(n_data=30, n_unknowns=8, seed=5), 2)
    evidence = linear_evidence(target.matrix, target.observed - target.shift, target.std)
    scaled = replace(target, matrix=amplitude * target.matrix, std=sigma * target.std)
    found = evidence.wbic(amplitude=amplitude, sigma=sigma)
    assert found == pytest.approx(wbic(scaled, None, tolerance=1e-14), abs=1e-7)


@pytest.mark.parametrize("believed", [1.0, 2.0])
@pytest.mark.parametrize("factor", [0.3, 1.0, 3.0])
def test_best_sigma_finds_wrong_sigmas(factor: float, believed: float) -> None:
    target = drawn(linear_target(n_data=800, n_unknowns=20, seed=7), 3)
    wrong = replace(target, std=target.std / factor)
    evidence = linear_evidence(wrong.matrix, wrong.observed - wrong.shift, wrong.std)
    scale, score = evidence.best_sigma(believed=believed)
    weighted = np.sqrt((800 * factor**2 + SCALE_WEIGHT * believed**2) / (800 + SCALE_WEIGHT))
    assert scale == pytest.approx(weighted, rel=sigmas(6) / np.sqrt(2 * 780))
    # what pseudo-data that say ``believed`` lose by another factor, as one normal density says it
    pseudo = stats.norm(scale=[scale, 0.9 * scale, 1.1 * scale, believed])
    loss = -SCALE_WEIGHT * (pseudo.logpdf(believed) - stats.norm(scale=believed).logpdf(believed))
    at = [evidence.at(sigma=s) for s in (scale, 0.9 * scale, 1.1 * scale, believed)]
    scores = np.array(at) - loss
    assert score == pytest.approx(scores[0], abs=1e-8)
    assert scores[0] == max(scores)
    assert loss[3] == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize("factor", [0.3, 1.0, 3.0])
def test_best_sigma_is_where_the_re_estimate_of_a_fit_stands_still(factor: float) -> None:
    """Two ways to one number: the root of the evidence's slope, and MacKay's re-estimate."""
    target = drawn(linear_target(n_data=60, n_unknowns=20, seed=7), 3)
    wrong = replace(target, std=target.std / factor)
    evidence = linear_evidence(wrong.matrix, wrong.observed - wrong.shift, wrong.std)
    scale, _ = evidence.best_sigma()
    fit = maximum_a_posteriori(replace(wrong, std=wrong.std * scale), None, tolerance=1e-14)
    assert inferred_scale(fit, wrong.std, scale) == pytest.approx(scale, rel=1e-5)
