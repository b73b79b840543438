"""Where particles push each other: forces in the space of model values.

Stein variational gradient descent (Liu and Wang 2016) and the gradient flow with smoothed test
functions (GFSF; Liu et al. 2019, "Understanding and accelerating particle-based variational
inference"), both with k(m, m') = exp(-|m - m'|**2 / h).
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor

Force = Literal["svgd", "gfsf"]
Bandwidth = Literal["median", "median/log n"]

#: Ridge on the kernel matrix that GFSF inverts.
GFSF_RIDGE = 1e-2


def squared_bandwidth(squared: Tensor, rule: Bandwidth) -> Tensor:
    """Squared bandwidth from squared distances (particle, particle): median, or that over log n.

    The textbook's median / log n makes the kernel so narrow that particles hardly repel each other
    in many dimensions and their spread collapses; the published method takes the median.
    """
    n = squared.shape[0]
    away = torch.triu_indices(n, n, offset=1, device=squared.device)
    median = squared[away[0], away[1]].median().clamp_min(torch.finfo(squared.dtype).tiny)
    return median if rule == "median" else median / math.log(n)


def particle_force(
    values: Tensor, score: Tensor, *, force: Force, bandwidth: Bandwidth, factor: float = 1.0
) -> Tensor:
    """Direction in which every particle's values should move.

    svgd: phi_i = (1/n) sum_j [k_ij score_j + grad_{m_j} k_ij]
    gfsf: phi_i = score_i + sum_j (K + ridge)**-1_ij sum_l grad_{m_l} k(m_l, m_j)

    Parameters
    ----------
    values : Tensor, (particle, n)
        Model values m at the evaluation points.
    score : Tensor, (particle, n)
        Gradient of the log posterior by them.
    force : str
        ``svgd`` or ``gfsf``.
    bandwidth : str
        Rule for h.
    factor : float
        Multiplies h; 1 is the published rule.
    """
    n = values.shape[0]
    centred = values - values.mean(dim=0)  # small differences of large velocities in single
    norm = centred.square().sum(dim=1)
    squared = (norm[:, None] + norm - 2 * centred @ centred.T).clamp_min(0.0)
    width = factor * squared_bandwidth(squared, bandwidth)
    kernel = torch.exp(-squared / width)
    repulsion = (2 / width) * (kernel.sum(dim=1)[:, None] * centred - kernel @ centred)
    if force == "svgd":
        return (kernel @ score + repulsion) / n
    ridged = kernel + GFSF_RIDGE * torch.eye(n, dtype=kernel.dtype, device=kernel.device)
    return score + torch.linalg.solve(ridged, repulsion)
