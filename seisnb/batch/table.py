"""What a batch shows while it runs: a table in a terminal, plain lines in a log."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TextIO

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from seisnb.batch.driver import Watcher
from seisnb.batch.record import Outcome
from seisnb.batch.sweep import Run

#: Failures that the table keeps in sight.
_N_FAILURES = 5


@contextmanager
def watching(stream: TextIO | None = None) -> Iterator[Watcher]:
    """A watcher for :func:`seisnb.batch.run_batch`: a live table where there is a terminal."""
    stream = stream or sys.stderr
    if not stream.isatty():
        yield _Lines(stream)
        return
    console = Console(file=stream)
    table = _Table()
    with Live(console=console, get_renderable=table.rendered, refresh_per_second=4):
        yield table


class _Lines:
    """A line when a run ends."""

    def __init__(self, stream: TextIO) -> None:
        self._stream, self._total, self._n_ended = stream, 0, 0

    def begin(self, runs: Sequence[Run], n_finished: int) -> None:
        """How many there are."""
        self._total, self._n_ended = len(runs), n_finished
        before = f", {n_finished} finished before" if n_finished else ""
        self._say(f"{len(runs)} runs{before}")

    def start(self, run: Run) -> None:
        """Its end is told."""

    def end(self, run: Run, outcome: Outcome) -> None:
        """How it went."""
        self._n_ended += 1
        word = "done" if outcome.is_done else f"FAILED: {_one_line(outcome.error)}"
        count = f"[{self._n_ended}/{self._total}]"
        self._say(f"{count} {run.name} {word} ({outcome.seconds:.1f} s)")

    def _say(self, line: str) -> None:
        self._stream.write(f"{line}\n")
        self._stream.flush()


class _Table:
    """Counts, runs under way and failures."""

    def __init__(self) -> None:
        self._bar = Progress(
            TextColumn("runs"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
        )
        self._task = self._bar.add_task("runs", total=None)
        self._since: dict[str, float] = {}
        self._failures: list[tuple[str, str]] = []

    def begin(self, runs: Sequence[Run], n_finished: int) -> None:
        """How many there are."""
        self._bar.update(self._task, total=len(runs), completed=n_finished)

    def start(self, run: Run) -> None:
        """One more under way."""
        self._since.setdefault(run.name, time.monotonic())

    def end(self, run: Run, outcome: Outcome) -> None:
        """One less under way."""
        self._since.pop(run.name, None)
        self._bar.advance(self._task)
        if not outcome.is_done:
            self._failures.append((run.name, _one_line(outcome.error)))

    def rendered(self) -> Group:
        """The table as it is now."""
        table = Table(box=None, padding=(0, 2, 0, 0))
        table.add_column("under way")
        table.add_column("s", justify="right")
        now = time.monotonic()
        for name, since in dict(self._since).items():
            table.add_row(Text(name), f"{now - since:.0f}")
        shown = self._failures[-_N_FAILURES:]
        parts = [Text(f"failed: {name}: {error}", "red") for name, error in shown]
        return Group(self._bar, table, *parts)


def _one_line(text: str) -> str:
    """A message on one line."""
    return " ".join(text.split())
