"""Markov chains with an exact Metropolis test: the gold standard, and the correction of a bias.

Proposals are laid around a normal distribution N(m, C), the Gauss-Newton posterior at the most
probable position. In its white coordinates y = L.T (x - m), C = (L L.T)**-1, a chain proposes

    y' = r y + (1 - r) g(x) + s z,     r**2 + s**2 = 1,     z ~ N(0, 1).

Without the drift g this is the preconditioned Crank-Nicolson walk; with g = y + L**-1 score(x),
the gradient of what the posterior has beyond N(m, C), it is the Metropolis-adjusted Langevin
walk, its linear part integrated exactly. A posterior that is N(m, C) is drawn from at every step
size s, independently at s = 1, so that the step has to follow the nonlinearity alone and not the
number of unknowns.

The test accepts with min(1, p(x') q(x' -> x) / (p(x) q(x -> x'))), by the target's own
predictions. The drift only proposes: a Jacobian that is approximate slows the chain down and
biases nothing, as long as it is a function of the position alone (not of the chain's past, as
with rays that are kept from the last model).

Where the posterior has longer tails than N(m, C), bold steps get stuck in them, and a chain that
has not been there yet looks well mixed and is too narrow. Adaptation therefore stops at
:data:`MOST_STEP`, and several chains should begin far apart.

References
----------
Cotter et al. 2013, doi 10.1214/13-STS421; Roberts and Tweedie 1996, doi 10.2307/3318418.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import Generator, Tensor

from seisnb.conventions import InputError
from seisnb.inference.base import Linearised, Memory, StepInfo, Target
from seisnb.inference.rml import mean_chi2, posterior_covariance_factor

#: Shares of proposals to accept for which step sizes are adapted: with drift, without.
DRIFT_ACCEPTANCE, WALK_ACCEPTANCE = 0.57, 0.3
#: The n-th step of adaptation changes the log step size by (accepted - aim) / n**SLOWING.
SLOWING = 0.6
#: Step sizes that adaptation goes to, least and most.
LEAST_STEP, MOST_STEP = 1e-3, 0.7


@dataclass(frozen=True, kw_only=True)
class Reference:
    """The normal distribution that proposals are laid around.

    Attributes
    ----------
    centre : Tensor, (n_unknowns,)
        Its mean m.
    factor : Tensor, (n_unknowns, n_unknowns)
        Lower Cholesky factor L of its precision.
    """

    centre: Tensor
    factor: Tensor

    def to_white(self, position: Tensor) -> Tensor:
        """White coordinates L.T (x - m) of a position, both (n_unknowns,)."""
        return self.factor.T @ (position - self.centre)

    def from_white(self, white: Tensor) -> Tensor:
        """The position of white coordinates, both (n_unknowns,)."""
        moved = torch.linalg.solve_triangular(self.factor.T, white[:, None], upper=True)
        return self.centre + moved[:, 0]

    def gradient_to_white(self, gradient: Tensor) -> Tensor:
        """L**-1 applied to a gradient with respect to the position, both (n_unknowns,)."""
        return torch.linalg.solve_triangular(self.factor, gradient[:, None], upper=False)[:, 0]


def gauss_newton_reference(position: Tensor, here: Linearised, target: Target) -> Reference:
    """The posterior of the target linearised at a position, the most probable one at best."""
    factor = posterior_covariance_factor(here, target.std)
    score = _score(position, here, target)
    return Reference(
        centre=position + torch.cholesky_solve(score[:, None], factor)[:, 0], factor=factor
    )


@dataclass(frozen=True, kw_only=True)
class Chain:
    """A chain on its way.

    Attributes
    ----------
    position, white : Tensor, (n_unknowns,)
        Where it stands, also in white coordinates.
    predicted : Tensor, (n_data,)
        Predicted data there.
    memory : Memory
        What the forward model remembers of it.
    here : Linearised or None
        The forward model there; None without drift.
    drift : Tensor, (n_unknowns,)
        The drift g there, in white coordinates.
    log_density : float
        Log posterior density up to a constant.
    reference : Reference
        What proposals are laid around.
    log_step : float
        Log of the step size.
    n_steps, n_accepted : int
        Steps so far, and those of them that moved.
    """

    position: Tensor
    white: Tensor
    predicted: Tensor
    memory: Memory
    here: Linearised | None
    drift: Tensor
    log_density: float
    reference: Reference
    log_step: float
    n_steps: int = 0
    n_accepted: int = 0


@dataclass(frozen=True, kw_only=True)
class MetropolisLangevin:
    """The engine: every particle is a chain of its own.

    Attributes
    ----------
    step_size : float
        Share s of the reference's spread that a proposal draws anew, in (0, 1].
    has_drift : bool
        Proposals follow the score (Langevin); without, none is computed (Crank-Nicolson).
    n_adapt : int
        Steps in which a chain's step size is adapted; they belong to the burn-in.
    """

    step_size: float = 0.5
    has_drift: bool = True
    n_adapt: int = 0
    independent: bool = True

    def __post_init__(self) -> None:
        """Refuse settings that are none."""
        if not 0 < self.step_size <= 1:
            raise InputError(
                f"MetropolisLangevin: step_size is {self.step_size}; expected more than 0 and at "
                "most 1."
            )
        if self.n_adapt < 0:
            raise InputError(
                f"MetropolisLangevin: n_adapt is {self.n_adapt}; expected a number of steps."
            )

    def init(
        self, position: Tensor, here: Linearised, target: Target, generator: Generator
    ) -> tuple[Chain, ...]:
        """Chains at ``position`` (particle, n_unknowns); ``here`` is the model at the first row."""
        reference = gauss_newton_reference(position[0], here, target)
        return tuple(
            self.start(row, target, reference, here.memory, here=here)
            if torch.equal(row, position[0])
            else self.start(row, target, reference, here.memory)
            for row in position
        )

    def start(
        self,
        position: Tensor,
        target: Target,
        reference: Reference,
        memory: Memory,
        *,
        here: Linearised | None = None,
    ) -> Chain:
        """One chain at a position; ``here`` is the model there where it is already known.

        Raises
        ------
        InputError
            The posterior density is not finite there, so that no proposal could be compared.
        """
        if here is None:
            predicted, memory = target.predict(position, memory)
        else:
            predicted, memory = here.predicted, here.memory
        if self.has_drift and here is None:
            here = target.linearise(position, memory)
        chain = Chain(
            position=position,
            white=reference.to_white(position),
            predicted=predicted,
            memory=memory,
            here=here if self.has_drift else None,
            drift=torch.zeros_like(position),
            log_density=math.nan,
            reference=reference,
            log_step=math.log(self.step_size),
        )
        chain = judged(chain, target)
        if not math.isfinite(chain.log_density):
            raise InputError(
                f"MetropolisLangevin: the log density is {chain.log_density} where a chain is to "
                "start. Start where the forward model gives finite data."
            )
        return chain

    def step(
        self, state: tuple[Chain, ...], target: Target, generator: Generator
    ) -> tuple[tuple[Chain, ...], StepInfo]:
        """One proposal and test of every chain."""
        after = tuple(self.advance(chain, target, generator) for chain in state)
        moves = [
            (new.position - old.position).square().mean()
            for old, new in zip(state, after, strict=True)
        ]
        return after, StepInfo(
            chi2=sum(mean_chi2(target, chain.predicted) for chain in after) / len(after),
            change=float(torch.stack(moves).mean().sqrt()),
            is_converged=False,
        )

    def advance(self, chain: Chain, target: Target, generator: Generator) -> Chain:
        """One proposal and test of one chain."""
        kept, drawn = _turn(chain.log_step)
        noise = torch.randn(chain.white.numel(), generator=generator, dtype=torch.float64)
        threshold = math.log(
            max(float(torch.rand((), generator=generator, dtype=torch.float64)), 1e-300)
        )
        white = kept * chain.white + (1 - kept) * chain.drift + drawn * noise.to(chain.white)
        position = chain.reference.from_white(white)
        predicted, memory = target.predict(position, chain.memory)
        proposed = judged(
            replace(
                chain,
                position=position,
                white=white,
                predicted=predicted,
                memory=memory,
                here=target.linearise(position, memory) if self.has_drift else None,
            ),
            target,
        )
        log_ratio = (
            proposed.log_density
            - chain.log_density
            + _log_proposal(proposed, chain)
            - _log_proposal(chain, proposed)
        )
        is_accepted = math.isfinite(log_ratio) and threshold < log_ratio
        log_step, n_steps = chain.log_step, chain.n_steps + 1
        if n_steps <= self.n_adapt:
            accepted = math.exp(min(log_ratio, 0.0)) if math.isfinite(log_ratio) else 0.0
            aim = DRIFT_ACCEPTANCE if self.has_drift else WALK_ACCEPTANCE
            log_step += (accepted - aim) / n_steps**SLOWING
            log_step = min(max(log_step, math.log(LEAST_STEP)), math.log(MOST_STEP))
        return replace(
            proposed if is_accepted else chain,
            log_step=log_step,
            n_steps=n_steps,
            n_accepted=chain.n_accepted + is_accepted,
        )

    def particles(self, state: tuple[Chain, ...]) -> list[tuple[Tensor, Linearised]]:
        """Position of every chain and the forward model there (with drift only).

        Raises
        ------
        InputError
            Without drift no chain knows its forward model's derivative.
        """
        found = []
        for chain in state:
            if chain.here is None:
                raise InputError(
                    "MetropolisLangevin: without drift the forward model is not linearised; take "
                    "positions from the chains themselves."
                )
            found.append((chain.position, chain.here))
        return found


def log_posterior(target: Target, position: Tensor, predicted: Tensor) -> float:
    """Log posterior density at a position with its predicted data, up to a constant."""
    residual = (target.observed - predicted) / target.std
    return -0.5 * float(residual.square().sum() + position.square().sum())


def judged(chain: Chain, target: Target) -> Chain:
    """The chain with its density and drift anew, for instance after the target's std changed."""
    log_density = log_posterior(target, chain.position, chain.predicted)
    drift = torch.zeros_like(chain.white)
    if chain.here is not None:
        score = _score(chain.position, chain.here, target)
        drift = chain.white + chain.reference.gradient_to_white(score)
        # far out a full drift would throw proposals away; cut short it is still a drift
        longest = math.sqrt(drift.numel())
        drift = drift * min(1.0, longest / max(float(drift.norm()), 1e-300))
    return replace(chain, log_density=log_density, drift=drift)


def _score(position: Tensor, here: Linearised, target: Target) -> Tensor:
    """Gradient of the log posterior density, (n_unknowns,)."""
    return here.jacobian.T @ ((target.observed - here.predicted) / target.std**2) - position


def _turn(log_step: float) -> tuple[float, float]:
    """What a proposal keeps of the old position, r, and draws anew, s."""
    drawn = math.exp(log_step)
    return math.sqrt(max(1.0 - drawn**2, 0.0)), drawn


def _log_proposal(start: Chain, end: Chain) -> float:
    """Log density of proposing ``end`` from ``start``, up to what both directions share."""
    kept, drawn = _turn(start.log_step)
    away = end.white - kept * start.white - (1 - kept) * start.drift
    return -0.5 * float(away.square().sum()) / drawn**2
