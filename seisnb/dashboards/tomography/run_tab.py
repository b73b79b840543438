"""The inversion while it runs: misfit, members arriving on the section, time left."""

from __future__ import annotations

import threading
import time
from html import escape

import ipywidgets as widgets
import numpy as np
import xarray as xr

from seisnb.dashboards import figures
from seisnb.dashboards.figures.style import display_of
from seisnb.dashboards.in_sight import InSight
from seisnb.dashboards.looks import empty_html, text_box
from seisnb.dashboards.pane import BokehPane
from seisnb.dashboards.section_data import (
    SectionData,
    empty_section,
    line_overlays,
    section_data,
)
from seisnb.dashboards.section_view import SectionView
from seisnb.dashboards.tomography.controller import TABS, TomographyController
from seisnb.dashboards.verdict_box import verdict_html
from seisnb.handles import Progress

_EMPTY = "Run the inversion: its members appear here one by one."
#: Least time between two changes of the misfit figure [s].
PAUSE = 0.3


class RunTab(InSight):
    """What a person watches while an inversion runs.

    Parameters
    ----------
    controller : TomographyController
        Whose inversion is shown.
    """

    def __init__(self, controller: TomographyController) -> None:
        super().__init__(controller, TABS.index("run"))
        self.controller = controller
        self.words = text_box(empty_html(_EMPTY))
        self.misfit = BokehPane(description=_EMPTY)
        self.view = SectionView(empty_section(), description="members as they arrive")
        self.widget = widgets.VBox([self.words, self.misfit, self.view])
        self._chi2: list[float] = []
        self._n_shown, self._last = 0, 0.0
        self._waiting: list[Progress] = []
        self._lock = threading.RLock()
        self._survey: xr.Dataset | None = None
        self._total, self._verdict = 0, ""
        self._hide()
        controller.live.append(self._on_progress)
        controller.job.observe(controller.guarded(self._on_status), "status")

    def _hide(self) -> None:
        self.misfit.layout.display = self.view.layout.display = "none"

    def _on_status(self) -> None:
        if self.controller.job.status == "running":
            self._chi2, self._n_shown, self._waiting, self._verdict = [], 0, [], ""
            self._survey = self.controller.survey
            self._hide()
        else:
            ensemble = self.controller.ensemble
            if self.controller.job.status == "done" and ensemble is not None:
                self._verdict = verdict_html(ensemble, folded=True)
            self.refresh()

    def _on_progress(self, progress: Progress) -> None:
        """One message of the inversion."""
        if progress.stage != "members" and progress.message:
            self.words.value = f"<p>{escape(progress.stage)}: {escape(progress.message)}</p>"
        if progress.member is None or progress.chi2 is None:
            return
        with self._lock:
            self._waiting.append(progress)
        self.refresh()

    def _draw(self) -> None:
        """Show the members that wait; out of sight they cost the page nothing."""
        with self._lock:
            waiting, self._waiting = self._waiting, []
            for progress in waiting:
                self._add(progress)
            is_over = not self.controller.job.is_busy
            if self._chi2 and (waiting or is_over):
                total = self._total if not is_over else len(self._chi2)
                if is_over or time.monotonic() - self._last > PAUSE or len(waiting) > 1:
                    self._draw_misfit(total)
            if is_over and self._verdict:
                self.words.value = self._verdict

    def _add(self, progress: Progress) -> None:
        """One member more on the section."""
        if progress.member is None or progress.chi2 is None or self._survey is None:
            return
        self._total = progress.total
        easting, depth, velocity = progress.member()
        factor = display_of(self._survey).factor
        if not self._chi2:
            self.words.value = ""
            self.view.show(growing_section(self._survey, easting, depth, velocity))
            self.view.layout.display = self.misfit.layout.display = ""
        self._chi2.append(progress.chi2)
        self.view.append(_in_rock(self._survey, easting, depth, velocity * factor))

    def _draw_misfit(self, total: int) -> None:
        """Add the members that are not drawn yet."""
        self._last = time.monotonic()
        source = self.misfit.select_one("misfit")
        if source is None or self._n_shown == 0:
            plot = figures.misfit_figure(self._chi2, total)
            self.misfit.show(plot, description="misfit of the members as they arrive")
        else:
            new = self._chi2[self._n_shown :]
            first = self._n_shown + 1
            source.stream({"x": list(range(first, first + len(new))), "y": new})
        self._n_shown = len(self._chi2)


def growing_section(
    survey: xr.Dataset,
    easting: np.ndarray,
    depth: np.ndarray,
    velocity: np.ndarray,
) -> SectionData:
    """A section without members yet, scaled by the first that is about to arrive."""
    display = display_of(survey)
    shown = _in_rock(survey, easting, depth, velocity * display.factor)
    finite = shown[np.isfinite(shown)]
    low, high = figures.nice_limits(np.quantile(finite, (0.005, 0.995)))
    z = display.scaled(depth)
    top = float(z[0]) - 0.05 * float(z[-1] - z[0])
    dataset = survey.assign_coords(easting=easting)
    return section_data(
        np.zeros((0, depth.size, easting.size), np.float32), display.scaled(easting), z,
        title="Members so far", value_range=(0.0, 3.0 * float(finite.max())),
        limits=(low, high), std_limits=(0.0, 0.25 * (high - low)), top=top, bottom=float(z[-1]),
        unit=display.velocity, length_unit=display.length,
        label=f"P velocity ({display.velocity})", x_label=f"Easting ({display.length})",
        z_label=display.vertical, is_elevation=display.is_elevation, is_growing=True,
        overlays=line_overlays(dataset, top),
    )  # fmt: skip


def _in_rock(
    survey: xr.Dataset, easting: np.ndarray, depth: np.ndarray, velocity: np.ndarray
) -> np.ndarray:
    """A member with NaN above the surface."""
    surface = np.interp(easting, survey["surface_easting"].values, survey["surface_depth"].values)
    step = float(depth[1] - depth[0])
    return np.where(depth[:, None] >= surface - step, velocity, np.nan)
