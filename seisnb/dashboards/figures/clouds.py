"""One event's clouds in figures that are changed, not made anew: they follow a control at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from bokeh.layouts import column, row
from bokeh.models import Column, ColumnDataSource, HoverTool, PointDrawTool, Range1d
from bokeh.plotting import figure

from seisnb.dashboards.figures.location import ALL, MULTI, N_DRAWN, ONE, SINGLE, STATION, TRIAL
from seisnb.dashboards.figures.maps import draw_coast
from seisnb.dashboards.figures.style import (
    INK,
    Array,
    add_grid,
    add_legend,
    base_figure,
    plain,
)

#: Prefixes of the two answers in a hypocentres Dataset, their colours and names.
ANSWERS = (("", MULTI, ALL), ("single_", SINGLE, ONE))
NEW_STATION = "#7a3e9d"
_AXES = ("easting", "northing", "depth")
_N_BINS = 40


@dataclass(frozen=True, eq=False)
class Clouds:
    """One event's figures, with what is changed in them at hand: looking it up takes longer.

    Attributes
    ----------
    layout : Column
        The figures.
    sources : dict of str to ColumnDataSource
        ``cloud<prefix>``, ``mean<prefix>``, ``depths<prefix>``, ``trial`` and ``new_station``.
    densities : Range1d
        Of the depths' histogram.
    """

    layout: Column
    sources: dict[str, ColumnDataSource]
    densities: Range1d


def clouds_figure(one: xr.Dataset, *, heard: str) -> Clouds:
    """Map, west-east section and depths of one event, with points that can be dragged.

    Parameters
    ----------
    one : xr.Dataset
        One event of :func:`seisnb.location.locate` (no ``event`` dim).
    heard : str
        Tag of the sources whose changes in the browser come back.

    Returns
    -------
    Clouds
        The sources of ``trial`` and ``new_station`` have x, y and z: easting, northing, depth.
    """
    spans = spans_of(one)
    width = 330
    half = 0.5 * max(np.ptp(spans["easting"]), np.ptp(spans["northing"]), 1e-3)
    for name in ("easting", "northing"):  # a square map of one scale
        middle = 0.5 * sum(spans[name])
        spans[name] = (float(middle - half), float(middle + half))
    deep = int(np.clip(width * np.ptp(spans["depth"]) / (2 * half), 200, 330))
    title = f"Event {plain(one['event'].values, 40)}"
    map_ = base_figure(
        title=title, x_label="Easting (km)", y_label="Northing (km)", x_range=spans["easting"],
        y_range=spans["northing"], frame_width=width, frame_height=width,
        tools="pan,wheel_zoom,reset,save", description="map of the clouds",
    )  # fmt: skip
    section = base_figure(
        title="Section, west to east", x_label="Easting (km)", y_label="Depth (km)",
        x_range=map_.x_range, y_range=spans["depth"][::-1], frame_width=width, frame_height=deep,
        tools="pan,wheel_zoom,reset,save", description="section of the clouds",
    )  # fmt: skip
    depths = base_figure(
        title="Depth", x_label="Density (1/km)", y_label="Depth (km)", x_range=(0.0, 1.0),
        y_range=section.y_range, frame_width=230, frame_height=deep, tools="save",
        description="depths of the clouds",
    )  # fmt: skip
    depths.xaxis.ticker.desired_num_ticks = 3  # more overlap on a narrow page
    add_grid(depths)
    _coast(map_, one)
    items: list[tuple[str, list[object]]] = []
    sources: dict[str, ColumnDataSource] = {}
    for prefix, colour, label in ANSWERS:
        cloud = ColumnDataSource({"x": [], "y": [], "z": []}, name=f"cloud{prefix}")
        mean = ColumnDataSource({"x": [], "y": [], "z": []}, name=f"mean{prefix}")
        bars = ColumnDataSource({"top": [], "bottom": [], "right": []}, name=f"depths{prefix}")
        sources |= {each.name: each for each in (cloud, mean, bars)}
        for plot, vertical in ((map_, "y"), (section, "z")):
            plot.scatter(
                "x", vertical, source=cloud, size=3, color=colour, alpha=0.35,
                name=f"dots{prefix}",
            )  # fmt: skip
            plot.scatter(
                "x", vertical, source=mean, size=15, marker="plus", color=colour, line_width=2.5
            )
        depths.quad(
            left=0, right="right", top="top", bottom="bottom", source=bars, fill_color=colour,
            fill_alpha=0.45, line_color=colour, name=f"bars{prefix}",
        )  # fmt: skip
        key = map_.scatter(x=[np.nan], y=[np.nan], size=9, color=colour, name=f"key{prefix}")
        items.append((label, [key]))
    items.append(("station", [_stations(map_, one)]))
    trial = ColumnDataSource({"x": [], "y": [], "z": []}, name="trial", tags=[heard])
    new = ColumnDataSource({"x": [], "y": [], "z": []}, name="new_station", tags=[heard])
    marks = [
        plot.scatter("x", axis, source=trial, size=14, marker="x", color=TRIAL, line_width=3)
        for plot, axis in ((map_, "y"), (section, "z"))
    ]
    extra = map_.scatter(
        "x", "y", source=new, size=14, marker="triangle", fill_color=NEW_STATION, line_color=INK
    )
    drag = PointDrawTool(renderers=[marks[0], extra], add=False, description="Drag on the map")
    map_.add_tools(drag)
    lower = PointDrawTool(renderers=[marks[1]], add=False, description="Drag in the section")
    section.add_tools(lower)
    map_.toolbar.active_tap = drag
    section.toolbar.active_tap = lower
    items += [("trial hypocentre: drag it", [marks[0]]), ("station to try", [extra])]
    add_legend(map_, items, columns=1, place="right")
    sources |= {"trial": trial, "new_station": new}
    made = Clouds(
        layout=column(map_, row(section, depths)), sources=sources, densities=depths.x_range
    )
    update_clouds(made, one)
    return made


def update_clouds(clouds: Clouds, one: xr.Dataset, *, answer: str = "both") -> None:
    """Put another posterior of the same event into the figures; ranges stay.

    Parameters
    ----------
    clouds : Clouds
        Of :func:`clouds_figure`.
    one : xr.Dataset
        The event.
    answer : str
        ``both``, ``all models`` or ``one model``.
    """
    hidden = {"all models": "single_", "one model": ""}.get(answer)
    top = 0.0
    low, high = spans_of(one)["depth"]
    edges = np.linspace(low, high, _N_BINS + 1)
    for prefix, _, _ in ANSWERS:
        is_there = prefix != hidden and f"{prefix}easting" in one
        cloud: dict[str, Any] = {k: np.empty(0) for k in "xyz"}
        mean: dict[str, Any] = dict(cloud)
        density = np.empty(0)
        if is_there:
            values = [one[f"{prefix}{name}"].values for name in _AXES]
            cloud = {k: v[:N_DRAWN] for k, v in zip("xyz", values, strict=True)}
            mean = {k: [float(v.mean())] for k, v in zip("xyz", values, strict=True)}
            density = np.histogram(values[2], edges, density=True)[0]
        top = max(top, float(density.max(initial=0.0)))
        clouds.sources[f"cloud{prefix}"].data = cloud
        clouds.sources[f"mean{prefix}"].data = mean
        clouds.sources[f"depths{prefix}"].data = {
            "top": edges[:-1] if is_there else [],
            "bottom": edges[1:] if is_there else [],
            "right": density,
        }
    clouds.densities.end = 1.08 * top or 1.0


def place_points(clouds: Clouds, trial: Sequence[float], new_station: Sequence[float]) -> None:
    """Put the points that can be dragged where the state has them."""
    for name, place in (("trial", trial), ("new_station", new_station)):
        source = clouds.sources[name]
        wanted = {k: [float(v)] for k, v in zip("xyz", place, strict=False)} if place else {}
        wanted = {k: wanted.get(k, []) for k in "xyz"}
        if {k: list(v) for k, v in source.data.items()} != wanted:
            source.data = wanted


def spans_of(one: xr.Dataset) -> dict[str, tuple[float, float]]:
    """Ranges that hold nearly all of the clouds, with room around them."""
    found = {}
    for name in _AXES:
        parts = [one[f"{p}{name}"].values for p, _, _ in ANSWERS if f"{p}{name}" in one]
        low, high = np.quantile(np.concatenate(parts), (0.005, 0.995))
        pad = 0.25 * (high - low) + 0.3
        found[name] = (float(low - pad), float(high + pad))
    return found


def arrivals_figure(predicted: xr.Dataset, *, frame_width: int = 640) -> figure:
    """Observed less predicted arrivals by station, nearest first, from a trial hypocentre.

    Parameters
    ----------
    predicted : xr.Dataset
        Of :func:`seisnb.location.explore.predicted_arrivals`.
    frame_width : int
        Width of the axes [pixel].

    Returns
    -------
    figure
        Its source is named ``arrivals``; :func:`update_arrivals` moves it.
    """
    names, _ = _by_distance(predicted)
    plot = base_figure(
        title="", x_label="Station, nearest first", y_label="Observed − predicted (s)",
        x_range=(-0.7, len(names) - 0.3), y_range=(-1.0, 1.0), frame_width=frame_width,
        frame_height=240, tools="pan,wheel_zoom,reset,save", description="residuals by station",
    )  # fmt: skip
    add_grid(plot)
    plot.xaxis.ticker = list(range(len(names)))
    plot.xaxis.major_label_overrides = {i: plain(name, 14) for i, name in enumerate(names)}
    plot.xaxis.major_label_orientation = np.pi / 3
    items: list[tuple[str, list[object]]] = []
    for phase, colour in (("P", MULTI), ("S", SINGLE)):
        source = ColumnDataSource(
            {k: [] for k in ("x", "y", "low", "high", "soft_low", "soft_high", "km", "name")},
            name=f"arrivals_{phase}",
        )
        soft = plot.segment(
            "x", "soft_low", "x", "soft_high", source=source, line_color=colour, line_alpha=0.3,
            line_width=7, name=f"models_{phase}",
        )  # fmt: skip
        bars = plot.segment("x", "low", "x", "high", source=source, line_color=colour)
        dots = plot.scatter("x", "y", source=source, size=8, color=colour, name=f"miss_{phase}")
        plot.add_tools(
            HoverTool(
                renderers=[dots],
                tooltips=[("station", "@name"), ("residual", "@y{0.00} s"),
                          ("distance", "@km{0.0} km")],
            )
        )  # fmt: skip
        items += [(f"{phase} ± pick std", [dots, bars]), (f"{phase}: spread of models", [soft])]
    plot.line(x=[-1, len(names)], y=[0, 0], color=INK)
    add_legend(plot, items)
    update_arrivals(plot, predicted)
    return plot


def update_arrivals(plot: figure, predicted: xr.Dataset) -> None:
    """Residuals from another trial hypocentre; stations keep their order."""
    known = {str(v): k for k, v in plot.xaxis[0].major_label_overrides.items()}
    largest = 0.2
    for phase, shift in (("P", -0.14), ("S", 0.14)):
        own = predicted.isel(pick=np.flatnonzero(predicted["phase"].values == phase))
        names = [str(name) for name in own["station"].values]
        x = np.array([known.get(plain(name, 14), np.nan) for name in names], float) + shift
        y, std = own["residual"].values, own["pick_std"].values
        soft = own["model_std"].values
        largest = max(largest, float(np.max(np.abs(y) + std, initial=0.0)))
        plot.select_one({"name": f"arrivals_{phase}"}).data = {
            "x": x, "y": y, "low": y - std, "high": y + std, "soft_low": y - soft,
            "soft_high": y + soft, "km": own["distance"].values,
            "name": [plain(name) for name in names],
        }  # fmt: skip
    plot.y_range.start, plot.y_range.end = -1.15 * largest, 1.15 * largest
    x, y, z = predicted.attrs["place"]
    plot.title.text = (
        f"From easting {x:.1f}, northing {y:.1f}, depth {z:.1f} km: "
        f"rms {predicted.attrs['rms']:.2f} s, chi²/n {predicted.attrs['chi2']:.1f}"
    )


def separation_figure(distance: xr.Dataset, *, frame_width: int = 420) -> figure:
    """How deep one event lies under a boundary, with and without velocity uncertainty.

    Parameters
    ----------
    distance : xr.Dataset
        One event of :func:`seisnb.location.boundary_distance` (no ``event`` dim).
    frame_width : int
        Width of the axes [pixel].
    """
    parts = []
    for prefix, colour, label in ANSWERS:
        if f"{prefix}separation" in distance:
            values = distance[f"{prefix}separation"].values
            parts.append((values[np.isfinite(values)], prefix, colour, label))
    pooled = np.concatenate([values for values, *_ in parts] + [np.zeros(1)])
    low, high = np.quantile(pooled, (0.005, 0.995))
    edges = np.linspace(low - 0.5, high + 0.5, _N_BINS + 1)
    plot = base_figure(
        title="Depth below the boundary", x_label="Below (+) or above (−) the boundary (km)",
        y_label="Density (1/km)", x_range=(float(edges[0]), float(edges[-1])), y_range=(0.0, 1.0),
        frame_width=frame_width, frame_height=210, tools="save",
        description="depth below the boundary",
    )  # fmt: skip
    add_grid(plot)
    top, items = 0.0, []
    for values, prefix, colour, label in parts:
        if not values.size:
            continue
        density = np.histogram(values, edges, density=True)[0]
        top = max(top, float(density.max()))
        bars = plot.quad(
            left=edges[:-1], right=edges[1:], top=density, bottom=0, fill_color=colour,
            fill_alpha=0.45, line_color=colour, name=f"separation{prefix}",
        )  # fmt: skip
        chance = float(distance[f"{prefix}probability_within"])
        within = float(distance.attrs.get("within", 2.0))
        items.append((f"P(within {within:g} km) {chance:.2f}, {label}", [bars]))
    plot.y_range.end = 1.08 * top or 1.0
    plot.line(x=[0, 0], y=[0, 1.08 * top or 1.0], color=TRIAL, line_width=2, line_dash="dashed")
    add_legend(plot, items, columns=1)
    return plot


def _by_distance(predicted: xr.Dataset) -> tuple[list[str], Array]:
    """Names of the stations, nearest first."""
    names = predicted["station"].values.astype(str)
    unique, first = np.unique(names, return_index=True)
    distance = predicted["distance"].values[first]
    order = np.argsort(distance, kind="stable")
    return [str(name) for name in unique[order]], distance[order]


def _coast(plot: figure, one: xr.Dataset) -> None:
    """Coastlines around the event."""
    x, y = plot.x_range, plot.y_range
    reach = 3 * max(x.end - x.start, y.end - y.start)
    east, north = (0.5 * (each.start + each.end) for each in (x, y))
    draw_coast(
        plot, one.attrs["projection"], x=(east - reach, east + reach),
        y=(north - reach, north + reach),
    )  # fmt: skip


def _stations(plot: figure, one: xr.Dataset) -> object:
    """Stations as triangles with their names."""
    source = ColumnDataSource(
        {
            "x": one["station_easting"].values, "y": one["station_northing"].values,
            "name": [plain(name) for name in one["station"].values],
        }
    )  # fmt: skip
    marks = plot.scatter(
        "x", "y", size=9, marker="triangle", fill_color=STATION, line_color=INK, source=source,
        name="stations",
    )  # fmt: skip
    plot.add_tools(HoverTool(renderers=[marks], tooltips=[("station", "@name")]))
    return marks
