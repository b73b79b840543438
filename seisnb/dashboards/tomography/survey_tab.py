"""The survey: curves, the line with its gathers, pick stds, and picks that look wrong."""

from __future__ import annotations

from html import escape
from typing import Any

import ipywidgets as widgets
import numpy as np
import xarray as xr

from seisnb.dashboards import figures
from seisnb.dashboards.controls import choice_control, text_control
from seisnb.dashboards.looks import small_button, text_box, wrapped_row
from seisnb.dashboards.pane import BokehPane
from seisnb.dashboards.tomography.controller import TABS, TomographyController
from seisnb.dashboards.tomography.curves import CurvesPanel
from seisnb.outliers import suspects

#: Suspects that are listed.
MOST_LISTED = 30


class SurveyTab:
    """All that is seen and done to the picks before an inversion.

    Parameters
    ----------
    controller : TomographyController
        Whose picks are shown.
    """

    def __init__(self, controller: TomographyController) -> None:
        self.controller = controller
        self.curves = CurvesPanel(controller, TABS.index("survey"), shows_fit=False)
        self.line = BokehPane(description="the line")
        self.gather = choice_control("Gather", [("all", "")], "", tip="Show one gather alone")
        self.pick_std = text_control(
            "Std of all picks", hint="as read", tip="Seconds, or 3%+0.0005; empty: as read"
        )
        self.find = small_button("Suggest outliers", "search", "Name picks that look wrong")
        self.select_found = small_button(
            "Select them", "check", "Select the suggested picks", disabled=True
        )
        self.reasons = text_box()
        self.found: list[int] = []
        self.gather.observe(self._on_gather, "value")
        self.pick_std.observe(
            lambda change: controller.change("std of all picks", pick_std=change["new"]), "value"
        )
        self.find.on_click(lambda _: self.suggest())
        self.select_found.on_click(lambda _: self.curves.select(self.found))
        controller.observe(controller.guarded(self._on_survey), "survey")
        controller.state.observe(controller.guarded(self._on_state), ["gather", "pick_std"])
        self.widget = widgets.VBox(
            [
                wrapped_row(self.gather, self.pick_std),
                self.curves.widget,
                self.line,
                wrapped_row(self.find, self.select_found),
                self.reasons,
            ]
        )
        self._numbers: tuple[Any, ...] = ()
        self._line: figures.Line | None = None
        self._drawn: xr.Dataset | None = None
        self._on_survey()

    def suggest(self) -> None:
        """List picks that look wrong, each with its reason."""
        act = self.controller
        with act.reporting():
            if act.survey is None:
                self.reasons.value = escape("Open a file of picks first.")
                return
            listed = suspects(act.survey)
            self.found = [each.pick for each in listed]
            self.select_found.disabled = not listed
            if not listed:
                self.reasons.value = "No used pick stands out from its neighbours."
                return
            rows = "".join(
                f"<tr><td>{each.pick}</td><td>{each.score:.1f}</td><td>{escape(each.reason)}</td>"
                "</tr>"
                for each in listed[:MOST_LISTED]
            )
            more = len(listed) - MOST_LISTED
            self.reasons.value = (
                f"<table><caption>{len(listed)} picks to look at, worst first. They are "
                "suggestions: select and mute those that you agree with.</caption>"
                '<thead><tr><th scope="col">Pick</th><th scope="col">Off by (std)</th>'
                f'<th scope="col">Why</th></tr></thead><tbody>{rows}</tbody></table>'
                + (f"<p>… and {more} more.</p>" if more > 0 else "")
            )

    def _on_survey(self) -> None:
        survey = self.controller.survey
        self.reasons.value, self.found, self.select_found.disabled = "", [], True
        if survey is None:
            self._numbers, self._drawn, self._line = (), None, None
            self.line.clear("")
            return
        numbers = tuple(tuple(np.unique(survey[k].values)) for k in ("shot", "receiver"))
        self._draw_line()
        if numbers != self._numbers:
            self._numbers = numbers
            options = [("all", "")]
            for kind, own in zip(("shot", "receiver"), numbers, strict=True):
                options += [(f"{kind} {number}", f"{kind} {number}") for number in own]
            self.gather.options = options
        self._on_state()

    def _draw_line(self) -> None:
        """The line of another survey; mutes and stds change nothing on it."""
        survey = self.controller.survey
        names = [f"{k}_{a}" for k in ("shot", "receiver") for a in ("easting", "depth")]
        if self._drawn is not None and all(
            survey[name].identical(self._drawn[name]) for name in names
        ):
            return
        self._drawn, self._line = survey, figures.line_figure(survey)
        for kind, source in self._line.instruments.items():
            source.selected.on_change("indices", self._tapped(kind, source))
        self.line.show(self._line.plot, description="the line")

    def _on_state(self) -> None:
        state, survey = self.controller.state, self.controller.survey
        self.pick_std.value = state.pick_std
        if survey is None:
            return
        known = {value for _, value in self.gather.options}
        self.gather.value = state.gather if state.gather in known else ""
        if self._line is not None:
            with self.line.together():
                self.line.description = figures.mark_gather(self._line, survey, state.gather)

    def _tapped(self, kind: str, source: Any) -> Any:
        """What a tap on an instrument does."""

        def tapped(_: str, __: object, indices: list[int]) -> None:
            if indices:
                gather = f"{kind} {source.data['number'][indices[0]]}"
                self.controller.change(f"show {gather}", gather=gather)

        return tapped

    def _on_gather(self, change: dict[str, Any]) -> None:
        if change["new"] != self.controller.state.gather and change["new"] is not None:
            self.controller.change(f"show {change['new'] or 'all gathers'}", gather=change["new"])
