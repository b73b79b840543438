"""Members and events over Dask workers: same results, whatever dies, and nothing hangs."""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import xarray as xr
from distributed import LocalCluster

from seisnb.batch import cluster as clusters
from seisnb.batch.cluster import cluster
from seisnb.batch.parcels import Parcel, packed, unpacked
from seisnb.cli import EXIT_BAD_INPUT, main
from seisnb.conventions import InputError, SeisnbError
from seisnb.location import locate
from seisnb.threads import spread
from seisnb.tomography import Progress, invert, recentre
from seisnb.traveltime.base import pick_geometry
from seisnb.traveltime.referee import Referee
from tests.batch.clusters import Heavy, Processes, Traced, dask_processes
from tests.location.conftest import TRUE, arrivals_at, ensemble_of, network, settings
from tests.tomography.conftest import PRIOR, Line, config, make_line, same_result

PLACES = [TRUE, (-10.0, 6.0, 18.0), (8.0, 12.0, 5.0), (1.0, 2.0, 9.0), (3.0, 5.0, 14.0)]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Processes]:
    """A scheduler with two workers, for all tests that leave them alive."""
    with dask_processes(tmp_path_factory.mktemp("dask"), n_workers=2) as found:
        yield found


@pytest.fixture(scope="module")
def line() -> Line:
    return make_line(3)


@pytest.fixture(scope="module")
def alone(line: Line) -> xr.Dataset:
    """Ten members by threads."""
    return invert(line.survey, PRIOR, config(n_members=10))


def without_clock(hypocentres: xr.Dataset) -> xr.Dataset:
    attrs = {k: v for k, v in hypocentres.attrs.items() if k != "elapsed_seconds"}
    return hypocentres.drop_attrs(deep=False).assign_attrs(attrs)


