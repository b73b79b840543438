"""Figures of a resolution test: the true pattern, what came back, and how much of it."""

from __future__ import annotations

import numpy as np
import xarray as xr
from bokeh.layouts import column
from bokeh.models import Column, Legend
from numpy.typing import NDArray

from seisnb.conventions import InputError
from seisnb.dashboards.figures.layers import Layer
from seisnb.dashboards.figures.sections import section
from seisnb.dashboards.figures.style import FRAME_WIDTH, display_of, nice_limits, number, palette


def resolution_sections(test: xr.Dataset, *, frame_width: int = FRAME_WIDTH) -> Column:
    """True pattern, recovered pattern and recovered share, one above the other.

    Parameters
    ----------
    test : xr.Dataset
        A result of :func:`seisnb.tomography.resolution_test`.
    frame_width : int
        Width of the axes [pixel].

    Returns
    -------
    bokeh column
        Three figures as :func:`seisnb.dashboards.figures.section` draws them, zoomed together.

    Raises
    ------
    InputError
        The Dataset is not a resolution test's.
    """
    if test.attrs.get("kind") != "resolution":
        raise InputError(
            f"resolution_sections: the Dataset is of kind {test.attrs.get('kind', 'unknown')!r}; "
            "expected what resolution_test returns."
        )
    plots = [section(test, layer, frame_width=frame_width) for layer in resolution_layers(test)]
    for plot in plots[1:]:
        plot.x_range, plot.y_range = plots[0].x_range, plots[0].y_range
    for plot in plots[:-1]:
        plot.xaxis.axis_label = None
        plot.select_one({"type": Legend}).visible = False
    return column(*plots)


def resolution_layers(test: xr.Dataset) -> list[Layer]:
    """What the three figures paint: per cent of velocity, and a share between 0 and 1."""
    limit = nice_limits([0.0, 100 * abs(float(test.attrs["amplitude"]))])[1]
    display = display_of(test)
    along, down = test.attrs["size_km"]
    size = f"{number(along * display.factor)} × {display.text(down, display.length)}"
    kind = "Checkerboard" if test.attrs["pattern"] == "checkerboard" else "Spike"
    noise = "" if test.attrs.get("noise", 1) else ", without noise"
    under = test["depth"].values[:, None] > test["deepest_ray"].values
    layers = [
        Layer(
            title=f"{word}: {size}" if name == "true" else f"{word}{noise}",
            label="Velocity change (%)",
            values=_in_rock(test, 100 * test[f"{name}_perturbation"].values),
            palette=palette("vik", reverse=True),
            low=-limit,
            high=limit,
            grey=under if name == "recovered" else None,
            note="grey: below the rays" if name == "recovered" else "",
        )
        for name, word in (("true", f"{kind} put in"), ("recovered", "What the picks bring back"))
    ]
    share = Layer(
        title="Share of the pattern that came back",
        label="Recovered share",
        values=_in_rock(test, test["recovery_ratio"].values),
        palette=palette("lapaz", reverse=True),
        low=0.0,
        high=1.0,
        contour_step=0.5,
        grey=under,
        note="grey: below the rays",
    )
    return [*layers, share]


def _in_rock(test: xr.Dataset, values: NDArray[np.float64]) -> NDArray[np.float32]:
    """Values as float32, NaN above the rock."""
    return np.where(test["rock"].values.astype(bool), values, np.nan).astype(np.float32)
