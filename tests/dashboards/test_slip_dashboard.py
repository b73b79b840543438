"""The slip dashboard: what a person does, and what the page then says."""

from __future__ import annotations

import threading

import ipywidgets as widgets
import numpy as np
import pytest
from slip_case import QUICK, look_at, sites_over

from seisnb.conventions import Cancelled, InputError
from seisnb.dashboards import SlipDashboard
from seisnb.dashboards.figures.slip_patch import patch_figure
from seisnb.dashboards.figures.slip_sites import sites_figure
from seisnb.dashboards.slip.state import TABS
from seisnb.slip import invert_slip

pytestmark = pytest.mark.usefixtures("in_a_folder")
MARKUP = "<img src=x onerror=alert(1)>"


def test_a_run_shows_slip_and_says_what_was_found(run) -> None:
    assert run.state.tab == TABS.index("slip")
    assert run.result.attrs["kind"] == "slip"
    assert "20 of 20 sites are used" in run.status.value
    assert "exact" in run.run_tab.verdict.value
    assert run.slip_tab.pane.description == "map of slip: mean"
    assert run.runs.value == "run 1: no smoothing"
    for name in ("structures", "moment", "fit"):
        look_at(run, name)
        tab = getattr(run, f"{name}_tab")
        assert tab.panes[0].model is not None
        assert tab.panes[0].layout.display == ""
    assert run.alert.value == ""


def test_tabs_out_of_sight_draw_nothing_until_they_are_looked_at(run) -> None:
    assert run.moment_tab.panes[0].model is None
    look_at(run, "moment")
    assert run.moment_tab.panes[0].model is not None


def test_a_muted_site_is_left_out_and_comes_back(made) -> None:
    dots = made.data_tab.pane.select_one("sites").data_source
    dots.selected.indices = [3]
    assert made.state.muted == ("S03",)
    assert "S03" not in made.data_tab.sites.value
    assert made.data_tab.pane.select_one("sites").data_source.data["marker"][3] == "x"
    made.run_tab.run_button.click()
    assert made.job.wait(60)
    names = [str(name) for name in made.result["site"].values]
    assert names == [name for name in made.controller.sites if name != "S03"]
    look_at(made, "data")
    made.data_tab.pane.select_one("sites").data_source.selected.indices = [3]
    assert made.state.muted == ()
    assert "other sites or settings" in made.status.value
    made.data_tab.sites.value = made.data_tab.sites.value[:10]
    assert len(made.state.muted) == 10
    made.data_tab.restore.click()
    assert made.state.muted == ()


def test_all_sites_muted_is_said_in_the_page(made) -> None:
    made.data_tab.sites.value = ()
    made.run_tab.run_button.click()
    assert "all sites are muted" in made.alert.value
    assert made.job.status == "idle"


def test_everything_can_be_undone(run) -> None:
    start = run.state.snapshot()
    run.slip_tab.field.value = "std"
    run.slip_tab.vectors.value = "residual"
    run.slip_tab.component.value = "vertical"
    run.slip_tab.patch.value = 2
    run.run_tab.form.controls["smoothing"].value = "gaussian_process"
    run.data_tab.sites.value = run.data_tab.sites.value[1:]
    look_at(run, "fit")
    assert run.alert.value == ""
    for _ in range(7):
        run.shell.undo.click()
    assert run.state.snapshot() == start
    assert run.slip_tab.field.value == "mean"
    assert run.run_tab.form.controls["smoothing"].value == "none"
    assert len(run.data_tab.sites.value) == 20
    assert run.tabs.selected_index == TABS.index("slip")
    for _ in range(7):
        run.shell.redo.click()
    assert run.state.config.smoothing == "gaussian_process"
    assert run.state.muted == ("S00",)
    assert run.alert.value == ""
    for _ in range(9):
        run.shell.undo.click()
    assert run.result is None  # before the run
    run.shell.redo.click()
    assert run.result is not None


