"""The published method on a line: two networks per particle, moved by a Stein force.

What :mod:`seisnb.vsvgd` does between any points is done here between shots and receivers of a
section, so that its ensemble lies beside the default's: same picks, same prior, same referee. Its
particles fit the times of their own networks; rays through their models and the independent solver
tell what those times are worth.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seisnb import ranks
from seisnb.conventions import Cancelled, InputError
from seisnb.handles import Handles, Progress
from seisnb.inference.base import seeded
from seisnb.prior import GaussianProcessPrior, PriorConfig
from seisnb.section import SectionGrid
from seisnb.tomography.checkpoint import Checkpoint, Member
from seisnb.tomography.config import TomographyConfig
from seisnb.tomography.finish import finish_member
from seisnb.tomography.peak import Peak
from seisnb.tomography.problem import Problem, RayMemory
from seisnb.traveltime.referee import Referee
from seisnb.vsvgd.config import VsvgdConfig
from seisnb.vsvgd.problem import StationaryPrior, VsvgdProblem
from seisnb.vsvgd.run import (
    NetworkSwarm,
    VsvgdProgress,
    run_vsvgd,
    swarm_from_tensors,
    travel_time_of,
    velocity_at,
)

Array = NDArray[np.float64]

#: Settings on a section unless others are given: in two dimensions ten directions of L-BFGS leave
#: an eikonal misfit thirty times that of one Gauss-Newton step, at the same cost.
SECTION = VsvgdConfig(
    n_collocation=200,
    n_frequencies=30,
    slave="gauss_newton",
    adjoint="dense",
)
#: Prior standard deviations that velocity may stray from its mean; bounds of effective velocity.
REACH = 4.0
#: Random numbers that no member uses.
NETWORK_STREAM = 2**40 + 2
#: Iterations between two checkpoints.
KEPT_EVERY = 10


def check_networks(prior: PriorConfig, config: TomographyConfig) -> PriorConfig:
    """The prior with what the networks' features fix; refuse what they cannot have.

    Raises
    ------
    InputError
        A kernel, growth of the length or likelihood that the published method does not know.
    """
    if prior.kernel not in (None, "gaussian") or prior.length_depth_growth:
        raise InputError(
            "invert: method='vsvgd' draws its features from the kernel exp(-d**2 / l**2) with one "
            f"length everywhere; the prior has kernel={prior.kernel!r} and length_depth_growth="
            f"{prior.length_depth_growth}. Use kernel='gaussian' and length_depth_growth=0, or "
            "method='rays'."
        )
    if config.likelihood != "gaussian":
        raise InputError(
            f"invert: method='vsvgd' has a Gaussian likelihood; likelihood is "
            f"{config.likelihood!r}. Use likelihood='gaussian', or method='rays'."
        )
    return replace(prior, kernel="gaussian", length_depth_growth=0.0)


def network_task(
    problem: Problem,
    peak: Peak,
    depth: Array,
    referee: Referee,
    referee_cell: float,
    checkpoint: Checkpoint,
    handles: Handles,
    started: float,
) -> Callable[[int], Member | None]:
    """Move all particles together, then finish them one by one.

    Parameters
    ----------
    problem : Problem
        Picks, prior and settings of the networks.
    peak : Peak
        The most probable model: its factor on the pick sigmas, and rays to begin with.
    depth, referee, referee_cell, checkpoint, handles, started
        As for every engine.

    Raises
    ------
    InputError
        Shots in the water.
    Cancelled
        Before the last iteration; a checkpoint goes on from there.
    """
    config = problem.config
    assert problem.networks is not None
    settings = problem.networks
    posed = section_problem(problem, peak.target.std)
    swarm = _run(posed, settings, problem, checkpoint, handles, started)
    velocity = section_velocity(problem, posed, settings, swarm)
    clocks = travel_time_of(posed, settings, swarm, posed.ends).double().cpu().numpy()
    forward = problem.target.forward

    def work(index: int) -> Member | None:
        process = problem.prior.process_of(velocity[index])
        unknowns = problem.prior.unknowns_of(process)
        times, rays = forward.times(unknowns, peak.fit.here.memory.rays)
        member = finish_member(
            problem, unknowns, RayMemory(rays=rays, times=times), depth, referee, referee_cell,
            sigma_scale=peak.sigma_scale, n_steps=config.n_network_iterations, is_converged=True,
        )  # fmt: skip
        return replace(member, network=np.ascontiguousarray(clocks[index]))

    return work


def section_settings(networks: VsvgdConfig | None, config: TomographyConfig) -> VsvgdConfig:
    """Settings of the networks with particles and iterations of the inversion."""
    return replace(
        networks or SECTION, n_particles=config.n_members, n_iterations=config.n_network_iterations
    )


def section_velocity(
    problem: Problem, posed: VsvgdProblem, settings: VsvgdConfig, swarm: NetworkSwarm
) -> Array:
    """Velocity of every particle on the section's grid, (particle, n_easting, n_depth) [km/s]."""
    grid = problem.prior.grid
    place = torch.from_numpy(_nodes(grid)).to(posed.ends)
    found = velocity_at(posed, settings, swarm, place).double().cpu().numpy()
    return np.asarray(found.reshape(-1, grid.n_easting, grid.n_depth))


