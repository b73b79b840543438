"""``seisnb demo``: from the survey to the source on synthetic data, executed by papermill."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import papermill

from seisnb.cli.commands import CONFIGS, prepare_folder
from seisnb.conventions import Cancelled, InputError, SeisnbError
from seisnb.location import LocationConfig
from seisnb.settings import make_configs, parse_assignments


def run_demo(args: argparse.Namespace) -> int:
    """Execute the notebook from the survey to the source on its synthetic data."""
    out = prepare_folder(args.out).resolve()
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


def find_notebook(name: str) -> Path:
    """Where a notebook of seisnb lies: in the source tree, else where it was installed.

    Raises
    ------
    InputError
        Neither place has it.
    """
    places = [Path(__file__).resolve().parents[2] / "notebooks"]
    places.append(Path(sys.prefix) / "share" / "seisnb" / "notebooks")
    for place in places:
        notebook = place / f"{name}.ipynb"
        if notebook.is_file():
            return notebook
    raise InputError(
        f"find_notebook: no {name}.ipynb in {' or '.join(map(str, places))}. Reinstall seisnb."
    )


def execute_notebook(source: Path, target: Path, parameters: Mapping[str, Any]) -> None:
    """Run a notebook by papermill, its printed lines passed on as they come.

    Raises
    ------
    SeisnbError
        A cell failed; the message is the cell's own error.
    """
    try:
        papermill.execute_notebook(
            str(source),
            str(target),
            parameters=dict(parameters),
            kernel_name="python3",
            language="python",
            progress_bar=False,
            stdout_file=sys.stdout,
            extra_arguments=["--IPKernelApp.log_level=ERROR"],
            cwd=str(target.parent),
        )
    except papermill.PapermillExecutionError as error:
        raise SeisnbError(
            f"{source.name}: {error.ename}: {error.evalue} The notebook up to there: {target}."
        ) from error
