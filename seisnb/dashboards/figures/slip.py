"""Slip in numbers: magnitudes, structures, residuals and slip against depth."""

from __future__ import annotations

import numpy as np
import xarray as xr
from bokeh.layouts import row
from bokeh.models import ColumnDataSource, FixedTicker, HoverTool, Row
from bokeh.plotting import figure

from seisnb.dashboards.figures.categories import Items, probability_bars
from seisnb.dashboards.figures.location import MULTI, SINGLE
from seisnb.dashboards.figures.slip_maps import slip_map, slip_maps
from seisnb.dashboards.figures.slip_units import (
    amount_of,
    answers,
    check_slip,
    interval,
    magnitude_name,
    patches_shown,
    structure_labels,
)
from seisnb.dashboards.figures.style import (
    INK,
    Array,
    add_grid,
    add_legend,
    base_figure,
    nice_limits,
    number,
    plain,
)

__all__ = [
    "MULTI",
    "SINGLE",
    "depth_figure",
    "magnitude_histogram",
    "parameter_figure",
    "residual_figure",
    "slip_map",
    "slip_maps",
    "structure_figure",
    "varied_parameters",
]

#: What is known of parameters of structures: their names on axes.
PARAMETERS = {
    "dip": "Dip (degrees)",
    "depth": "Depth (km)",
    "poisson": "Poisson's ratio",
    "strike": "Strike (degrees)",
}
#: Colours of the components of a displacement, told apart also in grey.
COMPONENT_COLOURS = {"east": "#1c5460", "north": "#d1792a", "up": "#9b8ec4"}
#: Variables of structures that are no parameters.
_NO_PARAMETERS = ("structure_probability", "structure_prior", "structure_name")


def magnitude_histogram(slip: xr.Dataset, *, frame_width: int = 560) -> figure:
    """Moment magnitudes over all structures and on the first alone, with 95 % intervals.

    Parameters
    ----------
    slip : xr.Dataset
        Of :func:`seisnb.slip.invert_slip`.
    frame_width : int
        Width of the axes [pixel].

    Raises
    ------
    InputError
        The Dataset holds no slip.
    """
    check_slip(slip, "magnitude_histogram")
    clouds = [
        (slip[f"{prefix}magnitude"].values, colour, name)
        for (prefix, name), colour in zip(answers(slip), (MULTI, SINGLE), strict=False)
    ]
    ends = np.concatenate([np.quantile(values, (0.003, 0.997)) for values, _, _ in clouds])
    low, high = nice_limits([ends.min() - 0.01, ends.max() + 0.01])
    edges = np.linspace(low, high, 51)
    plot = base_figure(
        title=magnitude_name(slip), x_label=magnitude_name(slip), y_label="Probability density",
        x_range=(low, high), y_range=(0.0, 1.0), frame_width=frame_width, frame_height=230,
        description="magnitudes",
    )  # fmt: skip
    add_grid(plot)
    density = [np.histogram(values, edges, density=True)[0] for values, _, _ in clouds]
    top = max(float(each.max()) for each in density)
    items: Items = []
    for k, (values, colour, name) in enumerate(clouds):
        bars = plot.quad(
            left=edges[:-1], right=edges[1:], top=density[k], bottom=0, fill_color=colour,
            fill_alpha=0.45, line_color=colour, name=f"magnitudes {name}",
        )  # fmt: skip
        first, middle, last = interval(values)
        y = top * (1.08 + 0.1 * (len(clouds) - 1 - k))
        plot.segment(x0=[first], x1=[last], y0=[y], y1=[y], line_color=colour, line_width=4,
                     name=f"interval {name}")  # fmt: skip
        plot.scatter(x=[middle], y=[y], size=10, fill_color=colour, line_color="white")
        items.append((f"Mw {middle:.2f} (95 %: {first:.2f} to {last:.2f}), {name}", [bars]))
    plot.y_range.end = top * (1.2 + 0.1 * (len(clouds) - 1))
    add_legend(plot, items, columns=1)
    return plot


def structure_figure(slip: xr.Dataset, *, n_most: int = 40) -> figure:
    """Probability of every structure given the data, beside its prior.

    Parameters
    ----------
    slip : xr.Dataset
        Of :func:`seisnb.slip.invert_slip`.
    n_most : int
        Of more structures, the likeliest are shown, in their own order.

    Raises
    ------
    InputError
        The Dataset holds no slip.
    """
    check_slip(slip, "structure_figure")
    posterior = slip["structure_probability"].values
    prior = slip["structure_prior"].values
    chosen = np.sort(np.argsort(-posterior, kind="stable")[:n_most])
    labels = structure_labels(slip)
    few = "" if chosen.size == posterior.size else f" (the likeliest {n_most})"
    return probability_bars(
        [labels[i] for i in chosen], posterior[chosen], prior[chosen],
        title=f"What the displacements say of the structures{few}", label="Structure",
        names=("given the data", "before the data"), shades=(MULTI, SINGLE),
        description="structure probabilities",
    )  # fmt: skip


