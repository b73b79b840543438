"""Times that the prior predicts, beside the picks and their first-order fit."""

from __future__ import annotations

import numpy as np
import xarray as xr
from bokeh.models import Span
from bokeh.plotting import figure

from seisnb.dashboards.figures.style import (
    GREY,
    INK,
    SHOT,
    add_grid,
    add_legend,
    base_figure,
    display_of,
    palette,
    plain,
)
from seisnb.survey import offset


def prior_times(draws: xr.Dataset, *, frame_width: int = 600) -> figure:
    """Times of the picks and of the prior's draws, less those of the first-order fit.

    Parameters
    ----------
    draws : xr.Dataset
        Of :func:`seisnb.tomography.preview.preview_prior`.
    frame_width : int
        Width of the axes [pixel].

    Returns
    -------
    bokeh figure
        Renderers ``draws`` (a line per draw, averaged over offsets), ``band`` and ``picks``.
    """
    display = display_of(draws)
    fit = draws["first_order_time"].values
    distance = display.factor * np.abs(offset(draws))
    miss = display.scaled(draws["travel_time"].values - fit)
    drawn = display.scaled(draws["predicted_time"].values - fit)
    edges = np.quantile(distance, np.linspace(0, 1, min(25, max(3, distance.size // 8))))
    edges = np.unique(edges)
    which = np.clip(np.searchsorted(edges, distance, side="right") - 1, 0, edges.size - 2)
    bins = [np.flatnonzero(which == k) for k in range(edges.size - 1)]
    bins = [own for own in bins if own.size]
    x = np.array([distance[own].mean() for own in bins])
    mean = np.array([drawn[:, own].mean(axis=1) for own in bins])
    low, high = (np.array([np.quantile(drawn[:, own], q) for own in bins]) for q in (0.025, 0.975))
    reach = 1.1 * float(max(np.abs(low).max(), np.abs(high).max(), np.quantile(np.abs(miss), 0.98)))
    plot = base_figure(
        title="What the prior predicts, before the picks are inverted",
        x_label=f"Offset ({display.length})",
        y_label=f"Time − first-order fit ({display.time})",
        x_range=(0.0, 1.02 * float(distance.max())), y_range=(-reach, reach),
        frame_width=frame_width, frame_height=230,
        description=f"{plain(draws.attrs.get('title', ''))}: times of the prior",
    )  # fmt: skip
    add_grid(plot)
    band = plot.varea(x=x, y1=low, y2=high, fill_color=GREY, fill_alpha=0.5, name="band")
    lines = plot.multi_line(
        xs=[x.tolist()] * mean.shape[1], ys=mean.T.tolist(), line_color=palette("batlow")[60],
        line_alpha=0.35, name="draws",
    )  # fmt: skip
    dots = plot.scatter(x=distance, y=miss, size=4, color=SHOT, alpha=0.6, name="picks")
    plot.add_layout(Span(location=0, dimension="width", line_color=INK, line_dash=[4, 4]))
    add_legend(
        plot,
        [("picks", [dots]), ("draws, mean over offsets", [lines]), ("95 % of all times", [band])],
    )
    return plot
