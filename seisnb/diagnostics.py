"""How far a result can be believed: coverage, ranks, misfits, and one sentence that says so."""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np
import torch
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr

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


def mean_square(residual: ArrayLike, std: ArrayLike) -> Array:
    """chi2 per pick over the last axis."""
    return np.asarray(np.mean((np.asarray(residual) / np.asarray(std)) ** 2, axis=-1))


def verdict(ensemble: xr.Dataset) -> str:
    """One sentence on a result: what it is good for, or what is wrong and what to do.

    Parameters
    ----------
    ensemble : xr.Dataset
        A result of :func:`seisnb.tomography.invert`.
    """
    config = json.loads(ensemble.attrs.get("config", "{}"))
    if config.get("likelihood") == "student":
        chi2 = _student_chi2(ensemble, config["student_dof"])
        weights = " with Student weights"
    else:
        chi2, weights = float(ensemble["chi2_referee"].mean()), ""
    scale = float(ensemble["sigma_scale"].mean())
    std = ensemble["pick_std"].values * scale
    sigmas = "their sigmas" if 0.8 < scale < 1.25 else f"{scale:.2g} times their sigmas"
    remedy = "" if config.get("infer_sigma") else "infer_sigma or "
    clock = ensemble.attrs.get("ray_error_seconds", np.nan) / float(np.median(std))
    n_members = ensemble.sizes["particle"]
    steps = "n_iterations" if config.get("engine") == "svgd" else "n_steps"
    stuck = float((1 - ensemble["is_converged"]).mean())
    if stuck > 0.1:
        return (
            f"{stuck:.0%} of the members did not converge: raise {steps}, or look for picks that "
            "no model can fit together."
        )
    if clock > 0.5 and clock**2 > 0.1 * chi2:
        return (
            f"Times along the rays differ from the referee by {clock:.1f} pick sigmas: choose a "
            "smaller cell or wavefront_cell."
        )
    if chi2 > 1.5:
        return (
            f"Misfit is too large (chi2 {chi2:.2f} per pick): the pick sigmas are too small or the "
            f"prior too stiff. Use {remedy}a larger amplitude or shorter correlation lengths, "
            "or mute picks whose residuals stand out."
        )
    if chi2 < 0.6:
        return (
            f"Picks are fitted better than their sigmas say (chi2 {chi2:.2f} per pick): the sigmas "
            f"are too large, so the intervals are too wide. Use {remedy}smaller sigmas."
        )
    if n_members < 32:
        return (
            f"Picks are fitted within {sigmas} (chi2 {chi2:.2f}{weights}), but {n_members} members "
            "give rough intervals: use 64 or more for publication."
        )
    return (
        f"Picks are fitted within {sigmas} (chi2 {chi2:.2f} per pick"
        f"{weights or ' by the independent solver'}); where the std ratio is near one, the picks "
        "say nothing beyond the prior."
    )


def _student_chi2(ensemble: xr.Dataset, dof: float) -> float:
    """chi2 per pick along the rays with Student weights, one expected, outliers apart."""
    std = ensemble["pick_std"].values * ensemble["sigma_scale"].values[:, None]
    square = ((ensemble["travel_time"].values - ensemble["predicted_time"].values) / std) ** 2
    return float(np.mean(square * (dof + 1) / (dof + square)))


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
    z = (truth - mean) / std
    density = np.exp(-0.5 * z**2) / np.sqrt(2 * np.pi)
    return np.asarray(std * (z * (2 * ndtr(z) - 1) + 2 * density - 1 / np.sqrt(np.pi)))


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
    values, vectors = np.linalg.eigh(covariance)
    kept = values > 1e-12 * values.max()
    values, vectors = values[kept], vectors[:, kept]
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
