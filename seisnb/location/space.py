"""Where hypocentres may be: a box of rock, without the water and the air above it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seisnb.traveltime.tables_grid import Region

Array = NDArray[np.float64]

#: Depth of the rock's surface [km] at eastings and northings [km].
Surface = Callable[[Array, Array], Array]


@dataclass(frozen=True, kw_only=True)
class Space:
    """A region and the surface of the rock in it; the prior is uniform over the rock.

    Attributes
    ----------
    region : Region
        The box [km].
    surface : callable or None
        Depth of the rock's surface; None where the box holds rock only.
    """

    region: Region
    surface: Surface | None = None

    @property
    def low(self) -> Array:
        """Least easting, northing and depth [km]."""
        return np.array([getattr(self.region, n)[0] for n in ("easting", "northing", "depth")])

    @property
    def high(self) -> Array:
        """Greatest easting, northing and depth [km]."""
        return np.array([getattr(self.region, n)[1] for n in ("easting", "northing", "depth")])

    def log_prior(self, points: Array, slack: Array | float = 0.0) -> Array:
        """Log prior density [1/km^3] at points (n, 3); minus infinity outside and above the rock.

        ``slack`` (n,) [km] lets points stand above the surface by so much.
        """
        inside = ((points >= self.low) & (points <= self.high)).all(axis=1)
        if self.surface is not None:
            inside &= points[:, 2] >= self.surface(points[:, 0], points[:, 1]) - slack
        return np.where(inside, -np.log(np.prod(self.high - self.low)), -np.inf)
