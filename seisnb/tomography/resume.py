"""What an inversion decided before its members, kept beside them.

The prior that was chosen, the grids and the most probable model are floats that a processor of
another kind would give other last digits, or another choice between two that are as good. A run
that goes on elsewhere takes them from the folder, so that its members belong together.
"""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray

from seisnb import ranks
from seisnb.inference.rml import start_fit
from seisnb.prior import PriorConfig
from seisnb.tomography.checkpoint import Checkpoint
from seisnb.tomography.config import TomographyConfig
from seisnb.tomography.peak import Peak, peak_of
from seisnb.tomography.problem import Frame, Problem, RayMemory, make_problem, mean_profile
from seisnb.tomography.refine import Judged
from seisnb.traveltime.base import Rays
from seisnb.traveltime.rays import Paths
from seisnb.traveltime.referee import Clerks, Referee

#: Numbers of the judgement that are kept as they are.
_NUMBERS = ("referee_cell", "referee_error", "error", "on_floor", "on_sides")


def keep_start(checkpoint: Checkpoint, judged: Judged) -> None:
    """Write what members rest on into the folder."""
    problem, peak = judged.problem, judged.peak
    memory = peak.fit.here.memory
    assert memory.paths is not None
    settings = {
        "prior": asdict(problem.prior_config),
        "config": asdict(problem.config),
        "notes": list(judged.notes),
    }
    checkpoint.save_start(
        {
            "settings": np.frombuffer(json.dumps(settings).encode(), np.uint8),
            "position": peak.fit.position.numpy(),
            "times": memory.times,
            "across": np.zeros(0) if memory.across is None else memory.across,
            "nodes": memory.rays.nodes,
            "count": memory.rays.count,
            "second_nodes": memory.paths.second.nodes,
            "second_count": memory.paths.second.count,
            "share": memory.paths.share,
            "std": peak.target.std.numpy(),
            "sigma_scale": np.array([peak.sigma_scale]),
            **{name: np.array([getattr(judged, name)]) for name in _NUMBERS},
        }
    )


def kept_start(
    checkpoint: Checkpoint, survey: xr.Dataset, config: TomographyConfig, clerks: Clerks
) -> Judged | None:
    """What the members in a folder rest on; None where there is nothing yet.

    Parameters
    ----------
    checkpoint : Checkpoint
        The folder.
    survey : xr.Dataset
        The used picks.
    config : TomographyConfig
        Settings of this run, for the number of members and workers.
    clerks : Clerks
        Who solves for the referee.
    """
    arrays = ranks.first_says(checkpoint.load_start())
    if arrays is None:
        return None
    settings = json.loads(bytes(arrays["settings"].tobytes()))
    problem = _problem(settings, survey, config)
    peak = _peak(problem, arrays)
    return Judged(
        problem=problem,
        peak=peak,
        referee=Referee(problem.prior.grid, problem.geometry, clerks),
        notes=tuple(settings["notes"]),
        **{name: float(arrays[name][0]) for name in _NUMBERS},
    )


def _problem(settings: dict[str, Any], survey: xr.Dataset, config: TomographyConfig) -> Problem:
    """The problem of kept settings."""
    given = settings["prior"]
    profile = tuple((float(z), float(v)) for z, v in given["profile"])
    prior = PriorConfig(**{**given, "profile": profile})
    free = {"n_members": config.n_members, "n_workers": config.n_workers}
    kept = TomographyConfig(**{**settings["config"], **free})
    assert kept.depth_max
    frame = Frame(
        profile=mean_profile(prior),
        depth_max=kept.depth_max,
        width=float(np.ptp(survey["surface_easting"].values)),
    )
    return make_problem(survey, prior, kept, frame)


def _peak(problem: Problem, arrays: dict[str, NDArray[Any]]) -> Peak:
    """The kept most probable model."""
    across = arrays["across"] if arrays["across"].size else None
    times = arrays["times"]
    paths = Paths(
        times=times if across is None else times - across,
        rays=Rays(nodes=arrays["nodes"], count=arrays["count"]),
        second=Rays(nodes=arrays["second_nodes"], count=arrays["second_count"]),
        share=arrays["share"],
    )
    memory = RayMemory(rays=paths.rays, times=times, paths=paths, across=across)
    position = torch.from_numpy(arrays["position"])
    target = replace(problem.target, std=torch.from_numpy(arrays["std"]))
    here = target.linearise(position, memory)
    fit = start_fit(target, position, here, torch.zeros_like(position), target.observed)
    fit = replace(fit, is_converged=True)
    return peak_of(fit, target, float(arrays["sigma_scale"][0]))
