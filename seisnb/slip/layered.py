"""Displacements of the ground by slip below it, in elastic layers over a half-space.

By reciprocity (Volterra) the ground moves at x in direction i, by slip s on an area dA of normal n,
by s . sigma . n dA, where sigma is the stress at the fault that a unit force i at x makes
(:mod:`seisnb.slip.layered_tables`). Integrals over triangles have more points where a site is near.

References
----------
Dunavant (1985), doi 10.1002/nme.1620210612
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from seisnb.conventions import InputError
from seisnb.slip.faults import Fault
from seisnb.slip.layered_tables import UNIT, table_of
from seisnb.slip.layers import Layers

Array = NDArray[np.float64]

#: A triangle is divided until its longest side is at most this share of the distance from its
#: centroid to the nearest site: an error of 0.1 %.
LARGEST_SIDE = 1.0
#: A triangle smaller than this [km] that would have to be divided further has a site on it.
SMALLEST_SIDE = 1e-4
#: Vertices so near an interface [km] lie on it.
LEVEL = 1e-9
#: Pairs of sites and points of integration that are held at once.
N_AT_ONCE = 200_000
#: Points and weights of integration over a triangle, exact to the fifth degree (Dunavant).
_A, _B = (6.0 - np.sqrt(15.0)) / 21.0, (6.0 + np.sqrt(15.0)) / 21.0
POINTS = np.array(
    [[1 / 3] * 3]
    + [np.roll([1 - 2 * _A, _A, _A], k).tolist() for k in range(3)]
    + [np.roll([1 - 2 * _B, _B, _B], k).tolist() for k in range(3)]
)
WEIGHTS = np.array(
    [0.225] + [(155.0 - np.sqrt(15.0)) / 1200.0] * 3 + [(155.0 + np.sqrt(15.0)) / 1200.0] * 3
)


def layered_displacements(fault: Fault, easting: Array, northing: Array, layers: Layers) -> Array:
    """Displacement of the ground by unit slip of every patch, in layers.

    Parameters
    ----------
    fault : Fault
        Patches; they may cross layers.
    easting, northing : Array, (site,)
        Sites [km].
    layers : Layers
        Elastic properties.

    Returns
    -------
    Array, (site, 3, patch, 2)
        East, north, up [m] by a metre of slip along strike (left-lateral) and up the dip (thrust);
        in one layer those of :func:`seisnb.slip.elastic.displacements` to about 0.1 %.

    Raises
    ------
    InputError
        A site on the fault's trace.
    """
    sites = np.column_stack([easting, northing]).astype(float)
    points, weight, triangle = integration_points(fault, sites, layers.top[1:])
    table = table_of(layers, float(points[:, 2].min()), float(points[:, 2].max()))
    single = replace(fault, patch=np.arange(len(fault.triangles)))
    normal, along, up = (  # x east, y north, z down
        vectors[triangle] * (1.0, 1.0, -1.0)
        for vectors in (single.normal, single.along_strike, single.up_dip)
    )
    modulus = layers.modulus_at(points[:, 2]) / UNIT
    stiffness = layers.first_modulus[layers.index_at(points[:, 2])] / UNIT
    patch = fault.patch[triangle]
    starts = np.flatnonzero(np.append(True, patch[1:] != patch[:-1]))
    found = np.empty((len(sites), 3, fault.n_patches, 2))
    step = max(1, N_AT_ONCE // len(points))
    for first in range(0, len(sites), step):
        part = slice(first, first + step)
        offset = points[:, :2] - sites[part, None]
        distance = np.hypot(offset[..., 0], offset[..., 1])
        strains = _strains(table.at(points[:, 2], distance), modulus, stiffness)
        outward = offset / np.maximum(distance, 1e-12)[..., None]
        for k, slip in enumerate((along, up)):
            work = _work(strains, outward, slip, normal) * (modulus * weight)
            found[part, ..., k] = np.add.reduceat(work, starts, axis=2)
    return found


def integration_points(
    fault: Fault, sites: Array, interfaces: Array
) -> tuple[Array, Array, NDArray[np.intp]]:
    """Points on a fault, dense where sites are near, in the order of patches.

    Triangles are cut at interfaces, where the stress in them jumps.

    Parameters
    ----------
    fault : Fault
        Patches.
    sites : Array, (site, 2)
        Easting and northing [km].
    interfaces : Array, (n,)
        Depths [km].

    Returns
    -------
    points : Array, (n, 3)
        Easting, northing, depth [km].
    weight : Array, (n,)
        Areas [km2].
    triangle : NDArray of int, (n,)
        Which they are on.

    Raises
    ------
    InputError
        A site on the fault.
    """
    tree = cKDTree(np.column_stack([sites, np.zeros(len(sites))]))
    corners, owner = fault.corners, np.arange(len(fault.triangles))
    for depth in interfaces:
        corners, owner = _cut(corners, owner, float(depth))
    done: list[tuple[Array, NDArray[np.intp]]] = []
    while len(corners):
        side = np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=2).max(axis=1)
        apart, nearest = tree.query(corners.mean(axis=1))
        is_small = side <= LARGEST_SIDE * apart
        bad = np.flatnonzero(~is_small & (side < SMALLEST_SIDE))
        if bad.size:
            x, y = sites[nearest[bad[0]]]
            raise InputError(
                f"a site at easting {x:.3f}, northing {y:.3f} km lies on the fault, where a "
                "dislocation has no value. Leave that site out, or move the mesh's upper edge down."
            )
        done.append((corners[is_small], owner[is_small]))
        corners, owner = _halved(corners[~is_small]), np.repeat(owner[~is_small], 2)
    corners, owner = (np.concatenate(each) for each in zip(*done, strict=True))
    order = np.argsort(fault.patch[owner], kind="stable")
    corners, owner = corners[order], owner[order]
    area = 0.5 * np.linalg.norm(
        np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1
    )
    points = np.einsum("qc,tcx->tqx", POINTS, corners).reshape(-1, 3)
    return points, np.outer(area, WEIGHTS).ravel(), np.repeat(owner, len(WEIGHTS))


def _cut(corners: Array, owner: NDArray[np.intp], depth: float) -> tuple[Array, NDArray[np.intp]]:
    """Triangles (m, 3, 3), those that a level plane crosses as three, and what they are part of."""
    z = np.sort(corners[:, :, 2], axis=1)
    is_crossed = (z[:, 0] < depth - LEVEL) & (z[:, 2] > depth + LEVEL)
    crossed, is_low = corners[is_crossed], z[is_crossed, 1] < depth
    # the vertex that has a side of the plane to itself, and the two others
    alone = np.where(is_low, crossed[:, :, 2].argmax(axis=1), crossed[:, :, 2].argmin(axis=1))
    a, b, c = (crossed[np.arange(len(crossed)), (alone + k) % 3] for k in range(3))
    at_b, at_c = (
        a + ((depth - a[:, 2]) / (other[:, 2] - a[:, 2]))[:, None] * (other - a) for other in (b, c)
    )
    parts = [np.stack(part, axis=1) for part in ((a, at_b, at_c), (at_b, b, at_c), (b, c, at_c))]
    return (
        np.concatenate([corners[~is_crossed], *parts]),
        np.concatenate([owner[~is_crossed], *[owner[is_crossed]] * 3]),
    )


def _halved(corners: Array) -> Array:
    """Every triangle (m, 3, 3) as two, (2 m, 3, 3), cut across its longest side."""
    side = np.linalg.norm(corners - np.roll(corners, -1, axis=1), axis=2)
    first = side.argmax(axis=1)
    a, b, c = (corners[np.arange(len(corners)), (first + k) % 3] for k in range(3))
    middle = (a + b) / 2
    halves = [np.stack([a, middle, c], axis=1), np.stack([middle, b, c], axis=1)]
    return np.stack(halves, axis=1).reshape(-1, 3, 3)


def _strains(integrals: Array, modulus: Array, first_modulus: Array) -> tuple[Array, Array]:
    """Strains below a force down, and below a level one, by distance r, azimuth and depth.

    Returns
    -------
    vertical : Array, (4, site, point)
        rr, tt, zz and twice rz.
    level : Array, (6, site, point)
        rr, tt, zz and twice rz, each per cosine of the azimuth t from the force; twice rt and
        twice tz, each per minus its sine.
    """
    v0, v2, r0, s1, u1, u3, p1, q0, q2, w1, w3, t0, t2 = np.moveaxis(integrals, -1, 0)
    whole = first_modulus + 2.0 * modulus
    vertical = np.stack(
        [(v2 - v0) / 2, -(v0 + v2) / 2, (r0 + first_modulus * v0) / whole, -s1 / modulus]
    )
    turning = (w1 + w3 - u1 - u3) / 4
    level = np.stack(
        [
            (u3 - 3 * u1 - w1 - w3) / 4,
            turning,
            (p1 + first_modulus * u1) / whole,
            (q0 - q2 + t0 + t2) / (2 * modulus),
            turning + (w3 - 3 * w1 - u1 - u3) / 4,
            (q0 + q2 + t0 - t2) / (2 * modulus),
        ]
    )
    return vertical, level


def _work(strains: tuple[Array, Array], outward: Array, slip: Array, normal: Array) -> Array:
    """Stress along slip on a plane over the shear modulus, by forces east, north and up.

    Parameters
    ----------
    strains : tuple of Array
        Of :func:`_strains`.
    outward : Array, (site, point, 2)
        Unit vectors from the force to the point.
    slip, normal : Array, (point, 3)
        East, north, down.

    Returns
    -------
    Array, (site, 3, point)
    """
    east, north = outward[..., 0], outward[..., 1]
    sr, st = slip[:, 0] * east + slip[:, 1] * north, slip[:, 1] * east - slip[:, 0] * north
    nr, nt = normal[:, 0] * east + normal[:, 1] * north, normal[:, 1] * east - normal[:, 0] * north
    sz, nz = slip[:, 2], normal[:, 2]
    both = (2 * sr * nr, 2 * st * nt, 2 * sz * nz, sr * nz + sz * nr)
    vertical, level = strains
    up = -sum(strain * pair for strain, pair in zip(vertical, both, strict=True))
    along = sum(strain * pair for strain, pair in zip(level[:4], both, strict=True))
    across = level[4] * (sr * nt + st * nr) + level[5] * (st * nz + sz * nt)
    return np.stack([east * along - north * across, north * along + east * across, up], axis=1)
