"""Are the stations' depths possible where they stand? A wrong sign moves events by kilometres."""

from __future__ import annotations

import numpy as np
import xarray as xr

from seisnb.catalogue import NOWHERE
from seisnb.coast import coast_distance, is_land
from seisnb.conventions import GeometryError

#: So far from the coast [km] a place is surely at sea, or surely inland.
SURE_SEA, SURE_LAND = 5.0, 10.0
#: At sea nothing stands so high above the water, inland hardly anything so far below it [km].
HIGHEST_AT_SEA, DEEPEST_ON_LAND = 0.3, 0.6


def check_station_depths(stations: xr.Dataset) -> list[str]:
    """Refuse stations whose sign of depth is wrong; says which are doubtful.

    Parameters
    ----------
    stations : xr.Dataset
        Stations on the earth; those of a made-up place are not judged.

    Returns
    -------
    list of str
        A sentence for every station above sea level at sea by less than what is refused.

    Raises
    ------
    GeometryError
        A station stands high above the sea, or far below sea level inland.
    """
    if stations.attrs.get("projection") == NOWHERE:
        return []
    lon, lat = stations["longitude"].values, stations["latitude"].values
    depth = stations["depth"].values
    doubtful = np.flatnonzero((depth < -0.01) | (depth > DEEPEST_ON_LAND))
    notes = []
    land, away = is_land(lon[doubtful], lat[doubtful]), coast_distance(lon[doubtful], lat[doubtful])
    for i, on_land, distance in zip(doubtful, land, away, strict=True):
        name = str(stations["station"].values[i])
        place = (
            f"{abs(lat[i]):.2f} {'NS'[int(lat[i] < 0)]} {abs(lon[i]):.2f} {'EW'[int(lon[i] < 0)]}"
        )
        if not on_land and distance > SURE_SEA and depth[i] < 0:
            told = f"station {name} has depth {depth[i]:g} km but lies at {place}, in the sea"
            if depth[i] < -HIGHEST_AT_SEA:
                raise GeometryError(
                    f"locate: {told}. Depth is positive down: use {-depth[i]:g} (elevation "
                    f"{depth[i]:g}). If it stands so, set check_station_depths=False."
                )
            notes.append(f"{told}; is the sign right?")
        elif on_land and distance > SURE_LAND and depth[i] > DEEPEST_ON_LAND:
            raise GeometryError(
                f"locate: station {name} has depth {depth[i]:g} km but lies at {place}, on land. "
                f"Depth is positive down: use {-depth[i]:g} (elevation {depth[i]:g}). If it is in "
                "a deep borehole, set check_station_depths=False."
            )
    return notes
