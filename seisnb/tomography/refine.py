"""Depth of the model and fineness of its grids, corrected where the first fit shows them wrong."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.interpolate import RegularGridInterpolator

from seisnb.handles import Handles, Progress
from seisnb.inference.rml import Fit, start_fit
from seisnb.threads import single_threaded
from seisnb.tomography.config import TomographyConfig
from seisnb.tomography.peak import Peak, find_peak
from seisnb.tomography.problem import (
    Frame,
    Problem,
    choose_referee_cell,
    make_problem,
    mean_profile,
    round_up,
)
from seisnb.traveltime.base import Rays
from seisnb.traveltime.referee import Clerks, Referee

Array = NDArray[np.float64]

#: Rms error of the most probable model's times against the referee, in pick sigmas, that is left.
MOST_ERROR = 0.2
#: Share of rays along the model's floor that is left.
MOST_ON_FLOOR = 0.01
#: Factor on the depth of a model that rays run along the floor of.
DEEPER = 1.5
#: Deepest model, as a share of the line's width.
DEEPEST = 0.9
#: Corrections at most.
MOST_ROUNDS = 6
#: Most cells that a finer model may have.
MOST_CELLS = 400_000


@dataclass(frozen=True, kw_only=True)
class Judged:
    """The most probable model, as the independent solver and the model's edges judge it.

    Attributes
    ----------
    problem, peak : Problem, Peak
        What was solved, and its most probable model.
    referee : Referee
        The solver, open.
    referee_cell, referee_error : float
        Its spacing [km], and the rms change of its times on halving it [s].
    error : float
        Rms error of the times along rays, in pick sigmas.
    on_floor, on_sides : float
        Shares of the picks whose rays run along the model's floor and its sides.
    notes : tuple of str
        What was corrected.
    """

    problem: Problem
    peak: Peak
    referee: Referee
    referee_cell: float
    referee_error: float
    error: float
    on_floor: float
    on_sides: float
    notes: tuple[str, ...] = ()


def refined_peak(
    problem: Problem,
    peak: Peak,
    asked: TomographyConfig,
    clerks: Clerks,
    handles: Handles,
    started: float,
) -> Judged:
    """The most probable model in a model that is deep and fine enough for it.

    Where rays run along the floor the model is made deeper; where times along rays are off the
    referee's, wavefronts and then the model get finer grids; and the model is fitted again. What
    ``asked`` gives by hand stays as it is.

    Parameters
    ----------
    problem, peak : Problem, Peak
        The first fit.
    asked : TomographyConfig
        Settings as they were given, with what was left open.
    clerks : Clerks
        Who solves for the referee.
    handles, started
        As for :func:`seisnb.tomography.members.fit_members`.
    """
    notes: list[str] = []
    judged = _judged(problem, peak, clerks)
    for _ in range(MOST_ROUNDS):
        change = _change(judged, asked)
        if change is None or handles.is_cancelled():
            break
        config, note = change
        notes.append(note)
        handles.progress(
            Progress(stage="map", done=0, total=1, message=note, elapsed=time.monotonic() - started)
        )
        with single_threaded():
            problem, fit = _moved(judged, config)
            peak = find_peak(problem, handles, started, fit, judged.peak.sigma_scale)
        judged = _judged(problem, peak, clerks)
    return replace(judged, notes=tuple(notes))


def touching(rays: Rays, problem: Problem) -> tuple[float, float]:
    """Shares of the picks whose rays run along the model's floor, and along its sides.

    A ray runs along an edge where two of its nodes in a row, its ends apart, lie on it: within half
    a cell of the floor, or held at the side.
    """
    grid = problem.prior.grid
    x, z = rays.nodes[..., 0], rays.nodes[..., 1]
    index = np.arange(x.shape[1])[None, :]
    inner = (index > 0) & (index < rays.count[:, None] - 1)
    x, z = np.where(inner, x, grid.easting[0]), np.where(inner, z, grid.surface[0])
    depth = z - np.interp(x, grid.easting, grid.surface)
    at_floor = depth > grid.below_surface[-1] - 0.5 * grid.cell_depth
    slack = 1e-3 * grid.cell_easting
    at_side: NDArray[np.bool_] = (x < grid.easting[0] + slack) | (x > grid.easting[-1] - slack)

    def share(at: NDArray[np.bool_]) -> float:
        held = at & inner
        return float((held[:, 1:] & held[:, :-1]).any(axis=1).mean())

    return share(at_floor), share(at_side)


def _judged(problem: Problem, peak: Peak, clerks: Clerks) -> Judged:
    """Hold a fit against the referee and the model's edges."""
    referee = Referee(problem.prior.grid, problem.geometry, clerks)
    velocity = problem.prior.velocity(peak.fit.position.numpy())
    std = peak.target.std.numpy()
    cell, change, times = choose_referee_cell(problem, velocity, std, referee)
    memory = peak.fit.here.memory
    in_section = memory.times if memory.across is None else memory.times - memory.across
    error = float(np.sqrt(np.mean(((in_section - times) / std) ** 2)))
    on_floor, on_sides = touching(peak.fit.here.memory.rays, problem)
    return Judged(
        problem=problem, peak=peak, referee=referee, referee_cell=cell, referee_error=change,
        error=error, on_floor=on_floor, on_sides=on_sides,
    )  # fmt: skip


