"""An empty map around places, which figures of earthquakes and of slip draw on."""

from __future__ import annotations

import numpy as np
from bokeh.plotting import figure

from seisnb.coast import coast_lines
from seisnb.dashboards.figures.style import Array, base_figure
from seisnb.eigenvectors import signed
from seisnb.projection import Projection


def ellipses_of(covariance: Array, level: float) -> dict[str, Array]:
    """Ellipses that hold a share of normal clouds, as Bokeh draws them.

    Parameters
    ----------
    covariance : Array, (n, 2, 2)
        Of the map's two axes.
    level : float
        The share.

    Returns
    -------
    dict
        ``width`` and ``height``, full axes in the root of the covariance's unit, and ``angle`` of
        the width from the first axis [radians]; each (n,).
    """
    value, vector = np.linalg.eigh(covariance)
    long = signed(vector)[:, :, 1]
    axes = 2.0 * np.sqrt(-2.0 * np.log1p(-level) * np.maximum(value, 0.0))
    return {
        "width": axes[:, 1], "height": axes[:, 0],
        "angle": np.arctan2(long[:, 1], long[:, 0]),
    }  # fmt: skip


def map_figure(
    x: Array,
    y: Array,
    *,
    title: str,
    projection: str,
    frame_width: int,
    description: str = "map",
) -> figure:
    """An empty map around places, with coastlines, one scale on both axes.

    Parameters
    ----------
    x, y : Array, (n,)
        Easting and northing [km] of what must be seen.
    title : str
        Above the map.
    projection : str
        PROJ string of the coordinates.
    frame_width : int
        Width of the axes [pixel].
    description : str
        The figure's name.
    """
    pad = 0.05 * max(float(np.ptp(x)), float(np.ptp(y)), 1.0)
    west, east = float(x.min()) - pad, float(x.max()) + pad
    south, north = float(y.min()) - pad, float(y.max()) + pad
    height = int(np.clip(frame_width * (north - south) / (east - west), 0.5 * frame_width,
                         1.4 * frame_width))  # fmt: skip
    # one scale: what the frame has too much of is shown beyond the places
    scale = max((north - south) / height, (east - west) / frame_width)
    wider, taller = scale * frame_width - (east - west), scale * height - (north - south)
    west, east = west - 0.5 * wider, east + 0.5 * wider
    south, north = south - 0.5 * taller, north + 0.5 * taller
    plot = base_figure(
        title=title, x_label="Easting (km)", y_label="Northing (km)", x_range=(west, east),
        y_range=(south, north), frame_width=frame_width, frame_height=height,
        description=description,
    )  # fmt: skip
    if frame_width < 330:  # labels of four digits would touch
        plot.xaxis.ticker.desired_num_ticks = 4
    draw_coast(plot, projection, x=(west, east), y=(south, north))
    return plot


def draw_coast(
    plot: figure, projection: str, *, x: tuple[float, float], y: tuple[float, float]
) -> None:
    """Coastlines within easting x and northing y [km] of a projection."""
    place = Projection(projection)
    lon, lat = place.inverse(np.array([x[0], x[1], x[0], x[1]]), np.array([y[0], y[0], y[1], y[1]]))
    lines = [
        place.forward(line[:, 0], line[:, 1])
        for line in coast_lines(lon.min(), lon.max(), lat.min(), lat.max())
    ]
    if lines:
        plot.multi_line(
            xs=[line[0] for line in lines], ys=[line[1] for line in lines], color="#8a8a8a",
            line_width=1, name="coast",
        )  # fmt: skip
