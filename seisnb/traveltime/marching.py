"""Factored fast marching, second order, compiled: the wavefronts that rays are traced down.

Time is distance times a smooth factor, t = r f, which takes the singularity at the source out of
the differences (Treister and Haber 2016, doi 10.1016/j.jcp.2016.08.012). The library used as the
referee does the same, but replaces the process's interrupt handler during every call: from several
threads that ends a session on Ctrl-C. This solver holds no state and releases the GIL.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

_JIT = {"nogil": True, "cache": True, "error_model": "numpy"}


@njit(**_JIT)
def _push(heap_time, heap_node, size, time, node):
    """Add a node to the binary heap; returns the new size."""
    k = size
    while k > 0:
        parent = (k - 1) >> 1
        if heap_time[parent] <= time:
            break
        heap_time[k] = heap_time[parent]
        heap_node[k] = heap_node[parent]
        k = parent
    heap_time[k] = time
    heap_node[k] = node
    return size + 1


@njit(**_JIT)
def _pop(heap_time, heap_node, size):
    """Take the root off the heap and restore it; returns the new size."""
    size -= 1
    time, node = heap_time[size], heap_node[size]
    k = 0
    while True:
        child = 2 * k + 1
        if child >= size:
            break
        if child + 1 < size and heap_time[child + 1] < heap_time[child]:
            child += 1
        if heap_time[child] >= time:
            break
        heap_time[k] = heap_time[child]
        heap_node[k] = heap_node[child]
        k = child
    heap_time[k] = time
    heap_node[k] = node
    return size


@njit(inline="always", **_JIT)
def _side(factor, times, fixed, i, j, di, dj, n_x, n_z):
    """Upwind neighbour along one axis: sign, and the difference f' = (a f - b) per step."""
    best = np.inf
    sign = 0
    for s in (-1, 1):
        p, q = i + s * di, j + s * dj
        if 0 <= p < n_x and 0 <= q < n_z and fixed[p, q] and times[p, q] < best:
            best = times[p, q]
            sign = -s
    if sign == 0:
        return 0, 0.0, 0.0
    p, q = i - sign * di, j - sign * dj
    pp, qq = p - sign * di, q - sign * dj
    if 0 <= pp < n_x and 0 <= qq < n_z and fixed[pp, qq] and times[pp, qq] <= times[p, q]:
        return sign, 1.5, 2.0 * factor[p, q] - 0.5 * factor[pp, qq]
    return sign, 1.0, factor[p, q]


@njit(**_JIT)
def march(velocity, source_i, source_j, step):
    """Travel time over distance from a node of a level grid.

    Parameters
    ----------
    velocity : (n_x, n_z)
        Velocity at the nodes [km/s].
    source_i, source_j : int
        The source's node.
    step : float
        Spacing [km].

    Returns
    -------
    factor : (n_x, n_z)
        Travel time / distance to the source [s/km]; at the source its slowness.
    """
    n_x, n_z = velocity.shape
    factor = np.full((n_x, n_z), np.inf)
    times = np.full((n_x, n_z), np.inf)
    fixed = np.zeros((n_x, n_z), np.bool_)
    heap_time = np.empty(4 * n_x * n_z + 8)
    heap_node = np.empty(4 * n_x * n_z + 8, np.int64)
    factor[source_i, source_j] = 1.0 / velocity[source_i, source_j]
    times[source_i, source_j] = 0.0
    size = _push(heap_time, heap_node, 0, 0.0, source_i * n_z + source_j)
    while size > 0:
        node = heap_node[0]
        size = _pop(heap_time, heap_node, size)
        ci, cj = node // n_z, node % n_z
        if fixed[ci, cj]:
            continue
        fixed[ci, cj] = True
        for direction in range(4):
            i = ci + (1 if direction == 0 else -1 if direction == 1 else 0)
            j = cj + (1 if direction == 2 else -1 if direction == 3 else 0)
            if not (0 <= i < n_x and 0 <= j < n_z) or fixed[i, j]:
                continue
            x, z = (i - source_i) * step, (j - source_j) * step
            distance = math.hypot(x, z)
            slowness = 1.0 / velocity[i, j]
            a, b, c = 0.0, 0.0, -slowness * slowness
            one_sided = np.inf
            alpha_x, beta_x, alpha_z, beta_z = 0.0, 0.0, 0.0, 0.0
            for axis in range(2):
                if axis == 0:
                    sign, weight, upwind = _side(factor, times, fixed, i, j, 1, 0, n_x, n_z)
                    slope = x / distance
                else:
                    sign, weight, upwind = _side(factor, times, fixed, i, j, 0, 1, n_x, n_z)
                    slope = z / distance
                if sign == 0:
                    continue
                alpha = distance * weight / step + sign * slope
                beta = distance * upwind / step
                if alpha <= 0.0:
                    continue
                one_sided = min(one_sided, (slowness + beta) / alpha)
                a += alpha * alpha
                b -= 2.0 * alpha * beta
                c += beta * beta
                if axis == 0:
                    alpha_x, beta_x = alpha, beta
                else:
                    alpha_z, beta_z = alpha, beta
            value = one_sided
            if alpha_x > 0.0 and alpha_z > 0.0:
                inside = b * b - 4.0 * a * c
                if inside >= 0.0:
                    root = (-b + math.sqrt(inside)) / (2.0 * a)
                    if alpha_x * root >= beta_x and alpha_z * root >= beta_z:
                        value = root
            if value * distance < times[i, j]:
                times[i, j] = value * distance
                factor[i, j] = value
                size = _push(heap_time, heap_node, size, times[i, j], i * n_z + j)
    return factor
