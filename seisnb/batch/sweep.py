"""A sweep: many runs of notebooks, from a YAML file or from Python, each known by its content.

A sweep file::

    seed: 0                      # of every run whose parameters do not hold one
    limits: {minutes: 30, gigabytes: 4}
    runs:
      - notebook: tomography.ipynb
        parameters: {picks: lines/line7.sgt, pick_std: 3%+0.0005}
        grid: {n_members: [32, 64], settings.prior.amplitude: [0.2, 0.3]}
        repeat: 2                # with other seeds
      - notebook: location.ipynb
        list: [{picks: a.csv}, {picks: b.csv}]
"""

from __future__ import annotations

import hashlib
import itertools
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import yaml

import seisnb
from seisnb.batch.notebooks import find_notebook
from seisnb.batch.parameters import (
    SETTINGS,
    Parameter,
    check_parameters,
    configuration_names,
    read_code,
    read_parameters,
)
from seisnb.conventions import InputError

#: Parameters that the runner sets itself.
OUT_DIR, SEED, PROGRESS = "out_dir", "seed", "progress"
_SEEDS = 2**31 - 1


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What one run may use; None is no limit.

    Attributes
    ----------
    minutes : float or None
        Time by a clock that nobody sets.
    gigabytes : float or None
        Resident memory of the kernel and its children [10^9 bytes].
    """

    minutes: float | None = None
    gigabytes: float | None = None

    def __post_init__(self) -> None:
        """Refuse limits that are no positive numbers.

        Raises
        ------
        InputError
            The value, and what is expected.
        """
        for name in ("minutes", "gigabytes"):
            value = getattr(self, name)
            if value is not None and not (
                type(value) in (int, float) and math.isfinite(value) and value > 0
            ):
                raise InputError(f"limits: {name} is {value!r}; expected a positive number.")


@dataclass(frozen=True, kw_only=True)
class Run:
    """One notebook with its parameters.

    Attributes
    ----------
    notebook : Path
        Its file.
    parameters : mapping
        All that the sweep sets, the seed among them.
    inputs : mapping of str to str
        SHA-256 of the files that parameters name.
    folder : Path
        The notebook's working folder: file names in parameters start there.
    limits : Limits
        What it may use.
    has_out_dir : bool
        The notebook takes the folder of its results as ``out_dir``.
    """

    notebook: Path
    parameters: Mapping[str, Any]
    inputs: Mapping[str, str]
    folder: Path
    limits: Limits
    has_out_dir: bool

    @cached_property
    def key(self) -> str:
        """SHA-256 over the notebook's code, parameters, inputs and seisnb's version, 16 digits."""
        code = _code(self.notebook, *_state(self.notebook))
        content = [code, dict(self.parameters), dict(self.inputs), seisnb.__version__]
        text = json.dumps(content, sort_keys=True, ensure_ascii=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def name(self) -> str:
        """Name of the run's folder."""
        stem = "".join(c if c.isalnum() or c in "-_" else "_" for c in self.notebook.stem)
        return f"{stem[:40]}-{self.key}"


@dataclass(frozen=True, kw_only=True)
class Block:
    """Runs of one notebook: a grid, a list, or both multiplied.

    Attributes
    ----------
    notebook : Path
        Its file.
    parameters : mapping
        Values of every run.
    grid : mapping of str to sequence
        Values to be combined with each other.
    list : sequence of mapping
        Sets of values, one after the other.
    repeat : int
        Runs of each combination, with other seeds.

    Notes
    -----
    ``settings.NAME`` stands for one entry of the parameter ``settings``.
    """

    notebook: Path
    parameters: Mapping[str, Any] = field(default_factory=dict)
    grid: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    list: Sequence[Mapping[str, Any]] = ()
    repeat: int = 1

    @property
    def n_runs(self) -> int:
        """How many runs, without making them."""
        return math.prod(map(len, self.grid.values())) * max(len(self.list), 1) * self.repeat

    def combinations(self) -> Iterator[tuple[dict[str, Any], int]]:
        """Values of the runs, and the number of their repetition."""
        for one in self.list or ({},):
            for values in itertools.product(*self.grid.values()):
                told = {**self.parameters, **one, **dict(zip(self.grid, values, strict=True))}
                for number in range(self.repeat):
                    yield _nested(told), number


