"""The diagnostics of a tomography dashboard: verdict, gates, figures, table."""

from __future__ import annotations

import ipywidgets as widgets
from bokeh.layouts import row

from seisnb.dashboards import figures
from seisnb.dashboards.diagnosis import diagnosis_rows, diagnosis_table, gate_table
from seisnb.dashboards.looks import words
from seisnb.dashboards.pane import BokehPane
from seisnb.dashboards.tomography.controller import TomographyController
from seisnb.dashboards.verdict_box import verdict_html

_EMPTY = "Run the inversion to see how far its result can be believed."
_STYLE = """<style>
.seisnb-diagnosis .widget-html-content { white-space: normal; line-height: 1.4; }
.seisnb-diagnosis table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
.seisnb-diagnosis caption { text-align: left; font-weight: 600; padding: 6px 0; }
.seisnb-diagnosis th, .seisnb-diagnosis td { text-align: left; vertical-align: top;
  padding: 3px 12px 3px 0; border-bottom: 1px solid #ddd; }
.seisnb-diagnosis strong { color: #a1161b; }
</style>"""


class DiagnosisPanel:
    """How far the latest result can be believed: verdict, gates, two figures, and a table.

    Parameters
    ----------
    controller : TomographyController
        Whose ensemble is judged.
    """

    def __init__(self, controller: TomographyController) -> None:
        self.controller = controller
        self.verdict, self.gates, self.table = words(), words(), words()
        self.pane = BokehPane(description=_EMPTY)
        self.widget = widgets.VBox([self.verdict, self.gates, self.pane, self.table])
        self.widget.add_class("seisnb-diagnosis")
        self._is_open = False
        controller.observe(controller.guarded(self._draw), "ensemble")
        self._draw()

    def open(self, is_open: bool) -> None:
        """Draw when a person unfolds it; the verdict is there before."""
        self._is_open = is_open
        self._draw()

    def _draw(self) -> None:
        ensemble = self.controller.ensemble
        self.pane.layout.display = "none"
        if ensemble is None:
            self.verdict.value = f"{_STYLE}{_EMPTY}"
            self.gates.value = self.table.value = ""
            return
        self.verdict.value = f"{_STYLE}{verdict_html(ensemble)}"
        if not self._is_open:
            return
        self.gates.value, self.table.value = gate_table(ensemble), diagnosis_table(ensemble)
        if {"left_out_residual", "check_z"} <= set(ensemble):
            doubtful = [each.name for each in diagnosis_rows(ensemble) if not each.is_good]
            told = f"look at: {', '.join(doubtful)}" if doubtful else "all as they should be"
            self.pane.show(
                row(
                    figures.left_out_histogram(ensemble, frame_width=215, frame_height=200),
                    figures.checks_figure(ensemble, frame_width=190, frame_height=200),
                ),
                description=f"Left-out picks and checks of the settings; {told}",
            )
            self.pane.layout.display = ""
