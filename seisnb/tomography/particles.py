"""The Stein variational engine over a survey: all particles move together."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from seisnb.conventions import Cancelled
from seisnb.handles import Handles, Progress
from seisnb.inference.base import seeded
from seisnb.inference.svgd import SteinVariationalGradientDescent
from seisnb.threads import worker_count
from seisnb.tomography.checkpoint import Checkpoint, Member
from seisnb.tomography.correction import without_memory
from seisnb.tomography.finish import finish_member
from seisnb.tomography.peak import Peak
from seisnb.tomography.problem import Problem
from seisnb.traveltime.referee import Referee

Array = NDArray[np.float64]


def particle_task(
    problem: Problem,
    peak: Peak,
    depth: Array,
    referee: Referee,
    referee_cell: float,
    checkpoint: Checkpoint,
    handles: Handles,
    started: float,
) -> Callable[[int], Member | None]:
    """Move all Stein particles together, then finish them one by one."""
    # a run that goes on has no rays of the iterations before: times must not depend on them
    target = replace(peak.target, forward=without_memory(problem, peak).target.forward)
    config = problem.config
    prior = problem.prior
    row, column = prior.kept
    stride = max(1, prior.grid.n_easting // 60), max(1, prior.grid.n_depth // 30)
    features = (
        prior.basis_easting[:: stride[0], None, row] * prior.basis_depth[:: stride[1], column]
    )
    engine = SteinVariationalGradientDescent(
        features=torch.from_numpy(features.reshape(-1, prior.n_unknowns)),
        n_workers=worker_count(config.n_workers),
    )
    generator = seeded(config.seed, 0)
    stored = checkpoint.load_swarm()
    if stored is None:
        start = peak.fit.position.expand(config.n_members, -1)
        state, done = engine.init(start, peak.fit.here, target, generator), 0
        is_converged = False
    else:
        positions, done, is_converged = stored
        state = engine.resume(torch.from_numpy(positions), peak.fit.here, target)

    def report(done: int, chi2: float) -> None:
        handles.progress(
            Progress(
                stage="members", done=0, total=config.n_members, chi2=chi2,
                message=f"svgd iteration {done} of {config.n_iterations}",
                elapsed=time.monotonic() - started,
            )
        )  # fmt: skip

    while done < config.n_iterations and not is_converged:
        if handles.is_cancelled():
            raise Cancelled(
                "invert: svgd was cancelled before its particles had settled; none is a result. "
                "With a checkpoint the next run goes on from here."
            )
        state, info = engine.step(state, target, generator)
        done, is_converged = done + 1, info.is_converged
        checkpoint.save_swarm(state.position.numpy(), done, is_converged=is_converged)
        report(done, info.chi2)
    found = engine.particles(state)

    def work(index: int) -> Member | None:
        position, here = found[index]
        return finish_member(
            problem, position.numpy(), here.memory, depth, referee, referee_cell,
            sigma_scale=peak.sigma_scale, n_steps=done, is_converged=is_converged,
        )  # fmt: skip

    return work
