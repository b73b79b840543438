"""Compiled loops over rays: lookup, tracing, bending, times and kernels.

A medium is its velocity on a section grid, given as ``(velocity, surface, x0, dx, dz)``, bilinear
in (easting, depth below the surface); slowness is the inverse of the interpolated velocity. What is
called for every node takes ``1 / dx`` and ``1 / dz`` instead, ``per_x`` and ``per_z``: a division
costs as much as the rest of a lookup. A ray
is a row of nodes ``(x, z)`` from its entry into the rock to its anchor (the point the wavefronts
start from), evenly spaced when made.

All functions release the GIL, so members run in threads.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

#: How every compiled loop is built: cached, without the GIL, and in strict arithmetic. A licence to
#: fuse or reorder gives other last digits where a compiler had other neighbours to inline, so that
#: the first run on a machine would differ from the second; it gains no time here.
JIT = {"nogil": True, "cache": True, "error_model": "numpy"}


@njit(inline="always", **JIT)
def norm_of(x, z):
    """Length of a vector; the library's hypot guards against overflow that cannot happen here."""
    return math.sqrt(x * x + z * z)


@njit(inline="always", **JIT)
def surface_at(surface, x0, per_x, x):
    """Depth of the surface at easting x, level beyond the ends."""
    f = (x - x0) * per_x
    n = surface.size
    if f <= 0.0:
        return surface[0]
    if f >= n - 1:
        return surface[n - 1]
    i = int(f)
    t = f - i
    return surface[i] * (1.0 - t) + surface[i + 1] * t


@njit(inline="always", **JIT)
def cell_of(surface, x0, per_x, per_z, n_z, x, z):
    """Cell and position inside it of a point: i, j, t, s; clipped to the grid."""
    n_x = surface.size
    f = (x - x0) * per_x
    f = min(max(f, 0.0), n_x - 1.0)
    i = min(int(f), n_x - 2)
    t = f - i
    top = surface[i] * (1.0 - t) + surface[i + 1] * t
    g = (z - top) * per_z
    g = min(max(g, 0.0), n_z - 1.0)
    j = min(int(g), n_z - 2)
    return i, j, t, g - j


@njit(inline="always", **JIT)
def lookup(values, surface, x0, per_x, per_z, x, z):
    """Bilinear value at a point."""
    i, j, t, s = cell_of(surface, x0, per_x, per_z, values.shape[1], x, z)
    return (1.0 - t) * ((1.0 - s) * values[i, j] + s * values[i, j + 1]) + t * (
        (1.0 - s) * values[i + 1, j] + s * values[i + 1, j + 1]
    )


@njit(inline="always", **JIT)
def slowness_at(velocity, surface, x0, per_x, per_z, x, z):
    """Slowness at a point."""
    return 1.0 / lookup(velocity, surface, x0, per_x, per_z, x, z)


@njit(**JIT)
def sample_velocity(values, surface, x0, dx, dz, origin_x, origin_z, step, n_x, n_z, decay):
    """Velocity on a level grid (n_x, n_z); above the surface it decays upward over ``decay`` km.

    The decay keeps first arrivals in the rock: a path through the air never pays.
    """
    out = np.empty((n_x, n_z))
    per_x, per_z = 1.0 / dx, 1.0 / dz
    for a in range(n_x):
        x = origin_x + a * step
        top = surface_at(surface, x0, per_x, x)
        for b in range(n_z):
            z = origin_z + b * step
            v = lookup(values, surface, x0, per_x, per_z, x, z)
            if z < top:
                v *= max(math.exp((z - top) / decay), 0.1)
            out[a, b] = v
    return out


@njit(inline="always", **JIT)
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


@njit(**JIT)
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
            t = water_slowness * norm_of(x - start[p, 0], surface[i] - start[p, 1]) + floor_time[i]
            if t < best:
                best = t
                out[p, 0] = x
                out[p, 1] = surface[i]
    return out


