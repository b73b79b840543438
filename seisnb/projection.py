"""From longitude and latitude to easting and northing [km] and back, by PROJ through pyproj.

A projection is its PROJ string, so that a result that stores the string can be placed on the earth
again. :func:`local_projection` chooses one for a set of stations whose scale is nearly 1 there.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pyproj
from numpy.typing import ArrayLike, NDArray

from seisnb.conventions import GeometryError, InputError

Array = NDArray[np.float64]

#: A region farther across has no one projection whose distances can be trusted [degrees].
WIDEST = 40.0


@dataclass(frozen=True)
class Projection:
    """A map projection onto easting and northing [km].

    Attributes
    ----------
    proj : str
        The PROJ string, in kilometres: ``+proj=tmerc +lat_0=45 ... +units=km``.

    Examples
    --------
    >>> here = Projection("+proj=tmerc +lat_0=45 +lon_0=-125 +ellps=WGS84 +units=km")
    >>> easting, northing = here.forward(-125.0, 46.0)
    >>> round(float(easting), 6), round(float(northing), 2)
    (0.0, 111.14)
    """

    proj: str

    def __post_init__(self) -> None:
        """Refuse what PROJ does not know, and other units than kilometres.

        Raises
        ------
        InputError
            PROJ refuses the text, or it does not say ``+units=km``.
        """
        try:
            units = pyproj.CRS(self.proj).axis_info[0].unit_name
        except (pyproj.exceptions.CRSError, IndexError) as error:
            raise InputError(
                f"Projection: {self.proj!r} is no projection that PROJ knows ({error}). Give a "
                "PROJ string such as '+proj=tmerc +lat_0=45 +lon_0=-125 +units=km'."
            ) from error
        if units != "kilometre":
            raise InputError(
                f"Projection: {self.proj!r} is in {units}; expected kilometres. Add +units=km."
            )

    def forward(self, longitude: ArrayLike, latitude: ArrayLike) -> tuple[Array, Array]:
        """Easting and northing [km] of longitudes and latitudes [degrees], elementwise."""
        x, y = _transformer(self.proj).transform(np.asarray(longitude), np.asarray(latitude))
        return np.asarray(x, float), np.asarray(y, float)

    def inverse(self, easting: ArrayLike, northing: ArrayLike) -> tuple[Array, Array]:
        """Longitude and latitude [degrees] of eastings and northings [km], elementwise."""
        x, y = _transformer(self.proj).transform(
            np.asarray(easting), np.asarray(northing), direction="INVERSE"
        )
        return np.asarray(x, float), np.asarray(y, float)


@lru_cache(maxsize=64)
def _transformer(proj: str) -> pyproj.Transformer:
    """PROJ's own object, longitude first; any thread may use it."""
    return pyproj.Transformer.from_crs("EPSG:4326", proj, always_xy=True)


def local_projection(longitude: ArrayLike, latitude: ArrayLike) -> Projection:
    """A conformal projection around places, whose scale departs least from 1 over them.

    A transverse Mercator where the region is longer from south to north, a Lambert conformal conic
    where it is longer from west to east; the scale is 1 along the region's middle.

    Parameters
    ----------
    longitude, latitude : array_like, (n,)
        Places [degrees].

    Raises
    ------
    GeometryError
        No place, a value outside -180..360 or -90..90, or a region wider than 40 degrees.

    Examples
    --------
    >>> local_projection([-126.0, -122.0], [40.0, 50.0]).proj.split()[0]
    '+proj=tmerc'
    """
    lon, lat = (
        np.atleast_1d(np.asarray(longitude, float)),
        np.atleast_1d(np.asarray(latitude, float)),
    )
    if lon.size == 0 or lon.shape != lat.shape or not np.isfinite([lon, lat]).all():
        raise GeometryError(
            f"local_projection: {lon.size} longitudes and {lat.size} latitudes; expected equal "
            "numbers of finite values, at least one."
        )
    if np.abs(lat).max() > 90 or lon.min() < -180 or lon.max() > 360:
        raise GeometryError(
            f"local_projection: longitudes {lon.min():g}..{lon.max():g} and latitudes "
            f"{lat.min():g}..{lat.max():g}; expected degrees in -180..360 and -90..90. Are they "
            "swapped, or in km?"
        )
    turn = np.exp(1j * np.radians(lon))
    middle = float(np.degrees(np.angle(turn.mean()))) if abs(turn.mean()) > 1e-6 else float(lon[0])
    off = (lon - middle + 180.0) % 360.0 - 180.0
    lon_0 = round(middle + 0.5 * float(off.min() + off.max()), 3)
    lat_0 = round(0.5 * float(lat.min() + lat.max()), 3)
    wide, high = float(np.ptp(off)), float(np.ptp(lat))
    if max(wide * np.cos(np.radians(lat_0)), high) > WIDEST:
        raise GeometryError(
            f"local_projection: the places span {wide:.0f} degrees of longitude and {high:.0f} of "
            f"latitude; at most {WIDEST:g}. seisnb locates in a flat region: take a part, or "
            "correct a wrong coordinate."
        )
    shared = f"+lat_0={lat_0} +lon_0={lon_0} +ellps=WGS84 +units=km +no_defs"
    if high >= wide * np.cos(np.radians(lat_0)) or abs(lat_0) < 1.0:
        return Projection(f"+proj=tmerc {shared}")
    return Projection(f"+proj=lcc +lat_1={lat_0} {shared}")
