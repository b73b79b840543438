"""The look that every figure shares: display units, palettes, fonts, axes, legends, colour bars."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import xarray as xr
from bokeh.models import (
    BasicTicker,
    ColorBar,
    ColorMapper,
    CustomJSTickFormatter,
    Legend,
    LegendItem,
    Range1d,
    Title,
)
from bokeh.plotting import figure
from numpy.typing import ArrayLike, NDArray

from seisnb.conventions import InputError

Array = NDArray[np.float64]

FONT = "Helvetica, Arial, 'Liberation Sans', sans-serif"
INK = "#1a1a1a"
GREY = "#c4c4c4"
WATER = "#dcecf7"
SHOT = "#c1272d"
RECEIVER = "#ffffff"
FRAME_WIDTH = 720

_ELEVATION = (
    "return (0 - tick).toLocaleString('en', {maximumFractionDigits: 3, useGrouping: false})"
)


@dataclass(frozen=True)
class Display:
    """Units that a figure shows, with the factors that bring km, s and km/s there."""

    length: str
    velocity: str
    time: str
    factor: float
    is_elevation: bool

    @property
    def vertical(self) -> str:
        """The vertical axis's label."""
        return f"{'Elevation' if self.is_elevation else 'Depth'} ({self.length})"

    def scaled(self, values: ArrayLike) -> Array:
        """Lengths, velocities or times in display units (one factor serves all three)."""
        return np.asarray(values, float) * self.factor

    def text(self, value: float, unit: str) -> str:
        """A number in internal units as text in display units, three digits, no exponent."""
        return f"{number(value * self.factor)} {unit}"

    def level(self, depth: float) -> str:
        """A depth [km] as the vertical axis shows it."""
        return self.text(-depth if self.is_elevation else depth, self.length)


def display_of(dataset: xr.Dataset) -> Display:
    """Units of a survey's or ensemble's figures: m, m/s, ms or km, km/s, s, by ``length_unit``.

    Raises
    ------
    InputError
        ``attrs["length_unit"]`` is neither "m" nor "km".
    """
    unit = dataset.attrs.get("length_unit", "km")
    if unit not in ("m", "km"):
        raise InputError(f"figures: length_unit is {unit!r}; expected 'm' or 'km'.")
    small = unit == "m"
    return Display(
        length=unit,
        velocity=f"{unit}/s",
        time="ms" if small else "s",
        factor=1000.0 if small else 1.0,
        is_elevation="surface_depth" in dataset and float(dataset["surface_depth"].max()) < 0,
    )


def number(value: float, digits: int = 3) -> str:
    """A number to a few significant digits, written out (2000, never 2e+03)."""
    return f"{float(f'{value:.{digits}g}'):.10g}"


def is_marine(dataset: xr.Dataset) -> bool:
    """True when the survey states a water velocity."""
    return "water_velocity" in dataset.attrs


def surface_name(dataset: xr.Dataset) -> str:
    """What the rock's surface is called on this line."""
    return "sea floor" if is_marine(dataset) else "ground surface"


def plain(text: object, length: int = 90) -> str:
    """Text from a file made safe for a canvas: one line, no TeX delimiters, not too long."""
    line = " ".join(str(text).replace("$", "＄").replace("\\", "＼").split())
    line = "".join(letter for letter in line if letter.isprintable())
    return line if len(line) <= length else line[: length - 1] + "…"


def settings_of(dataset: xr.Dataset, name: str) -> dict[str, object]:
    """A JSON object among the attrs (config, prior), or an empty dict."""
    found = json.loads(str(dataset.attrs.get(name) or "{}"))
    return found if isinstance(found, dict) else {}


@cache
def palette(name: str, *, reverse: bool = False) -> tuple[str, ...]:
    """256 hexadecimal colours of one of Crameri's perceptually uniform colour maps."""
    spec = importlib.util.find_spec("cmcrameri")  # its import would load matplotlib
    if spec is None or spec.origin is None:
        raise ImportError("figures: the package cmcrameri is missing. pip install cmcrameri.")
    table = np.loadtxt(Path(spec.origin).parent / "cmaps" / f"{name}.txt")
    codes = np.rint(table * 255).astype(int)[:: -1 if reverse else 1]
    return tuple(f"#{red:02x}{green:02x}{blue:02x}" for red, green, blue in codes)


