"""Figures of the studies: the numbers they hold, their labels, nothing beyond the axes."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
import xarray as xr
from bokeh.models import Legend, Plot, Span, Whisker

from seisnb.conventions import InputError
from seisnb.dashboards import figures
from seisnb.dashboards.figures.gold import gold_sections
from seisnb.verification.coverage import NO_RANK
from seisnb.verification.one_dimensional import one_dimensional_dataset, one_dimensional_test
from seisnb.verification.tables import summarise

LEVELS = (0.2, 0.5, 0.8, 0.95)


@pytest.fixture(scope="module")
def tests() -> xr.Dataset:
    """Two engines' names on independent fits, at two lengths."""
    made = [
        one_dimensional_test("rml", length=length, n_particles=24, seed=seed)
        for length, seed in ((0.15, 0), (0.15, 1), (0.075, 0))
    ]
    found = one_dimensional_dataset(made)
    return found.assign_coords(engine=("test", ["rml", "other", "rml"]))


@pytest.fixture(scope="module")
def summary() -> xr.Dataset:
    """Uniform ranks of two methods on eight truths, the second on three only."""
    rng = np.random.default_rng(0)
    shape, axes = (2, 8, 6, 12), ("method_name", "truth", "depth", "easting")
    rank = rng.integers(0, 20, shape).astype(np.int16)
    rank[1, 3:] = NO_RANK
    value = np.where(rank >= 0, rng.uniform(0.05, 0.1, shape), np.nan)
    scalars = ("n_members", "seconds_total", "seconds_training", "seconds_members", "chi2_referee")
    study = xr.Dataset(
        {
            "rank": (axes, rank),
            **dict.fromkeys(
                ("velocity_truth", "velocity_mean", "velocity_std", "crps"), (axes, value)
            ),
            "prior_std": (axes, 4 * value),
            "crps_prior": (axes, 3 * value),
            "ray_density": (axes, 10 * value),
            **{name: (axes[:2], np.where(rank[..., 0, 0] >= 0, 19.0, np.nan)) for name in scalars},
        },
        coords={
            "method_name": ["grid", "map"],
            "label": ("method_name", ["a", "b"]),
            "depth": np.arange(6.0),
        },
        attrs={"bands": json.dumps([[0, 2], [2, 5]])},
    )
    return summarise(study, torch.Generator().manual_seed(0), levels=LEVELS)


def data(plot: Plot, name: str) -> dict[str, np.ndarray]:
    return plot.select_one({"name": name}).data_source.data


def labels(plot: Plot) -> list[str]:
    return [item.label.value for item in plot.select_one({"type": Legend}).items]


def within(plot: Plot, values: np.ndarray) -> bool:
    return bool(plot.y_range.start <= np.nanmin(values) and np.nanmax(values) <= plot.y_range.end)


def test_the_dataset_holds_the_scores_and_the_truth(tests: xr.Dataset) -> None:
    one = one_dimensional_test("rml", length=0.15, n_particles=24)
    first = tests.isel(test=0)
    np.testing.assert_allclose(first["velocity_std"], one.members.std(axis=0, ddof=1))
    assert float(first["sqrt_mmd"]) == pytest.approx(one.sqrt_mmd)
    assert float(first["floor_high"]) == pytest.approx(one.floor.high)
    np.testing.assert_allclose(first["std_ratio"], list(one.std_ratio.values()))
    assert list(first["zone"].values) == list(one.std_ratio)
    described = set(tests.variables) - {"engine", "zone"}
    for name in described:
        assert {"units", "long_name"} <= set(tests[name].attrs), name


def test_the_posterior_lies_over_the_exact_one(tests: xr.Dataset) -> None:
    plot = figures.line_posterior(tests, 0)
    one = tests.isel(test=0)
    np.testing.assert_allclose(data(plot, "mean")["y"], one["velocity_mean"])
    np.testing.assert_allclose(data(plot, "exact")["y2"], one["exact_mean"] + one["exact_std"])
    low, high = data(plot, "spread")["ys"]
    np.testing.assert_allclose(np.subtract(high, low), 2 * one["velocity_std"])
    assert within(plot, np.stack([low, high]))
    assert plot.title.text == "rml, 24 particles, length 0.15 km"
    assert plot.yaxis.axis_label == "Velocity (km/s)"


def test_one_length_at_a_time(tests: xr.Dataset) -> None:
    plot = figures.line_std(tests, length=0.15)
    assert labels(plot) == ["exact", "rml", "other"]
    assert within(plot, data(plot, "other")["y"])
    assert labels(figures.zone_ratios(tests, length=0.075)) == ["rml"]
    with pytest.raises(InputError, match=r"0.3 km; there are 0.075, 0.15 km"):
        figures.mmd_scores(tests, length=0.3)


