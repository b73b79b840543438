"""Hypocentres drawn: maps, sections and depths of clouds, with and without velocity uncertainty."""

from __future__ import annotations

import json

import numpy as np
import xarray as xr
from bokeh.layouts import column, row
from bokeh.models import (
    Column,
    ColumnDataSource,
    FixedTicker,
    HoverTool,
    LinearColorMapper,
    Row,
    Whisker,
)
from bokeh.plotting import figure

from seisnb.dashboards.figures.categories import probability_bars
from seisnb.dashboards.figures.maps import ellipses_of, map_figure
from seisnb.dashboards.figures.style import (
    INK,
    Array,
    add_grid,
    add_legend,
    base_figure,
    colour_bar,
    nice_limits,
    palette,
    plain,
)

#: Colours of what is located over all models, in the mean model, and of somebody else's answer.
MULTI, SINGLE, TRIAL = "#1c5460", "#d1792a", "#c1272d"
STATION = "#f2c14e"
#: Names of the two answers in legends.
ALL, ONE = "all velocity models", "mean model only"
#: Points of a cloud that are drawn.
N_DRAWN = 600


def catalogue_map(hypocentres: xr.Dataset, *, frame_width: int = 560) -> figure:
    """Epicentres in easting and northing, coloured by depth, with 68 % ellipses and stations.

    Parameters
    ----------
    hypocentres : xr.Dataset
        Of :func:`seisnb.location.locate`.
    frame_width : int
        Width of the axes [pixel].
    """
    x, y = hypocentres["mean_easting"].values, hypocentres["mean_northing"].values
    sx, sy = hypocentres["station_easting"].values, hypocentres["station_northing"].values
    plot = map_figure(
        np.append(x, sx), np.append(y, sy), title="Epicentres",
        projection=hypocentres.attrs["projection"], frame_width=frame_width,
    )  # fmt: skip
    depth = hypocentres["mean_depth"].values
    low, high = nice_limits(depth)
    mapper = LinearColorMapper(palette=list(palette("lipari", reverse=True)), low=low, high=high)
    source = ColumnDataSource(
        {
            "x": x, "y": y, "depth": depth,
            "event": [plain(name) for name in hypocentres["event"].values],
            "std": hypocentres["std"].sel(component="depth").values,
            **ellipses_of(hypocentres["covariance"].values[:, :2, :2], 0.68),
        }
    )  # fmt: skip
    ellipses = plot.ellipse(
        x="x", y="y", width="width", height="height", angle="angle", source=source,
        fill_alpha=0.0, line_color=INK, line_alpha=0.5, name="ellipses",
    )  # fmt: skip
    dots = plot.scatter(
        x="x", y="y", size=7, source=source, line_color=INK, line_width=0.5,
        fill_color={"field": "depth", "transform": mapper}, name="epicentres",
    )  # fmt: skip
    plot.add_tools(
        HoverTool(
            renderers=[dots],
            tooltips=[("event", "@event"), ("depth", "@depth{0.0} ± @std{0.0} km")],
        )
    )
    stations = _stations(plot, hypocentres)
    plot.add_layout(colour_bar(mapper, "Depth (km)"), "right")
    add_legend(
        plot, [("mean epicentre", [dots]), ("68 % ellipse", [ellipses]), ("station", [stations])]
    )
    return plot


