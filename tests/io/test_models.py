"""Velocity models from files, of every kind, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from seisnb.conventions import FileFormatError, InputError
from seisnb.io import read_models
from seisnb.velocity_models import LayeredGroup, VolumeGroup

TABLE = "depth,vp,vs,vp_grad,vs_grad\n0,5.0,2.9,0.1,0.05\n10,6.2,3.6,0.02,0.01\n30,8.0,4.6,0,0\n"


def written(tmp_path, text: str, name: str = "m.csv"):
    path = tmp_path / name
    path.write_text(text)
    return path


def test_a_table_of_layers(tmp_path) -> None:
    ensemble = read_models(written(tmp_path, TABLE))
    [model] = ensemble.groups[0].models
    assert model.name == "m"
    np.testing.assert_allclose(model.velocity(np.array([0.0, 5.0, 10.0, 40.0])), [5, 5.5, 6.2, 8])
    np.testing.assert_allclose(model.velocity(np.array([5.0]), "S"), [3.15])
    assert ensemble.notes == ()


def test_metres_many_models_and_no_s(tmp_path) -> None:
    text = "model,depth_m,vp_m_s\na,0,5000\na,10000,6200\nb,-500,4000\n"
    ensemble = read_models(written(tmp_path, text), vpvs=1.8, vpvs_std=0.05, seed=3)
    assert ensemble.name == ("a", "b")
    a, b = ensemble.groups[0].models
    assert a.top.tolist() == [0, 10]
    assert b.vp.tolist() == [4.0]
    assert b.vs is None
    assert abs(ensemble.vpvs.mean() - 1.8) < 0.2
    assert ensemble.vpvs.std() > 0


def test_nonlinloc_layers(tmp_path) -> None:
    text = (
        "# control\nVGOUT ./model/layer\nLAYER  0.0 5.8 0.00  3.36 0.00 2.7 0.0\n"
        "LAYER 20.0 6.5 0.01  3.75 0.00 2.7 0.0\nLAYER 35.0 8.04 0.00 4.47 0.0 2.7 0.0\n"
    )
    [model] = read_models(written(tmp_path, text, "nlloc.in")).groups[0].models
    assert model.top.tolist() == [0, 20, 35]
    assert model.vs.tolist() == [3.36, 3.75, 4.47]
    assert model.vp_gradient.tolist() == [0, 0.01, 0]


def test_a_three_dimensional_grid(tmp_path) -> None:
    grid = xr.Dataset(
        {"vp": (("particle", "depth", "northing", "easting"), np.full((2, 4, 5, 6), 6.0))},
        coords={"depth": np.arange(4.0), "northing": np.arange(5.0), "easting": np.arange(6.0)},
    )
    grid.to_netcdf(tmp_path / "grid.nc")
    ensemble = read_models([tmp_path / "grid.nc", written(tmp_path, TABLE)])
    assert ensemble.kinds == ("layers", "volume")
    layers, volume = ensemble.groups
    assert isinstance(layers, LayeredGroup)
    assert isinstance(volume, VolumeGroup)
    assert volume.velocity.shape == (2, 5, 6, 4)
    np.testing.assert_allclose(ensemble.weight, 1 / 3)


def test_a_gradient_that_only_repeats_the_layer_above(data_folder) -> None:
    files = sorted((data_folder / "cascadia_obs2011").glob("vel_*.csv"))
    ensemble = read_models(files)
    assert ensemble.n_members == 10
    assert len(ensemble.notes) == 10
    for model in ensemble.groups[0].models:
        assert model.vp_gradient[-1] == 0
        assert 7.5 < float(model.velocity(np.array(80.0))) < 8.5
        assert (model.velocity(np.linspace(0, 80, 50), "S") < model.velocity(
            np.linspace(0, 80, 50))).all()  # fmt: skip


def test_a_steep_last_layer_ends_where_rock_does(tmp_path) -> None:
    ensemble = read_models(written(tmp_path, "depth,vp,vp_grad\n0,5,0\n20,7,0.1\n"))
    [model] = ensemble.groups[0].models
    assert float(model.velocity(np.array(30.0))) == pytest.approx(8.0)
    assert float(model.velocity(np.array(90.0))) == pytest.approx(9.5)
    assert "held at 9.5" in ensemble.notes[0]


@pytest.mark.parametrize(
    ("text", "kind", "match"),
    [
        ("1 2 3\n4 5 6\n", FileFormatError, "no line starts with LAYER"),
        ("depth,vs\n0,3\n", FileFormatError, "no column holds the vp"),
        ("depth,vp\n0,5\n0,6\n", FileFormatError, "depths that increase"),
        ("depth,vp\n0,five\n", FileFormatError, "line 2: vp is 'five'"),
        ("depth,vp\n0\n", FileFormatError, "has 1 values"),
        ("depth,vp\n0,5000\n", InputError, "Check the unit"),
        ("depth,vp,vs\n0,3,5\n", InputError, "S is slower than P"),
        ("LAYER 0 5.8 0\n", FileFormatError, "truncated"),
    ],
)
def test_files_that_cannot_be_used(tmp_path, text: str, kind: type, match: str) -> None:
    with pytest.raises(kind, match=match):
        read_models(written(tmp_path, text))


def test_no_files_and_files_of_other_things(tmp_path) -> None:
    with pytest.raises(InputError, match="at least one"):
        read_models([])
    with pytest.raises(InputError, match="does not exist"):
        read_models(tmp_path / "none.csv")
    xr.Dataset({"t": ("x", [1.0])}).to_netcdf(tmp_path / "other.nc")
    with pytest.raises(FileFormatError, match="expected an ensemble of seisnb"):
        read_models(tmp_path / "other.nc")
