"""Times and kernels along rays: several candidates, bent, the fastest kept (Fermat).

A first arrival is the global minimum of travel time over paths. Every candidate is an upper bound
that bending lowers to its own branch's minimum; the time's error is of second order in the ray's.
The derivative of the time with respect to velocity is the ray itself, -ds / v**2: local and exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from seisnb.prior import GaussianProcessPrior
from seisnb.section import SectionGrid
from seisnb.traveltime import bending, kernels
from seisnb.traveltime.base import PickGeometry, Rays, Wavefronts

Array = NDArray[np.float64]

#: Most nodes that one ray may have.
CAPACITY = 128
#: Times of two paths are rounded off to one over this share of a pick's sigma.
ROUNDING = 0.1
#: Derivatives are mixed over more, so that a step from where two paths are nearly as fast lowers
#: (or raises) the times of both.
MIXING = 0.6
#: A second path's share in a derivative below this is none.
LEAST_SHARE = 0.02
#: A second path counts while it is slower by less than this many pick sigmas.
NEAR = 1.5
#: A search traces the ray of a pick where wavefronts are less than this many sigmas behind the
#: fastest known path: as much as their grid may be off.
AHEAD = 0.3


def straight_rays(grid: SectionGrid, geometry: PickGeometry, spacing: float) -> Rays:
    """Straight rays from starts to anchors, kept under the surface; the first guess of all."""
    rays = Rays(
        nodes=np.zeros((geometry.n_picks, CAPACITY, 2)),
        count=np.zeros(geometry.n_picks, np.int64),
    )
    entry = geometry.start.copy()
    wet = geometry.in_water
    entry[wet, 1] = np.interp(entry[wet, 0], grid.easting, grid.surface)
    end = geometry.anchors[geometry.anchor]
    length = np.hypot(*(end - entry).T)
    rays.count[:] = np.clip(np.ceil(length / spacing), 4, CAPACITY - 1).astype(int) + 1
    for p, n in enumerate(rays.count):
        share = np.linspace(0, 1, n)[:, None]
        rays.nodes[p, :n] = entry[p] + share * (end[p] - entry[p])
    top = np.interp(rays.nodes[..., 0], grid.easting, grid.surface)
    inner = rays.nodes[:, 1:-1]
    inner[..., 1] = np.maximum(inner[..., 1], top[:, 1:-1])
    rays.nodes[np.arange(geometry.n_picks), rays.count - 1] = end
    return rays


def ray_parameter(velocity: Array, grid: SectionGrid, rays: Rays) -> Array:
    """Horizontal slowness of every ray, the mean of that at its two ends, (pick,) [s/km].

    How much longer the first arrival takes where the ends are a little farther apart: dT/dX.
    """
    picks, last = np.arange(rays.count.size), rays.count - 1
    found = np.zeros(picks.size)
    for one, other in ((np.zeros_like(last), np.ones_like(last)), (last, last - 1)):
        end, inner = rays.nodes[picks, one], rays.nodes[picks, other]
        length = np.hypot(*(inner - end).T)
        share = np.abs(inner[:, 0] - end[:, 0]) / np.maximum(length, 1e-12)
        middle = 0.5 * (end + inner)
        row = (middle[:, 1] - np.interp(middle[:, 0], grid.easting, grid.surface)) / grid.cell_depth
        column = (middle[:, 0] - grid.x0) / grid.cell_easting
        at = map_coordinates(velocity, np.stack([column, row]), order=1, mode="nearest")
        found += 0.5 * share / at
    return found


def bend_rays(
    velocity: Array,
    grid: SectionGrid,
    geometry: PickGeometry,
    rays: Rays,
    *,
    n_steps: int = 12,
    tolerance: float = 1e-6,
) -> tuple[Array, Rays]:
    """Bend rays to the nearest minimum of time.

    Parameters
    ----------
    velocity : Array, (n_easting, n_depth)
        Velocity on the section grid [km/s].
    grid, geometry : SectionGrid, PickGeometry
        Where it lives and what the picks' ends are.
    rays : Rays
        Where bending starts; left as it is.
    n_steps : int
        Most Newton steps per ray.
    tolerance : float
        A ray is done when a step gains less than this [s].

    Returns
    -------
    times : Array, (pick,)
        Water plus rock time along the bent rays [s].
    rays : Rays
        The bent rays.
    """
    bent = rays.copy()
    times = np.empty(geometry.n_picks)
    bending.bend(
        velocity, grid.surface, grid.x0, grid.cell_easting, grid.cell_depth,
        grid.below_surface[-1], geometry.start, geometry.in_water, geometry.water_slowness,
        bent.nodes, bent.count, n_steps, tolerance, times,
    )  # fmt: skip
    return times, bent


@dataclass(frozen=True, kw_only=True)
class Paths:
    """The two fastest paths of every pick, so that none is lost where they change places.

    Attributes
    ----------
    times : Array, (pick,)
        Least times [s], rounded off over :data:`ROUNDING` where two paths are as fast.
    rays : Rays
        The fastest ray of every pick.
    second : Rays
        The fastest along another path; no nodes where none is known or near in time.
    share : Array, (pick,)
        Weight of the second ray in the derivative that steps are made with: 0.5 where both are as
        fast, less the slower it is, over :data:`MIXING`.
    """

    times: Array
    rays: Rays
    second: Rays
    share: Array


def two_fastest(
    candidates: Sequence[tuple[Array, Rays]], *, margin: float, apart: float, std: Array
) -> Paths:
    """The two fastest of several (times, rays) that run along different paths, pick by pick.

    Parameters
    ----------
    candidates : sequence of (Array, Rays)
        Times [s] and rays; rays without nodes do not count.
    margin : float
        A later candidate must be faster by more [s]: of two that have been bent to the same path,
        rounding does not choose.
    apart : float
        Rays that keep closer than this [km] run along the same path.
    std : Array, (pick,)
        Standard deviations of the picks [s], the measure of what is near in time.
    """
    times, rays = candidates[0]
    times, rays = times.copy(), rays.copy()
    later = np.full_like(times, np.inf)
    second = Rays(nodes=np.zeros_like(rays.nodes), count=np.zeros_like(rays.count))
    for other_times, other in candidates[1:]:
        is_there = other.count > 0
        better = is_there & (other_times < times - margin)
        differs = is_there & (_distance(rays, other) > apart)
        # what was first becomes second, unless it is the same path, or the second was another
        falls = np.flatnonzero(better & differs)
        _put(second, falls, rays)
        later[falls] = times[falls]
        runs_up = np.flatnonzero(~better & differs & (other_times < later - margin))
        _put(second, runs_up, other)
        later[runs_up] = other_times[runs_up]
        won = np.flatnonzero(better)
        _put(rays, won, other)
        times[won] = other_times[won]
        same = np.flatnonzero((second.count > 0) & (_distance(rays, second) <= apart))
        second.count[same] = 0
        later[same] = np.inf
    far = ~((later - times < NEAR * std) & (std > 0))
    second.count[far] = 0
    with np.errstate(over="ignore"):
        behind = np.where(far, np.inf, np.maximum(later - times, 0.0))
        gap = behind / (ROUNDING * np.where(far, 1.0, std))
        share = 1 / (1 + np.exp(gap * (ROUNDING / MIXING)))
        rounded = times - ROUNDING * std * np.log1p(np.exp(-gap))
    return Paths(times=rounded, rays=rays, second=second, share=share)


def _without(rays: Rays, known: Sequence[Rays], apart: float) -> Rays:
    """Rays without those that run along a known one's path, which bending would make the same."""
    count = rays.count.copy()
    for other in known:
        both = (other.count > 0) & (count > 0)
        count[both & (_distance(rays, other) < apart)] = 0
    return Rays(nodes=rays.nodes, count=count)


