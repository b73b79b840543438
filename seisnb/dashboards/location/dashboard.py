"""The location dashboard: events over an ensemble, trial hypocentres, what-ifs, in one widget."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

import ipywidgets as widgets
import xarray as xr

from seisnb.dashboards.controls import check_control, choice_control, text_control
from seisnb.dashboards.jobs import Job
from seisnb.dashboards.location.controller import LocationController
from seisnb.dashboards.location.event_list import EventList
from seisnb.dashboards.location.state import LocationState
from seisnb.dashboards.location.tabs import (
    ArrivalsTab,
    CatalogueTab,
    EventTab,
    ModelsTab,
    SectionTab,
)
from seisnb.dashboards.looks import button, tab_stack
from seisnb.dashboards.shell import Shell
from seisnb.io import ARRIVAL_FORMATS
from seisnb.location import LocationConfig
from seisnb.location.interfaces import Boundary
from seisnb.location.prepare import Models

TABS = ("event", "section", "arrivals", "catalogue", "models")
_LABEL = {"description_width": "110px"}


class LocationDashboard(widgets.VBox):
    """Look at earthquakes over an ensemble of velocity models, and see what decides.

    Travel times are computed once, in the background; then every change of a control locates the
    event on show again. A trial hypocentre is dragged on the map and its arrivals are held against
    the observed ones; a station is put anywhere and the expected posterior is told; the section
    shows the ensemble along any line, by its own weights or by the earthquake's.

    Parameters
    ----------
    arrivals, stations : xr.Dataset, optional
        As for :func:`seisnb.location.locate`; without them files are opened in the dashboard.
    ensemble : VelocityEnsemble, xr.Dataset or sequence of LayeredModel, optional
        The models.
    config : LocationConfig, optional
        Settings that the controls do not show.
    trial : xr.Dataset, optional
        Other hypocentres of the events, drawn as crosses.
    boundary : Boundary or sequence, optional
        A plate boundary, or an ensemble of them: :func:`seisnb.location.read_boundary`.

    Attributes
    ----------
    controller : LocationController
        All actions; everything that the controls do can be done by code.
    state : LocationState
        What is set and looked at.
    event_result, hypocentres : xr.Dataset or None
        The event on show, as located last; all events, once they were located.
    config : LocationConfig
        The configuration as the controls stand.
    job : Job
        The background work.
    """

    def __init__(
        self,
        arrivals: xr.Dataset | None = None,
        stations: xr.Dataset | None = None,
        ensemble: Models | None = None,
        config: LocationConfig | None = None,
        *,
        trial: xr.Dataset | None = None,
        boundary: Boundary | Sequence[Boundary] | None = None,
    ) -> None:
        self.controller = act = LocationController(
            arrivals, stations, ensemble, config, trial=trial, boundary=boundary
        )
        self.shell = Shell(act, session_folder="results/location-session")
        self.status, self.alert = self.shell.status, self.shell.alert
        self.events = EventList(act)
        self._make_controls()
        self.event_tab = EventTab(act, TABS.index("event"))
        self.section_tab = SectionTab(act, TABS.index("section"))
        self.arrivals_tab = ArrivalsTab(act, TABS.index("arrivals"))
        self.catalogue_tab = CatalogueTab(act, TABS.index("catalogue"))
        self.models_tab = ModelsTab(act, TABS.index("models"))
        self.tabs = tab_stack(
            {name: getattr(self, f"{name}_tab").widget for name in TABS}, act.state.tab
        )
        super().__init__(self.shell.around(self._body()))
        self.add_class("seisnb-app")
        self.shell.title.value = "Earthquakes over an ensemble of velocity models"
        self._is_filling = False
        self._connect()
        self._fill_stations()
        self._sync()

    @property
    def state(self) -> LocationState:
        """What is set and looked at."""
        return self.controller.state

    @property
    def event_result(self) -> xr.Dataset | None:
        """The event on show, as located last."""
        return self.controller.event_result

    @property
    def hypocentres(self) -> xr.Dataset | None:
        """All events, once they were located."""
        return self.controller.hypocentres

    @property
    def config(self) -> LocationConfig:
        """The configuration as the controls stand."""
        return self.controller.config

    @property
    def job(self) -> Job:
        """The background work."""
        return self.controller.job

    def _make_controls(self) -> None:
        """Controls on the left."""
        state = self.controller.state
        self.likelihood = choice_control(
            "Likelihood", ("student", "gaussian", "edt"), state.likelihood,
            tip="Of the picks; student and edt forgive wild ones",
        )  # fmt: skip
        self.phases = {name: check_control(f"Use {name}", value=True) for name in ("P", "S")}
        self.stations = widgets.SelectMultiple(
            options=[], rows=9, description="Stations used",
            tooltip="Take stations out by Ctrl-click or Ctrl-Space", style=_LABEL,
            layout=widgets.Layout(width="auto"),
        )  # fmt: skip
        self.all_button = button("Locate all", "play", "Locate every listed event",
                                  button_style="primary")  # fmt: skip
        self.cancel_button = button("Cancel", "stop", "Stop; events that are done are kept")
        self.bar = widgets.IntProgress(description="Progress", layout=widgets.Layout(width="auto"))
        self.folder = text_control("Results in folder", state.folder)
        self.save_button = button("Save", "save", "Data, QuakeML, report, offline page, notebook")
        self.files = {
            name: text_control(label, hint=hint)
            for name, label, hint in (
                ("arrivals", "Arrivals", "picks.csv"),
                ("stations", "Stations", "stations.csv"),
                ("models", "Models", "vel_*.csv"),
                ("pick_std", "Std of P, S [s]", "as read, or 0.1, 0.2"),
                ("boundary", "Boundary", "none, or a mesh"),
            )
        }
        formats = [("guess", ""), *((name, name) for name in ARRIVAL_FORMATS)]
        self.format = choice_control("Format", formats, "")
        self.open_button = button("Open", "folder-open", "Read the files named above")

    def _body(self) -> widgets.HBox:
        """Settings on the left, pictures on the right; under each other on a narrow page."""
        data = widgets.VBox(
            [
                self.files["arrivals"], self.format, self.files["stations"], self.files["models"],
                self.files["pick_std"], self.files["boundary"], self.open_button,
            ]
        )  # fmt: skip
        used = widgets.VBox(
            [self.likelihood, widgets.HBox(list(self.phases.values())), self.stations]
        )
        forms = widgets.Accordion(
            [data, self.events.widget, used],
            titles=["1  Data", "2  Events", "3  Located with"],
            selected_index=0 if not self.controller.has_data else 1,
        )
        run = widgets.VBox(
            [
                widgets.HBox([self.all_button, self.cancel_button]), self.bar, self.status,
                self.folder, self.save_button,
            ]
        )  # fmt: skip
        left = widgets.VBox(
            [forms, run], layout=widgets.Layout(flex="0 1 380px", min_width="300px")
        )
        return widgets.HBox([left, self.tabs], layout=widgets.Layout(flex_flow="row wrap"))

    def _connect(self) -> None:
        """From controls to actions, from state to controls."""
        act = self.controller
        self.likelihood.observe(lambda c: self._asked(likelihood=c["new"]), "value")
        for name, box in self.phases.items():
            box.observe(
                lambda c, name=name: self._asked(**{f"use_{name.lower()}": c["new"]}), "value"
            )
        self.stations.observe(self._on_stations, "value")
        self.open_button.on_click(
            lambda _: act.open(
                **{name: box.value for name, box in self.files.items()}, format=self.format.value
            )
        )
        self.all_button.on_click(lambda _: act.locate_all())
        self.cancel_button.on_click(lambda _: act.cancel())
        self.save_button.on_click(lambda _: act.save(self.folder.value))
        self.folder.observe(lambda c: self._asked(folder=c["new"]), "value")
        self.tabs.observe(self._on_tab, "selected_index")
        act.observe(act.guarded(self._fill_stations), "data_number")
        act.state.observe(act.guarded(self._fill_stations), ["event", "unused"])
        act.state.observe(act.guarded(self._sync_controls))
        act.observe(self._sync, ["event_result", "hypocentres", "note", "is_ready", "is_refined"])
        act.observe(lambda _: self.shell.refresh(), "data_number")
        act.job.observe(self._sync, ["status", "progress"])

    def _asked(self, **values: Any) -> None:
        """A control was changed by a person."""
        changed = {k: v for k, v in values.items() if getattr(self.state, k) != v}
        if changed and not self._is_filling:
            self.controller.change("", "", **changed)

    def _on_stations(self, change: dict[str, Any]) -> None:
        if self._is_filling:
            return
        own = set(self.stations.options)
        others = [name for name in self.state.unused if name not in own]
        unused = tuple(sorted({*others, *(own - set(change["new"]))}))
        if unused != self.state.unused:
            self.controller.change("choose stations", unused=unused)

    def _on_tab(self, change: dict[str, Any]) -> None:
        if change["new"] is not None and change["new"] != self.state.tab:
            self.controller.change(f"look at {TABS[change['new']]}", tab=change["new"])

    def _fill_stations(self) -> None:
        """Stations with picks of the event on show; those in use are selected."""
        names = self.controller.stations_of_event()
        self._is_filling = True
        try:
            if list(self.stations.options) != names:
                self.stations.options = names
            self.stations.value = tuple(n for n in names if n not in self.state.unused)
        finally:
            self._is_filling = False

    def _sync_controls(self) -> None:
        """Show the state in the controls."""
        state = self.state
        self._is_filling = True
        try:
            self.likelihood.value = state.likelihood
            self.phases["P"].value, self.phases["S"].value = state.use_p, state.use_s
            self.folder.value = state.folder
            self.tabs.selected_index = state.tab
        finally:
            self._is_filling = False

    def _sync(self, _: object = None) -> None:
        """Show where things stand."""
        act, job = self.controller, self.controller.job
        self.all_button.disabled = job.is_busy or not act.is_ready
        self.cancel_button.disabled = job.status != "running"
        self.save_button.disabled = act.event_result is None and act.hypocentres is None
        progress = job.progress
        if progress is not None:
            self.bar.max, self.bar.value = max(progress.total, 1), progress.done
        self.status.value = "<br>".join(escape(part) for part in self._status_parts())

    def _status_parts(self) -> list[str]:
        """Where the work stands, and what was found."""
        act, job = self.controller, self.controller.job
        parts = []
        if not act.has_data:
            parts.append("Open arrivals, stations and velocity models.")
        if job.is_busy:
            words = "Locating" if act.is_ready else "Computing travel times"
            count = (
                "" if job.progress is None else f" ({job.progress.done} of {job.progress.total})"
            )
            parts.append(f"{words}{count} ...")
        elif job.status in ("cancelled", "failed"):
            parts.append({"cancelled": "Cancelled.", "failed": "Failed."}[job.status])
        found = act.event_result
        if found is not None:
            std = found["std"].values[0]
            refined = "" if act.is_refined else " (quick answer; the full one follows)"
            parts.append(
                f"{found['event'].values[0]}: depth {found['mean_depth'].item():.1f} ± "
                f"{std[2]:.1f} km, {found['n_used'].item()} picks, rms "
                f"{found['rms'].item():.2f} s{refined}"
            )
        if act.note:
            parts.append(act.note)
        return parts
