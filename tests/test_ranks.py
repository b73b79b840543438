"""Several processes give what one gives; whatever happens to one of them, all of them end."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from seisnb import cli, ranks
from seisnb.conventions import InputError
from tests import ranks_work

ROOT = Path(__file__).resolve().parents[1]
slow = pytest.mark.slow


def torchrun(n_ranks: int, *program: str) -> list[str]:
    launcher = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", str(n_ranks)]
    return [*launcher, "--standalone", *program]


def environment() -> dict[str, str]:
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    return {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": path}


def start(line: list[str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        line, env=environment(), cwd=ROOT, text=True, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )  # fmt: skip


def children_of(process: int) -> list[int]:
    found = Path(f"/proc/{process}/task/{process}/children").read_text()
    return [int(each) for each in found.split()]


def as_rank(monkeypatch: pytest.MonkeyPatch, rank: int, size: int) -> None:
    place = ranks._Group(rank=rank, size=size, timeout=1.0)
    monkeypatch.setattr(ranks, "_group", type("At", (), {"get": staticmethod(lambda: place)}))


@pytest.mark.parametrize(
    ("n", "block", "size", "shares"),
    [
        (128, 1, 3, [43, 43, 42]), (128, 16, 3, [48, 48, 32]), (128, 16, 8, [16] * 8),
        (7, 16, 3, [3, 2, 2]), (50, 16, 2, [32, 18]), (2, 1, 3, [1, 1, 0]), (0, 1, 2, [0, 0]),
    ],
)  # fmt: skip
def test_shares_are_all_items_in_order(n, block, size, shares, monkeypatch) -> None:
    found: list[int] = []
    for rank in range(size):
        as_rank(monkeypatch, rank, size)
        mine = ranks.Share(n=n, block=block).mine
        assert mine.stop - mine.start == shares[rank]
        found += range(n)[mine]
    assert found == list(range(n))


def test_alone_everything_is_the_identity() -> None:
    share, values = ranks.Share(n=5, block=2), torch.arange(5.0)
    with ranks.process_group():
        assert (ranks.rank(), ranks.size(), ranks.is_first()) == (0, 1, True)
        assert share.mine == slice(0, 5)
        for found in (share.gathered(values), ranks.first_has(values)):
            assert found[0] is values
        items = iter([1, 2])
        assert ranks.joined(items) is items
        assert ranks.first_says(share) is share
        assert [ranks.any_of(flag) for flag in (True, False)] == [True, False]
        ranks.check_same([1.0], where="here", what="things")


def test_too_many_processes_are_refused(monkeypatch) -> None:
    as_rank(monkeypatch, 0, 3)
    with pytest.raises(InputError, match=r"vsvgd: 2 particles .* 3 processes. Start at most 2"):
        ranks.Share(n=2, block=16).check(where="vsvgd", what="particles")


@pytest.mark.parametrize(
    "line", [["locate", "a.csv", "--stations", "s", "--ensemble", "e", "--out", "o"],
             ["verify", "gold", "--out", "o"]]
)  # fmt: skip
def test_commands_of_one_process_say_so(line, monkeypatch, capsys) -> None:
    for name, value in {"WORLD_SIZE": "2", "RANK": "1", "MASTER_ADDR": "localhost"}.items():
        monkeypatch.setenv(name, value)
    assert cli.main(line) == cli.EXIT_BAD_INPUT
    said = capsys.readouterr().err
    assert said.startswith("seisnb, rank 1: ")
    assert "runs in one process" in said


@pytest.fixture(scope="module")
def alone() -> dict[str, torch.Tensor]:
    """What one process finds, with the same thread count as those that torchrun starts."""
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    found = ranks_work.results()
    torch.set_num_threads(n_threads)
    return found


@slow
@pytest.mark.parametrize("n_ranks", [2, 3])
def test_several_processes_find_what_one_finds(n_ranks, alone, tmp_path) -> None:
    """128 particles over 3 are 48, 48 and 32; 7 are 3, 2 and 2; of the network's two parts of
    points the third process has none."""
    out = tmp_path / "found.safetensors"
    process = start(torchrun(n_ranks, "tests/ranks_work.py", "all", str(out)))
    said = process.communicate(timeout=120)[1]
    assert process.returncode == 0, said
    found = load_file(out)
    assert set(found) == set(alone)
    np.testing.assert_allclose(found["network.times"], ranks_work.exact_times(), rtol=4e-3)
    for name, tensor in alone.items():
        close = 0 if name.startswith("network") else 1e-5
        np.testing.assert_allclose(found[name], tensor, rtol=0, atol=close, err_msg=name)


@slow
def test_a_silent_process_ends_the_others(tmp_path) -> None:
    begun = time.monotonic()
    process = start(torchrun(2, "tests/ranks_work.py", "silent", str(tmp_path / "none")))
    said = process.communicate(timeout=60)[1]
    assert process.returncode != 0
    assert re.search(r"RankError: rank 0 of 2: another process .* did not answer for 3 s", said)
    assert time.monotonic() - begun < 50


@slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT], ids=["kill -9", "ctrl-c"])
def test_a_process_that_dies_or_is_stopped_ends_all(number) -> None:
    """SIGKILL to the second process; Ctrl-C, as a terminal would, to the launcher."""
    options = ["--engines", "vsvgd", "--particles", "16", "--iterations", "100000"]
    process = start(torchrun(2, "-m", "seisnb", "verify", "line", *options))
    end = time.monotonic() + 60
    while not (workers := [w for w in children_of(process.pid) if is_ready(w)])[1:]:
        assert time.monotonic() < end
        assert process.poll() is None
        time.sleep(0.2)
    time.sleep(3.0)
    begun = time.monotonic()
    os.kill(workers[1] if number == signal.SIGKILL else process.pid, number)
    printed, said = process.communicate(timeout=60)
    assert time.monotonic() - begun < 30
    assert process.returncode != 0
    assert printed == ""
    if number == signal.SIGKILL:
        assert "seisnb, rank 0: rank 0 of 2: another process of this run died" in said
    else:
        assert said.count("Stopping: what is done is kept") == 1
        assert "seisnb, rank 0: one_dimensional_test: cancelled after" in said
    assert not any(Path(f"/proc/{worker}").exists() for worker in workers)


def is_ready(process: int) -> bool:
    """Whether a process has connections of gloo: it has come to the group."""
    try:
        names = [t.read_text() for t in Path(f"/proc/{process}/task").glob("*/comm")]
    except OSError:
        return False
    return any("gloo" in name for name in names)


@slow
def test_only_the_first_process_prints() -> None:
    options = ["--engines", "rml,vsvgd", "--particles", "32", "--iterations", "2"]
    process = start(torchrun(2, "-m", "seisnb", "verify", "line", *options))
    printed, said = process.communicate(timeout=120)
    assert process.returncode == 0, said
    assert [line.split()[0] for line in printed.splitlines()] == ["engine", "rml", "vsvgd"]