def nice_limits(values: ArrayLike, *, zero: bool = False) -> tuple[float, float]:
    """The range of finite values, rounded outwards to a tenth of its decade."""
    finite = np.asarray(values, float)
    finite = finite[np.isfinite(finite)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    low = 0.0 if zero else low
    span = (high - low) or abs(high) or 1.0
    step = 10 ** np.floor(np.log10(span)) / (5 if span / 10 ** np.floor(np.log10(span)) < 5 else 2)
    return float(np.floor(low / step + 1e-9) * step), float(np.ceil(high / step - 1e-9) * step)


def nice_step(span: float, n_steps: int) -> float:
    """The round number (1, 2 or 5 times a power of ten) nearest to span / n_steps."""
    raw = max(span, 1e-12) / n_steps
    decade = 10 ** np.floor(np.log10(raw))
    return float(decade * min((1, 2, 5, 10), key=lambda m: abs(np.log(m * decade / raw))))


def base_figure(
    *,
    title: str,
    x_label: str,
    y_label: str,
    x_range: tuple[float, float] | Range1d,
    y_range: tuple[float, float] | Range1d,
    frame_width: int,
    frame_height: int,
    tools: str = "pan,box_zoom,wheel_zoom,reset,save",
    description: str = "",
    y_axis_type: str = "auto",
) -> figure:
    """An empty figure in the shared style; ``description`` becomes its name."""
    plot = figure(
        y_axis_type=y_axis_type,
        x_range=x_range if isinstance(x_range, Range1d) else Range1d(*x_range, bounds=None),
        y_range=y_range if isinstance(y_range, Range1d) else Range1d(*y_range, bounds=None),
        x_axis_label=x_label,
        y_axis_label=y_label,
        frame_width=frame_width,
        frame_height=frame_height,
        tools=tools,
        toolbar_location="right",
        output_backend="canvas",
        name=description or title,
        min_border_left=80,
        min_border_right=16,
    )
    plot.toolbar.logo = None
    plot.toolbar.autohide = True
    plot.toolbar.active_scroll = None  # the wheel scrolls the page until a reader asks for zoom
    plot.title = Title(
        text=title, text_font=FONT, text_font_size="15px", text_font_style="bold", text_color=INK
    )
    for axis in plot.axis:
        axis.axis_label_text_font = axis.major_label_text_font = FONT
        axis.axis_label_text_font_size = "14px"
        axis.axis_label_text_font_style = "normal"
        axis.major_label_text_font_size = "13px"
        axis.axis_label_text_color = axis.major_label_text_color = INK
        axis.axis_line_color = axis.major_tick_line_color = axis.minor_tick_line_color = INK
        axis.major_tick_in, axis.major_tick_out = 0, 6
        axis.minor_tick_out = 3
    plot.outline_line_color, plot.outline_line_alpha = INK, 1.0
    plot.grid.visible = False
    return plot


def add_grid(plot: figure) -> None:
    """Faint lines behind curves, where a reader takes values off the axes."""
    plot.grid.visible = True
    plot.grid.grid_line_color = "#e6e6e6"


def show_elevation(plot: figure) -> None:
    """Label a depth axis by elevation: same axis, opposite sign."""
    plot.yaxis.formatter = CustomJSTickFormatter(code=_ELEVATION)


def add_legend(
    plot: figure,
    items: Sequence[tuple[str, list[object]]],
    *,
    columns: int = 4,
    place: str = "below",
) -> None:
    """A legend beside the axes, so that it never hides data."""
    legend = Legend(
        items=[LegendItem(label=label, renderers=renderers) for label, renderers in items],
        orientation="horizontal",
        location="center",
        ncols=columns,
        label_text_font=FONT,
        label_text_font_size="13px",
        label_text_color=INK,
        border_line_color=None,
        background_fill_color=None,
        spacing=18 if columns >= len(items) else 6,
        padding=4,
        margin=4,
    )
    plot.add_layout(legend, place)


def colour_bar(mapper: ColorMapper, title: str, *, ticks: int = 6) -> ColorBar:
    """A colour bar whose title states the quantity and its unit."""
    return ColorBar(
        color_mapper=mapper,
        title=title,
        title_text_font=FONT,
        title_text_font_size="13px",
        title_text_font_style="normal",
        title_text_align="center",
        title_text_color=INK,
        title_standoff=10,
        major_label_text_font=FONT,
        major_label_text_font_size="13px",
        major_label_text_color=INK,
        ticker=BasicTicker(desired_num_ticks=ticks),
        bar_line_color=INK,
        major_tick_line_color=INK,
        major_tick_in=0,
        major_tick_out=5,
        width=16,
        padding=6,
        background_fill_color=None,
    )
