"""The same members on every processor: small inversions under other code paths of the libraries.

NumPy's OpenBLAS takes its instructions from OPENBLAS_CORETYPE, PyTorch its own from
ATEN_CPU_CAPABILITY and those of MKL from MKL_CBWR; a process reads them once, when it starts.
"""

from __future__ import annotations

import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from tests.tomography.conftest import make_line

pytestmark = [pytest.mark.kernels, pytest.mark.slow]

#: Code paths from the newest to the oldest. What a processor lacks ends by an illegal instruction.
CORES = ("SkylakeX", "Zen", "Haswell", "Sandybridge", "Nehalem", "Prescott")
#: PyTorch beside each: another one for the older of two.
NEWEST = {"ATEN_CPU_CAPABILITY": "avx2", "MKL_CBWR": "AVX2"}
OLDEST = {"ATEN_CPU_CAPABILITY": "default", "MKL_CBWR": "COMPATIBLE"}

PROBE = """\
import numpy as np
from threadpoolctl import threadpool_info
a = np.random.default_rng(0).standard_normal((150, 150))
np.linalg.eigh(a @ a.T), np.linalg.solve(a, a)
taken = {each["architecture"] for each in threadpool_info() if each["internal_api"] == "openblas"}
assert taken == {"%s"}, taken
"""
WORK = """\
import sys
import xarray as xr
from seisnb.io import save_ensemble
from seisnb.tomography import invert
from tests.tomography.conftest import PRIOR, config

picks, out, folder, stop = *sys.argv[1:3], sys.argv[3] or None, int(sys.argv[4])
done = [0]

def progress(message):
    if message.stage == "members":
        done[0] = message.done

found = invert(
    xr.load_dataset(picks, decode_timedelta=False), PRIOR, config(n_members=6, seed=1),
    progress=progress, cancel=lambda: 0 < stop <= done[0], checkpoint=folder,
)
assert bool(found.attrs["cancelled"]) == bool(stop)
save_ensemble(found, out)
"""


def environment(core: str, **torch: str) -> dict[str, str]:
    threads = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    path = {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    return {**os.environ, **threads, **path, "OPENBLAS_CORETYPE": core, **torch}


@cache
def runs(core: str) -> bool:
    """Whether this processor has the instructions of an OpenBLAS core type."""
    done = subprocess.run(
        [sys.executable, "-c", PROBE % core],
        env=environment(core),
        capture_output=True,
        timeout=120,
    )
    return done.returncode == 0


def inverted(
    picks: Path, core: str, torch: dict[str, str], *, checkpoint: Path | None = None, stop: int = 0
) -> xr.Dataset:
    """The result of a process of its own; cancelled after so many members if asked."""
    out = picks.with_name(f"{core}{stop}.nc")
    done = subprocess.run(
        [sys.executable, "-c", WORK, str(picks), str(out), str(checkpoint or ""), str(stop)],
        env=environment(core, **torch), capture_output=True, text=True, timeout=900,
    )  # fmt: skip
    assert done.returncode == 0, f"{core}: {done.stderr[-2000:]}"
    with xr.open_dataset(out, decode_timedelta=False) as found:
        return found.load()


def same_members(one: xr.Dataset, other: xr.Dataset) -> None:
    """Models to the last digit of their float32, times and misfits in double to 1e-9."""
    for name in ("predicted_time", "chi2_ray", "sigma_scale"):
        size = float(np.abs(one[name]).max())
        if name == "chi2_ray":  # what a relative change of the times does to it
            size *= float(one["predicted_time"].max() / one["pick_std"].min())
        np.testing.assert_allclose(other[name], one[name], rtol=0, atol=1e-9 * size, err_msg=name)
    np.testing.assert_allclose(other["velocity"], one["velocity"], rtol=2e-7)


@pytest.fixture(scope="module")
def picks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same bytes for every process."""
    path = tmp_path_factory.mktemp("processors") / "picks.nc"
    make_line(3).survey.to_netcdf(path)
    return path


@pytest.fixture(scope="module")
def cores() -> tuple[str, str]:
    """The newest and the oldest core type that run here."""
    found = [core for core in CORES if runs(core)]
    if len(found) < 2:
        pytest.skip(f"of OpenBLAS' {', '.join(CORES)} this processor runs {found}")
    return found[0], found[-1]


@pytest.fixture(scope="module")
def whole(picks: Path, cores: tuple[str, str]) -> xr.Dataset:
    """Members that the newest code paths give."""
    return inverted(picks, cores[0], NEWEST)


def test_members_are_the_same_under_two_core_types(
    picks: Path, cores: tuple[str, str], whole: xr.Dataset
) -> None:
    same_members(whole, inverted(picks, cores[1], OLDEST))


def test_a_run_goes_on_under_another_core_type(
    picks: Path, cores: tuple[str, str], whole: xr.Dataset, tmp_path: Path
) -> None:
    """Stopped on one kind of node, resumed on another: the members of a run that never stopped."""
    part = inverted(picks, cores[0], NEWEST, checkpoint=tmp_path, stop=3)
    assert part.sizes["particle"] < 6
    same_members(whole, inverted(picks, cores[1], OLDEST, checkpoint=tmp_path))
