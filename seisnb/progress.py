"""How long work shows itself: a bar per stage in a terminal and a notebook, lines in a log."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Literal, TextIO

if TYPE_CHECKING:
    from seisnb.tomography import Progress

Style = Literal["auto", "bar", "notebook", "lines"]
_BAR = "{desc}: {percentage:3.0f}%|{bar:30}| {n_fmt}/{total_fmt}{postfix}"


@contextlib.contextmanager
def show_progress(
    style: Style = "auto", *, stream: TextIO | None = None, interval: float = 10.0
) -> Iterator[Callable[[Progress], None]]:
    """A callable to hand to a long job as its ``progress``.

    Parameters
    ----------
    style : {"auto", "bar", "notebook", "lines"}
        A bar in a terminal, a bar in a notebook, or plain lines for a log; "auto" looks.
    stream : text stream, optional
        Where bars and lines go; standard error by default, in a notebook standard output.
    interval : float
        Least time between two lines of one stage [s]; its first and last are always written.

    Yields
    ------
    callable
        Takes the job's ``Progress``.
    """
    in_notebook = _in_notebook()
    if stream is None:
        stream = sys.stdout if in_notebook else sys.stderr
    if style == "auto":
        style = "notebook" if in_notebook else "bar" if stream.isatty() else "lines"
    if style == "lines":
        yield _Lines(stream, interval).update
        return
    bar = _Bars(stream, notebook=style == "notebook")
    try:
        yield bar.update
    finally:
        bar.close()


def describe(progress: Progress) -> str:
    """One line: stage, count, misfit, time gone and time left.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> describe(SimpleNamespace(stage="members", done=12, total=64, message="", elapsed=34.2,
    ...     remaining=150.0, chi2=0.98))
    'members 12/64, chi2/n 0.98, 34 s, about 2 min 30 s left'
    """
    count = f" {progress.done}/{progress.total}"
    message = progress.message
    if progress.total <= 1 or _says_count(progress):
        count = ""
    head = f"{progress.stage}{count}: {message}" if message else f"{progress.stage}{count}"
    return ", ".join([head, *_details(progress)])


def _says_count(progress: Progress) -> bool:
    """True when the job's own message holds the count."""
    return f"{progress.done} of {progress.total}" in progress.message


def _details(progress: Progress) -> list[str]:
    """Misfit, time gone and time left, as far as known."""
    parts = []
    if progress.chi2 is not None:
        parts.append(f"chi2/n {progress.chi2:.2f}")
    parts.append(_duration(progress.elapsed))
    if progress.remaining is not None and progress.done < progress.total:
        parts.append(f"about {_duration(progress.remaining)} left")
    return parts


def _duration(seconds: float) -> str:
    """Seconds as a person says them."""
    minutes, rest = divmod(max(round(seconds), 0), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _in_notebook() -> bool:
    """True inside a Jupyter kernel."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return shell is not None and hasattr(shell, "kernel")


class _Lines:
    """Plain lines, few enough for a log."""

    def __init__(self, stream: TextIO, interval: float) -> None:
        self._stream, self._interval = stream, interval
        self._stage, self._written, self._last = "", -float("inf"), ""

    def update(self, progress: Progress) -> None:
        """Write a line on a new stage, at its end, and every ``interval`` seconds."""
        now = time.monotonic()
        is_news = progress.stage != self._stage or progress.done >= progress.total
        line = describe(progress)
        if (is_news or now - self._written >= self._interval) and line != self._last:
            self._stream.write(line + "\n")
            self._stream.flush()
            self._stage, self._written, self._last = progress.stage, now, line


class _Bars:
    """One tqdm bar per stage."""

    def __init__(self, stream: TextIO, *, notebook: bool) -> None:
        self._stream, self._notebook = stream, notebook
        self._stage = ""
        self._bar: Any = None

    def update(self, progress: Progress) -> None:
        """Move the stage's bar, opening a new one when the stage changes."""
        if self._bar is None or progress.stage != self._stage:
            self.close()
            self._stage, self._bar = progress.stage, self._open(progress)
        self._bar.total = progress.total
        self._bar.n = progress.done
        details = [] if _says_count(progress) or not progress.message else [progress.message]
        self._bar.set_postfix_str(", ".join(details + _details(progress)))

    def close(self) -> None:
        """Close the open bar, leaving its last state on screen."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def _open(self, progress: Progress) -> Any:
        """A bar at zero."""
        if self._notebook:
            from tqdm.notebook import tqdm as notebook_bar

            return notebook_bar(total=progress.total, desc=progress.stage, bar_format=None)
        from tqdm import tqdm

        return tqdm(
            total=progress.total,
            desc=progress.stage,
            file=self._stream,
            bar_format=_BAR,
            dynamic_ncols=True,
        )
