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


@njit(inline="always", **_JIT)
def decay(x):
    """exp(-x) for x >= 0, to 2e-4 relative below x = 4 and to 7 % at 16, without a library call."""
    u = min(x, 320.0) * 0.0625
    y = 1.0 + u * (1.0 + u * (0.5 + u * (1.0 / 6.0 + u * (1.0 / 24.0))))
    y = y * y
    y = y * y
    y = y * y
    return 1.0 / (y * y)


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
        w = scale / sigma[i, p] ** 2
        low = floor * sigma[i, p]
        if power == 2.5 and floor > 0.0:
            for k in range(n_members):
                r = residual[i, p, k] - origin[k]
                q = 1.0 + w * r * r
                product[k] *= 1.0 / (q * q * np.sqrt(q)) + low
        elif power > 0.0 and floor > 0.0:
            for k in range(n_members):
                r = residual[i, p, k] - origin[k]
                product[k] *= (1.0 + w * r * r) ** (-power) + low
        elif power > 0.0:
            for k in range(n_members):
                r = residual[i, p, k] - origin[k]
                product[k] *= 1.0 + w * r * r
        else:
            for k in range(n_members):
                r = residual[i, p, k] - origin[k]
                product[k] *= decay(0.5 * w * r * r) + low
        if i % N_FACTORS == N_FACTORS - 1 or i == n_picks - 1:
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
    origin, step = np.empty(n_members), np.empty(n_members)
    over, under = np.empty(n_members), np.empty(n_members)
    value, product = np.empty(n_members), np.empty(n_members)
    node, peak = np.empty(n_members), np.empty(n_members)
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
                under[k] = 1e-30
            for i in range(n_picks):
                w = 1.0 / (wide * sigma[i, p] ** 2)
                low = floor * sigma[i, p]
                for k in range(n_members):
                    r = residual[i, p, k] - origin[k]
                    if dof > 0.0:
                        q = 1.0 + scale * w * r * r
                        share = 2.0 * power * scale / q
                        if floor > 0.0:
                            share /= 1.0 + low * q * q * np.sqrt(q)
                    else:
                        share = 1.0 / (1.0 + low / (decay(0.5 * w * r * r) + 1e-30))
                    over[k] += share * w * r
                    under[k] += share * w
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
                node[k] = origin[k] + j * step[k]
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
                inverse = 1.0 / square
                height = np.sqrt(inverse)
                for k in range(n_members):
                    r = np.float64(residual[a, p, k] - residual[b, p, k])
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
