"""The location dashboard: events, their clouds with and without velocity uncertainty, what-ifs."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from html import escape
from pathlib import Path
from typing import Any

import ipywidgets as widgets
import numpy as np
import xarray as xr

from seisnb.catalogue import event_names
from seisnb.conventions import InputError, SeisnbError
from seisnb.dashboards.a11y import A11y
from seisnb.dashboards.controls import choice_control, text_control
from seisnb.dashboards.figures.location import (
    catalogue_map,
    event_figure,
    model_figure,
    residual_figure,
)
from seisnb.dashboards.figures.style import base_figure
from seisnb.dashboards.jobs import Job
from seisnb.dashboards.location_report import verdict, write_location_report
from seisnb.dashboards.looks import CSS, button, message
from seisnb.dashboards.pane import BokehPane
from seisnb.io import save_hypocentres, write_quakeml
from seisnb.location import LocationConfig, Prepared, locate, prepare
from seisnb.location.prepare import Models
from seisnb.projection import Projection

_log = logging.getLogger(__name__)


class LocationDashboard(widgets.VBox):
    """Look at located events, switch phases and stations off, and see the posterior move.

    Travel times are computed once, in the background; then every change of a control locates the
    event on show again, in a fraction of a second.

    Parameters
    ----------
    arrivals, stations : xr.Dataset
        As for :func:`seisnb.location.locate`.
    ensemble : VelocityEnsemble, xr.Dataset or sequence of LayeredModel
        The models.
    config : LocationConfig, optional
        Settings that the controls do not show.
    trial : xr.Dataset, optional
        Other hypocentres of the events, drawn as crosses.

    Attributes
    ----------
    event_result : xr.Dataset or None
        The event on show, as located last.
    hypocentres : xr.Dataset or None
        All events, once they were located.
    config : LocationConfig
        The configuration as the controls stand.
    job : Job
        The background work.
    """

    def __init__(
        self,
        arrivals: xr.Dataset,
        stations: xr.Dataset,
        ensemble: Models,
        config: LocationConfig | None = None,
        *,
        trial: xr.Dataset | None = None,
    ) -> None:
        self._arrivals, self._stations, self._ensemble = arrivals, stations, ensemble
        self._base = replace(config or LocationConfig(), on_bad="drop")
        self._trial = trial
        self._prepared: Prepared | None = None
        self.event_result: xr.Dataset | None = None
        self.hypocentres: xr.Dataset | None = None
        self.job = Job()
        self.event = choice_control("Event", event_names(arrivals), event_names(arrivals)[0],
                                    tip="The event on show")  # fmt: skip
        self.likelihood = choice_control(
            "Likelihood", ("student", "gaussian", "edt"), self._base.likelihood,
            tip="Of the picks; student and edt forgive wild ones",
        )  # fmt: skip
        self.phases = {
            name: widgets.Checkbox(value=True, description=f"Use {name}", indent=False)
            for name in ("P", "S")
        }
        self.stations = widgets.SelectMultiple(
            options=[], rows=10, description="Stations used",
            tooltip="Take stations out by Ctrl-click or Ctrl-Space",
            style={"description_width": "110px"}, layout=widgets.Layout(width="auto"),
        )  # fmt: skip
        self.all_button = button("Locate all", "play", "Locate every event with these settings",
                                  button_style="primary")  # fmt: skip
        self.cancel_button = button("Cancel", "stop", "Stop; events that are done are kept")
        self.bar = widgets.IntProgress(description="Progress", layout=widgets.Layout(width="auto"))
        self.folder = text_control("Save to folder", "results/location")
        self.save_button = button("Save", "save", "Write hypocentres.nc, catalogue.xml, report")
        self.status, self.alert = message("status"), message("alert")
        self.panes = {
            name: BokehPane(_empty(name), description=f"{name}: not located yet")
            for name in ("Event", "Map", "Residuals", "Models")
        }
        self.tabs = widgets.Tab(
            list(self.panes.values()), titles=list(self.panes),
            layout=widgets.Layout(flex="1 1 700px", min_width="0"),
        )  # fmt: skip
        left = widgets.VBox(
            [self.event, self.likelihood, widgets.HBox(list(self.phases.values())), self.stations,
             widgets.HBox([self.all_button, self.cancel_button]), self.bar, self.status,
             self.folder, self.save_button],
            layout=widgets.Layout(flex="0 1 380px", min_width="300px"),
        )  # fmt: skip
        title = widgets.HTML("Earthquakes over an ensemble of velocity models")
        title.add_class("seisnb-title")
        body = widgets.HBox([left, self.tabs], layout=widgets.Layout(flex_flow="row wrap"))
        super().__init__([widgets.HTML(CSS), title, self.alert, body, A11y()])
        self.add_class("seisnb-app")
        self._is_filling = False
        self._connect()
        self._fill_stations()
        self._start("Computing travel times", self._prepare, self._take_prepared)

    @property
    def config(self) -> LocationConfig:
        """The configuration as the controls stand."""
        unused = tuple(name for name in self.stations.options if name not in self.stations.value)
        return replace(
            self._base,
            likelihood=self.likelihood.value,
            use_p=self.phases["P"].value,
            use_s=self.phases["S"].value,
            leave_out=tuple(sorted({*self._base.leave_out, *unused})),
        )

    def locate_event(self) -> None:
        """Locate the event on show with the controls as they stand, and draw it."""
        if self._prepared is None or self.job.is_busy:
            return
        rows = np.flatnonzero(self._arrivals["event"].values == self.event.value)
        try:
            self.event_result = locate(
                self._arrivals.isel(pick=rows), self._stations, self._ensemble, self.config,
                prepared=self._prepared, trial=self._trial_of(self.event.value),
            )  # fmt: skip
        except SeisnbError as error:
            self.alert.value = escape(str(error))
            return
        self.alert.value = ""
        self._draw_event()

    def locate_all(self) -> None:
        """Locate every event in the background."""
        config = self.config
        prepared = self._prepared
        if prepared is None:
            raise InputError("locate_all: the travel times are still being computed. Wait.")

        def work(progress: Callable[[Any], None], cancel: Callable[[], bool]) -> xr.Dataset:
            return locate(
                self._arrivals, self._stations, self._ensemble, config, prepared=prepared,
                trial=self._trial, progress=progress, cancel=cancel,
            )  # fmt: skip

        self._start("Locating", work, self._take_hypocentres)

    def save(self) -> None:
        """Write all events' results to the folder named.

        Raises
        ------
        InputError
            The events were not located yet.
        OutputError
            The folder cannot be written.
        """
        if self.hypocentres is None:
            raise InputError("save: nothing was located yet. Locate all events first.")
        folder = Path(self.folder.value)
        folder.mkdir(parents=True, exist_ok=True)
        save_hypocentres(self.hypocentres, folder / "hypocentres.nc")
        write_quakeml(self.hypocentres, folder / "catalogue.xml")
        write_location_report(self.hypocentres, folder / "report.html")
        self.status.value = f"Saved to {escape(str(folder))}."

    def _connect(self) -> None:
        """Make the controls do what they say."""
        self.event.observe(lambda _: self._guarded(self._change_event), "value")
        for control in (self.likelihood, self.stations, *self.phases.values()):
            control.observe(lambda _: self._guarded(self._change), "value")
        self.all_button.on_click(lambda _: self._guarded(self.locate_all))
        self.cancel_button.on_click(lambda _: self.job.cancel())
        self.save_button.on_click(lambda _: self._guarded(self.save))
        self.job.observe(lambda _: self._show_job(), ["status", "progress", "error"])
        self.tabs.observe(lambda _: self._draw_catalogue(), "selected_index")

    def _guarded(self, action: Callable[[], None]) -> None:
        """Do it; what goes wrong is said in the page."""
        try:
            action()
        except SeisnbError as error:
            self.alert.value = escape(str(error))
        except Exception as error:  # noqa: BLE001 (nobody sees a widget callback's exception)
            _log.exception("a control of the dashboard failed")
            self.alert.value = escape(f"{type(error).__name__}: {error}")

    def _change(self) -> None:
        """A control of the event was changed."""
        if not self._is_filling:
            self.locate_event()

    def _change_event(self) -> None:
        """Another event is on show."""
        self._fill_stations()
        self.locate_event()

    def _fill_stations(self) -> None:
        """The stations with picks of the event on show, all in use."""
        own = self._arrivals["event"].values == self.event.value
        names = sorted({str(name) for name in self._arrivals["station"].values[own]})
        known = set(map(str, self._stations["station"].values))
        self._is_filling = True
        self.stations.options = [name for name in names if name in known]
        self.stations.value = tuple(self.stations.options)
        self._is_filling = False

    def _prepare(self, progress: Callable[[Any], None], cancel: Callable[[], bool]) -> Prepared:
        """Travel times of all stations that have picks."""
        used = np.isin(self._stations["station"].values, self._arrivals["station"].values)
        return prepare(
            self._stations.isel(station=used), self._ensemble, self._base,
            progress=progress, cancel=cancel,
        )  # fmt: skip

    def _start(
        self,
        words: str,
        work: Callable[[Callable[[Any], None], Callable[[], bool]], Any],
        deliver: Callable[[Any], None],
    ) -> None:
        """Run background work."""
        self._words = words
        self.job.start(work, deliver)

    def _take_prepared(self, prepared: Prepared) -> None:
        """Travel times stand."""
        self._prepared = prepared

    def _take_hypocentres(self, hypocentres: xr.Dataset) -> None:
        """All events are located."""
        self.hypocentres = hypocentres

    def _show_job(self) -> None:
        """Progress, end or failure of the background work."""
        job, progress = self.job, self.job.progress
        if progress is not None:
            self.bar.max, self.bar.value = max(progress.total, 1), progress.done
        if job.is_busy:
            count = "" if progress is None else f" ({progress.done} of {progress.total})"
            self.status.value = f"{self._words}{count} ..."
        elif job.status == "failed":
            self.alert.value = escape(job.error)
            self.status.value = "Failed."
        elif job.status in ("done", "cancelled"):
            self.status.value = "Cancelled." if job.status == "cancelled" else "Ready."
            if self.hypocentres is not None and self._words == "Locating":
                self.status.value = escape(verdict(self.hypocentres))
                self._draw_catalogue()
            elif self._prepared is not None:
                self._guarded(self.locate_event)

    def _trial_of(self, name: str) -> xr.Dataset | None:
        """The other answer for one event, if there is one."""
        if self._trial is None or name not in set(map(str, self._trial["event"].values)):
            return None
        return self._trial.sel(event=[name])

    def _draw_event(self) -> None:
        """The event on show."""
        found = self.event_result
        if found is None:
            return
        trial = self._trial_of(self.event.value)
        place = None
        if trial is not None and self._prepared is not None:
            x, y = Projection(found.attrs["projection"]).forward(
                trial["longitude"].values, trial["latitude"].values
            )
            place = (float(x[0]), float(y[0]), float(trial["depth"].values[0]))
        self.panes["Event"].show(
            event_figure(found, 0, trial=place), description=f"clouds of event {self.event.value}"
        )
        mean, std = float(found["mean_depth"][0]), found["std"].values[0]
        self.status.value = (
            f"{escape(str(self.event.value))}: depth {mean:.1f} ± {std[2]:.1f} km, "
            f"{int(found['n_used'][0])} picks, rms {float(found['rms'][0]):.2f} s"
        )
        if self.hypocentres is None:
            self._draw_catalogue()

    def _draw_catalogue(self) -> None:
        """Map, residuals and models of all events, or of the one on show."""
        found = self.event_result if self.hypocentres is None else self.hypocentres
        if found is not None:
            self._draw_of(found)

    def _draw_of(self, found: xr.Dataset) -> None:
        """The tab on show, of a catalogue."""
        makers: dict[str, Callable[[xr.Dataset], Any]] = {
            "Map": catalogue_map,
            "Residuals": residual_figure,
            "Models": model_figure,
        }
        name = list(self.panes)[self.tabs.selected_index or 0]
        if name in makers:
            self.panes[name].show(makers[name](found), description=name)


def _empty(name: str) -> Any:
    """A figure with nothing in it yet."""
    return base_figure(
        title=f"{name}: not located yet", x_label="", y_label="", x_range=(0, 1), y_range=(0, 1),
        frame_width=560, frame_height=320, description=name,
    )  # fmt: skip
