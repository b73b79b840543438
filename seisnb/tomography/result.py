"""The ensemble Dataset: members, what they agree on, and how well they fit."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any, Protocol

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray

import seisnb
from seisnb.conventions import ENSEMBLE, SURVEY, set_units
from seisnb.diagnostics import judged, mean_square
from seisnb.io.zarr_members import members_per_chunk
from seisnb.prior import PriorConfig
from seisnb.section import SectionGrid, to_depth_grid
from seisnb.survey import survey_checksum
from seisnb.threads import single_threaded
from seisnb.tomography.checkpoint import Member
from seisnb.tomography.checks import kernel_checks, peak_checks
from seisnb.tomography.finish import is_checked
from seisnb.tomography.peak import Peak
from seisnb.tomography.problem import Problem
from seisnb.tomography.refine import Judged
from seisnb.tomography.terms import TimeTerms

Array = NDArray[np.float64]

#: Levels of the stored quantiles: median, central 68 % and 95 % intervals.
QUANTILES = (0.025, 0.16, 0.5, 0.84, 0.975)
#: What a result says of its survey.
KEPT = (
    "title", "source", "checksum", "notes", "length_unit",
    "buried", "line_easting", "line_northing", "line_azimuth",
)  # fmt: skip
#: What is held in memory at once of velocities that lie on disk.
BLOCK_BYTES = 2**28
#: What is known of the velocities.
VELOCITY_ATTRIBUTES = {
    "long_name": ENSEMBLE["velocity"].long_name,
    "units": ENSEMBLE["velocity"].units,
    "note": "above the rock's surface (rock is False) the value of the surface is continued",
}


class Members(Protocol):
    """An array (particle, depth, easting), in memory or on disk."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Members, depths, eastings."""

    def __getitem__(self, key: Any, /) -> Any:
        """A part, in memory."""

    def __setitem__(self, key: Any, value: Any, /) -> None:
        """Write a part."""


def output_depth(grid: SectionGrid) -> Array:
    """Depths of the result [km]: from the highest point of the surface to the deepest row."""
    step = grid.cell_depth
    top = np.floor(grid.surface.min() / step + 1e-9) * step
    bottom = grid.surface.max() + grid.below_surface[-1]
    return np.asarray(top + step * np.arange(int(np.ceil((bottom - top) / step - 1e-9)) + 1))


def fill_velocity(
    velocity: Members, problem: Problem, members: list[Member], depth: Array
) -> Array:
    """Write the members' velocities, some at a time.

    Parameters
    ----------
    velocity : array, (particle, depth, easting)
        Takes them [km/s]; in memory or on disk.
    problem, members, depth
        As for :func:`ensemble_dataset`.

    Returns
    -------
    Array, (n_easting, n_depth)
        Their mean on the grid that hangs from the surface [km/s].
    """
    prior, grid = problem.prior, problem.prior.grid
    mean = np.zeros(prior.mean.shape)
    step = members_per_chunk(velocity.shape)
    for first in range(0, len(members), step):
        block = []
        for member in members[first : first + step]:
            model = prior.velocity(member.unknowns)
            mean += model / len(members)
            block.append(to_depth_grid(model, grid, depth).astype(np.float32))
        velocity[first : first + step] = np.stack(block)
    return mean


