"""The installed command on real picks: results, Ctrl-C, kill -9 and resuming, each in a process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from seisnb.interrupts import EXIT_CANCELLED
from seisnb.io import open_ensemble

pytestmark = pytest.mark.slow

N_MEMBERS = 6
PROMISED = [
    "velocity",
    "velocity_mean",
    "velocity_std",
    "prior_std",
    "ray_coverage",
    "travel_time",
    "pick_std",
    "predicted_time",
    "chi2_referee",
    "rms_referee_mean",
]


def command(data_folder: Path, out: Path) -> list[str]:
    """A short run: stiff prior, few unknowns, so that a member takes about a second."""
    picks = data_folder / "koenigsee" / "koenigsee.sgt"
    options = ["--pick-std", "0.0005", "--members", str(N_MEMBERS), "--seed", "7"]
    for setting in ("length_easting=0.012", "length_depth=0.009"):
        options += ["--set", f"prior.{setting}"]
    return [sys.executable, "-m", "seisnb", "tomography", str(picks), "--out", str(out), *options]


def environment() -> dict[str, str]:
    """One BLAS thread, as in the other tests."""
    return {**os.environ, "OMP_NUM_THREADS": "1"}


def run(line: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        line, env=environment(), capture_output=True, text=True, check=False, timeout=300
    )


@pytest.fixture(scope="module")
def finished(data_folder, tmp_path_factory) -> Path:
    """The results folder of an undisturbed run."""
    out = tmp_path_factory.mktemp("finished")
    done = run(command(data_folder, out))
    assert done.returncode == 0, done.stderr
    assert f"report: {out / 'report.html'}" in done.stdout
    assert "members" in done.stderr
    return out


def test_the_ensemble_holds_what_is_promised(finished):
    ensemble = open_ensemble(finished / "ensemble.nc")
    assert set(PROMISED) <= set(ensemble)
    assert ensemble["velocity"].dims == ("particle", "depth", "easting")
    assert ensemble["predicted_time"].dims == ("particle", "pick")
    assert ensemble.sizes["particle"] == N_MEMBERS
    assert bool((ensemble["velocity"] > 0).all())
    assert sorted(path.name for path in finished.iterdir()) == ["ensemble.nc", "report.html"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL], ids=["ctrl-c", "kill -9"])
def test_a_stopped_run_resumes_to_the_same_digits(data_folder, tmp_path, finished, number):
    line = command(data_folder, tmp_path)
    process = subprocess.Popen(
        line, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    end = time.monotonic() + 120
    while len(list(tmp_path.glob("checkpoint/member_*"))) < 2 and time.monotonic() < end:
        time.sleep(0.05)
    process.send_signal(number)
    printed, _ = process.communicate(timeout=120)
    kept = {path: path.stat().st_mtime_ns for path in tmp_path.glob("checkpoint/member_*")}
    assert 2 <= len(kept) < N_MEMBERS, printed
    if number == signal.SIGINT:
        assert process.returncode == EXIT_CANCELLED, printed
        assert "run the same command again" in printed
        partial = open_ensemble(tmp_path / "ensemble.nc")
        assert 2 <= partial.sizes["particle"] < N_MEMBERS
        assert partial.attrs["cancelled"] == 1
    else:
        assert not (tmp_path / "ensemble.nc").exists()

    done = run(line)
    assert done.returncode == 0, done.stderr
    ours, theirs = (open_ensemble(folder / "ensemble.nc") for folder in (tmp_path, finished))
    for name in ("velocity", "predicted_time", "chi2_referee"):
        np.testing.assert_array_equal(ours[name].values, theirs[name].values, err_msg=name)
