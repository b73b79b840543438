"""Velocity models that earthquakes are located in, of one kind or several, as one ensemble.

Three kinds: layers over depth (1-D), sections along a line that hold unchanged across it (2.5-D),
and volumes (3-D). A group holds members of one kind on one grid; an ensemble is a list of groups,
whose members are numbered through, with their weights.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from seisnb.conventions import InputError

Array = NDArray[np.float64]

#: Velocities outside this range [km/s] mean a unit error.
PLAUSIBLE_P = (0.1, 15.0)


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
    checksum : str
        SHA-256 over everything a travel time depends on.
    """

    groups: tuple[Group, ...]
    log_weight: Array
    vpvs: Array
    name: tuple[str, ...]
    projection: str | None = None
    checksum: str = field(default="")

    @property
    def n_members(self) -> int:
        """How many members in all groups."""
        return sum(group.n_members for group in self.groups)
