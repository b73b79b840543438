"""Figures: what the glyphs hold, what the labels say, what is painted and what is not."""

import numpy as np
import pytest
import xarray as xr
from bokeh.model import Model
from bokeh.models import ColorBar, Legend, LinearColorMapper
from looking import passing
from numpy.testing import assert_allclose, assert_array_equal

from seisnb.conventions import InputError
from seisnb.dashboards import figures
from seisnb.dashboards.figures.style import nice_limits, nice_step, number, palette, plain
from seisnb.survey import surface_depth_at


def named(model, name, kind=Model):
    found = model.select_one({"name": name, "type": kind})
    assert found is not None, name
    return found


def image_of(plot):
    return named(plot, "image").data_source.data["image"][0]


def factor_of(ensemble):
    return {"m": 1000.0, "km": 1.0}[ensemble.attrs["length_unit"]]


def legend_labels(plot):
    return [item.label.value for item in plot.select_one({"type": Legend}).items if item.visible]


def test_mean_section_paints_the_mean_of_the_rock_in_display_units(ensemble):
    plot = figures.section(ensemble, figures.mean_layer(ensemble))
    rock = ensemble["rock"].values
    expected = ensemble["velocity_mean"].values * factor_of(ensemble)
    assert_allclose(image_of(plot)[rock], expected[rock], rtol=1e-6)


def test_cells_wholly_above_the_rock_are_not_painted(ensemble):
    depth, half = ensemble["depth"].values, float(np.diff(ensemble["depth"])[0]) / 2
    floor = surface_depth_at(ensemble, ensemble["easting"])
    highest = np.minimum.reduce([floor, np.roll(floor, 1), np.roll(floor, -1)])
    above = depth[:, None] + 3 * half < highest
    above[:, [0, -1]] = False
    assert above.sum() > 100
    painted = np.isfinite(image_of(figures.section(ensemble, figures.std_layer(ensemble))))
    assert not painted[above].any()
    assert painted[ensemble["rock"].values].all()


def test_air_and_water_cover_everything_above_the_surface_line(marine, land):
    plot = figures.section(marine, figures.mean_layer(marine))
    water = named(plot, "water").data_source.data
    assert_allclose(water["y2"][1:-1], surface_depth_at(marine, water["x"][1:-1]))
    assert_array_equal(water["y1"], 0.0)
    dry = figures.section(land, figures.mean_layer(land))
    assert dry.select_one({"name": "water"}) is None
    air = named(dry, "air").data_source.data
    assert_allclose(air["y2"][1:-1] / 1e3, surface_depth_at(land, air["x"][1:-1] / 1e3))
    assert (air["y1"] < dry.y_range.end).all()


@pytest.mark.parametrize(
    ("line", "easting", "vertical", "bar"),
    [
        ("land", "Easting (m)", "Elevation (m)", "P velocity (m/s)"),
        ("marine", "Easting (km)", "Depth (km)", "P velocity (km/s)"),
    ],
)
def test_labels_and_units_follow_the_survey_size(request, line, easting, vertical, bar):
    ensemble = request.getfixturevalue(line)
    plot = figures.section(ensemble, figures.mean_layer(ensemble))
    assert plot.xaxis[0].axis_label == easting
    assert plot.yaxis[0].axis_label == vertical
    assert plot.select_one({"type": ColorBar}).title == bar
    assert plot.y_range.start > plot.y_range.end, "depth points downward"


def test_stated_exaggeration_is_the_drawn_one(ensemble):
    plot = figures.section(ensemble, figures.mean_layer(ensemble))
    x = plot.frame_width / (plot.x_range.end - plot.x_range.start)
    y = plot.frame_height / (plot.y_range.start - plot.y_range.end)
    assert_allclose(y / x, plot.tags[0], rtol=0.01)
    text = "no vertical exaggeration" if plot.tags[0] == 1 else f"exaggeration {plot.tags[0]:g}"
    assert text in plot.title.text


