"""The tomography dashboard: picks, prior, run, section and profile in one Jupyter widget."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import Any

import ipywidgets as widgets
import xarray as xr

from seisnb.dashboards.a11y import A11y
from seisnb.dashboards.controls import Form, text_control
from seisnb.dashboards.diagnosis_panel import DiagnosisPanel
from seisnb.dashboards.looks import CSS, button, message
from seisnb.dashboards.panels import CurvesPanel, SectionPanel
from seisnb.dashboards.state import Controller, ReadingConfig, State
from seisnb.prior import PriorConfig
from seisnb.tomography import TomographyConfig

_BAR_STYLES = {"done": "success", "failed": "danger", "cancelled": "warning"}
_STATUS_WORDS = {
    "idle": "Ready.",
    "running": "Running",
    "cancelling": "Stopping; members that are done are kept",
    "cancelled": "Cancelled.",
    "done": "Done.",
    "failed": "Failed.",
}


class TomographyDashboard(widgets.VBox):
    """Invert first-arrival picks of a line without writing code.

    Open a file, look at its picks and mute the bad ones, set the prior and the inversion, run it
    and cancel it while the page stays alive, look at mean, uncertainty and single members, and
    click on the section for a profile.

    Parameters
    ----------
    survey : xr.Dataset, optional
        Picks to begin with.
    ensemble : xr.Dataset, optional
        A result to look at; without a survey it brings its own picks.
    invert : callable, optional
        Stands in for :func:`seisnb.tomography.invert`, with its signature.

    Attributes
    ----------
    controller : Controller
        All actions; everything that the buttons do can be done by code.
    survey, ensemble : xr.Dataset or None
        The picks as muted now, and the latest result.
    """

    def __init__(
        self,
        survey: xr.Dataset | None = None,
        ensemble: xr.Dataset | None = None,
        *,
        invert: Callable[..., xr.Dataset] | None = None,
    ) -> None:
        self.controller = Controller(survey, ensemble, invert=invert)
        self.reading = Form(ReadingConfig, group="reading", shown=("pick_std", "phases"))
        self.prior = Form(
            PriorConfig,
            group="prior",
            shown=("amplitude", "length_easting", "length_depth", "surface_velocity", "gradient"),
        )
        self.config = Form(
            TomographyConfig,
            group="tomography",
            shown=("n_members", "engine", "likelihood", "infer_sigma", "depth_max", "cell", "seed"),
        )
        self.path = text_control("File of picks", hint="line7.sgt")
        self.open_button = button("Open", "folder-open", "Read the file named above")
        self.upload = widgets.FileUpload(description="Upload a file", multiple=False)
        self.run_button = button("Run", "play", "Invert the picks", button_style="primary")
        self.cancel_button = button("Cancel", "stop", "Stop; members that are done are kept")
        self.bar = widgets.IntProgress(description="Progress", layout=widgets.Layout(width="auto"))
        self.status, self.alert = message("status"), message("alert")
        self.folder = text_control("Save to folder", "results/dashboard")
        self.save_button = button("Save", "save", "Write ensemble.nc and report.html")
        self.picks_panel = CurvesPanel(self.controller, shows_fit=False)
        self.fit_panel = CurvesPanel(self.controller, shows_fit=True)
        self.section_panel = SectionPanel(self.controller)
        self.diagnosis_panel = DiagnosisPanel(self.controller)
        panels = (self.picks_panel, self.section_panel, self.fit_panel, self.diagnosis_panel)
        self.tabs = widgets.Tab(
            [panel.widget for panel in panels],
            titles=["Picks", "Section", "Fit", "Diagnostics"],
            layout=widgets.Layout(flex="1 1 700px", min_width="0"),
        )
        self._title = widgets.HTML()
        self._title.add_class("seisnb-title")
        super().__init__([widgets.HTML(CSS), self._title, self.alert, self._body(), A11y()])
        self.add_class("seisnb-app")
        self._connect()
        self._sync()
        if ensemble is not None:
            self.tabs.selected_index = 1

    @property
    def state(self) -> State:
        """What is set and looked at."""
        return self.controller.state

    @property
    def survey(self) -> xr.Dataset | None:
        """The picks, muted ones marked in ``used``."""
        return self.controller.survey

    @property
    def ensemble(self) -> xr.Dataset | None:
        """The latest result."""
        return self.controller.ensemble

    def _body(self) -> widgets.HBox:
        """Settings on the left, pictures on the right; under each other on a narrow page."""
        data = widgets.VBox(
            [self.path, self.reading.widget, widgets.HBox([self.open_button, self.upload])]
        )
        forms = widgets.Accordion(
            [data, self.prior.widget, self.config.widget],
            titles=["1  Picks", "2  Prior", "3  Inversion"],
            selected_index=0,
        )
        run = widgets.VBox(
            [
                widgets.HBox([self.run_button, self.cancel_button]),
                self.bar,
                self.status,
                self.folder,
                self.save_button,
            ]
        )
        left = widgets.VBox(
            [forms, run], layout=widgets.Layout(flex="0 1 360px", min_width="300px")
        )
        return widgets.HBox([left, self.tabs], layout=widgets.Layout(flex_flow="row wrap"))

    def _connect(self) -> None:
        """From controls to actions, from state to controls."""
        act = self.controller
        self.open_button.on_click(lambda _: self._open())
        self.upload.observe(self._on_upload, "value")
        self.run_button.on_click(lambda _: self._run())
        self.cancel_button.on_click(lambda _: act.cancel())
        self.save_button.on_click(lambda _: act.save(self.folder.value))
        for form, name in (
            (self.reading, "reading"),
            (self.prior, "prior"),
            (self.config, "config"),
        ):
            form.observe(self._taking(form, name))
        act.observe(self._sync, ["survey", "ensemble", "error", "note", "is_stale"])
        act.observe(self._on_ensemble, "ensemble")
        act.job.observe(self._sync, ["status", "progress"])
        act.state.observe(self._sync, ["path", "muted"])

    def _taking(self, form: Form, name: str) -> Callable[[object], None]:
        """An observer that takes a form's configuration over, or shows why it cannot be."""

        def take(_: object) -> None:
            with self.controller.reporting():
                self.controller.error = ""
                setattr(self.state, name, form.read())

        return take

    def _open(self) -> None:
        if self._take_form(self.reading, "reading"):
            self.controller.open(self.path.value)

    def _run(self) -> None:
        if self._take_form(self.prior, "prior") and self._take_form(self.config, "config"):
            self.controller.run()

    def _take_form(self, form: Form, name: str) -> bool:
        """Take a form over before an action; False when it holds something impossible."""
        self._taking(form, name)(None)
        return not self.controller.error

    def _on_upload(self, change: dict[str, Any]) -> None:
        for file in change["new"]:
            if self._take_form(self.reading, "reading"):
                self.controller.upload(file["name"], bytes(file["content"]))

    def _on_ensemble(self, change: dict[str, Any]) -> None:
        if change["new"] is not None:
            self.tabs.selected_index = 1

    def _sync(self, _: object = None) -> None:
        """Show the state in the controls."""
        act, job = self.controller, self.controller.job
        survey = act.survey
        title = (
            "Tomography" if survey is None else str(survey.attrs.get("title") or "Untitled line")
        )
        self._title.value = escape(title)
        if act.state.path:
            self.path.value = act.state.path
        self.alert.value = escape(act.error)
        self.run_button.disabled = job.is_busy or survey is None
        self.cancel_button.disabled = job.status != "running"
        self.save_button.disabled = act.ensemble is None
        progress = job.progress
        if progress is not None:
            self.bar.max, self.bar.value = max(progress.total, 1), progress.done
        elif job.is_busy:
            self.bar.value = 0
        self.bar.bar_style = _BAR_STYLES.get(job.status, "info")
        self.status.value = self._status_text()

    def _status_text(self) -> str:
        """Where the work stands, how many picks are used, and what a person should know."""
        act, job = self.controller, self.controller.job
        parts = [_STATUS_WORDS[job.status]]
        if job.is_busy and job.progress is not None:
            parts = [f"{parts[0]}: {progress_text(job.progress)}"]
        if act.survey is not None:
            n_picks = act.survey.sizes["pick"]
            parts.append(f"{n_picks - len(act.state.muted)} of {n_picks} picks are used.")
        if act.is_stale:
            parts.append("The result shown was made with other picks or settings: run again.")
        if act.note:
            parts.append(act.note)
        return "<br>".join(escape(part) for part in parts)


def progress_text(progress: Any) -> str:
    """One line: stage, count, misfit, time left."""
    count = f"{progress.stage} {progress.done} of {progress.total}"
    parts = [f"{progress.stage}: {progress.message}" if progress.message else count]
    if progress.chi2 is not None:
        parts.append(f"chi²/n {progress.chi2:.2f}")
    if progress.remaining is not None:
        minutes, seconds = divmod(round(progress.remaining), 60)
        parts.append(f"about {f'{minutes} min ' if minutes else ''}{seconds} s left")
    return ", ".join(parts)