def ensemble_dataset(
    problem: Problem,
    peak: Peak,
    members: list[Member],
    depth: Array,
    velocity: Members,
    hung_mean: Array,
    *,
    asked: PriorConfig,
    bias: float,
    start: Judged,
    elapsed: float,
    is_cancelled: bool,
    n_failed: int,
) -> xr.Dataset:
    """Assemble the result, all but ``velocity`` itself.

    Parameters
    ----------
    problem : Problem
        What was solved.
    peak : Peak
        The most probable model.
    members : list of Member
        Finished members.
    depth : Array, (depth,)
        Depths of the result [km].
    velocity : array, (particle, depth, easting)
        The members' velocities [km/s], of :func:`fill_velocity`.
    hung_mean : Array, (n_easting, n_depth)
        Their mean, of :func:`fill_velocity`.
    asked : PriorConfig
        The prior as it was given, with what was left open.
    bias : float
        Bias that the members were moved for, in posterior standard deviations.
    start : Judged
        What the independent solver and the model's edges say of the most probable model.
    elapsed : float
        Wall time [s].
    is_cancelled : bool
        The run was cut short.
    n_failed : int
        Members that did not reach their own objective and were left out.
    """
    prior, grid, survey = problem.prior, problem.prior.grid, problem.survey
    time, std = survey["travel_time"].values, survey["pick_std"].values
    predicted = np.stack([member.predicted for member in members])
    target = problem.target
    added = torch.stack([target.added(torch.from_numpy(m.unknowns)) for m in members])
    mean_referee = start.referee.times(hung_mean, start.referee_cell) + added.mean(0).numpy()
    if members[0].across.size:
        mean_referee = mean_referee + np.mean([m.across for m in members], axis=0)
    scale = np.array([float(member.sigma_scale.item()) for member in members])
    sigma = std * scale[:, None]
    section = ("depth", "easting")
    dataset = xr.Dataset(
        {
            "log_weight": ("particle", np.full(len(members), -np.log(len(members)))),
            **_summaries(velocity),
            "prior_mean": (section, to_depth_grid(prior.mean, grid, depth)),
            "prior_std": (section, to_depth_grid(prior.velocity_std(), grid, depth)),
            "ray_coverage": (section, _mean_coverage(members)),
            "rock": (section, depth[:, None] >= grid.surface[None, :] - 1e-9),
            "deepest_ray": ("easting", _nan_max([m.deepest for m in members], grid.surface)),
            "predicted_time": (("particle", "pick"), predicted),
            "residual": ("pick", time - predicted.mean(axis=0)),
            "chi2_ray": ("particle", mean_square(time - predicted, sigma)),
            "floor_ray_share": ((), start.on_floor),
            "side_ray_share": ((), start.on_sides),
            "rms_referee_mean": ((), np.sqrt(np.mean((time - mean_referee) ** 2))),
            "sigma_scale": ("particle", scale),
            "is_converged": (
                "particle",
                np.array([bool(m.is_converged.item()) for m in members]),
            ),
            **{name: survey[name] for name in SURVEY},
        },
        coords={
            "particle": np.arange(len(members)),
            "depth": depth,
            "easting": grid.easting,
            "quantile": list(QUANTILES),
        },
    )
    if target.terms is not None:
        dataset = dataset.merge(_time_terms(target.terms, prior.n_unknowns, members))
    objective = np.stack([member.objective for member in members])
    if np.isfinite(objective).all():
        value, expected, spread = objective.T
        dataset["objective"] = "particle", value * expected.mean() / expected
        dataset["objective"].attrs.update(expected=expected.mean(), std=spread.mean())
    if problem.config.correction_steps:
        dataset["correction_acceptance"] = (
            "particle",
            np.array([float(member.correction_acceptance.item()) for member in members]),
        )
    if is_checked(members):
        refereed = np.stack([member.referee for member in members])
        dataset["chi2_referee"] = ("particle", mean_square(time - refereed, sigma))
        dataset["ray_error"] = ("pick", _rms(predicted - refereed))
        dataset.attrs["ray_error_seconds"] = float(np.sqrt(np.mean((predicted - refereed) ** 2)))
    if all(member.network.size for member in members):
        network = np.stack([member.network for member in members])
        dataset["chi2_network"] = ("particle", mean_square(time - network, sigma))
        if is_checked(members):
            dataset["network_error"] = ("pick", _rms(network - refereed))
    _describe(dataset)
    with single_threaded():
        dataset = dataset.merge(peak_checks(problem, peak))
        if problem.network is not None:
            dataset = dataset.merge(kernel_checks(problem, peak, hung_mean))
    if "offset_across" in survey:
        dataset["offset_across"] = survey["offset_across"]
    dataset.attrs.update(
        {
            **{name: survey.attrs[name] for name in KEPT if name in survey.attrs},
            "kind": "ensemble",
            "seisnb_version": seisnb.__version__,
            "config": json.dumps(asdict(problem.config)),
            "prior": json.dumps(asdict(problem.prior_config)),
            "prior_estimated": json.dumps(estimated_settings(asked)),
            "seed": problem.config.seed,
            "survey_checksum": survey_checksum(survey),
            "recentred_bias_std": bias,
            "referee_cell_km": start.referee_cell,
            "referee_error_seconds": start.referee_error,
            "refined": "; ".join(start.notes),
            "elapsed_seconds": elapsed,
            "cancelled": int(is_cancelled),
            "n_failed": n_failed,
            "n_asked": problem.config.n_members,
        }
    )
    if problem.network is not None:
        dataset.attrs.update(problem.network.report(hung_mean))
    if "water_velocity" in survey.attrs:
        dataset.attrs["water_velocity"] = survey.attrs["water_velocity"]
    return judged(dataset, velocity)


