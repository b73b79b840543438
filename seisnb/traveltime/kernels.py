"""Compiled loops over rays: lookup, tracing, bending, times and kernels.

A medium is its velocity on a section grid, given as ``(velocity, surface, x0, dx, dz)``, bilinear
in (easting, depth below the surface); slowness is the inverse of the interpolated velocity. A ray
is a row of nodes ``(x, z)`` from its entry into the rock to its anchor (the point the wavefronts
start from), evenly spaced when made.

All functions release the GIL, so members run in threads.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

_JIT = {"nogil": True, "cache": True, "error_model": "numpy"}


@njit(inline="always", **_JIT)
def _norm(x, z):
    """Length of a vector; the library's hypot guards against overflow that cannot happen here."""
    return math.sqrt(x * x + z * z)


@njit(inline="always", **_JIT)
def _surface_at(surface, x0, dx, x):
    """Depth of the surface at easting x, level beyond the ends."""
    f = (x - x0) / dx
    n = surface.size
    if f <= 0.0:
        return surface[0]
    if f >= n - 1:
        return surface[n - 1]
    i = int(f)
    t = f - i
    return surface[i] * (1.0 - t) + surface[i + 1] * t


@njit(inline="always", **_JIT)
def _cell(surface, x0, dx, dz, n_z, x, z):
    """Cell and position inside it of a point: i, j, t, s; clipped to the grid."""
    n_x = surface.size
    f = (x - x0) / dx
    f = min(max(f, 0.0), n_x - 1.0)
    i = min(int(f), n_x - 2)
    t = f - i
    top = surface[i] * (1.0 - t) + surface[i + 1] * t
    g = (z - top) / dz
    g = min(max(g, 0.0), n_z - 1.0)
    j = min(int(g), n_z - 2)
    return i, j, t, g - j


@njit(inline="always", **_JIT)
def _lookup(values, surface, x0, dx, dz, x, z):
    """Bilinear value at a point."""
    i, j, t, s = _cell(surface, x0, dx, dz, values.shape[1], x, z)
    return (1.0 - t) * ((1.0 - s) * values[i, j] + s * values[i, j + 1]) + t * (
        (1.0 - s) * values[i + 1, j] + s * values[i + 1, j + 1]
    )


@njit(inline="always", **_JIT)
def _slowness(velocity, surface, x0, dx, dz, x, z):
    """Slowness at a point."""
    return 1.0 / _lookup(velocity, surface, x0, dx, dz, x, z)


@njit(**_JIT)
def sample_velocity(values, surface, x0, dx, dz, origin_x, origin_z, step, n_x, n_z, decay):
    """Velocity on a level grid (n_x, n_z); above the surface it decays upward over ``decay`` km.

    The decay keeps first arrivals in the rock: a path through the air never pays.
    """
    out = np.empty((n_x, n_z))
    for a in range(n_x):
        x = origin_x + a * step
        top = _surface_at(surface, x0, dx, x)
        for b in range(n_z):
            z = origin_z + b * step
            v = _lookup(values, surface, x0, dx, dz, x, z)
            if z < top:
                v *= max(math.exp((z - top) / decay), 0.1)
            out[a, b] = v
    return out


@njit(inline="always", **_JIT)
def _field_at(times, origin_x, origin_z, step, x, z):
    """Bilinear time and its gradient on a level grid."""
    n_x, n_z = times.shape
    f = min(max((x - origin_x) / step, 0.0), n_x - 1.000001)
    g = min(max((z - origin_z) / step, 0.0), n_z - 1.000001)
    i, j = int(f), int(g)
    t, s = f - i, g - j
    a, b, c, d = times[i, j], times[i + 1, j], times[i, j + 1], times[i + 1, j + 1]
    value = (1 - t) * ((1 - s) * a + s * c) + t * ((1 - s) * b + s * d)
    return value, ((1 - s) * (b - a) + s * (d - c)) / step, ((1 - t) * (c - a) + t * (d - b)) / step


@njit(**_JIT)
def entry_points(times, origin_x, origin_z, step, surface, x0, dx, start, water_slowness):
    """Where rays enter the rock: the sea-floor point of least water plus rock time, per start.

    Only the columns of the section grid are tried: bending moves the entry to the exact minimum and
    compares with the direct wave through the water.
    """
    n_x = surface.size
    floor_time = np.empty(n_x)
    for i in range(n_x):
        floor_time[i] = _field_at(times, origin_x, origin_z, step, x0 + i * dx, surface[i])[0]
    out = np.empty((start.shape[0], 2))
    for p in range(start.shape[0]):
        best = np.inf
        for i in range(n_x):
            x = x0 + i * dx
            t = water_slowness * _norm(x - start[p, 0], surface[i] - start[p, 1]) + floor_time[i]
            if t < best:
                best = t
                out[p, 0] = x
                out[p, 1] = surface[i]
    return out


