"""What is known of a run from its folder: finished when its manifest is there, and holds."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from seisnb.batch.sweep import Run
from seisnb.io.atomic import replaced

MANIFEST, FAILURE, KERNEL = "manifest.json", "failure.json", "kernel.json"
NOTEBOOK, THUMBNAIL = "run.ipynb", "thumbnail.png"
#: Why a run failed: its own code, its kernel's death, a limit, a full disk, a folder that cannot be
#: read or written, or a lost worker.
Kind = Literal["", "cell", "kernel", "limit", "disk", "folder", "worker"]
#: Failures that another attempt may not meet.
PASSING: tuple[Kind, ...] = ("kernel", "worker")


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of a run.

    Attributes
    ----------
    name : str
        The run's folder.
    is_done : bool
        Its manifest is there.
    kind, error : str
        Why not, in one word and in a sentence.
    seconds : float
        What the attempt took.
    n_bytes : int
        The most memory seen.
    n_attempts : int
        How many there were.
    """

    name: str
    is_done: bool
    kind: Kind = ""
    error: str = ""
    seconds: float = 0.0
    n_bytes: int = 0
    n_attempts: int = 1


def is_finished(run: Run, root: Path) -> bool:
    """The run's manifest is there and every file that it lists is as it says."""
    folder = root / run.name
    told = read_json(folder / MANIFEST)
    files = told.get("files")
    if told.get("key") != run.key or not isinstance(files, dict):
        return False
    for name, size in files.items():
        try:
            if (folder / name).stat().st_size != size:
                return False
        except OSError:
            return False
    return True


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object from its file; empty where there is none."""
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return told if isinstance(told, dict) else {}


def write_json(path: Path, told: Mapping[str, Any]) -> None:
    """A JSON object into its file, whole or not at all."""
    with replaced(path, where="batch") as temporary:
        temporary.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