def test_scores_stand_beside_the_floor(tests: xr.Dataset) -> None:
    plot = figures.mmd_scores(tests, length=0.15)
    np.testing.assert_allclose(data(plot, "score")["y"], tests["sqrt_mmd"][:2])
    floor = data(plot, "floor")
    np.testing.assert_allclose(floor["top"], tests["floor_high"][:2])
    assert within(plot, floor["top"])
    assert plot.xaxis.major_label_overrides == {0: "rml", 1: "other"}
    ratios = figures.zone_ratios(tests, length=0.15)
    np.testing.assert_allclose(data(ratios, "other")["y"], tests["std_ratio"][1])


def test_coverage_has_errors_and_what_is_expected(summary: xr.Dataset) -> None:
    plot = figures.coverage_by_depth(summary)
    held = summary["coverage"].sel(level=0.95, zone=["0-2 km", "2-5 km", "all"])
    np.testing.assert_allclose(data(plot, "grid")["y"], held.sel(method_name="grid"))
    assert list(plot.xaxis.major_label_overrides.values()) == ["0-2 km", "2-5 km", "all"]
    assert [span.location for span in plot.select({"type": Span})] == pytest.approx(
        [float(summary["expected"].sel(method_name="grid", level=0.95))]
    )
    whiskers = [each.source.data for each in plot.select({"type": Whisker})]
    whisker = next(w for w in whiskers if w["x"][0] == data(plot, "grid")["x"][0])
    error = summary["coverage_error"].sel(level=0.95, zone="0-2 km", method_name="grid")
    assert whisker["high"][0] - whisker["low"][0] == pytest.approx(2 * float(error))
    assert within(plot, whisker["low"])
    assert within(plot, whisker["high"])
    assert plot.title.text == "95 % intervals"


def test_reliability_is_against_what_calibrated_ensembles_hold(summary: xr.Dataset) -> None:
    plot = figures.reliability(summary)
    curve = data(plot, "map")
    np.testing.assert_allclose(curve["x"], summary["expected"].sel(method_name="map"))
    held = summary["coverage"].sel(method_name="map", zone="all")
    np.testing.assert_allclose(curve["y"], held)


def test_rank_histograms_are_flat_at_one(summary: xr.Dataset) -> None:
    panels = [child[0] for child in figures.rank_histograms(summary, "grid").children]
    assert len(panels) == 3
    bins = data(panels[-1], "bins")
    assert np.mean(bins["top"]) == pytest.approx(1.0)
    assert within(panels[0], data(panels[0], "bins")["top"])
    p = float(summary["uniformity_p"].sel(method_name="grid", zone="all"))
    assert panels[-1].title.text == f"all, p = {p:.2g}"
    few = [child[0] for child in figures.rank_histograms(summary, "map").children]
    assert few[-1].title.text == "all"


def test_scores_stand_beside_the_prior_s(summary: xr.Dataset) -> None:
    plot = figures.crps_by_depth(summary)
    grid, prior = data(plot, "grid")["y"], data(plot, "prior")["y0"]
    np.testing.assert_allclose(prior, 3 * grid)
    assert within(plot, np.stack([grid, prior]))
    assert plot.yaxis.axis_label == "CRPS (km/s)"


def test_the_gold_standard_is_white_where_an_ensemble_is_right() -> None:
    shape = (2, 5, 9)
    off = np.linspace(-0.4, 0.4, 90).reshape(shape)
    gold = xr.Dataset(
        {
            "mean_off": (("row", "depth", "easting"), off),
            "std_ratio": (("row", "depth", "easting"), 1 + off),
        },
        coords={
            "row": ["rml", "rml + 50 Langevin steps"],
            "depth": np.arange(5) * 0.1,
            "easting": np.arange(9) * 0.1,
        },
    )
    rows = gold_sections(gold).children
    assert len(rows) == 2
    for k, (mean, spread) in enumerate(each.children for each in rows):
        for plot, values, centre in ((mean, off[k], 0.0), (spread, 1 + off[k], 1.0)):
            np.testing.assert_allclose(data(plot, "image")["image"][0], values, rtol=1e-6)
            mapper = plot.select_one({"name": "image"}).glyph.color_mapper
            assert (mapper.low + mapper.high) / 2 == pytest.approx(centre)
            assert plot.y_range.start > plot.y_range.end