@njit(**_JIT)
def trace(
    times, origin_x, origin_z, step, surface, x0, dx, depth_max, entry, anchor, spacing, rays, count
):
    """Trace rays down the gradient of a time field from entries to its anchor, in place.

    ``rays`` (n, capacity, 2) gets evenly spaced nodes about ``spacing`` apart, ``count`` (n,) how
    many; a ray that finds no way is left straight.
    """
    capacity = rays.shape[1]
    x1 = x0 + dx * (surface.size - 1)
    limit = 40 * capacity
    path = np.empty((limit + 2, 2))
    stride = 0.5 * step
    for p in range(entry.shape[0]):
        x, z = entry[p, 0], entry[p, 1]
        path[0, 0], path[0, 1] = x, z
        n = 1
        arrived = False
        previous = np.inf
        while n < limit:
            distance = _norm(x - anchor[0], z - anchor[1])
            if distance < 2.0 * step:
                arrived = True
                break
            value, gx, gz = _field_at(times, origin_x, origin_z, step, x, z)
            if n % 64 == 0:
                if value >= previous:
                    break
                previous = value
            norm = _norm(gx, gz)
            if not norm > 0.0:
                break
            mx = x - 0.5 * stride * gx / norm
            mz = max(z - 0.5 * stride * gz / norm, _surface_at(surface, x0, dx, mx))
            _, gx, gz = _field_at(times, origin_x, origin_z, step, mx, mz)
            norm = _norm(gx, gz)
            if not norm > 0.0:
                break
            x = min(max(x - stride * gx / norm, x0), x1)
            top = _surface_at(surface, x0, dx, x)
            z = min(max(z - stride * gz / norm, top), top + depth_max)
            path[n, 0], path[n, 1] = x, z
            n += 1
        if not arrived:
            n = 1
        path[n, 0], path[n, 1] = anchor[0], anchor[1]
        count[p] = _resample(path, n + 1, spacing, capacity, rays[p])


@njit(**_JIT)
def _resample(path, n, spacing, capacity, out):
    """Evenly spaced nodes along a path of n points; returns how many."""
    length = 0.0
    for k in range(1, n):
        length += _norm(path[k, 0] - path[k - 1, 0], path[k, 1] - path[k - 1, 1])
    m = min(max(math.ceil(length / spacing), 4), capacity - 1)
    out[0, 0], out[0, 1] = path[0, 0], path[0, 1]
    k, walked, target = 1, 0.0, 0.0
    for q in range(1, m):
        target = length * q / m
        while k < n - 1:
            segment = _norm(path[k, 0] - path[k - 1, 0], path[k, 1] - path[k - 1, 1])
            if walked + segment >= target:
                break
            walked += segment
            k += 1
        segment = _norm(path[k, 0] - path[k - 1, 0], path[k, 1] - path[k - 1, 1])
        t = min((target - walked) / segment, 1.0) if segment > 0.0 else 0.0
        out[q, 0] = path[k - 1, 0] + t * (path[k, 0] - path[k - 1, 0])
        out[q, 1] = path[k - 1, 1] + t * (path[k, 1] - path[k - 1, 1])
    out[m, 0], out[m, 1] = path[n - 1, 0], path[n - 1, 1]
    return m + 1


@njit(inline="always", **_JIT)
def _segment(surface, x0, dx, ax, az, bx, bz):
    """Length and middle of a ray's segment; one that would cut through the air runs under it."""
    mx, mz = 0.5 * (ax + bx), 0.5 * (az + bz)
    top = _surface_at(surface, x0, dx, mx)
    if mz < top:
        return _norm(mx - ax, top - az) + _norm(bx - mx, bz - top), mx, top
    return _norm(bx - ax, bz - az), mx, mz


