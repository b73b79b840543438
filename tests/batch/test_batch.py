"""Batches as a user runs them: real kernels, finished runs never repeated, failures told."""

import json
import os
import pty
import re
import subprocess
import sys
import time

import pytest
from making import COUNTED, WRITES, batch, executed, make_notebook, make_sweep

from seisnb.batch import read_sweep, run_batch
from seisnb.batch.driver import RUNS
from seisnb.batch.record import is_finished
from seisnb.batch.run import execute
from seisnb.conventions import InputError
from seisnb.io import open_ensemble

pytestmark = pytest.mark.slow


def records(out, name):
    return {p.parent.name: json.loads(p.read_text()) for p in out.glob(f"{RUNS}/*/{name}.json")}


def test_runs_end_up_in_folders_of_their_own_and_are_never_repeated(tmp_path):
    sweep = make_sweep(tmp_path, WRITES, ks=(2, 3))
    out = tmp_path / "out"
    code, said = batch(sweep, out, "--dry-run")
    assert code == 0
    assert said.count("to do") == 2
    assert not out.exists()
    code, said = batch(sweep, out)
    assert code == 0
    assert "2 of 2 runs are finished" in said
    done = records(out, "manifest")
    assert sorted(told["parameters"]["k"] for told in done.values()) == [2, 3]
    for name, told in done.items():
        folder = out / RUNS / name
        assert (folder / "result.txt").read_text() == str(told["parameters"]["k"] ** 2)
        assert set(told["files"]) == {"result.txt", "run.ipynb"}
        assert told["seconds"] > 0
        assert told["n_bytes"] > 1e7
    code, said = batch(sweep, out)
    assert code == 0
    assert "2 finished before" in said
    assert executed(tmp_path) == [2, 3]
    code, said = batch(make_sweep(tmp_path, WRITES, ks=(2, 3, 4)), out)
    assert code == 0
    assert executed(tmp_path) == [2, 3, 4]


def test_a_run_whose_files_were_touched_is_run_again(tmp_path):
    sweep = read_sweep(make_sweep(tmp_path, WRITES, ks=(2,)))
    (run,) = sweep.runs()
    assert execute(run, tmp_path).is_done
    assert is_finished(run, tmp_path)
    (tmp_path / run.name / "result.txt").write_text("cut")
    assert not is_finished(run, tmp_path)
    (tmp_path / run.name / "manifest.json").write_text("{")
    assert not is_finished(run, tmp_path)
    assert execute(run, tmp_path).is_done
    assert executed(tmp_path) == [2, 2]


def test_failures_come_first_with_their_error_and_notebook(tmp_path):
    fails = "if k == 2:\n    raise ValueError('<b>no</b> such rock')\n" + WRITES
    sweep = make_sweep(tmp_path, fails, ks=(1, 2, 3))
    out = tmp_path / "out"
    code, said = batch(sweep, out, "--workers", "2")
    assert code == 1
    assert "2 of 3 runs are finished" in said
    assert "ValueError: <b>no</b> such rock" in said
    (failure,) = records(out, "failure").values()
    assert (failure["kind"], failure["n_attempts"]) == ("cell", 1)
    assert failure["error"].startswith("In [4]: ValueError")
    page = (out / "summary.html").read_text()
    assert page.index("Failed") < page.index("Finished")
    assert "&lt;b&gt;no&lt;/b&gt; such rock" in page
    assert "<b>no</b>" not in page
    links = re.findall(r'href="([^"]+)"', page)
    assert len(links) == 3
    assert all((out / link).is_file() for link in links)
    assert len(records(out, "manifest")) == 2
    make_sweep(tmp_path, fails.replace("k == 2", "k == 20"), ks=(1, 2, 3))
    code, said = batch(sweep, out)
    assert code == 0  # other code: other runs


def test_a_kernel_that_dies_is_tried_again(tmp_path):
    dies = """\
import os, signal
mark = Path(f"died{k}")
if not mark.exists() or k == 2:
    mark.touch()
    os.kill(os.getpid(), signal.SIGKILL)
"""
    report = run_batch(read_sweep(make_sweep(tmp_path, dies, WRITES)), tmp_path / "out")
    first, second = sorted(report.outcomes, key=lambda outcome: not outcome.is_done)
    assert (first.is_done, first.n_attempts) == (True, 2)
    assert (second.is_done, second.n_attempts, second.kind) == (False, 2, "kernel")
    assert "the kernel died" in second.error
    assert executed(tmp_path) == [1, 1, 2, 2]
    folder = tmp_path / "out" / RUNS / second.name
    assert "os.kill" in (folder / "run.ipynb").read_text()
    assert not (folder / "manifest.json").exists()


def test_limits_of_time_and_memory(tmp_path):
    greedy = """\
import subprocess, sys, time
if k == 1:
    while True:
        time.sleep(0.1)
if k == 2:
    subprocess.run([sys.executable, "-c", "x = bytearray(10**9); import time; time.sleep(60)"])
"""
    limits = {"minutes": 0.2, "gigabytes": 0.6}
    sweep = make_sweep(tmp_path, greedy, WRITES, ks=(1, 2, 3), limits=limits)
    report = run_batch(read_sweep(sweep), tmp_path / "out", n_workers=2)
    errors = sorted(outcome.error for outcome in report.failures)
    assert len(errors) == 2
    assert errors[0] == "stopped: it took more than 0.2 min"
    assert re.fullmatch(r"stopped: it used [\d.]+ GB of memory, more than 0.6 GB", errors[1])
    assert {(o.kind, o.n_attempts) for o in report.failures} == {("limit", 1)}


