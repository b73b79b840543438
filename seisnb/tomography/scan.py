"""Evidence and WBIC of priors on a grid of amplitude and correlation lengths.

Where :func:`seisnb.tomography.lengths.choose_lengths` climbs to one prior, this shows the whole
hill: how well the picks know the hyper-parameters, and whether two criteria agree on them.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from seisnb.conventions import Cancelled, InputError
from seisnb.handles import Handles, Progress
from seisnb.prior import PriorConfig, check_amplitude
from seisnb.survey import survey_checksum, used_picks
from seisnb.threads import in_parallel, single_threaded, worker_count
from seisnb.tomography.config import TomographyConfig
from seisnb.tomography.lengths import (
    SHARES,
    SHORTEST,
    Candidate,
    amplitude_unit,
    fit_prior,
    is_unresolved,
)
from seisnb.tomography.problem import Frame, check_picks, make_frame
from seisnb.tomography.scan_result import STATUS, scan_dataset

Array = NDArray[np.float64]

#: Values per length, and steps of an amplitude or length around one that is given.
N_LENGTHS, AROUND = 7, 2.0 ** np.linspace(-1.5, 1.5, 7)
#: Amplitudes that are tried where none is given: fractions of velocity.
FRACTIONS = tuple(np.geomspace(0.05, 0.8, 9))
#: Fall of the objective below which the step of a fit is the last.
TOLERANCE = 0.1


def scan_prior(
    survey: xr.Dataset,
    prior: PriorConfig | None = None,
    config: TomographyConfig | None = None,
    *,
    amplitudes: Sequence[float] | None = None,
    lengths_easting: Sequence[float] | None = None,
    lengths_depth: Sequence[float] | None = None,
    progress: Callable[[Progress], None] | None = None,
    cancel: Callable[[], bool] | None = None,
) -> xr.Dataset:
    """How probable the picks are under priors of different amplitude and lengths.

    For every pair of lengths the most probable model is fitted, at the amplitude that its own rays
    call best. Laplace's evidence and WBIC of all amplitudes and of the most probable factor on the
    sigmas follow from its linearisation; refits at twice and half the amplitude move them by a
    unit or two where the model fits the picks. Sigmas are those of a Gaussian likelihood.

    Parameters
    ----------
    survey : xr.Dataset
        Picks of a line.
    prior : PriorConfig, optional
        What else is believed; without a kernel gaussian, without a growth none.
    config : TomographyConfig, optional
        ``cell``, ``depth_max``, ``infer_sigma``, ``bend``, ``n_workers`` and the like.
    amplitudes : sequence of float, optional
        Fractions of velocity, or km/s for a prior on velocity; by default seven around the
        prior's, or nine from 0.05 to 0.8 times the slowest velocity.
    lengths_easting, lengths_depth : sequence of float, optional
        In km; by default seven around the prior's, or seven over what the line can tell.
    progress : callable, optional
        Takes a :class:`Progress` after every pair of lengths.
    cancel : callable, optional
        Returns True to stop soon.

    Returns
    -------
    xr.Dataset
        On (amplitude, length_easting, length_depth): ``log_evidence`` (less what a factor on the
        sigmas loses against the belief that they are right), ``wbic``, ``sigma_scale`` and
        ``posterior_weight``, the softmax of the evidence; ``n_unknowns`` and ``status`` on the
        lengths. NaN (weight 0) where ``status`` says why, and for an amplitude that would make
        velocities negative; ``n_too_costly``, ``n_unresolved``, ``n_improper`` count them.
        ``best_by_evidence`` and ``best_by_wbic`` hold the best combination as JSON,
        ``credible_amplitude``, ``credible_length_easting`` and ``credible_length_depth`` the
        central 95 % ranges, ``at_edge`` the names whose best value is the grid's first or last.

    Raises
    ------
    InputError
        A survey, setting or grid that cannot be used.
    PriorError
        No combination could be fitted.
    Cancelled
        Stopped by ``cancel``.
    """
    started = time.monotonic()
    handles = Handles.of(progress, cancel)
    picks = used_picks(survey, where="scan_prior")
    check_picks(picks)
    config, prior = config or TomographyConfig(), prior or PriorConfig()
    prior = replace(
        prior,
        kernel=prior.kernel or "gaussian",
        length_depth_growth=prior.length_depth_growth or 0.0,
    )
    with single_threaded():
        frame = make_frame(picks, prior, config)
    axes = {
        "amplitude": _amplitudes(amplitudes, prior, frame),
        "length_easting": _lengths(lengths_easting, "length_easting", prior, frame),
        "length_depth": _lengths(lengths_depth, "length_depth", prior, frame),
    }
    scan = _Scan(
        survey=picks, prior=prior, config=config, frame=frame, handles=handles, axes=axes,
        started=started,
    )  # fmt: skip
    rows = list(range(axes["length_easting"].size))
    for _ in in_parallel(
        scan.fit_row, rows, n_workers=min(len(rows), worker_count(config.n_workers))
    ):
        pass
    if handles.is_cancelled():
        raise Cancelled("scan_prior: cancelled; a part of the grid is no result.")
    found = scan_dataset(
        axes, scan.values, scan.n_unknowns, scan.status, prior=prior, config=config
    )
    found.attrs.update(
        n_improper=int((~scan.is_proper).sum()),
        title=str(picks.attrs.get("title", "")),
        length_unit=str(picks.attrs.get("length_unit", "km")),
        survey_checksum=survey_checksum(picks),
        elapsed_seconds=time.monotonic() - started,
    )
    return found


@dataclass(kw_only=True)
class _Scan:
    """The grid and what has been found of it."""

    survey: xr.Dataset
    prior: PriorConfig
    config: TomographyConfig
    frame: Frame
    handles: Handles
    axes: dict[str, Array]
    started: float

    def __post_init__(self) -> None:
        """Nothing is known yet."""
        shape = tuple(axis.size for axis in self.axes.values())
        self.values = {
            name: np.full(shape, np.nan) for name in ("log_evidence", "wbic", "sigma_scale")
        }
        self.n_unknowns = np.full(shape[1:], np.nan)
        self.status = np.zeros(shape[1:], np.int8)
        self.is_proper = np.array([self._is_proper(a) for a in self.axes["amplitude"]])
        if not self.is_proper.any():
            least = replace(self.prior, amplitude=float(self.axes["amplitude"][0]))
            check_amplitude(least, self.frame.profile)
        self._lock, self._done = threading.Lock(), 0

    def fit_row(self, row: int) -> None:
        """All lengths in depth for one along the line, each started from the one before."""
        before: Candidate | None = None
        for column in reversed(range(self.axes["length_depth"].size)):
            if self.handles.is_cancelled():
                return
            before = self._fit(row, column, before) or before
            self._tell(row, column)

    def _fit(self, row: int, column: int, before: Candidate | None) -> Candidate | None:
        """One pair of lengths; None where it cannot be fitted."""
        amplitudes = self.axes["amplitude"][self.is_proper]
        settings = replace(
            self.prior,
            length_easting=float(self.axes["length_easting"][row]),
            length_depth=float(self.axes["length_depth"][column]),
            amplitude=float(amplitudes[amplitudes.size // 2]),
        )
        if is_unresolved(settings, self.config):
            self.status[row, column] = STATUS.index("unresolved by the cell")
            return None
        candidate = self._fitted(settings, before)
        if candidate is None:
            self.status[row, column] = STATUS.index("too many unknowns")
            return None
        best = float(amplitudes[np.argmax(self._scores(candidate, amplitudes)[0])])
        if best != settings.amplitude:
            candidate = self._fitted(replace(settings, amplitude=best), candidate) or candidate
        for name, values in zip(self.values, self._scores(candidate, amplitudes), strict=True):
            self.values[name][self.is_proper, row, column] = values
        self.n_unknowns[row, column] = candidate.problem.prior.n_unknowns
        return candidate

    def _fitted(self, settings: PriorConfig, before: Candidate | None) -> Candidate | None:
        """The most probable model of a prior."""
        return fit_prior(
            self.survey, settings, self.config, self.frame, before, tolerance=TOLERANCE
        )

    def _scores(self, candidate: Candidate, amplitudes: Array) -> tuple[Array, Array, Array]:
        """Log evidence, WBIC and factor on the sigmas of every amplitude."""
        linear, own = candidate.linear_evidence(), candidate.prior.amplitude
        assert own
        rows = []
        for factor in amplitudes / own:
            if self.config.infer_sigma:
                sigma, score = linear.best_sigma(amplitude=factor)
            else:
                sigma, score = 1.0, linear.at(amplitude=factor)
            rows.append((score, linear.wbic(amplitude=factor, sigma=sigma), sigma))
        evidence, wbic, scale = np.array(rows).T
        return evidence, wbic, scale

    def _is_proper(self, amplitude: float) -> bool:
        """Whether an amplitude gives positive velocities."""
        try:
            check_amplitude(replace(self.prior, amplitude=float(amplitude)), self.frame.profile)
        except InputError:
            return False
        return True

    def _tell(self, row: int, column: int) -> None:
        """Report one pair of lengths."""
        at = f"{self.axes['length_easting'][row]:.3g} km along, "
        at += f"{self.axes['length_depth'][column]:.3g} km in depth"
        scores = self.values["log_evidence"][:, row, column]
        said = STATUS[self.status[row, column]]
        if np.isfinite(scores).any():
            said = f"log evidence {np.nanmax(scores):.1f}"
        with self._lock:
            self._done += 1
            self.handles.progress(
                Progress(
                    stage="prior", done=self._done, total=self.status.size,
                    message=f"{at}: {said}", elapsed=time.monotonic() - self.started,
                )
            )  # fmt: skip


def _amplitudes(given: Sequence[float] | None, prior: PriorConfig, frame: Frame) -> Array:
    """The amplitudes of the grid."""
    if given is not None:
        return _checked(given, "amplitudes")
    unit = amplitude_unit(prior, frame)
    values = np.array(FRACTIONS) * unit if prior.amplitude is None else AROUND * prior.amplitude
    if prior.field == "velocity":
        values = values[values <= 0.4 * unit]
    return _checked(values, "amplitudes")


def _lengths(given: Sequence[float] | None, name: str, prior: PriorConfig, frame: Frame) -> Array:
    """The lengths of the grid [km]."""
    own, longest = getattr(prior, name), frame.depth_max
    if given is not None:
        values: Sequence[float] | Array = given
    elif own is not None:
        values = own * AROUND
    elif name == "length_easting":
        values = frame.width * np.geomspace(min(SHARES), 2 * max(SHARES), N_LENGTHS)
    else:
        values = np.geomspace(min(SHORTEST * frame.width, longest / 4), longest, N_LENGTHS)
    return _checked(values, name.replace("length", "lengths"))


def _checked(values: Sequence[float] | Array, name: str) -> Array:
    """Finite, positive, increasing."""
    array = np.asarray(values, float)
    if array.ndim != 1 or not array.size or not np.isfinite(array).all() or array.min() <= 0:
        raise InputError(f"scan_prior: {name} are {values}; expected finite numbers above zero.")
    if (np.diff(array) <= 0).any():
        raise InputError(f"scan_prior: {name} are {values}; expected them to increase.")
    return array
