"""One wavefront network for a whole ensemble of velocity models.

    T_i(x, xs) = T_bg(x, xs) (1 + sum_k a_ik phi_k(x, xs))

The basis phi_k is shared and learnt once (:mod:`seisnb.traveltime.wavefront_training`); a model i is
only its head a_i, found by Gauss-Newton on the eikonal residual r = |grad T| v - 1 at collocation
points, all sources at once. r counts a relative error of slowness, which is what times are made of;
the squared form |grad T|^2 v^2 - 1 lets the few fastest points rule where velocities differ tenfold
(5 ms instead of 1.2 ms rms on such a line). Its derivative with respect to velocity is closed-form.

All functions are pure and hold no state: members may run in threads.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from seisnb.conventions import CheckpointError, InputError
from seisnb.traveltime.wavefront_trunk import Background, GridFrame, Trunk

Array = NDArray[np.float64]
__all__ = [
    "Collocation",
    "GridFrame",
    "HeadFit",
    "RayBasis",
    "WavefrontNetwork",
    "fit_heads",
    "load_network",
    "velocity_sensitivity",
]

_FORMAT = "seisnb wavefront network 1"


@dataclass(frozen=True, kw_only=True, eq=False)
class RayBasis:
    """Times of any model at fixed points from fixed sources, as one matrix product.

    Attributes
    ----------
    background : Tensor, (n_sources, ...)
        T_bg [s].
    corrections : Tensor, (n_sources, ..., H)
        T_bg phi_k [s].
    """

    background: Tensor
    corrections: Tensor

    def __matmul__(self, head: Tensor) -> Tensor:
        """Times (n_sources, ...) [s] of a head (H,)."""
        return self.background + self.corrections @ head.to(self.corrections)


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


@dataclass(frozen=True, kw_only=True, eq=False)
class WavefrontNetwork:
    """Travel times of first arrivals for any model of the prior it was trained on.

    Attributes
    ----------
    trunk : Trunk
        Background and basis functions.
    frame : GridFrame
        The velocity models' grid and the surface.
    sources : Tensor, (n_sources, 2)
        The survey's source positions: easting, depth below the surface [km].
    prior_head : Tensor, (H,)
        The training models' mean head: where a cold fit starts.
    """

    trunk: Trunk
    frame: GridFrame
    sources: Tensor
    prior_head: Tensor

    @property
    def n_basis(self) -> int:
        """Unknowns of a head."""
        return len(self.prior_head)

    def _pairs(self, points: ArrayLike | Tensor, sources: ArrayLike | Tensor) -> list[Tensor]:
        """Points and sources (n, 2) below the surface, to physical positions."""
        like = self.trunk.weights[0]
        pairs = [
            torch.as_tensor(self.frame.hang(np.asarray(_host(p), float))).to(like)
            for p in (points, sources)
        ]
        return [p.contiguous() for p in torch.broadcast_tensors(*pairs)]

    @torch.no_grad()
    def jets(
        self, points: ArrayLike | Tensor, sources: ArrayLike | Tensor
    ) -> tuple[Tensor, Tensor]:
        """T_bg and T_bg phi_k with their derivatives along easting and (physical) depth.

        Parameters
        ----------
        points, sources : array_like, (n, 2)
            Easting and depth below the surface [km]; one of them may be (1, 2).

        Returns
        -------
        background : Tensor, (3, n)
            Time [s], derivatives [s/km].
        corrections : Tensor, (3, n, H)
            The same of every T_bg phi_k.
        """
        pair = self._pairs(points, sources)
        background = self.trunk.background.times(*pair)
        return background, scale_jets(background, self.trunk.jets(*pair))

    @torch.no_grad()
    def times(
        self, points: ArrayLike | Tensor, sources: ArrayLike | Tensor, head: Tensor
    ) -> Tensor:
        """Travel times between points and sources.

        Parameters
        ----------
        points, sources : array_like, (n, 2)
            Easting and depth below the surface [km]; one of them may be (1, 2).
        head : Tensor, (H,) or (n_models, H)
            One head or several.

        Returns
        -------
        Tensor, (n,) or (n_models, n)
            Times [s]; exactly zero where a point is its source.
        """
        pair = self._pairs(points, sources)
        phi = self.trunk.jets(*pair, values_only=True)[0]
        return self.trunk.background.times(*pair)[0] * (1 + head.to(phi) @ phi.T)

    @torch.no_grad()
    def basis_at(self, points: ArrayLike, sources: ArrayLike | Tensor | None = None) -> RayBasis:
        """The basis at the nodes of a grid, for rays to be traced on.

        Parameters
        ----------
        points : array_like, (..., 2)
            Nodes: easting and depth below the surface [km], below zero in the air.
        sources : array_like, (n_sources, 2), optional
            The survey's sources by default.

        Returns
        -------
        RayBasis
            ``basis @ head`` gives times (n_sources, ...) [s].
        """
        nodes = np.asarray(points, float)
        flat = nodes.reshape(-1, 2)
        background, corrections = [], []
        for source in np.asarray(_host(self.sources if sources is None else sources), float):
            pair = self._pairs(flat, source[None])
            times = self.trunk.background.times(*pair)[0]
            phi = self.trunk.jets(*pair, values_only=True)[0]
            background.append(times.reshape(nodes.shape[:-1]))
            corrections.append((times[:, None] * phi).reshape(*nodes.shape[:-1], -1))
        return RayBasis(background=torch.stack(background), corrections=torch.stack(corrections))

    @torch.no_grad()
    def collocate(self, points: ArrayLike | Tensor, sources: ArrayLike | Tensor) -> Collocation:
        """Prepare collocation points (n, 2) with their sources (n, 2) for fitting heads."""
        background, corrections = self.jets(points, sources)
        where = torch.as_tensor(_host(points), dtype=torch.float64)
        node, weight = bilinear(where, self.frame)
        return Collocation(
            points=where,
            sources=torch.as_tensor(_host(sources), dtype=torch.float64),
            background=background[1:],
            corrections=corrections[1:],
            node=node.to(background.device),
            weight=weight.to(background),
            shape=(self.frame.nx, self.frame.nz),
        )

    def eikonal_residual(self, head: Tensor, velocity: Tensor, where: Collocation) -> float:
        """Root mean square of |grad T| v - 1 for a head and its model (nx, nz) at given points."""
        head = head.to(where.background)
        gradient = where.background + where.corrections @ head
        residual = torch.sqrt((gradient**2).sum(0)) * where.velocity(velocity) - 1
        return float(residual.double().square().mean().sqrt())

    def reciprocity_error(self, head: Tensor) -> float:
        """Largest |T(a, b) - T(b, a)| between the survey's sources [s]; rounding, by symmetry."""
        n = len(self.sources)
        a, b = self.sources.repeat(n, 1), self.sources.repeat_interleave(n, 0)
        return float((self.times(a, b, head) - self.times(b, a, head)).abs().max())

    def save(self, path: Path) -> None:
        """Write the network as safetensors: tensors, and the scalars as JSON metadata."""
        background = self.trunk.background
        tensors = {f"weight_{i}": w.detach() for i, w in enumerate(self.trunk.weights)} | {
            "datum": background.datum,
            "slope": background.slope,
            "sources": self.sources,
            "prior_head": self.prior_head,
            "surface": torch.as_tensor(np.stack(self.frame.surface)),
        }
        scalars = {
            "velocity": background.velocity, "gradient": background.gradient,
            "datum_x0": background.x0, "datum_step": background.step,
            "center": self.trunk.center, "length": self.trunk.length,
            "x0": self.frame.x0, "dx": self.frame.dx, "nx": self.frame.nx,
            "dz": self.frame.dz, "nz": self.frame.nz, "n_weights": len(self.trunk.weights),
        }  # fmt: skip
        metadata = {"format": _FORMAT, "scalars": json.dumps(scalars)}
        save_file({k: t.contiguous() for k, t in tensors.items()}, path, metadata=metadata)


