"""What a tomography dashboard knows and can do, without a single widget.

State is small and describes the session; Datasets stay in the controller. Every action of the
controller is atomic, may come from any thread, and reports what went wrong in ``error`` instead of
raising, because Jupyter hides the exceptions of widget callbacks.
"""

from __future__ import annotations

import functools
import json
import logging
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Concatenate, Literal, ParamSpec

import numpy as np
import traitlets
import xarray as xr

from seisnb.conventions import SURVEY, InputError, SeisnbError, check_dataset
from seisnb.dashboards.figures import deepest_easting, readable_std
from seisnb.dashboards.jobs import Job
from seisnb.dashboards.report import write_report
from seisnb.io import describe_picks, read_picks, save_ensemble
from seisnb.prior import PriorConfig
from seisnb.survey import check_survey
from seisnb.tomography import TomographyConfig
from seisnb.tomography import invert as invert_picks

_log = logging.getLogger(__name__)
_P = ParamSpec("_P")

QUANTITIES = ("mean", "std", "ratio", "coverage", "member")


@dataclass(frozen=True, kw_only=True)
class ReadingConfig:
    """How a pick file is read; see :func:`seisnb.io.read_picks`."""

    format: Literal["guess", "sgt", "txin", "tomo2d", "csv"] = field(
        default="guess", metadata={"help": "format of the file; guess looks into it", "unit": ""}
    )
    pick_std: str | None = field(
        default=None,
        metadata={
            "help": "std of the picks: seconds, or relative plus floor such as 3%+0.0005; "
            "auto takes the file's",
            "unit": "s",
        },
    )
    phases: str | None = field(
        default=None,
        metadata={"help": "phase codes that are first arrivals, such as 1,5", "unit": ""},
    )
    water_velocity: float | None = field(
        default=None, metadata={"help": "velocity of the water, for a line at sea", "unit": "km/s"}
    )
    surface: str | None = field(
        default=None,
        metadata={"help": "file of topography or sea floor: easting, depth [km]", "unit": ""},
    )
    instrument: Literal["shot", "receiver"] = field(
        default="shot",
        metadata={"help": "at sea: which end of a pick stands on the sea floor", "unit": ""},
    )
    on_bad: Literal["raise", "drop"] = field(
        default="raise",
        metadata={"help": "a bad line stops the reading, or is dropped", "unit": ""},
    )


class DatasetTrait(traitlets.TraitType):
    """A Dataset or None; a change is another object, since Datasets compare by their values."""

    def set(self, obj: traitlets.HasTraits, value: xr.Dataset | None) -> None:
        """Store the value and tell observers when it is another object."""
        name = str(self.name)
        before = obj._trait_values.get(name)
        obj._trait_values[name] = value
        if value is not before:
            obj._notify_trait(name, before, value)


class State(traitlets.HasTraits):
    """The session: what is read, muted, believed, asked for and looked at.

    Attributes
    ----------
    muted : tuple of int
        Picks of the survey that are not used.
    quantity : str
        What the section shows, one of :data:`QUANTITIES`.
    grey_above : float or None
        Std [km/s] above which cells are greyed.
    profile_easting : float or None
        Where the profile is drawn [km].
    reduction_velocity : float or None
        Of the travel-time curves [km/s]; None: chosen from the picks.
    """

    path = traitlets.Unicode("")
    reading = traitlets.Instance(ReadingConfig, args=())
    prior = traitlets.Instance(PriorConfig, args=())
    config = traitlets.Instance(TomographyConfig, args=())
    muted = traitlets.Tuple(())
    quantity = traitlets.Enum(QUANTITIES, default_value="mean")
    member = traitlets.Int(0, min=0)
    grey_above = traitlets.Float(None, allow_none=True)
    profile_easting = traitlets.Float(None, allow_none=True)
    reduction_velocity = traitlets.Float(None, allow_none=True)


@dataclass(frozen=True, eq=False)
class _Asked:
    """What one inversion is made of."""

    survey: xr.Dataset
    prior: PriorConfig
    config: TomographyConfig

    def is_same(self, other: _Asked) -> bool:
        """Equal settings and the same survey object: other mutes make another one."""
        mine, theirs = (self.prior, self.config), (other.prior, other.config)
        return self.survey is other.survey and mine == theirs


