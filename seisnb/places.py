"""Named places on the ground, stations or sites: numbers checked by name, degrees projected."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seisnb.conventions import GeometryError, InputError
from seisnb.projection import Projection, local_projection

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Names:
    """Names of stations or sites, each once, for messages about their values.

    Attributes
    ----------
    names : tuple of str
        In order.
    what : str
        "station" or "site".
    where : str
        The public function's name.
    """

    names: tuple[str, ...]
    what: str
    where: str

    @classmethod
    def of(cls, names: Sequence[str], what: str, where: str) -> Names:
        """Names as text.

        Raises
        ------
        InputError
            No name, or one twice.
        """
        texts = tuple(str(name) for name in names)
        if not texts:
            raise InputError(f"{where}: no {what}s. At least one is needed.")
        twice = sorted({name for name in texts if texts.count(name) > 1})
        if twice:
            raise InputError(
                f"{where}: {what} {twice[0]!r} is listed {texts.count(twice[0])} times. Keep one "
                f"line for each {what} (network and location codes can be part of the name)."
            )
        return cls(names=texts, what=what, where=where)

    def column(self, values: ArrayLike, name: str, low: float, high: float, unit: str) -> Array:
        """One finite number within bounds for each name.

        Raises
        ------
        InputError
            Another number of values.
        GeometryError
            A value that is not finite or out of bounds; the message names it.
        """
        array = np.atleast_1d(np.asarray(values, float))
        if array.shape != (len(self.names),):
            raise InputError(
                f"{self.where}: {name} has shape {array.shape}; expected one value for each of "
                f"{len(self.names)} {self.what}s."
            )
        bad = np.flatnonzero(~((array >= low) & (array <= high)))
        if bad.size:
            raise GeometryError(
                f"{self.where}: {name} of {self.what} {self.names[bad[0]]} is {array[bad[0]]:g} "
                f"{unit}; expected {low:g} to {high:g} {unit}. Check the unit and the column."
            )
        return array


@dataclass(frozen=True, kw_only=True)
class Places:
    """Where named places are, on the earth and in a projection.

    Attributes
    ----------
    longitude, latitude : Array, (n,)
        [degrees].
    easting, northing : Array, (n,)
        [km].
    projection : Projection
        That eastings and northings are in.
    """

    longitude: Array
    latitude: Array
    easting: Array
    northing: Array
    projection: Projection


def places_of(
    names: Names,
    *,
    longitude: ArrayLike | None,
    latitude: ArrayLike | None,
    easting: ArrayLike | None,
    northing: ArrayLike | None,
    projection: Projection | str | None,
    nowhere: str | None = None,
) -> Places:
    """Places given either way.

    Parameters
    ----------
    names : Names
        Whose places.
    longitude, latitude : array_like, (n,), optional
        [degrees]; either these or easting and northing.
    easting, northing : array_like, (n,), optional
        [km] in ``projection``.
    projection : Projection or str, optional
        By default one around the places.
    nowhere : str, optional
        PROJ string of eastings and northings that come without a projection; without it they are
        refused.

    Raises
    ------
    InputError
        A mixture of the two, unequal lengths, eastings and northings without a projection.
    GeometryError
        A position that is missing, not finite, or not on earth.
    """
    if isinstance(projection, str):
        projection = Projection(projection)
    if longitude is not None and latitude is not None and easting is None and northing is None:
        lon = names.column(longitude, "longitude", -180.0, 360.0, "degrees")
        lat = names.column(latitude, "latitude", -90.0, 90.0, "degrees")
        projection = projection or local_projection(lon, lat)
        x, y = projection.forward(lon, lat)
    elif easting is not None and northing is not None and longitude is None and latitude is None:
        if projection is None and nowhere is None:
            raise InputError(
                f"{names.where}: easting and northing need the projection they are in."
            )
        projection = projection or Projection(str(nowhere))
        x = names.column(easting, "easting", -2e4, 2e4, "km")
        y = names.column(northing, "northing", -2e4, 2e4, "km")
        lon, lat = projection.inverse(x, y)
    else:
        raise InputError(
            f"{names.where}: give longitude and latitude, or easting and northing; not a mixture."
        )
    return Places(longitude=lon, latitude=lat, easting=x, northing=y, projection=projection)