def load_network(path: Path) -> WavefrontNetwork:
    """Read a network that :meth:`WavefrontNetwork.save` wrote.

    Raises
    ------
    CheckpointError
        Not a safetensors file, or not one of this version of the network.
    """
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            if metadata.get("format") != _FORMAT:
                raise CheckpointError(
                    f"load_network: {path} holds {metadata.get('format', 'no network')!r}, "
                    f"expected {_FORMAT!r}. Train the network again."
                )
            s = json.loads(metadata["scalars"])
            tensor = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            weights = [tensor[f"weight_{i}"] for i in range(s["n_weights"])]
    except (SafetensorError, KeyError, json.JSONDecodeError) as error:
        raise CheckpointError(
            f"load_network: {path} is not a wavefront network ({error}). Train it again."
        ) from error
    surface = tensor["surface"].numpy()
    background = Background(
        velocity=s["velocity"], gradient=s["gradient"], x0=s["datum_x0"], step=s["datum_step"],
        datum=tensor["datum"], slope=tensor["slope"],
    )  # fmt: skip
    return WavefrontNetwork(
        trunk=Trunk(
            background=background, center=s["center"], length=s["length"], weights=weights
        ),
        frame=GridFrame(
            x0=s["x0"], dx=s["dx"], nx=s["nx"], dz=s["dz"], nz=s["nz"],
            surface=(surface[0], surface[1]),
        ),
        sources=tensor["sources"],
        prior_head=tensor["prior_head"],
    )  # fmt: skip


