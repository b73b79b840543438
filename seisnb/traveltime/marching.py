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

#: What is known of a node.
FREE, FIXED, OUTSIDE = 0, 1, 2

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
def _side(factor, times, state, node, stride):
    """Upwind neighbour along one axis: sign, and the difference f' = (a f - b) per step."""
    back, front = node - stride, node + stride
    sign = 0
    if state[back] == FIXED:
        sign = 1
        if state[front] == FIXED and times[front] < times[back]:
            sign = -1
    elif state[front] == FIXED:
        sign = -1
    if sign == 0:
        return 0, 0.0, 0.0
    first = node - sign * stride
    second = first - sign * stride
    if state[second] == FIXED and times[second] <= times[first]:
        return sign, 1.5, 2.0 * factor[first] - 0.5 * factor[second]
    return sign, 1.0, factor[first]


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
    # two rows of margin spare every test of the bounds
    width = n_z + 4
    n_nodes = (n_x + 4) * width
    state = np.full(n_nodes, OUTSIDE, np.uint8)
    factor = np.full(n_nodes, np.inf)
    times = np.full(n_nodes, np.inf)
    slowness = np.empty(n_nodes)
    distance = np.empty(n_nodes)
    slope_x = np.empty(n_nodes)
    slope_z = np.empty(n_nodes)
    for i in range(n_x):
        x = (i - source_i) * step
        row = (i + 2) * width + 2
        for j in range(n_z):
            z = (j - source_j) * step
            r = max(math.sqrt(x * x + z * z), 1e-30)
            distance[row + j] = r
            slope_x[row + j] = x / r
            slope_z[row + j] = z / r
            slowness[row + j] = 1.0 / velocity[i, j]
            state[row + j] = FREE
    per_step = 1.0 / step
    neighbours = (width, -width, 1, -1)
    heap_time = np.empty(4 * n_x * n_z + 8)
    heap_node = np.empty(4 * n_x * n_z + 8, np.int64)
    source = (source_i + 2) * width + source_j + 2
    factor[source] = slowness[source]
    times[source] = 0.0
    size = _push(heap_time, heap_node, 0, 0.0, source)
    while size > 0:
        centre = heap_node[0]
        size = _pop(heap_time, heap_node, size)
        if state[centre] == FIXED:
            continue
        state[centre] = FIXED
        for direction in range(4):
            node = centre + neighbours[direction]
            if state[node] != FREE:
                continue
            r, u = distance[node], slowness[node]
            sign, weight, upwind = _side(factor, times, state, node, width)
            alpha_x = r * weight * per_step + sign * slope_x[node]
            beta_x = r * upwind * per_step
            has_x = sign != 0 and alpha_x > 0.0
            sign, weight, upwind = _side(factor, times, state, node, 1)
            alpha_z = r * weight * per_step + sign * slope_z[node]
            beta_z = r * upwind * per_step
            has_z = sign != 0 and alpha_z > 0.0
            value = np.inf
            if has_x and has_z:
                a = alpha_x * alpha_x + alpha_z * alpha_z
                b = alpha_x * beta_x + alpha_z * beta_z
                c = beta_x * beta_x + beta_z * beta_z - u * u
                inside = b * b - a * c
                if inside >= 0.0:
                    root = (b + math.sqrt(inside)) / a
                    if alpha_x * root >= beta_x and alpha_z * root >= beta_z:
                        value = root
            if value == np.inf:
                if has_x:
                    value = (u + beta_x) / alpha_x
                if has_z:
                    value = min(value, (u + beta_z) / alpha_z)
            if value * r < times[node]:
                times[node] = value * r
                factor[node] = value
                size = _push(heap_time, heap_node, size, times[node], node)
    return factor.reshape(n_x + 4, width)[2:-2, 2:-2].copy()
