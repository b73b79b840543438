"""From a survey to a problem that engines can solve: grid, prior, rays, target."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray
from torch import Tensor

from seisnb.conventions import GeometryError, InputError
from seisnb.inference.base import Linearised
from seisnb.prior import (
    GaussianProcessPrior,
    MeanProfile,
    PriorConfig,
    check_amplitude,
    gaussian_process_prior,
    linear_profile,
)
from seisnb.profile import BURIED, buried_depth, profile_from_picks, turning_depth
from seisnb.section import round_cell, section_grid
from seisnb.survey import horizontal_distance, offset, offset_across
from seisnb.tomography.config import TomographyConfig
from seisnb.tomography.terms import TimeTerms, time_terms
from seisnb.traveltime.base import PickGeometry, Rays, TracedRays, pick_geometry
from seisnb.traveltime.grid import GridWavefronts
from seisnb.traveltime.network import NetworkWavefronts
from seisnb.traveltime.rays import Paths, RayForward, ray_parameter, straight_rays
from seisnb.traveltime.referee import Referee
from seisnb.vsvgd.config import VsvgdConfig

Array = NDArray[np.float64]

#: Share of a pick's sigma that the rows of the grid may change a vertical ray's time by.
LEAST_SEEN = 0.1
#: Depths that this is looked at on; rows that are enough whatever the profile.
N_FINE, MOST_ROWS = 4000, 200
#: Fewest picks an inversion takes.
LEAST_PICKS = 3


@dataclass(frozen=True, kw_only=True)
class RayMemory:
    """The last model's paths, so that the next one starts from them.

    Attributes
    ----------
    rays : Rays
        The fastest of every pick.
    times : Array, (pick,)
        Their times [s].
    paths : Paths or None
        The same with each pick's second path; None for rays to begin with.
    across : Array, (pick,) or None
        What distances across the line add to the times [s], part of ``times``.
    """

    rays: Rays
    times: Array
    paths: Paths | None = None
    across: Array | None = None

    @property
    def known(self) -> tuple[Rays, ...]:
        """All rays that are remembered."""
        return (self.rays,) if self.paths is None else (self.rays, self.paths.second)


@dataclass(frozen=True, kw_only=True)
class PickTarget:
    """The picks as a function of the prior's whitened unknowns.

    Attributes
    ----------
    forward : RayForward
        Times along rays in the section.
    observed, std : Tensor, (pick,)
        The picks and their standard deviations [s].
    terms : TimeTerms or None
        Errors that picks share, as unknowns.
    beyond : Array, (pick,) or None
        By how much shot and receiver are farther apart than in the section [km], off the line.
    """

    forward: RayForward
    observed: Tensor
    std: Tensor
    terms: TimeTerms | None = None
    beyond: Array | None = None

    @property
    def n_unknowns(self) -> int:
        """Length of a position: the model's unknowns, then those of the time terms."""
        return self.forward.prior.n_unknowns + (self.terms.n_terms if self.terms else 0)

    def added(self, position: Tensor) -> Tensor:
        """What time terms add to the times of a model, (pick,) [s]."""
        if self.terms is None:
            return torch.zeros_like(self.observed)
        return self.terms.matrix @ position[self.forward.prior.n_unknowns :]

    def predict(self, position: Tensor, memory: RayMemory) -> tuple[Tensor, RayMemory]:
        """Times of all picks [s] by a new search, and the rays they ran along."""
        return self._along(position, *memory.known)

    def recall(self, position: Tensor, *memories: RayMemory) -> tuple[Tensor, RayMemory]:
        """Times along the fastest of what memories hold, pick by pick [s], and these rays."""
        known = [rays for memory in memories for rays in memory.known]
        return self._along(position, *known, is_search=not self.forward.n_steps)

    def _along(
        self, position: Tensor, *known: Rays, is_search: bool = True
    ) -> tuple[Tensor, RayMemory]:
        """Times and paths of a position."""
        velocity = self.forward.prior.velocity(position.numpy())
        paths = self.forward.paths(velocity, *known, is_search=is_search)
        times, across = paths.times, None
        if self.beyond is not None:
            across = self.beyond * ray_parameter(velocity, self.forward.prior.grid, paths.rays)
            times = times + across
        memory = RayMemory(rays=paths.rays, times=times, paths=paths, across=across)
        return torch.from_numpy(times) + self.added(position), memory

    def linearise(self, position: Tensor, memory: RayMemory) -> Linearised:
        """The kernel along the remembered rays of this position."""
        if memory.paths is None:
            kernel = self.forward.kernel(position.numpy(), memory.rays)
        else:
            kernel = self.forward.kernel_of(position.numpy(), memory.paths)
        if memory.across is not None:
            # the way across the line runs through the same rock
            kernel *= (memory.times / np.maximum(memory.times - memory.across, 1e-9))[:, None]
        jacobian = torch.from_numpy(kernel)
        if self.terms is not None:
            jacobian = torch.cat([jacobian, self.terms.matrix], dim=1)
        return Linearised(
            predicted=torch.from_numpy(memory.times) + self.added(position),
            jacobian=jacobian,
            memory=memory,
        )


