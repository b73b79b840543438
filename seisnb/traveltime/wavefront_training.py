"""Training of the wavefront network on draws from the prior: no solver, only the eikonal equation.

Trunk and the heads of all training models descend together on the mean square of |grad T| v - 1 at
collocation points and sources that are drawn anew in every step. The optimiser is SOAP (Adam in the
eigenbasis of Shampoo's preconditioner), for the heads too: on the 60 km line it reaches in 10 s
what Adam does not reach in 30 s.

Threads, and under :func:`seisnb.ranks.process_group` processes, take parts of each step's
collocation points. The parts, and the order in which their gradients are added, do not depend on
how many there are: nor does the trained network.

References
----------
Vyas et al. (2024), SOAP, arXiv 2409.11321.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from seisnb import ranks
from seisnb.conventions import Cancelled, InputError
from seisnb.threads import crew, worker_count
from seisnb.traveltime.wavefront import WavefrontNetwork
from seisnb.traveltime.wavefront_heads import bilinear, fit_heads
from seisnb.traveltime.wavefront_trunk import (
    GridFrame,
    Trunk,
    fit_background,
    initial_weights,
    scale_jets,
)

#: Parts of each step's collocation points; more threads or processes than parts wait.
N_PARTS = 2

Array = NDArray[np.float64]
DrawVelocity = Callable[[int, torch.Generator], Tensor]


@dataclass(frozen=True, kw_only=True)
class WavefrontConfig:
    """Size of the network and of its training."""

    width: int = field(default=96, metadata={"help": "units per hidden layer", "unit": ""})
    depth: int = field(default=3, metadata={"help": "hidden layers", "unit": ""})
    n_basis: int = field(default=192, metadata={"help": "basis functions", "unit": ""})
    n_models: int = field(default=256, metadata={"help": "models to train on", "unit": ""})
    n_collocation: int = field(default=400, metadata={"help": "points per step", "unit": ""})
    learning_rate: float = field(default=2e-2, metadata={"help": "first step size", "unit": ""})
    head_rate: float = field(default=0.3, metadata={"help": "the heads' share of it", "unit": ""})
    seconds: float | None = field(default=30.0, metadata={"help": "training time", "unit": "s"})
    n_steps: int | None = field(
        default=None, metadata={"help": "steps instead of time: repeatable", "unit": ""}
    )

    def __post_init__(self) -> None:
        for name in ("width", "depth", "n_basis", "n_models", "n_collocation", "learning_rate"):
            if not getattr(self, name) > 0:
                raise InputError(
                    f"WavefrontConfig: {name} is {getattr(self, name)}; expected more than zero."
                )
        if self.n_steps is None and (self.seconds is None or not self.seconds > 0):
            raise InputError(
                f"WavefrontConfig: seconds is {self.seconds} and n_steps is None; "
                "give one of them, above zero."
            )


@dataclass(frozen=True, kw_only=True)
class TrainingStep:
    """What a person wants to see while a network trains."""

    step: int
    fraction: float
    residual_rms: float
    elapsed: float


def train_wavefront(
    velocity: Tensor | DrawVelocity,
    sources: ArrayLike,
    frame: GridFrame,
    *,
    generator: torch.Generator,
    config: WavefrontConfig | None = None,
    network: WavefrontNetwork | None = None,
    progress: Callable[[TrainingStep], None] | None = None,
    cancel: Callable[[], bool] | None = None,
) -> WavefrontNetwork:
    """Train a wavefront network for all models of a prior.

    Parameters
    ----------
    velocity : Tensor, (n_models, nx, nz), or callable
        Models on the frame [km/s], or ``draw(n, generator)`` that returns n of them. The network
        takes their device.
    sources : array_like, (n_sources, 2)
        Easting and depth below the surface [km] of the survey's sources (or receivers: the side
        with fewer points). Half of the training sources are these, half lie in between.
    frame : GridFrame
        The models' grid and the surface.
    generator : torch.Generator
        Of the CPU. With ``n_steps`` the result repeats to the last digit.
    config : WavefrontConfig, optional
        Size and training time.
    network : WavefrontNetwork, optional
        Go on from this network's trunk (a refresh on an ensemble's own models).
    progress, cancel : callable, optional
        Called about five times a second; ``cancel() -> True`` stops.

    Raises
    ------
    InputError
        Models that do not fit the frame or are not positive and finite; sources outside; processes
        with other models.
    Cancelled
        ``cancel()`` was true, in any process.
    RankError
        Another process died or does not answer.
    """
    config = config or WavefrontConfig()
    generator.set_state(ranks.first_says(generator.get_state()))
    models = velocity if isinstance(velocity, Tensor) else velocity(config.n_models, generator)
    sources = np.asarray(sources, float)
    _check(models, sources, frame)
    ranks.check_same(
        [len(models), float(models.double().mean()), *sources.mean(axis=0)],
        where="train_wavefront", what="models or sources",
    )  # fmt: skip
    dtype = torch.float64 if models.dtype == torch.float64 else torch.float32
    trunk = (
        _new_trunk(models, frame, config, generator, dtype) if network is None else network.trunk
    )
    if network is None:
        heads = 1e-3 * torch.randn(len(models), config.n_basis, generator=generator, dtype=dtype)
        heads = heads.to(models.device)
    else:
        where = network.collocate(*fitting_points(network, 10 * network.n_basis, generator))
        heads = fit_heads(where, models, network.prior_head).heads.to(models)
    weights = [w.detach().clone().requires_grad_() for w in trunk.weights]
    trunk = Trunk(
        background=trunk.background, center=trunk.center, length=trunk.length, weights=weights
    )
    n_workers = min(worker_count(0), N_PARTS) if models.device.type == "cpu" else 1
    with crew(n_workers) as in_crew:
        _descend(trunk, heads, models, sources, frame, config, generator, in_crew, progress, cancel)
    # machines round differently: replicas may have drifted apart
    *trained, heads = ranks.first_has(*weights, heads)
    return WavefrontNetwork(
        trunk=Trunk(
            background=trunk.background, center=trunk.center, length=trunk.length,
            weights=[w.detach() for w in trained],
        ),
        frame=frame,
        sources=torch.as_tensor(sources),
        prior_head=heads.mean(0),
    )  # fmt: skip


def collocation_points(
    frame: GridFrame,
    sources: Array,
    n: int,
    generator: torch.Generator,
    *,
    scale_depth: float,
    survey_share: float = 0.5,
) -> tuple[Array, Array]:
    """Random points and their sources, (n, 2) each: easting and depth below the surface [km].

    Depths crowd towards the surface on the scale ``scale_depth`` [km] on which the background's
    velocity doubles; an eighth of the points crowd towards their source.
    """

    def uniform() -> Array:
        return torch.rand(n, generator=generator, dtype=torch.float64).numpy()

    width, height = frame.dx * (frame.nx - 1), frame.dz * (frame.nz - 1)
    order = np.argsort(sources[:, 0], kind="stable")
    between_x = frame.x0 + width * uniform()
    between_z = np.interp(between_x, sources[order, 0], sources[order, 1])
    choice = np.minimum((uniform() * len(sources)).astype(int), len(sources) - 1)
    of_survey = (uniform() < survey_share)[:, None]
    start = np.where(of_survey, sources[choice], np.stack([between_x, between_z], axis=1))
    share = uniform()
    crowded = scale_depth * np.expm1(share * np.log1p(height / scale_depth))
    z = np.where(uniform() < 0.3, height * share, crowded)
    point = np.stack([frame.x0 + width * uniform(), z], axis=1)
    radius, angle = 0.5 * width * np.exp(-6 * uniform()), np.pi * uniform()
    close = start + np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
    inside = (np.abs(close[:, 0] - frame.x0 - width / 2) <= width / 2) & (close[:, 1] <= height)
    near = inside & (uniform() < 0.15)
    return np.where(near[:, None], close, point), start


def fitting_points(
    network: WavefrontNetwork, n: int, generator: torch.Generator
) -> tuple[Array, Array]:
    """Points and sources for fitting heads: the training's, with more of the survey's sources."""
    background = network.trunk.background
    return collocation_points(
        network.frame, network.sources.numpy(), n, generator,
        scale_depth=background.velocity / background.gradient, survey_share=0.75,
    )  # fmt: skip


def _new_trunk(
    models: Tensor,
    frame: GridFrame,
    config: WavefrontConfig,
    generator: torch.Generator,
    dtype: torch.dtype,
) -> Trunk:
    """A random trunk around the models' background."""
    host = models.detach().cpu().numpy().astype(float)
    weights = initial_weights(config.width, config.depth, config.n_basis, generator, dtype)
    background = fit_background(host, frame, dtype=dtype)
    return Trunk(
        background=background.to(models.device),
        center=frame.x0 + 0.5 * frame.dx * (frame.nx - 1),
        length=correlation_length(host, frame.dx),
        weights=[w.to(models.device) for w in weights],
    )


