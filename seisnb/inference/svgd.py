"""Stein variational gradient descent in the space of model values (Agata et al. 2023).

Particle i moves by phi_i = (1/n) sum_j [k(m_j, m_i) grad log p(m_j) + grad_{m_j} k(m_j, m_i)].
m = features @ x are the values of the model (not the unknowns x), k = exp(-|d|**2 / h) and h is the
median squared distance; phi is pulled back to the unknowns by features.T and preconditioned by the
Gauss-Newton covariance at the start. The particles are deterministic and too close together: their
spread underestimates the posterior's (for calibrated members see :mod:`seisnb.inference.rml`).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from seisnb.inference.base import Linearised, StepInfo, Target
from seisnb.inference.rml import mean_chi2, posterior_covariance_factor
from seisnb.threads import in_parallel


@dataclass(frozen=True, kw_only=True)
class Swarm:
    """Particles on their way.

    Attributes
    ----------
    position : Tensor, (particle, n_unknowns)
        Where they stand.
    here : tuple of Linearised
        The forward model at each.
    factor : Tensor, (n_unknowns, n_unknowns)
        Cholesky factor of the preconditioning precision.
    """

    position: Tensor
    here: tuple[Linearised, ...]
    factor: Tensor


@dataclass(frozen=True, kw_only=True)
class SteinVariationalGradientDescent:
    """The engine.

    Attributes
    ----------
    features : Tensor, (n_values, n_unknowns)
        Values of the model per unknown.
    step_size : float
        Share of the preconditioned move that is taken.
    most_move : float
        Longest rms move of a particle in one iteration [prior standard deviations]: the
        preconditioner is that of the start, and where the forward model bends away from it a full
        move would throw particles out of the prior.
    tolerance : float
        Done when the rms move of an iteration is below this [posterior standard deviations].
    n_workers : int
        Threads for the forward models.
    """

    features: Tensor
    step_size: float = 0.5
    most_move: float = 0.2
    tolerance: float = 5e-3
    n_workers: int = 1
    independent: bool = False

    def init(
        self, position: Tensor, here: Linearised, target: Target, generator: Generator
    ) -> Swarm:
        """Spread particles around ``position`` as the linearised posterior there says."""
        factor = posterior_covariance_factor(here, target.std)
        noise = torch.randn(position.shape, generator=generator, dtype=position.dtype)
        spread = torch.linalg.solve_triangular(factor.T, noise.T, upper=True).T
        moved = position + spread
        return Swarm(
            position=moved,
            here=self._linearise(moved, [here] * len(moved), target),
            factor=factor,
        )

    def resume(self, position: Tensor, here: Linearised, target: Target) -> Swarm:
        """Go on from stored positions; ``here`` is where the preconditioner comes from."""
        factor = posterior_covariance_factor(here, target.std)
        return Swarm(
            position=position,
            here=self._linearise(position, [here] * len(position), target),
            factor=factor,
        )

    def step(self, state: Swarm, target: Target, generator: Generator) -> tuple[Swarm, StepInfo]:
        """Move all particles once."""
        position = state.position
        score = torch.stack(
            [
                here.jacobian.T @ ((target.observed - here.predicted) / target.std**2) - x
                for here, x in zip(state.here, position, strict=True)
            ]
        )
        values = position @ self.features.T
        squared = torch.cdist(values, values).square()
        off_diagonal = squared[~torch.eye(len(position), dtype=torch.bool)]
        bandwidth = off_diagonal.median().clamp_min(1e-12)
        kernel = torch.exp(-squared / bandwidth)
        attraction = kernel @ score
        repulsion = (2 / bandwidth) * (kernel.sum(dim=1)[:, None] * values - kernel @ values)
        force = (attraction + repulsion @ self.features) / len(position)
        move = self.step_size * torch.cholesky_solve(force.T, state.factor).T
        length = move.square().mean(dim=1, keepdim=True).sqrt()
        move = move * (self.most_move / length.clamp_min(1e-300)).clamp_max(1.0)
        after = position + move
        here = self._linearise(after, list(state.here), target)
        change = float((move @ state.factor).square().mean().sqrt())
        info = StepInfo(
            chi2=sum(mean_chi2(target, each.predicted) for each in here) / len(here),
            change=change,
            is_converged=change < self.tolerance * self.step_size,
        )
        return Swarm(position=after, here=here, factor=state.factor), info

    def particles(self, state: Swarm) -> list[tuple[Tensor, Linearised]]:
        """Position of every particle and the forward model there."""
        return list(zip(state.position, state.here, strict=True))

    def _linearise(
        self, position: Tensor, before: list[Linearised], target: Target
    ) -> tuple[Linearised, ...]:
        """The forward model at every particle, in parallel."""

        def work(index: int) -> Linearised:
            _, memory = target.predict(position[index], before[index].memory)
            return target.linearise(position[index], memory)

        found = dict(in_parallel(work, list(range(len(position))), n_workers=self.n_workers))
        return tuple(found[index] for index in range(len(position)))
