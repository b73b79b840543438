"""A thrust of uncertain dip under twenty sites, and what a person does with its dashboard."""

from __future__ import annotations

import numpy as np

from seisnb.dashboards import SlipDashboard
from seisnb.dashboards.slip.state import TABS
from seisnb.geodesy import make_offsets
from seisnb.slip import SlipConfig, Structure, rectangle_fault, structure_ensemble
from seisnb.slip.elastic import displacements
from tests.slip.truths import PROJECTION

#: In closed form, a tenth of a second.
QUICK = SlipConfig(positive=False, slip_std=0.5, n_samples=200)


def thrusts(dips=(14.0, 18.0, 22.0)):
    """Faults of 12 patches whose dip is uncertain."""
    return structure_ensemble(
        [
            Structure(
                fault=rectangle_fault(
                    top_centre=(0.0, 0.0, 4.0), length=60.0, width=40.0, strike=0.0, dip=dip,
                    n_along=3, n_down=4,
                ),
                name=f"dip {dip:g}", parameters={"dip": dip},
            )
            for dip in dips
        ]
    )  # fmt: skip


def sites_over(structures, *, first="S00", std=0.005):
    """Twenty sites over the fault, moved by half a metre of thrust on its middle."""
    rng = np.random.default_rng(3)
    east, north = (each.ravel() for each in np.meshgrid([-15, 5, 20, 35, 50], [-30, -10, 10, 30]))
    fault = structures.structures[1].fault
    slip = np.zeros(fault.n_patches)
    slip[4:8] = 0.5
    exact = displacements(fault, east.astype(float), north.astype(float))[..., 1] @ slip
    return make_offsets(
        site=[first, *(f"S{i:02d}" for i in range(1, 20))],
        displacement=exact + std * rng.standard_normal(exact.shape),
        std=np.full(exact.shape, std), easting=east, northing=north, projection=PROJECTION,
    )  # fmt: skip


def look_at(made: SlipDashboard, name: str) -> None:
    made.tabs.selected_index = TABS.index(name)