@dataclass(frozen=True, kw_only=True)
class Sweep:
    """Blocks of runs that belong together.

    Attributes
    ----------
    blocks : sequence of Block
    folder : Path
        Where file names in parameters start, and the notebooks' working folder.
    seed : int
        Seeds of runs are derived from it where the parameters hold none.
    limits : Limits
        Of every run.
    """

    blocks: Sequence[Block]
    folder: Path
    seed: int = 0
    limits: Limits = field(default_factory=Limits)

    @property
    def n_runs(self) -> int:
        """How many runs, without making them."""
        return sum(block.n_runs for block in self.blocks)

    def runs(self) -> list[Run]:
        """All runs, checked; equal ones once.

        Raises
        ------
        InputError
            A parameter that its notebook does not know or cannot take.
        """
        found: dict[str, Run] = {}
        for number, block in enumerate(self.blocks, 1):
            where = f"runs {number}, {block.notebook.name}"
            declared = read_parameters(block.notebook)
            configurations = configuration_names(read_code(block.notebook))
            for values, repetition in block.combinations():
                _check_free(values, where)
                checked = check_parameters(values, declared, configurations, where=where)
                run = self._run(block.notebook, checked, declared, repetition)
                found.setdefault(run.name, run)
        return list(found.values())

    def _run(
        self, notebook: Path, values: dict[str, Any], declared: Mapping[str, Parameter],
        repetition: int,
    ) -> Run:  # fmt: skip
        """A run with its seed and the checksums of its inputs."""
        if SEED in declared and SEED not in values:
            content = json.dumps([self.seed, repetition, values], sort_keys=True)
            digest = hashlib.sha256(content.encode()).digest()
            values = {**values, SEED: int.from_bytes(digest[:8], "big") % _SEEDS}
        if PROGRESS in declared and PROGRESS not in values:
            values = {**values, PROGRESS: "lines"}
        used = {name: p.default for name, p in declared.items()} | values
        return Run(
            notebook=notebook, parameters=values, inputs=dict(_inputs(used, self.folder)),
            folder=self.folder, limits=self.limits, has_out_dir=OUT_DIR in declared,
        )  # fmt: skip


def read_sweep(path: str | Path) -> Sweep:
    """A sweep from its YAML file; see the module's head for an example.

    Parameters
    ----------
    path : str or Path
        The file. Names of notebooks and of files start at its folder; a notebook may also be
        one of seisnb's own, by its bare name.

    Raises
    ------
    InputError
        The file cannot be read, or holds what no sweep holds; the message says where.
    """
    path = Path(path)
    try:
        told = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error}).") from error
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise InputError(f"{path}: is no YAML ({' '.join(str(error).split())}).") from error
    return sweep_of(told, folder=path.resolve().parent, where=str(path))


def sweep_of(told: Any, *, folder: Path, where: str) -> Sweep:
    """A sweep from what its file says: mappings and lists.

    Raises
    ------
    InputError
        An unknown key, a value of another kind, or a notebook that is not there.
    """
    told = _mapping(told, where, {"runs", "seed", "limits"})
    blocks = told.get("runs")
    if not isinstance(blocks, list) or not blocks:
        raise InputError(f"{where}: 'runs' is {_short(blocks)}; expected a list of runs.")
    seed = told.get("seed", 0)
    if type(seed) is not int:
        raise InputError(f"{where}: seed is {_short(seed)}; expected a whole number.")
    limits = _mapping(told.get("limits", {}), f"{where}, limits", {"minutes", "gigabytes"})
    return Sweep(
        blocks=[_block(b, folder, f"{where}, runs {i}") for i, b in enumerate(blocks, 1)],
        folder=folder, seed=seed, limits=Limits(**limits),
    )  # fmt: skip


def _block(told: Any, folder: Path, where: str) -> Block:
    """One entry of ``runs``."""
    told = _mapping(told, where, {"notebook", "parameters", "grid", "list", "repeat"})
    if not isinstance(told.get("notebook"), str):
        raise InputError(
            f"{where}: notebook is {_short(told.get('notebook'))}; expected the name of a file."
        )
    grid = _mapping(told.get("grid", {}), f"{where}, grid")
    for name, values in grid.items():
        if not isinstance(values, list) or not values:
            raise InputError(
                f"{where}, grid: {name} is {_short(values)}; expected a list of at least one value."
            )
    sets = told.get("list", [])
    if not isinstance(sets, list):
        raise InputError(f"{where}: list is {_short(sets)}; expected a list of mappings.")
    repeat = told.get("repeat", 1)
    if type(repeat) is not int or repeat < 1:
        raise InputError(f"{where}: repeat is {_short(repeat)}; expected 1 or more.")
    return Block(
        notebook=_notebook(told["notebook"], folder, where),
        parameters=_mapping(told.get("parameters", {}), f"{where}, parameters"),
        grid=grid,
        list=[_mapping(each, f"{where}, list {i}") for i, each in enumerate(sets, 1)],
        repeat=repeat,
    )


