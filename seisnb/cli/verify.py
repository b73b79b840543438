"""``seisnb verify``, once the command line is parsed."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Mapping
from dataclasses import replace

import torch

from seisnb import ranks
from seisnb.conventions import Cancelled, InputError
from seisnb.io.atomic import prepare_folder
from seisnb.threads import single_threaded
from seisnb.verification.coverage import coverage_study, gather, save_study
from seisnb.verification.gold import gold_standard, gold_table
from seisnb.verification.methods import find_method
from seisnb.verification.one_dimensional import (
    SECOND_ORDER,
    check_engine,
    one_dimensional_table,
    one_dimensional_test,
)
from seisnb.verification.tables import coverage_table, scores_table, summarise
from seisnb.vsvgd.config import VsvgdConfig


def run_coverage(args: argparse.Namespace) -> int:
    """Run the study as far as it is not done, and print and write what all of it says."""
    methods = [find_method(name) for name in args.methods.split(",")]
    out = prepare_folder(args.out, where="--out")
    with args.interrupts.listening() as cancel, single_threaded():
        coverage_study(
            methods,
            args.truths,
            out=out,
            case=args.case,
            n_members=args.members,
            first_seed=args.first_seed,
            jobs=args.jobs,
            report=lambda line: print(line, flush=True),
            cancel=cancel,
        )
    study = gather(out)
    summary = summarise(study, torch.Generator().manual_seed(0))
    tables = f"{coverage_table(summary)}\n\n{scores_table(summary)}"
    save_study(study, out / "study.nc")
    save_study(summary, out / "summary.nc")
    (out / "tables.txt").write_text(tables + "\n", encoding="utf-8")
    print(tables)
    return 0


def run_line(args: argparse.Namespace) -> int:
    """Run engines on the line one after another and print their scores."""
    engines = [check_engine(name) for name in args.engines.split(",")]
    hidden, width = _network_shape(args.network)
    config = replace(
        VsvgdConfig() if args.published else SECOND_ORDER,
        velocity_hidden=hidden,
        velocity_width=width,
    )
    if args.iterations is not None:
        config = replace(config, n_iterations=args.iterations)
    tests = []
    with ranks.process_group(), args.interrupts.listening() as cancel, single_threaded():
        for engine in engines:
            if cancel():
                raise Cancelled(f"verify line: cancelled before {engine}.")
            tests.append(
                one_dimensional_test(
                    engine,
                    length=args.length,
                    n_particles=args.particles,
                    seed=args.seed,
                    config=config,
                    is_cancelled=cancel,
                )
            )
        if ranks.is_first():
            print(one_dimensional_table(tests))
    return 0


def run_gold(args: argparse.Namespace) -> int:
    """Run the gold standard, and print and write what it says."""
    out = prepare_folder(args.out, where="--out")
    with args.interrupts.listening() as cancel:
        result = gold_standard(
            seed=args.seed,
            amplitude=args.amplitude,
            n_members=args.members,
            correction_steps=args.steps,
            report=lambda line: print(line, flush=True),
            cancel=cancel,
        )
    table = gold_table(result)
    save_study(result, out / "gold.nc")
    (out / "gold.txt").write_text(table + "\n", encoding="utf-8")
    print(table)
    return 0


def _network_shape(text: str) -> tuple[int, int]:
    """Hidden layers and their width from a text such as 2x30."""
    found = re.fullmatch(r"([1-9]\d?)x([1-9]\d{0,3})", text)
    if found is None:
        raise InputError(
            f"verify line: --network is {text!r}; expected layers x width, such as 2x30 or 3x50."
        )
    return int(found[1]), int(found[2])


#: What runs each study of ``seisnb verify``.
STUDIES: Mapping[str, Callable[[argparse.Namespace], int]] = {
    "coverage": run_coverage,
    "line": run_line,
    "gold": run_gold,
}