@njit(**JIT)
def trace(
    times, origin_x, origin_z, step, surface, x0, dx, depth_max, entry, anchor, spacing, rays, count
):
    """Trace rays down the gradient of a time field from entries to its anchor, in place.

    ``rays`` (n, capacity, 2) gets evenly spaced nodes about ``spacing`` apart, ``count`` (n,) how
    many; a ray that finds no way is left straight.
    """
    capacity = rays.shape[1]
    x1 = x0 + dx * (surface.size - 1)
    per_x = 1.0 / dx
    limit = 40 * capacity
    path = np.empty((limit + 2, 2))
    stride = step
    for p in range(entry.shape[0]):
        x, z = entry[p, 0], entry[p, 1]
        path[0, 0], path[0, 1] = x, z
        n = 1
        arrived = False
        previous = np.inf
        while n < limit:
            distance = norm_of(x - anchor[0], z - anchor[1])
            if distance < 2.0 * step:
                arrived = True
                break
            value, gx, gz = _field_at(times, origin_x, origin_z, step, x, z)
            if n % 64 == 0:
                if value >= previous:
                    break
                previous = value
            norm = norm_of(gx, gz)
            if not norm > 0.0:
                break
            mx = x - 0.5 * stride * gx / norm
            mz = max(z - 0.5 * stride * gz / norm, surface_at(surface, x0, per_x, mx))
            _, gx, gz = _field_at(times, origin_x, origin_z, step, mx, mz)
            norm = norm_of(gx, gz)
            if not norm > 0.0:
                break
            x = min(max(x - stride * gx / norm, x0), x1)
            top = surface_at(surface, x0, per_x, x)
            z = min(max(z - stride * gz / norm, top), top + depth_max)
            path[n, 0], path[n, 1] = x, z
            n += 1
        if not arrived:
            n = 1
        path[n, 0], path[n, 1] = anchor[0], anchor[1]
        count[p] = resample(path, n + 1, spacing, capacity, rays[p])


@njit(**JIT)
def resample(path, n, spacing, capacity, out):
    """Evenly spaced nodes along a path of n points; returns how many."""
    length = 0.0
    for k in range(1, n):
        length += norm_of(path[k, 0] - path[k - 1, 0], path[k, 1] - path[k - 1, 1])
    m = min(max(math.ceil(length / spacing), 4), capacity - 1)
    out[0, 0], out[0, 1] = path[0, 0], path[0, 1]
    k, walked, target = 1, 0.0, 0.0
    for q in range(1, m):
        target = length * q / m
        while k < n - 1:
            segment = norm_of(path[k, 0] - path[k - 1, 0], path[k, 1] - path[k - 1, 1])
            if walked + segment >= target:
                break
            walked += segment
            k += 1
        segment = norm_of(path[k, 0] - path[k - 1, 0], path[k, 1] - path[k - 1, 1])
        t = min((target - walked) / segment, 1.0) if segment > 0.0 else 0.0
        out[q, 0] = path[k - 1, 0] + t * (path[k, 0] - path[k - 1, 0])
        out[q, 1] = path[k - 1, 1] + t * (path[k, 1] - path[k - 1, 1])
    out[m, 0], out[m, 1] = path[n - 1, 0], path[n - 1, 1]
    return m + 1


@njit(inline="always", **JIT)
def segment(surface, x0, per_x, ax, az, bx, bz):
    """Length and middle of a ray's segment; one that would cut through the air runs under it."""
    mx, mz = 0.5 * (ax + bx), 0.5 * (az + bz)
    top = surface_at(surface, x0, per_x, mx)
    if mz < top:
        return norm_of(mx - ax, top - az) + norm_of(bx - mx, bz - top), mx, top
    return norm_of(bx - ax, bz - az), mx, mz


