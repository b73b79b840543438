"""``seisnb tomography``, once the command line is parsed."""

from __future__ import annotations

import argparse
import contextlib
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import xarray as xr

import seisnb.io
import seisnb.tomography
from seisnb import ranks
from seisnb.cli.reading import reading_options
from seisnb.cli.spreading import spreading
from seisnb.conventions import InputError
from seisnb.dashboards.report import write_report
from seisnb.diagnostics import judging_misfit, told
from seisnb.interrupts import EXIT_CANCELLED
from seisnb.io.atomic import prepare_folder
from seisnb.prior import PriorConfig
from seisnb.progress import show_progress
from seisnb.settings import make_configs, parse_assignments

#: The configurations that ``--set`` reaches, by short name.
CONFIGS: Mapping[str, type] = {
    "tomography": seisnb.tomography.TomographyConfig,
    "prior": PriorConfig,
}


def run_tomography(args: argparse.Namespace) -> int:
    """Read the picks, invert, write the ensemble and the report; by several processes, one."""
    with ranks.process_group():
        return _tomography(args)


def _tomography(args: argparse.Namespace) -> int:
    """The part of one process: the first writes and talks."""
    if not args.picks.is_file():
        raise InputError(f"seisnb tomography: there is no file {args.picks}.")
    configs = configs_of(args)

    survey = seisnb.io.read_picks(args.picks, args.format, **reading_options(args))
    out = prepare_folder(args.out, where="--out") if ranks.is_first() else args.out
    if ranks.is_first():
        _print_survey(survey)

    checkpoint = out / "checkpoint"
    names = ("ensemble.zarr", "ensemble.nc")
    file, other = (out / name for name in (names if args.zarr else names[::-1]))
    with args.interrupts.listening() as cancel:
        shown = show_progress() if ranks.is_first() else contextlib.nullcontext()
        with spreading(args), shown as progress:
            ensemble = seisnb.tomography.invert(
                survey,
                configs["prior"],
                configs["tomography"],
                progress=progress,
                cancel=cancel,
                checkpoint=checkpoint,
                out=file if args.zarr else None,
            )
        if not ranks.is_first():
            return EXIT_CANCELLED if ensemble.attrs.get("cancelled") else 0
        if not args.zarr:
            seisnb.io.save_ensemble(ensemble, file)
        write_report(ensemble, out / "report.html")
    _print_result(ensemble, file)
    if other.exists():
        print(f"note: {other} is left from an earlier run.")
    if ensemble.attrs.get("cancelled"):
        print("Stopped before the end; run the same command again to go on.")
        return EXIT_CANCELLED
    shutil.rmtree(checkpoint, ignore_errors=True)  # the results are written
    return 0


def configs_of(args: argparse.Namespace) -> dict[str, Any]:
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


def _print_result(ensemble: xr.Dataset, file: Path) -> None:
    """How well the ensemble fits, what to think of it, and where it lies."""
    misfit = judging_misfit(ensemble)
    clock = "by the referee" if misfit == "chi2_referee" else "along rays"
    chi2 = float(ensemble[misfit].mean())
    rms = float(ensemble["rms_referee_mean"])
    print(
        f"{ensemble.sizes['particle']} members, chi2/n {chi2:.2f} {clock}, "
        f"rms of the mean {1000 * rms:.2f} ms, {ensemble.attrs['elapsed_seconds']:.0f} s"
    )
    level, sentences = told(ensemble)
    print(f"verdict: {level}")
    for sentence in sentences:
        print(f"  {sentence}")
    print(f"ensemble: {file}")
    print(f"report: {file.parent / 'report.html'}")
