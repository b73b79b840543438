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

from seisnb.prior import GaussianProcessPrior
from seisnb.section import SectionGrid
from seisnb.traveltime import bending, kernels
from seisnb.traveltime.base import PickGeometry, Rays, Wavefronts

Array = NDArray[np.float64]

#: Most nodes that one ray may have.
CAPACITY = 128


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


def fastest(candidates: Sequence[tuple[Array, Rays]]) -> tuple[Array, Rays]:
    """The fastest of several (times, rays), pick by pick."""
    times, rays = candidates[0]
    times, rays = times.copy(), rays.copy()
    for other_times, other in candidates[1:]:
        better = other_times < times
        times[better] = other_times[better]
        rays.nodes[better] = other.nodes[better]
        rays.count[better] = other.count[better]
    return times, rays


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
    keeps_rays : bool
        The last model's rays stay candidates; of use where a wavefront source may lose a branch.
    """

    prior: GaussianProcessPrior
    geometry: PickGeometry
    wavefronts: tuple[Wavefronts, ...]
    n_steps: int = 3
    tolerance: float = 1e-5
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
        grid = self.prior.grid
        candidates = [
            source.trace(velocity, grid, self.geometry, known) for source in self.wavefronts
        ]
        if self.keeps_rays or not candidates:
            candidates.append(known)
        return fastest(
            [
                bend_rays(
                    velocity, grid, self.geometry, rays,
                    n_steps=self.n_steps, tolerance=self.tolerance,
                )
                for rays in candidates
            ]
        )  # fmt: skip

    def kernel(self, unknowns: Array, rays: Rays) -> Array:
        """Derivative of the times with respect to the unknowns, (pick, n_unknowns)."""
        prior, grid = self.prior, self.prior.grid
        velocity, slope = prior.velocity_and_derivative(unknowns)
        out = np.empty((self.geometry.n_picks, prior.n_unknowns))
        kernels.ray_kernel(
            velocity, slope * prior.amplitude,
            grid.surface, grid.x0, grid.cell_easting, grid.cell_depth,
            prior.basis_easting, prior.basis_depth, prior.kept[0], prior.kept[1],
            rays.nodes, rays.count, out,
        )  # fmt: skip
        return out
