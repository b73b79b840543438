"""What the most probable model says of prior, sigmas and kernels, stored with every ensemble."""

from __future__ import annotations

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray
from scipy.special import ndtri, stdtr

from seisnb.inference.checks import (
    Check,
    WhitenedFit,
    factor_check,
    neighbour_check,
    pull_check,
    sigma_check,
    whitened_fit,
)
from seisnb.prior import GaussianProcessPrior, MeanProfile, gaussian_process_prior
from seisnb.tomography.peak import Peak
from seisnb.tomography.problem import Problem
from seisnb.traveltime import kernels
from seisnb.traveltime.leakage import leakage, ray_sensitivity, tube_radius

Array = NDArray[np.float64]

#: Change of a length whose effect on the evidence is taken for its slope.
STEP = 1.05
#: Fewest neighbours that a correlation is taken over.
LEAST_PAIRS = 20
#: Picks whose network kernels are compared with their rays.
N_KERNELS = 48

_ATTRS = {
    "left_out_residual": "pick against its prediction from all others, in predictive std",
    "check_value": "check of prior and sigmas: as found",
    "check_low": "lower end of what 95 % of right settings give",
    "check_high": "upper end of what 95 % of right settings give",
    "check_z": "check as a normal score",
    "check": "what is checked",
    "leakage_ray": "share of the ray's kernel farther than a model cell from the ray",
    "leakage_network": "share of the network's kernel farther than a model cell from the ray",
    "kernel_difference": "network's kernel off the ray's, as smoothed by the prior, over the ray's",
}


def peak_checks(problem: Problem, peak: Peak) -> xr.Dataset:
    """Left-out residuals of the picks and the checks that follow from them.

    Parameters
    ----------
    problem : Problem
        What was solved.
    peak : Peak
        Its most probable model.

    Returns
    -------
    xr.Dataset
        ``left_out_residual`` and ``predicted_std`` (pick), the std of predicted times [s] after
        the linearised posterior; ``check_value``, ``check_low``,
        ``check_high`` and ``check_z`` (check) as :class:`seisnb.inference.checks.Check` has them.
        Checks: ``pick_sigma``, ``prior_pull``, ``neighbours_shot``, ``neighbours_receiver`` (only
        where there are some), ``length_easting``, ``length_depth``.
    """
    here, target = peak.fit.here, peak.target
    fit = whitened_fit(here, peak.fit.position, target.observed, target.std)
    found = {"pick_sigma": sigma_check(fit), "prior_pull": pull_check(fit)}
    for kind, other in (("shot", "receiver"), ("receiver", "shot")):
        pairs = neighbours(problem.survey, kind, other)
        if len(pairs) >= LEAST_PAIRS:
            found[f"neighbours_{kind}"] = neighbour_check(fit, torch.from_numpy(pairs))
    for name in ("length_easting", "length_depth"):
        if np.isfinite(getattr(problem.prior_config, name)):
            found[name] = _length_check(problem, peak, fit, name)
    fields = {
        f"check_{part}": ("check", np.array([getattr(check, part) for check in found.values()]))
        for part in Check.__dataclass_fields__
    }
    return described(
        xr.Dataset(
            {
                "left_out_residual": ("pick", _normal_scores(problem, peak, fit)),
                "predicted_std": ("pick", (target.std * fit.leverage.sqrt()).numpy()),
                **fields,
            },
            coords={"check": list(found)},
        )
    )


def kernel_checks(problem: Problem, peak: Peak, velocity: Array) -> xr.Dataset:
    """How far the network's kernels stray from the rays in a model, for a sample of picks.

    Parameters
    ----------
    problem : Problem
        With a network.
    peak : Peak
        Whose rays start those of the model.
    velocity : Array, (n_easting, n_depth)
        The model [km/s], usually the ensemble's mean.

    Returns
    -------
    xr.Dataset
        ``leakage_network`` and ``leakage_ray``, mean shares of the absolute kernel farther from
        the ray than one cell of the model, and ``kernel_difference``, the norm of network minus
        ray kernel over the ray's in the prior's unknowns: what is left of the leakage once lobes
        of opposite sign within a correlation length have cancelled.
    """
    network, prior, geometry = problem.network, problem.prior, problem.geometry
    assert network is not None
    grid = prior.grid
    _, rays = problem.target.forward.times_in(velocity, peak.fit.here.memory.rays)
    n_picks = geometry.n_picks
    picks = np.unique(np.linspace(0, n_picks - 1, min(N_KERNELS, n_picks)).round().astype(np.intp))
    theirs = network.sensitivity(velocity, grid, geometry, rays.nodes[:, 0], picks)
    own = ray_sensitivity(velocity, grid, rays, picks)
    radius = tube_radius(grid)
    slope = velocity if prior.field_kind == "log_velocity" else np.ones_like(velocity)
    felt = [_in_unknowns(prior, each * slope) for each in (theirs - own, own)]
    size = [np.linalg.norm(each, axis=1) for each in felt]
    values = {
        "leakage_ray": leakage(own, grid, rays, picks, radius).mean(),
        "leakage_network": leakage(theirs, grid, rays, picks, radius).mean(),
        "kernel_difference": (size[0] / size[1]).mean(),
    }
    return described(xr.Dataset({name: ((), float(value)) for name, value in values.items()}))


