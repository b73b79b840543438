"""Error of the wavefront network on unseen draws against training, by the grid referee.

    python -m pytest -s -m benchmark tests/benchmarks/test_wavefront_accuracy.py

Two lines: 60 km with v = 2 + 0.3 z and a Gaussian field of 0.35 km/s; and 56 m with 0.3 km/s at the
surface, 3.5 km/s at 12 m depth and a Gaussian field of 0.4 on log velocity. Times are compared at
the surface, directions in the volume; seconds are those of one core.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import eikonalfm
import numpy as np
import pytest
import torch
from scipy.interpolate import RegularGridInterpolator

from seisnb.traveltime.wavefront import GridFrame, WavefrontNetwork, fit_heads
from seisnb.traveltime.wavefront_training import WavefrontConfig, fitting_points, train_wavefront

pytestmark = pytest.mark.benchmark


@dataclass(frozen=True, kw_only=True)
class Line:
    """A level line, its prior and where its times are compared [km]."""

    width: float
    height: float
    step: float
    fine: float
    sources: np.ndarray
    receivers: np.ndarray
    lengths: tuple[float, float]
    amplitude: float
    profile: tuple[np.ndarray, np.ndarray]
    log: bool

    @property
    def frame(self) -> GridFrame:
        return GridFrame(
            x0=0.0, dx=self.step, nx=round(self.width / self.step) + 1, dz=self.step,
            nz=round(self.height / self.step) + 1,
            surface=(np.array([0.0, self.width]), np.zeros(2)),
        )  # fmt: skip

    def draws(self, n: int, seed: int) -> torch.Tensor:
        """Exact draws of the separable Gaussian process."""
        roots = []
        for x, length in zip(
            (self.frame.easting, self.frame.below_surface), self.lengths, strict=True
        ):
            values, vectors = np.linalg.eigh(np.exp(-((x[:, None] - x) ** 2) / length**2))
            roots.append(vectors * np.sqrt(np.clip(values, 0, None)))
        white = np.random.default_rng(seed).standard_normal((n, self.frame.nx, self.frame.nz))
        field = self.amplitude * np.einsum("ij,njk,lk->nil", roots[0], white, roots[1])
        mean = np.interp(self.frame.below_surface, *self.profile)[None, None]
        models = mean * np.exp(field) if self.log else mean + field
        return torch.as_tensor(models, dtype=torch.float32)

    def referee(self, model: torch.Tensor) -> np.ndarray:
        """Times (n_sources, fine nx, fine nz) [s]."""
        x = np.arange(round(self.width / self.fine) + 1) * self.fine
        z = np.arange(round(self.height / self.fine) + 1) * self.fine
        at = np.stack(np.meshgrid(x, z, indexing="ij"), axis=-1)
        axes = (self.frame.easting, self.frame.below_surface)
        fine = RegularGridInterpolator(
            axes, model.double().numpy(), bounds_error=False, fill_value=None
        )(at)
        times = []
        for source in self.sources:
            start = (round(source / self.fine), 0)
            factor = eikonalfm.factored_fast_marching(fine, start, (self.fine, self.fine), 2)
            times.append(factor * np.hypot(at[..., 0] - source, at[..., 1]))
        return np.array(times)


LINES = {
    "60 km": Line(
        width=60.0, height=20.0, step=0.25, fine=0.1, sources=np.linspace(2, 58, 15),
        receivers=np.linspace(1, 59, 59), lengths=(9 * 2**0.5, 3.5 * 2**0.5), amplitude=0.35,
        profile=(np.array([0.0, 20.0]), np.array([2.0, 8.0])), log=False,
    ),
    "56 m": Line(
        width=0.056, height=0.020, step=0.0004, fine=0.0001, sources=np.linspace(0.002, 0.054, 14),
        receivers=np.linspace(0.001, 0.055, 28), lengths=(0.008, 0.003), amplitude=0.4,
        profile=(np.array([0.0, 0.012, 0.020]), np.array([0.3, 3.5, 3.66])), log=True,
    ),
}  # fmt: skip


def errors(
    line: Line, network: WavefrontNetwork, models: torch.Tensor, truth: np.ndarray
) -> tuple[np.ndarray, np.ndarray, float, float]:
    """Time errors [ms], direction errors [degrees], steps per model, milliseconds per step."""
    where = network.collocate(*fitting_points(network, 2000, torch.Generator().manual_seed(9)))
    began = time.process_time()
    fit = fit_heads(where, models, network.prior_head)
    spent = time.process_time() - began
    heads = fit.heads.float()
    surface = np.stack([line.receivers, 0 * line.receivers], axis=1)
    column = np.round(line.receivers / line.fine).astype(int)
    n_x, n_z = truth.shape[2:]
    i, k = (
        a.ravel()
        for a in np.meshgrid(
            np.arange(10, n_x - 10, 10), np.arange(5, n_z * 3 // 4, 10), indexing="ij"
        )
    )
    nodes = np.stack([i, k], axis=1) * line.fine
    time_error, direction_error = [], []
    for s, source in enumerate(line.sources):
        start = np.array([[source, 0.0]])
        found = network.times(surface, start, heads).numpy()
        time_error.append(1e3 * (found - truth[:, s, column, 0]))
        background, corrections = network.jets(nodes, start)
        gx, gz = ((background[a] + heads @ corrections[a].T).numpy() for a in (1, 2))
        tx = truth[:, s, i + 1, k] - truth[:, s, i - 1, k]
        tz = truth[:, s, i, k + 1] - truth[:, s, i, k - 1]
        direction_error.append(np.degrees(np.abs(np.arctan2(tx * gz - tz * gx, tx * gx + tz * gz))))
    steps = int(fit.n_steps.sum())
    return (
        np.array(time_error), np.array(direction_error), steps / len(models), 1e3 * spent / steps
    )  # fmt: skip


@pytest.mark.parametrize("name", list(LINES))
def test_error_against_training(name: str) -> None:
    torch.set_num_threads(1)
    line = LINES[name]
    config = WavefrontConfig()
    models = line.draws(6, seed=1000)
    truth = np.array([line.referee(model) for model in models])
    training = line.draws(config.n_models, seed=5)
    print(f"\n{name}: {len(models)} unseen draws, {len(line.sources)} sources")
    print(" steps  core s  rms ms  max ms  direction: median  mean  p95 deg  fit: steps  ms/step")
    for n_steps in (600, 1200, 2500, 5000):
        began = time.process_time()
        network = train_wavefront(
            training, np.stack([line.sources, 0 * line.sources], axis=1), line.frame,
            generator=torch.Generator().manual_seed(0), config=WavefrontConfig(n_steps=n_steps),
        )  # fmt: skip
        spent = time.process_time() - began
        error, angle, steps, per_step = errors(line, network, models, truth)
        rms, worst = float(np.sqrt((error**2).mean())), float(np.abs(error).max())
        print(
            f"{n_steps:6d} {spent:7.1f} {rms:7.2f} {worst:7.1f} {np.median(angle):18.2f}"
            f" {angle.mean():5.2f} {np.quantile(angle, 0.95):8.1f} {steps:11.1f} {per_step:8.1f}",
            flush=True,
        )
    assert rms < (40.0 if name == "60 km" else 1.0)
