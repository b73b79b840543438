"""The two pictures of a tomography dashboard: travel-time curves to edit picks, and the section."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import ipywidgets as widgets
import numpy as np
import xarray as xr
from bokeh.events import Tap
from bokeh.models import BoxSelectTool, Div, Plot, Span
from bokeh.plotting import figure

from seisnb.conventions import InputError
from seisnb.dashboards import figures
from seisnb.dashboards.controls import AUTO, choice_control, text_control
from seisnb.dashboards.figures.style import INK, display_of
from seisnb.dashboards.pane import BokehPane
from seisnb.dashboards.state import QUANTITIES, Controller

FRAME_WIDTH = 560
_EMPTY = "<p style='font: 14px sans-serif; color: #555'>{}</p>"
_QUANTITY_LABELS = {
    "mean": "Mean",
    "std": "Uncertainty (std)",
    "ratio": "Posterior / prior std",
    "coverage": "Ray coverage",
    "member": "Single member",
}


class CurvesPanel:
    """Travel-time curves on which picks are selected, muted and restored.

    Parameters
    ----------
    controller : Controller
        Whose picks are shown.
    shows_fit : bool
        True for the ensemble's picks with prediction and residuals, False for the survey's.
    """

    def __init__(self, controller: Controller, *, shows_fit: bool) -> None:
        self.controller, self.shows_fit = controller, shows_fit
        text = (
            "Run the inversion to see how well it fits." if shows_fit else "Open a file of picks."
        )
        self._text = text
        self.pane = BokehPane(Div(text=_EMPTY.format(text)), description=text)
        self.mute = _button("Mute selected", "volume-off", "Leave the selected picks out")
        self.restore = _button("Restore selected", "volume-up", "Use the selected picks again")
        self.restore_all = _button("Restore all", "refresh", "Use every pick again")
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
        controller.state.observe(controller.guarded(self._on_muted), "muted")
        controller.state.observe(controller.guarded(self._draw), "reduction_velocity")
        self.widget = widgets.VBox(
            [
                widgets.HBox([self.selected, self.mute, self.restore, self.restore_all]),
                widgets.HBox([self.reduction]),
                self.pane,
            ]
        )
        for box in self.widget.children[:2]:
            box.layout.flex_flow = "row wrap"
        self._shown: xr.Dataset | None = None
        self._draw()

    @property
    def dataset(self) -> xr.Dataset | None:
        """What the panel shows."""
        return self.controller.ensemble if self.shows_fit else self.controller.survey

    @property
    def source(self) -> Any:
        """The curves' source of picks; None before there are any."""
        return self.pane.model.select_one({"name": "pick_source"})

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
                return
        self._draw()

    def _draw(self) -> None:
        dataset = self._shown = self.dataset
        self.selected.value = ""
        if dataset is None:
            self.pane.show(Div(text=_EMPTY.format(self._text)), description=self._text)
            return
        dataset = dataset.assign(used=("pick", self._used()))
        curves = figures.travel_time_curves(
            dataset,
            reduction_velocity=self.controller.state.reduction_velocity,
            frame_width=FRAME_WIDTH,
        )
        for plot in curves.select({"type": Plot}):
            plot.toolbar.active_drag = plot.select_one({"type": BoxSelectTool})
        source = curves.select_one({"name": "pick_source"})
        source.selected.on_change("indices", self._on_selection)
        n_picks = dataset.sizes["pick"]
        self.reduction.description = f"Reduction velocity [{display_of(dataset).velocity}]"
        self.pane.show(
            curves, description=f"Travel-time curves of {n_picks} picks; select picks to mute them"
        )

    def _on_muted(self) -> None:
        if self._shown is not None:
            figures.mark_muted(self.pane.model, self._used())

    def _on_selection(self, _: str, __: object, indices: list[int]) -> None:
        self.selected.value = format_picks(indices)

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
            self.controller.error = ""
            text = self.reduction.value.strip().lower()
            value = None
            if text not in ("", AUTO):
                try:
                    value = float(text)
                except ValueError:
                    raise InputError(
                        f"Reduction velocity {text!r}: expected a number, inf or {AUTO}."
                    ) from None
                unit = display_of(self.dataset) if self.dataset is not None else None
                value = value / unit.factor if unit else value
            self.controller.state.reduction_velocity = value


