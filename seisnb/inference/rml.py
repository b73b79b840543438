"""Randomised maximum likelihood: every member fits its own noisy data from its own prior draw.

Member i minimises |(observed + e_i - f(x)) / std|**2 + |x - x_i|**2 with e_i ~ N(0, std**2) and
x_i ~ N(0, 1), by damped Gauss-Newton from the maximum a posteriori. Members are independent draws,
exact when f is linear (Oliver et al. 1996; Chen and Oliver 2012, doi 10.1007/s11004-011-9376-z).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Generator, Tensor

from seisnb.inference.base import Linearised, Memory, Remembering, StepInfo, Target

#: Weight, in data, of the belief that given standard deviations are right.
SCALE_WEIGHT = 10.0
#: A small fall where a fall this many tolerances was forecast is a kink, not the bottom.
KINKED = 5.0
#: Share of a rise that newly found paths must explain for a step to be worked out anew.
TOLD = 0.3
#: So many small falls in a row are the bottom of a kink, where no step keeps what it promises.
MOST_FLAT = 2
#: Conjugate gradients stop at this share of the residual's preconditioned size, or after so many.
CONJUGATE, MOST_CONJUGATE = 0.01, 40
#: First steps of a fit, and after news, at which the target searches.
SEARCHED = 1
#: What a search at the end tells is worth further steps if it changes the objective by so many
#: tolerances.
NEWS = 2.0
#: Damping below this [prior precisions] is none.
LEAST_DAMPING = 0.05


@dataclass(frozen=True, kw_only=True)
class Fit:
    """One least-squares fit on its way.

    Attributes
    ----------
    position : Tensor, (n_unknowns,)
        Where it stands.
    anchor : Tensor, (n_unknowns,)
        The prior draw it is tied to.
    data : Tensor, (n_data,)
        The data it fits (with its own noise).
    here : Linearised
        The forward model at the position.
    objective : float
        Half the sum of squares.
    damping : float
        Levenberg's damping, in prior precisions.
    is_converged : bool
        No step promises to lower the objective any more.
    is_stalled : bool
        A step promises to, but none that was tried did: this is no minimum.
    n_flat : int
        Steps in a row that lowered the objective by less than a tolerance each.
    """

    position: Tensor
    anchor: Tensor
    data: Tensor
    here: Linearised
    objective: float
    damping: float = 0.0
    is_converged: bool = False
    is_stalled: bool = False
    n_flat: int = 0

    @property
    def is_done(self) -> bool:
        """Nothing is left to be tried."""
        return self.is_converged or self.is_stalled


@dataclass(frozen=True, kw_only=True)
class RandomisedMaximumLikelihood:
    """The engine.

    Attributes
    ----------
    tolerance : float
        A fit is done when a step lowers the objective (in units of log probability) by less.
    """

    tolerance: float = 0.5
    independent: bool = True

    def init(
        self, position: Tensor, here: Linearised, target: Target, generator: Generator
    ) -> tuple[Fit, ...]:
        """Draw every particle's data and prior model; start all where ``here`` is known."""
        fits = []
        for row in position:
            anchor = torch.randn(target.n_unknowns, generator=generator, dtype=torch.float64)
            noise = torch.randn(target.observed.numel(), generator=generator, dtype=torch.float64)
            fits.append(start_fit(target, row, here, anchor, target.observed + noise * target.std))
        return tuple(fits)

    def step(
        self, state: tuple[Fit, ...], target: Target, generator: Generator
    ) -> tuple[tuple[Fit, ...], StepInfo]:
        """One damped Gauss-Newton step of every fit that still moves."""
        after = tuple(
            fit if fit.is_done else gauss_newton_step(fit, target, self.tolerance) for fit in state
        )
        chi2 = [mean_chi2(target, fit.here.predicted) for fit in after]
        fall = [a.objective - b.objective for a, b in zip(state, after, strict=True)]
        return after, StepInfo(
            chi2=sum(chi2) / len(chi2),
            change=max(fall),
            is_converged=all(fit.is_done for fit in after),
        )

    def particles(self, state: tuple[Fit, ...]) -> list[tuple[Tensor, Linearised]]:
        """Position of every fit and the forward model there."""
        return [(fit.position, fit.here) for fit in state]


