"""A slip dashboard's session on disk."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from seisnb.conventions import InputError
from seisnb.dashboards.sessions import Link, output_folder, read_session, write_session
from seisnb.dashboards.slip.runs import Data, Run, read_data
from seisnb.dashboards.slip.state import SlipState
from seisnb.io import open_slip, save_slip


@dataclass(frozen=True, eq=False, kw_only=True)
class Restored:
    """What a session held.

    Attributes
    ----------
    root : Path
        Its folder.
    state : SlipState
        What was set and looked at.
    data : Data or None
        None for a session of results alone.
    runs : dict of str to Run
        Results; none where the data have changed.
    changed : list of str
        Data that are not what they were.
    """

    root: Path
    state: SlipState
    data: Data | None
    runs: dict[str, Run]
    changed: list[str]


def write_slip_session(
    folder: str, state: SlipState, data: Data | None, runs: Iterable[Run]
) -> Path:
    """Write state, links to the data and results into a folder; returns it."""
    target = output_folder(folder)
    links: dict[str, Link] = {}
    if state.opened:
        links["displacements"] = Link.to(Path(state.opened["offsets"]))
        for number, path in enumerate(state.opened["meshes"], 1):
            links[f"mesh {number}"] = Link.to(Path(path))
    kept = []
    for number, run in enumerate(runs, 1):
        path = target / f"result_{number}.nc"
        save_slip(run.slip, path)
        links[f"result {number}"] = Link.to(path)
        kept.append({"name": run.name, "key": run.key})
    checksums = {} if data is None else data.checksums
    write_session(target, state.to_json(), links, {"runs": kept, "data": checksums})
    return target


def read_slip_session(folder: str, handed: Data | None, *, allow_changed: bool) -> Restored:
    """Read a session.

    Parameters
    ----------
    folder : str
        Where it is.
    handed : Data or None
        What the dashboard was given by code, for a session whose data are in no files.
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
    state = SlipState()
    state.take(saved.state, where="session")
    data = None
    if state.opened:
        for what, link in links.items():
            if not what.startswith("result "):
                link.check(what, root, on_changed="use" if allow_changed else "raise")
        data = read_data(state.opened)
    elif saved.more.get("data"):
        data = handed
        if data is None:
            raise InputError(
                "session: its data were handed over by code, not read from files. Make the "
                "dashboard with the same offsets and structures, and restore it there."
            )
    changed = saved.changed(
        {} if data is None else data.checksums, allow_changed=allow_changed,
        consequence="results made from the old data are then left out",
    )  # fmt: skip
    runs: dict[str, Run] = {}
    for number, known in enumerate([] if changed else saved.more.get("runs", []), 1):
        path = links[f"result {number}"].check(f"result {number}", root)
        name, key = str(known["name"]), str(known["key"])
        runs[name] = Run(name=name, slip=open_slip(path), key=key)
    return Restored(root=root, state=state, data=data, runs=runs, changed=changed)
