"""Bending, compiled: rays moved to the nearest minimum of travel time.

Every node moves across its ray, all nodes of a ray at once: a Newton step with the tridiagonal
Hessian of the polyline's time (chord stiffness and, where it helps, the curvature of slowness),
shortened until the time falls. An entry on the sea floor moves along it.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from seisnb.traveltime.kernels import (
    JIT,
    cell_of,
    norm_of,
    resample,
    segment,
    slowness_at,
    surface_at,
)

#: Shortenings of a step before a ray counts as bent.
N_TRIES = 5
#: The weight of an end in Simpson's rule.
SIXTH = 1.0 / 6.0


@njit(inline="always", **JIT)
def _slope(before, here, after, beyond, t):
    """Central difference per step between ``here`` (t = 0) and ``after`` (t = 1), linear in t."""
    return 0.5 * ((1.0 - t) * (after - before) + t * (beyond - here))


@njit(inline="always", **JIT)
def _bulge(before, here, after, beyond):
    """Second difference per squared step, the mean of those at ``here`` and ``after``."""
    return 0.5 * (before - here - after + beyond)


@njit(inline="always", **JIT)
def slowness_and_slopes(velocity, surface, x0, per_x, per_z, x, z):
    """Slowness at a point, its first derivatives, and its second ones along the axes.

    Central differences of the grid, continuous; beyond the grid's edge its last step goes on.
    """
    n_x, n_z = velocity.shape
    i, j, t, s = cell_of(surface, x0, per_x, per_z, n_z, x, z)
    p, q = 1.0 - t, 1.0 - s
    a00, a01 = velocity[i, j], velocity[i, j + 1]
    a10, a11 = velocity[i + 1, j], velocity[i + 1, j + 1]
    left, right = q * a00 + s * a01, q * a10 + s * a11
    top, bottom = p * a00 + t * a10, p * a01 + t * a11
    surface_left, surface_right = surface[i], surface[i + 1]
    before, surface_before = 2.0 * left - right, 2.0 * surface_left - surface_right
    if i > 0:
        before = q * velocity[i - 1, j] + s * velocity[i - 1, j + 1]
        surface_before = surface[i - 1]
    beyond, surface_beyond = 2.0 * right - left, 2.0 * surface_right - surface_left
    if i + 2 < n_x:
        beyond = q * velocity[i + 2, j] + s * velocity[i + 2, j + 1]
        surface_beyond = surface[i + 2]
    above, below = 2.0 * top - bottom, 2.0 * bottom - top
    if j > 0:
        above = p * velocity[i, j - 1] + t * velocity[i + 1, j - 1]
    if j + 2 < n_z:
        below = p * velocity[i, j + 2] + t * velocity[i + 1, j + 2]
    v_z = _slope(above, top, bottom, below, s) * per_z
    dip = _slope(surface_before, surface_left, surface_right, surface_beyond, t) * per_x
    v_x = _slope(before, left, right, beyond, t) * per_x - dip * v_z
    v_xx = _bulge(before, left, right, beyond) * (per_x * per_x)
    v_zz = _bulge(above, top, bottom, below) * (per_z * per_z)
    v = p * left + t * right
    u = 1.0 / v
    u_x, u_z = -v_x * u * u, -v_z * u * u
    return u, u_x, u_z, 2.0 * u_x * u_x * v - v_xx * u * u, 2.0 * u_z * u_z * v - v_zz * u * u


@njit(inline="always", **JIT)
def _is_uneven(ray):
    """The entry has slid along the sea floor towards its neighbour, or away from it."""
    first = norm_of(ray[1, 0] - ray[0, 0], ray[1, 1] - ray[0, 1])
    second = norm_of(ray[2, 0] - ray[1, 0], ray[2, 1] - ray[1, 1])
    return not 0.6 * second < first < 1.6 * second


@njit(**JIT)
def _respace(surface, x0, per_x, ray, n, path):
    """Space a ray's nodes evenly again, in place; ``path`` is room for a copy."""
    length = 0.0
    for k in range(n):
        path[k, 0], path[k, 1] = ray[k, 0], ray[k, 1]
        if k:
            length += norm_of(ray[k, 0] - ray[k - 1, 0], ray[k, 1] - ray[k - 1, 1])
    resample(path, n, (1.0 + 1e-9) * length / (n - 1), ray.shape[0], ray)
    for k in range(1, n - 1):
        ray[k, 1] = max(ray[k, 1], surface_at(surface, x0, per_x, ray[k, 0]))


@njit(**JIT)
def water_time(start, entry, in_water, water_slowness):
    """Time from a start in the water to the entry [s]; zero for a start on the rock."""
    if not in_water:
        return 0.0
    return water_slowness * norm_of(entry[0] - start[0], entry[1] - start[1])