def start_fit(
    target: Target, position: Tensor, here: Linearised, anchor: Tensor, data: Tensor
) -> Fit:
    """A fit at its start, where the forward model is already known."""
    return Fit(
        position=position,
        anchor=anchor,
        data=data,
        here=here,
        objective=_objective(target, here.predicted, data, position, anchor),
    )


def gauss_newton_step(
    fit: Fit,
    target: Target,
    tolerance: float,
    *,
    n_tries: int = 8,
    near: Tensor | None = None,
    searches: bool = True,
) -> Fit:
    """One Gauss-Newton step; damped more until the objective falls.

    A fit of which no step promises a fall of ``tolerance`` is converged, and so is one whose last
    steps brought less each. One that promises a fall which no step brings is not: it is stalled.

    Parameters
    ----------
    fit, target : Fit, Target
        Where it stands, and what it is fitted to.
    tolerance : float
        Fall of the objective, in units of log probability, that is worth a step.
    n_tries : int
        Steps that are tried, each shorter than the one before.
    near : Tensor, (n_unknowns, n_unknowns), optional
        Inverse of the precision at a neighbouring position: steps are then found by conjugate
        gradients preconditioned with it (to 1 %), which spares products of order n_unknowns**2
        n_data.
    searches : bool
        Let a :class:`Remembering` target search anew at every trial; without, it goes by what it
        remembers.
    """
    weighted = fit.here.jacobian / target.std[:, None]
    residual = (fit.data - fit.here.predicted) / target.std
    downhill = weighted.T @ residual - (fit.position - fit.anchor)
    solve = _solver(weighted) if near is None else _conjugate_gradients(weighted, near)
    damping, growth = fit.damping, 2.0
    expected = math.inf
    for _ in range(n_tries):
        move = solve(downhill, damping)
        position = fit.position + move
        curved = (weighted @ move).square().sum() + move.square().sum()
        expected = float(downhill @ move - 0.5 * curved)
        if expected < tolerance:
            return replace(fit, is_converged=True)
        if searches or not isinstance(target, Remembering):
            predicted, memory = target.predict(position, fit.here.memory)
        else:
            predicted, memory = target.recall(position, fit.here.memory)
        objective = _objective(target, predicted, fit.data, position, fit.anchor)
        if objective >= fit.objective and searches:
            # the trial may have found a path that serves the old position as well
            rise = objective - fit.objective
            fit = _recalled(fit, target, memory, tolerance)
            if objective >= fit.objective > objective - (1 - TOLD) * rise:
                # told of paths that explain a good part of the rise, a step is another one
                return replace(fit, damping=max(growth * damping, 1.0))
        fall = fit.objective - objective
        if fall > 0:
            # Nielsen's rule: the damping follows how well the linear forecast came true
            damping *= max(1 / 3, 1.0 - (2.0 * min(fall / expected, 1.0) - 1.0) ** 3)
            n_flat = fit.n_flat + 1 if fall < tolerance else 0
            is_flat = fall < tolerance and expected < KINKED * tolerance
            return replace(
                fit,
                position=position,
                here=target.linearise(position, memory),
                objective=objective,
                damping=damping if damping > LEAST_DAMPING else 0.0,
                n_flat=n_flat,
                is_converged=is_flat or n_flat >= MOST_FLAT,
            )
        damping = max(growth * damping, 1.0)
        growth *= 2.0
    is_bottom = expected < KINKED * tolerance
    return replace(fit, is_converged=is_bottom, is_stalled=not is_bottom)


