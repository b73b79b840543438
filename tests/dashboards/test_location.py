"""The location dashboard and report: what a person does, and what the page then says."""

from __future__ import annotations

import threading
import time
from html.parser import HTMLParser
from pathlib import Path

import ipywidgets as widgets
import numpy as np
import pytest
import xarray as xr

from seisnb.conventions import Cancelled, InputError
from seisnb.dashboards import LocationDashboard
from seisnb.dashboards.figures.boundary import boundary_panels
from seisnb.dashboards.figures.location import catalogue_map, event_figure
from seisnb.dashboards.location_report import key_numbers, verdict, write_location_report
from seisnb.io import open_hypocentres, write_arrivals_csv
from seisnb.location import LineBoundary, locate
from tests.location.conftest import TRUE, arrivals_at, ensemble_of, network, settings
from tests.tables import write_stations


@pytest.fixture(scope="module")
def located() -> xr.Dataset:
    stations = network()
    arrivals = arrivals_at(stations, [TRUE, (-10.0, 6.0, 18.0)])
    names = arrivals["event"].values.astype("U40")
    names[names == "ev1"] = "<script>alert(1)</script>"
    arrivals["event"] = ("pick", names)
    return locate(arrivals, stations, ensemble_of(6), settings())


def dashboard(**options) -> LocationDashboard:
    stations = network()
    arrivals = arrivals_at(stations, [TRUE, (-10.0, 6.0, 18.0)])
    made = LocationDashboard(
        arrivals, stations, ensemble_of(8), settings(n_samples=300), **options
    )  # fmt: skip
    assert made.job.wait(120)
    assert made.controller.wait()
    return made


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch) -> None:
    """Results go here."""
    monkeypatch.chdir(tmp_path)


def test_phases_and_stations_move_the_posterior() -> None:
    made = dashboard()
    assert made.alert.value == ""
    assert "ev0: depth" in made.status.value
    assert "quick" not in made.status.value
    first = made.event_result
    made.phases["S"].value = False
    assert made.controller.wait()
    assert made.event_result["n_used"].item() == 12
    assert made.event_result["std"][0, 2] > first["std"][0, 2]
    made.stations.value = made.stations.options[:6]
    assert made.controller.wait()
    assert made.event_result["n_stations"].item() == 6
    made.likelihood.value = "gaussian"
    assert made.controller.wait()
    assert '"likelihood": "gaussian"' in made.event_result.attrs["config"]
    made.events.list.value = "ev1"
    assert made.controller.wait()
    assert made.event_result["event"].values.tolist() == ["ev1"]
    assert made.event_tab.pane.description == "clouds of event ev1"
    assert len(made.stations.value) == 6  # what was taken out stays out


def test_a_quick_answer_comes_first_and_agrees_with_the_full_one() -> None:
    made = dashboard()
    seen = []
    made.controller.observe(
        lambda change: seen.append((made.controller.is_refined, change["new"])), "event_result"
    )
    made.phases["S"].value = False
    assert made.controller.wait()
    assert [refined for refined, _ in seen] == [False, True]
    quick, full = (found for _, found in seen)
    for name in ("mean_easting", "mean_northing", "mean_depth"):
        spread = float(full["std"].values[0].max())
        assert abs(quick[name].item() - full[name].item()) < 0.35 * spread
    assert quick["std"][0, 2] == pytest.approx(full["std"][0, 2].item(), rel=0.3)


def test_what_was_asked_before_is_there_at_once(monkeypatch) -> None:
    made = dashboard()
    first = made.event_result
    made.phases["S"].value = False
    assert made.controller.wait()
    seen = []
    made.controller.observe(
        lambda change: seen.append((made.controller.is_refined, change["new"])), "event_result"
    )
    with monkeypatch.context() as patch:
        patch.setattr("seisnb.dashboards.location.controller.locate", None)
        made.phases["S"].value = True
        assert made.controller.wait()
    assert [refined for refined, _ in seen] == [True]
    assert seen[0][1] is first
    made.stations.value = made.stations.options[:6]  # never asked: located
    assert made.controller.wait()
    assert made.event_result["n_stations"].item() == 6


