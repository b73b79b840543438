"""Slip on maps: patches in colour, depths of the fault, displacements observed and predicted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias

import numpy as np
import xarray as xr
from bokeh.core.properties import value
from bokeh.layouts import row
from bokeh.models import ColumnDataSource, HoverTool, LinearColorMapper, Row
from bokeh.plotting import figure
from numpy.typing import NDArray

from seisnb.conventions import InputError
from seisnb.dashboards.figures.maps import map_figure
from seisnb.dashboards.figures.slip_arrows import LONGEST, Component, Moved, draw_arrows
from seisnb.dashboards.figures.slip_units import Amount, amount_of, check_slip, patches_shown
from seisnb.dashboards.figures.style import (
    FONT,
    INK,
    Array,
    add_legend,
    colour_bar,
    nice_limits,
    nice_step,
    number,
    palette,
    plain,
)
from seisnb.slip.faults import rim_of

Field: TypeAlias = Literal["mean", "std", "sample"]

#: Maps below so many pixels have fewer labels.
NARROW = 450
#: What the colour bar says.
_NAMES: dict[str, str] = {"mean": "Slip, mean", "std": "Slip, std", "sample": "Slip, sample"}


def slip_map(
    slip: xr.Dataset,
    field: Field = "mean",
    *,
    sample: int = 0,
    component: Component = "horizontal",
    title: str | None = None,
    arrows: bool = True,
    frame_width: int = 520,
) -> figure:
    """The fault's patches coloured by slip, with observed and predicted displacements.

    The frame holds the sites and the patches that slip; the rest of a large fault is drawn beyond.

    Parameters
    ----------
    slip : xr.Dataset
        Of :func:`seisnb.slip.invert_slip`.
    field : {"mean", "std", "sample"}
        Posterior mean, standard deviation, or one sample.
    sample : int
        Which sample.
    component : {"horizontal", "vertical"}
        Of the displacements. Horizontal ones with 95 % ellipses; vertical ones as arrows up and
        down the map.
    title : str, optional
        Instead of the field's name.
    arrows : bool
        Draw displacements.
    frame_width : int
        Width of the axes [pixel].

    Raises
    ------
    InputError
        The Dataset holds no slip, an unknown field or component, or no such sample.
    """
    words = {"mean": "Posterior mean of slip", "std": "Standard deviation of slip"}
    return _maps(
        [(title or words.get(field, f"Slip of sample {sample}"), slip)], field, sample=sample,
        component=component, arrows=arrows, frame_width=frame_width, where="slip_map",
    )[0]  # fmt: skip


def slip_maps(
    results: Sequence[tuple[str, xr.Dataset]],
    field: Field = "mean",
    *,
    component: Component = "horizontal",
    arrows: bool = True,
    frame_width: int = 330,
) -> Row:
    """Maps of several results side by side: one frame, one scale of colours, one of arrows.

    Parameters
    ----------
    results : sequence of (str, xr.Dataset)
        Titles and results of :func:`seisnb.slip.invert_slip`, for instance without smoothing and
        with it.
    field, component, arrows, frame_width
        As for :func:`slip_map`.

    Raises
    ------
    InputError
        No result, or one that is none.
    """
    if not results:
        raise InputError("slip_maps: no results. Give at least one title with its Dataset.")
    plots = _maps(
        results, field, sample=0, component=component, arrows=arrows, frame_width=frame_width,
        where="slip_maps",
    )  # fmt: skip
    for plot in plots[1:]:  # moved and zoomed together
        plot.x_range, plot.y_range = plots[0].x_range, plots[0].y_range
    return row(*plots)


def scale_of(
    slips: Sequence[xr.Dataset], field: Field, *, sample: int = 0, where: str = "scale_of"
) -> tuple[tuple[float, float], Amount]:
    """Ends [m] of the scale of colours that maps of some results share, and its unit."""
    seen = [_values(slip, field, sample, where)[patches_shown([slip])] for slip in slips]
    low, high = nice_limits(np.concatenate([*seen, [0.0]]))
    return (low, high), amount_of(slips[0], [low, high])


def _maps(
    results: Sequence[tuple[str, xr.Dataset]], field: Field, *, sample: int, component: Component,
    arrows: bool, frame_width: int, where: str,
) -> list[figure]:  # fmt: skip
    """One map for each result, all alike."""
    slips = [slip for _, slip in results]
    for slip in slips:
        check_slip(slip, where)
    if component not in ("horizontal", "vertical"):
        raise InputError(
            f"{where}: component is {component!r}; expected 'horizontal' or 'vertical'."
        )
    values = [_values(slip, field, sample, where) for slip in slips]
    shown = [patches_shown([slip]) for slip in slips]
    moved = [Moved(slip, component) for slip in slips] if arrows else []
    longest = max((each.longest for each in moved), default=0.0)
    x, y = _places(slips, shown, moved, longest)
    (low, high), amount = scale_of(slips, field, sample=sample, where=where)
    label = f"{_NAMES[field]} ({amount.unit})"
    plots = []
    for k, (title, slip) in enumerate(results):
        plot = map_figure(
            x, y, title=plain(title, 60), projection=slip.attrs["projection"],
            frame_width=frame_width, description="slip map",
        )  # fmt: skip
        mapper = LinearColorMapper(
            palette=_colours(field, low, high), low=float(amount.scaled(low)),
            high=float(amount.scaled(high)),
        )  # fmt: skip
        _patches(plot, slip, amount.scaled(values[k]), mapper, label)
        _contours(plot, slip, shown[k])
        if k == len(results) - 1:  # one for all
            plot.add_layout(colour_bar(mapper, label), "right")
        items = draw_arrows(plot, slip, moved[k], longest) if longest > 0 else []
        sites = plot.scatter(
            x=slip["site_easting"].values, y=slip["site_northing"].values, size=5,
            fill_color="white", line_color=INK, name="sites",
        )  # fmt: skip
        add_legend(plot, [*items, ("site", [sites])], columns=2 if frame_width < NARROW else 4)
        plots.append(plot)
    return plots


def _values(slip: xr.Dataset, field: Field, sample: int, where: str) -> Array:
    """The field, (patch,) [m]."""
    if field in ("mean", "std"):
        return np.asarray(slip[f"slip_{field}"].values, float)
    n = slip.sizes["sample"]
    if field != "sample" or not 0 <= sample < n:
        raise InputError(
            f"{where}: field is {field!r} and sample {sample}; expected 'mean', 'std', or "
            f"'sample' with a number from 0 to {n - 1}."
        )
    return np.asarray(slip["slip"].values[sample], float)


def _colours(field: Field, low: float, high: float) -> list[str]:
    """Of a standard deviation, light to dark; of slip from white at none, the other way in blue."""
    if field == "std":
        return list(palette("lajolla", reverse=True)[:205])
    both = palette("vik")
    reach = max(high, -low)
    first, last = (round(127.5 * (1 + end / reach)) for end in (low, high))
    return list(both[first : last + 1])


def _places(
    slips: Sequence[xr.Dataset],
    shown: Sequence[NDArray[np.bool_]],
    moved: Sequence[Moved],
    longest: float,
) -> tuple[Array, Array]:
    """Easting and northing [km] of all that must be seen."""
    parts = []
    for slip, is_shown in zip(slips, shown, strict=True):
        corners = np.unique(slip["triangle"].values[is_shown[slip["face_patch"].values]])
        for kind, rows in (("vertex", corners), ("site", slice(None))):
            parts.append(
                np.column_stack([slip[f"{kind}_{n}"].values[rows] for n in ("easting", "northing")])
            )
    places = np.concatenate(parts)
    if longest > 0:
        scale = LONGEST * float(np.ptp(places, axis=0).max()) / longest
        places = np.concatenate([places, *(each.tips(scale) for each in moved)])
    return places[:, 0], places[:, 1]


def _patches(
    plot: figure, slip: xr.Dataset, values: Array, mapper: LinearColorMapper, label: str
) -> None:
    """Triangles coloured by their patch, and the fault's outline."""
    triangle, patch = slip["triangle"].values, slip["face_patch"].values
    x, y = slip["vertex_easting"].values, slip["vertex_northing"].values
    source = ColumnDataSource(
        {
            "xs": list(x[triangle]), "ys": list(y[triangle]), "patch": patch,
            "value": values[patch], "depth": slip["patch_depth"].values[patch],
            "longitude": slip["vertex_longitude"].values[triangle].mean(axis=1),
            "latitude": slip["vertex_latitude"].values[triangle].mean(axis=1),
        }
    )  # fmt: skip
    colour = {"field": "value", "transform": mapper}
    faces = plot.patches(
        xs="xs", ys="ys", source=source, fill_color=colour, line_color=colour, line_width=1,
        level="underlay", name="patches",
    )  # fmt: skip
    plot.add_tools(
        HoverTool(
            renderers=[faces],
            tooltips=[
                ("patch", "@patch"), (label, "@value{0.000}"), ("depth (km)", "@depth{0.0}"),
                ("longitude", "@longitude{0.000}"), ("latitude", "@latitude{0.000}"),
            ],
        )
    )  # fmt: skip
    rim = rim_of(triangle, np.zeros(len(triangle), int))
    plot.multi_line(
        xs=list(x[rim]), ys=list(y[rim]), line_color=INK, line_width=1, name="outline"
    )  # fmt: skip


