"""GNSS offsets and velocities as a Dataset, checked."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from seisnb.conventions import OFFSETS, InputError, set_units
from seisnb.places import Names, places_of
from seisnb.projection import Projection

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
    names = Names.of(site, "site", where)
    n = len(names.names)
    if quantity not in get_args(Quantity):
        raise InputError(f"{where}: quantity is {quantity!r}; expected 'offset' or 'velocity'.")
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
    _check_values(names.names, d, s, where)
    places = places_of(
        names, longitude=longitude, latitude=latitude, easting=easting, northing=northing,
        projection=projection,
    )  # fmt: skip
    dataset = xr.Dataset(
        {
            "displacement": (("site", "component"), d),
            "std": (("site", "component"), s),
            "easting": ("site", places.easting),
            "northing": ("site", places.northing),
            "longitude": ("site", places.longitude),
            "latitude": ("site", places.latitude),
        },
        coords={"site": list(names.names), "component": list(COMPONENTS)},
        attrs={
            "kind": "offsets", "quantity": quantity, "projection": places.projection.proj,
            "source": source, "notes": json.dumps(list(notes)),
        },
    )  # fmt: skip
    if c is not None:
        dataset["covariance"] = (("site", "component", "site_2", "component_2"),
                                 c.reshape(n, 3, n, 3))  # fmt: skip
    return set_units(dataset, OFFSETS)


def horizontal_correlation(offsets: xr.Dataset) -> Array:
    """Correlation of the errors of east and north, (site,); zero where none was given.

    As the offsets hold it themselves, or from their covariance.
    """
    if "correlation" in offsets:
        return np.asarray(offsets["correlation"].values, float)
    if "covariance" not in offsets:
        return np.zeros(offsets.sizes["site"])
    n = offsets.sizes["site"]
    own = offsets["covariance"].values[np.arange(n), :, np.arange(n), :]
    return np.asarray(own[:, 0, 1] / np.sqrt(own[:, 0, 0] * own[:, 1, 1]))


def offsets_checksum(offsets: xr.Dataset) -> str:
    """SHA-256 over names, places, values and errors."""
    digest = hashlib.sha256("\n".join(map(str, offsets["site"].values)).encode())
    for name in ("easting", "northing", "displacement", "std", "covariance"):
        if name in offsets:
            digest.update(np.ascontiguousarray(offsets[name].values, float).tobytes())
    return digest.hexdigest()


def _check_values(names: Sequence[str], d: Array, s: Array, where: str) -> None:
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