def test_a_full_answer_that_nobody_waits_for_is_given_up(monkeypatch) -> None:
    made = dashboard()
    begun, given_up = threading.Event(), []

    def watched(arrivals, stations, models, config, *, cancel, **options) -> xr.Dataset:
        if config.blend_models and not begun.is_set():  # the first full answer
            begun.set()
            until = time.monotonic() + 30
            while not cancel() and time.monotonic() < until:
                time.sleep(0.01)
            with pytest.raises(Cancelled):
                locate(arrivals, stations, models, config, cancel=cancel, **options)
            given_up.append(config)
            raise Cancelled("locate: given up.")
        return locate(arrivals, stations, models, config, cancel=cancel, **options)

    monkeypatch.setattr("seisnb.dashboards.location.controller.locate", watched)
    made.phases["S"].value = False
    assert begun.wait(60)
    made.likelihood.value = "gaussian"
    assert made.controller.wait()
    assert len(given_up) == 1
    assert made.alert.value == ""
    assert '"likelihood": "gaussian"' in made.event_result.attrs["config"]


def test_only_the_last_of_quick_changes_is_located() -> None:
    made = dashboard()
    seen = []
    made.controller.observe(lambda change: seen.append(change["new"]), "event_result")
    for value in ("gaussian", "edt", "student", "gaussian"):
        made.likelihood.value = value
    assert made.controller.wait()
    assert '"likelihood": "gaussian"' in seen[-1].attrs["config"]
    assert len(seen) <= 4


def test_too_few_stations_are_said_in_the_page_and_the_last_answer_stays() -> None:
    made = dashboard()
    before = made.event_result
    made.stations.value = made.stations.options[:2]
    assert made.controller.wait()
    assert "at least 4 picks at 3 stations" in made.alert.value
    assert made.event_result is before
    made.stations.value = made.stations.options
    assert made.controller.wait()
    assert made.alert.value == ""


def test_undo_takes_the_posterior_back() -> None:
    made = dashboard()
    made.phases["S"].value = False
    made.shell.undo.click()
    assert made.phases["S"].value
    assert made.controller.wait()
    assert made.event_result["n_used"].item() == 24
    made.shell.redo.click()
    assert not made.state.use_s
    assert made.controller.wait()


def test_all_events_in_the_background_and_saved(tmp_path) -> None:
    made = dashboard()
    made.all_button.click()
    assert made.job.wait(60)
    assert made.hypocentres.sizes["event"] == 2
    assert "±" in made.events.list.options[0][0]
    made.tabs.selected_index = 3
    assert made.catalogue_tab.map.description == "map of the events"
    assert made.catalogue_tab.shifts.layout.display == ""
    made.folder.value = str(tmp_path / "out")
    made.save_button.click()
    assert made.alert.value == ""
    assert open_hypocentres(tmp_path / "out" / "hypocentres.nc").sizes["event"] == 2
    for name in ("catalogue.xml", "report.html", "event.html", "reproduce.ipynb"):
        assert (tmp_path / "out" / name).is_file()
    assert (tmp_path / "out" / "event.html").stat().st_size < 5e6


def test_filters_choose_what_is_listed_and_located() -> None:
    made = dashboard()
    made.events.filter.value = "EV1"
    assert [value for _, value in made.events.list.options] == ["ev1"]
    made.all_button.click()
    assert made.job.wait(60)
    assert made.hypocentres["event"].values.tolist() == ["ev1"]
    made.events.filter.value = "nothing"
    made.all_button.click()
    assert "leave no event" in made.alert.value


