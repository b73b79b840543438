"""Sections of an ensemble, drawn from layers.

A :class:`~seisnb.dashboards.figures.layers.Layer` says what is painted; :func:`section` draws it
into a new figure and :func:`repaint` into an existing one, so that a dashboard changes pictures
without new figures.
"""

from __future__ import annotations

from typing import cast

import numpy as np
import xarray as xr
from bokeh.core.properties import value
from bokeh.layouts import gridplot, row
from bokeh.models import (
    ColorBar,
    ColumnDataSource,
    HoverTool,
    LinearColorMapper,
    Plot,
    Range1d,
    Row,
)
from bokeh.plotting import figure
from contourpy import contour_generator
from numpy.typing import NDArray

from seisnb.dashboards.figures.layers import Layer, member_layer
from seisnb.dashboards.figures.style import (
    FONT,
    FRAME_WIDTH,
    GREY,
    INK,
    RECEIVER,
    SHOT,
    WATER,
    Array,
    Display,
    add_legend,
    base_figure,
    colour_bar,
    display_of,
    is_marine,
    plain,
    show_elevation,
    surface_name,
)
from seisnb.survey import surface_depth_at

#: Vertical exaggerations a figure may have, the smallest that gives a readable height is taken.
EXAGGERATIONS = (0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 8.0, 10.0, 15.0, 20.0)
_HEIGHT = (190, 380)


def section(
    ensemble: xr.Dataset, layer: Layer, *, frame_width: int = FRAME_WIDTH, is_bare: bool = False
) -> figure:
    """Draw a layer with the surface, water, shots, receivers and the deepest ray.

    Parameters
    ----------
    ensemble : xr.Dataset
        The ensemble that the layer comes from.
    layer : Layer
        What is painted.
    frame_width : int
        Width of the axes [pixel]; the height follows from the exaggeration in the title.
    is_bare : bool
        True for one panel of a gallery: no legend, no colour bar, no instruments, no contours.

    Returns
    -------
    bokeh.plotting.figure
        Renderers are named ``image``, ``grey``, ``contours``, ``surface``, ``shots``,
        ``receivers`` and ``deepest_ray``.
    """
    display = display_of(ensemble)
    easting, depth = (display.scaled(ensemble[axis].values) for axis in ("easting", "depth"))
    top, bottom = _vertical_range(ensemble, display)
    exaggeration, height = _aspect(easting[-1] - easting[0], bottom - top, frame_width)
    plot = base_figure(
        title=layer.title,
        x_label=f"Easting ({display.length})",
        y_label=display.vertical,
        x_range=(float(easting[0]), float(easting[-1])),
        y_range=(bottom, top),
        frame_width=frame_width,
        frame_height=height,
        description=f"{plain(ensemble.attrs.get('title', ''))}: {layer.title}",
    )
    if display.is_elevation:
        show_elevation(plot)
    half_x, half_z = (float(axis[1] - axis[0]) / 2 for axis in (easting, depth))
    box = {
        "x": float(easting[0]) - half_x,
        "y": float(depth[0]) - half_z,
        "dw": float(np.ptp(easting)) + 2 * half_x,
        "dh": float(np.ptp(depth)) + 2 * half_z,
    }
    mapper = LinearColorMapper(
        palette=list(layer.palette), low=layer.low, high=layer.high, nan_color="rgba(0, 0, 0, 0)"
    )
    image = plot.image(image=[layer.values], color_mapper=mapper, name="image", **box)
    plot.image(
        image=[_grey_image(layer)],
        color_mapper=LinearColorMapper(palette=[GREY], low=0, high=2, nan_color="rgba(0, 0, 0, 0)"),
        name="grey",
        **box,
    )
    if not is_bare:
        _draw_contours(plot, ensemble, layer)
    _draw_surface(plot, ensemble, display, top)
    legend = [] if is_bare else _draw_line_work(plot, ensemble, display)
    if is_bare:
        return plot
    plot.title.text = _headline(layer, exaggeration)
    plot.tags = [exaggeration]
    plot.add_tools(
        HoverTool(
            renderers=[image],
            tooltips=[
                (layer.label, "@image{0.000}"),
                (f"Easting ({display.length})", "$x{0.0}"),
            ],
        )
    )
    plot.add_layout(colour_bar(mapper, layer.label), "right")
    add_legend(plot, legend)
    return plot


def repaint(plot: figure, ensemble: xr.Dataset, layer: Layer) -> None:
    """Put another layer into a figure made by :func:`section`, axes and zoom unchanged."""
    image = plot.select_one({"name": "image"})
    mapper = image.glyph.color_mapper
    mapper.update(palette=list(layer.palette), low=layer.low, high=layer.high)
    image.data_source.data = {"image": [layer.values]}
    plot.select_one({"name": "grey"}).data_source.data = {"image": [_grey_image(layer)]}
    lines, labels = _contours(ensemble, layer)
    plot.select_one({"name": "contours"}).data_source.data = lines
    plot.select_one({"name": "contour_labels"}).data_source.data = labels
    plot.select_one({"type": ColorBar}).title = layer.label
    plot.title.text = _headline(layer, plot.tags[0])
    hover = plot.select_one({"type": HoverTool})
    hover.tooltips = [(layer.label, "@image{0.000}"), *hover.tooltips[1:]]