def reported(
    action: Callable[Concatenate[Controller, _P], None],
) -> Callable[Concatenate[Controller, _P], None]:
    """An action that clears the controller's ``error`` first and ends there when it fails."""

    @functools.wraps(action)
    def run(self: Controller, /, *args: _P.args, **kwargs: _P.kwargs) -> None:
        with self.reporting(), self._lock:
            self.error = ""
            action(self, *args, **kwargs)

    return run


class Controller(traitlets.HasTraits):
    """The actions of a tomography dashboard.

    Parameters
    ----------
    survey, ensemble : xr.Dataset, optional
        What to begin with; an ensemble alone brings its own picks.
    invert : callable, optional
        Stands in for :func:`seisnb.tomography.invert`.

    Attributes
    ----------
    survey, ensemble : xr.Dataset or None
        The picks, muted ones marked in ``used``; the latest result.
    is_stale : bool
        The ensemble was made with other picks or settings than those now set.
    error, note : str
        What went wrong last, empty after a success; what a person should know otherwise.
    job : Job
        The inversion in the background.
    """

    survey = DatasetTrait(None, allow_none=True)
    ensemble = DatasetTrait(None, allow_none=True)
    is_stale = traitlets.Bool(False)
    error = traitlets.Unicode("")
    note = traitlets.Unicode("")

    def __init__(
        self,
        survey: xr.Dataset | None = None,
        ensemble: xr.Dataset | None = None,
        *,
        invert: Callable[..., xr.Dataset] | None = None,
    ) -> None:
        super().__init__()
        self.state = State()
        self.job = Job()
        self._invert = invert or invert_picks
        self._lock = threading.RLock()
        self._uploads: tempfile.TemporaryDirectory[str] | None = None
        self._fitted = np.empty(0, np.int64)
        if survey is None and ensemble is not None:
            survey = ensemble[[name for name in SURVEY if name in ensemble]]
            if "used" not in survey:
                survey = survey.assign(used=("pick", np.ones(survey.sizes["pick"], bool)))
        if survey is not None:
            self._take_survey(survey)
        if ensemble is not None:
            self._take_ensemble(ensemble, self._asked())
        self.job.observe(self._on_job_end, "status")
        self.state.observe(self._on_settings, ["prior", "config"])

    @contextmanager
    def reporting(self) -> Iterator[None]:
        """Turn an exception of the block into ``error``."""
        try:
            yield
        except (SeisnbError, traitlets.TraitError) as error:
            self.error = str(error)
        except Exception as error:  # noqa: BLE001 (nobody sees a widget callback's exception)
            _log.exception("action failed")
            self.error = f"{type(error).__name__}: {error}"

    def guarded(self, draw: Callable[[], None]) -> Callable[[object], None]:
        """An observer that draws under the lock and shows its failure in the app."""

        def observe(_: object) -> None:
            with self.reporting(), self._lock:
                draw()

        return observe

    @reported
    def change(self, /, **values: object) -> None:
        """Set traits of the state, all or none."""
        unknown = set(values) - set(self.state.trait_names())
        if unknown:
            raise InputError(f"dashboard: no setting is called {sorted(unknown)}.")
        with self.state.hold_trait_notifications():
            for name, value in values.items():
                setattr(self.state, name, value)

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

    @reported
    def mute(self, picks: Iterable[int]) -> None:
        """Take picks out of the next inversion."""
        self._mute(set(self.state.muted) | set(self._checked(picks)))

    @reported
    def restore(self, picks: Iterable[int] | None = None) -> None:
        """Bring muted picks back; all of them by default."""
        chosen = self.state.muted if picks is None else self._checked(picks)
        self._mute(set(self.state.muted) - set(chosen))

    def fitted_picks(self, picks: Iterable[int]) -> list[int]:
        """Numbers in the survey of picks numbered as in the ensemble.

        Raises
        ------
        InputError
            The ensemble has no such pick.
        """
        numbers = list(picks)
        for pick in numbers:
            if not 0 <= pick < self._fitted.size:
                raise InputError(f"dashboard: the result has no pick {pick}.")
        return [int(self._fitted[pick]) for pick in numbers]

    @reported
    def run(self) -> None:
        """Start the inversion in the background."""
        if self.survey is None:
            raise InputError("dashboard: there are no picks yet. Open a file first.")
        check_survey(self.survey, where="dashboard")
        asked = self._asked()

        def work(report: Callable[[Any], None], is_cancelled: Callable[[], bool]) -> xr.Dataset:
            return self._invert(
                asked.survey, asked.prior, asked.config, progress=report, cancel=is_cancelled
            )

        self.job.start(work, functools.partial(self._take_ensemble, asked=asked))

    def cancel(self) -> None:
        """Stop the inversion; members that are done are kept."""
        self.job.cancel()

    @reported
    def save(self, folder: str) -> None:
        """Write ``ensemble.nc`` and ``report.html`` into a folder."""
        if self.ensemble is None:
            raise InputError("dashboard: there is no ensemble yet. Run the inversion first.")
        if not folder.strip():
            raise InputError("dashboard: no folder is named. Type where to save.")
        target = Path(folder).expanduser()
        target.mkdir(parents=True, exist_ok=True)
        save_ensemble(self.ensemble, target / "ensemble.nc")
        write_report(self.ensemble, target / "report.html")
        self.note = f"Saved ensemble.nc and report.html to {target}."

    def _open(self, path: Path) -> None:
        if self.job.is_busy:
            raise InputError("dashboard: an inversion is running. Cancel it to open another file.")
        reading = self.state.reading
        kind = None if reading.format == "guess" else reading.format
        try:
            survey = read_picks(
                path,
                kind,
                pick_std=reading.pick_std,
                phases=reading.phases,
                water_velocity=reading.water_velocity,
                surface=reading.surface,
                instrument=reading.instrument,
                on_bad=reading.on_bad,
            )
        except SeisnbError as error:
            hint = _what_it_holds(path, kind)
            raise InputError(f"{error} {hint}".strip()) from error
        self._take_survey(survey)
        self.state.path = str(path)

    def _take_survey(self, survey: xr.Dataset) -> None:
        """Make a survey the current one; its own mutes stay, the old ensemble goes."""
        check_dataset(survey, SURVEY, where="dashboard", kind="survey")
        self.ensemble, self.is_stale = None, False
        self.state.reduction_velocity = None
        self.survey = survey
        self.state.muted = tuple(
            int(i) for i in np.flatnonzero(~survey["used"].values.astype(bool))
        )
        self.note = " ".join(json.loads(str(survey.attrs.get("notes") or "[]")))

    def _asked(self) -> _Asked:
        """What an inversion started now is made of."""
        return _Asked(survey=self.survey, prior=self.state.prior, config=self.state.config)

    def _take_ensemble(self, ensemble: xr.Dataset, asked: _Asked) -> None:
        """Make an ensemble the current one."""
        used = asked.survey["used"].values.astype(bool)
        with self._lock:
            is_whole = ensemble.sizes["pick"] == used.size
            self._fitted = np.arange(used.size) if is_whole else np.flatnonzero(used)
            self.state.member = 0
            self.state.grey_above = readable_std(ensemble)
            self.state.profile_easting = deepest_easting(ensemble)
            self.ensemble = ensemble
            self.is_stale = not asked.is_same(self._asked())
            self.note = str(ensemble.attrs.get("verdict", ""))

    def _checked(self, picks: Iterable[int]) -> list[int]:
        """Pick numbers that the survey has."""
        if self.survey is None:
            raise InputError("dashboard: there are no picks yet. Open a file first.")
        numbers = [int(pick) for pick in picks]
        n_picks = self.survey.sizes["pick"]
        for pick in numbers:
            if not 0 <= pick < n_picks:
                raise InputError(
                    f"dashboard: there is no pick {pick}; they run 0 to {n_picks - 1}."
                )
        return numbers

    def _mute(self, muted: set[int]) -> None:
        """Make exactly these picks muted."""
        if muted == set(self.state.muted):
            return
        used = np.ones(self.survey.sizes["pick"], bool)
        used[sorted(muted)] = False
        survey = self.survey.copy()
        survey["used"] = self.survey["used"].copy(data=used)
        self.survey = survey
        self.state.muted = tuple(sorted(muted))
        self.is_stale = self.ensemble is not None

    def _on_settings(self, _: object) -> None:
        self.is_stale = self.ensemble is not None

    def _on_job_end(self, change: dict[str, Any]) -> None:
        if change["new"] == "failed":
            self.error = self.job.error


def _what_it_holds(path: Path, kind: str | None) -> str:
    """A sentence that helps to choose phases and pick_std, or nothing."""
    try:
        summary = describe_picks(path, kind)
    except (SeisnbError, OSError):
        return ""
    phases = ", ".join(f"{code} ({count} picks)" for code, count in summary.phases.items())
    return f"The file holds {summary.n_picks} picks" + (f"; phases {phases}." if phases else ".")
