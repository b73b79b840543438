"""Referee processes that are forked from one which has loaded everything.

Every inversion starts a referee. From nothing it takes a second of processor time to load its
libraries, several times what it then takes to solve the small lines of these tests. Here it is
forked from a process that waits, ready: the same code and the same pipes, in a process of its own.
How one starts from nothing stays with the tests of the referee, of the commands and of the
notebooks.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import struct
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import IO

import numpy as np


class Forked:
    """What the parent sees of a forked referee, as it would of a ``Popen``."""

    def __init__(self, pid: int, stdin: IO[bytes], stdout: IO[bytes]) -> None:
        self.pid, self.stdin, self.stdout = pid, stdin, stdout
        self._handle = os.pidfd_open(pid)

    def kill(self) -> None:
        if self._handle >= 0:
            with suppress(ProcessLookupError):  # it has ended
                signal.pidfd_send_signal(self._handle, signal.SIGKILL)

    def wait(self) -> None:
        if self._handle >= 0:
            select.select([self._handle], [], [])
            os.close(self._handle)
            self._handle = -1


class Nursery:
    """Starts referees, the first of them by starting the process that they are forked from."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._parent: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None

    def child(self) -> Forked:
        """A new one, waiting for its survey."""
        with self._lock:
            if self._parent is None:
                self._begin()
            assert self._socket
            theirs_in, ours_in = os.pipe()
            ours_out, theirs_out = os.pipe()
            try:
                socket.send_fds(self._socket, [b"+"], [theirs_in, theirs_out])
                [pid] = struct.unpack("<q", self._socket.recv(8, socket.MSG_WAITALL))
            finally:
                os.close(theirs_in)
                os.close(theirs_out)
            return Forked(pid, os.fdopen(ours_in, "wb"), os.fdopen(ours_out, "rb"))

    def close(self) -> None:
        if self._parent is not None:
            assert self._socket
            self._socket.close()
            self._parent.wait()
            self._parent = None

    def _begin(self) -> None:
        self._socket, theirs = socket.socketpair()
        with theirs:
            self._parent = subprocess.Popen(
                [sys.executable, "-P", "-m", "tests.referees", str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                pass_fds=[theirs.fileno()],
                env={
                    **os.environ,
                    "OMP_NUM_THREADS": "1",
                    "OPENBLAS_NUM_THREADS": "1",
                    "PYTHONPATH": os.pathsep.join(str(Path(path).resolve()) for path in sys.path),
                },
            )


def _load() -> None:
    """What a referee loads when it solves for the first time."""
    from seisnb.section import SectionGrid
    from seisnb.traveltime.base import PickGeometry
    from seisnb.traveltime.grid import referee_times

    grid = SectionGrid(x0=0.0, cell_easting=0.5, cell_depth=0.5, n_depth=9, surface=np.zeros(13))
    geometry = PickGeometry(
        anchors=np.array([[1.0, 0.0]]),
        anchor=np.zeros(2, np.intp),
        start=np.array([[3.0, 0.0], [4.0, 0.0]]),
        in_water=np.array([False, True]),
        water_slowness=1 / 1.5,
    )
    referee_times(np.full((13, 9), 4.0), grid, geometry, 0.5)


def _serve(own: socket.socket) -> None:
    """Fork a referee for every pair of pipes, until the other side is gone."""
    from seisnb.traveltime import referee

    _load()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody here waits for them
    while True:
        asked, pipes, *_ = socket.recv_fds(own, 1, 2)
        if not asked:
            return
        pid = os.fork()
        if pid == 0:
            own.close()
            os.setsid()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            for place, pipe in enumerate(pipes):
                os.dup2(pipe, place)
                os.close(pipe)
            try:
                referee._serve()
            finally:
                os._exit(0)
        for pipe in pipes:
            os.close(pipe)
        own.sendall(struct.pack("<q", pid))


if __name__ == "__main__":
    _serve(socket.socket(fileno=int(sys.argv[1])))