def member_gallery(ensemble: xr.Dataset, *, n_members: int = 9, columns: int = 3) -> Row:
    """A few members side by side in one colour scale: where they agree, the data decide."""
    total = ensemble.sizes["particle"]
    chosen = np.unique(np.linspace(0, total - 1, min(n_members, total)).round().astype(int))
    width = (FRAME_WIDTH - 10) // columns
    stride = max(1, ensemble.sizes["easting"] // (width + 1))
    thin = ensemble.isel(easting=slice(None, None, stride), depth=slice(None, None, stride))
    panels: list[Plot] = []
    for index, member in enumerate(chosen):
        panel = section(thin, member_layer(thin, int(member)), frame_width=width, is_bare=True)
        panel.title.text = f"{member + 1}  (chi²/n {float(thin['chi2_ray'][member]):.2f})"
        panel.title.text_font_size = "13px"
        panel.toolbar_location = None
        panel.min_border_left = panel.min_border_right = 8
        is_left, is_last = index % columns == 0, index >= len(chosen) - columns
        panel.yaxis.visible, panel.xaxis.visible = is_left, is_last
        panel.xaxis.ticker.desired_num_ticks = panel.yaxis.ticker.desired_num_ticks = 4
        panel.xaxis.minor_tick_line_color = panel.yaxis.minor_tick_line_color = None
        if panels:
            panel.x_range, panel.y_range = panels[0].x_range, panels[0].y_range
        panels.append(panel)
    layer = member_layer(thin, int(chosen[0]))
    rows: list[list[Plot | None]] = [
        list(panels[i : i + columns]) for i in range(0, len(panels), columns)
    ]
    grid = gridplot(rows, toolbar_location=None, merge_tools=False)
    return row(grid, _bar_only(layer, height=panels[0].frame_height * min(2, len(rows))))


def _grey_image(layer: Layer) -> NDArray[np.float32]:
    """1 where grey is painted, else NaN."""
    return np.where(layer.greyed, 1.0, np.nan).astype(np.float32)


def _headline(layer: Layer, exaggeration: float) -> str:
    """Title, stated exaggeration and what grey means."""
    scale = (
        "no vertical exaggeration"
        if exaggeration == 1
        else f"vertical exaggeration {exaggeration:g}"
    )
    return " · ".join(part for part in (layer.title, scale, layer.note) if part)


def _vertical_range(ensemble: xr.Dataset, display: Display) -> tuple[float, float]:
    """Top and bottom of the axes (display depth): the grid, with room for the instruments."""
    depth = ensemble["depth"].values
    highest = min(
        float(ensemble[name].min()) for name in ("surface_depth", "shot_depth", "receiver_depth")
    )
    highest = min(highest, 0.0) if is_marine(ensemble) else highest
    room = 0.05 * float(depth[-1] - highest)
    return display.factor * (highest - room), display.factor * float(depth[-1])


def _aspect(length: float, height: float, frame_width: int) -> tuple[float, int]:
    """Exaggeration and frame height [pixel]: the smallest that is readable, 1 if it can be."""
    low, high = (limit * frame_width / FRAME_WIDTH for limit in _HEIGHT)
    pixels = frame_width * height / length
    for exaggeration in (1.0, *EXAGGERATIONS):
        if low <= pixels * exaggeration <= high:
            return exaggeration, round(pixels * exaggeration)
    exaggeration = EXAGGERATIONS[-1] if pixels < low else EXAGGERATIONS[0]
    return exaggeration, round(pixels * exaggeration)


def _contours(
    ensemble: xr.Dataset, layer: Layer
) -> tuple[dict[str, list[object]], dict[str, list[object]]]:
    """Isolines of a layer and their labels: sources of a multi_line and of a text glyph."""
    lines: dict[str, list[object]] = {"xs": [], "ys": []}
    labels: dict[str, list[object]] = {"x": [], "y": [], "text": []}
    if layer.contour_step is None:
        return lines, labels
    display = display_of(ensemble)
    generator = contour_generator(
        display.scaled(ensemble["easting"].values),
        display.scaled(ensemble["depth"].values),
        np.ma.masked_array(layer.values, ~np.isfinite(layer.values) | layer.greyed),
    )
    span = display.factor * float(np.ptp(ensemble["easting"].values))
    for k in range(
        int(np.ceil(layer.low / layer.contour_step)), int(np.ceil(layer.high / layer.contour_step))
    ):
        level = k * layer.contour_step
        lines_here = cast(list[Array], generator.lines(level))
        found = [line for line in lines_here if np.ptp(line[:, 0]) > 0.06 * span]
        for line in found:
            lines["xs"].append(line[:, 0].tolist())
            lines["ys"].append(line[:, 1].tolist())
        if found:
            longest = max(found, key=len)
            middle = longest[int(len(longest) * (0.35 if k % 2 else 0.65))]
            labels["x"].append(float(middle[0]))
            labels["y"].append(float(middle[1]))
            labels["text"].append(f"{level:g}")
    return lines, labels


def _draw_contours(plot: figure, ensemble: xr.Dataset, layer: Layer) -> None:
    """Thin labelled isolines."""
    lines, labels = _contours(ensemble, layer)
    plot.multi_line(
        "xs",
        "ys",
        source=ColumnDataSource(lines),
        line_color=INK,
        line_alpha=0.55,
        line_width=0.8,
        name="contours",
    )
    plot.text(
        "x",
        "y",
        "text",
        source=ColumnDataSource(labels),
        text_font=value(FONT),
        text_font_size="12px",
        text_color=INK,
        text_align="center",
        text_baseline="middle",
        background_fill_color="#ffffff",
        background_fill_alpha=0.6,
        padding=1,
        border_radius=3,
        name="contour_labels",
    )


def _draw_surface(plot: figure, ensemble: xr.Dataset, display: Display, top: float) -> None:
    """Cover what lies above the rock by air (white) and water, and draw the surface's line."""
    easting = ensemble["easting"].values
    knots = ensemble["surface_easting"].values
    x = np.unique(np.concatenate([easting, knots[(knots > easting[0]) & (knots < easting[-1])]]))
    surface = display.scaled(surface_depth_at(ensemble, x))
    pad = abs(top) + float(np.ptp(surface)) + 1.0
    x = display.scaled(np.concatenate([[2 * x[0] - x[1]], x, [2 * x[-1] - x[-2]]]))
    surface = np.concatenate([surface[:1], surface, surface[-1:]])
    plot.varea(x=x, y1=np.full(x.size, top - pad), y2=surface, fill_color="#ffffff", name="air")
    if is_marine(ensemble):
        plot.varea(x=x, y1=np.minimum(0.0, surface), y2=surface, fill_color=WATER, name="water")
        plot.line(x=x, y=np.zeros(x.size), line_color="#5a8fb5", line_width=1.2, name="sea_surface")
    plot.line(x=x, y=surface, line_color=INK, line_width=1.6, name="surface")


def _draw_line_work(
    plot: figure, ensemble: xr.Dataset, display: Display
) -> list[tuple[str, list[object]]]:
    """The deepest ray, shots and receivers; returns the legend's items."""
    items: list[tuple[str, list[object]]] = [
        (surface_name(ensemble), [plot.select_one({"name": "surface"})])
    ]
    if "deepest_ray" in ensemble:
        deepest = display.scaled(ensemble["deepest_ray"].values)
        x = display.scaled(ensemble["easting"].values)
        under = deepest > display.scaled(surface_depth_at(ensemble, ensemble["easting"].values))
        ray = np.where(np.isfinite(deepest) & under, deepest, np.nan)
        halo = plot.line(x=x, y=ray, line_color="#ffffff", line_width=3.6, line_alpha=0.7)
        dashes = plot.line(
            x=x, y=ray, line_color=INK, line_width=1.8, line_dash=[7, 4], name="deepest_ray"
        )
        items.append(("deepest ray", [halo, dashes]))
    for kind, colour, size, marker in (
        ("receiver", RECEIVER, 8, "inverted_triangle"),
        ("shot", SHOT, 11, "star"),
    ):
        points = np.unique(
            np.stack([ensemble[f"{kind}_easting"].values, ensemble[f"{kind}_depth"].values]), axis=1
        )
        is_crowd = points.shape[1] > 60
        marks = plot.scatter(
            x=display.scaled(points[0]),
            y=display.scaled(points[1]),
            marker="circle" if is_crowd else marker,
            size=4 if is_crowd else size,
            fill_color=colour,
            line_color=INK,
            line_width=0.3 if is_crowd else 0.8,
            name=f"{kind}s",
        )
        items.append((f"{kind}s", [marks]))
    return items


def _bar_only(layer: Layer, *, height: int) -> figure:
    """A colour bar without axes, to stand beside a gallery."""
    plot = figure(
        frame_width=1,
        frame_height=max(height, 200),
        toolbar_location=None,
        outline_line_color=None,
        x_range=Range1d(0, 1),
        y_range=Range1d(0, 1),
        min_border=0,
        min_border_top=24,
    )
    plot.axis.visible = plot.grid.visible = False
    plot.scatter([0.5], [0.5], size=0, alpha=0)
    mapper = LinearColorMapper(palette=list(layer.palette), low=layer.low, high=layer.high)
    plot.add_layout(colour_bar(mapper, layer.label), "right")
    return plot
