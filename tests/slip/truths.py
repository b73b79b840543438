"""Truths of a long thrust whose dip is uncertain, under a line of sites."""

from __future__ import annotations

import numpy as np

from seisnb.geodesy import make_offsets
from seisnb.slip import Structure, rectangle_fault, structure_ensemble
from seisnb.slip.elastic import displacements
from seisnb.slip.prior import correlation, factor_of
from tests.seeds import shifted

PROJECTION = "+proj=tmerc +lat_0=45 +lon_0=10 +ellps=WGS84 +units=km"
N_DOWN, WIDTH = 12, 60.0
PLAIN = {"positive": False, "slip_std": 1.0, "n_samples": 400}
SMOOTH = {**PLAIN, "smoothing": "gaussian_process", "smoothing_length": 20.0}


def thrust(dip: float) -> Structure:
    """Patches down the dip of a fault that is as good as endless along strike (north)."""
    fault = rectangle_fault(
        top_centre=(0.0, 0.0, 2.0), length=4000.0, width=WIDTH, strike=0.0, dip=dip, n_down=N_DOWN
    )
    return Structure(fault=fault, name=f"dip {dip:g}", parameters={"dip": dip})


def thrust_ensemble():
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


def draw(thrusts, seed, std=0.01):
    """A truth of the prior: which dip, slip by patch, offsets."""
    rng = np.random.default_rng([shifted(seed), 5])
    k = int(rng.choice(len(thrusts.structures), p=thrusts.weight))
    slip = _factor(thrusts) @ rng.standard_normal(N_DOWN)
    return k, slip, offsets_of(thrusts.structures[k], slip, rng, std)


def draw_forward(thrusts, seed, std=0.01):
    """A truth of the prior of non-negative slip: half of the patches slip, half-normally."""
    rng = np.random.default_rng([shifted(seed), 7])
    k = int(rng.choice(len(thrusts.structures), p=thrusts.weight))
    slip = np.maximum(rng.standard_normal(N_DOWN), 0.0)
    return k, slip, offsets_of(thrusts.structures[k], slip, rng, std)


def draw_second(thrusts, k, seed):
    """The offsets of another event on the fault of the first."""
    rng = np.random.default_rng([shifted(seed), 6])
    slip = _factor(thrusts) @ rng.standard_normal(N_DOWN)
    return offsets_of(thrusts.structures[k], slip, rng, 0.01)


def offsets_of(structure, slip, rng, std):
    """Noisy offsets of slip up the dip."""
    x = line_sites()
    exact = displacements(structure.fault, x, np.zeros_like(x))[..., 1] @ slip
    return line_offsets(exact + std * rng.standard_normal(exact.shape), std)


def is_held(found, slip):
    """By patch: whether the 95 % interval holds the truth."""
    low, high = (found["slip_quantile"].sel(quantile=q).values for q in (0.025, 0.975))
    return (low <= slip) & (slip <= high)


def holds_dip(found, k):
    """Whether the 95 % interval of the dip, by its rank, holds the true structure."""
    below = np.cumsum(found["structure_probability"].values)
    return bool(below[k] >= 0.025 and (below[k - 1] if k else 0.0) <= 0.975)


def holds_moment(found, structure, slip):
    """Whether the 95 % interval of the moment holds that of the truth."""
    moment = 3e10 * 1e6 * (structure.fault.area @ slip)
    low, high = np.quantile(found["moment"], (0.025, 0.975))
    return bool(low <= moment <= high)


def _factor(thrusts):
    fault = thrusts.structures[0].fault
    return factor_of(correlation(fault, "gaussian_process", 20.0))