def test_image_cells_are_centred_on_their_nodes(ensemble):
    glyph = named(figures.section(ensemble, figures.mean_layer(ensemble)), "image").glyph
    x, scale = ensemble["easting"].values, factor_of(ensemble)
    step = x[1] - x[0]
    assert_allclose(glyph.x, scale * (x[0] - step / 2), atol=1e-9 * scale)
    assert_allclose(glyph.dw, scale * step * x.size)


def test_cells_above_the_chosen_std_are_grey_and_no_others(ensemble):
    limit = float(ensemble["velocity_std"].median())
    plot = figures.section(ensemble, figures.std_layer(ensemble, grey_above=limit))
    grey = np.isfinite(named(plot, "grey").data_source.data["image"][0])
    expected = (ensemble["velocity_std"].values > limit) & np.isfinite(image_of(plot))
    assert_array_equal(grey, expected)
    assert 0.2 < grey.mean() < 0.8
    assert "grey: std above" in plot.title.text
    mapper = named(plot, "image").glyph.color_mapper
    assert_allclose(mapper.high, min(mapper.high, limit * factor_of(ensemble)))


def test_mean_is_grey_where_the_prior_still_speaks(ensemble):
    layer = figures.mean_layer(ensemble, grey_ratio=0.5)
    ratio = (ensemble["velocity_std"] / ensemble["prior_std"]).values
    deep = ensemble["depth"].values[:, None] > ensemble["deepest_ray"].values
    assert_array_equal(layer.greyed, ((ratio > 0.5) | deep) & np.isfinite(layer.values))
    assert layer.note == "grey: above 50 % of the prior std"


def test_ratio_is_posterior_over_prior_between_zero_and_one(ensemble):
    plot = figures.section(ensemble, figures.ratio_layer(ensemble))
    rock = ensemble["rock"].values
    ratio = (ensemble["velocity_std"] / ensemble["prior_std"]).values
    assert_allclose(image_of(plot)[rock], ratio[rock], rtol=1e-5)
    mapper = named(plot, "image").glyph.color_mapper
    assert (mapper.low, mapper.high) == (0.0, 1.0)


def test_coverage_leaves_uncrossed_cells_white(ensemble):
    image = image_of(figures.section(ensemble, figures.coverage_layer(ensemble)))
    assert np.isnan(image[ensemble["ray_coverage"].values == 0]).all()


def test_instruments_and_deepest_ray_are_where_the_survey_has_them(ensemble):
    plot = figures.section(ensemble, figures.mean_layer(ensemble))
    scale = factor_of(ensemble)
    for kind in ("shot", "receiver"):
        drawn = named(plot, f"{kind}s").data_source.data
        pairs = {
            (round(x, 9), round(z, 9))
            for x, z in zip(
                ensemble[f"{kind}_easting"].values, ensemble[f"{kind}_depth"].values, strict=True
            )
        }
        shown = {
            (round(x / scale, 9), round(z / scale, 9))
            for x, z in zip(drawn["x"], drawn["y"], strict=True)
        }
        assert shown == pairs
    ray = named(plot, "deepest_ray").data_source.data["y"]
    seen = np.isfinite(ray)
    assert seen.sum() > 200
    assert_allclose(ray[seen], ensemble["deepest_ray"].values[seen] * scale)
    assert {"shots", "receivers", "deepest ray"} <= set(legend_labels(plot))


def test_contours_lie_on_their_levels_and_are_labelled(marine):
    layer = figures.mean_layer(marine)
    plot = figures.section(marine, layer)
    lines = named(plot, "contours").data_source.data
    labels = named(plot, "contour_labels").data_source.data
    assert len(lines["xs"]) >= len(labels["text"]) >= 3
    mean = marine["velocity_mean"]
    for x, z, text in zip(labels["x"], labels["y"], labels["text"], strict=True):
        here = mean.interp(easting=x, depth=z)
        assert_allclose(float(here), float(text), rtol=0.02)


