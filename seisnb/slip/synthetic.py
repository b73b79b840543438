"""Displacements of a known slip on a thrust whose dip is not known: to test and to teach."""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from seisnb.geodesy import make_offsets
from seisnb.slip.elastic import displacements
from seisnb.slip.faults import rectangle_fault
from seisnb.slip.structures import Structure, StructureEnsemble, structure_ensemble

Array = NDArray[np.float64]

#: Where the thrust is: off a coast without islands.
PROJECTION = "+proj=tmerc +lat_0=-33 +lon_0=-72.5 +ellps=WGS84 +units=km"
#: The dip that is assumed at first, its standard deviation, and the true one [degrees].
ASSUMED_DIP, DIP_STD, TRUE_DIP = 14.0, 4.0, 17.0
#: Errors of east, north and up [m], and the largest slip [m].
STD, PEAK_SLIP = (0.004, 0.004, 0.01), 1.5


def example_thrust(
    seed: int = 0, *, n_sites: int = 30
) -> tuple[xr.Dataset, StructureEnsemble, Array]:
    """Sites over a dipping fault that slipped, and faults of many dips.

    Parameters
    ----------
    seed : int
        Of the sites' places and their errors.
    n_sites : int
        How many.

    Returns
    -------
    offsets : xr.Dataset
        Of :func:`seisnb.geodesy.make_offsets`: displacements with normal errors.
    structures : StructureEnsemble
        Dips from 8 to 24 degrees by their prior; first the one that would be assumed.
    slip : Array, (patch,)
        What slipped, up the dip [m].

    Examples
    --------
    >>> offsets, structures, slip = example_thrust(n_sites=5)
    >>> offsets.sizes["site"], structures.n_patches, slip.shape
    (5, 48, (48,))
    """
    rng = np.random.default_rng([seed, 53])
    dips = np.arange(8.0, 25.0)
    dips = np.append(ASSUMED_DIP, dips[dips != ASSUMED_DIP])
    structures = structure_ensemble(
        [_thrust(dip) for dip in dips], -0.5 * ((dips - ASSUMED_DIP) / DIP_STD) ** 2
    )
    true = _thrust(TRUE_DIP)
    along, depth = true.fault.centre[:, 1], true.fault.centre[:, 2]
    slip = PEAK_SLIP * np.exp(-(((along - 5.0) / 30.0) ** 2) - ((depth - 16.0) / 7.0) ** 2)
    x, y = rng.uniform(-10.0, 120.0, n_sites), rng.uniform(-75.0, 75.0, n_sites)
    unit = displacements(true.fault, x, y, true.poisson)
    std = np.tile(STD, (n_sites, 1))
    offsets = make_offsets(
        site=[f"S{i:02d}" for i in range(n_sites)],
        displacement=unit[..., 1] @ slip + std * rng.standard_normal(std.shape), std=std,
        easting=x, northing=y, projection=PROJECTION, source="synthetic thrust",
        where="example_thrust",
    )  # fmt: skip
    return offsets, structures, slip


def _thrust(dip: float) -> Structure:
    """A thrust that strikes north and dips eastward."""
    fault = rectangle_fault(
        top_centre=(0.0, 0.0, 5.0), length=120.0, width=90.0, strike=0.0, dip=dip, n_along=8,
        n_down=6,
    )  # fmt: skip
    return Structure(fault=fault, name=f"dip {dip:g}", parameters={"dip": dip})
