"""Work that says where and when it ran, and Dask schedulers in processes of their own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np


class Heavy:
    """Something large."""

    def __init__(self) -> None:
        self.values = np.arange(1000.0)


@dataclass(frozen=True, kw_only=True, eq=False)
class Traced:
    """Leaves a file per item that is begun; fails where it is told to."""

    folder: Path
    seconds: float = 0.0
    bad: tuple[int, ...] = ()
    heavy: Heavy = field(default_factory=Heavy)

    @property
    def shared(self) -> tuple[object, ...]:
        return (self.heavy,)

    def __call__(self, item: int, is_cancelled: Callable[[], bool]) -> tuple[int, int, int]:
        (self.folder / f"{item}-{os.getpid()}-{time.time_ns()}").touch()
        if item in self.bad:
            raise ArithmeticError(f"item {item}")
        time.sleep(self.seconds)
        return item * item, os.getpid(), id(self.heavy)


@dataclass
class Processes:
    """A scheduler and workers."""

    address: str
    scheduler: subprocess.Popen[bytes]
    workers: list[subprocess.Popen[bytes]]


@contextmanager
def dask_processes(folder: Path, n_workers: int) -> Iterator[Processes]:
    """``dask scheduler`` and ``dask worker`` as a person starts them."""
    note = folder / "scheduler.json"
    started: list[subprocess.Popen[bytes]] = []

    def start(*arguments: str) -> subprocess.Popen[bytes]:
        child = subprocess.Popen(
            [sys.executable, "-m", "dask", *arguments, "--scheduler-file", str(note)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": os.pathsep.join([str(Path.cwd()), *sys.path])},
            start_new_session=True,
        )
        started.append(child)
        return child

    try:
        scheduler = start(
            "scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard",
            "--dashboard-address", "127.0.0.1:0",
        )  # fmt: skip
        workers = [
            start(
                "worker", "--nthreads", "1", "--no-dashboard", "--no-nanny", "--death-timeout",
                "60", "--local-directory", str(folder),
            )
            for _ in range(n_workers)
        ]  # fmt: skip
        until = time.monotonic() + 60
        while not note.exists() or not note.read_text().rstrip().endswith("}"):
            assert time.monotonic() < until, "the scheduler did not start"
            assert scheduler.poll() is None
            time.sleep(0.1)
        yield Processes(json.loads(note.read_text())["address"], scheduler, workers)
    finally:
        for child in started:
            if child.poll() is None:
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()
