"""Tables that a person would bring, written from synthetic data."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import xarray as xr


def write_stations(stations: xr.Dataset, path: Path) -> None:
    """Stations by longitude, latitude and elevation."""
    rows = ["station,longitude,latitude,elevation_m"]
    for i, name in enumerate(stations["station"].values):
        one = stations.isel(station=i)
        place = f"{one['longitude'].item():.7f},{one['latitude'].item():.7f}"
        rows.append(f"{name},{place},{-1e3 * one['depth'].item():.1f}")
    path.write_text("\n".join(rows) + "\n")


def write_offsets(offsets: xr.Dataset, path: Path, *, says_mm: bool = True) -> None:
    """Displacements and their errors in mm, or in m where the header says no unit."""
    ending, factor = ("_mm", 1e3) if says_mm else ("", 1.0)
    rows = [f"site,lon,lat,east{ending},north{ending},up{ending},sig_e,sig_n,sig_u"]
    for i, name in enumerate(offsets["site"].values):
        one = offsets.isel(site=i)
        place = one["longitude"].item(), one["latitude"].item()
        values = factor * np.concatenate([one["displacement"].values, one["std"].values])
        rows.append(",".join([str(name), *(f"{v:.9g}" for v in (*place, *values))]))
    path.write_text("\n".join(rows) + "\n")
