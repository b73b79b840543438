"""The result: section, profile, correlation, residuals over the line, how far to believe it."""

from __future__ import annotations

from typing import Any

import ipywidgets as widgets
import numpy as np

from seisnb.dashboards import figures
from seisnb.dashboards.controls import choice_control
from seisnb.dashboards.figures.style import display_of
from seisnb.dashboards.in_sight import InSight
from seisnb.dashboards.looks import empty_html, small_button, text_box, wrapped_row
from seisnb.dashboards.pane import BokehPane
from seisnb.dashboards.section_data import Overlay, empty_section
from seisnb.dashboards.section_link import link
from seisnb.dashboards.section_view import SectionView
from seisnb.dashboards.state import SECTION_TRAITS
from seisnb.dashboards.tomography.controller import TABS, TomographyController
from seisnb.dashboards.tomography.diagnosis_tab import DiagnosisPanel
from seisnb.dashboards.verdict_box import verdict_html

_EMPTY = "Run the inversion, or open a result, to see the section."


class ExploreTab(InSight):
    """What a result says, and how well.

    Parameters
    ----------
    controller : TomographyController
        Whose result is shown.
    """

    def __init__(self, controller: TomographyController) -> None:
        super().__init__(controller, TABS.index("explore"))
        self.controller = controller
        self.run = choice_control("Result", [("none", "")], "", tip="Results of this session")
        self.rays = small_button("Trace rays", "share-alt", "Rays through the mean model")
        self.words = text_box(empty_html(_EMPTY))
        self.view = SectionView(empty_section(), description="section of the ensemble")
        self.residuals = BokehPane(description="residuals over the line")
        self.diagnosis = DiagnosisPanel(controller)
        link(self.view, controller, SECTION_TRAITS)
        self.run.observe(self._on_chosen, "value")
        self.rays.on_click(controller.guarded(self.trace_rays))
        controller.observe(controller.guarded(self._on_runs), "run_names")
        controller.observe(controller.guarded(self.refresh), "ensemble")
        folded = widgets.Accordion(
            [self.residuals, self.diagnosis.widget],
            titles=["Residuals over the line", "How far to believe it"],
            selected_index=None,
        )
        self.widget = widgets.VBox(
            [wrapped_row(self.run, self.rays), self.words, self.view, folded]
        )
        self._folded = folded
        folded.observe(controller.guarded(self._unfold), "selected_index")
        self._on_runs()
        self._draw()

    def trace_rays(self) -> None:
        """Draw rays of some picks through the mean model over the section."""
        ensemble = self.controller.ensemble
        if ensemble is None:
            return
        from seisnb.tomography.preview import rays_through_mean  # loads what takes seconds

        display = display_of(ensemble)
        gap = np.full((1, 2), np.nan)
        nodes = np.concatenate([part for ray in rays_through_mean(ensemble) for part in (ray, gap)])
        rays = Overlay(
            name="rays", label="rays through the mean", kind="line",
            x=display.scaled(nodes[:, 0]), z=display.scaled(nodes[:, 1]), colour="#ffffff",
            style={"width": 0.7, "alpha": 0.6},
        )  # fmt: skip
        own = [each for each in self.view.data.overlays if each.name != "rays"]
        # under the instruments, over the section
        self.view.set_overlays([own[0], rays, *own[1:]])

    def _on_chosen(self, change: dict[str, Any]) -> None:
        if change["new"] is not None and change["new"] != self.controller.state.run:
            self.controller.change(f"show {change['new'] or 'no result'}", run=change["new"])

    def _on_runs(self) -> None:
        names = self.controller.run_names
        self.run.options = [("none", ""), *((name, name) for name in names)]
        self._sync()

    def _sync(self) -> None:
        known = {value for _, value in self.run.options}
        self.run.value = self.controller.state.run if self.controller.state.run in known else ""

    def _draw(self) -> None:
        ensemble = self.controller.ensemble
        self._sync()
        is_empty = ensemble is None
        for part in (self.view, self._folded):
            part.layout.display = "none" if is_empty else ""
        self.rays.disabled = is_empty
        if is_empty:
            self.words.value = empty_html(_EMPTY)
            return
        self.words.value = verdict_html(ensemble, folded=True)
        self.view.show(self.controller.section())
        self._draw_residuals()

    def _unfold(self) -> None:
        """Draw what a person unfolds."""
        self._draw_residuals()
        self.diagnosis.open(self._folded.selected_index == 1)

    def _draw_residuals(self) -> None:
        """The residuals over the line, where they are unfolded."""
        ensemble = self.controller.ensemble
        if ensemble is not None and self._folded.selected_index == 0:
            plot = figures.residual_map(ensemble)
            self.residuals.show(plot, description=plot.title.text)
