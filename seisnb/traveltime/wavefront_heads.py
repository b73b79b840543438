"""Heads of the wavefront network: damped Gauss-Newton, and the closed-form adjoint.

A head is the solution of a small nonlinear least-squares problem, the eikonal equation at points
prepared once. All normal equations are in float64; nothing here holds state.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from seisnb.conventions import InputError
from seisnb.threads import single_threaded
from seisnb.traveltime.wavefront_trunk import GridFrame


@dataclass(frozen=True, kw_only=True, eq=False)
class Collocation:
    """Where the eikonal equation is asked of a head, with everything that no model changes.

    Attributes
    ----------
    points, sources : Tensor, (n, 2)
        Easting and depth below the surface [km].
    background : Tensor, (2, n)
        Gradient of T_bg [s/km].
    corrections : Tensor, (2, n, H)
        Gradients of T_bg phi_k [s/km].
    node : Tensor of int64, (n, 4)
        Flat indices of the four grid nodes around every point.
    weight : Tensor, (n, 4)
        Their bilinear weights.
    shape : tuple of int
        (nx, nz) of the velocity grid.
    """

    points: Tensor
    sources: Tensor
    background: Tensor
    corrections: Tensor
    node: Tensor
    weight: Tensor
    shape: tuple[int, int]

    def velocity(self, models: Tensor) -> Tensor:
        """Velocity (..., n) [km/s] of models (..., nx, nz) at the points, bilinear."""
        if tuple(models.shape[-2:]) != self.shape:
            raise InputError(
                f"wavefront network: velocity models are {tuple(models.shape[-2:])}, the network's "
                f"grid is {self.shape} (easting, depth)."
            )
        flat = models.reshape(*models.shape[:-2], -1).to(self.weight)
        return (flat[..., self.node] * self.weight).sum(-1)

    def to_grid(self, sensitivity: Tensor) -> Tensor:
        """Sensitivities (m, n) to velocity at the points, to the grid's nodes: (m, nx, nz)."""
        m = len(sensitivity)
        grid = sensitivity.new_zeros(m, self.shape[0] * self.shape[1])
        parts = (sensitivity[:, :, None] * self.weight.to(sensitivity)).reshape(m, -1)
        grid.index_add_(1, self.node.reshape(-1), parts)
        return grid.reshape(m, *self.shape)


@dataclass(frozen=True, kw_only=True, eq=False)
class HeadFit:
    """Heads of some models, and how well they obey the eikonal equation.

    Attributes
    ----------
    heads : Tensor, (n_models, H)
        float64.
    residual_rms : Tensor, (n_models,)
        Root mean square of |grad T| v - 1.
    n_steps : Tensor, (n_models,)
        Gauss-Newton steps taken (each one factorisation).
    """

    heads: Tensor
    residual_rms: Tensor
    n_steps: Tensor


@single_threaded()
@torch.no_grad()
def fit_heads(
    where: Collocation,
    velocity: Tensor,
    start: Tensor,
    *,
    n_steps: int = 8,
    tolerance: float = 1e-2,
    ridge: float = 1e-6,
) -> HeadFit:
    """Solve the heads of models by damped Gauss-Newton on the eikonal residual.

    Minimises mean r^2 + ridge |a|^2 with r = |grad T| v - 1. Normal equations in float64;
    Levenberg damping starts at zero and grows tenfold while a step does not gain.

    Parameters
    ----------
    where : Collocation
        Points, from :meth:`WavefrontNetwork.collocate`; many more than H.
    velocity : Tensor, (n_models, nx, nz) or (nx, nz)
        Models [km/s].
    start : Tensor, (n_models, H) or (H,)
        Where to start: zeros, the network's ``prior_head``, or a neighbouring model's head.
    n_steps : int
        Most steps per model.
    tolerance : float
        A model is done when a step lowers its objective by less than this share.
    ridge : float
        Weight of |a|^2.
    """
    models = velocity if velocity.ndim == 3 else velocity[None]
    heads = start.double().expand(len(models), -1).clone()
    rms = torch.empty(len(models), dtype=torch.float64)
    taken = torch.zeros(len(models), dtype=torch.int64)
    for i, speed in enumerate(where.velocity(models).double()):
        heads[i], rms[i], taken[i] = _fit_head(
            where, speed, heads[i], n_steps=n_steps, tolerance=tolerance, ridge=ridge
        )
    return HeadFit(heads=heads, residual_rms=rms, n_steps=taken)


