"""Metropolis chains against exact posteriors: closed forms and sums over fine grids."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy import stats

from seisnb.conventions import InputError
from seisnb.inference import mcmc
from seisnb.inference.base import Target, run, seeded
from seisnb.inference.mcmc import (
    DRIFT_ACCEPTANCE,
    MOST_STEP,
    WALK_ACCEPTANCE,
    Chain,
    MetropolisLangevin,
    Reference,
    gauss_newton_reference,
    judged,
)
from seisnb.inference.rml import maximum_a_posteriori
from tests.bounds import sigmas, std_ratio, student
from tests.contracts.engine import EngineContract, linear_target
from tests.inference.curved import Curved, curved, exact_draws, exact_moments
from tests.seeds import shifted

Array = NDArray[np.float64]


class TestMetropolisLangevin(EngineContract):
    n_particles = 500
    n_steps = 16

    def make(self):
        return MetropolisLangevin(step_size=0.9)


class TestIndependentProposals(EngineContract):
    """On a linear target a step of one is an exact draw, and always accepted."""

    n_particles = 500
    n_steps = 1

    def make(self):
        return MetropolisLangevin(step_size=1.0)


def wide_reference(target: Curved, factor: float) -> Reference:
    """The Gauss-Newton posterior at the peak, its data worth less."""
    fit = maximum_a_posteriori(target, None, tolerance=1e-12)
    wide = gauss_newton_reference(
        fit.position, fit.here, replace(target, std=factor * target.std)
    ).factor
    return Reference(centre=fit.position, factor=wide)


def walk(
    engine: MetropolisLangevin, target: Target, reference: Reference, n: int, seed: int = 0
) -> tuple[Array, Chain]:
    """Positions (n, n_unknowns) after the adaptation, and the chain at its end."""
    generator = seeded(shifted(seed), 0)
    chain = engine.start(reference.centre, target, reference, None)
    found = []
    for index in range(engine.n_adapt + n):
        chain = engine.advance(chain, target, generator)
        if index >= engine.n_adapt:
            found.append(chain.position)
    return torch.stack(found).numpy(), chain


def off(values: Array, exact: Array | float) -> tuple[Array, Array]:
    """Distance of a chain's mean from the exact one, and its standard error, by 40 batches."""
    batches = values.reshape(40, -1, *values.shape[1:]).mean(axis=1)
    return batches.mean(axis=0) - exact, batches.std(axis=0, ddof=1) / np.sqrt(40)


