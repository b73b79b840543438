"""Pictures that are drawn when they are in sight."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from seisnb.dashboards.controller import Controller


class InSight(ABC):
    """A picture that is drawn when its tab is looked at; out of sight it waits.

    Subclasses draw in ``_draw`` and call :meth:`refresh` where something has changed.

    Parameters
    ----------
    controller : Controller
        Its state has a ``tab``.
    index : int
        The tab that the picture stands on.
    """

    def __init__(self, controller: Any, index: int) -> None:
        guarded: Controller = controller
        self._state, self._index, self._waits = controller.state, index, False
        self._state.observe(guarded.guarded(self._on_tab), "tab")

    @property
    def is_in_sight(self) -> bool:
        """The tab is the one on show."""
        return bool(self._state.tab == self._index)

    def refresh(self) -> None:
        """Draw now, or when the tab is next looked at."""
        self._waits = not self.is_in_sight
        if self.is_in_sight:
            self._draw()

    def _on_tab(self) -> None:
        if self.is_in_sight and self._waits:
            self.refresh()

    @abstractmethod
    def _draw(self) -> None:
        """Draw what the controller has."""