def test_member_layer_has_the_members_values_in_the_means_colours(ensemble):
    layer, mean = figures.member_layer(ensemble, 5), figures.mean_layer(ensemble)
    rock = ensemble["rock"].values
    expected = ensemble["velocity"][5].values[rock] * factor_of(ensemble)
    assert_allclose(layer.values[rock], expected, rtol=1e-6)
    assert (layer.low, layer.high) == (mean.low, mean.high)
    assert layer.title.startswith("Member 6 of 16")


@pytest.mark.parametrize("member", [-1, 16])
def test_member_outside_the_ensemble_is_refused(land, member):
    with pytest.raises(InputError, match=r"0 to 15"):
        figures.member_layer(land, member)


def test_repaint_equals_a_new_figure(ensemble):
    plot = figures.section(ensemble, figures.mean_layer(ensemble))
    zoom = plot.x_range.end
    plot.x_range.end = zoom / 2
    layer = figures.std_layer(ensemble, grey_above=float(ensemble["velocity_std"].median()))
    figures.repaint(plot, ensemble, layer)
    fresh = figures.section(ensemble, layer)
    assert_array_equal(image_of(plot), image_of(fresh))
    assert plot.title.text == fresh.title.text
    for name in ("grey", "contours", "contour_labels"):
        old, new = (named(each, name).data_source.data for each in (plot, fresh))
        assert_array_equal(np.shape(old), np.shape(new))
    assert plot.select_one({"type": ColorBar}).title == fresh.select_one(ColorBar).title
    assert plot.x_range.end == zoom / 2, "the reader's zoom stays"


def test_gallery_shares_one_colour_scale_and_shows_different_members(land):
    gallery = figures.member_gallery(land, n_members=6)
    mappers = list(gallery.select({"type": LinearColorMapper}))
    velocity = [m for m in mappers if len(m.palette) > 1]
    assert len(velocity) == 7  # six panels and the bar
    assert len({(m.low, m.high) for m in velocity}) == 1
    images = [r.data_source.data["image"][0] for r in gallery.select({"name": "image"})]
    assert len(images) == 6
    assert not np.array_equal(images[0], images[1], equal_nan=True)


def test_gallery_of_a_small_ensemble_has_no_empty_panels(land):
    few = land.isel(particle=[0, 1])
    assert len(list(figures.member_gallery(few).select({"name": "image"}))) == 2


def test_travel_time_curves_hold_reduced_times_with_their_errors(ensemble):
    velocity = 2.0
    curves = figures.travel_time_curves(ensemble, reduction_velocity=velocity)
    data = named(curves, "pick_source").data
    scale = factor_of(ensemble)
    distance = np.abs(ensemble["receiver_easting"] - ensemble["shot_easting"]).values
    reduced = (ensemble["travel_time"].values - distance / velocity) * scale
    assert_allclose(data["time"], reduced, atol=1e-9 * scale)
    assert_allclose((data["high"] - data["low"]) / 2, ensemble["pick_std"].values * scale)
    assert_allclose(data["residual"], ensemble["residual"].values * scale)


@pytest.mark.parametrize(
    ("line", "label", "residual"),
    [
        ("land", "t − |offset| / 2000 m/s (ms)", "Residual (ms)"),
        ("marine", "t − |offset| / 2 km/s (s)", "Residual (s)"),
    ],
)
def test_travel_time_labels(request, line, label, residual):
    curves = figures.travel_time_curves(request.getfixturevalue(line), reduction_velocity=2.0)
    top, bottom = curves.children
    assert top.yaxis[0].axis_label == label
    assert bottom.yaxis[0].axis_label == residual
    assert top.x_range is bottom.x_range


def test_unreduced_times(marine):
    top = figures.travel_time_curves(marine, reduction_velocity=np.inf).children[0]
    assert top.yaxis[0].axis_label == "Travel time (s)"
    assert_allclose(named(top, "pick_source").data["time"], marine["travel_time"].values)


