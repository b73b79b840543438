"""Series beside one another over words: positions, colours, markers, whiskers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from bokeh.models import ColumnDataSource, FixedTicker, Whisker
from bokeh.plotting import figure

from seisnb.dashboards.figures.style import INK, Array, add_legend, palette

#: What a legend is made from.
Items: TypeAlias = list[tuple[str, list[object]]]

_MARKERS = ("circle", "square", "triangle", "diamond", "inverted_triangle", "hex")


def categorical(plot: figure, labels: Sequence[str]) -> figure:
    """Words in the place of whole numbers on the horizontal axis."""
    plot.xaxis.ticker = FixedTicker(ticks=list(range(len(labels))))
    plot.xaxis.major_label_overrides = dict(enumerate(labels))
    plot.ygrid.visible = True
    plot.ygrid.grid_line_color = "#e6e6e6"
    return plot


def colours(n: int) -> list[str]:
    """Colours that tell n curves apart, also in grey."""
    return [palette("batlow")[round(k)] for k in np.linspace(20, 200, max(n, 2))][:n]


def beside(names: Array, n_places: int) -> list[tuple[str, Array, str, str]]:
    """Name, places, colour and marker of each series, side by side in every category."""
    n = len(names)
    shifts = (np.arange(n) - (n - 1) / 2) * min(0.16, 0.7 / n)
    shades = colours(n)
    return [
        (str(name), np.arange(n_places) + shifts[k], shades[k], _MARKERS[k % len(_MARKERS)])
        for k, name in enumerate(names)
    ]


def dots_with_errors(
    plot: figure, names: Array, values: Array, errors: Array, items: Items | None = None
) -> None:
    """One series of dots per method, (method, category), with whiskers of one standard error."""
    found: Items = []
    for k, (name, x, colour, marker) in enumerate(beside(names, values.shape[1])):
        add_errors(plot, x, values[k], errors[k], colour)
        marks = plot.scatter(
            x=x, y=values[k], marker=marker, size=9, fill_color=colour, line_color=INK, name=name
        )
        found.append((name, [marks]))
    found += items or []
    add_legend(plot, found, columns=min(len(found), 4))


def add_errors(plot: figure, x: Array, y: Array, error: Array, colour: str) -> None:
    """Whiskers of one standard error; none where there is no error."""
    known = error > 0
    source = ColumnDataSource(
        {"x": x[known], "low": (y - error)[known], "high": (y + error)[known]}
    )
    whisker = Whisker(base="x", lower="low", upper="high", source=source, line_color=colour)
    whisker.upper_head.size = whisker.lower_head.size = 6
    whisker.upper_head.line_color = whisker.lower_head.line_color = colour
    plot.add_layout(whisker)
