"""One small line with a known truth, and what an inversion makes of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
import xarray as xr

from seisnb import synthetic
from seisnb.prior import GaussianProcessPrior, PriorConfig, gaussian_process_prior, linear_profile
from seisnb.section import section_grid
from seisnb.survey import make_survey
from seisnb.tomography import TomographyConfig, invert
from tests.seeds import shifted

#: The prior that truths are drawn from; nothing is left to be estimated.
PRIOR = PriorConfig(
    amplitude=0.2,
    kernel="gaussian",
    length_easting=1.5,
    length_depth=0.7,
    length_depth_growth=0.0,
    surface_velocity=2.0,
    gradient=0.6,
)
CELL, DEPTH_MAX, PICK_STD = 0.1, 2.0, 0.01


@dataclass(frozen=True)
class Line:
    """A survey with its truth."""

    survey: xr.Dataset
    truth: np.ndarray
    prior: GaussianProcessPrior


def make_line(seed: int, *, n_receivers: int = 6, n_shots: int = 15, depth: float = 0.0) -> Line:
    """A 6 km line over a draw from PRIOR, noise of 10 ms, surface at a depth [km]."""
    receivers, shots = np.linspace(0.5, 5.5, n_receivers), np.linspace(0.2, 5.8, n_shots)
    receiver, shot = (a.ravel() for a in np.meshgrid(receivers, shots))
    apart = np.abs(receiver - shot) > 0.15
    geometry = make_survey(
        travel_time=np.abs(receiver - shot)[apart] / 3,
        pick_std=PICK_STD,
        shot_easting=shot[apart],
        shot_depth=depth,
        receiver_easting=receiver[apart],
        receiver_depth=depth,
        surface_easting=[0.0, 6.0],
        surface_depth=[depth, depth],
        title=f"line {seed}",
    )
    prior = gaussian_process_prior(
        section_grid(geometry, depth_max=DEPTH_MAX, cell=CELL),
        linear_profile(2.0, 0.6, DEPTH_MAX),
        field_kind="log_velocity",
        amplitude=0.2,
        length_easting=1.5,
        length_depth=0.7,
    )
    generator = torch.Generator().manual_seed(shifted(seed))
    truth = prior.velocity(prior.draw(1, generator)[0])
    survey = synthetic.add_picks(geometry, truth, prior.grid, step=0.025, generator=generator)
    return Line(survey=survey, truth=truth, prior=prior)


#: What differs between two runs of equal seed.
CLOCK = ("elapsed_seconds", "config")


def same_result(a: xr.Dataset, b: xr.Dataset) -> None:
    """Bitwise equal but for the clock and the number of workers and members asked for."""
    xr.testing.assert_identical(a.drop_attrs(deep=False), b.drop_attrs(deep=False))
    for one in (a, b):
        assert set(one.attrs) >= {"seed", "verdict", "recentred_bias_std"}
    said = [{k: repr(v) for k, v in one.attrs.items() if k not in CLOCK} for one in (a, b)]
    assert said[0] == said[1]  # by their text, in which NaN is NaN


def config(**changes: Any) -> TomographyConfig:
    """Eight members on one thread."""
    settings = {
        "n_members": 8,
        "cell": CELL,
        "depth_max": DEPTH_MAX,
        "referee_cell": CELL,
        "n_workers": 1,
        "infer_sigma": False,
        "ray_source": "grid",
        **changes,
    }
    return TomographyConfig(**settings)


@pytest.fixture(scope="session")
def line() -> Line:
    return make_line(3)


@pytest.fixture(scope="session")
def run(line: Line) -> Callable[..., xr.Dataset]:
    """Invert the line with changed settings."""
    return lambda **changes: invert(line.survey, PRIOR, config(**changes))


@pytest.fixture(scope="session")
def ensemble(run: Callable[..., xr.Dataset]) -> xr.Dataset:
    """The plain result; only read."""
    return run()
