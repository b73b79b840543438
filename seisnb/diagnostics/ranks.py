"""Ranks of a truth among its ensemble: coverage of intervals, and whether ranks are flat."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

if TYPE_CHECKING:
    import torch

Array = NDArray[np.float64]

#: Truths that a test over truths needs at least.
LEAST_TRUTHS = 6


def rank_of_truth(members: Array, truth: Array) -> NDArray[np.int64]:
    """How many members lie below the truth, cell by cell.

    Parameters
    ----------
    members : Array, (particle, ...)
        The ensemble.
    truth : Array, (...)
        The truth.
    """
    return np.asarray((members < truth).sum(axis=0), np.int64)


def interval_ranks(n_members: int, level: float) -> tuple[int, int]:
    """Lowest and highest rank inside a central interval, by the (n + 1) rule.

    >>> interval_ranks(39, 0.95)
    (1, 38)
    """
    tail = (1 - level) / 2
    low = int(np.ceil(tail * (n_members + 1) - 1e-9))
    return low, n_members - low


def expected_coverage(n_members: int, level: float) -> float:
    """Share of truths that a calibrated ensemble of this size holds inside its interval."""
    low, high = interval_ranks(n_members, level)
    return (high - low + 1) / (n_members + 1)


def coverage(members: Array, truth: Array, level: float = 0.95) -> NDArray[np.bool_]:
    """Whether the truth lies inside the central interval, cell by cell."""
    low, high = interval_ranks(members.shape[0], level)
    rank = rank_of_truth(members, truth)
    return (rank >= low) & (rank <= high)


def rank_histogram(rank: ArrayLike, n_members: int, n_bins: int = 10) -> Array:
    """Share of ranks in equal parts of their range; flat when the ensembles are calibrated.

    Rank r of n members stands for the interval [r / (n + 1), (r + 1) / (n + 1)] and is shared out
    over the bins that it overlaps, so that any number of bins is fair to any number of members.

    Parameters
    ----------
    rank : array, (...)
        Members below the truth, from :func:`rank_of_truth`.
    n_members : int
        Members of the ensembles.
    n_bins : int
        Bins of the histogram.

    Returns
    -------
    Array, (n_bins,)
        Shares, summing to one; NaN without ranks.

    References
    ----------
    Talagrand et al. 1997; Hamill 2001, doi 10.1175/1520-0493(2001)129<0550:IORHFV>2.0.CO;2.

    Examples
    --------
    >>> rank_histogram([0, 1, 2, 3], n_members=3, n_bins=2)
    array([0.5, 0.5])
    """
    counts = np.bincount(np.asarray(rank, np.int64).ravel(), minlength=n_members + 1)
    edges = np.arange(n_members + 2) / (n_members + 1)
    cumulated = np.interp(
        np.linspace(0, 1, n_bins + 1), edges, np.concatenate([[0.0], np.cumsum(counts)])
    )
    with np.errstate(invalid="ignore"):
        return np.diff(cumulated) / counts.sum()


def uniformity_p(
    histograms: Array,
    generator: torch.Generator,
    *,
    weights: Array | None = None,
    n_draws: int = 9999,
) -> float:
    """Probability of a mean rank histogram this far from flat if the ensembles are calibrated.

    Cells of one truth are correlated, so a chi2 test over cells would reject what is calibrated.
    Truths are independent: the mean deviation from flat over truths is compared with what it is
    when the whole deviation of every truth gets a random sign (a wild bootstrap over truths),
    statistic: the sum over bins of its square.

    Parameters
    ----------
    histograms : Array, (truth, n_bins)
        One :func:`rank_histogram` per truth; truths with NaN are left out.
    generator : torch.Generator
        Source of the signs.
    weights : Array, (truth,), optional
        Cells behind each histogram; equal by default.
    n_draws : int
        Draws of the signs.

    Returns
    -------
    float
        In (0, 1]; NaN for fewer than six truths, whose signs say nothing.

    References
    ----------
    Wild bootstrap: Wu 1986, doi 10.1214/aos/1176350142; Liu 1988, doi 10.1214/aos/1176351062.
    """
    import torch  # loading it takes a second, which nobody else here need wait for

    held = np.isfinite(histograms).all(axis=1)
    off = histograms[held] - 1 / histograms.shape[1]
    if weights is not None:
        off = off * np.asarray(weights)[held, None]
    if len(off) < LEAST_TRUTHS:
        return float("nan")
    signs = 2 * torch.randint(2, (n_draws, len(off)), generator=generator).numpy() - 1
    found = float((off.sum(axis=0) ** 2).sum())
    drawn = ((signs @ off) ** 2).sum(axis=1)
    return float((1 + (drawn >= found * (1 - 1e-12)).sum()) / (1 + n_draws))
