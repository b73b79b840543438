"""Velocity models that earthquakes are located in, of one kind or several, as one ensemble.

Three kinds: layers over depth (1-D), sections along a line that hold unchanged across it (2.5-D),
and volumes (3-D). A group holds members of one kind on one grid; an ensemble is a list of groups,
whose members are numbered through, with their weights.
"""

from __future__ import annotations

import functools
import hashlib
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from seisnb.conventions import InputError

Array = NDArray[np.float64]

#: Velocities outside this range [km/s] mean a unit error.
PLAUSIBLE = (0.1, 15.0)
#: Vp/Vs of crust and mantle lies in this range; saturated sediments reach higher.
PLAUSIBLE_RATIO = (1.3, 6.0)
#: Depth to which a last layer's gradient is followed when velocities are checked [km].
CHECKED_DEPTH = 100.0


@dataclass(frozen=True, kw_only=True)
class LayeredModel:
    """A 1-D model: layers of constant velocity or constant gradient.

    Attributes
    ----------
    name : str
        What it is called.
    top : Array, (layer,)
        Depth of every layer's top [km], increasing; the first layer reaches up without end with
        the velocity of its top, the last one down without end with its gradient.
    vp, vp_gradient : Array, (layer,)
        P velocity at the top [km/s] and its growth with depth [1/s].
    vs, vs_gradient : Array, (layer,) or None
        The same of S; None where only P is known.
    """

    name: str
    top: Array
    vp: Array
    vp_gradient: Array
    vs: Array | None = None
    vs_gradient: Array | None = None

    def __post_init__(self) -> None:
        """Refuse layers that cannot be.

        Raises
        ------
        InputError
            Unequal lengths, tops that do not increase, velocities outside 0.1 to 15 km/s at a
            layer's top or end, S faster than P.
        """
        where = f"velocity model {self.name!r}"
        top = np.asarray(self.top, float)
        if (
            top.ndim != 1
            or top.size == 0
            or not np.isfinite(top).all()
            or (np.diff(top) <= 0).any()
        ):
            raise InputError(
                f"{where}: the layers' tops are {top.tolist()} km; expected finite depths that "
                "increase. Sort the layers, and leave out those without thickness."
            )
        end = np.append(top[1:], max(top[-1], CHECKED_DEPTH))
        pairs = [("vp", self.vp, self.vp_gradient)]
        if self.vs is not None and self.vs_gradient is not None:
            pairs.append(("vs", self.vs, self.vs_gradient))
        ends = []
        for name, v, g in pairs:
            if np.shape(v) != top.shape or np.shape(g) != top.shape:
                raise InputError(
                    f"{where}: {np.size(v)} values of {name} and {np.size(g)} of its gradient; "
                    f"expected one for each of {top.size} layers."
                )
            both = np.stack([v, v + g * (end - top)])
            ends.append(both)
            # a last layer may fall: it is followed down to a fifth of its top's velocity only
            both = both[:, :-1] if g[-1] < 0 else both
            bad = np.argwhere(~((both >= PLAUSIBLE[0]) & (both <= PLAUSIBLE[1])))
            if bad.size:
                which, layer = bad[0]
                raise InputError(
                    f"{where}: {name} is {both[which, layer]:g} km/s at the "
                    f"{('top', 'lower end')[which]} of the layer at {top[layer]:g} km; expected "
                    f"{PLAUSIBLE[0]:g} to {PLAUSIBLE[1]:g} km/s. Check the unit, the columns, and "
                    "that gradients are per km."
                )
        if len(ends) == 2 and (ends[1][0] >= ends[0][0]).any():
            layer = int(np.argmax(ends[1][0] >= ends[0][0]))
            raise InputError(
                f"{where}: vs is {ends[1][0][layer]:g} km/s at {top[layer]:g} km, vp "
                f"{ends[0][0][layer]:g}; S is slower than P. Are the columns swapped?"
            )

    def velocity(self, depth: Array, phase: str = "P") -> Array:
        """Velocity [km/s] at depths [km], any shape; at a jump that of the lower layer.

        Raises
        ------
        InputError
            S of a model that has none.
        """
        v, g = (self.vp, self.vp_gradient) if phase == "P" else (self.vs, self.vs_gradient)
        if v is None or g is None:
            raise InputError(f"velocity: model {self.name!r} has no S velocity. Give vs or Vp/Vs.")
        depth = np.asarray(depth, float)
        layer = np.clip(np.searchsorted(self.top, depth, side="right") - 1, 0, None)
        return np.asarray(v[layer] + g[layer] * np.maximum(depth - self.top[layer], 0.0))


@dataclass(frozen=True, kw_only=True)
class LayeredGroup:
    """Members that are layered models."""

    models: tuple[LayeredModel, ...]

    @property
    def n_members(self) -> int:
        """How many members."""
        return len(self.models)


