"""Series beside one another over words: positions, colours, markers, whiskers, probabilities."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from bokeh.models import ColumnDataSource, FixedTicker, Whisker
from bokeh.plotting import figure

from seisnb.dashboards.figures.style import (
    INK,
    Array,
    add_grid,
    add_legend,
    base_figure,
    palette,
)

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


def probability_bars(
    labels: Sequence[str],
    posterior: Array,
    prior: Array,
    *,
    title: str,
    label: str,
    names: tuple[str, str],
    shades: tuple[str, str],
    description: str,
) -> figure:
    """Probabilities of named models as bars, with dashes where they were before the data.

    Parameters
    ----------
    labels : sequence of str, (n,)
        The models, in order.
    posterior, prior : Array, (n,)
        Their probabilities.
    title, label : str
        Of the figure, and of the axis of models.
    names, shades : tuple of str
        Of posterior and prior.
    description : str
        The figure's name.
    """
    x = np.arange(len(labels))
    plot = base_figure(
        title=title, x_label=label, y_label="Probability", x_range=(-0.7, x.size - 0.3),
        y_range=(0.0, 1.1 * float(max(posterior.max(), prior.max()))), frame_width=720,
        frame_height=230, description=description,
    )  # fmt: skip
    add_grid(plot)
    bars = plot.vbar(x=x, top=posterior, width=0.7, color=shades[0], name="posterior")
    dots = plot.scatter(
        x=x, y=prior, size=9, marker="dash", line_width=3, color=shades[1], name="prior"
    )
    plot.xaxis.ticker = FixedTicker(ticks=x.tolist())
    plot.xaxis.major_label_overrides = dict(enumerate(labels))
    plot.xaxis.major_label_orientation = np.pi / 3
    add_legend(plot, [(names[0], [bars]), (names[1], [dots])])
    return plot
