"""One patch: its slip over all structures, beside that on the first alone."""

from __future__ import annotations

import numpy as np
import xarray as xr
from bokeh.plotting import figure

from seisnb.conventions import InputError
from seisnb.dashboards.figures.categories import Items
from seisnb.dashboards.figures.location import MULTI, SINGLE
from seisnb.dashboards.figures.slip_units import amount_of, answers, check_slip, interval
from seisnb.dashboards.figures.style import add_grid, add_legend, base_figure, nice_limits, number


def patch_figure(slip: xr.Dataset, patch: int, *, frame_width: int = 520) -> figure:
    """Histograms of a patch's slip with their 95 % intervals.

    Parameters
    ----------
    slip : xr.Dataset
        Of :func:`seisnb.slip.invert_slip`.
    patch : int
        Which patch.
    frame_width : int
        Width of the axes [pixel].

    Raises
    ------
    InputError
        The Dataset holds no slip, or has no such patch.
    """
    check_slip(slip, "patch_figure")
    n = slip.sizes["patch"]
    if not 0 <= patch < n:
        raise InputError(f"patch_figure: patch is {patch}; expected 0 to {n - 1}.")
    found = [
        (slip[f"{prefix}slip"].values[:, patch].astype(float), colour, name)
        for (prefix, name), colour in zip(answers(slip), (MULTI, SINGLE), strict=False)
    ]
    ends = np.concatenate([np.quantile(values, (0.003, 0.997)) for values, _, _ in found])
    amount = amount_of(slip, ends)
    low, high = nice_limits(amount.scaled([ends.min(), ends.max()]))
    depth = float(slip["patch_depth"][patch])
    plot = base_figure(
        title=f"Slip of patch {patch}, {number(depth)} km deep", x_label=f"Slip ({amount.unit})",
        y_label="Probability density", x_range=(low, high), y_range=(0.0, 1.0),
        frame_width=frame_width, frame_height=220, description="slip of a patch",
    )  # fmt: skip
    add_grid(plot)
    edges = np.linspace(low, high, 41)
    density = [
        np.histogram(amount.scaled(values), edges)[0] / (values.size * np.diff(edges))
        for values, _, _ in found
    ]
    top = max(float(each.max()) for each in density)
    items: Items = []
    for k, (values, colour, name) in enumerate(found):
        bars = plot.quad(
            left=edges[:-1], right=edges[1:], top=density[k], bottom=0, fill_color=colour,
            fill_alpha=0.45, line_color=colour, name=f"slip {name}",
        )  # fmt: skip
        first, middle, last = interval(amount.scaled(values))
        y = top * (1.08 + 0.1 * (len(found) - 1 - k))
        plot.segment(x0=[first], x1=[last], y0=[y], y1=[y], line_color=colour, line_width=4,
                     name=f"interval {name}")  # fmt: skip
        plot.scatter(x=[middle], y=[y], size=10, fill_color=colour, line_color="white")
        words = f"{number(middle)} {amount.unit} (95 %: {number(first)} to {number(last)}), {name}"
        items.append((words, [bars]))
    plot.y_range.end = top * (1.2 + 0.1 * (len(found) - 1))
    add_legend(plot, items, columns=1)
    return plot
