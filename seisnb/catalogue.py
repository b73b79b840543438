"""Stations and arrivals: the two Datasets that earthquakes are located from.

Positions are easting, northing and depth [km], depth positive down from sea level: an instrument on
the sea floor at 2.4 km has depth 2.4, a mountain station at 800 m has depth -0.8. Longitude and
latitude [degrees] stand beside them; the projection between the two is the PROJ string in
``attrs["projection"]``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from seisnb.conventions import ARRIVALS, STATIONS, InputError, set_units
from seisnb.places import Names, places_of
from seisnb.projection import Projection

Array = NDArray[np.float64]

#: Phases that can be located with.
PHASES = ("P", "S")
#: Elevations [km] of stations, from the deepest trench to the highest mountain.
PLAUSIBLE_DEPTH = (-9.0, 11.0)
#: Where stations given in km alone are put on the earth.
NOWHERE = "+proj=tmerc +lat_0=0 +lon_0=0 +ellps=WGS84 +units=km +no_defs"


def make_stations(
    *,
    station: Sequence[str],
    depth: ArrayLike,
    longitude: ArrayLike | None = None,
    latitude: ArrayLike | None = None,
    easting: ArrayLike | None = None,
    northing: ArrayLike | None = None,
    projection: Projection | str | None = None,
    term_p: ArrayLike | None = None,
    term_s: ArrayLike | None = None,
    source: str = "",
    checksum: str = "",
    notes: Sequence[str] = (),
    where: str = "make_stations",
) -> xr.Dataset:
    """Build a checked stations Dataset.

    Parameters
    ----------
    station : sequence of str, (station,)
        Names; each once.
    depth : array_like, (station,)
        Depth below sea level [km], positive down: minus the elevation.
    longitude, latitude : array_like, (station,), optional
        [degrees]; either these or easting and northing.
    easting, northing : array_like, (station,), optional
        [km] in ``projection``.
    projection : Projection or str, optional
        By default one around the stations.
    term_p, term_s : array_like, (station,), optional
        Station terms [s], to be added to predicted travel times; 0 by default.
    source, checksum : str, optional
        The file and its SHA-256.
    notes : sequence of str, optional
        What a reader dropped or converted.
    where : str
        The caller's name, for messages.

    Returns
    -------
    xr.Dataset
        dim ``station``; variables of :data:`seisnb.conventions.STATIONS`; attrs ``projection``
        (PROJ string), ``source``, ``checksum``, ``notes`` (JSON list).

    Raises
    ------
    InputError
        No station, unequal lengths, a name twice, a term that is not finite.
    GeometryError
        A position that is missing, not finite, or beyond any mountain or trench (metres taken for
        kilometres).

    Examples
    --------
    >>> two = make_stations(station=["A", "B"], depth=[-0.1, 2.4],
    ...     longitude=[-125.0, -124.0], latitude=[45.0, 46.0])
    >>> two["depth"].values
    array([-0.1,  2.4])
    """
    names = Names.of(station, "station", where)
    z = names.column(depth, "depth", *PLAUSIBLE_DEPTH, "km")
    places = places_of(
        names, longitude=longitude, latitude=latitude, easting=easting, northing=northing,
        projection=projection, nowhere=NOWHERE,
    )  # fmt: skip
    terms = {
        name: np.zeros_like(z) if values is None else names.column(values, name, -60.0, 60.0, "s")
        for name, values in (("term_p", term_p), ("term_s", term_s))
    }
    columns = {
        "longitude": places.longitude, "latitude": places.latitude, "easting": places.easting,
        "northing": places.northing, "depth": z, **terms,
    }  # fmt: skip
    dataset = xr.Dataset(
        {name: ("station", values) for name, values in columns.items()},
        coords={"station": np.array(names.names, dtype=str)},
        attrs={
            "kind": "stations",
            "projection": places.projection.proj,
            "source": source,
            "checksum": checksum,
            "notes": json.dumps(list(notes)),
        },
    )
    return set_units(dataset, STATIONS)


def reproject(stations: xr.Dataset, projection: Projection | str) -> xr.Dataset:
    """The stations with easting and northing in another projection."""
    projection = projection if isinstance(projection, Projection) else Projection(projection)
    x, y = projection.forward(stations["longitude"].values, stations["latitude"].values)
    moved = stations.copy()
    moved["easting"], moved["northing"] = ("station", x), ("station", y)
    moved.attrs["projection"] = projection.proj
    return set_units(moved, STATIONS)


def make_arrivals(
    *,
    event: Sequence[str],
    station: Sequence[str],
    phase: Sequence[str],
    arrival_time: ArrayLike,
    pick_std: ArrayLike,
    used: ArrayLike | None = None,
    source: str = "",
    checksum: str = "",
    notes: Sequence[str] = (),
    preliminary: xr.Dataset | None = None,
    where: str = "make_arrivals",
) -> xr.Dataset:
    """Build a checked arrivals Dataset.

    Parameters
    ----------
    event, station, phase : sequence of str, (pick,)
        Identifier of the event as in the source; name of the station; "P" or "S".
    arrival_time : array_like of datetime64, (pick,)
        [UTC], to the nanosecond.
    pick_std : array_like, (pick,) or scalar
        Standard deviation (1 sigma) [s].
    used : array_like of bool, (pick,), optional
        False where a pick is kept but not located with.
    source, checksum, notes : optional
        As for :func:`make_stations`.
    preliminary : xr.Dataset, optional
        The source's own hypocentres over dim ``event``: ``origin_time`` [UTC], ``longitude``,
        ``latitude`` [degrees], ``depth`` [km]; NaN or NaT where it has none. Kept in the result as
        ``preliminary_*`` over dim ``catalogue_event``; never used to locate.
    where : str
        The caller's name, for messages.

    Returns
    -------
    xr.Dataset
        dim ``pick``; variables of :data:`seisnb.conventions.ARRIVALS`.

    Raises
    ------
    InputError
        No pick, unequal lengths, another phase than P and S, a time that is missing, a sigma that
        is missing, zero, negative or infinite, the same phase twice at one station of an event.

    Examples
    --------
    >>> one = make_arrivals(event=["1", "1"], station=["A", "A"], phase=["P", "S"],
    ...     arrival_time=np.array(["2011-01-02T02:10:55", "2011-01-02T02:11:03"], "M8[ns]"),
    ...     pick_std=0.1)
    >>> one.sizes["pick"]
    2
    """
    names = {
        "event": np.array([str(e) for e in event], dtype=str),
        "station": np.array([str(s) for s in station], dtype=str),
        "phase": np.array([str(p) for p in phase], dtype=str),
    }
    n_picks = names["event"].size
    if n_picks == 0:
        raise InputError(f"{where}: no picks. At least one arrival is needed.")
    time = np.atleast_1d(np.asarray(arrival_time)).astype("datetime64[ns]")
    std = np.broadcast_to(np.asarray(pick_std, float), (n_picks,)).copy()
    keep = np.ones(n_picks, bool) if used is None else np.atleast_1d(np.asarray(used, bool))
    for name, values in {**names, "arrival_time": time, "used": keep}.items():
        if values.shape != (n_picks,):
            raise InputError(
                f"{where}: {name} has shape {values.shape}; expected one value for each of "
                f"{n_picks} picks."
            )

    def told(i: int) -> str:
        return f"the {names['phase'][i]} pick of event {names['event'][i]} at {names['station'][i]}"

    bad = np.flatnonzero(~np.isin(names["phase"], PHASES))
    if bad.size:
        raise InputError(
            f"{where}: phase of event {names['event'][bad[0]]} at {names['station'][bad[0]]} is "
            f"{names['phase'][bad[0]]!r}; expected P or S. Map other phases or leave them out."
        )
    bad = np.flatnonzero(np.isnat(time))
    if bad.size:
        raise InputError(f"{where}: {told(bad[0])} has no arrival time. Remove it.")
    bad = np.flatnonzero(~(np.isfinite(std) & (std > 0)))
    if bad.size:
        raise InputError(
            f"{where}: {told(bad[0])} has a pick_std of {std[bad[0]]} s, {bad.size} such; expected "
            "a finite value above 0. Give pick_std, for instance 0.1 for P and 0.2 for S."
        )
    seen: dict[tuple[str, str, str], int] = {}
    for i, key in enumerate(zip(*(names[n] for n in ("event", "station", "phase")), strict=True)):
        if keep[i] and seen.setdefault(key, i) != i:
            apart = abs((time[i] - time[seen[key]]) / np.timedelta64(1, "s"))
            raise InputError(
                f"{where}: {told(i)} is there twice, {apart:.3f} s apart. Keep one (the readers "
                "do with on_bad='drop'), or mark the other as not used."
            )
    dataset = xr.Dataset(
        {
            **{name: ("pick", values) for name, values in names.items()},
            "arrival_time": ("pick", time),
            "pick_std": ("pick", std),
            "used": ("pick", keep),
        },
        attrs={
            "kind": "arrivals",
            "source": source,
            "checksum": checksum,
            "notes": json.dumps(list(notes)),
        },
    )
    if preliminary is not None:
        renamed = preliminary.rename(
            {"event": "catalogue_event"} | {str(n): f"preliminary_{n}" for n in preliminary}
        )
        dataset = dataset.merge(renamed, combine_attrs="drop_conflicts")
    return set_units(dataset, ARRIVALS)


def event_names(arrivals: xr.Dataset) -> list[str]:
    """The events, in the order of their first pick."""
    return list(dict.fromkeys(map(str, arrivals["event"].values)))


def arrivals_checksum(arrivals: xr.Dataset) -> str:
    """SHA-256 over everything of the picks that a location depends on."""
    digest = hashlib.sha256()
    for name in ("event", "station", "phase"):
        digest.update("\n".join(map(str, arrivals[name].values)).encode())
    for name in ("arrival_time", "pick_std", "used"):
        digest.update(np.ascontiguousarray(arrivals[name].values).tobytes())
    return digest.hexdigest()
