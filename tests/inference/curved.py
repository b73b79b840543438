"""A small target that bends strongly, with its posterior by a sum over a fine grid."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seisnb.inference.base import Linearised, Memory
from tests.seeds import shifted

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Curved:
    """Times through cells of velocity exp(bend * x): lengths @ exp(-bend * x)."""

    lengths: Tensor
    bend: float
    observed: Tensor
    std: Tensor

    @property
    def n_unknowns(self) -> int:
        """Length of a position."""
        return int(self.lengths.shape[1])

    def predict(self, position: Tensor, memory: Memory) -> tuple[Tensor, Memory]:
        """Times at a position; the memory is the position itself."""
        return self.lengths @ torch.exp(-self.bend * position), position

    def linearise(self, position: Tensor, memory: Memory) -> Linearised:
        """Times and their exact derivative."""
        assert torch.equal(memory, position), "the memory is not that of the position"
        slowness = torch.exp(-self.bend * position)
        return Linearised(
            predicted=self.lengths @ slowness,
            jacobian=-self.bend * self.lengths * slowness,
            memory=memory,
        )


def curved(bend: float = 1.0, std: float = 0.6) -> Curved:
    """Two cells, one time through the first and one through both, 60 % of a mean time off."""
    return Curved(
        lengths=torch.tensor([[1.0, 0.0], [0.6, 1.0]], dtype=torch.float64),
        bend=bend,
        observed=torch.tensor([1.4, 1.1], dtype=torch.float64),
        std=torch.tensor([std, std], dtype=torch.float64),
    )


def exact_moments(target: Curved, *, reach: float = 6.0, n: int = 1201) -> tuple[Array, Array]:
    """Posterior mean (2,) and covariance (2, 2) by a sum over a square of half-width ``reach``."""
    axis = np.linspace(-reach, reach, n)
    x = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2)
    predicted = np.exp(-target.bend * x) @ target.lengths.numpy().T
    misfit = (((target.observed.numpy() - predicted) / target.std.numpy()) ** 2).sum(axis=1)
    log_density = -0.5 * (misfit + (x**2).sum(axis=1))
    weight = np.exp(log_density - log_density.max())
    weight /= weight.sum()
    mean = weight @ x
    return mean, (x - mean).T @ ((x - mean) * weight[:, None])


def exact_draws(target: Curved, n: int, seed: int) -> Array:
    """Independent posterior draws (n, 2): nodes of a fine grid, shaken within their cells."""
    axis = np.linspace(-5.0, 5.0, 1001)
    x = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2)
    predicted = np.exp(-target.bend * x) @ target.lengths.numpy().T
    misfit = (((target.observed.numpy() - predicted) / target.std.numpy()) ** 2).sum(axis=1)
    weight = np.exp(-0.5 * (misfit + (x**2).sum(axis=1)))
    rng = np.random.default_rng(shifted(seed))
    at = rng.choice(len(x), size=n, p=weight / weight.sum())
    return x[at] + rng.uniform(-0.005, 0.005, (n, 2))