def test_a_tap_on_a_patch_shows_its_slip_with_and_without_the_structures_uncertainty(run) -> None:
    chosen = run.slip_tab._map
    faces = chosen.faces.data_source
    face = int(np.flatnonzero(faces.data["patch"] == 7)[0])
    faces.selected.indices = [face]
    assert run.state.patch == run.slip_tab.patch.value == 7
    assert run.slip_tab.histogram.description.startswith("slip of patch 7 ")
    names = {each.name for each in run.slip_tab.histogram.model.renderers}
    assert {"slip all structures", "slip first structure only"} <= names
    assert len(chosen.rim.data["xs"]) == 4  # the sides of a rectangle, no diagonal
    assert run.slip_tab._map is chosen  # the map is not drawn anew


def test_a_patch_histogram_is_of_that_patch(slip) -> None:
    plot = patch_figure(slip, 5)
    at = plot.select_one({"name": "interval all structures"}).data_source.data
    low, high = np.quantile(slip["slip"].values[:, 5], (0.025, 0.975))
    factor = {"m": 1.0, "cm": 100.0, "mm": 1000.0}[plot.xaxis[0].axis_label[6:-1]]
    np.testing.assert_allclose([at["x0"][0], at["x1"][0]], [factor * low, factor * high])
    bars = plot.select_one({"name": "slip all structures"}).data_source.data
    width = np.asarray(bars["right"]) - np.asarray(bars["left"])
    assert 0.98 < float(np.sum(width * bars["top"])) <= 1.0 + 1e-9
    with pytest.raises(InputError, match="expected 0 to 11"):
        patch_figure(slip, 12)


def test_samples_change_colours_only(run) -> None:
    run.slip_tab.field.value = "sample"
    shown = run.slip_tab._map
    faces = shown.faces.data_source.data
    for sample in (0, 17):
        run.slip_tab.sample.value = sample
        values = run.result["slip"].values[sample][faces["patch"]]
        np.testing.assert_allclose(faces["value"], shown.factor * values, rtol=1e-5)
        assert shown.plot.title.text == f"Slip of sample {sample}"
    assert run.slip_tab._map is shown
    run.shell.undo.click()
    assert run.state.sample == run.slip_tab.sample.value == 0


@pytest.mark.parametrize(
    ("vectors", "seen", "labels"),
    [
        ("observed", {"observed"}, {"observed", "95 % ellipse", "site"}),
        ("predicted", {"predicted"}, {"predicted", "site"}),
        ("residual", {"observed"}, {"residual", "site"}),
        ("none", set(), {"site"}),
    ],
)
def test_displacements_are_chosen(run, vectors, seen, labels) -> None:
    run.slip_tab.vectors.value = vectors
    plot = run.slip_tab.pane.model
    drawn = {each.name for each in plot.renderers if each.visible}
    assert drawn & {"observed", "predicted"} == seen
    assert {item.label.value for item in plot.legend[0].items} == labels
    assert run.alert.value == ""


def test_both_priors_are_run_and_compared(made) -> None:
    look_at(made, "smoothing")
    assert "There is one prior only" in made.smoothing_tab.words.value or made.result is None
    made.run_tab.both_button.click()
    assert made.job.wait(60)
    assert made.alert.value == ""
    assert made.controller.run_names == ("run 1: no smoothing", "run 2: Gaussian process")
    assert not made.controller.is_stale  # what the form says was run, too
    titles = [title for title, _ in made.controller.compared]
    assert titles == ["no smoothing", "Gaussian process"]
    look_at(made, "smoothing")
    assert len(made.smoothing_tab.panes[0].model.children) == 2
    made.save_button.click()
    assert made.alert.value == ""
    made.runs.value = "run 1: no smoothing"
    assert made.result.attrs["config"].find('"smoothing": "none"') > 0
    made.data_tab.sites.value = made.data_tab.sites.value[1:]
    made.run_tab.run_button.click()
    assert made.job.wait(60)
    assert made.controller.compared == []  # other data: nothing to be compared with


