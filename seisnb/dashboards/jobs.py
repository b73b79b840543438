"""Long work in a background thread while widgets stay alive: progress, cancel, result, failure.

The thread runs in a copy of the caller's context, so that it may set traits of widgets directly on
every ipykernel (some deliver nothing, or fail, from a plain thread).
"""

from __future__ import annotations

import contextvars
import functools
import logging
import math
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from queue import Empty, SimpleQueue
from typing import Any

import traitlets

from seisnb.conventions import Cancelled, InputError, SeisnbError
from seisnb.threads import be_polite

_log = logging.getLogger(__name__)

_END = object()
#: What a job runs: it reports progress by the first callable and asks the second whether to stop.
Work = Callable[[Callable[[Any], None], Callable[[], bool]], Any]


def _deaf(_: object) -> None:
    """Hear nothing."""


class Job(traitlets.HasTraits):
    """One piece of background work at a time, as traits to observe.

    Attributes
    ----------
    status : str
        "idle", "running", "cancelling", "cancelled", "done" or "failed". Set last: who sees
        "done" also finds the result delivered.
    progress : object
        The latest report, at most one per ``interval`` seconds, and always the last.
    error : str
        Why the job failed, for a person.

    Notes
    -----
    The work stands back for whoever waits for an answer, but not what it does
    :func:`~seisnb.threads.in_front`; its reports and its result are passed on by a thread that does
    not either, so that nobody waits for a lock that such work holds.
    """

    status = traitlets.Enum(
        ["idle", "running", "cancelling", "cancelled", "done", "failed"], default_value="idle"
    )
    progress = traitlets.Any(None)
    error = traitlets.Unicode("")

    def __init__(self, *, interval: float = 0.1) -> None:
        super().__init__()
        self._interval = interval
        self._stop = threading.Event()
        self._lock = threading.RLock()
        self._thread: threading.Thread | None = None

    @property
    def is_busy(self) -> bool:
        """True while the work runs."""
        return self.status in ("running", "cancelling")

    def start(
        self,
        work: Work,
        deliver: Callable[[Any], None],
        *,
        hear: Callable[[Any], None] | None = None,
    ) -> None:
        """Run ``work`` in the background and hand its result to ``deliver``.

        ``hear`` is called with every report, none left out.

        Raises
        ------
        InputError
            A job is already running.
        """
        with self._lock:
            if self.is_busy:
                raise InputError("job: one is already running. Cancel it or wait for its end.")
            self._stop.clear()
            self.progress, self.error = None, ""
            self.status = "running"
            self._thread = threading.Thread(
                target=contextvars.copy_context().run,
                args=(self._run, work, deliver, hear or _deaf),
                name="seisnb-job",
                daemon=True,
            )
            self._thread.start()

    def cancel(self) -> None:
        """Ask the work to stop; it ends soon, keeping what is done."""
        with self._lock:
            if self.status == "running":
                self.status = "cancelling"
                self._stop.set()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for the end; True when it came within ``timeout`` seconds."""
        thread = self._thread
        if thread is None:
            return True
        thread.join(timeout)
        return not thread.is_alive()

    def _run(self, work: Work, deliver: Callable[[Any], None], hear: Callable[[Any], None]) -> None:
        reports: SimpleQueue[Any] = SimpleQueue()
        result: Future[Any] = Future()
        front = ThreadPoolExecutor(1, thread_name_prefix="seisnb-front")
        front.submit(int).result()  # its thread has the priority of the one that starts it

        def behind() -> None:
            be_polite(front)
            try:
                result.set_result(work(reports.put, self._stop.is_set))
            except BaseException as error:  # noqa: BLE001 (raised again where it is asked for)
                result.set_exception(error)
            front.shutdown()
            reports.put(_END)

        try:
            thread = threading.Thread(
                target=contextvars.copy_context().run, args=(behind,), name="seisnb-work",
                daemon=True,
            )  # fmt: skip
            thread.start()
            self._pass_on(reports, hear)
            deliver(result.result())
        except Cancelled:
            self._end("cancelled")
        except SeisnbError as error:
            self._end("failed", str(error))
        except Exception as error:  # noqa: BLE001 (a thread has nobody else to tell)
            _log.exception("job failed")
            self._end("failed", f"{type(error).__name__}: {error}")
        else:
            self._end("cancelled" if self._stop.is_set() else "done")

    def _pass_on(self, reports: SimpleQueue[Any], hear: Callable[[Any], None]) -> None:
        """Tell of reports until the end of the work."""
        waiting, last = _END, -math.inf
        try:
            while True:
                due = None if waiting is _END else max(last + self._interval - time.monotonic(), 0)
                try:
                    report = reports.get(timeout=due)
                except Empty:
                    self.progress, waiting, last = waiting, _END, time.monotonic()
                    continue
                if report is _END:
                    break
                hear(report)
                if time.monotonic() - last < self._interval:
                    waiting = report
                else:
                    self.progress, waiting, last = report, _END, time.monotonic()
        except BaseException:
            self._stop.set()  # the work has nobody to tell any more
            raise
        if waiting is not _END:
            self.progress = waiting

    def _end(self, status: str, error: str = "") -> None:
        """Publish the end."""
        with self._lock:
            self.error = error
            self.status = status


#: What a follower runs: it asks the callable whether something newer was asked for.
Following = Callable[[Callable[[], bool]], None]
#: How long a thread that follows controls stays without work [s].
STAYS = 60.0


class Latest:
    """Runs the newest of what is asked for, in a thread; what became old is not begun.

    For work that follows a control: while one piece runs, only the last request waits.

    Parameters
    ----------
    guard : callable
        Gives a context that the work runs in and that tells a person what goes wrong there.
    """

    def __init__(self, guard: Callable[[], AbstractContextManager[None]]) -> None:
        self._guard = guard
        self._lock = threading.Condition()
        self._waiting: tuple[Following, contextvars.Context] | None = None
        self._number = 0
        self._thread: threading.Thread | None = None
        self._is_working = False

    def ask(self, work: Following) -> None:
        """Run ``work(is_old)`` soon; ``is_old`` tells it that something newer was asked for."""
        with self._lock:
            self._number += 1
            self._waiting = (work, contextvars.copy_context())
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, daemon=True, name="seisnb-latest")
                self._thread.start()
            self._lock.notify_all()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until nothing is waiting or running; True when that came in time."""
        until = None if timeout is None else time.monotonic() + timeout
        with self._lock:
            while self._waiting is not None or self._is_working:
                left = None if until is None else until - time.monotonic()
                if left is not None and left <= 0:
                    return False
                self._lock.wait(left)
        return True

    def _run(self) -> None:
        while True:
            with self._lock:
                self._is_working = False
                self._lock.notify_all()
                if not self._lock.wait_for(lambda: self._waiting is not None, STAYS):
                    self._thread = None
                    return
                assert self._waiting is not None
                (work, context), number = self._waiting, self._number
                self._waiting, self._is_working = None, True
            context.run(self._once, work, number)

    def _once(self, work: Following, number: int) -> None:
        """One piece of work; what goes wrong there is told."""
        with self._guard():
            work(functools.partial(self._is_old, number))

    def _is_old(self, number: int) -> bool:
        """Something was asked for after this request."""
        return self._number != number
