"""What a metre of slip on every patch moves the ground by: triangular dislocations.

Displacements and strains are cutde's (Thompson), after Nikkhoo & Walter (2015), in a homogeneous
elastic half-space whose surface is level: heights of sites do not count.
"""

from __future__ import annotations

import numpy as np
from cutde import halfspace
from numpy.typing import NDArray

from seisnb.conventions import InputError
from seisnb.slip.faults import Fault

Array = NDArray[np.float64]

#: Poisson's ratio of rock.
PLAUSIBLE_POISSON = (0.0, 0.49)


def displacements(fault: Fault, easting: Array, northing: Array, poisson: float = 0.25) -> Array:
    """Displacement of the ground by unit slip of every patch.

    Parameters
    ----------
    fault : Fault
        Patches.
    easting, northing : Array, (site,)
        Sites [km].
    poisson : float
        Poisson's ratio.

    Returns
    -------
    Array, (site, 3, patch, 2)
        East, north, up [m] by a metre of slip along strike (left-lateral) and up the dip (thrust).

    Raises
    ------
    InputError
        A Poisson's ratio outside 0 to 0.49, or a site on the fault's trace.
    """
    check_poisson(poisson)
    points = np.column_stack([easting, northing, np.zeros_like(easting)])
    found = halfspace.disp_matrix(obs_pts=points, tris=_corners(fault), nu=poisson)[..., :2]
    whole = _by_patch(fault, found)
    _check_finite(whole, points)
    return whole


def strains(fault: Fault, points: Array, poisson: float = 0.25) -> Array:
    """Strain in the rock by unit slip of every patch.

    Inside of a triangle, on the plane that slips, displacement jumps and strain does not: there it
    is that of both sides.

    Parameters
    ----------
    fault : Fault
        Patches.
    points : Array, (n, 3)
        Easting, northing, depth [km].
    poisson : float
        Poisson's ratio.

    Returns
    -------
    Array, (n, 6, patch, 2)
        xx, yy, zz, xy, xz, yz (x east, y north, z up) by a metre of slip along strike
        (left-lateral) and up the dip (thrust).

    Raises
    ------
    InputError
        A Poisson's ratio outside 0 to 0.49, or a point on an edge of a triangle.
    """
    check_poisson(poisson)
    at = np.asarray(points, float)
    found = halfspace.strain_matrix(
        obs_pts=at * (1.0, 1.0, -1.0), tris=_corners(fault), nu=poisson
    )[..., :2]
    whole = _by_patch(fault, found) / 1000.0  # a metre over lengths in km
    _check_finite(whole, at)
    return whole


def _corners(fault: Fault) -> Array:
    """Corners of the triangles: east, north, up [km]."""
    return np.ascontiguousarray(fault.corners * (1.0, 1.0, -1.0))


def _by_patch(fault: Fault, values: Array) -> Array:
    """Sum over the triangles of every patch, (n, k, triangle, 2) -> (n, k, patch, 2)."""
    whole = np.zeros((*values.shape[:2], fault.n_patches, values.shape[3]))
    for triangle, patch in enumerate(fault.patch):
        whole[:, :, patch] += values[:, :, triangle]
    return whole


def check_poisson(poisson: float) -> None:
    """Refuse a Poisson's ratio that no rock has.

    Raises
    ------
    InputError
        It is outside 0 to 0.49.
    """
    low, high = PLAUSIBLE_POISSON
    if not low <= poisson <= high:
        raise InputError(
            f"Poisson's ratio is {poisson}; expected {low:g} to {high:g}, for rock near 0.25."
        )


def _check_finite(values: Array, points: Array) -> None:
    """Refuse points on an edge of a triangle, where a dislocation has no value."""
    bad = np.flatnonzero(~np.isfinite(values).all(axis=(1, 2, 3)))
    if bad.size:
        x, y, z = points[bad[0]]
        raise InputError(
            f"{bad.size} points lie on an edge of the fault, the first at easting {x:.3f}, "
            f"northing {y:.3f}, depth {z:.3f} km, where a dislocation has no value. Leave "
            "them out, or move the mesh, for a site its upper edge, a little down."
        )
