"""Bounds of statistics by their sampling distribution, for tests that must hold for any seed.

Each is two-sided and is crossed once in ten thousand runs (:data:`FALSE_ALARM`) by a right answer,
however many numbers one comparison looks at.
"""

from __future__ import annotations

import numpy as np
from scipy import stats

#: How often a bound may be crossed when nothing is wrong.
FALSE_ALARM = 1e-4


def sigmas(n: int = 1) -> float:
    """Standard errors that the largest of n normal scores stays below."""
    return float(stats.norm.isf(FALSE_ALARM / (2 * n)))


def student(n_degrees: int, n: int = 1) -> float:
    """As :func:`sigmas` where the standard error itself is estimated with n_degrees of freedom."""
    return float(stats.t.isf(FALSE_ALARM / (2 * n), n_degrees))


def std_ratio(n_draws: int, n: int = 1) -> tuple[float, float]:
    """Low and high ratio of the standard deviation of normal draws to the true one, of n such."""
    tail, n_degrees = FALSE_ALARM / (2 * n), n_draws - 1
    low, high = stats.chi2.ppf(tail, n_degrees), stats.chi2.isf(tail, n_degrees)
    return float(np.sqrt(low / n_degrees)), float(np.sqrt(high / n_degrees))


def counts(n_trials: int, probability: float, n: int = 1) -> tuple[int, int]:
    """Least and most successes of independent trials, of n such counts."""
    tail, law = FALSE_ALARM / (2 * n), stats.binom(n_trials, probability)
    return int(law.ppf(tail)), int(law.isf(tail))
