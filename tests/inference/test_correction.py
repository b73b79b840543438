"""Bias of randomised maximum likelihood where the forward model bends, and what removes it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor

from seisnb.inference.base import Target, run, seeded
from seisnb.inference.correction import (
    common_shift,
    effective_members,
    langevin_correction,
    normalised,
    objective_hessian,
    rml_log_weight,
    score_excess,
)
from seisnb.inference.mcmc import gauss_newton_reference
from seisnb.inference.rml import (
    Fit,
    RandomisedMaximumLikelihood,
    maximum_a_posteriori,
    posterior_covariance_factor,
)
from tests.bounds import sigmas
from tests.contracts.engine import linear_target
from tests.inference.curved import Curved, curved, exact_moments
from tests.seeds import shifted

Array = NDArray[np.float64]
N_MEMBERS = 2500


@dataclass(frozen=True)
class Ensemble:
    """Converged members of a target, and its exact posterior."""

    target: Curved
    peak: Fit
    fits: tuple[Fit, ...]
    mean: Array
    std: Array

    @property
    def positions(self) -> Array:
        """(member, 2)."""
        return torch.stack([fit.position for fit in self.fits]).numpy()


@dataclass(frozen=True)
class Score:
    """Mean off by how many exact std, with its standard error, and the ratio of std, (2,) each."""

    off: Array
    error: Array
    ratio: Array


@pytest.fixture(scope="module")
def ensemble() -> Ensemble:
    return members_of(curved())


def members_of(target: Curved) -> Ensemble:
    """Many converged members."""
    peak = maximum_a_posteriori(target, None, tolerance=1e-12)
    engine, generator = RandomisedMaximumLikelihood(tolerance=1e-6), seeded(shifted(2), 0)
    start = peak.position.expand(N_MEMBERS, -1).clone()
    state = engine.init(start, peak.here, target, generator)
    state, _, _ = run(engine, state, target, generator, n_steps=40)
    mean, covariance = exact_moments(target)
    return Ensemble(target, peak, state, mean, np.sqrt(np.diag(covariance)))


def score(ensemble: Ensemble, positions: Array, log_weight: Array | None = None) -> Score:
    """Weighted moments against the exact ones."""
    n = len(positions)
    weight = np.full(n, 1 / n) if log_weight is None else np.exp(normalised(log_weight))
    mean = weight @ positions
    away = positions - mean
    return Score(
        off=(mean - ensemble.mean) / ensemble.std,
        error=np.sqrt((weight**2) @ away**2) / ensemble.std,
        ratio=np.sqrt(weight @ away**2) / ensemble.std,
    )


def log_weights(ensemble: Ensemble, *, full: bool) -> Array:
    """With the curvature of every member's objective, or without."""
    target = ensemble.target
    return np.array(
        [
            rml_log_weight(
                target,
                fit.position,
                fit.here,
                curvature=objective_hessian(target, fit.position, fit.here, fit.data)
                if full
                else None,
            )
            for fit in ensemble.fits
        ]
    )


@pytest.mark.slow
def test_members_alone_are_measurably_wrong(ensemble: Ensemble) -> None:
    """A quarter of a std, twelve standard errors: the case that corrections have to solve."""
    plain = score(ensemble, ensemble.positions)
    assert (plain.off < -0.12).all()
    assert (np.abs(plain.off) > 6 * plain.error).all()
    assert np.abs(plain.off).max() > 0.2
    assert plain.ratio.min() < 0.95
    # it is no failure of the fits: at a bottom the gradient vanishes
    slope = [
        (
            fit.position
            - fit.anchor
            - fit.here.jacobian.T @ ((fit.data - fit.here.predicted) / ensemble.target.std**2)
        ).abs()
        for fit in ensemble.fits
    ]
    assert torch.stack(slope).max(dim=1).values.quantile(0.98) < 1e-2


@pytest.mark.slow
def test_weights_remove_the_bias(ensemble: Ensemble) -> None:
    log_weight = log_weights(ensemble, full=True)
    weighted = score(ensemble, ensemble.positions, log_weight)
    assert (np.abs(weighted.off) < 0.1).all()
    assert (np.abs(weighted.ratio - 1) < 0.1).all()
    assert (weighted.error < 0.04).all()
    # what they cost, and that they do something
    assert 0.3 * N_MEMBERS < effective_members(log_weight) < 0.8 * N_MEMBERS


@pytest.mark.slow
def test_weights_without_curvature_go_half_the_way(ensemble: Ensemble) -> None:
    plain = score(ensemble, ensemble.positions)
    half = score(ensemble, ensemble.positions, log_weights(ensemble, full=False))
    assert (np.abs(half.off) < 0.7 * np.abs(plain.off)).all()


