"""Travel times from every station to anywhere in a region, for all members of an ensemble at once.

A table holds, per station and phase, time over a closed-form background time at the nodes of a
grid: over (distance, depth) for layered models, (along, across, depth) for sections, (easting,
northing, depth) for volumes. Where members are many, the nodes hold the mean over members and a few
basis functions that all members share, and a member is its coefficients: the times of all members
at a set of points are one interpolation of the basis and one matrix product.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from seisnb.conventions import Cancelled, InputError
from seisnb.traveltime.layered import layered_times
from seisnb.traveltime.marching_3d import background_times
from seisnb.traveltime.tables_grid import Region, SolverGrid, grid_of, solve_member
from seisnb.traveltime.tables_kernels import interpolate_2d, interpolate_3d
from seisnb.velocity_models import (
    Group,
    LayeredGroup,
    LayeredModel,
    SectionGroup,
    VelocityEnsemble,
    VolumeGroup,
    emptied,
)

Array = NDArray[np.float64]
Single = NDArray[np.float32]

#: Groups of at most so many members are kept as they are.
FEW_MEMBERS = 16
#: Nodes of a table that are compressed at once.
PART = 4096
#: Told of every finished table: done, total, message.
Report = Callable[[int, int, str], None]


@dataclass(frozen=True, kw_only=True)
class Table:
    """Times from one station to the nodes of one grid, for one group of members.

    Attributes
    ----------
    axes : tuple of Array
        Nodes of the two or three coordinates [km].
    nodes : NDArray, (*shape, n_basis)
        Time over background time: with ``heads`` the mean over members, then the basis; without,
        the members themselves.
    heads : NDArray, (n_basis - 1, n_members) or None
        Coefficients of the members.
    source : Array, (3,)
        The station in the table's coordinates [km].
    v_source, growth : float
        The background velocity at the station [km/s] and its growth with depth [1/s].
    """

    axes: tuple[Array, ...]
    nodes: Single
    heads: Single | None
    source: Array
    v_source: float
    growth: float

    def times(self, points: Array, members: NDArray[np.intp] | None = None) -> Single:
        """Times (n, n_members) [s] at points (n, 2 or 3) in the table's coordinates."""
        at = interpolate_2d if len(self.axes) == 2 else interpolate_3d
        values = at(*self.axes, self.nodes, points)
        if self.heads is not None:
            heads = self.heads if members is None else self.heads[:, members]
            values = values[:, 1:] @ heads + values[:, :1]
        elif members is not None:
            values = values[:, members]
        flat = points if points.shape[1] == 3 else points[:, [0, 0, 1]] * (1.0, 0.0, 1.0)
        values *= background_times(flat, self.source, self.v_source, self.growth)[:, None]
        return values


