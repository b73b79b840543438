"""Picks in the tomography dashboard: opened, looked at, muted and restored."""

import numpy as np
import pytest
import xarray as xr
from fake import land_survey, make_invert, marine_survey
from looking import look_at, passing
from numpy.testing import assert_allclose, assert_array_equal

from seisnb.dashboards import TomographyDashboard
from seisnb.dashboards.tomography.controller import TomographyController
from seisnb.dashboards.tomography.pick_numbers import format_picks, parse_picks

pytestmark = pytest.mark.usefixtures("in_a_folder")


def test_undo_brings_picks_and_their_figure_back(app):
    panel = app.survey_tab.curves
    app.controller.mute([3, 4])
    app.survey_tab.pick_std.value = "0.001"
    assert_allclose(app.survey["pick_std"].values, 0.001)
    app.shell.undo.click()
    assert app.survey_tab.pick_std.value == ""
    app.shell.undo.click()
    assert app.state.muted == ()
    assert passing(panel.pane.model, "picks").all()
    app.shell.redo.click()
    assert app.state.muted == (3, 4)
    assert not app.survey["used"].values[3]


def test_a_bad_std_is_explained_and_nothing_changes(app):
    before = app.survey["pick_std"].values.copy()
    app.survey_tab.pick_std.value = "3 percent"
    assert "pick_std is &#x27;3 percent" in app.alert.value
    assert app.state.pick_std == ""
    assert_array_equal(app.survey["pick_std"].values, before)


def test_gathers_are_shown_alone(app):
    app.survey_tab.gather.value = "shot 8"
    own = app.survey["shot"].values == 8
    shown = passing(app.survey_tab.curves.pane.model, "picks")
    assert_array_equal(shown, own)
    source = app.survey_tab._line.instruments["receiver"]
    source.selected.indices = [4]
    assert app.state.gather == f"receiver {source.data['number'][4]}"
    assert app.survey_tab.gather.value == app.state.gather
    app.survey_tab.gather.value = ""
    assert passing(app.survey_tab.curves.pane.model, "picks").all()


def test_suggested_outliers_have_reasons_and_can_be_selected():
    survey = marine_survey().copy(deep=True)
    survey["travel_time"].values[[100, 300]] += 2.0
    app = TomographyDashboard(survey=survey, invert=make_invert())
    app.survey_tab.find.click()
    assert "later than its neighbours" in app.survey_tab.reasons.value
    app.survey_tab.select_found.click()
    assert {100, 300} <= set(app.survey_tab.curves.source.selected.indices)
    app.survey_tab.curves.mute.click()
    assert {100, 300} <= set(app.state.muted)


def test_picks_muted_during_a_run_make_its_result_stale(app):
    app.controller._invert = make_invert(1.0)
    app.run_button.click()
    app.controller.mute([3])
    assert app.controller.job.wait(30)
    assert app.ensemble.sizes["pick"] == 531
    assert "run again" in app.status.value


def test_no_other_file_is_opened_during_a_run(app, pick_file):
    app.controller._invert = make_invert(1.0)
    app.run_button.click()
    app.controller.open(str(pick_file))
    assert "Cancel it to open" in app.alert.value
    assert app.survey.sizes["pick"] == 531
    assert app.controller.job.wait(30)


def test_selection_on_the_curves_mutes_and_restores(app):
    panel = app.survey_tab.curves
    panel.source.selected.indices = [10, 12, 11, 40]
    assert panel.selected.value == "10-12, 40"
    panel.mute.click()
    assert app.state.muted == (10, 11, 12, 40)
    assert_array_equal(np.flatnonzero(~app.survey["used"].values), [10, 11, 12, 40])
    shown = passing(panel.pane.model, "picks")
    assert_array_equal(np.flatnonzero(~shown), [10, 11, 12, 40])
    assert panel.source.selected.indices == []
    assert "527 of 531 picks" in app.status.value
    panel.selected.value = "11"
    assert panel.source.selected.indices == [11]
    panel.restore.click()
    assert app.state.muted == (10, 12, 40)
    panel.restore_all.click()
    assert app.state.muted == ()
    assert app.survey["used"].values.all()


