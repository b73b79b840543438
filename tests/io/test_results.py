from __future__ import annotations

import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import seisnb.io.atomic
from seisnb.conventions import FileFormatError, InputError, OutputError
from seisnb.io import open_ensemble, save_ensemble

SUFFIXES = [".nc", ".zarr"]


@pytest.fixture
def ensemble() -> xr.Dataset:
    """All that an ensemble holds: every kind of variable, coordinate and attribute."""
    rng = np.random.default_rng(1)
    shape = (3, 4, 5)
    velocity = rng.uniform(0.3, 8.0, shape).astype(np.float32)
    profile = {"attrs": {"units": "km/s", "long_name": "P velocity"}}
    dataset = xr.Dataset(
        {
            "velocity": (("particle", "depth", "easting"), velocity, profile["attrs"]),
            "log_weight": ("particle", np.array([0.0, -np.inf, -1e300])),
            "rock": (("depth", "easting"), rng.random(shape[1:]) > 0.5),
            "travel_time": ("pick", np.array([1 / 3, 5e-324]), {"units": "s"}),
            "shot": ("pick", np.array([0, 2**62], np.int64), {"units": "1"}),
            "small": ("pick", np.array([-128, 0], np.int8)),
            "used": ("pick", np.array([True, False])),
            "phase": (
                "pick",
                np.array(
                    [
                        "Pg",
                        "",
                    ]
                ),
            ),
            "muted_std": ("pick", np.array([np.nan, np.inf])),
            "rms_referee_mean": ((), np.float64(0.1), {"units": "s"}),
            "nothing": ("empty", np.zeros(0)),
        },
        coords={
            "depth": ("depth", np.linspace(0, 1, 4), {"units": "km"}),
            "easting": ("easting", np.linspace(-1, 1, 5), {"units": "km"}),
            "quantile": ("quantile", [0.025, 0.5]),
            "distance": ("easting", np.arange(5.0)),
        },
        attrs={
            "kind": "ensemble",
            "title": "Königsee “1”\nsecond line",
            "empty": "",
            "seed": 0,
            "large": 2**62,
            "elapsed_seconds": 1 / 3,
            "config": '{"a": null}',
            "numbers": np.array([1.0, 2.0]),
        },
    )
    return dataset.set_coords("distance")


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("load", [True, False])
def test_nothing_is_lost(ensemble: xr.Dataset, tmp_path: Path, suffix: str, load: bool) -> None:
    path = tmp_path / f"ensemble{suffix}"
    before = ensemble.copy(deep=True)
    save_ensemble(ensemble, path)
    xr.testing.assert_identical(ensemble, before)
    found = open_ensemble(path, load=load)
    xr.testing.assert_identical(found, ensemble)
    for name, variable in ensemble.variables.items():
        assert found[name].dtype == variable.dtype, name
        assert found[name].values.tobytes() == variable.values.tobytes(), name
        assert {key: type(value) for key, value in found[name].attrs.items()} == {
            key: type(value) for key, value in variable.attrs.items()
        }
    assert list(found.attrs) == list(ensemble.attrs)
    found.close()
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_saved_again_in_place(ensemble: xr.Dataset, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"ensemble{suffix}"
    save_ensemble(ensemble, path)
    again = open_ensemble(path).isel(particle=[0])
    again.attrs["seed"] = 1
    save_ensemble(again, path)
    xr.testing.assert_identical(open_ensemble(path), again)
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


def test_from_one_format_to_the_other(ensemble: xr.Dataset, tmp_path: Path) -> None:
    save_ensemble(ensemble, tmp_path / "a.nc")
    save_ensemble(open_ensemble(tmp_path / "a.nc"), tmp_path / "a.zarr")
    save_ensemble(open_ensemble(tmp_path / "a.zarr"), tmp_path / "b.nc")
    xr.testing.assert_identical(open_ensemble(tmp_path / "b.nc"), ensemble)


def test_netcdf_is_compressed(ensemble: xr.Dataset, tmp_path: Path) -> None:
    smooth = ensemble.drop_vars("velocity").isel(easting=0, drop=True)
    members = np.ones((64, 4, 1000), np.float32)
    smooth["velocity"] = (("particle_", "depth", "easting"), members)
    smooth = smooth.drop_vars("log_weight").rename(particle_="particle")
    save_ensemble(smooth, tmp_path / "a.nc")
    assert (tmp_path / "a.nc").stat().st_size < members.nbytes / 10


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_failing_write_keeps_the_old_result(
    ensemble: xr.Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    path = tmp_path / f"ensemble{suffix}"
    save_ensemble(ensemble, path)

    def no_space(_: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(seisnb.io.atomic, "_sync", no_space)
    with pytest.raises(OutputError, match=r"could not be written \(No space left on device\)"):
        save_ensemble(ensemble.isel(particle=[0]), path)
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]
    xr.testing.assert_identical(open_ensemble(path), ensemble)


FULL_DISK = """
import resource, sys
import numpy as np, xarray as xr
from seisnb.io import save_ensemble
from seisnb.conventions import OutputError

dims = ("particle", "depth", "easting")
noise = np.random.default_rng(0).random((8, 100, 100))
big = xr.Dataset({"velocity": (dims, noise)}, attrs={"kind": "ensemble"})
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, resource.RLIM_INFINITY))
try:
    save_ensemble(big, sys.argv[1])
except OutputError as error:
    print(error)
    sys.exit(3)
"""


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_full_disk_leaves_nothing(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"ensemble{suffix}"
    run = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(FULL_DISK), str(path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 3, run.stderr
    assert "save_ensemble: " in run.stdout
    assert "could not be written" in run.stdout
    assert "Nothing partial was left. Free space" in run.stdout
    assert "Traceback" not in run.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_places_that_cannot_be_written(ensemble: xr.Dataset, tmp_path: Path, suffix: str) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError, match="'.*file' is not a folder, so 'a.* cannot be written"):
        save_ensemble(ensemble, tmp_path / "file" / f"a{suffix}")
    with pytest.raises(
        OutputError, match="none' does not exist, so 'a.* Create it or give another"
    ):
        save_ensemble(ensemble, tmp_path / "none" / f"a{suffix}")
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_read_only_system_is_told(ensemble: xr.Dataset, suffix: str) -> None:
    if not Path("/proc/self").is_dir():
        pytest.fail("this test needs /proc, a folder that not even root can write to")
    with pytest.raises(OutputError, match="'/proc/self/a.* could not be written"):
        save_ensemble(ensemble, f"/proc/self/a{suffix}")


def test_other_things_are_not_overwritten(ensemble: xr.Dataset, tmp_path: Path) -> None:
    (tmp_path / "a.zarr").mkdir()
    (tmp_path / "a.zarr" / "thesis.txt").write_text("x")
    with pytest.raises(OutputError, match="folder with other things in it; a result would replace"):
        save_ensemble(ensemble, tmp_path / "a.zarr")
    assert (tmp_path / "a.zarr" / "thesis.txt").read_text() == "x"
    (tmp_path / "a.nc").mkdir()
    with pytest.raises(OutputError, match="a.nc' is a folder; a file would replace it"):
        save_ensemble(ensemble, tmp_path / "a.nc")
    (tmp_path / "b.zarr").write_text("x")
    with pytest.raises(OutputError, match="b.zarr' is a file; a folder would replace it"):
        save_ensemble(ensemble, tmp_path / "b.zarr")


@pytest.mark.parametrize("value", [None, True, {"a": 1}, [1, None], [True], b"bytes"])
def test_attributes_that_would_be_lost_are_refused(
    ensemble: xr.Dataset, tmp_path: Path, value: object
) -> None:
    ensemble["velocity"].attrs["extra"] = value
    with pytest.raises(InputError, match="the attribute 'extra' of 'velocity' is .* JSON text"):
        save_ensemble(ensemble, tmp_path / "a.nc")
    assert list(tmp_path.iterdir()) == []


def test_only_ensembles_are_saved(ensemble: xr.Dataset, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="of kind 'survey'; expected one of kind 'ensemble'"):
        save_ensemble(ensemble.assign_attrs(kind="survey"), tmp_path / "a.nc")
    with pytest.raises(InputError, match="'a.txt' ends in '.txt'; expected .nc or .zarr"):
        save_ensemble(ensemble, tmp_path / "a.txt")


Damage = Callable[[Path], None]


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(b""),
        lambda path: path.write_text("shot,receiver\n1,2\n"),
        lambda path: path.write_bytes(np.random.default_rng(0).bytes(4096)),
        _cut,
    ],
    ids=["empty", "text", "noise", "cut"],
)
def test_what_is_no_netcdf(ensemble: xr.Dataset, tmp_path: Path, damage: Damage) -> None:
    path = tmp_path / "a.nc"
    save_ensemble(ensemble, path)
    damage(path)
    with pytest.raises(FileFormatError, match="a.nc' cannot be read as netcdf4; .* cut short"):
        open_ensemble(path)


def test_what_is_no_zarr(ensemble: xr.Dataset, tmp_path: Path) -> None:
    (tmp_path / "a.zarr").mkdir()
    (tmp_path / "b.zarr").write_text("x")
    save_ensemble(ensemble, tmp_path / "c.zarr")
    (tmp_path / "c.zarr" / ".zmetadata").write_text("{")
    for name in "abc":
        with pytest.raises(FileFormatError, match=f"{name}.zarr' cannot be read as zarr"):
            open_ensemble(tmp_path / f"{name}.zarr")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_other_datasets_are_refused(ensemble: xr.Dataset, tmp_path: Path, suffix: str) -> None:
    for name, other, found in [
        ("a", ensemble.drop_vars("velocity"), "is of kind 'ensemble' and holds"),
        ("b", ensemble.transpose("easting", ...), "has velocity over .'easting', 'particle'"),
    ]:
        save_ensemble(other, tmp_path / f"{name}{suffix}")
        with pytest.raises(FileFormatError, match=found):
            open_ensemble(tmp_path / f"{name}{suffix}")
    with pytest.raises(InputError, match="does not exist. Check the path"):
        open_ensemble(tmp_path / f"none{suffix}")
    with pytest.raises(InputError, match="ends in '.txt'; expected .nc or .zarr"):
        open_ensemble(tmp_path / "a.txt")
    foreign = xr.Dataset({"x": ("y", [1.0])})
    foreign.to_netcdf(tmp_path / "foreign.nc")
    with pytest.raises(FileFormatError, match="is of kind 'unknown' and holds .'x'."):
        open_ensemble(tmp_path / "foreign.nc")
