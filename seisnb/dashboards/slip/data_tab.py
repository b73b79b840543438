"""Sites and fault on a map; sites are muted by a tap or in a list."""

from __future__ import annotations

from typing import Any

import ipywidgets as widgets
from bokeh.models import TapTool

from seisnb.dashboards.controls import choice_control
from seisnb.dashboards.figures.slip_sites import sites_figure
from seisnb.dashboards.figures.style import plain
from seisnb.dashboards.in_sight import InSight
from seisnb.dashboards.looks import small_button, wrapped_row
from seisnb.dashboards.pane import BokehPane
from seisnb.dashboards.slip.controller import SlipController
from seisnb.dashboards.slip.runs import data_of
from seisnb.dashboards.slip.state import COMPONENTS, TABS

_EMPTY = "Open a table of displacements and a mesh of the fault: sites appear here."


class DataTab(InSight):
    """What sites moved by, and which of them are inverted.

    Parameters
    ----------
    controller : SlipController
        Whose data are shown.
    """

    def __init__(self, controller: SlipController) -> None:
        super().__init__(controller, TABS.index("data"))
        self.controller = act = controller
        self.pane = BokehPane(description=_EMPTY)
        self.sites = widgets.SelectMultiple(
            options=[], rows=12, description="Sites used",
            tooltip="Take sites out by Ctrl-click or Ctrl-Space",
            style={"description_width": "80px"}, layout=widgets.Layout(width="260px"),
        )  # fmt: skip
        self.component = choice_control("Displacements", COMPONENTS, act.state.component)
        self.restore = small_button("Use all sites", "undo", "Bring muted sites back")
        side = widgets.VBox([self.sites, self.restore])
        self.widget = widgets.VBox([self.component, wrapped_row(self.pane, side)])
        self._is_filling = False
        self.sites.observe(self._on_sites, "value")
        self.component.observe(self._on_component, "value")
        self.restore.on_click(lambda _: act.restore())
        act.observe(act.guarded(self._refill), "data_number")
        act.observe(act.guarded(self._on_result), "result")
        act.state.observe(act.guarded(self._refill), ["muted", "component"])
        self._refill()

    def _on_result(self) -> None:
        if not self.controller.has_data:
            self._refill()

    def _on_sites(self, change: dict[str, Any]) -> None:
        if not self._is_filling:
            chosen = set(change["new"])
            muted = tuple(name for name in self.controller.sites if name not in chosen)
            self.controller.change("choose sites", muted=muted)

    def _on_component(self, change: dict[str, Any]) -> None:
        if change["new"] != self.controller.state.component:
            self.controller.change(f"show {change['new']} displacements", component=change["new"])

    def _refill(self) -> None:
        """Sites in the list, those in use selected; and the map."""
        act = self.controller
        names = act.sites
        self._is_filling = True
        try:
            options = [(plain(name, 40), name) for name in names]
            if list(self.sites.options) != options:
                self.sites.options = options
            self.sites.value = tuple(n for n in names if n not in act.state.muted)
        finally:
            self._is_filling = False
        self.sites.disabled = self.restore.disabled = not act.has_data
        self.component.value = act.state.component
        self.refresh()

    def _draw(self) -> None:
        act = self.controller
        if act.has_data:
            offsets, fault = act.data.offsets, act.data.structures.structures[0].fault
        elif act.result is not None:
            offsets, fault = data_of(act.result)
        else:
            self.pane.clear(_EMPTY)
            return
        plot = sites_figure(offsets, fault, muted=act.state.muted, component=act.state.component)
        if act.has_data:
            dots = next(each for each in plot.renderers if each.name == "sites")
            plot.add_tools(tap := TapTool(renderers=[dots]))
            plot.toolbar.active_tap = tap
            names = [str(name) for name in offsets["site"].values]
            dots.data_source.selected.on_change("indices", self._tapped(names))
        self.pane.show(plot, description="map of the sites and the fault")

    def _tapped(self, names: list[str]) -> Any:
        """What a tap on a site does: it is muted, or comes back."""

        def tapped(_: str, __: object, indices: list[int]) -> None:
            act = self.controller
            chosen = [names[i] for i in indices]
            muted = [name for name in chosen if name in act.state.muted]
            fresh = [name for name in chosen if name not in act.state.muted]
            if fresh:
                act.mute(fresh)
            elif muted:
                act.restore(muted)

        return tapped
