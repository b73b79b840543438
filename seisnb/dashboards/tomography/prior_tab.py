"""The prior before anything is run: draws beside the data's first-order fit, and a scan."""

from __future__ import annotations

import json
from html import escape

import ipywidgets as widgets
import numpy as np
import xarray as xr
from bokeh.layouts import row

from seisnb.dashboards import figures
from seisnb.dashboards.figures.profiles import prior_interval
from seisnb.dashboards.figures.style import display_of, number
from seisnb.dashboards.looks import empty_html, small_button, text_box, wrapped_row
from seisnb.dashboards.pane import BokehPane
from seisnb.dashboards.section_data import (
    Field,
    SectionData,
    empty_section,
    line_overlays,
    section_data,
)
from seisnb.dashboards.section_view import SectionView
from seisnb.dashboards.tomography.controller import TomographyController

_EMPTY = "Draw from the prior to see what it believes before the picks are inverted."


class PriorTab:
    """Draws of the prior, the times they predict, and the scan of its hyper-parameters.

    Parameters
    ----------
    controller : TomographyController
        Whose prior is shown.
    """

    def __init__(self, controller: TomographyController) -> None:
        self.controller = controller
        self.draw = small_button("Draw from the prior", "random", "Models the prior believes in")
        self.scan = small_button(
            "Scan hyper-parameters", "th", "Evidence over amplitude and correlation lengths"
        )
        self.use_best = small_button(
            "Use the best", "check", "Take over the most probable combination", disabled=True
        )
        self.verdict = text_box(empty_html(_EMPTY))
        self.times = BokehPane(description=_EMPTY)
        self.view = SectionView(empty_section(), description="draws from the prior")
        self.view.quantity = "member"
        self.scanned = BokehPane(description="hyper-parameters: not scanned yet")
        self.draw.on_click(lambda _: controller.draw_prior())
        self.scan.on_click(lambda _: controller.scan_priors())
        self.use_best.on_click(lambda _: controller.use_best_prior())
        controller.observe(controller.guarded(self._on_draws), "draws")
        controller.observe(controller.guarded(self._on_scan), "scan")
        controller.job.observe(controller.guarded(self._on_job), "status")
        self.widget = widgets.VBox(
            [
                wrapped_row(self.draw, self.scan, self.use_best),
                self.verdict, self.times, self.view, self.scanned,
            ]
        )  # fmt: skip
        for hidden in (self.times, self.view, self.scanned):
            hidden.layout.display = "none"

    def _on_job(self) -> None:
        busy = self.controller.job.is_busy
        self.draw.disabled = self.scan.disabled = busy
        self.use_best.disabled = busy or self.controller.scan is None

    def _on_draws(self) -> None:
        draws = self.controller.draws
        if draws is None:
            return
        self.view.show(draws_section(draws))
        self.view.quantity = "member"
        plot = figures.prior_times(draws)
        self.times.show(plot, description=plot.title.text)
        self.times.layout.display = self.view.layout.display = ""
        self.verdict.value = f"<p>{escape(prior_verdict(draws))}</p>"

    def _on_scan(self) -> None:
        scan = self.controller.scan
        if scan is None:
            return
        self.scanned.show(
            row(
                figures.evidence_map(scan, frame_width=300, frame_height=240),
                figures.amplitude_profile(scan, frame_width=250, frame_height=240),
            ),
            description="Evidence over the prior's hyper-parameters",
        )
        self.scanned.layout.display = ""
        self.use_best.disabled = False


def draws_section(draws: xr.Dataset) -> SectionData:
    """Draws of the prior as a section, with the prior and the first-order fit in the profile."""
    display = display_of(draws)
    x, z = display.scaled(draws["easting"].values), display.scaled(draws["depth"].values)
    rock = draws["rock"].values.astype(bool)
    velocity = display.scaled(draws["velocity"].values).astype(np.float32)
    velocity[:, ~rock] = np.nan
    low, high = prior_interval(draws, draws)
    surface = np.interp(
        draws["easting"].values, draws["surface_easting"].values, draws["surface_depth"].values
    )
    below = draws["depth"].values[:, None] - surface
    fit = np.interp(below, draws["below_surface"].values, draws["first_order_velocity"].values)
    top = float(z[0]) - 0.05 * float(z[-1] - z[0])
    return section_data(
        velocity, x, z, title="Draws from the prior",
        limits=figures.nice_limits(np.quantile(velocity[:, rock], (0.01, 0.99))),
        top=top, bottom=float(z[-1]), unit=display.velocity, length_unit=display.length,
        label=f"P velocity ({display.velocity})", x_label=f"Easting ({display.length})",
        z_label=display.vertical, is_elevation=display.is_elevation,
        quantities=("member", "mean", "std"),
        fields=(
            Field(name="prior_low", values=low.astype(np.float32)),
            Field(name="prior_high", values=high.astype(np.float32)),
            Field(name="prior_mean",
                  values=display.scaled(draws["prior_mean"].values).astype(np.float32)),
            Field(name="first_order", values=display.scaled(fit).astype(np.float32)),
        ),
        overlays=line_overlays(draws, top),
    )  # fmt: skip


def prior_verdict(draws: xr.Dataset) -> str:
    """Whether the prior leaves room for the picks, in words."""
    display = display_of(draws)
    predicted = draws["predicted_time"].values
    observed = draws["travel_time"].values
    low, high = predicted.min(axis=0), predicted.max(axis=0)
    inside = float(((observed >= low) & (observed <= high)).mean())
    spread = float(np.median(predicted.std(axis=0, ddof=1)))
    settings = json.loads(str(draws.attrs["prior"]))
    lengths = " and ".join(
        display.text(settings[f"length_{axis}"], display.length) for axis in ("easting", "depth")
    )
    words = (
        f"{draws.sizes['particle']} draws: amplitude {number(settings['amplitude'])}, lengths "
        f"{lengths}. Their times enclose {inside:.0%} of the picks shown and spread by "
        f"{number(spread * display.factor)} {display.time} (median of 1 std)."
    )
    if inside < 0.8:
        return f"{words} The prior hardly allows what was picked: widen amplitude, or its mean."
    return f"{words} The prior leaves room for what was picked."