@pytest.mark.parametrize("velocity", [0.0, -3.0, np.nan])
def test_impossible_reduction_velocity_is_refused(marine, velocity):
    with pytest.raises(InputError, match="reduction_velocity"):
        figures.travel_time_curves(marine, reduction_velocity=velocity)


def test_reduction_velocity_levels_the_far_branches(ensemble):
    velocity = figures.reduction_velocity_of(ensemble)
    distance = np.abs(ensemble["receiver_easting"] - ensemble["shot_easting"]).values
    far = distance > np.quantile(distance, 0.6)
    time = ensemble["travel_time"].values
    slope = np.polyfit(distance[far], time[far], 1)[0]
    reduced = np.polyfit(distance[far], (time - distance / velocity)[far], 1)[0]
    assert abs(reduced) < 0.3 * slope


def test_gathers_follow_the_rarer_side(land, marine):
    assert figures.gathers_of(land).kind == "shot"
    assert figures.gathers_of(marine).kind == "receiver"
    top = figures.travel_time_curves(marine).children[0]
    assert top.select_one({"type": ColorBar}).title == "Receiver easting (km)"
    assert figures.travel_time_curves(marine).children[1].xaxis[0].axis_label == "Shot easting (km)"


def test_band_holds_the_predicted_mean_and_most_members(marine):
    top = figures.travel_time_curves(marine, reduction_velocity=np.inf).children[0]
    data = named(top, "prediction").data_source.data
    n_curves = 2 * np.unique(marine["receiver"]).size
    assert len(data["xs"]) == n_curves
    for ys, edge in zip(data["ys"], data["by"], strict=True):
        low, high = np.array(edge[: len(ys)]), np.array(edge[len(ys) :])[::-1]
        assert (low <= ys).all()
        assert (ys <= high).all()
    mean = np.sort(np.concatenate(data["ys"]))
    assert_allclose(mean, np.sort(marine["predicted_time"].mean("particle").values))


def test_survey_alone_gives_curves_without_prediction(marine_survey):
    plot = figures.travel_time_curves(marine_survey)
    assert plot.select_one({"name": "band"}) is None
    assert plot.xaxis[0].axis_label == "Shot easting (km)"
    assert legend_labels(plot) == ["picks ± 1 std"]


def test_muted_picks_are_shown_apart(marine_survey):
    survey = marine_survey.copy(deep=True)
    survey["used"][[3, 8, 11]] = False
    plot = figures.travel_time_curves(survey)
    assert "muted" in legend_labels(plot)
    drop = passing(plot, "muted")
    assert_array_equal(np.flatnonzero(drop), [3, 8, 11])
    assert_array_equal(passing(plot, "picks"), ~drop)


def test_mark_muted_equals_a_new_figure(marine):
    curves = figures.travel_time_curves(marine)
    used = np.arange(marine.sizes["pick"]) % 7 > 0
    figures.mark_muted(curves, used)
    fresh = figures.travel_time_curves(marine.assign(used=("pick", used)))
    for name in ("picks", "picks_residuals", "errors", "muted_residuals"):
        old, new = (passing(c, name) for c in (curves, fresh))
        assert_array_equal(old, new)
    assert legend_labels(curves) == legend_labels(fresh)


def test_profile_has_the_quantiles_of_its_column(ensemble):
    easting = float(ensemble["easting"][100])
    plot = figures.velocity_profile(ensemble, easting)
    rock = ensemble["rock"][:, 100].values
    scale = factor_of(ensemble)
    expected = ensemble["velocity_quantile"][:, :, 100].values[:, rock] * scale
    outer, inner = (named(plot, name).data_source.data for name in ("outer", "inner"))
    assert_allclose(outer["x1"], expected[0])
    assert_allclose(outer["x2"], expected[4])
    assert_allclose(inner["x1"], expected[1])
    assert_allclose(named(plot, "median").data_source.data["x"], expected[2])
    assert_allclose(outer["y"], ensemble["depth"].values[rock] * scale)
    assert {"95 % interval", "68 % interval", "prior 95 %"} <= set(legend_labels(plot))
    ray = named(plot, "deepest_ray").data_source.data["y"]
    assert_allclose(ray, float(ensemble["deepest_ray"][100]) * scale)


