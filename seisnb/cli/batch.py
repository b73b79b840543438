"""``seisnb batch``: a sweep of notebooks, resumed where it stood."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from seisnb.cli.spreading import add_spreading

EXIT_FAILED_RUNS = 1
EXAMPLE = """\
example:
  seisnb batch sweep.yaml --out results/sweep --workers 4

with sweep.yaml:
  limits: {minutes: 30, gigabytes: 4}
  runs:
    - notebook: tomography
      parameters: {picks: line7.sgt, pick_std: 3%+0.0005}
      grid: {n_members: [32, 64], settings.prior.amplitude: [0.2, 0.3]}
      repeat: 2

exit code 0: all runs are finished; 1: some failed; 2: bad input; 130: stopped
"""


def add_batch(commands: Any) -> None:
    """``seisnb batch``."""
    command = commands.add_parser(
        "batch",
        help="many runs of notebooks from one file, finished runs never repeated",
        description="Runs each combination in a folder of its own, DIR/runs/NOTEBOOK-KEY, and "
        "writes DIR/summary.html. Run it again to go on after a stop, a kill or a full disk. "
        "Ctrl-C waits for the runs under way; twice stops them.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument("sweep", metavar="SWEEP", type=Path, help="YAML file of the runs")
    command.add_argument("--out", metavar="DIR", type=Path, required=True, help="for the results")
    command.add_argument(
        "--retries", metavar="N", type=int, default=1, help="after a kernel or worker died (1)"
    )
    command.add_argument(
        "--dry-run", action="store_true", help="check everything, list the runs, run nothing"
    )
    add_spreading(command, "runs", else_by="processes on this machine, one per core")
    command.add_argument("--yes", action="store_true", help="begin also with more than 1,000 runs")


def run_batch_command(args: argparse.Namespace) -> int:
    """Read the sweep, run what is left of it, say what failed."""
    from seisnb.batch.driver import ASK_ABOVE, check_number, run_batch
    from seisnb.batch.sweep import read_sweep
    from seisnb.batch.table import watching
    from seisnb.interrupts import EXIT_CANCELLED, cancel_on_interrupt

    sweep = read_sweep(args.sweep)
    is_agreed = args.yes or (sweep.n_runs > ASK_ABOVE and _agrees(sweep.n_runs))
    if args.dry_run:
        check_number(sweep, is_agreed=is_agreed)
        return _list_runs(sweep, args.out)
    with cancel_on_interrupt() as cancel, watching() as watcher:
        report = run_batch(
            sweep, args.out, n_workers=args.workers or 0, scheduler=args.scheduler,
            n_retries=args.retries, is_agreed=is_agreed, watcher=watcher, cancel=cancel,
        )  # fmt: skip
    for outcome in report.failures:
        print(f"failed: {outcome.name}: {' '.join(outcome.error.split())}")
    print(f"{report.n_done} of {len(report.runs)} runs are finished.")
    if report.summary is not None:
        print(f"summary: {report.summary}")
    if any(outcome.kind == "disk" for outcome in report.failures):
        print("The disk is full: free space and run the same command again to go on.")
    elif report.is_cancelled:
        print("Stopped before all were run; run the same command again to go on.")
        return EXIT_CANCELLED
    return EXIT_FAILED_RUNS if report.failures else 0


def _agrees(n_runs: int) -> bool:
    """Ask a person, where there is one."""
    if not sys.stdin.isatty():
        return False
    return input(f"The sweep has {n_runs:,} runs. Run them all? [y/N] ").strip().lower() == "y"


def _list_runs(sweep: Any, out: Path) -> int:
    """Every run, and whether it is finished."""
    from seisnb.batch.driver import RUNS
    from seisnb.batch.record import is_finished

    runs = sweep.runs()
    for run in runs:
        state = "finished" if is_finished(run, out / RUNS) else "to do"
        print(f"{run.name}  {state:<8}  {dict(run.parameters)}")
    print(f"{len(runs)} runs.")
    return 0