@dataclass(frozen=True, kw_only=True)
class Problem:
    """Everything an inversion needs, made once.

    Attributes
    ----------
    survey : xr.Dataset
        Used picks only.
    prior : GaussianProcessPrior
        The prior on its grid.
    geometry : PickGeometry
        Ends of the picks.
    target : PickTarget
        What engines see.
    start : RayMemory
        Rays to begin with.
    prior_config, config : PriorConfig, TomographyConfig
        The settings with every None filled in.
    network : NetworkWavefronts or None
        The trained network, for the ray sources that use one.
    networks : VsvgdConfig or None
        Settings of the published method's networks, for that method.
    """

    survey: xr.Dataset
    prior: GaussianProcessPrior
    geometry: PickGeometry
    target: PickTarget
    start: RayMemory
    prior_config: PriorConfig
    config: TomographyConfig
    network: NetworkWavefronts | None = None
    networks: VsvgdConfig | None = None


@dataclass(frozen=True, kw_only=True)
class Frame:
    """What does not depend on the prior's lengths: mean profile and depth of the model [km]."""

    profile: MeanProfile
    depth_max: float
    width: float


def check_picks(survey: xr.Dataset) -> None:
    """Refuse used picks that no model could be fitted to, before any work.

    Raises
    ------
    InputError
        Too few picks.
    GeometryError
        Shots and receivers both stand in the water.
    """
    n_picks = survey.sizes["pick"]
    if n_picks < LEAST_PICKS:
        raise InputError(
            f"invert: {n_picks} used pick(s); at least {LEAST_PICKS} are needed to learn anything "
            "about velocity. Restore muted picks or read more."
        )
    pick_geometry(survey)


def make_frame(survey: xr.Dataset, prior: PriorConfig, config: TomographyConfig) -> Frame:
    """Mean profile and depth of the model, estimated from the picks where they are not given.

    Raises
    ------
    GeometryError
        A shot or receiver below the model.
    """
    profile = _mean_profile(survey, prior, config)
    reach = float(horizontal_distance(survey).max())
    width = float(np.ptp(survey["surface_easting"].values))
    depth_max = config.depth_max
    buried = buried_depth(survey)
    if depth_max is None and buried > BURIED * width:
        depth_max = round_up(1.1 * buried)
    elif depth_max is None:
        turning = turning_depth(profile, reach)
        turned = float(np.clip(1.35 * turning, 0.05 * reach, 0.6 * width))
        depth_max = round_up(max(turned, 1.1 * buried))
    if buried > depth_max:
        raise GeometryError(
            f"invert: a shot or receiver lies {buried:g} km under the surface, below the model's "
            f"depth_max of {depth_max:g} km. Choose a depth_max of at least {1.1 * buried:.3g} km."
        )
    return Frame(profile=profile, depth_max=depth_max, width=width)