def agree(positions: Array, mean: Array, covariance: Array, sharpness: float) -> None:
    """Mean and covariance within their errors by 40 batches, which are expected below
    ``sharpness`` [std]."""
    d = mean.size
    most = student(39, d + d * (d + 1) // 2)
    std = np.sqrt(np.diag(covariance))
    error, standard = off(positions, mean)
    most_error = sharpness * std_ratio(40, d)[1]
    assert (standard < most_error * std).all(), standard / std
    assert (np.abs(error) < most * standard).all(), error / standard
    away = positions - mean
    error, standard = off(away[:, :, None] * away[:, None, :], covariance)
    assert (standard < 3 * most_error * np.outer(std, std)).all()
    assert (np.abs(error) < most * standard).all(), error / standard


@pytest.mark.parametrize("has_drift", [True, False])
def test_strongly_bent_posterior_is_that_of_the_fine_grid(has_drift: bool) -> None:
    """The most probable position lies half a std off its mean, its Gauss-Newton std is 0.78 of it.

    Proposals are laid around the widened reference, so that the long tail is visited often.
    """
    target = curved()
    mean, covariance = exact_moments(target)
    reference = wide_reference(target, 3.0)
    engine = MetropolisLangevin(step_size=0.9, has_drift=has_drift)
    positions, chain = walk(engine, target, reference, 12_000, seed=1)
    agree(positions, mean, covariance, sharpness=0.03)
    assert 0.3 < chain.n_accepted / chain.n_steps < 0.8


@pytest.mark.parametrize("has_drift", [True, False])
def test_linear_posterior_whatever_the_reference(has_drift: bool) -> None:
    """Around the prior proposals are far from the posterior: the test has much to put right."""
    target = linear_target(n_data=12, n_unknowns=3, seed=3)
    stiffness = torch.linalg.matrix_norm(target.matrix / target.std[:, None], 2)
    target = replace(target, std=stiffness / 3 * target.std)
    mean, covariance = target.posterior()
    identity = torch.eye(3, dtype=torch.float64)
    prior = Reference(centre=torch.zeros(3, dtype=torch.float64), factor=identity)
    engine = MetropolisLangevin(n_adapt=1000, has_drift=has_drift)
    positions, chain = walk(engine, target, prior, 12_000, seed=2)
    agree(positions, mean, covariance, sharpness=0.06)
    assert chain.n_accepted < 0.8 * chain.n_steps


def reversal_scores(engine: MetropolisLangevin, n: int = 3000) -> Array:
    """z of E[f(x) h(x')] - E[h(x) f(x')] over one step from exact draws, and of E[f(x')] - E[f]."""
    target, reference = curved(), wide_reference(curved(), 1.0)
    draws = torch.from_numpy(exact_draws(target, n, seed=3))
    generator = seeded(shifted(4), 0)
    after = torch.stack(
        [
            engine.advance(engine.start(x, target, reference, None), target, generator).position
            for x in draws
        ]
    )

    def seen(x: torch.Tensor) -> torch.Tensor:
        return torch.stack([x[:, 0], x[:, 1], x[:, 0] ** 2, torch.tanh(2 * x[:, 0] - x[:, 1])])

    before, later = seen(draws), seen(after)
    turned = [
        before[i] * later[j] - before[j] * later[i] for i in range(4) for j in range(i)
    ] + list(later - before)
    return np.array([float(t.mean() / (t.std() / math.sqrt(n))) for t in turned])


@pytest.mark.parametrize(("has_drift", "step_size"), [(True, 0.6), (True, 1.0), (False, 0.6)])
def test_steps_are_reversible_and_keep_the_posterior(has_drift: bool, step_size: float) -> None:
    scores = reversal_scores(MetropolisLangevin(step_size=step_size, has_drift=has_drift))
    assert np.abs(scores).max() < sigmas(scores.size), scores


def test_the_reversal_test_sees_proposals_that_are_not_accounted_for(monkeypatch) -> None:
    monkeypatch.setattr(mcmc, "_log_proposal", lambda start, end: 0.0)
    assert np.abs(reversal_scores(MetropolisLangevin(step_size=0.6))).max() > 6


def test_proposals_have_the_density_that_the_test_takes_them_to_have() -> None:
    target, reference = curved(), wide_reference(curved(), 2.0)
    engine = MetropolisLangevin(step_size=0.8)
    here, there = (
        engine.start(torch.tensor(x, dtype=torch.float64), target, reference, None)
        for x in ([0.3, 0.9], [-0.4, 0.2])
    )
    step = 0.8
    kept = math.sqrt(1 - step**2)

    def log_density(start: Chain, end: Chain) -> float:
        factor = reference.factor.numpy()
        residual = (target.observed - start.predicted) / target.std**2
        assert start.here is not None
        score = start.here.jacobian.T @ residual - start.position
        white = factor.T @ (start.position - reference.centre).numpy()
        drift = white + np.linalg.solve(factor, score.numpy())
        drift *= min(1.0, math.sqrt(2) / float(np.linalg.norm(drift)))
        aim = reference.centre.numpy() + np.linalg.solve(
            factor.T, kept * white + (1 - kept) * drift
        )
        covariance = step**2 * np.linalg.inv(factor @ factor.T)
        return float(stats.multivariate_normal(aim, covariance).logpdf(end.position.numpy()))

    found = mcmc._log_proposal(here, there) - mcmc._log_proposal(there, here)
    assert found == pytest.approx(log_density(here, there) - log_density(there, here), abs=1e-10)


@pytest.mark.parametrize("has_drift", [True, False])
def test_step_size_is_adapted_to_its_aim_and_then_frozen(has_drift: bool) -> None:
    target = curved(std=0.05)
    reference = wide_reference(target, 30.0)
    engine = MetropolisLangevin(step_size=0.7, has_drift=has_drift, n_adapt=2000)
    generator = seeded(shifted(7), 0)
    chain = engine.start(reference.centre, target, reference, None)
    steps, accepted = [], []
    for _ in range(6000):
        chain = engine.advance(chain, target, generator)
        steps.append(chain.log_step)
        accepted.append(chain.n_accepted)
    assert len(set(steps[:2000])) > 1000
    assert set(steps[2000:]) == {steps[1999]}
    share = (accepted[-1] - accepted[1999]) / 4000
    assert share == pytest.approx(DRIFT_ACCEPTANCE if has_drift else WALK_ACCEPTANCE, abs=0.08)
    assert math.exp(steps[-1]) < 0.5


def test_adaptation_stops_short_of_independent_proposals() -> None:
    target = linear_target()
    start = torch.zeros(6, dtype=torch.float64)
    reference = gauss_newton_reference(start, target.linearise(start, start), target)
    _, chain = walk(MetropolisLangevin(n_adapt=50), target, reference, 5)
    assert math.exp(chain.log_step) == pytest.approx(MOST_STEP)
    assert chain.n_accepted == chain.n_steps  # exact proposals are never refused


def test_a_changed_std_judges_the_chain_as_if_it_began_there() -> None:
    target, reference = curved(), wide_reference(curved(), 1.0)
    engine, generator = MetropolisLangevin(), seeded(shifted(1), 0)
    chain = engine.advance(
        engine.start(reference.centre, target, reference, None), target, generator
    )
    other = replace(target, std=2.5 * target.std)
    again, fresh = judged(chain, other), engine.start(chain.position, other, reference, None)
    assert again.log_density == pytest.approx(fresh.log_density, abs=1e-12)
    torch.testing.assert_close(again.drift, fresh.drift)
    assert again.log_density != pytest.approx(chain.log_density, abs=1e-3)


def test_proposals_without_finite_data_are_refused() -> None:
    target = curved(bend=400.0)  # exp overflows a little to the left of zero
    centre = torch.full((2,), 0.5, dtype=torch.float64)
    reference = Reference(centre=centre, factor=torch.eye(2, dtype=torch.float64))
    for has_drift in (True, False):
        engine = MetropolisLangevin(step_size=0.9, has_drift=has_drift, n_adapt=100)
        positions, chain = walk(engine, target, reference, 100)
        assert np.isfinite(positions).all()
        assert math.isfinite(chain.log_density)
        assert 0 < chain.n_accepted < chain.n_steps


def test_what_cannot_be_is_refused_with_a_remedy() -> None:
    for step_size in (0.0, -1.0, 1.5, math.nan):
        with pytest.raises(InputError, match="step_size is .*; expected more than 0 and at most 1"):
            MetropolisLangevin(step_size=step_size)
    with pytest.raises(InputError, match="n_adapt is -1; expected a number of steps"):
        MetropolisLangevin(n_adapt=-1)
    target = curved(bend=400.0)
    reference = Reference(
        centre=torch.zeros(2, dtype=torch.float64), factor=torch.eye(2, dtype=torch.float64)
    )
    far = torch.full((2,), -9.0, dtype=torch.float64)
    with pytest.raises(InputError, match="log density is nan where a chain is to start"):
        MetropolisLangevin(has_drift=False).start(far, target, reference, None)
    engine, generator = MetropolisLangevin(has_drift=False), seeded(shifted(0), 0)
    start = torch.zeros(6, dtype=torch.float64)
    here = linear_target().linearise(start, start)
    state = engine.init(start.expand(2, -1).clone(), here, linear_target(), generator)
    state, _, _ = run(engine, state, linear_target(), generator, n_steps=2)
    with pytest.raises(InputError, match="without drift the forward model is not linearised"):
        engine.particles(state)
