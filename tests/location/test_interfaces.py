"""Distances to boundaries against geometry, and weights carried on."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from seisnb.conventions import GeometryError, InputError
from seisnb.io.meshes import read_mesh
from seisnb.location import (
    LineBoundary,
    MeshBoundary,
    boundary_distance,
    locate,
    read_boundary,
    update_weights,
)
from seisnb.velocity_ensembles import layered_ensemble
from tests.location.conftest import arrivals_at, ensemble_of, model, settings
from tests.seeds import shifted

DIP = np.radians(20.0)


def cloud(depth: float, spread: float = 0.5, n: int = 4000) -> xr.Dataset:
    rng = np.random.default_rng(shifted(0))
    values = np.array([10.0, 2.0, depth]) + spread * rng.standard_normal((1, n, 3))
    return xr.Dataset(
        {name: (("event", "sample"), values[..., i])
         for i, name in enumerate(("easting", "northing", "depth"))}, coords={"event": ["a"]},
    )  # fmt: skip


def plane_line() -> LineBoundary:
    along = np.array([-50.0, 0.0, 80.0])
    return LineBoundary(along=along, depth=5.0 + np.tan(DIP) * along)


def plane_mesh() -> MeshBoundary:
    x, y = np.meshgrid(np.linspace(-50, 80, 14), np.linspace(-40, 40, 9))
    z = 5.0 + np.tan(DIP) * x
    from scipy.spatial import Delaunay

    flat = np.column_stack([x.ravel(), y.ravel()])
    return MeshBoundary(
        vertices=np.column_stack([flat, z.ravel()]), triangles=Delaunay(flat).simplices
    )


@pytest.mark.parametrize("boundary", [plane_line(), plane_mesh()])
def test_a_dipping_plane(boundary) -> None:
    points = np.array([[10.0, 2.0, 12.0], [-20.0, 5.0, 0.0], [30.0, -30.0, 5.0]])
    below = points[:, 2] - (5.0 + np.tan(DIP) * points[:, 0])
    found, distance = boundary.separation(points)
    np.testing.assert_allclose(found, below, atol=1e-9)
    np.testing.assert_allclose(distance, np.abs(below) * np.cos(DIP), atol=1e-9)


def test_beyond_the_ends() -> None:
    for boundary in (plane_line(), plane_mesh()):
        found, distance = boundary.separation(np.array([[200.0, 0.0, 20.0]]))
        assert np.isnan(found[0])
        assert distance[0] > 100


def test_a_line_along_an_azimuth() -> None:
    """The same plane seen along a section that runs north from another place."""
    turned = LineBoundary(
        along=np.array([0.0, 50.0]), depth=np.array([5.0, 15.0]), origin=(3.0, -4.0), azimuth=0.0
    )
    found, _ = turned.separation(np.array([[99.0, 21.0, 12.0]]))
    assert found[0] == pytest.approx(12.0 - 10.0)


def test_probabilities_are_those_of_a_normal_cloud() -> None:
    from scipy.stats import norm

    level = 5.0 + np.tan(DIP) * 10.0
    found = boundary_distance(cloud(level + 1.0), plane_line(), within=1.0)
    spread = 0.5 * np.hypot(1.0, np.tan(DIP))
    assert float(found["separation_mean"][0]) == pytest.approx(1.0, abs=0.03)
    assert float(found["separation_std"][0]) == pytest.approx(spread, rel=0.04)
    assert float(found["probability_below"][0]) == pytest.approx(norm.cdf(1 / spread), abs=0.01)
    perpendicular = np.cos(DIP)
    inside = norm.cdf(1.0, perpendicular, 0.5) - norm.cdf(-1.0, perpendicular, 0.5)
    assert float(found["probability_within"][0]) == pytest.approx(inside, abs=0.02)
    assert "single_separation" not in found


def test_an_ensemble_of_boundaries_is_wider() -> None:
    line = plane_line()
    moved = [LineBoundary(along=line.along, depth=line.depth + shift) for shift in (-1.5, 0.0, 1.5)]
    one = boundary_distance(cloud(9.0), line)
    many = boundary_distance(cloud(9.0), moved)
    expected = np.sqrt(float(one["separation_std"][0]) ** 2 + 1.5)
    assert float(many["separation_std"][0]) == pytest.approx(expected, rel=0.05)
    chosen = boundary_distance(cloud(9.0), moved, weight=[0, 1, 0])
    assert float(chosen["separation_mean"][0]) == pytest.approx(
        float(one["separation_mean"][0]), abs=1e-9
    )


def test_boundaries_that_are_none() -> None:
    with pytest.raises(GeometryError, match="increasing order"):
        LineBoundary(along=np.array([0.0, 0.0]), depth=np.array([1.0, 2.0]))
    with pytest.raises(GeometryError, match="no area"):
        MeshBoundary(vertices=np.zeros((3, 3)), triangles=np.array([[0, 1, 2]]))
    with pytest.raises(GeometryError, match="not there"):
        MeshBoundary(vertices=np.eye(3), triangles=np.array([[0, 1, 7]]))
    with pytest.raises(InputError, match="one or more"):
        boundary_distance(cloud(9.0), [])
    with pytest.raises(InputError, match="expected one for each"):
        boundary_distance(cloud(9.0), plane_line(), weight=[1, 2])
    far = LineBoundary(along=np.array([900.0, 950.0]), depth=np.array([1.0, 2.0]))
    with pytest.raises(GeometryError, match="no event lies over"):
        boundary_distance(cloud(9.0), far)


def test_meshes_from_files(tmp_path, data_folder) -> None:
    projection = "+proj=tmerc +lat_0=45 +lon_0=-124 +ellps=WGS84 +units=km"
    mesh = read_boundary(data_folder / "cascadia_ets2010" / "cascadia.msh", projection)
    assert isinstance(mesh, MeshBoundary)
    assert 0 <= mesh.vertices[:, 2].min() < mesh.vertices[:, 2].max() < 150
    shore = np.array([[0.0, 50.0, 30.0], [-80.0, 50.0, 30.0]])
    below, _ = mesh.separation(shore)
    assert below[0] < below[1]  # the slab dips landward
    text = tmp_path / "slab.txt"
    text.write_text("-125 45 10\n-124 45 20\n-124.5 46 15\n-124.5 44 15\n")
    vertices, triangles = read_mesh(text, projection)
    assert vertices.shape == (4, 3)
    assert triangles.shape[1] == 3
    assert vertices[:, 2].tolist() == [10, 20, 15, 15]
    line = tmp_path / "line.txt"
    line.write_text("0 5\n10 8\n")
    assert isinstance(read_boundary(line, projection), LineBoundary)
    broken = tmp_path / "broken.msh"
    broken.write_text("$MeshFormat\n9 9 9\n")
    from seisnb.conventions import FileFormatError

    with pytest.raises(FileFormatError, match="cannot be read as gmsh"):
        read_mesh(broken, projection)


def test_a_catalogue_reweights_the_models(stations) -> None:
    ensemble = ensemble_of(30, 0.03, seed=4)
    places = [(0.0, 0.0, 10.0), (5.0, -5.0, 14.0), (-6.0, 8.0, 12.0)]
    arrivals = arrivals_at(stations, places, std=0.05)
    found = locate(arrivals, stations, ensemble, settings(likelihood="gaussian"))
    free = update_weights(ensemble, found, at_least=1.0)
    product = ensemble.log_weight + found["model_log_evidence"].sum("event").values
    expected = np.exp(product - product.max())
    np.testing.assert_allclose(free.weight, expected / expected.sum(), rtol=1e-6)
    assert free.n_effective < 5
    guarded = update_weights(ensemble, found, at_least=5.0)
    assert guarded.n_effective == pytest.approx(5.0, rel=0.01)
    assert "raised to the power" in guarded.notes[-1]
    assert np.argmax(guarded.weight) == np.argmax(free.weight)
    # models near the true one, 1.0, have gained
    speed = np.array([m.vp[0] / 5.0 for m in ensemble.groups[0].models])
    assert abs(float(guarded.weight @ speed) - 1) < 0.01
    again = locate(arrivals_at(stations, [(2.0, 2.0, 11.0)], seed=9), stations, guarded, settings())
    first = locate(
        arrivals_at(stations, [(2.0, 2.0, 11.0)], seed=9), stations, ensemble, settings()
    )
    time = {"component": "origin_time"}
    assert float(again["std"].sel(time)[0]) < float(first["std"].sel(time)[0])
    with pytest.raises(InputError, match="other models"):
        update_weights(layered_ensemble([model(1.3)]), found)
    with pytest.raises(InputError, match="1 or more"):
        update_weights(ensemble, found, at_least=0.5)
