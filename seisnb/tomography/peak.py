"""The most probable model, the noise level around it, and the network trained for it."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seisnb import ranks
from seisnb.handles import Handles, Progress
from seisnb.inference.base import seeded
from seisnb.inference.rml import (
    Fit,
    effective_unknowns,
    inferred_scale,
    maximum_a_posteriori,
    mean_chi2,
    posterior_covariance_factor,
    refitted,
)
from seisnb.tomography.problem import PickTarget, Problem, with_network
from seisnb.traveltime.network import train_network_wavefronts
from seisnb.traveltime.wavefront_training import TrainingStep

Array = NDArray[np.float64]

#: Models that the network is trained on.
N_TRAINING = 128
#: The network is trained again when its times are off the rays' by more pick sigmas (rms).
REFRESH_ABOVE = 1.0
#: Streams of random numbers that no member uses.
TRAINING_STREAM, REFRESH_STREAM = 2**40, 2**40 + 1


@dataclass(frozen=True, kw_only=True)
class Peak:
    """The most probable model and the noise level around it.

    Attributes
    ----------
    fit : Fit
        The model.
    target : PickTarget
        The target with sigmas as they were used.
    sigma_scale : float
        Factor on the given pick sigmas.
    n_free : float
        Picks minus effective unknowns.
    near : Tensor, (n_unknowns, n_unknowns)
        Covariance of the linearised posterior.
    """

    fit: Fit
    target: PickTarget
    sigma_scale: float
    n_free: float
    near: Tensor


def find_peak(
    problem: Problem,
    handles: Handles,
    started: float,
    known: Fit | None = None,
    scale: float = 1.0,
) -> Peak:
    """The maximum a posteriori; sigmas scaled to the residuals if asked, Student weights by EM.

    ``known`` is a fit of the same problem, with sigmas times ``scale``, to go on from.
    """
    config = problem.config
    target = replace(problem.target, std=problem.target.std * scale)
    n_picks = target.observed.numel()
    fit = maximum_a_posteriori(target, problem.start) if known is None else refitted(known, target)
    weights = torch.ones(n_picks, dtype=torch.float64)
    rounds = 12 if config.infer_sigma or config.likelihood == "student" else 0
    for index in range(rounds):
        before = (scale, weights)
        if config.likelihood == "student":
            weights = student_weights(problem, fit, scale)
        if config.infer_sigma:
            scale = inferred_scale(fit, problem.target.std / weights.sqrt(), scale)
        target = replace(problem.target, std=problem.target.std * scale / weights.sqrt())
        fit = refitted(fit, target)
        handles.progress(
            Progress(
                stage="map", done=index + 1, total=rounds, elapsed=time.monotonic() - started,
                message=f"pick sigmas x {scale:.2f}", chi2=mean_chi2(target, fit.here.predicted),
            )
        )  # fmt: skip
        moved = float((weights.sqrt() - before[1].sqrt()).abs().max())
        if abs(scale / before[0] - 1) < 5e-3 and moved < 0.02:
            break
    return peak_of(fit, target, scale)


def student_weights(problem: Problem, fit: Fit, scale: float) -> Tensor:
    """Expected weights of the picks under Student errors, (pick,): small for outliers."""
    dof, std = problem.config.student_dof, problem.target.std * scale
    residual = (problem.target.observed - fit.here.predicted) / std
    return (dof + 1) / (dof + residual.square())


def peak_of(fit: Fit, target: PickTarget, sigma_scale: float) -> Peak:
    """A most probable model with what members ask of it: the derivative is that of its rays."""
    fit = replace(fit, here=target.linearise(fit.position, fit.here.memory))
    return Peak(
        fit=fit,
        target=target,
        sigma_scale=sigma_scale,
        n_free=target.observed.numel() - effective_unknowns(fit.here, target.std),
        near=torch.cholesky_inverse(posterior_covariance_factor(fit.here, target.std)),
    )


def train(problem: Problem, handles: Handles, started: float) -> Problem:
    """Train the wavefront network on draws of the prior."""
    generator = seeded(problem.config.seed, TRAINING_STREAM)
    models = problem.prior.velocity(problem.prior.draw(N_TRAINING, generator))
    return _trained(problem, models, generator, handles, started, "training the wavefront network")


def refresh_network(problem: Problem, peak: Peak, handles: Handles, started: float) -> Problem:
    """Train the network on from models near the peak, if its times there are not good enough."""
    network, prior = problem.network, problem.prior
    if network is None:
        return problem
    velocity = prior.velocity(peak.fit.position.numpy())
    alone = peak.fit.here.memory.times
    error = network.times(velocity, prior.grid, problem.geometry) - alone
    share = float(np.sqrt(np.mean((error / peak.target.std.numpy()) ** 2)))
    if ranks.first_says(share) > REFRESH_ABOVE:
        generator = seeded(problem.config.seed, REFRESH_STREAM)
        noise = torch.randn(
            N_TRAINING, problem.target.n_unknowns, generator=generator, dtype=torch.float64
        )
        factor = posterior_covariance_factor(peak.fit.here, peak.target.std)
        spread = torch.linalg.solve_triangular(factor.T, noise.T, upper=True).T
        models = prior.velocity((peak.fit.position + spread).numpy())
        message = f"network off by {share:.1f} pick sigmas: training on near the best model"
        problem = _trained(problem, models, generator, handles, started, message)
    assert problem.network is not None
    return with_network(problem, problem.network.started_at(velocity))


def _trained(
    problem: Problem,
    models: Array,
    generator: torch.Generator,
    handles: Handles,
    started: float,
    message: str,
) -> Problem:
    """Train a network, telling how far it is."""
    config = problem.config
    assert config.wavefront_cell and config.cell

    def report(step: TrainingStep) -> None:
        handles.progress(
            Progress(
                stage="training", done=step.step, total=config.training_steps, message=message,
                elapsed=time.monotonic() - started,
                remaining=step.elapsed * (1 / step.fraction - 1) if step.fraction > 0 else None,
            )
        )  # fmt: skip

    network = train_network_wavefronts(
        models,
        problem.prior.grid,
        problem.geometry,
        step=config.wavefront_cell,
        spacing=3 * config.cell,
        n_steps=config.training_steps,
        generator=generator,
        network=problem.network.network if problem.network else None,
        progress=report,
        cancel=handles.is_cancelled,
        device="cuda" if torch.cuda.is_available() else "cpu",
    )
    return with_network(problem, network)
