"""The grids that travel times through sections and volumes are solved on, hung from stations."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates, uniform_filter

from seisnb.conventions import GeometryError
from seisnb.traveltime.marching_3d import march_3d
from seisnb.velocity_models import SectionGroup, VolumeGroup

Array = NDArray[np.float64]
Single = NDArray[np.float32]

#: Nodes of a solve by default, and the most.
N_NODES, MOST_NODES = 30_000, 4_000_000
#: A station may stand outside of a section or volume by this share of its length.
OUTSIDE = 0.02
#: Above the surface velocity falls e-fold in so many steps, to a tenth at most.
AIR_STEPS, AIR_LEAST = 4.0, 0.1


@dataclass(frozen=True, kw_only=True)
class Region:
    """Where events may lie [km], in the stations' frame: (least, greatest) of each."""

    easting: tuple[float, float]
    northing: tuple[float, float]
    depth: tuple[float, float]

    def __post_init__(self) -> None:
        """Refuse a region without extent.

        Raises
        ------
        GeometryError
            A least value that is not below the greatest, or values that are not finite.
        """
        for name in ("easting", "northing", "depth"):
            low, high = getattr(self, name)
            if not (np.isfinite([low, high]).all() and low < high):
                raise GeometryError(
                    f"Region: {name} runs from {low} to {high} km; expected two finite values, the "
                    "first below the second."
                )

    def corners(self) -> tuple[Array, Array]:
        """Eastings and northings of the four corners, (4,) each [km]."""
        x, y = np.meshgrid(self.easting, self.northing)
        return x.ravel(), y.ravel()


@dataclass(frozen=True, kw_only=True)
class HungGrid:
    """A regular grid one of whose nodes is the station.

    Attributes
    ----------
    axes : tuple of Array
        Nodes along the three axes [km]; for sections the second starts at the station's own plane.
    node : tuple of int
        The station's.
    source : Array, (3,)
        Its position [km].
    step : float
        Spacing [km].
    v_source, growth : float
        Background of the solver.
    """

    axes: tuple[Array, Array, Array]
    node: tuple[int, int, int]
    source: Array
    step: float
    v_source: float
    growth: float

    def points(self) -> Array:
        """All nodes, (n, 3) [km]."""
        return np.stack(np.meshgrid(*self.axes, indexing="ij"), axis=-1).reshape(-1, 3)


@dataclass(frozen=True, kw_only=True)
class SolverGrid:
    """Extent and spacing shared by all stations.

    Attributes
    ----------
    low, high : tuple of float
        Extent of the three coordinates [km]; across a section from 0.
    step : float
        Spacing [km].
    """

    low: tuple[float, float, float]
    high: tuple[float, float, float]
    step: float

    def at_station(
        self, group: SectionGroup | VolumeGroup, place: tuple[float, float, float]
    ) -> HungGrid:
        """The grid shifted so that a station (easting, northing, depth) is a node."""
        if isinstance(group, SectionGroup):
            along, _ = group.to_section(np.array(place[0]), np.array(place[1]))
            source = np.array([float(along), 0.0, place[2]])
        else:
            source = np.asarray(place, float)
        axes, node = [], []
        for low, high, at in zip(self.low, self.high, source, strict=True):
            before = max(int(np.ceil((at - low) / self.step - 1e-9)), 0)
            after = max(int(np.ceil((high - at) / self.step - 1e-9)), 1)
            axes.append(at + self.step * np.arange(-before, after + 1))
            node.append(before)
        v_source, growth = _background(group, source, float(axes[2][0]), float(axes[2][-1]))
        return HungGrid(
            axes=(axes[0], axes[1], axes[2]), node=(node[0], node[1], node[2]),
            source=source, step=self.step, v_source=v_source, growth=growth,
        )  # fmt: skip


def grid_of(
    group: SectionGroup | VolumeGroup, stations: xr.Dataset, region: Region, step: float | None
) -> SolverGrid:
    """A grid over the region and all stations.

    Raises
    ------
    GeometryError
        A station or the region outside of the group's grid; too many nodes.
    """
    x, y, z = (stations[name].values.astype(float) for name in ("easting", "northing", "depth"))
    rx, ry = region.corners()
    if isinstance(group, SectionGroup):
        own, across = group.to_section(x, y)
        along, side = group.to_section(rx, ry)
        along = np.clip(along, group.along[0], group.along[-1])
        _check(group.along, own, along, "along the section", stations)
        width = float(np.abs(side[:, None] - across[None, :]).max())
        low, high = [min(own.min(), along.min()), 0.0], [max(own.max(), along.max()), width]
    else:
        _check(group.easting, x, rx, "of easting", stations)
        _check(group.northing, y, ry, "of northing", stations)
        low = [min(x.min(), rx.min()), min(y.min(), ry.min())]
        high = [max(x.max(), rx.max()), max(y.max(), ry.max())]
    low.append(min(float(z.min()), region.depth[0]))
    high.append(max(float(z.max()), region.depth[1]))
    size = np.subtract(high, low)
    step = step or float(np.cbrt(size.prod() / N_NODES))
    n_nodes = float(np.prod(size / step + 2))
    if n_nodes > MOST_NODES:
        raise GeometryError(
            f"build_tables: {n_nodes:.3g} nodes of {step:g} km; at most {MOST_NODES:,}. Choose a "
            "larger step or a smaller region."
        )
    return SolverGrid(
        low=(float(low[0]), float(low[1]), float(low[2])),
        high=(float(high[0]), float(high[1]), float(high[2])),
        step=step,
    )


