"""All members moved together, so that their mean is the posterior's: RML's leading bias removed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from seisnb import ranks
from seisnb.handles import Handles
from seisnb.inference.correction import common_shift
from seisnb.inference.rml import posterior_covariance_factor
from seisnb.threads import single_threaded, spread, worker_count
from seisnb.tomography.checkpoint import Member
from seisnb.tomography.config import TomographyConfig
from seisnb.tomography.finish import collected, finish_member
from seisnb.tomography.peak import Peak
from seisnb.tomography.problem import Problem, RayMemory
from seisnb.traveltime.referee import Referee

Array = NDArray[np.float64]

#: A shift below this many posterior standard deviations in every cell is not worth new rays; one
#: above is cut to it: beyond half a standard deviation the leading order goes too far.
LEAST_SHIFT, MOST_SHIFT = 0.05, 0.5
#: A shift that would be larger is not made at all: on lines of many paths members stand where two
#: change places, and the leading order then says little. Against long chains on one such line the
#: mean was off by 0.20 posterior standard deviations before such a shift and 0.21 after it.
TRUSTED_SHIFT = 1.0

#: Rise of the mean chi2 per pick above which a shift is no improvement and is given up: where times
#: are rough, a bias to leading order says little.
MOST_RISE = 0.02
#: Cells whose members spread less than this share of the prior's std are no measure of a shift.
LEAST_SPREAD = 1e-3

#: Fewer members neither give a standard deviation in every cell to measure the shift by nor a mean
#: whose own noise, a standard deviation over the root of their number, is below the bias.
LEAST_MEMBERS = 16


def will_move(config: TomographyConfig) -> bool:
    """Whether members fitted so are moved together when all are there.

    Student weights change the curvature from member to member, and a correction has no bias left.
    """
    is_plain = config.likelihood != "student" and not config.correction_steps
    return config.recentre and is_plain and config.n_members >= LEAST_MEMBERS


def recentred(
    problem: Problem,
    peak: Peak,
    members: list[Member],
    depth: Array,
    referee: Referee,
    referee_cell: float,
    handles: Handles,
    started: float,
) -> tuple[list[Member], float]:
    """Members with the leading bias of their mean removed, and how large it was.

    Parameters
    ----------
    problem, peak : Problem, Peak
        What was solved, and its most probable model.
    members : list of Member
        Finished members; fewer than :data:`LEAST_MEMBERS`, or any without ``excess``, stay as
        they are.
    depth, referee, referee_cell, handles, started
        As for :func:`seisnb.tomography.members.fit_members`. A cancel leaves members as they are.

    Returns
    -------
    members : list of Member
        In the same order; with new rays, times and misfits where they were moved.
    bias : float
        Largest bias of a cell's mean, to leading order, in posterior standard deviations; 0 where
        there was none to speak of, NaN where it was not measured or members spread nowhere.
        Above :data:`MOST_SHIFT` only that much was removed; none above :data:`TRUSTED_SHIFT`, or
        where members would have fitted the picks worse.
    """
    is_known = len(members) >= LEAST_MEMBERS and all(each.excess.size for each in members)
    if not is_known or ranks.any_of(handles.is_cancelled()):
        return members, np.nan
    with single_threaded():
        factor = posterior_covariance_factor(peak.fit.here, peak.target.std)
        excess = torch.from_numpy(np.stack([member.excess for member in members]))
        shift = common_shift(excess, factor).numpy()
        size = ranks.first_says(_largest(problem, members, shift))
    if np.isnan(size):
        return members, size
    if size < LEAST_SHIFT:
        return members, 0.0
    if not size <= TRUSTED_SHIFT:
        return members, size
    shift = shift * min(1.0, MOST_SHIFT / size)
    _, start = problem.target.predict(peak.fit.position, peak.fit.here.memory)

    move = Move(
        problem=problem, peak=peak, depth=depth, referee=referee, referee_cell=referee_cell,
        start=start, positions=np.stack([member.unknowns for member in members]) + shift,
        sigma_scale=[member.sigma_scale.item() for member in members],
        n_steps=[int(member.n_steps.item()) for member in members],
        is_converged=[bool(member.is_converged.item()) for member in members],
    )  # fmt: skip
    moving = spread(
        move,
        list(range(len(members)))[ranks.Share(n=len(members)).mine],
        n_workers=worker_count(problem.config.n_workers),
        is_cancelled=handles.is_cancelled,
    )
    moved = collected(ranks.joined(moving), len(members), handles, started)
    if len(moved) < len(members):
        return members, np.nan
    kept = ("excess", "objective", "is_own")
    after = [
        replace(moved[i], **{name: getattr(member, name) for name in kept})
        for i, member in enumerate(members)
    ]
    rise = _mean_misfit(problem, after) - _mean_misfit(problem, members)
    return (after if rise < MOST_RISE else members), size


@dataclass(frozen=True, kw_only=True, eq=False)
class Move:
    """A moved member made again, by its index; may leave this process.

    Attributes
    ----------
    problem, peak, depth, referee, referee_cell
        As of :class:`seisnb.tomography.members.MemberFit`.
    start : RayMemory
        The most probable model's rays.
    positions : Array, (member, n_unknowns)
        Where members stand after the move.
    sigma_scale, n_steps, is_converged : list
        What a move leaves as it was.
    """

    problem: Problem
    peak: Peak
    depth: Array
    referee: Referee
    referee_cell: float
    start: RayMemory
    positions: Array
    sigma_scale: list[float]
    n_steps: list[int]
    is_converged: list[bool]

    @property
    def shared(self) -> tuple[object, ...]:
        """What members were fitted with."""
        return self.problem, self.peak, self.referee

    def __call__(self, index: int, is_cancelled: Callable[[], bool]) -> Member:
        """The member with new rays, times and misfits."""
        position = self.positions[index]
        target, at = self.problem.target, torch.from_numpy(position)
        _, memory = target.predict(at, self.start)
        _, memory = target.recall(at, memory)  # the most probable model's rays have far to bend
        return finish_member(
            self.problem, position, memory, self.depth, self.referee, self.referee_cell,
            sigma_scale=self.sigma_scale[index], n_steps=self.n_steps[index],
            is_converged=self.is_converged[index],
        )  # fmt: skip


def _mean_misfit(problem: Problem, members: list[Member]) -> float:
    """Mean chi2 per pick, every member with its own sigmas."""
    observed, std = problem.target.observed.numpy(), problem.target.std.numpy()
    chi2 = [
        np.mean(((observed - member.predicted) / (std * member.sigma_scale.item())) ** 2)
        for member in members
    ]
    return float(np.mean(chi2))


def _largest(problem: Problem, members: list[Member], shift: Array) -> float:
    """Largest mean shift of a cell over the members' std there; NaN if they agree."""
    prior = problem.prior
    total, squares, moved = (np.zeros(prior.mean.shape) for _ in range(3))
    for member in members:
        velocity = prior.velocity(member.unknowns)
        total += velocity
        squares += velocity**2
        moved += prior.velocity(member.unknowns + shift)
    n = len(members)
    std = np.sqrt(np.maximum(squares / n - (total / n) ** 2, 0.0) * n / (n - 1))
    has_spread = std > LEAST_SPREAD * prior.velocity_std()
    if not has_spread.any():
        return float("nan")
    return float(np.max((np.abs(moved - total) / n)[has_spread] / std[has_spread]))
