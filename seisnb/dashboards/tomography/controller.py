"""The model behind the tomography dashboard: no widgets, usable by code and by tests.

Actions (:class:`TomographyController`) change the state and the data; views observe both and draw.
An action reports what went wrong in ``error`` instead of raising, because Jupyter hides the
exceptions of widget callbacks.
"""

from __future__ import annotations

import functools
import json
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import traitlets
import xarray as xr

from seisnb.conventions import SURVEY, InputError, SeisnbError, check_dataset
from seisnb.dashboards.controller import Controller, reported
from seisnb.dashboards.figures import deepest_easting
from seisnb.dashboards.figures.style import display_of
from seisnb.dashboards.machine_profile import machine_profile
from seisnb.dashboards.notebook import write_notebook
from seisnb.dashboards.report import write_report
from seisnb.dashboards.section_data import SectionData, ensemble_section
from seisnb.dashboards.section_page import write_section_page
from seisnb.dashboards.sessions import key_of, output_folder
from seisnb.dashboards.state import SECTION_TRAITS
from seisnb.dashboards.tomography.code import code_of
from seisnb.dashboards.tomography.picks import checked, edited, read_survey
from seisnb.dashboards.tomography.runs import Asked, Run, survey_of
from seisnb.dashboards.tomography.science import science
from seisnb.dashboards.tomography.session import (
    read_tomography_session,
    write_tomography_session,
)
from seisnb.dashboards.tomography.state import TomographyState
from seisnb.dashboards.traits import DatasetTrait
from seisnb.dashboards.verdict_box import verdict_line
from seisnb.handles import Progress
from seisnb.io import (
    open_ensemble,
    save_ensemble,
)
from seisnb.prior import PriorConfig
from seisnb.settings import make_configs
from seisnb.survey import check_survey
from seisnb.tomography import TomographyConfig

#: Tabs of the dashboard, by what they are for.
TABS = ("survey", "prior", "run", "explore", "fit", "compare")
Live = Callable[[Progress], None]


