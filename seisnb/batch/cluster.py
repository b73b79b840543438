"""Members and events spread over Dask workers: of this machine, of a running scheduler, of a queue.

Inside the block of :func:`cluster`, :func:`seisnb.tomography.invert` and
:func:`seisnb.location.locate` work as they do without it, with the same result. What is large goes
to every worker once; results come back as they finish, and checkpoints are written here.
"""

from __future__ import annotations

import importlib
import logging
import multiprocessing
import platform
import signal
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import yaml
from distributed import Client, LocalCluster, Worker, WorkerPlugin

import seisnb
from seisnb.batch.spreading import DaskSpreader
from seisnb.conventions import InputError, SeisnbError
from seisnb.threads import spread_by, worker_count

#: What a queueing system is called in a description, and its class in dask-jobqueue.
SYSTEMS = {
    "slurm": "SLURMCluster",
    "pbs": "PBSCluster",
    "sge": "SGECluster",
    "lsf": "LSFCluster",
    "oar": "OARCluster",
    "htcondor": "HTCondorCluster",
}
#: Packages whose versions decide the last bits of a result.
DECISIVE = ("numpy", "scipy", "numba", "torch")


@contextmanager
def cluster(
    scheduler: str | Path | Mapping[str, Any] | None = None,
    *,
    n_workers: int = 0,
    timeout: float = 5.0,
) -> Iterator[Client]:
    """Spread members and events that are worked on in this block over Dask workers.

    Parameters
    ----------
    scheduler : str, Path or mapping, optional
        Address of a running scheduler (``"tcp://node7:8786"``), or how to ask a batch queue for
        workers: a mapping, or a YAML file (``.yaml``, ``.yml``) that holds one. Its ``system`` is
        one of slurm, pbs, sge, lsf, oar, htcondor; everything else is handed to the class of
        dask-jobqueue (``queue``, ``cores``, ``memory``, ``walltime``, ``account``, ...). By default
        worker processes are started on this machine, which a script has to allow for:
        ``if __name__ == "__main__":`` before its first call.
    n_workers : int
        Processes on this machine (0: one per core), or jobs in the queue (0: one).
    timeout : float
        Longest wait for a running scheduler to answer, and for its first worker [s].

    Yields
    ------
    distributed.Client
        For work of one's own; nothing else needs it.

    Raises
    ------
    InputError
        A description or address that cannot be understood, or a package that is missing.
    SeisnbError
        A scheduler that does not answer, has no workers, or whose workers run other versions.

    Notes
    -----
    Results equal those of threads to the last bit on the same versions and kind of processor; where
    rays come from a network, also on the same kind of device. Anybody who reaches a scheduler can
    run programs on its workers: keep its port inside your network, or use Dask's TLS.

    What a worker that dies was doing is done by another. If the scheduler dies, a SeisnbError says
    so; with a checkpoint the same call goes on from there. A cancel returns at once; what workers
    are doing then is given up.

    Examples
    --------
    >>> from seisnb.batch.cluster import cluster
    >>> with cluster(n_workers=4):  # doctest: +SKIP
    ...     ensemble = invert(survey, checkpoint="line7")
    """
    if n_workers < 0:
        raise InputError(f"cluster: n_workers is {n_workers}; expected 0 or more.")
    with ExitStack() as stack:
        patience: float | None = 60.0
        if scheduler is None:
            where = stack.enter_context(_local(worker_count(n_workers)))
        elif isinstance(scheduler, str) and not scheduler.endswith((".yaml", ".yml")):
            if n_workers:
                raise InputError(
                    f"cluster: the scheduler {scheduler} has workers of its own; n_workers is "
                    f"{n_workers}. Leave it out."
                )
            where = scheduler
        else:
            where = stack.enter_context(_queued(_description(scheduler), max(n_workers, 1)))
            patience = None  # jobs may wait for hours
        client = stack.enter_context(_connected(where, timeout))
        if scheduler is None:
            client.register_plugin(_Deaf(), name="seisnb-deaf")
        if isinstance(where, str):
            _wait_for_worker(client, where, timeout)
        else:
            client.amm.stop()  # it would drop what every worker needs from all but one
        _check_versions(client)
        stack.enter_context(spread_by(DaskSpreader(client, patience)))
        yield client


