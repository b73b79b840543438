"""The list of events with its filters."""

from __future__ import annotations

from typing import Any

import ipywidgets as widgets

from seisnb.dashboards.controls import text_control
from seisnb.dashboards.location.controller import LocationController


class EventList:
    """Events by name, number of picks and, once located, depth; with filters.

    Parameters
    ----------
    controller : LocationController
        Whose events are listed.
    """

    def __init__(self, controller: LocationController) -> None:
        self.controller = controller
        self.filter = text_control("Name contains", hint="any")
        self.filter.continuous_update = True
        self.least = widgets.IntSlider(
            min=0, max=1, description="Fewest picks", style={"description_width": "110px"},
            layout=widgets.Layout(width="auto"),
        )  # fmt: skip
        self.list = widgets.Select(
            options=[], rows=9, description="Event", tooltip="The event on show",
            style={"description_width": "60px"}, layout=widgets.Layout(width="auto"),
        )  # fmt: skip
        self.widget = widgets.VBox([self.filter, self.least, self.list])
        self._is_filling = False
        act = controller
        self.filter.observe(lambda c: self._asked("filter events", filter=c["new"]), "value")
        self.least.observe(lambda c: self._asked("filter events", least_picks=c["new"]), "value")
        self.list.observe(self._on_chosen, "value")
        act.observe(act.guarded(self._fill), ["data_number", "hypocentres"])
        act.state.observe(act.guarded(self._fill), ["filter", "least_picks", "event"])
        self._fill()

    def _asked(self, label: str, **values: Any) -> None:
        if not self._is_filling:
            self.controller.change(label, label, **values)

    def _on_chosen(self, change: dict[str, Any]) -> None:
        name = change["new"]
        if name and not self._is_filling and name != self.controller.state.event:
            self.controller.change(
                f"look at {name}", event=name, trial=[], span=[], limits=[], picked=[]
            )

    def _fill(self) -> None:
        """List the events that the filters leave."""
        act, state = self.controller, self.controller.state
        self._is_filling = True
        try:
            self.filter.value = state.filter
            if not act.has_data:
                self.list.options = []
                return
            count = act.pick_counts()
            self.least.max = max(*count.values(), state.least_picks, 1)
            self.least.value = state.least_picks
            told = self._depths()
            listed = act.events
            self.list.options = [
                (f"{name} · {count[name]} picks{told.get(name, '')}", name) for name in listed
            ]
            self.list.value = state.event if state.event in listed else None
        finally:
            self._is_filling = False

    def _depths(self) -> dict[str, str]:
        """Depth of every event that was located."""
        found = self.controller.hypocentres
        if found is None:
            return {}
        std = found["std"].sel(component="depth").values
        return {
            str(name): f" · {depth:.1f} ± {s:.1f} km"
            for name, depth, s in zip(
                found["event"].values, found["mean_depth"].values, std, strict=True
            )
        }
