"""Figures of a scan of priors: what is painted, framed and marked."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from bokeh.models import ColorBar, Legend, Plot

from seisnb.dashboards import figures
from seisnb.prior import PriorConfig
from seisnb.tomography import TomographyConfig
from seisnb.tomography.scan_result import scan_dataset

AXES = {
    "amplitude": np.array([0.1, 0.2, 0.4]),
    "length_easting": np.array([4.0, 8.0, 16.0, 32.0]),
    "length_depth": np.array([2.0, 4.0, 8.0]),
}


def made(unit: str = "km", *, field: str = "log_velocity") -> xr.Dataset:
    """Evidence that falls off around (0.2, 16 km, 4 km), WBIC around 8 km; one cell missing."""
    a, x, z = np.meshgrid(*(np.log2(axis) for axis in AXES.values()), indexing="ij")
    away = (a - np.log2(0.2)) ** 2 + (z - 2) ** 2
    evidence, wbic = 100 - 3 * (away + (x - 4) ** 2), -90 + 2 * (away + (x - 3) ** 2)
    status = np.zeros(x.shape[1:], np.int8)
    status[0, 0] = 1
    for values in (evidence, wbic):
        values[:, status > 0] = np.nan
    scan = scan_dataset(
        AXES,
        {"log_evidence": evidence, "wbic": wbic, "sigma_scale": np.ones(x.shape)},
        np.full(status.shape, 50.0),
        status,
        prior=PriorConfig(field=field),
        config=TomographyConfig(),
    )
    return scan.assign_attrs(length_unit=unit, title="made up")


def data(plot: Plot, name: str) -> dict[str, np.ndarray]:
    return plot.select_one({"name": name}).data_source.data


@pytest.mark.parametrize(("unit", "factor"), [("km", 1.0), ("m", 1000.0)])
def test_the_map_paints_losses_and_marks_the_best(unit: str, factor: float) -> None:
    scan = made(unit)
    plot = figures.evidence_map(scan)
    cells = data(plot, "cells")
    assert len(cells["loss"]) == 11
    assert len(data(plot, "missing")["left"]) == 1
    best = int(np.argmin(cells["loss"]))
    assert cells["loss"][best] == 0
    assert (cells["easting"][best], cells["depth"][best]) == (16 * factor, 4 * factor)
    star = data(plot, "best")
    assert cells["left"][best] < star["x"][0] < cells["right"][best]
    assert cells["bottom"][best] < star["y"][0] < cells["top"][best]
    assert data(plot, "best_wbic")["x"][0] == pytest.approx(np.log10(8 * factor))
    assert f"({unit})" in plot.xaxis.axis_label
    assert plot.xaxis.major_label_overrides[float(np.log10(32 * factor))] == f"{32 * factor:g}"
    assert plot.select_one({"type": ColorBar}).title == "Log evidence below the best"
    labels = [item.label.value for item in plot.select_one({"type": Legend}).items]
    assert "not fitted" in labels


def test_the_frame_holds_the_fewest_cells_with_the_probability() -> None:
    scan = made()
    plot = figures.evidence_map(scan)
    weight = np.sort(scan["posterior_weight"].sum("amplitude").values.ravel())[::-1]
    n_framed = len(data(plot, "framed")["left"])
    assert weight[:n_framed].sum() >= 0.95 > weight[: n_framed - 1].sum()


@pytest.mark.parametrize("field", ["log_velocity", "velocity"])
def test_the_profile_is_over_the_best_lengths(field: str) -> None:
    plot = figures.amplitude_profile(made(field=field))
    for name, step in (("evidence", -3.0), ("wbic", -2.0)):
        curve = data(plot, name)
        np.testing.assert_allclose(curve["y"], [step, 0.0, step])
        np.testing.assert_allclose(curve["x"], np.log10(AXES["amplitude"]))
        assert plot.y_range.start < curve["y"].min()
    unit = "(fraction)" if field == "log_velocity" else "(km/s)"
    assert plot.xaxis.axis_label.endswith(unit)