@njit(**_JIT)
def ray_time(velocity, surface, x0, dx, dz, ray, n):
    """Travel time along one ray's rock part, Simpson's rule on every segment [s]."""
    total = 0.0
    before = _slowness(velocity, surface, x0, dx, dz, ray[0, 0], ray[0, 1])
    for k in range(1, n):
        x, z = ray[k, 0], ray[k, 1]
        after = _slowness(velocity, surface, x0, dx, dz, x, z)
        length, mx, mz = _segment(surface, x0, dx, ray[k - 1, 0], ray[k - 1, 1], x, z)
        middle = _slowness(velocity, surface, x0, dx, dz, mx, mz)
        total += length * (before + 4 * middle + after)
        before = after
    return total / 6.0


@njit(**_JIT)
def water_time(start, entry, in_water, water_slowness):
    """Time from a start in the water to the entry [s]; zero for a start on the rock."""
    if not in_water:
        return 0.0
    return water_slowness * _norm(entry[0] - start[0], entry[1] - start[1])


@njit(inline="always", **_JIT)
def _slowness_and_gradient(velocity, surface, x0, dx, dz, x, z, h):
    """Slowness at a point and its derivatives by central differences over +-h."""
    u = _slowness(velocity, surface, x0, dx, dz, x, z)
    u_x = _slowness(velocity, surface, x0, dx, dz, x + h, z) - _slowness(
        velocity, surface, x0, dx, dz, x - h, z
    )
    u_z = _slowness(velocity, surface, x0, dx, dz, x, z + h) - _slowness(
        velocity, surface, x0, dx, dz, x, z - h
    )
    return u, u_x / (2 * h), u_z / (2 * h)


@njit(inline="always", **_JIT)
def _is_uneven(ray):
    """The entry has slid along the sea floor towards its neighbour, or away from it."""
    first = _norm(ray[1, 0] - ray[0, 0], ray[1, 1] - ray[0, 1])
    second = _norm(ray[2, 0] - ray[1, 0], ray[2, 1] - ray[1, 1])
    return not 0.6 * second < first < 1.6 * second


@njit(**_JIT)
def _respace(surface, x0, dx, ray, n, path):
    """Space a ray's nodes evenly again, in place; ``path`` is room for a copy."""
    length = 0.0
    for k in range(n):
        path[k, 0], path[k, 1] = ray[k, 0], ray[k, 1]
        if k:
            length += _norm(ray[k, 0] - ray[k - 1, 0], ray[k, 1] - ray[k - 1, 1])
    _resample(path, n, (1.0 + 1e-9) * length / (n - 1), ray.shape[0], ray)
    for k in range(1, n - 1):
        ray[k, 1] = max(ray[k, 1], _surface_at(surface, x0, dx, ray[k, 0]))


