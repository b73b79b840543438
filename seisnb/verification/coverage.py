"""Coverage over many known truths: whether a 95 % interval is right 95 times in a hundred.

One file per method and truth, written whole or not at all, so that a study that was killed goes on
where it stood; :func:`gather` reads whatever is there, :mod:`seisnb.verification.tables` sums it
up.
"""

from __future__ import annotations

import json
import multiprocessing
import multiprocessing.connection
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import xarray as xr
from threadpoolctl import threadpool_limits

import seisnb
from seisnb.conventions import Cancelled, CheckpointError, InputError, OutputError
from seisnb.io.atomic import replaced
from seisnb.verification.cases import CaseMaker, case_maker
from seisnb.verification.judge import SPACING, describe_judged, run_method
from seisnb.verification.methods import Method

#: Where no method has been run on a truth.
NO_RANK = -1


def coverage_study(
    methods: Sequence[Method],
    n_truths: int = 40,
    *,
    out: str | Path,
    case: str = "line",
    n_members: int = 79,
    first_seed: int = 0,
    spacing: float = SPACING,
    jobs: int = 1,
    report: Callable[[str], None] | None = None,
    cancel: Callable[[], bool] | None = None,
) -> xr.Dataset:
    """Run methods on truths, as far as that is not done yet, and gather everything in the folder.

    Parameters
    ----------
    methods : sequence of Method
        What to compare; see :data:`seisnb.verification.methods.METHODS`.
    n_truths : int
        Truths, with seeds ``first_seed``, ``first_seed + 1`` and so on.
    out : path
        Folder of the study; made if need be. A study that was killed goes on from it.
    case : str
        Name of the truths, see :data:`seisnb.verification.cases.CASES`.
    n_members : int
        Members per ensemble where a method does not say. By the (n + 1) rule 79, 119 or 159 make
        the expected share of a 95 % interval 0.95 exactly.
    first_seed : int
        Seed of the first truth; also of the inversion, so that no two truths share noise.
    spacing : float
        Distance of the cells that are kept [correlation lengths].
    jobs : int
        Processes; each inverts one truth on one thread.
    report : callable, optional
        Takes one line per truth.
    cancel : callable, optional
        Returns True to stop soon; finished truths are kept.

    Returns
    -------
    xr.Dataset
        As :func:`gather`.

    Raises
    ------
    InputError
        No truths, or no such case or setting.
    CheckpointError
        The folder holds truths of another study under the same names.
    Cancelled
        Stopped by ``cancel``.
    """
    if n_truths < 1 or jobs < 1 or not methods:
        raise InputError(
            f"coverage_study: {len(methods)} methods, {n_truths} truths, {jobs} jobs; expected at "
            "least one of each."
        )
    make, say = case_maker(case), report or (lambda _: None)
    tasks = []
    for method in methods:
        for seed in range(first_seed, first_seed + n_truths):
            task = _Task(
                method=method, make=make, seed=seed, n_members=n_members, spacing=spacing,
                path=Path(out) / method.name / f"truth_{seed:05d}.nc", case=case,
            )  # fmt: skip
            if not task.is_done():
                tasks.append(task)
    if tasks:
        # settings that no method can have are found out before hours of work
        probe = make(first_seed)
        for method in methods:
            method.config(probe, n_members=n_members, seed=first_seed)
    for done, line in enumerate(_lines(tasks, jobs, cancel or (lambda: False)), start=1):
        say(f"{done} of {len(tasks)}: {line}")
    return gather(out, [method.name for method in methods])


def gather(out: str | Path, names: Sequence[str] | None = None) -> xr.Dataset:
    """All truths of a study's folder.

    Parameters
    ----------
    out : path
        The folder.
    names : sequence of str, optional
        Methods; by default all that are there.

    Returns
    -------
    xr.Dataset
        ``CELLS`` of :mod:`seisnb.verification.judge` on (method_name, truth, depth, easting), its
        ``SCALARS`` on (method_name, truth); rank -1 and NaN where a method has not been run on a
        truth. ``bands`` in the attributes holds the case's depth bands [km] as JSON.

    Raises
    ------
    InputError
        There are none, or they are of different cases.
    """
    out = Path(out)
    found = {p.parent.name for p in out.glob("*/truth_*.nc")}
    names = sorted(found) if names is None else [name for name in names if name in found]
    if not names:
        raise InputError(f"gather: no truths of a study in {str(out)!r}. Run coverage_study first.")
    per_method = []
    for name in names:
        truths = [_read(path) for path in sorted((out / name).glob("truth_*.nc"))]
        per_method.append(_joined(truths, "truth"))
    cases = {json.loads(each.attrs["fingerprint"])["case"] for each in per_method}
    if len(cases) > 1:
        raise InputError(
            f"gather: {str(out)!r} holds truths of the cases {', '.join(sorted(cases))}; they do "
            "not compare. Give each case a folder of its own."
        )
    study = xr.concat(
        per_method,
        xr.DataArray(names, dims="method_name", name="method_name"),
        join="outer",
        combine_attrs="drop_conflicts",
        fill_value={"rank": np.int16(NO_RANK)},
        data_vars="all",
        coords="minimal",
        compat="override",
    )
    study = study.assign_coords(
        label=("method_name", [str(each.attrs["label"]) for each in per_method])
    )
    study.attrs = {
        "kind": "coverage study",
        "case": cases.pop(),
        "bands": per_method[0].attrs["bands"],
        "seisnb_version": seisnb.__version__,
    }
    return describe_judged(study)


