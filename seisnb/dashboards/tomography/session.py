"""A tomography dashboard's session on disk."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from seisnb.dashboards.sessions import Link, output_folder, read_session, write_session
from seisnb.dashboards.tomography.picks import read_survey
from seisnb.dashboards.tomography.runs import Run
from seisnb.dashboards.tomography.state import ReadingConfig, TomographyState
from seisnb.io import open_ensemble, save_ensemble, write_picks
from seisnb.settings import make_configs

_COPY = "picks.csv"


@dataclass(frozen=True, eq=False, kw_only=True)
class Restored:
    """What a session held.

    Attributes
    ----------
    root : Path
        Its folder.
    state : TomographyState
        What was set and looked at.
    base : xr.Dataset or None
        The picks as read; None for a session without.
    opened : dict
        Where they were read from now: files may have moved with the session.
    runs : dict of str to Run
        Results; none where the picks have changed.
    is_same : bool
        The picks are what they were.
    """

    root: Path
    state: TomographyState
    base: xr.Dataset | None
    opened: dict[str, Any]
    runs: dict[str, Run]
    is_same: bool


def write_tomography_session(
    folder: str,
    state: TomographyState,
    base: xr.Dataset | None,
    runs: Iterable[Run],
    *,
    is_lasting: bool,
) -> Path:
    """Write state, links to the data and results into a folder; returns it.

    Parameters
    ----------
    folder : str
        Where to.
    state : TomographyState
        What is set and looked at.
    base : xr.Dataset or None
        The picks as read.
    runs : iterable of Run
        Results.
    is_lasting : bool
        The picks are in a file that stays; otherwise they are copied into the folder.
    """
    target = output_folder(folder)
    links: dict[str, Link] = {}
    if base is not None:
        path = Path(state.opened["path"]) if is_lasting else target / _COPY
        if not is_lasting:
            write_picks(base.assign(used=("pick", np.ones(base.sizes["pick"], bool))), path)
        links["picks"] = Link.to(path)
    kept = []
    for number, run in enumerate(runs, 1):
        path = target / f"result_{number}.nc"
        save_ensemble(run.ensemble, path)
        links[f"result {number}"] = Link.to(path)
        kept.append({"name": run.name, "key": run.key, "fitted": run.fitted.tolist()})
    write_session(target, state.to_json(), links, {"runs": kept})
    return target


def read_tomography_session(folder: str, *, allow_changed: bool) -> Restored:
    """Read a session.

    Parameters
    ----------
    folder : str
        Where it is.
    allow_changed : bool
        Go on without the old results where the picks have changed.

    Raises
    ------
    InputError
        No session, picks that are gone, or that have changed and must not.
    FileFormatError
        The file is no session.
    """
    saved = read_session(folder)
    root, links = saved.root, saved.links
    state = TomographyState()
    state.take(saved.state, where="session")
    base, opened, is_same = None, dict(state.opened), True
    if "picks" in links:
        link = links["picks"]
        path = link.check("the picks", root, on_changed="use" if allow_changed else "raise")
        is_same = Link.to(path).sha256 == link.sha256
        reading = ReadingConfig()
        if path.parent == root.resolve() and path.name == _COPY:
            opened = {}
        elif opened:
            given = {f"reading.{name}": value for name, value in opened.get("reading", {}).items()}
            reading = make_configs({"reading": ReadingConfig}, given, where="session")["reading"]
            opened["path"] = str(path)
        base = read_survey(path, reading)
    runs: dict[str, Run] = {}
    for number, known in enumerate(saved.more.get("runs", []) if is_same else [], 1):
        path = links[f"result {number}"].check(f"result {number}", root)
        fitted = np.array(known["fitted"], np.int64)
        runs[known["name"]] = Run(
            name=known["name"], ensemble=open_ensemble(path), key=known["key"], fitted=fitted
        )
    return Restored(root=root, state=state, base=base, opened=opened, runs=runs, is_same=is_same)