@pytest.mark.slow
def test_langevin_steps_remove_the_bias(ensemble: Ensemble) -> None:
    target, peak = ensemble.target, ensemble.peak
    reference = gauss_newton_reference(peak.position, peak.here, target)
    chains = [
        langevin_correction(
            target, fit.position, fit.here, reference, seeded(shifted(3), index), n_steps=24
        )[0]
        for index, fit in enumerate(ensemble.fits)
    ]
    moved = score(ensemble, torch.stack([chain.position for chain in chains]).numpy())
    assert (np.abs(moved.off) < 0.1).all(), moved
    assert (np.abs(moved.ratio - 1) < 0.1).all(), moved
    share = np.mean([chain.n_accepted for chain in chains]) / 24
    assert 0.4 < share < 0.95
    for chain in chains[:5]:
        torch.testing.assert_close(
            chain.predicted, target.predict(chain.position, None)[0], rtol=0, atol=1e-12
        )


def test_weights_of_a_linear_target_are_equal() -> None:
    target = linear_target(seed=5)
    start = torch.zeros(6, dtype=torch.float64)
    engine, generator = RandomisedMaximumLikelihood(tolerance=1e-12), seeded(shifted(1), 0)
    state = engine.init(
        start.expand(20, -1).clone(), target.linearise(start, start), target, generator
    )
    state, _, _ = run(engine, state, target, generator, n_steps=20)
    for full in (False, True):
        log_weight = np.array(
            [
                rml_log_weight(
                    target,
                    fit.position,
                    fit.here,
                    curvature=objective_hessian(target, fit.position, fit.here, fit.data)
                    if full
                    else None,
                )
                for fit in state
            ]
        )
        assert np.ptp(log_weight) < 1e-7
        assert effective_members(log_weight) == pytest.approx(20)
        assert np.exp(normalised(log_weight)).sum() == pytest.approx(1.0)


def test_hessian_of_an_objective_is_the_closed_form() -> None:
    target = curved(bend=1.3)
    position = torch.tensor([0.4, -0.7], dtype=torch.float64)
    data = torch.tensor([2.0, 0.3], dtype=torch.float64)
    here = target.linearise(position, position)
    second = 1.3**2 * target.lengths * torch.exp(-1.3 * position)  # f_k'' is diagonal
    pull = (data - here.predicted) / target.std**2
    weighted = here.jacobian / target.std[:, None]
    exact = torch.eye(2, dtype=torch.float64) + weighted.T @ weighted - torch.diag(pull @ second)
    found = objective_hessian(target, position, here, data)
    torch.testing.assert_close(found, exact, rtol=0, atol=1e-5)
    assert torch.equal(found, found.T)


def test_one_heavy_weight_is_worth_one_member() -> None:
    assert effective_members(np.array([0.0, -50.0, -60.0])) == pytest.approx(1.0)
    assert effective_members(np.full(7, -1e5)) == pytest.approx(7.0)


def test_unknown_sigmas_are_drawn_along_with_the_model() -> None:
    """Against a sum over the factor on all sigmas, with pseudo-data that say that it is one."""
    given, pseudo = linear_target(n_data=8, n_unknowns=3, seed=12), 4.0
    n_data = 8
    log_s = np.linspace(-2.5, 2.5, 801)
    moments, log_weight = [], []
    for s in np.exp(log_s):
        wide = replace(given, std=s * given.std)
        mean, covariance = wide.posterior()
        matrix, std = given.matrix.numpy(), s * given.std.numpy()
        marginal = matrix @ matrix.T + np.diag(std**2)
        data = (given.observed - given.shift).numpy()
        log_evidence = -0.5 * (
            np.linalg.slogdet(marginal)[1] + data @ np.linalg.solve(marginal, data)
        )
        # inverse chi2 of s**2 with the measure d log s
        log_weight.append(log_evidence - pseudo * np.log(s) - pseudo / (2 * s**2))
        moments.append((mean, covariance + np.outer(mean, mean)))
    weight = np.exp(normalised(np.array(log_weight)))
    mean = sum(w * m for w, (m, _) in zip(weight, moments, strict=True))
    covariance = sum(w * c for w, (_, c) in zip(weight, moments, strict=True)) - np.outer(
        mean, mean
    )

    def redraw(predicted: Tensor, generator: Generator) -> Target:
        chi2 = float(((given.observed - predicted) / given.std).square().sum())
        normal = torch.randn(int(n_data + pseudo), generator=generator, dtype=torch.float64)
        scale = ((chi2 + pseudo) / float(normal.square().sum())) ** 0.5
        return replace(given, std=scale * given.std)

    start = torch.zeros(3, dtype=torch.float64)
    here = given.linearise(start, start)
    reference = gauss_newton_reference(start, here, given)
    found, scales = [], []
    for index in range(1200):
        generator = seeded(shifted(6), index)
        member = reference.from_white(torch.randn(3, generator=generator, dtype=torch.float64))
        chain, last = langevin_correction(
            given,
            member,
            given.linearise(member, member),
            reference,
            generator,
            n_steps=24,
            redraw=redraw,
        )
        found.append(chain.position.numpy())
        scales.append(float(last.std[0] / given.std[0]))
    positions = np.array(found)
    std = np.sqrt(np.diag(covariance))
    assert (np.abs(positions.mean(axis=0) - mean) < sigmas(4) * std / np.sqrt(1200)).all()
    np.testing.assert_allclose(positions.std(axis=0), std, rtol=0.1)
    log_scale = float(weight @ log_s)
    spread = np.sqrt(weight @ (log_s - log_scale) ** 2)
    assert np.log(scales).mean() == pytest.approx(log_scale, abs=sigmas(4) * spread / np.sqrt(1200))
    assert np.log(scales).std() == pytest.approx(spread, rel=0.1)


