"""The referee in processes of its own, so that its library never meets our threads.

``eikonalfm`` replaces the interrupt handler of its process during every call; called from threads
it would let Ctrl-C end the session. A child process that ignores interrupts is safe, and solves in
parallel. Parent and child speak over pipes: a JSON header, then raw float64 arrays.
"""

from __future__ import annotations

import json
import os
import queue
import struct
import subprocess
import sys
import threading
import weakref
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from seisnb.conventions import SeisnbError
from seisnb.section import SectionGrid
from seisnb.traveltime.base import PickGeometry

Array = NDArray[np.float64]

_ARRAYS = ("anchors", "anchor", "start", "in_water")
#: What a message to a clerk begins with: a survey as one line, or a step and a model of it.
_SURVEY, _MODEL = b"S", b"M"


class Clerks:
    """Processes that solve for any survey: each is told of one when it is asked about another.

    They load side by side, a second or so, from :meth:`start` on; who starts them early need not
    wait. They end with :meth:`close`, or with this process.
    """

    def __init__(self, n_processes: int = 1) -> None:
        """So many at most; none is there yet."""
        self._n_processes = n_processes
        self._lock = threading.Lock()
        self._children: list[subprocess.Popen[bytes]] = []
        self._free: queue.SimpleQueue[_Clerk] = queue.SimpleQueue()
        self.close = weakref.finalize(self, _end, self._children)

    def start(self) -> None:
        """Start those that are not there yet."""
        with self._lock:
            new = [_child() for _ in range(self._n_processes - len(self._children))]
            self._children += new
            for child in new:
                self._free.put(_Clerk(child))

    def times(self, survey: bytes, velocity: Array, step: float) -> Array:
        """Times (pick,) [s] of a survey, as :func:`_header` tells of it."""
        self.start()
        clerk = self._free.get()
        try:
            return clerk.times(survey, velocity, step)
        finally:
            self._free.put(clerk)


class _Clerk:
    """One process and the survey that it was told of last."""

    def __init__(self, child: subprocess.Popen[bytes]) -> None:
        self._child = child
        self._survey = b""

    def times(self, survey: bytes, velocity: Array, step: float) -> Array:
        """Ask, and wait for the answer."""
        child = self._child
        assert child.stdin and child.stdout
        try:
            if survey != self._survey:
                child.stdin.write(_SURVEY + survey)
                self._survey = survey
            child.stdin.write(_MODEL + struct.pack("<d", step))
            child.stdin.write(np.ascontiguousarray(velocity, np.float64).tobytes())
            child.stdin.flush()
            [size] = struct.unpack("<q", _read(child.stdout, 8))
            if size < 0:
                raise SeisnbError(_read(child.stdout, -size).decode())
            return np.frombuffer(_read(child.stdout, size)).copy()
        except (BrokenPipeError, EOFError) as error:
            raise SeisnbError(
                "referee: its process ended early; is memory short? Run again: finished members "
                "are kept when a checkpoint is given."
            ) from error


class Referee:
    """Times by the independent grid solver; may be called from many threads.

    Sent to another process it is there a referee with a clerk of its own, which starts at the first
    question and ends with it.

    Attributes
    ----------
    grid, geometry : SectionGrid, PickGeometry
        Where models and picks live.
    """

    def __init__(
        self, grid: SectionGrid, geometry: PickGeometry, clerks: Clerks | None = None
    ) -> None:
        """One that asks these clerks, or one of its own."""
        self.grid = grid
        self.geometry = geometry
        self._survey = _header(grid, geometry)
        self._clerks = clerks or Clerks()
        self.close = self._clerks.close

    def __reduce__(self) -> tuple[type[Referee], tuple[SectionGrid, PickGeometry]]:
        """Clerks stay where they are."""
        return Referee, (self.grid, self.geometry)

    def times(self, velocity: Array, step: float) -> Array:
        """Times of all picks, (pick,) [s], for a model (n_easting, n_depth) [km/s].

        Raises
        ------
        SeisnbError
            The clerk refused the model or died.
        """
        return self._clerks.times(self._survey, velocity, step)


@contextmanager
def open_referee(grid: SectionGrid, geometry: PickGeometry, n_processes: int) -> Iterator[Referee]:
    """Start referee processes for one survey; they end with the block, or with this process."""
    with closing(Clerks(n_processes)) as clerks:
        clerks.start()
        yield Referee(grid, geometry, clerks)


def _child() -> subprocess.Popen[bytes]:
    """A process that waits for a survey and its models."""
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "seisnb.traveltime.referee"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
        env={
            **os.environ,
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
            # the child finds what this process found, whatever lies in the working folder
            "PYTHONPATH": os.pathsep.join(str(Path(path).resolve()) for path in sys.path),
        },
    )


def _header(grid: SectionGrid, geometry: PickGeometry) -> bytes:
    """A survey as one line of JSON."""
    header = {
        "x0": grid.x0,
        "cell_easting": grid.cell_easting,
        "cell_depth": grid.cell_depth,
        "n_depth": grid.n_depth,
        "water_slowness": geometry.water_slowness,
        "surface": grid.surface.tolist(),
        **{name: getattr(geometry, name).tolist() for name in _ARRAYS},
    }
    return json.dumps(header).encode() + b"\n"


def _end(children: list[subprocess.Popen[bytes]]) -> None:
    """Stop children at once."""
    for child in children:
        child.kill()
        child.wait()
        for pipe in (child.stdin, child.stdout):
            if pipe:
                with suppress(BrokenPipeError):  # an unwritten question
                    pipe.close()


def _read(stream: IO[bytes], size: int) -> bytes:
    """Exactly ``size`` bytes."""
    data = stream.read(size)
    if len(data) < size:
        raise EOFError
    return data


def _survey_of(line: bytes) -> tuple[SectionGrid, PickGeometry]:
    """The survey that a header tells of."""
    header = json.loads(line)
    grid = SectionGrid(
        x0=header["x0"],
        cell_easting=header["cell_easting"],
        cell_depth=header["cell_depth"],
        n_depth=header["n_depth"],
        surface=np.array(header["surface"], float),
    )
    geometry = PickGeometry(
        anchors=np.array(header["anchors"], float).reshape(-1, 2),
        anchor=np.array(header["anchor"], np.intp),
        start=np.array(header["start"], float).reshape(-1, 2),
        in_water=np.array(header["in_water"], bool),
        water_slowness=header["water_slowness"],
    )
    return grid, geometry


def _serve() -> None:
    """Answer requests until the parent closes the pipe."""
    from seisnb.traveltime.grid import referee_times

    ask, out = sys.stdin.buffer, sys.stdout.buffer
    while message := ask.read(1):
        if message == _SURVEY:
            grid, geometry = _survey_of(ask.readline())
            shape = (grid.n_easting, grid.n_depth)
            continue
        size = 8 * (1 + shape[0] * shape[1])
        request = ask.read(size)
        if len(request) < size:
            return
        [step] = struct.unpack("<d", request[:8])
        velocity = np.frombuffer(request, offset=8).reshape(shape)
        try:
            times = referee_times(velocity, grid, geometry, step)
            answer = np.ascontiguousarray(times, np.float64).tobytes()
            out.write(struct.pack("<q", len(answer)) + answer)
        except (SeisnbError, ArithmeticError, RuntimeError, ValueError) as error:
            message = str(error).encode() or b"referee: failed"
            out.write(struct.pack("<q", -len(message)) + message)
        out.flush()


if __name__ == "__main__":
    _serve()
