"""How far an ensemble is from exact draws, cell by cell, and how far noise alone would put it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seisnb.verification.chains import Diagnosis, diagnose

Array = NDArray[np.float64]

#: Resamples that tell what a finite number of members does to the largest of all cells.
N_RESAMPLES = 300


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """An ensemble against exact draws.

    Attributes
    ----------
    mean_off : Array, (cell,)
        Its mean less the exact one, in exact standard deviations.
    std_ratio : Array, (cell,)
        Its standard deviation over the exact one.
    n : float
        How many independent members it is worth.
    noise_rms : float
        Root mean square of ``mean_off`` that the Monte Carlo errors of both sides alone make.
    noise_max, noise_std : float
        What the largest ``abs(mean_off)`` and ``abs(std_ratio - 1)`` of all cells would stay below
        95 times in a hundred, were the ensemble right.
    """

    mean_off: Array
    std_ratio: Array
    n: float
    noise_rms: float = np.nan
    noise_max: float = np.nan
    noise_std: float = np.nan

    @property
    def figures(self) -> dict[str, float]:
        """Every number that is not per cell."""
        return {
            "mean_max": float(np.abs(self.mean_off).max()),
            "mean_rms": float(np.sqrt(np.mean(self.mean_off**2))),
            "std_low": float(self.std_ratio.min()),
            "std_high": float(self.std_ratio.max()),
            "noise_rms": self.noise_rms,
            "noise_max": self.noise_max,
            "noise_std": self.noise_std,
            "n_members": self.n,
        }


def agreement(members: Array, exact: Array, error: Diagnosis, seed: int) -> Agreement:
    """Independent members against exact draws.

    The noise is that of members drawn again from the ensemble itself, their deviations stretched
    by the chains' own error.

    Parameters
    ----------
    members : Array, (n, cell)
        The ensemble.
    exact : Array, (m, cell)
        Exact draws, all chains after each other.
    error : Diagnosis
        What the chains are worth, per cell.
    seed : int
        Seed of the resamples.
    """
    mean, std = exact.mean(axis=0), exact.std(axis=0, ddof=1)
    white = (members - mean) / std
    off, ratio, n = white.mean(axis=0), white.std(axis=0, ddof=1), len(members)
    variance = ratio**2 / n + (error.mean_error / std) ** 2
    weight = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=N_RESAMPLES) / n
    away = white - off
    shift = weight @ away
    spread = np.sqrt(np.maximum(weight @ away**2 - shift**2, 0.0)) / away.std(axis=0) - 1.0
    shift *= np.sqrt(variance * n) / ratio
    spread *= np.sqrt(1.0 + (error.std_error / std / spread.std(axis=0)) ** 2)
    return Agreement(
        mean_off=off,
        std_ratio=ratio,
        n=float(n),
        noise_rms=float(np.sqrt(variance.mean())),
        noise_max=float(np.quantile(np.abs(shift).max(axis=1), 0.95)),
        noise_std=float(np.quantile(np.abs(spread).max(axis=1), 0.95)),
    )


def reweighted(exact: Array, log_weight: Array) -> Agreement:
    """Exact draws of one posterior weighted to another, against themselves unweighted.

    Both sides share their draws, so that little noise is left.

    Parameters
    ----------
    exact : Array, (chain, draw, cell)
        Exact draws.
    log_weight : Array, (chain, draw)
        Log density of the other posterior over theirs, up to a constant.
    """
    weight = np.exp(log_weight - log_weight.max())
    weight /= weight.sum()
    white = (exact - exact.mean(axis=(0, 1))) / exact.std(axis=(0, 1))
    off = np.einsum("ij,ijk->k", weight, white)
    ratio = np.sqrt(np.einsum("ij,ijk->k", weight, (white - off) ** 2))
    terms = (weight.size * weight - 1.0)[..., None] * white
    return Agreement(
        mean_off=off,
        std_ratio=ratio,
        n=float(1 / (weight**2).sum()),
        noise_rms=float(np.sqrt((diagnose(terms).mean_error ** 2).mean())),
    )
