"""Likelihoods of arrival times with the origin time integrated out, compiled, many members at once.

Each likelihood takes residuals to an origin time of zero, d = observed - travel time (pick, point,
member), and standard deviations (pick, point), and returns for every point and member the log of

    L = int prod_i f((d_i - t0) / sigma_i) / sigma_i dt0

together with mean and standard deviation of the origin time t0. Members lie innermost, so that the
loops over them become vector instructions.
"""

from __future__ import annotations

import numpy as np
from numba import njit

_JIT = {
    "nogil": True, "cache": True, "error_model": "numpy",
    "fastmath": {"contract", "arcp", "nsz", "reassoc"},
}  # fmt: skip

#: Half the number of nodes of the integral over origin time beside its middle, and their spacing
#: in standard deviations: the trapezoid rule, which converges faster than any power for densities
#: that decay on both sides.
N_SIDE, SPACING = 4, 1.4
#: Steps to the most probable origin time, and how much wider sigmas are in the first.
N_STEPS, WIDE = 6, 6.0
#: Least curvature at the most probable origin time, as a share of the greatest possible.
FLAT = 0.16
#: Factors are multiplied up to so many before their logarithm is taken.
N_FACTORS = 16
#: Single precision, in which twice as many members fit into an instruction: residuals hold no more,
#: and log likelihoods stay right to 1e-5. Products and sums over nodes are double.
_ONE, _HALF, _TINY = np.float32(1.0), np.float32(0.5), np.float32(1e-30)
#: Beyond 2000 sigmas a Student factor of four degrees of freedom is that of 2000: the product of
#: two would leave single precision.
_MOST = np.float32(1e6)


@njit(inline="always", **_JIT)
def decay(x):
    """exp(-x) for x >= 0, to 2e-4 relative below x = 4 and to 7 % at 16, without a library call."""
    u = min(x, np.float32(320.0)) * np.float32(0.0625)
    y = _ONE + u * (_ONE + u * (_HALF + u * (np.float32(1 / 6) + u * np.float32(1 / 24))))
    y = y * y
    y = y * y
    y = y * y
    return _ONE / (y * y)


@njit(inline="always", **_JIT)
def inverse_student(q):
    """q**2.5, one over a Student factor of four degrees of freedom."""
    return q * q * np.sqrt(q)


@njit(**_JIT)
def vary(times, base, factor, cosine, sine, term, out):
    """Times of variants from those of members, all float32.

    Parameters
    ----------
    times : (n_points, n_members)
        Of the members [s].
    base : (m,) int
        The member that each variant is of; of blends, whose times are made before, itself.
    factor : (3, m)
        Constant, and what goes with cosine and sine of the azimuth.
    cosine, sine : (n_points,)
        Of the azimuth of the station.
    term : float
        What is added [s].
    out : (n_points, m)
        Filled.
    """
    for p in range(times.shape[0]):
        for k in range(base.size):
            share = factor[0, k] + cosine[p] * factor[1, k] + sine[p] * factor[2, k]
            out[p, k] = times[p, base[k]] * share + term


@njit(**_JIT)
def gaussian(residual, sigma):
    """Normal errors: everything in closed form."""
    n_picks, n_points, n_members = residual.shape
    log_l = np.empty((n_points, n_members))
    middle = np.empty((n_points, n_members))
    spread = np.empty((n_points, n_members))
    for p in range(n_points):
        total, constant = 0.0, 0.0
        for i in range(n_picks):
            total += 1.0 / sigma[i, p] ** 2
            constant -= np.log(sigma[i, p])
        constant -= 0.5 * (n_picks - 1) * np.log(2.0 * np.pi) + 0.5 * np.log(total)
        for k in range(n_members):
            middle[p, k] = 0.0
        for i in range(n_picks):
            w = 1.0 / (sigma[i, p] ** 2 * total)
            for k in range(n_members):
                middle[p, k] += w * residual[i, p, k]
        for k in range(n_members):
            log_l[p, k] = constant
            spread[p, k] = 1.0 / np.sqrt(total)
        for i in range(n_picks):
            w = 0.5 / sigma[i, p] ** 2
            for k in range(n_members):
                r = residual[i, p, k] - middle[p, k]
                log_l[p, k] -= w * r * r
    return log_l, middle, spread


