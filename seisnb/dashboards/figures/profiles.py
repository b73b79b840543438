"""One-dimensional figures: velocity against depth at an easting, and the chi2 of the members."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr
from bokeh.models import Span
from bokeh.plotting import figure

from seisnb.conventions import InputError
from seisnb.dashboards.figures.style import (
    GREY,
    INK,
    SHOT,
    Array,
    add_grid,
    add_legend,
    base_figure,
    display_of,
    nice_limits,
    palette,
    plain,
    settings_of,
    show_elevation,
)
from seisnb.survey import surface_depth_at


def velocity_profile(
    ensemble: xr.Dataset, easting: float, *, frame_width: int = 330, frame_height: int = 420
) -> figure:
    """Posterior quantiles of the velocity under one point of the line, with the prior.

    Parameters
    ----------
    ensemble : xr.Dataset
        An ensemble.
    easting : float
        In km; the nearest column of the grid is drawn.
    frame_width, frame_height : int
        Size of the axes [pixel].

    Returns
    -------
    bokeh figure
        Renderers are named ``prior``, ``prior_mean``, ``outer`` and ``inner`` (the widest pair of
        the Dataset's quantiles and the next), ``median`` and ``deepest_ray``.

    Raises
    ------
    InputError
        The easting lies outside the ensemble's grid.
    """
    axis = ensemble["easting"].values
    if not axis[0] <= easting <= axis[-1]:
        raise InputError(
            f"velocity_profile: easting {easting:g} km lies outside the ensemble "
            f"({axis[0]:g} to {axis[-1]:g} km)."
        )
    display = display_of(ensemble)
    column = ensemble.sel(easting=easting, method="nearest")
    column = column.isel(depth=np.flatnonzero(column["rock"].values))
    here = float(column["easting"])
    depth = display.scaled(column["depth"].values)
    levels = column["quantile"].values
    quantile = display.scaled(column["velocity_quantile"].values)
    prior_low, prior_high = prior_interval(ensemble, column)
    largest = nice_limits([quantile.max(), display.factor * float(column["prior_mean"].max())])[1]
    plot = base_figure(
        title=f"Velocity at easting {display.text(here, display.length)}",
        x_label=f"P velocity ({display.velocity})",
        y_label=display.vertical,
        x_range=(0.0, largest),
        y_range=(float(depth[-1]), float(depth[0])),
        frame_width=frame_width,
        frame_height=frame_height,
        description=f"{plain(ensemble.attrs.get('title', ''))}: velocity against depth",
    )
    add_grid(plot)
    if display.is_elevation:
        show_elevation(plot)
    blue = palette("batlow")[60]
    prior = plot.harea(
        y=depth, x1=prior_low, x2=prior_high, fill_color=GREY, fill_alpha=0.45, name="prior"
    )
    prior_mean = plot.line(
        x=display.scaled(column["prior_mean"].values),
        y=depth,
        line_color="#777777",
        line_width=1.5,
        line_dash=[2, 3],
        name="prior_mean",
    )
    outer = plot.harea(
        y=depth, x1=quantile[0], x2=quantile[-1], fill_color=blue, fill_alpha=0.25, name="outer"
    )
    inner = plot.harea(
        y=depth, x1=quantile[1], x2=quantile[-2], fill_color=blue, fill_alpha=0.4, name="inner"
    )
    median = plot.line(
        x=quantile[len(levels) // 2], y=depth, line_color=blue, line_width=2.2, name="median"
    )
    items: list[tuple[str, list[object]]] = [
        ("median", [median]),
        (f"{100 * (levels[-2] - levels[1]):.0f} % interval", [inner]),
        (f"{100 * (levels[-1] - levels[0]):.0f} % interval", [outer]),
        ("prior mean", [prior_mean]),
        ("prior 95 %", [prior]),
    ]
    if "deepest_ray" in column and float(column["deepest_ray"]) > surface_depth_at(ensemble, here):
        reach = display.factor * float(column["deepest_ray"])
        ray = plot.line(
            x=[0.0, largest],
            y=[reach, reach],
            line_color=INK,
            line_width=1.5,
            line_dash=[7, 4],
            name="deepest_ray",
        )
        items.append(("deepest ray", [ray]))
    add_legend(plot, items, columns=2)
    return plot


def prior_interval(ensemble: xr.Dataset, column: xr.Dataset) -> tuple[Array, Array]:
    """Central 95 % of the prior on each depth of a column, display units.

    Log-normal with the stated mean and std when the prior is on log velocity, else normal.
    """
    display = display_of(ensemble)
    mean, std = column["prior_mean"].values, column["prior_std"].values
    if "log" not in str(settings_of(ensemble, "prior").get("field", "log_velocity")):
        return display.scaled(np.maximum(mean - 1.96 * std, 0)), display.scaled(mean + 1.96 * std)
    variance = np.log1p((std / mean) ** 2)
    middle, width = np.log(mean) - variance / 2, 1.96 * np.sqrt(variance)
    return display.scaled(np.exp(middle - width)), display.scaled(np.exp(middle + width))


def chi2_histogram(
    ensemble: xr.Dataset, *, frame_width: int = 330, frame_height: int = 240
) -> figure:
    """How well each member explains the picks: chi2 per pick along rays and by the referee."""
    kinds: Sequence[tuple[str, str, str]] = (
        ("chi2_ray", "times along rays", palette("batlow")[60]),
        ("chi2_referee", "times by the grid referee", SHOT),
    )
    shown = [(name, label, colour) for name, label, colour in kinds if name in ensemble]
    pooled = np.concatenate([ensemble[name].values for name, _, _ in shown] + [[1.0]])
    low, high = nice_limits([pooled.min() - 0.05, pooled.max() + 0.05])
    edges = np.linspace(low, high, max(8, min(24, ensemble.sizes["particle"] // 2)) + 1)
    counts = {name: np.histogram(ensemble[name].values, edges)[0] for name, _, _ in shown}
    most = max(int(count.max()) for count in counts.values())
    plot = base_figure(
        title="Misfit of the members",
        x_label="chi² per pick (1: as the errors promise)",
        y_label="Number of members",
        x_range=(low, high),
        y_range=(0.0, most * 1.15 + 0.5),
        frame_width=frame_width,
        frame_height=frame_height,
        description=f"{plain(ensemble.attrs.get('title', ''))}: chi2 of the members",
    )
    add_grid(plot)
    plot.yaxis.ticker.update(min_interval=1, num_minor_ticks=0)
    items: list[tuple[str, list[object]]] = []
    share = 0.9 * (edges[1] - edges[0]) / len(shown)
    for place, (name, label, colour) in enumerate(shown):
        left = edges[:-1] + place * share
        bars = plot.quad(
            left=left,
            right=left + share,
            bottom=0,
            top=counts[name],
            fill_color=colour,
            fill_alpha=0.7,
            line_color=None,
            name=name,
        )
        items.append((label, [bars]))
    plot.add_layout(Span(location=1.0, dimension="height", line_color=INK, line_dash=[4, 4]))
    add_legend(plot, items, columns=1)
    return plot
