"""What the prior believes before anything is inverted: draws, and the times that they predict."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from seisnb.conventions import Cancelled
from seisnb.handles import Handles, Progress
from seisnb.inference.base import seeded
from seisnb.prior import PriorConfig
from seisnb.profile import profile_from_picks
from seisnb.section import section_grid, to_depth_grid
from seisnb.survey import offset, used_picks
from seisnb.threads import single_threaded
from seisnb.tomography.config import TomographyConfig
from seisnb.tomography.lengths import choose_lengths
from seisnb.tomography.problem import check_picks, make_frame, make_problem
from seisnb.tomography.result import output_depth
from seisnb.traveltime.base import pick_geometry
from seisnb.traveltime.grid import GridWavefronts, referee_times
from seisnb.traveltime.rays import bend_rays, straight_rays

Array = NDArray[np.float64]

#: Gathers whose times are predicted.
N_GATHERS = 8


def preview_prior(
    survey: xr.Dataset,
    prior: PriorConfig | None = None,
    config: TomographyConfig | None = None,
    *,
    n_draws: int = 24,
    progress: Callable[[Progress], None] | None = None,
    cancel: Callable[[], bool] | None = None,
) -> xr.Dataset:
    """Draw velocity models from the prior and predict picks with them.

    Parameters
    ----------
    survey : xr.Dataset
        Picks of a line; what the prior leaves open is estimated from them.
    prior, config : PriorConfig, TomographyConfig, optional
        As for :func:`seisnb.tomography.invert`.
    n_draws : int
        Number of draws.
    progress, cancel : callable, optional
        As for :func:`seisnb.tomography.invert`.

    Returns
    -------
    xr.Dataset
        ``velocity`` (particle, depth, easting), ``prior_mean``, ``prior_std`` and ``rock``
        (depth, easting); for the picks of a few gathers ``predicted_time`` (particle, pick),
        ``mean_time`` by the prior's mean and ``first_order_time`` by the profile that fits the
        picks best as if the line were uniform [s]; that profile as ``first_order_velocity`` over
        ``below_surface``; the survey's variables. ``prior`` and ``config`` are as used.

    Raises
    ------
    InputError, PriorError, GeometryError
        As for :func:`seisnb.tomography.invert`.
    Cancelled
        Stopped by ``cancel``.
    """
    started, handles = time.monotonic(), Handles.of(progress, cancel)

    def tell(message: str, done: int, total: int = 1) -> None:
        if handles.is_cancelled():
            raise Cancelled("preview_prior: cancelled; nothing to return.")
        handles.progress(
            Progress(stage="prior", done=done, total=total, message=message,
                     elapsed=time.monotonic() - started)
        )  # fmt: skip

    picks = used_picks(survey, where="preview_prior")
    check_picks(picks)
    prior, config = prior or PriorConfig(), config or TomographyConfig()
    tell("building the prior", 0)
    with single_threaded():
        frame = make_frame(picks, prior, config)
        best, _ = choose_lengths(picks, prior, config, frame, lambda line: tell(line, 0))
        problem = best.problem if best else make_problem(picks, prior, config, frame)
        process, grid = problem.prior, problem.prior.grid
        chosen = _some_gathers(picks)
        part = picks.isel(pick=chosen)
        geometry, step = pick_geometry(part), float(problem.config.wavefront_cell or 0.0)
        depth = output_depth(grid)
        models = process.velocity(process.draw(n_draws, seeded(problem.config.seed, 0)))
        times = []
        for done, model in enumerate(models, 1):
            times.append(referee_times(model, grid, geometry, step))
            tell(f"draw {done} of {n_draws}", done, n_draws)
        first_order = profile_from_picks(picks)
        uniform = np.broadcast_to(first_order.at(grid.below_surface), process.mean.shape)
        fitted = referee_times(np.ascontiguousarray(uniform), grid, geometry, step)
        mean = referee_times(process.mean, grid, geometry, step)
    section, drawn = ("depth", "easting"), ("particle",)
    found = xr.Dataset(
        {
            "velocity": ((*drawn, *section), to_depth_grid(models, grid, depth)),
            "prior_mean": (section, to_depth_grid(process.mean, grid, depth)),
            "prior_std": (section, to_depth_grid(process.velocity_std(), grid, depth)),
            "rock": (section, depth[:, None] >= grid.surface - 1e-9),
            "predicted_time": ((*drawn, "pick"), np.array(times)),
            "mean_time": (("pick",), mean),
            "first_order_time": (("pick",), fitted),
            "first_order_velocity": (("below_surface",), first_order.at(grid.below_surface)),
        },
        coords={"easting": grid.easting, "depth": depth, "below_surface": grid.below_surface},
        attrs={
            **picks.attrs,
            "kind": "prior_draws",
            "prior": json.dumps(asdict(problem.prior_config)),
            "config": json.dumps(asdict(problem.config)),
        },
    )
    return found.merge(part, combine_attrs="override")


def rays_through_mean(ensemble: xr.Dataset, *, n_rays: int = 150) -> list[Array]:
    """Rays of some of the picks through the mean model of an ensemble.

    Parameters
    ----------
    ensemble : xr.Dataset
        Of :func:`seisnb.tomography.invert`.
    n_rays : int
        About as many, evenly over the picks.

    Returns
    -------
    list of Array, (node, 2)
        Easting and depth [km] of every ray.
    """
    config = json.loads(str(ensemble.attrs["config"]))
    n_picks = ensemble.sizes["pick"]
    picks = ensemble.isel(pick=np.unique(np.linspace(0, n_picks - 1, n_rays).astype(int)))
    grid = section_grid(ensemble, depth_max=config["depth_max"], cell=config["cell"])
    at = grid.surface[:, None] + grid.below_surface
    mean = ensemble["velocity_mean"].values
    axis = ensemble["depth"].values
    velocity = np.stack([np.interp(at[i], axis, mean[:, i]) for i in range(grid.n_easting)])
    geometry, spacing = pick_geometry(picks), 3 * grid.cell_easting
    rays = GridWavefronts(step=config["wavefront_cell"], spacing=spacing).trace(
        velocity, grid, geometry, straight_rays(grid, geometry, spacing)
    )
    _, rays = bend_rays(velocity, grid, geometry, rays)
    return [nodes[:n] for nodes, n in zip(rays.nodes, rays.count, strict=True)]


def _some_gathers(picks: xr.Dataset) -> NDArray[np.intp]:
    """Picks of a few gathers of the rarer kind of instrument, evenly along the line."""
    kinds = {kind: np.unique(picks[kind].values) for kind in ("shot", "receiver")}
    kind = min(kinds, key=lambda name: kinds[name].size)
    numbers = kinds[kind]
    some = numbers[np.unique(np.linspace(0, numbers.size - 1, N_GATHERS).round().astype(int))]
    own = np.flatnonzero(np.isin(picks[kind].values, some))
    return own[np.argsort(np.abs(offset(picks))[own], kind="stable")]