class SectionPanel:
    """The section of a quantity, and the profile where it is clicked."""

    def __init__(self, controller: Controller) -> None:
        self.controller, state = controller, controller.state
        self._text = "Run the inversion to see the section."
        self.pane = BokehPane(Div(text=_EMPTY.format(self._text)), description=self._text)
        self.profile = BokehPane(Div(text=""), description="velocity profile")
        self.quantity = choice_control("Show", QUANTITIES, state.quantity)
        self.quantity.options = [(label, name) for name, label in _QUANTITY_LABELS.items()]
        self.member = _slider(widgets.IntSlider, "Member", min=1, max=1, continuous_update=True)
        self.grey = _slider(widgets.FloatSlider, "Grey above std", min=0.0, max=1.0, step=0.01)
        self.easting = _slider(widgets.FloatSlider, "Profile at easting", min=0.0, max=1.0)
        self.controls = widgets.VBox([self.quantity, self.member, self.grey, self.easting])
        self.widget = widgets.VBox([self.controls, self.pane, self.profile])
        self._is_syncing = False
        self.quantity.observe(self._by_hand(lambda name: {"quantity": name}), "value")
        self.member.observe(
            self._by_hand(lambda number: {"quantity": "member", "member": number - 1}), "value"
        )
        self.grey.observe(self._by_hand(self._grey_asked), "value")
        self.easting.observe(self._by_hand(self._easting_asked), "value")
        controller.observe(controller.guarded(self._on_ensemble), "ensemble")
        state.observe(controller.guarded(self._repaint), ["quantity", "member", "grey_above"])
        state.observe(controller.guarded(self._draw_profile), "profile_easting")
        self._on_ensemble()

    def layer(self) -> figures.Layer:
        """What the state asks to see of the ensemble."""
        ensemble, state = self.controller.ensemble, self.controller.state
        grey = state.grey_above
        if state.quantity == "member":
            return figures.member_layer(ensemble, state.member)
        if state.quantity == "mean":
            return figures.mean_layer(ensemble, grey_above=grey)
        if state.quantity == "std":
            return figures.std_layer(ensemble, grey_above=grey)
        layers = {"ratio": figures.ratio_layer, "coverage": figures.coverage_layer}
        return layers[state.quantity](ensemble)

    def _by_hand(self, asked: Callable[[Any], dict[str, Any]]) -> Callable[[dict[str, Any]], None]:
        """An observer of a control that changes the state when a person moved the control."""

        def observe(change: dict[str, Any]) -> None:
            if not self._is_syncing:
                self.controller.change(**asked(change["new"]))

        return observe

    @contextmanager
    def _syncing(self) -> Iterator[None]:
        """While controls are set from the state, they do not set the state."""
        before, self._is_syncing = self._is_syncing, True
        try:
            yield
        finally:
            self._is_syncing = before

    def _on_ensemble(self) -> None:
        """Fit the controls to another ensemble and draw it anew."""
        ensemble = self.controller.ensemble
        is_empty = ensemble is None
        self.controls.layout.display = self.profile.layout.display = "none" if is_empty else ""
        if is_empty:
            self.pane.show(Div(text=_EMPTY.format(self._text)), description=self._text)
            return
        display, x = display_of(ensemble), ensemble["easting"].values
        with self._syncing():
            self.member.max = ensemble.sizes["particle"]
            most = display.factor * float(ensemble["velocity_std"].max())
            _set_range(self.grey, 0.0, most, most / 100)
            self.grey.description = f"Grey above std [{display.velocity}]"
            low, high = (display.factor * float(x[i]) for i in (0, -1))
            _set_range(self.easting, low, high, display.factor * float(x[1] - x[0]))
            self.easting.description = f"Profile at easting [{display.length}]"
        self._sync()
        self.pane.show(self._section(), description=self.layer().title)
        self._draw_profile()

    def _section(self) -> figure:
        """A new section with the profile's mark and a listener for clicks."""
        plot = figures.section(self.controller.ensemble, self.layer(), frame_width=FRAME_WIDTH)
        plot.add_layout(
            Span(
                name="profile_mark",
                dimension="height",
                location=self.easting.value,
                line_color=INK,
                line_dash=[2, 3],
            )
        )
        plot.on_event(Tap, self._on_tap)
        return plot

    def _sync(self) -> None:
        """Show the state in the controls."""
        state = self.controller.state
        display = display_of(self.controller.ensemble)
        with self._syncing():
            self.quantity.value = state.quantity
            self.member.value = state.member + 1
            grey = self.grey.max if state.grey_above is None else state.grey_above * display.factor
            self.grey.value = min(grey, self.grey.max)
            if state.profile_easting is not None:
                self.easting.value = state.profile_easting * display.factor
        self.grey.disabled = state.quantity not in ("mean", "std")

    def _repaint(self) -> None:
        ensemble = self.controller.ensemble
        if ensemble is None or self.pane.model.select_one({"name": "image"}) is None:
            return
        self._sync()
        layer = self.layer()
        figures.repaint(self.pane.model, ensemble, layer)
        self.pane.description = layer.title

    def _draw_profile(self) -> None:
        ensemble, easting = self.controller.ensemble, self.controller.state.profile_easting
        if ensemble is None or easting is None:
            return
        self._sync()
        mark = self.pane.model.select_one({"name": "profile_mark"})
        if mark is not None:
            mark.location = display_of(ensemble).factor * easting
        plot = figures.velocity_profile(ensemble, easting, frame_height=300)
        self.profile.show(plot, description=plot.title.text)

    def _on_tap(self, event: Tap) -> None:
        """A click on the section asks for the profile there."""
        if event.x is not None:
            self.controller.change(**self._easting_asked(event.x))

    def _easting_asked(self, shown: float) -> dict[str, Any]:
        """An easting in display units, kept on the line."""
        ensemble = self.controller.ensemble
        x = ensemble["easting"].values
        easting = float(np.clip(shown / display_of(ensemble).factor, x[0], x[-1]))
        return {"profile_easting": easting}

    def _grey_asked(self, shown: float) -> dict[str, Any]:
        """A std in display units; the slider's end greys nothing."""
        factor = display_of(self.controller.ensemble).factor
        return {"grey_above": None if shown >= self.grey.max else shown / factor}


