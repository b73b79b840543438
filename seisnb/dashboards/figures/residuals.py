"""Residuals over the line: where a model misses the picks, and by how much."""

from __future__ import annotations

import numpy as np
import xarray as xr
from bokeh.models import ColumnDataSource, HoverTool, LinearColorMapper
from bokeh.plotting import figure

from seisnb.dashboards.figures.style import (
    add_grid,
    base_figure,
    colour_bar,
    display_of,
    nice_step,
    palette,
    plain,
)
from seisnb.survey import offset


def residual_map(ensemble: xr.Dataset, *, frame_width: int = 600) -> figure:
    """Residual of every pick at its midpoint and offset, in units of its std.

    Structure that the models miss shows as patches of one colour; noise as salt and pepper.

    Parameters
    ----------
    ensemble : xr.Dataset
        Of :func:`seisnb.tomography.invert`.
    frame_width : int
        Width of the axes [pixel].
    """
    display = display_of(ensemble)
    x = display.scaled(
        0.5 * (ensemble["shot_easting"].values + ensemble["receiver_easting"].values)
    )
    distance = display.scaled(np.abs(offset(ensemble)))
    scaled = ensemble["residual"].values / ensemble["pick_std"].values
    reach = float(np.clip(np.ceil(np.quantile(np.abs(scaled), 0.98)), 2, 6))
    mapper = LinearColorMapper(palette=list(palette("vik")), low=-reach, high=reach)
    plot = base_figure(
        title="Residuals over the line: observed − mean predicted, in stds of the picks",
        x_label=f"Midpoint of shot and receiver ({display.length})",
        y_label=f"Offset ({display.length})",
        x_range=(float(x.min()), float(x.max())), y_range=(float(distance.max()) * 1.04, 0.0),
        frame_width=frame_width, frame_height=260,
        description=f"{plain(ensemble.attrs.get('title', ''))}: residuals over the line",
    )  # fmt: skip
    add_grid(plot)
    source = ColumnDataSource(
        {"x": x, "y": distance, "z": scaled, "pick": np.arange(x.size),
         "shot": ensemble["shot"].values, "receiver": ensemble["receiver"].values}
    )  # fmt: skip
    dots = plot.scatter(
        "x", "y", source=source, size=6, line_color="#555555", line_width=0.3,
        fill_color={"field": "z", "transform": mapper}, name="residuals",
    )  # fmt: skip
    plot.add_tools(
        HoverTool(
            renderers=[dots],
            tooltips=[("pick", "@pick"), ("shot → receiver", "@shot → @receiver"),
                      ("residual (std)", "@z{0.0}")],
        )
    )  # fmt: skip
    plot.add_layout(colour_bar(mapper, "Residual (std)", ticks=int(2 * reach)), "right")
    plot.yaxis.ticker.desired_num_ticks = 6
    plot.yaxis.ticker.min_interval = nice_step(float(distance.max()), 8)
    return plot


def misfit_figure(chi2: list[float], total: int, *, frame_width: int = 600) -> figure:
    """Chi2 per pick of the members as they arrive.

    Parameters
    ----------
    chi2 : list of float
        So far.
    total : int
        Members that are asked for.
    frame_width : int
        Width of the axes [pixel].

    Returns
    -------
    bokeh figure
        Its source is named ``misfit``, with ``x`` and ``y``, so that more can be streamed.
    """
    plot = base_figure(
        title="Misfit of the members as they arrive", x_label="Member",
        y_label="chi² per pick", x_range=(0.0, float(max(total, 1)) + 0.5),
        y_range=(0.0, max(2.0, 1.2 * max(chi2, default=0.0))),
        frame_width=frame_width, frame_height=150, description="misfit of the members",
    )  # fmt: skip
    add_grid(plot)
    source = ColumnDataSource({"x": list(range(1, len(chi2) + 1)), "y": list(chi2)}, name="misfit")
    plot.line(x=[0, max(total, 1) + 1], y=[1, 1], line_color="#777777", line_dash=[4, 4])
    plot.scatter("x", "y", source=source, size=5, color=palette("batlow")[60], name="chi2")
    return plot
