"""Figures of what intervals are worth: coverage, reliability, ranks and scores over truths."""

from __future__ import annotations

import numpy as np
import xarray as xr
from bokeh.layouts import gridplot
from bokeh.models import FixedTicker, GridPlot, Span
from bokeh.plotting import figure

from seisnb.dashboards.figures.categories import (
    Items,
    add_errors,
    categorical,
    colours,
    dots_with_errors,
)
from seisnb.dashboards.figures.style import (
    INK,
    Array,
    add_grid,
    add_legend,
    base_figure,
    nice_limits,
    palette,
)

#: Rank histograms in one row.
PER_ROW = 4


def coverage_by_depth(
    summary: xr.Dataset, *, level: float = 0.95, frame_width: int = 400, frame_height: int = 280
) -> figure:
    """Share of the truth inside the intervals by depth, with standard errors over truths.

    Parameters
    ----------
    summary : xr.Dataset
        From :func:`seisnb.verification.tables.summarise`.
    level : float
        One of the summary's.
    frame_width, frame_height : int
        Size of the axes [pixel].

    Returns
    -------
    bokeh figure
        Renderers bear the methods' names; dashed: what calibrated ensembles of that size hold.
    """
    chosen = _zones(summary).sel(level=level, method="nearest")
    held, error = chosen["coverage"].values, np.nan_to_num(chosen["coverage_error"].values)
    expected = np.unique(chosen["expected"].values.round(4))
    plot = categorical(
        base_figure(
            title=f"{100 * float(chosen['level']):.0f} % intervals",
            x_label="Depth",
            y_label="Share that holds the truth",
            x_range=(-0.5, chosen.sizes["zone"] - 0.5),
            y_range=_clipped(held - error, held + error, expected),
            frame_width=frame_width,
            frame_height=frame_height,
        ),
        [str(zone) for zone in chosen["zone"].values],
    )
    for value in expected:
        plot.add_layout(Span(location=value, dimension="width", line_color=INK, line_dash=[4, 4]))
    dots_with_errors(plot, chosen["method_name"].values, held, error)
    return plot


def reliability(
    summary: xr.Dataset, *, zone: str = "all", frame_width: int = 300, frame_height: int = 280
) -> figure:
    """Share of the truth inside intervals of every level, against what calibrated ones hold."""
    chosen = summary.sel(zone=zone)
    plot = base_figure(
        title="Reliability",
        x_label="Expected of calibrated ensembles",
        y_label="Share that holds the truth",
        x_range=(0.0, 1.0),
        y_range=(0.0, 1.0),
        frame_width=frame_width,
        frame_height=frame_height,
    )
    add_grid(plot)
    plot.line(x=[0, 1], y=[0, 1], line_color=INK, line_dash=[4, 4], name="diagonal")
    names = [str(name) for name in chosen["method_name"].values]
    items: Items = []
    for k, (name, colour) in enumerate(zip(names, colours(len(names)), strict=True)):
        x, y = chosen["expected"].values[k], chosen["coverage"].values[k]
        error = np.nan_to_num(chosen["coverage_error"].values[k])
        band = plot.varea(x=x, y1=y - error, y2=y + error, fill_color=colour, fill_alpha=0.25)
        line = plot.line(x=x, y=y, line_color=colour, line_width=2, name=name)
        items.append((name, [band, line]))
    add_legend(plot, items, columns=min(len(items), 3))
    return plot


