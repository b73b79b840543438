"""Coverage on forty truths: default engine with rays by grid and by network, and what parts earn.

Run: make study, or pytest -s -m benchmark tests/benchmarks/test_coverage_study.py. The folder named
by SEISNB_STUDY keeps finished truths, so that a run that was stopped goes on.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from seisnb.threads import single_threaded
from seisnb.verification.cases import line_case
from seisnb.verification.coverage import coverage_study
from seisnb.verification.methods import METHODS
from seisnb.verification.speed import (
    final_snapshot,
    iterated_snapshots,
    network_snapshots,
    speed_against,
    speed_table,
)
from seisnb.verification.tables import coverage_table, is_calibrated, scores_table, summarise

pytestmark = pytest.mark.benchmark
Say = Callable[[str], None]

#: What is taken away from the default, and the engines beside it.
ABLATIONS = (
    "grid-unbent",
    "map",
    "map-unbent",
    "network-unbent",
    "network+map",
    "network+map-unbent",
    "both",
    "svgd",
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    named = os.environ.get("SEISNB_STUDY")
    return Path(named) if named else tmp_path_factory.mktemp("study")


@pytest.mark.parametrize("name", ["grid", "network"])
def test_intervals_hold_what_they_say(name: str, folder: Path, say: Say) -> None:
    """95 % intervals hold 0.93 to 0.97 of forty truths, at least 0.90 in every depth band."""
    study = coverage_study([METHODS[name]], 40, out=folder, report=say)
    summary = summarise(study, torch.Generator().manual_seed(0))
    say(f"{coverage_table(summary)}\n\n{scores_table(summary)}")
    assert is_calibrated(summary, name)


def test_what_each_part_earns(folder: Path, say: Say) -> None:
    """The same table for parts taken away, on the first ten truths."""
    names = ("grid", "network", *ABLATIONS)
    study = coverage_study([METHODS[name] for name in names], 10, out=folder, report=say)
    summary = summarise(study.sel(truth=slice(0, 9)), torch.Generator().manual_seed(0))
    say(f"{coverage_table(summary)}\n\n{scores_table(summary)}")
    held = summary["coverage"].sel(zone="all", level=0.95)
    assert float(held.sel(method_name="svgd")) < float(held.sel(method_name="grid"))


def test_time_to_misfit_and_spread(say: Say) -> None:
    """Default engine against both Stein methods, 64 members: fifty times less than networks.

    Every method has one thread. What has not reached chi2 1.1 and a spread within 10 % after twelve
    minutes gives a lower bound.
    """
    with single_threaded():
        found = speed_against(
            line_case(0),
            {
                "grid": final_snapshot(METHODS["grid"]),
                "svgd": iterated_snapshots(METHODS["svgd"], (5, 20, 60)),
                "vsvgd": network_snapshots(every=10),
            },
            n_members=64,
            reference=METHODS["grid"],
            budget=720.0,
            report=say,
        )
    say(speed_table(found))
    assert float(found["seconds_to_both"].sel(run="grid")) > 0
    assert float(found["gain"].sel(run="vsvgd")) >= 50