def _check(axis: Array, own: Array, region: Array, what: str, stations: xr.Dataset) -> None:
    """Refuse stations and regions outside of an axis."""
    room = OUTSIDE * float(axis[-1] - axis[0])
    low, high = float(axis[0]) - room, float(axis[-1]) + room
    bad = np.flatnonzero((own < low) | (own > high))
    if bad.size:
        name = str(stations["station"].values[bad[0]])
        raise GeometryError(
            f"locate: station {name} lies at {own[bad[0]]:.1f} km {what}, outside of the velocity "
            f"models, which reach from {axis[0]:g} to {axis[-1]:g} km ({bad.size} such). Leave it "
            "out, or give models that hold it; check the models' origin and azimuth."
        )
    if region.min() < low or region.max() > high:
        raise GeometryError(
            f"locate: the region reaches from {region.min():.1f} to {region.max():.1f} km {what}, "
            f"the velocity models from {axis[0]:g} to {axis[-1]:g} km. Choose a region inside."
        )


def _background(
    group: SectionGroup | VolumeGroup, source: Array, top: float, bottom: float
) -> tuple[float, float]:
    """Velocity at a station and its growth below it, of the mean over members."""
    depth = np.linspace(source[2], max(bottom, source[2] + 1.0), 40)
    if isinstance(group, SectionGroup):
        i = int(np.argmin(np.abs(group.along - source[0])))
        column = group.velocity[:, :, i].mean(axis=0)
        depth = np.maximum(depth, group.surface[i])
    else:
        i = int(np.argmin(np.abs(group.northing - source[1])))
        j = int(np.argmin(np.abs(group.easting - source[0])))
        column = group.velocity[:, i, j, :].mean(axis=0)
    v = np.interp(depth, group.depth, column)
    growth = max(float((v[-1] - v[0]) / (depth[-1] - depth[0] + 1e-9)), 1e-3)
    # above the station the background stays well above zero
    return float(v[0]), min(growth, 0.6 * float(v[0]) / max(source[2] - top, 1e-3))


def solve_member(group: SectionGroup | VolumeGroup, grid: HungGrid, index: int) -> Single:
    """Time over background time at the nodes of a grid, (n, n, n), for one member."""
    if isinstance(group, SectionGroup):
        plane = section_velocity(group, grid, index)
        velocity = np.ascontiguousarray(
            np.broadcast_to(plane[:, None, :], tuple(axis.size for axis in grid.axes))
        )
    else:
        velocity = _volume_velocity(group, grid, index)
    return np.asarray(
        march_3d(
            velocity, *grid.node, grid.step, isinstance(group, SectionGroup),
            grid.v_source, grid.growth,
        ),
        np.float32,
    )  # fmt: skip


def _window(ratio: float) -> int:
    """Cells to average over: an odd number, for an even one would move the model by half a cell."""
    return 2 * round(0.5 * (ratio - 1.0)) + 1 if ratio > 1.0 else 1


def section_velocity(group: SectionGroup, grid: HungGrid, index: int) -> Array:
    """A member's velocity (along, depth) at the grid's nodes; slownesses are means over a step."""
    steps = group.depth[1] - group.depth[0], group.along[1] - group.along[0]
    slowness = 1.0 / group.velocity[index].astype(float)
    size = [_window(grid.step / step) for step in steps]
    smooth = 1.0 / uniform_filter(slowness, size=size, mode="nearest")
    along, depth = grid.axes[0], grid.axes[2]
    surface = np.interp(along, group.along, group.surface)
    z = np.maximum(depth[None, :], surface[:, None])
    rows = (z - group.depth[0]) / steps[0]
    columns = np.broadcast_to(((along - group.along[0]) / steps[1])[:, None], rows.shape)
    found = map_coordinates(smooth, [rows, columns], order=1, mode="nearest")
    above = np.minimum((depth[None, :] - surface[:, None]) / (AIR_STEPS * grid.step), 0.0)
    return np.asarray(found * np.maximum(np.exp(above), AIR_LEAST))


def _volume_velocity(group: VolumeGroup, grid: HungGrid, index: int) -> Array:
    """A member's velocity (easting, northing, depth) at the grid's nodes."""
    axes = group.northing, group.easting, group.depth
    steps = [axis[1] - axis[0] for axis in axes]
    size = [_window(grid.step / step) for step in steps]
    smooth = 1.0 / uniform_filter(1.0 / group.velocity[index].astype(float), size, mode="nearest")
    x, y, z = np.meshgrid(*grid.axes, indexing="ij")
    where = [
        (values - axis[0]) / step for values, axis, step in zip((y, x, z), axes, steps, strict=True)
    ]
    return np.asarray(map_coordinates(smooth, where, order=1, mode="nearest"))
