"""Sampled slip that was stopped goes on, and comes to the same result; files are not trusted."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from dataclasses import replace
from itertools import count

import numpy as np
import pytest
import xarray as xr

from seisnb.conventions import Cancelled, CheckpointError, InputError
from seisnb.interrupts import EXIT_CANCELLED
from seisnb.io import open_slip
from seisnb.io.checkpoint import read_arrays, write_arrays
from seisnb.slip import SlipConfig, invert_slip, positive
from seisnb.slip.synthetic import example_thrust
from tests.tables import write_offsets

CONFIG = SlipConfig(n_particles=40, n_moves=2, n_samples=50, n_workers=1, seed=3)


@pytest.fixture(scope="module")
def case():
    offsets, structures, _ = example_thrust(n_sites=8)
    return offsets, structures.structures[:2]


@pytest.fixture(scope="module")
def whole(case):
    """Without a stop."""
    return invert_slip(*case, CONFIG)


def same(one: xr.Dataset, other: xr.Dataset) -> None:
    xr.testing.assert_identical(one.drop_attrs(), other.drop_attrs())
    assert one.attrs["verdict"] == other.attrs["verdict"]


@pytest.mark.parametrize("config", [CONFIG, replace(CONFIG, smoothing="laplacian")])
def test_a_run_that_is_stopped_again_and_again_comes_to_the_same_end(case, tmp_path, config):
    expected = invert_slip(*case, config)
    said = []
    for _ in range(200):
        asked = count()
        try:
            found = invert_slip(
                *case, config, checkpoint=tmp_path / "kept", cancel=lambda a=asked: next(a) > 25
            )
        except Cancelled as stopped:
            said.append(str(stopped))
        else:
            break
    assert len(said) > 3
    assert all("the same call goes on from there" in each for each in said)
    same(found, expected)


def test_what_is_finished_is_not_moved_again(case, whole, tmp_path, monkeypatch):
    same(invert_slip(*case, CONFIG, checkpoint=tmp_path), whole)

    def moved(*_):
        raise AssertionError("a finished population moved")

    monkeypatch.setattr(positive, "_move", moved)
    same(invert_slip(*case, CONFIG, checkpoint=tmp_path), whole)
    more = invert_slip(*case, replace(CONFIG, n_samples=70, n_workers=2), checkpoint=tmp_path)
    assert more.sizes["sample"] == 70


def test_another_inversion_is_refused_before_work(case, tmp_path):
    offsets, structures = case
    invert_slip(offsets, structures, CONFIG, checkpoint=tmp_path)
    with pytest.raises(CheckpointError, match="its seed is 3, this run's is 4"):
        invert_slip(offsets, structures, replace(CONFIG, seed=4), checkpoint=tmp_path)
    with pytest.raises(CheckpointError, match="its structures is"):
        invert_slip(offsets, structures[::-1], CONFIG, checkpoint=tmp_path)
    with pytest.raises(CheckpointError, match="its offsets is"):
        invert_slip(offsets.isel(site=slice(7)), structures, CONFIG, checkpoint=tmp_path)


def test_an_inversion_that_is_refused_leaves_no_checkpoint(case, tmp_path):
    with pytest.raises(InputError):
        invert_slip(*case, replace(CONFIG, depth_min=700.0), checkpoint=tmp_path / "kept")
    assert not (tmp_path / "kept").exists()


def spoil(arrays: dict, kind: str) -> dict:
    """What a file held, with one thing wrong."""
    n = len(arrays["structure"])
    if kind == "out of bounds":
        arrays["structure"][5] = 99
    elif kind == "negative":
        arrays["length"][0] = -1
    elif kind == "shape":
        arrays["coefficients"] = arrays["coefficients"][:, 1:]
    elif kind == "kind":
        arrays["structure"] = arrays["structure"].astype(np.int32)
    elif kind == "not finite":
        arrays["squares"][0, 0] = np.nan
    elif kind == "numbers":
        arrays["numbers"][0] = np.nan
    elif kind == "amplitude":
        arrays["amplitude"] = np.zeros(n)
    elif kind == "missing":
        del arrays["random"]
    elif kind == "random":
        arrays["random"] = np.frombuffer(b'{"bit_generator": "other"}', np.uint8)
    elif kind == "rounds":
        arrays["round.slip"] = arrays["round.slip"][:, 1:]
    return arrays


@pytest.mark.parametrize(
    "kind",
    ["out of bounds", "negative", "shape", "kind", "not finite", "numbers", "amplitude", "missing",
     "random", "rounds"],
)  # fmt: skip
def test_a_file_with_something_wrong_is_refused_and_named(case, tmp_path, kind):
    invert_slip(*case, CONFIG, checkpoint=tmp_path)
    file = tmp_path / "all_1_2.safetensors"
    write_arrays(file, spoil({k: v.copy() for k, v in read_arrays(file, "").items()}, kind))
    with pytest.raises(CheckpointError, match=r"all_1_2.safetensors does not hold .* Delete"):
        invert_slip(*case, CONFIG, checkpoint=tmp_path)


def test_a_cut_file_is_refused_and_after_its_removal_all_is_well(case, whole, tmp_path):
    invert_slip(*case, CONFIG, checkpoint=tmp_path)
    file = tmp_path / "all_1_2.safetensors"
    file.write_bytes(file.read_bytes()[:1000])
    with pytest.raises(CheckpointError, match="cannot be read"):
        invert_slip(*case, CONFIG, checkpoint=tmp_path)
    file.unlink()
    same(invert_slip(*case, CONFIG, checkpoint=tmp_path), whole)


@pytest.mark.slow
def test_the_command_goes_on_after_ctrl_c_and_after_a_kill(tmp_path):
    from tests.test_cli_slip import thrust, write_mesh

    offsets, _, _ = example_thrust(n_sites=15)
    write_offsets(offsets, tmp_path / "offsets.csv")
    write_mesh(tmp_path / "a.msh", *thrust(14))
    folder = tmp_path / "out" / "checkpoint" / "slip"

    def command(out: str) -> list[str]:
        return [
            sys.executable, "-m", "seisnb", "slip", str(tmp_path / "offsets.csv"), "--mesh",
            str(tmp_path / "a.msh"), "--out", str(tmp_path / out), "--members", "4", "--dip-std",
            "2", "--set", "n_moves=16", "--seed", "2",
        ]  # fmt: skip

    def written() -> int:
        return sum(file.stat().st_mtime_ns for file in folder.glob("all_*.safetensors"))

    for number in (signal.SIGINT, signal.SIGKILL):
        before, until = written(), time.monotonic() + 120.0
        begun = subprocess.Popen(command("out"), stderr=subprocess.PIPE, text=True)
        while written() == before:
            assert begun.poll() is None
            assert time.monotonic() < until
            time.sleep(0.05)
        begun.send_signal(number)
        said = begun.communicate(timeout=60)[1]
        if number == signal.SIGINT:
            assert begun.returncode == EXIT_CANCELLED
            assert "the same call goes on from there" in said
        assert not (tmp_path / "out" / "slip.nc").exists()
    for out in ("out", "whole"):
        done = subprocess.run(command(out), capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    same(open_slip(tmp_path / "out" / "slip.nc"), open_slip(tmp_path / "whole" / "slip.nc"))
    assert not (tmp_path / "out" / "checkpoint").exists()
