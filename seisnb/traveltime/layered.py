"""Exact first arrivals in a 1-D model of constant and constant-gradient layers.

Every ray of such a model has distance and time in closed form for a ray parameter p. First arrivals
are the least time over all of them: the direct ray (its p by bisection-guarded Newton steps,
distance being monotone in it); rays that turn, or are totally reflected, below the lower end or
above the upper one; and waves along a level where velocity is as large as nowhere between it and
the ends (head waves, and what reaches the shadow behind a low-velocity layer). Each is the time of
a path that exists, so that none can come before the first arrival (Fermat).

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
#: Ray parameters between two breaks of a branch.
N_RAYS = 28
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
    # p = top * s / sqrt(1 + s * s): s runs to infinity where the ray turns level
    low = 0.0
    for k in range(distance.size):
        x = distance[k]
        if x >= x_top:
            best[k] = min(best[k], t_top + top * (x - x_top))
            continue
        a, b = low, -1.0
        s = max(low, x / (z2 - z1))
        for _ in range(80):
            p = top * s / math.sqrt(1.0 + s * s)
            found, time = _leg(level, upper, lower, z1, z2, p)
            if found > x:
                b = s
            else:
                a = s
            if abs(found - x) < 1e-9 * (1.0 + x):
                break
            s = 2.0 * s + 0.1 if b < 0.0 else 0.5 * (a + b)
            if b >= 0.0 and b - a < 1e-14 * b:
                break
        low = a
        # the time at x from that at a distance close to it: dT/dX = p
        if np.isfinite(found):
            best[k] = min(best[k], time + p * (x - found))


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
def _returning(level, upper, lower, z1, z2, distance, best):
    """Rays that leave both ends downward and turn, or run along a level, below z2 >= z1."""
    fastest = _fastest(level, upper, lower, z1, z2)
    for i in range(upper.size):
        if level[i + 1] <= z2:
            continue
        start = max(level[i], z2)
        slope = (lower[i] - upper[i]) / (level[i + 1] - level[i])
        va, vb = upper[i] + slope * (start - level[i]), lower[i]
        if va > fastest * (1 + 1e-12):
            # a jump: total reflections with p between both slownesses, then the head wave
            _reflected(level, upper, lower, z1, z2, start, fastest, va, distance, best)
            fastest = va
        if vb > fastest * (1 + 1e-12):
            _turning(
                level, upper, lower, z1, z2, start, va, slope, max(fastest, va), vb,
                distance, best,
            )  # fmt: skip
            fastest = vb


@njit(**_JIT)
def _both(level, upper, lower, z1, z2, z, p):
    """Distance and time from both ends down to a depth z."""
    xa, ta = _leg(level, upper, lower, z1, z, p)
    xb, tb = _leg(level, upper, lower, z2, z, p)
    return xa + xb, ta + tb


@njit(**_JIT)
def _reflected(level, upper, lower, z1, z2, z, v_over, v_under, distance, best):
    """Total reflections at a jump, and the head wave under it."""
    p1 = 1.0 / v_under
    x1, t1 = _both(level, upper, lower, z1, z2, z, p1)
    _along(distance, best, x1, t1, p1)
    for k in range(1, N_RAYS + 1):
        c = k / N_RAYS
        p0 = 1.0 / v_under + (1.0 / v_over - 1.0 / v_under) * c * (2.0 - c)
        x0, t0 = _both(level, upper, lower, z1, z2, z, p0)
        if not np.isfinite(x0):
            break
        _between(distance, best, x0, t0, p0, x1, t1, p1)
        x1, t1, p1 = x0, t0, p0


@njit(**_JIT)
def _turning(level, upper, lower, z1, z2, start, va, slope, v_from, v_to, distance, best):
    """Rays that turn in one segment of growing velocity, and the wave along its lower edge."""
    x1, t1, p1 = np.inf, np.inf, 0.0
    for k in range(N_RAYS + 1):
        c = 0.5 - 0.5 * math.cos(math.pi * k / N_RAYS)
        v = v_from + (v_to - v_from) * c
        p = 1.0 / v
        x, t = _both(level, upper, lower, z1, z2, start, p)
        eta = math.sqrt(max(1.0 - (p * va) ** 2, 0.0))
        x += 2.0 * eta / (p * slope)
        t += 2.0 * math.log((1.0 + eta) * v / va) / slope
        if k > 0:
            _between(distance, best, x, t, p, x1, t1, p1)
        x1, t1, p1 = x, t, p
    _along(distance, best, x1, t1, p1)


@njit(**_JIT)
def _table(level, upper, lower, receiver, distance, depth):
    """Times (n_distance, n_depth); distances sorted."""
    times = np.empty((distance.size, depth.size))
    # the same model upside down, for rays that leave upward
    n = upper.size
    flipped = np.empty(n + 1)
    over, under = np.empty(n), np.empty(n)
    for i in range(n + 1):
        flipped[i] = -level[n - i]
    for i in range(n):
        over[i], under[i] = lower[n - 1 - i], upper[n - 1 - i]
    for j in range(depth.size):
        z1, z2 = min(receiver, depth[j]), max(receiver, depth[j])
        best = np.full(distance.size, np.inf)
        if z2 - z1 > 1e-9:
            _direct(level, upper, lower, z1, z2, distance, best)
        else:
            _along(distance, best, 0.0, 0.0, 1.0 / _fastest(level, upper, lower, z1, z1))
        _returning(level, upper, lower, z1, z2, distance, best)
        _returning(flipped, over, under, -z2, -z1, distance, best)
        times[:, j] = best
    return times
