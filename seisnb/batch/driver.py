"""Running a sweep: which runs are left, workers to run them, and what became of each."""

from __future__ import annotations

import errno
import math
import os
import queue
import socket
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from filelock import FileLock, Timeout

from seisnb.batch.record import PASSING, Outcome, is_finished
from seisnb.batch.summary import write_summary
from seisnb.batch.sweep import Run, Sweep
from seisnb.conventions import InputError, OutputError, SeisnbError
from seisnb.io.atomic import prepare_folder
from seisnb.threads import worker_count

if TYPE_CHECKING:  # both take a second to load, and a batch that is finished needs neither
    import distributed

#: More runs than this are only begun where the caller said so.
ASK_ABOVE = 1000
#: Folder of the runs, and the file that one driver holds.
RUNS, LOCK = "runs", ".lock"
#: How often the driver looks up while nothing happens, and asks for the number of workers [s].
_LOOK, _ASK = 0.2, 2.0


class Watcher(Protocol):
    """Told what happens, as it happens."""

    def begin(self, runs: Sequence[Run], n_finished: int) -> None:
        """All runs are known, and how many of them were finished before."""

    def start(self, run: Run) -> None:
        """A run was handed to a worker."""

    def end(self, run: Run, outcome: Outcome) -> None:
        """A run came to its end."""


class _Silent:
    """Hears and says nothing."""

    def begin(self, runs: Sequence[Run], n_finished: int) -> None: ...

    def start(self, run: Run) -> None: ...

    def end(self, run: Run, outcome: Outcome) -> None: ...


@dataclass(frozen=True, kw_only=True)
class Report:
    """What a batch came to.

    Attributes
    ----------
    runs : tuple of Run
        All of the sweep.
    n_finished : int
        Those that were finished before.
    outcomes : tuple of Outcome
        Those that were run now.
    is_cancelled : bool
        It was stopped before all were run.
    summary : Path or None
        The page; None where it could not be written.
    """

    runs: tuple[Run, ...]
    n_finished: int
    outcomes: tuple[Outcome, ...]
    is_cancelled: bool
    summary: Path | None

    @property
    def failures(self) -> tuple[Outcome, ...]:
        """Runs that failed now."""
        return tuple(outcome for outcome in self.outcomes if not outcome.is_done)

    @property
    def n_done(self) -> int:
        """Runs that are finished, before or now."""
        return self.n_finished + len(self.outcomes) - len(self.failures)


def run_batch(
    sweep: Sweep,
    out: str | Path,
    *,
    n_workers: int = 0,
    scheduler: str | None = None,
    n_retries: int = 1,
    is_agreed: bool = False,
    watcher: Watcher | None = None,
    cancel: Callable[[], bool] = lambda: False,
) -> Report:
    """Run all of a sweep that is not finished yet.

    Parameters
    ----------
    sweep : Sweep
        Of :func:`seisnb.batch.read_sweep`.
    out : str or Path
        Folder of the results: ``runs/NOTEBOOK-KEY`` for each run and ``summary.html``. The same
        call goes on after a kill; finished runs are not run again.
    n_workers : int
        Processes on this machine; 0 is one per core.
    scheduler : str, optional
        As for :func:`seisnb.batch.cluster.cluster`: the address of a Dask scheduler, or a file
        that describes a batch queue. Its workers see ``out`` under the same path.
    n_retries : int
        Further attempts at runs whose kernel or worker died. Errors of the notebook, limits and
        full disks are not tried again.
    is_agreed : bool
        Begin also where there are more than :data:`ASK_ABOVE` runs.
    watcher : Watcher, optional
        Told what happens.
    cancel : callable
        Returns True to stop: no run is begun any more, those under way are waited for.

    Returns
    -------
    Report

    Raises
    ------
    InputError
        A sweep that cannot be run, too many runs, or a folder that another batch is using.
    OutputError
        The folder cannot be written.
    SeisnbError
        The scheduler does not answer, or was lost; what is finished is kept.
    """
    check_number(sweep, is_agreed=is_agreed)
    watcher = watcher or _Silent()
    runs = sweep.runs()
    root = prepare_folder(Path(out)).resolve()
    with _alone(root):
        place = root / RUNS
        place.mkdir(exist_ok=True)
        left = [run for run in runs if not is_finished(run, place)]
        n_finished = len(runs) - len(left)
        watcher.begin(runs, n_finished)
        outcomes: list[Outcome] = []
        try:
            if left:
                from seisnb.batch.cluster import cluster

                if scheduler is None:
                    n_workers = min(worker_count(n_workers), len(left))
                with _heard(), cluster(scheduler, n_workers=n_workers) as client:
                    for outcome in _outcomes(client, left, place, n_retries, watcher, cancel):
                        outcomes.append(outcome)
        finally:
            summary = _summary(root, runs, outcomes)
        return Report(
            runs=tuple(runs), n_finished=n_finished, outcomes=tuple(outcomes),
            is_cancelled=len(outcomes) < len(left), summary=summary,
        )  # fmt: skip