@torch.no_grad()
def fit_heads(
    where: Collocation,
    velocity: Tensor,
    start: Tensor,
    *,
    n_steps: int = 8,
    tolerance: float = 1e-3,
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
    damping, step = 0.0, 0
    for step in range(1, n_steps + 1):
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
    return head, float((residual @ residual / n).sqrt()), step


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
    network: WavefrontNetwork,
    where: Collocation,
    velocity: Tensor,
    head: Tensor,
    points: ArrayLike | Tensor,
    sources: ArrayLike | Tensor,
    *,
    ridge: float = 1e-6,
) -> Tensor:
    """Derivative of network times with respect to velocity, with the head refitted: closed form.

    The fit's stationarity J^T r + n ridge a = 0 is differentiated exactly. With e = grad T/|grad T|,
    r = |grad T| v - 1 and J = v e . grad(T_bg phi),

        dT/dv = -F M^-1 J^T diag(|grad T| + r / v),
        M = J^T J + (curvature of |grad T| times r v) + n ridge I,    F = dT/da.

    Where r vanishes this is the Gauss-Newton form -F M^-1 J^T diag(|grad T|).

    Parameters
    ----------
    network, where : WavefrontNetwork, Collocation
        The network and the points its head was fitted on.
    velocity, head : Tensor, (nx, nz) and (H,)
        The model [km/s] and its fitted head.
    points, sources : array_like, (m, 2)
        Picks: easting and depth below the surface [km].
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
    picks = network.jets(points, sources)[1][0].double()
    solved = torch.linalg.solve(normal, picks.T)
    return -(jacobian @ solved).T * (norm + residual / speed)


def scale_jets(background: Tensor, phi: Tensor) -> Tensor:
    """Jets (3, n, H) of T_bg phi_k from the jets of T_bg (3, n) and phi (3, n, H)."""
    out = background[0][None, :, None] * phi
    out[1:].addcmul_(background[1:, :, None], phi[0])
    return out


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


def _host(values: ArrayLike | Tensor) -> ArrayLike:
    """Tensors on the host, anything else as it is."""
    return values.detach().cpu().numpy() if isinstance(values, Tensor) else values