def _change(judged: Judged, asked: TomographyConfig) -> tuple[TomographyConfig, str] | None:
    """The next correction and how it is told; None where none is needed or left."""
    config, grid = judged.problem.config, judged.problem.prior.grid
    assert config.depth_max and config.cell and config.wavefront_cell
    width = float(grid.easting[-1] - grid.easting[0])
    if judged.on_floor > MOST_ON_FLOOR and asked.depth_max is None:
        deeper = round_up(min(DEEPER * config.depth_max, DEEPEST * width))
        if deeper > 1.05 * config.depth_max:
            note = f"{judged.on_floor:.0%} of the rays run along the floor: {deeper:g} km deep"
            return replace(config, depth_max=deeper), note
    if judged.error <= MOST_ERROR or config.ray_source not in ("auto", "grid", "both"):
        return None
    found = f"times off the referee's by {judged.error:.2f} pick sigmas"
    if asked.wavefront_cell is None and config.wavefront_cell > 1.01 * config.cell:
        finer = config.wavefront_cell / 2
        return replace(config, wavefront_cell=finer), f"{found}: wavefronts on {finer:g} km"
    n_cells = 4 * grid.n_easting * grid.n_depth
    if asked.cell is None and n_cells <= MOST_CELLS:
        cell = config.cell / 2
        change = replace(config, cell=cell, wavefront_cell=asked.wavefront_cell or cell)
        return change, f"{found}: cells of {cell:g} km"
    return None


def _moved(judged: Judged, config: TomographyConfig) -> tuple[Problem, Fit]:
    """The problem with other settings, and the most probable model so far as a start in it."""
    old, fit = judged.problem, judged.peak.fit
    assert config.depth_max
    frame = Frame(
        profile=mean_profile(old.prior_config),
        depth_max=config.depth_max,
        width=float(np.ptp(old.survey["surface_easting"].values)),
    )
    problem = replace(
        make_problem(old.survey, old.prior_config, config, frame), networks=old.networks
    )
    grid = old.prior.grid
    known = RegularGridInterpolator(
        (grid.easting, grid.below_surface),
        old.prior.velocity(fit.position.numpy()) / old.prior.mean,
        bounds_error=False, fill_value=None,
    )  # fmt: skip
    new = problem.prior.grid
    place = np.stack(
        np.meshgrid(
            new.easting.clip(grid.easting[0], grid.easting[-1]),
            new.below_surface.clip(0.0, grid.below_surface[-1]),
            indexing="ij",
        ),
        axis=-1,
    )
    ratio = known(place)
    ratio[:, new.below_surface > grid.below_surface[-1]] = 1.0
    process = problem.prior.process_of(ratio * problem.prior.mean)
    position = torch.cat(
        [
            torch.from_numpy(problem.prior.unknowns_of(process)),
            fit.position[old.prior.n_unknowns :],  # time terms
        ]
    )
    _, memory = problem.target.predict(position, problem.start)
    here = problem.target.linearise(position, memory)
    zero = torch.zeros_like(position)
    return problem, start_fit(problem.target, position, here, zero, problem.target.observed)
