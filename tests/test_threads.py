"""Work in threads: order, cancel, and a limit on linear algebra that overlapping blocks share."""

import importlib
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import torch
from threadpoolctl import threadpool_info

from seisnb.threads import crew, in_parallel, single_threaded


@pytest.fixture(autouse=True, scope="module")
def two_copies_of_openmp():
    """PyTorch's and that of cutde: a limit on one is none on the other."""
    importlib.import_module("cutde.fullspace")
    if sys.platform == "linux":
        assert sum(told["user_api"] == "openmp" for told in threadpool_info()) >= 2


def n_threads():
    """What linear algebra and OpenMP may use in this thread now, at most."""
    return max(
        [torch.get_num_threads(), *(told["num_threads"] for told in threadpool_info())], default=1
    )


def test_the_limit_holds_until_the_last_of_overlapping_blocks_is_left():
    torch.set_num_threads(2)
    entered, may_leave = threading.Event(), threading.Event()

    def other():
        with single_threaded():
            entered.set()
            assert may_leave.wait(10)

    thread = threading.Thread(target=other)
    thread.start()
    assert entered.wait(10)
    with single_threaded():
        may_leave.set()
        thread.join()
        assert n_threads() == 1
        with single_threaded():
            pass
        assert n_threads() == 1
    assert torch.get_num_threads() == 2


@pytest.mark.parametrize("n_workers", [1, 2])
def test_items_come_back_with_their_results_and_none_after_a_cancel(n_workers):
    found = dict(in_parallel(lambda i: (i * i, n_threads()), list(range(8)), n_workers=n_workers))
    assert found == {i: (i * i, 1) for i in range(8)}
    seen = []
    for item, _ in in_parallel(
        lambda i: i, list(range(100)), n_workers=n_workers, is_cancelled=lambda: len(seen) > 2
    ):
        seen.append(item)
    assert 3 <= len(seen) <= 3 + n_workers
    with pytest.raises(ZeroDivisionError):
        list(in_parallel(lambda i: 1 // i, [1, 0], n_workers=n_workers))
    with single_threaded():
        assert n_threads() == 1


@pytest.mark.parametrize("n_workers", [1, 2])
def test_a_crew_does_round_after_round_in_order(n_workers):
    torch.set_num_threads(2)
    with crew(n_workers) as in_crew:
        for _ in range(3):
            found = list(in_crew(lambda i: (i * i, n_threads()), range(8)))
            assert found == [(i * i, 1) for i in range(8)]
        names = set(in_crew(lambda _: threading.current_thread().name, range(8)))
        assert (threading.current_thread().name in names) == (n_workers == 1)
        with pytest.raises(ZeroDivisionError):
            list(in_crew(lambda i: 1 // i, [1, 0]))
    assert torch.get_num_threads() == 2


def test_nothing_is_amiss_while_another_thread_loads_torch(tmp_path):
    """A module of that name takes its time: half-loaded it knows neither threads nor tensors."""
    (tmp_path / "torch.py").write_text(
        "import time\ntime.sleep(0.5)\nasked = []\nset_num_threads = asked.append\n"
        "def get_num_threads():\n    return 7\nclass Tensor: ...\n"
    )
    program = (
        "import importlib, sys, threading\n"
        "from seisnb.batch.parcels import packed, unpacked\n"
        "from seisnb.threads import single_threaded\n"
        "loading = threading.Thread(target=importlib.import_module, args=('torch',))\n"
        "loading.start()\n"
        "while 'torch' not in sys.modules: pass\n"
        "assert unpacked(packed([slice(1.0)])) == [slice(1.0)]\n"
        "assert not hasattr(sys.modules['torch'], 'Tensor')\n"
        "with single_threaded():\n    assert sys.modules['torch'].asked == [1]\n"
        "assert sys.modules['torch'].asked == [1, 7]\n"
    )
    path = os.pathsep.join([str(tmp_path), str(Path(__file__).resolve().parents[1])])
    done = subprocess.run(
        [sys.executable, "-c", program], env={**os.environ, "PYTHONPATH": path},
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