def make_problem(
    survey: xr.Dataset, prior: PriorConfig, config: TomographyConfig, frame: Frame
) -> Problem:
    """Build grid, prior and target; the prior's lengths must be given by now.

    Raises
    ------
    PriorError
        A prior that is no distribution on this grid.
    """
    profile, depth_max, width = frame.profile, frame.depth_max, frame.width
    prior = replace(
        prior,
        kernel=prior.kernel or "gaussian",
        length_depth_growth=prior.length_depth_growth or 0.0,
        amplitude_at_depth=prior.amplitude_at_depth or 1.0,
        profile=tuple(
            (float(z), float(v)) for z, v in zip(profile.depth, profile.velocity, strict=True)
        ),
        surface_velocity=None,
        gradient=None,
    )
    assert prior.amplitude and prior.length_easting and prior.length_depth
    std = survey["pick_std"].values.astype(float)
    cell = config.cell or resolving_cell(
        profile,
        depth_max,
        min(
            max(width, depth_max) / 240,
            min(width, depth_max) / 50,
            prior.length_depth / 4,
            prior.length_easting / 4,
        ),
        float(np.median(std)),
    )
    grid = section_grid(survey, depth_max=depth_max, cell=cell)
    check_amplitude(prior, profile)
    process = gaussian_process_prior(
        grid,
        profile,
        field_kind=prior.field,
        amplitude=prior.amplitude,
        length_easting=prior.length_easting,
        length_depth=prior.length_depth,
        length_depth_growth=prior.length_depth_growth or 0.0,
        kernel=prior.kernel or "gaussian",
        velocity_max=prior.velocity_max,
        amplitude_at_depth=prior.amplitude_at_depth or 1.0,
    )
    geometry = pick_geometry(survey)
    config = replace(
        config, depth_max=depth_max, cell=cell, wavefront_cell=config.wavefront_cell or 4 * cell
    )
    assert config.wavefront_cell
    spacing = 3 * cell
    forward = RayForward(
        prior=process,
        geometry=geometry,
        wavefronts=(GridWavefronts(step=config.wavefront_cell, spacing=spacing),),
        n_steps=2 if config.bend else 0,
        tolerance=5e-3 * float(np.median(std)),
        std=std,
        apart=max(spacing, 0.25 * prior.length_depth),
        keeps_rays=config.bend,
    )
    target = PickTarget(
        terms=time_terms(survey, config),
        beyond=_beyond_line(survey),
        forward=forward,
        observed=torch.from_numpy(survey["travel_time"].values.astype(float)),
        std=torch.from_numpy(std),
    )
    rays = straight_rays(grid, geometry, spacing)
    return Problem(
        survey=survey,
        prior=process,
        geometry=geometry,
        target=target,
        start=RayMemory(rays=rays, times=np.zeros(std.size)),
        prior_config=prior,
        config=config,
    )


def with_network(problem: Problem, network: NetworkWavefronts) -> Problem:
    """The problem with rays traced down a network's fields, or down these and the grid's."""
    forward, config = problem.target.forward, problem.config
    grid_source = tuple(w for w in forward.wavefronts if not isinstance(w, NetworkWavefronts))
    sources = (network,) if config.ray_source == "network" else (network, *grid_source)
    forward = replace(
        forward, wavefronts=sources, n_steps=4 if config.bend else 0, keeps_rays=config.bend
    )
    return replace(problem, network=network, target=replace(problem.target, forward=forward))


def with_traced_rays(problem: Problem, rays: Rays) -> Problem:
    """The problem with rays of one model in the place of those down the grid's fields."""
    forward = problem.target.forward
    sources = tuple(
        TracedRays(rays=rays) if isinstance(w, GridWavefronts) else w for w in forward.wavefronts
    )
    # far from that model two steps do not bend a ray all the way
    bend = problem.config.bend
    forward = replace(forward, wavefronts=sources, n_steps=8 if bend else 0, keeps_rays=bend)
    return replace(problem, target=replace(problem.target, forward=forward))


