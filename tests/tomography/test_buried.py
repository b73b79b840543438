"""Shots and receivers in the ground, from the file to the ensemble: cross-hole, VSP, blocks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from numpy.typing import NDArray

from seisnb.io import read_picks
from seisnb.outliers import suspects
from seisnb.profile import profile_from_picks
from seisnb.section import SectionGrid, section_grid
from seisnb.survey import make_survey
from seisnb.tomography import TomographyConfig, invert
from seisnb.traveltime.analytic import travel_time_linear_gradient
from seisnb.traveltime.base import pick_geometry
from seisnb.traveltime.grid import GridWavefronts
from seisnb.traveltime.rays import bend_rays, straight_rays

Array = NDArray[np.float64]
Point = tuple[float, float]

#: Velocity at the surface [km/s] and gradient [1/s]: constant, and growing with depth.
MEDIA = [(2.0, 0.0), (1.5, 20.0)]


def hole(x: float, first: int, last: int, step: int) -> list[Point]:
    """Points down a hole at ``x`` [m]: easting and depth."""
    return [(x, float(z)) for z in range(first, last, step)]


#: Shots, receivers [m] and which of them are in the ground.
GEOMETRIES: dict[str, tuple[list[Point], list[Point], str]] = {
    "cross-hole": (hole(0, 2, 22, 3), hole(10, 2, 22, 2), "both"),
    "zero-offset VSP": ([(0.0, 0.0)], hole(0, 5, 105, 5), "receiver"),
    "walk-away VSP": ([(x, 0.0) for x in range(5, 105, 10)], hole(0, 5, 105, 10), "receiver"),
    "block": (
        hole(0, 0, 22, 5) + hole(20, 0, 22, 5),
        [(float(x), 0.0) for x in range(1, 20, 3)] + hole(0, 1, 20, 6) + hole(20, 1, 20, 6),
        "both",
    ),
}


def times(shots: Array, receivers: Array, velocity: float, gradient: float) -> Array:
    """Closed form between points [m], [s]."""
    return travel_time_linear_gradient(
        np.hypot(*(receivers - shots).T) / 1e3,
        velocity + gradient * shots[:, 1] / 1e3,
        velocity + gradient * receivers[:, 1] / 1e3,
        gradient,
    )


def read(
    folder: Path, name: str, velocity: float, gradient: float, *, noise: float = 0.0
) -> xr.Dataset:
    """The survey of a geometry, by way of a table of picks."""
    first, second, buried = GEOMETRIES[name]
    pairs = [(s, g) for s in first for g in second if s != g]
    shots, receivers = (np.array(side) for side in zip(*pairs, strict=True))
    time = times(shots, receivers, velocity, gradient)
    time *= 1 + noise * np.random.default_rng(1).standard_normal(time.size)
    path = folder / "picks.txt"
    lines = ["sx_m shot_depth_m gx_m receiver_depth_m t_ms"] + [
        f"{s[0]} {s[1]} {g[0]} {g[1]} {1e3 * t!r}"
        for (s, g), t in zip(pairs, time.tolist(), strict=True)
    ]
    path.write_text("\n".join(lines) + "\n")
    return read_picks(path, pick_std="1%", buried=buried)


def traced(survey: xr.Dataset, velocity: float, gradient: float) -> Array:
    """Times along bent rays in the true medium [s]."""
    deepest = float(survey["receiver_depth"].max())
    grid: SectionGrid = section_grid(survey, depth_max=1.3 * deepest)
    model = np.tile(velocity + gradient * grid.below_surface, (grid.n_easting, 1))
    geometry = pick_geometry(survey)
    spacing = 3 * grid.cell_depth
    rays = GridWavefronts(step=2 * grid.cell_depth, spacing=spacing).trace(
        model, grid, geometry, straight_rays(grid, geometry, spacing)
    )
    return bend_rays(model, grid, geometry, rays, tolerance=1e-10)[0]


@pytest.mark.parametrize("name", GEOMETRIES)
def test_straight_rays_are_exact(tmp_path: Path, name: str) -> None:
    survey = read(tmp_path, name, 2.0, 0.0)
    np.testing.assert_allclose(traced(survey, 2.0, 0.0), survey["travel_time"], rtol=1e-7)


@pytest.mark.parametrize("name", GEOMETRIES)
def test_rays_in_a_gradient(tmp_path: Path, name: str) -> None:
    survey = read(tmp_path, name, 1.5, 20.0)
    error = traced(survey, 1.5, 20.0) / survey["travel_time"].values - 1
    assert error.min() > -1e-9  # never faster than the first arrival
    assert error.max() < 1e-3


@pytest.mark.parametrize("name", GEOMETRIES)
@pytest.mark.parametrize(("velocity", "gradient"), MEDIA)
def test_the_first_profile_is_near_the_truth(
    tmp_path: Path, name: str, velocity: float, gradient: float
) -> None:
    survey = read(tmp_path, name, velocity, gradient, noise=0.01)
    profile = profile_from_picks(survey)
    deepest = float(survey["receiver_depth"].max())
    depth = np.linspace(0.2 * deepest, 0.9 * deepest, 8)
    found = np.interp(depth, profile.depth, profile.velocity)
    np.testing.assert_allclose(found, velocity + gradient * depth, rtol=0.06)


@pytest.mark.parametrize("name", GEOMETRIES)
def test_good_picks_are_not_suspected(tmp_path: Path, name: str) -> None:
    survey = read(tmp_path, name, 1.5, 20.0, noise=0.002)
    assert len(suspects(survey)) <= 0.03 * survey.sizes["pick"]


def test_water_above_a_borehole_is_no_rock(tmp_path: Path) -> None:
    """Airgun shots over a hole under 1 km of water; the rock has 3 km/s."""
    x = np.linspace(-0.4, 0.4, 9)
    shot, depth = (a.ravel() for a in np.meshgrid(x, np.linspace(1.1, 1.9, 9)))
    share = 1.0 / depth
    length = np.hypot(shot, depth)
    time = share * length / 1.5 + (1 - share) * length / 3.0
    path = tmp_path / "picks.txt"
    lines = ["sx_km gx_km shot_depth_km receiver_depth_km t_s"] + [
        f"{s!r} 0 0 {z!r} {t!r}"
        for s, z, t in zip(*(a.tolist() for a in (shot, depth, time)), strict=True)
    ]
    path.write_text("\n".join(lines) + "\n")
    survey = read_picks(
        path, pick_std="1%", buried="receiver", surface=([-1, 1], [1, 1]), water_velocity=1.5
    )
    profile = profile_from_picks(survey)
    found = np.interp([0.2, 0.5, 0.8], profile.depth, profile.velocity)
    np.testing.assert_allclose(found, 3.0, rtol=0.02)


def test_airgun_shots_over_a_borehole() -> None:
    """Brute force over entry points of straight rays through a level sea floor."""
    shot, receiver = (a.ravel() for a in np.meshgrid(np.linspace(-0.4, 0.4, 9), [1.2, 1.5, 1.9]))
    entry = np.linspace(-0.5, 0.5, 20_001)[:, None]
    truth = (np.hypot(entry - shot, 1.0) / 1.5 + np.hypot(entry, receiver - 1.0) / 3.0).min(axis=0)
    survey = make_survey(
        travel_time=truth, pick_std=0.005, shot_easting=shot, shot_depth=0.0,
        receiver_easting=0.0, receiver_depth=receiver, surface_easting=[-1, 1],
        surface_depth=[1, 1], water_velocity=1.5, buried="receiver",
    )  # fmt: skip
    assert survey.attrs["buried"] == "receiver"
    np.testing.assert_allclose(traced(survey, 3.0, 0.0), truth, rtol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "velocity", "gradient"),
    [
        ("cross-hole", *MEDIA[0]),
        ("cross-hole", *MEDIA[1]),
        ("walk-away VSP", *MEDIA[1]),
        ("zero-offset VSP", *MEDIA[0]),
    ],
)
def test_the_ensemble_holds_the_truth(
    tmp_path: Path, name: str, velocity: float, gradient: float
) -> None:
    survey = read(tmp_path, name, velocity, gradient, noise=0.01)
    cell = float(survey["receiver_depth"].max()) / 50
    ensemble = invert(survey, config=TomographyConfig(n_members=8, seed=0, cell=cell))
    truth = velocity + gradient * ensemble["depth"]
    met = (ensemble["ray_coverage"] > 0) & (ensemble["depth"] >= 0)
    away = abs(ensemble["velocity_mean"] - truth) / ensemble["velocity_std"]
    assert float((away.where(met) < 2.5).sum() / met.sum()) > 0.75
    off = abs(ensemble["velocity_mean"] / truth - 1).where(met)
    assert float(off.mean()) < 0.03
    assert 0.6 < float(ensemble["chi2_referee"].mean()) < 1.3
