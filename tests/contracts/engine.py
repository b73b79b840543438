"""What every engine must do: reach the exact posterior of a linear Gaussian target.

Inherit, and say in ``make`` how one is built::

    class TestMine(EngineContract):
        def make(self):
            return Mine(...)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import stats
from torch import Tensor

from seisnb.inference.base import Engine, Linearised, Memory, run, seeded
from tests.seeds import shifted

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class LinearTarget:
    """observed = matrix x + shift + noise, with its posterior in closed form."""

    matrix: Tensor
    shift: Tensor
    observed: Tensor
    std: Tensor

    @property
    def n_unknowns(self) -> int:
        """Length of a position."""
        return int(self.matrix.shape[1])

    def predict(self, position: Tensor, memory: Memory) -> tuple[Tensor, Memory]:
        """The data at a position; the memory is the position itself."""
        return self.matrix @ position + self.shift, position

    def linearise(self, position: Tensor, memory: Memory) -> Linearised:
        """The data and the constant Jacobian."""
        assert torch.equal(memory, position), "the memory is not that of the position"
        predicted, memory = self.predict(position, memory)
        return Linearised(predicted=predicted, jacobian=self.matrix, memory=memory)

    def posterior(self) -> tuple[Array, Array]:
        """Exact mean (n_unknowns,) and covariance (n_unknowns, n_unknowns)."""
        matrix, std = self.matrix.numpy(), self.std.numpy()
        weighted = matrix / std[:, None]
        covariance = np.linalg.inv(weighted.T @ weighted + np.eye(self.n_unknowns))
        residual = (self.observed - self.shift).numpy() / std
        return covariance @ weighted.T @ residual, covariance


def linear_target(*, n_data: int = 12, n_unknowns: int = 6, seed: int = 0) -> LinearTarget:
    """A random target; some directions are well known, some not at all."""
    rng = np.random.default_rng(shifted(seed))
    matrix = rng.standard_normal((n_data, n_unknowns)) * np.geomspace(2.0, 0.05, n_unknowns)
    std = rng.uniform(0.3, 1.5, n_data)
    shift = rng.standard_normal(n_data)
    truth = rng.standard_normal(n_unknowns)
    observed = matrix @ truth + shift + std * rng.standard_normal(n_data)
    return LinearTarget(
        **{
            name: torch.from_numpy(value)
            for name, value in {
                "matrix": matrix, "shift": shift, "observed": observed, "std": std,
            }.items()
        }
    )  # fmt: skip


class EngineContract:
    """Moments of the particles against the exact posterior.

    ``n_particles`` and ``n_steps`` are what the engine needs. Engines of ``independent`` particles
    are held to the statistics of independent draws; others to ``mean_bias`` in posterior standard
    deviations, and to principal standard deviations between ``least_spread`` and
    ``most_spread`` of the exact ones.
    """

    n_particles = 1500
    n_steps = 20
    mean_bias = 0.15
    least_spread, most_spread = 0.8, 1.2

    def make(self) -> Engine[Any]:
        """The engine."""
        raise NotImplementedError

    def particles(self, target: LinearTarget, seed: int, n: int) -> Array:
        """Positions (n, n_unknowns) after a run."""
        engine, generator = self.make(), seeded(shifted(seed), 0)
        start = torch.zeros(target.n_unknowns, dtype=torch.float64)
        here = target.linearise(start, start)
        state = engine.init(start.expand(n, -1).clone(), here, target, generator)
        state, _, _ = run(engine, state, target, generator, n_steps=self.n_steps)
        return torch.stack([position for position, _ in engine.particles(state)]).numpy()

    def test_mean_and_covariance_are_exact(self) -> None:
        target = linear_target()
        mean, covariance = target.posterior()
        found = self.particles(target, 1, self.n_particles)
        n, d = found.shape
        root = np.linalg.cholesky(covariance)
        white = np.linalg.solve(root, (found - mean).T).T
        spread = np.cov(white.T)
        if self.make().independent:
            # Hotelling's test of the mean and the likelihood ratio of the covariance
            assert n * (white.mean(axis=0) ** 2).sum() < stats.chi2.ppf(0.9999, d)
            ratio = n * (np.trace(spread) - np.linalg.slogdet(spread)[1] - d)
            assert ratio < stats.chi2.ppf(0.9999, d * (d + 1) / 2)
        else:
            assert np.abs(white.mean(axis=0)).max() < self.mean_bias
            scales = np.sqrt(np.linalg.eigvalsh(spread))
            assert self.least_spread < scales.min()
            assert scales.max() < self.most_spread

    def test_forward_model_belongs_to_the_position(self) -> None:
        target = linear_target(seed=2)
        engine, generator = self.make(), seeded(shifted(3), 0)
        start = torch.zeros(target.n_unknowns, dtype=torch.float64)
        here = target.linearise(start, start)
        state = engine.init(start.expand(5, -1).clone(), here, target, generator)
        state, info, _ = run(engine, state, target, generator, n_steps=self.n_steps)
        chi2 = []
        for position, model in engine.particles(state):
            torch.testing.assert_close(
                model.predicted, target.matrix @ position + target.shift, rtol=0, atol=1e-12
            )
            chi2.append(float((((target.observed - model.predicted) / target.std) ** 2).mean()))
        assert abs(info.chi2 - np.mean(chi2)) < 1e-9

    def test_equal_seeds_agree_bitwise_and_others_differ(self) -> None:
        target = linear_target()
        first, again, other = (self.particles(target, seed, 8) for seed in (5, 5, 6))
        np.testing.assert_array_equal(first, again)
        assert np.abs(first - other).max() > 1e-3

    def test_a_cancelled_run_takes_no_step(self) -> None:
        target = linear_target()
        engine, generator = self.make(), seeded(shifted(0), 0)
        start = torch.zeros(target.n_unknowns, dtype=torch.float64)
        here = target.linearise(start, start)
        state = engine.init(start.expand(3, -1).clone(), here, target, generator)
        before = [position.clone() for position, _ in engine.particles(state)]
        state, info, n_steps = run(
            engine, state, target, generator, n_steps=5, is_cancelled=lambda: True
        )
        assert n_steps == 0
        assert not info.is_converged
        for old, (new, _) in zip(before, engine.particles(state), strict=True):
            assert torch.equal(old, new)