def event_figure(
    hypocentres: xr.Dataset, event: int, *, trial: tuple[float, float, float] | None = None
) -> Column:
    """One event: map, section from west to east, and depths, with and without model uncertainty.

    Parameters
    ----------
    hypocentres : xr.Dataset
        Of :func:`seisnb.location.locate`.
    event : int
        Its index.
    trial : tuple of float, optional
        Easting, northing, depth [km] of another answer, drawn as a cross.
    """
    one = hypocentres.isel(event=event)
    name = plain(one["event"].values, 40)
    clouds = _clouds(one)
    names = ("easting", "northing", "depth")
    spans = {n: _span(n, clouds) for n in names}
    # one scale on both axes
    width = max(spans["easting"][1] - spans["easting"][0], 1e-3)
    pixels = 330 / width
    tall = int(np.clip(pixels * (spans["northing"][1] - spans["northing"][0]), 200, 520))
    deep = int(np.clip(pixels * (spans["depth"][1] - spans["depth"][0]), 200, 520))
    map_ = base_figure(
        title=f"Event {name}: map", x_label="Easting (km)", y_label="Northing (km)",
        x_range=spans["easting"], y_range=spans["northing"], frame_width=330, frame_height=tall,
        description="cloud map",
    )  # fmt: skip
    section = base_figure(
        title="Section, west to east", x_label="Easting (km)", y_label="Depth (km)",
        x_range=map_.x_range, y_range=spans["depth"][::-1], frame_width=330, frame_height=deep,
        description="cloud section",
    )  # fmt: skip
    items: list[tuple[str, list[object]]] = []
    for cloud, colour, label in clouds:
        marks: list[object] = []
        for plot, vertical in ((map_, "northing"), (section, "depth")):
            marks.append(
                plot.scatter(
                    x=cloud["easting"][:N_DRAWN], y=cloud[vertical][:N_DRAWN], size=3,
                    color=colour, alpha=0.35, name=f"cloud {label}",
                )
            )  # fmt: skip
            plot.scatter(
                x=[cloud["easting"].mean()], y=[cloud[vertical].mean()], size=13, marker="plus",
                color=colour, line_width=3, name=f"mean {label}",
            )  # fmt: skip
        items.append((label, [marks[0]]))
    items.append(("station", [_stations(map_, hypocentres)]))
    if trial is not None:
        cross = [
            plot.scatter(x=[trial[0]], y=[trial[i]], size=13, marker="x", color=TRIAL, line_width=3)
            for plot, i in ((map_, 1), (section, 2))
        ]
        items.append(("other answer", [cross[0]]))
    add_legend(map_, items, columns=2)
    return column(row(map_, depth_histogram(hypocentres, event, frame_height=tall)), section)


def depth_histogram(hypocentres: xr.Dataset, event: int, *, frame_height: int = 260) -> figure:
    """Posterior depths of one event, over all models and in the mean model."""
    one = hypocentres.isel(event=event)
    clouds = _clouds(one)
    low, high = _span("depth", clouds)
    edges = np.linspace(low, high, 41)
    plot = base_figure(
        title="Depth", x_label="Probability density (1/km)", y_label="Depth (km)",
        x_range=(0.0, 1.0), y_range=(high, low), frame_width=250, frame_height=frame_height,
        description="depth histogram",
    )  # fmt: skip
    add_grid(plot)
    items: list[tuple[str, list[object]]] = []
    top = 0.0
    for cloud, colour, label in clouds:
        density, _ = np.histogram(cloud["depth"], edges, density=True)
        top = max(top, float(density.max()))
        bars = plot.quad(
            left=0, right=density, top=edges[:-1], bottom=edges[1:], fill_color=colour,
            fill_alpha=0.45, line_color=colour, name=f"depths {label}",
        )  # fmt: skip
        mean, std = float(cloud["depth"].mean()), float(cloud["depth"].std(ddof=1))
        items.append((f"{mean:.1f} ± {std:.1f} km, {label}", [bars]))
    plot.x_range.end = 1.08 * top
    add_legend(plot, items, columns=1)
    return plot


def shift_figure(hypocentres: xr.Dataset) -> Row | None:
    """What the model's uncertainty changes: shifts and widths of depth, of all events.

    None where there is no one-model answer.
    """
    if "shift_over_std" not in hypocentres:
        return None
    plots = []
    for name, title, label, line in (
        ("shift_over_std", "One model's depth against all models'", "Shift (one model's std)", 0.0),
        ("std_ratio", "Depth uncertainty", "Std over all models / std of one model", 1.0),
    ):
        values = hypocentres[name].sel(component="depth").values
        low, high = nice_limits(
            np.append(np.clip(values, *np.quantile(values, (0.02, 0.98))), line)
        )
        counts, edges = np.histogram(np.clip(values, low, high), np.linspace(low, high, 31))
        plot = base_figure(
            title=title, x_label=label, y_label="Events", x_range=(low, high),
            y_range=(0, 1.08 * float(counts.max())), frame_width=320, frame_height=230,
            description=title,
        )  # fmt: skip
        add_grid(plot)
        plot.quad(
            left=edges[:-1], right=edges[1:], top=counts, bottom=0, fill_color=MULTI,
            line_color="white", name=name,
        )  # fmt: skip
        plot.line(x=[line, line], y=[0, 1.08 * float(counts.max())], color=INK, line_dash="dashed")
        plots.append(plot)
    return row(*plots)


