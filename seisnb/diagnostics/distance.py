"""Distance between an ensemble and a distribution, with the floor that exact draws set."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from seisnb.eigenvectors import signed

if TYPE_CHECKING:
    import torch

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Floor:
    """What exact independent draws score: no better is to be had but by arranging the members.

    Attributes
    ----------
    median, low, high : float
        Median and 95 % range over sets of draws.
    """

    median: float
    low: float
    high: float


def squared_distances(one: Array, other: Array) -> Array:
    """|x_i - y_j|**2 between rows, (n, m)."""
    centre = other.mean(axis=0)  # sums of squares lose small differences of large numbers
    one, other = one - centre, other - centre
    squared = (one**2).sum(axis=1)[:, None] + (other**2).sum(axis=1) - 2 * one @ other.T
    return np.asarray(np.maximum(squared, 0.0))


def median_squared_distance(draws: Array) -> float:
    """Median of |x_i - x_j|**2 over pairs of rows: the bandwidth h of exp(-d**2 / h)."""
    pairs = np.triu_indices(len(draws), 1)
    return float(np.median(squared_distances(draws, draws)[pairs]))


def sqrt_mmd(members: Array, reference: Array, bandwidth: float | None = None) -> float:
    """Distance between two ensembles: square root of the squared maximum mean discrepancy.

    MMD**2 = mean k(x, x') + mean k(y, y') - 2 mean k(x, y), with k = exp(-|d|**2 / h) and all pairs
    counted, those of a member with itself too. Even exact draws do not score zero: print
    :func:`mmd_floor` beside it.

    Parameters
    ----------
    members : Array, (n, k)
        The ensemble.
    reference : Array, (m, k)
        Draws of the truth. They are a sample too and add to the score;
        :func:`sqrt_mmd_gaussian` does without.
    bandwidth : float, optional
        h; the median squared distance between the reference's draws by default.

    References
    ----------
    Gretton et al. 2012, Journal of Machine Learning Research 13, 723-773.

    Examples
    --------
    >>> sqrt_mmd(np.eye(3), np.eye(3))
    0.0
    """
    width = median_squared_distance(reference) if bandwidth is None else bandwidth
    own = np.exp(-squared_distances(members, members) / width).mean()
    theirs = np.exp(-squared_distances(reference, reference) / width).mean()
    cross = np.exp(-squared_distances(members, reference) / width).mean()
    return float(np.sqrt(max(own + theirs - 2 * cross, 0.0)))


def sqrt_mmd_gaussian(members: Array, mean: Array, covariance: Array, bandwidth: float) -> float:
    """:func:`sqrt_mmd` from the normal distribution itself, as by draws without end.

    With y ~ N(mu, S): E k(x, y) = |I + 2 S/h|**-1/2 exp(-(x - mu).T (h I + 2 S)**-1 (x - mu)) and
    E k(y, y') = |I + 4 S/h|**-1/2.

    Parameters
    ----------
    members : Array, (n, k)
        The ensemble.
    mean, covariance : Array, (k,), (k, k)
        Of the truth; the covariance may be singular.
    bandwidth : float
        h, for instance from :func:`median_squared_distance` of draws.
    """
    values, vectors = np.linalg.eigh(covariance)
    values = np.maximum(values, 0.0)
    moved = (members - mean) @ vectors
    own = np.exp(-squared_distances(members, members) / bandwidth).mean()
    theirs = np.prod(1 + 4 * values / bandwidth) ** -0.5
    cross = np.exp(-(moved**2 / (bandwidth + 2 * values)).sum(axis=1)).mean()
    cross *= np.prod(1 + 2 * values / bandwidth) ** -0.5
    return float(np.sqrt(max(own + theirs - 2 * cross, 0.0)))


def mmd_floor(
    mean: Array,
    covariance: Array,
    n_members: int,
    bandwidth: float,
    generator: torch.Generator,
    *,
    reference: Array | None = None,
    n_draws: int = 400,
) -> Floor:
    """What sets of exact independent draws score.

    Parameters
    ----------
    mean, covariance : Array, (k,), (k, k)
        The truth.
    n_members : int
        Draws per set, as many as the ensemble that is judged has members.
    bandwidth : float
        h, the same as for the ensemble.
    generator : torch.Generator
        Source of the draws.
    reference : Array, (m, k), optional
        Draws from which the score is taken; the distribution itself by default.
    n_draws : int
        Sets.
    """
    import torch  # loading it takes a second, which nobody else here need wait for

    values, vectors = np.linalg.eigh(covariance)
    kept = values > 1e-12 * values.max()
    values, vectors = values[kept], signed(vectors[:, kept])
    held = None if reference is None else (reference - mean) @ vectors
    theirs = 0.0 if held is None else np.exp(-squared_distances(held, held) / bandwidth).mean()
    scores = []
    for _ in range(n_draws):
        noise = torch.randn(n_members, len(values), generator=generator, dtype=torch.float64)
        draws = noise.numpy() * np.sqrt(values)
        if held is None:
            zero = np.zeros(len(values))
            scores.append(sqrt_mmd_gaussian(draws, zero, np.diag(values), bandwidth))
        else:
            own = np.exp(-squared_distances(draws, draws) / bandwidth).mean()
            cross = np.exp(-squared_distances(draws, held) / bandwidth).mean()
            scores.append(np.sqrt(max(own + theirs - 2 * cross, 0.0)))
    low, median, high = np.quantile(scores, [0.025, 0.5, 0.975])
    return Floor(median=float(median), low=float(low), high=float(high))
