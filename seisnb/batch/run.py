"""One run of a batch: a notebook in a folder of its own, finished when its manifest is there.

papermill's own metadata cannot tell: a killed kernel leaves a notebook that looks like a success.
"""

from __future__ import annotations

import base64
import errno
import io
import os
import socket
import time
from contextlib import suppress
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import nbformat
import papermill
import psutil
from nbclient.exceptions import DeadKernelError
from papermill.engines import papermill_engines
from PIL import Image, UnidentifiedImageError

import seisnb
from seisnb.batch.engine import Watch, WatchedEngine, kill_tree
from seisnb.batch.record import (
    FAILURE,
    KERNEL,
    MANIFEST,
    NOTEBOOK,
    THUMBNAIL,
    Kind,
    Outcome,
    is_finished,
    read_json,
    write_json,
)
from seisnb.batch.sweep import OUT_DIR, Run
from seisnb.conventions import OutputError
from seisnb.io.atomic import replaced

#: How long a kernel of an attempt that was lost on another machine may take to end [s].
_GRACE = 10.0
_THUMBNAIL_SIZE = (360, 270)
#: Tag of the cell whose picture stands for the run.
THUMBNAIL_TAG = "thumbnail"


def execute(run: Run, root: Path, n_attempts: int = 1) -> Outcome:
    """Execute a run in its folder; what goes wrong is its outcome.

    Parameters
    ----------
    run : Run
        What to execute.
    root : Path
        Folder of the runs.
    n_attempts : int
        The number of this attempt.
    """
    if is_finished(run, root):
        return Outcome(name=run.name, is_done=True, n_attempts=n_attempts)
    folder = root / run.name
    started = time.monotonic()
    limits = run.limits
    watch = Watch(
        seconds=None if limits.minutes is None else 60.0 * limits.minutes,
        n_bytes=None if limits.gigabytes is None else 1e9 * limits.gigabytes,
        folder=run.folder,
        on_kernel=lambda pid: _note_kernel(folder, pid),
    )
    kind, error = _attempt(run, folder, watch)
    try:
        if watch.notebook is not None:
            _keep(watch.notebook, folder)
    except OSError as problem:  # an OutputError is one
        kind, error = _unwritten(problem, kind, error)
    outcome = Outcome(
        name=run.name, is_done=not kind, kind=kind, error=error,
        seconds=round(time.monotonic() - started, 3), n_bytes=watch.most_bytes,
        n_attempts=n_attempts,
    )  # fmt: skip
    try:
        _finish(run, folder, outcome)
    except OSError as problem:  # OutputError is one
        kind, error = _unwritten(problem, kind, error)
        outcome = replace(outcome, is_done=False, kind=kind, error=error)
    return outcome


def _attempt(run: Run, folder: Path, watch: Watch) -> tuple[Kind, str]:
    """Execute the notebook; why it failed, or nothing."""
    papermill_engines.register("seisnb-watched", WatchedEngine)
    told = dict(run.parameters) | ({OUT_DIR: str(folder)} if run.has_out_dir else {})
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _end_former(folder)
        papermill.execute_notebook(
            str(run.notebook), None, parameters=told, engine_name="seisnb-watched",
            kernel_name="python3", language="python", progress_bar=False, watch=watch,
        )  # fmt: skip
    except papermill.PapermillExecutionError as problem:
        text = f"{problem.ename}: {problem.evalue}"
        is_full = os.strerror(errno.ENOSPC) in text
        return "disk" if is_full else "cell", f"In [{problem.exec_count}]: {text}"
    except DeadKernelError:
        if watch.killed_for:
            return "limit", f"stopped: {watch.killed_for}"
        return "kernel", "the kernel died: killed from outside, out of memory, or crashed"
    except OSError as problem:
        return _unwritten(problem)
    except Exception as problem:  # noqa: BLE001 (a kernel that does not start raises many kinds)
        return "kernel", f"{type(problem).__name__}: {problem}"
    return "", ""


def _unwritten(problem: OSError, kind: Kind = "", error: str = "") -> tuple[Kind, str]:
    """A failure to read or write as an outcome, after what went wrong before it.

    The first error is told; that the disk is full is noted in any case, as it concerns all runs.
    """
    cause = problem.__cause__ if isinstance(problem.__cause__, OSError) else problem
    is_full = cause.errno in (errno.ENOSPC, errno.EDQUOT)
    return "disk" if is_full else kind or "folder", error or " ".join(str(problem).split())


def _finish(run: Run, folder: Path, outcome: Outcome) -> None:
    """Write the manifest, after all else, or why there is none."""
    (folder / KERNEL).unlink(missing_ok=True)
    if outcome.is_done:
        (folder / FAILURE).unlink(missing_ok=True)
        files = {
            str(path.relative_to(folder)): path.stat().st_size
            for path in sorted(folder.rglob("*"))
            if path.is_file() and path.name != MANIFEST
        }
        write_json(folder / MANIFEST, {**_record(run, outcome), "files": files})
    else:
        write_json(folder / FAILURE, _record(run, outcome))


def _record(run: Run, outcome: Outcome) -> dict[str, Any]:
    """What was run, with what, and what became of it."""
    return {
        **asdict(outcome),
        "key": run.key,
        "notebook": run.notebook.name,
        "parameters": dict(run.parameters),
        "inputs": dict(run.inputs),
        "seisnb_version": seisnb.__version__,
        "ended": datetime.now(UTC).isoformat(timespec="seconds"),
        "host": socket.gethostname(),
    }


def _keep(notebook: nbformat.NotebookNode, folder: Path) -> None:
    """Write the notebook as far as it ran, and a picture: of the cell tagged so, or its first."""
    notebook.metadata.pop("widgets", None)  # megabytes that no batch looks at
    with replaced(folder / NOTEBOOK, where="batch") as temporary:
        nbformat.write(notebook, temporary)
    told = [cell for cell in notebook.cells if THUMBNAIL_TAG in cell.metadata.get("tags", ())]
    for cell in [*told, *notebook.cells]:
        for output in cell.get("outputs", ()):
            picture = output.get("data", {}).get("image/png")
            if picture:
                _write_thumbnail(base64.b64decode(picture), folder)
                return


def _write_thumbnail(picture: bytes, folder: Path) -> None:
    """A small copy of a picture."""
    try:
        image = Image.open(io.BytesIO(picture))
        image.thumbnail(_THUMBNAIL_SIZE)
    except (UnidentifiedImageError, Image.DecompressionBombError):
        return  # no picture to show is no failure of the run
    with replaced(folder / THUMBNAIL, where="batch") as temporary:
        image.convert("RGB").save(temporary, format="PNG")


def _note_kernel(folder: Path, pid: int) -> None:
    """Keep which process runs the notebook, for whoever comes after a lost worker."""
    with suppress(psutil.Error, OutputError):
        told = {
            "pid": pid, "command": psutil.Process(pid).cmdline(), "host": socket.gethostname(),
        }  # fmt: skip
        write_json(folder / KERNEL, told)


def _end_former(folder: Path) -> None:
    """End the kernel of an attempt whose worker was lost: two must not write into one folder."""
    told = read_json(folder / KERNEL)
    if not told:
        return
    if told.get("host") != socket.gethostname():
        time.sleep(_GRACE)  # it ends by itself once its worker is gone
        return
    with suppress(psutil.Error):
        # the command holds the kernel's own connection file; a time would not survive a clock reset
        if psutil.Process(told["pid"]).cmdline() == told["command"]:
            kill_tree(told["pid"])
