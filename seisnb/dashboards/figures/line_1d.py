"""Figures of the one-dimensional test: engines against an exact posterior."""

from __future__ import annotations

import numpy as np
import xarray as xr
from bokeh.models import BoxAnnotation, Span
from bokeh.plotting import figure

from seisnb.conventions import InputError
from seisnb.dashboards.figures.categories import Items, beside, categorical, colours
from seisnb.dashboards.figures.style import (
    GREY,
    INK,
    add_legend,
    base_figure,
    nice_limits,
    palette,
)


def line_posterior(
    tests: xr.Dataset, test: int, *, frame_width: int = 310, frame_height: int = 220
) -> figure:
    """Mean and one standard deviation of an engine on the line, over the exact posterior's.

    Parameters
    ----------
    tests : xr.Dataset
        From :func:`seisnb.verification.one_dimensional.one_dimensional_dataset`.
    test : int
        Which of them.
    frame_width, frame_height : int
        Size of the axes [pixel].

    Returns
    -------
    bokeh figure
        Renderers are named ``exact``, ``exact_mean``, ``spread`` and ``mean``; the parts of the
        line that have sources and receivers are shaded.
    """
    one = tests.isel(test=test)
    highest = float((tests["velocity_std"] + abs(tests["velocity_mean"] - 1.0)).max())
    reach = 1.15 * max(highest, float(tests["exact_std"].max()))
    plot = base_figure(
        title=_title(one),
        x_label="Distance along the line (km)",
        y_label="Velocity (km/s)",
        x_range=(0.0, float(one["easting"][-1])),
        y_range=(1.0 - reach, 1.0 + reach),
        frame_width=frame_width,
        frame_height=frame_height,
        description=f"Posterior on the line by {_title(one)}, over the exact one",
    )
    _shade_groups(plot, one)
    x, colour = one["easting"].values, palette("batlow")[60]
    low, high = (one["exact_mean"] + sign * one["exact_std"] for sign in (-1, 1))
    exact = plot.varea(
        x=x, y1=low.values, y2=high.values, fill_color=GREY, fill_alpha=0.7, name="exact"
    )
    mean = plot.line(
        x=x, y=one["exact_mean"].values, line_color=INK, line_dash=[2, 3], name="exact_mean"
    )
    sides = [one["velocity_mean"] + sign * one["velocity_std"] for sign in (-1, 1)]
    spread = plot.multi_line(
        xs=[x, x], ys=[side.values for side in sides], line_color=colour, line_dash=[6, 3],
        line_width=1.6, name="spread",
    )  # fmt: skip
    found = plot.line(
        x=x, y=one["velocity_mean"].values, line_color=colour, line_width=2.2, name="mean"
    )
    items: Items = [
        ("exact mean", [mean]),
        ("exact ± 1 std", [exact]),
        (f"{one['engine'].item()} mean", [found]),
        ("± 1 std", [spread]),
    ]
    add_legend(plot, items, columns=2)
    return plot


def line_std(
    tests: xr.Dataset, *, length: float, frame_width: int = 640, frame_height: int = 280
) -> figure:
    """Standard deviation along the line: every engine at one length, and the exact one."""
    chosen = _of_length(tests, length)
    exact_std = chosen["exact_std"].values[0]
    highest = nice_limits([float(chosen["velocity_std"].max()), float(exact_std.max())], zero=True)
    plot = base_figure(
        title=f"Standard deviation, correlation length {length:g} km",
        x_label="Distance along the line (km)",
        y_label="Standard deviation of velocity (km/s)",
        x_range=(0.0, float(chosen["easting"][-1])),
        y_range=highest,
        frame_width=frame_width,
        frame_height=frame_height,
    )
    _shade_groups(plot, chosen)
    x = chosen["easting"].values
    items: Items = [
        (
            "exact",
            [
                plot.line(
                    x=x, y=exact_std, line_color=INK, line_width=3, line_alpha=0.5, name="exact"
                )
            ],
        )
    ]
    engines = [str(name) for name in chosen["engine"].values]
    for k, (engine, colour) in enumerate(zip(engines, colours(len(engines)), strict=True)):
        line = plot.line(
            x=x, y=chosen["velocity_std"].values[k], line_color=colour, line_width=1.8, name=engine
        )
        items.append((engine, [line]))
    add_legend(plot, items, columns=len(items))
    return plot