def test_a_run_is_cancelled_and_what_is_done_is_kept(offsets, structures) -> None:
    begun = threading.Event()

    def invert(given, ensemble, config, *, progress, cancel):
        if config.smoothing == "none":
            return invert_slip(given, ensemble, config, progress=progress, cancel=cancel)
        begun.set()
        while not cancel():
            begun.wait(0.01)
        raise Cancelled("invert_slip: cancelled.")

    made = SlipDashboard(offsets, structures, QUICK, invert=invert)
    made.run_tab.both_button.click()
    assert begun.wait(30)
    assert made.run_tab.run_button.disabled
    assert not made.run_tab.cancel_button.disabled
    made.controller.open("a.csv", "b.msh")
    assert "an inversion is running" in made.alert.value
    made.run_tab.cancel_button.click()
    assert made.job.wait(30)
    assert made.job.status == "cancelled"
    assert made.controller.run_names == ("run 1: no smoothing",)
    assert "Cancelled" in made.status.value
    assert not made.run_tab.run_button.disabled


def test_what_fails_is_said_in_the_page(offsets, structures, monkeypatch) -> None:
    def broken(*_, **__):
        raise ZeroDivisionError("oh <b>no</b>")

    made = SlipDashboard(offsets, structures, QUICK, invert=broken)
    made.run_tab.run_button.click()
    assert made.job.wait(30)
    assert "ZeroDivisionError: oh &lt;b&gt;no&lt;/b&gt;" in made.alert.value
    monkeypatch.setattr("seisnb.dashboards.slip.data_tab.sites_figure", broken)
    made.data_tab.component.value = "vertical"
    assert "ZeroDivisionError" in made.alert.value


def test_a_setting_that_cannot_be_is_said_and_does_not_run(made) -> None:
    made.run_tab.form.controls["azimuth"].value = "230"
    assert "give one of them" in made.alert.value
    made.run_tab.run_button.click()
    assert made.job.status == "idle"
    made.run_tab.form.controls["rake"].value = "auto"
    assert made.alert.value == ""
    assert made.state.config.azimuth == 230.0
    made.run_tab.form.controls["n_samples"].value = 3
    assert "n_samples is 3; expected 10 to 1000000" in made.alert.value


def test_names_in_markup_are_text(structures) -> None:
    made = SlipDashboard(sites_over(structures, first=MARKUP), structures, QUICK)
    made.controller.mute([MARKUP])
    made.run_tab.run_button.click()
    assert made.job.wait(60)
    for name in TABS:
        look_at(made, name)
    assert made.alert.value == ""
    assert MARKUP in made.controller.code
    made.controller.restore([MARKUP])
    made.controller.mute(["<b>no site</b>"])
    assert "there is no site &#x27;&lt;b&gt;no site" in made.alert.value
    made.controller.mute([MARKUP])
    shown = [each.value for each in walk(made) if isinstance(each, widgets.HTML)]
    assert len(shown) > 5
    assert not any("<img" in text for text in shown)
    assert any("&lt;img" in text for text in shown)


def walk(widget):
    yield widget
    for child in getattr(widget, "children", ()):
        yield from walk(child)


def test_every_control_has_a_label(made) -> None:
    named = (
        widgets.Text, widgets.Dropdown, widgets.Button, widgets.Checkbox, widgets.SelectMultiple,
        widgets.IntSlider, widgets.IntText, widgets.FloatText, widgets.BoundedIntText,
        widgets.IntProgress,
    )  # fmt: skip
    controls = [each for each in walk(made) if isinstance(each, named)]
    assert len(controls) > 40
    assert all(each.description.strip() for each in controls)


def test_sites_stand_where_they_are_over_patches_by_depth(offsets, structures) -> None:
    fault = structures.structures[0].fault
    plot = sites_figure(offsets, fault, muted=("S01",))
    sites = plot.select_one({"name": "sites"}).data_source.data
    np.testing.assert_array_equal(sites["x"], offsets["easting"])
    assert list(sites["marker"][:3]) == ["circle", "x", "circle"]
    arrows = plot.select_one({"name": "observed"}).data_source.data
    assert len(arrows["xs"]) == 19
    faces = plot.select_one({"name": "patches"}).data_source.data
    np.testing.assert_allclose(faces["depth"], fault.centre[fault.patch, 2])
    labels = {item.label.value for item in plot.legend[0].items}
    assert labels == {"observed", "95 % ellipse", "site", "muted site"}
