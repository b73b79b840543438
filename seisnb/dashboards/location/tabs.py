"""Pictures of a location dashboard: event, section, arrivals, catalogue, models."""

from __future__ import annotations

from html import escape
from typing import Any

import ipywidgets as widgets
import numpy as np
import xarray as xr
from bokeh.models import TapTool

from seisnb.dashboards.controls import choice_control
from seisnb.dashboards.figures.clouds import (
    Clouds,
    arrivals_figure,
    clouds_figure,
    place_points,
    separation_figure,
    update_arrivals,
    update_clouds,
)
from seisnb.dashboards.figures.location import (
    catalogue_map,
    model_figure,
    residual_figure,
    shift_figure,
)
from seisnb.dashboards.figures.style import plain
from seisnb.dashboards.in_sight import InSight
from seisnb.dashboards.location.controller import WITHIN, LocationController
from seisnb.dashboards.location.section import (
    Line,
    event_overlays,
    line_through,
    location_section,
)
from seisnb.dashboards.location.state import ANSWERS
from seisnb.dashboards.looks import small_button, text_box, wrapped_row
from seisnb.dashboards.pane import HEARD, BokehPane
from seisnb.dashboards.section_data import empty_section
from seisnb.dashboards.section_link import link
from seisnb.dashboards.section_view import SectionView
from seisnb.dashboards.state import SECTION_TRAITS


class EventTab(InSight):
    """Clouds of the event on show; a trial hypocentre and a station to try can be dragged."""

    def __init__(self, controller: LocationController, index: int) -> None:
        super().__init__(controller, index)
        self.controller = act = controller
        self._clouds: Clouds | None = None
        self.answer = choice_control("Show", ANSWERS, act.state.answer, tip="Answers drawn")
        self.place_trial = small_button("Trial hypocentre", "crosshairs", "Put one at the mean")
        self.place_station = small_button("Try a station", "plus", "Put one beside the event")
        self.clear = small_button("Clear both", "times", "Take trial and station away")
        self.gain = text_box()
        self.pane = BokehPane(description="No event was located yet.")
        self.separation = BokehPane(description="depth below the boundary")
        self.widget = widgets.VBox(
            [
                wrapped_row(self.answer, self.place_trial, self.place_station, self.clear),
                self.gain, self.pane, self.separation,
            ]
        )  # fmt: skip
        self.separation.layout.display = "none"
        self._shown: tuple[str, int] | None = None
        self._is_placing = False
        self.answer.observe(self._on_answer, "value")
        self.place_trial.on_click(lambda _: self._place("trial"))
        self.place_station.on_click(lambda _: self._place("new_station"))
        self.clear.on_click(
            lambda _: act.change("clear trial and station", trial=[], new_station=[])
        )
        act.observe(act.guarded(self.refresh), "event_result")
        act.observe(act.guarded(self._tell_gain), "gain")
        act.state.observe(act.guarded(self.refresh), "answer")
        act.state.observe(act.guarded(self._points), ["trial", "new_station"])

    def _on_answer(self, change: dict[str, Any]) -> None:
        if change["new"] != self.controller.state.answer:
            self.controller.change(f"show {change['new']}", answer=change["new"])

    def _place(self, name: str) -> None:
        """Put a point where it can be seen and dragged."""
        act = self.controller
        with act.reporting():
            mean = act.mean_place()
            if not mean:
                return
            if name == "trial":
                act.change("place a trial hypocentre", trial=mean)
            else:
                depth = float(np.median(act.event_result["station_depth"].values))
                spread = float(act.event_result["std"].values[0, 0])
                place = [mean[0] + max(spread, 0.5), mean[1], depth]
                act.change("try a station", new_station=place)

    def _draw(self) -> None:
        act = self.controller
        found = act.event_result
        if found is None:
            self._shown = self._clouds = None
            self.pane.clear("No event was located yet.")
            return
        one = found.isel(event=0)
        key = (str(one["event"].values), act.data_number)
        self.answer.value = act.state.answer
        if key != self._shown:
            self._clouds = clouds_figure(one, heard=HEARD)
            for name in ("trial", "new_station"):
                source = self._clouds.sources[name]
                source.on_change("data", self._dragged(name, source))
            if act.state.answer != "both":
                update_clouds(self._clouds, one, answer=act.state.answer)
            self.pane.show(self._clouds.layout, description=f"clouds of event {plain(key[0], 40)}")
            self._shown = key
            self._points()
        elif self._clouds is not None:
            with self.pane.together():
                update_clouds(self._clouds, one, answer=act.state.answer)
                self._points()
        distance = act.distance(found)
        if distance is not None:
            plot = separation_figure(distance.isel(event=0).assign_attrs(within=WITHIN))
            self.separation.show(plot, description=plot.title.text)
        self.separation.layout.display = "none" if distance is None else ""

    def _points(self) -> None:
        """Put the draggable points where the state has them."""
        state = self.controller.state
        if self._clouds is None:
            return
        trial = state.trial or self.controller.other_place()
        self._is_placing = True
        try:
            place_points(self._clouds, trial, state.new_station)
        finally:
            self._is_placing = False

    def _dragged(self, name: str, source: Any) -> Any:
        """What dragging a point does."""

        def dragged(_: str, __: object, data: dict[str, Any]) -> None:
            if self._is_placing or not len(data["x"]):
                return
            place = [float(np.asarray(data[k])[-1]) for k in "xyz"]
            label = "drag the trial hypocentre" if name == "trial" else "drag the station"
            self.controller.change(label, f"drag {name}", **{name: place})

        return dragged

    def _tell_gain(self) -> None:
        """What the station to be tried would bring, in words."""
        gain = self.controller.gain
        if gain is None:
            self.gain.value = ""
            return
        before, after = gain["std_before"].values, gain["std_after"].values
        rows = "".join(
            f"<tr><th scope='row'>{name}</th><td>{b:.2f} km</td><td>{a:.2f} km</td>"
            f"<td>{(a / b - 1):+.0%}</td></tr>"
            for name, b, a in zip(gain["component"].values, before, after, strict=True)
        )
        rough = (
            " Few samples decide: take it as rough."
            if gain["effective_samples"].item() < 20
            else ""
        )
        picks = " and ".join(gain.attrs["phases"])
        self.gain.value = (
            f"<p>Expected posterior with {escape(picks)} picked at the station to "
            f"try ({', '.join(f'{v:.1f}' for v in gain.attrs['place'])} km).{rough}</p>"
            "<table><thead><tr><th scope='col'>Std of</th><th scope='col'>now</th>"
            f"<th scope='col'>with it</th><th scope='col'>change</th></tr></thead>"
            f"<tbody>{rows}</tbody></table>"
        )


