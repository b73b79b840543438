"""Whether a mean model rises somewhere as at a boundary, which a smooth prior cannot hold."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr

#: Velocity is compared over this share of the depth that rays reach.
WINDOW = 0.1
#: Rise of log velocity over the window, and by how much it exceeds the least rise above it.
RISE, EXCESS = 0.3, 0.15
#: Columns with rays to this share of the deepest column's number of cells are looked at.
DEEP_ENOUGH = 0.5


@dataclass(frozen=True, kw_only=True)
class Rise:
    """The steepest rise of a model's velocity with depth.

    Attributes
    ----------
    factor : float
        Velocity under the rise over that above it, median over columns.
    depth, thickness : float
        Its middle below the surface and the thickness over which the factor is taken [km].
    excess : float
        Log of the factor, less the least found over as much rock above it.
    """

    factor: float
    depth: float
    thickness: float
    excess: float

    @property
    def is_sharp(self) -> bool:
        """Velocity rises fast, and faster than above: not the gradient of compaction."""
        return bool(np.log(self.factor) > RISE and self.excess > EXCESS)


def steepest_rise(ensemble: xr.Dataset) -> Rise | None:
    """Find where the mean velocity rises fastest with depth, in rock that rays meet.

    The log velocity is compared over a window of a tenth of the depth that rays reach. Compacting
    rock steepens towards the surface; a window over which velocity rises by more than a third, and
    by clearly more than over any window above it, speaks for a boundary.

    Parameters
    ----------
    ensemble : xr.Dataset
        A result of :func:`seisnb.tomography.invert`.

    Returns
    -------
    Rise or None
        None where the result holds too little to tell.
    """
    needed = {"velocity_mean", "ray_coverage", "rock", "depth"}
    if not needed <= set(ensemble.variables):
        return None
    depth = ensemble["depth"].values.astype(float)
    rock = ensemble["rock"].values.astype(bool)
    crossed = rock & (ensemble["ray_coverage"].values > 0)
    count = crossed.sum(axis=0)
    if depth.size < 8 or not count.any():
        return None
    columns = np.flatnonzero(count >= DEEP_ENOUGH * count.max())
    surface = depth[np.argmax(rock, axis=0)]
    lowest = depth[depth.size - 1 - np.argmax(crossed[::-1], axis=0)]
    reach = float(np.median((lowest - surface)[columns]))
    window = max(WINDOW * reach, 2 * float(depth[1] - depth[0]))
    if not reach > 3 * window:
        return None
    top = np.linspace(0.0, reach - window, 200)
    log_velocity = np.log(np.maximum(ensemble["velocity_mean"].values.astype(float), 1e-9))
    rises = []
    for column in columns:
        below, values = depth - surface[column], log_velocity[:, column]
        rises.append(np.interp(top + window, below, values) - np.interp(top, below, values))
    rise = np.median(rises, axis=0)
    at = int(np.argmax(rise))
    return Rise(
        factor=float(np.exp(rise[at])),
        depth=float(top[at] + window / 2),
        thickness=float(window),
        excess=float(rise[at] - rise[: at + 1].min()),
    )
