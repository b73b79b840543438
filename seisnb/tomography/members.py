"""The ensemble's members: the most probable model first, then draws around it, in parallel."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from seisnb import ranks
from seisnb.handles import Handles, Progress
from seisnb.inference.base import run, seeded
from seisnb.inference.correction import score_excess
from seisnb.inference.rml import RandomisedMaximumLikelihood
from seisnb.section import to_depth_grid
from seisnb.threads import in_parallel, worker_count
from seisnb.tomography.checkpoint import Checkpoint, Member
from seisnb.tomography.config import is_together
from seisnb.tomography.correction import correction
from seisnb.tomography.finish import finish_member
from seisnb.tomography.networks import network_task
from seisnb.tomography.particles import particle_task
from seisnb.tomography.peak import Peak
from seisnb.tomography.problem import Problem
from seisnb.tomography.sigmas import draw_scale, student_target
from seisnb.traveltime.referee import Referee

Array = NDArray[np.float64]

#: Members per thread that processes fit before they put them together.
ROUND = 4
#: Fits of data weights and model that a Student member alternates between.
STUDENT_SWEEPS = 3


def fit_members(
    problem: Problem,
    peak: Peak,
    checkpoint: Checkpoint,
    depth: Array,
    referee: Referee,
    referee_cell: float,
    handles: Handles,
    started: float,
) -> dict[int, Member]:
    """Fit all members that are not on disk yet; in parallel, each with its own random numbers."""
    config = problem.config
    members = ranks.first_says(
        {
            index: member
            for index in range(config.n_members)
            if (member := checkpoint.load(index)) is not None
        }
    )
    begun, n_loaded = time.monotonic(), len(members)

    def report(done: int, member: Member | None = None) -> None:
        n_new = len(members) - n_loaded
        spent = time.monotonic() - begun
        left = config.n_members - len(members)
        handles.progress(
            Progress(
                stage="members", done=done, total=config.n_members,
                chi2=None if member is None else _misfit(problem, member),
                message=f"{done} of {config.n_members} members",
                elapsed=time.monotonic() - started,
                remaining=spent / n_new * left if n_new else None,
                member=None if member is None else lambda: _section(problem, member, depth),
            )
        )  # fmt: skip

    report(n_loaded)
    for member in members.values():
        report(n_loaded, member)
    todo = [index for index in range(config.n_members) if index not in members]
    if not is_together(config):
        work = member_task(problem, peak, depth, referee, referee_cell, handles.is_cancelled)
    else:
        task = network_task if config.method == "vsvgd" else particle_task
        work = task(problem, peak, depth, referee, referee_cell, checkpoint, handles, started)
    for index, member in _fitted(work, todo, problem, handles):
        checkpoint.save(index, member)
        members[index] = member
        report(len(members), member)
    return dict(sorted(members.items()))


def _fitted(
    work: Callable[[int], Member | None], todo: list[int], problem: Problem, handles: Handles
) -> Iterator[tuple[int, Member]]:
    """Members as they finish; those that a cancel cut short are left out."""
    n_workers = worker_count(problem.config.n_workers)
    n_at_once = ranks.size() * ranks.first_says(n_workers) * ROUND
    if ranks.size() == 1:
        n_at_once = len(todo)
    for first in range(0, len(todo), max(n_at_once, 1)):
        batch = todo[first : first + n_at_once]
        fitting = in_parallel(
            work,
            batch[ranks.Share(n=len(batch)).mine],
            n_workers=n_workers,
            is_cancelled=handles.is_cancelled,
        )
        for index, member in ranks.joined(fitting):
            if member is not None:
                yield index, member
        if ranks.any_of(handles.is_cancelled()):
            return


def member_task(
    problem: Problem,
    peak: Peak,
    depth: Array,
    referee: Referee,
    referee_cell: float,
    is_cancelled: Callable[[], bool],
) -> Callable[[int], Member | None]:
    """The work of one member by its index; None when cancelled midway."""
    config = problem.config
    size = min(problem.target.n_unknowns, problem.target.observed.numel())
    # an undamped first step: damping it holds members near the peak and narrows the spread
    engine = RandomisedMaximumLikelihood(tolerance=0.005 * size)
    student = config.likelihood == "student"
    correct = correction(problem, peak) if config.correction_steps else None
    # latent weights of Student picks change the curvature from member to member
    is_shifted = config.recentre and correct is None and not student

    def work(index: int) -> Member | None:
        generator = seeded(config.seed, index)
        scale = draw_scale(problem, peak, generator)
        position, here = peak.fit.position, peak.fit.here
        target = replace(problem.target, std=problem.target.std * scale)
        n_steps, converged = 0, True
        for _ in range(STUDENT_SWEEPS if student else 1):
            if student:
                target = student_target(problem, here.predicted, scale, generator)
            state = engine.init(position[None], here, target, generator)
            state, info, taken = run(
                engine, state, target, generator,
                n_steps=config.n_steps, is_cancelled=is_cancelled,
            )  # fmt: skip
            n_steps += taken
            if is_cancelled() and not info.is_converged:
                return None
            converged = info.is_converged
            [(position, here)] = engine.particles(state)
        excess = score_excess(state[0], target, peak.fit.here).numpy() if is_shifted else None
        memory, acceptance = here.memory, None
        if correct is not None:
            moved = correct(position, here, scale, generator, is_cancelled)
            if moved is None:
                return None
            position, memory, scale, acceptance = (
                moved.position, moved.memory, moved.sigma_scale, moved.acceptance,
            )  # fmt: skip
        return finish_member(
            problem, position.numpy(), memory, depth, referee, referee_cell,
            sigma_scale=scale, n_steps=n_steps, is_converged=converged,
            correction_acceptance=acceptance, excess=excess,
        )  # fmt: skip

    return work


def _misfit(problem: Problem, member: Member) -> float:
    """Chi2 per pick of a member, with its own sigmas."""
    residual = problem.target.observed.numpy() - member.predicted
    scaled = residual / (problem.target.std.numpy() * member.sigma_scale.item())
    return float(np.mean(scaled**2))


def _section(problem: Problem, member: Member, depth: Array) -> tuple[Array, Array, Array]:
    """Easting, depth and velocity (depth, easting) of a member."""
    grid = problem.prior.grid
    velocity = problem.prior.velocity(member.unknowns)
    return grid.easting, depth, to_depth_grid(velocity, grid, depth)
