"""What every dashboard's controller does: errors shown in the page, undo, redo, observers."""

from __future__ import annotations

import functools
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Concatenate, ParamSpec, TypeVar

import traitlets

from seisnb.conventions import SeisnbError
from seisnb.dashboards.jobs import Job
from seisnb.dashboards.state import History, State

_log = logging.getLogger(__name__)
_P = ParamSpec("_P")
_Self = TypeVar("_Self", bound="Controller")


def reported(
    action: Callable[Concatenate[_Self, _P], None],
) -> Callable[Concatenate[_Self, _P], None]:
    """An action that clears the controller's ``error`` first and ends there when it fails."""

    @functools.wraps(action)
    def run(self: _Self, /, *args: _P.args, **kwargs: _P.kwargs) -> None:
        with self.reporting(), self._lock:
            self.error = ""
            action(self, *args, **kwargs)

    return run


class Controller(traitlets.HasTraits):
    """Base of the controllers.

    Attributes
    ----------
    state : State
        What is set and looked at.
    history : History
        Its steps.
    job : Job
        The work in the background.
    error, note : str
        What went wrong last, empty after a success; what a person should know otherwise.
    """

    error = traitlets.Unicode("")
    note = traitlets.Unicode("")

    def __init__(self, state: State) -> None:
        super().__init__()
        self.state = state
        self.history = History(state)
        self.job = Job(interval=0.25)
        self._lock = threading.RLock()
        self._put_off: list[Callable[[], None]] | None = None
        self.job.observe(self._on_job_end, "status")

    @contextmanager
    def reporting(self) -> Iterator[None]:
        """Turn an exception of the block into ``error``."""
        try:
            yield
        except (SeisnbError, traitlets.TraitError) as error:
            self.error = str(error)
        except Exception as error:  # noqa: BLE001 (nobody sees a widget callback's exception)
            _log.exception("action failed")
            self.error = f"{type(error).__name__}: {error}"

    def guarded(self, draw: Callable[[], None]) -> Callable[[object], None]:
        """An observer that draws under the lock and shows its failure in the app.

        What a :meth:`change` asks for several times is drawn once, when the change is complete.
        """

        def observe(_: object) -> None:
            with self.reporting(), self._lock:
                if self._put_off is None:
                    draw()
                elif draw not in self._put_off:
                    self._put_off.append(draw)

        return observe

    @contextmanager
    def _drawn_afterwards(self) -> Iterator[None]:
        """Views are drawn at the end of the block, so that light answers are sent before figures.

        Called under the lock: what another thread wants drawn waits for it.
        """
        if self._put_off is not None:
            yield
            return
        self._put_off = []
        try:
            yield
        finally:
            waiting, self._put_off = self._put_off, None
            for draw in waiting:
                with self.reporting():
                    draw()

    def change(self, _label: str = "", _gesture: str = "", /, **values: Any) -> None:
        """Set values of the state, all or none, as one step of the history.

        Parameters
        ----------
        _label, _gesture : str
            As for :meth:`seisnb.dashboards.state.History.record`.
        values
            Traits of the state.
        """
        with self.reporting(), self._lock, self._drawn_afterwards():
            self.error = ""
            self._apply(values)
            self.history.record(_label or f"set {', '.join(sorted(values))}", gesture=_gesture)

    @reported
    def undo(self) -> None:
        """Go one step back."""
        self._go(back=True)

    @reported
    def redo(self) -> None:
        """Go one step forth."""
        self._go(back=False)

    def cancel(self) -> None:
        """Stop the work in the background; what is done is kept."""
        self.job.cancel()

    def _go(self, *, back: bool) -> None:
        values = self.history.step(back=back)
        if values is not None:
            self._apply(self.state._decoded(values, "undo"))

    def _apply(self, values: dict[str, Any]) -> None:
        """Set values and bring the data in line with them."""
        self.state.change(**values)

    def _on_job_end(self, change: dict[str, Any]) -> None:
        if change["new"] == "failed":
            self.error = self.job.error