@pytest.mark.parametrize(("field", "is_log"), [("log_velocity", True), ("velocity", False)])
def test_prior_band_is_the_priors_95_percent(marine, field, is_log):
    ensemble = marine.assign_attrs(prior=f'{{"field": "{field}"}}')
    plot = figures.velocity_profile(ensemble, 60.0)
    band = named(plot, "prior").data_source.data
    column = ensemble.sel(easting=60.0, method="nearest")
    column = column.isel(depth=np.flatnonzero(column["rock"].values))
    mean, std = column["prior_mean"].values[-1], column["prior_std"].values[-1]
    normal = np.random.default_rng(0).normal(size=400_000)
    spread = np.sqrt(np.log1p((std / mean) ** 2))
    draws = mean * np.exp(spread * normal - spread**2 / 2) if is_log else mean + std * normal
    assert_allclose([band["x1"][-1], band["x2"][-1]], np.quantile(draws, [0.025, 0.975]), rtol=0.01)


def test_profile_outside_the_line_is_refused(marine):
    with pytest.raises(InputError, match="outside the ensemble"):
        figures.velocity_profile(marine, 400.0)


def test_chi2_histogram_counts_every_member(ensemble):
    plot = figures.chi2_histogram(ensemble)
    for name in ("chi2_ray", "chi2_referee"):
        assert named(plot, name).data_source.data["top"].sum() == ensemble.sizes["particle"]


def test_hostile_title_stays_text(land):
    ensemble = land.assign_attrs(title="$$\\href{javascript:alert(1)}{x}$$\n<b>\x00" + "a" * 300)
    plot = figures.section(ensemble, figures.mean_layer(ensemble))
    assert "$" not in plot.name
    assert "\\" not in plot.name
    assert "\n" not in plot.name
    assert len(plain("a" * 300)) == 90


def test_unknown_display_unit_is_refused(land):
    with pytest.raises(InputError, match="length_unit"):
        figures.section(land.assign_attrs(length_unit="ft"), figures.Layer)


def test_palette_is_perceptual_and_reversible():
    colours = palette("batlow")
    assert len(colours) == 256
    assert palette("batlow", reverse=True) == colours[::-1]
    red, green, blue = (np.array([int(c[i : i + 2], 16) for c in colours]) / 255 for i in (1, 3, 5))
    lightness = 0.2126 * red**2.2 + 0.7152 * green**2.2 + 0.0722 * blue**2.2
    assert (np.diff(lightness[::16]) > 0).all()


@pytest.mark.parametrize(
    ("values", "expected"),
    [([0.31, 5.7], (0.0, 6.0)), ([1.52, 8.1], (1.0, 9.0)), ([330.0, 4810.0], (0.0, 5000.0))],
)
def test_nice_limits_hold_the_values(values, expected):
    low, high = nice_limits(values)
    assert low <= min(values)
    assert high >= max(values)
    assert (low, high) == pytest.approx(expected, abs=0.11 * np.ptp(values))


def test_nice_limits_of_a_constant_field_still_span_something():
    low, high = nice_limits([2.0, 2.0])
    assert low <= 2.0 <= high


@pytest.mark.parametrize(
    ("value", "text"), [(2000.0, "2000"), (0.01634, "0.0163"), (1234567.0, "1230000")]
)
def test_numbers_are_written_out(value, text):
    assert number(value) == text


def test_nice_step_is_one_two_or_five():
    assert [nice_step(span, 6) for span in (6.0, 11.0, 30.0)] == [1.0, 2.0, 5.0]


def test_figures_leave_the_dataset_alone(marine):
    before = marine.copy(deep=True)
    figures.section(marine, figures.std_layer(marine, grey_above=0.3))
    figures.travel_time_curves(marine)
    figures.velocity_profile(marine, 50.0)
    xr.testing.assert_identical(marine, before)
