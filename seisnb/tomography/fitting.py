"""One member's fit to its own noisy picks and prior draw, tried again until it is a fit."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import torch
from torch import Generator, Tensor

from seisnb.inference.base import Linearised
from seisnb.inference.rml import (
    Fit,
    RandomisedMaximumLikelihood,
    posterior_covariance_factor,
    settled,
    start_fit,
)
from seisnb.tomography.peak import Peak
from seisnb.tomography.problem import PickTarget, Problem, with_finer_wavefronts
from seisnb.tomography.sigmas import student_target

#: Fall of the objective per unknown or datum below which a step is the last.
TOLERANCE = 0.01
#: Fits of data weights and model that a Student member alternates between.
STUDENT_SWEEPS = 3
#: An objective this many standard deviations, and by this share, above what is expected is that of
#: a fit that ended elsewhere.
FARTHEST, MOST_EXCESS = 4.0, 0.1


@dataclass(frozen=True, kw_only=True)
class Fitted:
    """A member's fit and what its objective was expected to be.

    Attributes
    ----------
    fit : Fit
        Where it ended.
    target : PickTarget
        What it was fitted to, with its own sigmas.
    n_steps : int
        Gauss-Newton steps, those of given up attempts included.
    expected, std : float
        Mean and standard deviation of twice the objective, were times linear in the unknowns.
    """

    fit: Fit
    target: PickTarget
    n_steps: int
    expected: float
    std: float

    @property
    def excess(self) -> float:
        """Twice the objective above its expectation, in standard deviations."""
        return (2 * self.fit.objective - self.expected) / self.std

    @property
    def is_own(self) -> bool:
        """It came down to where its own data and prior draw have their bottom."""
        above = 2 * self.fit.objective - self.expected
        is_near = self.excess <= FARTHEST or above <= MOST_EXCESS * self.expected
        return math.isfinite(self.fit.objective) and is_near


def fit_member(
    problem: Problem,
    peak: Peak,
    scale: float,
    generator: Generator,
    is_cancelled: Callable[[], bool],
) -> Fitted | None:
    """Fit a member to its own data and prior draw; None when cancelled midway.

    It starts at the most probable model. One that does not reach its own objective is tried again
    with wavefronts on a finer grid: from the bottom of its linear problem, and from the prior's
    mean. The best attempt is returned.

    Parameters
    ----------
    problem, peak : Problem, Peak
        What is solved, and its most probable model.
    scale : float
        The member's factor on the given pick sigmas.
    generator : Generator
        Source of its draws.
    is_cancelled : callable
        Looked at between steps.
    """
    config = problem.config
    size = min(problem.target.n_unknowns, problem.target.observed.numel())
    engine = RandomisedMaximumLikelihood(tolerance=TOLERANCE * size)
    target = replace(problem.target, std=problem.target.std * scale)
    position, here = peak.fit.position, peak.fit.here
    n_steps, found = 0, None
    is_student = config.likelihood == "student"
    for _ in range(STUDENT_SWEEPS if is_student else 1):
        if is_student:
            target = student_target(problem, here.predicted, scale, generator)
        [start] = engine.init(position[None], here, target, generator)
        found = _best_of_attempts(problem, peak, start, target, engine.tolerance, is_cancelled)
        if found is None:
            return None
        n_steps += found.n_steps
        position, here = found.fit.position, found.fit.here
    assert found is not None
    return replace(found, n_steps=n_steps)


def expected_objective(peak: Peak, target: PickTarget) -> tuple[float, float]:
    """Mean and standard deviation of twice a member's objective for linear times.

    Over draws of its noise and of its anchor 2 O follows a noncentral chi2 of as many degrees as
    there are data, with twice the objective of the most probable model as noncentrality.
    """
    n_data = target.observed.numel()
    residual = (target.observed - peak.fit.here.predicted) / target.std
    at_peak = float(residual.square().sum() + peak.fit.position.square().sum())
    return n_data + at_peak, math.sqrt(2 * n_data + 4 * at_peak)


def _best_of_attempts(
    problem: Problem,
    peak: Peak,
    start: Fit,
    target: PickTarget,
    tolerance: float,
    is_cancelled: Callable[[], bool],
) -> Fitted | None:
    """The first attempt that is a fit of its own, or else the best; None when cancelled."""
    expected, std = expected_objective(peak, target)
    best: Fitted | None = None
    n_steps = 0
    for fit, attempt in _attempts(problem, peak, start, target):
        fit, taken = settled(
            fit, attempt, tolerance,
            n_steps=problem.config.n_steps, near=peak.near, is_cancelled=is_cancelled,
        )  # fmt: skip
        if is_cancelled() and not fit.is_done:
            return None
        n_steps += taken
        if best is None or fit.objective < best.fit.objective:
            best = Fitted(fit=fit, target=attempt, n_steps=0, expected=expected, std=std)
        if best.is_own:
            break
    return None if best is None else replace(best, n_steps=n_steps)


def _attempts(
    problem: Problem, peak: Peak, start: Fit, target: PickTarget
) -> Iterator[tuple[Fit, PickTarget]]:
    """Where a fit may start, and the target it is then fitted to; later ones cost more."""
    yield start, target
    finer = with_finer_wavefronts(problem).target.forward
    target = replace(target, forward=finer)
    downhill = start.here.jacobian.T @ ((start.data - start.here.predicted) / target.std.square())
    downhill = downhill - (start.position - start.anchor)
    factor = posterior_covariance_factor(start.here, target.std)
    move = torch.cholesky_solve(downhill[:, None], factor)[:, 0]
    yield _fit_at(target, start, start.position + move, start.here), target
    yield _fit_at(target, start, torch.zeros_like(start.position), start.here), target


def _fit_at(target: PickTarget, start: Fit, position: Tensor, near: Linearised) -> Fit:
    """The same member's fit, begun at another position."""
    _, memory = target.predict(position, near.memory)
    here = target.linearise(position, memory)
    return start_fit(target, position, here, start.anchor, start.data)
