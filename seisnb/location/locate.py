"""Locating: arrivals and an ensemble of velocity models in, hypocentres over all models out."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

import seisnb
from seisnb.catalogue import arrivals_checksum
from seisnb.conventions import Cancelled, InputError
from seisnb.handles import Handles, Progress
from seisnb.io.checkpoint import read_arrays, start_folder, write_arrays
from seisnb.location.config import LocationConfig
from seisnb.location.event import Posterior
from seisnb.location.picks import EventPicks, events_to_locate
from seisnb.location.prepare import Models, Prepared, prepare, reused, stations_checksum
from seisnb.location.result import Located, hypocentres_dataset
from seisnb.location.station_depths import check_station_depths
from seisnb.location.terms import Terms, estimated
from seisnb.location.work import EventWork
from seisnb.projection import Projection
from seisnb.threads import spread, worker_count

Array = NDArray[np.float64]

#: Rounds in which station terms are estimated, and samples per event in them.
TERM_ROUNDS, TERM_SAMPLES = 3, 300


def locate(
    arrivals: xr.Dataset,
    stations: xr.Dataset,
    ensemble: Models,
    config: LocationConfig | None = None,
    *,
    prepared: Prepared | None = None,
    trial: xr.Dataset | None = None,
    progress: Callable[[Progress], None] | None = None,
    cancel: Callable[[], bool] | None = None,
    checkpoint: str | Path | None = None,
) -> xr.Dataset:
    """Locate events over all models of an ensemble, and in its mean model beside.

    Parameters
    ----------
    arrivals : xr.Dataset
        Of :func:`seisnb.io.events.read_arrivals` or :func:`seisnb.catalogue.make_arrivals`.
    stations : xr.Dataset
        Of :func:`seisnb.io.events.read_stations` or :func:`seisnb.catalogue.make_stations`.
    ensemble : VelocityEnsemble, xr.Dataset or sequence of LayeredModel
        The models: what ``read_models``, ``invert``, ``layered_ensemble`` and their like return.
    config : LocationConfig, optional
        Likelihood, region, samples and all else.
    prepared : Prepared, optional
        Of :func:`seisnb.location.prepare` for the same stations and models, whose weights and terms
        may be others: travel times are not computed again.
    trial : xr.Dataset, optional
        Other hypocentres of the same events, for instance an analyst's: dim ``event``, variables
        ``longitude``, ``latitude`` [degrees], ``depth`` [km]. The result says in which region of
        its posterior each lies (``trial_credibility``).
    progress : callable, optional
        Takes a :class:`seisnb.handles.Progress` after every table and event.
    cancel : callable, optional
        Returns True to stop; events that are done come back.
    checkpoint : str or Path, optional
        Folder that keeps finished events: the same call goes on after a kill.

    Returns
    -------
    xr.Dataset
        Of kind ``hypocentres``: :data:`seisnb.conventions.HYPOCENTRES`.

    Raises
    ------
    InputError, GeometryError
        Arrivals, stations, models or settings that cannot be used; the message says where and
        what to do.
    Cancelled
        Stopped before any event was located.
    CheckpointError, OutputError
        The checkpoint folder is of another run, or cannot be written.

    Notes
    -----
    The density of a hypocentre is the mean over models, by their prior weights, of the likelihood
    of the arrivals with the origin time integrated out; the prior is uniform over the rock of the
    region. Samples come from an oct-tree (as in NonLinLoc, Lomax et al. 2000) and two rounds of
    population Monte Carlo, and count by the exact density over all models.
    """
    config = config or LocationConfig()
    handles, begun = Handles.of(progress, cancel), time.monotonic()
    events, left_out = events_to_locate(arrivals, stations, config)
    notes = check_station_depths(stations) if config.check_station_depths else []
    if prepared is None:
        used = np.unique(np.concatenate([event.station for event in events]))
        prepared = prepare(
            stations.isel(station=used), ensemble, config, progress=progress, cancel=cancel
        )
    else:
        prepared = reused(prepared, stations, ensemble, config)
    events = _renumbered(events, stations, prepared)
    trials = _trials(trial, events, prepared)
    store = _Store.open(checkpoint, arrivals, prepared, config, trials)
    terms = Terms.zero(prepared.stations.sizes["station"])
    if config.station_terms == "given":
        terms = Terms.given(prepared.stations)
    elif config.station_terms == "estimate":
        terms = _estimated_terms(events, prepared, config, handles, begun)
    done = _locate_all(events, prepared, config, terms, trials, handles, begun, store)
    if not done:
        raise Cancelled("locate: cancelled before any event was located; nothing to return.")
    return hypocentres_dataset(
        [event for i, event in enumerate(events) if i in done],
        [done[i] for i in range(len(events)) if i in done],
        arrivals,
        prepared,
        config,
        terms,
        left_out,
        notes,
        elapsed=time.monotonic() - begun,
        is_cancelled=len(done) < len(events),
    )


def _locate_all(
    events: list[EventPicks],
    prepared: Prepared,
    config: LocationConfig,
    terms: Terms,
    trials: Array,
    handles: Handles,
    begun: float,
    store: _Store,
    *,
    stage: str = "events",
    n_samples: int | None = None,
) -> dict[int, Located]:
    """All events, those on disk not again; fewer after a cancel."""
    done = {i: found for i in range(len(events)) if (found := store.load(i)) is not None}
    n_known, started = len(done), time.monotonic()

    def told(name: str) -> None:
        gone = time.monotonic() - started
        n_new = max(len(done) - n_known, 1)
        handles.progress(
            Progress(
                stage=stage, done=len(done), total=len(events), message=name,
                elapsed=time.monotonic() - begun,
                remaining=gone / n_new * (len(events) - len(done)),
            )
        )  # fmt: skip

    work = EventWork.of(events, prepared, config, terms, trials, stage=stage, n_samples=n_samples)
    if n_known:
        told("those on disk")
    waiting = [i for i in range(len(events)) if i not in done]
    for index, found in spread(
        work, waiting, n_workers=worker_count(config.n_workers), is_cancelled=handles.is_cancelled
    ):
        if found is not None:
            store.save(index, found)
            done[index] = found
            told(events[index].name)
    return done


def _estimated_terms(
    events: list[EventPicks],
    prepared: Prepared,
    config: LocationConfig,
    handles: Handles,
    begun: float,
) -> Terms:
    """Station terms of the catalogue, by turns with its hypocentres."""
    terms = Terms.zero(prepared.stations.sizes["station"], config.term_std)
    alone = replace(prepared, single=None)
    nowhere = np.full((len(events), 3), np.nan)
    for turn in range(TERM_ROUNDS):
        done = _locate_all(
            events, alone, config, terms, nowhere, handles, begun, _Store(folder=None),
            stage="terms", n_samples=TERM_SAMPLES,
        )  # fmt: skip
        if len(done) < len(events):
            raise Cancelled(
                f"locate: cancelled in round {turn + 1} of {TERM_ROUNDS} of the station terms; "
                "nothing to return."
            )
        terms = estimated(
            events, [done[i].multi for i in range(len(events))], terms, config.term_std
        )
    return terms


def _renumbered(
    events: list[EventPicks], stations: xr.Dataset, prepared: Prepared
) -> list[EventPicks]:
    """Events whose picks count stations as the tables do."""
    index = {str(name): i for i, name in enumerate(prepared.stations["station"].values)}
    names = [str(name) for name in stations["station"].values]
    moved = []
    for event in events:
        missing = [names[i] for i in event.station if names[i] not in index]
        if missing:
            raise InputError(
                f"locate: event {event.name} has picks at {missing[0]}, for which no travel times "
                "were prepared. Prepare with all stations."
            )
        own = np.array([index[names[i]] for i in event.station], np.intp)
        moved.append(replace(event, station=own))
    return moved


def _trials(trial: xr.Dataset | None, events: list[EventPicks], prepared: Prepared) -> Array:
    """Trial hypocentres of all events, (event, 3) [km]; NaN where there is none."""
    places = np.full((len(events), 3), np.nan)
    if trial is None:
        return places
    missing = [n for n in ("longitude", "latitude", "depth") if n not in trial]
    if missing or "event" not in trial.dims:
        raise InputError(
            f"locate: the trial hypocentres have dims {dict(trial.sizes)} and no {missing}; "
            "expected longitude, latitude and depth over event."
        )
    index = {str(name): i for i, name in enumerate(trial["event"].values)}
    if not any(event.name in index for event in events):
        raise InputError(
            f"locate: none of the trial hypocentres ({', '.join(list(index)[:3])}, ...) is of an "
            f"event that is located ({', '.join(e.name for e in events[:3])}, ...)."
        )
    x, y = Projection(prepared.stations.attrs["projection"]).forward(
        trial["longitude"].values, trial["latitude"].values
    )
    for row, event in enumerate(events):
        i = index.get(event.name)
        if i is not None:
            places[row] = x[i], y[i], float(trial["depth"].values[i])
    return places


class _Store:
    """Finished events on disk; without a folder nothing is kept."""

    def __init__(self, folder: Path | None) -> None:
        """Use :meth:`open`."""
        self.folder = folder

    @classmethod
    def open(
        cls,
        folder: str | Path | None,
        arrivals: xr.Dataset,
        prepared: Prepared,
        config: LocationConfig,
        trials: Array,
    ) -> _Store:
        """Start or check a folder."""
        if folder is None:
            return cls(folder=None)
        settings = {k: v for k, v in asdict(config).items() if k != "n_workers"}
        identity: dict[str, Any] = {
            "version": seisnb.__version__,
            "arrivals": arrivals_checksum(arrivals),
            "stations": stations_checksum(prepared.stations),
            "ensemble": prepared.ensemble.checksum,
            "trials": hashlib.sha256(np.ascontiguousarray(trials).tobytes()).hexdigest(),
            "log_weight": [round(float(w), 12) for w in prepared.ensemble.log_weight],
            **settings,
        }
        start_folder(Path(folder), json.loads(json.dumps(identity)))
        return cls(folder=Path(folder))

    def load(self, index: int) -> Located | None:
        """A finished event, if it is on disk."""
        path = self._path(index)
        if path is None or not path.exists():
            return None
        arrays = read_arrays(path, "only this event is located anew")
        multi = _unpacked(arrays, "multi")
        if multi is None:
            return None
        return Located(multi=multi, single=_unpacked(arrays, "single"))

    def save(self, index: int, found: Located) -> None:
        """Keep a finished event."""
        path = self._path(index)
        if path is not None:
            write_arrays(path, {**_packed(found.multi, "multi"), **_packed(found.single, "single")})

    def _path(self, index: int) -> Path | None:
        """Where an event lies."""
        return None if self.folder is None else self.folder / f"event_{index:06d}.safetensors"


def _packed(posterior: Posterior | None, prefix: str) -> dict[str, NDArray[Any]]:
    """A posterior as arrays."""
    if posterior is None:
        return {}
    return {
        f"{prefix}.{field.name}": np.atleast_1d(getattr(posterior, field.name))
        for field in fields(Posterior)
    }


def _unpacked(arrays: dict[str, NDArray[Any]], prefix: str) -> Posterior | None:
    """A posterior back from its arrays; None where there is none."""
    if f"{prefix}.points" not in arrays:
        return None
    values: dict[str, Any] = {}
    for field in fields(Posterior):
        value = arrays[f"{prefix}.{field.name}"]
        values[field.name] = float(value[0]) if field.type == "float" else value
    return Posterior(**values)
