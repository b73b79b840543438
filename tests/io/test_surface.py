from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from seisnb.conventions import FileFormatError, GeometryError, InputError
from seisnb.io import read_picks, read_surface

Write = Callable[[str, str | bytes], Path]

EASTING, DEPTH = [0.0, 1.0, 2.5], [-0.1, 0.2, 0.0]


@pytest.mark.parametrize(
    "text",
    [
        "0 -0.1\n1 0.2\n2.5 0\n",
        "2.5,0\n0,-0.1\n1,0.2\n",
        "0e0 -1e-1\n10e-1 +.2\n,,\n2.5 0\n",
        "# sea floor\n\n0;-0.1\r\n1;0.2\r\n2.5;0 # end\r\n",
        "easting_km depth_km\n0 -0.1\n1 0.2\n2.5 0\n",
        "easting_m,elevation_m\n0,100\n1000,-200\n2500,0\n",
        "name elevation_km easting_m\na 0.1 0\nb -0.2 1000\nc 0 2500\n".replace("name", "depth_"),
    ],
)
def test_files(write: Write, text: str) -> None:
    easting, depth = read_surface(write("surface.txt", text))
    np.testing.assert_allclose(easting, EASTING)
    np.testing.assert_allclose(depth, DEPTH)


def test_arrays() -> None:
    array = xr.DataArray(DEPTH, coords={"easting": EASTING}, dims="easting")
    metres = xr.DataArray(np.array(DEPTH) * 1e3, coords={"easting": EASTING}, dims="easting")
    metres.attrs["units"] = "m"
    pairs = np.stack([EASTING, DEPTH], axis=1)
    for surface in (array, metres, (EASTING, DEPTH), [EASTING, DEPTH], pairs, pairs[::-1]):
        easting, depth = read_surface(surface)
        np.testing.assert_allclose(easting, EASTING)
        np.testing.assert_allclose(depth, DEPTH)


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("", FileFormatError, "is empty"),
        ("0 1\n", FileFormatError, "surface.txt holds 1 points; expected at least two lines"),
        ("0 1\n1\n", FileFormatError, "surface.txt, line 2: '1' has 1 values; expected at least 2"),
        (
            "0 1\n1 x\n",
            FileFormatError,
            "line 2: surface depth or elevation is 'x'; expected a num",
        ),
        ("0 1\n1 nan\n", FileFormatError, "line 2: .* is 'nan'; expected a finite number"),
        (
            "x z\n0 1\n1 2\n",
            FileFormatError,
            "line 1: found 'x z'; expected two numbers, or column",
        ),
        ("0 606\n220 594\n", GeometryError, "depth of 606 km; .* Are these metres. Start the file"),
    ],
)
def test_bad_files(write: Write, text: str, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        read_surface(write("surface.txt", text))


def test_bad_arrays(tmp_path: Path) -> None:
    with pytest.raises(GeometryError, match="shape .3,.; expected a path, or easting and depth"):
        read_surface([1, 2, 3])
    with pytest.raises(GeometryError, match="expected a path, or easting and depth"):
        read_surface([[1, 2, 3], [1, 2]])
    with pytest.raises(GeometryError, match="dims .'x',.; expected depths over the coordinate"):
        read_surface(xr.DataArray([1.0, 2.0], dims="x"))
    feet = xr.DataArray(DEPTH, coords={"easting": EASTING}, dims="easting", attrs={"units": "ft"})
    with pytest.raises(GeometryError, match="the surface is in 'ft'; expected 'km' or 'm'"):
        read_surface(feet)
    with pytest.raises(InputError, match="does not exist; expected a text file"):
        read_surface(tmp_path / "none.txt")


def test_real_topography_of_a_real_line(data_folder: Path, write: Write) -> None:
    folder = data_folder / "refrapy_fields"
    raw = (folder / "field_example_02_topography.txt").read_text()
    with pytest.raises(GeometryError, match="Are these metres"):
        read_surface(folder / "field_example_02_topography.txt")
    path = write("topography.txt", "easting_m elevation_m\n" + raw)
    easting, depth = read_surface(path)
    assert easting[[0, -1]] == pytest.approx([0, 0.22])
    assert depth[0] == pytest.approx(-0.606457)
    with pytest.raises(GeometryError, match="shot 1 at easting -0.0025 km .* Extend the profile"):
        read_picks(folder / "field_example_02.sgt", pick_std=0.001, surface=path)


def test_the_surface_replaces_the_files(write: Write) -> None:
    text = "2\n#x z\n0 0\n9 0\n1\n#s g t err\n1 2 0.005 0.001\n"
    survey = read_picks(write("a.sgt", text), surface=([-1, 0.005, 1], [0, -0.002, 0]))
    np.testing.assert_array_equal(survey["surface_easting"], [-1, 0.005, 1])
