from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from seisnb.conventions import InputError
from seisnb.section import SectionGrid, round_cell, section_grid, to_depth_grid
from seisnb.survey import make_survey, surface_depth_at
from tests.seeds import shifted


@pytest.fixture
def hills() -> xr.Dataset:
    return make_survey(
        travel_time=[0.5, 0.9], pick_std=0.01, shot_easting=10.0, shot_depth=-0.4,
        receiver_easting=[11.0, 13.0], receiver_depth=[-0.5, -0.3],
        surface_easting=[10.0, 11.0, 13.03], surface_depth=[-0.4, -0.5, -0.3],
    )  # fmt: skip


@pytest.fixture
def grid() -> SectionGrid:
    return SectionGrid(
        x0=1.0, cell_easting=0.5, cell_depth=0.25, surface=np.array([0.0, 0.1, -0.3]), n_depth=5
    )


def test_covers_the_profile_and_the_depth(hills: xr.Dataset) -> None:
    grid = section_grid(hills, depth_max=0.72, cell=0.1)
    assert grid.easting[0] == 10.0
    assert grid.easting[-2] < 13.03 <= grid.easting[-1]
    assert grid.below_surface[-2] < 0.72 <= grid.below_surface[-1]
    np.testing.assert_allclose(np.diff(grid.easting), 0.1)
    np.testing.assert_array_equal(grid.surface, surface_depth_at(hills, grid.easting))
    assert grid.n_easting == grid.surface.size == 32
    assert grid.extent == (10.0, grid.easting[-1], grid.surface.min(), grid.surface.max() + 0.8)


def test_whole_multiples_give_no_spare_cell(hills: xr.Dataset) -> None:
    flat = hills.isel(profile=slice(0, 2))
    grid = section_grid(flat, depth_max=0.3, cell=0.1)
    assert (grid.n_easting, grid.n_depth) == (11, 4)


def test_default_cell_resolves_width_and_depth(hills: xr.Dataset) -> None:
    assert section_grid(hills, depth_max=1.0).cell_depth == 0.012
    assert section_grid(hills, depth_max=0.1).cell_depth == 0.002


@pytest.mark.parametrize(
    ("depth_max", "cell", "message"),
    [
        (0.0, None, r"depth_max is 0\.0 km; expected more than zero"),
        (-1.0, None, "expected more than zero"),
        (np.nan, None, "expected more than zero"),
        (1.0, 0.0, r"cell is 0\.0 km for a line of 3\.03 km; expected more than zero"),
        (1.0, 4.0, r"for a line of 3\.03 km; expected .*less than the width"),
        (1.0, np.nan, r"for a line of 3\.03 km; expected .*less than the width"),
        (1.0, 0.0005, r"cells of 0\.0005 km; at most 4 million.*larger cell"),
    ],
)
def test_refuses_grids_that_are_none(
    hills: xr.Dataset, depth_max: float, cell: float | None, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        section_grid(hills, depth_max=depth_max, cell=cell)


@given(st.floats(1e-9, 1e9))
def test_round_cell_is_the_nearest_below(value: float) -> None:
    rounded = round_cell(value)
    mantissa = float(f"{rounded:e}".split("e")[0])
    assert mantissa in (1.0, 1.2, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0)
    assert rounded <= value * (1 + 1e-9)
    assert value < 1.34 * rounded * (1 + 1e-9)


def test_depth_grid_is_exact_for_what_is_linear_in_depth(grid: SectionGrid) -> None:
    """2 + 3 (depth - surface), with every column's own offset."""
    column = np.array([0.0, 10.0, 20.0])
    values = column[:, None] + 2 + 3 * grid.below_surface
    depth = np.array([-0.4, -0.3, 0.0, 0.0137, 0.55, 0.7, 1.0, 3.0])
    found = to_depth_grid(values, grid, depth)
    under = np.clip(depth[:, None] - grid.surface, 0.0, 1.0)
    assert found.shape == (8, 3)
    np.testing.assert_allclose(found, column + 2 + 3 * under, rtol=1e-12)


def test_depth_grid_keeps_leading_dims_and_nodes(grid: SectionGrid) -> None:
    rng = np.random.default_rng(shifted(0))
    values = rng.uniform(1, 5, (4, 2, 3, 5))
    depth = grid.surface[1] + grid.below_surface
    found = to_depth_grid(values, grid, depth)
    assert found.shape == (4, 2, 5, 3)
    np.testing.assert_allclose(found[..., 1], values[..., 1, :], rtol=1e-12)
    np.testing.assert_allclose(found[2, 1], to_depth_grid(values[2, 1], grid, depth), rtol=0)


def test_above_the_surface_stands_the_surfaces_value(grid: SectionGrid) -> None:
    values = np.random.default_rng(shifted(1)).uniform(1, 5, (3, 5))
    found = to_depth_grid(values, grid, np.array([-5.0, 50.0]))
    np.testing.assert_allclose(found[0], values[:, 0])
    np.testing.assert_allclose(found[1], values[:, -1])
