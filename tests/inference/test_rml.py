"""Randomised maximum likelihood and its parts against exact Gaussian answers."""

from __future__ import annotations

import math
import threading
from contextvars import ContextVar
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor

from seisnb.inference.base import Linearised, Memory, run, seeded
from seisnb.inference.rml import (
    SCALE_WEIGHT,
    Fit,
    RandomisedMaximumLikelihood,
    effective_unknowns,
    gauss_newton_step,
    inferred_scale,
    log_evidence,
    maximum_a_posteriori,
    mean_chi2,
    posterior_covariance_factor,
    start_fit,
)
from seisnb.threads import in_parallel, single_threaded
from tests.bounds import FALSE_ALARM, sigmas
from tests.contracts.engine import EngineContract, LinearTarget, linear_target
from tests.seeds import shifted


class TestRandomisedMaximumLikelihood(EngineContract):
    def make(self):
        return RandomisedMaximumLikelihood(tolerance=1e-12)


def peak(target: LinearTarget) -> Fit:
    return maximum_a_posteriori(target, None, tolerance=1e-14)


@pytest.mark.kernels
@pytest.mark.parametrize(("n_data", "n_unknowns"), [(12, 6), (3, 10), (1, 1)])
def test_most_probable_position_is_exact(n_data: int, n_unknowns: int) -> None:
    target = linear_target(n_data=n_data, n_unknowns=n_unknowns, seed=4)
    fit = peak(target)
    mean, covariance = target.posterior()
    np.testing.assert_allclose(fit.position, mean, rtol=0, atol=1e-8)
    assert fit.is_converged
    factor = posterior_covariance_factor(fit.here, target.std).numpy()
    np.testing.assert_allclose(np.linalg.inv(factor @ factor.T), covariance, atol=1e-10)
    anywhere = torch.from_numpy(np.random.default_rng(shifted(1)).standard_normal(n_unknowns))
    other = maximum_a_posteriori(target, None, position=anywhere, tolerance=1e-14)
    np.testing.assert_allclose(other.position, mean, rtol=0, atol=1e-8)


@pytest.mark.kernels
@pytest.mark.parametrize(("n_data", "n_unknowns"), [(12, 6), (3, 10), (40, 2)])
def test_evidence_is_exact(n_data: int, n_unknowns: int) -> None:
    """The marginal of a linear Gaussian model is N(shift, A A' + R)."""
    target = linear_target(n_data=n_data, n_unknowns=n_unknowns, seed=5)
    matrix, std = target.matrix.numpy(), target.std.numpy()
    exact = stats.multivariate_normal(
        target.shift.numpy(), matrix @ matrix.T + np.diag(std**2)
    ).logpdf(target.observed.numpy())
    assert log_evidence(peak(target), target.std) == pytest.approx(exact, abs=1e-8)


def test_effective_unknowns_are_the_trace_of_the_resolution() -> None:
    target = linear_target(seed=6)
    fit = peak(target)
    _, covariance = target.posterior()
    weighted = target.matrix.numpy() / target.std.numpy()[:, None]
    exact = np.trace(covariance @ weighted.T @ weighted)
    assert effective_unknowns(fit.here, target.std) == pytest.approx(exact, abs=1e-10)
    assert 0 < exact < target.n_unknowns
    assert effective_unknowns(fit.here, 1e-6 * target.std) == pytest.approx(6, abs=1e-3)
    assert effective_unknowns(fit.here, 1e6 * target.std) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("factor", [0.5, 1.0, 2.0])
def test_scale_of_wrong_sigmas_is_found(factor: float) -> None:
    """800 data, sigmas too small or too large by two, ten pseudo-data that say they are right."""
    target = linear_target(n_data=800, n_unknowns=20, seed=7)
    stated = target.std / factor
    scale = 1.0
    for _ in range(10):
        scale = inferred_scale(peak(replace(target, std=stated * scale)), stated, scale)
    weighted = np.sqrt((780 * factor**2 + SCALE_WEIGHT) / (780 + SCALE_WEIGHT))
    assert scale == pytest.approx(weighted, rel=sigmas(3) / np.sqrt(2 * 780))