class SectionTab(InSight):
    """The velocity ensemble along a line through the event."""

    def __init__(self, controller: LocationController, index: int) -> None:
        super().__init__(controller, index)
        self.controller = act = controller
        style = {"description_width": "150px"}
        wide = widgets.Layout(width="400px")
        self.azimuth = widgets.FloatSlider(
            value=act.state.azimuth, min=0, max=180, step=5, description="Azimuth [°]",
            continuous_update=False, style=style, layout=wide,
        )  # fmt: skip
        self.half_length = widgets.FloatSlider(
            value=act.state.half_length, min=0, max=200, step=5, continuous_update=False,
            description="Half length [km]", style=style, layout=wide,
        )  # fmt: skip
        self.view = SectionView(empty_section(), description="velocity section at the event")
        self.words = text_box("<p>No event was located yet.</p>")
        self.widget = widgets.VBox(
            [wrapped_row(self.azimuth, self.half_length), self.words, self.view]
        )
        self.view.layout.display = "none"
        link(self.view, act, (*SECTION_TRAITS, "is_weighted"))
        self.azimuth.observe(lambda c: self._asked(azimuth=c["new"]), "value")
        self.half_length.observe(lambda c: self._asked(half_length=c["new"]), "value")
        self._line: Line | None = None
        self._key: tuple[Any, ...] = ()
        act.observe(act.guarded(self.refresh), "event_result")
        act.state.observe(act.guarded(self.refresh), ["azimuth", "half_length", "answer", "trial"])

    def _asked(self, **values: Any) -> None:
        if any(getattr(self.controller.state, k) != v for k, v in values.items()):
            self.controller.change("turn the section", "turn the section", **values)

    def _draw(self) -> None:
        act, state = self.controller, self.controller.state
        self.azimuth.value, self.half_length.value = state.azimuth, state.half_length
        found = act.event_result
        is_empty = found is None or act.prepared is None
        self.view.layout.display = "none" if is_empty else ""
        self.words.value = "<p>No event was located yet.</p>" if is_empty else ""
        if found is None or act.prepared is None:
            self._key = ()
            return
        one = found.isel(event=0)
        key = (str(one["event"].values), act.data_number, state.azimuth, state.half_length)
        if self._line is None or key != self._key:
            self._line = line_through(one, state.azimuth, state.half_length)
            title = f"Event {plain(one['event'].values, 40)}"
            self.view.show(location_section(act.prepared.ensemble, one, self._line, title=title))
            self._key = key
        self.view.set_overlays(
            event_overlays(
                one, self._line, trial=state.trial, boundary=act.data.boundary, within=WITHIN,
                answer=state.answer,
            )
        )  # fmt: skip
        weights = found["model_probability"].values[0][: self.view.n_members]
        self.view.set_other_weights(weights, "weighted by this earthquake")


