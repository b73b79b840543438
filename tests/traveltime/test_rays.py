"""Bent rays: times and kernels against closed forms, finite differences and invariants."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seisnb.prior import FieldKind
from seisnb.section import SectionGrid
from seisnb.survey import make_survey
from seisnb.traveltime.base import PickGeometry, Rays, pick_geometry
from seisnb.traveltime.grid import GridWavefronts, referee_times
from seisnb.traveltime.rays import RayForward, bend_rays, straight_rays, two_fastest
from tests.contracts import cases
from tests.contracts.cases import CELL, Array, Surface

STEP, SPACING = 2 * CELL, 3 * CELL


def case(surface: Surface) -> tuple[SectionGrid, PickGeometry]:
    survey = cases.line(surface)
    return cases.grid_of(survey), pick_geometry(survey)


def forward(grid: SectionGrid, geometry: PickGeometry, kind: FieldKind) -> RayForward:
    return RayForward(
        prior=cases.prior_on(grid, kind),
        geometry=geometry,
        wavefronts=(GridWavefronts(step=STEP, spacing=SPACING),),
        n_steps=12,
        tolerance=1e-9,
    )


def traced(velocity: Array, grid: SectionGrid, geometry: PickGeometry) -> tuple[Array, Rays]:
    rays = GridWavefronts(step=STEP, spacing=SPACING).trace(
        velocity, grid, geometry, straight_rays(grid, geometry, SPACING)
    )
    return bend_rays(velocity, grid, geometry, rays)


def test_constant_velocity_is_exact() -> None:
    grid, geometry = case("flat")
    velocity = np.full((grid.n_easting, grid.n_depth), 2.5)
    straight = straight_rays(grid, geometry, SPACING)
    np.testing.assert_allclose(
        bend_rays(velocity, grid, geometry, straight)[0], cases.distance(geometry) / 2.5, rtol=1e-12
    )
    np.testing.assert_allclose(
        traced(velocity, grid, geometry)[0], cases.distance(geometry) / 2.5, rtol=1e-9
    )


def test_linear_gradient_within_a_third_of_a_millisecond() -> None:
    """Times up to 2.3 s, rays three cells between nodes; never faster than the first arrival."""
    grid, geometry = case("flat")
    error = traced(cases.gradient_model(grid), grid, geometry)[0] - cases.land_times(geometry)
    assert error.min() > -1e-9
    assert error.max() < 3e-4


def test_ends_inside_the_rock() -> None:
    """Receivers in boreholes, shots at the surface: closed form between depths."""
    shot, receiver = (a.ravel() for a in np.meshgrid(np.linspace(0.2, 5.8, 9), [1.03, 3.0, 4.71]))
    survey = make_survey(
        travel_time=np.hypot(shot - receiver, 0.7) / 2.5, pick_std=0.01,
        shot_easting=shot, shot_depth=0.0, receiver_easting=receiver, receiver_depth=0.7,
        surface_easting=[0.0, 6.0], surface_depth=[0.0, 0.0],
    )  # fmt: skip
    grid, geometry = cases.grid_of(survey), pick_geometry(survey)
    error = traced(cases.gradient_model(grid), grid, geometry)[0] - cases.land_times(geometry)
    assert error.min() > -1e-9
    assert error.max() < 3e-4


def test_bending_finds_the_ray_from_a_straight_line() -> None:
    grid, geometry = case("flat")
    velocity = cases.gradient_model(grid)
    straight = straight_rays(grid, geometry, SPACING)
    start = bend_rays(velocity, grid, geometry, straight, n_steps=0)[0]
    bent, _ = bend_rays(velocity, grid, geometry, straight, n_steps=40, tolerance=1e-9)
    assert (start - cases.land_times(geometry)).max() > 0.2
    assert np.abs(bent - cases.land_times(geometry)).max() < 3e-4


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**20), surface=st.sampled_from(["flat", "hills", "valley", "sea"]))
def test_bending_never_lengthens_times(seed: int, surface: Surface) -> None:
    grid, geometry = case(surface)
    rng = np.random.default_rng(seed)
    prior = cases.prior_on(grid)
    velocity = prior.velocity(cases.unknowns(prior, seed))
    rays = straight_rays(grid, geometry, SPACING)
    for p, n in enumerate(rays.count):
        inner = rays.nodes[p, 1 : n - 1]
        inner[:, 1] += rng.uniform(0, 0.5) * np.sin(np.linspace(0, np.pi, n - 2))
    before, _ = bend_rays(velocity, grid, geometry, rays, n_steps=0)
    for n_steps in (1, 3, 12):
        after, bent = bend_rays(velocity, grid, geometry, rays, n_steps=n_steps, tolerance=0.0)
        # nodes at sea are spaced anew as entries slide, which changes times a little
        assert (after <= before + (1e-4 if geometry.in_water.any() else 0.0)).all()
        before = after
    again = bend_rays(velocity, grid, geometry, bent, n_steps=0)[0]
    np.testing.assert_allclose(again, after, rtol=1e-12)
    np.testing.assert_array_equal(bent.count, rays.count)


@settings(max_examples=25, deadline=None)
@given(
    factor=st.floats(0.1, 10.0),
    seed=st.integers(0, 2**20),
    surface=st.sampled_from(["flat", "hills", "level_sea"]),
)
def test_times_scale_with_slowness(factor: float, seed: int, surface: Surface) -> None:
    grid, geometry = case(surface)
    prior = cases.prior_on(grid)
    velocity = prior.velocity(cases.unknowns(prior, seed))
    _, rays = bend_rays(velocity, grid, geometry, straight_rays(grid, geometry, SPACING))
    slower = replace(geometry, water_slowness=factor * geometry.water_slowness)
    times = [
        bend_rays(v, grid, g, rays, n_steps=0)[0]
        for v, g in ((velocity, geometry), (velocity / factor, slower))
    ]
    np.testing.assert_allclose(times[1], factor * times[0], rtol=1e-12)


@pytest.mark.parametrize("surface", ["flat", "hills", "valley", "sea", "level_sea"])
@pytest.mark.parametrize("kind", ["log_velocity", "velocity"])
@pytest.mark.parametrize("seed", [1, 2])
def test_kernel_against_finite_differences(surface: Surface, kind: FieldKind, seed: int) -> None:
    """Along a random direction, 1 % wherever the time has a derivative.

    The least of several branches has a kink where they tie. At such a pick the slopes ahead and
    behind differ; there are few of them, and no kernel could be right there. Rays traced anew are
    those of the same branch, but where a tie makes them change over.
    """
    grid, geometry = case(surface)
    model = forward(grid, geometry, kind)
    here = cases.unknowns(model.prior, seed)
    along = cases.unknowns(model.prior, seed + 100)
    known = straight_rays(grid, geometry, SPACING)
    times, rays = model.times(here, known)

    def settled(step: float, start: Rays) -> tuple[Array, Rays]:
        velocity = model.prior.velocity(here + step * along)
        return bend_rays(velocity, grid, geometry, start, n_steps=40, tolerance=1e-12)

    at, kept = settled(0.0, rays)
    step = 1e-4  # so short that few rays slide into another minimum
    ahead, behind = (settled(sign * step, kept)[0] for sign in (1, -1))
    slope = (ahead - behind) / (2 * step)
    size = np.sqrt(np.mean(slope**2))
    is_smooth = np.abs(ahead + behind - 2 * at) < 0.05 * step * size
    assert is_smooth.mean() > 0.85
    off = model.kernel(here, kept) @ along - slope
    assert np.sqrt(np.mean(off[is_smooth] ** 2)) < 0.01 * size
    step = 1e-3
    error = np.abs([
        times - at,
        *(model.times(here + sign * step * along, known)[0] - settled(sign * step, kept)[0]
          for sign in (1, -1)),
    ]).max(axis=0)  # fmt: skip
    assert np.median(error) < 1e-5
    is_same = error < 1e-4
    assert is_same.mean() > 0.85
    unsettled = (model.kernel(here, rays) - model.kernel(here, kept)) @ along
    assert np.sqrt(np.mean(unsettled[is_same] ** 2)) < 0.01 * size


def test_kernel_and_times_do_not_know_rock_that_no_ray_visits() -> None:
    grid, geometry = case("flat")
    model = forward(grid, geometry, "log_velocity")
    prior = model.prior
    here = np.zeros(prior.n_unknowns)
    times, rays = model.times(here, straight_rays(grid, geometry, SPACING))
    deepest = max(rays.nodes[p, :n, 1].max() for p, n in enumerate(rays.count))
    assert 0.5 < deepest < 1.2
    row = int(np.ceil((deepest + 0.05) / CELL))
    velocity = prior.velocity(here)
    velocity[:, row:] *= 0.5
    np.testing.assert_array_equal(
        bend_rays(velocity, grid, geometry, rays, n_steps=0)[0],
        bend_rays(prior.velocity(here), grid, geometry, rays, n_steps=0)[0],
    )
    kernel = model.kernel(here, rays)
    bump = np.exp(-(((grid.easting[:, None] - 3.0) / 1.5) ** 2))
    responses = []
    for depth in (0.4, 1.95):
        process = bump * np.exp(-(((grid.below_surface - depth) / 0.35) ** 2))
        near = prior.field(prior.unknowns_of(process))
        near[:, row:] = process[:, row:]
        responses.append(np.abs(kernel @ prior.unknowns_of(process)).max())
    assert responses[1] < 0.03 * responses[0]
    assert times.max() > 1.0


def test_kernel_of_uniform_speeding_up_is_the_time() -> None:
    """d t / d log c = -t for a process that is one everywhere: the kernel's absolute scale."""
    grid, geometry = case("flat")
    model = forward(grid, geometry, "log_velocity")
    here = cases.unknowns(model.prior, 7)
    times, rays = model.times(here, straight_rays(grid, geometry, SPACING))
    one = model.prior.unknowns_of(np.ones((grid.n_easting, grid.n_depth)))
    np.testing.assert_allclose(model.kernel(here, rays) @ one, -times, rtol=0.02)