@njit(**_JIT)
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
    """Bend rays to the nearest minimum of travel time, in place; ``times`` gets the result.

    Every node moves across its ray, all nodes of a ray at once: a Newton step with the tridiagonal
    Hessian of the polyline's time (chord stiffness and, where it helps, the curvature of slowness),
    halved until the time falls. An entry on the sea floor moves along it. ``tolerance`` [s] ends a
    ray's steps.
    """
    capacity = rays.shape[1]
    normal = np.empty((capacity, 2))
    gradient = np.empty(capacity)
    diagonal = np.empty(capacity)
    upper = np.empty(capacity)
    move = np.empty(capacity)
    trial = np.empty((capacity, 2))
    u_node = np.empty(capacity)
    g_node = np.empty((capacity, 2))
    h = 0.5 * (dx + dz)
    x_end = x0 + dx * (surface.size - 1)
    for p in range(rays.shape[0]):
        ray = rays[p]
        n = count[p]
        first = 0 if in_water[p] else 1
        current = ray_time(velocity, surface, x0, dx, dz, ray, n) + water_time(
            start[p], ray[0], in_water[p], water_slowness
        )
        for _ in range(n_steps):
            if in_water[p] and _is_uneven(ray):
                _respace(surface, x0, dx, ray, n, trial)
                current = ray_time(velocity, surface, x0, dx, dz, ray, n) + water_time(
                    start[p], ray[0], in_water[p], water_slowness
                )
            for k in range(n):
                x, z = ray[k, 0], ray[k, 1]
                u_node[k], g_node[k, 0], g_node[k, 1] = _slowness_and_gradient(
                    velocity, surface, x0, dx, dz, x, z, h
                )
                gradient[k] = 0.0
                diagonal[k] = 0.0
                upper[k] = 0.0
                if k == 0:
                    tx = dx
                    tz = _surface_at(surface, x0, dx, x + 0.5 * dx) - _surface_at(
                        surface, x0, dx, x - 0.5 * dx
                    )
                    size = _norm(tx, tz)
                    normal[0, 0], normal[0, 1] = tx / size, tz / size
                elif k < n - 1:
                    tx = ray[k + 1, 0] - ray[k - 1, 0]
                    tz = ray[k + 1, 1] - ray[k - 1, 1]
                    size = _norm(tx, tz)
                    if size > 0.0:
                        normal[k, 0], normal[k, 1] = -tz / size, tx / size
                    else:
                        normal[k, 0], normal[k, 1] = 0.0, 1.0
                else:
                    normal[k, 0], normal[k, 1] = 0.0, 0.0
            for k in range(1, n):
                ax, az, bx, bz = ray[k - 1, 0], ray[k - 1, 1], ray[k, 0], ray[k, 1]
                length = _norm(bx - ax, bz - az)
                if length <= 1e-12:
                    continue
                tx, tz = (bx - ax) / length, (bz - az) / length
                mx, mz = 0.5 * (ax + bx), 0.5 * (az + bz)
                middle = _slowness(velocity, surface, x0, dx, dz, mx, mz)
                hx = 0.5 * (g_node[k - 1, 0] + g_node[k, 0])
                hz = 0.5 * (g_node[k - 1, 1] + g_node[k, 1])
                mean = (u_node[k - 1] + 4 * middle + u_node[k]) / 6
                gradient[k - 1] += normal[k - 1, 0] * (
                    -tx * mean + length * (g_node[k - 1, 0] + 2 * hx) / 6
                ) + normal[k - 1, 1] * (-tz * mean + length * (g_node[k - 1, 1] + 2 * hz) / 6)
                gradient[k] += normal[k, 0] * (
                    tx * mean + length * (g_node[k, 0] + 2 * hx) / 6
                ) + normal[k, 1] * (tz * mean + length * (g_node[k, 1] + 2 * hz) / 6)
                ca = -tz * normal[k - 1, 0] + tx * normal[k - 1, 1]
                cb = -tz * normal[k, 0] + tx * normal[k, 1]
                diagonal[k - 1] += mean / length * ca * ca
                diagonal[k] += mean / length * cb * cb
                upper[k - 1] = -mean / length * ca * cb
            for k in range(1, n - 1):
                cx, cz = 1.5 * h * normal[k, 0], 1.5 * h * normal[k, 1]
                x, z = ray[k, 0], ray[k, 1]
                curvature = (
                    _slowness(velocity, surface, x0, dx, dz, x + cx, z + cz)
                    + _slowness(velocity, surface, x0, dx, dz, x - cx, z - cz)
                    - 2 * u_node[k]
                ) / (2.25 * h * h)
                length = 0.5 * (
                    _norm(ray[k + 1, 0] - x, ray[k + 1, 1] - z)
                    + _norm(ray[k - 1, 0] - x, ray[k - 1, 1] - z)
                )
                diagonal[k] += max(curvature, 0.0) * length
            if in_water[p]:
                wx, wz = ray[0, 0] - start[p, 0], ray[0, 1] - start[p, 1]
                length = _norm(wx, wz)
                if length > 1e-9:
                    wx, wz = wx / length, wz / length
                    gradient[0] += water_slowness * (wx * normal[0, 0] + wz * normal[0, 1])
                    across = -wz * normal[0, 0] + wx * normal[0, 1]
                    diagonal[0] += water_slowness / length * across * across
            # nodes on the surface that the step would push into the air stay where they are
            for k in range(max(first, 1), n - 1):
                top = _surface_at(surface, x0, dx, ray[k, 0])
                slope = (
                    _surface_at(surface, x0, dx, ray[k, 0] + 0.5 * dx)
                    - _surface_at(surface, x0, dx, ray[k, 0] - 0.5 * dx)
                ) / dx
                into_air = -gradient[k] * (normal[k, 1] - slope * normal[k, 0]) < 0.0
                if ray[k, 1] <= top + 1e-6 * h and into_air:
                    gradient[k] = 0.0
                    diagonal[k] = 1.0
                    upper[k - 1] = 0.0
                    upper[k] = 0.0
            # Thomas algorithm on nodes first .. n - 2
            last = n - 2
            if last < first:
                break
            ok = True
            for k in range(first, last + 1):
                d = diagonal[k] + 1e-9 * u_node[k] / h
                g = -gradient[k]
                if k > first:
                    factor = upper[k - 1] / diagonal[k - 1]
                    d -= factor * upper[k - 1]
                    g -= factor * move[k - 1]
                if not d > 0.0:
                    ok = False
                    break
                diagonal[k] = d
                move[k] = g
            if not ok:
                break
            for k in range(last, first - 1, -1):
                following = upper[k] * move[k + 1] if k < last else 0.0
                move[k] = (move[k] - following) / diagonal[k]
            gained = 0.0
            scale = 1.0
            for _half in range(5):
                for k in range(n):
                    x, z = ray[k, 0], ray[k, 1]
                    if first <= k <= last:
                        x = min(max(x + scale * move[k] * normal[k, 0], x0), x_end)
                        top = _surface_at(surface, x0, dx, x)
                        if k == 0:
                            z = top
                        else:
                            z += scale * move[k] * normal[k, 1]
                            z = min(max(z, top), top + depth_max)
                    trial[k, 0], trial[k, 1] = x, z
                time = ray_time(velocity, surface, x0, dx, dz, trial, n) + water_time(
                    start[p], trial[0], in_water[p], water_slowness
                )
                if time < current:
                    gained = current - time
                    current = time
                    for k in range(n):
                        ray[k, 0], ray[k, 1] = trial[k, 0], trial[k, 1]
                    break
                scale *= 0.4
            if gained < tolerance:
                break
        if in_water[p]:
            # straight through the water to the anchor: nothing is left of the ray in the rock
            direct = water_time(start[p], ray[n - 1], True, water_slowness)
            if direct < current:
                current = direct
                for k in range(n - 1):
                    ray[k, 0], ray[k, 1] = ray[n - 1, 0], ray[n - 1, 1]
        times[p] = current


