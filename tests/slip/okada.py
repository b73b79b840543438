"""Surface displacement of a rectangular dislocation in closed form (Okada 1985, eq. 25-29)."""

from __future__ import annotations

import numpy as np


def rectangle(easting, northing, *, top_centre, length, width, strike, dip, poisson, slip):
    """East, north, up (n, 3) by slip (left-lateral, thrust) of a rectangle_fault."""
    s, delta = np.radians(strike), np.radians(dip)
    along, left = (np.sin(s), np.cos(s)), (-np.cos(s), np.sin(s))
    dx, dy = easting - top_centre[0], northing - top_centre[1]
    depth = top_centre[2] + width * np.sin(delta)
    x = dx * along[0] + dy * along[1] + length / 2
    y = dx * left[0] + dy * left[1] + width * np.cos(delta)
    p = y * np.cos(delta) + depth * np.sin(delta)
    q = y * np.sin(delta) - depth * np.cos(delta)
    total = np.zeros((3, x.size))
    for sign, xi, eta in ((1, x, p), (-1, x, p - width), (-1, x - length, p),
                          (1, x - length, p - width)):  # fmt: skip
        total += sign * _corner(xi, eta, q, delta, poisson, slip)
    ux, uy, uz = total
    return np.column_stack([ux * along[0] + uy * left[0], ux * along[1] + uy * left[1], uz])


def _corner(xi, eta, q, delta, poisson, slip):
    sin, cos, a = np.sin(delta), np.cos(delta), 1.0 - 2.0 * poisson
    r = np.sqrt(xi**2 + eta**2 + q**2)
    big_x = np.sqrt(xi**2 + q**2)
    yt, dt = eta * cos + q * sin, eta * sin - q * cos
    i4 = a / cos * (np.log(r + dt) - sin * np.log(r + eta))
    i5 = a * 2 / cos * np.arctan(
        (eta * (big_x + q * cos) + big_x * (r + big_x) * sin) / (xi * (r + big_x) * cos)
    )  # fmt: skip
    i3 = a * (yt / (cos * (r + dt)) - np.log(r + eta)) + sin / cos * i4
    i2 = -a * np.log(r + eta) - i3
    i1 = -a / cos * xi / (r + dt) - sin / cos * i5
    angle = np.arctan(xi * eta / (q * r))
    strike = np.stack([
        xi * q / (r * (r + eta)) + angle + i1 * sin,
        yt * q / (r * (r + eta)) + q * cos / (r + eta) + i2 * sin,
        dt * q / (r * (r + eta)) + q * sin / (r + eta) + i4 * sin,
    ])  # fmt: skip
    thrust = np.stack([
        q / r - i3 * sin * cos,
        yt * q / (r * (r + xi)) + cos * angle - i1 * sin * cos,
        dt * q / (r * (r + xi)) + sin * angle - i5 * sin * cos,
    ])  # fmt: skip
    return -(slip[0] * strike + slip[1] * thrust) / (2.0 * np.pi)
