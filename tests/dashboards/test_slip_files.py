"""The slip dashboard and files: what is opened, saved, kept as a session, refused."""

from __future__ import annotations

import meshio
import numpy as np
import pytest
from slip_case import PROJECTION, QUICK, look_at, sites_over

from seisnb.conventions import InputError
from seisnb.dashboards import SlipDashboard
from seisnb.dashboards.slip.state import TABS, SlipState
from seisnb.geodesy import make_offsets
from seisnb.io import open_slip
from seisnb.projection import Projection
from seisnb.slip import invert_slip
from tests.tables import write_offsets

pytestmark = pytest.mark.usefixtures("in_a_folder")


def test_a_result_alone_can_be_looked_at(slip) -> None:
    made = SlipDashboard(result=slip)
    assert made.state.tab == TABS.index("slip")
    assert made.run_tab.run_button.disabled
    look_at(made, "data")
    assert made.data_tab.pane.description == "map of the sites and the fault"
    assert made.data_tab.sites.disabled
    made.controller.start()
    assert "a result alone cannot be inverted again" in made.alert.value
    with pytest.raises(InputError, match="offsets and structures go together"):
        SlipDashboard(slip)
    with pytest.raises(InputError, match="expected what invert_slip returns"):
        SlipDashboard(result=slip.assign_attrs(kind="ensemble"))


def test_a_result_is_saved_and_its_notebook_makes_it_again(run, offsets, structures, tmp_path):
    run.controller.mute(["S02"])
    run.run_tab.run_button.click()
    assert run.job.wait(60)
    run.folder.value = str(tmp_path / "out")
    run.save_button.click()
    assert run.alert.value == ""
    saved = open_slip(tmp_path / "out" / "slip.nc")
    for name in ("report.html", "reproduce.ipynb"):
        assert (tmp_path / "out" / name).stat().st_size > 500
    space = {"offsets": offsets, "structures": structures}
    exec(run.controller.code, space)
    np.testing.assert_array_equal(space["slip"]["slip"].values, saved["slip"].values)
    assert (tmp_path / "report.html").is_file()


def test_a_session_comes_back_and_changed_data_are_refused(run, structures, tmp_path) -> None:
    run.controller.mute(["S05"])
    run.slip_tab.field.value = "std"
    run.shell.session_folder.value = str(tmp_path / "session")
    run.shell.save_session.click()
    assert run.alert.value == ""
    again = SlipDashboard(run.controller.data.offsets, structures)
    again.controller.restore_session(str(tmp_path / "session"))
    assert again.alert.value == ""
    assert again.state.snapshot() == run.state.snapshot()
    np.testing.assert_array_equal(again.result["slip"], run.result["slip"])
    assert again.slip_tab.field.value == "std"
    assert again.run_tab.form.read() == QUICK
    other = SlipDashboard(sites_over(structures, std=0.02), structures)
    other.controller.restore_session(str(tmp_path / "session"))
    assert "displacements of this dashboard are not those of the session" in other.alert.value
    assert other.result is None
    other.controller.restore_session(str(tmp_path / "session"), allow_changed=True)
    assert "have changed since" in other.controller.note
    assert other.result is None
    assert other.state.muted == ("S05",)
    empty = SlipDashboard()
    empty.controller.restore_session(str(tmp_path / "session"))
    assert "its data were handed over by code" in empty.alert.value
    (tmp_path / "session" / "result_1.nc").write_bytes(b"other")
    again.controller.restore_session(str(tmp_path / "session"))
    assert "result 1" in again.alert.value


def write_files(folder, offsets, structures) -> None:
    """A table of sites, and the fault as a mesh in degrees."""
    write_offsets(offsets, folder / "sites.csv", says_mm=False)
    fault = structures.structures[0].fault
    lon, lat = Projection(PROJECTION).inverse(fault.vertices[:, 0], fault.vertices[:, 1])
    points = np.column_stack([lon, lat, -fault.vertices[:, 2]])
    meshio.write_points_cells(
        folder / "fault.msh", points, [("triangle", fault.triangles)], file_format="gmsh22",
        binary=False,
    )  # fmt: skip


