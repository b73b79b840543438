"""How a person stops long work and keeps what is done.

Compiled libraries may install a Ctrl-C handler of their own while they run, and a C++ exception
thrown from one of them ends the process: :func:`held_interrupts` keeps the signals away from every
thread but one that waits for them. It works for threads started after it, so a program calls it
before its heavy imports; where that is too late (a notebook's kernel), there is
:func:`cancel_on_interrupt`.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from types import FrameType

EXIT_CANCELLED = 130
SIGNALS = (signal.SIGINT, signal.SIGTERM)
STOPPING = "Stopping: what is done is kept. Press Ctrl-C again to stop at once."


def _say(line: str) -> None:
    """A line on standard error, under a progress bar."""
    sys.stderr.write(f"\n{line}\n")
    sys.stderr.flush()


class Interrupts:
    """Whether a stop was asked for, and what a further one does.

    Parameters
    ----------
    notify : callable
        Told one line when work that listens is asked to stop.
    stop : callable
        Ends the process, or the work, at once.
    """

    def __init__(self, notify: Callable[[str], None], stop: Callable[[], None]) -> None:
        self._notify, self._stop = notify, stop
        self._asked = threading.Event()
        self._is_patient = False

    def is_asked(self) -> bool:
        """True once a stop was asked for while work was listening."""
        return self._asked.is_set()

    @contextlib.contextmanager
    def listening(self) -> Iterator[Callable[[], bool]]:
        """Work in this block asks the yielded callable and ends by itself; hand it on as cancel."""
        self._is_patient = True
        try:
            yield self.is_asked
        finally:
            self._is_patient = False

    def arrive(self) -> None:
        """A signal came: ask listening work to stop; a second one, or without work, stop."""
        if self._is_patient and not self._asked.is_set():
            self._asked.set()
            self._notify(STOPPING)
        else:
            self._stop()


@contextlib.contextmanager
def held_interrupts(
    notify: Callable[[str], None] = _say, stop: Callable[[], None] | None = None
) -> Iterator[Interrupts]:
    """Take SIGINT and SIGTERM away from all threads started in this block, and watch for them.

    Parameters
    ----------
    notify : callable
        Told one line at the first signal that listening work gets.
    stop : callable, optional
        What another signal does; by default the process ends at once with code 130.

    Yields
    ------
    Interrupts
    """
    interrupts = Interrupts(notify, stop or _stop_process)
    before = {n: signal.signal(n, lambda *_: interrupts.arrive()) for n in SIGNALS}
    if not hasattr(signal, "pthread_sigmask"):  # Windows: handlers are all there is
        yield interrupts
        _restore(before)
        return
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    is_over = threading.Event()

    def watch() -> None:
        while True:
            signal.sigwait(SIGNALS)
            if is_over.is_set():
                return
            interrupts.arrive()

    watcher = threading.Thread(target=watch, name="interrupts", daemon=True)
    watcher.start()
    try:
        yield interrupts
    finally:
        is_over.set()
        signal.pthread_kill(watcher.ident or 0, signal.SIGTERM)
        watcher.join()
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        _restore(before)


@contextlib.contextmanager
def cancel_on_interrupt(notify: Callable[[str], None] = _say) -> Iterator[Callable[[], bool]]:
    """A callable to hand to a long job as its ``cancel``: True once Ctrl-C was pressed.

    A second Ctrl-C raises KeyboardInterrupt.

    Parameters
    ----------
    notify : callable
        Told one line when the first Ctrl-C arrives.
    """

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        interrupts.arrive()

    interrupts = Interrupts(notify, _raise)
    before = {signal.SIGINT: signal.signal(signal.SIGINT, on_signal)}
    try:
        with interrupts.listening() as cancel:
            yield cancel
    finally:
        _restore(before)


def _raise() -> None:
    raise KeyboardInterrupt


def _stop_process() -> None:
    """End without waiting for any thread; results are written whole or not at all."""
    _say("seisnb: stopped")
    os._exit(EXIT_CANCELLED)


def _restore(handlers: Mapping[signal.Signals, object]) -> None:
    """Put former signal handlers back."""
    for number, handler in handlers.items():
        signal.signal(number, handler)  # type: ignore[arg-type]
