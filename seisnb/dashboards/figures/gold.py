"""Figures of the gold standard: ensembles against long chains, cell by cell."""

from __future__ import annotations

import numpy as np
import xarray as xr
from bokeh.layouts import column, row
from bokeh.models import Column, LinearColorMapper
from bokeh.plotting import figure

from seisnb.dashboards.figures.style import Array, base_figure, colour_bar, palette, plain

#: Half the range of colours of means off [exact std] and of ratios of standard deviations.
MEAN_RANGE, RATIO_RANGE = 0.3, 0.3


def gold_sections(gold: xr.Dataset, *, frame_width: int = 270) -> Column:
    """Where the mean of each ensemble is off, and its spread over the exact one.

    Parameters
    ----------
    gold : xr.Dataset
        From :func:`seisnb.verification.gold.gold_standard`: ``mean_off`` and ``std_ratio`` on
        (row, depth, easting).
    frame_width : int
        Width of the axes [pixel].

    Returns
    -------
    bokeh Column
        One row per ensemble, means on the left; renderers are named ``image``. Colours end at 0.3
        either way; what lies beyond has the last colour.
    """
    rows = []
    for name in gold["row"].values:
        one = gold.sel(row=name)
        off, ratio = one["mean_off"].values, one["std_ratio"].values
        rows.append(
            row(
                _section(
                    gold, off, f"{plain(name)}: mean", "Mean off (exact std)",
                    (-MEAN_RANGE, MEAN_RANGE), frame_width,
                ),
                _section(
                    gold, ratio, f"{plain(name)}: std over exact", "Ratio of std",
                    (1 - RATIO_RANGE, 1 + RATIO_RANGE), frame_width,
                ),
            )
        )  # fmt: skip
    return column(*rows)


def _section(
    gold: xr.Dataset,
    values: Array,
    title: str,
    label: str,
    limits: tuple[float, float],
    frame_width: int,
) -> figure:
    """One quantity on the section, without exaggeration, in diverging colours."""
    easting, depth = gold["easting"].values, gold["depth"].values
    half_x, half_z = float(easting[1] - easting[0]) / 2, float(depth[1] - depth[0]) / 2
    x_range = float(easting[0]) - half_x, float(easting[-1]) + half_x
    y_range = float(depth[-1]) + half_z, float(depth[0]) - half_z
    shape = (y_range[0] - y_range[1]) / (x_range[1] - x_range[0])
    plot = base_figure(
        title=title,
        x_label="Easting (km)",
        y_label="Depth (km)",
        x_range=x_range,
        y_range=y_range,
        frame_width=frame_width,
        frame_height=max(round(shape * frame_width), 130),
    )
    plot.title.text_font_size = "13px"
    plot.min_border_left = 60
    mapper = LinearColorMapper(palette=palette("vik"), low=limits[0], high=limits[1])
    plot.image(
        image=[np.asarray(values, np.float32)],
        x=x_range[0],
        y=y_range[1],
        dw=x_range[1] - x_range[0],
        dh=y_range[0] - y_range[1],
        color_mapper=mapper,
        name="image",
    )
    plot.add_layout(colour_bar(mapper, label, ticks=4), "right")
    return plot
