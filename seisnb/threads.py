"""Work on several cores: how many there are, one thread for each piece of work.

PyTorch is only spoken to where something else has loaded it: loading takes a second.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from contextvars import ContextVar, copy_context
from typing import TypeVar

from threadpoolctl import threadpool_limits

#: How much the work's threads stand back for others, as ``nice`` has it.
STEP_BACK = 10
_is_polite: ContextVar[bool] = ContextVar("seisnb_is_polite", default=False)

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")


def worker_count(n_workers: int) -> int:
    """Threads to use; 0 means every core this process may run on.

    Processes that ``torchrun`` started on one machine share its cores.
    """
    if n_workers:
        return n_workers
    affinity = getattr(os, "sched_getaffinity", None)
    n_cores = len(affinity(0)) if affinity else os.cpu_count() or 1
    return max(1, n_cores // int(os.environ.get("LOCAL_WORLD_SIZE", "1")))


@contextmanager
def single_threaded() -> Iterator[None]:
    """Linear algebra on one thread: results do not depend on how many workers share the machine."""
    torch = sys.modules.get("torch")
    before = torch.get_num_threads() if torch else 1
    _one_torch_thread()
    try:
        with threadpool_limits(limits=1):
            yield
    finally:
        if torch:
            torch.set_num_threads(before)


def in_parallel(
    work: Callable[[ItemT], ResultT],
    items: list[ItemT],
    *,
    n_workers: int,
    is_cancelled: Callable[[], bool] = lambda: False,
) -> Iterator[tuple[ItemT, ResultT]]:
    """Do work on items in threads; yields (item, result) as they finish.

    Threads run in copies of the caller's context, so that work may report to its widgets; for one
    worker, or one item, the caller's own thread does. After a cancel no new item starts. The first
    exception is raised once running items are done.
    """

    def pinned(item: ItemT) -> ResultT:
        _one_torch_thread()
        if _is_polite.get():
            _step_back()
        return work(item)

    waiting = list(reversed(items))
    if n_workers == 1 or len(items) == 1:
        with single_threaded():
            while waiting and not is_cancelled():
                item = waiting.pop()
                yield item, work(item)
        return
    with single_threaded(), ThreadPoolExecutor(max_workers=n_workers) as pool:
        running: dict[Future[ResultT], ItemT] = {}
        while waiting or running:
            while waiting and len(running) < n_workers and not is_cancelled():
                item = waiting.pop()
                running[pool.submit(copy_context().run, pinned, item)] = item
            if not running:
                return
            done, _ = wait(running, timeout=0.1, return_when=FIRST_COMPLETED)
            for future in done:
                item = running.pop(future)
                yield item, future.result()


def be_polite() -> None:
    """Let this thread, and the threads of its work, stand back for whoever waits for an answer.

    For work behind a page: the page's own thread and the browser come first. There is no way back;
    call it in a thread that ends with the work. Where threads have no priority nothing happens.
    """
    _is_polite.set(True)
    _step_back()


def _step_back() -> None:
    """Lower the priority of this thread, where the system knows such a thing."""
    if sys.platform == "linux":  # elsewhere it would be the whole process's
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), STEP_BACK)


def _one_torch_thread() -> None:
    """Tell PyTorch, where it is loaded, to use one thread."""
    torch = sys.modules.get("torch")
    if torch:
        torch.set_num_threads(1)
