"""The one-dimensional test with a known answer (Agata et al. 2023): two groups of points on a line.

Along 1.2 km velocity is 1 km/s. Points 50 m apart from 0.20 to 0.40 km and from 0.80 to 1.00 km
are sources and receivers within their own group: 40 times without noise, standard deviation 5 ms.
The prior is a Gaussian process on plain velocity with mean 1 km/s, standard deviation 0.1 km/s and
the kernel exp(-d**2 / l**2) (no factor 2). Times are integrals of 1 / v between the points. Around
the mean that is nearly linear, so the posterior is known: linearisation moves its mean by less than
0.003 km/s and its standard deviation by less than 0.6 %.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seisnb.conventions import PriorError
from seisnb.eigenvectors import principal_factor
from seisnb.inference.base import Linearised, Memory

Array = NDArray[np.float64]

#: Length of the line [km] and steps of the grid on which integrals are taken.
END, N_STEPS = 1.2, 600
#: Every so many grid points an ensemble is compared: 201 points.
STRIDE = 3
#: First and last point of each group [km], points per group.
GROUPS, PER_GROUP = ((0.2, 0.4), (0.8, 1.0)), 5
#: Parts of the line whose spread is judged apart [km].
ZONES: Mapping[str, tuple[float, float]] = {
    "before": (0.0, 0.2),
    "first group": (0.2, 0.4),
    "between": (0.4, 0.8),
    "second group": (0.8, 1.0),
    "after": (1.0, 1.2),
}
#: Share of the variance that the whitened unknowns, and draws, may leave out.
VARIANCE_LOST = 1e-9
#: Slowest velocity that a trial step may reach [km/s]: its times are long, so it is refused.
SLOWEST = 1e-2


@dataclass(frozen=True, kw_only=True)
class Line:
    """The test for one correlation length.

    Attributes
    ----------
    length : float
        Correlation length of the prior [km].
    velocity_mean, amplitude : float
        Mean and standard deviation of the prior [km/s].
    time_std : float
        Standard deviation of the times [s].
    """

    length: float
    velocity_mean: float = 1.0
    amplitude: float = 0.1
    time_std: float = 5e-3

    def __post_init__(self) -> None:
        """Refuse a length that is none, or that the grid does not resolve."""
        if not self.length >= 5 * END / N_STEPS:
            raise PriorError(
                f"Line: length is {self.length} km; expected at least {5 * END / N_STEPS:g} km, "
                "five steps of the grid on which times are integrated."
            )

    @cached_property
    def grid(self) -> Array:
        """Points on which velocity is integrated, (N_STEPS + 1,) [km]."""
        return np.linspace(0.0, END, N_STEPS + 1)

    @property
    def place(self) -> Array:
        """Points at which ensembles are compared, (201,) [km]."""
        return self.grid[::STRIDE]

    @cached_property
    def ends(self) -> Array:
        """Source and receiver of each time, (40, 2) [km]."""
        groups = [np.linspace(low, high, PER_GROUP) for low, high in GROUPS]
        return np.array([(a, b) for group in groups for a in group for b in group if a != b])

    @cached_property
    def observed(self) -> Array:
        """Times without noise, (40,) [s]."""
        return np.abs(self.ends[:, 0] - self.ends[:, 1]) / self.velocity_mean

    @cached_property
    def path(self) -> Array:
        """Path lengths on the grid: times are ``path @ (1 / velocity)``, (40, N_STEPS + 1) [km]."""
        index = np.rint(self.ends / END * N_STEPS).astype(int)
        first, last = index.min(axis=1), index.max(axis=1)
        number = np.arange(N_STEPS + 1)
        inside = (number >= first[:, None]) & (number <= last[:, None])
        at_end = (number == first[:, None]) | (number == last[:, None])
        return (END / N_STEPS) * np.where(at_end, 0.5, 1.0) * inside

    @cached_property
    def prior_covariance(self) -> Array:
        """Covariance of velocity on the grid [km**2/s**2]."""
        away = (self.grid[:, None] - self.grid) / self.length
        return self.amplitude**2 * np.exp(-(away**2))

    @cached_property
    def posterior_covariance(self) -> Array:
        """Exact covariance of the linearised posterior at :attr:`place`, (201, 201)."""
        derivative = -self.path / self.velocity_mean**2
        cross = self.prior_covariance @ derivative.T
        data = derivative @ cross + self.time_std**2 * np.eye(len(self.ends))
        kept = cross[::STRIDE]
        return np.asarray(
            self.prior_covariance[::STRIDE, ::STRIDE] - kept @ np.linalg.solve(data, kept.T)
        )

    @property
    def posterior_mean(self) -> Array:
        """Exact mean of the linearised posterior at :attr:`place`: the data say the prior mean."""
        return np.full(self.place.size, self.velocity_mean)

    @property
    def posterior_std(self) -> Array:
        """Exact standard deviation at :attr:`place`, (201,) [km/s]."""
        return np.sqrt(np.diag(self.posterior_covariance))

    def posterior_draws(self, n: int, generator: torch.Generator) -> Array:
        """Independent draws of the exact posterior, (n, 201) [km/s]."""
        return gaussian_draws(self.posterior_mean, self.posterior_covariance, n, generator)

    def zone(self, name: str) -> NDArray[np.bool_]:
        """Which of :attr:`place` lie in a part of the line."""
        low, high = ZONES[name]
        return (self.place >= low - 1e-9) & (self.place <= high + 1e-9)

    def std_ratio(self, members: Array) -> dict[str, float]:
        """Mean std of an ensemble (particle, 201) over the exact mean std, zone by zone."""
        std = members.std(axis=0, ddof=1)
        return {
            name: float(std[self.zone(name)].mean() / self.posterior_std[self.zone(name)].mean())
            for name in ZONES
        }

    @cached_property
    def target(self) -> LineTarget:
        """The same problem in whitened unknowns, for the engines of :mod:`seisnb.inference`."""
        return LineTarget(
            basis=torch.from_numpy(principal_factor(self.prior_covariance, VARIANCE_LOST)),
            mean=self.velocity_mean,
            path=torch.from_numpy(self.path),
            observed=torch.from_numpy(self.observed),
            std=torch.full((len(self.ends),), self.time_std, dtype=torch.float64),
        )


@dataclass(frozen=True, kw_only=True)
class LineTarget:
    """Times along a line from whitened unknowns: velocity = mean + basis @ unknowns.

    Attributes
    ----------
    basis : Tensor, (n_grid, n_unknowns)
        Eigenfunctions of the prior times the root of their eigenvalues [km/s].
    mean : float
        Mean velocity [km/s].
    path : Tensor, (n_data, n_grid)
        Path lengths [km].
    observed, std : Tensor, (n_data,)
        Times and their standard deviations [s].
    """

    basis: Tensor
    mean: float
    path: Tensor
    observed: Tensor
    std: Tensor

    @property
    def n_unknowns(self) -> int:
        """Number of whitened unknowns."""
        return int(self.basis.shape[1])

    def velocity(self, position: Tensor) -> Tensor:
        """Velocity on the grid, (..., n_unknowns) -> (..., n_grid) [km/s]."""
        return self.mean + position @ self.basis.T

    def predict(self, position: Tensor, memory: Memory) -> tuple[Tensor, Memory]:
        """Times at a position; the position is what is remembered."""
        return self.path @ (1 / self.velocity(position).clamp_min(SLOWEST)), position

    def linearise(self, position: Tensor, memory: Memory) -> Linearised:
        """Times and their derivative -integral of dv / v**2."""
        velocity = self.velocity(position).clamp_min(SLOWEST)
        return Linearised(
            predicted=self.path @ (1 / velocity),
            jacobian=-(self.path / velocity.square()) @ self.basis,
            memory=position,
        )


def gaussian_draws(mean: Array, covariance: Array, n: int, generator: torch.Generator) -> Array:
    """Independent draws of a normal distribution whose covariance may be singular, (n, k)."""
    root = principal_factor(covariance, VARIANCE_LOST)
    noise = torch.randn(n, root.shape[1], generator=generator, dtype=torch.float64).numpy()
    return np.asarray(mean + noise @ root.T)
