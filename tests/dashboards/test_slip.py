"""Slip as a person sees it: figures and the report say what the Dataset holds, and no more."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from bokeh.models import ColorBar, Row
from bokeh.plotting import figure

from seisnb.conventions import InputError
from seisnb.dashboards.figures import slip as figures
from seisnb.dashboards.figures.maps import ellipses_of
from seisnb.dashboards.figures.slip_sites import sites_figure
from seisnb.dashboards.figures.slip_units import amount_of, patches_shown
from seisnb.dashboards.slip.runs import data_of
from seisnb.slip import SlipConfig, invert_slip
from seisnb.slip.synthetic import example_thrust


@pytest.fixture(scope="module")
def result() -> xr.Dataset:
    offsets, structures, _ = example_thrust()
    names = offsets["site"].values.astype("U40")
    names[0] = "<script>alert(1)</script>"
    offsets = offsets.assign_coords(site=names)
    config = SlipConfig(positive=False, smoothing="gaussian_process", n_samples=400)
    return invert_slip(offsets, structures, config)


def named(plot: figure, name: str):
    return plot.select_one({"name": name})


def data(plot: figure, name: str) -> dict:
    return named(plot, name).data_source.data


def test_the_map_colours_every_triangle_by_its_patch(result: xr.Dataset) -> None:
    plot = figures.slip_map(result)
    source = data(plot, "patches")
    np.testing.assert_allclose(
        source["value"], result["slip_mean"].values[result["face_patch"].values]
    )
    mapper = named(plot, "patches").glyph.fill_color.transform
    assert mapper.low <= result["slip_mean"].min()
    assert mapper.high >= result["slip_mean"].max()
    bar = next(each for each in plot.right if isinstance(each, ColorBar))
    assert bar.title == "Slip, mean (m)"
    # no slip is the middle of the diverging palette, whatever the limits
    at_zero = round((0.0 - mapper.low) / (mapper.high - mapper.low) * (len(mapper.palette) - 1))
    red, green, blue = (int(mapper.palette[at_zero][i : i + 2], 16) for i in (1, 3, 5))
    assert min(red, green, blue) > 215


def test_a_sample_and_the_std_are_what_they_say(result: xr.Dataset) -> None:
    patch = result["face_patch"].values
    sample = data(figures.slip_map(result, "sample", sample=7), "patches")["value"]
    np.testing.assert_allclose(sample, result["slip"].values[7][patch], rtol=1e-6)
    spread = figures.slip_map(result, "std", arrows=False)
    unit = amount_of(result, result["slip_std"])
    np.testing.assert_allclose(
        data(spread, "patches")["value"], unit.factor * result["slip_std"].values[patch]
    )
    assert named(spread, "observed") is None
    assert named(spread, "patches").glyph.fill_color.transform.low == 0


def test_arrows_ellipses_and_their_scale_agree(result: xr.Dataset) -> None:
    plot = figures.slip_map(result)
    moved = result["observed"].sel(component=["east", "north"]).values
    tips = np.array([[xs[1] - xs[0], ys[1] - ys[0]]
                     for xs, ys in zip(*(data(plot, "observed")[k] for k in ("xs", "ys")),
                                       strict=True)])  # fmt: skip
    scale = np.linalg.norm(tips) / np.linalg.norm(moved)
    np.testing.assert_allclose(tips, scale * moved, atol=1e-9)
    rims = named(plot, "ellipses").data_source.data
    std = result["observed_std"].sel(component="east").values
    for side in ("width", "height"):
        np.testing.assert_allclose(rims[side], 2 * 2.4477468 * scale * std, rtol=1e-7)
    shaft = data(plot, "scale")["xs"][0]
    said = data(plot, "scale label")["text"][0]
    value, unit = said.split()
    metres = float(value) * {"mm": 1e-3, "cm": 1e-2, "m": 1.0}[unit]
    assert shaft[1] - shaft[0] == pytest.approx(scale * metres)
    # all arrows end within the frame
    ends = np.stack([xs[1] for xs in data(plot, "observed")["xs"]])
    assert plot.x_range.start < ends.min() < ends.max() < plot.x_range.end


@pytest.mark.parametrize("correlation", [0.0, 0.8, -0.6])
@pytest.mark.parametrize("level", [0.68, 0.95])
def test_an_ellipse_holds_its_share_of_correlated_errors(level: float, correlation: float) -> None:
    std = np.array([2.0, 0.5])
    covariance = np.outer(std, std) * [[1.0, correlation], [correlation, 1.0]]
    ellipse = ellipses_of(covariance[None], level)
    angle, width, height = (float(ellipse[name][0]) for name in ("angle", "width", "height"))
    points = np.random.default_rng(0).multivariate_normal([0.0, 0.0], covariance, 200_000)
    along = points @ [np.cos(angle), np.sin(angle)] / (width / 2)
    across = points @ [-np.sin(angle), np.cos(angle)] / (height / 2)
    # a share's own noise is 0.001; an ellipse along the axes would miss by 0.05 and more
    assert np.mean(along**2 + across**2 <= 1) == pytest.approx(level, abs=0.004)


def test_correlated_errors_tilt_the_ellipses(result: xr.Dataset) -> None:
    """In a result and in the data before, to the side that the correlation says."""
    n = result.sizes["site"]
    rho = np.where(np.arange(n) % 2, 0.7, -0.7)
    tilted = result.assign(observed_correlation=("site", rho))
    offsets, fault = data_of(tilted)
    for plot in (figures.slip_map(tilted), sites_figure(offsets, fault)):
        rims = named(plot, "ellipses").data_source.data
        side = np.sin(2 * rims["angle"])
        assert (np.sign(side) == np.sign(rho)).all()
        assert (rims["width"] > 1.5 * rims["height"]).all()


def test_a_result_without_correlations_is_drawn(result: xr.Dataset) -> None:
    """One that an older version wrote."""
    old = result.drop_vars("observed_correlation")
    for plot in (figures.slip_map(old), sites_figure(*data_of(old))):
        rims = named(plot, "ellipses").data_source.data
        np.testing.assert_allclose(rims["width"], rims["height"])


def test_vertical_arrows_point_up_and_down(result: xr.Dataset) -> None:
    plot = figures.slip_map(result, component="vertical")
    source = data(plot, "predicted")
    assert all(xs[0] == xs[1] for xs in source["xs"])
    up = np.array([ys[1] - ys[0] for ys in source["ys"]])
    predicted = result["predicted_mean"].sel(component="up").values
    assert (np.sign(up) == np.sign(predicted)).all()
    with pytest.raises(InputError, match="component is 'east'"):
        figures.slip_map(result, component="east")


def test_a_site_without_verticals_has_no_vertical_arrow(result: xr.Dataset) -> None:
    poorer = result.copy(deep=True)
    poorer["observed"][3, 2] = np.nan
    names = data(figures.slip_map(poorer, component="vertical"), "observed")["site"]
    assert len(names) == result.sizes["site"] - 1
    assert "S03" not in names
    poorer["observed"][:, 2] = np.nan
    assert named(figures.slip_map(poorer, component="vertical"), "observed") is None


def test_depth_contours_lie_on_the_fault_and_say_their_depth(result: xr.Dataset) -> None:
    plot = figures.slip_map(result)
    labels = data(plot, "depth labels")
    assert labels["text"]
    # the plane strikes north and dips 14 degrees from 5 km at easting 0
    for x, text in zip(labels["x"], labels["text"], strict=True):
        depth = float(text.removesuffix(" km"))
        assert x == pytest.approx((depth - 5.0) / np.tan(np.radians(14.0)), abs=1e-6)


def test_contours_pass_through_vertices_at_their_depth(result: xr.Dataset) -> None:
    round_ = result.copy(deep=True)  # meshes are often made from contours
    rows = np.unique(np.round(result["vertex_depth"].values, 6))
    steps = dict(zip(rows, 5.0 * np.arange(len(rows)), strict=True))
    round_["vertex_depth"][:] = [steps[round(float(z), 6)] for z in result["vertex_depth"].values]
    said = data(figures.slip_map(round_), "depth labels")["text"]
    assert {"5 km", "10 km", "15 km", "20 km", "25 km"} <= set(said)


def test_two_maps_share_frame_colours_and_arrows(result: xr.Dataset) -> None:
    half = result.copy(deep=True)
    half["slip_mean"] = 0.5 * result["slip_mean"]
    half["observed"] = 0.5 * result["observed"]
    both = figures.slip_maps([("whole", result), ("half <b>", half)])
    assert isinstance(both, Row)
    first, second = both.children
    assert first.x_range is second.x_range
    maps = [named(plot, "patches").glyph.fill_color.transform for plot in (first, second)]
    assert (maps[0].low, maps[0].high) == (maps[1].low, maps[1].high)
    lengths = [np.ptp(data(plot, "observed")["xs"][4][:2]) for plot in (first, second)]
    assert lengths[1] == pytest.approx(0.5 * lengths[0])
    assert [plot.title.text for plot in (first, second)] == ["whole", "half <b>"]
    with pytest.raises(InputError, match="no results"):
        figures.slip_maps([])


def test_a_fault_far_beyond_the_network_is_not_all_in_the_frame(result: xr.Dataset) -> None:
    assert patches_shown([result]).all()
    wide = result.copy(deep=True)
    wide["patch_northing"] = 20 * result["patch_northing"]
    shown = patches_shown([wide])
    assert 0 < shown.sum() < shown.size
    assert shown[int(np.argmax(result["slip_mean"].values))]


@pytest.mark.parametrize(
    ("largest", "quantity", "unit"),
    [(0.004, "offset", "mm"), (0.03, "offset", "cm"), (2.0, "offset", "m"),
     (0.05, "velocity", "mm/yr")],
)  # fmt: skip
def test_units_suit_the_size(result: xr.Dataset, largest, quantity, unit) -> None:
    amount = amount_of(result.assign_attrs(quantity=quantity), [0.1 * largest, -largest, np.nan])
    assert amount.unit == unit
    assert amount.scaled(1.0) == {"mm": 1e3, "cm": 1e2, "m": 1.0}[unit.removesuffix("/yr")]


def test_magnitudes_with_and_without_the_structures(result: xr.Dataset) -> None:
    plot = figures.magnitude_histogram(result)
    for name, variable in (("all structures", "magnitude"),
                           ("first structure only", "single_magnitude")):  # fmt: skip
        bars = data(plot, f"magnitudes {name}")
        area = ((bars["right"] - bars["left"]) * bars["top"]).sum()
        assert area == pytest.approx(1.0)
        ends = data(plot, f"interval {name}")
        low, high = np.quantile(result[variable], (0.025, 0.975))
        assert (ends["x0"][0], ends["x1"][0]) == pytest.approx((low, high))
    yearly = figures.magnitude_histogram(result.assign_attrs(quantity="velocity"))
    assert yearly.xaxis[0].axis_label == "Moment magnitude of a year's slip"


def test_structures_by_name_and_by_parameter(result: xr.Dataset) -> None:
    plot = figures.structure_figure(result)
    np.testing.assert_allclose(data(plot, "posterior")["top"], result["structure_probability"])
    np.testing.assert_allclose(data(plot, "prior")["y"], result["structure_prior"])
    few = figures.structure_figure(result, n_most=5)
    assert len(data(few, "posterior")["top"]) == 5
    assert "the likeliest 5" in few.title.text
    assert figures.varied_parameters(result) == ["dip"]
    panel = figures.parameter_figure(result).children[0]
    bars = data(panel, "posterior")
    dips = 0.5 * (bars["left"] + bars["right"])
    np.testing.assert_allclose(dips, np.arange(8.0, 25.0))
    by_dip = result["structure_probability"].values[np.argsort(result["structure_dip"].values)]
    np.testing.assert_allclose(bars["top"], by_dip, atol=1e-12)  # by sums that are taken apart
    assert figures.parameter_figure(result.drop_vars("structure_dip")) is None


def test_residuals_are_in_stds_and_the_worst_are_shown(result: xr.Dataset) -> None:
    plot = figures.residual_figure(result)
    for part in ("east", "north", "up"):
        one = (result["residual"] / result["observed_std"]).sel(component=part)
        np.testing.assert_allclose(data(plot, f"residuals {part}")["y"], one)
    few = figures.residual_figure(result, n_most=2)
    worst = np.abs(result["residual"] / result["observed_std"]).max("component")
    assert set(data(few, "residuals up")["site"]) <= {
        str(name) for name in result["site"].values[np.argsort(-worst.values)[:2]]
    }


def test_slip_against_depth_is_the_mean_of_each_row(result: xr.Dataset) -> None:
    plot = figures.depth_figure(result)
    line = data(plot, "mean all structures")
    rows = result["slip"].mean("sample").values.reshape(6, 8).mean(axis=1)
    factor = amount_of(result, [0.5]).factor
    np.testing.assert_allclose(np.asarray(line["x"]) / factor, rows, rtol=1e-5)
    np.testing.assert_allclose(line["y"], result["patch_depth"].values.reshape(6, 8)[:, 0])
    band = data(plot, "band all structures")
    inside = np.asarray(band["x1"]) <= np.asarray(line["x"])
    assert inside.all()
    assert plot.y_range.start > plot.y_range.end  # depth grows downward


def test_one_structure_has_one_answer() -> None:
    offsets, structures, _ = example_thrust()
    config = SlipConfig(positive=False, n_samples=50)
    one = invert_slip(offsets, structures.structures[0], config)
    plot = figures.magnitude_histogram(one)
    assert named(plot, "magnitudes one structure") is not None
    assert named(plot, "magnitudes first structure only") is None
    assert figures.parameter_figure(one) is None


def test_other_datasets_are_refused(result: xr.Dataset) -> None:
    other = xr.Dataset(attrs={"kind": "ensemble"})
    for draw in (figures.slip_map, figures.magnitude_histogram, figures.structure_figure,
                 figures.parameter_figure, figures.residual_figure,
                 figures.depth_figure):  # fmt: skip
        with pytest.raises(InputError, match="kind 'ensemble'"):
            draw(other)
    with pytest.raises(InputError, match="from 0 to 399"):
        figures.slip_map(result, "sample", sample=400)
    with pytest.raises(InputError, match="field is 'median'"):
        figures.slip_map(result, "median")