def residual_figure(hypocentres: xr.Dataset, *, n_most: int = 40) -> figure:
    """Median residual of every station and phase, with quartiles; those with most picks."""
    station = hypocentres["pick_station"].values.astype(str)
    phase = hypocentres["pick_phase"].values.astype(str)
    residual = hypocentres["residual"].values
    used = np.isfinite(residual)
    names, counts = np.unique(station[used], return_counts=True)
    names = np.sort(names[np.argsort(-counts, kind="stable")[:n_most]])
    plot = base_figure(
        title="Residuals by station", x_label="Station", y_label="Observed − predicted (s)",
        x_range=(-0.7, names.size - 0.3), y_range=(-1.0, 1.0), frame_width=720, frame_height=240,
        description="station residuals",
    )  # fmt: skip
    add_grid(plot)
    plot.xaxis.ticker = FixedTicker(ticks=list(range(names.size)))
    plot.xaxis.major_label_overrides = {i: plain(name, 14) for i, name in enumerate(names)}
    plot.xaxis.major_label_orientation = np.pi / 3
    items: list[tuple[str, list[object]]] = []
    largest = 0.1
    for kind, colour, shift in (("P", MULTI, -0.15), ("S", SINGLE, 0.15)):
        rows = []
        for i, name in enumerate(names):
            own = residual[used & (station == name) & (phase == kind)]
            if own.size:
                rows.append((i + shift, *np.quantile(own, (0.25, 0.5, 0.75)), own.size, name))
        if not rows:
            continue
        x, low, middle, high, n, name_ = zip(*rows, strict=True)
        largest = max(largest, float(np.abs([low, high]).max()))
        source = ColumnDataSource(
            {"x": x, "low": low, "y": middle, "high": high, "n": n,
             "station": [plain(each) for each in name_]}
        )  # fmt: skip
        plot.add_layout(
            Whisker(base="x", lower="low", upper="high", source=source, line_color=colour)
        )
        dots = plot.scatter(
            x="x", y="y", size=7, color=colour, source=source, name=f"median {kind}"
        )
        plot.add_tools(
            HoverTool(renderers=[dots], tooltips=[("station", "@station"), ("picks", "@n"),
                                                  ("median", "@y{0.00} s")])
        )  # fmt: skip
        items.append((f"{kind}: median and quartiles", [dots]))
    plot.y_range.start, plot.y_range.end = -1.15 * largest, 1.15 * largest
    plot.line(x=[-1, names.size], y=[0, 0], color=INK)
    add_legend(plot, items)
    return plot


def model_figure(hypocentres: xr.Dataset, *, n_most: int = 30) -> figure:
    """Mean probability of every model over the events, beside its prior; the likeliest."""
    mean = hypocentres["model_probability"].mean("event").values
    prior = np.exp(np.array(json.loads(hypocentres.attrs["log_prior_weight"])))
    prior = prior / prior.sum()
    chosen = np.argsort(-mean, kind="stable")[:n_most]
    return probability_bars(
        [plain(hypocentres["member"].values[i], 22) for i in chosen], mean[chosen], prior[chosen],
        title="What the earthquakes say of the models", label="Velocity model",
        names=("mean over events", "before the earthquakes"), shades=(MULTI, SINGLE),
        description="model probabilities",
    )  # fmt: skip


def _clouds(one: xr.Dataset) -> list[tuple[dict[str, Array], str, str]]:
    """Samples of one event by answer: coordinates, colour, name."""
    names = ("easting", "northing", "depth")
    found = [({n: one[n].values for n in names}, MULTI, ALL)]
    if "single_easting" in one:
        found.append(({n: one[f"single_{n}"].values for n in names}, SINGLE, ONE))
    return found


def _span(name: str, clouds: list[tuple[dict[str, Array], str, str]]) -> tuple[float, float]:
    """A range that holds nearly all of the clouds."""
    values = np.concatenate([cloud[name] for cloud, _, _ in clouds])
    low, high = np.quantile(values, (0.005, 0.995))
    pad = 0.1 * (high - low) + 0.2
    return float(low - pad), float(high + pad)


def _stations(plot: figure, hypocentres: xr.Dataset) -> object:
    """Stations as triangles, their names on hover."""
    source = ColumnDataSource(
        {
            "x": hypocentres["station_easting"].values,
            "y": hypocentres["station_northing"].values,
            "depth": hypocentres["station_depth"].values,
            "name": [plain(name) for name in hypocentres["station"].values],
        }
    )
    marks = plot.scatter(
        x="x", y="y", size=9, marker="triangle", fill_color=STATION, line_color=INK,
        source=source, name="stations",
    )  # fmt: skip
    plot.add_tools(
        HoverTool(renderers=[marks], tooltips=[("station", "@name"), ("depth", "@depth{0.00} km")])
    )
    return marks