def with_finer_wavefronts(problem: Problem) -> Problem:
    """The problem with rays traced on a grid of half the spacing, where a grid traces them."""
    forward = problem.target.forward
    sources = tuple(
        replace(w, step=w.step / 2) if isinstance(w, GridWavefronts) else w
        for w in forward.wavefronts
    )
    config = problem.config
    assert config.wavefront_cell
    return replace(
        problem,
        config=replace(config, wavefront_cell=config.wavefront_cell / 2),
        target=replace(problem.target, forward=replace(forward, wavefronts=sources)),
    )


def choose_referee_cell(
    problem: Problem, velocity: Array, std: Array, referee: Referee
) -> tuple[float, float, Array]:
    """The coarsest referee that halving changes by less than a tenth of the sigmas ``std`` [s].

    Returns
    -------
    cell, error : float
        Spacing [km], and the rms change on halving it [s].
    times : Array, (pick,)
        Times with that spacing [s].
    """
    grid = problem.prior.grid
    cell = problem.config.referee_cell or 2 * grid.cell_depth
    coarse = referee.times(velocity, cell)
    while True:
        fine = referee.times(velocity, cell / 2)
        error = float(np.sqrt(np.mean((fine - coarse) ** 2)))
        share = float(np.sqrt(np.mean(((fine - coarse) / std) ** 2)))
        n_cells = (grid.extent[1] - grid.extent[0]) * (grid.extent[3] - grid.extent[2]) / cell**2
        if problem.config.referee_cell or share < 0.1 or n_cells > 200_000:
            return cell, error, coarse
        cell, coarse = cell / 2, fine


def _beyond_line(survey: xr.Dataset) -> Array | None:
    """By how much shots and receivers are farther apart than along the line; None if not at all."""
    across = offset_across(survey)
    if not across.any():
        return None
    along = np.abs(offset(survey))
    return np.asarray(np.hypot(along, across) - along)


def resolving_cell(profile: MeanProfile, depth_max: float, most: float, std: float) -> float:
    """The largest round cell [km] whose rows hold a mean profile well enough.

    What a vertical ray to the bottom and back gains or loses between the rows of the grid must stay
    below :data:`LEAST_SEEN` of a pick's sigma.

    Parameters
    ----------
    profile : MeanProfile
        The mean profile.
    depth_max : float
        Depth of the model [km].
    most : float
        Largest cell that will do for all else [km].
    std : float
        A pick's standard deviation [s].
    """
    cell = round_cell(most)
    depth = np.linspace(0.0, depth_max, N_FINE)
    slowness = 1 / profile.at(depth)
    while depth_max / cell < MOST_ROWS:
        rows = np.asarray(cell * np.arange(int(np.ceil(depth_max / cell)) + 1), np.float64)
        held = 1 / np.interp(depth, rows, profile.at(rows))
        if 2 * np.trapezoid(np.abs(held - slowness), depth) < LEAST_SEEN * std:
            break
        cell = round_cell(0.99 * cell)
    return cell


def mean_profile(prior: PriorConfig) -> MeanProfile:
    """The mean profile of a prior that holds one."""
    assert prior.profile
    depth, velocity = np.array(prior.profile, float).T
    return MeanProfile(depth=depth, velocity=velocity)


def round_up(value: float) -> float:
    """Up to the next number of two significant digits.

    >>> round_up(0.01231)
    0.013
    """
    power = 10.0 ** (np.floor(np.log10(value)) - 1)
    return float(f"{np.ceil(value / power - 1e-9) * power:.12g}")


def _mean_profile(survey: xr.Dataset, prior: PriorConfig, config: TomographyConfig) -> MeanProfile:
    """The mean profile: given as a table, as a gradient, or fitted to the picks."""
    if prior.profile is not None:
        return mean_profile(prior)
    if prior.surface_velocity is not None and prior.gradient is not None:
        reach = float(np.ptp(survey["surface_easting"].values))
        return linear_profile(
            prior.surface_velocity, prior.gradient, max(reach, config.depth_max or 0.0)
        )
    return profile_from_picks(survey)