class TravelTimeTables:
    """Times of P and S from every station to any point of the region, for all members.

    Attributes
    ----------
    station : tuple of str
        Names, in the order of the stations Dataset.
    n_members : int
        Members of the ensemble, in its order.
    region : Region
        Where points may lie.
    vpvs : Array, (n_members,)
        Vp/Vs of every member, for those whose S times are that many times their P times.
    seconds : float
        What building took [s].
    """

    def __init__(
        self,
        ensemble: VelocityEnsemble,
        stations: xr.Dataset,
        region: Region,
        tables: dict[tuple[int, str, int], Table],
        seconds: float,
    ) -> None:
        """Take over finished tables by (station, phase, group); use :func:`build_tables`."""
        self.station = tuple(map(str, stations["station"].values))
        self.n_members = ensemble.n_members
        self.region = region
        self.vpvs = ensemble.vpvs
        self.seconds = seconds
        self._groups = tuple(emptied(group) for group in ensemble.groups)
        self._tables = tables
        self._place = stations["easting"].values, stations["northing"].values
        first = np.cumsum([0] + [group.n_members for group in ensemble.groups])
        self._members = [np.arange(a, b) for a, b in pairwise(first)]

    @property
    def n_bytes(self) -> int:
        """Memory of all tables."""
        return sum(
            table.nodes.nbytes + (0 if table.heads is None else table.heads.nbytes)
            for table in self._tables.values()
        )

    def place(self, station: int) -> tuple[float, float]:
        """Easting and northing of a station [km]."""
        return float(self._place[0][station]), float(self._place[1][station])

    def times(
        self, station: int, points: Array, members: NDArray[np.intp] | None = None
    ) -> tuple[Single, Single]:
        """P and S times from one station.

        Parameters
        ----------
        station : int
            Its index.
        points : Array, (n, 3)
            Easting, northing and depth [km]; beyond a table's grid the value of its edge goes on.
        members : NDArray of int, (m,), optional
            Which members; all by default.

        Returns
        -------
        p, s : NDArray, (n, m) float32
            Travel times [s]. Thread-safe.
        """
        parts: tuple[list[Single], list[Single]] = ([], [])
        for g, group in enumerate(self._groups):
            wanted, _ = _share(self._members[g], members)
            if wanted is not None and wanted.size == 0:
                continue
            at = self._coordinates(group, station, points)
            p = self._tables[station, "P", g].times(at, wanted)
            shear = self._tables.get((station, "S", g))
            if shear is None:
                ratio = self.vpvs[self._members[g]].astype(np.float32)
                s = p * (ratio if wanted is None else ratio[wanted])
            else:
                s = shear.times(at, wanted)
            parts[0].append(p)
            parts[1].append(s)
        p, s = (part[0] if len(part) == 1 else np.concatenate(part, axis=1) for part in parts)
        if members is not None and len(self._groups) > 1:
            back = np.argsort(np.concatenate([_share(m, members)[1] for m in self._members]))
            p, s = p[:, back], s[:, back]
        return p, s

    def _coordinates(self, group: Group, station: int, points: Array) -> Array:
        """Points in the coordinates of a group's tables."""
        if isinstance(group, LayeredGroup):
            away = np.hypot(
                points[:, 0] - self._place[0][station], points[:, 1] - self._place[1][station]
            )
            return np.column_stack([away, points[:, 2]])
        if isinstance(group, SectionGroup):
            along, across = group.to_section(points[:, 0], points[:, 1])
            _, own = group.to_section(self._place[0][station], self._place[1][station])
            return np.column_stack([along, np.abs(across - own), points[:, 2]])
        return np.asarray(points)


def _share(
    own: NDArray[np.intp], members: NDArray[np.intp] | None
) -> tuple[NDArray[np.intp] | None, NDArray[np.intp]]:
    """Which of a group's members are wanted, by their number in it, and where they are wanted."""
    if members is None:
        return None, own
    where = np.flatnonzero((members >= own[0]) & (members <= own[-1]))
    return members[where] - own[0], where


def build_tables(
    stations: xr.Dataset,
    ensemble: VelocityEnsemble,
    region: Region,
    *,
    step: float | None = None,
    tolerance: float = 1e-3,
    n_workers: int = 1,
    progress: Report | None = None,
    cancel: Callable[[], bool] | None = None,
) -> TravelTimeTables:
    """Compute the times from all stations through all members.

    Parameters
    ----------
    stations : xr.Dataset
        Stations in the frame of the region (:mod:`seisnb.catalogue`).
    ensemble : VelocityEnsemble
        The members.
    region : Region
        Where points will lie.
    step : float, optional
        Spacing of the solver's grid for sections and volumes [km]; by default what keeps a solve
        near 30,000 nodes.
    tolerance : float
        What leaving out basis functions may cost [s, rms].
    n_workers : int
        Threads.
    progress : callable, optional
        Told of every finished table.
    cancel : callable, optional
        Returns True to stop.

    Raises
    ------
    GeometryError
        A station or the region outside of a section or volume.
    InputError
        A step or tolerance that is not positive.
    Cancelled
        Stopped by ``cancel``.
    """
    if (step is not None and not step > 0) or not tolerance > 0:
        raise InputError(
            f"build_tables: step is {step} km and tolerance {tolerance} s; expected above 0."
        )
    begun = time.monotonic()
    jobs = list(_jobs(stations, ensemble, region, step, tolerance))
    tables: dict[tuple[int, str, int], Table] = {}
    with ThreadPoolExecutor(max_workers=max(n_workers, 1)) as pool:
        is_stopped = [False]

        def work(job: tuple[tuple[int, str, int], Callable[[], Table]]) -> None:
            if is_stopped[0] or (cancel is not None and cancel()):
                is_stopped[0] = True
                return
            tables[job[0]] = job[1]()
            if progress is not None:
                name = str(stations["station"].values[job[0][0]])
                progress(len(tables), len(jobs), f"travel times from station {name}")

        list(pool.map(work, jobs))
    if len(tables) < len(jobs):
        raise Cancelled(f"build_tables: cancelled after {len(tables)} of {len(jobs)} tables.")
    return TravelTimeTables(ensemble, stations, region, tables, time.monotonic() - begun)


