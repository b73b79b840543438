"""What the commands do, once the command line is parsed."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import papermill
import xarray as xr

import seisnb.io
import seisnb.tomography
from seisnb.conventions import Cancelled, InputError, OutputError, SeisnbError
from seisnb.dashboards.report import write_report
from seisnb.interrupts import EXIT_CANCELLED
from seisnb.prior import PriorConfig
from seisnb.progress import show_progress
from seisnb.settings import make_configs, parse_assignments

#: The configurations that ``--set`` reaches, by short name.
CONFIGS: Mapping[str, type] = {
    "tomography": seisnb.tomography.TomographyConfig,
    "prior": PriorConfig,
}


def run_tomography(args: argparse.Namespace) -> int:
    """Read the picks, invert, write the ensemble and the report."""
    if not args.picks.is_file():
        raise InputError(f"seisnb tomography: there is no file {args.picks}.")
    out = prepare_folder(args.out)
    configs = _configs(args)

    survey = seisnb.io.read_picks(
        args.picks,
        args.format,
        pick_std=args.pick_std,
        phases=args.phases,
        water_velocity=args.water_velocity,
        surface=args.surface,
        instrument=args.instrument,
        on_bad=args.on_bad,
    )
    _print_survey(survey)

    checkpoint = out / "checkpoint"
    with args.interrupts.listening() as cancel:
        with show_progress() as progress:
            ensemble = seisnb.tomography.invert(
                survey,
                configs["prior"],
                configs["tomography"],
                progress=progress,
                cancel=cancel,
                checkpoint=checkpoint,
            )
        seisnb.io.save_ensemble(ensemble, out / "ensemble.nc")
        write_report(ensemble, out / "report.html")
    _print_result(ensemble, out)
    if ensemble.attrs.get("cancelled"):
        print("Stopped before all members were done; run the same command again to go on.")
        return EXIT_CANCELLED
    shutil.rmtree(checkpoint, ignore_errors=True)  # the results are written
    return 0


def run_demo(args: argparse.Namespace) -> int:
    """Execute the tomography notebook on its synthetic marine line."""
    out = prepare_folder(args.out).resolve()
    _configs(args)
    parameters = {
        "picks": "",
        "n_members": args.members,
        "seed": args.seed,
        "out_dir": str(out),
        "settings": parse_assignments(args.set, where="--set"),
        "progress": "lines",
    }
    started = time.time()
    execute_notebook(find_notebook("tomography"), out / "tomography.ipynb", parameters)
    report = out / "report.html"
    if not report.is_file() or report.stat().st_mtime < started - 1.0:
        raise Cancelled(f"seisnb demo: stopped before the report was written to {out}.")
    print(f"notebook: {out / 'tomography.ipynb'}")
    print(f"ensemble: {out / 'ensemble.nc'}")
    print(f"report: {report}")
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


def prepare_folder(folder: Path) -> Path:
    """The results folder, made if need be and proven writable before any long work.

    Raises
    ------
    OutputError
        It cannot be made or written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(b"seisnb")
    except OSError as error:
        raise OutputError(
            f"--out {folder}: cannot write there ({error.strerror or error}). "
            "Choose a folder that you can write to."
        ) from error
    return folder


def _configs(args: argparse.Namespace) -> dict[str, Any]:
    """Configurations from ``--members``, ``--seed`` and ``--set``."""
    settings: dict[str, object] = {}
    for flag, name in (("members", "n_members"), ("seed", "seed")):
        if getattr(args, flag) is not None:
            settings[f"tomography.{name}"] = getattr(args, flag)
    settings.update(parse_assignments(args.set, where="--set"))
    return make_configs(CONFIGS, settings, where="--set")


def _print_survey(survey: xr.Dataset) -> None:
    """What was read, and every note of the reader."""
    n_used = int(survey["used"].sum())
    print(f"{n_used} picks of {survey.attrs.get('title') or survey.attrs.get('source')}")
    for note in json.loads(survey.attrs.get("notes", "[]")):
        print(f"note: {note}")


def _print_result(ensemble: xr.Dataset, out: Path) -> None:
    """How well the ensemble fits, what to think of it, and where it lies."""
    chi2 = float(ensemble["chi2_referee"].mean())
    rms = float(ensemble["rms_referee_mean"])
    print(
        f"{ensemble.sizes['particle']} members, chi2/n {chi2:.2f} by the referee, "
        f"rms of the mean {1000 * rms:.2f} ms, {ensemble.attrs['elapsed_seconds']:.0f} s"
    )
    print(ensemble.attrs["verdict"])
    print(f"ensemble: {out / 'ensemble.nc'}")
    print(f"report: {out / 'report.html'}")
