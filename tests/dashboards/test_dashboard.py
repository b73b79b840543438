"""The dashboard through its controller and its controls, without a browser."""

import ipywidgets as widgets
import numpy as np
import pytest
import xarray as xr
from fake import land_survey, make_invert, marine_ensemble, marine_survey, passing
from numpy.testing import assert_allclose, assert_array_equal

from seisnb.dashboards import TomographyDashboard
from seisnb.dashboards.section_data import ensemble_section
from seisnb.dashboards.tomography.controller import TABS, TomographyController
from seisnb.dashboards.tomography.dashboard import progress_text
from seisnb.dashboards.tomography.pick_numbers import format_picks, parse_picks
from seisnb.io import open_ensemble, write_picks
from seisnb.tomography import Progress


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Results and checkpoints go here."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def app():
    return TomographyDashboard(survey=land_survey(), invert=make_invert())


@pytest.fixture
def finished(app):
    app.run_button.click()
    assert app.controller.job.wait(30)
    assert app.controller.job.status == "done", app.controller.job.error
    return app


@pytest.fixture
def pick_file(tmp_path):
    path = tmp_path / "line<b>7.csv"
    write_picks(marine_survey(), path)
    return path


def look_at(app, name):
    """Turn to a tab: what is out of sight is not drawn."""
    app.tabs.selected_index = TABS.index(name)


def shown(app):
    """What the explore tab shows: codes of the members."""
    return app.explore_tab.view.data.codes


def test_an_empty_dashboard_says_what_to_do():
    app = TomographyDashboard(invert=make_invert())
    assert app.run_button.disabled
    assert app.save_button.disabled
    assert app.cancel_button.disabled
    assert "Open a file" in app.survey_tab.curves.pane.description
    app.controller.start()
    assert "Open a file first" in app.alert.value


def test_run_shows_the_result_on_the_explore_tab(finished):
    assert finished.ensemble.sizes["particle"] == 16
    assert TABS[finished.tabs.selected_index] == "explore"
    assert finished.bar.value == finished.bar.max == 16
    assert "Done." in finished.status.value
    assert "within their errors" in finished.status.value
    assert_array_equal(shown(finished), ensemble_section(finished.ensemble).codes)
    look_at(finished, "run")
    assert finished.run_tab.view.n_members == 16


def test_run_hands_over_picks_prior_config_and_no_muted_pick():
    seen = {}

    def invert(survey, prior, config, **callbacks):
        seen.update(survey=survey, prior=prior, config=config, callbacks=set(callbacks))
        return make_invert()(survey, prior, config, **callbacks)

    app = TomographyDashboard(survey=land_survey(), invert=invert)
    app.prior.controls["length_depth"].value = "0.004"
    app.config.controls["n_members"].value = 8
    app.config.controls["engine"].value = "svgd"
    app.controller.mute([4, 5])
    app.run_button.click()
    assert app.controller.job.wait(30)
    assert seen["prior"].length_depth == 0.004
    assert (seen["config"].n_members, seen["config"].engine) == (8, "svgd")
    assert seen["callbacks"] == {"progress", "cancel", "checkpoint"}
    assert_array_equal(np.flatnonzero(~seen["survey"]["used"].values), [4, 5])
    assert app.ensemble.sizes["pick"] == app.survey.sizes["pick"] - 2


def test_an_impossible_setting_stops_the_run_and_is_explained(app):
    app.config.controls["n_members"].value = 1
    app.run_button.click()
    assert app.controller.job.status == "idle"
    assert "n_members is 1" in app.alert.value
    app.config.controls["n_members"].value = 4
    assert app.alert.value == ""


def test_a_failing_inversion_is_shown_and_the_next_run_works(app):
    app.controller._invert = make_invert(fails="the <prior> is bad")
    app.run_button.click()
    assert app.controller.job.wait(30)
    assert "the &lt;prior&gt; is bad" in app.alert.value
    assert app.bar.bar_style == "danger"
    assert not app.run_button.disabled
    app.controller._invert = make_invert()
    app.run_button.click()
    assert app.controller.job.wait(30)
    assert app.alert.value == ""
    assert app.ensemble is not None


