"""``seisnb demo``: from the survey to the source on synthetic data, executed by papermill."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any


def add_demo(commands: Any) -> None:
    """Add the command and its options."""
    command = commands.add_parser(
        "demo",
        help="from a synthetic survey to earthquakes on the plate boundary",
        description="Executes notebooks/survey_to_source.ipynb: a marine survey gives an ensemble "
        "of velocity models, earthquakes are located over it and held against the plate boundary. "
        "Writes the executed notebook, ensemble.nc, report.html, hypocentres.nc, catalogue.xml and "
        "location.html to DIR.",
        epilog="example: seisnb demo --out demo --members 32",
    )
    command.add_argument("--out", metavar="DIR", type=Path, required=True, help="for the results")
    command.add_argument("--members", metavar="N", type=int, default=64, help="models (64)")
    command.add_argument("--events", metavar="N", type=int, default=12, help="earthquakes (12)")
    command.add_argument("--seed", metavar="N", type=int, default=0, help="random seed (0)")
    command.add_argument(
        "--set",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        help="any setting of tomography, prior or location",
    )


def run_demo(args: argparse.Namespace) -> int:
    """Execute the notebook from the survey to the source on its synthetic data."""
    from seisnb.batch.notebooks import execute_notebook, find_notebook
    from seisnb.cli.commands import CONFIGS
    from seisnb.conventions import Cancelled
    from seisnb.io.atomic import prepare_folder
    from seisnb.location import LocationConfig
    from seisnb.settings import make_configs, parse_assignments

    out = prepare_folder(args.out, where="--out").resolve()
    parameters: dict[str, Any] = {
        "n_members": args.members,
        "n_events": args.events,
        "seed": args.seed,
        "out_dir": str(out),
        "settings": parse_assignments(args.set, where="--set"),
        "progress": "lines",
    }
    make_configs({**CONFIGS, "location": LocationConfig}, parameters["settings"], where="--set")
    started = time.time()
    notebook = out / "survey_to_source.ipynb"
    execute_notebook(find_notebook("survey_to_source"), notebook, parameters)
    report = out / "location.html"
    if not report.is_file() or report.stat().st_mtime < started - 1.0:
        raise Cancelled(f"seisnb demo: stopped before the report was written to {out}.")
    for what, name in (
        ("notebook", notebook.name),
        ("ensemble", "ensemble.nc"),
        ("its report", "report.html"),
        ("hypocentres", "hypocentres.nc"),
        ("QuakeML", "catalogue.xml"),
        ("report", report.name),
    ):
        print(f"{what}: {out / name}")
    return 0
