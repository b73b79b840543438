"""Closed-form first-arrival times: a linear gradient, and layers with linear gradients."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seisnb.conventions import InputError

Array = NDArray[np.float64]


def travel_time_linear_gradient(
    distance: ArrayLike, source_velocity: ArrayLike, receiver_velocity: ArrayLike, gradient: float
) -> Array:
    """Travel time between two points of a medium whose velocity grows linearly.

    T = (2 / g) asinh(g d / (2 sqrt(v_s v_r))): the asinh form stays accurate at short distance.

    Parameters
    ----------
    distance : array_like, (...)
        Straight distance between source and receiver [km].
    source_velocity, receiver_velocity : array_like, (...)
        Velocities at the two ends [km/s].
    gradient : float
        Velocity gradient [1/s]; zero gives the straight-line time.

    Returns
    -------
    Array, (...)
        Travel times [s].

    References
    ----------
    Fomel, Luo and Zhao (2009), doi 10.1190/1.3158051.

    Examples
    --------
    >>> float(travel_time_linear_gradient(3.0, 2.0, 2.0, 0.0))
    1.5
    """
    geometric = np.sqrt(np.asarray(source_velocity, float) * np.asarray(receiver_velocity, float))
    if gradient == 0:
        return np.asarray(np.asarray(distance, float) / geometric)
    return np.asarray(
        2 / gradient * np.arcsinh(gradient * np.asarray(distance, float) / (2 * geometric))
    )


def travel_time_profile(
    offset: ArrayLike,
    depth: Array,
    velocity: Array,
    *,
    water_thickness: ArrayLike = 0.0,
    water_velocity: float = 1.5,
    n_slowness: int = 400,
) -> Array:
    """First-arrival time between two points on the surface of a laterally uniform medium.

    With ray parameter p, intercept tau(p) = 2 int sqrt(1/v**2 - p**2) dz down to the turning point,
    in closed form for layers of constant gradient; the first arrival is min over p of p x + tau(p).

    Parameters
    ----------
    offset : array_like, (n,)
        Horizontal distance [km], not negative.
    depth, velocity : Array, (m,)
        Increasing depths below the surface [km] and strictly increasing velocities [km/s] there.
    water_thickness : array_like, (n,)
        Water above one of the two ends [km].
    water_velocity : float
        Its velocity [km/s].
    n_slowness : int
        Ray parameters tried.

    Returns
    -------
    Array, (n,)
        Travel times [s]. Beyond the deepest turning ray, those of the head wave at the last depth.

    Raises
    ------
    InputError
        Velocities that do not increase.
    """
    if (np.diff(velocity) <= 0).any() or velocity[0] <= 0:
        raise InputError(
            "travel_time_profile: velocities must be positive and increase with depth."
        )
    offset = np.atleast_1d(np.asarray(offset, float))
    p = np.geomspace(1 / velocity[0], 1 / velocity[-1], n_slowness)
    top, bottom = velocity[None, :-1], velocity[None, 1:]
    gradient = np.diff(velocity)[None, :] / np.diff(depth)[None, :]
    turning = 1 / p[:, None]

    def primitive(v: Array) -> Array:
        ratio = np.minimum(p[:, None] * v, 1.0)
        root = np.sqrt(1 - ratio**2)
        return np.asarray((np.arctanh(np.minimum(root, 1 - 1e-15)) - root) / gradient)

    crossed = np.minimum(bottom, turning)
    tau = 2 * np.where(turning > top, primitive(top) - primitive(crossed), 0.0).sum(axis=1)
    thickness = np.broadcast_to(np.asarray(water_thickness, float), offset.shape)
    in_water = np.sqrt(np.maximum(1 / water_velocity**2 - p**2, 0.0))
    # the water must be slower than the rock's surface for every p to exist in it
    times = p[None, :] * offset[:, None] + tau[None, :] + thickness[:, None] * in_water[None, :]
    # nearer than the critical distance the least p x + tau(p) at the end p = 1 / v_surface is no
    # arrival (nothing is stationary there): the direct wave through the water takes its place
    near = thickness > 0
    near &= offset * in_water[0] < thickness * p[0]
    falls_to_end = np.logical_and.accumulate(np.diff(times[near], axis=1) >= 0, axis=1)
    times[near, 0] = np.hypot(offset, thickness)[near] / water_velocity
    times[near, 1:] = np.where(falls_to_end, np.inf, times[near, 1:])
    return np.asarray(times.min(axis=1))
