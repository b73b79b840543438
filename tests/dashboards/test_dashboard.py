"""The tomography dashboard through its controller and its controls, without a browser."""

import ipywidgets as widgets
import numpy as np
import pytest
from fake import land_survey, make_invert, marine_ensemble
from looking import look_at
from numpy.testing import assert_allclose, assert_array_equal

from seisnb.dashboards import TomographyDashboard
from seisnb.dashboards.section_data import ensemble_section
from seisnb.dashboards.tomography.controller import TABS
from seisnb.dashboards.tomography.dashboard import progress_text
from seisnb.tomography import Progress

pytestmark = pytest.mark.usefixtures("in_a_folder")


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


def test_the_prior_is_seen_before_anything_is_run(app):
    for name, value in (("amplitude", "0.3"), ("length_easting", "0.02"),
                        ("length_depth", "0.01")):  # fmt: skip
        app.prior.controls[name].value = value
    app.config.controls["cell"].value = "0.004"
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


def test_rays_are_drawn_over_the_section(app):
    from seisnb.prior import PriorConfig
    from seisnb.tomography import TomographyConfig, invert

    prior = PriorConfig(amplitude=0.2, length_easting=0.03, length_depth=0.02)
    ensemble = invert(land_survey(), prior, TomographyConfig(n_members=2, n_workers=1, cell=0.004))
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


def test_an_ensemble_alone_brings_its_picks():
    ensemble = marine_ensemble()
    app = TomographyDashboard(ensemble=ensemble, invert=make_invert())
    assert TABS[app.tabs.selected_index] == "explore"
    assert app.survey.sizes["pick"] == ensemble.sizes["pick"]
    assert_array_equal(shown(app), ensemble_section(ensemble).codes)
    assert not app.run_button.disabled


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