@njit(**JIT)
def ray_kernel(
    velocity, slope, surface, x0, dx, dz, basis_x, basis_z, kept_x, kept_z, rays, count, weight, out
):
    """Derivative of every ray's time with respect to the whitened unknowns.

    ``slope`` (n_easting, n_depth) is d velocity / d process; the row of a ray is the integral of
    -slope / velocity**2 * basis along it, by the midpoint rule. Times the ray's ``weight`` it is
    added to ``out`` (n_rays, n_unknowns); rays of no weight are passed over.
    """
    k_x, k_z = basis_x.shape[1], basis_z.shape[1]
    n_z = velocity.shape[1]
    per_x, per_z = 1.0 / dx, 1.0 / dz
    width = np.zeros(k_z, np.int64)
    for q in range(kept_x.size):
        width[kept_z[q]] = max(width[kept_z[q]], kept_x[q] + 1)
    table = np.empty((k_z, k_x))
    bx = np.empty((4, k_x))
    bz = np.empty((4, k_z))
    for p in range(rays.shape[0]):
        if weight[p] == 0.0:
            continue
        table[:, :] = 0.0
        ray, n = rays[p], count[p]
        for first in range(1, n, 4):
            # four segments at a time: the table is read and written a quarter as often
            for c in range(4):
                k = first + c
                if k >= n:
                    bx[c, :] = 0.0
                    bz[c, :] = 0.0
                    continue
                length, x, z = segment(
                    surface, x0, per_x, ray[k - 1, 0], ray[k - 1, 1], ray[k, 0], ray[k, 1]
                )
                i, j, t, s = cell_of(surface, x0, per_x, per_z, n_z, x, z)
                v = (1 - t) * ((1 - s) * velocity[i, j] + s * velocity[i, j + 1]) + t * (
                    (1 - s) * velocity[i + 1, j] + s * velocity[i + 1, j + 1]
                )
                dv = (1 - t) * ((1 - s) * slope[i, j] + s * slope[i, j + 1]) + t * (
                    (1 - s) * slope[i + 1, j] + s * slope[i + 1, j + 1]
                )
                value = -length * dv / (v * v)
                for a in range(k_x):
                    bx[c, a] = value * ((1 - t) * basis_x[i, a] + t * basis_x[i + 1, a])
                for b in range(k_z):
                    bz[c, b] = (1 - s) * basis_z[j, b] + s * basis_z[j + 1, b]
            x_0, x_1, x_2, x_3 = bx[0], bx[1], bx[2], bx[3]
            for b in range(k_z):
                z_0, z_1, z_2, z_3 = bz[0, b], bz[1, b], bz[2, b], bz[3, b]
                row = table[b]
                for a in range(width[b]):
                    row[a] += x_0[a] * z_0 + x_1[a] * z_1 + x_2[a] * z_2 + x_3[a] * z_3
        for q in range(kept_x.size):
            out[p, q] += weight[p] * table[kept_z[q], kept_x[q]]


@njit(**JIT)
def distances(one, one_count, other, other_count):
    """Largest distance of two rays of every pick at the quarters of their way, (n,) [km].

    Infinite where either has no nodes.
    """
    out = np.empty(one_count.size)
    for p in range(out.size):
        out[p] = np.inf if one_count[p] == 0 or other_count[p] == 0 else 0.0
        if out[p] == 0.0:
            for quarter in range(1, 4):
                i = int(0.25 * quarter * (one_count[p] - 1) + 0.5)
                j = int(0.25 * quarter * (other_count[p] - 1) + 0.5)
                away = norm_of(one[p, i, 0] - other[p, j, 0], one[p, i, 1] - other[p, j, 1])
                out[p] = max(out[p], away)
    return out


@njit(**JIT)
def ray_lengths(origin_x, origin_z, step_x, step_z, rays, count, out):
    """Add the length of rays [km] to the cells of a level grid, (n_z, n_x), in place."""
    n_z, n_x = out.shape
    for p in range(rays.shape[0]):
        for k in range(1, count[p]):
            ax, az = rays[p, k - 1, 0], rays[p, k - 1, 1]
            bx, bz = rays[p, k, 0], rays[p, k, 1]
            length = norm_of(bx - ax, bz - az)
            pieces = max(int(2 * length / min(step_x, step_z)) + 1, 2)
            for q in range(pieces):
                f = (q + 0.5) / pieces
                i = int((ax + f * (bx - ax) - origin_x) / step_x + 0.5)
                j = int((az + f * (bz - az) - origin_z) / step_z + 0.5)
                if 0 <= i < n_x and 0 <= j < n_z:
                    out[j, i] += length / pieces
