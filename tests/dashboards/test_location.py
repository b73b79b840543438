"""The location dashboard and report: what a person does, and what the page then says."""

from __future__ import annotations

import time
from html.parser import HTMLParser

import numpy as np
import pytest
import xarray as xr

from seisnb.conventions import InputError
from seisnb.dashboards import LocationDashboard
from seisnb.dashboards.figures.boundary import boundary_panels
from seisnb.dashboards.figures.location import catalogue_map, event_figure
from seisnb.dashboards.location_report import key_numbers, verdict, write_location_report
from seisnb.io import open_hypocentres
from seisnb.location import LineBoundary, locate
from tests.location.conftest import TRUE, arrivals_at, ensemble_of, network, settings


@pytest.fixture(scope="module")
def located() -> xr.Dataset:
    stations = network()
    arrivals = arrivals_at(stations, [TRUE, (-10.0, 6.0, 18.0)])
    names = arrivals["event"].values.astype("U40")
    names[names == "ev1"] = "<script>alert(1)</script>"
    arrivals["event"] = ("pick", names)
    return locate(arrivals, stations, ensemble_of(6), settings())


def dashboard() -> LocationDashboard:
    stations = network()
    arrivals = arrivals_at(stations, [TRUE, (-10.0, 6.0, 18.0)])
    made = LocationDashboard(arrivals, stations, ensemble_of(8), settings(n_samples=300))
    assert made.job.wait(120)
    deadline = time.monotonic() + 20
    while made.event_result is None and time.monotonic() < deadline:
        time.sleep(0.05)
    return made


def test_phases_and_stations_move_the_posterior() -> None:
    made = dashboard()
    assert made.alert.value == ""
    assert "ev0: depth" in made.status.value
    first = made.event_result
    made.phases["S"].value = False
    assert made.event_result["n_used"].item() == 12
    assert made.event_result["std"][0, 2] > first["std"][0, 2]
    made.stations.value = made.stations.options[:6]
    assert made.event_result["n_stations"].item() == 6
    made.likelihood.value = "gaussian"
    assert '"likelihood": "gaussian"' in made.event_result.attrs["config"]
    made.event.value = "ev1"
    assert len(made.stations.value) == 12  # all of the other event's
    assert made.event_result["event"].values.tolist() == ["ev1"]
    assert made.panes["Event"].description == "clouds of event ev1"


def test_too_few_stations_are_said_in_the_page_and_the_last_answer_stays() -> None:
    made = dashboard()
    before = made.event_result
    made.stations.value = made.stations.options[:2]
    assert "at least 4 picks at 3 stations" in made.alert.value
    assert made.event_result is before
    made.stations.value = made.stations.options
    assert made.alert.value == ""


def test_all_events_in_the_background_and_saved(tmp_path) -> None:
    made = dashboard()
    made.save_button.click()
    assert "Locate all events first" in made.alert.value
    made.all_button.click()
    assert made.job.wait(60)
    assert made.hypocentres.sizes["event"] == 2
    for index in range(4):
        made.tabs.selected_index = index
    assert made.panes["Map"].description == "Map"
    made.folder.value = str(tmp_path / "out")
    made.save_button.click()
    assert open_hypocentres(tmp_path / "out" / "hypocentres.nc").sizes["event"] == 2
    assert (tmp_path / "out" / "catalogue.xml").is_file()
    assert (tmp_path / "out" / "report.html").is_file()


def test_every_control_has_a_label() -> None:
    made = dashboard()
    for control in (made.event, made.likelihood, made.stations, made.folder, made.bar,
                    made.all_button, made.cancel_button, made.save_button,
                    *made.phases.values()):  # fmt: skip
        assert control.description


class Texts(HTMLParser):
    """Scripts that are not the library's, and the text of headings."""

    def __init__(self) -> None:
        super().__init__()
        self.headings: list[str] = []
        self._in = ""

    def handle_starttag(self, tag: str, attrs) -> None:
        self._in = tag

    def handle_data(self, data: str) -> None:
        if self._in in ("h1", "h2", "td") and data.strip():
            self.headings.append(data.strip())


def test_the_report_escapes_names_and_says_what_counts(located: xr.Dataset, tmp_path) -> None:
    path = write_location_report(located, tmp_path / "report.html")
    text = path.read_text()
    assert "<script>alert(1)</script>" not in text
    parser = Texts()
    parser.feed(text)
    assert "Event <script>alert(1)</script>" in parser.headings
    assert "Epicentres" in parser.headings
    assert "2 events located" in verdict(located)
    numbers = key_numbers(located)
    assert numbers["Velocity models"] == "6"
    assert numbers["Picks located with"] == "48 of 48"
    assert "<script src" not in text  # BokehJS is in the page
    assert "<link" not in text
    with pytest.raises(InputError, match="expected what locate returns"):
        write_location_report(located.assign_attrs(kind="ensemble"), tmp_path / "x.html")


def test_a_verdict_names_what_is_wrong(located: xr.Dataset) -> None:
    poor = located.copy(deep=True)
    poor["ess"].values[:] = 20
    poor["edge_mass"].values[0] = 0.5
    poor["residual"].values[:] *= 9
    said = verdict(poor)
    assert "raise n_samples" in said
    assert "widen it" in said
    assert "model_share" in said


def test_figures_hold_what_they_say(located: xr.Dataset) -> None:
    plot = catalogue_map(located)
    source = plot.select_one({"name": "epicentres"}).data_source.data
    np.testing.assert_allclose(source["x"], located["mean_easting"])
    figure = event_figure(located, 0, trial=TRUE)
    names = {r.name for r in figure.select({"type": type(plot.renderers[0])}) if r.name}
    assert {"cloud all velocity models", "cloud mean model only"} <= names
    line = LineBoundary(along=np.array([-40.0, 40.0]), depth=np.array([8.0, 16.0]))
    panels = boundary_panels(located, [line, line], within=2.0)
    assert len(panels.children) == 2
    assert "within 2 km" in panels.children[1].title.text