def section_problem(problem: Problem, std: Tensor) -> VsvgdProblem:
    """The picks of a section between points in (easting, depth), in single precision.

    Raises
    ------
    InputError
        Shots in the water: the networks know one rock and no interface.
    """
    geometry, prior, grid = problem.geometry, problem.prior, problem.prior.grid
    if geometry.in_water.any():
        raise InputError(
            f"invert: method='vsvgd' knows no water layer, and {int(geometry.in_water.sum())} "
            "picks have an end in it. Use method='rays'."
        )
    device = "cuda" if torch.cuda.is_available() else "cpu"

    def single(values: Array | Tensor) -> Tensor:
        return torch.as_tensor(values).to(device=device, dtype=torch.float32)

    ends = np.stack([geometry.anchors[geometry.anchor], geometry.start], axis=1)
    left, right, top, bottom = grid.extent
    places = np.concatenate([[[left, top], [right, bottom]], ends.reshape(-1, 2)])
    surface = _Line(x0=grid.x0, step=grid.cell_easting, values=single(grid.surface))
    # the mean hangs from the surface and is the same in every column
    mean = _Line(x0=0.0, step=grid.cell_depth, values=single(prior.mean[0]))

    def mean_velocity(place: Tensor) -> Tensor:
        return mean.at(place[:, 1] - surface.at(place[:, 0]))

    return VsvgdProblem(
        ends=single(ends),
        observed=single(problem.target.observed),
        std=single(std),
        prior=StationaryPrior(
            mean_velocity=mean_velocity,
            amplitude=prior.amplitude,
            lengths=(prior.length_easting, prior.length_depth),
            bounds=_bounds(prior),
            field_kind=prior.field_kind,
        ),
        domain=single(np.stack([places.min(axis=0), places.max(axis=0)])),
        top=lambda place: surface.at(place[:, 0]),
    )


@dataclass(frozen=True, kw_only=True)
class _Line:
    """Values on equal steps, linear between them and constant beyond the ends."""

    x0: float
    step: float
    values: Tensor

    def at(self, x: Tensor) -> Tensor:
        """Values at x, (n,)."""
        share = ((x - self.x0) / self.step).clamp(0.0, len(self.values) - 1.0)
        low = share.floor().clamp(max=max(len(self.values) - 2, 0)).long()
        high = (low + 1).clamp(max=len(self.values) - 1)
        return torch.lerp(self.values[low], self.values[high], share - low)


def _bounds(prior: GaussianProcessPrior) -> tuple[float, float]:
    """Slowest and fastest velocity that the prior lets expect [km/s]."""
    process = REACH * prior.amplitude
    slow, fast = float(prior.mean.min()), float(prior.mean.max())
    if prior.field_kind == "log_velocity":
        return slow * float(np.exp(-process)), fast * float(np.exp(process))
    return max(slow - process, 0.1 * slow), fast + process


def _nodes(grid: SectionGrid) -> Array:
    """Easting and depth of every node of the section, (n_easting * n_depth, 2) [km]."""
    easting, below = np.meshgrid(grid.easting, grid.below_surface, indexing="ij")
    return np.stack([easting, below + grid.surface[:, None]], axis=-1).reshape(-1, 2)


def _run(
    posed: VsvgdProblem,
    settings: VsvgdConfig,
    problem: Problem,
    checkpoint: Checkpoint,
    handles: Handles,
    started: float,
) -> NetworkSwarm:
    """All iterations, from the checkpoint where there is one."""
    config = problem.config
    stored = ranks.first_says(checkpoint.load_networks())
    swarm = None if stored is None else swarm_from_tensors(stored, posed, settings)
    begun = time.monotonic()
    first = 0 if swarm is None else int(swarm.iteration)

    def report(info: VsvgdProgress) -> None:
        if info.iteration % KEPT_EVERY == 0 or info.iteration == info.n_iterations:
            checkpoint.save_networks(info.swarm.tensors())
        spent, done = time.monotonic() - begun, info.iteration - first
        handles.progress(
            Progress(
                stage="members", done=0, total=config.n_members, chi2=info.chi2,
                message=f"vsvgd iteration {info.iteration} of {info.n_iterations}, eikonal "
                f"residual {info.eikonal_rms:.2g} km/s",
                elapsed=time.monotonic() - started,
                remaining=spent / done * (info.n_iterations - info.iteration),
            )
        )  # fmt: skip

    swarm = run_vsvgd(
        posed,
        settings,
        seeded(config.seed, NETWORK_STREAM),
        swarm=swarm,
        progress=report,
        is_cancelled=handles.is_cancelled,
    )
    if int(swarm.iteration) < settings.n_iterations:
        raise Cancelled(
            "invert: vsvgd was cancelled before its last iteration; none of its particles is a "
            "result. With a checkpoint the next run goes on from here."
        )
    return swarm
