"""Planes that stress acts on: given ones, and those of a fault's own patches."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from seisnb.conventions import GeometryError, InputError, Variable, check_dataset, set_units
from seisnb.slip.faults import Fault

Array = NDArray[np.float64]

RECEIVERS = {
    "easting": Variable(dims=("receiver",), units="km", long_name="easting"),
    "northing": Variable(dims=("receiver",), units="km", long_name="northing"),
    "depth": Variable(dims=("receiver",), units="km", long_name="depth"),
    "strike": Variable(dims=("receiver",), units="deg", long_name="strike, the dip to its right"),
    "dip": Variable(dims=("receiver",), units="deg", long_name="dip"),
    "rake": Variable(dims=("receiver",), units="deg", long_name="rake: 0 left-lateral, 90 thrust"),
}


@dataclass(frozen=True, kw_only=True, eq=False)
class Planes:
    """Where stress is computed, on which planes, and how points make receivers.

    Attributes
    ----------
    points : Array, (point, 3)
        Easting, northing, depth [km].
    normal, slip : Array, (point, 3)
        Unit normals towards the hanging wall, and directions that it would slip in: east, north,
        up.
    receiver : NDArray of int, (point,)
        The receiver that a point belongs to.
    weight : Array, (point,)
        Its share of it.
    """

    points: Array
    normal: Array
    slip: Array
    receiver: NDArray[np.intp]
    weight: Array

    @property
    def n_receivers(self) -> int:
        """How many receivers."""
        return int(self.receiver.max()) + 1


def receiver_planes(
    *,
    easting: ArrayLike,
    northing: ArrayLike,
    depth: ArrayLike,
    strike: ArrayLike,
    dip: ArrayLike,
    rake: ArrayLike,
) -> xr.Dataset:
    """Planes at points in the rock, for :func:`seisnb.slip.coulomb_stress`.

    Parameters
    ----------
    easting, northing, depth : array_like, (receiver,) or ()
        [km], depth positive down; single numbers count for all receivers.
    strike, dip, rake : array_like, (receiver,) or ()
        [degrees]; the dip is to the right of the strike, 0 to 90; the hanging wall slips along
        strike at rake 0 (left-lateral) and up the dip at 90 (thrust).

    Raises
    ------
    InputError
        Unequal lengths, an angle that is not finite, or a dip outside 0 to 90.
    GeometryError
        A point that is not finite or above the ground.
    """
    given = {
        "easting": easting, "northing": northing, "depth": depth, "strike": strike, "dip": dip,
        "rake": rake,
    }  # fmt: skip
    sizes = {name: np.shape(value) for name, value in given.items()}
    try:
        whole = np.broadcast_arrays(*[np.atleast_1d(np.asarray(v, float)) for v in given.values()])
    except ValueError as error:
        raise InputError(
            f"receiver_planes: shapes {sizes}; expected one number or one for each receiver."
        ) from error
    if whole[0].ndim != 1 or not whole[0].size:
        raise InputError(f"receiver_planes: shapes {sizes}; expected one list of receivers.")
    dataset = xr.Dataset(
        {name: ("receiver", value.copy()) for name, value in zip(given, whole, strict=True)},
        attrs={"kind": "receivers"},
    )
    _check(dataset, "receiver_planes")
    return set_units(dataset, RECEIVERS)


def planes_of(receivers: xr.Dataset, *, where: str) -> Planes:
    """Given planes.

    Raises
    ------
    InputError, GeometryError
        As for :func:`receiver_planes`.
    """
    check_dataset(receivers, RECEIVERS, where=where, kind="receivers")
    _check(receivers, where)
    strike, dip, rake = (np.radians(receivers[n].values) for n in ("strike", "dip", "rake"))
    level = np.zeros_like(strike)
    along = np.column_stack([np.sin(strike), np.cos(strike), level])
    up_dip = np.column_stack(
        [-np.cos(strike) * np.cos(dip), np.sin(strike) * np.cos(dip), np.sin(dip)]
    )
    n = receivers.sizes["receiver"]
    return Planes(
        points=np.column_stack([receivers[v].values for v in ("easting", "northing", "depth")]),
        normal=np.cross(along, up_dip),
        slip=np.cos(rake)[:, None] * along + np.sin(rake)[:, None] * up_dip,
        receiver=np.arange(n),
        weight=np.ones(n),
    )


def own_planes(fault: Fault, rake: ArrayLike, *, where: str) -> Planes:
    """Planes of a fault's patches, at the centroids of their triangles.

    There, inside of a triangle, stress has a value; on the edges between triangles it has none. A
    patch of several triangles is their mean by area.

    Raises
    ------
    InputError
        Rakes that are not one, or one for each patch, or not finite.
    """
    angle = np.asarray(rake, float)
    if angle.shape not in ((), (fault.n_patches,)) or not np.isfinite(angle).all():
        raise InputError(
            f"{where}: rake of shape {angle.shape}; expected one finite number, or one for each of "
            f"{fault.n_patches} patches [degrees]."
        )
    turn = np.radians(np.broadcast_to(angle, fault.n_patches))[:, None]
    slip = np.cos(turn) * fault.along_strike + np.sin(turn) * fault.up_dip
    return Planes(
        points=fault.corners.mean(axis=1), normal=fault.normal[fault.patch],
        slip=slip[fault.patch], receiver=fault.patch,
        weight=fault.triangle_area / fault.area[fault.patch],
    )  # fmt: skip


def _check(receivers: xr.Dataset, where: str) -> None:
    """Refuse places and angles that cannot be."""
    for name in RECEIVERS:
        values = receivers[name].values
        if name == "depth":
            bad, expected = ~((values >= 0) & (values < 800.0)), "0 to 800 km, positive down"
        elif name == "dip":
            bad = ~((values >= 0) & (values <= 90.0))
            expected = "0 to 90 degrees, right of the strike"
        else:
            bad, expected = ~np.isfinite(values), "a finite number"
        if bad.any():
            k = int(np.flatnonzero(bad)[0])
            kind = GeometryError if name in ("easting", "northing", "depth") else InputError
            raise kind(f"{where}: {name} of receiver {k} is {values[k]:g}; expected {expected}.")
