"""Ensembles to locate in, built from 1-D models, from tomography and from 3-D grids; and joined."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from seisnb.conventions import ENSEMBLE, GeometryError, InputError, check_dataset
from seisnb.velocity_models import (
    PLAUSIBLE,
    Group,
    LayeredGroup,
    LayeredModel,
    SectionGroup,
    VelocityEnsemble,
    VolumeGroup,
)
from seisnb.weights import prior_log_weights

Array = NDArray[np.float64]


def layered_ensemble(
    models: Sequence[LayeredModel],
    *,
    vpvs: float = 1.73,
    vpvs_std: float = 0.0,
    log_weight: ArrayLike | None = None,
    seed: int = 0,
) -> VelocityEnsemble:
    """1-D models as an ensemble.

    Parameters
    ----------
    models : sequence of LayeredModel
        Members, all with S velocities or all without.
    vpvs, vpvs_std : float
        Mean and standard deviation of Vp/Vs for members without S; each draws its own.
    log_weight : array_like, (member,), optional
        Log prior weights, equal by default.
    seed : int
        Of the draws of Vp/Vs.

    Raises
    ------
    InputError
        No model; models with and without S together; a Vp/Vs that cannot be.
    """
    has_s = [model.vs is not None for model in models]
    if any(has_s) and not all(has_s):
        raise InputError(
            f"layered_ensemble: {models[has_s.index(True)].name!r} has S velocities and "
            f"{models[has_s.index(False)].name!r} has none. Give vs for all or for none; or join "
            "two ensembles by join_ensembles."
        )
    return VelocityEnsemble(
        groups=(LayeredGroup(models=tuple(models)),),
        log_weight=prior_log_weights(log_weight, len(models), where="layered_ensemble"),
        vpvs=_ratios(len(models), vpvs, vpvs_std, seed),
        name=tuple(model.name for model in models),
    )


def section_ensemble(
    ensemble: xr.Dataset,
    *,
    origin: tuple[float, float] = (0.0, 0.0),
    azimuth: float = 90.0,
    projection: str | None = None,
    vpvs: float = 1.73,
    vpvs_std: float = 0.0,
    seed: int = 0,
) -> VelocityEnsemble:
    """A tomography ensemble, extended along strike, to locate in.

    Parameters
    ----------
    ensemble : xr.Dataset
        What :func:`seisnb.tomography.invert` returned.
    origin : tuple of float
        Easting and northing [km] of the line's easting 0, in the frame of the stations.
    azimuth : float
        Direction of the line's growing easting, clockwise from north [degrees].
    projection : str, optional
        PROJ string that ``origin`` is in; that of the stations by default.
    vpvs, vpvs_std, seed
        As for :func:`layered_ensemble`.

    Raises
    ------
    InputError
        Not an ensemble, or velocities outside 0.1 to 15 km/s.
    GeometryError
        An origin or azimuth that is not finite.
    """
    check_dataset(
        ensemble,
        {name: ENSEMBLE[name] for name in ("velocity", "log_weight", "rock")},
        where="section_ensemble",
        kind="ensemble",
    )
    if not np.isfinite([*origin, azimuth]).all():
        raise GeometryError(
            f"section_ensemble: origin {origin} km and azimuth {azimuth} degrees; expected finite "
            "numbers."
        )
    velocity = ensemble["velocity"].values
    _check_velocity(velocity, "section_ensemble")
    depth, rock = ensemble["depth"].values.astype(float), ensemble["rock"].values.astype(bool)
    group = SectionGroup(
        velocity=velocity,
        along=ensemble["easting"].values.astype(float),
        depth=depth,
        surface=depth[np.argmax(rock, axis=0)],
        origin=(float(origin[0]), float(origin[1])),
        azimuth=float(azimuth),
    )
    n = group.n_members
    return VelocityEnsemble(
        groups=(group,),
        log_weight=prior_log_weights(ensemble["log_weight"].values, n, where="section_ensemble"),
        vpvs=_ratios(n, vpvs, vpvs_std, seed), name=tuple(f"member {k}" for k in range(n)),
        projection=projection,
    )  # fmt: skip


def volume_ensemble(
    velocity: xr.DataArray,
    *,
    projection: str | None = None,
    log_weight: ArrayLike | None = None,
    vpvs: float = 1.73,
    vpvs_std: float = 0.0,
    seed: int = 0,
) -> VelocityEnsemble:
    """3-D grids as an ensemble.

    Parameters
    ----------
    velocity : xr.DataArray, (particle, northing, easting, depth) in any order
        P velocity [km/s] with coordinates [km], evenly spaced; without ``particle`` one member.
    projection : str, optional
        PROJ string of its eastings and northings; that of the stations by default.
    log_weight, vpvs, vpvs_std, seed
        As for :func:`layered_ensemble`.

    Raises
    ------
    InputError
        Other dims, or velocities outside 0.1 to 15 km/s.
    GeometryError
        A coordinate that is missing or not evenly spaced.
    """
    if "particle" not in velocity.dims:
        velocity = velocity.expand_dims("particle")
    wanted = ("particle", "northing", "easting", "depth")
    if set(velocity.dims) != set(wanted):
        raise InputError(f"volume_ensemble: velocity has dims {velocity.dims}; expected {wanted}.")
    velocity = velocity.transpose(*wanted)
    axes = {}
    for name in wanted[1:]:
        axis = np.asarray(velocity[name].values, float)
        if name not in velocity.coords or axis.size < 2:
            raise GeometryError(
                f"volume_ensemble: no coordinate {name} [km] of two values or more."
            )
        if axis[0] > axis[-1]:
            velocity, axis = velocity.isel({name: slice(None, None, -1)}), axis[::-1]
        step = np.diff(axis)
        if not (np.isfinite(axis).all() and step.min() > 0 and np.ptp(step) < 1e-3 * step.max()):
            raise GeometryError(
                f"volume_ensemble: {name} runs in steps of {step.min():g} to {step.max():g} km; "
                "expected even steps. Resample the model with xarray's interp."
            )
        axes[name] = axis
    values = np.ascontiguousarray(velocity.values)
    _check_velocity(values, "volume_ensemble")
    n = values.shape[0]
    return VelocityEnsemble(
        groups=(VolumeGroup(velocity=values, **axes),),
        log_weight=prior_log_weights(log_weight, n, where="volume_ensemble"),
        vpvs=_ratios(n, vpvs, vpvs_std, seed), name=tuple(f"volume {k}" for k in range(n)),
        projection=projection,
    )  # fmt: skip


def join_ensembles(
    ensembles: Sequence[VelocityEnsemble], share: ArrayLike | None = None
) -> VelocityEnsemble:
    """Members of several ensembles, of one kind or several, as one ensemble.

    Parameters
    ----------
    ensembles : sequence of VelocityEnsemble
        In the order in which members are numbered.
    share : array_like, (n_ensembles,), optional
        Prior probability of each ensemble as a whole; by default every member of equal weight
        counts the same.

    Raises
    ------
    InputError
        No ensemble, shares that are not positive, or two projections.
    """
    if not ensembles:
        raise InputError("join_ensembles: no ensembles. At least one is needed.")
    known = {e.projection for e in ensembles if e.projection is not None}
    if len(known) > 1:
        raise InputError(
            f"join_ensembles: the ensembles are in several projections: "
            f"{', '.join(sorted(known))}. Build them in one."
        )
    if share is None:
        share = [e.n_members for e in ensembles]
    part = np.asarray(share, float)
    if part.shape != (len(ensembles),) or not (np.isfinite(part).all() and part.min() > 0):
        raise InputError(
            f"join_ensembles: shares {part.tolist()} for {len(ensembles)} ensembles; expected one "
            "positive number for each."
        )
    weight = np.concatenate(
        [p * e.weight for p, e in zip(part / part.sum(), ensembles, strict=True)]
    )
    with np.errstate(divide="ignore"):
        log_weight = np.log(weight)
    return VelocityEnsemble(
        groups=tuple(group for e in ensembles for group in e.groups),
        log_weight=log_weight,
        vpvs=np.concatenate([e.vpvs for e in ensembles]),
        name=tuple(name for e in ensembles for name in e.name),
        projection=known.pop() if known else None,
        notes=tuple(note for e in ensembles for note in e.notes),
    )


def reweighted(ensemble: VelocityEnsemble, log_weight: ArrayLike) -> VelocityEnsemble:
    """The same members with other log prior weights, (member,)."""
    weights = prior_log_weights(log_weight, ensemble.n_members, where="reweighted")
    return replace(ensemble, log_weight=weights)


def one_member(ensemble: VelocityEnsemble, index: int) -> VelocityEnsemble:
    """An ensemble of one of the members.

    Raises
    ------
    InputError
        There is no such member.
    """
    if not 0 <= index < ensemble.n_members:
        raise InputError(
            f"one_member: there is no member {index}; expected 0 to {ensemble.n_members - 1}."
        )
    before = index
    for group in ensemble.groups:
        if before < group.n_members:
            break
        before -= group.n_members
    single: Group
    if isinstance(group, LayeredGroup):
        single = LayeredGroup(models=(group.models[before],))
    else:
        single = replace(group, velocity=group.velocity[before : before + 1])
    return VelocityEnsemble(
        groups=(single,), log_weight=np.zeros(1), vpvs=ensemble.vpvs[index : index + 1],
        name=(ensemble.name[index],), projection=ensemble.projection,
    )  # fmt: skip


def mean_model(ensemble: VelocityEnsemble) -> VelocityEnsemble | None:
    """The one model that everyone else would use: the weighted mean velocity of all members.

    Returns
    -------
    VelocityEnsemble or None
        One member; None where members are of several kinds or grids, which have no mean.
    """
    if len(ensemble.groups) != 1:
        return None
    group, weight = ensemble.groups[0], ensemble.weight
    mean: Group
    if isinstance(group, LayeredGroup):
        mean = LayeredGroup(models=(_mean_layers(group.models, weight),))
    else:
        velocity = np.zeros(group.velocity.shape[1:])
        for member, w in zip(group.velocity, weight, strict=True):  # no copy of all of them
            velocity += w * member
        mean = replace(group, velocity=velocity[None])
    return VelocityEnsemble(
        groups=(mean,), log_weight=np.zeros(1), vpvs=np.array([weight @ ensemble.vpvs]),
        name=("ensemble mean",), projection=ensemble.projection,
    )  # fmt: skip


def _mean_layers(models: tuple[LayeredModel, ...], weight: Array) -> LayeredModel:
    """Mean velocity at every depth: a layer between any two tops of any model."""
    top = np.unique(np.concatenate([model.top for model in models]))
    middle = np.append(0.5 * (top[:-1] + top[1:]), top[-1] + 1.0)

    def mean(phase: str) -> tuple[Array, Array]:
        v, g = np.zeros(top.size), np.zeros(top.size)
        for model, w in zip(models, weight, strict=True):
            own = model.vp_gradient if phase == "P" else model.vs_gradient
            layer = np.searchsorted(model.top, middle, side="right") - 1
            slope = np.where(layer < 0, 0.0, np.asarray(own)[layer])
            g += w * slope
            v += w * model.velocity(top, phase)
        return v, g

    vp, vp_gradient = mean("P")
    vs, vs_gradient = mean("S") if models[0].vs is not None else (None, None)
    return LayeredModel(
        name="ensemble mean", top=top, vp=vp, vp_gradient=vp_gradient, vs=vs,
        vs_gradient=vs_gradient,
    )  # fmt: skip


def _ratios(n: int, vpvs: float, std: float, seed: int) -> Array:
    """Vp/Vs of every member: draws of a normal distribution, kept within four deviations."""
    if not (np.isfinite([vpvs, std]).all() and std >= 0):
        raise InputError(f"vpvs is {vpvs} +- {std}; expected finite numbers, the second from 0.")
    draws = np.clip(np.random.default_rng([seed, 83]).standard_normal(n), -4.0, 4.0)
    return np.asarray(vpvs + std * draws)


def _check_velocity(velocity: NDArray[np.floating], where: str) -> None:
    """Refuse velocities that are not finite or not those of rock."""
    low, high = float(np.min(velocity)), float(np.max(velocity))
    if not (low >= PLAUSIBLE[0] and high <= PLAUSIBLE[1]):
        raise InputError(
            f"{where}: velocities from {low:g} to {high:g}; expected {PLAUSIBLE[0]:g} to "
            f"{PLAUSIBLE[1]:g} km/s. Divide by 1000 if they are in m/s; a slowness is 1 / velocity."
        )
