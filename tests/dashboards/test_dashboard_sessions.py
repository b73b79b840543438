"""What outlives a tomography dashboard: code, sessions, saved results, members of a killed run."""

import pytest
from fake import land_survey, make_invert
from looking import look_at
from numpy.testing import assert_allclose, assert_array_equal

from seisnb.dashboards import TomographyDashboard
from seisnb.io import open_ensemble

pytestmark = pytest.mark.usefixtures("in_a_folder")


def test_a_run_that_was_killed_goes_on_from_its_members(tmp_path):
    from seisnb.prior import PriorConfig
    from seisnb.tomography import TomographyConfig, invert

    settings = {"prior": PriorConfig(amplitude=0.2, length_easting=0.03, length_depth=0.02),
                "config": TomographyConfig(n_members=4, n_workers=1, cell=0.004)}  # fmt: skip
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
    app.config.controls["cell"].value = "2.0"
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