def test_a_kernel_ends_in_order_even_where_its_threads_are_slow(tmp_path):
    slow = """
import builtins, os, time
kernel = get_ipython().kernel
def slowed(work, seconds, before=time.sleep, after=time.sleep):
    def slow(*given, **named):  # without names of the notebook, which are gone by then
        before(seconds[0])
        work(*given, **named)
        after(seconds[1])
    return slow
shut_down = kernel.do_shutdown
def shut_down_slowly(restart):
    kernel._publish_status_and_flush = slowed(kernel._publish_status_and_flush, (0.2, 0))
    return shut_down(restart)
kernel.do_shutdown = shut_down_slowly
printing = kernel.iopub_socket.io_thread.io_loop
printing.close = slowed(printing.close, (0, 0.6))
class Ends:
    def __del__(self, write=os.write, file=os.open("ended.txt", os.O_CREAT | os.O_WRONLY)):
        write(file, b"in order")
builtins.ends = Ends()  # goes when the interpreter ends, not when it is killed
"""
    report = run_batch(read_sweep(make_sweep(tmp_path, slow, WRITES, ks=(1,))), tmp_path / "out")
    (outcome,) = report.outcomes
    assert outcome.is_done, outcome.error
    assert (tmp_path / "ended.txt").read_text() == "in order"


def test_a_notebook_that_prints_100_mb_is_cut(tmp_path):
    prints = "for _ in range(1000):\n    print('x' * 100_000)"
    report = run_batch(read_sweep(make_sweep(tmp_path, prints, WRITES, ks=(1,))), tmp_path / "out")
    (outcome,) = report.outcomes
    assert outcome.is_done
    notebook = tmp_path / "out" / RUNS / outcome.name / "run.ipynb"
    assert notebook.stat().st_size < 1_500_000
    assert "[cut: a notebook may print 1 MB]" in notebook.read_text()


def test_a_folder_that_is_in_the_way_is_told_and_stops_no_other_run(tmp_path):
    sweep = make_sweep(tmp_path, WRITES, ks=(1, 2))
    first, second = read_sweep(sweep).runs()
    place = tmp_path / "out" / RUNS
    place.mkdir(parents=True)
    (place / first.name).write_text("no folder")
    code, said = batch(sweep, tmp_path / "out", "--workers", "1")
    assert code == 1
    assert "File exists" in said
    assert "disk is full" not in said
    assert is_finished(second, place)


def test_a_clock_that_jumps_changes_nothing(tmp_path, monkeypatch):
    sweep = read_sweep(make_sweep(tmp_path, WRITES, limits={"minutes": 1}))
    jumps = iter([1e9, -1e9] * 100_000)
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + next(jumps))
    for run in sweep.runs():
        outcome = execute(run, tmp_path)
        assert outcome.is_done
        assert 0 < outcome.seconds < 60
        assert is_finished(run, tmp_path)
    assert executed(tmp_path) == [1, 2]


def test_a_notebook_of_one_s_own_needs_no_out_dir(tmp_path):
    path = make_notebook(tmp_path / "bare.ipynb", COUNTED, parameters="k = 1")
    (tmp_path / "sweep.yaml").write_text(f"runs: [{{notebook: {path.name}, grid: {{k: [7]}}}}]")
    report = run_batch(read_sweep(tmp_path / "sweep.yaml"), tmp_path / "out")
    assert report.n_done == 1
    assert executed(tmp_path) == [7]


def test_the_shipped_tomography_as_a_sweep(tmp_path):
    (tmp_path / "sweep.yaml").write_text(
        "runs:\n  - notebook: tomography\n"
        "    parameters: {settings.prior.amplitude: 0.3, settings.prior.length_easting: 8.0,\n"
        "      settings.prior.length_depth: 4.0, settings.cell: 1.0}\n"
        "    grid: {n_members: [4, 5]}\n"
    )
    code, said = batch(tmp_path / "sweep.yaml", tmp_path / "out", "--workers", "2")
    assert code == 0, said
    found = [open_ensemble(path) for path in tmp_path.glob("out/runs/*/ensemble.nc")]
    assert sorted(ensemble.sizes["particle"] for ensemble in found) == [4, 5]
    page = (tmp_path / "out" / "summary.html").read_text()
    assert page.count("<img") == page.count("thumbnail.png") == 2
    assert "n_members: 4" in page
    assert "report.html" in page


def read_some(descriptor):
    """What a terminal shows next; nothing once nobody writes to it any more."""
    try:
        return os.read(descriptor, 65536)
    except OSError:  # Linux says so
        return b""


def test_a_table_in_a_terminal_and_lines_in_a_log(tmp_path):
    sweep = make_sweep(tmp_path, "import time; time.sleep(1)", "assert k == 1, 'bad k'")
    controller, terminal = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "seisnb", "batch", str(sweep), "--out", str(tmp_path / "out")],
        stderr=terminal, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    os.close(terminal)
    shown = b""
    while chunk := read_some(controller):
        shown += chunk
    os.close(controller)
    process.communicate(timeout=120)
    shown = shown.decode()
    assert "under way" in shown
    assert "2/2" in shown
    assert "bad k" in shown
    assert process.returncode == 1


def test_sizes_that_are_asked_for(tmp_path):
    sweep = make_sweep(tmp_path, WRITES, ks=list(range(1200)))
    code, said = batch(sweep, tmp_path / "out")
    assert code == 2
    assert "1,200 runs" in said
    assert "--yes" in said
    with pytest.raises(InputError, match="1,200"):
        run_batch(read_sweep(sweep), tmp_path / "out")
