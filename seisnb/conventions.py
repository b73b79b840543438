"""Names, units, the frame and the errors that every module of seisnb shares.

Frame: kilometres, seconds, km/s; easting, northing, depth in that order; depth is positive
down from sea level. Other units are converted in :mod:`seisnb.io` and nowhere else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import xarray as xr

from seisnb.unloaded_dask import spare_dask

spare_dask()

UNITS: dict[str, str] = {"length": "km", "time": "s", "velocity": "km/s"}


class SeisnbError(Exception):
    """Base of every error that seisnb raises on purpose.

    The message says where, what was found, what was expected and what to do.
    """


class InputError(SeisnbError, ValueError):
    """A value handed to a public function is outside what the function can use."""


class FileFormatError(InputError):
    """A file is not what its format says; the message names file, line and value."""


class GeometryError(InputError):
    """A shot, receiver or station lies where it cannot lie."""


class PriorError(InputError):
    """A prior that is not a proper distribution (length, amplitude or mean profile)."""


class CheckpointError(SeisnbError):
    """A checkpoint belongs to another survey, configuration or version."""


class OutputError(SeisnbError, OSError):
    """A result could not be written (folder not writable, disk full); nothing partial is left."""


class RankError(SeisnbError):
    """Another process of a run died, cannot be reached or does not answer."""


class Cancelled(SeisnbError):
    """Work was cancelled on request before anything could be returned."""


@dataclass(frozen=True, kw_only=True)
class Variable:
    """What a Dataset must hold under one name."""

    dims: tuple[str, ...]
    units: str
    long_name: str


SURVEY: Mapping[str, Variable] = {
    "travel_time": Variable(dims=("pick",), units="s", long_name="first-arrival travel time"),
    "pick_std": Variable(dims=("pick",), units="s", long_name="pick standard deviation"),
    "shot": Variable(dims=("pick",), units="1", long_name="shot number"),
    "receiver": Variable(dims=("pick",), units="1", long_name="receiver number"),
    "shot_easting": Variable(dims=("pick",), units="km", long_name="shot easting"),
    "shot_depth": Variable(dims=("pick",), units="km", long_name="shot depth"),
    "receiver_easting": Variable(dims=("pick",), units="km", long_name="receiver easting"),
    "receiver_depth": Variable(dims=("pick",), units="km", long_name="receiver depth"),
    "used": Variable(dims=("pick",), units="1", long_name="pick is used (not muted)"),
    "surface_easting": Variable(dims=("profile",), units="km", long_name="surface profile easting"),
    "surface_depth": Variable(
        dims=("profile",), units="km", long_name="depth of the rock's surface"
    ),
}

ENSEMBLE: Mapping[str, Variable] = {
    "velocity": Variable(
        dims=("particle", "depth", "easting"), units="km/s", long_name="P velocity"
    ),
    "log_weight": Variable(dims=("particle",), units="1", long_name="log weight of a member"),
    "velocity_mean": Variable(dims=("depth", "easting"), units="km/s", long_name="mean P velocity"),
    "velocity_std": Variable(
        dims=("depth", "easting"), units="km/s", long_name="posterior std of P velocity"
    ),
    "velocity_quantile": Variable(
        dims=("quantile", "depth", "easting"), units="km/s", long_name="quantiles of P velocity"
    ),
    "prior_mean": Variable(
        dims=("depth", "easting"), units="km/s", long_name="prior mean of P velocity"
    ),
    "prior_std": Variable(
        dims=("depth", "easting"), units="km/s", long_name="prior std of P velocity"
    ),
    "ray_coverage": Variable(
        dims=("depth", "easting"), units="km", long_name="ray length per cell, mean over members"
    ),
    "rock": Variable(dims=("depth", "easting"), units="1", long_name="cell lies under the surface"),
    "travel_time": SURVEY["travel_time"],
    "pick_std": SURVEY["pick_std"],
    "predicted_time": Variable(
        dims=("particle", "pick"), units="s", long_name="travel time along the fastest ray"
    ),
    "chi2_ray": Variable(
        dims=("particle",), units="1", long_name="chi2 per pick, times along the rays"
    ),
    "rms_referee_mean": Variable(
        dims=(), units="s", long_name="rms misfit of the mean model by the grid referee"
    ),
}

STATIONS: Mapping[str, Variable] = {
    "longitude": Variable(dims=("station",), units="degrees_east", long_name="longitude"),
    "latitude": Variable(dims=("station",), units="degrees_north", long_name="latitude"),
    "easting": Variable(dims=("station",), units="km", long_name="easting"),
    "northing": Variable(dims=("station",), units="km", long_name="northing"),
    "depth": Variable(dims=("station",), units="km", long_name="depth below sea level"),
    "term_p": Variable(dims=("station",), units="s", long_name="station term of P"),
    "term_s": Variable(dims=("station",), units="s", long_name="station term of S"),
}

ARRIVALS: Mapping[str, Variable] = {
    "event": Variable(dims=("pick",), units="1", long_name="event as named in the source"),
    "station": Variable(dims=("pick",), units="1", long_name="station"),
    "phase": Variable(dims=("pick",), units="1", long_name="phase, P or S"),
    "arrival_time": Variable(dims=("pick",), units="UTC", long_name="arrival time"),
    "pick_std": Variable(dims=("pick",), units="s", long_name="pick standard deviation"),
    "used": Variable(dims=("pick",), units="1", long_name="pick is used (not muted)"),
}


OFFSETS: Mapping[str, Variable] = {
    "displacement": Variable(
        dims=("site", "component"), units="m", long_name="displacement, or velocity per year"
    ),
    "std": Variable(dims=("site", "component"), units="m", long_name="its standard deviation"),
    "easting": Variable(dims=("site",), units="km", long_name="site easting"),
    "northing": Variable(dims=("site",), units="km", long_name="site northing"),
    "longitude": Variable(dims=("site",), units="degrees_east", long_name="site longitude"),
    "latitude": Variable(dims=("site",), units="degrees_north", long_name="site latitude"),
}


def _hypocentres() -> dict[str, Variable]:
    """What :func:`seisnb.location.locate` returns; ``single_`` is the one-model answer beside."""
    places = {
        "easting": ("km", "easting"),
        "northing": ("km", "northing"),
        "depth": ("km", "depth below sea level"),
        "longitude": ("degrees_east", "longitude"),
        "latitude": ("degrees_north", "latitude"),
        "origin_time": ("UTC", "origin time"),
    }
    found = {
        name: Variable(dims=("event", "sample"), units=units, long_name=words)
        for name, (units, words) in places.items()
    }
    for which, words in (("mean", "posterior mean"), ("best", "most probable")):
        for name, (units, what) in places.items():
            found[f"{which}_{name}"] = Variable(
                dims=("event",), units=units, long_name=f"{words} {what}"
            )
    table: dict[str, tuple[tuple[str, ...], str, str]] = {
        "model": (("event", "sample"), "1", "member that the sample was drawn with"),
        "log_weight": (("event", "sample"), "1", "log weight of a sample"),
        "log_density": (("event", "sample"), "1", "log posterior density of the place [1/km3]"),
        "best_log_density": (("event",), "1", "greatest log posterior density [1/km3]"),
        "std": (("event", "component"), "km or s", "posterior std"),
        "covariance": (
            ("event", "component", "other"),
            "km2, km s or s2",
            "posterior covariance",
        ),
        "ellipsoid_length": (
            ("event", "axis"),
            "km",
            "semi-axes of the ellipsoid that holds 68 % if normal",
        ),
        "ellipsoid_axis": (
            ("event", "axis", "direction"),
            "1",
            "unit vectors: easting, northing, depth",
        ),
        "quantile_value": (
            ("event", "quantile", "component"),
            "km or s",
            "quantiles of each component alone",
        ),
        "region_log_density": (
            ("event", "region"),
            "1",
            "log density at the border of the smallest such region",
        ),
        "n_used": (("event",), "1", "picks located with"),
        "n_stations": (("event",), "1", "stations located with"),
        "rms": (("event",), "s", "weighted rms residual"),
        "azimuthal_gap": (("event",), "degrees", "greatest azimuth without a station"),
        "nearest_station": (("event",), "km", "distance to the nearest station"),
        "ess": (("event",), "1", "effective number of the draws behind the samples"),
        "edge_mass": (("event",), "1", "share of samples at a side of the region"),
        "log_evidence": (("event",), "1", "log probability of the picks over all models"),
        "n_effective_models": (("event",), "1", "effective number of models after the event"),
        "model_probability": (("event", "member"), "1", "probability of a model given the picks"),
        "model_log_evidence": (("event", "member"), "1", "log probability of the picks by model"),
        "shift_over_std": (
            ("event", "component"),
            "1",
            "one model's mean less that of all, over one model's std",
        ),
        "std_ratio": (("event", "component"), "1", "std over all models over that of one model"),
        "residual": (("pick",), "s", "observed less posterior mean of the predicted time"),
        "predicted_std": (("pick",), "s", "posterior std of the predicted time"),
        "sigma": (("pick",), "s", "std of the pick with the models' share"),
        "weight": (("pick",), "1", "how much the pick counts, 0 to 1"),
        "distance": (("pick",), "km", "epicentral distance"),
        "azimuth": (("pick",), "degrees", "azimuth from epicentre to station"),
    }
    found |= {
        name: Variable(dims=dims, units=units, long_name=words)
        for name, (dims, units, words) in table.items()
    }
    return found


HYPOCENTRES: Mapping[str, Variable] = _hypocentres()


def set_units(dataset: xr.Dataset, variables: Mapping[str, Variable]) -> xr.Dataset:
    """Give each variable that the table names its units and long name; returns the same Dataset."""
    for name, variable in variables.items():
        own = dataset.variables.get(name)
        if own is not None:
            own.attrs.update(long_name=variable.long_name)
            if own.dtype.kind != "M":  # the units of a time are its encoding's
                own.attrs.update(units=variable.units)
    return dataset


def check_dataset(
    dataset: xr.Dataset, variables: Mapping[str, Variable], *, where: str, kind: str
) -> None:
    """Check that a Dataset holds the variables of a table with their dims, finite throughout.

    Parameters
    ----------
    dataset : xr.Dataset
        What the caller handed over.
    variables : mapping of name to Variable
        :data:`SURVEY` or :data:`ENSEMBLE`.
    where, kind : str
        The public function's name and the Dataset's kind, for the message.

    Raises
    ------
    InputError
        A variable is missing, has other dims, or holds NaN or infinite values.
    """
    for name, variable in variables.items():
        if name not in dataset:
            raise InputError(
                f"{where}: the {kind} Dataset has no variable {name!r} "
                f"({variable.long_name}, {variable.units}). It holds {sorted(map(str, dataset))}."
            )
        found = dataset[name]
        if found.dims != variable.dims:
            raise InputError(
                f"{where}: {name!r} of the {kind} Dataset has dims {found.dims}, "
                f"expected {variable.dims}."
            )
        if found.dtype.kind == "f" and not bool(np.isfinite(found.values).all()):
            n_bad = int((~np.isfinite(found.values)).sum())
            raise InputError(
                f"{where}: {name!r} of the {kind} Dataset holds {n_bad} values that are NaN or "
                "infinite. Remove or repair them first."
            )
