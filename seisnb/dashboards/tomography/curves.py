"""Travel-time curves on which picks are selected, muted and restored."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import ipywidgets as widgets
import numpy as np
import xarray as xr
from bokeh.models import BoxSelectTool, Plot

from seisnb.conventions import InputError
from seisnb.dashboards import figures
from seisnb.dashboards.controls import AUTO, text_control
from seisnb.dashboards.figures.style import display_of
from seisnb.dashboards.in_sight import InSight
from seisnb.dashboards.looks import small_button, wrapped_row
from seisnb.dashboards.pane import BokehPane
from seisnb.dashboards.tomography.controller import TomographyController
from seisnb.dashboards.tomography.pick_numbers import format_picks, parse_picks

FRAME_WIDTH = 560


class CurvesPanel(InSight):
    """Travel-time curves on which picks are selected, muted and restored.

    Parameters
    ----------
    controller : TomographyController
        Whose picks are shown.
    index : int
        The tab that it stands on.
    shows_fit : bool
        True for the ensemble's picks with prediction and residuals, False for the survey's.
    """

    def __init__(self, controller: TomographyController, index: int, *, shows_fit: bool) -> None:
        super().__init__(controller, index)
        self.controller, self.shows_fit = controller, shows_fit
        text = (
            "Run the inversion to see how well it fits." if shows_fit else "Open a file of picks."
        )
        self._text = text
        self.pane = BokehPane(description=text)
        self.mute = small_button("Mute selected", "volume-off", "Leave the selected picks out")
        self.restore = small_button("Restore selected", "volume-up", "Use the selected picks again")
        self.restore_all = small_button("Restore all", "refresh", "Use every pick again")
        self.selected = text_control(
            "Selected picks", hint="none, or 3, 8-12", tip="Box or lasso on the curves, or type"
        )
        self.reduction = text_control(
            "Reduction velocity", AUTO, tip="Levels curves of this velocity; inf for none"
        )
        self.mute.on_click(lambda _: self._on_selected(controller.mute))
        self.restore.on_click(lambda _: self._on_selected(controller.restore))
        self.restore_all.on_click(lambda _: controller.restore())
        self.selected.observe(self._on_text, "value")
        self.reduction.observe(self._on_reduction, "value")
        controller.observe(
            controller.guarded(self._on_dataset), "ensemble" if shows_fit else "survey"
        )
        controller.observe(controller.guarded(self._mark), "survey")
        controller.state.observe(controller.guarded(self._mark), "gather")
        controller.state.observe(controller.guarded(self.refresh), "reduction_velocity")
        self.widget = widgets.VBox(
            [
                wrapped_row(self.selected, self.mute, self.restore, self.restore_all),
                self.reduction,
                self.pane,
            ]
        )
        self._shown: xr.Dataset | None = None
        self._marks: figures.Marks | None = None
        self.refresh()

    @property
    def dataset(self) -> xr.Dataset | None:
        """What the panel shows."""
        return self.controller.ensemble if self.shows_fit else self.controller.survey

    @property
    def source(self) -> Any:
        """The curves' source of picks; None before there are any."""
        return None if self._marks is None else self._marks.source

    def select(self, picks: Iterable[int]) -> None:
        """Select picks, as a box or lasso would."""
        self.selected.value = format_picks(picks)

    def _used(self) -> np.ndarray:
        """Which of the shown picks are used now."""
        used = self.controller.survey["used"].values.astype(bool)
        if not self.shows_fit:
            return used
        return used[self.controller.fitted_picks(range(self.controller.ensemble.sizes["pick"]))]

    def _on_dataset(self) -> None:
        """Draw another line's curves; the same line with other mutes is only marked."""
        new, old = self.dataset, self._shown
        if new is not None and old is not None and not self.shows_fit:
            names = ("travel_time", "shot_easting", "receiver_easting", "pick_std")
            if all(new[name].identical(old[name]) for name in names):
                self._shown = new
                self._mark()
                return
        self.refresh()

    def _draw(self) -> None:
        dataset = self._shown = self.dataset
        self.selected.value = ""
        if dataset is None:
            self._marks = None
            self.pane.clear(self._text)
            return
        dataset = dataset.assign(used=("pick", self._used()))
        reduction = self.controller.state.reduction_velocity
        curves = figures.travel_time_curves(
            dataset,
            reduction_velocity=np.inf if reduction == 0 else reduction,
            frame_width=FRAME_WIDTH,
        )
        for plot in [curves] if isinstance(curves, Plot) else curves.children:
            plot.toolbar.active_drag = next(
                each for each in plot.tools if isinstance(each, BoxSelectTool)
            )
        self._marks = figures.Marks.of(curves)
        self._marks.source.selected.on_change("indices", self._on_selection)
        n_picks = dataset.sizes["pick"]
        self.reduction.description = f"Reduction velocity [{display_of(dataset).velocity}]"
        self.pane.show(
            curves, description=f"Travel-time curves of {n_picks} picks; select picks to mute them"
        )
        self._mark()

    def _mark(self) -> None:
        """Show what is muted now, and only the gather on show."""
        if self._shown is not None and self._shown is self.dataset and self._marks is not None:
            shown = gather_of(self._shown, self.controller.state.gather)
            with self.pane.together():
                figures.mark_muted(self._marks, self._used(), shown=shown)

    def _on_selection(self, _: str, __: object, indices: list[int]) -> None:
        self.select(indices)

    def _on_text(self, _: object) -> None:
        with self.controller.reporting():
            picks = parse_picks(self.selected.value)
            if self.source is not None and sorted(self.source.selected.indices) != picks:
                self.source.selected.indices = picks

    def _on_selected(self, action: Callable[[Iterable[int]], None]) -> None:
        picks: list[int] = []
        with self.controller.reporting():
            picks = parse_picks(self.selected.value)
            if not picks:
                raise InputError("No picks are selected. Draw a box or lasso around some, or type.")
            if self.shows_fit:
                picks = self.controller.fitted_picks(picks)
        if picks:
            action(picks)
            if not self.controller.error:
                self.selected.value = ""

    def _on_reduction(self, _: object) -> None:
        with self.controller.reporting():
            text = self.reduction.value.strip().lower()
            value = None
            if text not in ("", AUTO):
                try:
                    value = float(text)
                except ValueError:
                    raise InputError(
                        f"Reduction velocity {text!r}: expected a number, inf or {AUTO}."
                    ) from None
                if not value > 0:
                    raise InputError(f"Reduction velocity {text}: expected more than 0.")
                unit = display_of(self.dataset) if self.dataset is not None else None
                value = value / unit.factor if unit else value
                value = 0.0 if np.isinf(value) else value
            self.controller.change("reduction velocity", reduction_velocity=value)


def gather_of(dataset: xr.Dataset, gather: str) -> np.ndarray | None:
    """Which picks a gather such as ``shot 12`` holds; None for all."""
    kind, _, number = gather.partition(" ")
    if kind not in ("shot", "receiver"):
        return None
    own = dataset[kind].values.astype(str) == number
    return own if own.any() else None
