"""Rays down the network's field: short training, then the same answers as the grid's rays."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from seisnb.tomography import TomographyConfig, invert
from seisnb.traveltime.base import pick_geometry
from seisnb.traveltime.grid import GridWavefronts
from seisnb.traveltime.network import NetworkWavefronts, train_network_wavefronts
from seisnb.traveltime.rays import RayForward, straight_rays
from tests.contracts import cases
from tests.contracts.cases import Surface
from tests.seeds import shifted

STEP, SPACING = 0.1, 0.15


def trained(surface: Surface, n_steps: int = 150) -> tuple[NetworkWavefronts, RayForward]:
    """A network for a line, and a forward model whose rays come from the grid."""
    survey = cases.line(surface)
    grid, geometry = cases.grid_of(survey), pick_geometry(survey)
    prior = cases.prior_on(grid)
    generator = torch.Generator().manual_seed(shifted(1))
    network = train_network_wavefronts(
        prior.velocity(prior.draw(48, generator)), grid, geometry,
        step=STEP, spacing=SPACING, n_steps=n_steps, generator=generator,
    )  # fmt: skip
    source = GridWavefronts(step=STEP, spacing=SPACING)
    return network, RayForward(prior=prior, geometry=geometry, wavefronts=(source,), n_steps=10)


@pytest.mark.parametrize("surface", ["flat", "sea"])
def test_bent_network_rays_tell_the_grid_rays_times(surface: Surface) -> None:
    network, forward = trained(surface)
    grid, geometry = forward.prior.grid, forward.geometry
    velocity = forward.prior.velocity(cases.unknowns(forward.prior, 7))
    start = straight_rays(grid, geometry, SPACING)
    expected = forward.times_in(velocity, start)[0]
    by_network = RayForward(
        prior=forward.prior, geometry=geometry, wavefronts=(network,), n_steps=10
    ).times_in(velocity, start)[0]
    alone = network.times(velocity, grid, geometry)
    late = by_network - expected
    network_error = np.sqrt(np.mean((alone - expected) ** 2))
    # Both are least times: where the network is earlier, the grid's ray missed the faster branch,
    # which a finer grid finds.
    early = late < -2e-4
    assert early.mean() <= 0.02
    if early.any():
        finer = GridWavefronts(step=STEP / 2, spacing=SPACING / 2)
        known = straight_rays(grid, geometry, SPACING / 2)
        least = replace(forward, wavefronts=(finer,), n_steps=30).times_in(velocity, known)[0]
        assert (by_network - least)[early].min() > -2e-4
    assert np.mean(late < 5e-4) > 0.9  # the others run along a slower branch
    assert network_error < 0.25 * expected.mean()  # a few seconds of training
    # Fermat: second order in the ray's error, on the same branch
    assert np.median(np.abs(late)) < 0.02 * network_error
    report = network.report(velocity)
    assert 0 < report["network_eikonal_residual"] < 0.2
    assert report["network_reciprocity_seconds"] < 1e-4


def test_inversion_with_both_ray_sources() -> None:
    survey = cases.line("flat")
    grid = cases.grid_of(survey)
    prior = cases.prior_on(grid)
    truth = RayForward(
        prior=prior,
        geometry=pick_geometry(survey),
        wavefronts=(GridWavefronts(step=0.05, spacing=0.1),),
        n_steps=10,
    )
    times, _ = truth.times(cases.unknowns(prior, 9), straight_rays(grid, truth.geometry, 0.1))
    survey["travel_time"].values[:] = times
    settings = TomographyConfig(
        n_members=4, ray_source="both", training_steps=100, infer_sigma=False, n_workers=1
    )
    first, again = (invert(survey, None, settings) for _ in range(2))
    assert float(first["chi2_referee"].mean()) < 2.5
    assert np.isfinite(first["chi2_network"].values).all()
    assert first.attrs["network_reciprocity_seconds"] < 1e-4
    np.testing.assert_array_equal(first["velocity"].values, again["velocity"].values)
