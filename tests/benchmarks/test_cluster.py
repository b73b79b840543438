"""What a second Dask worker gains: members of an inversion, events over 256 models.

Waste is the share of the workers' time that is not work: 1 - (seconds inside items, as each worker
measures them) / (workers x wall seconds from the first item handed out to the last result). It
holds the scheduler, sending, packing, opening, and workers that wait. Workers are warm: they have
loaded the package and done a few items before the clock starts. For how much of the time inside
items a core was had tells of other processes on the machine: well below 100 % a gain says little.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
import xarray as xr

from seisnb.batch import spreading
from seisnb.batch.cluster import cluster
from seisnb.location import LocationConfig, locate, prepare, synthetic_arrivals
from seisnb.tomography import TomographyConfig, invert
from seisnb.velocity_ensembles import layered_ensemble
from seisnb.verification.cases import line_case
from tests.benchmarks.test_location import fifteen_stations, rough

pytestmark = pytest.mark.benchmark
Say = Callable[[str], None]
N_EVENTS, N_MODELS = 1000, 256
#: One worker and two are measured by turns: others use the machine. Members are found so many
#: times; events, which take minutes, are located in so many parts.
N_ROUNDS, N_PARTS = 3, 5


@dataclass(frozen=True)
class Timed:
    """Work, and how long each item took where it was done."""

    work: Any

    @property
    def shared(self) -> tuple[object, ...]:
        return self.work.shared

    def __call__(self, item: Any, is_cancelled: Callable[[], bool]) -> tuple[float, float, Any]:
        begun, busy = time.perf_counter(), time.thread_time()
        result = self.work(item, is_cancelled)
        return time.perf_counter() - begun, time.thread_time() - busy, result


@dataclass
class Watch:
    """Seconds inside items, of a core in them, and of wall time of all that is spread meanwhile."""

    work: float = 0.0
    core: float = 0.0
    wall: float = 0.0

    def on(self, monkeypatch: pytest.MonkeyPatch) -> None:
        inner = spreading.DaskSpreader.map_unordered

        def watched(
            own: spreading.DaskSpreader, work: Any, items: list, **options: Any
        ) -> Iterator[tuple[Any, Any]]:
            begun = time.perf_counter()
            for item, (seconds, busy, result) in inner(own, Timed(work), items, **options):
                self.work += seconds
                self.core += busy
                yield item, result
            self.wall += time.perf_counter() - begun

        monkeypatch.setattr(spreading.DaskSpreader, "map_unordered", watched)


def compare(
    name: str,
    warm: Callable[[], object],
    runs: Sequence[Callable[[], object]],
    say: Say,
    monkeypatch: pytest.MonkeyPatch,
) -> tuple[float, float]:
    """How many times as fast two workers are as one, and what share of their time is no work."""
    told = {n: Watch() for n in (1, 2)}
    for run in runs:
        for n, watch in told.items():
            with cluster(n_workers=n):
                warm()
                with monkeypatch.context() as patch:
                    before = watch.wall
                    watch.on(patch)
                    run()
            say(f"  {name}, {n} at work: {watch.wall - before:.1f} s")
    wall = {n: watch.wall for n, watch in told.items()}
    waste = {n: 1.0 - watch.work / (n * watch.wall) for n, watch in told.items()}
    core = {n: watch.core / watch.work for n, watch in told.items()}
    say(
        f"{name}: {wall[1]:.1f} s with one worker, {wall[2]:.1f} s with two, "
        f"{wall[1] / wall[2]:.2f} times as fast; not work: {waste[1]:.1%} and {waste[2]:.1%}; "
        f"inside items a core was had {core[1]:.0%} and {core[2]:.0%} of the time"
    )
    return wall[1] / wall[2], waste[2]


def events(arrivals: xr.Dataset, chosen: Iterable[int]) -> xr.Dataset:
    """The picks of some events, by their numbers."""
    names = np.unique(arrivals["event"].values)[list(chosen)]
    return arrivals.isel(pick=np.flatnonzero(np.isin(arrivals["event"].values, names)))


def test_members(say: Say, monkeypatch: pytest.MonkeyPatch) -> None:
    """256 members of the 60 km line."""
    case = line_case(0)
    settings = TomographyConfig(n_members=256, seed=1, **case.settings)
    gain, waste = compare(
        "256 members of the 60 km line",
        lambda: invert(case.survey, case.prior, replace(settings, n_members=8)),
        [lambda: invert(case.survey, case.prior, settings)] * N_ROUNDS,
        say,
        monkeypatch,
    )
    assert gain >= 1.7
    assert waste <= 0.1


def test_events(say: Say, monkeypatch: pytest.MonkeyPatch) -> None:
    """1,000 events of thirty picks over 256 models; travel times are there already."""
    stations, models = fifteen_stations()
    rng = np.random.default_rng(4)
    low, high = (-30.0, -30.0, 3.0), (30.0, 30.0, 20.0)
    places = rng.uniform(low, high, (N_EVENTS, 3))
    truth = layered_ensemble([rough(rng, "truth")])
    arrivals = synthetic_arrivals(stations, truth, places)
    config = LocationConfig()
    prepared = prepare(stations, models, config)
    assert prepared.ensemble.n_members == N_MODELS
    say(f"tables of {N_MODELS} models: {prepared.tables.n_bytes / 1e6:.0f} MB, sent once")
    few = events(arrivals, range(8))
    parts = np.array_split(np.arange(N_EVENTS), N_PARTS)
    gain, waste = compare(
        f"{N_EVENTS} events over {N_MODELS} models",
        lambda: locate(few, stations, models, config, prepared=prepared),
        [
            functools.partial(
                locate, events(arrivals, part), stations, models, config, prepared=prepared
            )
            for part in parts
        ],
        say,
        monkeypatch,
    )
    assert gain >= 1.7
    assert waste <= 0.1