def test_muting_does_not_touch_the_callers_survey():
    survey = land_survey()
    before = survey.copy(deep=True)
    TomographyController(survey, invert=make_invert()).mute([1, 2])
    xr.testing.assert_identical(survey, before)


def test_picks_muted_on_the_fit_are_the_surveys_picks(app):
    app.controller.mute([0, 1])
    app.run_button.click()
    assert app.controller.job.wait(30)
    look_at(app, "fit")
    app.fit_tab.source.selected.indices = [0, 5]
    app.fit_tab.mute.click()
    assert app.state.muted == (0, 1, 2, 7)
    assert "run again" in app.status.value
    shown = passing(app.fit_tab.pane.model, "picks")
    assert_array_equal(np.flatnonzero(~shown), [0, 5])
    app.run_button.click()
    assert app.controller.job.wait(30)
    assert "run again" not in app.status.value
    assert app.ensemble.sizes["pick"] == app.survey.sizes["pick"] - 4


@pytest.mark.parametrize(
    ("text", "message"),
    [("", "No picks are selected"), ("9999", "no pick 9999"), ("a-b", "no number or range")],
)
def test_muting_nothing_or_nonsense_is_explained(app, text, message):
    app.survey_tab.curves.selected.value = text
    app.survey_tab.curves.mute.click()
    assert message in app.alert.value
    assert app.state.muted == ()


def test_muting_all_picks_is_refused_when_run(app):
    app.controller.mute(range(app.survey.sizes["pick"]))
    app.run_button.click()
    assert "all 531 picks are muted" in app.alert.value
    assert app.controller.job.status == "idle"


def test_open_reads_with_the_forms_options(pick_file):
    app = TomographyDashboard(invert=make_invert())
    app.path.value = str(pick_file)
    app.reading.controls["pick_std"].value = "0.05"
    app.open_button.click()
    assert app.alert.value == ""
    assert_allclose(app.survey["pick_std"].values, 0.05)
    assert app.survey_tab.curves.source is not None
    assert "<b>" not in app.shell.title.value
    assert not app.run_button.disabled


def test_opening_another_line_forgets_the_old_result(finished, pick_file):
    finished.path.value = str(pick_file)
    finished.open_button.click()
    assert finished.ensemble is None
    assert finished.save_button.disabled
    look_at(finished, "explore")
    assert finished.explore_tab.view.layout.display == "none"
    assert finished.fit_tab.source is None
    assert finished.survey_tab.curves.source.data["x"].size == finished.survey.sizes["pick"]
    finished.run_button.click()
    assert finished.controller.job.wait(30)
    assert finished.explore_tab.view.data.x_label == "Easting (km)"


def test_a_bad_file_is_explained_and_the_old_picks_stay(app, tmp_path):
    path = tmp_path / "empty.sgt"
    path.write_text("")
    app.path.value = str(path)
    app.open_button.click()
    assert "empty.sgt" in app.alert.value
    assert app.survey.sizes["pick"] == 531


def test_an_upload_is_read_and_its_folders_are_ignored(app, pick_file):
    content = memoryview(pick_file.read_bytes())
    app._on_upload({"new": ({"name": "../../etc/up.csv", "content": content},)})
    assert app.alert.value == ""
    assert app.survey.attrs["source"] == "up.csv"
    assert app.survey.attrs["length_unit"] == "km"


@pytest.mark.parametrize(
    ("text", "expected"), [("1500", 1.5), ("inf", 0.0), ("auto", None), ("", None)]
)
def test_reduction_velocity_is_in_display_units(app, text, expected):
    app.survey_tab.curves.reduction.value = "700"
    app.survey_tab.curves.reduction.value = text
    assert app.state.reduction_velocity == expected
    assert app.alert.value == ""


@pytest.mark.parametrize("text", ["fast", "-2", "0"])
def test_a_bad_reduction_velocity_is_explained(app, text):
    app.survey_tab.curves.reduction.value = text
    assert "eduction" in app.alert.value


@pytest.mark.parametrize("text", ["", "4", "1, 3-5, 9", "0-2"])
def test_pick_lists_there_and_back(text):
    assert format_picks(parse_picks(text)) == text
