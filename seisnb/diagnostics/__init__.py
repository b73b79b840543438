"""How far a result can be believed: coverage, ranks, misfits, and one sentence that says so."""

from seisnb.diagnostics.distance import (
    Floor,
    median_squared_distance,
    mmd_floor,
    sqrt_mmd,
    sqrt_mmd_gaussian,
    squared_distances,
)
from seisnb.diagnostics.ranks import (
    LEAST_TRUTHS,
    coverage,
    expected_coverage,
    interval_ranks,
    rank_histogram,
    rank_of_truth,
    uniformity_p,
)
from seisnb.diagnostics.scores import crps, gaussian_crps, mean_square
from seisnb.diagnostics.summary import diagnose
from seisnb.diagnostics.verdicts import judging_misfit, verdict

__all__ = [
    "LEAST_TRUTHS",
    "Floor",
    "coverage",
    "crps",
    "diagnose",
    "expected_coverage",
    "gaussian_crps",
    "interval_ranks",
    "judging_misfit",
    "mean_square",
    "median_squared_distance",
    "mmd_floor",
    "rank_histogram",
    "rank_of_truth",
    "sqrt_mmd",
    "sqrt_mmd_gaussian",
    "squared_distances",
    "uniformity_p",
    "verdict",
]
