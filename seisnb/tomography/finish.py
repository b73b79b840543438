"""A fitted model made into a member: misfits, referee, ray coverage."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from seisnb.tomography.checkpoint import Member
from seisnb.tomography.problem import Problem, RayMemory
from seisnb.traveltime import kernels
from seisnb.traveltime.referee import Referee

Array = NDArray[np.float64]


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
    correction_acceptance: float | None = None,
    excess: Array | None = None,
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
        coverage=coverage.astype(np.float32),
        deepest=np.where(visited.any(axis=0), depth[row], np.nan),
        network=np.zeros(0)
        if problem.network is None
        else problem.network.times(velocity, grid, problem.geometry),
        sigma_scale=np.array([sigma_scale]),
        n_steps=np.array([float(n_steps)]),
        is_converged=np.array([float(is_converged)]),
        correction_acceptance=np.array(
            [np.nan if correction_acceptance is None else correction_acceptance]
        ),
        excess=np.zeros(0) if excess is None else excess,
    )