@pytest.mark.parametrize("height", [0.25, 0.5, 1.0])
def test_valley_is_gone_round_exactly(height: float) -> None:
    """Constant velocity: the first arrival is a taut string under the valley, a closed form."""
    survey = cases.line("valley")
    for name in ("surface_depth", "shot_depth", "receiver_depth"):
        survey[name] = height * survey[name]
    grid, geometry = cases.grid_of(survey), pick_geometry(survey)
    velocity = np.full((grid.n_easting, grid.n_depth), 2.0)
    end = geometry.anchors[geometry.anchor]
    exact = np.array(
        [cases.taut_string(grid, a, b) / 2 for a, b in zip(geometry.start, end, strict=True)]
    )
    straight = np.hypot(*(geometry.start - end).T) / 2
    error = traced(velocity, grid, geometry)[0] - exact
    assert (exact - straight).max() > 5 * np.abs(error).max()
    assert error.max() < 1e-3
    assert error.min() > -2e-3


@pytest.mark.parametrize("surface", ["hills", "valley", "sea"])
def test_rough_surfaces_against_a_fine_referee(surface: Surface) -> None:
    """Rays are upper bounds; the referee comes down to them as it is refined."""
    grid, geometry = case(surface)
    velocity = cases.gradient_model(grid)
    times = traced(velocity, grid, geometry)[0]
    coarse, fine = (
        times - referee_times(velocity, grid, geometry, step) for step in (0.05, 0.0125)
    )
    assert fine.max() < 3e-3
    assert fine.min() > -7e-3
    assert np.sqrt(np.mean(fine**2)) < 0.5 * np.sqrt(np.mean(coarse**2))


