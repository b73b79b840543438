"""The slip dashboard: sites, inversion, slip, structures, moment, fit, prior, in one widget."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from html import escape
from typing import Any

import ipywidgets as widgets
import xarray as xr

from seisnb.conventions import SeisnbError
from seisnb.dashboards.controls import Form, choice_control, text_control
from seisnb.dashboards.jobs import Job
from seisnb.dashboards.looks import button, tab_stack, wrapped_row
from seisnb.dashboards.shell import Shell, taking
from seisnb.dashboards.slip.controller import SlipController, Structures
from seisnb.dashboards.slip.data_tab import DataTab
from seisnb.dashboards.slip.result_tabs import FitTab, MomentTab, SmoothingTab, StructuresTab
from seisnb.dashboards.slip.run_tab import RunTab, status_words
from seisnb.dashboards.slip.slip_tab import SlipTab
from seisnb.dashboards.slip.state import TABS, ReadingConfig, SlipState
from seisnb.slip import SlipConfig


class SlipDashboard(widgets.VBox):
    """Invert what sites moved by, over an ensemble of structures, and see what is known of slip.

    Open a table of sites and meshes of the fault, mute sites, set the prior and run it with and
    without smoothing; look at slip, at any patch, at what the displacements say of the structures,
    the moment, and the residuals. Every step can be undone, is told as Python, and kept as a
    session.

    Parameters
    ----------
    offsets : xr.Dataset, optional
        As for :func:`seisnb.slip.invert_slip`; without them files are opened in the dashboard.
    structures : StructureEnsemble, Structure or sequence of Structure, optional
        With the offsets.
    config : SlipConfig, optional
        What the form begins with.
    result : xr.Dataset, optional
        A result to look at, alone or beside its data.
    invert : callable, optional
        Stands in for :func:`seisnb.slip.invert_slip`, with its signature.

    Attributes
    ----------
    controller : SlipController
        All actions; everything that the controls do can be done by code.
    state : SlipState
        What is set and looked at.
    result : xr.Dataset or None
        The result on show.
    job : Job
        The background work.

    Raises
    ------
    InputError
        Offsets without structures or structures without offsets; a result that is none.
    """

    def __init__(
        self,
        offsets: xr.Dataset | None = None,
        structures: Structures | None = None,
        config: SlipConfig | None = None,
        *,
        result: xr.Dataset | None = None,
        invert: Callable[..., xr.Dataset] | None = None,
    ) -> None:
        self.controller = act = SlipController(
            offsets, structures, config, result=result, invert=invert
        )
        self.shell = Shell(act, session_folder="results/slip-session")
        self.status, self.alert = self.shell.status, self.shell.alert
        self._make_controls()
        self.data_tab, self.run_tab, self.slip_tab = DataTab(act), RunTab(act), SlipTab(act)
        self.structures_tab, self.moment_tab = StructuresTab(act), MomentTab(act)
        self.fit_tab, self.smoothing_tab = FitTab(act), SmoothingTab(act)
        self.tabs = tab_stack(
            {name: getattr(self, f"{name}_tab").widget for name in TABS}, act.state.tab
        )
        super().__init__(self.shell.around(self._body()))
        self.add_class("seisnb-app")
        self.shell.title.value = "Slip over an ensemble of structures"
        self._is_filling = False
        self._connect()
        self._sync_controls()

    @property
    def state(self) -> SlipState:
        """What is set and looked at."""
        return self.controller.state

    @property
    def result(self) -> xr.Dataset | None:
        """The result on show."""
        return self.controller.result

    @property
    def job(self) -> Job:
        """The background work."""
        return self.controller.job

    def _make_controls(self) -> None:
        """Controls on the left."""
        state = self.controller.state
        self.files = {
            "offsets": text_control("Displacements", hint="offsets.csv"),
            "meshes": text_control("Meshes", hint="interface.msh, or mesh_*.msh"),
        }
        self.reading = Form(
            ReadingConfig, group="reading", shown=("unit", "members", "dip_std", "depth_std")
        )
        self.take_reading = taking(self.controller, self.reading, "reading")
        self.open_button = button("Open", "folder-open", "Read the files named above")
        self.result_path = text_control("File of a result", hint="slip.nc")
        self.result_button = button("Open result", "folder-open", "Look at a result that was saved")
        self.runs = choice_control(
            "Result", [("none", "")], "", tip="The result on show", label_width="70px"
        )
        self.folder = text_control("Results in folder", state.folder)
        self.save_button = button("Save", "save", "Data, report, notebook")

    def _body(self) -> widgets.HBox:
        """Files and results on the left, tabs on the right; under each other on a narrow page."""
        data = widgets.VBox([*self.files.values(), self.reading.widget, self.open_button])
        saved = widgets.VBox([self.result_path, self.result_button])
        forms = widgets.Accordion(
            [data, saved], titles=["1  Sites and fault", "2  A saved result"],
            selected_index=None if self.controller.sites else 0,
        )  # fmt: skip
        left = widgets.VBox(
            [forms, self.runs, self.status, self.folder, wrapped_row(self.save_button)],
            layout=widgets.Layout(flex="0 1 380px", min_width="300px"),
        )
        return widgets.HBox([left, self.tabs], layout=widgets.Layout(flex_flow="row wrap"))

    def _connect(self) -> None:
        """From controls to actions, from state to controls."""
        act = self.controller
        self.open_button.on_click(
            lambda _: (
                self.take_reading()
                and act.open(self.files["offsets"].value, self.files["meshes"].value)
            )
        )
        self.reading.observe(self.take_reading)
        self.result_button.on_click(lambda _: act.open_result(self.result_path.value))
        self.save_button.on_click(lambda _: act.save(self.folder.value))
        self.folder.observe(lambda c: self._asked("name a folder", folder=c["new"]), "value")
        self.runs.observe(lambda c: self._asked(f"look at {c['new']}", run=c["new"]), "value")
        self.tabs.observe(self._on_tab, "selected_index")
        act.state.observe(act.guarded(self._sync_controls))
        act.observe(act.guarded(self._sync_controls), "run_names")
        act.observe(act.guarded(self._sync), ["result", "note", "is_stale", "data_number"])
        act.observe(act.guarded(self.shell.refresh), ["data_number", "result"])
        act.job.observe(act.guarded(self._sync), ["status", "progress"])

    def _asked(self, label: str, /, **values: Any) -> None:
        """A control was changed by a person."""
        changed = {k: v for k, v in values.items() if getattr(self.state, k) != v}
        if changed and not self._is_filling:
            self.controller.change(label, "", **changed)

    def _on_tab(self, change: dict[str, Any]) -> None:
        if change["new"] is not None:
            self._asked(f"look at {TABS[change['new']]}", tab=change["new"])

    def _sync_controls(self, _: object = None) -> None:
        """Show the state in the controls."""
        act, state = self.controller, self.state
        self._is_filling = True
        try:
            options = [("none", ""), *((name, name) for name in act.run_names)]
            if list(self.runs.options) != options:
                self.runs.options = options
            self.runs.value = state.run if state.run in act.run_names else ""
            self.folder.value = state.folder
            self.tabs.selected_index = state.tab
            if state.opened:
                self.files["offsets"].value = state.opened["offsets"]
                self.files["meshes"].value = ", ".join(state.opened["meshes"])
        finally:
            self._is_filling = False
        for form, name in ((self.reading, "reading"), (self.run_tab.form, "config")):
            _show(form, getattr(state, name))
        self._sync()

    def _sync(self) -> None:
        """Show where things stand."""
        act = self.controller
        self.runs.disabled = not act.run_names
        self.save_button.disabled = act.result is None
        self.open_button.disabled = act.job.is_busy
        parts = [status_words(act)]
        if act.has_data:
            n = len(act.sites)
            parts.append(f"{n - len(act.state.muted)} of {n} sites are used.")
        elif act.result is None:
            parts.append("Open displacements and meshes, or a result.")
        if act.is_stale:
            parts.append("The result shown was made with other sites or settings: run again.")
        if act.note:
            parts.append(act.note)
        self.status.value = "<br>".join(escape(part) for part in parts)


def _show(form: Form, config: Any) -> None:
    """Show a configuration in a form that stands otherwise; a half-filled one is let be."""
    shown = None
    with contextlib.suppress(SeisnbError):  # what is wrong there is told when it is used
        shown = form.read()
    if shown is not None and shown != config:
        form.write(config)
