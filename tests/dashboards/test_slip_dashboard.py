"""The slip dashboard: what a person does, and what the page then says."""

from __future__ import annotations

import threading

import ipywidgets as widgets
import meshio
import numpy as np
import pytest
import xarray as xr

from seisnb.conventions import Cancelled, InputError
from seisnb.dashboards import SlipDashboard
from seisnb.dashboards.figures.slip_patch import patch_figure
from seisnb.dashboards.figures.slip_sites import sites_figure
from seisnb.dashboards.slip.state import TABS, SlipState
from seisnb.geodesy import make_offsets
from seisnb.io import open_slip
from seisnb.projection import Projection
from seisnb.slip import SlipConfig, Structure, invert_slip, rectangle_fault, structure_ensemble
from seisnb.slip.elastic import displacements
from tests.slip.truths import PROJECTION

#: In closed form, a tenth of a second.
QUICK = SlipConfig(positive=False, slip_std=0.5, n_samples=200)
MARKUP = "<img src=x onerror=alert(1)>"


def thrusts(dips=(14.0, 18.0, 22.0)):
    """Faults of 12 patches whose dip is uncertain."""
    return structure_ensemble(
        [
            Structure(
                fault=rectangle_fault(
                    top_centre=(0.0, 0.0, 4.0), length=60.0, width=40.0, strike=0.0, dip=dip,
                    n_along=3, n_down=4,
                ),
                name=f"dip {dip:g}", parameters={"dip": dip},
            )
            for dip in dips
        ]
    )  # fmt: skip


def sites_over(structures, *, first="S00", std=0.005):
    """Twenty sites over the fault, moved by half a metre of thrust on its middle."""
    rng = np.random.default_rng(3)
    east, north = (each.ravel() for each in np.meshgrid([-15, 5, 20, 35, 50], [-30, -10, 10, 30]))
    fault = structures.structures[1].fault
    slip = np.zeros(fault.n_patches)
    slip[4:8] = 0.5
    exact = displacements(fault, east.astype(float), north.astype(float))[..., 1] @ slip
    return make_offsets(
        site=[first, *(f"S{i:02d}" for i in range(1, 20))],
        displacement=exact + std * rng.standard_normal(exact.shape),
        std=np.full(exact.shape, std), easting=east, northing=north, projection=PROJECTION,
    )  # fmt: skip


@pytest.fixture(scope="module")
def structures():
    return thrusts()


@pytest.fixture(scope="module")
def offsets(structures) -> xr.Dataset:
    return sites_over(structures)


@pytest.fixture(scope="module")
def slip(offsets, structures) -> xr.Dataset:
    return invert_slip(offsets, structures, QUICK)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch) -> None:
    """Results go here."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def made(offsets, structures) -> SlipDashboard:
    return SlipDashboard(offsets, structures, QUICK)


@pytest.fixture
def run(made) -> SlipDashboard:
    made.run_tab.run_button.click()
    assert made.job.wait(60)
    assert made.alert.value == ""
    return made


def look_at(made: SlipDashboard, name: str) -> None:
    made.tabs.selected_index = TABS.index(name)


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
    SlipDashboard().controller.restore_session(str(tmp_path / "session"))
    (tmp_path / "session" / "result_1.nc").write_bytes(b"other")
    again.controller.restore_session(str(tmp_path / "session"))
    assert "result 1" in again.alert.value


def write_files(folder, offsets, structures) -> None:
    """A table of sites, and the fault as a mesh in degrees."""
    rows = ["site,lon,lat,east,north,up,sig_e,sig_n,sig_u"]
    for i, name in enumerate(offsets["site"].values):
        values = [*offsets["displacement"].values[i], *offsets["std"].values[i]]
        place = (offsets["longitude"].values[i], offsets["latitude"].values[i])
        rows.append(",".join([str(name), *(f"{v:.9g}" for v in (*place, *values))]))
    (folder / "sites.csv").write_text("\n".join(rows))
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
    SlipDashboard().controller.restore_session(str(tmp_path / "kept"))
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
