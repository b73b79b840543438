"""Grids of an interface's depth: planes come out as planes, and what is wrong is said."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from numpy.testing import assert_allclose

from seisnb.conventions import FileFormatError, GeometryError, InputError
from seisnb.io import interface as module
from seisnb.io import read_interface
from seisnb.projection import Projection
from seisnb.slip import triangle_fault

HERE = Projection("+proj=tmerc +lat_0=45 +lon_0=-124 +ellps=WGS84 +units=km")


def dipping(longitude, latitude):
    """Depth [km] of a plane in the projection, dipping east by a tenth."""
    x, y = HERE.forward(longitude, latitude)
    return 20.0 + 0.1 * x + 0.02 * y


def grid(*, lon=None, names=("lon", "lat", "z"), sign=1.0, factor=1.0, units=None):
    """A dipping plane over two degrees, without its north-western corner."""
    lon = np.linspace(-125.0, -123.0, 41) if lon is None else lon
    lat = np.linspace(44.0, 46.0, 31)
    depth = dipping(*np.meshgrid(lon, lat))
    hole = (np.arange(31)[:, None] > 20) & (np.arange(41)[None] < 10)
    depth[hole] = np.nan
    attrs = {} if units is None else {"units": units}
    return xr.DataArray(
        sign * factor * depth, dims=(names[1], names[0]), coords={names[1]: lat, names[0]: lon},
        name=names[2], attrs=attrs,
    ).to_dataset()  # fmt: skip


def written(tmp_path, dataset):
    path = tmp_path / "slab.grd"
    dataset.to_netcdf(path, engine="netcdf4")
    return path


def check(vertices, triangles, *, spacing):
    """All of the plane is there but its hole, in triangles of about a size."""
    fault = triangle_fault(vertices, triangles)
    assert fault.notes == ()
    lon, lat = HERE.inverse(vertices[:, 0], vertices[:, 1])
    assert_allclose(vertices[:, 2], dipping(lon, lat), atol=0.02)
    side = np.linalg.norm(np.diff(vertices[triangles][:, :, :2], axis=1), axis=2)
    assert np.median(side) == pytest.approx(spacing, rel=0.35)
    west = lon.min() + 0.3
    assert lat[lon < west].max() < 45.4
    assert lat[lon > -124.0].max() > 45.8
    whole = np.ptp(vertices[:, 0]) * np.ptp(vertices[:, 1])
    assert 0.8 < fault.area.sum() / whole < 0.95
    assert sorted(set(triangles.ravel())) == list(range(len(vertices)))


@pytest.mark.parametrize("spacing", [None, 10.0, 20.0])
def test_a_plane_comes_out_as_a_plane(tmp_path, spacing):
    path = written(tmp_path, grid())
    check(*read_interface(path, HERE, spacing_km=spacing), spacing=spacing or 5.0)


@pytest.mark.parametrize(
    "how",
    [
        {"lon": np.linspace(235.0, 237.0, 41)},
        {"lon": np.linspace(-125.0, -123.0, 41)[::-1]},
        {"sign": -1.0, "units": "km"},
        {"names": ("longitude", "latitude", "dep")},
        {"names": ("x", "y", "Depth")},
    ],
)
def test_whatever_its_conventions_the_interface_is_the_same(tmp_path, how):
    expected = read_interface(written(tmp_path, grid()), HERE.proj, spacing_km=12.0)
    if "lon" in how and how["lon"][0] > how["lon"][-1]:
        dataset = grid().isel(lon=slice(None, None, -1), lat=slice(None, None, -1))
        dataset = dataset.transpose("lon", "lat").expand_dims("time")
    else:
        dataset = grid(**how)
    found = read_interface(written(tmp_path, dataset), HERE, spacing_km=12.0)
    assert_allclose(found[0], expected[0], atol=1e-6)
    assert len(found[1]) == len(expected[1])


def test_a_cell_without_one_corner_keeps_the_triangle_of_the_others(tmp_path):
    lon, lat = np.array([-124.1, -124.0]), np.array([45.0, 45.1])
    for row, column in ((0, 0), (0, 1), (1, 0), (1, 1)):
        depth = np.full((2, 2), 20.0)
        depth[row, column] = np.nan
        dataset = xr.Dataset({"z": (("lat", "lon"), depth)}, coords={"lat": lat, "lon": lon})
        vertices, triangles = read_interface(written(tmp_path, dataset), HERE)
        assert vertices.shape == (3, 3)
        assert sorted(triangles[0]) == [0, 1, 2]


def test_a_grid_may_cross_the_date_line(tmp_path):
    fiji = "+proj=tmerc +lat_0=-18 +lon_0=180 +ellps=WGS84 +units=km"
    lon = (np.linspace(178.0, 182.0, 21) + 180.0) % 360.0 - 180.0
    lat = np.linspace(-20.0, -16.0, 21)
    depth = 30.0 + 0.0 * lat[:, None] + np.linspace(0.0, 40.0, 21)
    dataset = xr.Dataset({"z": (("lat", "lon"), depth)}, coords={"lat": lat, "lon": lon})
    for spacing in (None, 30.0):
        vertices, _ = read_interface(written(tmp_path, dataset), fiji, spacing_km=spacing)
        assert np.abs(vertices[:, 0]).max() < 220.0
        assert np.corrcoef(vertices[:, 0], vertices[:, 2])[0, 1] > 0.999


def test_only_the_depths_asked_for_are_kept(tmp_path):
    path = written(tmp_path, grid())
    whole, _ = read_interface(path, HERE, spacing_km=8.0)
    part, triangles = read_interface(path, HERE, spacing_km=8.0, depth_min=15.0, depth_max=22.0)
    assert whole[:, 2].min() < 13.0
    assert whole[:, 2].max() > 26.0
    assert 15.0 <= part[:, 2].min() < 15.5
    assert 21.5 < part[:, 2].max() <= 22.0
    triangle_fault(part, triangles)


@pytest.mark.parametrize(
    ("dataset", "kind", "message"),
    [
        (grid(factor=1000.0), GeometryError, "expected kilometres. Divide metres by 1000"),
        (grid(units="meters"), GeometryError, "meters; expected kilometres"),
        (grid() - 20.0, GeometryError, "both signs, from -.* to .* km"),
        (grid() * np.nan, GeometryError, "holds no depth that is a number"),
        (grid().rename(z="dip"), FileFormatError, "no variable depth, dep, z, .* it holds dip"),
        (grid().rename(lon="column"), FileFormatError, "no longitude: the depth's dims"),
        (grid().drop_vars("lat"), FileFormatError, "no latitude: the depth's dims"),
        (grid().isel(lat=0), FileFormatError, r"has dims \('lon',\)"),
        (grid().assign_coords(lat=np.arange(31) * 1e3), GeometryError, "expected degrees"),
        (grid().isel(lat=[0, 0, 1]), GeometryError, "two or more of each, none twice"),
    ],
)
def test_grids_that_are_none(tmp_path, dataset, kind, message):
    with pytest.raises(kind, match=message):
        read_interface(written(tmp_path, dataset), HERE)


def test_files_and_settings_that_are_none(tmp_path, monkeypatch):
    path = written(tmp_path, grid().rename(z="top"))
    assert len(read_interface(path, HERE, variable="top", spacing_km=20.0)[1]) > 100
    for settings, message in (
        ({"variable": "bottom"}, "no variable 'bottom'; it holds top"),
        ({"variable": "top", "spacing_km": -1.0}, "spacing_km is -1.0"),
        ({"variable": "top", "depth_min": 9.0, "depth_max": 3.0}, "depths from 9.0 to 3.0 km"),
        ({"variable": "top", "depth_min": 300.0}, "no triangle of slab.grd is left"),
        ({"variable": "top", "spacing_km": 0.1}, "nodes at 0.1 km; at most 50000"),
    ):
        with pytest.raises(InputError, match=message):
            read_interface(path, HERE, **settings)
    monkeypatch.setattr(module, "MOST_VERTICES", 100)
    with pytest.raises(InputError, match="has 1271 nodes; at most 100. Give a larger spacing_km"):
        read_interface(path, HERE, variable="top")
    with pytest.raises(InputError, match="there is no file"):
        read_interface(tmp_path / "none.grd", HERE)
    (tmp_path / "text.grd").write_text("lon lat depth\n1 2 3\n")
    with pytest.raises(FileFormatError, match=r"text.grd cannot be read as NetCDF"):
        read_interface(tmp_path / "text.grd", HERE)
