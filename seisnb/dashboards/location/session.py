"""A location dashboard's session on disk."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import xarray as xr

from seisnb.conventions import InputError
from seisnb.dashboards.location.data import Data, read_data
from seisnb.dashboards.location.state import LocationState
from seisnb.dashboards.sessions import Link, output_folder, read_session, write_session
from seisnb.io import open_hypocentres, save_hypocentres


@dataclass(frozen=True, eq=False, kw_only=True)
class Restored:
    """What a session held.

    Attributes
    ----------
    root : Path
        Its folder.
    state : LocationState
        What was set and looked at.
    data : Data
        What was located with.
    hypocentres : xr.Dataset or None
        Results; none where the data have changed.
    changed : list of str
        Data that are not what they were.
    """

    root: Path
    state: LocationState
    data: Data
    hypocentres: xr.Dataset | None
    changed: list[str]


def write_location_session(
    folder: str, state: LocationState, data: Data, hypocentres: xr.Dataset | None
) -> Path:
    """Write state, links to the data and results into a folder; returns it."""
    checksums = data.checksums
    target = output_folder(folder)
    links: dict[str, Link] = {}
    opened = state.opened
    if opened:
        for what in ("arrivals", "stations"):
            links[what] = Link.to(Path(opened[what]))
        for number, path in enumerate(opened["models"], 1):
            links[f"model {number}"] = Link.to(Path(path))
        if opened.get("boundary"):
            links["boundary"] = Link.to(Path(opened["boundary"]))
    if hypocentres is not None:
        save_hypocentres(hypocentres, target / "hypocentres.nc")
        links["hypocentres"] = Link.to(target / "hypocentres.nc")
    write_session(target, state.to_json(), links, {"data": checksums})
    return target


def read_location_session(folder: str, handed: Data | None, *, allow_changed: bool) -> Restored:
    """Read a session.

    Parameters
    ----------
    folder : str
        Where it is.
    handed : Data or None
        What the dashboard locates with, for a session whose data are in no files.
    allow_changed : bool
        Go on without the old results where the data have changed.

    Raises
    ------
    InputError
        No session, data that are gone, or that have changed and must not.
    FileFormatError
        The file is no session.
    """
    saved = read_session(folder)
    root, links = saved.root, saved.links
    state = LocationState()
    state.take(saved.state, where="session")
    data = handed
    if state.opened:
        for what, link in links.items():
            if what != "hypocentres":
                link.check(what, root, on_changed="use" if allow_changed else "raise")
        data = read_data(state.opened)
    if data is None:
        raise InputError(
            "session: its data were handed over by code, not read from files. Make the dashboard "
            "with the same arrivals, stations and models, and restore it there."
        )
    changed = saved.changed(
        data.checksums, allow_changed=allow_changed, consequence="results are then located anew"
    )
    kept = None
    if "hypocentres" in links and not changed:
        kept = open_hypocentres(links["hypocentres"].check("the results", root))
    return Restored(root=root, state=state, data=data, hypocentres=kept, changed=changed)
