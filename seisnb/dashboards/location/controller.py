"""The model behind the location dashboard: no widgets, usable by code and by tests.

A change of a control locates the event on show again, in a thread.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import traitlets
import xarray as xr

from seisnb.catalogue import event_names
from seisnb.conventions import InputError
from seisnb.dashboards.controller import Controller, reported
from seisnb.dashboards.jobs import Latest
from seisnb.dashboards.location.answers import Answers
from seisnb.dashboards.location.code import code_of, config_of
from seisnb.dashboards.location.data import Data, files_of, read_data
from seisnb.dashboards.location.page import write_event_page
from seisnb.dashboards.location.session import read_location_session, write_location_session
from seisnb.dashboards.location.state import LocationState
from seisnb.dashboards.location_report import verdict, write_location_report
from seisnb.dashboards.machine_profile import machine_profile
from seisnb.dashboards.notebook import write_notebook
from seisnb.dashboards.sessions import output_folder
from seisnb.dashboards.traits import DatasetTrait
from seisnb.io import save_hypocentres, write_quakeml
from seisnb.location import LocationConfig, Prepared, boundary_distance, locate, prepare
from seisnb.location.explore import predicted_arrivals, station_gain
from seisnb.location.interfaces import Boundary
from seisnb.location.prepare import Models
from seisnb.location.station_depths import check_station_depths
from seisnb.projection import Projection

#: Distance from the boundary [km] whose probability is told.
WITHIN = 2.0


class LocationController(Controller):
    """The actions of a location dashboard.

    Parameters
    ----------
    arrivals, stations, models
        As for :func:`seisnb.location.locate`; all three or none.
    config : LocationConfig, optional
        Settings that the controls do not show.
    trial : xr.Dataset, optional
        Other hypocentres of the events.
    boundary : Boundary or sequence, optional
        As for :func:`seisnb.location.boundary_distance`.

    Attributes
    ----------
    state : LocationState
        What is set and looked at.
    event_result, hypocentres : xr.Dataset or None
        The event on show as located last; all events once they were located.
    is_refined : bool
        ``event_result`` is the full answer, not the quick one.
    predicted, gain : xr.Dataset or None
        What the trial hypocentre predicts; what the station to be tried would bring.
    is_ready : bool
        Travel times are there.
    events : list of str
        Events that the filters leave.
    """

    state: LocationState
    event_result = DatasetTrait(None, allow_none=True)
    hypocentres = DatasetTrait(None, allow_none=True)
    predicted = DatasetTrait(None, allow_none=True)
    gain = DatasetTrait(None, allow_none=True)
    is_refined = traitlets.Bool(False)
    is_ready = traitlets.Bool(False)
    data_number = traitlets.Int(0)

    def __init__(
        self,
        arrivals: xr.Dataset | None = None,
        stations: xr.Dataset | None = None,
        models: Models | None = None,
        config: LocationConfig | None = None,
        *,
        trial: xr.Dataset | None = None,
        boundary: Boundary | Sequence[Boundary] | None = None,
    ) -> None:
        super().__init__(
            LocationState(config=config or LocationConfig(**machine_profile().location))
        )
        self._data: Data | None = None
        self.latest = Latest(self.reporting)
        self.prepared: Prepared | None = None
        self._located: tuple[Any, ...] = ()
        self._answers = Answers()
        self._trial_worker, self._gain_worker = Latest(self.reporting), Latest(self.reporting)
        if (arrivals is None, stations is None, models is None).count(True) not in (0, 3):
            raise InputError(
                "LocationDashboard: arrivals, stations and models go together; give all three, or "
                "none and open files."
            )
        if arrivals is not None and stations is not None and models is not None:
            self._data = Data(
                arrivals=arrivals, stations=stations, models=models, trial=trial, boundary=boundary
            )
            self.state.likelihood = self.state.config.likelihood
            self._begin()
        self.history.forget()

    @property
    def has_data(self) -> bool:
        """There are arrivals, stations and models."""
        return self._data is not None

    @property
    def data(self) -> Data:
        """What is located with.

        Raises
        ------
        InputError
            Nothing was opened yet.
        """
        if self._data is None:
            raise InputError("dashboard: there are no data yet. Open files first.")
        return self._data

    @property
    def config(self) -> LocationConfig:
        """The configuration as the controls stand."""
        return config_of(self.state, self._station_names())

    @property
    def code(self) -> str:
        """Python that makes what the dashboard shows."""
        return code_of(self.state, self._station_names())

    @property
    def events(self) -> list[str]:
        """Events that the filters leave, in order."""
        if not self.has_data:
            return []
        count = self.pick_counts()
        part = self.state.filter.strip().lower()
        return [
            name
            for name in event_names(self.data.arrivals)
            if part in name.lower() and count[name] >= self.state.least_picks
        ]

    def pick_counts(self) -> dict[str, int]:
        """Number of picks of every event."""
        events = self.data.arrivals["event"].values.astype(str)
        names, counts = np.unique(events, return_counts=True)
        return dict(zip(names.tolist(), counts.tolist(), strict=True))

    def stations_of_event(self) -> list[str]:
        """Stations with picks of the event on show that are known."""
        if not self.has_data:
            return []
        own = self.data.arrivals["event"].values.astype(str) == self.state.event
        known = set(self._station_names())
        names = {str(name) for name in self.data.arrivals["station"].values[own]}
        return sorted(names & known)

    # ---- data ------------------------------------------------------------------------------

    @reported
    def open(
        self,
        arrivals: str,
        stations: str,
        models: str,
        *,
        format: str = "",
        pick_std: str = "",
        boundary: str = "",
    ) -> None:
        """Read arrivals, stations and models; patterns such as ``vel_*.csv`` name many files."""
        if self.job.is_busy:
            raise InputError("dashboard: work is running. Cancel it to open other files.")
        opened = files_of(
            arrivals, stations, models, format=format, pick_std=pick_std, boundary=boundary
        )
        self._apply({"opened": opened, "unused": (), "trial": [], "new_station": []})
        self.history.record("open files")

    def _begin(self) -> None:
        """Look at new data: travel times in the background, the first event on show."""
        names = event_names(self.data.arrivals)
        if self.state.event not in names:
            self.state.event = names[0]
        self.event_result = self.hypocentres = self.predicted = self.gain = None
        self.prepared, self.is_ready, self._located = None, False, ()
        self._answers.forget()
        self.latest.ask(lambda _: None)  # what was asked of other data is old
        self.note = " ".join(check_station_depths(self.data.stations))
        self.data_number += 1

        def work(progress: Callable[[Any], None], cancel: Callable[[], bool]) -> Prepared:
            data = self.data
            used = np.isin(data.stations["station"].values, data.arrivals["station"].values)
            return prepare(
                data.stations.isel(station=used), data.models, self.state.config,
                progress=progress, cancel=cancel,
            )  # fmt: skip

        self.job.start(work, self._take_prepared)

    def _take_prepared(self, prepared: Prepared) -> None:
        with self._lock:
            self.prepared, self.is_ready = prepared, True
        self._follow()

    # ---- one event -------------------------------------------------------------------------

    def _asked(self) -> tuple[Any, ...]:
        """What the answer for the event on show depends on."""
        s = self.state
        return (s.event, s.likelihood, s.use_p, s.use_s, s.unused, s.config, self.data_number)

    def _follow(self) -> None:
        """Locate the event on show again where something that matters has changed."""
        asked = self._asked()
        if self.prepared is None or asked == self._located:
            return
        is_same_event = bool(self._located) and self._located[0] == asked[0]
        self._located = asked
        if not is_same_event:
            self.predicted = self.gain = None
        config = self.config
        rows = np.flatnonzero(self.data.arrivals["event"].values.astype(str) == self.state.event)
        arrivals, trial = self.data.arrivals.isel(pick=rows), self._trial_of(self.state.event)
        prepared, stations, models = self.prepared, self.data.stations, self.data.models

        def find(which: LocationConfig, is_old: Callable[[], bool]) -> xr.Dataset:
            return locate(
                arrivals, stations, models, which, prepared=prepared, trial=trial, cancel=is_old
            )

        self.latest.ask(
            lambda is_old: self._answers.give(asked, config, find, self._take_event, is_old)
        )

    def _take_event(self, found: xr.Dataset, is_refined: bool) -> None:
        with self._lock:
            self.is_refined = is_refined
            self.event_result = found
            if is_refined:
                self._predict()
                self._try_station()

    def _trial_of(self, name: str) -> xr.Dataset | None:
        """The other answer for one event, if there is one."""
        trial = self.data.trial if self.has_data else None
        if trial is None or name not in set(map(str, trial["event"].values)):
            return None
        return trial.sel(event=[name])

    def other_place(self) -> list[float]:
        """The other answer for the event on show, [easting, northing, depth] km; or empty."""
        trial = self._trial_of(self.state.event)
        if trial is None or self.prepared is None:
            return []
        x, y = Projection(self.prepared.stations.attrs["projection"]).forward(
            trial["longitude"].values, trial["latitude"].values
        )
        return [float(x[0]), float(y[0]), float(trial["depth"].values[0])]

    def mean_place(self) -> list[float]:
        """Mean of the posterior on show, [easting, northing, depth] km; or empty."""
        if self.event_result is None:
            return []
        names = ("easting", "northing", "depth")
        return [self.event_result[f"mean_{name}"].item() for name in names]

    def _predict(self) -> None:
        """What the trial hypocentre predicts, soon."""
        place = self.state.trial or self.other_place() or self.mean_place()
        if not place or self.prepared is None:
            return
        rows = np.flatnonzero(self.data.arrivals["event"].values.astype(str) == self.state.event)
        arrivals, config, prepared = self.data.arrivals.isel(pick=rows), self.config, self.prepared

        def work(is_old: Callable[[], bool]) -> None:
            found = predicted_arrivals(arrivals, prepared, (place[0], place[1], place[2]), config)
            if not is_old():
                self.predicted = found

        self._trial_worker.ask(work)

    def _try_station(self) -> None:
        """What the station to be tried would bring, soon."""
        place, one = self.state.new_station, self.event_result
        if not place or one is None or self.prepared is None:
            self.gain = None
            return
        prepared = self.prepared
        std = self.data.arrivals["pick_std"].values
        is_s = self.data.arrivals["phase"].values.astype(str) == "S"
        p, s = (
            float(np.median(std[own])) if own.any() else float(np.median(std))
            for own in (~is_s, is_s)
        )
        phases = tuple(
            name for name, on in (("P", self.state.use_p), ("S", self.state.use_s)) if on
        )

        def work(is_old: Callable[[], bool]) -> None:
            found = station_gain(
                one, prepared, (place[0], place[1], place[2]), pick_std=(p, s), phases=phases
            )
            if not is_old():
                self.gain = found

        self._gain_worker.ask(work)

    def wait(self, timeout: float = 30.0) -> bool:
        """Wait for everything that follows the controls; True when it came in time."""
        until = time.monotonic() + timeout
        workers = (self.latest, self._trial_worker, self._gain_worker)
        return all(each.wait(max(until - time.monotonic(), 0.0)) for each in workers)

    # ---- all events ------------------------------------------------------------------------

    @reported
    def locate_all(self) -> None:
        """Locate every event that the filters leave, in the background."""
        if self.prepared is None:
            raise InputError("dashboard: the travel times are still being computed. Wait.")
        names = self.events
        if not names:
            raise InputError("dashboard: the filters leave no event. Loosen them.")
        config, prepared = self.config, self.prepared
        rows = np.flatnonzero(np.isin(self.data.arrivals["event"].values.astype(str), names))
        arrivals = self.data.arrivals.isel(pick=rows)
        trial = self.data.trial
        if trial is not None and not set(map(str, trial["event"].values)) & set(names):
            trial = None

        def work(progress: Callable[[Any], None], cancel: Callable[[], bool]) -> xr.Dataset:
            return locate(
                arrivals, self.data.stations, self.data.models, config, prepared=prepared,
                trial=trial, progress=progress, cancel=cancel,
            )  # fmt: skip

        self.job.start(work, self._take_all)

    def _take_all(self, found: xr.Dataset) -> None:
        self.hypocentres = found
        self.note = verdict(found)

    def distance(self, hypocentres: xr.Dataset | None) -> xr.Dataset | None:
        """Distance of events from the boundary; None where one of them is missing."""
        if not self.has_data or self.data.boundary is None or hypocentres is None:
            return None
        return boundary_distance(hypocentres, self.data.boundary, within=WITHIN)

    # ---- saving ----------------------------------------------------------------------------

    @reported
    def save(self, folder: str) -> None:
        """Write results into a folder: data, QuakeML, report, offline event page, notebook."""
        found = self.hypocentres if self.hypocentres is not None else self.event_result
        if found is None:
            raise InputError("dashboard: nothing was located yet.")
        target = output_folder(folder)
        save_hypocentres(found, target / "hypocentres.nc")
        write_quakeml(found, target / "catalogue.xml")
        write_location_report(found, target / "report.html")
        if self.event_result is not None:
            write_event_page(self.event_result, target / "event.html")
        write_notebook(self.code, target / "reproduce.ipynb", title="Location, as set by hand")
        self.note = (
            f"Saved hypocentres.nc, catalogue.xml, report.html, event.html, reproduce.ipynb to "
            f"{target}."
        )

    @reported
    def save_session(self, folder: str) -> None:
        """Write the session into a folder: state, links to the data, results."""
        target = write_location_session(folder, self.state, self.data, self.hypocentres)
        self.note = f"Session saved to {target}."

    @reported
    def restore_session(self, folder: str, *, allow_changed: bool = False) -> None:
        """Bring back a session; data that changed are refused, or located anew."""
        if self.job.is_busy:
            raise InputError("dashboard: work is running. Cancel it to restore a session.")
        found = read_location_session(folder, self._data, allow_changed=allow_changed)
        self._data, state, changed = found.data, found.state, found.changed
        known = event_names(self.data.arrivals)
        snapshot = state.snapshot()
        snapshot["event"] = state.event if state.event in known else known[0]
        self.state.change(**self.state._decoded(snapshot, "session"))
        self._begin()
        self.hypocentres = found.hypocentres
        self.history.forget()
        self.note = f"Session restored from {found.root}." + (
            f" {', '.join(changed).capitalize()} have changed since: results are located anew."
            if changed
            else ""
        )

    def _station_names(self) -> tuple[str, ...]:
        return () if self._data is None else self._data.station_names

    def _apply(self, values: dict[str, Any]) -> None:
        """Set values and let what follows them follow."""
        opened = values.get("opened")
        if opened is not None and opened != self.state.opened and opened:
            self._data = read_data(opened)
            self.state.change(**values)
            self._begin()
            return
        before = (self.state.trial, self.state.new_station)
        self.state.change(**values)
        self._follow()
        if self.state.trial != before[0]:
            self._predict()
        if self.state.new_station != before[1]:
            self._try_station()