def correlation_length(velocity: Array, spacing: float) -> float:
    """Lag [km] at which log velocity of models (n, nx, nz) is correlated by 1/e along easting."""
    n_x = velocity.shape[1]
    change = np.log(velocity) - np.log(velocity).mean(axis=0)
    variance = float((change**2).mean())
    if variance == 0:
        return 0.25 * spacing * (n_x - 1)
    for lag in range(1, n_x // 2):
        if float((change[:, lag:] * change[:, :-lag]).mean()) < variance / math.e:
            return max(spacing * lag, 0.02 * spacing * (n_x - 1))
    return 0.5 * spacing * (n_x - 1)


def _descend(
    trunk: Trunk,
    heads: Tensor,
    models: Tensor,
    sources: Array,
    frame: GridFrame,
    config: WavefrontConfig,
    generator: torch.Generator,
    in_crew: Callable[..., Iterable[None]],
    progress: Callable[[TrainingStep], None] | None,
    cancel: Callable[[], bool] | None,
) -> None:
    """Improve trunk and heads in place, with a cosine step size."""
    weights = list(trunk.weights)
    flat = models.to(weights[0]).reshape(len(models), -1).T.contiguous()
    scale_depth = trunk.background.velocity / trunk.background.gradient
    optimiser = Soap([*weights, heads])
    began = told = _clock()
    step, fraction = 0, 0.0
    while fraction < 1:
        points, start = collocation_points(
            frame, sources, config.n_collocation, generator, scale_depth=scale_depth
        )
        mean_square = _gradient_step(trunk, heads, flat, points, start, frame, in_crew)
        rate = config.learning_rate * min(1.0, (step + 1) / 50)
        rate *= 0.5 * (1 + math.cos(math.pi * fraction)) + 0.01
        optimiser.step([rate] * len(weights) + [rate * config.head_rate])
        step += 1
        now = _clock()
        fraction = (
            step / config.n_steps
            if config.n_steps is not None
            else (now - began) / (config.seconds or 1.0)
        )
        if now - told > 0.2 or fraction >= 1:
            told = now
            if ranks.any_of(cancel is not None and cancel()):
                raise Cancelled("train_wavefront: cancelled before the network was trained.")
            if progress is not None:
                progress(
                    TrainingStep(
                        step=step, fraction=min(fraction, 1.0),
                        residual_rms=float(mean_square.sqrt()), elapsed=now - began,
                    )
                )  # fmt: skip


def _gradient_step(
    trunk: Trunk,
    heads: Tensor,
    flat: Tensor,
    points: Array,
    start: Array,
    frame: GridFrame,
    in_crew: Callable[..., Iterable[None]],
) -> Tensor:
    """Gradients of the mean square residual into ``grad`` of weights and heads; that mean itself.

    What is cheap is done for all points by every process: a part's numbers then are the same to
    the last digit wherever it is worked on.
    """
    like = trunk.weights[0]
    node, weight = bilinear(torch.from_numpy(points), frame)
    node, weight = node.to(like.device), weight.to(like)
    pair = [torch.as_tensor(frame.hang(p)).to(like) for p in (points, start)]
    background, features = trunk.background.times(*pair), trunk.features(*pair)
    share = ranks.Share(n=N_PARTS)
    ends = [len(points) * k // N_PARTS for k in range(N_PARTS + 1)]
    parts = [slice(*pair) for pair in pairwise(ends)][share.mine]
    parameters = [*trunk.weights, heads]
    sizes = [parameter.numel() for parameter in parameters]
    own = like.new_empty(len(parts), sum(sizes) + 1)

    def work(row: int) -> None:
        at = parts[row]
        speed = sum(flat[node[at, j]] * weight[at, j, None] for j in range(4))
        assert isinstance(speed, Tensor)
        found = _part_gradients(trunk, heads, speed, background[:, at], features[:, at])
        torch.cat([each.flatten() for each in found], out=own[row])

    list(in_crew(work, range(len(parts))))
    (every,) = share.gathered(own)
    *gradients, mean_square = (every.sum(0) / (len(points) * len(heads))).split([*sizes, 1])
    for parameter, gradient in zip(parameters, gradients, strict=True):
        parameter.grad = gradient.reshape(parameter.shape)
    return mean_square[0]


def _part_gradients(
    trunk: Trunk, heads: Tensor, speed: Tensor, background: Tensor, features: Tensor
) -> list[Tensor]:
    """Gradients of some points' sum of squared residuals by weights and heads, and that sum.

    The residual's own derivative is written out, so that the reverse pass starts at the basis.
    """
    phi = trunk.basis(features)
    with torch.no_grad():
        basis = scale_jets(background, phi)[1:]
        gradient = background[1:, :, None] + basis @ heads.T
        norm = torch.sqrt((gradient**2).sum(0) + 1e-20)
        residual = norm * speed - 1
        pull = gradient * (2 * residual * speed / norm)
        by_heads = pull[0].T @ basis[0] + pull[1].T @ basis[1]
        back = pull @ heads
        phi_grad = torch.empty_like(phi)
        phi_grad[0] = (background[1:, :, None] * back).sum(0)
        torch.mul(background[0][None, :, None], back, out=phi_grad[1:])
    by_weights = torch.autograd.grad([phi], list(trunk.weights), [phi_grad])
    return [*by_weights, by_heads, residual.square().sum()]


def _clock() -> float:
    """Seconds; everyone goes by the first process's clock, so that all do the same steps."""
    (now,) = ranks.first_has(torch.tensor(time.perf_counter(), dtype=torch.float64))
    return float(now)


class Soap:
    """Adam in the slowly moving eigenbasis of the gradients' second moments."""

    def __init__(self, parameters: list[Tensor], *, decay: float = 0.95, every: int = 10) -> None:
        self._parameters = parameters
        self._decay, self._every = decay, every
        self._count = 0
        self._mean = [torch.zeros_like(p, requires_grad=False) for p in parameters]
        self._square = [torch.zeros_like(p, requires_grad=False) for p in parameters]
        self._moments: list[list[Tensor]] = [[] for _ in parameters]
        self._bases: list[list[Tensor]] = [[] for _ in parameters]

    @torch.no_grad()
    def step(self, rates: list[float]) -> None:
        """Move every parameter along its gradient, by its rate."""
        self._count += 1
        correction = 1 - self._decay**self._count
        for i, (parameter, rate) in enumerate(zip(self._parameters, rates, strict=True)):
            grad = parameter.grad
            assert grad is not None
            self._mean[i].lerp_(grad, 1 - self._decay)
            if parameter.ndim == 2 and not self._bases[i]:
                self._moments[i] = [grad @ grad.T, grad.T @ grad]
                self._bases[i] = [torch.linalg.eigh(m)[1] for m in self._moments[i]]
            mean, rotated = self._turn(i, self._mean[i]), self._turn(i, grad)
            self._square[i].lerp_(rotated.square(), 1 - self._decay)
            change = (mean / correction) / ((self._square[i] / correction).sqrt() + 1e-12)
            parameter -= rate * self._turn(i, change, back=True)
            if parameter.ndim == 2:
                self._moments[i][0].lerp_(grad @ grad.T, 1 - self._decay)
                self._moments[i][1].lerp_(grad.T @ grad, 1 - self._decay)
                if self._count % self._every == 0:
                    self._bases[i] = [
                        torch.linalg.qr(m @ q)[0]
                        for m, q in zip(self._moments[i], self._bases[i], strict=True)
                    ]

    def _turn(self, i: int, matrix: Tensor, *, back: bool = False) -> Tensor:
        """A gradient in the eigenbasis, or back from it; vectors stay as they are."""
        if not self._bases[i]:
            return matrix
        left, right = self._bases[i]
        return left @ matrix @ right.T if back else left.T @ matrix @ right


def _check(models: Tensor, sources: Array, frame: GridFrame) -> None:
    """Refuse models or sources that no network can be trained for."""
    if models.ndim != 3 or tuple(models.shape[1:]) != (frame.nx, frame.nz):
        raise InputError(
            f"train_wavefront: velocity models are {tuple(models.shape)}, "
            f"expected (n_models, {frame.nx}, {frame.nz}) as the frame's grid."
        )
    if not (bool(torch.isfinite(models).all()) and float(models.min()) > 0):
        raise InputError(
            f"train_wavefront: velocities run from {float(models.min())} to "
            f"{float(models.max())} km/s; expected finite values above zero. "
            "Draw them from a prior on log velocity."
        )
    width, height = frame.dx * (frame.nx - 1), frame.dz * (frame.nz - 1)
    slack = 1e-6 * width
    if sources.ndim != 2 or sources.shape[1] != 2 or len(sources) == 0:
        raise InputError(
            f"train_wavefront: sources have shape {sources.shape}, expected (n_sources, 2)."
        )
    low = np.array([frame.x0, 0.0]) - slack
    high = np.array([frame.x0 + width, height]) + slack
    outside = np.flatnonzero(((sources < low) | (sources > high)).any(axis=1))
    if outside.size:
        x, z = sources[outside[0]]
        raise InputError(
            f"train_wavefront: source {outside[0]} at easting {x:g} km, {z:g} km below the surface "
            f"lies outside the frame ({frame.x0:g} to {frame.x0 + width:g} km, 0 to {height:g} km)."
        )
