"""Leakage: the share of a travel time's sensitivity that lies where its ray does not run.

The derivative of a first-arrival time with respect to velocity lives on the ray (Fermat):
-ds / v**2, and nothing beside it. A network whose times solve the eikonal equation only in the
least-squares sense has another derivative: its head balances residuals everywhere, so that a pick
becomes sensitive to rock that no wave of it visits, and the posterior shrinks there for no reason.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from seisnb.section import SectionGrid
from seisnb.traveltime.base import Rays

Array = NDArray[np.float64]
Picks = NDArray[np.intp]


def ray_sensitivity(velocity: Array, grid: SectionGrid, rays: Rays, picks: Picks) -> Array:
    """Derivative of times along rays with respect to velocity at every node of the grid.

    Parameters
    ----------
    velocity : Array, (n_easting, n_depth)
        The model [km/s].
    grid : SectionGrid
        Where it lives.
    rays : Rays
        The rays of all picks.
    picks : array of int, (m,)
        Which of them are wanted.

    Returns
    -------
    Array, (m, n_easting, n_depth)
        Seconds per km/s; the sum over nodes is the derivative for a change of all velocities.
    """
    out = np.zeros((len(picks), grid.n_easting, grid.n_depth))
    for row, pick in zip(out, picks, strict=True):
        points, length = _dense(rays.nodes[pick, : rays.count[pick]], grid)
        row_at, weight = _bilinear(points, grid)
        speed = (velocity.ravel()[row_at] * weight).sum(axis=1)
        mass = -(length / speed**2)[:, None] * weight
        np.add.at(row.reshape(-1), row_at.ravel(), mass.ravel())
    return out


def leakage(
    sensitivity: Array, grid: SectionGrid, rays: Rays, picks: Picks, radius: float
) -> Array:
    """Share of the absolute sensitivity farther from the ray than ``radius``, pick by pick.

    Parameters
    ----------
    sensitivity : Array, (m, n_easting, n_depth)
        dT/dv at the nodes, of any sign.
    grid : SectionGrid
        Where the nodes are.
    rays : Rays
        The rays of all picks.
    picks : array of int, (m,)
        The picks that ``sensitivity`` belongs to.
    radius : float
        Half-width of the tube around the ray [km], such as :func:`tube_radius`.

    Returns
    -------
    Array, (m,)
        Between 0 and 1; 0 for a pick without any sensitivity.
    """
    x = np.repeat(grid.easting, grid.n_depth)
    z = (grid.surface[:, None] + grid.below_surface).ravel()
    share = np.zeros(len(picks))
    for index, (kernel, pick) in enumerate(zip(sensitivity, picks, strict=True)):
        mass = np.abs(kernel).ravel()
        held = np.flatnonzero(mass)
        if held.size:
            points, _ = _dense(rays.nodes[pick, : rays.count[pick]], grid)
            distance, _ = KDTree(points).query(np.stack([x[held], z[held]], axis=1))
            share[index] = mass[held][distance > radius].sum() / mass[held].sum()
    return share


def tube_radius(grid: SectionGrid) -> float:
    """The half-width [km] that holds all nodes of the cells that a ray crosses."""
    step = float(np.abs(np.diff(grid.surface)).max())
    return float(np.hypot(grid.cell_easting, grid.cell_depth + step)) * (1 + 1e-9)


def _dense(nodes: Array, grid: SectionGrid) -> tuple[Array, Array]:
    """Points along a ray, at most half a cell apart (n, 2), and the length that each stands for."""
    ends = np.diff(nodes, axis=0)
    length = np.hypot(ends[:, 0], ends[:, 1])
    pieces = np.maximum(np.ceil(2 * length / min(grid.cell_easting, grid.cell_depth)), 1).astype(
        int
    )
    at = np.repeat(np.arange(pieces.size), pieces)
    first = np.repeat(np.cumsum(pieces) - pieces, pieces)
    share = (np.arange(at.size) - first + 0.5) / pieces[at]
    return nodes[at] + share[:, None] * ends[at], length[at] / pieces[at]


def _bilinear(points: Array, grid: SectionGrid) -> tuple[NDArray[np.intp], Array]:
    """Flat indices (n, 4) and weights (n, 4) of the nodes around points (n, 2)."""
    u = np.clip((points[:, 0] - grid.x0) / grid.cell_easting, 0.0, grid.n_easting - 1.0)
    i = np.minimum(u.astype(np.intp), grid.n_easting - 2)
    t = u - i
    top = (1 - t) * grid.surface[i] + t * grid.surface[i + 1]
    w = np.clip((points[:, 1] - top) / grid.cell_depth, 0.0, grid.n_depth - 1.0)
    j = np.minimum(w.astype(np.intp), grid.n_depth - 2)
    s = w - j
    corner = i * grid.n_depth + j
    node = np.stack([corner, corner + 1, corner + grid.n_depth, corner + grid.n_depth + 1], axis=1)
    weight = np.stack([(1 - t) * (1 - s), (1 - t) * s, t * (1 - s), t * s], axis=1)
    return node, weight
