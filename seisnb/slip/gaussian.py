"""Slip with a Gaussian prior and Gaussian errors: posterior and evidence in closed form.

Everything is whitened: errors of the data y are independent of unit variance, so that with slip u,
y = B u + e and u ~ N(0, K),

    p(y) = N(y; 0, S),  S = I + B K B',   E[u | y] = K B' S^-1 y,   Cov[u | y] = K - K B' S^-1 B K.

At an inverse temperature b the errors have the variance 1 / b.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_solve, cholesky, solve_triangular

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class GaussianSlip:
    """One structure under one prior.

    Attributes
    ----------
    kernel : Array, (datum, unknown)
        Whitened predictions of unit slip, B.
    factor : Array, (unknown, m)
        F with K = F F'.
    observed : Array, (datum,)
        Whitened data, y.
    inverse_temperature : float
        What the log likelihood is multiplied by.
    """

    kernel: Array
    factor: Array
    observed: Array
    inverse_temperature: float = 1.0

    @cached_property
    def _projected(self) -> Array:
        """B F, (datum, m)."""
        return self.kernel @ self.factor

    @cached_property
    def _root(self) -> Array:
        """Lower Cholesky factor of I / b + B K B'."""
        total = self._projected @ self._projected.T
        total[np.diag_indices_from(total)] += 1.0 / self.inverse_temperature
        return np.asarray(cholesky(total, lower=True))

    @cached_property
    def mean(self) -> Array:
        """Posterior mean, (unknown,)."""
        return self._krige(self.observed)

    @cached_property
    def variance(self) -> Array:
        """Posterior variances, (unknown,)."""
        z = solve_triangular(self._root, self._projected, lower=True)
        return np.asarray((self.factor**2).sum(axis=1) - ((self.factor @ z.T) ** 2).sum(axis=1))

    @property
    def expected_misfit(self) -> float:
        """Posterior mean of the sum of squared whitened residuals."""
        residual = self.observed - self.kernel @ self.mean
        # B Cov B' = W - W (I / b + W)^-1 W with W = B K B'; its trace
        w = self._projected @ self._projected.T
        z = solve_triangular(self._root, w, lower=True)
        return float(residual @ residual + np.trace(w) - (z**2).sum())

    def draw(self, n: int, rng: np.random.Generator) -> Array:
        """Exact samples, (n, unknown): draws of the prior, corrected by what they mispredict."""
        start = rng.standard_normal((n, self.factor.shape[1])) @ self.factor.T
        noise = rng.standard_normal((n, self.observed.size)) / np.sqrt(self.inverse_temperature)
        return start + self._krige((self.observed - start @ self.kernel.T - noise).T).T

    def _krige(self, data: Array) -> Array:
        """K B' S^-1 of data (datum, ...)."""
        return np.asarray(self.factor @ (self._projected.T @ cho_solve((self._root, True), data)))


def log_evidences(
    kernel: Array,
    factor: Array,
    observed: Array,
    amplitudes: Array,
    inverse_temperature: float = 1.0,
) -> Array:
    """Logs of the integrals of likelihood**b times prior, for whitened data, by amplitude.

    Parameters
    ----------
    kernel : Array, (datum, unknown)
        Whitened predictions of unit slip, B.
    factor : Array, (unknown, m)
        F of the prior's covariance a**2 F F' for every amplitude a.
    observed : Array, (datum,)
        Whitened data.
    amplitudes : Array, (n,)
        Prior standard deviations [m].
    inverse_temperature : float
        b.
    """
    projected, b = kernel @ factor, inverse_temperature
    value, vector = np.linalg.eigh(projected @ projected.T)
    variance = 1.0 / b + np.square(amplitudes)[:, None] * np.maximum(value, 0.0)
    square = (observed @ vector) ** 2 / variance
    constant = 0.5 * observed.size * (b * np.log(2.0 * np.pi) + np.log(b))
    return np.asarray(-0.5 * (square + np.log(variance)).sum(axis=1) - constant)


@dataclass(frozen=True, kw_only=True, eq=False)
class Whitening:
    """From metres to unit independent errors, with motions of the network left free.

    Attributes
    ----------
    root : Array, (datum, datum)
        Lower Cholesky factor of the covariance of errors and free motions [m].
    """

    root: Array

    @classmethod
    def of(cls, covariance: Array, motions: Array, motion_std: Array) -> Whitening:
        """Errors with a covariance (datum, datum) and motions (datum, m) of some std (m,)."""
        free = motions * motion_std
        return cls(root=np.asarray(cholesky(covariance + free @ free.T, lower=True)))

    def __call__(self, values: Array) -> Array:
        """Whitened data (datum, ...)."""
        return np.asarray(solve_triangular(self.root, values, lower=True))

    @property
    def log_volume(self) -> float:
        """What the whitened log density lacks: minus the log determinant of the root."""
        return float(-np.log(np.diag(self.root)).sum())