def check_number(sweep: Sweep, *, is_agreed: bool) -> None:
    """Refuse more runs than anybody means, before any of them is made.

    Raises
    ------
    InputError
        There are more than :data:`ASK_ABOVE`, and nobody agreed.
    """
    if sweep.n_runs > ASK_ABOVE and not is_agreed:
        raise InputError(
            f"batch: the sweep has {sweep.n_runs:,} runs, more than {ASK_ABOVE:,}. Make its grid "
            "smaller, or say that you mean it (--yes, is_agreed=True)."
        )


def _outcomes(
    client: distributed.Client,
    runs: Sequence[Run],
    place: Path,
    n_retries: int,
    watcher: Watcher,
    cancel: Callable[[], bool],
) -> Iterator[Outcome]:
    """Hand runs to the workers, no more at a time than they take; yields outcomes as they come."""
    from seisnb.batch.run import execute

    waiting = deque((run, 1) for run in runs)
    ended: queue.SimpleQueue[distributed.Future] = queue.SimpleQueue()
    under_way: dict[object, tuple[distributed.Future, Run, int]] = {}
    is_stopping, n_slots, asked = False, 0, -math.inf
    while waiting or under_way:
        is_stopping = is_stopping or cancel()
        if time.monotonic() - asked > _ASK:
            n_slots, asked = max(sum(client.nthreads().values()), 1), time.monotonic()
        while waiting and not is_stopping and len(under_way) < n_slots:
            run, number = waiting.popleft()
            future = client.submit(
                execute, run, place, number, key=f"{run.name}-{number}-{os.getpid()}", pure=False
            )
            under_way[future.key] = (future, run, number)
            future.add_done_callback(ended.put)
            watcher.start(run)
        if not under_way:
            return
        try:
            future = ended.get(timeout=_LOOK)
        except queue.Empty:
            continue
        _, run, number = under_way.pop(future.key)
        outcome = _outcome_of(future, run, number)
        if outcome.kind in PASSING and number <= n_retries and not is_stopping:
            waiting.append((run, number + 1))
            continue
        is_stopping = is_stopping or outcome.kind == "disk"  # every further run would fail too
        watcher.end(run, outcome)
        yield outcome


@contextmanager
def _heard() -> Iterator[None]:
    """Say what it means that the scheduler answers no more."""
    from distributed.comm.core import CommClosedError

    try:
        yield
    except (CommClosedError, CancelledError, TimeoutError) as error:
        raise SeisnbError(_LOST) from error


_LOST = (
    "batch: the scheduler was lost. Finished runs are kept; run the same command again to go on."
)


def _outcome_of(future: distributed.Future, run: Run, number: int) -> Outcome:
    """What a worker returned, or that it was lost."""
    from distributed import KilledWorker
    from distributed.comm.core import CommClosedError

    try:
        return future.result()
    except KilledWorker:
        error = "its worker died again and again: killed from outside, or out of memory"
    except (CancelledError, CommClosedError):
        raise
    except Exception as problem:  # noqa: BLE001 (a worker that cannot even load the run)
        error = f"its worker failed: {type(problem).__name__}: {problem}"
    return Outcome(name=run.name, is_done=False, kind="worker", error=error, n_attempts=number)


@contextmanager
def _alone(root: Path) -> Iterator[None]:
    """Hold the folder, so that no second driver runs the same runs."""
    lock = FileLock(root / LOCK)
    holder = root / f"{LOCK}-holder"
    try:
        lock.acquire(timeout=0)
    except Timeout:
        told = holder.read_text(encoding="utf-8").strip() if holder.is_file() else "another process"
        raise InputError(
            f"batch: {root} is in use by {told}. Wait for its end, or choose another folder."
        ) from None
    except OSError as error:
        raise OutputError(f"batch: {root} cannot be locked ({error.strerror or error}).") from error
    try:
        try:
            holder.write_text(f"process {os.getpid()} on {socket.gethostname()}\n")
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
        yield
    finally:
        lock.release()


def _summary(root: Path, runs: Sequence[Run], outcomes: Sequence[Outcome]) -> Path | None:
    """The page of all runs; None where there is no room for it."""
    try:
        return write_summary(root, runs, outcomes)
    except OutputError:
        return None