def _solver(weighted: Tensor) -> Callable[[Tensor, float], Tensor]:
    """Solutions of (J.T J + 1 + damping) x = b by Cholesky's factors."""
    hessian, on_diagonal = _gram(weighted), 0.0

    def solve(right: Tensor, damping: float) -> Tensor:
        nonlocal on_diagonal
        # in place: fresh pages for such matrices cost as much as the factorisation
        hessian.diagonal().add_(1.0 + damping - on_diagonal)
        on_diagonal = 1.0 + damping
        factor = torch.linalg.cholesky(hessian)
        return torch.cholesky_solve(right[:, None], factor)[:, 0]

    return solve


def _conjugate_gradients(weighted: Tensor, near: Tensor) -> Callable[[Tensor, float], Tensor]:
    """The same by conjugate gradients, preconditioned with a neighbouring position's inverse."""

    def solve(right: Tensor, damping: float) -> Tensor:
        found = torch.zeros_like(right)
        left = right
        direction = towards = near @ left
        size = float(left @ towards)
        least = CONJUGATE**2 * size
        for _ in range(MOST_CONJUGATE):
            image = weighted.T @ (weighted @ direction) + (1.0 + damping) * direction
            length = size / float(direction @ image)
            found = found + length * direction
            left = left - length * image
            towards = near @ left
            before, size = size, float(left @ towards)
            if size <= least:
                break
            direction = towards + (size / before) * direction
        return found

    return solve


def settled(
    fit: Fit,
    target: Target,
    tolerance: float,
    *,
    n_steps: int = 40,
    near: Tensor | None = None,
    is_cancelled: Callable[[], bool] = lambda: False,
) -> tuple[Fit, int]:
    """Steps until the fit is done, ``n_steps`` at most, or a cancel; also tells how many.

    A :class:`Remembering` target searches at the first steps, from which on the rest go by what it
    remembers, and where these end; if that tells of more, they go on.
    """
    taken = n_round = 0
    remembers = isinstance(target, Remembering)
    while taken < n_steps and not fit.is_done and not is_cancelled():
        fit = gauss_newton_step(
            fit, target, tolerance, near=near, searches=not remembers or n_round < SEARCHED
        )
        taken += 1
        n_round += 1
        if fit.is_done and remembers and n_round > SEARCHED:
            fit = _searched(fit, target, tolerance)
            n_round = 0 if not fit.is_done else n_round
    return fit, taken


def _searched(fit: Fit, target: Target, tolerance: float) -> Fit:
    """A fit that ended by what was remembered, with what a search finds there.

    It is not done yet where that is worth a step; else the derivative stays the one before it.
    """
    predicted, memory = target.predict(fit.position, fit.here.memory)
    objective = _objective(target, predicted, fit.data, fit.position, fit.anchor)
    if abs(objective - fit.objective) <= NEWS * tolerance:
        here = replace(fit.here, predicted=predicted, memory=memory)
        return replace(fit, here=here, objective=objective)
    return replace(
        fit, here=target.linearise(fit.position, memory), objective=objective,
        is_converged=False, is_stalled=False, n_flat=0,
    )  # fmt: skip


def _recalled(fit: Fit, target: Target, memory: Memory, tolerance: float) -> Fit:
    """The fit with what a trial has found, where that changes its objective.

    It may be higher then: what it was compared by so far was no least.
    """
    if not isinstance(target, Remembering):
        return fit
    predicted, memory = target.recall(fit.position, fit.here.memory, memory)
    objective = _objective(target, predicted, fit.data, fit.position, fit.anchor)
    if abs(objective - fit.objective) < 0.1 * tolerance:
        return fit
    return replace(fit, here=target.linearise(fit.position, memory), objective=objective)


def _gram(matrix: Tensor) -> Tensor:
    """matrix.T @ matrix; by numpy on the CPU, which halves the work and lets other threads run."""
    if matrix.device.type != "cpu":
        return matrix.T @ matrix
    array = matrix.numpy()
    return torch.from_numpy(array.T @ array)