@pytest.mark.slow
@pytest.mark.parametrize(
    "changes",
    [
        {"n_members": 16},
        {"n_members": 3, "correction_steps": 2, "infer_sigma": True, "likelihood": "student"},
        {"n_members": 3, "ray_source": "network", "training_steps": 20},
    ],
    ids=["moved together", "corrected", "network"],
)
def test_members_are_those_of_threads(
    changes: dict, running: Processes, line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    # enough of a shift to move sixteen members, whatever theirs is
    monkeypatch.setattr(recentre, "common_shift", lambda excess, _: torch.full_like(excess[0], 0.1))
    with cluster(running.address):
        found = invert(line.survey, PRIOR, config(**changes))
    same_result(found, invert(line.survey, PRIOR, config(**changes)))
    assert (found.attrs["recentred_bias_std"] > 0) == (changes["n_members"] == 16)


@pytest.mark.slow
def test_events_are_those_of_threads(running: Processes) -> None:
    """Rounds of station terms first, which need the same travel times again."""
    stations, models = network(), ensemble_of(24)
    arrivals = arrivals_at(stations, PLACES)
    how = settings(n_samples=300, station_terms="estimate")
    with cluster(running.address):
        found = locate(arrivals, stations, models, how)
    alone = locate(arrivals, stations, models, how)
    xr.testing.assert_identical(without_clock(found), without_clock(alone))


def test_large_parts_reach_every_worker_once_and_go_with_their_owner(
    running: Processes, tmp_path: Path
) -> None:
    heavy = Heavy()
    with cluster(running.address) as client:
        client.amm.stop()  # it drops copies every two seconds; schedulers of our own have none
        seen = set()
        for _ in range(2):  # two rounds of work that hold the same part
            work = Traced(folder=tmp_path, seconds=0.05, heavy=heavy)
            found = dict(spread(work, list(range(6)), n_workers=1))
            assert {item: square for item, (square, _, _) in found.items()} == {
                i: i * i for i in range(6)
            }
            seen |= {(pid, place) for _, pid, place in found.values()}
        assert len(seen) == 2
        assert len({pid for pid, _ in seen}) == 2
        del heavy, work
        assert eventually(lambda: not client.run_on_scheduler(n_tasks))


def n_tasks(dask_scheduler) -> int:
    return len(dask_scheduler.tasks)


def eventually(is_so, seconds: float = 10.0) -> bool:
    until = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > until:
            return False
        time.sleep(0.05)
    return True


def test_the_first_exception_comes_back_and_the_rest_is_called_off(
    running: Processes, tmp_path: Path
) -> None:
    work = Traced(folder=tmp_path, seconds=0.05, bad=(1,))
    with cluster(running.address), pytest.raises(ArithmeticError, match="item 1"):
        list(spread(work, list(range(100)), n_workers=1))
    n_begun = len(list(tmp_path.iterdir()))
    time.sleep(0.5)
    assert len(list(tmp_path.iterdir())) <= n_begun + 2 < 50


def test_after_a_cancel_nothing_new_starts(running: Processes, tmp_path: Path) -> None:
    work, done = Traced(folder=tmp_path, seconds=0.2), []
    with cluster(running.address):
        for item, _ in spread(
            work, list(range(60)), n_workers=1, is_cancelled=lambda: len(done) >= 3
        ):
            done.append(item)
        cancelled = time.time_ns()
        time.sleep(1.0)
    assert 3 <= len(done) <= 5
    late = [p for p in tmp_path.iterdir() if int(p.name.split("-")[2]) > cancelled + 100_000_000]
    assert not late


def test_outside_the_block_work_stays_here(running: Processes, tmp_path: Path) -> None:
    with cluster(running.address):
        pass
    found = dict(spread(Traced(folder=tmp_path), [1, 2], n_workers=1))
    assert {pid for _, pid, _ in found.values()} == {os.getpid()}


@pytest.mark.slow
def test_a_killed_worker_costs_nothing(line: Line, alone: xr.Dataset, tmp_path: Path) -> None:
    """Of two processes on this machine one is killed at work; no member is lost or double."""
    told: list[Progress] = []
    with cluster(n_workers=2) as client:
        assert not client.amm.running()  # what every worker needs stays with every worker
        pids = list(client.run(os.getpid).values())

        def progress(message: Progress) -> None:
            told.append(message)
            if message.stage == "members" and message.done == 3 and message.member is not None:
                os.kill(pids[0], signal.SIGKILL)

        found = invert(
            line.survey, PRIOR, config(n_members=10), progress=progress, checkpoint=tmp_path
        )
        assert pids[0] not in client.run(os.getpid).values()
    same_result(found, alone)
    counts = [m.done for m in told if m.stage == "members" and m.member is not None]
    assert counts == list(range(1, 11))


@pytest.mark.slow
def test_the_only_worker_killed_takes_what_it_was_sent_with_it(tmp_path: Path) -> None:
    """Nobody has the shared parts any more: they are sent again once the worker is back."""
    work, found = Traced(folder=tmp_path, seconds=0.05), []
    with cluster(n_workers=1):
        for item, (_, pid, _) in spread(work, list(range(8)), n_workers=1):
            found.append(item)
            if len(found) == 3:
                os.kill(pid, signal.SIGKILL)
    assert sorted(found) == list(range(8))


@pytest.mark.slow
def test_a_killed_scheduler_is_told_and_the_same_call_goes_on(
    line: Line, alone: xr.Dataset, tmp_path: Path
) -> None:
    killed: list[float] = []
    with dask_processes(tmp_path, n_workers=1) as own:

        def progress(message: Progress) -> None:
            if message.stage == "members" and message.done == 3 and not killed:
                own.scheduler.send_signal(signal.SIGKILL)
                killed.append(time.monotonic())

        with (
            pytest.raises(SeisnbError, match="connection to the scheduler .* was lost"),
            cluster(own.address),
        ):
            invert(
                line.survey, PRIOR, config(n_members=10), progress=progress,
                checkpoint=tmp_path / "checkpoint",
            )  # fmt: skip
    assert time.monotonic() - killed[0] < 20
    kept = sorted((tmp_path / "checkpoint").glob("member_*"))
    assert 3 <= len(kept) < 10
    before = {path: path.stat().st_mtime_ns for path in kept}
    found = invert(line.survey, PRIOR, config(n_members=10), checkpoint=tmp_path / "checkpoint")
    assert {path: path.stat().st_mtime_ns for path in kept} == before
    same_result(found, alone)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_an_address_that_nobody_answers_at() -> None:
    begun = time.monotonic()
    address = f"tcp://127.0.0.1:{free_port()}"
    with pytest.raises(SeisnbError, match=f"no scheduler answers at {address}"):
        cluster(address, timeout=1.0).__enter__()
    assert time.monotonic() - begun < 5


def test_a_scheduler_without_workers(tmp_path: Path) -> None:
    with (
        dask_processes(tmp_path, n_workers=0) as own,
        pytest.raises(SeisnbError, match="has no workers. Start some"),
    ):
        cluster(own.address, timeout=1.0).__enter__()


def test_workers_of_another_version_are_refused(
    running: Processes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clusters.seisnb, "__version__", "0.0.1")
    with pytest.raises(SeisnbError, match="has seisnb .*, this process has 0.0.1"):
        cluster(running.address).__enter__()


@pytest.mark.parametrize(
    ("scheduler", "options", "said"),
    [
        ("nowhere at all", {}, "is no address of a scheduler"),
        (None, {"n_workers": -1}, "expected 0 or more"),
        ("tcp://127.0.0.1:1", {"n_workers": 2}, "has workers of its own"),
        ({"cores": 2}, {}, "expected a line such as 'system: slurm'"),
        ({"system": "cray"}, {}, "queueing system is 'cray'"),
        ("missing.yaml", {}, "cannot be read as YAML"),
    ],
)
def test_what_cannot_be_understood(scheduler, options: dict, said: str) -> None:
    with pytest.raises(InputError, match=said):
        cluster(scheduler, **options).__enter__()


def test_a_queue_needs_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "dask_jobqueue", None)
    with pytest.raises(InputError, match=r"pip install 'seisnb\[cluster\]'"):
        cluster({"system": "slurm"}).__enter__()