@contextmanager
def _local(n_workers: int) -> Iterator[Any]:
    """Worker processes on this machine, one thread each; they leave no files behind."""
    if getattr(multiprocessing.current_process(), "_inheriting", False):
        raise InputError(
            "cluster: a worker process runs the script that started it, and came upon cluster() "
            "again. Put what the script does under: if __name__ == '__main__':"
        )
    with tempfile.TemporaryDirectory(prefix="seisnb-") as folder, ExitStack() as stack:
        try:
            started = LocalCluster(
                n_workers=n_workers,
                threads_per_worker=1,
                processes=True,
                dashboard_address="127.0.0.1:0",
                scheduler_kwargs={"dashboard": False},
                local_directory=folder,
                silence_logs=logging.CRITICAL,  # what matters is raised
            )
            stack.enter_context(started)
        except (OSError, RuntimeError) as error:
            raise SeisnbError(
                f"cluster: {n_workers} worker process(es) could not be started ({error}). In a "
                "script, put what it does under: if __name__ == '__main__':"
            ) from error
        yield started


class _Deaf(WorkerPlugin):
    """Lets a worker of this machine overhear Ctrl-C, which a terminal sends to it too."""

    def setup(self, worker: Worker) -> None:
        # no SIG_IGN: programs that the worker starts would inherit it
        signal.signal(signal.SIGINT, lambda *_: None)


def _description(scheduler: str | Path | Mapping[str, Any]) -> dict[str, Any]:
    """How to ask a queue, from a mapping or a YAML file."""
    found: Any
    if isinstance(scheduler, Mapping):
        found, source = dict(scheduler), "cluster"
    else:
        source = f"cluster: {scheduler}"
        try:
            found = yaml.safe_load(Path(scheduler).read_text())
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            raise InputError(f"{source}: cannot be read as YAML ({error}).") from error
    if not isinstance(found, dict) or found.get("system") not in SYSTEMS:
        told = found.get("system") if isinstance(found, dict) else found
        raise InputError(
            f"{source}: the queueing system is {told!r}; expected a line such as 'system: slurm', "
            f"of {', '.join(SYSTEMS)}."
        )
    return found


@contextmanager
def _queued(description: dict[str, Any], n_jobs: int) -> Iterator[Any]:
    """Workers that a batch queue starts; one process per core, each with one thread."""
    try:
        jobqueue = importlib.import_module("dask_jobqueue")
    except ImportError as error:
        raise InputError(
            "cluster: a batch queue is asked for through the package dask-jobqueue, which is not "
            "installed. Install it: pip install 'seisnb[cluster]'"
        ) from error
    options = {"cores": 1, "memory": "4GB", **description}
    name = SYSTEMS[options.pop("system")]
    options.setdefault("processes", options["cores"])
    try:
        started = getattr(jobqueue, name)(**options)
    except (OSError, RuntimeError, TypeError, ValueError) as error:
        raise InputError(f"cluster: dask-jobqueue's {name} refuses {options}: {error}") from error
    with started:
        started.scale(jobs=n_jobs)
        yield started


@contextmanager
def _connected(where: Any, timeout: float) -> Iterator[Client]:
    """A client; it does not become anybody's default."""
    try:
        client = Client(where, timeout=timeout, set_as_default=False)
    except OSError as error:
        raise SeisnbError(
            f"cluster: no scheduler answers at {where} within {timeout:g} s. Start one with "
            "'dask scheduler', look at the address it prints, and at firewalls."
        ) from error
    except ValueError as error:
        raise InputError(
            f"cluster: {where!r} is no address of a scheduler ({error}); expected for instance "
            "tcp://node7:8786, or a file that ends in .yaml."
        ) from error
    with client:
        yield client


def _wait_for_worker(client: Client, where: str, timeout: float) -> None:
    """Refuse a scheduler that nobody works for."""
    try:
        client.wait_for_workers(1, timeout=timeout)
    except TimeoutError as error:
        raise SeisnbError(
            f"cluster: the scheduler at {where} has no workers. Start some, on any machine: "
            f"dask worker {where} --nthreads 1"
        ) from error


def _check_versions(client: Client) -> None:
    """Refuse workers that would compute something else."""
    try:
        found: Mapping[str, Mapping[str, str]] = client.run(_versions)
    except ImportError as error:
        raise SeisnbError(
            f"cluster: seisnb cannot be loaded on the workers ({error}). Install it there, in the "
            f"same version ({seisnb.__version__})."
        ) from error
    for name, here in _versions().items():
        for worker, there in found.items():
            if there[name] != here:
                raise SeisnbError(
                    f"cluster: the worker {worker} has {name} {there[name]}, this process has "
                    f"{here}. Install the same on both."
                )


def _versions() -> dict[str, str]:
    """What decides a result; builds of PyTorch for other devices count as the same."""
    return {
        "seisnb": seisnb.__version__,
        "Python": ".".join(platform.python_version_tuple()[:2]),
        **{name: version(name).partition("+")[0] for name in DECISIVE},
    }
