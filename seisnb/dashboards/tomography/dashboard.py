"""The tomography dashboard: survey, prior, run, result and comparison in one Jupyter widget."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from html import escape
from typing import Any

import ipywidgets as widgets
import xarray as xr

from seisnb.conventions import SeisnbError
from seisnb.dashboards.controls import Form, text_control
from seisnb.dashboards.looks import button, tab_stack
from seisnb.dashboards.shell import Shell, taking
from seisnb.dashboards.tomography.compare_tab import CompareTab
from seisnb.dashboards.tomography.controller import TABS, TomographyController
from seisnb.dashboards.tomography.curves import CurvesPanel
from seisnb.dashboards.tomography.explore_tab import ExploreTab
from seisnb.dashboards.tomography.prior_tab import PriorTab
from seisnb.dashboards.tomography.run_tab import RunTab
from seisnb.dashboards.tomography.science import warm_up
from seisnb.dashboards.tomography.state import ReadingConfig, TomographyState
from seisnb.dashboards.tomography.survey_tab import SurveyTab
from seisnb.prior import PriorConfig
from seisnb.tomography import TomographyConfig

_BAR_STYLES = {"done": "success", "failed": "danger", "cancelled": "warning"}
_STATUS_WORDS = {
    "idle": "Ready.",
    "running": "Running",
    "cancelling": "Stopping; members that are done are kept",
    "cancelled": "Cancelled. Resume goes on from the members that are done.",
    "done": "Done.",
    "failed": "Failed.",
}


class TomographyDashboard(widgets.VBox):
    """Invert first-arrival picks of a line without writing code.

    Open a file, look at its picks and mute the bad ones, see what the prior believes, set it and
    the inversion, run it, cancel and resume it while the page stays alive, browse the ensemble
    in the browser, compare results. Every step can be undone, is told as Python, and kept as a
    session.

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
    controller : TomographyController
        All actions; everything that the buttons do can be done by code.
    state : TomographyState
        What is set and looked at.
    survey, ensemble : xr.Dataset or None
        The picks as muted now, and the result on show.
    """

    def __init__(
        self,
        survey: xr.Dataset | None = None,
        ensemble: xr.Dataset | None = None,
        *,
        invert: Callable[..., xr.Dataset] | None = None,
    ) -> None:
        self.controller = TomographyController(survey, ensemble, invert=invert)
        act = self.controller
        self.shell = Shell(act, session_folder="results/session")
        self.status, self.alert = self.shell.status, self.shell.alert
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
        self.config.write(act.state.config)
        self._takers = {
            name: taking(act, getattr(self, name), name) for name in ("reading", "prior", "config")
        }
        self.path = text_control("File of picks", hint="line7.sgt")
        self.open_button = button("Open", "folder-open", "Read the file named above")
        self.upload = widgets.FileUpload(description="Upload a file", multiple=False)
        self.run_button = button("Run", "play", "Invert the picks", button_style="primary")
        self.cancel_button = button("Cancel", "stop", "Stop; members that are done are kept")
        self.bar = widgets.IntProgress(description="Progress", layout=widgets.Layout(width="auto"))
        self.folder = text_control("Results in folder", act.state.folder)
        self.save_button = button("Save", "save", "Ensemble, report, offline section, notebook")
        self.survey_tab = SurveyTab(act)
        self.prior_tab = PriorTab(act)
        self.run_tab = RunTab(act)
        self.explore_tab = ExploreTab(act)
        self.fit_tab = CurvesPanel(act, TABS.index("fit"), shows_fit=True)
        self.compare_tab = CompareTab(act)
        self.tabs = tab_stack(
            {name: getattr(self, f"{name}_tab").widget for name in TABS}, act.state.tab
        )
        super().__init__(self.shell.around(self._body()))
        self.add_class("seisnb-app")
        self._connect()
        self._sync()
        if invert is None:
            warm_up()

    @property
    def state(self) -> TomographyState:
        """What is set and looked at."""
        return self.controller.state

    @property
    def survey(self) -> xr.Dataset | None:
        """The picks, muted ones marked in ``used``."""
        return self.controller.survey

    @property
    def ensemble(self) -> xr.Dataset | None:
        """The result on show."""
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
        self.open_button.on_click(lambda _: self._takers["reading"]() and act.open(self.path.value))
        self.upload.observe(self._on_upload, "value")
        self.run_button.on_click(lambda _: self._run())
        self.cancel_button.on_click(lambda _: act.cancel())
        self.save_button.on_click(lambda _: act.save(self.folder.value))
        self.folder.observe(
            lambda change: act.change("folder of the results", folder=change["new"]), "value"
        )
        self.tabs.observe(self._on_tab, "selected_index")
        for name, take in self._takers.items():
            getattr(self, name).observe(take)
        act.observe(self._sync, ["survey", "ensemble", "note", "is_stale"])
        act.observe(lambda _: self.shell.refresh(), "survey")
        act.job.observe(self._sync, ["status", "progress"])
        act.job.observe(self._on_status, "status")
        act.state.observe(act.guarded(self._sync_controls))

    def _run(self) -> None:
        if self._takers["prior"]() and self._takers["config"]():
            self.controller.start()

    def _on_upload(self, change: dict[str, Any]) -> None:
        for file in change["new"]:
            if self._takers["reading"]():
                self.controller.upload(file["name"], bytes(file["content"]))

    def _on_tab(self, change: dict[str, Any]) -> None:
        if change["new"] is not None and change["new"] != self.state.tab:
            self.controller.change(f"look at {TABS[change['new']]}", tab=change["new"])

    def _on_status(self, change: dict[str, Any]) -> None:
        """An inversion that begins is watched on its own tab."""
        job = self.controller.job
        if change["new"] == "running" and self.tabs.selected_index != TABS.index("prior"):
            self.state.tab = TABS.index("run")
            self.controller.history.absorb("tab")
        self.run_button.description = "Resume" if job.status == "cancelled" else "Run"

    def _sync_controls(self) -> None:
        """Show the state in the forms and the tabs."""
        state = self.state
        for name in ("reading", "prior", "config"):
            form = getattr(self, name)
            shown = None
            with contextlib.suppress(SeisnbError):  # a half-filled form is told when it is used
                shown = form.read()
            if shown is not None and shown != getattr(state, name):
                form.write(getattr(state, name))
        self.folder.value = state.folder
        if state.opened:
            self.path.value = state.opened["path"]
        self.tabs.selected_index = state.tab
        self._sync()

    def _sync(self, _: object = None) -> None:
        """Show where things stand."""
        act, job = self.controller, self.controller.job
        survey = act.survey
        title = (
            "Tomography" if survey is None else str(survey.attrs.get("title") or "Untitled line")
        )
        self.shell.title.value = escape(title)
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