@njit(**_JIT)
def ray_kernel(
    velocity, slope, surface, x0, dx, dz, basis_x, basis_z, kept_x, kept_z, rays, count, out
):
    """Derivative of every ray's time with respect to the whitened unknowns.

    ``slope`` (n_easting, n_depth) is d velocity / d process; the row of a ray is the integral of
    -slope / velocity**2 * basis along it, by the midpoint rule. ``out``
    (n_rays, n_unknowns) is overwritten.
    """
    k_x, k_z = basis_x.shape[1], basis_z.shape[1]
    n_z = velocity.shape[1]
    table = np.empty((k_z, k_x))
    bx = np.empty(k_x)
    bz = np.empty(k_z)
    for p in range(rays.shape[0]):
        table[:, :] = 0.0
        ray, n = rays[p], count[p]
        for k in range(1, n):
            weight, x, z = _segment(
                surface, x0, dx, ray[k - 1, 0], ray[k - 1, 1], ray[k, 0], ray[k, 1]
            )
            i, j, t, s = _cell(surface, x0, dx, dz, n_z, x, z)
            v = (1 - t) * ((1 - s) * velocity[i, j] + s * velocity[i, j + 1]) + t * (
                (1 - s) * velocity[i + 1, j] + s * velocity[i + 1, j + 1]
            )
            dv = (1 - t) * ((1 - s) * slope[i, j] + s * slope[i, j + 1]) + t * (
                (1 - s) * slope[i + 1, j] + s * slope[i + 1, j + 1]
            )
            value = -weight * dv / (v * v)
            for a in range(k_x):
                bx[a] = value * ((1 - t) * basis_x[i, a] + t * basis_x[i + 1, a])
            for b in range(k_z):
                bz[b] = (1 - s) * basis_z[j, b] + s * basis_z[j + 1, b]
            for b in range(k_z):
                for a in range(k_x):
                    table[b, a] += bx[a] * bz[b]
        for q in range(kept_x.size):
            out[p, q] = table[kept_z[q], kept_x[q]]


@njit(**_JIT)
def ray_lengths(origin_x, origin_z, step_x, step_z, rays, count, out):
    """Add the length of rays [km] to the cells of a level grid, (n_z, n_x), in place."""
    n_z, n_x = out.shape
    for p in range(rays.shape[0]):
        for k in range(1, count[p]):
            ax, az = rays[p, k - 1, 0], rays[p, k - 1, 1]
            bx, bz = rays[p, k, 0], rays[p, k, 1]
            length = _norm(bx - ax, bz - az)
            pieces = max(int(2 * length / min(step_x, step_z)) + 1, 2)
            for q in range(pieces):
                f = (q + 0.5) / pieces
                i = int((ax + f * (bx - ax) - origin_x) / step_x + 0.5)
                j = int((az + f * (bz - az) - origin_z) / step_z + 0.5)
                if 0 <= i < n_x and 0 <= j < n_z:
                    out[j, i] += length / pieces
