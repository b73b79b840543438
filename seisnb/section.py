"""The section grid: a regular grid hung from the rock's surface, on which velocity models live.

Column ``i`` stands at easting ``x0 + i * cell_easting``; row ``j`` lies ``j * cell_depth`` under
the rock's surface of that column. A velocity model is an array (n_easting, n_depth) on it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from seisnb.conventions import InputError
from seisnb.survey import surface_depth_at

Array = NDArray[np.float64]

#: Cells are one of these times a power of ten: numbers that people would choose, and no more than a
#: third finer than was asked for.
CELLS = (1.0, 1.2, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0)


@dataclass(frozen=True, kw_only=True)
class SectionGrid:
    """A regular grid in (easting, depth below the surface) [km].

    Attributes
    ----------
    x0 : float
        Easting of the first column [km].
    cell_easting, cell_depth : float
        Spacings [km].
    surface : Array, (n_easting,)
        Depth of the rock's surface at every column [km].
    n_depth : int
        Number of rows; the first lies on the surface.
    """

    x0: float
    cell_easting: float
    cell_depth: float
    surface: Array
    n_depth: int

    @property
    def n_easting(self) -> int:
        """Number of columns."""
        return int(self.surface.size)

    @property
    def easting(self) -> Array:
        """Eastings of the columns, (n_easting,) [km]."""
        return np.asarray(self.x0 + self.cell_easting * np.arange(self.n_easting), np.float64)

    @property
    def below_surface(self) -> Array:
        """Depths of the rows below the surface, (n_depth,) [km]."""
        return np.asarray(self.cell_depth * np.arange(self.n_depth), np.float64)

    @property
    def extent(self) -> tuple[float, float, float, float]:
        """First and last easting, shallowest and deepest depth [km]."""
        return (
            self.x0,
            float(self.easting[-1]),
            float(self.surface.min()),
            float(self.surface.max() + self.below_surface[-1]),
        )


def section_grid(survey: xr.Dataset, *, depth_max: float, cell: float | None = None) -> SectionGrid:
    """Make the grid for a survey: as wide as its profile, ``depth_max`` [km] under the surface.

    Parameters
    ----------
    survey : xr.Dataset
        A checked survey.
    depth_max : float
        Greatest depth below the surface [km].
    cell : float, optional
        Spacing [km]; by default about 1/240 of the width, rounded down, and never
        coarser than 1/50 of the depth.

    Raises
    ------
    InputError
        A depth or cell that is not positive, or more than 4 million cells.
    """
    x = survey["surface_easting"].values
    width = float(x[-1] - x[0])
    if not depth_max > 0:
        raise InputError(f"section_grid: depth_max is {depth_max} km; expected more than zero.")
    if cell is None:
        cell = round_cell(min(width / 240, depth_max / 50))
    if not 0 < cell < width:
        raise InputError(
            f"section_grid: cell is {cell} km for a line of {width:g} km; expected more than zero "
            "and less than the width."
        )
    n_easting = int(np.ceil(width / cell - 1e-9)) + 1
    n_depth = int(np.ceil(depth_max / cell - 1e-9)) + 1
    if n_easting * n_depth > 4_000_000:
        raise InputError(
            f"section_grid: {n_easting} x {n_depth} cells of {cell} km; at most 4 million. "
            "Choose a larger cell or a smaller depth_max."
        )
    easting = x[0] + cell * np.arange(n_easting)
    return SectionGrid(
        x0=float(x[0]),
        cell_easting=float(cell),
        cell_depth=float(cell),
        surface=surface_depth_at(survey, easting),
        n_depth=n_depth,
    )


def round_cell(value: float) -> float:
    """The largest of :data:`CELLS` times a power of ten that is not above ``value``.

    >>> round_cell(0.27), round_cell(7.0)
    (0.25, 6.0)
    """
    power = 10.0 ** np.floor(np.log10(value))
    step = max(cell for cell in CELLS if cell <= max(value / power, 1.0))
    return float(f"{step * power:.12g}")


def to_depth_grid(values: Array, grid: SectionGrid, depth: Array) -> Array:
    """Resample models from the hung grid onto depths below sea level.

    Parameters
    ----------
    values : Array, (..., n_easting, n_depth)
        Models on the section grid.
    grid : SectionGrid
        The grid they live on.
    depth : Array, (n,)
        Depths [km].

    Returns
    -------
    Array, (..., n, n_easting)
        Linear in depth; above the surface the value of the surface, below the last row the last.
    """
    row = (depth[:, None] - grid.surface[None, :]) / grid.cell_depth
    row = np.clip(row, 0.0, grid.n_depth - 1.0)
    low = np.minimum(row.astype(int), grid.n_depth - 2)
    part = row - low
    column = np.broadcast_to(np.arange(grid.n_easting), low.shape)
    upper = values[..., column, low]
    return upper + part * (values[..., column, low + 1] - upper)