def test_a_cancelled_chain_stays_where_it_is() -> None:
    target = curved()
    start = torch.zeros(2, dtype=torch.float64)
    here = target.linearise(start, start)
    reference = gauss_newton_reference(start, here, target)
    chain, _ = langevin_correction(
        target, start, here, reference, seeded(shifted(0), 0), n_steps=9, is_cancelled=lambda: True
    )
    assert (chain.n_steps, chain.n_accepted) == (0, 0)
    assert torch.equal(chain.position, start)
    again = [
        langevin_correction(target, start, here, reference, seeded(shifted(0), 0), n_steps=9)[
            0
        ].position
        for _ in range(2)
    ]
    assert torch.equal(*again)
    assert not torch.equal(again[0], start)


def shift_of(ensemble: Ensemble, n: int | None = None) -> Tensor:
    """The common shift by the first ``n`` members."""
    target, peak = ensemble.target, ensemble.peak
    excess = torch.stack([score_excess(fit, target, peak.here) for fit in ensemble.fits[:n]])
    return common_shift(excess, posterior_covariance_factor(peak.here, target.std))


@pytest.mark.slow
@pytest.mark.parametrize("bend", [0.3, 0.5])
def test_a_common_shift_removes_most_of_a_moderate_bias(bend: float) -> None:
    """Closed form by a grid: the shift is right to leading order, so the more the less f bends."""
    bent = members_of(curved(bend=bend, std=0.3))
    before = score(bent, bent.positions)
    after = score(bent, bent.positions + shift_of(bent).numpy())
    assert np.abs(before.off).max() > 4 * before.error.max()
    assert np.abs(after.off).max() < 0.4 * np.abs(before.off).max() + 3 * after.error.max()
    np.testing.assert_allclose(after.ratio, before.ratio)


@pytest.mark.slow
def test_even_a_strong_bias_gets_smaller(ensemble: Ensemble) -> None:
    before = score(ensemble, ensemble.positions)
    after = score(ensemble, ensemble.positions + shift_of(ensemble).numpy())
    assert np.linalg.norm(after.off) < 0.6 * np.linalg.norm(before.off)


@pytest.mark.slow
def test_the_shift_of_few_members_is_that_of_many(ensemble: Ensemble) -> None:
    """The control variate leaves little noise: 64 members find it within a fifth of a std."""
    many, few = shift_of(ensemble), shift_of(ensemble, 64)
    assert float(((few - many).numpy() / ensemble.std).max()) < 0.2


def test_a_linear_problem_is_not_shifted() -> None:
    """Exactly: the noise of a few members does not enter."""
    target = linear_target()
    peak = maximum_a_posteriori(target, None, tolerance=1e-12)
    engine, generator = RandomisedMaximumLikelihood(tolerance=1e-9), seeded(shifted(1), 0)
    state = engine.init(peak.position.expand(6, -1), peak.here, target, generator)
    state, _, _ = run(engine, state, target, generator, n_steps=20)
    excess = torch.stack([score_excess(fit, target, peak.here) for fit in state])
    factor = posterior_covariance_factor(peak.here, target.std)
    assert float(excess.abs().max()) < 1e-6
    assert float(common_shift(excess, factor).abs().max()) < 1e-6


def test_a_shift_that_is_noise_is_zero() -> None:
    generator = torch.Generator().manual_seed(shifted(0))
    factor = torch.eye(40, dtype=torch.float64)
    noise = torch.randn(30, 40, generator=generator, dtype=torch.float64)
    noise -= 0.5 * noise.mean(dim=0)
    assert float(common_shift(noise, factor).abs().max()) == 0
    signal = common_shift(noise + 3.0, factor)
    assert float((signal - 3.0).abs().max()) < 0.5