def _jobs(
    stations: xr.Dataset,
    ensemble: VelocityEnsemble,
    region: Region,
    step: float | None,
    tolerance: float,
) -> Iterator[tuple[tuple[int, str, int], Callable[[], Table]]]:
    """The tables to make: their keys, and what makes them."""
    names = stations["station"].values
    x, y, z = (stations[name].values.astype(float) for name in ("easting", "northing", "depth"))
    for g, group in enumerate(ensemble.groups):
        if isinstance(group, LayeredGroup):
            has_s = [model.vs is not None for model in group.models]
            if any(has_s) and not all(has_s):
                raise InputError(
                    "build_tables: some layered models have S velocities and others have none. "
                    "Put them in groups of their own."
                )
            corners = np.hypot(
                *(
                    np.maximum(np.abs(axis[:, None] - np.array(edge)).max(axis=1), 1.0)
                    for axis, edge in ((x, region.easting), (y, region.northing))
                )
            )
            for i in range(names.size):
                for phase in ("P", "S") if all(has_s) else ("P",):
                    yield (
                        (i, phase, g),
                        _bound(
                            _layered_table, group, phase, z[i], corners[i], region.depth, tolerance
                        ),
                    )
            continue
        grid = grid_of(group, stations, region, step)
        for i in range(names.size):
            yield (i, "P", g), _bound(_grid_table, group, grid, (x[i], y[i], z[i]), tolerance)


def _bound(make: Callable[..., Table], *arguments: object) -> Callable[[], Table]:
    """A call to be made later."""
    return lambda: make(*arguments)


def _layered_table(
    group: LayeredGroup,
    phase: str,
    depth: float,
    reach: float,
    bounds: tuple[float, float],
    tolerance: float,
) -> Table:
    """Exact times of layered models on a grid that is fine near the station and at layers."""
    distance = _growing(reach)
    levels = _levels(group, depth, bounds)
    v_source, growth = _layered_background(group.models, phase, depth, bounds[1])
    source = np.array([0.0, 0.0, depth])
    points = np.stack(np.meshgrid(distance, [0.0], levels, indexing="ij"), axis=-1).reshape(-1, 3)
    near = background_times(points, source, v_source, growth).reshape(distance.size, levels.size)
    nodes = np.empty((*near.shape, group.n_members), np.float32)
    for k, model in enumerate(group.models):
        found = layered_times(model, phase, depth, distance, levels)
        # at the station itself the ratio of the velocities
        at = v_source / float(model.velocity(np.array(depth), phase))
        nodes[..., k] = np.where(near > 1e-6, found / np.maximum(near, 1e-6), at)
    return _table(group, nodes, near, tolerance, (distance, levels), source, v_source, growth)


def _table(
    group: Group,
    nodes: Single,
    near: Array,
    tolerance: float,
    axes: tuple[Array, ...],
    source: Array,
    v_source: float,
    growth: float,
) -> Table:
    """A table, compressed where members are many."""
    heads = None
    if group.n_members > FEW_MEMBERS:
        nodes, heads = compressed(nodes, near.astype(np.float32), tolerance)
    return Table(
        axes=axes, nodes=nodes, heads=heads, source=source, v_source=v_source, growth=growth
    )


