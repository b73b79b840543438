"""A person's work with the location dashboard: in JupyterLab, behind a prefix, and in Voila."""

import re
import shutil
from pathlib import Path

import acting
import labkit
import pytest

pytestmark = [pytest.mark.browser, pytest.mark.slow]

CLOUDS = "clouds of event "


def work(page):
    """Look at events, take S out and back, drag a trial hypocentre, try a station."""
    acting.await_status(page, r"event0000: depth .* 24 picks, rms [\d.]+ s$", timeout=120_000)
    before = acting.await_pane(page, f"{CLOUDS}event0000")
    acting.unfold(page, "3 Located with")
    page.locator(acting.APP).get_by_label("Use S").uncheck()
    acting.await_status(page, r"event0000: depth .* 12 picks")
    labkit.await_new_pixels(page, acting.pane(CLOUDS), before)
    acting.button(page, "Undo").click()
    acting.await_status(page, r"event0000: depth .* 24 picks")
    assert page.locator(acting.APP).get_by_label("Use S").is_checked()
    acting.unfold(page, "2 Events")
    events = page.locator(acting.APP).get_by_label("Event", exact=True)
    events.select_option(label="event0003 · 24 picks")
    acting.await_status(page, r"event0003: depth .* 24 picks, rms [\d.]+ s$")
    acting.button(page, "Trial hypocentre").click()
    acting.button(page, "Try a station").click()
    page.locator(acting.APP).get_by_text("Expected posterior with P and S").wait_for()
    acting.tab(page, "Arrivals")
    before = acting.await_pane(page, "observed less predicted arrivals of event0003")
    depth = page.locator(acting.APP).get_by_label("Depth [km]", exact=True)
    depth.focus()
    for _ in range(4):
        page.keyboard.press("ArrowUp")
    labkit.await_new_pixels(page, acting.pane("observed less predicted"), before)
    assert acting.alert(page) == ""


def sections_and_catalogue(page):
    """The ensemble along the line, the earthquake's weights, and all events."""
    acting.tab(page, "Section")
    acting.await_section(page, 64)
    before = acting.section_pixels(page)
    acting.section(page).get_by_text("Layers").click()
    acting.section(page).get_by_label("weighted by this earthquake").check()
    acting.await_other_pixels(page, before)
    assert "weighted by this earthquake" in acting.section(page).inner_text()
    acting.button(page, "Locate all").click()
    acting.await_status(page, "12 events located", timeout=120_000)
    acting.tab(page, "Catalogue")
    acting.await_pane(page, "map of the events")
    acting.tab(page, "Models")
    acting.await_pane(page, "probabilities of the models")
    assert acting.alert(page) == ""


def save(page, folder):
    acting.fill(page, "Results in folder", str(folder))
    acting.button(page, "Save").click()
    acting.await_status(page, "Saved hypocentres.nc", timeout=60_000)
    for name in ("hypocentres.nc", "catalogue.xml", "report.html", "event.html",
                 "reproduce.ipynb"):  # fmt: skip
        assert (folder / name).stat().st_size > 500
    assert (folder / "event.html").stat().st_size < 5e6


def test_in_lab(page, lab, notebooks, tmp_path):
    name = "location_dashboard.ipynb"
    shutil.copy(labkit.REPOSITORY / "notebooks" / name, notebooks)
    labkit.open_notebook(page, lab, name)
    labkit.run_all(page)
    acting.await_app(page)
    work(page)
    sections_and_catalogue(page)
    save(page, tmp_path / "out")
    png = acting.download(page, page.locator(f"{acting.APP} .seisnb-export button:visible").first)
    assert Path(png.path()).read_bytes()[:4] == b"\x89PNG"
    assert labkit.axe(page, acting.APP) == []
    page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
    page.wait_for_timeout(1500)
    assert (notebooks / name).stat().st_size < 50_000


