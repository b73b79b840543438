"""Kernels on the grid: the ray's against closed forms, the network's against its own times."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from seisnb.section import SectionGrid
from seisnb.traveltime.base import Rays, pick_geometry
from seisnb.traveltime.grid import GridWavefronts
from seisnb.traveltime.leakage import leakage, ray_sensitivity, tube_radius
from seisnb.traveltime.network import NetworkWavefronts, train_network_wavefronts
from seisnb.traveltime.rays import RayForward, straight_rays
from tests.contracts import cases
from tests.seeds import shifted

ALL = np.arange(2)


def hilly() -> tuple[SectionGrid, Rays]:
    """A grid under a hill, and two crooked rays through it."""
    x = 0.1 * np.arange(41)
    grid = SectionGrid(
        x0=0.0,
        cell_easting=0.1,
        cell_depth=0.05,
        surface=-0.3 * np.exp(-((x - 2.0) ** 2)),
        n_depth=41,
    )
    nodes = np.zeros((2, 4, 2))
    nodes[0] = [[0.13, 0.02], [1.0, 0.6], [2.4, 0.9], [3.77, 0.1]]
    nodes[1, :2] = [[0.5, 0.5], [3.5, 0.5]]
    return grid, Rays(nodes=nodes, count=np.array([4, 2]))


def test_ray_kernel_sums_to_minus_the_time_over_velocity() -> None:
    """T is homogeneous: doubling all velocities halves it, so sum of v dT/dv = -T."""
    grid, rays = hilly()
    velocity = np.full((grid.n_easting, grid.n_depth), 2.5)
    length = [np.hypot(*np.diff(rays.nodes[p, :n], axis=0).T).sum() for p, n in ((0, 4), (1, 2))]
    found = ray_sensitivity(velocity, grid, rays, ALL).sum(axis=(1, 2))
    np.testing.assert_allclose(found, -np.array(length) / 2.5**2, rtol=1e-12)


def test_ray_kernel_is_the_derivative_of_the_time_along_the_ray() -> None:
    """A gradient across the ray's level: dT = -integral of dv / v**2, in closed form."""
    grid, rays = hilly()
    velocity = np.repeat(2.0 + 0.25 * grid.easting[:, None], grid.n_depth, axis=1)
    change = np.repeat(grid.easting[:, None], grid.n_depth, axis=1)
    [found] = (ray_sensitivity(velocity, grid, rays, np.array([1])) * change).sum(axis=(1, 2))

    def antiderivative(x: float) -> float:  # of x / (2 + x / 4)**2
        return 16 * (np.log(2 + x / 4) + 2 / (2 + x / 4))

    assert found == pytest.approx(antiderivative(0.5) - antiderivative(3.5), rel=1e-3)


def test_a_ray_does_not_leak_and_leakage_is_a_share_of_mass() -> None:
    grid, rays = hilly()
    velocity = 2.0 + grid.below_surface[None, :] + 0.1 * grid.easting[:, None]
    kernel = ray_sensitivity(velocity, grid, rays, ALL)
    radius = tube_radius(grid)
    np.testing.assert_array_equal(leakage(kernel, grid, rays, ALL, radius), 0.0)
    far = kernel.copy()
    far[0, 20, -1] = 0.5 * np.abs(kernel[0]).sum()  # the bottom, 0.8 km below the rays
    np.testing.assert_allclose(leakage(far, grid, rays, ALL, radius), [1 / 3, 0.0])
    far[0, 20, -1] *= -1
    np.testing.assert_allclose(leakage(far, grid, rays, ALL, radius)[0], 1 / 3)
    np.testing.assert_array_equal(leakage(0 * kernel, grid, rays, ALL, radius), 0.0)


@pytest.fixture(scope="module")
def network() -> tuple[NetworkWavefronts, RayForward]:
    survey = cases.line("flat")
    grid, geometry = cases.grid_of(survey), pick_geometry(survey)
    prior = cases.prior_on(grid)
    generator = torch.Generator().manual_seed(shifted(1))
    trained = train_network_wavefronts(
        prior.velocity(prior.draw(24, generator)), grid, geometry,
        step=0.1, spacing=0.15, n_steps=100, generator=generator,
    )  # fmt: skip
    source = GridWavefronts(step=0.1, spacing=0.15)
    return trained, RayForward(prior=prior, geometry=geometry, wavefronts=(source,), n_steps=10)


@pytest.mark.slow
def test_network_kernel_belongs_to_its_times_and_leaks(
    network: tuple[NetworkWavefronts, RayForward],
) -> None:
    trained, forward = network
    prior, geometry = forward.prior, forward.geometry
    grid = prior.grid
    velocity = prior.velocity(cases.unknowns(prior, 7))
    _, rays = forward.times_in(velocity, straight_rays(grid, geometry, 0.15))
    for _ in range(5):
        trained = trained.started_at(velocity)  # the adjoint is that of a head that has settled
    picks = np.arange(0, geometry.n_picks, 4)
    kernel = trained.sensitivity(velocity, grid, geometry, rays.nodes[:, 0], picks)
    # the adjoint itself is tested with the network; here it must be that of these picks
    times = trained.times(velocity, grid, geometry)[picks]
    np.testing.assert_allclose((kernel * velocity).sum(axis=(1, 2)), -times, rtol=0.02)
    own = ray_sensitivity(velocity, grid, rays, picks)
    radius = tube_radius(grid)
    assert leakage(own, grid, rays, picks, radius).max() == 0
    assert leakage(kernel, grid, rays, picks, radius).min() > 0.3
