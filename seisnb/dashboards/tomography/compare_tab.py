"""Two results side by side, and their difference, with one cursor and one zoom."""

from __future__ import annotations

from html import escape
from typing import Any

import ipywidgets as widgets
import numpy as np
import xarray as xr

from seisnb.conventions import InputError
from seisnb.dashboards import figures
from seisnb.dashboards.controls import choice_control, text_control
from seisnb.dashboards.figures.style import display_of, number, plain
from seisnb.dashboards.in_sight import InSight
from seisnb.dashboards.looks import empty_html, small_button, text_box, wrapped_row
from seisnb.dashboards.section_data import (
    PALETTES,
    Field,
    SectionData,
    empty_section,
    ensemble_section,
    line_overlays,
    section_data,
)
from seisnb.dashboards.section_view import SectionView
from seisnb.dashboards.tomography.controller import TABS, TomographyController

_EMPTY = "Two results are needed: run with other settings, or open one that was saved."
SIDES = ("First", "Second")


class CompareTab(InSight):
    """Where two ensembles agree, and where they do not.

    Parameters
    ----------
    controller : TomographyController
        Whose results are compared.
    """

    def __init__(self, controller: TomographyController) -> None:
        super().__init__(controller, TABS.index("compare"))
        self.controller = controller
        self.choices = [choice_control(side, [("none", "")], "") for side in SIDES]
        self.path = text_control("Result in a file", hint="other/ensemble.nc")
        self.open = small_button("Open it", "folder-open", "Add a saved result to the session")
        self.words = text_box(empty_html(_EMPTY))
        self.views = [
            SectionView(empty_section(), description=f"{side.lower()} result", group="compare",
                        has_profile=False)
            for side in SIDES
        ]  # fmt: skip
        self.difference = SectionView(
            empty_section(), description="difference", group="compare", has_profile=False
        )
        for view, other in (self.views, self.views[::-1]):
            view.observe(_follow(other), ["quantity", "member", "level", "threshold", "limits"])
        for choice in self.choices:
            choice.observe(self._on_chosen, "value")
        self.open.on_click(lambda _: controller.open_result(self.path.value))
        controller.observe(controller.guarded(self._on_runs), "run_names")
        controller.state.observe(controller.guarded(self.refresh), "compared")
        half = widgets.Layout(flex="1 1 420px", min_width="0")
        for view in self.views:
            view.layout = half
        self.widget = widgets.VBox(
            [
                wrapped_row(*self.choices),
                wrapped_row(self.path, self.open),
                self.words,
                wrapped_row(*self.views),
                self.difference,
            ]
        )
        self._shown: tuple[str, ...] = ()
        self._on_runs()

    def _on_runs(self) -> None:
        names = self.controller.run_names
        for choice in self.choices:
            kept = choice.value
            choice.options = [("none", ""), *((name, name) for name in names)]
            choice.value = kept if kept in names else ""
        if len(names) >= 2 and not self.controller.state.compared:
            self.controller.state.compared = (names[-2], names[-1])
        self.refresh()

    def _on_chosen(self, _: dict[str, Any]) -> None:
        chosen = tuple(choice.value for choice in self.choices)
        if all(chosen) and chosen != self.controller.state.compared:
            self.controller.change("compare other results", compared=chosen)

    def _draw(self) -> None:
        names = self.controller.state.compared
        ready = len(names) == 2 and set(names) <= set(self.controller.run_names)
        for part in (*self.views, self.difference):
            part.layout.display = "" if ready else "none"
        if not ready:
            self.words.value, self._shown = empty_html(_EMPTY), ()
            return
        for choice, name in zip(self.choices, names, strict=True):
            choice.value = name
        if names == self._shown:
            return
        results = [self.controller.result(name) for name in names]
        for view, result in zip(self.views, results, strict=True):
            view.show(ensemble_section(result))
        self.difference.show(difference_section(*results))
        self.difference.quantity = "difference"
        self.words.value = f"<p>{escape(difference_words(*names, *results))}</p>"
        self._shown = names


