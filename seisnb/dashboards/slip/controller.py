"""The model behind the slip dashboard: no widgets, usable by code and by tests.

Actions change the state and the data; views observe both and draw. An action reports what went
wrong in ``error`` instead of raising, because Jupyter hides the exceptions of widget callbacks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import traitlets
import xarray as xr

from seisnb.conventions import OFFSETS, Cancelled, InputError, SeisnbError, check_dataset
from seisnb.dashboards.controller import Controller, reported
from seisnb.dashboards.figures.slip_units import check_slip
from seisnb.dashboards.notebook import write_notebook
from seisnb.dashboards.sessions import files_named, key_of, output_folder
from seisnb.dashboards.slip.code import code_of
from seisnb.dashboards.slip.runs import Data, Run, beside, read_data, without
from seisnb.dashboards.slip.session import read_slip_session, write_slip_session
from seisnb.dashboards.slip.state import TABS, SlipState
from seisnb.dashboards.slip_report import smoothing_name, write_slip_report
from seisnb.dashboards.traits import DatasetTrait
from seisnb.io import open_slip, save_slip
from seisnb.slip import SlipConfig, Structure, StructureEnsemble, invert_slip, structure_ensemble

Structures = StructureEnsemble | Structure | Sequence[Structure]


class SlipController(Controller):
    """The actions of a slip dashboard.

    Parameters
    ----------
    offsets, structures
        As for :func:`seisnb.slip.invert_slip`; both or none.
    config : SlipConfig, optional
        What the form begins with.
    result : xr.Dataset, optional
        A result to look at, with or without the data.
    invert : callable, optional
        Stands in for :func:`seisnb.slip.invert_slip`.

    Attributes
    ----------
    state : SlipState
        What is set and looked at.
    result : xr.Dataset or None
        The result on show.
    run_names : tuple of str
        Results of the session.
    is_stale : bool
        No result of the session was made with the sites and settings that are now set.
    data_number : int
        Grows when other data or a result without data come.
    """

    state: SlipState
    result = DatasetTrait(None, allow_none=True)
    run_names = traitlets.Tuple(())
    is_stale = traitlets.Bool(False)
    data_number = traitlets.Int(0)

    def __init__(
        self,
        offsets: xr.Dataset | None = None,
        structures: Structures | None = None,
        config: SlipConfig | None = None,
        *,
        result: xr.Dataset | None = None,
        invert: Callable[..., xr.Dataset] | None = None,
    ) -> None:
        super().__init__(SlipState(config=config or SlipConfig()))
        self._invert = invert or invert_slip
        self._known_data: dict[str, Data] = {}
        self._runs: dict[str, Run] = {}
        if (offsets is None) != (structures is None):
            raise InputError(
                "SlipDashboard: offsets and structures go together; give both, or none and open "
                "files, or a result alone."
            )
        if offsets is not None and structures is not None:
            self._take_data(offsets, structures)
        if result is not None:
            check_slip(result, "SlipDashboard")
            self._take_run(result, "result", tab="slip")
        self.history.forget()

    # ---- what there is ---------------------------------------------------------------------

    @property
    def _data(self) -> Data | None:
        """What is inverted, by the state's ``opened``."""
        return self._known_data.get(key_of(self.state.opened))

    @property
    def has_data(self) -> bool:
        """There are displacements and structures, so that slip can be inverted."""
        return self._data is not None

    @property
    def data(self) -> Data:
        """What is inverted.

        Raises
        ------
        InputError
            Nothing was opened yet, or a result alone was handed over.
        """
        if self._data is None:
            raise InputError(
                "dashboard: there are no displacements and structures. Open files first; a result "
                "alone cannot be inverted again."
            )
        return self._data

    @property
    def sites(self) -> list[str]:
        """Names of the sites of the data, or of the result where there are none."""
        source = self._data.offsets if self._data is not None else self.result
        return [] if source is None else [str(name) for name in source["site"].values]

    @property
    def code(self) -> str:
        """Python that makes what the dashboard shows."""
        if self._data is None and self.result is None:
            return "# Open files: the lines that repeat what you do appear here."
        return code_of(self.state, has_data=self.has_data)

    @property
    def run(self) -> Run | None:
        """The result on show and what it was made from."""
        return self._runs.get(self.state.run)

    @property
    def compared(self) -> list[tuple[str, xr.Dataset]]:
        """Results of different priors from the data of the one on show, weak prior first."""
        if self.run is None:
            return []
        found = beside(self.run, self._runs.values())
        return [(smoothing_name(each.slip), each.slip) for each in found]

    # ---- data ------------------------------------------------------------------------------

    @reported
    def open(self, offsets: str, meshes: str) -> None:
        """Read displacements and meshes with the options that are set.

        Parameters
        ----------
        offsets : str
            A table of sites.
        meshes : str
            Files apart by blanks or commas; patterns such as ``mesh_*.msh`` name many.
        """
        self._refuse_busy("open other files")
        for what, text in (("displacements", offsets), ("meshes", meshes)):
            if not text.strip():
                raise InputError(f"dashboard: no file of {what} is named.")
        opened = {
            "offsets": str(Path(offsets.strip()).expanduser()),
            "meshes": [
                str(path) for part in meshes.replace(",", " ").split() for path in files_named(part)
            ],
            "reading": self.state.snapshot()["reading"],
        }
        self._apply({"opened": opened, "muted": (), "run": "", "patch": None, "tab": 0})
        self.history.record("open files")

    @reported
    def open_result(self, path: str) -> None:
        """Open a result that was saved, beside those of the session."""
        file = Path(path).expanduser()
        self._take_run(open_slip(file), file.parent.name or file.stem, tab="slip")
        self.history.record(f"open {file.name}")

    def mute(self, sites: Iterable[str]) -> None:
        """Take sites out of the next inversion."""
        with self.reporting():
            chosen = self._known(sites)
            self.change(f"mute {', '.join(chosen)}", muted=(*self.state.muted, *chosen))

    def restore(self, sites: Iterable[str] | None = None) -> None:
        """Bring muted sites back; all of them by default."""
        with self.reporting():
            chosen = self._known(self.state.muted if sites is None else sites)
            kept = tuple(name for name in self.state.muted if name not in chosen)
            self.change(f"restore {', '.join(chosen)}", muted=kept)

    # ---- work ------------------------------------------------------------------------------

    @reported
    def start(self) -> None:
        """Invert in the background, as the form says."""
        self._start([self.state.config])

    @reported
    def start_both(self) -> None:
        """Invert without smoothing and with it: that of the form, or a Gaussian process."""
        config = self.state.config
        smooth = "gaussian_process" if config.smoothing == "none" else config.smoothing
        self._start([replace(config, smoothing="none"), replace(config, smoothing=smooth)])

    def _start(self, configs: list[SlipConfig]) -> None:
        data, muted = self.data, self.state.muted
        offsets = without(data.offsets, muted)
        if not offsets.sizes["site"]:
            raise InputError("dashboard: all sites are muted. Restore some of them.")

        def work(report: Callable[[Any], None], is_cancelled: Callable[[], bool]) -> list[Any]:
            found: list[tuple[xr.Dataset, str]] = []
            for config in configs:
                try:
                    slip = self._invert(
                        offsets, data.structures, config, progress=report, cancel=is_cancelled
                    )
                except Cancelled:
                    if not found:
                        raise
                    break  # what is done is kept
                found.append((slip, data.key(muted, config)))
            return found

        self.note = ""
        self.job.start(work, self._deliver)

    def _deliver(self, found: list[tuple[xr.Dataset, str]]) -> None:
        """Take results, in the worker thread."""
        with self._lock:
            for slip, key in found:
                n = sum(name.startswith("run ") for name in self._runs) + 1
                self._take_run(slip, f"run {n}: {smoothing_name(slip)}", key=key, tab="slip")
            self.history.record("invert")
            self.note = str(found[-1][0].attrs.get("verdict", ""))

    # ---- saving ----------------------------------------------------------------------------

    @reported
    def save(self, folder: str) -> None:
        """Write the result on show into a folder: data, report, notebook; others beside it."""
        target = output_folder(folder)
        if self.run is None:
            raise InputError("dashboard: there is no slip yet. Run the inversion first.")
        shown, names = self.run, ["slip.nc"]
        others = [each for each in beside(shown, self._runs.values()) if each is not shown]
        save_slip(shown.slip, target / "slip.nc")
        for each in others:
            names.append(f"slip_{each.smoothing}.nc")
            save_slip(each.slip, target / names[-1])
        titled = [(smoothing_name(each.slip), each.slip) for each in others]
        write_slip_report(shown.slip, target / "report.html", beside=titled)
        write_notebook(self.code, target / "reproduce.ipynb", title="Slip, as set by hand")
        self.note = f"Saved {', '.join([*names, 'report.html', 'reproduce.ipynb'])} to {target}."

    @reported
    def save_session(self, folder: str) -> None:
        """Write the session into a folder: state, links to the data, results."""
        target = write_slip_session(folder, self.state, self._data, self._runs.values())
        self.note = f"Session saved to {target}."

    @reported
    def restore_session(self, folder: str, *, allow_changed: bool = False) -> None:
        """Bring back a session; data that changed are refused, or used without the old results."""
        self._refuse_busy("restore a session")
        handed = self._known_data.get(key_of({}))
        found = read_slip_session(folder, handed, allow_changed=allow_changed)
        state, data = found.state, found.data
        sites = set() if data is None else {str(name) for name in data.offsets["site"].values}
        values = state.snapshot() | {
            "run": state.run if state.run in found.runs else "",
            "muted": [name for name in state.muted if name in sites],
        }
        if data is not None:
            self._known_data[key_of(state.opened)] = data
        self._runs, self.run_names = found.runs, tuple(found.runs)
        self._apply(self.state._decoded(values, "session"))
        self.data_number += 1
        self.history.forget()
        self.note = f"Session restored from {found.root}." + (
            f" {', '.join(found.changed).capitalize()} have changed since: results made from the "
            "old are out."
            if found.changed
            else ""
        )

    # ---- inside ----------------------------------------------------------------------------

    def _refuse_busy(self, what: str) -> None:
        if self.job.is_busy:
            raise InputError(f"dashboard: an inversion is running. Cancel it to {what}.")

    def _known(self, sites: Iterable[str]) -> list[str]:
        """Names of sites that the data have."""
        chosen, known = [str(name) for name in sites], set(self.sites)
        for name in chosen:
            if name not in known:
                raise InputError(f"dashboard: there is no site {name!r}.")
        return chosen

    def _take_data(self, offsets: xr.Dataset, structures: Structures) -> None:
        places = {name: OFFSETS[name] for name in ("easting", "northing")}
        check_dataset(offsets, places, where="SlipDashboard", kind="offsets")
        if isinstance(structures, Structure):
            structures = [structures]
        if not isinstance(structures, StructureEnsemble):
            structures = structure_ensemble(structures)
        self._known_data[key_of({})] = Data.of(offsets, structures)
        self.data_number += 1

    def _take_run(self, slip: xr.Dataset, name: str, *, tab: str, key: str = "") -> None:
        """Make a result the one on show."""
        label, n = name, 1
        while label in self._runs:
            n += 1
            label = f"{name} ({n})"
        self._runs[label] = Run(name=label, slip=slip, key=key)
        self.run_names = tuple(self._runs)
        patch = self.state.patch
        if patch is None or patch >= slip.sizes["patch"]:
            patch = int(slip["slip_mean"].values.argmax())
        self._apply({"run": label, "sample": 0, "patch": patch, "tab": TABS.index(tab)})

    def _apply(self, values: dict[str, Any]) -> None:
        """Set values and bring data and result in line with them, or change nothing."""
        before = self.state.snapshot()
        opened = values.get("opened", self.state.opened)
        if opened and key_of(opened) not in self._known_data:
            self._known_data[key_of(opened)] = read_data(opened)
        self.state.change(**values)
        try:
            if set(values) & {"opened", "muted", "config", "run"}:
                self._derive()
        except SeisnbError:
            self.state.change(**self.state._decoded(before, "dashboard"))
            raise
        if key_of(opened) != key_of(before["opened"]):
            self.data_number += 1

    def _derive(self) -> None:
        """The result from the state, and whether it is as asked."""
        run, data = self.run, self._data
        if self.state.run and run is None:
            raise InputError(f"dashboard: no result is called {self.state.run!r}.")
        self.result = None if run is None else run.slip
        self.is_stale = False
        if run is not None and run.key and data is not None:
            asked = data.key(self.state.muted, self.state.config)
            self.is_stale = all(asked != each.key for each in self._runs.values())
