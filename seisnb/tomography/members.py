"""The ensemble's members: the most probable model first, then draws around it, in parallel."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from seisnb import ranks
from seisnb.handles import Handles, Progress
from seisnb.inference.base import seeded
from seisnb.inference.correction import score_excess
from seisnb.section import to_depth_grid
from seisnb.threads import in_parallel, spread, worker_count
from seisnb.tomography.checkpoint import Checkpoint, Member
from seisnb.tomography.config import is_together
from seisnb.tomography.correction import Correction, correction
from seisnb.tomography.finish import finish_member
from seisnb.tomography.fitting import fit_member
from seisnb.tomography.networks import network_task
from seisnb.tomography.particles import particle_task
from seisnb.tomography.peak import Peak
from seisnb.tomography.problem import Problem
from seisnb.tomography.recentre import will_move
from seisnb.tomography.sigmas import draw_scale
from seisnb.traveltime.referee import Referee

Array = NDArray[np.float64]

#: Members per thread that processes fit before they put them together.
ROUND = 4


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
    n_workers, is_cancelled = worker_count(config.n_workers), handles.is_cancelled
    if not is_together(config):
        fit = MemberFit(
            problem=problem, peak=peak, depth=depth, referee=referee, referee_cell=referee_cell
        )

        def start(indices: list[int]) -> Iterable[tuple[int, Member | None]]:
            return spread(fit, indices, n_workers=n_workers, is_cancelled=is_cancelled)
    else:
        task = network_task if config.method == "vsvgd" else particle_task
        work = task(problem, peak, depth, referee, referee_cell, checkpoint, handles, started)

        def start(indices: list[int]) -> Iterable[tuple[int, Member | None]]:
            return in_parallel(work, indices, n_workers=n_workers, is_cancelled=is_cancelled)

    for index, member in _dealt(start, todo, n_workers, handles):
        checkpoint.save(index, member)
        members[index] = member
        report(len(members), member)
    return dict(sorted(members.items()))


def own_fits(members: list[Member]) -> list[Member]:
    """Members without those that did not reach their own objective; all, where two do not remain.

    An ensemble of failures is still worth looking at; its verdict says what it is.
    """
    own = [member for member in members if member.is_own.item()]
    return own if len(own) >= 2 else members


def _dealt(
    start: Callable[[list[int]], Iterable[tuple[int, Member | None]]],
    todo: list[int],
    n_workers: int,
    handles: Handles,
) -> Iterator[tuple[int, Member]]:
    """Members of all processes as they finish; those that a cancel cut short are left out."""
    n_at_once = ranks.size() * ranks.first_says(n_workers) * ROUND
    if ranks.size() == 1:
        n_at_once = len(todo)
    for first in range(0, len(todo), max(n_at_once, 1)):
        batch = todo[first : first + n_at_once]
        for index, member in ranks.joined(start(batch[ranks.Share(n=len(batch)).mine])):
            if member is not None:
                yield index, member
        if ranks.any_of(handles.is_cancelled()):
            return


@dataclass(frozen=True, kw_only=True, eq=False)
class MemberFit:
    """The work of one member by its index; may leave this process.

    Attributes
    ----------
    problem, peak : Problem, Peak
        What is solved, and its most probable model.
    depth : Array, (depth,)
        Depths of the result's grid [km].
    referee, referee_cell : Referee, float
        The independent solver and its spacing [km].
    """

    problem: Problem
    peak: Peak
    depth: Array
    referee: Referee
    referee_cell: float

    @property
    def shared(self) -> tuple[object, ...]:
        """What moving the members together needs again."""
        return self.problem, self.peak, self.referee

    @cached_property
    def _correct(self) -> Correction | None:
        """The correction of any member, laid out once per process."""
        is_wanted = self.problem.config.correction_steps
        return correction(self.problem, self.peak) if is_wanted else None

    def __call__(self, index: int, is_cancelled: Callable[[], bool]) -> Member | None:
        """Fit a member; None when cancelled midway."""
        problem, peak, config = self.problem, self.peak, self.problem.config
        generator = seeded(config.seed, index)
        scale = draw_scale(problem, peak, generator)
        found = fit_member(problem, peak, scale, generator, is_cancelled)
        if found is None:
            return None
        fit = found.fit
        moves = will_move(config)
        excess = score_excess(fit, found.target, peak.fit.here).numpy() if moves else None
        position, memory, acceptance = fit.position, fit.here.memory, None
        if self._correct is not None:
            moved = self._correct(position, fit.here, scale, generator, is_cancelled)
            if moved is None:
                return None
            position, memory, scale, acceptance = (
                moved.position, moved.memory, moved.sigma_scale, moved.acceptance,
            )  # fmt: skip
        return finish_member(
            problem, position.numpy(), memory, self.depth,
            None if moves else self.referee,  # it is asked once, where the member comes to stand
            self.referee_cell, sigma_scale=scale, n_steps=found.n_steps,
            is_converged=fit.is_converged, objective=(2 * fit.objective, found.expected, found.std),
            correction_acceptance=acceptance, excess=excess, is_own=found.is_own,
        )  # fmt: skip


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
