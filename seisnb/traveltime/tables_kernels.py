"""Multilinear interpolation of many values at once on a rectilinear grid, compiled."""

from __future__ import annotations

import numpy as np
from numba import njit

_JIT = {"nogil": True, "cache": True, "error_model": "numpy"}


@njit(inline="always", **_JIT)
def _cell(axis, x):
    """The cell that holds x, and the share of the way through it; clipped to the axis."""
    i = min(max(np.searchsorted(axis, x, side="right") - 1, 0), axis.size - 2)
    share = (x - axis[i]) / (axis[i + 1] - axis[i])
    return i, np.float32(min(max(share, 0.0), 1.0))


@njit(fastmath=True, **_JIT)
def interpolate_2d(first, second, nodes, points):
    """Values (n, m) float32 at points (n, 2) of nodes (n_first, n_second, m) float32."""
    n_values = nodes.shape[2]
    out = np.empty((points.shape[0], n_values), np.float32)
    for p in range(points.shape[0]):
        i, u = _cell(first, points[p, 0])
        j, v = _cell(second, points[p, 1])
        one = np.float32(1.0)
        a, b, c, d = (one - u) * (one - v), (one - u) * v, u * (one - v), u * v
        for m in range(n_values):
            out[p, m] = (
                a * nodes[i, j, m] + b * nodes[i, j + 1, m]
                + c * nodes[i + 1, j, m] + d * nodes[i + 1, j + 1, m]
            )  # fmt: skip
    return out


@njit(fastmath=True, **_JIT)
def interpolate_3d(first, second, third, nodes, points):
    """Values (n, m) float32 at points (n, 3) of nodes (n_first, n_second, n_third, m) float32."""
    n_values = nodes.shape[3]
    out = np.zeros((points.shape[0], n_values), np.float32)
    for p in range(points.shape[0]):
        i, u = _cell(first, points[p, 0])
        j, v = _cell(second, points[p, 1])
        k, w = _cell(third, points[p, 2])
        one = np.float32(1.0)
        for a in range(2):
            part_a = u if a else one - u
            for b in range(2):
                part_b = part_a * (v if b else one - v)
                for c in range(2):
                    part = part_b * (w if c else one - w)
                    for m in range(n_values):
                        out[p, m] += part * nodes[i + a, j + b, k + c, m]
    return out
