"""What processes do together in tests: ``torchrun tests/ranks_work.py TASK FILE``."""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor

from seisnb import ranks
from seisnb.inference.base import seeded
from seisnb.line_1d import Line
from seisnb.prior import PriorConfig
from seisnb.survey import make_survey
from seisnb.tomography import TomographyConfig, invert
from seisnb.traveltime.wavefront_training import (
    WavefrontConfig,
    train_wavefront,
)
from seisnb.traveltime.wavefront_trunk import GridFrame
from seisnb.verification.one_dimensional import line_problem
from seisnb.vsvgd.config import VsvgdConfig
from seisnb.vsvgd.run import VsvgdProgress, run_vsvgd, velocity_at

#: Second order, as in long runs, small.
SECOND = VsvgdConfig(
    n_particles=128,
    n_iterations=4,
    n_collocation=30,
    velocity_width=9,
    travel_width=11,
    n_frequencies=5,
    slave="gauss_newton",
    adjoint="dense",
    pull_back="regression",
    n_warm_up=3,
)
#: As published; its L-BFGS works on whichever particles are not content yet.
PUBLISHED = replace(
    SECOND, n_particles=7, slave="lbfgs", adjoint="cgnr", pull_back="vjp", n_epochs=3
)


def swarm(config: VsvgdConfig, dtype: torch.dtype) -> dict[str, Tensor]:
    """Weights and velocities of particles on the one-dimensional line."""
    problem = line_problem(Line(length=0.15), dtype=dtype)
    seen: list[VsvgdProgress] = []
    found = run_vsvgd(problem, config, seeded(3, 0), progress=seen.append)
    place = torch.linspace(0, 1.2, 25, dtype=dtype)[:, None]
    return {
        "weights": found.velocity_weights,
        "travel_weights": found.travel_weights,
        "velocity": velocity_at(problem, config, found, place),
        "progress": torch.tensor([[i.chi2, i.eikonal_rms, i.change] for i in seen]),
    }


def network(dtype: torch.dtype) -> dict[str, Tensor]:
    """A network trained on twelve models, and its times; 41 points a step are two uneven parts."""
    flat = np.array([0.0, 12.0]), np.zeros(2)
    frame = GridFrame(x0=0.0, dx=0.5, nx=25, dz=0.25, nz=17, surface=flat)
    depth = torch.arange(17, dtype=torch.float64) * 0.25
    generator = torch.Generator().manual_seed(0)
    bumps = torch.randn(12, 25, 1, generator=generator, dtype=torch.float64)
    models = ((2 + 0.5 * depth) * torch.exp(0.05 * bumps)).to(dtype)
    points, sources = places()
    trained = train_wavefront(
        models, sources, frame, generator=seeded(1, 0),
        config=WavefrontConfig(
            width=16, depth=2, n_basis=24, n_models=12, n_collocation=41, n_steps=40
        ),
    )  # fmt: skip
    return {
        "weights": torch.cat([weight.flatten() for weight in trained.trunk.weights]),
        "times": trained.times(points, sources, trained.prior_head),
    }


def places() -> tuple[np.ndarray, np.ndarray]:
    """Points (5, 2) and sources (5, 2) of the trained network's times [km]."""
    points = np.stack([np.linspace(2, 10, 5), np.full(5, 1.0)], axis=1)
    return points, np.stack([np.linspace(1, 11, 5), np.zeros(5)], axis=1)


def exact_times() -> np.ndarray:
    """Times (5,) [s] in the network's mean model, 2 + 0.5 z km/s, in closed form."""
    points, sources = places()
    squared = ((points - sources) ** 2).sum(axis=1)
    v = 2.0 + 0.5 * np.stack([points[:, 1], sources[:, 1]])
    return np.arccosh(1.0 + 0.25 * squared / (2.0 * v[0] * v[1])) / 0.5


def inversion(config: TomographyConfig) -> dict[str, Tensor]:
    """Members of an inversion of 56 picks."""
    receiver, shot = (a.ravel() for a in np.meshgrid(np.linspace(0.5, 5.5, 4), range(1, 15)))
    shot = 0.4 * shot
    survey = make_survey(
        travel_time=np.abs(receiver - shot) / 2.5 + 0.02,
        pick_std=0.03,
        shot_easting=shot,
        shot_depth=0.0,
        receiver_easting=receiver + 0.013,
        receiver_depth=0.0,
        surface_easting=[0.0, 6.0],
        surface_depth=[0.0, 0.0],
    )
    prior = PriorConfig(
        amplitude=0.2, kernel="gaussian", length_easting=1.5, length_depth=0.7,
        length_depth_growth=0.0, surface_velocity=2.0, gradient=0.6,
    )  # fmt: skip
    ensemble = invert(survey, prior, config, networks=replace(SECOND, n_frequencies=8))
    return {"velocity": torch.from_numpy(ensemble["velocity"].to_numpy())}


def results() -> dict[str, Tensor]:
    """Everything that must not depend on the number of processes."""
    small = TomographyConfig(n_members=5, cell=0.2, depth_max=2.0, n_workers=1)
    parts = {
        "second_order": swarm(SECOND, torch.float32),
        "published": swarm(PUBLISHED, torch.float64),
        "network": network(torch.float64),
        "network_32": network(torch.float32),
        "members": inversion(replace(small, n_members=17)),
        "network_members": inversion(
            replace(small, n_members=3, ray_source="network", training_steps=20)
        ),
        "vsvgd": inversion(
            replace(small, method="vsvgd", n_members=48, n_network_iterations=2)
        ),
    }  # fmt: skip
    return {f"{part}.{name}": t for part, found in parts.items() for name, t in found.items()}


def main(task: str, out: Path) -> None:
    """Do a task as one of the processes that torchrun started."""
    torch.set_num_threads(1)
    if task == "silent":
        with ranks.process_group(timeout=3):
            if not ranks.is_first():
                time.sleep(300)
            swarm(SECOND, torch.float32)
        return
    with ranks.process_group():
        found = results()
        if ranks.is_first():
            save_file({name: tensor.contiguous() for name, tensor in found.items()}, out)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