def zone_ratios(
    tests: xr.Dataset, *, length: float, frame_width: int = 400, frame_height: int = 260
) -> figure:
    """Mean std over the exact mean std in every part of the line, by engine."""
    chosen = _of_length(tests, length)
    ratios = chosen["std_ratio"].values
    zones = [str(zone) for zone in chosen["zone"].values]
    plot = categorical(
        base_figure(
            title=f"Spread over the exact one, {length:g} km",
            x_label="Part of the line",
            y_label="Ratio of standard deviations",
            x_range=(-0.5, len(zones) - 0.5),
            y_range=nice_limits([ratios.min() - 0.03, ratios.max() + 0.03, 0.8, 1.1]),
            frame_width=frame_width,
            frame_height=frame_height,
        ),
        zones,
    )
    plot.add_layout(Span(location=1.0, dimension="width", line_color=INK, line_dash=[4, 4]))
    items: Items = []
    for k, (name, x, colour, marker) in enumerate(beside(chosen["engine"].values, len(zones))):
        marks = plot.scatter(
            x=x, y=ratios[k], marker=marker, size=10, fill_color=colour, line_color=INK, name=name
        )
        items.append((name, [marks]))
    add_legend(plot, items, columns=len(items))
    return plot


def mmd_scores(
    tests: xr.Dataset, *, length: float, frame_width: int = 300, frame_height: int = 260
) -> figure:
    """Distance to the exact posterior beside what as many independent exact draws score.

    Returns
    -------
    bokeh figure
        Renderers are named ``floor`` (median and 95 % range) and ``score``.
    """
    chosen = _of_length(tests, length)
    engines = [str(name) for name in chosen["engine"].values]
    highest = float(max(chosen["sqrt_mmd"].max(), chosen["floor_high"].max()))
    plot = categorical(
        base_figure(
            title=f"Distance to the exact one, {length:g} km",
            x_label="Engine",
            y_label="Square root of the MMD²",
            x_range=(-0.5, len(engines) - 0.5),
            y_range=nice_limits([highest], zero=True),
            frame_width=frame_width,
            frame_height=frame_height,
        ),
        engines,
    )
    x = np.arange(len(engines), dtype=float)
    bars = plot.quad(
        left=x - 0.3, right=x + 0.3, bottom=chosen["floor_low"].values,
        top=chosen["floor_high"].values, fill_color=GREY, fill_alpha=0.7, line_color=None,
        name="floor",
    )  # fmt: skip
    medians = plot.segment(
        x0=x - 0.3, x1=x + 0.3, y0=chosen["floor_median"].values, y1=chosen["floor_median"].values,
        line_color=INK, line_width=1.5,
    )  # fmt: skip
    score = plot.scatter(
        x=x, y=chosen["sqrt_mmd"].values, size=11, fill_color=palette("batlow")[60],
        line_color=INK, name="score",
    )  # fmt: skip
    items: Items = [("particles", [score]), ("exact draws, median and 95 %", [bars, medians])]
    add_legend(plot, items, columns=1)
    return plot


def _title(one: xr.Dataset) -> str:
    """Engine, particles and length of a test."""
    return (
        f"{one['engine'].item()}, {int(one['n_particles'])} particles, "
        f"length {float(one['length']):g} km"
    )


def _of_length(tests: xr.Dataset, length: float) -> xr.Dataset:
    """The tests of one correlation length."""
    is_it = np.isclose(tests["length"].values, length)
    if not is_it.any():
        raise InputError(
            f"figures: no test of length {length:g} km; there are "
            f"{', '.join(f'{each:g}' for each in np.unique(tests['length']))} km."
        )
    return tests.isel(test=np.flatnonzero(is_it))


def _shade_groups(plot: figure, tests: xr.Dataset) -> None:
    """Shade the parts of the line that sources and receivers stand on."""
    for zone in tests["zone"].values:
        if "group" in str(zone):
            left, right = (float(tests[name].sel(zone=zone)) for name in ("zone_from", "zone_to"))
            shade = BoxAnnotation(left=left, right=right, fill_color="#f3ead2", fill_alpha=0.6)
            shade.update(level="underlay", line_color=None)
            plot.add_layout(shade)