def test_scale_of_few_data_stays_near_one() -> None:
    """Between no misfit of any datum and one that three data reach once in ten thousand times."""
    target = linear_target(n_data=3, n_unknowns=10, seed=8)
    scale = 1.0
    for _ in range(20):
        scale = inferred_scale(peak(replace(target, std=target.std * scale)), target.std, scale)
    most = stats.chi2.isf(FALSE_ALARM, 3) / SCALE_WEIGHT
    assert np.sqrt(SCALE_WEIGHT / (SCALE_WEIGHT + 3)) <= scale < np.sqrt(1 + most)


@dataclass(frozen=True, kw_only=True)
class Bend:
    """A target whose full Gauss-Newton steps overshoot: atan(4 x) far from its root."""

    observed: Tensor
    std: Tensor
    n_unknowns: int = 2

    def predict(self, position: Tensor, memory: Memory) -> tuple[Tensor, Memory]:
        return torch.atan(4 * position) + position.flip(0) ** 2 / 10, position

    def linearise(self, position: Tensor, memory: Memory) -> Linearised:
        diagonal = 4 / (1 + 16 * position**2)
        jacobian = torch.diag(diagonal)
        jacobian[0, 1], jacobian[1, 0] = position[1] / 5, position[0] / 5
        return Linearised(
            predicted=self.predict(position, memory)[0], jacobian=jacobian, memory=memory
        )


def bend() -> Bend:
    return Bend(
        observed=torch.tensor([0.3, -0.9], dtype=torch.float64),
        std=torch.tensor([0.05, 0.05], dtype=torch.float64),
    )


def test_damped_steps_never_raise_the_objective() -> None:
    target = bend()
    start = torch.tensor([1.0, -1.5], dtype=torch.float64)
    zero = torch.zeros(2, dtype=torch.float64)
    fit = start_fit(target, start, target.linearise(start, start), zero, target.observed)
    undamped = start + torch.linalg.solve(
        fit.here.jacobian.T @ fit.here.jacobian / 0.05**2 + torch.eye(2, dtype=torch.float64),
        fit.here.jacobian.T @ (target.observed - fit.here.predicted) / 0.05**2 - start,
    )
    there = start_fit(target, undamped, target.linearise(undamped, undamped), zero, target.observed)
    assert there.objective > fit.objective  # the damping has something to do
    objectives = [fit.objective]
    for _ in range(60):
        fit = gauss_newton_step(fit, target, 1e-12)
        objectives.append(fit.objective)
        if fit.is_converged:
            break
    assert fit.is_converged
    assert (np.diff(objectives) <= 0).all()
    weighted = fit.here.jacobian / target.std[:, None]
    gradient = weighted.T @ ((fit.here.predicted - target.observed) / target.std) + fit.position
    assert gradient.abs().max() < 1e-3
    direct = min(
        start_fit(
            target, p, target.linearise(p, p), zero, target.observed
        ).objective
        for p in torch.cartesian_prod(*[torch.linspace(-2, 2, 161, dtype=torch.float64)] * 2)
    )  # fmt: skip
    assert fit.objective < direct + 1e-3


def test_mean_chi2_is_against_the_data_themselves() -> None:
    target = linear_target()
    assert mean_chi2(target, target.observed) == 0
    assert mean_chi2(target, target.observed + 2 * target.std) == pytest.approx(4.0)


def test_run_steps_until_converged_and_tells() -> None:
    target = linear_target()
    engine = RandomisedMaximumLikelihood(tolerance=1e-9)
    start = torch.zeros(6, dtype=torch.float64)
    generator = seeded(shifted(0), 0)
    state = engine.init(start.expand(4, -1), target.linearise(start, start), target, generator)
    _, first, one = run(engine, state, target, generator, n_steps=1)
    assert (one, first.is_converged) == (1, False)
    assert first.change > 1
    state, info, n_steps = run(engine, state, target, generator, n_steps=50)
    assert info.is_converged
    assert 1 < n_steps < 6
    assert 0 <= info.change < 1e-6
    _, info, none = run(engine, state, target, generator, n_steps=0)
    assert none == 0
    assert math.isnan(info.chi2)