def _notebook(name: str, folder: Path, where: str) -> Path:
    """The file of a notebook: beside the sweep, or one of seisnb's own."""
    path = (folder / Path(name).expanduser()).resolve()
    if path.is_file():
        return path
    stem = name.removesuffix(".ipynb")
    if stem.replace("_", "").isalnum():
        return find_notebook(stem)
    raise InputError(f"{where}: there is no notebook {name!r} in {folder}.")


def _mapping(told: Any, where: str, known: set[str] | None = None) -> dict[str, Any]:
    """A mapping with text as keys, of known names where these are given."""
    if not isinstance(told, Mapping) or not all(isinstance(key, str) for key in told):
        raise InputError(f"{where}: found {_short(told)}; expected a mapping of names to values.")
    unknown = sorted(set(told) - (known or set(told)))
    if unknown:
        raise InputError(
            f"{where}: {unknown[0]!r} means nothing here. There are "
            f"{', '.join(sorted(known or ()))}."
        )
    return dict(told)


def _check_free(values: Mapping[str, Any], where: str) -> None:
    """The runner alone says where results go."""
    if OUT_DIR in values:
        raise InputError(
            f"{where}: {OUT_DIR} is {_short(values[OUT_DIR])}; every run gets a folder of its own "
            "in the batch's. Take it out."
        )


def _nested(values: Mapping[str, Any]) -> dict[str, Any]:
    """``settings.NAME`` moved into ``settings``."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        head, dot, rest = name.partition(".")
        if dot and head == SETTINGS:
            found[SETTINGS] = {**(found.get(SETTINGS) or {}), rest: value}
        elif name == SETTINGS and isinstance(value, Mapping):
            found[SETTINGS] = {**dict(value), **(found.get(SETTINGS) or {})}
        else:
            found[name] = value
    return found


def _inputs(value: Any, folder: Path) -> Iterator[tuple[str, str]]:
    """Files that values name, with their checksums."""
    if isinstance(value, Mapping):
        for each in value.values():
            yield from _inputs(each, folder)
    elif isinstance(value, list):
        for each in value:
            yield from _inputs(each, folder)
    elif isinstance(value, str) and 0 < len(value) < 4096 and "\0" not in value:
        path = folder / Path(value).expanduser()
        if path.is_file():
            yield value, _checksum_of(path)
        elif path.suffix == ".zarr" and path.is_dir():
            parts = [(str(p.relative_to(path)), _checksum_of(p)) for p in sorted(path.rglob("*"))
                     if p.is_file()]  # fmt: skip
            yield value, hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _checksum_of(path: Path) -> str:
    """SHA-256 of a file as it is now."""
    return _checksum(path, *_state(path))


def _state(path: Path) -> tuple[int, int]:
    """What changes with a file: its size and the time of its last change."""
    status = path.stat()
    return status.st_size, status.st_mtime_ns


@lru_cache(maxsize=4096)
def _checksum(path: Path, _size: int, _changed: int) -> str:
    """SHA-256 of a file, once while it stays as it is."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@lru_cache(maxsize=64)
def _code(notebook: Path, _size: int, _changed: int) -> str:
    """SHA-256 of all that a notebook does: its code and tags; neither outputs nor text count."""
    cells = [[cell.source, cell.tags] for cell in read_code(notebook)]
    return hashlib.sha256(json.dumps(cells).encode()).hexdigest()


class _Loader(yaml.SafeLoader):
    """Plain values only; a key given twice is an error."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """A mapping whose keys differ."""
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for key in keys:
            if keys.count(key) > 1:
                raise yaml.constructor.ConstructorError(
                    None, None, f"{key!r} is given twice", node.start_mark
                )
        return super().construct_mapping(node, deep)


def _short(value: object) -> str:
    """A value as a message shows it."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