def test_cancel_keeps_the_members_that_are_done():
    app = TomographyDashboard(survey=land_survey(), invert=make_invert(20.0, n_members=200))
    enough = []
    app.controller.job.observe(
        lambda change: (
            app.cancel_button.click()
            if change["new"] is not None and change["new"].done >= 4
            else enough.append(1)
        ),
        "progress",
    )
    app.run_button.click()
    assert app.controller.job.wait(15)
    assert app.controller.job.status == "cancelled"
    assert 4 <= app.ensemble.sizes["particle"] < 200
    assert app.ensemble.attrs["cancelled"] == 1
    assert "Cancelled." in app.status.value


def test_buttons_follow_the_job(app):
    states = []
    app.controller.job.observe(
        lambda change: states.append(
            (change["new"], app.run_button.disabled, app.cancel_button.disabled)
        ),
        "status",
    )
    app.run_button.click()
    assert app.controller.job.wait(30)
    assert states == [("running", True, False), ("done", False, True)]


def test_what_the_browser_sets_is_the_state_and_the_other_way_round(finished):
    view = finished.explore_tab.view
    view.member = 7
    view.quantity = "member"
    assert (finished.state.quantity, finished.state.member) == ("member", 7)
    finished.controller.change(quantity="std", grey_above=200.0)
    assert (view.quantity, view.grey_above) == ("std", 200.0)
    view.picked = [41.3, -400.0]
    assert finished.state.picked == [41.3, -400.0]
    assert finished.alert.value == ""


def test_a_result_on_show_is_one_step(finished):
    history = finished.controller.history
    assert history.undo_label == "run the inversion"
    finished.shell.undo.click()
    assert finished.ensemble is None
    assert not history.can_undo
    finished.shell.redo.click()
    assert finished.ensemble is not None


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


def test_the_prior_is_seen_before_anything_is_run(app):
    for name, value in (("amplitude", "0.3"), ("length_easting", "0.02"),
                        ("length_depth", "0.01")):  # fmt: skip
        app.prior.controls[name].value = value
    app.prior_tab.draw.click()
    assert app.controller.job.wait(60)
    assert app.alert.value == ""
    assert "Their times enclose" in app.prior_tab.verdict.value
    assert app.prior_tab.view.n_members == 24
    names = {field.name for field in app.prior_tab.view.data.fields}
    assert {"first_order", "prior_mean"} <= names
    assert app.prior_tab.times.select_one("picks") is not None


def test_a_scan_of_the_prior_can_be_used(app, monkeypatch):
    from seisnb.tomography import scan_prior
    from seisnb.tomography.config import TomographyConfig

    def small(survey, prior, config, **callbacks):
        return scan_prior(
            survey, prior, TomographyConfig(cell=0.004), amplitudes=[0.2, 0.4],
            lengths_easting=[0.02, 0.04], lengths_depth=[0.01, 0.02], **callbacks,
        )  # fmt: skip

    monkeypatch.setattr("seisnb.tomography.scan.scan_prior", small)
    app.prior_tab.use_best.click()
    app.prior_tab.scan.click()
    assert app.controller.job.wait(120)
    assert app.alert.value == ""
    assert app.prior_tab.scanned.layout.display == ""
    app.prior_tab.use_best.click()
    assert app.state.prior.amplitude in (0.2, 0.4)
    assert app.state.prior.length_depth in (0.01, 0.02)
    assert float(app.prior.controls["amplitude"].value) == app.state.prior.amplitude


def test_two_results_are_compared_on_one_grid(app):
    for seed in (0, 1):
        app.controller._invert = (
            lambda *a, seed=seed, **k: make_invert(n_members=8 + seed)(*a, **k)
        )  # fmt: skip
        app.run_button.click()
        assert app.controller.job.wait(30)
    assert app.state.compared == ("run 1", "run 2")
    look_at(app, "compare")
    tab = app.compare_tab
    assert [view.n_members for view in tab.views] == [8, 9]
    assert "run 2 less run 1" in tab.words.value
    difference = next(f for f in tab.difference.data.fields if f.name == "difference")
    one, two = (app.controller.result(name)["velocity_mean"].values for name in ("run 1", "run 2"))
    rock = app.ensemble["rock"].values
    assert_allclose(difference.values[rock], 1000 * (two - one)[rock], rtol=1e-5, atol=1e-2)
    tab.views[0].quantity = "std"
    assert tab.views[1].quantity == "std"


