"""Equal seeds give equal digits: by any workers, through the disk, in the first run and later."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from seisnb.io import open_ensemble, save_ensemble, zarr_members
from seisnb.tomography import invert, result
from tests.tomography.conftest import PRIOR, Line, config, same_result

Run = Callable[..., xr.Dataset]


def test_same_seed_is_bitwise_equal_whatever_the_workers(run: Run, ensemble: xr.Dataset) -> None:
    same_result(run(), ensemble)
    same_result(run(n_workers=2), ensemble)


def test_other_seed_differs_and_members_do_not_depend_on_their_number(
    run: Run, ensemble: xr.Dataset
) -> None:
    """But for the shift that all members of an ensemble share."""
    other = run(seed=1)
    assert np.abs(other["velocity"] - ensemble["velocity"]).max() > 0.1
    few, more = run(recentre=False), run(n_members=11, recentre=False)
    xr.testing.assert_identical(more["velocity"].isel(particle=slice(0, 8)), few["velocity"])
    assert len(np.unique(more["velocity"][:, 5, 5])) == 11


@pytest.mark.parametrize("suffix", [".nc", ".zarr"])
def test_comes_back_from_disk_without_loss(
    ensemble: xr.Dataset, tmp_path: Path, suffix: str
) -> None:
    path = tmp_path / f"ensemble{suffix}"
    save_ensemble(ensemble, path)
    xr.testing.assert_identical(open_ensemble(path), ensemble)


def test_written_some_members_at_a_time_it_is_the_same_result(
    line: Line, ensemble: xr.Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = ensemble["velocity"][0].nbytes
    monkeypatch.setattr(zarr_members, "CHUNK_BYTES", 5 * size + 1)
    monkeypatch.setattr(result, "BLOCK_BYTES", ensemble["velocity"].nbytes // 3)
    asked = config(n_members=ensemble.sizes["particle"])
    path = tmp_path / "new" / "line.zarr"
    with invert(line.survey, PRIOR, asked, out=path) as found:
        assert found["velocity"].encoding["chunks"] == (5, *ensemble["velocity"].shape[1:])
        assert not found["velocity"].variable._in_memory
        same_result(found.load(), ensemble)
    assert [entry.name for entry in path.parent.iterdir()] == ["line.zarr"]


FIRST_RUN = """
from hashlib import sha256
from seisnb.tomography import invert
from tests.tomography.conftest import PRIOR, config, make_line

found = invert(make_line(3).survey, PRIOR, config(n_members=2))
print(sha256(found["velocity"].values.tobytes()).hexdigest())
"""


@pytest.mark.slow
def test_the_first_run_on_a_machine_is_the_second_to_the_last_digit(tmp_path: Path) -> None:
    """Loops are compiled in the first run, one of them in the second, none in the third."""

    def run() -> str:
        own = {"NUMBA_CACHE_DIR": str(tmp_path), "PYTHONPATH": str(Path.cwd())}
        command = [sys.executable, "-c", FIRST_RUN]
        return subprocess.run(
            command, env={**os.environ, **own}, check=True, capture_output=True, text=True
        ).stdout

    first = run()
    compiled = list(tmp_path.rglob("bending.bend-*.nbi"))
    assert compiled
    for file in compiled:
        file.unlink()
    assert run() == first
    assert run() == first