def test_marine_times_by_brute_force_over_entry_points() -> None:
    """Shots at the sea surface, level sea floor, linear gradient: near, critical and far."""
    grid, geometry = case("level_sea")
    assert geometry.in_water.all()
    assert geometry.anchors.shape == (6, 2)
    times, rays = traced(cases.gradient_model(grid), grid, geometry)
    error = times - cases.sea_times(geometry)
    assert error.min() > -1e-6
    assert error.max() < 3e-4
    near = cases.distance(geometry) < 1.0  # before the critical distance of 1.13 km
    assert near.sum() > 5
    direct = np.hypot(cases.distance(geometry), 1.0) / cases.WATER_VELOCITY
    np.testing.assert_allclose(times[near], direct[near], rtol=1e-12)
    entry = rays.nodes[~near & (cases.distance(geometry) > 1.3), 0]
    np.testing.assert_allclose(entry[:, 1], 1.0)
    # Snell at the entry: the water path keeps to the ray parameter, which is below 1 / v0
    start = geometry.start[~near & (cases.distance(geometry) > 1.3)]
    sine = np.abs(entry[:, 0] - start[:, 0]) / np.hypot(*(entry - start).T)
    assert (sine < 1.5 / 2.0 + 1e-3).all()


def test_direct_wave_has_no_kernel() -> None:
    grid, geometry = case("level_sea")
    model = forward(grid, geometry, "log_velocity")
    here = np.zeros(model.prior.n_unknowns)
    _, rays = model.times(here, straight_rays(grid, geometry, SPACING))
    kernel = np.abs(model.kernel(here, rays)).max(axis=1)
    near = cases.distance(geometry) < 1.0
    assert kernel[near].max() < 1e-9
    assert kernel[cases.distance(geometry) > 1.5].min() > 1e-3


