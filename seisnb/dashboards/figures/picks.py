"""Travel-time curves of a survey or an ensemble, with reduced time and residuals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr
from bokeh.layouts import column
from bokeh.models import (
    CDSView,
    Column,
    ColumnDataSource,
    HoverTool,
    IndexFilter,
    LegendItem,
    LinearColorMapper,
    Range1d,
    Span,
)
from bokeh.plotting import figure
from numpy.typing import NDArray

from seisnb.conventions import InputError
from seisnb.dashboards.figures.style import (
    FRAME_WIDTH,
    INK,
    Array,
    add_grid,
    add_legend,
    base_figure,
    colour_bar,
    display_of,
    nice_step,
    number,
    palette,
    plain,
)
from seisnb.survey import offset

MUTED = "#a8a8a8"
_MUTED_LABEL = "muted"
_BAND = (0.025, 0.975)


@dataclass(frozen=True)
class Gathers:
    """Picks grouped by their common shot, or by receiver where these are fewer (OBS lines)."""

    kind: str
    other: str
    numbers: NDArray[np.int64]
    easting: Array

    @property
    def members(self) -> list[NDArray[np.int64]]:
        """Pick indices of each gather, in the order of its number."""
        return [np.flatnonzero(self.numbers == number) for number in np.unique(self.numbers)]


def gathers_of(dataset: xr.Dataset) -> Gathers:
    """Group the picks of a survey or ensemble by the rarer of shots and receivers."""
    count = {kind: np.unique(dataset[kind].values).size for kind in ("shot", "receiver")}
    kind, other = (
        ("receiver", "shot") if count["receiver"] < count["shot"] else ("shot", "receiver")
    )
    return Gathers(
        kind=kind,
        other=other,
        numbers=dataset[kind].values.astype(np.int64),
        easting=dataset[f"{kind}_easting"].values.astype(float),
    )


def reduction_velocity_of(dataset: xr.Dataset) -> float:
    """A round velocity [km/s] that makes the far branches of the travel-time curves about level."""
    distance, time = np.abs(offset(dataset)), dataset["travel_time"].values
    far = distance >= np.quantile(distance, 0.6)
    if far.sum() < 3 or np.ptp(distance[far]) <= 0:
        raw = float(np.median(distance / time))
    else:
        slope = float(np.polyfit(distance[far], time[far], 1)[0])
        raw = 1 / slope if slope > 0 else float(np.median(distance / time))
    step = 10 ** np.floor(np.log10(max(raw, 1e-3))) / 2
    return float(max(np.round(raw / step), 1) * step)


def travel_time_curves(
    dataset: xr.Dataset,
    *,
    reduction_velocity: float | None = None,
    frame_width: int = FRAME_WIDTH,
) -> Column | figure:
    """Reduced travel times with their errors; for an ensemble also its prediction and residuals.

    Reduced time is t - |offset| / reduction velocity, which spreads curves that would otherwise
    all rise steeply.

    Parameters
    ----------
    dataset : xr.Dataset
        A survey or an ensemble.
    reduction_velocity : float, optional
        In km/s; numpy.inf shows the travel times as they are. None: see
        :func:`reduction_velocity_of`.
    frame_width : int
        Width of the axes [pixel].

    Returns
    -------
    bokeh figure, or a column of two
        The source named ``pick_source`` has one row per pick of the Dataset, in its order; a
        selection on it is a selection of picks. Renderers are named ``picks``, ``muted``,
        ``errors``, ``band`` and ``prediction``; those of the lower figure end in ``_residuals``.

    Raises
    ------
    InputError
        The reduction velocity is not above zero.
    """
    if reduction_velocity is None:
        reduction_velocity = reduction_velocity_of(dataset)
    if not reduction_velocity > 0:
        raise InputError(
            f"travel_time_curves: reduction_velocity is {reduction_velocity} km/s; "
            "expected a value above zero (inf for no reduction)."
        )
    display, gathers = display_of(dataset), gathers_of(dataset)
    reduction = np.abs(offset(dataset)) / reduction_velocity
    mapper = _gather_colours(gathers, display.factor)
    source = _pick_source(dataset, gathers, reduction, mapper)
    has_model = "predicted_time" in dataset
    x = source.data["x"]
    room = 0.02 * (float(np.ptp(x)) or 1.0)
    low = np.min(source.data["low"])
    high = np.max(source.data["high"])
    slack = 0.05 * float(high - low)
    is_reduced = np.isfinite(reduction_velocity)
    top = base_figure(
        title=("Travel-time curves: picks and prediction" if has_model else "Travel-time curves"),
        x_label="" if has_model else _x_label(gathers, display.length),
        y_label=(
            f"t − |offset| / {display.text(reduction_velocity, display.velocity)} ({display.time})"
            if is_reduced
            else f"Travel time ({display.time})"
        ),
        x_range=(float(x.min()) - room, float(x.max()) + room),
        y_range=(float(low) - slack, float(high) + slack),
        frame_width=frame_width,
        frame_height=330,
        tools="pan,box_zoom,wheel_zoom,box_select,lasso_select,reset,save",
        description=f"{plain(dataset.attrs.get('title', ''))}: travel-time curves",
    )
    add_grid(top)
    legend: list[tuple[str, list[object]]] = []
    if has_model:
        band, lines = _draw_prediction(top, dataset, gathers, reduction, mapper)
        legend = [("95 % of the ensemble", [band]), ("mean prediction", [lines])]
    legend = [*_draw_picks(top, source, y="time", low="low", high="high"), *legend]
    label = f"{gathers.kind.capitalize()} easting ({display.length})"
    top.add_layout(colour_bar(mapper, label, ticks=7), "right")
    add_legend(top, legend, columns=5, place="above")
    for item in top.legend[0].items:
        if item.label.value == _MUTED_LABEL:
            item.visible = not bool(source.data["used"].all())
    if not has_model:
        return top
    bottom = _residual_figure(dataset, source, gathers, top.x_range, frame_width)
    return column(top, bottom, spacing=0)


@dataclass(frozen=True, eq=False)
class Marks:
    """What is changed in curves when picks are muted, at hand: looking it up takes longer.

    Attributes
    ----------
    source : ColumnDataSource
        The picks.
    used, muted : list of IndexFilter
        Of the glyphs of used and of muted picks.
    label : LegendItem
        Speaks of muted picks when there are some.
    """

    source: ColumnDataSource
    used: list[IndexFilter]
    muted: list[IndexFilter]
    label: LegendItem

    @classmethod
    def of(cls, curves: Column | figure) -> Marks:
        """The parts of curves that :func:`travel_time_curves` made."""
        parts = curves.references()  # once: Bokeh goes through all of them for every selection
        filters = [each for each in parts if isinstance(each, IndexFilter)]
        items = [each for each in parts if isinstance(each, LegendItem)]
        return cls(
            source=next(each for each in parts if each.name == "pick_source"),
            used=[each for each in filters if each.name == "used"],
            muted=[each for each in filters if each.name == "muted"],
            label=next(item for item in items if item.label.value == _MUTED_LABEL),
        )


def mark_muted(
    curves: Column | figure | Marks,
    used: NDArray[np.bool_],
    *,
    shown: NDArray[np.bool_] | None = None,
) -> None:
    """Show other picks as muted in curves already drawn; zoom and colours stay.

    Parameters
    ----------
    curves : bokeh model or Marks
        As :func:`travel_time_curves` made it, or its parts.
    used : array of bool, (pick,)
        False where a pick is muted.
    shown : array of bool, (pick,), optional
        False where a pick is left out of the picture.
    """
    marks = curves if isinstance(curves, Marks) else Marks.of(curves)
    if not np.array_equal(marks.source.data["used"], used):
        marks.source.data["used"] = used
    inside = np.ones(used.size, bool) if shown is None else shown
    for filters, part in ((marks.used, used & inside), (marks.muted, ~used & inside)):
        indices = _indices(part)
        for each in filters:
            if each.indices != indices:
                each.indices = indices
    marks.label.visible = not bool(used.all())


def _indices(chosen: NDArray[np.bool_]) -> list[int] | None:
    """The chosen picks as a filter takes them; None, which is sooner sent, for all."""
    return None if chosen.all() else np.flatnonzero(chosen).tolist()


def _x_label(gathers: Gathers, unit: str) -> str:
    return f"{gathers.other.capitalize()} easting ({unit})"


def _gather_colours(gathers: Gathers, factor: float) -> LinearColorMapper:
    """Colours by the position of the gather's shot or receiver, dark enough for white paper."""
    shown = gathers.easting * factor
    low, high = float(shown.min()), float(shown.max())
    if high <= low:
        high = low + 1.0
    return LinearColorMapper(palette=list(palette("batlow")[:215]), low=low, high=high)


