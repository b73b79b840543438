"""The diagnostics as a person sees them: rows, table, figures, tab."""

import json

import numpy as np
import pytest
import xarray as xr
from bokeh.models import FixedTicker, Legend
from fake import land_ensemble, land_survey, make_invert
from numpy.testing import assert_allclose

from seisnb.conventions import InputError
from seisnb.dashboards import TomographyDashboard, figures
from seisnb.dashboards.diagnosis import diagnosis_rows, diagnosis_table
from seisnb.dashboards.tomography.controller import TABS
from seisnb.diagnostics import diagnose


def rows_of(ensemble):
    return {row.name: row for row in diagnosis_rows(ensemble)}


def with_check(ensemble, name, value, z):
    changed = ensemble.copy(deep=True)
    at = list(changed["check"].values).index(name)
    changed["check_value"].values[at], changed["check_z"].values[at] = value, z
    return changed


def with_network(ensemble):
    return ensemble.assign(
        chi2_network=3 * ensemble["chi2_ray"],
        network_error=20 * ensemble["ray_error"],
        leakage_network=((), 0.87),
        leakage_ray=((), 0.0),
        kernel_difference=((), 0.021),
    )


def test_rows_hold_the_figures_in_display_units(land):
    rows, found = rows_of(land), diagnose(land)
    assert rows["chi² per pick, by rays"].value == f"{float(found['chi2_ray']):.2f}"
    error = rows["Error of times along rays"].value
    number, unit, _ = error.split(" ", 2)
    assert unit == "ms"
    assert_allclose(float(number), 1e3 * float(found["ray_error"]), rtol=0.01)
    assert rows["Leakage of the rays' kernels"].value == "0 %"
    assert rows["Members"].value.startswith("16, worth 16 independent")
    assert not rows["Members"].is_good
    assert rows["Squared pull on the prior, per unknown found"].good == "0.50 to 1.70"
    assert not [row for row in rows.values() if "network" in row.name]


def test_network_rows_stand_beside_the_rays(land):
    rows = rows_of(with_network(land))
    assert rows["Leakage of the network's own kernels"].value.startswith("87 %; 2.1 %")
    assert rows["Error of the network's own times"].is_good  # told, not blamed: it is not the clock
    assert float(rows["chi² per pick, by the network alone"].value) > 1.5


@pytest.mark.parametrize(
    ("name", "value", "z", "words"),
    [
        ("prior_pull", 9.0, 8.0, "too stiff: use a larger amplitude"),
        ("prior_pull", 0.1, -8.0, "looser than need be"),
        ("pick_sigma", 3.0, 8.0, "too small: use larger ones, or infer_sigma"),
        ("pick_sigma", 0.3, -8.0, "too large: use smaller ones, or infer_sigma"),
        ("neighbours_shot", 0.5, 8.0, "miss together: shared errors"),
        ("length_easting", 0.3, -8.0, "shorter lengths along the line"),
        ("length_depth", 3.0, 8.0, "longer lengths in depth"),
    ],
)
def test_what_is_wrong_is_marked_with_what_to_do(land, name, value, z, words):
    wrong = with_check(land, name, value, z)
    doubtful = [row for row in diagnosis_rows(wrong) if not row.is_good and row.name != "Members"]
    assert [words in row.words for row in doubtful] == [True]
    assert f"{value:.2f} (look here)" in diagnosis_table(wrong)


def test_members_of_stein_particles_are_not_called_draws(land):
    config = json.dumps({"engine": "svgd"})
    row = rows_of(land.assign_attrs(config=config))["Members"]
    assert row.value == "16"
    assert "no draws" in row.words


def test_table_is_escaped_and_has_scopes(land):
    hostile = land.assign_coords(check=["<b>x</b>", *land["check"].values[1:]])
    table = diagnosis_table(hostile)
    assert "<b>" not in table
    assert "&lt;b&gt;x" in table
    assert table.count("<th ") == table.count('scope="')


def test_histogram_draws_the_shares_with_what_is_expected(ensemble):
    plot, found = figures.left_out_histogram(ensemble), diagnose(ensemble)
    bars = plot.select_one({"name": "share"}).data_source.data
    assert_allclose(bars["top"], found["left_out_share"])
    assert_allclose(np.sum(bars["top"]), 1.0)
    band = plot.select_one({"name": "expected"}).data_source.data
    assert band["bottom"][0] == float(found["left_out_low"][0])
    assert band["top"][0] == float(found["left_out_high"][0])
    assert plot.y_range.end > max(bars["top"])
    assert {item.label.value for item in plot.select_one({"type": Legend}).items} == {
        "picks", "95 % of right settings",
    }  # fmt: skip


