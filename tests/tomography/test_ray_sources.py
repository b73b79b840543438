"""Rays held fixed and rays left unbent: what comparisons take away from the default."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
import xarray as xr

from seisnb.section import to_depth_grid
from seisnb.tomography import TomographyConfig
from seisnb.tomography.problem import Problem, make_frame, make_problem, with_traced_rays
from seisnb.traveltime.base import Rays, TracedRays
from tests.seeds import shifted
from tests.tomography.conftest import PRIOR, Line, config


def problem_of(line: Line, settings: TomographyConfig) -> Problem:
    return make_problem(line.survey, PRIOR, settings, make_frame(line.survey, PRIOR, settings))


def time_along(velocity: np.ndarray, problem: Problem, rays: Rays, pick: int) -> float:
    """Travel time along a polyline by brute force: a thousand midpoints per segment."""
    grid = problem.prior.grid
    nodes = rays.nodes[pick, : rays.count[pick]]
    total = 0.0
    for a, b in itertools.pairwise(nodes):
        points = a + (np.arange(1000)[:, None] + 0.5) / 1000 * (b - a)
        column = (points[:, 0] - grid.x0) / grid.cell_easting
        low = np.clip(column.astype(int), 0, grid.n_easting - 2)
        part = column - low
        across = to_depth_grid(velocity, grid, points[:, 1])
        index = np.arange(len(points))
        there = (1 - part) * across[index, low] + part * across[index, low + 1]
        total += float(np.hypot(*(b - a)) * np.mean(1 / there))
    return total


def test_traced_rays_are_the_candidates_of_every_model(line: Line) -> None:
    """Unbent, the clock is read along the most probable model's rays; bent, it can only gain."""
    problem = problem_of(line, config(ray_source="map"))
    start = problem.start.rays
    home = problem.prior.velocity(np.zeros(problem.prior.n_unknowns))
    _, held = problem.target.forward.times_in(home, start)
    other = problem.prior.velocity(
        problem.prior.draw(1, torch.Generator().manual_seed(shifted(4)))[0]
    )
    unbent = with_traced_rays(replace(problem, config=config(bend=False)), held)
    times, rays = unbent.target.forward.times_in(other, start)
    np.testing.assert_array_equal(rays.nodes, held.nodes)
    for pick in (0, 20, 40):
        exact = time_along(other, problem, held, pick)
        assert times[pick] == pytest.approx(exact, rel=2e-3)
    bent, moved = with_traced_rays(problem, held).target.forward.times_in(other, start)
    # of two rays that bend to the same path within the tolerance either may be kept
    assert (bent <= times + problem.target.forward.tolerance).all()
    assert (bent < times - 1e-4).any()
    assert (moved.nodes != held.nodes).any()
    own, _ = problem.target.forward.times_in(other, start)
    assert np.median(bent - own) < 1e-4  # the other branch's rays are late
    assert (own <= bent + 2e-4).mean() > 0.9


def test_unbent_rays_are_as_they_were_traced(line: Line) -> None:
    straight = problem_of(line, config(bend=False)).target.forward
    bent = problem_of(line, config()).target.forward
    start = problem_of(line, config()).start.rays
    [source] = straight.wavefronts
    traced = source.trace(line.truth, line.prior.grid, straight.geometry, start)
    times, rays = straight.times_in(line.truth, start)
    for pick, count in enumerate(traced.count):
        np.testing.assert_array_equal(rays.nodes[pick, :count], traced.nodes[pick, :count])
    shorter, _ = bent.times_in(line.truth, start)
    assert (shorter <= times + bent.tolerance).all()
    assert (shorter < times - 1e-6).any()


def test_members_share_the_most_probable_models_rays(
    run: Callable[..., xr.Dataset],
) -> None:
    """Unbent, the mean coverage is that of one set of rays, however many members there are."""
    two, four = (run(ray_source="map", bend=False, n_members=n) for n in (2, 4))
    assert np.ptp(four["velocity"].values, axis=0).max() > 0.1
    np.testing.assert_allclose(two["ray_coverage"], four["ray_coverage"], atol=1e-12)
    assert 0.5 < float(four["chi2_ray"].mean()) < 2.0
    own = [run(ray_source="grid", n_members=n)["ray_coverage"].values for n in (2, 4)]
    assert np.abs(own[0] - own[1]).max() > 0.01


@pytest.mark.slow
@pytest.mark.parametrize("source", ["network", "network+map"])
def test_network_rays_unbent(run: Callable[..., xr.Dataset], source: str) -> None:
    found = run(ray_source=source, bend=False, n_members=4, training_steps=100)
    assert np.isfinite(found["velocity"].values).all()
    assert "chi2_network" in found


def test_traced_rays_ignore_the_model(line: Line) -> None:
    problem = problem_of(line, config())
    rays = problem.start.rays
    source = TracedRays(rays=rays)
    assert source.trace(line.truth, line.prior.grid, problem.geometry, rays) is rays
