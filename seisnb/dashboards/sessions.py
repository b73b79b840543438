"""A whole session on disk: the state, and links to its data with checksums."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import seisnb
from seisnb.conventions import FileFormatError, InputError, OutputError
from seisnb.io.atomic import replaced

FORMAT = 1
NAME = "session.json"


@dataclass(frozen=True, kw_only=True)
class Link:
    """A file that a session refers to.

    Attributes
    ----------
    path : Path
        Where it was.
    sha256 : str
        Of its content when the session was saved.
    """

    path: Path
    sha256: str

    @classmethod
    def to(cls, path: Path) -> Link:
        """A link to a file as it is now."""
        return cls(path=path.resolve(), sha256=sha256_of(path))

    def check(self, what: str, folder: Path, *, on_changed: str = "raise") -> Path:
        """The file, where it is still what it was.

        Raises
        ------
        InputError
            It is gone, or has another content and ``on_changed`` is "raise".
        """
        path = self.path if self.path.is_absolute() else folder / self.path
        if not path.is_file():
            raise InputError(
                f"session: {what} was read from {str(path)!r}, which is not there. Put it back, or "
                "begin a new session."
            )
        if on_changed == "raise" and sha256_of(path) != self.sha256:
            raise InputError(
                f"session: {what} in {str(path)!r} has changed since the session was saved "
                f"(sha256 {sha256_of(path)[:12]}…, expected {self.sha256[:12]}…). Put the old file "
                "back, or restore with changed data allowed: results made from the old data are "
                "then left out."
            )
        return path


def key_of(opened: Mapping[str, Any]) -> str:
    """What tells one set of opened files from another: a state's ``opened`` as text."""
    return json.dumps(dict(opened), sort_keys=True)


def sha256_of(path: Path) -> str:
    """Checksum of a file's content."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def output_folder(folder: str) -> Path:
    """A folder to write to, made where it is not there.

    Raises
    ------
    InputError
        No folder is named.
    OutputError
        It cannot be made.
    """
    if not folder.strip():
        raise InputError("dashboard: no folder is named. Type where to save.")
    target = Path(folder).expanduser()
    try:
        target.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"dashboard: {str(target)!r} is no folder ({error}).") from error
    return target


def write_session(
    folder: Path,
    state: Mapping[str, Any],
    links: Mapping[str, Link],
    more: Mapping[str, Any] | None = None,
) -> Path:
    """Write ``session.json`` into a folder, whole or not at all; returns its path.

    Parameters
    ----------
    folder : Path
        Files of the session that lie in it are linked by their names, so that it can be moved.
    state : mapping
        Of :meth:`seisnb.dashboards.state.State.to_json`.
    links : mapping of str to Link
        The data, by what they are.
    more : mapping, optional
        Further JSON.
    """
    root = folder.resolve()
    content = {
        "format": FORMAT,
        "seisnb_version": seisnb.__version__,
        "state": dict(state),
        "links": {
            what: {
                "path": link.path.name if link.path.parent == root else str(link.path),
                "sha256": link.sha256,
            }
            for what, link in links.items()
        },
        **(more or {}),
    }
    target = folder / NAME
    with replaced(target, where="session") as temporary:
        temporary.write_text(json.dumps(content, indent=1), encoding="utf-8")
    return target


@dataclass(frozen=True, kw_only=True, eq=False)
class Saved:
    """What ``session.json`` holds.

    Attributes
    ----------
    root : Path
        Its folder.
    state : dict
        For :meth:`seisnb.dashboards.state.State.take`.
    links : dict of str to Link
        The data and results.
    more : dict
        All else.
    """

    root: Path
    state: dict[str, Any]
    links: dict[str, Link]
    more: dict[str, Any]

    def changed(
        self, now: Mapping[str, str], *, allow_changed: bool, consequence: str
    ) -> list[str]:
        """Data whose checksums are not those of the session.

        Parameters
        ----------
        now : mapping of str to str
            Checksums by what they are of.
        allow_changed : bool
            Return them instead of raising.
        consequence : str
            What becomes of results then, for the message.

        Raises
        ------
        InputError
            Something has changed and must not.
        """
        then = dict(self.more.get("data") or {})
        found = [what for what in now if now[what] != then.get(what)]
        if found and not allow_changed:
            raise InputError(
                f"session: {', '.join(found)} of this dashboard are not those of the session "
                "(their checksums differ). Give the same data, or restore with changed data "
                f"allowed: {consequence}."
            )
        return found


def read_session(folder: str | Path) -> Saved:
    """A session from its folder, or from its file.

    Raises
    ------
    InputError
        There is no session in the folder.
    FileFormatError
        The file is not one of ours, or of a newer format.
    """
    given = Path(folder).expanduser()
    path = given / NAME if given.is_dir() else given
    if not path.is_file():
        raise InputError(f"session: there is no {NAME} in {str(given)!r}. Save a session first.")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        state, links = dict(content["state"]), content["links"]
        found = {
            str(what): Link(path=Path(link["path"]), sha256=str(link["sha256"]))
            for what, link in links.items()
        }
        number = int(content["format"])
    except (ValueError, KeyError, TypeError, UnicodeDecodeError) as error:
        raise FileFormatError(
            f"session: {str(path)!r} is not a session ({type(error).__name__}: {error})."
        ) from error
    if number > FORMAT:
        raise FileFormatError(
            f"session: {str(path)!r} has format {number}; this seisnb knows {FORMAT}. Update it."
        )
    for what, link in found.items():
        if not link.path.is_absolute() and len(link.path.parts) != 1:
            raise FileFormatError(
                f"session: {what} in {str(path)!r} lies in {str(link.path)!r}; expected a name or "
                "an absolute path."
            )
    more = {k: v for k, v in content.items() if k not in ("state", "links", "format")}
    return Saved(root=path.parent, state=state, links=found, more=more)


def files_named(pattern: str) -> list[Path]:
    """Files that a path or a pattern such as ``vel_*.csv`` names, in order.

    Raises
    ------
    InputError
        A pattern matches none.
    """
    path = Path(pattern).expanduser()
    if not any(letter in pattern for letter in "*?["):
        return [path]
    found = sorted(path.parent.glob(path.name))
    if not found:
        raise InputError(f"dashboard: no file matches {pattern!r}.")
    return found