def test_checks_are_named_in_words_and_clipped_at_the_edge(land):
    plot = figures.checks_figure(with_check(land, "prior_pull", 30.0, 25.0))
    points = plot.select_one({"name": "scores"})
    assert points.data_source.data["x"][1] == plot.x_range.end - 0.5
    assert plot.yaxis.ticker.ticks == [6, 5, 4, 3, 2, 1]
    assert isinstance(plot.yaxis.ticker, FixedTicker)
    assert plot.yaxis.major_label_overrides[5] == "Prior's amplitude"
    colours = points.data_source.data["fill_color"]
    assert colours[1] != colours[0]
    assert len({*colours}) == 2


def test_an_older_ensemble_is_refused_by_figures_with_a_remedy(land):
    older = land.drop_vars(["left_out_residual", "check_z"])
    for draw in (figures.left_out_histogram, figures.checks_figure):
        with pytest.raises(InputError, match="Run the inversion again"):
            draw(older)


def test_the_tab_says_what_to_do_then_the_verdict_then_the_table(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    app = TomographyDashboard(survey=land_survey(), invert=make_invert())
    panel = app.explore_tab.diagnosis
    assert "Run the inversion" in panel.verdict.value
    assert panel.pane.layout.display == "none"
    app.run_button.click()
    assert app.controller.job.wait(30)
    assert "within their errors" in panel.verdict.value
    assert "within their errors" in app.explore_tab.words.value
    assert panel.table.value == panel.gates.value == ""
    assert "Care" in app.status.value
    app.explore_tab._folded.selected_index = 1
    assert "<table" in panel.table.value
    assert "What every good result must meet" in panel.gates.value
    assert panel.pane.layout.display == ""
    assert panel.pane.description.endswith("look at: Members")
    assert panel.pane.model.select_one({"name": "share"}) is not None
    app.tabs.selected_index = TABS.index("run")
    assert "Care" in app.run_tab.words.value
    assert "within their errors" in app.run_tab.words.value


def test_the_tab_escapes_and_shows_an_older_ensemble():
    ensemble = land_ensemble().assign_attrs(verdict="<img src=x onerror=alert(1)>")
    older = ensemble.drop_vars(["left_out_residual", "predicted_std"])
    tab = TomographyDashboard(ensemble=older).explore_tab
    panel = tab.diagnosis
    tab._folded.selected_index = 1
    assert "<img" not in tab.words.value
    assert "<img" not in panel.verdict.value
    assert "&lt;img" in panel.verdict.value
    assert "▲</span> Care" in panel.verdict.value
    assert "▲</span> Care" in tab.words.value
    assert panel.pane.layout.display == "none"
    assert "Leakage" in panel.table.value


def resolved(pattern):
    """A resolution test's result on a 40 km line."""
    x, z = np.arange(0, 40.1, 0.5), np.arange(0, 10.1, 0.25)
    board = np.sin(np.pi * x / 10) * np.sin(np.pi * z[:, None] / 2.5)
    section = ("depth", "easting")
    return xr.Dataset(
        {
            "true_perturbation": (section, 0.05 * board),
            "recovered_perturbation": (section, 0.03 * board),
            "recovery_ratio": (section, np.full(board.shape, 0.6)),
            "rock": (section, np.ones(board.shape, bool)),
            "deepest_ray": ("easting", np.full(x.size, 6.0)),
            "surface_easting": ("profile", [0.0, 40.0]),
            "surface_depth": ("profile", [0.0, 0.0]),
            **{
                f"{kind}_{axis}": ("pick", [0.0, 0.0] if axis == "depth" else [5.0, 35.0])
                for kind in ("shot", "receiver")
                for axis in ("easting", "depth")
            },
        },
        coords={"depth": z, "easting": x},
        attrs={
            "kind": "resolution", "pattern": pattern, "size_km": [10.0, 2.5], "amplitude": 0.05,
            "length_unit": "km", "noise": 1,
        },
    )  # fmt: skip


@pytest.mark.parametrize(
    ("pattern", "word"), [("checkerboard", "Checkerboard"), ("spike", "Spike")]
)
def test_resolution_is_drawn_true_recovered_share(pattern, word):
    test = resolved(pattern)
    plots = figures.resolution_sections(test).children
    painted = [plot.select_one({"name": "image"}).data_source.data["image"][0] for plot in plots]
    assert_allclose(painted[0], 100 * test["true_perturbation"], atol=1e-5)
    assert_allclose(painted[1], 100 * test["recovered_perturbation"], atol=1e-5)
    assert_allclose(painted[2], 0.6, atol=1e-6)
    assert plots[0].title.text.startswith(f"{word} put in: 10 × 2.5 km")
    assert plots[0].x_range is plots[1].x_range is plots[2].x_range
    mappers = [plot.select_one({"name": "image"}).glyph.color_mapper for plot in plots]
    assert (mappers[0].low, mappers[0].high) == (mappers[1].low, mappers[1].high) == (-5, 5)
    grey = plots[2].select_one({"name": "grey"}).data_source.data["image"][0]
    assert (np.isfinite(grey) == (test["depth"].values[:, None] > 6.0)).all()


def test_resolution_refuses_an_ensemble(land):
    with pytest.raises(InputError, match="expected what resolution_test returns"):
        figures.resolution_sections(land)
