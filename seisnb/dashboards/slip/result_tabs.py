"""What a result says of structures, moment and fit, and what the prior decides."""

from __future__ import annotations

from abc import abstractmethod
from html import escape

import ipywidgets as widgets
import xarray as xr
from bokeh.model import Model

from seisnb.dashboards.figures import slip as figures
from seisnb.dashboards.in_sight import InSight
from seisnb.dashboards.looks import empty_html, text_box
from seisnb.dashboards.page import table_html
from seisnb.dashboards.pane import BokehPane
from seisnb.dashboards.slip.controller import SlipController
from seisnb.dashboards.slip.slip_tab import EMPTY
from seisnb.dashboards.slip.state import TABS
from seisnb.dashboards.slip_report import key_numbers


class ResultTab(InSight):
    """Words and figures of the result on show.

    Parameters
    ----------
    controller : SlipController
        Whose result is shown.
    name : str
        Of :data:`seisnb.dashboards.slip.state.TABS`.
    n_figures : int
        At most so many.
    """

    def __init__(self, controller: SlipController, name: str, n_figures: int) -> None:
        super().__init__(controller, TABS.index(name))
        self.controller = act = controller
        self.words = text_box()
        self.panes = [BokehPane(description=EMPTY) for _ in range(n_figures)]
        self.widget = widgets.VBox([self.words, *self.panes])
        act.observe(act.guarded(self.refresh), "result")
        self.refresh()

    def _draw(self) -> None:
        found = self.controller.result
        words, models = (empty_html(EMPTY), []) if found is None else self.shown(found)
        self.words.value = words
        for k, pane in enumerate(self.panes):
            pane.layout.display = "" if k < len(models) else "none"
            if k < len(models):
                description, model = models[k]
                pane.show(model, description=description)

    @abstractmethod
    def shown(self, slip: xr.Dataset) -> tuple[str, list[tuple[str, Model]]]:
        """Words as HTML, and figures with their descriptions."""


class StructuresTab(ResultTab):
    """Structures: given the data, and before them."""

    def __init__(self, controller: SlipController) -> None:
        super().__init__(controller, "structures", 2)

    def shown(self, slip: xr.Dataset) -> tuple[str, list[tuple[str, Model]]]:
        """As for :class:`ResultTab`."""
        if slip.sizes["structure"] < 2:
            return empty_html("There is one structure: its probability is one."), []
        models: list[tuple[str, Model]] = [
            ("probabilities of the structures", figures.structure_figure(slip))
        ]
        parameters = figures.parameter_figure(slip)
        if parameters is not None:
            models.append(("parameters of the structures", parameters))
        return "", models


class MomentTab(ResultTab):
    """Magnitudes, and slip against depth."""

    def __init__(self, controller: SlipController) -> None:
        super().__init__(controller, "moment", 2)

    def shown(self, slip: xr.Dataset) -> tuple[str, list[tuple[str, Model]]]:
        """As for :class:`ResultTab`."""
        return "", [
            ("magnitudes", figures.magnitude_histogram(slip)),
            ("slip against depth", figures.depth_figure(slip)),
        ]


class FitTab(ResultTab):
    """Residuals of the sites."""

    def __init__(self, controller: SlipController) -> None:
        super().__init__(controller, "fit", 1)

    def shown(self, slip: xr.Dataset) -> tuple[str, list[tuple[str, Model]]]:
        """As for :class:`ResultTab`."""
        numbers = key_numbers(slip)
        chosen = {k: v for k, v in numbers.items() if k.startswith(("chi²", "Log", "WBIC", "Data"))}
        words = table_html(chosen, head=("Quantity", "Value"))
        return words, [("residuals by site", figures.residual_figure(slip))]


class SmoothingTab(ResultTab):
    """Weak prior and smoothing side by side, once both were run."""

    def __init__(self, controller: SlipController) -> None:
        super().__init__(controller, "smoothing", 1)
        controller.observe(controller.guarded(self.refresh), "run_names")

    def shown(self, slip: xr.Dataset) -> tuple[str, list[tuple[str, Model]]]:
        """As for :class:`ResultTab`."""
        found = self.controller.compared
        if not found:
            words = (
                "There is one prior only. Run both priors: what comes and goes with smoothing is "
                "the prior's, what stays is asked for by the displacements."
            )
            return empty_html(words), []
        tables = "".join(
            f"<div style='flex: 1 1 330px'>{table_html(key_numbers(each), caption=title)}</div>"
            for title, each in found
        )
        said = f"Slip by prior: {', '.join(title for title, _ in found)}."
        words = f"<p>{escape(said)}</p><div style='display: flex; flex-wrap: wrap; gap: 12px'>"
        model = figures.slip_maps(found, arrows=self.controller.state.vectors != "none")
        return f"{words}{tables}</div>", [("slip by prior", model)]