def _put(into: Rays, picks: NDArray[np.intp], rays: Rays) -> None:
    """Copy the rays of some picks."""
    into.nodes[picks] = rays.nodes[picks]
    into.count[picks] = rays.count[picks]


def _distance(one: Rays, other: Rays) -> Array:
    """How far apart two rays of every pick run, (pick,) [km]; infinite where either is missing."""
    return np.asarray(kernels.distances(one.nodes, one.count, other.nodes, other.count))


@dataclass(frozen=True, kw_only=True)
class RayForward:
    """Travel times of all picks as a function of the prior's whitened unknowns.

    Attributes
    ----------
    prior : GaussianProcessPrior
        Maps unknowns to velocity.
    geometry : PickGeometry
        The picks' ends.
    wavefronts : tuple of Wavefronts
        Where new candidate rays come from.
    n_steps : int
        Bending steps.
    tolerance : float
        Bending tolerance [s].
    std : Array, (pick,)
        Standard deviations of the picks [s]: what is near in time, for their second paths.
    apart : float
        Rays that keep closer than this [km] run along the same path.
    keeps_rays : bool
        The last model's rays stay candidates, so that no path is lost on the way.
    """

    prior: GaussianProcessPrior
    geometry: PickGeometry
    wavefronts: tuple[Wavefronts, ...]
    n_steps: int = 3
    tolerance: float = 1e-5
    std: Array | None = None
    apart: float = 0.0
    keeps_rays: bool = False

    def times(self, unknowns: Array, known: Rays) -> tuple[Array, Rays]:
        """Times [s] and rays of one model.

        Parameters
        ----------
        unknowns : Array, (n_unknowns,)
            The model.
        known : Rays
            Rays of a neighbouring model.
        """
        return self.times_in(self.prior.velocity(unknowns), known)

    def times_in(self, velocity: Array, known: Rays) -> tuple[Array, Rays]:
        """The same for a velocity model (n_easting, n_depth) [km/s] on the section grid."""
        paths = self.paths(velocity, known)
        return paths.times, paths.rays

    def paths(self, velocity: Array, *known: Rays, is_search: bool = True) -> Paths:
        """The fastest paths of a velocity model (n_easting, n_depth) [km/s].

        Parameters
        ----------
        velocity : Array
            On the section grid.
        known : Rays
            Rays of neighbouring models.
        is_search : bool
            Trace new rays down the wavefronts; without, known rays are bent and nothing else, so
            that times change smoothly with the model.
        """
        std = np.zeros(self.geometry.n_picks) if self.std is None else self.std
        is_search = is_search and bool(self.wavefronts)
        keeps = self.keeps_rays or not is_search
        bent = [self._bent(velocity, rays) for rays in known if keeps and rays.count.any()]
        than = None
        if bent and self.std is not None:
            than = np.min([times for times, _ in bent], axis=0) + AHEAD * self.std
        for source in self.wavefronts if is_search else ():
            traced = source.trace(velocity, self.prior.grid, self.geometry, known[0], than)
            new = _without(traced, [rays for _, rays in bent], self.apart)
            bent.append(self._bent(velocity, new))
        return two_fastest(bent, margin=self.tolerance, apart=self.apart, std=std)

    def _bent(self, velocity: Array, rays: Rays) -> tuple[Array, Rays]:
        """Times [s] along rays bent in a model, and these; infinite where there is no ray."""
        times, bent = bend_rays(
            velocity, self.prior.grid, self.geometry, rays,
            n_steps=self.n_steps, tolerance=self.tolerance,
        )  # fmt: skip
        return np.where(rays.count > 0, times, np.inf), bent

    def kernel(self, unknowns: Array, rays: Rays) -> Array:
        """Derivative of the times with respect to the unknowns, (pick, n_unknowns)."""
        return self._kernel(unknowns, (rays, np.ones(rays.count.size)))

    def kernel_of(self, unknowns: Array, paths: Paths) -> Array:
        """The same for both paths of every pick, by their shares."""
        share = np.where(paths.share > LEAST_SHARE, paths.share, 0.0)
        return self._kernel(unknowns, (paths.rays, 1.0 - share), (paths.second, share))

    def _kernel(self, unknowns: Array, *weighted: tuple[Rays, Array]) -> Array:
        """Weighted sum of the derivatives along several rays of every pick."""
        prior, grid = self.prior, self.prior.grid
        velocity, slope = prior.velocity_and_derivative(unknowns)
        slope = slope * prior.amplitude
        out = np.zeros((self.geometry.n_picks, prior.n_unknowns))
        for rays, weight in weighted:
            kernels.ray_kernel(
                velocity, slope, grid.surface, grid.x0, grid.cell_easting, grid.cell_depth,
                prior.basis_easting, prior.basis_depth, prior.kept[0], prior.kept[1],
                rays.nodes, rays.count, weight, out,
            )  # fmt: skip
        return out