@njit(**JIT)
def ray_time(velocity, surface, x0, per_x, per_z, ray, n, middle):
    """Travel time along one ray's rock part, Simpson's rule on every segment [s].

    ``middle`` (n - 1,) gets the slowness in the middle of every segment.
    """
    total = 0.0
    before = slowness_at(velocity, surface, x0, per_x, per_z, ray[0, 0], ray[0, 1])
    for k in range(1, n):
        x, z = ray[k, 0], ray[k, 1]
        after = slowness_at(velocity, surface, x0, per_x, per_z, x, z)
        length, mx, mz = segment(surface, x0, per_x, ray[k - 1, 0], ray[k - 1, 1], x, z)
        u = slowness_at(velocity, surface, x0, per_x, per_z, mx, mz)
        middle[k - 1] = u
        total += length * (before + 4 * u + after)
        before = after
    return total * SIXTH


@njit(**JIT)
def _normals(surface, x0, dx, per_x, ray, n, normal):
    """Which way every node moves: across the ray, the entry along the sea floor, the anchor not."""
    x = ray[0, 0]
    tx = dx
    tz = surface_at(surface, x0, per_x, x + 0.5 * dx) - surface_at(surface, x0, per_x, x - 0.5 * dx)
    size = norm_of(tx, tz)
    normal[0, 0], normal[0, 1] = tx / size, tz / size
    for k in range(1, n - 1):
        tx = ray[k + 1, 0] - ray[k - 1, 0]
        tz = ray[k + 1, 1] - ray[k - 1, 1]
        size = norm_of(tx, tz)
        if size > 0.0:
            normal[k, 0], normal[k, 1] = -tz / size, tx / size
        else:
            normal[k, 0], normal[k, 1] = 0.0, 1.0
    normal[n - 1, 0], normal[n - 1, 1] = 0.0, 0.0


@njit(**JIT)
def _newton_system(
    velocity, surface, x0, per_x, per_z, ray, n, normal, middle, gradient, diagonal, upper
):
    """Gradient and tridiagonal Hessian of the rock's time with respect to moves of the nodes."""
    before_u = before_x = before_z = 0.0
    ax, az = ray[0, 0], ray[0, 1]
    length = curvature = 0.0
    for k in range(n):
        bx, bz = ray[k, 0], ray[k, 1]
        u, u_x, u_z, u_xx, u_zz = slowness_and_slopes(velocity, surface, x0, per_x, per_z, bx, bz)
        nx, nz = normal[k, 0], normal[k, 1]
        length_before, length = length, 0.0
        gradient[k], diagonal[k], upper[k] = 0.0, 0.0, 0.0
        if k > 0:
            length = norm_of(bx - ax, bz - az)
            if length > 1e-12:
                px, pz = normal[k - 1, 0], normal[k - 1, 1]
                per_length = 1.0 / length
                tx, tz = (bx - ax) * per_length, (bz - az) * per_length
                hx, hz = before_x + u_x, before_z + u_z
                mean = (before_u + 4 * middle[k - 1] + u) * SIXTH
                gradient[k - 1] += px * (-tx * mean + length * (before_x + hx) * SIXTH)
                gradient[k - 1] += pz * (-tz * mean + length * (before_z + hz) * SIXTH)
                gradient[k] += nx * (tx * mean + length * (u_x + hx) * SIXTH)
                gradient[k] += nz * (tz * mean + length * (u_z + hz) * SIXTH)
                ca = -tz * px + tx * pz
                cb = -tz * nx + tx * nz
                stiffness = mean * per_length
                diagonal[k - 1] += stiffness * ca * ca
                diagonal[k] += stiffness * cb * cb
                upper[k - 1] = -stiffness * ca * cb
            if k > 1:
                diagonal[k - 1] += max(curvature, 0.0) * 0.5 * (length + length_before)
        curvature = nx * nx * u_xx + nz * nz * u_zz
        before_u, before_x, before_z = u, u_x, u_z
        ax, az = bx, bz


@njit(**JIT)
def _solve(first, last, gradient, diagonal, upper, least, move):
    """Thomas algorithm on nodes ``first`` .. ``last``; returns the fall that it forecasts [s]."""
    for k in range(first, last + 1):
        d = diagonal[k] + least
        g = -gradient[k]
        if k > first:
            factor = upper[k - 1] / diagonal[k - 1]
            d -= factor * upper[k - 1]
            g -= factor * move[k - 1]
        if not d > 0.0:
            return 0.0
        diagonal[k] = d
        move[k] = g
    forecast = 0.0
    for k in range(last, first - 1, -1):
        following = upper[k] * move[k + 1] if k < last else 0.0
        move[k] = (move[k] - following) / diagonal[k]
        forecast -= 0.5 * gradient[k] * move[k]
    return forecast


