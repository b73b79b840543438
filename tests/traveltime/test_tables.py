"""Tables of sections and volumes against a solver of their own, compression, any members."""

from __future__ import annotations

import eikonalfm
import numpy as np
import pytest
import xarray as xr

from seisnb.catalogue import make_stations
from seisnb.conventions import Cancelled, GeometryError, InputError
from seisnb.traveltime.tables import build_tables
from seisnb.traveltime.tables_grid import Region
from seisnb.velocity_ensembles import join_ensembles, layered_ensemble, volume_ensemble
from seisnb.velocity_models import LayeredModel, SectionGroup, VelocityEnsemble
from tests.seeds import shifted

REGION = Region(easting=(2.0, 38.0), northing=(-8.0, 8.0), depth=(2.0, 18.0))


def section(n: int = 3, seed: int = 0) -> SectionGroup:
    """A line 40 km long whose velocity varies along it and with depth, under 1 km of water."""
    rng = np.random.default_rng(shifted(seed))
    along, depth = np.linspace(0, 40, 81), np.linspace(0, 20, 41)
    x, z = np.meshgrid(along, depth)
    velocity = []
    for _ in range(n):
        a, b, c = rng.uniform(0, 2 * np.pi, 3)
        field = 0.04 * (np.sin(x / 6 + a) + np.sin(z / 4 + b) + np.sin(x / 9 - z / 5 + c))
        velocity.append((4.0 + 0.15 * z) * np.exp(field))
    return SectionGroup(
        velocity=np.stack(velocity), along=along, depth=depth, surface=np.full(81, 1.0)
    )


def ensemble_of(group: SectionGroup) -> VelocityEnsemble:
    n = group.n_members
    return VelocityEnsemble(
        groups=(group,), log_weight=np.full(n, -np.log(n)), vpvs=np.linspace(1.7, 1.8, n),
        name=tuple(f"m{k}" for k in range(n)),
    )  # fmt: skip


def stations() -> xr.Dataset:
    return make_stations(
        station=["A", "B"], easting=[10.0, 30.0], northing=[0.0, 4.0], depth=[1.0, 1.0]
    )


def refereed(group: SectionGroup, k: int, place: tuple[float, float, float], step: float = 0.25):
    """Times on a fine grid of eikonalfm's 3-D solver, the station a node."""
    x = np.arange(0.0, 40.0 + step, step)
    y = place[1] + np.arange(-12.0, 12.0 + step, step)
    z = np.arange(1.0, 20.0 + step / 2, step)
    rows = np.interp(z, group.depth, np.arange(group.depth.size))
    low = rows.astype(int).clip(max=group.depth.size - 2)
    share = rows - low
    plane = np.stack([
        np.interp(x, group.along, (1 - s) * group.velocity[k, i] + s * group.velocity[k, i + 1])
        for i, s in zip(low, share, strict=True)], axis=1)  # fmt: skip
    velocity = np.ascontiguousarray(np.repeat(plane[:, None, :], y.size, axis=1))
    node = tuple(int(np.argmin(np.abs(axis - p))) for axis, p in zip((x, y, z), place, strict=True))
    tau = eikonalfm.factored_fast_marching(velocity, node, (step,) * 3, 2)
    return (x, y, z), tau * eikonalfm.distance(velocity.shape, (step,) * 3, node, indexing="ij")