def _colours(mapper: LinearColorMapper, values: Array) -> list[str]:
    """What the mapper paints, computed here so that lines and bands can share it."""
    share = (values - mapper.low) / (mapper.high - mapper.low)
    n_colours = len(mapper.palette)
    return [mapper.palette[i] for i in np.clip((share * n_colours).astype(int), 0, n_colours - 1)]


def _pick_source(
    dataset: xr.Dataset, gathers: Gathers, reduction: Array, mapper: LinearColorMapper
) -> ColumnDataSource:
    """One row per pick, in display units."""
    display = display_of(dataset)
    time, std = dataset["travel_time"].values, dataset["pick_std"].values
    used = dataset["used"].values.astype(bool) if "used" in dataset else np.ones(time.size, bool)
    data = {
        "x": display.scaled(dataset[f"{gathers.other}_easting"].values),
        "time": display.scaled(time - reduction),
        "low": display.scaled(time - reduction - std),
        "high": display.scaled(time - reduction + std),
        "travel_time": display.scaled(time),
        "std": display.scaled(std),
        "shot": dataset["shot"].values,
        "receiver": dataset["receiver"].values,
        "offset": display.scaled(offset(dataset)),
        "used": used,
        "colour": _colours(mapper, gathers.easting * display.factor),
    }
    if "predicted_time" in dataset:
        residual = dataset["residual"].values
        data["residual"] = display.scaled(residual)
        data["residual_low"] = display.scaled(residual - std)
        data["residual_high"] = display.scaled(residual + std)
    return ColumnDataSource(data, name="pick_source")


