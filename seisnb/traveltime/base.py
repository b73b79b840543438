"""What every source of travel times shares: the picks' geometry, rays, and the seam between them.

``Wavefronts`` is the seam: given a velocity model it traces a candidate ray for every pick. The
grid solver and the network are two of them; :mod:`seisnb.traveltime.rays` bends the candidates,
keeps the fastest and reads the clock along it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from seisnb.conventions import GeometryError
from seisnb.section import SectionGrid
from seisnb.survey import surface_depth_at

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class PickGeometry:
    """End points of every pick; wavefronts start at anchors, rays at ``start``.

    Attributes
    ----------
    anchors : Array, (n_anchors, 2)
        Easting and depth [km] of the points that wavefronts start from (the side with fewer
        points; at sea the side on the sea floor, by reciprocity).
    anchor : NDArray[np.intp], (pick,)
        The anchor of every pick.
    start : Array, (pick, 2)
        Easting and depth [km] of the other end.
    in_water : NDArray[np.bool_], (pick,)
        The start lies in the water; the ray then enters the rock at a point to be found.
    water_slowness : float
        1 / velocity of the water [s/km]; zero on land.
    """

    anchors: Array
    anchor: NDArray[np.intp]
    start: Array
    in_water: NDArray[np.bool_]
    water_slowness: float

    @property
    def n_picks(self) -> int:
        """Number of picks."""
        return int(self.anchor.size)


def pick_geometry(survey: xr.Dataset) -> PickGeometry:
    """Choose anchors and starts of a checked survey.

    Raises
    ------
    GeometryError
        Shots and receivers both stand in the water.
    """
    ends = {
        kind: np.stack(
            [survey[f"{kind}_easting"].values, survey[f"{kind}_depth"].values], axis=1
        ).astype(float)
        for kind in ("shot", "receiver")
    }
    slack = 1e-3 * float(np.ptp(survey["surface_easting"].values))
    wet = {
        kind: points[:, 1] < surface_depth_at(survey, points[:, 0]) - slack
        for kind, points in ends.items()
    }
    if wet["shot"].any() and wet["receiver"].any():
        raise GeometryError(
            "invert: shots and receivers both stand in the water. One side must be on the sea "
            "floor or in the rock (ocean-bottom instruments): check the depths' signs."
        )
    unique = {kind: np.unique(points, axis=0) for kind, points in ends.items()}
    if wet["shot"].any():
        side = "receiver"
    elif wet["receiver"].any():
        side = "shot"
    else:
        side = min(("receiver", "shot"), key=lambda kind: len(unique[kind]))
    far = "shot" if side == "receiver" else "receiver"
    anchors, anchor = np.unique(ends[side], axis=0, return_inverse=True)
    velocity = survey.attrs.get("water_velocity")
    return PickGeometry(
        anchors=anchors,
        anchor=anchor.reshape(-1),
        start=ends[far],
        in_water=wet[far],
        water_slowness=0.0 if velocity is None else 1.0 / float(velocity),
    )


@dataclass(frozen=True, kw_only=True)
class Rays:
    """One ray per pick, from its entry into the rock to its anchor.

    Attributes
    ----------
    nodes : Array, (pick, capacity, 2)
        Easting and depth [km]; only the first ``count`` rows of a ray mean anything.
    count : NDArray[np.int64], (pick,)
        Nodes of every ray.
    """

    nodes: Array
    count: NDArray[np.int64]

    def copy(self) -> Rays:
        """An independent copy."""
        return Rays(nodes=self.nodes.copy(), count=self.count.copy())


class Wavefronts(Protocol):
    """Traces one candidate ray per pick through a velocity model."""

    def trace(
        self,
        velocity: Array,
        grid: SectionGrid,
        geometry: PickGeometry,
        like: Rays,
        than: Array | None = None,
    ) -> Rays:
        """Rays for a model (n_easting, n_depth) [km/s] on the section grid.

        With ``than`` (pick,) [s], times that are known, a pick may be left without nodes where the
        wavefronts do not reach it sooner.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class TracedRays:
    """Candidates that were traced once, in one model, and serve every other.

    Attributes
    ----------
    rays : Rays
        One per pick.
    """

    rays: Rays

    def trace(
        self,
        velocity: Array,
        grid: SectionGrid,
        geometry: PickGeometry,
        like: Rays,
        than: Array | None = None,
    ) -> Rays:
        """The same rays whatever the model."""
        return self.rays