@pytest.mark.slow
@pytest.mark.parametrize("step", [None, 0.9, 1.2])
def test_sections_across_strike_against_the_referee(step: float | None) -> None:
    """To 3 ms rms, at the sea floor as at depth, off the line too, whatever the solver's step."""
    group = section()
    tables = build_tables(stations(), ensemble_of(group), REGION, step=step)
    rng = np.random.default_rng(shifted(1))
    points = np.column_stack(
        [rng.uniform(3, 37, 300), rng.uniform(-7, 7, 300), rng.uniform(1.2, 17, 300)]
    )
    points[:40, 2] = 1.25  # near the sea floor
    for i, place in enumerate([(10.0, 0.0, 1.0), (30.0, 4.0, 1.0)]):
        found, shear = tables.times(i, points)
        for k in range(group.n_members):
            axes, times = refereed(group, k, place)
            exact = xr.DataArray(
                times, coords=dict(zip("xyz", axes, strict=True)), dims=("x", "y", "z")
            )
            exact = exact.interp(
                x=("p", points[:, 0]), y=("p", points[:, 1]), z=("p", points[:, 2])
            ).values
            away = found[:, k] - exact
            assert np.sqrt((away**2).mean()) < 0.003
            assert np.abs(away).max() < 0.02
            np.testing.assert_allclose(shear[:, k], found[:, k] * (1.7 + 0.05 * k), rtol=1e-6)


def test_compression_over_members_costs_no_more_than_it_says() -> None:
    group = section(40)
    few = VelocityEnsemble(
        groups=(SectionGroup(velocity=group.velocity[:10], along=group.along, depth=group.depth,
                             surface=group.surface),),
        log_weight=np.zeros(10), vpvs=np.full(10, 1.73), name=("a",) * 10,
    )  # fmt: skip
    loose = build_tables(stations(), ensemble_of(group), REGION, step=1.0)
    plain = build_tables(stations(), few, REGION, step=1.0)  # few members are kept as they are
    rng = np.random.default_rng(shifted(2))
    points = rng.uniform([3, -7, 2], [37, 7, 17], (200, 3))
    a, _ = loose.times(0, points, np.arange(10))
    b, _ = plain.times(0, points)
    assert np.sqrt(((a - b) ** 2).mean()) < 2e-3
    assert loose.n_bytes < 4 * plain.n_bytes / 2


def test_any_members_in_any_order() -> None:
    layer = LayeredModel(
        name="l", top=np.array([0.0]), vp=np.array([5.0]), vp_gradient=np.array([0.05])
    )
    axis = np.linspace(-10, 50, 31)
    volume = volume_ensemble(
        xr.DataArray(
            np.full((2, 31, 31, 21), 5.5), dims=("particle", "northing", "easting", "depth"),
            coords={"northing": axis - 20, "easting": axis, "depth": np.linspace(0, 20, 21)},
        )
    )  # fmt: skip
    joined = join_ensembles(
        [layered_ensemble([layer]), volume, ensemble_of(section())], share=[1, 1, 2]
    )
    np.testing.assert_allclose(joined.weight, [0.25, 0.125, 0.125, 1 / 6, 1 / 6, 1 / 6])
    tables = build_tables(stations(), joined, REGION, step=1.0)
    points = np.array([[12.0, 1.0, 9.0], [25.0, -3.0, 4.0]])
    p, s = tables.times(1, points)
    assert p.shape == s.shape == (2, 6)
    chosen = np.array([4, 0, 2, 5])
    some_p, some_s = tables.times(1, points, chosen)
    np.testing.assert_array_equal(some_p, p[:, chosen])
    np.testing.assert_array_equal(some_s, s[:, chosen])
    away = np.linalg.norm(points - [30.0, 4.0, 1.0], axis=1)
    np.testing.assert_allclose(p[:, 1], away / 5.5, rtol=3e-3)


def test_progress_cancel_and_bad_steps() -> None:
    told = []
    build_tables(
        stations(), ensemble_of(section(1)), REGION, step=1.5,
        progress=lambda done, total, message: told.append((done, total)),
    )  # fmt: skip
    assert told == [(1, 2), (2, 2)]
    with pytest.raises(Cancelled):
        build_tables(stations(), ensemble_of(section(1)), REGION, cancel=lambda: True)
    with pytest.raises(InputError, match="above 0"):
        build_tables(stations(), ensemble_of(section(1)), REGION, step=-1.0)
    with pytest.raises(GeometryError, match="larger step"):
        build_tables(stations(), ensemble_of(section(1)), REGION, step=0.01)
