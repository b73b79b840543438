"""The grid solvers against closed forms and the eikonal equation; the referee's processes."""

from __future__ import annotations

from contextlib import closing

import numpy as np
import pytest

from seisnb.conventions import InputError, SeisnbError
from seisnb.section import SectionGrid
from seisnb.traveltime.analytic import travel_time_linear_gradient
from seisnb.traveltime.base import pick_geometry
from seisnb.traveltime.grid import (
    GridWavefronts,
    Solver,
    TimeField,
    library_march,
    referee_times,
    solve,
)
from seisnb.traveltime.marching import march
from seisnb.traveltime.referee import Clerks, Referee, open_referee
from tests.contracts import cases
from tests.contracts.cases import GRADIENT, SURFACE_VELOCITY
from tests.contracts.wavefronts import SPACING, WavefrontsContract

SOLVERS = {"own": march, "library": library_march}


class TestGridWavefronts(WavefrontsContract):
    def make(self, grid, geometry):
        return GridWavefronts(step=2 * cases.CELL, spacing=SPACING)


@pytest.fixture(scope="module")
def flat() -> SectionGrid:
    return cases.grid_of(cases.line("flat"))


def closed_form(field: TimeField) -> np.ndarray:
    """Times on the field's own nodes below the surface, NaN elsewhere."""
    n_x, n_z = field.times.shape
    x = field.origin[0] + field.step * np.arange(n_x)[:, None]
    z = field.origin[1] + field.step * np.arange(n_z)[None, :]
    inside = (x >= 0) & (x <= cases.WIDTH) & (z >= -1e-9) & (z <= cases.DEPTH_MAX)
    distance = np.hypot(x - field.anchor[0], z - field.anchor[1])
    speed = np.where(inside, SURFACE_VELOCITY + GRADIENT * z, np.nan)
    source = SURFACE_VELOCITY + GRADIENT * field.anchor[1]
    return travel_time_linear_gradient(distance, source, speed, GRADIENT)


@pytest.mark.parametrize("solver", SOLVERS.values(), ids=SOLVERS)
@pytest.mark.parametrize("anchor", [(3.0, 0.0), (2.9637, 0.0), (2.9637, 0.7123)])
def test_converges_to_the_closed_form(
    flat: SectionGrid, solver: Solver, anchor: tuple[float, float]
) -> None:
    """Sources on and off the model's nodes, at the surface and in the rock."""
    velocity = cases.gradient_model(flat)
    worst = []
    for step in (0.1, 0.05, 0.025):
        field = solve(velocity, flat, np.array(anchor), step, solver)
        worst.append(np.nanmax(np.abs(field.times - closed_form(field))))
    assert worst[-1] < 1e-4
    assert worst[0] / worst[1] > 2
    assert worst[1] / worst[2] > 2


@pytest.mark.parametrize("solver", SOLVERS.values(), ids=SOLVERS)
def test_solves_the_eikonal_equation_in_a_random_model(flat: SectionGrid, solver: Solver) -> None:
    prior = cases.prior_on(flat)
    velocity = prior.velocity(cases.unknowns(prior, 1))
    field = solve(velocity, flat, np.array([2.0, 0.0]), 0.025, solver)
    rows = np.s_[2:242, 3:80]  # below the surface, inside the line
    slope = np.gradient(field.times, field.step)
    n_x, n_z = field.times.shape
    x = field.origin[0] + field.step * np.arange(n_x)
    z = field.origin[1] + field.step * np.arange(n_z)
    i, j = np.rint(x / cases.CELL).astype(int), np.rint(z / cases.CELL).astype(int)
    on_node = (np.abs(x - i * cases.CELL) < 1e-9)[:, None] & (np.abs(z - j * cases.CELL) < 1e-9)
    speed = velocity[np.clip(i, 0, 120)[:, None], np.clip(j, 0, 40)]
    residual = np.where(on_node, np.hypot(*slope) * speed - 1, np.nan)[rows]
    far = np.hypot(x[:, None] - 2.0, z)[rows] > 0.2
    assert on_node.sum() > 1000
    # kinks where two branches meet keep a central difference from unit slope there only
    assert np.nanquantile(np.abs(residual[far]), 0.9) < 0.01