def test_a_run_that_was_killed_goes_on_from_its_members(tmp_path):
    from seisnb.prior import PriorConfig
    from seisnb.tomography import TomographyConfig, invert

    settings = {"prior": PriorConfig(amplitude=0.2, length_easting=0.03, length_depth=0.02),
                "config": TomographyConfig(n_members=4, n_workers=1)}  # fmt: skip
    done = []

    def dying(*arguments, progress, **callbacks):
        def counted(message):
            progress(message)
            if message.stage == "members" and message.done >= 2:
                raise KeyboardInterrupt

        try:
            return invert(*arguments, progress=counted, **callbacks)
        except KeyboardInterrupt:
            raise RuntimeError("killed") from None

    def counting(*arguments, progress, **callbacks):
        def counted(message):
            done.append((message.stage, message.done))
            progress(message)

        return invert(*arguments, progress=counted, **callbacks)

    for work in (dying, counting):
        app = TomographyDashboard(survey=land_survey(), invert=work)
        app.controller.change(**settings)
        app.run_button.click()
        assert app.controller.job.wait(120)
    assert app.controller.job.status == "done", app.alert.value
    members = [n for stage, n in done if stage == "members"]
    assert members == [2, 2, 2, 3, 4]  # two from the disk, then the others
    look_at(app, "run")
    assert app.run_tab.view.n_members == 4


def test_the_code_makes_the_same_ensemble(pick_file):
    app = TomographyDashboard()
    app.path.value = str(pick_file)
    app.reading.controls["pick_std"].value = "0.05"
    app.open_button.click()
    app.controller.mute([1, 2, 3])
    app.survey_tab.pick_std.value = "2%+0.01"
    for name, value in (("amplitude", "0.2"), ("length_easting", "20"), ("length_depth", "8")):
        app.prior.controls[name].value = value
    app.config.controls["n_members"].value = 2
    app.config.controls["cell"].value = "1.0"
    app.run_button.click()
    assert app.controller.job.wait(120)
    assert app.alert.value == ""
    app.explore_tab.view.quantity = "std"
    space = {}
    exec(app.controller.code, space)
    assert_allclose(space["ensemble"]["velocity"], app.ensemble["velocity"], rtol=1e-6)
    assert space["view"].quantity == "std"


def test_a_session_comes_back_whole(app, pick_file, tmp_path):
    app.path.value = str(pick_file)
    app.open_button.click()
    app.controller.mute([7, 9])
    app.run_button.click()
    assert app.controller.job.wait(30)
    app.explore_tab.view.quantity = "exceedance"
    app.shell.session_folder.value = str(tmp_path / "kept")
    app.shell.save_session.click()
    assert app.alert.value == ""
    again = TomographyDashboard(invert=make_invert())
    again.shell.session_folder.value = str(tmp_path / "kept")
    again.shell.restore_session.click()
    assert again.alert.value == ""
    assert again.state.snapshot() == app.state.snapshot()
    assert_array_equal(again.survey["used"].values, app.survey["used"].values)
    assert_allclose(again.ensemble["velocity"].values, app.ensemble["velocity"].values)
    assert again.explore_tab.view.quantity == "exceedance"
    assert "run again" not in again.status.value
    assert not again.controller.history.can_undo


def test_changed_picks_are_refused_or_used_without_the_old_result(app, pick_file, tmp_path):
    app.path.value = str(pick_file)
    app.open_button.click()
    app.run_button.click()
    assert app.controller.job.wait(30)
    app.controller.save_session(str(tmp_path / "kept"))
    pick_file.write_text(pick_file.read_text() + "\n# another hand\n")
    again = TomographyDashboard(invert=make_invert())
    again.controller.restore_session(str(tmp_path / "kept"))
    assert "has changed since the session was saved" in again.alert.value
    assert again.survey is None
    again.shell.session_folder.value = str(tmp_path / "kept")
    again.shell.allow_changed.value = True
    again.shell.restore_session.click()
    assert again.alert.value == ""
    assert again.survey.sizes["pick"] == app.survey.sizes["pick"]
    assert again.ensemble is None
    assert "results made from the old are out" in again.controller.note


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "there is no session.json"),
        ("{", "is not a session"),
        ('{"state": {}, "links": {}, "format": 9}', "has format 9"),
        ('{"state": {"kind": "location session"}, "links": {}, "format": 1}', "of kind"),
        (
            '{"state": {}, "links": {"picks": {"path": "../../etc/passwd", "sha256": ""}},'
            ' "format": 1}',
            "expected a name",
        ),
    ],
)
def test_what_is_no_session_is_explained(app, tmp_path, content, message):
    if content is not None:
        (tmp_path / "session.json").write_text(content)
    app.controller.restore_session(str(tmp_path))
    assert message in app.alert.value
    assert app.survey.sizes["pick"] == 531


