"""Everything that all events share: stations, models, travel times, errors of the models."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from seisnb.catalogue import reproject
from seisnb.conventions import STATIONS, InputError, check_dataset
from seisnb.handles import Handles, Progress
from seisnb.location.config import LocationConfig
from seisnb.location.density import Noise
from seisnb.location.space import Space, region_of, space_of
from seisnb.threads import single_threaded, worker_count
from seisnb.traveltime.layered import layered_times
from seisnb.traveltime.tables import TravelTimeTables, build_tables
from seisnb.velocity_ensembles import layered_ensemble, mean_model, section_ensemble
from seisnb.velocity_models import LayeredGroup, LayeredModel, VelocityEnsemble

Array = NDArray[np.float64]
#: What models can be given as.
Models = VelocityEnsemble | xr.Dataset | Sequence[LayeredModel]

#: Share of the travel time that 1-D models are off by, at least: a layered earth has lateral
#: variations, which no spread of layered models stands for.
SHARE_LAYERED = 0.02
#: What neighbouring paths share: half of what the models' own apparent slownesses differ by,
#: within limits; they are measured between two distances, from one depth [km].
SMOOTH_SHARE, SMOOTH_LIMITS, SMOOTH_FROM = 0.5, (0.02, 0.05), (50.0, 150.0, 15.0)
#: What Vp/Vs of one region may be off by.
VPVS_STD_LAYERED = 0.04


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """What :func:`prepare` made; for any number of calls of :func:`seisnb.location.locate`.

    Attributes
    ----------
    stations : xr.Dataset
        The stations, in the models' projection.
    models : VelocityEnsemble, xr.Dataset or sequence of LayeredModel
        The models as they were given.
    ensemble : VelocityEnsemble
        The same as an ensemble.
    tables : TravelTimeTables
        Travel times through all of them.
    single : TravelTimeTables or None
        Travel times through their mean; None where they have none.
    space : Space
        Where events may be.
    noise : Noise
        Errors of the models beyond their spread.
    smooth : float or None
        Share of a travel time by which 1-D models differ; None where there are none.
    """

    stations: xr.Dataset
    models: Models
    ensemble: VelocityEnsemble
    tables: TravelTimeTables
    single: TravelTimeTables | None
    space: Space
    noise: Noise
    smooth: float | None


def as_ensemble(models: Models) -> VelocityEnsemble:
    """Models as an ensemble: of :func:`seisnb.tomography.invert`, 1-D models, or already one.

    Raises
    ------
    InputError
        Something else.
    """
    if isinstance(models, VelocityEnsemble):
        return models
    if isinstance(models, xr.Dataset):
        return section_ensemble(models)
    if isinstance(models, list | tuple) and {type(model) for model in models} == {LayeredModel}:
        return layered_ensemble(models)
    raise InputError(
        f"locate: the ensemble is a {type(models).__name__}; expected what read_models, invert, "
        "layered_ensemble, section_ensemble, volume_ensemble or join_ensembles return."
    )


def prepare(
    stations: xr.Dataset,
    models: Models,
    config: LocationConfig | None = None,
    *,
    progress: Callable[[Progress], None] | None = None,
    cancel: Callable[[], bool] | None = None,
) -> Prepared:
    """Compute travel times from stations through all models, once for many events.

    Parameters
    ----------
    stations : xr.Dataset
        Of :func:`seisnb.catalogue.make_stations`; all of them get tables.
    models : VelocityEnsemble, xr.Dataset or sequence of LayeredModel
        The ensemble; a tomography ensemble stands where its own eastings say, along northing 0
        (use :func:`seisnb.velocity_ensembles.section_ensemble` for another place).
    config : LocationConfig, optional
        Region, depths, step, errors of the models.
    progress, cancel : callable, optional
        As for :func:`seisnb.location.locate`.

    Returns
    -------
    Prepared

    Raises
    ------
    InputError, GeometryError
        Stations or region outside of the models; see the message.
    Cancelled
        Stopped by ``cancel``.
    """
    config = config or LocationConfig()
    handles, begun = Handles.of(progress, cancel), time.monotonic()
    ensemble = as_ensemble(models)
    check_dataset(
        stations, {n: STATIONS[n] for n in ("easting", "northing", "depth")}, where="locate",
        kind="stations",
    )  # fmt: skip
    if ensemble.projection is not None and ensemble.projection != stations.attrs["projection"]:
        stations = reproject(stations, ensemble.projection)
    space = space_of(stations, ensemble, config)
    mean = mean_model(ensemble) if config.single_model else None

    def tables_of(which: VelocityEnsemble, stage: str) -> TravelTimeTables:
        def told(done: int, total: int, message: str) -> None:
            gone = time.monotonic() - begun
            handles.progress(
                Progress(
                    stage="tables", done=done, total=total, message=f"{stage}: {message}",
                    elapsed=gone, remaining=gone / done * (total - done),
                )
            )  # fmt: skip

        return build_tables(
            stations, which, space.region, step=config.table_step,
            n_workers=worker_count(config.n_workers), progress=told, cancel=handles.is_cancelled,
        )  # fmt: skip

    with single_threaded():
        tables = tables_of(ensemble, "all models")
        single = None if mean is None else tables_of(mean, "mean model")
    smooth = _smooth(ensemble)
    return Prepared(
        stations=stations, models=models, ensemble=ensemble, tables=tables, single=single,
        space=space, noise=_noise(config, smooth), smooth=smooth,
    )  # fmt: skip


def _noise(config: LocationConfig, smooth: float | None) -> Noise:
    """Errors of the models beyond their spread, as configured or by kind."""

    def chosen(value: float | None, layered: float) -> float:
        if value is not None:
            return value
        return 0.0 if smooth is None else layered

    share = chosen(config.model_share, SHARE_LAYERED)
    return Noise(
        share=(share, 2.0 * share if config.model_share_s is None else config.model_share_s),
        least=config.model_std_least, most=config.model_std_most,
        smooth=chosen(config.smooth_share, smooth or 0.0),
        vpvs_std=chosen(config.vpvs_std, VPVS_STD_LAYERED),
    )  # fmt: skip


def _smooth(ensemble: VelocityEnsemble) -> float | None:
    """By how much times along one azimuth may be off, as a share: what 1-D models differ by.

    None where there are no 1-D models.
    """
    near, far, depth = SMOOTH_FROM
    found = []
    for group in ensemble.groups:
        if isinstance(group, LayeredGroup):
            for model in group.models:
                times = layered_times(model, "P", 0.0, np.array([near, far]), np.array([depth]))
                found.append(float(times[1, 0] - times[0, 0]))
    if not found:
        return None
    return float(np.clip(SMOOTH_SHARE * np.std(found) / np.mean(found), *SMOOTH_LIMITS))


def reused(
    prepared: Prepared, stations: xr.Dataset, models: Models, config: LocationConfig
) -> Prepared:
    """The same travel times for the stations' terms, the models' weights and a configuration.

    Raises
    ------
    InputError
        The travel times are of other models, of stations elsewhere, or of another region.
    """
    ensemble = prepared.ensemble
    if models is not prepared.models:
        ensemble = as_ensemble(models)
        if ensemble.checksum != prepared.ensemble.checksum:
            raise InputError(
                "locate: the travel times were prepared for other models than those given. "
                "Prepare anew with them."
            )
    if stations.attrs["projection"] != prepared.stations.attrs["projection"]:
        stations = reproject(stations, prepared.stations.attrs["projection"])
    known = set(map(str, stations["station"].values))
    names = [str(name) for name in prepared.stations["station"].values if str(name) in known]
    given, own = stations.sel(station=names), prepared.stations.sel(station=names)
    for name in ("easting", "northing", "depth"):
        moved = np.abs(given[name].values - own[name].values) > 1e-6
        if moved.any():
            raise InputError(
                f"locate: station {names[int(np.argmax(moved))]} has another {name} than the "
                "travel times were prepared for. Prepare anew with these stations."
            )
    own = prepared.stations.copy(deep=True)
    at = np.isin(own["station"].values, names)
    for name in ("term_p", "term_s"):
        own[name].values[at] = given[name].values
    region = region_of(prepared.stations, ensemble, config)
    if region != prepared.space.region:
        raise InputError(
            f"locate: the travel times were prepared for {prepared.space.region}, the "
            f"configuration asks for {region}. Prepare anew with this configuration."
        )
    single = prepared.single if config.single_model else None
    is_reweighted = not np.array_equal(ensemble.log_weight, prepared.ensemble.log_weight)
    mean = mean_model(ensemble) if is_reweighted and single is not None else None
    if mean is not None:
        with single_threaded():  # other weights have another mean
            single = build_tables(
                prepared.stations, mean, region, step=config.table_step,
                n_workers=worker_count(config.n_workers),
            )  # fmt: skip
    return replace(
        prepared, stations=own, models=models, ensemble=ensemble, single=single,
        noise=_noise(config, prepared.smooth),
    )  # fmt: skip


def stations_checksum(stations: xr.Dataset) -> str:
    """SHA-256 over names, positions and terms."""
    digest = hashlib.sha256("\n".join(map(str, stations["station"].values)).encode())
    for name in ("easting", "northing", "depth", "term_p", "term_s"):
        digest.update(np.ascontiguousarray(stations[name].values, float).tobytes())
    return digest.hexdigest()
