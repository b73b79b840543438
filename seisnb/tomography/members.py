"""The ensemble's members: the most probable model first, then draws around it, in parallel."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from seisnb.inference.base import Linearised, in_parallel, run, seeded
from seisnb.inference.rml import (
    Fit,
    RandomisedMaximumLikelihood,
    effective_unknowns,
    gauss_newton_step,
    inferred_scale,
    maximum_a_posteriori,
    mean_chi2,
    start_fit,
)
from seisnb.tomography.checkpoint import Checkpoint, Member
from seisnb.tomography.config import Handles, Progress
from seisnb.tomography.problem import PickTarget, Problem, RayMemory
from seisnb.traveltime import kernels
from seisnb.traveltime.referee import Referee

Array = NDArray[np.float64]

#: Fits of data weights and model that a Student member alternates between.
STUDENT_SWEEPS = 3


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
    """

    fit: Fit
    target: PickTarget
    sigma_scale: float
    n_free: float


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
    fit = maximum_a_posteriori(target, problem.start) if known is None else _settle(known, target)
    weights = torch.ones(n_picks, dtype=torch.float64)
    rounds = 12 if config.infer_sigma or config.likelihood == "student" else 0
    for index in range(rounds):
        before = (scale, weights)
        if config.likelihood == "student":
            residual = (problem.target.observed - fit.here.predicted) / problem.target.std / scale
            weights = (config.student_dof + 1) / (config.student_dof + residual**2)
        if config.infer_sigma:
            scale = inferred_scale(fit, problem.target.std / weights.sqrt(), scale)
        target = replace(problem.target, std=problem.target.std * scale / weights.sqrt())
        fit = _settle(fit, target)
        handles.progress(
            Progress(
                stage="map", done=index + 1, total=rounds, elapsed=time.monotonic() - started,
                message=f"pick sigmas x {scale:.2f}", chi2=mean_chi2(target, fit.here.predicted),
            )
        )  # fmt: skip
        moved = float((weights.sqrt() - before[1].sqrt()).abs().max())
        if abs(scale / before[0] - 1) < 5e-3 and moved < 0.02:
            break
    return Peak(
        fit=fit,
        target=target,
        sigma_scale=scale,
        n_free=n_picks - effective_unknowns(fit.here, target.std),
    )


def _settle(fit: Fit, target: PickTarget, n_steps: int = 20) -> Fit:
    """Go on from a fit after the sigmas changed."""
    fit = start_fit(target, fit.position, fit.here, fit.anchor, target.observed)
    for _ in range(n_steps):
        fit = gauss_newton_step(fit, target, 0.1)
        if fit.is_converged:
            break
    return fit


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
    members = {
        index: member
        for index in range(config.n_members)
        if (member := checkpoint.load(index)) is not None
    }
    begun, n_loaded = time.monotonic(), len(members)

    def report(chi2: float | None) -> None:
        n_new = len(members) - n_loaded
        spent = time.monotonic() - begun
        left = config.n_members - len(members)
        handles.progress(
            Progress(
                stage="members", done=len(members), total=config.n_members, chi2=chi2,
                message=f"{len(members)} of {config.n_members} members",
                elapsed=time.monotonic() - started,
                remaining=spent / n_new * left if n_new else None,
                partial=lambda: _partial_mean(problem, list(members.values())),
            )
        )  # fmt: skip

    report(None)
    todo = [index for index in range(config.n_members) if index not in members]
    work = member_task(problem, peak, depth, referee, referee_cell, handles.is_cancelled)
    for index, member in _fitted(work, todo, problem, handles):
        checkpoint.save(index, member)
        members[index] = member
        residual = problem.target.observed.numpy() - member.predicted
        scaled = residual / (problem.target.std.numpy() * member.sigma_scale.item())
        report(float(np.mean(scaled**2)))
    return dict(sorted(members.items()))