class ArrivalsTab(InSight):
    """Observed against predicted arrivals per station, from the trial hypocentre."""

    def __init__(self, controller: LocationController, index: int) -> None:
        super().__init__(controller, index)
        self.controller = act = controller
        self.pane = BokehPane(description="No event was located yet.")
        # numbers, not sliders: a browser moves a slider's value into a range that changes, and
        # reports that as if a person had done it
        self.place = [
            widgets.FloatText(
                description=f"{name} [km]", step=0.5, style={"description_width": "110px"},
                layout=widgets.Layout(width="220px"),
            )
            for name in ("Easting", "Northing", "Depth")
        ]  # fmt: skip
        self.widget = widgets.VBox([wrapped_row(*self.place), self.pane])
        self._is_filling = False
        self._shown: tuple[Any, ...] = ()
        for box in self.place:
            box.observe(lambda _: self._moved(), "value")
        act.observe(act.guarded(self.refresh), "predicted")

    def _moved(self) -> None:
        if not self._is_filling and self.controller.event_result is not None:
            place = [box.value for box in self.place]
            self.controller.change("move the trial hypocentre", "move the trial", trial=place)

    def _draw(self) -> None:
        act = self.controller
        found = act.predicted
        if found is None:
            self._shown = ()
            return
        key = (found.attrs["event"], act.data_number, tuple(sorted(set(found["station"].values))))
        if key == self._shown and self.pane.model is not None:
            update_arrivals(self.pane.model, found)
        else:
            plot = arrivals_figure(found)
            self.pane.show(
                plot, description=f"observed less predicted arrivals of {found.attrs['event']}"
            )
            self._shown = key
        self._is_filling = True
        try:
            for box, value in zip(self.place, found.attrs["place"], strict=True):
                box.value = round(value, 3)
        finally:
            self._is_filling = False


class CatalogueTab(InSight):
    """All events: map, shifts of depth, residuals; a tap on an event shows it."""

    def __init__(self, controller: LocationController, index: int) -> None:
        super().__init__(controller, index)
        self.controller = act = controller
        self.words = text_box()
        self.map = BokehPane(description="No event was located yet.")
        self.shifts = BokehPane(description="what the models' uncertainty changes")
        self.residuals = BokehPane(description="residuals by station")
        self.widget = widgets.VBox([self.words, self.map, self.shifts, self.residuals])
        act.observe(act.guarded(self.refresh), ["hypocentres", "event_result"])

    def _draw(self) -> None:
        act = self.controller
        found = act.hypocentres
        if found is None and not act.is_refined and act.event_result is not None:
            return  # the full answer is on its way
        found = act.event_result if found is None else found
        if found is None:
            self.map.clear("No event was located yet.")
            for pane in (self.shifts, self.residuals):
                pane.layout.display = "none"
            return
        plot = catalogue_map(found)
        dots = plot.select_one({"name": "epicentres"})
        plot.add_tools(tap := TapTool(renderers=[dots]))
        plot.toolbar.active_tap = tap
        names = [str(name) for name in found["event"].values]
        dots.data_source.selected.on_change("indices", self._tapped(names))
        self.map.show(plot, description="map of the events")
        several = found.sizes["event"] > 1
        shifts = shift_figure(found) if several else None
        if shifts is not None:
            self.shifts.show(shifts, description="what the models' uncertainty changes")
        self.shifts.layout.display = "" if shifts is not None else "none"
        self.residuals.show(residual_figure(found), description="residuals by station")
        self.residuals.layout.display = ""
        self.words.value = self._distance_words(found)

    def _distance_words(self, found: xr.Dataset) -> str:
        distance = self.controller.distance(found)
        if distance is None:
            return ""
        chance = float(np.median(distance["probability_within"].values))
        single = ""
        if "single_probability_within" in distance:
            one = float(np.median(distance["single_probability_within"].values))
            single = f" (in the mean model alone: {one:.2f})"
        return (
            f"<p>Median probability of lying within {WITHIN:g} km of the boundary: {chance:.2f}"
            f"{single}.</p>"
        )

    def _tapped(self, names: list[str]) -> Any:
        def tapped(_: str, __: object, indices: list[int]) -> None:
            if indices and names[indices[0]] != self.controller.state.event:
                name = names[indices[0]]
                self.controller.change(f"look at {name}", event=name, trial=[])

        return tapped


class ModelsTab(InSight):
    """What earthquakes say of the models."""

    def __init__(self, controller: LocationController, index: int) -> None:
        super().__init__(controller, index)
        self.controller = act = controller
        self.which = choice_control("From", ("this event", "all events"), "this event")
        self.words = text_box()
        self.pane = BokehPane(description="No event was located yet.")
        self.widget = widgets.VBox([self.which, self.words, self.pane])
        self.which.observe(act.guarded(self.refresh), "value")
        act.observe(act.guarded(self.refresh), ["event_result", "hypocentres"])

    def _draw(self) -> None:
        act = self.controller
        found = act.event_result if self.which.value == "this event" else act.hypocentres
        if found is None:
            self.pane.clear("No event was located yet.")
            self.words.value = ""
            return
        n = float(np.median(found["n_effective_models"].values))
        total = found.sizes["member"]
        self.words.value = (
            f"<p>{n:.1f} effective models of {total} are left"
            f"{'' if found.sizes['event'] == 1 else ' (median over the events)'}. The section "
            "shows the velocity with these weights: Layers, weighted by this earthquake.</p>"
        )
        self.pane.show(model_figure(found), description="probabilities of the models")