@pytest.mark.slow
def test_a_queue_is_asked_as_its_file_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What dask-jobqueue is handed, and that work waits until the queue has started workers."""
    asked: list[dict] = []

    class SLURMCluster(LocalCluster):
        def __init__(self, **options) -> None:
            asked.append(options)
            super().__init__(
                n_workers=0, threads_per_worker=1, dashboard_address="127.0.0.1:0",
                scheduler_kwargs={"dashboard": False}, local_directory=str(tmp_path),
            )  # fmt: skip

        def scale(self, jobs: int) -> None:
            asked.append({"jobs": jobs})
            super().scale(jobs)

    monkeypatch.setitem(sys.modules, "dask_jobqueue", SimpleNamespace(SLURMCluster=SLURMCluster))
    (tmp_path / "slurm.yaml").write_text("system: slurm\nqueue: normal\ncores: 4\nmemory: 8GB\n")
    (tmp_path / "out").mkdir()
    with cluster(tmp_path / "slurm.yaml", n_workers=1):
        found = dict(spread(Traced(folder=tmp_path / "out"), [3], n_workers=1))
    assert found[3][0] == 9
    assert asked[:2] == [
        {"queue": "normal", "cores": 4, "processes": 4, "memory": "8GB"}, {"jobs": 1},
    ]  # fmt: skip


def test_what_is_sent_comes_out_as_it_was() -> None:
    heavy, values = Heavy(), np.asfortranarray(np.arange(12.0).reshape(3, 4))
    sent = {
        "heavy": [heavy, heavy], "values": values, "tensor": torch.from_numpy(values),
        "count": torch.arange(3), "call": lambda x: x + 1,
    }  # fmt: skip
    content = packed(sent, (heavy,))
    assert len(content) < heavy.values.nbytes  # only its number went along
    found = unpacked(content, (heavy,))
    assert found["heavy"][0] is heavy
    assert found["call"](1) == 2
    assert found["values"].flags.f_contiguous
    assert found["values"].flags.writeable
    np.testing.assert_array_equal(found["values"], values)
    assert torch.equal(found["tensor"], sent["tensor"])
    assert found["tensor"].stride() == sent["tensor"].stride()
    assert found["count"].dtype == torch.int64


def test_a_parcel_is_opened_once_and_travels_on(line: Line) -> None:
    heavy = Heavy()
    parcel = Parcel(packed(["text", heavy], (heavy,)))
    first = parcel.opened((heavy,))
    assert parcel.opened((heavy,)) is first
    again = unpacked(packed(parcel)).opened((heavy,))
    assert again == ["text", heavy]
    assert sys.getsizeof(Parcel(bytes(5000))) >= 5000  # what Dask counts


@pytest.mark.usefixtures("fresh_referees")
def test_a_referee_sent_elsewhere_says_the_same(line: Line) -> None:
    grid = line.prior.grid
    referee = Referee(grid, pick_geometry(line.survey))
    there = unpacked(packed(referee))
    try:
        np.testing.assert_array_equal(referee.times(line.truth, 0.1), there.times(line.truth, 0.1))
    finally:
        referee.close()
        there.close()


def test_the_command_line_says_what_it_cannot_do(tmp_path: Path, capsys) -> None:
    picks = tmp_path / "picks.csv"
    picks.write_text(
        "shot_easting_km,receiver_easting_km,travel_time_s,pick_std_s\n"
        + "".join(f"0,{x},{x / 3},0.01\n" for x in range(1, 8))
    )
    address = f"tcp://127.0.0.1:{free_port()}"
    arguments = ["tomography", str(picks), "--out", str(tmp_path / "out"), "--scheduler", address]
    assert main([*arguments, "--workers", "2"]) == EXIT_BAD_INPUT
    assert "has workers of its own" in capsys.readouterr().err
    assert main(arguments) == EXIT_BAD_INPUT
    assert f"no scheduler answers at {address}" in capsys.readouterr().err