def test_a_trial_hypocentre_predicts_arrivals() -> None:
    made = dashboard()
    act = made.controller
    source = made.event_tab._clouds.sources["trial"]
    assert list(source.data["x"]) == []
    made.event_tab.place_trial.click()
    assert act.wait()
    near = act.predicted.attrs["rms"]
    source.data = {"x": [TRUE[0] + 30.0], "y": [TRUE[1]], "z": [TRUE[2]]}
    assert act.wait()
    assert act.state.trial == [TRUE[0] + 30.0, TRUE[1], TRUE[2]]
    assert act.predicted.attrs["rms"] > 5 * near
    made.tabs.selected_index = 2
    made.arrivals_tab.place[2].value = TRUE[2] + 1.0
    assert act.wait()
    assert act.state.trial[2] == pytest.approx(TRUE[2] + 1.0)
    assert "rms" in made.arrivals_tab.pane.model.title.text
    made.event_tab.clear.click()
    assert act.state.trial == []
    assert made.alert.value == ""


def test_a_station_to_try_tells_what_it_would_bring() -> None:
    made = dashboard()
    made.event_tab.place_station.click()
    assert made.controller.wait()
    gain = made.controller.gain
    assert (gain["std_after"] < 1.05 * gain["std_before"]).all()
    assert "Expected posterior" in made.event_tab.gain.value
    source = made.event_tab._clouds.sources["new_station"]
    source.data = {"x": [TRUE[0]], "y": [TRUE[1]], "z": [0.0]}
    assert made.controller.wait()
    assert made.controller.gain.attrs["place"] == [TRUE[0], TRUE[1], 0.0]


def test_the_section_shows_the_ensemble_clouds_and_the_earthquakes_weights() -> None:
    line = LineBoundary(along=np.array([-60.0, 60.0]), depth=np.array([8.0, 16.0]))
    made = dashboard(boundary=line)
    view = made.section_tab.view
    assert view.n_members == 0  # nothing is computed out of sight
    made.tabs.selected_index = 1
    assert view.n_members == 8
    names = {each.name for each in view._overlays}
    assert {"all_cloud", "single_cloud", "boundary", "band", "stations"} <= names
    weights, label = view._other
    np.testing.assert_allclose(weights, made.event_result["model_probability"].values[0])
    assert "earthquake" in label
    before = view.revision
    made.section_tab.azimuth.value = 0.0
    assert view.revision == before + 1
    assert "0°" in view.data.x_label
    made.tabs.selected_index = 0
    assert made.event_tab.separation.layout.display == ""
    assert "P(within 2 km)" in str(
        [item.label for item in made.event_tab.separation.model.legend[0].items]
    )


def test_one_answer_alone_can_be_shown() -> None:
    made = dashboard()
    made.event_tab.answer.value = "one model"
    assert len(made.event_tab._clouds.sources["cloud"].data["x"]) == 0
    assert len(made.event_tab._clouds.sources["cloudsingle_"].data["x"]) > 100
    made.event_tab.answer.value = "all models"
    assert len(made.event_tab._clouds.sources["cloud"].data["x"]) > 100
    assert len(made.event_tab._clouds.sources["cloudsingle_"].data["x"]) == 0


def test_a_session_comes_back_and_changed_data_are_refused(tmp_path) -> None:
    made = dashboard()
    made.phases["S"].value = False
    made.all_button.click()
    assert made.job.wait(60)
    made.shell.session_folder.value = str(tmp_path / "session")
    made.shell.save_session.click()
    assert made.alert.value == ""
    again = dashboard()
    again.controller.restore_session(str(tmp_path / "session"))
    assert again.alert.value == ""
    assert not again.phases["S"].value
    assert again.hypocentres.sizes["event"] == 2
    assert again.job.wait(60)
    assert again.controller.wait()
    assert again.event_result["n_used"].item() == 12
    other = LocationDashboard(
        arrivals_at(network(), [(5.0, 5.0, 9.0)]), network(), ensemble_of(8), settings()
    )
    assert other.job.wait(60)
    other.controller.restore_session(str(tmp_path / "session"))
    assert "arrivals of this dashboard are not those of the session" in other.alert.value
    other.controller.restore_session(str(tmp_path / "session"), allow_changed=True)
    assert "located anew" in other.controller.note
    assert other.hypocentres is None
    assert other.job.wait(60)
    assert other.controller.wait()