def _fit_head(
    where: Collocation, speed: Tensor, head: Tensor, *, n_steps: int, tolerance: float, ridge: float
) -> tuple[Tensor, float, int]:
    """One model's head, residual rms and steps taken."""
    n = len(speed)
    identity = torch.eye(len(head), dtype=torch.float64, device=speed.device)
    direction, norm = _gradients(where, head)
    residual = norm * speed - 1
    value = float(residual @ residual) / n + ridge * float(head @ head)
    damping, taken = 0.0, 0
    while taken < n_steps:
        taken += 1
        jacobian = _jacobian(where, direction, speed)
        normal = jacobian.T @ jacobian / n + ridge * identity
        slope = jacobian.T @ residual / n + ridge * head
        gained = 0.0
        for _ in range(6):
            factor = torch.linalg.cholesky(normal + (damping + 1e-12) * identity)
            trial = head - torch.cholesky_solve(slope[:, None], factor)[:, 0]
            direction_new, norm = _gradients(where, trial)
            residual_new = norm * speed - 1
            value_new = float(residual_new @ residual_new) / n + ridge * float(trial @ trial)
            if value_new < value:
                gained = value - value_new
                head, direction, residual, value = trial, direction_new, residual_new, value_new
                damping *= 0.1
                break
            damping = max(10 * damping, 1e-4 * float(normal.diagonal().mean()))
        if gained < tolerance * value:
            break
    return head, float((residual @ residual / n).sqrt()), taken


def _gradients(where: Collocation, head: Tensor) -> tuple[Tensor, Tensor]:
    """Unit direction (2, n) and length (n,) of grad T, float64."""
    gradient = (where.background + where.corrections @ head.to(where.corrections)).double()
    norm = torch.sqrt((gradient**2).sum(0) + 1e-24)
    return gradient / norm, norm


def _jacobian(where: Collocation, direction: Tensor, speed: Tensor) -> Tensor:
    """dr/da (n, H), float64: v (grad T / |grad T|) . grad(T_bg phi_k)."""
    along = (direction * speed).to(where.corrections)[:, :, None]
    return (where.corrections[0] * along[0]).addcmul_(where.corrections[1], along[1]).double()


@torch.no_grad()
def velocity_sensitivity(
    where: Collocation,
    velocity: Tensor,
    head: Tensor,
    derivative: Tensor,
    *,
    ridge: float = 1e-6,
) -> Tensor:
    """Derivative of network times with respect to velocity, with the head refitted: closed form.

    The fit's stationarity J^T r + n ridge a = 0 is differentiated exactly. With
    e = grad T / |grad T|, r = |grad T| v - 1 and J = v e . grad(T_bg phi),

        dT/dv = -F M^-1 J^T diag(|grad T| + r / v),
        M = J^T J + (curvature of |grad T| times r v) + n ridge I,    F = dT/da.

    Where r vanishes this is the Gauss-Newton form -F M^-1 J^T diag(|grad T|).

    Parameters
    ----------
    where : Collocation
        The points that the head was fitted on.
    velocity, head : Tensor, (nx, nz) and (H,)
        The model [km/s] and its fitted head.
    derivative : Tensor, (m, H)
        F: T_bg phi_k at the picks [s].
    ridge : float
        That of the fit.

    Returns
    -------
    Tensor, (m, n)
        Sensitivity to velocity at every collocation point [s/(km/s)]; :meth:`Collocation.to_grid`
        carries it to the nodes of the grid.
    """
    head = head.double()
    speed = where.velocity(velocity).double()
    direction, norm = _gradients(where, head)
    residual = norm * speed - 1
    jacobian = _jacobian(where, direction, speed)
    across = torch.stack([-direction[1], direction[0]]).to(where.corrections)[:, :, None]
    bend = (where.corrections[0] * across[0]).addcmul_(where.corrections[1], across[1]).double()
    normal = jacobian.T @ jacobian + bend.T @ (bend * (residual * speed / norm)[:, None])
    normal.diagonal().add_(len(speed) * ridge)
    solved = torch.linalg.solve(normal, derivative.double().T)
    return -(jacobian @ solved).T * (norm + residual / speed)


def bilinear(points: Tensor, frame: GridFrame) -> tuple[Tensor, Tensor]:
    """Flat node indices (n, 4) and weights (n, 4) of points (n, 2), held to the grid's edges."""
    u = ((points[:, 0] - frame.x0) / frame.dx).clamp(0, frame.nx - 1)
    w = (points[:, 1] / frame.dz).clamp(0, frame.nz - 1)
    i, k = u.long().clamp(max=frame.nx - 2), w.long().clamp(max=frame.nz - 2)
    a, b = u - i, w - k
    corner = i * frame.nz + k
    node = torch.stack([corner, corner + 1, corner + frame.nz, corner + frame.nz + 1], dim=1)
    weight = torch.stack([(1 - a) * (1 - b), (1 - a) * b, a * (1 - b), a * b], dim=1)
    return node, weight
