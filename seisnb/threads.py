"""Work on several cores: how many there are, one thread for each piece of work.

What may leave this process goes where the caller's :func:`spread_by` says, through one protocol, so
that no science knows of clusters.

PyTorch is only spoken to where something else has loaded it: loading takes a second.
"""

from __future__ import annotations

import importlib
import os
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager, suppress
from contextvars import ContextVar, copy_context
from typing import Any, Protocol, TypeVar

from threadpoolctl import ThreadpoolController

#: How much the work's threads stand back for others, as ``nice`` has it.
STEP_BACK = 10
_is_polite: ContextVar[bool] = ContextVar("seisnb_is_polite", default=False)
_front: ContextVar[Executor | None] = ContextVar("seisnb_front", default=None)

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")
ItemT_contra = TypeVar("ItemT_contra", contravariant=True)
ResultT_co = TypeVar("ResultT_co", covariant=True)


class Portable(Protocol[ItemT_contra, ResultT_co]):
    """Work that may leave this process: data that can be pickled, and a call."""

    @property
    def shared(self) -> tuple[object, ...]:
        """Its large parts: whatever work holds the same objects, each is sent once."""
        ...

    def __call__(self, item: ItemT_contra, is_cancelled: Callable[[], bool], /) -> ResultT_co:
        """The result of one item; a cancel may cut it short."""
        ...


class Spreader(Protocol):
    """Does portable work somewhere else."""

    def map_unordered(
        self,
        work: Portable[ItemT, ResultT],
        items: list[ItemT],
        *,
        is_cancelled: Callable[[], bool],
    ) -> Iterator[tuple[ItemT, ResultT]]:
        """Yield (item, result) as they finish, each once; after a cancel no new item starts."""
        ...


_spreader: ContextVar[Spreader | None] = ContextVar("seisnb_spreader", default=None)


@contextmanager
def spread_by(spreader: Spreader) -> Iterator[None]:
    """Portable work that is begun in this block is done by a spreader instead of by threads."""
    token = _spreader.set(spreader)
    try:
        yield
    finally:
        _spreader.reset(token)


def worker_count(n_workers: int) -> int:
    """Threads to use; 0 means every core this process may run on.

    Processes that ``torchrun`` started on one machine share its cores.
    """
    if n_workers:
        return n_workers
    affinity = getattr(os, "sched_getaffinity", None)
    n_cores = len(affinity(0)) if affinity else os.cpu_count() or 1
    return max(1, n_cores // int(os.environ.get("LOCAL_WORLD_SIZE", "1")))


class _Libraries:
    """The linear algebra and OpenMP that is loaded: packages bring copies of their own."""

    def __init__(self) -> None:
        self._n_modules = 0
        self._found: ThreadpoolController | None = None

    def found(self) -> ThreadpoolController:
        """All of them; a search takes a millisecond, so only after an import there is another."""
        n_modules = len(sys.modules)
        if self._found is None or n_modules != self._n_modules:
            self._found, self._n_modules = ThreadpoolController(), n_modules
        return self._found


_libraries = _Libraries()


class _Limits:
    """The limit on BLAS and PyTorch, for the whole process, while anybody is inside."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._n_inside = 0
        self._way_back = ExitStack()

    def enter(self) -> None:
        """One more works under the limit."""
        with self._lock:
            if self._n_inside == 0:
                torch = _loaded_torch()
                if torch:
                    self._way_back.callback(torch.set_num_threads, torch.get_num_threads())
                self._way_back.enter_context(_libraries.found().limit(limits=1, user_api="blas"))
            self._n_inside += 1

    def leave(self) -> None:
        """One less; the last one lifts the limit."""
        with self._lock:
            self._n_inside -= 1
            if self._n_inside == 0:
                self._way_back.close()


_limits = _Limits()


def stay_single_threaded() -> None:
    """Linear algebra of the calling thread on one thread from now on: where all work is of items.

    As :func:`single_threaded`, without a way back.
    """
    _one_torch_thread()
    _libraries.found().limit(limits=1)


@contextmanager
def single_threaded() -> Iterator[None]:
    """Linear algebra on one thread: results do not depend on how many workers share the machine.

    Blocks may overlap in several threads: the limit holds until the last of them is left, so that
    the end of one piece of work changes no digit of another. OpenMP counts for each thread of ours
    by itself: its limit begins and ends with the thread's own block.
    """
    _limits.enter()
    try:
        with _libraries.found().limit(limits=1, user_api="openmp"):
            _one_torch_thread()
            yield
    finally:
        _limits.leave()


def spread(
    work: Portable[ItemT, ResultT],
    items: list[ItemT],
    *,
    n_workers: int,
    is_cancelled: Callable[[], bool] = lambda: False,
) -> Iterator[tuple[ItemT, ResultT]]:
    """Do portable work on items; yields (item, result) as they finish.

    In the processes of a surrounding :func:`spread_by`, otherwise as :func:`in_parallel` does.
    """
    spreader = _spreader.get()
    if spreader is not None:
        return spreader.map_unordered(work, items, is_cancelled=is_cancelled)
    return in_parallel(
        lambda item: work(item, is_cancelled), items, n_workers=n_workers, is_cancelled=is_cancelled
    )


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
        stay_single_threaded()
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


@contextmanager
def crew(n_workers: int) -> Iterator[Callable[..., Iterator[Any]]]:
    """Threads that stay together for many rounds of short work, each on one thread of its own.

    Gives what does a round, as :func:`map` does: results come in the order of the items. A crew of
    one is the caller's own thread.
    """

    def begin() -> None:
        stay_single_threaded()
        if is_polite:
            _step_back()

    is_polite = _is_polite.get()
    with single_threaded():
        if n_workers == 1:
            yield map
            return
        with ThreadPoolExecutor(max_workers=n_workers, initializer=begin) as pool:
            yield pool.map


def be_polite(front: Executor | None = None) -> None:
    """Let this thread, and the threads of its work, stand back for whoever waits for an answer.

    For work behind a page: the page's own thread and the browser come first. There is no way back;
    call it in a thread that ends with the work. Where threads have no priority nothing happens.

    Parameters
    ----------
    front : Executor, optional
        Threads that do not stand back, for what the work does :func:`in_front`.
    """
    _is_polite.set(True)
    _front.set(front)
    _step_back()


def in_front(work: Callable[[], ResultT]) -> ResultT:
    """Do work that somebody waits for now, such as the end of a run, without standing back."""
    front = _front.get()
    if front is None:
        return work()
    context = copy_context()
    context.run(_is_polite.set, False)
    context.run(_front.set, None)
    return front.submit(context.run, work).result()


def _step_back() -> None:
    """Lower the priority of this thread, where the system knows such a thing."""
    if sys.platform == "linux":  # elsewhere it would be the whole process's
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), STEP_BACK)


def _one_torch_thread() -> None:
    """Tell PyTorch, where it is loaded, to use one thread."""
    torch = _loaded_torch()
    if torch:
        torch.set_num_threads(1)


def _loaded_torch() -> Any:
    """PyTorch if anybody has loaded it; while another thread loads it, once that is done."""
    return importlib.import_module("torch") if "torch" in sys.modules else None