def _growing(reach: float, least: float = 0.25, rate: float = 0.02, most: float = 4.0) -> Array:
    """Distances from 0 to beyond ``reach`` [km], in steps that grow with distance."""
    nodes = [0.0]
    while nodes[-1] < reach:
        nodes.append(nodes[-1] + min(max(least, rate * nodes[-1]), most))
    return np.array(nodes)


def _levels(group: LayeredGroup, depth: float, bounds: tuple[float, float]) -> Array:
    """Depths [km]: every layer's top, the station, and steps that grow with depth."""
    regular = bounds[0] + _growing(bounds[1] - bounds[0], 0.4, 0.04, 2.5)
    special = np.concatenate([*(model.top for model in group.models), [depth]])
    special = special[(special > bounds[0]) & (special < bounds[1])]
    levels = np.unique(np.concatenate([np.minimum(regular, bounds[1]), special]))
    return np.asarray(levels[np.append(True, np.diff(levels) > 0.02)], float)


def _layered_background(
    models: tuple[LayeredModel, ...], phase: str, depth: float, bottom: float
) -> tuple[float, float]:
    """Velocity at the station and its growth, over the mean of the models."""
    levels = np.linspace(depth, max(bottom, depth + 1.0), 60)
    mean = np.mean([model.velocity(levels, phase) for model in models], axis=0)
    growth = max(float((mean[-1] - mean[0]) / (levels[-1] - levels[0])), 1e-3)
    return float(mean[0]), growth


def _grid_table(
    group: SectionGroup | VolumeGroup,
    grid: SolverGrid,
    place: tuple[float, float, float],
    tolerance: float,
) -> Table:
    """Times of all members of a section or volume from one station, compressed over members."""
    hung = grid.at_station(group, place)
    first = solve_member(group, hung, 0)
    nodes = np.empty((*first.shape, group.n_members), np.float32)
    nodes[..., 0] = first
    for k in range(1, group.n_members):
        nodes[..., k] = solve_member(group, hung, k)
    near = background_times(hung.points(), hung.source, hung.v_source, hung.growth)
    return _table(
        group, nodes, near.reshape(first.shape), tolerance, hung.axes, hung.source,
        hung.v_source, hung.growth,
    )  # fmt: skip


def compressed(nodes: Single, near: Single, tolerance: float) -> tuple[Single, Single]:
    """Members as a mean and a few basis functions, by the covariance of their times.

    Parameters
    ----------
    nodes : NDArray, (*shape, n_members)
        Time over background time.
    near : NDArray, shape
        The background times [s], by which errors count.
    tolerance : float
        What is left out [s, rms over nodes and members].

    Returns
    -------
    nodes : NDArray, (*shape, 1 + n_basis)
        The mean, then the basis.
    heads : NDArray, (n_basis, n_members)
        Coefficients.
    """
    flat, by = nodes.reshape(-1, nodes.shape[-1]), near.reshape(-1, 1)
    mean = flat.mean(axis=1, dtype=np.float64).astype(np.float32)[:, None]
    parts = [slice(i, i + PART) for i in range(0, len(flat), PART)]  # copies of parts only
    covariance = np.zeros((flat.shape[1],) * 2)
    for part in parts:
        weighted = (flat[part] - mean[part]) * by[part]
        covariance += weighted.T @ weighted
    value, vector = np.linalg.eigh(covariance)
    left = np.cumsum(np.maximum(value, 0.0)) / flat.size
    n_left_out = int(np.searchsorted(left, tolerance**2))
    heads = vector[:, n_left_out:][:, ::-1].astype(np.float32)
    basis = [(flat[part] - mean[part]) @ heads for part in parts]
    found = np.concatenate([mean, np.concatenate(basis)], axis=1)
    return found.reshape(*nodes.shape[:-1], -1), np.ascontiguousarray(heads.T)
