"""A fitted model made into a member: misfits, ray coverage, and the referee's times."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from seisnb import ranks
from seisnb.handles import Handles, Progress
from seisnb.threads import spread, worker_count
from seisnb.tomography.checkpoint import Member
from seisnb.tomography.problem import Problem, RayMemory
from seisnb.traveltime import kernels
from seisnb.traveltime.referee import Referee

Array = NDArray[np.float64]
ResultT = TypeVar("ResultT")


def finish_member(
    problem: Problem,
    unknowns: Array,
    memory: RayMemory,
    depth: Array,
    referee: Referee | None,
    referee_cell: float,
    *,
    sigma_scale: float,
    n_steps: int,
    is_converged: bool,
    objective: tuple[float, float, float] = (np.nan, np.nan, np.nan),
    is_own: bool = True,
    correction_acceptance: float | None = None,
    excess: Array | None = None,
) -> Member:
    """A fitted model with all that the result holds of it; without a referee unchecked so far."""
    grid = problem.prior.grid
    velocity = problem.prior.velocity(unknowns)
    rays = memory.rays
    added = problem.target.added(torch.from_numpy(unknowns)).numpy()
    across = np.zeros(0) if memory.across is None else memory.across
    besides = added + across if across.size else added
    coverage = np.zeros((depth.size, grid.n_easting))
    kernels.ray_lengths(
        grid.x0, depth[0], grid.cell_easting, depth[1] - depth[0], rays.nodes, rays.count, coverage
    )
    visited = coverage > 0
    row = depth.size - 1 - np.argmax(visited[::-1], axis=0)
    return Member(
        unknowns=unknowns,
        predicted=memory.times + added,
        referee=np.zeros(0) if referee is None else referee.times(velocity, referee_cell) + besides,
        coverage=coverage.astype(np.float32),
        deepest=np.where(visited.any(axis=0), depth[row], np.nan),
        network=np.zeros(0)
        if problem.network is None
        else problem.network.times(velocity, grid, problem.geometry) + besides,
        sigma_scale=np.array([sigma_scale]),
        n_steps=np.array([float(n_steps)]),
        is_converged=np.array([float(is_converged)]),
        across=across,
        objective=np.array(objective, float),
        is_own=np.array([float(is_own)]),
        correction_acceptance=np.array(
            [np.nan if correction_acceptance is None else correction_acceptance]
        ),
        excess=np.zeros(0) if excess is None else excess,
    )


def is_checked(members: list[Member]) -> bool:
    """Whether the referee was asked about every member."""
    return all(member.referee.size for member in members)


def refereed(
    problem: Problem,
    members: list[Member],
    referee: Referee,
    referee_cell: float,
    handles: Handles,
    started: float,
) -> list[Member]:
    """Members with the referee's times, in the same order; a cancel leaves them as they are."""
    todo = [index for index, member in enumerate(members) if not member.referee.size]
    if not todo or ranks.any_of(handles.is_cancelled()):
        return members
    check = Check(
        problem=problem, referee=referee, referee_cell=referee_cell,
        unknowns={index: members[index].unknowns for index in todo},
        across={index: members[index].across for index in todo},
    )  # fmt: skip
    checking = spread(
        check,
        todo[ranks.Share(n=len(todo)).mine],
        n_workers=worker_count(problem.config.n_workers),
        is_cancelled=handles.is_cancelled,
    )
    times = collected(ranks.joined(checking), len(todo), handles, started)
    if len(times) < len(todo):
        return members
    return [
        replace(member, referee=times[index]) if index in times else member
        for index, member in enumerate(members)
    ]


def collected(
    items: Iterable[tuple[int, ResultT]], n_items: int, handles: Handles, started: float
) -> dict[int, ResultT]:
    """Results by member as they come, each told of: the last pass takes a good part of a run."""
    begun, found = time.monotonic(), dict[int, ResultT]()

    def tell() -> None:
        now, n_found = time.monotonic(), len(found)
        handles.progress(
            Progress(
                stage="referee", done=n_found, total=n_items,
                message=f"{n_found} of {n_items} members checked", elapsed=now - started,
                remaining=(now - begun) / n_found * (n_items - n_found) if n_found else None,
            )
        )  # fmt: skip

    tell()
    for index, result in items:
        found[index] = result
        tell()
    return found


@dataclass(frozen=True, kw_only=True, eq=False)
class Check:
    """The referee's times of a member by its index; may leave this process.

    Attributes
    ----------
    problem, referee, referee_cell
        As of :class:`seisnb.tomography.members.MemberFit`.
    unknowns : dict of index to Array, (n_unknowns,)
        The members' models.
    across : dict of index to Array, (pick,) or (0,)
        What distances across the line add to their times [s].
    """

    problem: Problem
    referee: Referee
    referee_cell: float
    unknowns: dict[int, Array]
    across: dict[int, Array]

    @property
    def shared(self) -> tuple[object, ...]:
        """What members were fitted with."""
        return self.problem, self.referee

    def __call__(self, index: int, is_cancelled: Callable[[], bool]) -> Array:
        """Times of all picks, (pick,) [s]."""
        unknowns = self.unknowns[index]
        times = self.referee.times(self.problem.prior.velocity(unknowns), self.referee_cell)
        if self.across[index].size:
            times = times + self.across[index]
        return np.asarray(times + self.problem.target.added(torch.from_numpy(unknowns)).numpy())
