"""Factored fast marching in three dimensions, second order, compiled.

As :mod:`seisnb.traveltime.marching` in two, but time is a smooth factor times the closed-form time
of a velocity that grows linearly with depth: t = t0 f. The factor is flatter than that to distance,
which leaves coarse grids a third of the error. Models that do not change across a section are
solved on one side of it: ``mirrored`` lets the first plane of the second axis be a plane of
symmetry through the source.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from seisnb.traveltime.marching import FIXED, FREE, OUTSIDE, _pop, _push, _side

_JIT = {"nogil": True, "cache": True, "error_model": "numpy"}


@njit(**_JIT)
def _three(u, alpha, beta):
    """The factor from up to three upwind differences: as many as causality allows.

    Solves sum (alpha_i f - beta_i)**2 = u**2 over the axes with alpha_i f > beta_i; axes are used
    in the order of their beta / alpha. Axes without an upwind neighbour have alpha 0.
    """
    for i in range(1, 3):
        for j in range(i, 0, -1):
            later = alpha[j] > 0.0 and (
                alpha[j - 1] <= 0.0 or beta[j] * alpha[j - 1] < beta[j - 1] * alpha[j]
            )
            if later:
                alpha[j], alpha[j - 1] = alpha[j - 1], alpha[j]
                beta[j], beta[j - 1] = beta[j - 1], beta[j]
    if alpha[0] <= 0.0:
        return np.inf
    best = (u + beta[0]) / alpha[0]
    a, b, c = alpha[0] ** 2, alpha[0] * beta[0], beta[0] ** 2
    for i in range(1, 3):
        if alpha[i] <= 0.0 or alpha[i] * best <= beta[i]:
            break
        a += alpha[i] ** 2
        b += alpha[i] * beta[i]
        c += beta[i] ** 2
        inside = b * b - a * (c - u * u)
        if inside < 0.0:
            break
        best = (b + math.sqrt(inside)) / a
    return best


@njit(inline="always", **_JIT)
def _background(dx, dy, dz, v_source, growth):
    """Time t0 through v_source + growth * dz and its gradient, away from the source."""
    d2 = dx * dx + dy * dy + dz * dz
    v = max(v_source + growth * dz, 0.05 * v_source)
    per = growth * growth / (v_source * v)
    half = 0.5 * per * d2
    root = math.sqrt(half * (half + 2.0))
    down = growth if v > 0.05 * v_source else 0.0
    scale = per / (growth * root)
    time = 2.0 * math.asinh(math.sqrt(0.5 * half)) / growth
    return time, scale * dx, scale * dy, scale * (dz - 0.5 * down * d2 / v)


@njit(**_JIT)
def background_times(points, source, v_source, growth):
    """Closed-form times t0 [s] from a source to points (n, 3) [km], (n,) float32."""
    out = np.empty(points.shape[0], np.float32)
    for i in range(points.shape[0]):
        dx, dy, dz = points[i, 0] - source[0], points[i, 1] - source[1], points[i, 2] - source[2]
        v = max(v_source + growth * dz, 0.05 * v_source)
        d = math.sqrt(dx * dx + dy * dy + dz * dz)
        out[i] = 2.0 * math.asinh(0.5 * growth * d / math.sqrt(v_source * v)) / growth
    return out


@njit(**_JIT)
def march_3d(velocity, source_i, source_j, source_k, step, mirrored, v_source, growth):
    """Travel time over that of a linear gradient, from a node of a regular grid.

    Parameters
    ----------
    velocity : (n_x, n_y, n_z)
        Velocity at the nodes [km/s].
    source_i, source_j, source_k : int
        The source's node; ``source_j`` is 0 where mirrored.
    step : float
        Spacing [km].
    mirrored : bool
        Whether y = 0 is a plane of symmetry.
    v_source, growth : float
        The background: velocity at the source's depth [km/s] and its growth with depth [1/s], above
        zero. It need not be the model's.

    Returns
    -------
    factor : (n_x, n_y, n_z) float32
        Travel time over :func:`background_times`.
    """
    n_x, n_y, n_z = velocity.shape
    stride_y = n_z + 4
    stride_x = (n_y + 4) * stride_y
    n_nodes = (n_x + 4) * stride_x
    state = np.full(n_nodes, OUTSIDE, np.uint8)
    factor = np.full(n_nodes, np.inf)
    times = np.full(n_nodes, np.inf)
    for i in range(n_x):
        for j in range(n_y):
            row = (i + 2) * stride_x + (j + 2) * stride_y + 2
            for k in range(n_z):
                state[row + k] = FREE
    per_step = 1.0 / step
    strides = (stride_x, stride_y, 1)
    alpha, beta, slope = np.empty(3), np.empty(3), np.empty(3)
    room = 6 * n_x * n_y * n_z + 8
    heap_time, heap_node = np.empty(room), np.empty(room, np.int64)
    source = (source_i + 2) * stride_x + (source_j + 2) * stride_y + source_k + 2
    factor[source] = v_source / velocity[source_i, source_j, source_k]
    times[source] = 0.0
    size = _push(heap_time, heap_node, 0, 0.0, source)
    while size > 0:
        centre = heap_node[0]
        size = _pop(heap_time, heap_node, size)
        if state[centre] == FIXED:
            continue
        state[centre] = FIXED
        if mirrored:
            j = (centre % stride_x) // stride_y - 2
            if 0 < j < 3:
                image = centre - 2 * j * stride_y
                state[image] = FIXED
                factor[image], times[image] = factor[centre], times[centre]
        for direction in range(6):
            node = centre + (strides[direction >> 1] if direction & 1 else -strides[direction >> 1])
            if state[node] != FREE:
                continue
            i = node // stride_x - 2
            j = (node % stride_x) // stride_y - 2
            k = node % stride_y - 2
            near, slope[0], slope[1], slope[2] = _background(
                (i - source_i) * step, (j - source_j) * step, (k - source_k) * step,
                v_source, growth,
            )  # fmt: skip
            for axis in range(3):
                sign, weight, upwind = _side(factor, times, state, node, strides[axis])
                alpha[axis] = 0.0
                if sign != 0:
                    alpha[axis] = near * weight * per_step + sign * slope[axis]
                    beta[axis] = near * upwind * per_step
            value = _three(1.0 / velocity[i, j, k], alpha, beta)
            if value * near < times[node]:
                times[node] = value * near
                factor[node] = value
                size = _push(heap_time, heap_node, size, times[node], node)
    out = np.empty((n_x, n_y, n_z), np.float32)
    for i in range(n_x):
        for j in range(n_y):
            row = (i + 2) * stride_x + (j + 2) * stride_y + 2
            for k in range(n_z):
                out[i, j, k] = factor[row + k]
    return out
