"""What an ensemble says of a truth that is known, cell by cell, and what it cost.

Cells are kept a fifth of a correlation length apart: closer ones say the same twice.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter

from seisnb.conventions import Cancelled, InputError
from seisnb.diagnostics import crps, gaussian_crps, rank_of_truth
from seisnb.section import to_depth_grid
from seisnb.tomography import Progress
from seisnb.traveltime import kernels
from seisnb.traveltime.base import pick_geometry
from seisnb.traveltime.grid import GridWavefronts
from seisnb.traveltime.rays import RayForward, straight_rays
from seisnb.verification.cases import Case
from seisnb.verification.methods import Method

Array = NDArray[np.float64]

#: Spacing of the cells that are kept [correlation lengths].
SPACING = 0.2
#: Variables of one (method_name, truth): unit and meaning.
CELLS: Mapping[str, tuple[str, str]] = {
    "rank": ("1", "members below the truth"),
    "velocity_truth": ("km/s", "true P velocity"),
    "velocity_mean": ("km/s", "mean of the members"),
    "velocity_std": ("km/s", "standard deviation of the members"),
    "prior_std": ("km/s", "standard deviation of the prior"),
    "crps": ("km/s", "continuous ranked probability score of the members"),
    "crps_prior": ("km/s", "continuous ranked probability score of the prior"),
    "ray_density": ("1/km", "length of the truth's rays per area"),
}
SCALARS: Mapping[str, tuple[str, str]] = {
    "n_members": ("1", "members"),
    "seconds_total": ("s", "wall time of the whole inversion, members on one thread"),
    "seconds_training": ("s", "of it for training the network"),
    "seconds_members": ("s", "of it for the members"),
    "chi2_referee": ("1", "chi2 per pick by the grid referee, mean of the members"),
    "sigma_scale": ("1", "factor on the pick sigmas, mean of the members"),
}


@dataclass
class StageClock:
    """Takes progress messages and knows how long each stage took."""

    begun: float = field(default_factory=time.perf_counter)
    stamps: dict[str, list[float]] = field(default_factory=dict)

    def __call__(self, message: Progress) -> None:
        """Note when a stage was last heard of."""
        self.stamps.setdefault(message.stage, []).append(time.perf_counter())

    def seconds(self, stage: str) -> float:
        """From a stage's first message to its last [s]; zero for one that was never heard of."""
        stamps = self.stamps.get(stage, [0.0])
        return stamps[-1] - stamps[0]


def true_ray_density(case: Case, depth: Array) -> Array:
    """Length of the rays through the truth itself per area, (depth, easting) [km/km**2].

    The same for every method, so that their tables by ray coverage compare.
    """
    process, grid = case.process, case.process.grid
    geometry = pick_geometry(case.survey)
    spacing = 3 * grid.cell_depth
    forward = RayForward(
        prior=process,
        geometry=geometry,
        wavefronts=(GridWavefronts(step=2 * grid.cell_depth, spacing=spacing),),
        n_steps=12,
    )
    _, rays = forward.times_in(case.truth, straight_rays(grid, geometry, spacing))
    length = np.zeros((depth.size, grid.n_easting))
    step = depth[1] - depth[0]
    kernels.ray_lengths(grid.x0, depth[0], grid.cell_easting, step, rays.nodes, rays.count, length)
    return length / (grid.cell_easting * step)


def judge(ensemble: xr.Dataset, case: Case, spacing: float = SPACING) -> xr.Dataset:
    """What an ensemble says of its truth, cell by cell.

    Parameters
    ----------
    ensemble : xr.Dataset
        With ``velocity`` (particle, depth, easting) on the grid of the case.
    case : Case
        The truth.
    spacing : float
        Distance of the cells that are kept [correlation lengths].

    Returns
    -------
    xr.Dataset
        Variables of :data:`CELLS` on (depth, easting).

    Raises
    ------
    InputError
        The ensemble lies on another grid.
    """
    grid, process = case.process.grid, case.process
    depth = ensemble["depth"].values
    if ensemble["velocity"].shape[2] != grid.n_easting:
        raise InputError(
            f"judge: the ensemble has {ensemble['velocity'].shape[2]} columns, its truth has "
            f"{grid.n_easting}. Invert with the case's own settings {dict(case.settings)}."
        )
    steps = {
        "depth": max(1, round(spacing * process.length_depth / grid.cell_depth)),
        "easting": max(1, round(spacing * process.length_easting / grid.cell_easting)),
    }
    rows, columns = (slice(step // 2, None, step) for step in steps.values())

    def thinned(model: Array) -> Array:
        return to_depth_grid(model, grid, depth)[rows, columns]

    truth = thinned(case.truth)
    members = ensemble["velocity"].values[:, rows, columns].astype(float)
    density = uniform_filter(
        true_ray_density(case, depth), size=tuple(steps.values()), mode="nearest"
    )
    prior_mean, prior_std = thinned(process.mean), thinned(process.velocity_std())
    values = {
        "rank": rank_of_truth(members, truth).astype(np.int16),
        "velocity_truth": truth,
        "velocity_mean": members.mean(axis=0),
        "velocity_std": members.std(axis=0, ddof=1),
        "prior_std": prior_std,
        "crps": crps(members, truth),
        "crps_prior": gaussian_crps(prior_mean, prior_std, truth),
        "ray_density": density[rows, columns].round(6).clip(0.0),  # a running sum leaves dust
    }
    judged = xr.Dataset(
        {
            name: (("depth", "easting"), array if name == "rank" else array.astype(np.float32))
            for name, array in values.items()
        },
        coords={"depth": depth[rows], "easting": grid.easting[columns]},
    )
    return describe_judged(judged)


def run_method(
    method: Method,
    case: Case,
    *,
    n_members: int,
    seed: int,
    spacing: float = SPACING,
    cancel: Callable[[], bool] | None = None,
) -> xr.Dataset:
    """Invert one truth by one method and judge the result.

    Returns
    -------
    xr.Dataset
        Variables of :data:`CELLS` and :data:`SCALARS`.

    Raises
    ------
    Cancelled
        A run that was cut short is no result.
    """
    config = method.config(case, n_members=n_members, seed=seed)
    clock = StageClock()
    ensemble = method.inverter(case.survey, case.prior, config, progress=clock, cancel=cancel)
    total = time.perf_counter() - clock.begun
    if ensemble.attrs.get("cancelled"):
        raise Cancelled("coverage_study: cancelled; finished truths are kept.")
    judged = judge(ensemble, case, spacing)
    scalars = {
        "n_members": float(ensemble.sizes["particle"]),
        "seconds_total": total,
        "seconds_training": clock.seconds("training"),
        "seconds_members": clock.seconds("members") or total,
        "chi2_referee": float(ensemble["chi2_referee"].mean()),
        "sigma_scale": float(ensemble["sigma_scale"].mean()) if "sigma_scale" in ensemble else 1.0,
    }
    return describe_judged(judged.assign(scalars))


def describe_judged(dataset: xr.Dataset) -> xr.Dataset:
    """Units and long names."""
    for name, (units, long_name) in {**CELLS, **SCALARS}.items():
        if name in dataset:
            dataset[name].attrs.update(units=units, long_name=long_name)
    for name in ("depth", "easting"):
        if name in dataset.coords:
            dataset[name].attrs.update(units="km", long_name=name)
    return dataset
