"""The line of a survey: its surface, shots and receivers, with one gather marked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from bokeh.models import ColumnDataSource, HoverTool, TapTool
from bokeh.plotting import figure

from seisnb.dashboards.figures.style import (
    INK,
    RECEIVER,
    SHOT,
    WATER,
    add_legend,
    base_figure,
    display_of,
    is_marine,
    plain,
    show_elevation,
    surface_name,
)

_TITLE = "Shots and receivers: tap one for its gather"


@dataclass(frozen=True, eq=False)
class Line:
    """The line's figure, with what is changed in it at hand.

    Attributes
    ----------
    plot : figure
        The figure.
    instruments : dict of str to ColumnDataSource
        ``shot`` and ``receiver``: one row per instrument, with its ``number``.
    paths, mark : ColumnDataSource
        Lines to the far ends of a gather's picks, and the ring around its instrument.
    """

    plot: figure
    instruments: dict[str, ColumnDataSource]
    paths: ColumnDataSource
    mark: ColumnDataSource


def line_figure(survey: xr.Dataset, *, frame_width: int = 560) -> Line:
    """Shots and receivers on the line; a tap on one selects its gather.

    Parameters
    ----------
    survey : xr.Dataset
        A survey or an ensemble.
    frame_width : int
        Width of the axes [pixel].
    """
    display = display_of(survey)
    x, z = (display.scaled(survey[f"surface_{axis}"].values) for axis in ("easting", "depth"))
    ends = [display.scaled(survey[f"{kind}_depth"].values) for kind in ("shot", "receiver")]
    depths = np.concatenate([z, *ends, [0.0] if is_marine(survey) else []])
    room = 0.12 * (float(np.ptp(depths)) or 1.0)
    plot = base_figure(
        title=_TITLE,
        x_label=f"Easting ({display.length})", y_label=display.vertical,
        x_range=(float(x[0]), float(x[-1])),
        y_range=(float(depths.max()) + room, float(depths.min()) - room),
        frame_width=frame_width, frame_height=120, tools="pan,wheel_zoom,tap,reset,save",
        description=f"{plain(survey.attrs.get('title', ''))}: the line",
    )  # fmt: skip
    if display.is_elevation:
        show_elevation(plot)
    if is_marine(survey):
        plot.varea(x=x, y1=np.zeros(x.size), y2=z, fill_color=WATER, name="water")
    line = plot.line(x=x, y=z, line_color=INK, line_width=1.5, name="surface")
    legend: list[tuple[str, list[object]]] = [(surface_name(survey), [line])]
    instruments = {}
    for name, colour, marker, size in (
        ("receiver", RECEIVER, "inverted_triangle", 9),
        ("shot", SHOT, "star", 11),
    ):
        numbers, first = np.unique(survey[name].values, return_index=True)
        source = ColumnDataSource(
            {
                "x": display.scaled(survey[f"{name}_easting"].values[first]),
                "y": display.scaled(survey[f"{name}_depth"].values[first]),
                "number": numbers,
            },
        )
        instruments[name] = source
        marks = plot.scatter(
            "x", "y", source=source, marker=marker, size=size, fill_color=colour, line_color=INK,
            line_width=0.8, name=f"{name}s",
        )  # fmt: skip
        marks.nonselection_glyph.update(fill_alpha=1.0, line_alpha=1.0)
        plot.add_tools(HoverTool(renderers=[marks], tooltips=[(name, "@number")]))
        legend.append((f"{name}s", [marks]))
    paths = ColumnDataSource({"x0": [], "y0": [], "x1": [], "y1": []})
    mark = ColumnDataSource({"x": [], "y": []})
    plot.segment(
        "x0", "y0", "x1", "y1", source=paths, line_color=SHOT, line_alpha=0.35, level="underlay",
        name="gather",
    )  # fmt: skip
    plot.scatter(
        "x", "y", source=mark, size=17, marker="circle", fill_color=None, line_color=SHOT,
        line_width=2, name="gather_mark",
    )  # fmt: skip
    plot.toolbar.active_tap = next(each for each in plot.tools if isinstance(each, TapTool))
    add_legend(plot, legend)
    return Line(plot=plot, instruments=instruments, paths=paths, mark=mark)


def mark_gather(line: Line, survey: xr.Dataset, gather: str) -> str:
    """Mark one gather such as ``shot 12``, or none; returns the title."""
    display = display_of(survey)
    kind, _, number = gather.partition(" ")
    title = _TITLE
    paths: dict[str, Any] = {"x0": [], "y0": [], "x1": [], "y1": []}
    mark: dict[str, Any] = {"x": [], "y": []}
    if kind in ("shot", "receiver"):
        own = survey[kind].values.astype(str) == number
        other = "receiver" if kind == "shot" else "shot"
        ends = [
            display.scaled(survey[f"{which}_{axis}"].values[own])
            for which in (kind, other)
            for axis in ("easting", "depth")
        ]
        paths = dict(zip(paths, ends, strict=True))
        mark = {"x": ends[0][:1], "y": ends[1][:1]}
        title = f"Gather of {gather}: {int(own.sum())} picks"
    line.paths.data, line.mark.data = paths, mark
    line.plot.title.text = title
    return title