def varied_parameters(slip: xr.Dataset) -> list[str]:
    """Names of the structures' parameters that are known and not the same in all."""
    found = []
    for name in slip.data_vars:
        values = slip[name]
        if not str(name).startswith("structure_") or name in _NO_PARAMETERS:
            continue
        if values.dims == ("structure",) and values.dtype.kind == "f":
            known = values.values[np.isfinite(values.values)]
            if known.size and np.ptp(known) > 1e-9 * np.abs(known).max():
                found.append(str(name).removeprefix("structure_"))
    return found


def parameter_figure(slip: xr.Dataset, *, frame_height: int = 210) -> Row | None:
    """Probability against every parameter that varies among the structures, beside its prior.

    None where no parameter varies.

    Parameters
    ----------
    slip : xr.Dataset
        Of :func:`seisnb.slip.invert_slip`.
    frame_height : int
        Height of the axes [pixel].

    Raises
    ------
    InputError
        The Dataset holds no slip.
    """
    check_slip(slip, "parameter_figure")
    names = varied_parameters(slip)
    width = 300 if len(names) < 3 else 170
    plots = [_one_parameter(slip, name, width, frame_height) for name in names]
    return row(*plots) if plots else None


def _one_parameter(slip: xr.Dataset, name: str, width: int, height: int) -> figure:
    """Histograms of one parameter, weighted by probability and by prior."""
    values = slip[f"structure_{name}"].values
    known = np.isfinite(values)
    values = values[known]
    posterior = slip["structure_probability"].values[known]
    prior = slip["structure_prior"].values[known]
    edges = _edges(values)
    label = PARAMETERS.get(name, plain(name.replace("_", " "), 30).capitalize())
    if name == "depth" and values.min() <= 0.0:  # of a perturbed fault
        label = "Shift in depth (km)"
    plot = base_figure(
        title=label.partition(" (")[0], x_label=label, y_label="Probability",
        x_range=(float(edges[0]), float(edges[-1])), y_range=(0.0, 1.0), frame_width=width,
        frame_height=height, description=f"posterior of {plain(name, 30)}",
    )  # fmt: skip
    add_grid(plot)
    after, before = (np.histogram(values, edges, weights=w)[0] for w in (posterior, prior))
    bars = plot.quad(
        left=edges[:-1], right=edges[1:], top=after, bottom=0, fill_color=MULTI,
        line_color="white", name="posterior",
    )  # fmt: skip
    steps = plot.step(
        x=np.append(edges, edges[-1]), y=np.concatenate([before, before[-1:], [0.0]]),
        mode="after", line_color=SINGLE, line_width=2.5, name="prior",
    )  # fmt: skip
    plot.y_range.end = 1.1 * float(max(after.max(), before.max()))
    add_legend(
        plot,
        [(f"data: {_moments(values, posterior)}", [bars]),
         (f"prior: {_moments(values, prior)}", [steps])],
        columns=1,
    )  # fmt: skip
    return plot


def _edges(values: Array) -> Array:
    """Edges of bins: one for each value where they are evenly spaced, else about a root of n."""
    unique = np.unique(values)
    step = np.diff(unique)
    if unique.size < 40 and step.size and np.ptp(step) < 1e-6 * step.max():
        return np.append(unique - 0.5 * step[0], unique[-1] + 0.5 * step[0])
    n = int(np.clip(2 * np.sqrt(values.size), 5, 25))
    pad = 0.02 * float(np.ptp(values))
    return np.linspace(float(values.min()) - pad, float(values.max()) + pad, n + 1)


def _moments(values: Array, weight: Array) -> str:
    """Mean and standard deviation of weighted values as text."""
    share = weight / max(float(weight.sum()), 1e-300)
    mean = float(share @ values)
    std = float(np.sqrt(share @ (values - mean) ** 2))
    return f"{number(mean)} ± {number(std, 2)}"


