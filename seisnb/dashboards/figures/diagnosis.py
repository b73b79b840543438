"""Figures of what an ensemble says of itself: left-out picks, and the checks of its settings."""

from __future__ import annotations

import numpy as np
import xarray as xr
from bokeh.models import BoxAnnotation, FixedTicker, Span
from bokeh.plotting import figure

from seisnb.conventions import InputError
from seisnb.dashboards.figures.style import (
    GREY,
    INK,
    SHOT,
    add_grid,
    add_legend,
    base_figure,
    palette,
    plain,
)
from seisnb.diagnostics import diagnose
from seisnb.diagnostics.facts import SURE, is_suspect

#: Checks as an axis names them.
CHECK_LABELS = {
    "pick_sigma": "Pick errors",
    "prior_pull": "Prior's amplitude",
    "neighbours_shot": "Neighbours, same shot",
    "neighbours_receiver": "Neighbours, same receiver",
    "length_easting": "Length along the line",
    "length_depth": "Length in depth",
}
#: Normal scores beyond this are drawn at the edge.
EDGE = 6.0


def left_out_histogram(
    ensemble: xr.Dataset, *, frame_width: int = 330, frame_height: int = 240
) -> figure:
    """Where each pick falls in its prediction from all other picks; flat when settings are right.

    Parameters
    ----------
    ensemble : xr.Dataset
        An ensemble with left-out residuals.
    frame_width, frame_height : int
        Size of the axes [pixel].

    Returns
    -------
    bokeh figure
        Renderers ``share`` (bars) and ``expected`` (the band that 95 % of flat histograms keep to).

    Raises
    ------
    InputError
        The ensemble has no left-out residuals.
    """
    _require(ensemble, "left_out_residual", "left_out_histogram")
    found = diagnose(ensemble)
    share = found["left_out_share"].values
    low, high = float(found["left_out_low"][0]), float(found["left_out_high"][0])
    n_bins = share.size
    edges = np.linspace(0, 1, n_bins + 1)
    plot = base_figure(
        title="Left-out picks",
        x_label="Probability of an earlier time",
        y_label="Share of picks",
        x_range=(0.0, 1.0),
        y_range=(0.0, 1.15 * max(float(share.max()), high)),
        frame_width=frame_width,
        frame_height=frame_height,
        description=f"{plain(ensemble.attrs.get('title', ''))}: left-out picks",
    )
    add_grid(plot)
    band = plot.quad(
        left=[0.0], right=[1.0], bottom=[low], top=[high],
        fill_color=GREY, fill_alpha=0.6, line_color=None, name="expected",
    )  # fmt: skip
    bars = plot.quad(
        left=edges[:-1] + 0.004,
        right=edges[1:] - 0.004,
        bottom=0,
        top=share,
        fill_color=palette("batlow")[60],
        fill_alpha=0.7,
        line_color=None,
        name="share",
    )
    plot.add_layout(Span(location=1 / n_bins, dimension="width", line_color=INK, line_dash=[4, 4]))
    add_legend(plot, [("picks", [bars]), ("95 % of right settings", [band])], columns=2)
    return plot


def checks_figure(
    ensemble: xr.Dataset, *, frame_width: int = 260, frame_height: int = 240
) -> figure:
    """Every check of prior and sigmas as a normal score: how surprising, and to which side.

    Parameters
    ----------
    ensemble : xr.Dataset
        An ensemble with checks.
    frame_width, frame_height : int
        Size of the axes [pixel].

    Returns
    -------
    bokeh figure
        Renderer ``scores`` has one point per check; scores beyond six are drawn as triangles at the
        edge.

    Raises
    ------
    InputError
        The ensemble has no checks.
    """
    _require(ensemble, "check_z", "checks_figure")
    names = [str(name) for name in ensemble["check"].values]
    z = ensemble["check_z"].values.astype(float)
    rows = np.arange(z.size, 0, -1)
    plot = base_figure(
        title="Checks of the settings",
        x_label="Surprise (normal score)",
        y_label="",
        x_range=(-EDGE - 0.5, EDGE + 0.5),
        y_range=(0.4, z.size + 0.6),
        frame_width=frame_width,
        frame_height=frame_height,
        description=f"{plain(ensemble.attrs.get('title', ''))}: checks of the settings",
    )
    add_grid(plot)
    plot.ygrid.grid_line_color = None
    plot.add_layout(
        BoxAnnotation(
            left=-1.96,
            right=1.96,
            fill_color=GREY,
            fill_alpha=0.45,
            level="underlay",
            name="expected",
        )
    )
    for edge in (-SURE, SURE):
        plot.add_layout(
            Span(location=edge, dimension="height", line_color=INK, line_dash=[4, 4], line_width=1)
        )
    blue, far = palette("batlow")[60], np.abs(z) > EDGE
    suspect = [
        is_suspect(name, float(value), score)
        for name, value, score in zip(names, ensemble["check_value"].values, z, strict=True)
    ]
    marker = np.where(~far, "circle", np.where(z > 0, "triangle", "inverted_triangle"))
    plot.scatter(
        x=np.clip(z, -EDGE, EDGE),
        y=rows,
        marker=marker.tolist(),
        angle=np.where(far, -np.pi / 2, 0.0),
        size=11,
        fill_color=[SHOT if each else blue for each in suspect],
        line_color=INK,
        line_width=0.8,
        name="scores",
    )
    plot.yaxis.ticker = FixedTicker(ticks=rows.tolist())
    plot.yaxis.major_label_overrides = {
        int(row): CHECK_LABELS.get(name, name) for row, name in zip(rows, names, strict=True)
    }
    plot.xaxis.ticker = FixedTicker(ticks=[-6, -4, -2, 0, 2, 4, 6])
    plot.min_border_left = 180
    return plot


def _require(ensemble: xr.Dataset, name: str, where: str) -> None:
    """Say what is missing and what helps."""
    if name not in ensemble:
        raise InputError(
            f"{where}: the ensemble has no {name!r}; it was made by an older version. Run the "
            "inversion again."
        )
