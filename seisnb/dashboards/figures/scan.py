"""Figures of a scan of priors: evidence over the two lengths, and over the amplitude."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
import xarray as xr
from bokeh.models import ColumnDataSource, FixedTicker, HoverTool, LinearColorMapper, Span
from bokeh.plotting import figure
from numpy.typing import NDArray

from seisnb.dashboards.figures.style import (
    GREY,
    INK,
    SHOT,
    Array,
    add_grid,
    add_legend,
    base_figure,
    colour_bar,
    display_of,
    number,
    palette,
    plain,
)

#: Losses of log evidence beyond this are painted alike: such a prior is ruled out.
DEEPEST_LOSS = 20.0
#: Probability of the cells that are framed.
FRAMED = 0.95
_LABELS = {"length_easting": "Length along the line", "length_depth": "Length in depth"}


def evidence_map(scan: xr.Dataset, *, frame_width: int = 420, frame_height: int = 340) -> figure:
    """Evidence over the two lengths, each at its best amplitude.

    Parameters
    ----------
    scan : xr.Dataset
        From :func:`seisnb.tomography.scan_prior`.
    frame_width, frame_height : int
        Size of the axes [pixel].

    Returns
    -------
    bokeh figure
        Renderers are named ``cells``, ``framed`` (the fewest cells that hold 95 % of the posterior
        weight), ``missing``, ``best`` and ``best_wbic``.
    """
    display = display_of(scan)
    evidence = scan["log_evidence"].max("amplitude").values
    loss = np.nanmax(evidence) - evidence
    x, y = (np.log10(display.scaled(scan[name].values)) for name in _LABELS)
    left, right = _sides(x)
    bottom, top = _sides(y)
    columns, rows = (a.ravel() for a in np.meshgrid(range(x.size), range(y.size), indexing="ij"))
    cells = {
        "left": left[columns], "right": right[columns], "bottom": bottom[rows], "top": top[rows],
        "loss": loss.ravel(),
        "weight": scan["posterior_weight"].sum("amplitude").values.ravel(),
        "easting": display.scaled(scan["length_easting"].values)[columns],
        "depth": display.scaled(scan["length_depth"].values)[rows],
    }  # fmt: skip
    plot = _logarithmic(
        base_figure(
            title="Evidence of the correlation lengths",
            x_label=f"{_LABELS['length_easting']} ({display.length})",
            y_label=f"{_LABELS['length_depth']} ({display.length})",
            x_range=(left[0], right[-1]),
            y_range=(bottom[0], top[-1]),
            frame_width=frame_width,
            frame_height=frame_height,
            description=f"{plain(scan.attrs.get('title', ''))}: evidence over the lengths",
        ),
        x,
        y,
    )
    mapper = LinearColorMapper(palette=palette("batlow", reverse=True), low=0.0, high=DEEPEST_LOSS)
    known = np.isfinite(cells["loss"])
    sides = ("left", "right", "bottom", "top")
    image = plot.quad(
        **{side: side for side in sides},
        source=ColumnDataSource({name: values[known] for name, values in cells.items()}),
        fill_color={"field": "loss", "transform": mapper},
        line_color={"field": "loss", "transform": mapper},
        name="cells",
    )
    missing = plot.quad(
        **{side: cells[side][~known] for side in sides}, fill_color=GREY, line_color=None,
        name="missing",
    )  # fmt: skip
    inside = known & _fewest(cells["weight"], FRAMED)
    framed = plot.quad(
        **{side: cells[side][inside] for side in sides}, fill_color=None, line_color=INK,
        line_width=1.6, name="framed",
    )  # fmt: skip
    items: list[tuple[str, list[object]]] = [(f"{100 * FRAMED:.0f} % of the probability", [framed])]
    for name, label, marker, size, colour in (
        ("best", "best by evidence", "star", 17, SHOT),
        ("best_wbic", "best by WBIC", "circle", 9, "#ffffff"),
    ):
        best = json.loads(scan.attrs["best_by_wbic" if name == "best_wbic" else "best_by_evidence"])
        place = [np.log10(display.factor * best[length]) for length in _LABELS]
        mark = plot.scatter(
            x=place[:1], y=place[1:], marker=marker, size=size, fill_color=colour, line_color=INK,
            name=name,
        )  # fmt: skip
        items.append((label, [mark]))
    if not known.all():
        items.append(("not fitted", [missing]))
    plot.add_tools(
        HoverTool(
            renderers=[image],
            tooltips=[
                (f"along ({display.length})", "@easting{0.[000]}"),
                (f"in depth ({display.length})", "@depth{0.[000]}"),
                ("log evidence below the best", "@loss{0.0}"),
                ("probability", "@weight{0.000}"),
            ],
        )
    )
    plot.add_layout(colour_bar(mapper, "Log evidence below the best"), "right")
    add_legend(plot, items, columns=2)
    return plot


def amplitude_profile(
    scan: xr.Dataset, *, frame_width: int = 330, frame_height: int = 340
) -> figure:
    """Evidence and WBIC over the amplitude, each at its best lengths.

    Returns
    -------
    bokeh figure
        Renderers are named ``evidence`` and ``wbic``: losses against the best, both upwards.
    """
    is_log = scan["amplitude"].attrs.get("units") == "1"
    display = display_of(scan)
    factor, unit = (1.0, "fraction") if is_log else (display.factor, display.velocity)
    amplitude = factor * scan["amplitude"].values
    lengths = list(_LABELS)
    kinds: Sequence[tuple[str, str, Array, str, str]] = (
        ("evidence", "log evidence", scan["log_evidence"].max(lengths).values, "batlow", "circle"),
        ("wbic", "minus WBIC", -scan["wbic"].min(lengths).values, "lajolla", "square"),
    )
    x = np.log10(amplitude)
    left, right = _sides(x)
    low = -1.1 * max(min(_spread(values), 2 * DEEPEST_LOSS) for _, _, values, _, _ in kinds)
    plot = _logarithmic(
        base_figure(
            title="Amplitude, at the best lengths",
            x_label=f"Prior standard deviation of velocity ({unit})",
            y_label="Criterion below its best",
            x_range=(left[0], right[-1]),
            y_range=(low, -0.06 * low),
            frame_width=frame_width,
            frame_height=frame_height,
            description=f"{plain(scan.attrs.get('title', ''))}: evidence over the amplitude",
        ),
        x,
    )
    add_grid(plot)
    items: list[tuple[str, list[object]]] = []
    for name, label, values, colours, marker in kinds:
        colour, y = palette(colours)[60 if name == "evidence" else 120], values - np.nanmax(values)
        line = plot.line(x=x, y=y, line_color=colour, line_width=2, name=name)
        marks = plot.scatter(x=x, y=y, marker=marker, size=8, fill_color=colour, line_color=INK)
        items.append((label, [line, marks]))
    plot.add_layout(Span(location=0.0, dimension="width", line_color=INK, line_dash=[4, 4]))
    add_legend(plot, items, columns=2)
    return plot


def _sides(logs: Array) -> tuple[Array, Array]:
    """Left and right side of the cell of every value, on a log scale."""
    if logs.size == 1:
        return logs - 0.1, logs + 0.1
    middles = (logs[1:] + logs[:-1]) / 2
    edges = [2 * logs[0] - middles[0], *middles, 2 * logs[-1] - middles[-1]]
    return np.array(edges[:-1]), np.array(edges[1:])


def _logarithmic(plot: figure, x: Array, y: Array | None = None) -> figure:
    """Ticks at the values of the grid, whose logarithms the axes hold."""
    for axis, logs in ((plot.xaxis, x), (plot.yaxis, y)):
        if logs is not None:
            axis.ticker = FixedTicker(ticks=list(logs))
            axis.major_label_overrides = {float(v): number(10.0**v) for v in logs}
    return plot


def _fewest(weight: Array, level: float) -> NDArray[np.bool_]:
    """Which cells, taken from the heaviest down, hold ``level`` of the weight."""
    order = np.argsort(-weight)
    before = np.concatenate([[0.0], np.cumsum(weight[order])[:-1]])
    inside = np.zeros(weight.size, bool)
    inside[order] = before < level
    return inside


def _spread(values: Array) -> float:
    """Largest loss."""
    return float(np.nanmax(values) - np.nanmin(values))
