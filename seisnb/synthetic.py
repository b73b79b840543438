"""Truths, surveys and picks with known answers."""

from __future__ import annotations

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray

from seisnb.prior import (
    GaussianProcessPrior,
    MeanProfile,
    PriorConfig,
    gaussian_process_prior,
    linear_profile,
)
from seisnb.section import SectionGrid, section_grid, to_depth_grid
from seisnb.survey import make_survey
from seisnb.traveltime.base import pick_geometry
from seisnb.traveltime.grid import referee_times

Array = NDArray[np.float64]

#: The prior that the truths of :func:`test_line` are drawn from.
TEST_LINE_PRIOR = PriorConfig(
    field="velocity",
    amplitude=0.35,
    length_easting=9 * np.sqrt(2.0),
    length_depth=3.5 * np.sqrt(2.0),
    surface_velocity=2.0,
    gradient=0.3,
)


def add_picks(
    geometry: xr.Dataset,
    velocity: Array,
    grid: SectionGrid,
    *,
    step: float,
    generator: torch.Generator,
) -> xr.Dataset:
    """Replace a survey's times by the referee's through a truth plus Gaussian noise of pick_std.

    Parameters
    ----------
    geometry : xr.Dataset
        A survey whose times do not matter.
    velocity : Array, (n_easting, n_depth)
        The truth on ``grid`` [km/s].
    grid : SectionGrid
        Where it lives.
    step : float
        The referee's spacing [km].
    generator : torch.Generator
        Source of the noise.
    """
    exact = referee_times(velocity, grid, pick_geometry(geometry), step)
    noise = torch.randn(exact.size, generator=generator, dtype=torch.float64).numpy()
    survey = geometry.copy(deep=True)
    survey["travel_time"].values[:] = exact + noise * survey["pick_std"].values
    return survey


def test_line(seed: int, *, step: float = 0.1) -> tuple[xr.Dataset, Array, GaussianProcessPrior]:
    """The 60 km x 20 km land line: 15 receivers, 59 shots, 840 picks of 0.05 s noise.

    Parameters
    ----------
    seed : int
        Seed of the truth and of the noise.
    step : float
        The referee's spacing [km].

    Returns
    -------
    survey : xr.Dataset
        The picks.
    truth : Array, (n_easting, n_depth)
        The true velocity [km/s] on the prior's grid.
    prior : GaussianProcessPrior
        The prior that the truth was drawn from.
    """
    receivers, shots = np.linspace(2.0, 58.0, 15), np.arange(1.0, 60.0)
    r, s = (a.ravel() for a in np.meshgrid(receivers, shots))
    far = np.abs(r - s) > 1.0
    r, s = r[far], s[far]
    line = make_survey(
        travel_time=np.abs(r - s) / 4.0,
        pick_std=0.05,
        shot_easting=s,
        shot_depth=0.0,
        receiver_easting=r,
        receiver_depth=0.0,
        surface_easting=[0.0, 60.0],
        surface_depth=[0.0, 0.0],
        title=f"synthetic 60 km line, seed {seed}",
    )
    config = TEST_LINE_PRIOR
    grid = section_grid(line, depth_max=20.0, cell=0.2)
    assert config.length_easting and config.length_depth
    prior = gaussian_process_prior(
        grid,
        linear_profile(2.0, 0.3, 20.0),
        field_kind=config.field,
        amplitude=config.amplitude,
        length_easting=config.length_easting,
        length_depth=config.length_depth,
    )
    generator = torch.Generator().manual_seed(seed)
    truth = prior.velocity(prior.draw(1, generator)[0])
    return add_picks(line, truth, grid, step=step, generator=generator), truth, prior