def parse_picks(text: str) -> list[int]:
    """Pick numbers from text such as ``"3, 8-12"``, sorted.

    Raises
    ------
    InputError
        A part that is neither a number nor a range.

    Examples
    --------
    >>> parse_picks("3, 8-10")
    [3, 8, 9, 10]
    """
    picks: set[int] = set()
    for part in text.replace(";", ",").split(","):
        low, dash, high = part.strip().partition("-")
        if not part.strip():
            continue
        try:
            first = int(low)
            last = int(high) if dash else first
        except ValueError:
            raise InputError(
                f"Selected picks: {part.strip()!r} is no number or range. Write 3, 8-12."
            ) from None
        if last - first > 10_000_000:
            raise InputError(f"Selected picks: {part.strip()!r} is too long a range.")
        picks.update(range(first, last + 1))
    return sorted(picks)


def format_picks(picks: Iterable[int]) -> str:
    """Pick numbers as text with runs folded, the inverse of :func:`parse_picks`.

    Examples
    --------
    >>> format_picks([8, 3, 9, 10])
    '3, 8-10'
    """
    numbers = np.unique(np.fromiter(picks, np.int64))
    runs = np.split(numbers, np.flatnonzero(np.diff(numbers) > 1) + 1)
    return ", ".join(
        str(run[0]) if run.size == 1 else f"{run[0]}-{run[-1]}" for run in runs if run.size
    )


def _button(label: str, icon: str, tip: str) -> widgets.Button:
    return widgets.Button(
        description=label, icon=icon, tooltip=tip, layout=widgets.Layout(width="auto")
    )


def _slider(kind: type, label: str, **options: Any) -> Any:
    """A slider with room for its label."""
    return kind(
        description=label,
        style={"description_width": "190px"},
        layout=widgets.Layout(width="auto", max_width="640px"),
        **{"continuous_update": False, **options},
    )


def _set_range(slider: Any, low: float, high: float, step: float) -> None:
    """Give a slider another range, in the order that its own checks allow."""
    with slider.hold_trait_notifications():
        slider.min, slider.max, slider.step = low, high, step
