"""How far a result can be believed: coverage, ranks, misfits, gates, and a verdict with reasons."""

from seisnb.diagnostics.distance import (
    Floor,
    median_squared_distance,
    mmd_floor,
    sqrt_mmd,
    sqrt_mmd_gaussian,
    squared_distances,
)
from seisnb.diagnostics.facts import judging_misfit
from seisnb.diagnostics.gate import Gate
from seisnb.diagnostics.gates import gates
from seisnb.diagnostics.ranks import (
    LEAST_TRUTHS,
    coverage,
    expected_coverage,
    interval_ranks,
    rank_histogram,
    rank_of_truth,
    uniformity_p,
)
from seisnb.diagnostics.reasons import Reason
from seisnb.diagnostics.scores import crps, gaussian_crps, mean_square
from seisnb.diagnostics.summary import diagnose
from seisnb.diagnostics.verdicts import (
    Judgement,
    judge,
    judged,
    told,
    verdict,
    verdict_level,
)

__all__ = [
    "LEAST_TRUTHS",
    "Floor",
    "Gate",
    "Judgement",
    "Reason",
    "coverage",
    "crps",
    "diagnose",
    "expected_coverage",
    "gates",
    "gaussian_crps",
    "interval_ranks",
    "judge",
    "judged",
    "judging_misfit",
    "mean_square",
    "median_squared_distance",
    "mmd_floor",
    "rank_histogram",
    "rank_of_truth",
    "sqrt_mmd",
    "sqrt_mmd_gaussian",
    "squared_distances",
    "told",
    "uniformity_p",
    "verdict",
    "verdict_level",
]
