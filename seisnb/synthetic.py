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


def test_line(
    seed: int, *, step: float = 0.1, share: float = 1.0
) -> tuple[xr.Dataset, Array, GaussianProcessPrior]:
    """The 60 km x 20 km land line: 15 receivers, 59 shots, 840 picks of 0.05 s noise.

    Parameters
    ----------
    seed : int
        Seed of the truth and of the noise.
    step : float
        The referee's spacing [km].
    share : float
        Share of the line's length, depth and receivers; 0.5 is a twin of a quarter of the picks.

    Returns
    -------
    survey : xr.Dataset
        The picks.
    truth : Array, (n_easting, n_depth)
        The true velocity [km/s] on the prior's grid.
    prior : GaussianProcessPrior
        The prior that the truth was drawn from.
    """
    width, depth = 60.0 * share, 20.0 * share
    receivers = np.linspace(2.0, width - 2.0, round(15 * share))
    shots = np.arange(1.0, width)
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
        surface_easting=[0.0, width],
        surface_depth=[0.0, 0.0],
        title=f"synthetic {width:g} km line, seed {seed}",
    )
    config = TEST_LINE_PRIOR
    grid = section_grid(line, depth_max=depth, cell=0.2)
    assert config.amplitude and config.length_easting and config.length_depth
    prior = gaussian_process_prior(
        grid,
        linear_profile(2.0, 0.3, depth),
        field_kind=config.field,
        amplitude=config.amplitude,
        length_easting=config.length_easting,
        length_depth=config.length_depth,
    )
    generator = torch.Generator().manual_seed(seed)
    truth = prior.velocity(prior.draw(1, generator)[0])
    return add_picks(line, truth, grid, step=step, generator=generator), truth, prior


def marine_line(seed: int = 0, *, n_instruments: int = 13) -> tuple[xr.Dataset, xr.Dataset]:
    """An 80 km line over a subduction zone: ocean-bottom seismometers, airgun shots, a slab.

    The sea floor rises from a trench; under it lie sediments, a crust whose velocity grows with
    depth, and an oceanic plate that dips landward below a sharp rise in velocity. A Gaussian
    process of 4 % on log velocity is laid over everything.

    Parameters
    ----------
    seed : int
        Seed of the process and of the noise.
    n_instruments : int
        Ocean-bottom seismometers; shots are 0.8 km apart.

    Returns
    -------
    survey : xr.Dataset
        Picks at 3 to 50 km offset with sigmas growing from 0.03 to 0.07 s.
    truth : xr.Dataset
        ``velocity`` (depth, easting) [km/s], ``rock`` and ``plate_boundary`` (easting) [km].
    """
    width, depth_max = 80.0, 20.0
    along = np.linspace(0.0, width, 81)
    floor = 4.6 - 3.4 / (1 + np.exp(-(along - 42.0) / 14.0)) + 0.25 * np.sin(along / 6.0)
    shots, instruments = np.arange(0.4, width, 0.8), np.linspace(4.0, width - 4.0, n_instruments)
    shot, instrument = (a.ravel() for a in np.meshgrid(shots, instruments))
    distance = np.abs(shot - instrument)
    near = (distance >= 3.0) & (distance <= 50.0)
    shot, instrument, distance = shot[near], instrument[near], distance[near]
    line = make_survey(
        travel_time=1.0 + distance / 4.0,
        pick_std=0.03 + 0.04 * distance / 50.0,
        shot_easting=shot,
        shot_depth=0.01,
        receiver_easting=instrument,
        receiver_depth=np.interp(instrument, along, floor),
        surface_easting=along,
        surface_depth=floor,
        water_velocity=1.5,
        title=f"synthetic marine line, seed {seed}",
    )
    grid = section_grid(line, depth_max=depth_max, cell=0.2)
    boundary = 5.5 + grid.easting * np.tan(np.radians(8.0))
    depth = grid.surface[:, None] + grid.below_surface[None, :]
    below = grid.below_surface[None, :]
    crust = 1.8 + 4.4 * (1 - np.exp(-below / 4.0)) + 0.02 * below
    into_plate = depth - boundary[:, None]
    plate = 6.6 + 1.4 / (1 + np.exp(-(into_plate - 7.0) / 0.8))
    mixed = crust + np.maximum(plate - crust, 0.0) / (1 + np.exp(-into_plate / 0.25))
    process = gaussian_process_prior(
        grid,
        MeanProfile(depth=np.array([0.0]), velocity=np.array([1.0])),
        field_kind="log_velocity",
        amplitude=0.04,
        length_easting=12.0,
        length_depth=3.0,
    )
    generator = torch.Generator().manual_seed(seed)
    velocity = mixed * process.velocity(process.draw(1, generator)[0])
    survey = add_picks(line, velocity, grid, step=0.1, generator=generator)
    levels = np.arange(0.0, depth_max + 5.0 + 1e-9, 0.2)
    truth = xr.Dataset(
        {
            "velocity": (("depth", "easting"), to_depth_grid(velocity, grid, levels)),
            "rock": (("depth", "easting"), levels[:, None] >= grid.surface[None, :]),
            "plate_boundary": ("easting", boundary),
        },
        coords={"depth": levels, "easting": grid.easting},
    )
    truth["velocity"].attrs.update(units="km/s", long_name="true P velocity")
    truth["plate_boundary"].attrs.update(units="km", long_name="depth of the plate boundary")
    return survey, truth