def _fitted(
    work: Callable[[int], Member | None], todo: list[int], problem: Problem, handles: Handles
) -> Iterator[tuple[int, Member]]:
    """Members as they finish; those that a cancel cut short are left out."""
    for index, member in in_parallel(
        work,
        todo,
        n_workers=worker_count(problem.config.n_workers),
        is_cancelled=handles.is_cancelled,
    ):
        if member is not None:
            yield index, member


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
    engine = RandomisedMaximumLikelihood()
    student = config.likelihood == "student"

    def work(index: int) -> Member | None:
        generator = seeded(config.seed, index)
        scale = peak.sigma_scale
        if config.infer_sigma:
            # the posterior of a variance is inverse chi2 with the free picks as its degrees
            shape = torch.tensor(peak.n_free / 2, dtype=torch.float64)
            scale *= float(torch.sqrt(shape / _gamma(shape, generator)))
        position, here = peak.fit.position, peak.fit.here
        target = replace(problem.target, std=problem.target.std * scale)
        n_steps, converged = 0, True
        for _ in range(STUDENT_SWEEPS if student else 1):
            if student:
                target = _student_target(problem, here, scale, config.student_dof, generator)
            state = engine.init(position[None], here, target, generator)
            counter: list[int] = []
            state, info = run(
                engine, state, target, generator,
                n_steps=config.n_steps, is_cancelled=is_cancelled,
                on_step=lambda step, _, counter=counter: counter.append(step),
            )  # fmt: skip
            n_steps += len(counter)
            if is_cancelled() and not info.is_converged:
                return None
            converged = info.is_converged
            [(position, here)] = engine.particles(state)
        return finish_member(
            problem, position.numpy(), here.memory, depth, referee, referee_cell,
            sigma_scale=scale, n_steps=n_steps, is_converged=converged,
        )  # fmt: skip

    return work


def finish_member(
    problem: Problem,
    unknowns: Array,
    memory: RayMemory,
    depth: Array,
    referee: Referee,
    referee_cell: float,
    *,
    sigma_scale: float,
    n_steps: int,
    is_converged: bool,
) -> Member:
    """A fitted model with all that the result holds of it."""
    grid = problem.prior.grid
    velocity = problem.prior.velocity(unknowns)
    rays = memory.rays
    coverage = np.zeros((depth.size, grid.n_easting))
    kernels.ray_lengths(
        grid.x0, depth[0], grid.cell_easting, depth[1] - depth[0], rays.nodes, rays.count, coverage
    )
    visited = coverage > 0
    row = depth.size - 1 - np.argmax(visited[::-1], axis=0)
    return Member(
        unknowns=unknowns,
        predicted=memory.times,
        referee=referee.times(velocity, referee_cell),
        coverage=coverage,
        deepest=np.where(visited.any(axis=0), depth[row], np.nan),
        network=np.zeros(0),
        sigma_scale=np.array([sigma_scale]),
        n_steps=np.array([float(n_steps)]),
        is_converged=np.array([float(is_converged)]),
    )


def worker_count(n_workers: int) -> int:
    """Threads to use; 0 means every core this process may run on."""
    if n_workers:
        return n_workers
    import os

    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def _student_target(
    problem: Problem,
    here: Linearised,
    scale: float,
    dof: float,
    generator: torch.Generator,
) -> PickTarget:
    """Sigmas with the scale-mixture weights of a Student likelihood drawn given the residuals."""
    std = problem.target.std * scale
    residual = (problem.target.observed - here.predicted) / std
    shape = torch.full_like(residual, (dof + 1) / 2)
    weight = _gamma(shape, generator) / ((dof + residual**2) / 2)
    return replace(problem.target, std=std / weight.sqrt())


def _gamma(shape: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Gamma(shape, 1) draws from a torch generator (torch has no public one that takes it)."""
    seed = int(torch.randint(2**62, (1,), generator=generator))
    return torch.from_numpy(
        np.asarray(np.random.default_rng(seed).gamma(shape.numpy()), dtype=float)
    )


def _partial_mean(problem: Problem, members: list[Member]) -> tuple[Array, Array, Array] | None:
    """Easting, depth below the surface and mean velocity of the members so far."""
    if not members:
        return None
    grid = problem.prior.grid
    models = [problem.prior.velocity(member.unknowns) for member in members]
    return grid.easting, grid.below_surface, np.mean(models, axis=0).T
