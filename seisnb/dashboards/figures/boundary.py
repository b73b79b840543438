"""Events against a boundary in section: what one model says, and what all models say."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr
from bokeh.layouts import column
from bokeh.models import Column, LinearColorMapper
from bokeh.plotting import figure

from seisnb.dashboards.figures.location import MULTI, SINGLE, TRIAL
from seisnb.dashboards.figures.style import (
    Array,
    add_legend,
    base_figure,
    colour_bar,
    nice_limits,
    palette,
)
from seisnb.location import LineBoundary, boundary_distance


def boundary_panels(
    hypocentres: xr.Dataset,
    boundary: LineBoundary | Sequence[LineBoundary],
    *,
    within: float = 2.0,
    ensemble: xr.Dataset | None = None,
    frame_width: int = 640,
) -> Column:
    """Events against a boundary in section, by the mean model and over all models.

    Parameters
    ----------
    hypocentres : xr.Dataset
        Of :func:`seisnb.location.locate`.
    boundary : LineBoundary or sequence of LineBoundary
        The boundary, or an ensemble of it; the section is the first one's.
    within : float
        Half-width of the band around it [km].
    ensemble : xr.Dataset, optional
        Tomography ensemble whose mean velocity stands behind, its line along the section.
    frame_width : int
        Width of the axes [pixel].
    """
    lines = list(boundary) if isinstance(boundary, Sequence) else [boundary]
    first = lines[0]
    distance = boundary_distance(hypocentres, lines, within=within)
    depths = np.stack([np.interp(first.along, one.along, one.depth) for one in lines])
    middle, spread = depths.mean(axis=0), depths.std(axis=0)
    low, high = float(first.along.min()), float(first.along.max())
    deepest = float(np.nanquantile(hypocentres["depth"].values, 0.995))
    bottom = max(1.15 * deepest, 12.0)
    panels = []
    for prefix, title in (("single_", "Mean model only"), ("", "All velocity models")):
        if f"{prefix}depth" not in hypocentres:
            continue
        chance = distance[f"{prefix}probability_within"].values
        plot = base_figure(
            title=f"{title}: within {within:g} km of the boundary with probability "
            f"{float(np.median(chance)):.2f} (median of {chance.size})",
            x_label="Distance along the section (km)", y_label="Depth (km)",
            x_range=(low, high), y_range=(bottom, 0.0), frame_width=frame_width,
            frame_height=int(np.clip(frame_width * bottom / (high - low), 200, 420)),
            description=f"boundary, {title.lower()}",
        )  # fmt: skip
        if ensemble is not None:
            _velocity_behind(plot, ensemble)
        band = plot.varea(
            x=first.along, y1=middle - 2 * spread - within, y2=middle + 2 * spread + within,
            fill_color=TRIAL, fill_alpha=0.18, name="band",
        )  # fmt: skip
        line = plot.line(x=first.along, y=middle, color=TRIAL, line_width=2, name="boundary")
        along, level = _crosses(hypocentres, prefix, first)
        colour = MULTI if prefix == "" else SINGLE
        crosses = plot.multi_line(
            xs=[*along[0], *along[1]], ys=[*level[0], *level[1]], color=colour, line_width=2,
            name="crosses",
        )  # fmt: skip
        add_legend(
            plot,
            [("event, ± 2 std", [crosses]), ("boundary", [line]),
             (f"± {within:g} km and 2 std", [band])], columns=4,
        )  # fmt: skip
        panels.append(plot)
    return column(*panels)


def _velocity_behind(plot: figure, ensemble: xr.Dataset) -> None:
    """The mean velocity as a pale picture with its colour bar."""
    mean = np.where(ensemble["rock"].values.astype(bool), ensemble["velocity_mean"].values, np.nan)
    x, z = ensemble["easting"].values, ensemble["depth"].values
    low, high = nice_limits(mean)
    mapper = LinearColorMapper(
        palette=list(palette("batlow")), low=low, high=high, nan_color=(0, 0, 0, 0)
    )
    plot.image(
        image=[mean.astype(np.float32)], x=float(x[0]), y=float(z[0]),
        dw=float(x[-1] - x[0]), dh=float(z[-1] - z[0]), color_mapper=mapper, alpha=0.45,
        level="image", name="velocity",
    )  # fmt: skip
    plot.add_layout(colour_bar(mapper, "Mean velocity (km/s)"), "right")


def _crosses(
    hypocentres: xr.Dataset, prefix: str, line: LineBoundary
) -> tuple[tuple[list[Array], list[Array]], tuple[list[Array], list[Array]]]:
    """Level and upright strokes of 2 std through every event's mean, in section."""
    along = line.to_section(
        hypocentres[f"{prefix}easting"].values, hypocentres[f"{prefix}northing"].values
    )
    depth = hypocentres[f"{prefix}depth"].values
    a, sa = along.mean(axis=1), 2.0 * along.std(axis=1, ddof=1)
    z, sz = depth.mean(axis=1), 2.0 * depth.std(axis=1, ddof=1)
    level = [np.array([m - s, m + s]) for m, s in zip(a, sa, strict=True)]
    upright = [np.array([m - s, m + s]) for m, s in zip(z, sz, strict=True)]
    return (
        (level, [np.array([m, m]) for m in a]),
        ([np.array([m, m]) for m in z], upright),
    )
