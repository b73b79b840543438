"""Refitting the travel-time networks to the velocities of the moment, and the adjoint of that fit.

Two optimisers, both for all particles at once. :func:`lbfgs` is the published one.
:func:`gauss_newton` solves in the space of residuals, where the matrix J J.T is small (points by
points); with a few hundred points one of its steps costs as much as five evaluations of the
objective and fits better than ten of L-BFGS.

The fit makes the weights a function of the velocities at the collocation points. With
r = v - 1/|grad T| held at 0, J dw = -dv, so that the smallest dw is -J.T (J J.T)**-1 dv and the
gradient of a function of the times with derivative F.T g by the weights is

    dL/dv = -y,    J J.T y = J F.T g:

the normal equations of J.T y = F.T g. :func:`adjoint_cgnr` solves them by conjugate gradients
(CGNR), :func:`adjoint_dense` by Cholesky.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from seisnb.conventions import InputError
from seisnb.vsvgd.networks import Network
from seisnb.vsvgd.travel_times import (
    Gap,
    TravelTimeNetwork,
    eikonal_gap,
    gap_gram,
    gap_pull,
    gap_push,
)

#: Pairs of steps and gradients that L-BFGS remembers.
HISTORY = 10
#: Steps along one direction that are tried.
TRIALS = 6
#: Share of the forecast fall that a step must reach (Armijo).
ARMIJO = 1e-4

#: Weights of some particles and which ones, to objective (particle,) and gradient.
Objective = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


@dataclass(frozen=True, kw_only=True)
class Collocation:
    """Where the eikonal equation is held.

    Attributes
    ----------
    place, source : Tensor, (n, d)
        Points and the source of each [km].
    features : Tensor
        From :func:`seisnb.vsvgd.travel_times.pair_features`.
    velocity : Tensor, (particle, n)
        What 1 / |grad T| should be [km/s].
    """

    place: Tensor
    source: Tensor
    features: Tensor
    velocity: Tensor

    def of(self, which: Tensor) -> Collocation:
        """That of some particles."""
        if len(which) == len(self.velocity):
            return self
        return Collocation(
            place=self.place,
            source=self.source,
            features=self.features[which],
            velocity=self.velocity[which],
        )


def eikonal_objective(travel: TravelTimeNetwork, points: Collocation) -> Objective:
    """Half the mean square of r = v - 1/|grad T|, and its gradient by the weights."""

    def objective(weights: Tensor, which: Tensor) -> tuple[Tensor, Tensor]:
        held = points.of(which)
        gap = eikonal_gap(travel, weights, held.features, held.place, held.source)
        residual = held.velocity - gap.apparent
        return 0.5 * residual.square().mean(dim=1), gap_pull(gap, residual / residual.shape[1])

    return objective


def lbfgs(objective: Objective, weights: Tensor, *, n_epochs: int) -> Tensor:
    """Limited-memory BFGS with a line search for every particle.

    A step is first tried whole, then shortened by the parabola through what is known; particles
    that are content wait. A particle without a good step stays and forgets its history.

    Parameters
    ----------
    objective : callable
        Value (particle,) and gradient (particle, n) of the given particles.
    weights : Tensor, (particle, n)
        Where to start.
    n_epochs : int
        Directions that are taken.

    References
    ----------
    Nocedal and Wright 2006, Numerical Optimization, algorithm 7.4.
    """
    everyone = torch.arange(len(weights), device=weights.device)
    value, gradient = objective(weights, everyone)
    steps: list[Tensor] = []
    changes: list[Tensor] = []
    for _ in range(n_epochs):
        direction = _two_loops(gradient, steps, changes)
        forecast = (direction * gradient).sum(dim=1)
        uphill = forecast >= 0
        direction = torch.where(uphill[:, None], -gradient, direction)
        forecast = torch.where(uphill, -gradient.square().sum(dim=1), forecast)
        length = torch.ones_like(value)
        if not steps:
            length = (1 / gradient.abs().sum(dim=1).clamp_min(1e-30)).clamp_max(1.0)
        after, value_after, gradient_after = weights.clone(), value.clone(), gradient.clone()
        which = everyone
        for _ in range(TRIALS):
            trial = weights[which] + length[which, None] * direction[which]
            found, slope = objective(trial, which)
            wanted = value[which] + ARMIJO * length[which] * forecast[which]
            good = found <= wanted
            accepted = which[good]
            after[accepted], value_after[accepted] = trial[good], found[good]
            gradient_after[accepted] = slope[good]
            rest = which[~good]
            if len(rest) == 0:
                break
            rise = found[~good] - value[rest] - length[rest] * forecast[rest]
            parabola = -forecast[rest] * length[rest] / (2 * rise)
            length[rest] *= torch.nan_to_num(parabola, nan=0.1).clamp(0.1, 0.5)
            which = rest
        steps.append(after - weights)
        changes.append(gradient_after - gradient)
        del steps[:-HISTORY], changes[:-HISTORY]
        weights, value, gradient = after, value_after, gradient_after
    return weights


def _two_loops(gradient: Tensor, steps: list[Tensor], changes: list[Tensor]) -> Tensor:
    """The quasi-Newton direction; pairs without positive curvature count for nothing."""
    direction = -gradient
    shares = []
    inverse = []
    for step, change in zip(reversed(steps), reversed(changes), strict=True):
        curvature = (step * change).sum(dim=1)
        bent = curvature > 1e-10 * step.norm(dim=1) * change.norm(dim=1)
        rho = torch.where(bent, 1 / torch.where(bent, curvature, 1.0), 0.0)
        share = rho * (step * direction).sum(dim=1)
        direction = direction - share[:, None] * change
        shares.append(share)
        inverse.append(rho)
    if steps:
        square = changes[-1].square().sum(dim=1)
        scale = (steps[-1] * changes[-1]).sum(dim=1) / square.clamp_min(1e-30)
        direction = direction * torch.where(scale > 0, scale, 1.0)[:, None]
    for step, change, share, rho in zip(
        steps, changes, reversed(shares), reversed(inverse), strict=True
    ):
        back = rho * (change * direction).sum(dim=1)
        direction = direction + (share - back)[:, None] * step
    return direction


def gauss_newton(
    travel: TravelTimeNetwork,
    points: Collocation,
    weights: Tensor,
    *,
    n_steps: int,
    damping: float,
) -> Tensor:
    """Damped Gauss-Newton in the space of residuals: dw = -J.T (J J.T + damping)**-1 r.

    Parameters
    ----------
    travel, points : TravelTimeNetwork, Collocation
        What is fitted, and where.
    weights : Tensor, (particle, n_weights)
        Where to start.
    n_steps : int
        Steps; a particle whose misfit a step would raise takes a quarter of it or stays.
    damping : float
        In units of the mean diagonal of J J.T.
    """
    for _ in range(n_steps):
        gap = eikonal_gap(travel, weights, points.features, points.place, points.source)
        residual = points.velocity - gap.apparent
        step = gap_pull(gap, solve_damped(gap_gram(gap), -residual, damping))
        before = residual.square().mean(dim=1)
        which = torch.arange(len(weights), device=weights.device)
        weights = weights.clone()
        for length in (1.0, 0.25):
            held = points.of(which)
            trial = weights[which] + length * step[which]
            there = eikonal_gap(travel, trial, held.features, held.place, held.source)
            better = (held.velocity - there.apparent).square().mean(dim=1) < before[which]
            weights[which[better]] = trial[better]
            which = which[~better]
            if len(which) == 0:
                break
    return weights


def solve_damped(matrix: Tensor, right: Tensor, damping: float) -> Tensor:
    """(A + damping * mean diagonal * I)**-1 b for every particle, (particle, n).

    Raises
    ------
    InputError
        The damping is below what the precision of A can bear.
    """
    diagonal = matrix.diagonal(dim1=1, dim2=2)
    ridge = damping * diagonal.mean(dim=1, keepdim=True).expand_as(diagonal)
    factor, failed = torch.linalg.cholesky_ex(matrix + torch.diag_embed(ridge))
    if bool(failed.any()):
        raise InputError(
            f"vsvgd: with damping {damping:g} the normal matrix of {int((failed > 0).sum())} "
            "particles is not positive definite in this precision. Use a larger damping, or "
            "double precision."
        )
    return torch.cholesky_solve(right[..., None], factor)[..., 0]


def adjoint_dense(gap: Gap, network: Network, gradient: Tensor, *, damping: float) -> Tensor:
    """dL/dv at the collocation points from dL/dw, by Cholesky, (particle, n)."""
    return -solve_damped(gap_gram(gap), gap_push(gap, network, gradient), damping)


def adjoint_cgnr(
    gap: Gap, network: Network, gradient: Tensor, *, n_steps: int, tolerance: float
) -> Tensor:
    """dL/dv at the collocation points from dL/dw, by conjugate gradients, (particle, n).

    Parameters
    ----------
    gap : Gap
        The eikonal equation where the fit stands.
    network : Network
        Shape of the travel-time networks.
    gradient : Tensor, (particle, n_weights)
        dL/dw.
    n_steps : int
        Most iterations; stopping early leaves out what the points hardly determine.
    tolerance : float
        A particle is done when the residual of its normal equations has fallen by this factor.

    References
    ----------
    Saad 2003, Iterative Methods for Sparse Linear Systems, section 8.3.
    """
    remaining = gap_push(gap, network, gradient)
    solution = torch.zeros_like(remaining)
    direction = remaining
    size = remaining.square().sum(dim=1)
    enough = tolerance**2 * size
    for _ in range(n_steps):
        active = size > enough
        if not bool(active.any()):
            break
        in_weights = gap_pull(gap, direction)
        curvature = in_weights.square().sum(dim=1)
        length = torch.where(active, size / curvature.clamp_min(1e-30), 0.0)
        solution = solution + length[:, None] * direction
        remaining = remaining - length[:, None] * gap_push(gap, network, in_weights)
        after = remaining.square().sum(dim=1)
        direction = remaining + (after / size.clamp_min(1e-30))[:, None] * direction
        size = torch.where(active, after, size)
    return -solution