def test_own_and_library_solvers_agree(flat: SectionGrid) -> None:
    prior = cases.prior_on(flat)
    velocity = prior.velocity(cases.unknowns(prior, 2))
    own, library = (
        solve(velocity, flat, np.array([1.2345, 0.0]), 0.05, solver) for solver in SOLVERS.values()
    )
    below = own.origin[1] + own.step * np.arange(own.times.shape[1]) >= 0
    assert np.abs(own.times - library.times)[:, below].max() < 2e-3


def test_time_at_the_source_is_zero_and_at_points_smooth(flat: SectionGrid) -> None:
    anchor = np.array([2.9637, 0.7123])
    field = solve(cases.gradient_model(flat), flat, anchor, 0.05)
    assert field.at(anchor[None])[0] == 0.0
    near = anchor + 1e-3 * np.array([[1.0, 0.0], [0.0, 1.0], [-0.6, -0.8]])
    speed = SURFACE_VELOCITY + GRADIENT * anchor[1]
    np.testing.assert_allclose(field.at(near), 1e-3 / speed, rtol=5e-3)


@pytest.mark.parametrize("bad", [-1.0, 0.0, np.nan])
def test_refuses_velocities_that_are_none(flat: SectionGrid, bad: float) -> None:
    velocity = cases.gradient_model(flat)
    velocity[40, 10] = bad
    with pytest.raises(InputError, match=r"zero, negative or NaN.*must be positive"):
        solve(velocity, flat, np.array([3.0, 0.0]), 0.05)


def test_referee_matches_closed_forms_on_land_and_at_sea() -> None:
    for surface, exact in (("flat", cases.land_times), ("level_sea", cases.sea_times)):
        survey = cases.line(surface)  # type: ignore[arg-type]
        grid, geometry = cases.grid_of(survey), pick_geometry(survey)
        times = referee_times(cases.gradient_model(grid), grid, geometry, 0.025)
        assert np.abs(times - exact(geometry)).max() < 1e-4


def test_referee_goes_round_a_valley() -> None:
    """The straight way across would be through the air, and far too fast."""
    survey = cases.line("valley")
    grid, geometry = cases.grid_of(survey), pick_geometry(survey)
    velocity = np.full((grid.n_easting, grid.n_depth), 2.0)
    end = geometry.anchors[geometry.anchor]
    exact = np.array(
        [cases.taut_string(grid, a, b) / 2 for a, b in zip(geometry.start, end, strict=True)]
    )
    straight = np.hypot(*(geometry.start - end).T) / 2
    assert (exact - straight).max() > 0.1
    coarse, fine = (
        referee_times(velocity, grid, geometry, step) - exact for step in (0.05, 0.0125)
    )
    assert np.abs(fine).max() < 0.01
    assert np.sqrt(np.mean(fine**2)) < 0.5 * np.sqrt(np.mean(coarse**2))


@pytest.mark.usefixtures("fresh_referees")
def test_referee_process_gives_the_same_and_survives_a_bad_model() -> None:
    survey = cases.line("hills")
    grid, geometry = cases.grid_of(survey), pick_geometry(survey)
    velocity = cases.gradient_model(grid)
    with open_referee(grid, geometry, 1) as referee:
        expected = referee_times(velocity, grid, geometry, 0.1)
        np.testing.assert_array_equal(referee.times(velocity, 0.1), expected)
        with pytest.raises(SeisnbError, match="must be positive"):
            referee.times(-velocity, 0.1)
        np.testing.assert_array_equal(referee.times(velocity, 0.1), expected)


def test_one_process_answers_for_two_surveys_in_turn() -> None:
    flat, hills = (cases.line(surface) for surface in ("flat", "hills"))
    with closing(Clerks()) as clerks:
        asked = [
            (Referee(cases.grid_of(survey), pick_geometry(survey), clerks), cases.grid_of(survey))
            for survey in (flat, hills)
        ]
        for referee, grid in (*asked, *asked):
            velocity = cases.gradient_model(grid)
            expected = referee_times(velocity, grid, referee.geometry, 0.1)
            np.testing.assert_array_equal(referee.times(velocity, 0.1), expected)
