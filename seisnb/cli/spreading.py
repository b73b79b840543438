"""``--workers`` and ``--scheduler``: where members and events are worked on."""

from __future__ import annotations

import argparse
from contextlib import AbstractContextManager, nullcontext
from typing import Any


def add_spreading(command: Any, what: str, *, else_by: str = "the threads of this process") -> None:
    """Add both options; ``what`` is spread, without them over ``else_by``."""
    group = command.add_argument_group(
        "many cores, many machines",
        f"By default {what} are spread over {else_by}. "
        "The result is the same wherever they are worked on.",
    )
    group.add_argument(
        "--workers",
        metavar="N",
        type=int,
        help=f"spread {what} over N processes on this machine, or N jobs of a queue: --workers 8",
    )
    group.add_argument(
        "--scheduler",
        metavar="ADDRESS",
        help=f"spread {what} over the workers of a Dask scheduler: --scheduler tcp://node7:8786, "
        "or of a batch queue described in a file: --scheduler slurm.yaml",
    )


def spreading(args: argparse.Namespace) -> AbstractContextManager[object]:
    """What ``args`` ask for; threads where they ask for nothing."""
    if args.scheduler is None and args.workers is None:
        return nullcontext()
    from seisnb.batch.cluster import cluster

    return cluster(args.scheduler, n_workers=args.workers or 0)