class TomographyController(Controller):
    """The actions of a tomography dashboard.

    Parameters
    ----------
    survey, ensemble : xr.Dataset, optional
        What to begin with; an ensemble alone brings its own picks.
    invert : callable, optional
        Stands in for :func:`seisnb.tomography.invert`.

    Attributes
    ----------
    state : TomographyState
        What is set and looked at.
    survey, ensemble : xr.Dataset or None
        The picks, muted ones marked in ``used``; the result on show.
    run_names : tuple of str
        Results of the session.
    is_stale : bool
        The ensemble was made with other picks or settings than those now set.
    draws, scan : xr.Dataset or None
        What :func:`preview_prior` and :func:`scan_prior` returned last.
    live : list of callable
        Called with every :class:`Progress` of an inversion, none left out.
    """

    state: TomographyState
    survey = DatasetTrait(None, allow_none=True)
    ensemble = DatasetTrait(None, allow_none=True)
    draws = DatasetTrait(None, allow_none=True)
    scan = DatasetTrait(None, allow_none=True)
    run_names = traitlets.Tuple(())
    is_stale = traitlets.Bool(False)

    def __init__(
        self,
        survey: xr.Dataset | None = None,
        ensemble: xr.Dataset | None = None,
        *,
        invert: Callable[..., xr.Dataset] | None = None,
    ) -> None:
        super().__init__(TomographyState(config=TomographyConfig(**machine_profile().tomography)))
        self._invert = invert
        self._uploads: tempfile.TemporaryDirectory[str] | None = None
        self._bases: dict[str, xr.Dataset] = {}
        self.live: list[Live] = []
        self._runs: dict[str, Run] = {}
        self._applied: tuple[Any, ...] = ()
        if survey is None and ensemble is not None:
            survey = survey_of(ensemble)
        if survey is not None:
            self._take_base(survey, {})
        if ensemble is not None:
            self._take_run(ensemble, self._asked(), "result")
        self.history.forget()

    # ---- reading and editing ---------------------------------------------------------------

    @property
    def base(self) -> xr.Dataset | None:
        """The picks as they were read."""
        return self._bases.get(key_of(self.state.opened))

    @property
    def run(self) -> Run | None:
        """The result on show and what it was made from."""
        return self._runs.get(self.state.run)

    @property
    def code(self) -> str:
        """Python that makes what the dashboard shows."""
        return code_of(self.state, self.base)

    def result(self, name: str) -> xr.Dataset:
        """A result of the session by its name.

        Raises
        ------
        InputError
            There is none of that name.
        """
        if name not in self._runs:
            raise InputError(
                f"dashboard: no result is called {name!r}; there are {', '.join(self._runs)}."
            )
        return self._runs[name].ensemble

    @reported
    def open(self, path: str) -> None:
        """Read a pick file with the reading options that are set."""
        self._open(Path(path).expanduser())

    @reported
    def upload(self, name: str, content: bytes) -> None:
        """Read a pick file sent by the browser; only its last name is kept."""
        if self._uploads is None:
            self._uploads = tempfile.TemporaryDirectory(prefix="seisnb-")
        target = Path(self._uploads.name) / (Path(name.replace("\\", "/")).name or "picks")
        target.write_bytes(content)
        self._open(target)

    def mute(self, picks: Iterable[int]) -> None:
        """Take picks out of the next inversion."""
        with self.reporting():
            chosen = self._checked(picks)
            self.change(f"mute {len(chosen)} picks", muted=(*self.state.muted, *chosen))

    def restore(self, picks: Iterable[int] | None = None) -> None:
        """Bring muted picks back; all of them by default."""
        with self.reporting():
            chosen = set(self.state.muted if picks is None else self._checked(picks))
            kept = tuple(pick for pick in self.state.muted if pick not in chosen)
            self.change(f"restore {len(chosen)} picks", muted=kept)

    def fitted_picks(self, picks: Iterable[int]) -> list[int]:
        """Numbers in the survey of picks numbered as in the ensemble.

        Raises
        ------
        InputError
            The ensemble has no such pick.
        """
        numbers = list(picks)
        fitted = np.empty(0, np.int64) if self.run is None else self.run.fitted
        for pick in numbers:
            if not 0 <= pick < fitted.size:
                raise InputError(f"dashboard: the result has no pick {pick}.")
        return [int(fitted[pick]) for pick in numbers]

    # ---- work ------------------------------------------------------------------------------

    @reported
    def start(self) -> None:
        """Start the inversion in the background, or go on with one that was stopped.

        Finished members are kept in the folder of the results: the same picks and settings go on
        from them, also after the kernel died.
        """
        asked = self._ready()
        checkpoint = self.checkpoint

        def work(report: Callable[[Any], None], is_cancelled: Callable[[], bool]) -> xr.Dataset:
            return (self._invert or science().invert)(
                asked.survey, asked.prior, asked.config,
                progress=report, cancel=is_cancelled, checkpoint=checkpoint,
            )  # fmt: skip

        self.note = ""
        self.job.start(work, functools.partial(self._deliver, asked=asked), hear=self._hear)

    def _hear(self, progress: Progress) -> None:
        """Pass on a message of the inversion."""
        for each in self.live:
            each(progress)

    @property
    def checkpoint(self) -> Path | None:
        """Folder of the finished members of the inversion that would start now."""
        if self.survey is None:
            return None
        folder = Path(self.state.folder).expanduser() / "checkpoints"
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError:
            return None  # nothing can be kept there; saving will say why
        return folder / self._asked().key

    @reported
    def draw_prior(self) -> None:
        """Draw from the prior in the background."""
        asked = self._ready()

        def work(report: Callable[[Any], None], is_cancelled: Callable[[], bool]) -> xr.Dataset:
            return science().preview_prior(
                asked.survey, asked.prior, asked.config, progress=report, cancel=is_cancelled
            )

        self.job.start(work, lambda found: setattr(self, "draws", found))

    @reported
    def scan_priors(self) -> None:
        """Scan the prior's hyper-parameters in the background."""
        asked = self._ready()

        def work(report: Callable[[Any], None], is_cancelled: Callable[[], bool]) -> xr.Dataset:
            return science().scan_prior(
                asked.survey, asked.prior, asked.config, progress=report, cancel=is_cancelled
            )

        self.job.start(work, lambda found: setattr(self, "scan", found))

    def use_best_prior(self) -> None:
        """Take the scan's most probable lengths and amplitude."""
        with self.reporting():
            if self.scan is None:
                raise InputError("dashboard: nothing was scanned yet. Scan first.")
            best = json.loads(str(self.scan.attrs["best_by_evidence"]))
            values = {f"prior.{k}": v for k, v in asdict(self.state.prior).items() if v is not None}
            values |= {f"prior.{name}": best[name] for name in best if hasattr(PriorConfig, name)}
            prior = make_configs({"prior": PriorConfig}, values, where="scan")["prior"]
            self.change("use the scan's best prior", prior=prior)

    @reported
    def open_result(self, path: str) -> None:
        """Open an ensemble that was saved, beside those of the session."""
        file = Path(path).expanduser()
        ensemble = open_ensemble(file)
        if self.survey is None:
            self._take_base(survey_of(ensemble), {})
        self._take_run(ensemble, None, file.parent.name or file.stem)
        self.history.record(f"open {file.name}")

    # ---- saving ----------------------------------------------------------------------------

    @reported
    def save(self, folder: str) -> None:
        """Write the result on show into a folder: data, report, offline section, notebook."""
        target = output_folder(folder)
        if self.ensemble is None:
            raise InputError("dashboard: there is no ensemble yet. Run the inversion first.")
        save_ensemble(self.ensemble, target / "ensemble.nc")
        write_report(self.ensemble, target / "report.html")
        write_section_page(self.section(), target / "section.html", state=self._section_state())
        write_notebook(self.code, target / "reproduce.ipynb", title="Tomography, as set by hand")
        self.note = f"Saved ensemble.nc, report.html, section.html, reproduce.ipynb to {target}."

    @reported
    def save_session(self, folder: str) -> None:
        """Write the whole session into a folder: state, links to the data, results."""
        is_lasting = bool(self.state.opened) and not self._is_upload(
            Path(self.state.opened["path"])
        )
        target = write_tomography_session(
            folder, self.state, self.base, self._runs.values(), is_lasting=is_lasting
        )
        self.note = f"Session saved to {target}."

    @reported
    def restore_session(self, folder: str, *, allow_changed: bool = False) -> None:
        """Bring back a session; data that changed are refused, or used without the old results."""
        if self.job.is_busy:
            raise InputError("dashboard: work is running. Cancel it to restore a session.")
        found = read_tomography_session(folder, allow_changed=allow_changed)
        state, runs = found.state, found.runs
        n_picks = 0 if found.base is None else found.base.sizes["pick"]
        values = state.snapshot() | {
            "opened": found.opened,
            "muted": [pick for pick in state.muted if pick < n_picks],
            "run": state.run if state.run in runs else "",
            "compared": list(state.compared) if set(state.compared) <= set(runs) else [],
        }
        self._bases = {} if found.base is None else {key_of(found.opened): found.base}
        self._runs, self.run_names = runs, tuple(runs)
        self._apply(self.state._decoded(values, "session"))
        self.history.forget()
        self.note = f"Session restored from {found.root}." + (
            "" if found.is_same
            else " The picks have changed since: results made from the old are out."
        )  # fmt: skip

    def section(self) -> SectionData:
        """The result on show as a section.

        Raises
        ------
        InputError
            There is no result.
        """
        if self.ensemble is None:
            raise InputError("dashboard: there is no ensemble yet. Run the inversion first.")
        return ensemble_section(self.ensemble)

    # ---- inside ----------------------------------------------------------------------------

    def _section_state(self) -> dict[str, Any]:
        values = self.state.snapshot()
        return {name: values[name] for name in SECTION_TRAITS}

    def _is_upload(self, path: Path) -> bool:
        return self._uploads is not None and path.parent == Path(self._uploads.name)

    def _ready(self) -> Asked:
        """What is asked now; refused where there is nothing to work with."""
        if self.survey is None:
            raise InputError("dashboard: there are no picks yet. Open a file first.")
        check_survey(self.survey, where="dashboard")
        return self._asked()

    def _open(self, path: Path) -> None:
        if self.job.is_busy:
            raise InputError("dashboard: an inversion is running. Cancel it to open another file.")
        reading = self.state.reading
        survey = read_survey(path, reading)
        encoded = self.state.snapshot()["reading"]
        self._take_base(survey, {"path": str(path), "reading": encoded})
        self.history.record(f"open {path.name}")

    def _take_base(self, survey: xr.Dataset, opened: dict[str, Any]) -> None:
        """Make a survey the current one; its own mutes stay, the old ensemble goes."""
        check_dataset(survey, SURVEY, where="dashboard", kind="survey")
        self._bases[key_of(opened)] = survey
        muted = tuple(int(i) for i in np.flatnonzero(~survey["used"].values.astype(bool)))
        self._applied = ()
        self._apply(
            {
                "opened": opened, "muted": muted, "pick_std": "", "gather": "", "run": "",
                "compared": (), "reduction_velocity": None, "tab": 0,
            }
        )  # fmt: skip
        self.note = " ".join(json.loads(str(survey.attrs.get("notes") or "[]")))

    def _asked(self) -> Asked:
        """What an inversion started now is made of."""
        return Asked(survey=self.survey, prior=self.state.prior, config=self.state.config)

    def _deliver(self, ensemble: xr.Dataset, asked: Asked) -> None:
        """Take the result of a run, in the worker thread."""
        with self._lock:
            n = sum(name.startswith("run ") for name in self._runs) + 1
            self._take_run(ensemble, asked, f"run {n}")
            self.history.record("run the inversion")
            self.note = verdict_line(ensemble)

    def _take_run(self, ensemble: xr.Dataset, asked: Asked | None, name: str) -> None:
        """Make an ensemble the one on show."""
        label, n = name, 1
        while label in self._runs:
            n += 1
            label = f"{name} ({n})"
        self._runs[label] = Run.of(label, ensemble, asked)
        self.run_names = tuple(self._runs)
        display = display_of(ensemble)
        values: dict[str, Any] = {"run": label, "member": 0, "span": [], "tab": 3}
        if not self.state.picked:
            x = deepest_easting(ensemble)
            column = ensemble["deepest_ray"].sel(easting=x, method="nearest").item()
            middle = 0.5 * float(ensemble["depth"].values[[0, -1]].sum())
            deep = 0.7 * column if np.isfinite(column) and column > 0 else middle
            values["picked"] = [display.factor * x, display.factor * deep]
        self._apply(values)

    def _apply(self, values: dict[str, Any]) -> None:
        """Set values of the state and bring picks and result in line with them."""
        before = self.state.snapshot()
        self.state.change(**values)
        try:
            self._derive()
        except SeisnbError:
            self.state.change(**self.state._decoded(before, "dashboard"))
            raise

    def _derive(self) -> None:
        """Picks and result from the state."""
        state = self.state
        key = (key_of(state.opened), state.muted, state.pick_std)
        if key != self._applied:
            self.survey = self._edited()
            self._applied = key
        run = self.run
        self.ensemble = None if run is None else run.ensemble
        self.is_stale = bool(run and run.key and run.key != self._asked().key)

    def _edited(self) -> xr.Dataset | None:
        """The picks as read, with the mutes and stds of the state."""
        if self.base is None:
            return None
        return edited(self.base, self.state.muted, self.state.pick_std)

    def _checked(self, picks: Iterable[int]) -> list[int]:
        """Pick numbers that the survey has."""
        if self.survey is None:
            raise InputError("dashboard: there are no picks yet. Open a file first.")
        return checked(picks, self.survey)