def _time_terms(terms: TimeTerms, n_unknowns: int, members: list[Member]) -> xr.Dataset:
    """Delays of shots and receivers of every member [s]; drifts along gathers are in the times."""
    kept = [i for i, label in enumerate(terms.labels) if not label.startswith("gather")]
    if not kept:
        return xr.Dataset()
    scale = terms.matrix.abs().max(dim=0).values.numpy()[kept]
    values = np.stack([member.unknowns[n_unknowns:][kept] * scale for member in members])
    return xr.Dataset(
        {"time_term": (("particle", "term"), values)},
        coords={"term": [terms.labels[i] for i in kept]},
    )


def estimated_settings(asked: PriorConfig) -> list[str]:
    """Settings of a prior that were left open, and so were estimated from the picks."""
    names = ["amplitude", "kernel", "length_easting", "length_depth"]
    if asked.surface_velocity is None:
        names.append("profile")
    return [name for name in names if getattr(asked, name) is None]


def _rms(errors: Array) -> Array:
    """Root mean square over members."""
    return np.asarray(np.sqrt(np.mean(errors**2, axis=0)))


def _summaries(velocity: Members) -> dict[str, tuple[tuple[str, ...], Array]]:
    """Mean, standard deviation and quantiles over members, some rows at a time."""
    n, n_depth, n_easting = velocity.shape
    step = max(1, BLOCK_BYTES // (4 * n * n_easting))
    mean, std, quantile = [], [], []
    for first in range(0, n_depth, step):
        block = np.asarray(velocity[:, first : first + step])
        for row in np.moveaxis(block, 1, 0):
            mean.append(row.mean(axis=0, dtype=float))
            std.append(row.std(axis=0, dtype=float, ddof=1))
            # what is in order already is found three times as fast as what is not
            ordered = np.sort(row, axis=0)
            quantile.append(np.quantile(ordered, QUANTILES, axis=0, method="weibull"))
    section = ("depth", "easting")
    return {
        "velocity_mean": (section, np.stack(mean)),
        "velocity_std": (section, np.stack(std)),
        "velocity_quantile": (("quantile", *section), np.stack(quantile, axis=-2)),
    }


def _mean_coverage(members: list[Member]) -> Array:
    """Ray length per cell, mean over members [km]."""
    total = np.zeros(members[0].coverage.shape)
    for member in members:
        total += member.coverage
    return total / len(members)


def _nan_max(deepest: list[Array], surface: Array) -> Array:
    """Deepest ray of any member per column; the surface where none runs."""
    return np.fmax.reduce([*deepest, surface])


def with_velocity(dataset: xr.Dataset, velocity: NDArray[np.float32]) -> xr.Dataset:
    """The result of :func:`ensemble_dataset` with its velocities first."""
    dims = ENSEMBLE["velocity"].dims
    whole = dataset.assign(velocity=(dims, velocity, VELOCITY_ATTRIBUTES))
    return whole[["velocity", *dataset]]


def _describe(dataset: xr.Dataset) -> None:
    """Units and long names of everything."""
    set_units(dataset, SURVEY)
    set_units(dataset, ENSEMBLE)
    extra = {
        "deepest_ray": ("km", "depth of the deepest ray"),
        "residual": ("s", "observed minus mean predicted travel time"),
        "chi2_referee": ("1", "chi2 per pick, times by the grid referee"),
        "ray_error": ("s", "times along rays less the referee's, rms over members"),
        "network_error": ("s", "network's times less the referee's, rms over members"),
        "sigma_scale": ("1", "factor on the given pick sigmas"),
        "is_converged": ("1", "member converged"),
        "time_term": ("s", "delay of a shot or receiver"),
        "term": ("1", "shot or receiver"),
        "floor_ray_share": ("1", "share of rays along the model's floor, most probable model"),
        "side_ray_share": ("1", "share of rays along the model's sides, most probable model"),
        "objective": ("1", "twice the objective of the member's own fit"),
        "correction_acceptance": ("1", "share of the correction's steps that moved"),
        "chi2_network": ("1", "chi2 per pick, times by the network alone"),
        "particle": ("1", "member"),
        "depth": ("km", "depth below sea level"),
        "easting": ("km", "distance along the line"),
        "quantile": ("1", "quantile level"),
    }
    for name, (units, long_name) in extra.items():
        if name in dataset.variables:
            dataset[name].attrs.update(units=units, long_name=long_name)
    dataset["depth"].attrs["positive"] = "down"