def test_coincident_points() -> None:
    """A shot on its receiver: no time, no kernel, nothing NaN; and one above a seismometer."""
    survey = make_survey(
        travel_time=[0.01, 0.5, 0.9], pick_std=0.01, shot_easting=[3.0, 3.0, 1.0], shot_depth=0.0,
        receiver_easting=[3.0, 4.0, 3.0], receiver_depth=0.0,
        surface_easting=[0.0, 6.0], surface_depth=[0.0, 0.0],
    )  # fmt: skip
    grid, geometry = cases.grid_of(survey), pick_geometry(survey)
    model = forward(grid, geometry, "log_velocity")
    here = cases.unknowns(model.prior, 1)
    times, rays = model.times(here, straight_rays(grid, geometry, SPACING))
    kernel = model.kernel(here, rays)
    assert times[0] == 0.0
    assert (kernel[0] == 0).all()
    assert np.isfinite(times).all()
    assert np.isfinite(kernel).all()
    sea = make_survey(
        travel_time=[0.7, 2.0], pick_std=0.01, shot_easting=[3.0, 0.5], shot_depth=0.0,
        receiver_easting=3.0, receiver_depth=1.0,
        surface_easting=[0.0, 6.0], surface_depth=[1.0, 1.0], water_velocity=1.5,
    )  # fmt: skip
    geometry = pick_geometry(sea)
    grid = cases.grid_of(sea)
    times, _ = traced(cases.gradient_model(grid), grid, geometry)
    np.testing.assert_allclose(times, [1 / 1.5, cases.sea_times(geometry)[1]], atol=3e-4)
    assert times[0] == pytest.approx(1 / 1.5, rel=1e-12)


def test_fastest_takes_each_pick_from_the_candidate_that_wins() -> None:
    grid, geometry = case("flat")
    velocity = cases.gradient_model(grid)
    one = bend_rays(velocity, grid, geometry, straight_rays(grid, geometry, SPACING), n_steps=0)
    two = bend_rays(velocity, grid, geometry, straight_rays(grid, geometry, SPACING))
    handicap = np.where(np.arange(geometry.n_picks) % 2, 10.0, -10.0)
    found = two_fastest(
        [(one[0], one[1]), (two[0] + handicap, two[1])],
        margin=0.0, apart=0.0, std=np.full(geometry.n_picks, 1e-3),
    )  # fmt: skip
    times, rays = found.times, found.rays
    np.testing.assert_array_equal(times, np.where(handicap < 0, two[0] - 10, one[0]))
    assert not found.second.count.any()
    for p, h in enumerate(handicap):
        source = two[1] if h < 0 else one[1]
        n = source.count[p]
        assert rays.count[p] == n
        np.testing.assert_array_equal(rays.nodes[p, :n], source.nodes[p, :n])


def test_rays_are_left_as_they_are() -> None:
    grid, geometry = case("hills")
    rays = straight_rays(grid, geometry, SPACING)
    before = rays.copy()
    bend_rays(cases.gradient_model(grid), grid, geometry, rays)
    np.testing.assert_array_equal(rays.nodes, before.nodes)