@njit(**_JIT)
def _log_factors(residual, sigma, p, origin, power, scale, floor, out, product):
    """Add the log of the product over picks of q**-power, or of its mixture with a floor, at t0.

    q = 1 + scale (r / sigma)**2; power 0 stands for a Gaussian, exp(-r**2 / (2 sigma**2)).
    """
    n_picks, _, n_members = residual.shape
    for k in range(n_members):
        out[k] = 0.0
        product[k] = 1.0
    for i in range(n_picks):
        w = np.float32(scale / sigma[i, p] ** 2)
        low = np.float32(floor * sigma[i, p])
        n_done = i + 1
        if power == 2.5 and floor > 0.0:
            if i % 2 == 1:
                continue  # two factors have one division; the last of an odd number is alone
            pair = min(i + 1, n_picks - 1)
            n_done = pair + 1
            w_pair = np.float32(scale / sigma[pair, p] ** 2) if pair > i else np.float32(0.0)
            low_pair = np.float32(floor * sigma[pair, p]) if pair > i else np.float32(0.0)
            for k in range(n_members):
                r, r_pair = residual[i, p, k] - origin[k], residual[pair, p, k] - origin[k]
                g = inverse_student(min(_ONE + w * r * r, _MOST))
                g_pair = inverse_student(min(_ONE + w_pair * r_pair * r_pair, _MOST))
                product[k] *= (_ONE + low * g) * (_ONE + low_pair * g_pair) / (g * g_pair)
        elif power > 0.0 and floor > 0.0:
            for k in range(n_members):
                r = residual[i, p, k] - origin[k]
                product[k] *= (_ONE + w * r * r) ** np.float32(-power) + low
        elif power > 0.0:
            for k in range(n_members):
                r = residual[i, p, k] - origin[k]
                product[k] *= _ONE + w * r * r
        else:
            for k in range(n_members):
                r = residual[i, p, k] - origin[k]
                product[k] *= decay(_HALF * w * r * r) + low
        if n_done % N_FACTORS == 0 or n_done == n_picks:
            for k in range(n_members):
                out[k] += np.log(max(product[k], 1e-300))
                product[k] = 1.0
    if power > 0.0 and floor == 0.0:
        for k in range(n_members):
            out[k] *= -power


