"""Samples of a hypocentre by importance: drawn from cells, then from what the first draws found.

Population Monte Carlo with the deterministic mixture rule (Owen & Zhou 2000, J. Am. Stat. Assoc.
95; Cappe et al. 2004, J. Comput. Graph. Stat. 13): every draw of both rounds counts by the exact
posterior over all members against the mixture of both proposals, so that no grid shows in them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import lgamma

import numpy as np
from numpy.typing import NDArray

from seisnb.location.density import Evaluation
from seisnb.location.octree import CellDraws
from seisnb.weights import log_sum_exp

Array = NDArray[np.float64]
#: Log posterior, unnormalised, of points (n, 3) [km], and what it was made of.
Exact = Callable[[Array], tuple[Array, Evaluation]]

#: Centres of the second round's kernels, and the share of draws that come from the cells again.
N_CENTRES, FROM_CELLS = 400, 0.1
#: Width of the kernels over that of Scott's rule; and the degrees of freedom of their tails.
WIDER, DOF = 1.2, 8.0


@dataclass(frozen=True, kw_only=True)
class Draws:
    """Weighted draws of one hypocentre.

    Attributes
    ----------
    points : Array, (n, 3)
        Easting, northing, depth [km].
    log_weight : Array, (n,)
        Normalised importance weights.
    log_density : Array, (n,)
        Log posterior density [1/km^3], normalised.
    log_evidence : float
        Log of the probability of the picks over all models and places.
    model_log_evidence : Array, (m,)
        The same for every member.
    evaluation : Evaluation
        Likelihoods and origin times of all members at the points.
    """

    points: Array
    log_weight: Array
    log_density: Array
    log_evidence: float
    model_log_evidence: Array
    evaluation: Evaluation

    @property
    def ess(self) -> float:
        """Effective number of draws, 1 over the sum of squared weights."""
        return float(np.exp(-log_sum_exp(2.0 * self.log_weight)))


def sample(
    exact: Exact, log_prior: Callable[[Array], Array], cells: CellDraws, n: int,
    rng: np.random.Generator,
) -> Draws:  # fmt: skip
    """Two rounds of draws: ``n`` / 2 to find the posterior, ``n`` around what was found.

    Parameters
    ----------
    exact : callable
        Log posterior over all members.
    log_prior : callable
        Log prior of points (n, 3).
    cells : CellDraws
        The first proposal.
    n : int
        Draws of the second round.
    rng : np.random.Generator
        Random numbers.
    """
    n_first = n // 2
    first, log_q = cells.draw(n_first, rng)
    log_p, found = exact(first)
    kernels = _Kernels.around(first, _normalised(log_p - log_q), rng)
    n_again = round(FROM_CELLS * n)
    again, _ = cells.draw(n_again, rng)
    second = np.concatenate([again, kernels.draw(n - n_again, rng)])
    log_p_second, found_second = exact(second)
    points = np.concatenate([first, second])
    log_p = np.concatenate([log_p, log_p_second])
    share = (n_first + n_again) / (n_first + n)
    log_q = np.logaddexp(
        np.log(share) + cells.log_density(points), np.log1p(-share) + kernels.log_density(points)
    )
    ratio = log_p - log_q
    log_evidence = float(log_sum_exp(ratio) - np.log(n_first + n))
    evaluation = Evaluation(
        log_likelihood=np.concatenate([found.log_likelihood, found_second.log_likelihood]),
        origin=np.concatenate([found.origin, found_second.origin]),
        origin_std=np.concatenate([found.origin_std, found_second.origin_std]),
    )
    by_model = evaluation.log_likelihood + (log_prior(points) - log_q)[:, None]
    return Draws(
        points=points,
        log_weight=ratio - log_sum_exp(ratio),
        log_density=log_p - log_evidence,
        log_evidence=log_evidence,
        model_log_evidence=log_sum_exp(by_model, axis=0) - np.log(n_first + n),
        evaluation=evaluation,
    )


def systematic(log_weight: Array, n: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """Indices (n,) of draws resampled by their weights, evenly."""
    edges = np.cumsum(np.exp(log_weight))
    at = np.searchsorted(edges, edges[-1] * (np.arange(n) + rng.random()) / n)
    return np.minimum(at, log_weight.size - 1)


def _normalised(log_weight: Array) -> Array:
    """Log weights that sum to one."""
    return np.asarray(log_weight - log_sum_exp(log_weight))


@dataclass(frozen=True, kw_only=True)
class _Kernels:
    """A mixture of Student kernels of one shape around some of the draws."""

    centres: Array
    factor: Array

    @classmethod
    def around(cls, points: Array, log_weight: Array, rng: np.random.Generator) -> _Kernels:
        """Kernels at draws resampled by weight, as wide as Scott's rule says, and some more."""
        weight = np.exp(log_weight)
        away = points - weight @ points
        covariance = (weight[:, None] * away).T @ away
        n_effective = 1.0 / np.sum(weight**2)
        # with few effective draws the sample covariance says little: widen and round it
        trace = np.trace(covariance) / 3.0
        mix = 1.0 / max(n_effective, 1.0)
        covariance = (1.0 - mix) * covariance + np.diag(np.full(3, mix * trace + 1e-10))
        width = WIDER * n_effective ** (-1.0 / 7.0)
        chosen = systematic(log_weight, min(N_CENTRES, points.shape[0]), rng)
        return cls(centres=points[chosen], factor=width * np.linalg.cholesky(covariance))

    def draw(self, n: int, rng: np.random.Generator) -> Array:
        """Points (n, 3)."""
        at = rng.integers(self.centres.shape[0], size=n)
        tail = np.sqrt(DOF / rng.chisquare(DOF, (n, 1)))
        return np.asarray(self.centres[at] + (rng.standard_normal((n, 3)) * tail) @ self.factor.T)

    def log_density(self, points: Array) -> Array:
        """Log density at points (n, 3)."""
        inverse = np.linalg.inv(self.factor).T
        a, b = points @ inverse, self.centres @ inverse
        middle = b.mean(axis=0)
        a, b = a - middle, b - middle
        square = (a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1) - 2.0 * a @ b.T
        # Student in three dimensions: (1 + d^2 / dof)^(-(dof + 3) / 2)
        kernel = np.maximum(1.0 + square / DOF, 1.0) ** (-0.5 * (DOF + 3.0))
        constant = _student_constant() - np.linalg.slogdet(self.factor)[1]
        return np.asarray(np.log(kernel.mean(axis=1)) + constant)


def _student_constant() -> float:
    """Log of the density of the standard three-dimensional Student distribution at its middle."""
    return float(lgamma(0.5 * (DOF + 3)) - lgamma(0.5 * DOF) - 1.5 * np.log(DOF * np.pi))