def save_study(study: xr.Dataset, path: str | Path) -> None:
    """Write a study, or its summary, as NetCDF, whole or not at all.

    Raises
    ------
    OutputError
        The folder cannot be written, or the disk is full.
    """
    with replaced(path, where="save_study") as temporary:
        _write(study, temporary)


@dataclass(frozen=True, kw_only=True)
class _Task:
    """One method on one truth."""

    method: Method
    make: CaseMaker
    case: str
    seed: int
    n_members: int
    spacing: float
    path: Path

    @property
    def fingerprint(self) -> str:
        """What the result depends on."""
        parts = {
            "case": self.case,
            "seed": self.seed,
            "settings": {"n_members": self.n_members, **self.method.settings},
            "inverter": getattr(self.method.inverter, "__qualname__", "unnamed"),
            "spacing": self.spacing,
            "version": seisnb.__version__,
        }
        return json.dumps(parts, sort_keys=True)

    def is_done(self) -> bool:
        """Whether the result is there.

        Raises
        ------
        CheckpointError
            It is another study's.
        """
        if not self.path.exists():
            return False
        held = _read(self.path).attrs.get("fingerprint")
        if held != self.fingerprint:
            raise CheckpointError(
                f"coverage_study: {str(self.path)!r} was made by {held}, this study is "
                f"{self.fingerprint}. Give another folder, or remove that one."
            )
        return True

    def __call__(self, cancel: Callable[[], bool]) -> str:
        """Do it and write it; one line for a person."""
        case = self.make(self.seed)
        result = run_method(
            self.method, case, n_members=self.n_members, seed=self.seed, spacing=self.spacing,
            cancel=cancel,
        )  # fmt: skip
        result.attrs = {
            "fingerprint": self.fingerprint,
            "label": self.method.label,
            "bands": json.dumps(case.bands),
        }
        result = result.expand_dims(truth=[self.seed])
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(
                f"coverage_study: {str(self.path.parent)!r} cannot be made ({error.strerror}). "
                "Choose a folder that you can write to."
            ) from error
        with replaced(self.path, where="coverage_study") as temporary:
            _write(result, temporary)
        return (
            f"{self.method.name}, truth {self.seed}: {float(result['seconds_total'][0]):.1f} s, "
            f"chi2 {float(result['chi2_referee'][0]):.2f}"
        )


def _begin_child() -> None:
    """Leave Ctrl-C to the parent and keep arithmetic to one thread."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(1)
    threadpool_limits(1)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A child whose parent was killed has nobody to work for; what it has written is whole."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        multiprocessing.connection.wait([parent.sentinel])
        os._exit(1)


def _in_child(task: _Task, stop: threading.Event) -> str:
    """Do a task in a child."""
    return task(stop.is_set)


def _lines(tasks: list[_Task], jobs: int, is_cancelled: Callable[[], bool]) -> Iterator[str]:
    """Do the tasks, here or in processes; a line for each as it is done."""
    cancelled = Cancelled("coverage_study: cancelled; finished truths are kept.")
    if jobs == 1 or len(tasks) < 2:
        for task in tasks:
            if is_cancelled():
                raise cancelled
            yield task(is_cancelled)
        return
    context = multiprocessing.get_context("spawn")
    with (
        context.Manager() as manager,
        ProcessPoolExecutor(jobs, context, initializer=_begin_child) as pool,
    ):
        stop = manager.Event()
        running = {pool.submit(_in_child, task, stop) for task in tasks}
        try:
            while running:
                done, running = wait(running, timeout=0.5, return_when=FIRST_COMPLETED)
                for future in done:
                    yield future.result()
                if is_cancelled():
                    raise cancelled
        finally:
            stop.set()
            pool.shutdown(cancel_futures=True)


def _joined(parts: list[xr.Dataset], dim: str) -> xr.Dataset:
    """Concatenate along a dimension; coordinates must agree."""
    return xr.concat(parts, dim, join="exact", combine_attrs="override", data_vars="all")


def _write(dataset: xr.Dataset, path: Path) -> None:
    """NetCDF; the library's own failures become OSError."""
    encoding = {
        str(name): {"zlib": True, "complevel": 4} for name, v in dataset.items() if v.ndim > 1
    }
    try:
        dataset.to_netcdf(path, engine="netcdf4", format="NETCDF4", encoding=encoding)
    except RuntimeError as error:
        raise OSError(f"{error}; is the disk full?") from error


def _read(path: Path) -> xr.Dataset:
    """One file, closed again."""
    with xr.open_dataset(path, engine="netcdf4", decode_timedelta=False) as dataset:
        return dataset.load()