def write_files(folder: Path) -> None:
    """Arrivals, stations and three models, as a person would bring them."""
    stations = network()
    write_arrivals_csv(arrivals_at(stations, [TRUE, (-10.0, 6.0, 18.0)]), folder / "picks.csv")
    write_stations(stations, folder / "stations.csv")
    for k in range(3):
        table = "\n".join(f"{z},{5 + 0.1 * k + 0.05 * z}" for z in range(0, 41, 5))
        (folder / f"vel_{k}.csv").write_text(f"depth,vp\n{table}\n")


def test_an_answer_that_comes_after_other_files_were_opened_is_not_shown(
    tmp_path, monkeypatch
) -> None:
    made = dashboard()
    act, seen = made.controller, []
    entered, may_go_on = threading.Event(), threading.Event()

    def slow(*arguments, **options) -> xr.Dataset:
        entered.set()
        assert may_go_on.wait(60)
        return locate(*arguments, **options)

    monkeypatch.setattr("seisnb.dashboards.location.controller.locate", slow)
    made.likelihood.value = "gaussian"
    assert entered.wait(60)
    act.observe(lambda change: seen.append(change["new"]), "event_result")
    write_files(tmp_path)
    act.open(*(str(tmp_path / name) for name in ("picks.csv", "stations.csv", "vel_*.csv")))
    assert made.alert.value == ""
    may_go_on.set()
    assert made.job.wait(120)
    assert act.wait()
    assert seen[0] is None
    assert len(seen) > 1
    assert all(found.sizes["member"] == 3 for found in seen[1:])


def test_an_empty_dashboard_opens_files_and_its_code_does_the_same(tmp_path) -> None:
    write_files(tmp_path)
    made = LocationDashboard()
    assert "Open arrivals" in made.status.value
    assert made.all_button.disabled
    made.open_button.click()
    assert "no file of arrivals is named" in made.alert.value
    for name, path in (("arrivals", "picks.csv"), ("stations", "stations.csv"),
                       ("models", "vel_*.csv")):  # fmt: skip
        made.files[name].value = str(tmp_path / path)
    made.open_button.click()
    assert made.alert.value == ""
    assert made.job.wait(60)
    assert made.controller.wait()
    assert made.event_result is not None
    space: dict = {}
    exec(made.controller.code, space)
    assert space["hypocentres"].sizes["event"] == 2
    found = space["one"]["mean_depth"].item()
    assert found == pytest.approx(made.event_result["mean_depth"].item(), abs=1e-6)
    made.files["models"].value = str(tmp_path / "nothing_*.csv")
    made.open_button.click()
    assert "no file matches" in made.alert.value


def test_a_failing_control_is_said_in_the_page() -> None:
    made = dashboard()
    made.controller._follow = lambda: 1 / 0
    made.likelihood.value = "edt"
    assert "ZeroDivisionError" in made.alert.value


def test_what_fails_while_following_is_said_in_the_page(monkeypatch) -> None:
    made = dashboard()

    def broken(*_, **__):
        raise ZeroDivisionError("oh")

    monkeypatch.setattr("seisnb.dashboards.location.controller.locate", broken)
    made.likelihood.value = "edt"
    assert made.controller.wait()  # the thread lives: what comes next is heard
    assert "ZeroDivisionError: oh" in made.alert.value
    monkeypatch.undo()
    made.likelihood.value = "gaussian"
    assert made.controller.wait()
    assert made.alert.value == ""


def test_every_control_has_a_label() -> None:
    def walk(widget):
        yield widget
        for child in getattr(widget, "children", ()):
            yield from walk(child)

    named = (widgets.Text, widgets.Dropdown, widgets.Button, widgets.Select, widgets.Checkbox,
             widgets.SelectMultiple, widgets.FloatSlider, widgets.IntSlider)  # fmt: skip
    controls = [each for each in walk(dashboard()) if isinstance(each, named)]
    assert len(controls) > 25
    assert all(each.description.strip() for each in controls)


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
