"""Sites and the fault under them, before anything is inverted."""

from __future__ import annotations

import numpy as np
import xarray as xr
from bokeh.models import ColumnDataSource, HoverTool, LinearColorMapper
from bokeh.plotting import figure

from seisnb.dashboards.figures.categories import Items
from seisnb.dashboards.figures.maps import map_figure
from seisnb.dashboards.figures.slip_arrows import LONGEST, Component, Moved, draw_arrows
from seisnb.dashboards.figures.slip_units import WHOLE
from seisnb.dashboards.figures.style import (
    GREY,
    INK,
    Array,
    add_legend,
    colour_bar,
    nice_limits,
    palette,
    plain,
)
from seisnb.geodesy import horizontal_correlation
from seisnb.slip import Fault
from seisnb.slip.faults import rim_of


def sites_figure(
    offsets: xr.Dataset,
    fault: Fault,
    *,
    muted: tuple[str, ...] = (),
    component: Component = "horizontal",
    frame_width: int = 520,
) -> figure:
    """What sites moved by, over the fault's patches by depth.

    Parameters
    ----------
    offsets : xr.Dataset
        Of :func:`seisnb.geodesy.make_offsets`.
    fault : Fault
        In the projection of the sites.
    muted : tuple of str
        Sites that are not inverted: crosses without arrows. Dots and crosses of sites are one
        renderer, named ``sites``, in the order of the Dataset.
    component : {"horizontal", "vertical"}
        Of the displacements.
    frame_width : int
        Width of the axes [pixel].
    """
    is_muted = offsets["site"].isin(list(muted))
    moved = Moved(_as_result(offsets, is_muted), component)
    x, y = _places(offsets, fault, moved)
    plot = map_figure(
        x, y, title="Displacements and the fault", projection=offsets.attrs["projection"],
        frame_width=frame_width, description="map of sites",
    )  # fmt: skip
    _depths(plot, fault)
    items: Items = []
    if moved.longest > 0:
        drawn = draw_arrows(plot, offsets, moved, moved.longest)
        for each in plot.renderers:
            each.visible = each.name != "predicted"
        items = [(label, lines) for label, lines in drawn if label != "predicted"]
    source = ColumnDataSource(
        {
            "x": offsets["easting"].values, "y": offsets["northing"].values,
            "site": [plain(name, 40) for name in offsets["site"].values],
            "marker": np.where(is_muted, "x", "circle"), "size": np.where(is_muted, 10, 7),
            "colour": np.where(is_muted, "#a1161b", "#ffffff"),
            "line": np.where(is_muted, "#a1161b", INK), "width": np.where(is_muted, 2.5, 1.0),
        }
    )  # fmt: skip
    sites = plot.scatter(
        x="x", y="y", marker="marker", size="size", fill_color="colour", line_color="line",
        line_width="width", source=source, name="sites",
    )  # fmt: skip
    sites.nonselection_glyph = None
    plot.add_tools(HoverTool(renderers=[sites], tooltips=[("site", "@site")]))
    nowhere = {"x": [np.nan], "y": [np.nan]}  # a legend shows one look, the sites have two
    one = plot.scatter(**nowhere, marker="circle", size=7, fill_color="white", line_color=INK)
    items.append(("site", [one]))
    if is_muted.any():
        cross = plot.scatter(**nowhere, marker="x", size=10, line_color="#a1161b", line_width=2.5)
        items.append(("muted site", [cross]))
    add_legend(plot, items)
    return plot


def _as_result(offsets: xr.Dataset, is_muted: xr.DataArray) -> xr.Dataset:
    """The displacements by the names that arrows are drawn from, with nothing predicted."""
    return xr.Dataset(
        {
            "observed": offsets["displacement"].where(~is_muted),
            "observed_std": offsets["std"],
            "observed_correlation": ("site", horizontal_correlation(offsets)),
            "predicted_mean": xr.zeros_like(offsets["displacement"]),
            "site_easting": offsets["easting"],
            "site_northing": offsets["northing"],
        },
        attrs=offsets.attrs,
    )


def _places(offsets: xr.Dataset, fault: Fault, moved: Moved) -> tuple[Array, Array]:
    """Easting and northing [km] of the sites, their arrows, and a fault that is not much larger."""
    sites = np.column_stack([offsets["easting"].values, offsets["northing"].values])
    vertices = fault.vertices[:, :2]
    near = max(float(np.ptp(sites, axis=0).max()), 1.0)
    parts = [sites]
    if float(np.ptp(vertices, axis=0).max()) <= WHOLE * near:
        parts.append(vertices)
    places = np.concatenate(parts)
    if moved.longest > 0:
        scale = LONGEST * float(np.ptp(places, axis=0).max()) / moved.longest
        places = np.concatenate([places, moved.tips(scale)])
    return places[:, 0], places[:, 1]


def _depths(plot: figure, fault: Fault) -> None:
    """Patches by their depth."""
    depth = fault.centre[:, 2]
    low, high = nice_limits(depth)
    colours = palette("lapaz", reverse=True)[:180]  # arrows must be seen on the darkest
    mapper = LinearColorMapper(palette=colours, low=low, high=high)
    corners = fault.corners
    source = ColumnDataSource(
        {
            "xs": list(corners[..., 0]), "ys": list(corners[..., 1]), "patch": fault.patch,
            "depth": depth[fault.patch],
        }
    )  # fmt: skip
    faces = plot.patches(
        xs="xs", ys="ys", source=source, fill_color={"field": "depth", "transform": mapper},
        line_color={"field": "depth", "transform": mapper}, line_width=1,
        level="underlay", name="patches",
    )  # fmt: skip
    plot.add_tools(
        HoverTool(renderers=[faces], tooltips=[("patch", "@patch"), ("depth (km)", "@depth{0.0}")])
    )
    plot.add_layout(colour_bar(mapper, "Depth of the fault (km)"), "right")
    lines = fault.vertices[rim_of(fault.triangles, fault.patch), :2]
    plot.multi_line(
        xs=list(lines[..., 0]), ys=list(lines[..., 1]), line_color=GREY, line_width=0.6,
        level="underlay", name="sides of patches",
    )  # fmt: skip