def _contours(plot: figure, slip: xr.Dataset, shown: NDArray[np.bool_]) -> None:
    """Lines of equal depth of the fault, labelled in km."""
    points = np.column_stack([slip[f"vertex_{n}"].values for n in ("easting", "northing", "depth")])
    corners = points[slip["triangle"].values]
    seen = corners[shown[slip["face_patch"].values]][..., 2]
    step = nice_step(float(np.ptp(seen)), 5 if plot.frame_width >= NARROW else 3)
    if float(np.ptp(seen)) < 0.5:  # a level fault
        return
    levels = np.arange(np.ceil(seen.min() / step + 1e-9), seen.max() / step) * step
    lines: list[Array] = []
    labels: dict[str, list] = {"x": [], "y": [], "text": []}
    for level in levels:
        segments = _level(corners, float(level))
        inside = segments[_is_inside(plot, segments.mean(axis=1))] if len(segments) else segments
        lines.extend(segments)
        if len(inside):
            x, y = _end(inside.mean(axis=1))
            labels["x"].append(x)
            labels["y"].append(y)
            labels["text"].append(f"{number(float(level))} km")
    plot.multi_line(
        xs=[line[:, 0] for line in lines], ys=[line[:, 1] for line in lines], line_color="#5c5c5c",
        line_dash=[6, 3], line_width=0.8, name="depths",
    )  # fmt: skip
    plot.text(
        x="x", y="y", text="text", source=ColumnDataSource(labels), text_font=value(FONT),
        text_font_size="11px", text_color="#333333", text_align="center", text_baseline="middle",
        background_fill_color="white", background_fill_alpha=0.75, name="depth labels",
    )  # fmt: skip


