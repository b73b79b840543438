"""Exact first arrivals in a 1-D model of constant and constant-gradient layers.

Every ray of such a model has distance and time in closed form for a ray parameter p. First arrivals
are the least time over all of them: the direct ray; rays that turn below the lower end or above the
upper one; and waves along a level where velocity is as large as nowhere between it and the ends
(head waves, and what reaches the shadow behind a low-velocity layer). Each is the time of a path
that exists, so that none can come before the first arrival (Fermat). Between rays of one branch
times are cubic in distance, with the exact slopes p. One pass upward from where a ray turns gives
its times from all depths.

References
----------
Chapman 2004, Fundamentals of Seismic Wave Propagation, section 2.3 (tau-p integrals).
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from seisnb.conventions import InputError
from seisnb.velocity_models import LayeredModel

Array = NDArray[np.float64]

_JIT = {"nogil": True, "cache": True, "error_model": "numpy"}
#: Direct rays to one depth; rays of a branch: so many, and more the more velocity grows in it.
N_DIRECT, LEAST_RAYS, MOST_RAYS, RAYS_PER_GROWTH = 44, 7, 44, 200.0
#: Rays between the first of a branch and the next.
N_START = 6
#: How far the last layer is followed below the deepest point asked for [km].
BELOW = 600.0
#: A last layer whose velocity falls is followed down to this share of its top's.
LEAST_SHARE = 0.2


def layered_times(
    model: LayeredModel, phase: str, receiver_depth: float, distance: Array, depth: Array
) -> Array:
    """First-arrival times from sources to one receiver.

    Parameters
    ----------
    model : LayeredModel
        The rock.
    phase : {"P", "S"}
        Which velocity.
    receiver_depth : float
        Depth of the receiver [km], above the first layer's top too.
    distance : Array, (n_distance,)
        Horizontal distances [km], not negative.
    depth : Array, (n_depth,)
        Depths of the source [km].

    Returns
    -------
    Array, (n_distance, n_depth)
        Travel times [s].

    Raises
    ------
    InputError
        A distance that is negative, a value that is not finite, S of a model without S.

    Examples
    --------
    >>> rock = LayeredModel(name="a", top=np.array([0.0]), vp=np.array([5.0]),
    ...     vp_gradient=np.array([0.0]))
    >>> layered_times(rock, "P", 0.0, np.array([3.0]), np.array([4.0]))
    array([[1.]])
    """
    distance, depth = np.asarray(distance, float), np.asarray(depth, float)
    if not (np.isfinite(distance).all() and np.isfinite(depth).all() and distance.min() >= 0):
        raise InputError(
            f"layered_times: distances {distance.min():g}..{distance.max():g} km and depths "
            f"{depth.min():g}..{depth.max():g} km; expected finite values, distances from 0."
        )
    edges = (float(min(receiver_depth, depth.min())), float(max(receiver_depth, depth.max())))
    level, upper, lower = _segments(model, phase, *edges)
    order = np.argsort(distance, kind="stable")
    times = _table(level, upper, lower, float(receiver_depth), distance[order], depth)
    result = np.empty_like(times)
    result[order] = times
    return result


def _segments(model: LayeredModel, phase: str, top: float, bottom: float) -> tuple[Array, ...]:
    """Levels (n + 1,) [km] and the velocities just under and just over them, (n,) each [km/s]."""
    v, g = (model.vp, model.vp_gradient) if phase == "P" else (model.vs, model.vs_gradient)
    if v is None or g is None:
        raise InputError(
            f"layered_times: model {model.name!r} has no S velocity; give vs, or Vp/Vs."
        )
    last = max(bottom, float(model.top[-1])) + BELOW
    if g[-1] < 0:
        last = min(last, float(model.top[-1]) + (LEAST_SHARE - 1) * float(v[-1] / g[-1]))
        last = max(last, bottom + 1e-3)
    level = np.append(model.top, last)
    upper = np.asarray(v, float)
    lower = np.maximum(upper + g * np.diff(level), LEAST_SHARE * upper)
    if top < level[0] - 1e-9:
        level = np.concatenate([[top - 1.0], level])
        upper, lower = np.append(upper[0], upper), np.append(upper[0], lower)
    return level, upper, lower


@njit(**_JIT)
def _leg(level, upper, lower, z1, z2, p):
    """Distance and time of a ray from depth z1 down to z2 > z1; infinite where it cannot go."""
    x, t = 0.0, 0.0
    for i in range(upper.size):
        a, b = max(z1, level[i]), min(z2, level[i + 1])
        h = b - a
        if h <= 0.0:
            continue
        slope = (lower[i] - upper[i]) / (level[i + 1] - level[i])
        va = upper[i] + slope * (a - level[i])
        vb = upper[i] + slope * (b - level[i])
        ea, eb = 1.0 - (p * va) ** 2, 1.0 - (p * vb) ** 2
        if ea < -1e-12 or eb < -1e-12:
            return np.inf, np.inf
        ea, eb = math.sqrt(max(ea, 0.0)), math.sqrt(max(eb, 0.0))
        if ea + eb < 1e-9:
            return np.inf, np.inf
        x += h * p * (va + vb) / (ea + eb)
        if abs(vb - va) < 1e-6 * va:
            t += 4.0 * h / (va + vb) / (ea + eb)
        else:
            t += math.log(vb / va * (1.0 + ea) / (1.0 + eb)) * h / (vb - va)
    return x, t


@njit(**_JIT)
def _fastest(level, upper, lower, z1, z2):
    """Largest velocity between two depths."""
    best = 0.0
    for i in range(upper.size):
        a, b = max(z1, level[i]), min(z2, level[i + 1])
        if b < a or (b == a and z2 > z1):
            continue
        slope = (lower[i] - upper[i]) / (level[i + 1] - level[i])
        best = max(best, upper[i] + slope * (a - level[i]), upper[i] + slope * (b - level[i]))
    return best


@njit(**_JIT)
def _direct(level, upper, lower, z1, z2, distance, best):
    """Rays that go straight through from z1 to z2 > z1, and along the fastest level between."""
    top = 1.0 / _fastest(level, upper, lower, z1, z2)
    x_top, t_top = _leg(level, upper, lower, z1, z2, top)
    _along(distance, best, x_top, t_top, top)
    # p = top * s / sqrt(1 + s * s): s runs to infinity where the ray turns level
    farthest = min(distance[-1], 0.97 * x_top)
    last = min((distance[-1] + 1.0) / (z2 - z1), 2.0)
    for _ in range(60):
        x, t = _leg(level, upper, lower, z1, z2, top * last / math.sqrt(1.0 + last * last))
        if x >= farthest:
            break
        last *= 2.0
    x1, t1 = _leg(level, upper, lower, z1, z2, 0.0)
    p1 = 0.0
    for k in range(1, N_DIRECT + 1):
        s = math.sinh(math.asinh(last) * k / N_DIRECT)
        p = top * s / math.sqrt(1.0 + s * s)
        x, t = _leg(level, upper, lower, z1, z2, p)
        _between(distance, best, x1, t1, p1, x, t, p)
        x1, t1, p1 = x, t, p
    _between(distance, best, x1, t1, p1, x_top, t_top, top)


@njit(**_JIT)
def _along(distance, best, x, t, p):
    """A wave that leaves level at a distance x and goes on with slowness p."""
    if not np.isfinite(x):
        return
    for k in range(np.searchsorted(distance, x), distance.size):
        best[k] = min(best[k], t + p * (distance[k] - x))


@njit(**_JIT)
def _between(distance, best, x0, t0, p0, x1, t1, p1):
    """Times between two rays of one branch: cubic in distance, with the slownesses as slopes."""
    if x1 < x0:
        x0, t0, p0, x1, t1, p1 = x1, t1, p1, x0, t0, p0
    width = x1 - x0
    if not np.isfinite(width) or width <= 0.0:
        return
    for k in range(np.searchsorted(distance, x0), distance.size):
        if distance[k] > x1:
            break
        u = (distance[k] - x0) / width
        w = 1.0 - u
        time = (
            w * w * (1.0 + 2.0 * u) * t0
            + u * u * (1.0 + 2.0 * w) * t1
            + u * w * width * (w * p0 - u * p1)
        )
        best[k] = min(best[k], time)


@njit(**_JIT)
def _upward(level, upper, lower, bottom, segment, p, node, x, t):
    """Distance and time from a depth up to every node (sorted); infinite below it, and cut off.

    ``segment`` is the one whose part above ``bottom`` comes first.
    """
    here, sum_x, sum_t, i = bottom, 0.0, 0.0, segment
    is_open = True
    for k in range(node.size - 1, -1, -1):
        if node[k] > bottom + 1e-12 or not is_open:
            x[k], t[k] = np.inf, np.inf
            continue
        while here > node[k] and is_open:
            a = max(node[k], level[i])
            h = here - a
            if h > 0.0:
                slope = (lower[i] - upper[i]) / (level[i + 1] - level[i])
                va = upper[i] + slope * (a - level[i])
                vb = upper[i] + slope * (here - level[i])
                ea, eb = 1.0 - (p * va) ** 2, 1.0 - (p * vb) ** 2
                if ea < -1e-12 or eb < -1e-10:
                    is_open = False
                    break
                ea, eb = math.sqrt(max(ea, 0.0)), math.sqrt(max(eb, 0.0))
                if ea + eb < 1e-9:
                    is_open = False
                    break
                sum_x += h * p * (va + vb) / (ea + eb)
                if abs(vb - va) < 1e-6 * va:
                    sum_t += 4.0 * h / (va + vb) / (ea + eb)
                else:
                    sum_t += math.log(vb / va * (1.0 + ea) / (1.0 + eb)) * h / (vb - va)
            here = a
            if here <= level[i] and i > 0:
                i -= 1
        x[k], t[k] = (sum_x, sum_t) if is_open else (np.inf, np.inf)


@njit(**_JIT)
def _head_wave(level, upper, lower, i, node, receiver, distance, best):
    """The wave along the top of a segment; total reflections there come later at every distance."""
    x, t = np.empty(node.size), np.empty(node.size)
    p = 1.0 / upper[i]
    _upward(level, upper, lower, level[i], i - 1, p, node, x, t)
    for j in range(node.size):
        _along(distance, best[j], x[j] + x[receiver], t[j] + t[receiver], p)


@njit(**_JIT)
def _turning(level, upper, lower, i, node, receiver, v_from, v_to, distance, best):
    """Rays that turn in a segment where velocity is between two, and the wave along its end."""
    n = min(max(int(RAYS_PER_GROWTH * (v_to / v_from - 1.0)) + 1, LEAST_RAYS), MOST_RAYS)
    x, t = np.empty((n + 2, node.size)), np.empty((n + 2, node.size))
    p = np.empty(n + 1)
    slope = (lower[i] - upper[i]) / (level[i + 1] - level[i])
    for k in range(n + 1):
        p[k] = (v_from / v_to) ** (0.5 - 0.5 * math.cos(math.pi * k / n)) / v_from
        bottom = min(max(level[i] + (1.0 / p[k] - upper[i]) / slope, level[i]), level[i + 1])
        _upward(level, upper, lower, bottom, i, p[k], node, x[k], t[k])
    for j in range(node.size):
        for k in range(1, n + 1):
            x1, t1 = x[k, j] + x[k, receiver], t[k, j] + t[k, receiver]
            if not np.isfinite(x1):
                continue
            x0, t0, p0 = (
                x[k - 1, j] + x[k - 1, receiver],
                t[k - 1, j] + t[k - 1, receiver],
                p[k - 1],
            )
            if not np.isfinite(x0):
                # the branch begins between the two, with the ray that is level at its fastest place
                high, low = min(node[j], node[receiver]), max(node[j], node[receiver], level[i])
                p0 = 1.0 / _fastest(level, upper, lower, high, low)
                if not p[k] < p0 <= p[k - 1]:
                    continue
                for sub in range(N_START):
                    # distance starts like a root of p0 - p
                    ray = p0 - (p0 - p[k]) * (sub / N_START) ** 2
                    bottom = min(max(level[i] + (1.0 / ray - upper[i]) / slope, low), level[i + 1])
                    _upward(level, upper, lower, bottom, i, ray, node, x[n + 1], t[n + 1])
                    x2 = x[n + 1, j] + x[n + 1, receiver]
                    t2 = t[n + 1, j] + t[n + 1, receiver]
                    if sub > 0:
                        _between(distance, best[j], x0, t0, p0, x2, t2, ray)
                    x0, t0, p0 = x2, t2, ray
            _between(distance, best[j], x0, t0, p0, x1, t1, p[k])
        _along(distance, best[j], x[n, j] + x[n, receiver], t[n, j] + t[n, receiver], p[n])


@njit(**_JIT)
def _returning(level, upper, lower, node, receiver, distance, best):
    """Rays that leave both ends downward and turn, or run along a level, below both."""
    own = node[receiver]
    fastest = 0.0
    for i in range(upper.size):
        if level[i + 1] <= own:
            continue
        slope = (lower[i] - upper[i]) / (level[i + 1] - level[i])
        va, vb = upper[i] + slope * (max(level[i], own) - level[i]), lower[i]
        if fastest == 0.0:
            fastest = va
        if level[i] >= own and i > 0 and va > fastest * (1 + 1e-12):
            _head_wave(level, upper, lower, i, node, receiver, distance, best)
        fastest = max(fastest, va)
        if vb > fastest * (1 + 1e-12):
            _turning(level, upper, lower, i, node, receiver, fastest, vb, distance, best)
            fastest = vb


@njit(**_JIT)
def _table(level, upper, lower, receiver, distance, depth):
    """Times (n_distance, n_depth); distances sorted."""
    n_depth = depth.size
    node = np.empty(n_depth + 1)
    node[:n_depth], node[n_depth] = depth, receiver
    order = np.argsort(node, kind="mergesort")
    own = 0
    for k in range(n_depth + 1):
        if order[k] == n_depth:
            own = k
    node = node[order]
    best = np.full((n_depth + 1, distance.size), np.inf)
    for k in range(n_depth + 1):
        z1, z2 = min(receiver, node[k]), max(receiver, node[k])
        if z2 - z1 > 1e-9:
            _direct(level, upper, lower, z1, z2, distance, best[k])
        else:
            _along(distance, best[k], 0.0, 0.0, 1.0 / _fastest(level, upper, lower, z1, z1))
    _returning(level, upper, lower, node, own, distance, best)
    # the same model upside down, for rays that leave upward
    flipped = -level[::-1]
    best_up = best[::-1]
    _returning(
        flipped.copy(), lower[::-1].copy(), upper[::-1].copy(), -node[::-1].copy(), n_depth - own,
        distance, best_up,
    )  # fmt: skip
    times = np.empty((distance.size, n_depth))
    for k in range(n_depth + 1):
        if order[k] < n_depth:
            times[:, order[k]] = best[k]
    return times
