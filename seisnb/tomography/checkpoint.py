"""Members on disk as they finish: a run that was killed goes on where it stood.

A checkpoint folder holds ``manifest.json`` (what the run is) and one file per finished member.
Every file is written beside its place and renamed, so that a killed run leaves no half file.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save

import seisnb
from seisnb.conventions import CheckpointError
from seisnb.io.atomic import replaced
from seisnb.survey import survey_checksum
from seisnb.tomography.problem import Problem

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Member:
    """A finished member.

    Attributes
    ----------
    unknowns : Array, (n_unknowns,)
        The model.
    predicted, referee : Array, (pick,)
        Times along the rays and by the grid referee [s].
    coverage : Array, (depth, easting)
        Ray length per cell [km].
    deepest : Array, (easting,)
        Depth of the deepest ray per column [km]; NaN where no ray runs.
    network : Array, (pick,) or (0,)
        Times by the network alone [s]; empty without one.
    sigma_scale, n_steps, is_converged : Array, ()
        Factor on the pick sigmas; steps taken; 1 when converged.
    """

    unknowns: Array
    predicted: Array
    referee: Array
    coverage: Array
    deepest: Array
    network: Array
    sigma_scale: Array
    n_steps: Array
    is_converged: Array


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """A folder of finished members; without a folder nothing is kept."""

    folder: Path | None

    def load(self, index: int) -> Member | None:
        """The member of an index if it is on disk and whole."""
        path = self._path(index)
        if path is None or not path.exists():
            return None
        try:
            arrays = load_file(path)
        except Exception as error:
            raise CheckpointError(
                f"checkpoint: {path} cannot be read ({error}). Delete that file and start again; "
                "only this member is fitted anew."
            ) from error
        return Member(**{field.name: arrays[field.name] for field in fields(Member)})

    def save(self, index: int, member: Member) -> None:
        """Keep a finished member."""
        path = self._path(index)
        if path is not None:
            arrays = {name: np.ascontiguousarray(value) for name, value in asdict(member).items()}
            _write(path, save(arrays))

    def load_swarm(self) -> tuple[Array, int] | None:
        """Positions (particle, n_unknowns) of an unfinished swarm and its iterations so far."""
        path = None if self.folder is None else self.folder / "swarm.safetensors"
        if path is None or not path.exists():
            return None
        arrays = load_file(path)
        return arrays["position"], int(arrays["iteration"][0])

    def save_swarm(self, position: Array, iteration: int) -> None:
        """Keep a swarm's positions."""
        if self.folder is not None:
            arrays = {
                "position": np.ascontiguousarray(position),
                "iteration": np.array([iteration]),
            }
            _write(self.folder / "swarm.safetensors", save(arrays))

    def _path(self, index: int) -> Path | None:
        """Where a member lies."""
        return None if self.folder is None else self.folder / f"member_{index:05d}.safetensors"


def open_checkpoint(folder: Path | None, problem: Problem) -> Checkpoint:
    """Open or start a checkpoint folder for a problem.

    Raises
    ------
    CheckpointError
        The folder belongs to another survey, configuration or version.
    """
    if folder is None:
        return Checkpoint(folder=None)
    identity = _identity(problem)
    manifest = folder / "manifest.json"
    if manifest.exists():
        try:
            found = dict(json.loads(manifest.read_text()))
        except (TypeError, ValueError) as error:
            raise CheckpointError(
                f"checkpoint: {manifest} is not a JSON object. Delete the folder {folder} to start "
                "anew."
            ) from error
        for name, expected in identity.items():
            if found.get(name) != expected:
                raise CheckpointError(
                    f"checkpoint: {folder} belongs to another run: its {name} is "
                    f"{found.get(name)!r}, this run's is {expected!r}. "
                    "Delete the folder, or choose another one."
                )
    else:
        folder.mkdir(parents=True, exist_ok=True)
        _write(manifest, json.dumps(identity, indent=1).encode())
    return Checkpoint(folder=folder)


def _identity(problem: Problem) -> dict[str, str]:
    """What must agree for members to belong together: all but how many and how fast."""
    config = {
        name: value
        for name, value in asdict(problem.config).items()
        if name not in ("n_members", "n_workers")
    }
    settings = json.dumps([config, asdict(problem.prior_config)], sort_keys=True)
    return {
        "version": seisnb.__version__,
        "survey": survey_checksum(problem.survey),
        "settings": hashlib.sha256(settings.encode()).hexdigest(),
    }


def _write(path: Path, content: bytes) -> None:
    """Write a file whole."""
    with replaced(path, where="checkpoint") as temporary:
        temporary.write_bytes(content)