def difference_section(first: xr.Dataset, second: xr.Dataset) -> SectionData:
    """Second less first: means, in units of their stds, and the ratio of the stds.

    Raises
    ------
    InputError
        The lines do not overlap, or are shown in other units.
    """
    second = on_grid_of(first, second)
    display = display_of(first)
    rock = first["rock"].values.astype(bool)
    x, z = display.scaled(first["easting"].values), display.scaled(first["depth"].values)
    gap = display.scaled(second["velocity_mean"].values - first["velocity_mean"].values)
    spread = np.hypot(first["velocity_std"].values, second["velocity_std"].values)
    scaled = gap / display.factor / np.maximum(spread, 1e-9)
    ratio = second["velocity_std"].values / np.maximum(first["velocity_std"].values, 1e-9)
    largest = float(np.nanquantile(np.abs(gap[rock]), 0.98))
    least = 1e-3 * display.factor * float(first["velocity_mean"].values[rock].mean())
    reach = figures.nice_limits([0.0, max(largest, least)])[1]  # equal results are one colour

    def painted(values: np.ndarray) -> np.ndarray:
        return np.where(rock, values, np.nan).astype(np.float32)

    top = float(z[0]) - 0.05 * float(z[-1] - z[0])
    return section_data(
        np.zeros((0, z.size, x.size), np.float32), x, z, title="Second less first",
        value_range=(0.0, 1.0), limits=(-reach, reach), top=top, bottom=float(z[-1]),
        unit=display.velocity, length_unit=display.length,
        label=f"Difference ({display.velocity})", x_label=f"Easting ({display.length})",
        z_label=display.vertical, is_elevation=display.is_elevation, quantities=(),
        palettes={**PALETTES, "velocity": PALETTES["diverging"]},
        fields=(
            Field(name="difference", values=painted(gap), title="Difference of the means",
                  label=f"Second − first ({display.velocity})", palette="diverging", low=-reach,
                  high=reach),
            Field(name="scaled", values=painted(scaled), title="Difference over joint std",
                  label="Second − first (std)", palette="diverging", low=-3.0, high=3.0),
            Field(name="spread", values=painted(np.log2(np.maximum(ratio, 1e-9))),
                  title="Ratio of the stds", label="log₂ (second std / first std)",
                  palette="diverging", low=-2.0, high=2.0),
        ),
        overlays=line_overlays(first, top),
    )  # fmt: skip


def on_grid_of(first: xr.Dataset, second: xr.Dataset) -> xr.Dataset:
    """Mean and std of the second on the grid of the first; NaN beyond its own.

    Raises
    ------
    InputError
        They do not overlap, or are shown in other units.
    """
    if display_of(first).length != display_of(second).length:
        raise InputError("compare: one result is in m, the other in km; compare results alike.")
    means = second[["velocity_mean", "velocity_std"]]
    if all(np.array_equal(first[a].values, second[a].values) for a in ("easting", "depth")):
        return means
    found = means.interp(easting=first["easting"], depth=first["depth"])
    if not np.isfinite(found["velocity_mean"].values).any():
        raise InputError("compare: the two lines do not overlap.")
    return found


def difference_words(one: str, other: str, first: xr.Dataset, second: xr.Dataset) -> str:
    """How far two results differ where rays run, in words."""
    second = on_grid_of(first, second)
    crossed = (first["ray_coverage"].values > 0) & first["rock"].values.astype(bool)
    gap = (second["velocity_mean"].values - first["velocity_mean"].values)[crossed]
    spread = np.hypot(first["velocity_std"].values, second["velocity_std"].values)[crossed]
    known = np.isfinite(gap)
    gap, spread = gap[known], spread[known]
    display = display_of(first)
    rms = float(np.sqrt(np.mean(gap**2))) * display.factor
    beyond = float((np.abs(gap) > 2 * spread).mean())
    return (
        f"{plain(other)} less {plain(one)}, where rays run: {number(rms)} {display.velocity} rms; "
        f"{beyond:.1%} of the cells differ by more than two joint stds."
    )


def _follow(other: SectionView) -> Any:
    """An observer that gives another view the same trait."""

    def follow(change: dict[str, Any]) -> None:
        if getattr(other, change["name"]) != change["new"]:
            setattr(other, change["name"], change["new"])

    return follow
