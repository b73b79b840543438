"""Where hypocentres may be: a box of rock, without the water and the air above it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from seisnb.conventions import GeometryError
from seisnb.location.config import LocationConfig
from seisnb.traveltime.tables_grid import Region
from seisnb.velocity_models import LayeredGroup, SectionGroup, VelocityEnsemble, VolumeGroup

Array = NDArray[np.float64]

#: Events may lie so far outside of their stations by default: so many km, and this share of the
#: stations' extent.
MARGIN, MARGIN_SHARE = 50.0, 0.25
#: Stations whose depths tell where the rock begins.
N_NEAR = 3
#: Depth to which events are looked for in 1-D models by default [km].
DEEPEST = 80.0


@dataclass(frozen=True, kw_only=True)
class Space:
    """A region and the rock in it; the prior is uniform over the rock.

    Attributes
    ----------
    region : Region
        The box [km].
    sections : tuple of SectionGroup
        Sections whose surface bounds the rock above and whose ends bound it along the line.
    stations : Array, (n, 3), or None
        Without sections: events lie under the highest of the stations nearest to them, so that
        none is in the water that OBS stand under, or in the air.
    """

    region: Region
    sections: tuple[SectionGroup, ...] = ()
    stations: Array | None = None

    @property
    def low(self) -> Array:
        """Least easting, northing and depth [km]."""
        return np.array([getattr(self.region, n)[0] for n in ("easting", "northing", "depth")])

    @property
    def high(self) -> Array:
        """Greatest easting, northing and depth [km]."""
        return np.array([getattr(self.region, n)[1] for n in ("easting", "northing", "depth")])

    @cached_property
    def _tree(self) -> cKDTree:
        """For the stations nearest to a place."""
        assert self.stations is not None
        return cKDTree(self.stations[:, :2])

    def log_prior(self, points: Array, slack: Array | float = 0.0) -> Array:
        """Log prior density [1/km^3] at points (n, 3); minus infinity outside and above the rock.

        ``slack`` (n,) [km] lets points stand above the surface by so much.
        """
        inside = ((points >= self.low) & (points <= self.high)).all(axis=1)
        for section in self.sections:
            along, _ = section.to_section(points[:, 0], points[:, 1])
            inside &= (along >= section.along[0]) & (along <= section.along[-1])
            inside &= points[:, 2] >= np.interp(along, section.along, section.surface) - slack
        if self.stations is not None:
            n_near = min(N_NEAR, self.stations.shape[0])
            _, near = self._tree.query(points[:, :2], k=[*range(1, n_near + 1)])
            inside &= points[:, 2] >= self.stations[near, 2].min(axis=1) - slack
        return np.where(inside, -np.log(np.prod(self.high - self.low)), -np.inf)


def region_of(stations: xr.Dataset, ensemble: VelocityEnsemble, config: LocationConfig) -> Region:
    """The region that a configuration asks for, or one around the stations within the models.

    Raises
    ------
    GeometryError
        The region lies outside of the models.
    """
    easting, northing = (
        (low - pad, high + pad)
        for low, high, pad in (_padded(stations[name].values) for name in ("easting", "northing"))
    )
    if config.region is not None:
        easting, northing = config.region[:2], config.region[2:]
    top, bottom = _depths(stations, ensemble) if config.depth_range is None else config.depth_range
    for group in ensemble.groups:
        if isinstance(group, VolumeGroup):
            easting = _within(easting, group.easting, "easting")
            northing = _within(northing, group.northing, "northing")
        if not isinstance(group, LayeredGroup):
            top, bottom = _within((top, bottom), group.depth, "depth")
    return Region(easting=easting, northing=northing, depth=(top, bottom))


def space_of(stations: xr.Dataset, ensemble: VelocityEnsemble, config: LocationConfig) -> Space:
    """The rock in the region of a configuration, as :func:`region_of`.

    Raises
    ------
    GeometryError
        There is no rock in the region, or it lies outside of the models.
    """
    sections = tuple(g for g in ensemble.groups if isinstance(g, SectionGroup))
    region = region_of(stations, ensemble, config)
    space = Space(
        region=region, sections=sections, stations=None if sections else _places(stations)
    )
    grid = [np.linspace(a, b, 24) for a, b in zip(space.low, space.high, strict=True)]
    points = np.stack(np.meshgrid(*grid, indexing="ij"), axis=-1).reshape(-1, 3)
    if not np.isfinite(space.log_prior(points)).any():
        raise GeometryError(
            f"locate: the region, easting {_told(region.easting)}, northing "
            f"{_told(region.northing)}, depth {_told(region.depth)} km, holds no rock of the "
            "velocity models. Choose another region or depth_range, or check the models' origin "
            "and azimuth."
        )
    return space


def _places(stations: xr.Dataset) -> Array:
    """Easting, northing, depth of stations."""
    return np.column_stack([stations[n].values for n in ("easting", "northing", "depth")])


def event_box(space: Space, easting: Array, northing: Array, grown: float = 1.0) -> Region:
    """The part of the region around an event's own stations, ``grown`` times as wide."""
    box = {}
    for name, values in (("easting", easting), ("northing", northing)):
        least, greatest = getattr(space.region, name)
        size = float(np.ptp(values)) + 2.0 * (MARGIN + MARGIN_SHARE * float(np.ptp(values)))
        middle = min(max(0.5 * float(values.min() + values.max()), least), greatest)
        box[name] = (
            max(middle - 0.5 * grown * size, least), min(middle + 0.5 * grown * size, greatest)
        )  # fmt: skip
    return Region(easting=box["easting"], northing=box["northing"], depth=space.region.depth)


def _padded(values: Array) -> tuple[float, float, float]:
    """Least, greatest and the margin around."""
    low, high = float(values.min()), float(values.max())
    return low, high, MARGIN + MARGIN_SHARE * (high - low)


def _depths(stations: xr.Dataset, ensemble: VelocityEnsemble) -> tuple[float, float]:
    """Depths of events by default, down to the bottom of what the models know.

    They begin at the highest station, or at sea level if that is higher.
    """
    top = min(float(stations["depth"].min()), 0.0)
    known = [g for g in ensemble.groups if not isinstance(g, LayeredGroup)]
    if known:
        return min(min(float(g.depth[0]) for g in known), top), max(
            float(g.depth[-1]) for g in known
        )
    return top, DEEPEST


def _within(wanted: tuple[float, float], axis: Array, name: str) -> tuple[float, float]:
    """A range cut to what a model knows."""
    low, high = max(wanted[0], float(axis[0])), min(wanted[1], float(axis[-1]))
    if not low < high:
        raise GeometryError(
            f"locate: events may have a {name} of {_told(wanted)} km, the velocity models know "
            f"{_told((float(axis[0]), float(axis[-1])))} km. Choose a region inside, or check that "
            "models and stations are in the same projection."
        )
    return low, high


def _told(values: tuple[float, float]) -> str:
    """A range in words."""
    return f"{values[0]:g} to {values[1]:g}"
