"""What an inversion refuses before any work: picks, positions, priors, settings, places."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from seisnb.conventions import GeometryError, InputError, OutputError, PriorError
from seisnb.survey import make_survey
from seisnb.tomography import Progress, TomographyConfig, invert
from tests.tomography.conftest import PRIOR, Line, config


def with_times(line: Line, change: Callable[[np.ndarray], np.ndarray]) -> xr.Dataset:
    survey = line.survey.copy(deep=True)
    survey["travel_time"].values[:] = change(survey["travel_time"].values)
    return survey


def one_bad(value: float) -> Callable[[np.ndarray], np.ndarray]:
    return lambda times: np.where(np.arange(times.size) == 7, value, times)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda times: 1000 * times, r"is 0\.00\d+ km/s; .*Are the times in ms\? Times are in s"),
        (one_bad(np.nan), r"invert: travel_time of pick 7 .* is nan s; 1 such"),
        (one_bad(np.inf), r"travel_time of pick 7 .* is inf s"),
        (one_bad(0.0), r"travel_time of pick 7 .* is 0\.0 s"),
        (one_bad(-0.3), r"travel_time of pick 7 .* is -0\.3 s"),
    ],
)
def test_refuses_bad_times(
    line: Line, change: Callable[[np.ndarray], np.ndarray], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        invert(with_times(line, change), PRIOR, config())


def test_refuses_too_few_picks(line: Line) -> None:
    with pytest.raises(InputError, match=r"1 used pick\(s\); at least 3 are needed.*Restore muted"):
        invert(line.survey.isel(pick=[4]), PRIOR, config())
    muted = line.survey.copy(deep=True)
    muted["used"].values[:] = False
    with pytest.raises(InputError, match=r"all \d+ picks are muted\. Restore"):
        invert(muted, PRIOR, config())
    with pytest.raises(InputError, match="no variable 'travel_time'"):
        invert(xr.Dataset(), PRIOR, config())


def test_refuses_positions_that_cannot_be(line: Line) -> None:
    air = line.survey.copy(deep=True)
    air["receiver_depth"].values[3] = -0.5
    with pytest.raises(GeometryError, match="above the surface.*water_velocity"):
        invert(air, PRIOR, config())
    outside = line.survey.copy(deep=True)
    outside["shot_easting"].values[0] = 9.0
    with pytest.raises(GeometryError, match="beyond the surface profile"):
        invert(outside, PRIOR, config())
    afloat = make_survey(
        travel_time=[2.0, 3.0, 4.0], pick_std=0.02, shot_easting=[1.0, 2.0, 3.0], shot_depth=0.0,
        receiver_easting=[5.0, 6.0, 8.0], receiver_depth=0.1,
        surface_easting=[0.0, 9.0], surface_depth=[1.0, 1.0], water_velocity=1.5,
    )  # fmt: skip
    with pytest.raises(GeometryError, match="both stand in the water"):
        invert(afloat, PRIOR, config(depth_max=1.0))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"length_easting": 0.14}, r"length_easting of 0\.14 km is not resolved by cells"),
        ({"length_depth": 0.1}, r"length_depth of 0\.1 km is not resolved by cells of 0\.1 km"),
        ({"field": "velocity", "amplitude": 1.5}, "would give negative velocities"),
        ({"gradient": -2.0}, "every velocity must be above zero"),
        (
            {"surface_velocity": None, "gradient": None, "profile": ((0.0, 2.0), (1.0, -1.0))},
            "every velocity must be above zero",
        ),
    ],
)
def test_refuses_priors_that_are_none(line: Line, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        invert(line.survey, replace(PRIOR, **changes), config())
    if "field" not in changes:
        assert isinstance(caught.value, PriorError)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n_members": 1}, "n_members is 1; expected a whole number of at least 2"),
        ({"n_members": 2.5}, "n_members is 2.5"),
        ({"n_members": True}, "n_members is True"),
        ({"n_workers": -1}, "n_workers is -1"),
        ({"seed": -1}, "seed is -1"),
        ({"engine": "mcmc"}, "engine is 'mcmc'; expected one of rml, svgd"),
        ({"likelihood": "laplace"}, "expected one of gaussian, student"),
        ({"ray_source": "both!"}, "ray_source is 'both!'"),
        ({"cell": 0.0}, "cell is 0.0; expected more than zero"),
        ({"depth_max": np.nan}, "depth_max is nan"),
        ({"wavefront_cell": np.inf}, "wavefront_cell is inf"),
        ({"student_dof": 1.0}, "student_dof is 1.0; expected more than 1"),
    ],
)
def test_refuses_settings_that_mean_nothing(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        TomographyConfig(**changes)


@pytest.mark.parametrize(
    ("place", "error", "message"),
    [
        ("line.nc", InputError, "invert: 'line.nc' ends in '.nc'; expected .zarr"),
        ("file/line.zarr", OutputError, "cannot write there"),
        ("thesis.zarr", OutputError, "a folder with other things in it"),
    ],
)
def test_a_place_that_cannot_be_written_is_refused_before_any_work(
    line: Line, tmp_path: Path, place: str, error: type[Exception], message: str
) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "thesis.zarr").mkdir()
    (tmp_path / "thesis.zarr" / "thesis.txt").write_text("")
    told: list[Progress] = []
    with pytest.raises(error, match=message):
        invert(line.survey, out=tmp_path / place, progress=told.append)
    assert told == []
