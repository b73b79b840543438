"""GNSS tables: columns by name, units, what is left out, and what is refused."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose

from seisnb.conventions import FileFormatError, GeometryError, InputError
from seisnb.geodesy import horizontal_correlation
from seisnb.io import read_offsets

HEADER = "site,lon,lat,east_mm,north_mm,up_mm,sig_e,sig_n,sig_u\n"
LINES = "ALBH,-123.5,48.4,-5.0,-2.0,1.5,0.4,0.5,2.0\nSC02,-123.0,48.5,-4.0,-1.0,,0.4,0.5,\n"


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "offsets.csv"
    path.write_text(text)
    return path


def test_millimetres_come_out_as_metres(tmp_path):
    found = read_offsets(written(tmp_path, HEADER + LINES.replace(",,", ",nan,") .replace(
        ",0.5,\n", ",0.5,nan\n")))  # fmt: skip
    assert found.attrs["quantity"] == "offset"
    assert list(found["site"].values) == ["ALBH", "SC02"]
    assert_allclose(found["displacement"][0], [-5e-3, -2e-3, 1.5e-3])
    assert_allclose(found["std"][0], [4e-4, 5e-4, 2e-3])
    assert np.isnan(found["displacement"][1, 2])
    assert_allclose(found["longitude"], [-123.5, -123.0])
    apart = np.hypot(*(np.ptp(found[name].values) for name in ("easting", "northing")))
    assert apart == pytest.approx(38.6, abs=0.3)


@pytest.mark.parametrize(
    ("header", "unit", "factor"),
    [("east,north", "mm", 1e-3), ("east,north", "m", 1.0), ("east_m,north_m", "mm", 1.0)],
)
def test_units(tmp_path, header, unit, factor):
    path = written(tmp_path, f"name,lat,lon,{header},se,sn\nA,45,10,0.5,0.25,0.01,0.02\n")
    found = read_offsets(path, unit=unit)
    assert_allclose(found["displacement"][0, :2], np.array([0.5, 0.25]) * factor)
    assert_allclose(found["std"][0, :2], np.array([0.01, 0.02]) * factor)
    assert np.isnan(found["displacement"][0, 2])


def test_correlations_make_a_covariance(tmp_path):
    text = "name,lat,lon,east,north,se,sn,corr_en\nA,45,10,5,2,2,3,0.5\nB,45,11,5,2,1,1,0\n"
    found = read_offsets(written(tmp_path, text))
    own = found["covariance"].values.reshape(6, 6)
    assert_allclose(own[:2, :2], [[4e-6, 3e-6], [3e-6, 9e-6]])
    assert_allclose(own[3:5, 3:5], np.eye(2) * 1e-6)
    assert_allclose(horizontal_correlation(found), [0.5, 0.0])
    alone = read_offsets(written(tmp_path, "name,lat,lon,east,north,se,sn\nA,45,10,5,2,2,3\n"))
    assert_allclose(horizontal_correlation(alone), [0.0])


def test_real_tables():
    data = Path(os.environ["SEISNB_DATA"])
    event = read_offsets(data / "cascadia_ets2010" / "offsets_2010_derived.csv")
    assert event.sizes["site"] == 27
    assert_allclose(event["displacement"].median("site"), [-5e-3, -2.2e-3, -4e-3], atol=3e-4)
    japan = read_offsets(
        data / "celeri_japan" / "japan_station.csv", region=(128.0, 148.0, 30.0, 46.0)
    )
    assert japan.attrs["quantity"] == "velocity"
    assert 700 < japan.sizes["site"] < 900
    assert np.isnan(japan["displacement"].sel(component="up")).all()
    notes = json.loads(japan.attrs["notes"])
    assert any("flag 0 left out" in note for note in notes)
    assert any("vertical components" in note for note in notes)


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        (HEADER, FileFormatError, "offsets.csv"),
        (HEADER + LINES.splitlines()[0][:-8] + "\n", FileFormatError, "9, as in the header"),
        (HEADER + "A,10,45,x,0,0,1,1,1\n", FileFormatError, "line 2"),
        (HEADER + "A,10,45,0,0,0,0,1,1\n", InputError, "a positive standard deviation"),
        (HEADER + "A,10,145,0,0,0,1,1,1\n", GeometryError, "latitude of site A is 145"),
        (HEADER.replace("up_mm,", "") + "A,10,45,0,0,1,1,1\n", FileFormatError, "no column 'up'"),
        (HEADER.replace("sig_n", "x") + "A,10,45,0,0,0,1,1,1\n", FileFormatError, "std_north|std"),
        ("site,lon,lat,east,north,se,sn,flag\nA,10,45,0,0,1,1,0\n", InputError, "no site is left"),
        ("site,lon,lat,e,n,se,sn,corr\nA,10,45,0,0,1,1,2\n", FileFormatError, "between -1 and 1"),
    ],
)
def test_what_is_no_table_of_offsets(tmp_path, text, error, message):
    with pytest.raises(error, match=message):
        read_offsets(written(tmp_path, text))


def test_metres_taken_for_millimetres_are_found(tmp_path):
    text = "site,lon,lat,east,north,se,sn\nA,10,45,5.0,2.0,0.5,0.5\nB,11,45,8.0,9.0,0.5,0.5\n"
    with pytest.raises(InputError, match="Divide millimetres by 1000"):
        read_offsets(written(tmp_path, text), unit="m")


def test_a_name_listed_twice_is_numbered(tmp_path):
    found = read_offsets(written(tmp_path, HEADER + "A,10,45,1,1,1,1,1,1\nA,11,45,2,2,2,1,1,1\n"))
    assert list(found["site"].values) == ["A", "A (2)"]


def test_files_and_units_that_are_none(tmp_path):
    with pytest.raises(InputError, match="there is no file"):
        read_offsets(tmp_path / "none.csv")
    with pytest.raises(InputError, match="unit is 'cm'; expected 'mm' or 'm'"):
        read_offsets(written(tmp_path, HEADER + LINES), unit="cm")
    with pytest.raises(InputError, match="no site is left of 2 .* outside of the region"):
        read_offsets(written(tmp_path, HEADER + LINES), region=(0.0, 10.0, 40.0, 50.0))
