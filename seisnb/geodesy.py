"""GNSS offsets and velocities as a Dataset, checked."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from seisnb.conventions import OFFSETS, GeometryError, InputError, set_units
from seisnb.projection import Projection, local_projection

Array = NDArray[np.float64]
Quantity = Literal["offset", "velocity"]

COMPONENTS = ("east", "north", "up")
#: What no site moved by in an event [m] or moves by in a year [m], and errors below and above
#: which a unit is wrong [m].
LARGEST, LEAST_STD, LARGEST_STD = 100.0, 1e-6, 10.0


def make_offsets(
    *,
    site: Sequence[str],
    displacement: ArrayLike,
    std: ArrayLike,
    longitude: ArrayLike | None = None,
    latitude: ArrayLike | None = None,
    easting: ArrayLike | None = None,
    northing: ArrayLike | None = None,
    projection: Projection | str | None = None,
    covariance: ArrayLike | None = None,
    quantity: Quantity = "offset",
    source: str = "",
    notes: Sequence[str] = (),
    where: str = "make_offsets",
) -> xr.Dataset:
    """Build a checked Dataset of what sites moved by.

    Parameters
    ----------
    site : sequence of str, (site,)
        Names; each once.
    displacement, std : array_like, (site, 3)
        East, north, up and their standard deviations [m, or m/yr]; NaN in both where a component
        was not measured.
    longitude, latitude : array_like, (site,), optional
        [degrees]; either these or easting and northing.
    easting, northing : array_like, (site,), optional
        [km] in ``projection``.
    projection : Projection or str, optional
        By default one around the sites.
    covariance : array_like, (site * 3, site * 3), optional
        Of all components, site by site [m2]; its diagonal instead of ``std`` squared.
    quantity : {"offset", "velocity"}
        Offsets of an event [m] or velocities [m/yr].
    source : str
        Where it is from.
    notes : sequence of str
        What a reader assumed.
    where : str
        The public function's name, for messages.

    Returns
    -------
    xr.Dataset
        Variables of :data:`seisnb.conventions.OFFSETS`; of kind ``offsets``.

    Raises
    ------
    InputError
        No site, a name twice, unequal lengths, a sigma that is not positive, offsets in
        millimetres where metres are meant, a covariance that is not positive definite.
    GeometryError
        A position that is missing, not finite, or not on earth.
    """
    names = [str(name) for name in site]
    n = len(names)
    if n == 0:
        raise InputError(f"{where}: no site is left. At least one is needed.")
    if quantity not in get_args(Quantity):
        raise InputError(f"{where}: quantity is {quantity!r}; expected 'offset' or 'velocity'.")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InputError(
            f"{where}: site {twice[0]!r} is listed {names.count(twice[0])} times. Keep one line "
            "for each site, or give them different names."
        )
    d, s = np.asarray(displacement, float), np.asarray(std, float)
    if d.shape != (n, 3) or s.shape != (n, 3):
        raise InputError(
            f"{where}: displacement has shape {d.shape} and std {s.shape}; expected ({n}, 3): "
            "east, north, up."
        )
    c = None if covariance is None else np.asarray(covariance, float)
    if c is not None:
        c = _checked_covariance(c, n, where)
        s = np.where(np.isfinite(s), np.sqrt(np.diag(c)).reshape(n, 3), s)
    _check_values(names, d, s, where)
    x, y, lon, lat, proj = _places(names, longitude, latitude, easting, northing, projection, where)
    dataset = xr.Dataset(
        {
            "displacement": (("site", "component"), d),
            "std": (("site", "component"), s),
            "easting": ("site", x),
            "northing": ("site", y),
            "longitude": ("site", lon),
            "latitude": ("site", lat),
        },
        coords={"site": names, "component": list(COMPONENTS)},
        attrs={
            "kind": "offsets", "quantity": quantity, "projection": proj.proj, "source": source,
            "notes": json.dumps(list(notes)),
        },
    )  # fmt: skip
    if c is not None:
        dataset["covariance"] = (("site", "component", "site_2", "component_2"),
                                 c.reshape(n, 3, n, 3))  # fmt: skip
    return set_units(dataset, OFFSETS)


def offsets_checksum(offsets: xr.Dataset) -> str:
    """SHA-256 over names, places, values and errors."""
    digest = hashlib.sha256("\n".join(map(str, offsets["site"].values)).encode())
    for name in ("easting", "northing", "displacement", "std", "covariance"):
        if name in offsets:
            digest.update(np.ascontiguousarray(offsets[name].values, float).tobytes())
    return digest.hexdigest()


def _check_values(names: list[str], d: Array, s: Array, where: str) -> None:
    """Refuse values and errors that cannot be."""
    is_given = np.isfinite(d)
    if not (is_given | np.isinf(d)).any():
        raise InputError(f"{where}: no component of any site has a value.")
    for bad, found, expected in (
        (np.isinf(d), d, "a finite value, or NaN where there is none"),
        (is_given & ~(np.isfinite(s) & (s > 0)), s, "a positive standard deviation"),
        (is_given & (np.abs(d) > LARGEST), d, f"metres, at most {LARGEST:g}"),
        (is_given & (s > LARGEST_STD), s, f"a standard deviation in metres, at most {LARGEST_STD}"),
        (is_given & (s < LEAST_STD), s, f"a standard deviation of {LEAST_STD:g} m or more"),
    ):
        if bad.any():
            i, k = np.argwhere(bad)[0]
            raise InputError(
                f"{where}: {COMPONENTS[k]} of site {names[i]}: {found[i, k]:g}; expected "
                f"{expected}. Divide millimetres by 1000."
            )
    if np.median(np.abs(d[is_given])) > 5.0:
        raise InputError(
            f"{where}: half of the values exceed {np.median(np.abs(d[is_given])):g} m; expected "
            "metres. Divide millimetres by 1000."
        )


def _checked_covariance(c: Array, n: int, where: str) -> Array:
    """The covariance if it is one."""
    if c.shape != (3 * n, 3 * n) or not np.isfinite(c).all():
        raise InputError(
            f"{where}: covariance of shape {c.shape}; expected ({3 * n}, {3 * n}) finite values, "
            "site by site: east, north, up."
        )
    if not np.allclose(c, c.T, rtol=1e-6, atol=0.0):
        raise InputError(f"{where}: the covariance is not symmetric.")
    try:
        np.linalg.cholesky(c)
    except np.linalg.LinAlgError as error:
        raise InputError(
            f"{where}: the covariance is not positive definite (smallest eigenvalue "
            f"{np.linalg.eigvalsh(c)[0]:.3g} m2). Add the instruments' own variance."
        ) from error
    return np.asarray(0.5 * (c + c.T))


def _places(
    names: list[str],
    longitude: ArrayLike | None,
    latitude: ArrayLike | None,
    easting: ArrayLike | None,
    northing: ArrayLike | None,
    projection: Projection | str | None,
    where: str,
) -> tuple[Array, Array, Array, Array, Projection]:
    """Easting, northing, longitude, latitude and the projection."""

    def column(values: ArrayLike, name: str, low: float, high: float, unit: str) -> Array:
        array = np.atleast_1d(np.asarray(values, float))
        if array.shape != (len(names),):
            raise InputError(
                f"{where}: {name} has shape {array.shape}; expected one value for each of "
                f"{len(names)} sites."
            )
        bad = np.flatnonzero(~((array >= low) & (array <= high)))
        if bad.size:
            raise GeometryError(
                f"{where}: {name} of site {names[bad[0]]} is {array[bad[0]]:g} {unit}; expected "
                f"{low:g} to {high:g} {unit}. Check the unit and the column."
            )
        return array

    if isinstance(projection, str):
        projection = Projection(projection)
    if longitude is not None and latitude is not None and easting is None and northing is None:
        lon = column(longitude, "longitude", -180.0, 360.0, "degrees")
        lat = column(latitude, "latitude", -90.0, 90.0, "degrees")
        projection = projection or local_projection(lon, lat)
        x, y = projection.forward(lon, lat)
        return x, y, lon, lat, projection
    if easting is not None and northing is not None and longitude is None and latitude is None:
        if projection is None:
            raise InputError(f"{where}: easting and northing need the projection they are in.")
        x = column(easting, "easting", -2e4, 2e4, "km")
        y = column(northing, "northing", -2e4, 2e4, "km")
        lon, lat = projection.inverse(x, y)
        return x, y, lon, lat, projection
    raise InputError(
        f"{where}: give longitude and latitude, or easting and northing; not a mixture."
    )
