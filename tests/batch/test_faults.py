"""What happens to batches for real: kills, signals, full disks, folders that cannot be written."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import psutil
import pytest
from making import WRITES, batch, executed, make_sweep, start, wait_for

from seisnb.batch import read_sweep, run_batch
from seisnb.batch.driver import RUNS
from seisnb.conventions import SeisnbError

pytestmark = pytest.mark.slow

#: Runs with k > 1 wait for a file, so that a fault meets them in the middle.
WAITS = """\
import time
Path(f"begun{k}").touch()
while k > 1 and not Path("go").exists():
    time.sleep(0.05)
"""


def finished(out):
    return len(list(out.glob(f"{RUNS}/*/manifest.json")))


def kernels(folder):
    """Kernels whose working folder is this one."""
    found = []
    for process in psutil.process_iter():
        try:
            command = " ".join(process.cmdline())
            if "ipykernel" in command and process.cwd() == str(folder.resolve()):
                found.append(process)
        except psutil.Error:
            continue
    return found


def begun_and_one_finished(tmp_path, out):
    wait_for(lambda: finished(out) == 1 and (tmp_path / "begun2").exists(), 120)


def goes_on(tmp_path, out, sweep):
    """The same command again ends what was begun; what was finished is not run again."""
    (tmp_path / "go").touch()
    code, said = batch(sweep, out)
    assert code == 0, said
    assert "1 finished before" in said
    assert finished(out) == 3
    assert executed(tmp_path).count(1) == 1
    assert {2, 3} <= set(executed(tmp_path))
    assert not list(out.rglob("*.part"))


def test_kill_9_of_the_driver(tmp_path):
    sweep, out = make_sweep(tmp_path, WAITS, WRITES, ks=(1, 2, 3)), tmp_path / "out"
    driver = start(sweep, out, "--workers", "1")
    begun_and_one_finished(tmp_path, out)
    driver.kill()
    driver.communicate()
    wait_for(lambda: not kernels(tmp_path), 60)  # nobody stays behind
    goes_on(tmp_path, out, sweep)


def test_kill_9_of_a_worker(tmp_path):
    sweep, out = make_sweep(tmp_path, WAITS, WRITES, ks=(1, 2, 3)), tmp_path / "out"
    driver = start(sweep, out, "--workers", "1")
    begun_and_one_finished(tmp_path, out)
    (kernel,) = kernels(tmp_path)
    kernel.parent().kill()
    (tmp_path / "go").touch()
    said, _ = driver.communicate(timeout=240)
    assert driver.returncode == 0, said
    assert finished(out) == 3
    assert executed(tmp_path).count(1) == 1
    assert executed(tmp_path).count(3) == 1


def test_kill_9_of_a_kernel(tmp_path):
    sweep, out = make_sweep(tmp_path, WAITS, WRITES, ks=(1, 2, 3)), tmp_path / "out"
    driver = start(sweep, out, "--workers", "1")
    begun_and_one_finished(tmp_path, out)
    (kernel,) = kernels(tmp_path)
    kernel.kill()
    (tmp_path / "go").touch()
    said, _ = driver.communicate(timeout=240)
    assert driver.returncode == 0, said
    assert finished(out) == 3
    assert executed(tmp_path) == [1, 2, 2, 3]


def test_kill_9_of_the_scheduler(tmp_path):
    sweep, out = make_sweep(tmp_path, WAITS, WRITES, ks=(1, 2, 3)), tmp_path / "out"
    told = tmp_path / "scheduler.json"
    dask = [sys.executable, "-m", "distributed.cli.dask_scheduler"]
    scheduler = subprocess.Popen(
        [*dask, "--port", "0", "--no-dashboard", "--scheduler-file", str(told)],
        stderr=subprocess.DEVNULL,
    )
    worker = subprocess.Popen(
        [sys.executable, "-m", "distributed.cli.dask_worker", "--scheduler-file", str(told),
         "--nthreads", "1", "--no-dashboard", "--death-timeout", "5",
         "--local-directory", str(tmp_path / "dask")],
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        wait_for(told.exists)
        address = json.loads(told.read_text())["address"]
        driver = start(sweep, out, "--scheduler", address)
        begun_and_one_finished(tmp_path, out)
        scheduler.kill()
        said, _ = driver.communicate(timeout=90)
        assert driver.returncode == 2, said
        assert "the scheduler was lost. Finished runs are kept" in said
    finally:
        for process in (scheduler, worker):
            process.kill()
            process.wait()
    wait_for(lambda: not kernels(tmp_path), 60)
    goes_on(tmp_path, out, sweep)


def test_no_scheduler_there(tmp_path):
    sweep = make_sweep(tmp_path, WRITES)
    started = time.monotonic()
    with pytest.raises(SeisnbError, match=r"no scheduler answers at tcp://127.0.0.1:1 within"):
        run_batch(read_sweep(sweep), tmp_path / "out", scheduler="tcp://127.0.0.1:1")
    assert time.monotonic() - started < 30


def test_ctrl_c_waits_for_what_is_under_way(tmp_path):
    sweep, out = make_sweep(tmp_path, WAITS, WRITES, ks=(1, 2, 3)), tmp_path / "out"
    driver = start(sweep, out, "--workers", "1")
    begun_and_one_finished(tmp_path, out)
    os.killpg(driver.pid, signal.SIGINT)  # as a terminal does
    time.sleep(1)
    assert driver.poll() is None
    (tmp_path / "go").touch()
    said, _ = driver.communicate(timeout=120)
    assert driver.returncode == 130, said
    assert "run the same command again" in said
    assert finished(out) == 2
    assert executed(tmp_path) == [1, 2]
    code, _ = batch(sweep, out)
    assert code == 0
    assert executed(tmp_path) == [1, 2, 3]


def test_ctrl_c_twice_stops_at_once(tmp_path):
    sweep, out = make_sweep(tmp_path, WAITS, WRITES, ks=(1, 2, 3)), tmp_path / "out"
    driver = start(sweep, out, "--workers", "1")
    begun_and_one_finished(tmp_path, out)
    for _ in range(2):
        os.killpg(driver.pid, signal.SIGINT)
        time.sleep(1)
    driver.communicate(timeout=60)
    assert driver.returncode == 130
    wait_for(lambda: not kernels(tmp_path), 60)
    goes_on(tmp_path, out, sweep)


def test_two_drivers_on_one_folder(tmp_path):
    sweep, out = make_sweep(tmp_path, WAITS, WRITES, ks=(1, 2, 3)), tmp_path / "out"
    driver = start(sweep, out, "--workers", "1")
    begun_and_one_finished(tmp_path, out)
    code, said = batch(sweep, out)
    assert code == 2
    assert f"is in use by process {driver.pid} on " in said
    (tmp_path / "go").touch()
    said, _ = driver.communicate(timeout=120)
    assert driver.returncode == 0, said
    assert executed(tmp_path) == [1, 2, 3]


def mounted(mount, after="true"):
    """A shell that mounts, runs what it is given, does what comes after; its mounts end with it."""
    if shutil.which("unshare") is None:
        pytest.fail("no unshare: install util-linux", pytrace=False)
    own = [] if os.geteuid() == 0 else ["--map-root-user"]
    script = f'{mount} && {{ "$@"; code=$?; {after}; exit $code; }}'
    return ["unshare", "--mount", *own, "sh", "-c", script, "sh"]


def test_a_disk_that_fills(tmp_path):
    fills = """\
if k > 1 and not Path("go").exists():
    Path(out_dir, "big").write_bytes(bytes(9_000_000))
"""
    sweep, out = make_sweep(tmp_path, fills, WRITES, ks=(1, 2, 3)), tmp_path / "out"
    out.mkdir()
    keep = tmp_path / "keep"
    small = mounted(f"mount -t tmpfs -o size=6m tmpfs {out}", f"cp -a {out} {keep}")
    code, said = batch(sweep, out, "--workers", "1", prefix=small)
    assert code == 1, said
    assert "No space left on device" in said
    assert "The disk is full: free space and run the same command again" in said
    assert finished(keep) == 1
    assert executed(tmp_path) == [1, 2]  # no third that would fail too
    out.rmdir()
    keep.rename(out)
    goes_on(tmp_path, out, sweep)


def test_a_folder_that_cannot_be_written(tmp_path):
    sweep, out = make_sweep(tmp_path, WRITES), tmp_path / "out"
    out.mkdir()
    code, said = batch(sweep, out, prefix=mounted(f"mount -t tmpfs -o size=1m,ro tmpfs {out}"))
    assert code == 2
    assert "cannot write there (Read-only file system)" in said
    assert executed(tmp_path) == []