def _draw_picks(
    plot: figure, source: ColumnDataSource, *, y: str, low: str, high: str
) -> list[tuple[str, list[object]]]:
    """Error bars and points of used picks, grey crosses for muted ones; returns legend items."""
    suffix = "" if y == "time" else "_residuals"
    used = source.data["used"]
    keep = CDSView(filter=IndexFilter(indices=_indices(used), name="used"))
    drop = CDSView(filter=IndexFilter(indices=_indices(~used), name="muted"))
    bars = plot.segment(
        "x",
        low,
        "x",
        high,
        source=source,
        view=keep,
        line_color="colour",
        line_alpha=0.6,
        line_width=1,
        name=f"errors{suffix}",
    )
    points = plot.scatter(
        "x",
        y,
        source=source,
        view=keep,
        size=5,
        fill_color="colour",
        line_color="colour",
        name=f"picks{suffix}",
    )
    muted = plot.scatter(
        "x",
        y,
        source=source,
        view=drop,
        marker="x",
        size=7,
        line_color=MUTED,
        line_width=1.4,
        name=f"muted{suffix}",
    )
    for renderer in (bars, points, muted):
        renderer.nonselection_glyph.update(
            line_alpha=0.15, **({} if renderer is bars else {"fill_alpha": 0.15})
        )
    plot.add_tools(
        HoverTool(
            renderers=[points, muted],
            tooltips=[
                ("shot → receiver", "@shot → @receiver"),
                ("travel time ± std", "@travel_time{0.000} ± @std{0.000}"),
                ("offset", "@offset{0.0}"),
            ],
        )
    )
    return [("picks ± 1 std", [bars, points]), (_MUTED_LABEL, [muted])]


def _draw_prediction(
    plot: figure,
    dataset: xr.Dataset,
    gathers: Gathers,
    reduction: Array,
    mapper: LinearColorMapper,
) -> tuple[object, object]:
    """Mean prediction and 95 % band of each gather, drawn on either side of its own position."""
    display = display_of(dataset)
    predicted = dataset["predicted_time"].values
    low, high = np.quantile(predicted, _BAND, axis=0) - reduction
    mean = predicted.mean(axis=0) - reduction
    x = dataset[f"{gathers.other}_easting"].values
    rows: dict[str, list[object]] = {"xs": [], "ys": [], "bx": [], "by": [], "colour": []}
    colours = _colours(mapper, gathers.easting * display.factor)
    for members in gathers.members:
        for side in (x[members] <= gathers.easting[members], x[members] > gathers.easting[members]):
            branch = members[side][np.argsort(x[members][side], kind="stable")]
            if branch.size < 2:
                continue
            rows["xs"].append(display.scaled(x[branch]).tolist())
            rows["ys"].append(display.scaled(mean[branch]).tolist())
            there_and_back = np.concatenate([branch, branch[::-1]])
            edge = np.concatenate([low[branch], high[branch[::-1]]])
            rows["bx"].append(display.scaled(x[there_and_back]).tolist())
            rows["by"].append(display.scaled(edge).tolist())
            rows["colour"].append(colours[branch[0]])
    source = ColumnDataSource(rows)
    band = plot.patches(
        "bx",
        "by",
        source=source,
        fill_color="colour",
        fill_alpha=0.28,
        line_color=None,
        name="band",
    )
    lines = plot.multi_line(
        "xs", "ys", source=source, line_color="colour", line_width=1.4, name="prediction"
    )
    return band, lines


def _residual_figure(
    dataset: xr.Dataset,
    source: ColumnDataSource,
    gathers: Gathers,
    x_range: Range1d,
    frame_width: int,
) -> figure:
    """Observed minus predicted mean under the curves, on the same eastings."""
    display = display_of(dataset)
    used = source.data["used"]
    residual = source.data["residual"][used]
    reach = float(
        np.quantile(
            np.maximum(-source.data["residual_low"], source.data["residual_high"])[used], 0.99
        )
    )
    limit = np.ceil(reach / (step := nice_step(reach, 4))) * step
    rms = float(np.sqrt((residual**2).mean()))
    plot = base_figure(
        title=f"Residuals: observed − mean predicted (rms {number(rms)} {display.time})",
        x_label=_x_label(gathers, display.length),
        y_label=f"Residual ({display.time})",
        x_range=x_range,
        y_range=(-float(limit), float(limit)),
        frame_width=frame_width,
        frame_height=150,
        tools="pan,box_zoom,wheel_zoom,box_select,lasso_select,reset,save",
        description=f"{plain(dataset.attrs.get('title', ''))}: travel-time residuals",
    )
    add_grid(plot)
    plot.yaxis.ticker.update(desired_num_ticks=5, num_minor_ticks=2)
    plot.add_layout(Span(location=0, dimension="width", line_color=INK, line_width=1))
    _draw_picks(plot, source, y="residual", low="residual_low", high="residual_high")
    return plot
