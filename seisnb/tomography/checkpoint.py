"""Members on disk as they finish: a run that was killed goes on where it stood.

A checkpoint folder holds ``manifest.json`` (what the run is) and one file per finished member.
Every file is written beside its place and renamed, so that a killed run leaves no half file.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray

import seisnb
from seisnb.conventions import CheckpointError
from seisnb.io.checkpoint import check_folder, read_arrays, start_folder, write_arrays
from seisnb.prior import PriorConfig
from seisnb.survey import survey_checksum
from seisnb.tomography.config import TomographyConfig, is_together
from seisnb.vsvgd.config import VsvgdConfig

Array = NDArray[np.float64]
#: What losing a file of particles that move together means.
RESTART = "the particles move from their start again"


@dataclass(frozen=True, kw_only=True)
class Member:
    """A finished member.

    Attributes
    ----------
    unknowns : Array, (n_unknowns,)
        The model.
    predicted : Array, (pick,)
        Times along the rays [s].
    referee : Array, (pick,) or (0,)
        Times by the grid referee [s]; empty until the referee was asked.
    coverage : NDArray, (depth, easting) float32
        Ray length per cell [km]; the largest part of a member.
    deepest : Array, (easting,)
        Depth of the deepest ray per column [km]; NaN where no ray runs.
    network : Array, (pick,) or (0,)
        Times by the network alone [s]; empty without one.
    sigma_scale, n_steps, is_converged : Array, (1,)
        Factor on the pick sigmas; steps taken; 1 when converged.
    across : Array, (pick,) or (0,)
        What distances across the line add to the times [s]; empty on a straight line.
    objective : Array, (3,)
        Twice the objective it was fitted by, its expectation and standard deviation were times
        linear; NaN for particles, which have none of their own.
    is_own : Array, (1,)
        0 for a member that did not reach its own objective, however it was tried.
    correction_acceptance : Array, ()
        Share of the correction's steps that moved; NaN without a correction.
    excess : Array, (n_unknowns,) or (0,)
        :func:`seisnb.inference.correction.score_excess`; empty where members are not shifted.
    """

    unknowns: Array
    predicted: Array
    referee: Array
    coverage: NDArray[np.float32]
    deepest: Array
    network: Array
    sigma_scale: Array
    n_steps: Array
    is_converged: Array
    across: Array
    objective: Array
    is_own: Array
    correction_acceptance: Array
    excess: Array


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """A folder of finished members; without a folder nothing is kept."""

    folder: Path | None

    def load(self, index: int) -> Member | None:
        """The member of an index if it is on disk and whole."""
        path = self._path(index)
        if path is None or not path.exists():
            return None
        arrays = read_arrays(path, "only this member is fitted anew")
        return Member(**{field.name: arrays[field.name] for field in fields(Member)})

    def save(self, index: int, member: Member) -> None:
        """Keep a finished member."""
        path = self._path(index)
        if path is not None:
            write_arrays(path, asdict(member))

    def load_start(self) -> dict[str, NDArray[Any]] | None:
        """What members rest on (:mod:`seisnb.tomography.resume`), if it is on disk.

        Raises
        ------
        CheckpointError
            It cannot be read, or is missing beside members, which would rest on another one.
        """
        path = self._start
        if path is None or self.folder is None:
            return None
        if path.exists():
            return dict(read_arrays(path, f"then {self.folder} must go, since members rest on it"))
        if any(self.folder.glob("*.safetensors")):
            raise CheckpointError(
                f"checkpoint: {path} is missing, on which the members beside it rest. Delete the "
                f"folder {self.folder} to start anew."
            )
        return None

    def save_start(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Keep what members rest on."""
        if self._start is not None:
            write_arrays(self._start, arrays)

    @property
    def _start(self) -> Path | None:
        """Where that lies."""
        return None if self.folder is None else self.folder / "start.safetensors"

    def load_swarm(self) -> tuple[Array, int, bool] | None:
        """A swarm's positions (particle, n_unknowns), iterations so far, and whether it settled."""
        path = None if self.folder is None else self.folder / "swarm.safetensors"
        if path is None or not path.exists():
            return None
        arrays = read_arrays(path, RESTART)
        return arrays["position"], int(arrays["iteration"][0]), bool(arrays["is_converged"][0])

    def save_swarm(self, position: Array, iteration: int, *, is_converged: bool) -> None:
        """Keep a swarm's positions."""
        if self.folder is not None:
            arrays = {
                "position": position,
                "iteration": np.array([iteration]),
                "is_converged": np.array([is_converged], np.uint8),
            }
            write_arrays(self.folder / "swarm.safetensors", arrays)

    def load_networks(self) -> dict[str, torch.Tensor] | None:
        """The tensors of a swarm of networks, if they are on disk."""
        path = self._networks
        if path is None or not path.exists():
            return None
        return {name: torch.from_numpy(array) for name, array in read_arrays(path, RESTART).items()}

    def save_networks(self, tensors: Mapping[str, torch.Tensor]) -> None:
        """Keep a swarm of networks."""
        if self._networks is not None:
            arrays = {name: tensor.cpu().numpy() for name, tensor in tensors.items()}
            write_arrays(self._networks, arrays)

    @property
    def _networks(self) -> Path | None:
        """Where a swarm of networks lies."""
        return None if self.folder is None else self.folder / "networks.safetensors"

    def _path(self, index: int) -> Path | None:
        """Where a member lies."""
        return None if self.folder is None else self.folder / f"member_{index:05d}.safetensors"


def check_checkpoint(folder: Path | None, survey: xr.Dataset) -> None:
    """Refuse a folder of another survey or version, before any long work.

    Raises
    ------
    CheckpointError
        The folder belongs to another survey or version, or its manifest is damaged.
    """
    if folder is not None:
        check_folder(folder, _origin(survey))


def open_checkpoint(
    folder: Path | None,
    survey: xr.Dataset,
    prior: PriorConfig,
    config: TomographyConfig,
    networks: VsvgdConfig | None = None,
) -> Checkpoint:
    """Open or start a checkpoint folder.

    A run is known by what went into it, settings as they were asked for: what followed from them is
    in the folder, so that a run goes on where other processors give other last digits.

    Raises
    ------
    CheckpointError
        The folder belongs to another survey, configuration or version.
    OutputError
        The folder cannot be made.
    """
    if folder is None:
        return Checkpoint(folder=None)
    start_folder(folder, {**_origin(survey), **_settings(prior, config, networks)})
    return Checkpoint(folder=folder)


def _origin(survey: xr.Dataset) -> dict[str, Any]:
    """Version and survey of a run."""
    return {"version": seisnb.__version__, "survey": survey_checksum(survey)}


def _settings(
    prior: PriorConfig, config: TomographyConfig, networks: VsvgdConfig | None
) -> dict[str, Any]:
    """Settings that members share: all but how many they are and how fast they are made."""
    free = {"n_workers"} if is_together(config) else {"n_workers", "n_members"}
    configs = {"tomography": asdict(config), "prior": asdict(prior)}
    if networks is not None:
        configs["networks"] = asdict(networks)
    flat = {
        f"{group}.{name}": value
        for group, values in configs.items()
        for name, value in values.items()
        if name not in free
    }
    return dict(json.loads(json.dumps(flat)))
