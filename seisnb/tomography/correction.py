"""Members moved on by exact Langevin steps, which remove what is left of their bias."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from torch import Generator, Tensor

from seisnb.inference.base import Linearised
from seisnb.inference.correction import langevin_correction
from seisnb.inference.mcmc import gauss_newton_reference
from seisnb.tomography.peak import Peak
from seisnb.tomography.problem import Problem, RayMemory
from seisnb.tomography.sigmas import SigmaSampler
from seisnb.traveltime.base import TracedRays


@dataclass(frozen=True, kw_only=True)
class Corrected:
    """Where a member ended.

    Attributes
    ----------
    position : Tensor, (n_unknowns,)
        The model.
    memory : RayMemory
        Its rays and times.
    sigma_scale : float
        Factor on the given pick sigmas.
    acceptance : float
        Share of the steps that moved.
    """

    position: Tensor
    memory: RayMemory
    sigma_scale: float
    acceptance: float


#: (position, here, sigma_scale, generator, is_cancelled) -> where it ended; None when cancelled.
Correction = Callable[[Tensor, Linearised, float, Generator, Callable[[], bool]], Corrected | None]


def correction(problem: Problem, peak: Peak) -> Correction:
    """The correction of any member; proposals are laid around the most probable model.

    Sigmas that are unknown are drawn anew before every step.
    """
    config = problem.config
    problem = without_memory(problem, peak)
    reference = gauss_newton_reference(peak.fit.position, peak.fit.here, peak.target)

    def correct(
        position: Tensor,
        here: Linearised,
        scale: float,
        generator: Generator,
        is_cancelled: Callable[[], bool],
    ) -> Corrected | None:
        sigmas = SigmaSampler(problem, scale)
        target = replace(problem.target, std=problem.target.std * scale)
        _, memory = target.predict(position, here.memory)
        is_known = not config.infer_sigma and config.likelihood == "gaussian"
        chain, _ = langevin_correction(
            target,
            position,
            target.linearise(position, memory),
            reference,
            generator,
            n_steps=config.correction_steps,
            redraw=None if is_known else sigmas,
            is_cancelled=is_cancelled,
        )
        if chain.n_steps < config.correction_steps:
            return None
        return Corrected(
            position=chain.position,
            memory=chain.memory,
            sigma_scale=sigmas.scale,
            acceptance=chain.n_accepted / chain.n_steps,
        )

    return correct


def without_memory(problem: Problem, peak: Peak) -> Problem:
    """The problem with times that depend on the model alone, as the Metropolis test asks.

    Rays kept from the last model would make times depend on the way there. In their place the
    most probable model's rays are candidates for every model.
    """
    forward = problem.target.forward
    if not forward.keeps_rays:
        return problem
    candidates = (*forward.wavefronts, TracedRays(rays=peak.fit.here.memory.rays))
    forward = replace(forward, wavefronts=candidates, keeps_rays=False)
    return replace(problem, target=replace(problem.target, forward=forward))
