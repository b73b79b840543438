"""Scores: misfit per pick, and how far an ensemble lies from a truth."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


def mean_square(residual: ArrayLike, std: ArrayLike) -> Array:
    """chi2 per pick over the last axis."""
    return np.asarray(np.mean((np.asarray(residual) / np.asarray(std)) ** 2, axis=-1))


def crps(members: Array, truth: Array) -> Array:
    """Continuous ranked probability score, cell by cell: less is better, in the truth's unit.

    The fair estimate mean |x_i - y| - sum_ij |x_i - x_j| / (2 n (n - 1)): its expectation is that
    of an ensemble without end, so that ensembles of different sizes compare.

    Parameters
    ----------
    members : Array, (particle, ...)
        At least two.
    truth : Array, (...)
        The truth.

    References
    ----------
    Ferro 2014, doi 10.1002/qj.2270.

    Examples
    --------
    >>> crps(np.array([[0.0], [2.0]]), np.array([1.0]))
    array([0.])
    """
    n = members.shape[0]
    ordered = np.sort(np.asarray(members, float), axis=0)
    weight = 2.0 * np.arange(1, n + 1) - n - 1
    spread = np.tensordot(weight, ordered, axes=1) / (n * (n - 1))
    return np.asarray(np.abs(ordered - truth).mean(axis=0) - spread)


def gaussian_crps(mean: Array, std: Array, truth: Array) -> Array:
    """The score of a normal distribution, cell by cell (Gneiting and Raftery 2007)."""
    from scipy.special import ndtr  # slow to load, and few need it

    z = (truth - mean) / std
    density = np.exp(-0.5 * z**2) / np.sqrt(2 * np.pi)
    return np.asarray(std * (z * (2 * ndtr(z) - 1) + 2 * density - 1 / np.sqrt(np.pi)))