@njit(**JIT)
def _hold_at_surface(surface, x0, dx, per_x, h, first, n, ray, normal, gradient, diagonal, upper):
    """Nodes on the surface that the step would push into the air stay where they are."""
    for k in range(max(first, 1), n - 1):
        x, z = ray[k, 0], ray[k, 1]
        if z > surface_at(surface, x0, per_x, x) + 1e-6 * h:
            continue
        before = surface_at(surface, x0, per_x, x - 0.5 * dx)
        rise = surface_at(surface, x0, per_x, x + 0.5 * dx) - before
        if -gradient[k] * (normal[k, 1] - rise / dx * normal[k, 0]) < 0.0:
            gradient[k] = 0.0
            diagonal[k] = 1.0
            upper[k - 1] = 0.0
            upper[k] = 0.0


@njit(**JIT)
def bend(
    velocity,
    surface,
    x0,
    dx,
    dz,
    depth_max,
    start,
    in_water,
    water_slowness,
    rays,
    count,
    n_steps,
    tolerance,
    times,
):
    """Bend rays in place; ``times`` gets their travel times [s].

    ``tolerance`` [s] ends a ray's steps: no more than that is left to gain, by the forecast.
    """
    capacity = rays.shape[1]
    normal = np.empty((capacity, 2))
    gradient = np.empty(capacity)
    diagonal = np.empty(capacity)
    upper = np.empty(capacity)
    move = np.empty(capacity)
    trial = np.empty((capacity, 2))
    middle = np.empty(capacity)
    trial_middle = np.empty(capacity)
    h = 0.5 * (dx + dz)
    per_x, per_z = 1.0 / dx, 1.0 / dz
    x_end = x0 + dx * (surface.size - 1)
    for p in range(rays.shape[0]):
        ray = rays[p]
        n = count[p]
        wet = in_water[p]
        first, last = 0 if wet else 1, n - 2
        current = np.inf
        for _ in range(n_steps if last >= first else 0):
            if wet and _is_uneven(ray):
                _respace(surface, x0, per_x, ray, n, trial)
                current = np.inf
            if current == np.inf:
                current = ray_time(velocity, surface, x0, per_x, per_z, ray, n, middle)
                current += water_time(start[p], ray[0], wet, water_slowness)
            _normals(surface, x0, dx, per_x, ray, n, normal)
            _newton_system(
                velocity, surface, x0, per_x, per_z, ray, n, normal, middle,
                gradient, diagonal, upper,
            )  # fmt: skip
            if wet:
                wx, wz = ray[0, 0] - start[p, 0], ray[0, 1] - start[p, 1]
                length = norm_of(wx, wz)
                if length > 1e-9:
                    wx, wz = wx / length, wz / length
                    gradient[0] += water_slowness * (wx * normal[0, 0] + wz * normal[0, 1])
                    across = -wz * normal[0, 0] + wx * normal[0, 1]
                    diagonal[0] += water_slowness / length * across * across
            _hold_at_surface(
                surface, x0, dx, per_x, h, first, n, ray, normal, gradient, diagonal, upper
            )
            least = 1e-9 / (velocity[0, 0] * h)
            if _solve(first, last, gradient, diagonal, upper, least, move) < tolerance:
                break
            gained = 0.0
            scale = 1.0
            for _try in range(N_TRIES):
                for k in range(n):
                    x, z = ray[k, 0], ray[k, 1]
                    if first <= k <= last:
                        x = min(max(x + scale * move[k] * normal[k, 0], x0), x_end)
                        top = surface_at(surface, x0, per_x, x)
                        if k == 0:
                            z = top
                        else:
                            z += scale * move[k] * normal[k, 1]
                            z = min(max(z, top), top + depth_max)
                    trial[k, 0], trial[k, 1] = x, z
                time = ray_time(velocity, surface, x0, per_x, per_z, trial, n, trial_middle)
                time += water_time(start[p], trial[0], wet, water_slowness)
                if time < current:
                    gained = current - time
                    current = time
                    middle, trial_middle = trial_middle, middle
                    for k in range(n):
                        ray[k, 0], ray[k, 1] = trial[k, 0], trial[k, 1]
                    break
                scale *= 0.4
            if gained < tolerance:
                break
        if current == np.inf:
            current = ray_time(velocity, surface, x0, per_x, per_z, ray, n, middle)
            current += water_time(start[p], ray[0], wet, water_slowness)
        if wet:
            # straight through the water to the anchor: nothing is left of the ray in the rock
            direct = water_time(start[p], ray[n - 1], True, water_slowness)
            if direct < current:
                current = direct
                for k in range(n - 1):
                    ray[k, 0], ray[k, 1] = ray[n - 1, 0], ray[n - 1, 1]
        times[p] = current