def rank_histograms(
    summary: xr.Dataset, method: str, *, frame_width: int = 140, frame_height: int = 140
) -> GridPlot:
    """How often the truth has which rank among the members, by depth; flat when calibrated.

    In each title the probability of a histogram at least as uneven from a calibrated method; too
    few truths have none.
    """
    chosen = _zones(summary).sel(method_name=method)
    n_bins = chosen.sizes["bin"]
    shares, errors = (
        n_bins * chosen[name].values for name in ("rank_histogram", "rank_histogram_error")
    )
    errors = np.nan_to_num(errors)
    highest = nice_limits([1.05 * float((shares + errors).max()), 1.5], zero=True)
    panels = []
    for k, zone in enumerate(chosen["zone"].values):
        p = float(chosen["uniformity_p"][k])
        plot = base_figure(
            title=f"{zone}, p = {p:.2g}" if np.isfinite(p) else str(zone),
            x_label="Rank of the truth",
            y_label=f"{method}: share × bins" if k % PER_ROW == 0 else "",
            x_range=(0.0, 1.0),
            y_range=highest,
            frame_width=frame_width,
            frame_height=frame_height,
            description=f"Rank histogram of {method}, {zone}",
        )
        plot.title.text_font_size = "13px"
        plot.min_border_left = 70 if k % PER_ROW == 0 else 36
        plot.xaxis.ticker = FixedTicker(ticks=[0.0, 0.5, 1.0])
        left = np.arange(n_bins) / n_bins
        plot.quad(
            left=left, right=left + 1 / n_bins, bottom=0, top=shares[k], line_color="#ffffff",
            fill_color=palette("batlow")[60], fill_alpha=0.75, name="bins",
        )  # fmt: skip
        add_errors(plot, chosen["bin"].values, shares[k], errors[k], INK)
        plot.add_layout(Span(location=1.0, dimension="width", line_color=INK, line_dash=[4, 4]))
        panels.append(plot)
    rows = [panels[k : k + PER_ROW] for k in range(0, len(panels), PER_ROW)]
    return gridplot(rows, toolbar_location=None, merge_tools=False)


def crps_by_depth(
    summary: xr.Dataset, *, frame_width: int = 400, frame_height: int = 280
) -> figure:
    """Continuous ranked probability score by depth; dashes: the prior's. Less is better."""
    chosen = _zones(summary)
    score = chosen["crps"].values
    error = np.minimum(np.nan_to_num(chosen["crps_error"].values), 0.9 * score)  # the axis is log
    of_prior = (chosen["crps"] / (1 - chosen["crps_skill"])).values[0]
    plot = categorical(
        base_figure(
            title="Score of the whole distribution",
            x_label="Depth",
            y_label="CRPS (km/s)",
            x_range=(-0.5, chosen.sizes["zone"] - 0.5),
            y_range=(0.6 * float(np.nanmin(score)), 1.6 * float(np.nanmax(of_prior))),
            y_axis_type="log",
            frame_width=frame_width,
            frame_height=frame_height,
        ),
        [str(zone) for zone in chosen["zone"].values],
    )
    ticks = [m * 10.0**k for k in range(-6, 3) for m in (1, 2, 5)]
    plot.yaxis.ticker = FixedTicker(ticks=ticks)
    plot.yaxis.major_label_overrides = {tick: f"{tick:g}" for tick in ticks}
    plot.ygrid.ticker = plot.yaxis[0].ticker
    x = np.arange(of_prior.size)
    dashes = plot.segment(
        x0=x - 0.35, x1=x + 0.35, y0=of_prior, y1=of_prior, line_color=INK, line_width=2,
        line_dash=[5, 3], name="prior",
    )  # fmt: skip
    dots_with_errors(plot, chosen["method_name"].values, score, error, [("prior", [dashes])])
    return plot


def _zones(summary: xr.Dataset) -> xr.Dataset:
    """Depth bands, then the whole section."""
    kind = summary["zone_kind"].values
    return summary.isel(zone=np.concatenate([np.flatnonzero(kind == k) for k in ("depth", "all")]))


def _clipped(low: Array, high: Array, expected: Array) -> tuple[float, float]:
    """A range for shares: from a round number below all to just above one."""
    bottom = nice_limits([float(np.nanmin(low)), float(expected.min()), 1.0])[0]
    return max(bottom, 0.0), max(1.0, float(np.nanmax(high))) + 0.02
