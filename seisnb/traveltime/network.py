"""Ray candidates down the wavefront network's field of every model, and the network's own times."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seisnb.section import SectionGrid
from seisnb.traveltime.base import PickGeometry, Rays
from seisnb.traveltime.grid import trace_field
from seisnb.traveltime.wavefront import (
    Collocation,
    GridFrame,
    RayBasis,
    WavefrontNetwork,
    fit_heads,
)
from seisnb.traveltime.wavefront_training import (
    TrainingStep,
    WavefrontConfig,
    fitting_points,
    train_wavefront,
)

Array = NDArray[np.float64]

#: Collocation points per basis function when a head is fitted.
POINTS_PER_UNKNOWN = 10


@dataclass(frozen=True, kw_only=True, eq=False)
class NetworkWavefronts:
    """A trained network with everything that no model changes, ready to trace.

    Attributes
    ----------
    network : WavefrontNetwork
        The shared basis.
    where : Collocation
        Points at which heads are fitted.
    field_basis : RayBasis
        The basis on the level grid that rays are traced on, from every anchor.
    floor_basis : RayBasis
        The basis at the surface of every column, from every anchor.
    origin, step
        The level grid [km].
    spacing : float
        Spacing of the rays' nodes [km].
    start : Tensor, (H,)
        Head that fits start from.
    """

    network: WavefrontNetwork
    where: Collocation
    field_basis: RayBasis
    floor_basis: RayBasis
    origin: tuple[float, float]
    step: float
    spacing: float
    start: Tensor

    def head(self, velocity: Array) -> Tensor:
        """The head of a velocity model (n_easting, n_depth) [km/s], (H,)."""
        model = torch.from_numpy(np.ascontiguousarray(velocity)).to(self.where.background)
        return fit_heads(self.where, model, self.start).heads[0]

    def started_at(self, velocity: Array) -> NetworkWavefronts:
        """The same, with later heads started from that of a model."""
        return replace(self, start=self.head(velocity))

    def trace(
        self,
        velocity: Array,
        grid: SectionGrid,
        geometry: PickGeometry,
        like: Rays,
        than: Array | None = None,
    ) -> Rays:
        """One head for all anchors, then one ray per pick."""
        times = (self.field_basis @ self.head(velocity)).double().cpu().numpy()
        rays = Rays(nodes=np.empty_like(like.nodes), count=np.empty_like(like.count))
        for k, anchor in enumerate(geometry.anchors):
            picks = np.flatnonzero(geometry.anchor == k)
            if picks.size:
                trace_field(
                    times[k], self.origin, self.step, anchor, grid, geometry, picks,
                    self.spacing, rays,
                )  # fmt: skip
        return rays

    def times(self, velocity: Array, grid: SectionGrid, geometry: PickGeometry) -> Array:
        """Times of all picks by the network alone, without rays, (pick,) [s]."""
        head = self.head(velocity)
        wet = geometry.in_water
        sources = hang(geometry.anchors[geometry.anchor], grid)
        out = np.empty(geometry.n_picks)
        if (~wet).any():
            points = hang(geometry.start, grid)
            out[~wet] = self.network.times(points[~wet], sources[~wet], head).double().cpu().numpy()
        if wet.any():
            rock = (self.floor_basis @ head).double().cpu().numpy()[geometry.anchor[wet]]
            start = geometry.start[wet]
            water = geometry.water_slowness * np.hypot(
                start[:, :1] - grid.easting, start[:, 1:] - grid.surface
            )
            out[wet] = (water + rock).min(axis=1)
        return out

    def sensitivity(
        self,
        velocity: Array,
        grid: SectionGrid,
        geometry: PickGeometry,
        entry: Array,
        picks: NDArray[np.intp],
    ) -> Array:
        """Derivative of the network's own times with respect to velocity: its closed-form adjoint.

        Parameters
        ----------
        velocity : Array, (n_easting, n_depth)
            The model [km/s].
        grid, geometry : SectionGrid, PickGeometry
            Where model and picks live.
        entry : Array, (pick, 2)
            Where every ray enters the rock, easting and depth [km].
        picks : array of int, (m,)
            Which picks are wanted.

        Returns
        -------
        Array, (m, n_easting, n_depth)
            Seconds per km/s at every node.
        """
        model = torch.from_numpy(np.ascontiguousarray(velocity)).to(self.where.background)
        at_points = self.network.velocity_sensitivity(
            self.where,
            model,
            self.head(velocity),
            hang(entry[picks], grid),
            hang(geometry.anchors[geometry.anchor[picks]], grid),
        )
        return np.asarray(self.where.to_grid(at_points).double().cpu().numpy())

    def report(self, velocity: Array) -> dict[str, float]:
        """How well the network obeys its own physics for a model.

        Returns
        -------
        dict
            ``network_eikonal_residual``, rms of |grad T| v - 1 at the collocation points, and
            ``network_reciprocity_seconds``, the largest |T(a, b) - T(b, a)| between anchors.
        """
        head = self.head(velocity)
        model = torch.from_numpy(np.ascontiguousarray(velocity)).to(self.where.background)
        return {
            "network_eikonal_residual": self.network.eikonal_residual(head, model, self.where),
            "network_reciprocity_seconds": self.network.reciprocity_error(head),
        }


def hang(points: Array, grid: SectionGrid) -> Array:
    """Positions (n, 2) with depth below sea level to depth below the surface, not negative."""
    top = np.interp(points[:, 0], grid.easting, grid.surface)
    return np.stack([points[:, 0], np.maximum(points[:, 1] - top, 0.0)], axis=1)


def train_network_wavefronts(
    models: Array,
    grid: SectionGrid,
    geometry: PickGeometry,
    *,
    step: float,
    spacing: float,
    n_steps: int,
    generator: torch.Generator,
    network: WavefrontNetwork | None = None,
    progress: Callable[[TrainingStep], None] | None = None,
    cancel: Callable[[], bool] | None = None,
    device: str = "cpu",
) -> NetworkWavefronts:
    """Train a network on models, and prepare it for a survey.

    Parameters
    ----------
    models : Array, (n, n_easting, n_depth)
        Draws of the prior, or of the posterior to refresh a network [km/s].
    grid, geometry : SectionGrid, PickGeometry
        Where models and picks live.
    step, spacing : float
        Spacing of the grid rays are traced on, and of the rays' nodes [km].
    n_steps : int
        Training steps; equal steps and generator give equal networks.
    generator : torch.Generator
        Source of all random numbers.
    network : WavefrontNetwork, optional
        One to go on from.
    progress, cancel : callable, optional
        As in :func:`seisnb.traveltime.wavefront_training.train_wavefront`.
    device : str
        Where to train and evaluate.
    """
    frame = GridFrame.of_section(grid)
    trained = train_wavefront(
        torch.from_numpy(np.ascontiguousarray(models)).to(device, torch.float32),
        hang(geometry.anchors, grid),
        frame,
        generator=generator,
        config=WavefrontConfig(n_models=len(models), seconds=None, n_steps=n_steps),
        network=network,
        progress=progress,
        cancel=cancel,
    )
    x0, x1, z0, z1 = grid.extent
    origin = (x0, z0 - step)
    x = origin[0] + step * np.arange(int(np.ceil((x1 - origin[0]) / step - 1e-9)) + 1)
    z = origin[1] + step * np.arange(int(np.ceil((z1 - origin[1]) / step - 1e-9)) + 1)
    nodes = np.stack(np.meshgrid(x, z, indexing="ij"), axis=-1)
    below = nodes.copy()
    below[..., 1] -= np.interp(nodes[..., 0], grid.easting, grid.surface)
    below[..., 0] = np.minimum(below[..., 0], x1)
    below[..., 1] = np.clip(below[..., 1], -step, grid.below_surface[-1])
    floor = np.stack([grid.easting, np.zeros(grid.n_easting)], axis=1)
    points = fitting_points(trained, POINTS_PER_UNKNOWN * trained.n_basis, generator)
    return NetworkWavefronts(
        network=trained,
        where=trained.collocate(*points),
        field_basis=trained.basis_at(below),
        floor_basis=trained.basis_at(floor),
        origin=origin,
        step=step,
        spacing=spacing,
        start=trained.prior_head.double(),
    )
