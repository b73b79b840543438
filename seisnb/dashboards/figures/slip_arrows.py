"""What sites moved by, observed and predicted, as arrows on a map with a scale."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias

import numpy as np
import xarray as xr
from bokeh.core.properties import value
from bokeh.models import ColumnDataSource, HoverTool
from bokeh.plotting import figure

from seisnb.dashboards.figures.categories import Items
from seisnb.dashboards.figures.maps import ellipses_of
from seisnb.dashboards.figures.slip_units import Amount, amount_of
from seisnb.dashboards.figures.style import FONT, INK, Array, nice_step, number, plain

Component: TypeAlias = Literal["horizontal", "vertical"]

#: Colours of what was observed and what is predicted, and widths of their lines.
OBSERVED, PREDICTED = (INK, 2.8), ("#2f7fd0", 1.4)
#: The longest arrow as a share of the frame's longer side, and of barbs.
LONGEST, BARB = 0.16, 0.014
#: Half the 95 % interval over the standard deviation.
BAR = 1.959963984540054


class Moved:
    """Displacements of the sites where all of a map's components were observed.

    Parameters
    ----------
    slip : xr.Dataset
        Of :func:`seisnb.slip.invert_slip`.
    component : {"horizontal", "vertical"}
        Vertical displacements point up and down the map.

    Attributes
    ----------
    at : Array, (site, 2)
        Easting and northing [km].
    observed, std, predicted : Array, (site, 2)
        Along the map's axes [m].
    correlation : Array, (site,)
        Of the errors along the two axes.
    longest : float
        Of all arrows [m].
    """

    def __init__(self, slip: xr.Dataset, component: Component) -> None:
        parts = ["east", "north"] if component == "horizontal" else ["up"]
        known = np.isfinite(slip["observed"].sel(component=parts).values).all(axis=1)
        sites = slip.isel(site=np.flatnonzero(known))
        self.is_vertical = component == "vertical"
        self.names = [plain(name) for name in sites["site"].values]
        self.at = np.column_stack([sites["site_easting"].values, sites["site_northing"].values])
        self.observed, self.std, self.predicted = (
            self._on_map(sites[name].sel(component=parts).values)
            for name in ("observed", "observed_std", "predicted_mean")
        )
        self.correlation = np.zeros(sites.sizes["site"])
        if "observed_correlation" in sites and not self.is_vertical:
            self.correlation = sites["observed_correlation"].values
        both = np.concatenate([self.observed, self.predicted])
        self.longest = float(np.linalg.norm(both, axis=1).max(initial=0.0))

    def _on_map(self, values: Array) -> Array:
        """Components along the map's axes."""
        if self.is_vertical:
            return np.column_stack([np.zeros(len(values)), values[:, 0]])
        return np.asarray(values, float)

    def tips(self, scale: float) -> Array:
        """Ends of all arrows, (n, 2) [km], at a scale [km per m]."""
        return np.concatenate([self.at + self.observed * scale, self.at + self.predicted * scale])


def draw_arrows(plot: figure, slip: xr.Dataset, moved: Moved, longest: float) -> Items:
    """Draw the arrows, their 95 % regions and a scale; returns items of a legend.

    Parameters
    ----------
    plot : figure
        Of :func:`seisnb.dashboards.figures.maps.map_figure`.
    slip : xr.Dataset
        Whose displacements they are.
    moved : Moved
        The displacements.
    longest : float
        The displacement [m] that is drawn longest; of all maps that are to be compared.
    """
    span = max(plot.x_range.end - plot.x_range.start, plot.y_range.end - plot.y_range.start)
    scale = LONGEST * span / longest
    amount = amount_of(slip, [longest])
    seen = [
        (name, _one_kind(plot, moved, name, vectors * scale, vectors, look, span, amount))
        for name, vectors, look in (
            ("observed", moved.observed, OBSERVED), ("predicted", moved.predicted, PREDICTED),
        )
    ]  # fmt: skip
    _scale_arrow(plot, moved.at, scale, span, amount, longest)
    items: Items = [(name, [lines]) for name, lines in seen]
    items.insert(1, _regions(plot, moved, scale))
    return items


