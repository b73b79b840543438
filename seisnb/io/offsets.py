"""GNSS offsets and velocities from a table with a header.

Columns are found by name, in any order; others are left out, with a note:

- ``site``, ``name`` or ``station``; ``lon``, ``lat`` [degrees];
- east, north and, optionally, up: ``east``, ``east_mm``, ``east_m``, ``east_vel``, ``de`` ...;
- their standard deviations: ``sig_e``, ``east_sig``, ``std_east`` ...; correlations of east and
  north: ``corr_en``;
- ``flag``: lines with 0 are left out.

A name that ends in ``_mm`` or ``_m`` (``_mm_yr``, ``_m_yr``) says its unit; ``unit`` says that of
the others.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import numpy as np
import xarray as xr

from seisnb.conventions import FileFormatError, InputError
from seisnb.geodesy import COMPONENTS, Quantity, make_offsets
from seisnb.io.events.columns import Table, header_names, read_table, require
from seisnb.io.lines import listed, read_text
from seisnb.projection import Projection

WHERE = "read_offsets"
LengthUnit = Literal["mm", "m"]
_FACTOR = {"mm": 1e-3, "m": 1.0}
_SUFFIXES = ("", "_mm", "_m", "_mm_yr", "_m_yr", "_mm/yr", "_m/yr")


def _forms(*names: str) -> tuple[str, ...]:
    """Names with every ending that says a unit."""
    return tuple(name + suffix for suffix in _SUFFIXES for name in names)


#: Names of columns.
COLUMNS: Mapping[str, tuple[str, ...]] = {
    "site": ("site", "name", "station", "sta", "id"),
    "longitude": ("lon", "longitude", "long", "lon_deg"),
    "latitude": ("lat", "latitude", "lat_deg"),
    "east": _forms("east", "e", "east_vel", "ve", "de", "ux"),
    "north": _forms("north", "n", "north_vel", "vn", "dn", "uy"),
    "up": _forms("up", "u", "up_vel", "vu", "du", "uz"),
    "std_east": _forms("sig_e", "east_sig", "std_east", "se", "sde", "east_std"),
    "std_north": _forms("sig_n", "north_sig", "std_north", "sn", "sdn", "north_std"),
    "std_up": _forms("sig_u", "up_sig", "std_up", "su", "sdu", "up_std"),
    "correlation": ("corr_en", "rho_en", "corr", "corren"),
    "flag": ("flag", "use", "used"),
}


def read_offsets(
    path: str | Path,
    *,
    unit: LengthUnit = "mm",
    quantity: Quantity | None = None,
    projection: Projection | str | None = None,
    region: tuple[float, float, float, float] | None = None,
) -> xr.Dataset:
    """Read offsets or velocities of GNSS sites.

    Parameters
    ----------
    path : str or Path
        A table: see the module's documentation.
    unit : {"mm", "m"}
        Of columns whose names do not say theirs; per year for velocities.
    quantity : {"offset", "velocity"}, optional
        By default velocity where the columns' names say ``vel`` or ``yr``.
    projection : Projection or str, optional
        By default one around the sites.
    region : tuple of float, optional
        West, east, south, north [degrees]: sites outside are left out.

    Returns
    -------
    xr.Dataset
        Of :func:`seisnb.geodesy.make_offsets`.

    Raises
    ------
    InputError
        No file, another unit, no site left, values that cannot be.
    FileFormatError
        A column that is missing, or a value that is none; the message names file and line.
    GeometryError
        A site that is not on earth.
    """
    path = Path(path)
    if unit not in _FACTOR:
        raise InputError(f"{WHERE}: unit is {unit!r}; expected 'mm' or 'm'.")
    if not path.is_file():
        raise InputError(f"{WHERE}: there is no file {str(path)!r}. Check the path.")
    text = read_text(path, where=WHERE)
    names = header_names(text)
    table = read_table(text, COLUMNS)
    require(table, COLUMNS, ("site", "longitude", "latitude", "east", "north", "std_east",
                             "std_north"))  # fmt: skip
    if ("up" in table.index) != ("std_up" in table.index):
        missing = "std_up" if "up" in table.index else "up"
        raise FileFormatError(
            f"{WHERE}: {path.name} has no column {missing!r}; vertical components need both "
            f"their values and their standard deviations. Its columns are {', '.join(names)}."
        )
    rows, notes = _chosen(table, region)
    parts = [name for name in COMPONENTS if name in table.index]
    values, stds = (np.full((len(rows), 3), np.nan) for _ in range(2))
    for k, name in enumerate(parts):
        for found, column in ((values, name), (stds, f"std_{name}")):
            factor = _factor(table, column, unit)
            found[:, k] = [factor * table.real(row, column, finite=False) for row in rows]
    if "up" in parts and not (stds[:, 2] > 0).any() and not values[:, 2].any():
        values[:, 2], stds[:, 2] = np.nan, np.nan
        notes.append("the vertical components are all zero with no standard deviation: not used")
    elif "up" in parts and np.ptp(values[:, 2]) == 0.0 and len(rows) > 1:
        values[:, 2], stds[:, 2] = np.nan, np.nan
        notes.append("the vertical components are all equal: not measured, and not used")
    if table.ignored():
        notes.append(f"columns left out: {listed(table.ignored())}")
    is_velocity = any("vel" in n or n.endswith(("yr", "/yr")) for n in names) or "ve" in names
    return make_offsets(
        site=_distinct([table.name(row, "site") for row in rows], notes),
        longitude=[table.real(row, "longitude") for row in rows],
        latitude=[table.real(row, "latitude") for row in rows],
        displacement=values, std=stds, projection=projection,
        covariance=_covariance(table, rows, stds),
        quantity=quantity or ("velocity" if is_velocity else "offset"),
        source=path.name, notes=notes, where=WHERE,
    )  # fmt: skip


def _chosen(table: Table, region: tuple[float, float, float, float] | None) -> tuple[list, list]:
    """Lines that are used, and what is said of the others."""
    notes: list[str] = []
    rows = []
    n_flagged = n_outside = 0
    for row in table.rows:
        table.check(row)
        if "flag" in table.index and table.real(row, "flag") == 0:
            n_flagged += 1
            continue
        lon, lat = table.real(row, "longitude"), table.real(row, "latitude")
        if region is not None:
            west, east, south, north = region
            if not ((lon - west) % 360.0 <= (east - west) % 360.0 and south <= lat <= north):
                n_outside += 1
                continue
        rows.append(row)
    if n_flagged:
        notes.append(f"{n_flagged} sites with flag 0 left out")
    if n_outside:
        notes.append(f"{n_outside} sites outside of the region left out")
    if not rows:
        raise InputError(
            f"{WHERE}: no site is left of {len(table.rows)} ({n_flagged} with flag 0, {n_outside} "
            "outside of the region). Check the region: west, east, south, north in degrees."
        )
    return rows, notes


def _factor(table: Table, column: str, unit: str) -> float:
    """Metres per unit of a column."""
    name = table.names[table.index[column]]
    if name.endswith(("_mm", "_mm_yr", "_mm/yr")):
        return _FACTOR["mm"]
    if name.endswith(("_m", "_m_yr", "_m/yr")):
        return _FACTOR["m"]
    value = column.removeprefix("std_")
    if column != value:  # errors are in the unit of their values
        return _factor(table, value, unit)
    return _FACTOR[unit]


def _covariance(table: Table, rows: list, stds: np.ndarray) -> np.ndarray | None:
    """Covariance with correlations of east and north; None without."""
    if "correlation" not in table.index:
        return None
    filled = np.where(np.isfinite(stds), stds, 1.0)
    covariance = np.diag(filled.ravel() ** 2)
    for i, row in enumerate(rows):
        rho = table.real(row, "correlation")
        if not -1.0 < rho < 1.0:
            raise row.error(f"the correlation is {rho:g}", "a value between -1 and 1")
        covariance[3 * i, 3 * i + 1] = covariance[3 * i + 1, 3 * i] = rho * np.prod(filled[i, :2])
    return covariance


def _distinct(names: list[str], notes: list[str]) -> list[str]:
    """Names made distinct by a number where a file lists one twice, as combined networks do."""
    seen: dict[str, int] = {}
    found = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        found.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    n = len(names) - len(seen)
    if n:
        notes.append(f"{n} sites share a name with an earlier one; they are numbered")
    return found