def test_an_empty_dashboard_opens_files_and_its_code_does_the_same(
    offsets, structures, tmp_path
) -> None:
    write_files(tmp_path, offsets, structures)
    made = SlipDashboard(config=QUICK)
    assert "Open displacements and meshes" in made.status.value
    made.open_button.click()
    assert "no file of displacements is named" in made.alert.value
    made.files["offsets"].value = str(tmp_path / "sites.csv")
    made.files["meshes"].value = str(tmp_path / "*.msh")
    made.reading.controls["unit"].value = "m"
    made.reading.controls["members"].value = 4
    made.reading.controls["dip_std"].value = 2.0
    made.open_button.click()
    assert made.alert.value == ""
    assert len(made.controller.data.structures.structures) == 4
    made.run_tab.run_button.click()
    assert made.job.wait(60)
    space: dict = {}
    exec(made.controller.code, space)
    np.testing.assert_array_equal(space["slip"]["slip"].values, made.result["slip"].values)
    made.controller.save_session(str(tmp_path / "kept"))
    assert made.alert.value == ""
    again = SlipDashboard()
    again.controller.restore_session(str(tmp_path / "kept"))
    assert again.alert.value == ""
    assert again.controller.data.checksums == made.controller.data.checksums
    assert again.files["offsets"].value == str(tmp_path / "sites.csv")
    with (tmp_path / "sites.csv").open("a") as file:
        file.write("\nNEW,10.1,45.1,0.1,0.1,0.1,0.01,0.01,0.01")
    again.controller.restore_session(str(tmp_path / "kept"))
    assert "has changed since the session was saved" in again.alert.value
    again.controller.restore_session(str(tmp_path / "kept"), allow_changed=True)
    assert again.alert.value == ""
    assert again.result is None
    assert len(again.controller.sites) == 21
    for _ in range(5):
        made.shell.undo.click()
    assert not made.controller.has_data  # as before the files were opened
    made.files["meshes"].value = str(tmp_path / "nothing_*.msh")
    made.open_button.click()
    assert "no file matches" in made.alert.value


def test_a_state_refuses_what_cannot_be() -> None:
    state = SlipState()
    kept = state.to_json()
    for values, message in (
        ({"field": "median"}, "field"), ({"muted": [1]}, "names of sites"),
        ({"config": {"n_samples": 2}}, "n_samples"), ({"patch": -1}, "patch"),
        ({"tab": 99}, "tab"), ({"nothing": 1}, "no setting is called"),
        ({"version": 2}, "Update seisnb"), ({"kind": "location session"}, "slip session"),
    ):  # fmt: skip
        with pytest.raises(InputError, match=message):
            state.take(values)
    assert state.to_json() == kept
    other = SlipState()
    state.change(muted=("B", "A"), config=QUICK, sample=4)
    other.take(state.to_json())
    assert other.snapshot() == state.snapshot()


def test_errors_that_sites_share_are_muted_with_them(structures) -> None:
    given = sites_over(structures)
    shared = np.diag(given["std"].values.ravel() ** 2) + 1e-6
    given["covariance"] = (
        ("site", "component", "site_2", "component_2"), shared.reshape(20, 3, 20, 3)
    )  # fmt: skip
    made = SlipDashboard(given, structures, QUICK)
    made.controller.mute(["S00", "S11"])
    made.run_tab.run_button.click()
    assert made.job.wait(60)
    assert made.alert.value == ""
    kept = np.repeat(~np.isin(np.arange(20), (0, 11)), 3)
    other = make_offsets(
        site=[f"S{i:02d}" for i in range(20) if i not in (0, 11)],
        displacement=given["displacement"].values.reshape(-1, 3)[kept[::3]],
        std=np.full((18, 3), 0.005), covariance=shared[np.ix_(kept, kept)],
        easting=given["easting"].values[kept[::3]], northing=given["northing"].values[kept[::3]],
        projection=PROJECTION,
    )  # fmt: skip
    expected = invert_slip(other, structures, QUICK)
    np.testing.assert_allclose(made.result["slip_mean"], expected["slip_mean"], atol=1e-9)