def neighbours(survey: xr.Dataset, kind: str, other: str) -> NDArray[np.int64]:
    """Pairs of picks (n, 2) that follow each other along the gathers of a shot or receiver.

    Parameters
    ----------
    survey : xr.Dataset
        The picks.
    kind, other : str
        ``shot`` and ``receiver`` for the gathers of a shot, or the other way round.
    """
    order = np.lexsort(
        (survey[f"{other}_depth"].values, survey[f"{other}_easting"].values, survey[kind].values)
    )
    gather = survey[kind].values[order]
    together = gather[1:] == gather[:-1]
    return np.stack([order[:-1][together], order[1:][together]], axis=1).astype(np.int64)


def described(dataset: xr.Dataset) -> xr.Dataset:
    """The same Dataset, its variables with units and long names."""
    for name, long_name in _ATTRS.items():
        if name in dataset.variables:
            dataset[name].attrs.update(units="1", long_name=long_name)
    if "predicted_std" in dataset:
        dataset["predicted_std"].attrs.update(
            units="s", long_name="std of the predicted time after the linearised posterior"
        )
    return dataset


def _normal_scores(problem: Problem, peak: Peak, fit: WhitenedFit) -> Array:
    """Left-out residuals as normal scores, whatever the likelihood."""
    left_out = fit.left_out.numpy()
    config = problem.config
    if config.likelihood != "student":
        return np.asarray(left_out)
    # the fit's sigmas are widened where residuals are large; heavy tails are judged without that
    plain = problem.target.std.numpy() * peak.sigma_scale
    heavy = left_out * peak.target.std.numpy() / plain
    dof = config.student_dof
    return np.asarray(-np.sign(heavy) * ndtri(stdtr(dof, -np.abs(heavy))))


def _length_check(problem: Problem, peak: Peak, fit: WhitenedFit, name: str) -> Check:
    """The factor on a correlation length that the picks ask for."""
    config, process = problem.prior_config, problem.prior
    assert config.profile and config.amplitude and config.length_easting and config.length_depth
    lengths = {
        each: getattr(config, each) * (STEP if each == name else 1.0)
        for each in ("length_easting", "length_depth")
    }
    depth, velocity = np.array(config.profile, float).T
    other = gaussian_process_prior(
        process.grid,
        MeanProfile(depth=depth, velocity=velocity),
        field_kind=config.field,
        amplitude=config.amplitude,
        length_depth_growth=config.length_depth_growth or 0.0,
        kernel=config.kernel or "gaussian",
        velocity_max=config.velocity_max,
        amplitude_at_depth=config.amplitude_at_depth or 1.0,
        **lengths,
    )
    kernel = torch.from_numpy(_kernel_in(other, process, peak))
    if problem.target.terms is not None:
        kernel = torch.cat([kernel, problem.target.terms.matrix], dim=1)
    return factor_check(fit, kernel / peak.target.std[:, None], STEP)


def _kernel_in(basis: GaussianProcessPrior, process: GaussianProcessPrior, peak: Peak) -> Array:
    """The kernel at the most probable model in the unknowns of another prior on its grid."""
    grid, rays = process.grid, peak.fit.here.memory.rays
    velocity, slope = process.velocity_and_derivative(peak.fit.position.numpy())
    out = np.zeros((rays.count.size, basis.n_unknowns))
    kernels.ray_kernel(
        velocity, slope * basis.amplitude,
        grid.surface, grid.x0, grid.cell_easting, grid.cell_depth,
        basis.basis_easting, basis.basis_depth, basis.kept[0], basis.kept[1],
        rays.nodes, rays.count, np.ones(rays.count.size), out,
    )  # fmt: skip
    return out


def _in_unknowns(prior: GaussianProcessPrior, sensitivity: Array) -> Array:
    """Sensitivities (m, n_easting, n_depth) to the process, in the prior's unknowns."""
    weights = prior.basis_easting.T @ sensitivity @ prior.basis_depth
    return np.asarray(prior.amplitude * weights[:, prior.kept[0], prior.kept[1]])