def _level(corners: Array, level: float) -> Array:
    """Segments (n, 2, 2) on which triangles (m, 3, 3) are at a depth."""
    depth = corners[..., 2] - level
    depth = np.where(np.abs(depth) < 1e-9, 1e-9, depth)  # vertices often lie on contours
    ends = np.roll(np.arange(3), -1)
    crosses = depth * depth[:, ends] < 0  # edges from each corner to the next
    cut = np.flatnonzero(crosses.sum(axis=1) == 2)
    if not cut.size:
        return np.zeros((0, 2, 2))
    share = depth / np.where(crosses, depth - depth[:, ends], 1.0)
    at = corners[..., :2] + share[..., None] * (corners[:, ends, :2] - corners[..., :2])
    which = np.array([np.flatnonzero(one) for one in crosses[cut]])
    return np.asarray(at[cut[:, None], which])


def _is_inside(plot: figure, at: Array) -> NDArray[np.bool_]:
    """Points (n, 2) that a label fits around."""
    inside = np.ones(len(at), bool)
    for along, span in zip(at.T, (plot.x_range, plot.y_range), strict=True):
        margin = 0.05 * (span.end - span.start)
        inside &= (along > span.start + margin) & (along < span.end - margin)
    return inside


def _end(at: Array) -> Array:
    """The southern or western one of the ends of a contour's points (n, 2)."""
    centred = at - at.mean(axis=0)
    along = np.linalg.svd(centred, full_matrices=False)[2][0]
    along = along * np.sign(along[int(np.argmax(np.abs(along)))])
    return np.asarray(at[int(np.argmin(centred @ along))])