def maximum_a_posteriori(
    target: Target,
    memory: Memory,
    *,
    position: Tensor | None = None,
    is_near: bool = False,
    tolerance: float = 0.1,
    n_steps: int = 40,
) -> Fit:
    """The most probable position.

    Parameters
    ----------
    target : Target
        The data fit.
    memory : Memory
        What the forward model starts from.
    position : Tensor, (n_unknowns,), optional
        Where to start; the prior's mean by default.
    is_near : bool
        The memory is of a position nearby: what it holds will do until the first step.
    tolerance : float
        Fall of the objective below which a step is the last.
    n_steps : int
        Most steps.
    """
    zero = torch.zeros(target.n_unknowns, dtype=torch.float64)
    start = zero if position is None else position
    if is_near and isinstance(target, Remembering):
        _, memory = target.recall(start, memory)
    else:
        _, memory = target.predict(start, memory)
    fit = start_fit(target, start, target.linearise(start, memory), zero, target.observed)
    return settled(fit, target, tolerance, n_steps=n_steps)[0]


def refitted(fit: Fit, target: Target, tolerance: float = 0.1, *, n_steps: int = 20) -> Fit:
    """A most probable position once more, after the standard deviations changed."""
    fit = start_fit(target, fit.position, fit.here, fit.anchor, target.observed)
    return settled(fit, target, tolerance, n_steps=n_steps)[0]


def posterior_covariance_factor(here: Linearised, std: Tensor) -> Tensor:
    """Cholesky factor of the Gauss-Newton precision at a position, (n_unknowns, n_unknowns)."""
    weighted = here.jacobian / std[:, None]
    precision = _gram(weighted)
    precision.diagonal().add_(1.0)
    return torch.linalg.cholesky(precision)


def log_evidence(fit: Fit, std: Tensor) -> float:
    """Laplace's approximation of the log marginal likelihood at a maximum a posteriori.

    log p(d) = -objective - log det(L) - sum log std - n/2 log 2 pi, with L the Cholesky factor of
    the Gauss-Newton precision; exact when the forward model is linear.
    """
    factor = posterior_covariance_factor(fit.here, std)
    n_data = std.numel()
    return (
        -fit.objective
        - float(factor.diagonal().log().sum())
        - float(std.log().sum())
        - 0.5 * n_data * math.log(2 * math.pi)
    )


def effective_unknowns(here: Linearised, std: Tensor) -> float:
    """How many unknowns the data determine: trace of H (H + 1)**-1 (MacKay 1992)."""
    factor = posterior_covariance_factor(here, std)
    return factor.shape[0] - float(torch.cholesky_inverse(factor).trace())


def inferred_scale(fit: Fit, std: Tensor, scale: float) -> float:
    """The factor on all sigmas that the residuals of a fit ask for.

    MacKay's re-estimate chi2 / (n - effective unknowns), with :data:`SCALE_WEIGHT` pseudo-data that
    say 1, so that few data cannot drive it to zero.

    Parameters
    ----------
    fit : Fit
        A maximum a posteriori found with ``std * scale``.
    std : Tensor, (n_data,)
        The given standard deviations.
    scale : float
        The factor so far.
    """
    free = std.numel() - effective_unknowns(fit.here, std * scale)
    total = float(((fit.data - fit.here.predicted) / std).square().sum())
    return math.sqrt((total + SCALE_WEIGHT) / (max(free, 0.0) + SCALE_WEIGHT))


def mean_chi2(target: Target, predicted: Tensor) -> float:
    """Mean squared normalised residual against the data themselves."""
    return float((((target.observed - predicted) / target.std) ** 2).mean())


def _objective(
    target: Target, predicted: Tensor, data: Tensor, position: Tensor, anchor: Tensor
) -> float:
    """Half the sum of squares of residuals and of the distance to the prior draw."""
    misfit = ((data - predicted) / target.std).square().sum()
    return 0.5 * float(misfit + (position - anchor).square().sum())