@njit(**_JIT)
def robust(residual, sigma, start, dof, floor):
    """Student errors (dof > 0) or Gaussian ones (dof 0), a pick an outlier with some probability.

    The factor of a pick is g(r / sigma) / sigma + floor, divided by g(0); the caller adds the
    constants. ``start`` (point,) is where the search for the most probable origin time begins.
    """
    n_picks, n_points, n_members = residual.shape
    power = 0.5 * (dof + 1.0) if dof > 0.0 else 0.0
    scale = 1.0 / dof if dof > 0.0 else 1.0
    log_l = np.empty((n_points, n_members))
    middle = np.empty((n_points, n_members))
    spread = np.empty((n_points, n_members))
    origin, step = np.empty(n_members, np.float32), np.empty(n_members, np.float32)
    over, under = np.empty(n_members, np.float32), np.empty(n_members, np.float32)
    value, product = np.empty(n_members), np.empty(n_members)
    node, peak = np.empty(n_members, np.float32), np.empty(n_members)
    first, second = np.empty(n_members), np.empty(n_members)
    for p in range(n_points):
        for k in range(n_members):
            origin[k] = start[p]
        greatest = 0.0
        for i in range(n_picks):
            greatest += (2.0 * power * scale if dof > 0.0 else 1.0) / sigma[i, p] ** 2
        for turn in range(N_STEPS):
            # wide at first, so that no single pick holds the search
            wide = max(WIDE * 0.4**turn, 1.0) ** 2
            for k in range(n_members):
                over[k] = 0.0
                under[k] = _TINY
            for i in range(n_picks):
                w = np.float32(1.0 / (wide * sigma[i, p] ** 2))
                low = np.float32(floor * sigma[i, p])
                narrow, top = np.float32(scale * w), np.float32(2.0 * power * scale * w)
                if dof == 4.0 and floor > 0.0:
                    for k in range(n_members):
                        r = residual[i, p, k] - origin[k]
                        q = min(_ONE + narrow * r * r, _MOST)
                        share = top / (q * (_ONE + low * inverse_student(q)))
                        over[k] += share * r
                        under[k] += share
                elif dof > 0.0 and floor > 0.0:
                    steep = np.float32(power)
                    for k in range(n_members):
                        r = residual[i, p, k] - origin[k]
                        q = _ONE + narrow * r * r
                        share = top / (q * (_ONE + low * q**steep))
                        over[k] += share * r
                        under[k] += share
                elif dof > 0.0:
                    for k in range(n_members):
                        r = residual[i, p, k] - origin[k]
                        share = top / (_ONE + narrow * r * r)
                        over[k] += share * r
                        under[k] += share
                else:
                    for k in range(n_members):
                        r = residual[i, p, k] - origin[k]
                        share = w / (_ONE + low / (decay(_HALF * w * r * r) + _TINY))
                        over[k] += share * r
                        under[k] += share
            for k in range(n_members):
                origin[k] += over[k] / under[k]
        for k in range(n_members):
            # nowhere is the density narrower than at a fit without residuals: a step far wider
            # than that, where picks contradict each other, could hit a peak and take it for broad
            step[k] = SPACING / np.sqrt(max(under[k], FLAT * greatest))
            log_l[p, k] = 1.0
            first[k] = 0.0
            second[k] = 0.0
        _log_factors(residual, sigma, p, origin, power, scale, floor, peak, product)
        for j in range(-N_SIDE, N_SIDE + 1):
            if j == 0:
                continue  # the peak itself
            for k in range(n_members):
                node[k] = origin[k] + np.float32(j) * step[k]
            _log_factors(residual, sigma, p, node, power, scale, floor, value, product)
            for k in range(n_members):
                share = np.exp(min(value[k] - peak[k], 50.0))
                log_l[p, k] += share
                first[k] += share * j
                second[k] += share * j * j
        for k in range(n_members):
            mean = first[k] / log_l[p, k]
            middle[p, k] = origin[k] + mean * step[k]
            spread[p, k] = step[k] * np.sqrt(max(second[k] / log_l[p, k] - mean * mean, 1e-6))
            log_l[p, k] = peak[k] + np.log(log_l[p, k] * step[k])
        constant = 0.0
        for i in range(n_picks):
            constant -= np.log(sigma[i, p])
        for k in range(n_members):
            log_l[p, k] += constant
    return log_l, middle, spread


@njit(**_JIT)
def equal_differential_time(residual, sigma):
    """Log of EDT: (sum over pairs of exp(-(d_a - d_b)**2 / s_ab**2) / s_ab)**n_picks.

    s_ab**2 = sigma_a**2 + sigma_b**2. The origin time does not enter.
    """
    n_picks, n_points, n_members = residual.shape
    log_l = np.zeros((n_points, n_members))
    for p in range(n_points):
        for a in range(n_picks):
            for b in range(a):
                square = sigma[a, p] ** 2 + sigma[b, p] ** 2
                inverse = np.float32(1.0 / square)
                height = np.sqrt(1.0 / square)
                for k in range(n_members):
                    r = residual[a, p, k] - residual[b, p, k]
                    log_l[p, k] += height * decay(r * r * inverse)
        for k in range(n_members):
            log_l[p, k] = n_picks * np.log(max(log_l[p, k], 1e-300))
    return log_l


@njit(**_JIT)
def find_cells(middle, half, points):
    """Index of the cell (n, 3) that holds each of the points (m, 3); -1 where none does."""
    found = np.full(points.shape[0], -1, np.int64)
    for i in range(points.shape[0]):
        x, y, z = points[i, 0], points[i, 1], points[i, 2]
        for j in range(middle.shape[0]):
            if (
                abs(x - middle[j, 0]) <= half[j, 0]
                and abs(y - middle[j, 1]) <= half[j, 1]
                and abs(z - middle[j, 2]) <= half[j, 2]
            ):
                found[i] = j
                break
    return found
