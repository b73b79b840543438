"""Stress in elastic layers below a static force on the ground, as tables over depth and distance.

In the wavenumber domain (Takeuchi & Saito 1972; Zhu & Rivera 2002, at zero frequency) displacement
and traction on level planes obey y' = k B y with a constant B in each layer, of double eigenvalues
+-1, whose exponential is known in closed form. Traction over displacement is carried from the
half-space upward and displacement from the ground downward: neither grows, so that no thickness and
no wavenumber is too large. Integrals over wavenumber with Bessel functions are FFTLog's (Hamilton
2000), which SciPy has.

Downward displacement U and traction R go with Y, radial displacement V and traction S with its
gradient over k, twisting displacement W and traction T with the gradient turned; Y is J0(kr) below
a vertical force, J1(kr) cos(theta) below a level one. Forces are 1 N; moduli are in units of
:data:`UNIT`, lengths in km.

References
----------
Zhu & Rivera (2002), doi 10.1046/j.1365-246X.2002.01610.x; Hamilton (2000),
doi 10.1046/j.1365-8711.2000.03071.x
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.fft import fht

from seisnb.slip.layers import Layers

Array = NDArray[np.float64]

#: Wavenumbers and distances: so many, in steps of so much of their logarithm. Linear interpolation
#: of r**-3 is then wrong by 3e-4.
N_WAVE, STEP = 2048, 0.015
#: Depths of a table are spaced by this ratio; it begins at this power of two [km], or deeper.
DEPTH_RATIO, SHALLOWEST = 1.03, -16
#: Distances of a table begin at this share of its least depth, and end here [km].
NEAREST, FARTHEST = 1e-3, 4000.0
#: Nothing is felt through a layer so many times as thick as a wave is long, over 2 pi.
DEEP = 60.0
#: The unit of moduli [Pa].
UNIT = 1e10
#: Integrals over wavenumber: of which kernel, and the order of the Bessel function. V, R and S are
#: below a vertical force, LV, LR and LS below a level one, as are W and T.
INTEGRALS = (
    ("V", 0), ("V", 2), ("R", 0), ("S", 1),
    ("LV", 1), ("LV", 3), ("LR", 1), ("LS", 0), ("LS", 2), ("W", 1), ("W", 3), ("T", 0), ("T", 2),
)  # fmt: skip
_lock = threading.Lock()


@dataclass(frozen=True, kw_only=True, eq=False)
class Table:
    """Integrals over wavenumber.

    Attributes
    ----------
    depth : Array, (depth,)
        Depths [km], rising, every interface among them.
    log_distance : float
        The first logarithm of a distance in km; steps are :data:`STEP`.
    values : Array, (depth, distance, 13)
        Of :data:`INTEGRALS`, times depth**2 + distance**2 in km2: what is interpolated is smooth.
    """

    depth: Array
    log_distance: float
    values: Array

    def at(self, depth: Array, distance: Array) -> Array:
        """Integrals at depths (n,) and distances (m, n) [km], (m, n, 13), bilinear."""
        row = np.clip(np.searchsorted(self.depth, depth, side="right") - 1, 0, self.depth.size - 2)
        low, high = self.depth[row], self.depth[row + 1]
        down = (depth - low) / (high - low)
        along = (np.log(np.maximum(distance, 1e-12)) - self.log_distance) / STEP
        along = np.clip(along, 0.0, self.values.shape[1] - 1.001)
        column = along.astype(np.intp)
        part = along - column
        found = np.zeros((*distance.shape, len(INTEGRALS)))
        for i, share in ((row, 1.0 - down), (row + 1, down)):
            for j, other in ((column, 1.0 - part), (column + 1, part)):
                found += (share * other)[..., None] * self.values[i, j]
        return found / (depth**2 + distance**2)[..., None]


def table_of(layers: Layers, shallowest: float, deepest: float) -> Table:
    """The table for sources between two depths [km]; kept, and shared by structures."""
    first, last = np.floor(np.log2(max(shallowest, 1e-9))), np.ceil(np.log2(max(deepest, 1e-9)))
    with _lock:  # threads that ask for the same table wait for the first of them
        return _table(layers, max(int(first), SHALLOWEST), max(int(last), SHALLOWEST + 1))


@lru_cache(maxsize=4)
def _table(layers: Layers, first: int, last: int) -> Table:
    """The table from 2**first to 2**last km."""
    n = int(np.ceil((last - first) * np.log(2.0) / np.log(DEPTH_RATIO)))
    depth = np.geomspace(2.0**first, 2.0**last, n + 1)
    inside = layers.top[(layers.top > depth[0]) & (layers.top < depth[-1])]
    depth = np.unique(np.concatenate([depth, inside]))
    middle = np.sqrt(depth[0] * depth[-1])
    wave = np.exp((np.arange(N_WAVE) - (N_WAVE - 1) / 2) * STEP) / middle
    kernels = _kernels(layers, depth, wave)
    distance = 1.0 / wave[::-1]
    kept = (distance > NEAREST * depth[0]) & (distance < FARTHEST)
    values = np.stack(
        [
            fht(kernels[name] * wave**2, STEP, order)[:, kept] / distance[kept]
            for name, order in INTEGRALS
        ],
        axis=-1,
    )
    size = depth[:, None] ** 2 + distance[kept] ** 2
    return Table(
        depth=depth, log_distance=float(np.log(distance[kept][0])), values=values * size[..., None]
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class _Planes:
    """Level planes at which traction is known from displacement, in wavenumber (k).

    Attributes
    ----------
    depth : Array, (plane,)
        From the ground down [km].
    stress, shear : list of Array, (k, 2, 2) and (k,)
        Traction over k and over displacement: (R, S) of (U, V), and T of W.
    step, turn : list of Array, (k, 2, 2) and (k,)
        (U, V) and W at the next plane, of those at this one.
    """

    depth: Array
    stress: list[Array]
    shear: list[Array]
    step: list[Array]
    turn: list[Array]


def _climbed(layers: Layers, depth: Array, wave: Array) -> _Planes:
    """From the half-space up to the ground."""
    planes = np.unique(np.concatenate([[0.0], depth, layers.top]))
    layer = layers.index_at((planes[:-1] + planes[1:]) / 2)
    over, over_shear = _bottom(layers)
    stress, shear = [np.broadcast_to(over, (wave.size, 2, 2))], [np.full(wave.size, over_shear)]
    step, turn = [], []
    for i in reversed(range(planes.size - 1)):
        s = np.minimum(wave * (planes[i + 1] - planes[i]), DEEP)
        matrix, mu = _matrix(layers, int(layer[i]))
        up = _exponential(matrix, s)
        top = up[:, :, :2] + up[:, :, 2:] @ stress[-1]
        inverse = np.linalg.inv(top[:, :2])
        cosh, sinh = _hyperbolic(s)
        whole = cosh - sinh * shear[-1] / mu
        step.append(np.exp(-s)[:, None, None] * inverse)
        turn.append(np.exp(-s) / whole)
        stress.append(top[:, 2:] @ inverse)
        shear.append((cosh * shear[-1] - sinh * mu) / whole)
    return _Planes(
        depth=planes, stress=stress[::-1], shear=shear[::-1], step=step[::-1], turn=turn[::-1]
    )


def _kernels(layers: Layers, depth: Array, wave: Array) -> dict[str, Array]:
    """Displacements V and W, and tractions over k, below a force on the ground of one newton.

    Returns
    -------
    dict of str to Array, (depth, wavenumber)
    """
    planes = _climbed(layers, depth, wave)
    load = -np.eye(2) / (2.0 * np.pi)  # columns: vertical, level
    moved = np.linalg.solve(planes.stress[0], np.broadcast_to(load, (wave.size, 2, 2)))
    moved = moved / wave[:, None, None]
    turned = -1.0 / (2.0 * np.pi) / planes.shear[0] / wave
    found: dict[str, list[Array]] = {name: [] for name, _ in INTEGRALS}
    is_wanted = np.isin(planes.depth, depth)
    for i in range(planes.depth.size):
        if i:
            moved, turned = planes.step[i - 1] @ moved, planes.turn[i - 1] * turned
        if not is_wanted[i]:
            continue
        traction = planes.stress[i] @ moved
        for k, force in enumerate(("", "L")):
            found[f"{force}V"].append(moved[:, 1, k])
            found[f"{force}R"].append(traction[:, 0, k])
            found[f"{force}S"].append(traction[:, 1, k])
        found["W"].append(turned)
        found["T"].append(planes.shear[i] * turned)
    return {name: np.stack(each) for name, each in found.items()}


def _matrix(layers: Layers, layer: int) -> tuple[Array, float]:
    """B of (U, V, R/k, S/k) in a layer, and its shear modulus, which is all that (W, T/k) needs."""
    mu, first = layers.modulus[layer] / UNIT, layers.first_modulus[layer] / UNIT
    whole = first + 2.0 * mu
    a, c = first / whole, 4.0 * mu * (first + mu) / whole
    matrix = np.array(
        [[0.0, a, 1.0 / whole, 0.0], [-1.0, 0.0, 0.0, 1.0 / mu], [0.0, 0.0, 0.0, 1.0],
         [0.0, c, -a, 0.0]]
    )  # fmt: skip
    return matrix, float(mu)


def _bottom(layers: Layers) -> tuple[Array, float]:
    """Traction over displacement on top of the half-space, where all decays downward."""
    matrix, mu = _matrix(layers, len(layers.top) - 1)
    away = matrix - np.eye(4)
    decaying = np.linalg.svd(away @ away)[0][:, :2]
    return decaying[2:] @ np.linalg.inv(decaying[:2]), -mu


def _hyperbolic(s: Array) -> tuple[Array, Array]:
    """Hyperbolic cosine and sine over e**s."""
    small = np.exp(-2.0 * s)
    return 0.5 * (1.0 + small), -0.5 * np.expm1(-2.0 * s)


def _exponential(matrix: Array, s: Array) -> Array:
    """exp(-s B - s), (n, 4, 4): the cubic that agrees at both double eigenvalues."""
    cosh, sinh = _hyperbolic(s)
    second = 0.5 * s * sinh
    third = -0.5 * (s * cosh - sinh)
    square = matrix @ matrix
    parts = (
        (cosh - second, np.eye(4)), (-sinh - third, matrix), (second, square),
        (third, square @ matrix),
    )  # fmt: skip
    return np.asarray(sum(factor[:, None, None] * power for factor, power in parts))