@dataclass(frozen=True, kw_only=True)
class SectionGroup:
    """Members on one vertical section, unchanged across it.

    Attributes
    ----------
    velocity : NDArray, (member, depth, along)
        P velocity [km/s]; beyond the grid the value of its edge goes on.
    along, depth : Array, (along,), (depth,)
        Distance along the section and depth [km], evenly spaced, increasing.
    surface : Array, (along,)
        Depth of the rock's surface [km]: topography or sea floor.
    origin : tuple of float
        Easting and northing [km] of ``along = 0``.
    azimuth : float
        Direction of growing ``along``, clockwise from north [degrees]; 90 is eastward.
    """

    velocity: NDArray[np.floating]
    along: Array
    depth: Array
    surface: Array
    origin: tuple[float, float] = (0.0, 0.0)
    azimuth: float = 90.0

    @property
    def n_members(self) -> int:
        """How many members."""
        return int(self.velocity.shape[0])

    def to_section(self, easting: Array, northing: Array) -> tuple[Array, Array]:
        """Distance along the section and across it [km] (positive to its left) of places [km]."""
        a = np.radians(self.azimuth)
        dx, dy = np.asarray(easting) - self.origin[0], np.asarray(northing) - self.origin[1]
        return dx * np.sin(a) + dy * np.cos(a), -dx * np.cos(a) + dy * np.sin(a)


@dataclass(frozen=True, kw_only=True)
class VolumeGroup:
    """Members on one 3-D grid.

    Attributes
    ----------
    velocity : NDArray, (member, northing, easting, depth)
        P velocity [km/s]; beyond the grid the value of its edge goes on.
    northing, easting, depth : Array
        Axes [km], evenly spaced, increasing.
    """

    velocity: NDArray[np.floating]
    northing: Array
    easting: Array
    depth: Array

    @property
    def n_members(self) -> int:
        """How many members."""
        return int(self.velocity.shape[0])


Group = LayeredGroup | SectionGroup | VolumeGroup
GroupT = TypeVar("GroupT", bound=Group)


def emptied(group: GroupT) -> GroupT:
    """Where a group lies, without its members: what finished travel times need of it."""
    name = "models" if isinstance(group, LayeredGroup) else "velocity"
    return replace(group, **{name: getattr(group, name)[:0]})


@dataclass(frozen=True, kw_only=True)
class VelocityEnsemble:
    """All members, numbered through the groups in order.

    Attributes
    ----------
    groups : tuple of groups
        Members by kind.
    log_weight : Array, (member,)
        Log prior weight of every member; the weights sum to one.
    vpvs : Array, (member,)
        Vp/Vs of every member, for those without an S velocity of their own.
    name : tuple of str
        A name for every member.
    projection : str or None
        PROJ string of the eastings and northings of sections and volumes; None where there are
        only layers, or where they are in the stations' frame.
    notes : tuple of str
        What a reader assumed.
    """

    groups: tuple[Group, ...]
    log_weight: Array
    vpvs: Array
    name: tuple[str, ...]
    projection: str | None = None
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse members without weight, Vp/Vs or name.

        Raises
        ------
        InputError
            No member, another number of weights, ratios or names than of members, a weight that is
            NaN, or a Vp/Vs outside 1.3 to 6.
        """
        n = self.n_members
        if n == 0:
            raise InputError("VelocityEnsemble: no members. At least one is needed.")
        for what, values in (("weights", self.log_weight), ("ratios", self.vpvs)):
            if np.shape(values) != (n,) or np.isnan(values).any():
                raise InputError(
                    f"VelocityEnsemble: {what} of shape {np.shape(values)}; expected one for "
                    f"each of {n} members."
                )
        if len(self.name) != n:
            raise InputError(f"VelocityEnsemble: {len(self.name)} names for {n} members.")
        low, high = float(np.min(self.vpvs)), float(np.max(self.vpvs))
        if low < PLAUSIBLE_RATIO[0] or high > PLAUSIBLE_RATIO[1]:
            raise InputError(
                f"VelocityEnsemble: Vp/Vs from {low:g} to {high:g}; expected "
                f"{PLAUSIBLE_RATIO[0]:g} to {PLAUSIBLE_RATIO[1]:g}, for instance 1.73."
            )
        if not np.isfinite(np.max(self.log_weight)):
            raise InputError("VelocityEnsemble: every member has weight zero.")

    @property
    def n_members(self) -> int:
        """How many members in all groups."""
        return sum(group.n_members for group in self.groups)

    @property
    def weight(self) -> Array:
        """Prior weights, (member,), that sum to one."""
        w = np.exp(self.log_weight - np.max(self.log_weight))
        return np.asarray(w / w.sum())

    @property
    def n_effective(self) -> float:
        """Effective number of members, 1 over the sum of squared weights."""
        return float(1.0 / np.sum(self.weight**2))

    @property
    def kinds(self) -> tuple[str, ...]:
        """Kind of every group: "layers", "section" or "volume"."""
        names = {LayeredGroup: "layers", SectionGroup: "section", VolumeGroup: "volume"}
        return tuple(names[type(group)] for group in self.groups)

    @functools.cached_property
    def checksum(self) -> str:
        """SHA-256 over everything that a travel time depends on; found once."""
        digest = hashlib.sha256(repr((self.kinds, self.projection)).encode())
        digest.update(np.ascontiguousarray(self.vpvs, float).tobytes())
        for group in self.groups:
            for array in _arrays(group):
                digest.update(repr((array.shape, str(array.dtype))).encode())
                digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()


def _arrays(group: Group) -> list[NDArray[np.floating]]:
    """All numbers of a group."""
    if isinstance(group, LayeredGroup):
        empty = np.empty(0)
        return [
            np.asarray(empty if a is None else a, float)
            for m in group.models
            for a in (m.top, m.vp, m.vp_gradient, m.vs, m.vs_gradient)
        ]
    if isinstance(group, SectionGroup):
        place = np.array([*group.origin, group.azimuth])
        return [group.velocity, group.along, group.depth, group.surface, place]
    return [group.velocity, group.northing, group.easting, group.depth]