def residual_figure(slip: xr.Dataset, *, n_most: int = 60, frame_width: int = 720) -> figure:
    """Residual of every site's components, observed less predicted, in standard deviations.

    Parameters
    ----------
    slip : xr.Dataset
        Of :func:`seisnb.slip.invert_slip`.
    n_most : int
        Of more sites, those that fit worst are shown.
    frame_width : int
        Width of the axes [pixel].

    Raises
    ------
    InputError
        The Dataset holds no slip.
    """
    check_slip(slip, "residual_figure")
    scaled = slip["residual"].values / slip["observed_std"].values
    size = np.where(np.isfinite(scaled), np.abs(scaled), -1.0).max(axis=1)
    chosen = np.sort(np.argsort(-size, kind="stable")[:n_most])
    few = "" if chosen.size == size.size else f" (the {n_most} of {size.size} that fit worst)"
    names = [plain(name, 14) for name in slip["site"].values[chosen]]
    reach = 1.15 * max(float(size.max()), 3.0)
    plot = base_figure(
        title=f"Residuals by site{few}", x_label="Site", y_label="Observed − predicted (std)",
        x_range=(-0.7, chosen.size - 0.3), y_range=(-reach, reach), frame_width=frame_width,
        frame_height=250, description="site residuals",
    )  # fmt: skip
    add_grid(plot)
    plot.xaxis.ticker = FixedTicker(ticks=list(range(chosen.size)))
    plot.xaxis.major_label_overrides = dict(enumerate(names))
    plot.xaxis.major_label_orientation = np.pi / 3
    band = plot.quad(
        left=[-1], right=[chosen.size], bottom=[-1.96], top=[1.96], fill_color="#eeeeee",
        line_color=None, level="underlay", name="band",
    )  # fmt: skip
    plot.line(x=[-1, chosen.size], y=[0, 0], color=INK)
    items: Items = []
    shapes = ("circle", "square", "triangle")
    for k, (part, colour) in enumerate(COMPONENT_COLOURS.items()):
        values = scaled[chosen, list(slip["component"].values).index(part)]
        seen = np.flatnonzero(np.isfinite(values))
        if not seen.size:
            continue
        source = ColumnDataSource(
            {"x": seen + 0.22 * (k - 1), "y": values[seen], "site": [names[i] for i in seen]}
        )
        dots = plot.scatter(
            x="x", y="y", size=7, marker=shapes[k], fill_color=colour, line_color=INK,
            line_width=0.5, source=source, name=f"residuals {part}",
        )  # fmt: skip
        plot.add_tools(
            HoverTool(renderers=[dots], tooltips=[("site", "@site"), (f"{part} (std)", "@y{0.0}")])
        )
        items.append((part, [dots]))
    add_legend(plot, [*items, ("95 % of right errors", [band])])
    return plot


def depth_figure(slip: xr.Dataset, *, n_bins: int = 14, frame_height: int = 320) -> figure:
    """Slip against depth: mean over patches and its 95 % band, with and without one structure.

    Bins are by the depth of patches on the first structure, and hold the patches that the map
    shows, weighted by area.

    Parameters
    ----------
    slip : xr.Dataset
        Of :func:`seisnb.slip.invert_slip`.
    n_bins : int
        At most so many depths.
    frame_height : int
        Height of the axes [pixel].

    Raises
    ------
    InputError
        The Dataset holds no slip.
    """
    check_slip(slip, "depth_figure")
    depth, weight = _depth_bins(slip, n_bins)
    curves = []
    for (prefix, name), colour in zip(answers(slip), (MULTI, SINGLE), strict=False):
        binned = slip[f"{prefix}slip"].values.astype(float) @ weight
        band = np.quantile(binned, (0.025, 0.975), axis=0)
        curves.append((binned.mean(axis=0), *band, colour, name))
    amount = amount_of(slip, np.concatenate([np.stack(c[:3]).ravel() for c in curves]))
    ends = nice_limits(np.append(amount.scaled([c[1:3] for c in curves]).ravel(), 0.0))
    deep = nice_limits(np.append(depth, [depth.min() - 0.5, depth.max() + 0.5]))
    plot = base_figure(
        title="Slip against depth", x_label=f"Mean slip of the depth ({amount.unit})",
        y_label="Depth (km)", x_range=ends, y_range=(deep[1], max(deep[0], 0.0)), frame_width=430,
        frame_height=frame_height, description="slip against depth",
    )  # fmt: skip
    add_grid(plot)
    plot.line(x=[0, 0], y=list(deep), line_color=INK, line_width=1)
    items: Items = []
    for mean, low, high, colour, name in curves:
        area = plot.harea(
            y=depth, x1=amount.scaled(low), x2=amount.scaled(high), fill_color=colour,
            fill_alpha=0.3, name=f"band {name}",
        )  # fmt: skip
        line = plot.line(
            x=amount.scaled(mean), y=depth, line_color=colour, line_width=2.5,
            line_dash="solid" if colour == MULTI else "dashed", name=f"mean {name}",
        )  # fmt: skip
        plot.scatter(x=amount.scaled(mean), y=depth, size=6, color=colour)
        items.append((f"{name}: mean, 95 %", [line, area]))
    add_legend(plot, items, columns=1)
    return plot


def _depth_bins(slip: xr.Dataset, n_bins: int) -> tuple[Array, Array]:
    """Mean depths (bin,) [km] and the shares of patches in them (patch, bin), by area."""
    depth = slip["patch_depth"].values
    area = np.where(patches_shown([slip]), slip["area"].values, 0.0)
    seen = depth[area > 0]
    rows = np.unique(np.round(seen, 3))  # a plane of rectangles has its own
    if rows.size <= n_bins:
        which = np.abs(depth[:, None] - rows).argmin(axis=1)
    else:
        edges = np.linspace(float(seen.min()), float(seen.max()), n_bins + 1)
        which = np.clip(np.searchsorted(edges, depth, side="right") - 1, 0, n_bins - 1)
    weight = np.zeros((depth.size, n_bins))
    weight[np.arange(depth.size), which] = area
    total = weight.sum(axis=0)
    weight = weight[:, total > 0] / total[total > 0]
    at = depth @ weight
    order = np.argsort(at)
    return np.asarray(at[order]), np.asarray(weight[:, order])
