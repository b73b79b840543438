"""Folders of finished parts: work that was killed goes on where it stood.

A folder holds ``manifest.json`` (what the work is) and one safetensors file per finished part.
Every file is written beside its place and renamed, so that a killed process leaves no half file.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save

from seisnb.conventions import CheckpointError, OutputError
from seisnb.io.atomic import replaced


def check_folder(folder: Path, identity: Mapping[str, Any]) -> bool:
    """Refuse a folder of other work; says whether there is one of this work.

    Parameters
    ----------
    folder : Path
        The folder.
    identity : mapping
        What the work is, in whole or in part, as JSON holds it.

    Raises
    ------
    CheckpointError
        The folder belongs to other work, or its manifest is damaged.
    """
    found = _manifest(folder)
    _compare(folder, found, identity)
    return found is not None


def start_folder(folder: Path, identity: Mapping[str, Any]) -> None:
    """Make the folder and its manifest, or check that they are of this work.

    Raises
    ------
    CheckpointError
        As :func:`check_folder`.
    OutputError
        The folder cannot be made or written.
    """
    if check_folder(folder, identity):
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"checkpoint: the folder {folder} cannot be made ({error.strerror or error}). "
            "Choose one in a folder that you can write to."
        ) from error
    _write(folder / "manifest.json", json.dumps(identity, indent=1).encode())


def read_arrays(path: Path, consequence: str) -> dict[str, NDArray[Any]]:
    """The arrays of a part; ``consequence`` says what deleting a damaged file costs.

    Raises
    ------
    CheckpointError
        The file cannot be read.
    """
    try:
        return load_file(path)
    except Exception as error:
        raise CheckpointError(
            f"checkpoint: {path} cannot be read ({error}). Delete that file and start again; "
            f"{consequence}."
        ) from error


def write_arrays(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Keep the arrays of a finished part, whole or not at all.

    Raises
    ------
    OutputError
        The file cannot be written.
    """
    _write(path, save({name: np.ascontiguousarray(value) for name, value in arrays.items()}))


def _manifest(folder: Path) -> dict[str, Any] | None:
    """What a folder's run is; None where there is none yet."""
    manifest = folder / "manifest.json"
    if not manifest.is_file():
        return None
    try:
        return dict(json.loads(manifest.read_text()))
    except (TypeError, ValueError) as error:
        raise CheckpointError(
            f"checkpoint: {manifest} is not a JSON object. Delete the folder {folder} to start "
            "anew."
        ) from error


def _compare(folder: Path, found: dict[str, Any] | None, expected: Mapping[str, Any]) -> None:
    """Refuse a manifest that differs, naming the first difference."""
    if found is None:
        return
    for name, value in expected.items():
        if found.get(name) != value:
            raise CheckpointError(
                f"checkpoint: {folder} belongs to another run: its {name} is "
                f"{_short(found.get(name))}, this run's is {_short(value)}. "
                "Delete the folder, or choose another one."
            )


def _short(value: object) -> str:
    """A value as a message shows it."""
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _write(path: Path, content: bytes) -> None:
    """Write a file whole."""
    with replaced(path, where="checkpoint") as temporary:
        temporary.write_bytes(content)
