"""Slip on the map, and the patch that is looked at."""

from __future__ import annotations

from typing import Any

import ipywidgets as widgets

from seisnb.dashboards.controls import choice_control
from seisnb.dashboards.figures.slip_patch import patch_figure
from seisnb.dashboards.in_sight import InSight
from seisnb.dashboards.looks import wrapped_row
from seisnb.dashboards.pane import BokehPane
from seisnb.dashboards.slip.controller import SlipController
from seisnb.dashboards.slip.maps import SlipMap, make_map
from seisnb.dashboards.slip.state import COMPONENTS, FIELDS, TABS, VECTORS

EMPTY = "There is no slip yet: run the inversion."


class SlipTab(InSight):
    """The map of slip; a tap on a patch shows what is known of its slip.

    Parameters
    ----------
    controller : SlipController
        Whose result is shown.
    """

    def __init__(self, controller: SlipController) -> None:
        super().__init__(controller, TABS.index("slip"))
        self.controller = act = controller
        state = act.state
        self.field = choice_control("Slip", FIELDS, state.field, tip="On the map")
        self.vectors = choice_control(
            "Displacements", VECTORS, state.vectors, tip="On the map", label_width="100px"
        )
        self.component = choice_control("Component", COMPONENTS, state.component)
        style = {"description_width": "170px"}
        wide = widgets.Layout(width="360px")
        self.sample = widgets.IntSlider(
            value=0, min=0, max=0, description="Sample", style=style, layout=wide
        )
        self.patch = widgets.BoundedIntText(
            value=0, min=0, max=0, description="Patch", style=style, layout=wide,
            tooltip="Also by a tap on the map", continuous_update=False,
        )  # fmt: skip
        self.pane = BokehPane(description=EMPTY)
        self.histogram = BokehPane(description=EMPTY)
        self.widget = widgets.VBox(
            [
                wrapped_row(self.field, self.sample), wrapped_row(self.vectors, self.component),
                self.pane, self.patch, self.histogram,
            ]
        )  # fmt: skip
        self._map: SlipMap | None = None
        self._shown: tuple[Any, ...] = ()
        self._is_filling = False
        for name in ("field", "vectors", "component"):
            getattr(self, name).observe(self._chooser(name), "value")
        self.sample.observe(self._on_sample, "value")
        self.patch.observe(self._on_patch, "value")
        act.observe(act.guarded(self.refresh), "result")
        act.state.observe(
            act.guarded(self.refresh), ["field", "vectors", "component", "sample", "patch"]
        )
        self.refresh()

    def _chooser(self, name: str) -> Any:
        """What a choice does."""

        def chosen(change: dict[str, Any]) -> None:
            if not self._is_filling and change["new"] != getattr(self.controller.state, name):
                self.controller.change(f"show {change['new']}", **{name: change["new"]})

        return chosen

    def _on_sample(self, change: dict[str, Any]) -> None:
        if not self._is_filling and change["new"] != self.controller.state.sample:
            self.controller.change("go through samples", "samples", sample=change["new"])

    def _on_patch(self, change: dict[str, Any]) -> None:
        if not self._is_filling and change["new"] != self.controller.state.patch:
            self.controller.change(f"look at patch {change['new']}", patch=change["new"])

    def _on_tap(self, _: str, __: object, faces: list[int]) -> None:
        if faces and self._map is not None:
            patch = self._map.patch_at(faces[-1])
            if patch != self.controller.state.patch:
                self.controller.change(f"look at patch {patch}", patch=patch)

    def _fill(self) -> None:
        """Show the state in the controls."""
        act, state = self.controller, self.controller.state
        self._is_filling = True
        try:
            self.field.value, self.vectors.value = state.field, state.vectors
            self.component.value = state.component
            if act.result is not None:
                sizes = act.result.sizes
                with self.sample.hold_sync():  # the browser must not move a value by itself
                    self.sample.max, self.sample.value = sizes["sample"] - 1, state.sample
                with self.patch.hold_sync():
                    self.patch.max, self.patch.value = sizes["patch"] - 1, state.patch or 0
        finally:
            self._is_filling = False
        self.sample.disabled = act.result is None or state.field != "sample"
        self.patch.disabled = act.result is None

    def _draw(self) -> None:
        act, state = self.controller, self.controller.state
        self._fill()
        found = act.result
        if found is None:
            self._map, self._shown = None, ()
            self.pane.clear(EMPTY)
            self.histogram.layout.display = "none"
            return
        key = (id(found), state.field, state.vectors, state.component)
        if key != self._shown or self._map is None:
            self._map = make_map(found, state)
            self._map.faces.data_source.selected.on_change("indices", self._on_tap)
            self.pane.show(self._map.plot, description=f"map of slip: {state.field}")
        else:
            with self.pane.together():
                if state.field == "sample":
                    self._map.show_sample(found, state.sample)
                self._map.show_patch(found, state.patch)
        self._shown = key
        self._draw_patch()

    def _draw_patch(self) -> None:
        """The histogram of the patch."""
        found, patch = self.controller.result, self.controller.state.patch
        self.histogram.layout.display = "none" if patch is None else ""
        if found is not None and patch is not None:
            key = f"slip of patch {patch} of {self.controller.state.run}"
            if self.histogram.description != key:
                self.histogram.show(patch_figure(found, patch), description=key)