def test_rays_are_drawn_over_the_section(app):
    from seisnb.prior import PriorConfig
    from seisnb.tomography import TomographyConfig, invert

    prior = PriorConfig(amplitude=0.2, length_easting=0.03, length_depth=0.02)
    ensemble = invert(land_survey(), prior, TomographyConfig(n_members=2, n_workers=1))
    app = TomographyDashboard(ensemble=ensemble)
    sent = []
    app.explore_tab.view.send = lambda message, buffers=None: sent.append((message, buffers))
    app.explore_tab.rays.click()
    assert app.alert.value == ""
    [(message, [points])] = sent
    assert message["kind"] == "overlays"
    names = [each["name"] for each in message["overlays"]]
    assert names.index("air") < names.index("rays") < names.index("shots")
    floats = np.frombuffer(points, "<f4")
    assert np.isnan(floats).sum() >= 100  # a gap after every ray


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


def test_save_writes_ensemble_and_report(finished, tmp_path):
    finished.folder.value = str(tmp_path / "out")
    finished.save_button.click()
    assert finished.alert.value == ""
    assert (tmp_path / "out" / "report.html").stat().st_size > 1e6
    assert (tmp_path / "out" / "section.html").stat().st_size < 5e6
    assert (tmp_path / "out" / "reproduce.ipynb").exists()
    again = open_ensemble(tmp_path / "out" / "ensemble.nc")
    assert_array_equal(again["velocity"].values, finished.ensemble["velocity"].values)


def test_saving_where_nothing_can_be_written_is_explained(finished, tmp_path):
    (tmp_path / "file").write_text("")
    finished.folder.value = str(tmp_path / "file" / "out")
    finished.save_button.click()
    assert "file" in finished.alert.value


def test_an_ensemble_alone_brings_its_picks():
    ensemble = marine_ensemble()
    app = TomographyDashboard(ensemble=ensemble, invert=make_invert())
    assert TABS[app.tabs.selected_index] == "explore"
    assert app.survey.sizes["pick"] == ensemble.sizes["pick"]
    assert_array_equal(shown(app), ensemble_section(ensemble).codes)
    assert not app.run_button.disabled


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


def test_the_next_good_action_clears_the_error(app):
    app.controller.mute([10**6])
    assert app.alert.value
    app.controller.mute([1])
    assert app.alert.value == ""


def test_unknown_settings_are_refused_whole(app):
    app.controller.change(member=2, membr=3)
    assert "membr" in app.alert.value
    assert app.state.member == 0


def test_every_control_has_a_name(app):
    def walk(widget):
        yield widget
        for child in getattr(widget, "children", ()):
            yield from walk(child)

    named = (widgets.Text, widgets.Dropdown, widgets.FloatText, widgets.IntText, widgets.Button)
    controls = [each for each in walk(app) if isinstance(each, named)]
    assert len(controls) > 30
    assert all(each.description.strip() for each in controls)


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("", "members 3 of 64, chi²/n 0.98, about 1 min 5 s left"),
        ("3 of 64 members", "members: 3 of 64 members, chi²/n 0.98, about 1 min 5 s left"),
    ],
)
def test_progress_is_one_line_without_repetition(message, expected):
    progress = Progress(
        stage="members", done=3, total=64, message=message, elapsed=9.0, remaining=65.2, chi2=0.981
    )
    assert progress_text(progress) == expected


@pytest.mark.parametrize("text", ["", "4", "1, 3-5, 9", "0-2"])
def test_pick_lists_there_and_back(text):
    assert format_picks(parse_picks(text)) == text
