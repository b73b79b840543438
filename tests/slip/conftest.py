"""A long thrust whose dip is uncertain, under a line of sites."""

from __future__ import annotations

import numpy as np
import pytest

from seisnb.geodesy import make_offsets
from seisnb.slip import Structure, rectangle_fault, structure_ensemble

PROJECTION = "+proj=tmerc +lat_0=45 +lon_0=10 +ellps=WGS84 +units=km"
N_DOWN, WIDTH = 12, 60.0


def thrust(dip: float) -> Structure:
    """Patches down the dip of a fault that is as good as endless along strike (north)."""
    fault = rectangle_fault(
        top_centre=(0.0, 0.0, 2.0), length=4000.0, width=WIDTH, strike=0.0, dip=dip, n_down=N_DOWN
    )
    return Structure(fault=fault, name=f"dip {dip:g}", parameters={"dip": dip})


@pytest.fixture(scope="session")
def thrusts():
    """Dips about 18 degrees, by their prior."""
    dips = np.linspace(10.0, 26.0, 17)
    return structure_ensemble([thrust(dip) for dip in dips], -0.5 * ((dips - 18.0) / 4.0) ** 2)


def line_offsets(displacement, std):
    """Sites along the line across the thrust, (site, 3) [m]."""
    x = line_sites()
    return make_offsets(
        site=[f"S{i:02d}" for i in range(x.size)], displacement=displacement,
        std=np.full((x.size, 3), std), easting=x, northing=np.zeros_like(x), projection=PROJECTION,
    )  # fmt: skip


def line_sites():
    return np.linspace(-20.0, 90.0, 23)