def test_in_voila(page, chromium, tmp_path_factory):
    folder = tmp_path_factory.mktemp("voila")
    name = "location_dashboard.ipynb"
    shutil.copy(labkit.REPOSITORY / "notebooks" / name, folder)
    home = tmp_path_factory.mktemp("jupyter")
    with labkit.voila_server(folder / name, home) as base:
        page.goto(base, timeout=90_000)
        acting.await_app(page)
        assert page.locator(".jp-InputArea-editor, .highlight").count() == 0
        work(page)
        acting.unfold(page, "1 Data")
        acting.button(page, "Open").click()
        page.locator(acting.ALERT).get_by_text("no file of arrivals is named").wait_for()
        assert labkit.axe(page, acting.APP) == []


TRIAL = """() => {
  const views = [];
  const walk = (view) => {
    views.push(view);
    for (const child of view.child_views ?? []) walk(child);
  };
  for (const root of Bokeh.index.roots) walk(root);
  const plot = views.find((view) => view.model.name === "map of the clouds");
  const { data } = plot.model.renderers.map((r) => r.data_source).find((s) => s.name === "trial");
  const box = plot.canvas_view.el.getBoundingClientRect();
  return [box.x + plot.frame.x_scale.compute(data.x[0]),
          box.y + plot.frame.y_scale.compute(data.y[0])];
}"""


def test_a_trial_hypocentre_is_dragged_and_its_arrivals_follow(page, plain_lab, notebooks):
    code = """\
from seisnb.dashboards import LocationDashboard
from seisnb.location import example_network
app = LocationDashboard(*example_network(seed=0, n_models=8, n_events=2)[:3])
app
"""
    acting.show(page, plain_lab, notebooks, "drag", code)
    acting.await_status(page, r"event0000: depth .* 24 picks, rms [\d.]+ s$", timeout=120_000)
    acting.await_pane(page, CLOUDS)
    acting.button(page, "Trial hypocentre").click()
    page.wait_for_timeout(1000)
    x, y = page.evaluate(TRIAL)
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 40, y - 30, steps=8)
    page.mouse.up()
    page.wait_for_timeout(500)
    assert page.evaluate(TRIAL) == pytest.approx([x + 40, y - 30], abs=2)
    assert "drag the trial hypocentre" in acting.button(page, "Undo").get_attribute("title")
    acting.tab(page, "Arrivals")
    acting.await_pane(page, "observed less predicted arrivals of event0000")
    easting = page.locator(acting.APP).get_by_label("Easting [km]", exact=True)
    moved = float(easting.input_value())
    for _ in range(2):  # the look at another tab, then the drag, which is one step
        acting.button(page, "Undo").click()
        page.wait_for_timeout(500)
    acting.tab(page, "Arrivals")
    page.wait_for_timeout(500)
    assert abs(float(easting.input_value()) - moved) > 0.5
    assert acting.alert(page) == ""


def test_stations_named_in_markup_are_text(page, plain_lab, notebooks):
    code = """\
import numpy as np
from seisnb.dashboards import LocationDashboard
from seisnb.location import example_network
arrivals, stations, models, truth = example_network(seed=0, n_models=8, n_events=2)
name = "<img src=x onerror=window.owned=1>"
def renamed(values, old, new):
    found = values.astype("U60")
    found[found == old] = new
    return found
stations = stations.assign_coords(station=renamed(stations["station"].values, "LA1", name))
arrivals["station"] = ("pick", renamed(arrivals["station"].values, "LA1", name))
arrivals["event"] = ("pick", renamed(arrivals["event"].values, "event0000", name))
app = LocationDashboard(arrivals, stations, models)
app
"""
    acting.show(page, plain_lab, notebooks, "markup_stations", code)
    acting.await_status(page, re.escape("<img src=x") + ".*24 picks, rms", timeout=120_000)
    for name in ("Section", "Arrivals", "Catalogue", "Models", "Event"):
        acting.tab(page, name)
        page.wait_for_timeout(400)
    assert page.locator(f"{acting.APP} img").count() == 0
    assert page.evaluate("() => window.owned") is None
    assert acting.alert(page) == ""
