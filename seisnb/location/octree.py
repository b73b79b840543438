"""Where an event may be: cells that are divided until they are small against its posterior."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seisnb.location.kernels import find_cells
from seisnb.location.space import Space
from seisnb.traveltime.tables_grid import Region
from seisnb.weights import log_sum_exp

Array = NDArray[np.float64]
#: Log density at points (n, 3) [km], smoothed over cells of half-widths (n,) [km].
Smoothed = Callable[[Array, Array], Array]

#: Cells along the longest side at the start, and how many to stop at.
N_START, MOST_CELLS = 12, 6000
#: In one round those cells are divided that make up this share of the expected half-width, and at
#: least so many.
LEAST_DIVIDED, SHARE_DIVIDED = 16, 0.8
#: Samples are drawn from the density to this power: wider than it, so that none counts much.
TEMPER = 0.8
#: Share of the draws that is spread evenly over the neighbourhood, whatever the cells say.
EVEN = 0.02


@dataclass(frozen=True, kw_only=True)
class Cells:
    """The leaves of the tree: boxes that fill the region without overlap.

    Attributes
    ----------
    middle, half : Array, (n, 3)
        Centres and half-widths [km].
    log_density : Array, (n,)
        Log posterior density, unnormalised, smoothed over the cell.
    """

    middle: Array
    half: Array
    log_density: Array

    @property
    def log_mass(self) -> Array:
        """Log probability of every cell, (n,), normalised."""
        mass = self.log_density + np.log(8.0 * self.half.prod(axis=1))
        return np.asarray(mass - log_sum_exp(mass))

    def std(self) -> float:
        """Smallest standard deviation of the posterior over all directions [km]."""
        p = np.exp(self.log_mass)
        away = self.middle - p @ self.middle
        covariance = (p[:, None] * away).T @ away + np.diag(p @ (self.half**2 / 3.0))
        return float(np.sqrt(max(np.linalg.eigvalsh(covariance)[0], 1e-12)))

    def edge_mass(self, box: Region, space: Space) -> float:
        """Probability of the cells at a side of the box where the space goes on."""
        p = np.exp(self.log_mass)
        at_edge = np.zeros(p.size, bool)
        for axis, name in enumerate(("easting", "northing")):
            (low, high), (least, greatest) = getattr(box, name), getattr(space.region, name)
            slack = 1e-6 * (high - low)
            if low > least:
                at_edge |= self.middle[:, axis] - self.half[:, axis] <= low + slack
            if high < greatest:
                at_edge |= self.middle[:, axis] + self.half[:, axis] >= high - slack
        return float(p[at_edge].sum())


@dataclass(frozen=True, kw_only=True)
class CellDraws:
    """A density that is even within cells: draws from it and its value anywhere."""

    cells: Cells
    log_share: Array

    @classmethod
    def of(cls, cells: Cells) -> CellDraws:
        """The posterior over the cells, widened."""
        log_volume = np.log(8.0 * cells.half.prod(axis=1))
        share = TEMPER * cells.log_density + log_volume
        share = share - log_sum_exp(share)
        even = np.where(np.isfinite(share), log_volume, -np.inf)
        # evenly over the cells that hold all but a billionth of the widened density
        even = np.where(share > share.max() - 25.0, even, -np.inf)
        even = even - log_sum_exp(even)
        return cls(
            cells=cells,
            log_share=np.logaddexp(np.log1p(-EVEN) + share, np.log(EVEN) + even),
        )

    def draw(self, n: int, rng: np.random.Generator) -> tuple[Array, Array]:
        """Points (n, 3) [km] and the log density at them (n,)."""
        edges = np.cumsum(np.exp(self.log_share))
        at = np.searchsorted(edges, edges[-1] * (np.arange(n) + rng.random(n)) / n)
        at = np.minimum(at, edges.size - 1)
        points = self.cells.middle[at] + self.cells.half[at] * rng.uniform(-1, 1, (n, 3))
        return points, self._density(at)

    def log_density(self, points: Array) -> Array:
        """Log density at points (n, 3); minus infinity outside of all cells."""
        at = find_cells(self.cells.middle, np.ascontiguousarray(self.cells.half), points)
        return np.where(at >= 0, self._density(np.maximum(at, 0)), -np.inf)

    def _density(self, at: NDArray[np.intp]) -> Array:
        """Log density inside cells."""
        return np.asarray(self.log_share[at] - np.log(8.0 * self.cells.half[at].prod(axis=1)))


def divide(
    space: Space,
    box: Region,
    density: Smoothed,
    resolution: Callable[[Array], float],
    tolerance: float,
    *,
    is_cancelled: Callable[[], bool],
) -> Cells:
    """Cells over a box, small where the posterior is.

    Parameters
    ----------
    space : Space
        Where the rock is.
    box : Region
        The part of its region that is looked at.
    density : callable
        Log likelihood, smoothed over cells.
    resolution : callable
        Half-width [km] of a cell at a point (3,) over which the smoothing is as wide as the errors.
    tolerance : float
        Cells are divided until the half-width of the cell that holds the hypocentre is expected to
        be this share of the smallest standard deviation, and of the resolution.
    is_cancelled : callable
        Asked in every round; the cells so far come back.
    """
    low, high = np.transpose([box.easting, box.northing, box.depth])
    size = high - low
    n = np.maximum(np.round(N_START * size / size.max()), 2).astype(int)
    half = 0.5 * size / n
    axes = [start + h * (2 * np.arange(k) + 1) for start, h, k in zip(low, half, n, strict=True)]
    middle = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    cells = _cells(space, density, middle, np.broadcast_to(half, middle.shape))
    while cells.middle.shape[0] < MOST_CELLS and not is_cancelled():
        mass = np.exp(cells.log_mass)
        width = cells.half.max(axis=1)
        expected = float(mass @ width)
        if expected <= tolerance * cells.std() and expected <= tolerance * resolution(
            cells.middle[np.argmax(mass)]
        ):
            break
        share = mass * width
        order = np.argsort(-share, kind="stable")
        n_most = int(np.searchsorted(np.cumsum(share[order]), SHARE_DIVIDED * expected)) + 1
        n_divided = min(max(n_most, LEAST_DIVIDED), int((share > 0).sum()))
        chosen = order[:n_divided]
        kept = np.delete(np.arange(mass.size), chosen)
        half = np.repeat(0.5 * cells.half[chosen], 8, axis=0)
        signs = np.stack(np.meshgrid([-1, 1], [-1, 1], [-1, 1]), axis=-1).reshape(-1, 3)
        middle = np.repeat(cells.middle[chosen], 8, axis=0)
        middle = middle + half * np.tile(signs, (n_divided, 1))
        new = _cells(space, density, middle, half)
        cells = Cells(
            middle=np.concatenate([cells.middle[kept], new.middle]),
            half=np.concatenate([cells.half[kept], new.half]),
            log_density=np.concatenate([cells.log_density[kept], new.log_density]),
        )
    return cells


def _cells(space: Space, density: Smoothed, middle: Array, half: Array) -> Cells:
    """Cells with their density; those wholly above the rock have none."""
    log_density = space.log_prior(middle, slack=half[:, 2])
    known = np.isfinite(log_density)
    if known.any():
        log_density[known] += density(middle[known], half[known].max(axis=1))
    return Cells(middle=middle, half=np.array(half), log_density=log_density)