def _one_kind(
    plot: figure, moved: Moved, name: str, by: Array, vectors: Array, look: tuple[str, float],
    span: float, amount: Amount,
) -> object:  # fmt: skip
    """Arrows of one kind, with a light rim that parts them from dark patches."""
    xs, ys = _shapes(moved.at, by, BARB * span)
    shown = amount.scaled(vectors)
    words = (
        [f"up {up:.2f}" for _, up in shown]
        if moved.is_vertical
        else [f"east {east:.2f}, north {north:.2f}" for east, north in shown]
    )
    source = ColumnDataSource({"xs": xs, "ys": ys, "site": moved.names, "text": words})
    colour, width = look
    if name == "observed":
        plot.multi_line(xs="xs", ys="ys", source=source, line_color="white", line_width=5.5,
                        line_alpha=0.8, name="rims")  # fmt: skip
    lines = plot.multi_line(
        xs="xs", ys="ys", source=source, line_color=colour, line_width=width, name=name
    )
    plot.add_tools(
        HoverTool(
            renderers=[lines], tooltips=[("site", "@site"), (f"{name} ({amount.unit})", "@text")]
        )
    )
    return lines


def _regions(plot: figure, moved: Moved, scale: float) -> tuple[str, list[object]]:
    """The 95 % regions of what was observed, as an item of a legend."""
    x, y = (moved.at + moved.observed * scale).T
    if moved.is_vertical:
        half = BAR * scale * moved.std[:, 1]
        bars = plot.segment(
            x0=x, x1=x, y0=y - half, y1=y + half, line_color=INK, line_width=0.8,
            name="intervals",
        )  # fmt: skip
        return "95 % interval", [bars]
    covariance = np.einsum("ij,ik->ijk", moved.std, moved.std) * scale**2
    covariance[:, 0, 1] *= moved.correlation
    covariance[:, 1, 0] *= moved.correlation
    rims = plot.ellipse(
        x=x, y=y, **ellipses_of(covariance, 0.95), fill_alpha=0.0, line_color=INK, line_width=0.8,
        name="ellipses",
    )  # fmt: skip
    return "95 % ellipse", [rims]


def _shapes(at: Array, by: Array, barb: float) -> tuple[list[Array], list[Array]]:
    """Arrows from points (n, 2) by vectors (n, 2) [km] as lines with two barbs."""
    size = np.linalg.norm(by, axis=1, keepdims=True)
    along = by / np.maximum(size, 1e-12)
    across = np.column_stack([-along[:, 1], along[:, 0]])
    back = np.minimum(barb, 0.6 * size)
    tip = at + by
    left, right = (tip - back * (along + side * 0.45 * across) for side in (1, -1))
    line = np.stack([at, tip, left, tip, right], axis=1)
    return list(line[..., 0]), list(line[..., 1])


def _scale_arrow(
    plot: figure, at: Array, scale: float, span: float, amount: Amount, longest: float
) -> None:
    """An arrow of a round length, in the corner that is farthest from sites."""
    shown = nice_step(float(amount.scaled(longest)), 2)
    length = scale * shown / amount.factor
    size = np.array([max(length, 0.1 * span) + 0.04 * span, 0.1 * span])
    corner = _free_corner(plot, at, size, 0.015 * span)
    (left, bottom), (right, top) = corner, corner + size
    plot.quad(
        left=left, right=right, bottom=bottom, top=top, fill_color="white", fill_alpha=0.85,
        line_color=None, name="scale box",
    )  # fmt: skip
    start = corner + size * (0.5, 0.3) - (0.5 * length, 0.0)
    xs, ys = _shapes(start[None], np.array([[length, 0.0]]), BARB * span)
    plot.multi_line(xs=xs, ys=ys, line_color=INK, line_width=1.8, name="scale")
    x, y = corner + size * (0.5, 0.7)
    plot.text(
        x=[x], y=[y], text=[f"{number(shown)} {amount.unit}"], text_font=value(FONT),
        text_font_size="12px", text_color=INK, text_align="center", text_baseline="middle",
        name="scale label",
    )  # fmt: skip


def _free_corner(plot: figure, at: Array, size: Array, margin: float) -> Array:
    """Lower left point of a box in one of the frame's corners."""
    low = np.array([plot.x_range.start, plot.y_range.start]) + margin
    high = np.array([plot.x_range.end, plot.y_range.end]) - margin - size
    boxes: Sequence[Array] = [
        np.array([x, y]) for y in (low[1], high[1]) for x in (low[0], high[0])
    ]
    free = [np.linalg.norm(box + 0.5 * size - at, axis=1).min() for box in boxes]
    return boxes[int(np.argmax(free))]
