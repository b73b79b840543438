"""Files that appear whole or not at all: written beside their place, synced, then renamed."""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from seisnb.conventions import OutputError


def prepare_folder(folder: Path, *, where: str = "out") -> Path:
    """The results folder, made if need be and proven writable before any long work.

    Parameters
    ----------
    folder : Path
        To be made.
    where : str
        What the user gave it as, for the error.

    Raises
    ------
    OutputError
        It cannot be made or written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(b"seisnb")
    except OSError as error:
        raise OutputError(
            f"{where} {folder}: cannot write there ({error.strerror or error}). "
            "Choose a folder that you can write to."
        ) from error
    return folder


@contextmanager
def replaced(path: str | Path, *, where: str) -> Iterator[Path]:
    """Give a temporary path beside ``path``; on success what was written there takes its place.

    Parameters
    ----------
    path : str or Path
        The file or folder to appear. What stands there stays as it is until the end; a file
        replaces only a file, a folder only a folder.
    where : str
        The public function's name, for messages.

    Yields
    ------
    Path
        Where to write, in the same folder; gone when an error leaves the block.

    Raises
    ------
    OutputError
        The folder does not exist or is not writable, or writing fails (disk full).

    Notes
    -----
    A file is replaced in one step. A folder takes two renames: a crash between them leaves the
    new folder complete under its temporary name, and the old one under a name ending in ``.old``.
    """
    path = Path(path)
    folder = path.parent
    if not folder.is_dir():
        found = "is not a folder" if folder.exists() else "does not exist"
        raise OutputError(
            f"{where}: the folder {str(folder)!r} {found}, so {path.name!r} cannot be written. "
            "Create it or give another path."
        )
    mark = f"{os.getpid()}-{secrets.token_hex(4)}"
    temporary = folder / f".{path.name}.{mark}.part"
    try:
        yield temporary
        if path.exists() and path.is_dir() != temporary.is_dir():
            kinds = ("folder", "file") if path.is_dir() else ("file", "folder")
            raise OutputError(
                f"{where}: {str(path)!r} is a {kinds[0]}; a {kinds[1]} would replace it. "
                "Remove it or give another path."
            )
        _sync(temporary)
        if path.is_dir():
            old = folder / f".{path.name}.{mark}.old"
            path.rename(old)
            temporary.rename(path)
            shutil.rmtree(old)
        else:
            temporary.replace(path)
        _sync_entry(folder)
    except OutputError:
        raise
    except OSError as error:
        raise OutputError(_explained(error, path, where)) from error
    finally:
        _remove(temporary)


def _explained(error: OSError, path: Path, where: str) -> str:
    """Why writing failed and how much room there is."""
    try:
        room = f" {shutil.disk_usage(path.parent).free / 2**20:.0f} MiB are free there."
    except OSError:
        room = ""
    reason = error.strerror or str(error) or type(error).__name__
    return (
        f"{where}: {str(path)!r} could not be written ({reason}).{room} Nothing partial was left. "
        "Free space, or give a path in a folder you may write to."
    )


def _sync(path: Path) -> None:
    """Force a file, or all files of a folder, to the disk."""
    for file in [path] if path.is_file() else [p for p in path.rglob("*") if p.is_file()]:
        with file.open("rb") as stream:
            os.fsync(stream.fileno())


def _sync_entry(folder: Path) -> None:
    """Force a folder's list of names to the disk, where the system can."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove(path: Path) -> None:
    """Remove a temporary file or folder, if it is still there.

    Writers of a folder may still have threads at work when one of them fails: try a few times.
    """
    if path.is_dir():
        for _ in range(20):
            shutil.rmtree(path, ignore_errors=True)
            time.sleep(0.05)
            if not path.exists():
                return
    else:
        path.unlink(missing_ok=True)
