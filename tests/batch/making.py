"""Small notebooks and sweeps for the batch's tests."""

import os
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import yaml

PARAMETERS = """\
k: int = 1  # a number
out_dir: str = "."  # folder of the results
seed: int = 0  # random seed"""
COUNTED = """\
from pathlib import Path
with Path("executed.log").open("a") as log:
    log.write(f"{k}\\n")
"""
WRITES = "Path(out_dir, 'result.txt').write_text(str(k * k))"


def make_notebook(path: Path, *cells: str, parameters: str = PARAMETERS, text: str = "A study"):
    first = nbformat.v4.new_code_cell(parameters, metadata={"tags": ["parameters"]})
    code = [nbformat.v4.new_code_cell(cell) for cell in cells]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell(text), first, *code])
    notebook.metadata["kernelspec"] = {
        "name": "python3", "display_name": "Python 3", "language": "python",
    }  # fmt: skip
    nbformat.write(notebook, path)
    return path


def make_sweep(folder: Path, *cells: str, ks=(1, 2), limits=None, name="study", **more) -> Path:
    """A notebook and a sweep over its ``k``; executed runs are listed in ``executed.log``."""
    make_notebook(folder / f"{name}.ipynb", COUNTED, *cells)
    path = folder / "sweep.yaml"
    block = {"notebook": f"{name}.ipynb", "grid": {"k": list(ks)}, **more}
    path.write_text(yaml.safe_dump({"limits": limits or {}, "runs": [block]}))
    return path


def executed(folder: Path) -> list[int]:
    log = folder / "executed.log"
    return sorted(map(int, log.read_text().split())) if log.exists() else []


#: Every process that was started: the fixture ``nobody_stays`` ends those that a failed test left.
started: list[subprocess.Popen] = []


def start(sweep: Path, out: Path, *options: str, prefix=(), **more) -> subprocess.Popen:
    """The command line in a process of its own, with a session of its own."""
    process = subprocess.Popen(
        [*prefix, sys.executable, "-m", "seisnb", "batch", str(sweep), "--out", str(out), *options],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"}, **more,
    )  # fmt: skip
    started.append(process)
    return process


def batch(sweep: Path, out: Path, *options: str, prefix=(), timeout=240) -> tuple[int, str]:
    """Exit code and all that was said."""
    process = start(sweep, out, *options, prefix=prefix)
    said, _ = process.communicate(timeout=timeout)
    return process.returncode, said


def wait_for(condition, timeout=60.0):
    until = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < until, "it never happened"
        time.sleep(0.05)