def member(index: int) -> np.ndarray:
    """A member of its own random numbers, with linear algebra worth threading."""
    target = linear_target(n_data=150, n_unknowns=120, seed=9)
    engine, generator = RandomisedMaximumLikelihood(tolerance=1e-9), seeded(shifted(11), index)
    start = torch.zeros(120, dtype=torch.float64)
    here = target.linearise(start, start)
    state = engine.init(start[None], here, target, generator)
    state, _, _ = run(engine, state, target, generator, n_steps=5)
    return engine.particles(state)[0][0].numpy()


def test_members_agree_bitwise_whatever_the_workers_and_their_order() -> None:
    items = list(range(8))
    alone = dict(in_parallel(member, items, n_workers=1))
    together = dict(in_parallel(member, items[::-1], n_workers=2))
    assert sorted(alone) == sorted(together) == items
    for index in items:
        np.testing.assert_array_equal(alone[index], together[index])
    assert np.abs(alone[0] - alone[1]).max() > 0.1


def test_workers_run_at_once_and_are_no_more_than_asked() -> None:
    barrier = threading.Barrier(2, timeout=20)
    lock, running, most = threading.Lock(), [0], [0]

    def work(item: int) -> int:
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
        barrier.wait()
        with lock:
            running[0] -= 1
        return item * item

    results = dict(in_parallel(work, list(range(6)), n_workers=2))
    assert results == {i: i * i for i in range(6)}
    assert most[0] == 2


def test_the_first_exception_is_raised_and_nothing_more_is_started() -> None:
    started: list[int] = []

    def work(item: int) -> int:
        started.append(item)
        if item == 2:
            raise ArithmeticError("member 2")
        return item

    with pytest.raises(ArithmeticError, match="member 2"):
        dict(in_parallel(work, list(range(50)), n_workers=1))
    assert started[:3] == [0, 1, 2]
    assert len(started) <= 4


def test_a_cancel_keeps_what_is_done_and_starts_nothing() -> None:
    done: list[int] = []
    results = []
    for item, result in in_parallel(
        lambda item: done.append(item) or item + 100,
        list(range(50)),
        n_workers=1,
        is_cancelled=lambda: len(done) >= 3,
    ):
        results.append((item, result))
    assert results == [(i, i + 100) for i in range(len(results))]
    assert 3 <= len(results) <= 4
    assert not list(in_parallel(member, [0, 1], n_workers=2, is_cancelled=lambda: True))
    assert not list(in_parallel(member, [], n_workers=2))


def test_workers_run_in_the_callers_context() -> None:
    """What work reports may go to widgets, which some kernels only allow in that context."""
    variable: ContextVar[str] = ContextVar("variable", default="lost")
    token = variable.set("kept")
    try:
        found = list(in_parallel(lambda _: variable.get(), [0, 1, 2], n_workers=2))
    finally:
        variable.reset(token)
    assert [value for _, value in found] == ["kept"] * 3


def test_threads_of_linear_algebra_are_given_back() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with single_threaded():
            assert torch.get_num_threads() == 1
        assert torch.get_num_threads() == 2
        list(in_parallel(lambda _: None, [0, 1], n_workers=2))
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_streams_of_random_numbers_differ() -> None:
    def first(seed: int, stream: int) -> float:
        return float(torch.rand(1, generator=seeded(shifted(seed), stream), dtype=torch.float64))

    values = {(s, k): first(s, k) for s in range(20) for k in range(50)}
    assert len(set(values.values())) == 1000
    assert first(3, 7) == values[3, 7]
    assert abs(np.mean(list(values.values())) - 0.5) < 5 / np.sqrt(12 * 1000)
