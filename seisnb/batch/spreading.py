"""Portable work done by Dask's workers."""

from __future__ import annotations

import time
import weakref
from collections.abc import Callable, Iterator
from typing import TypeVar

from distributed import Client, Future, KilledWorker, as_completed

from seisnb.batch.parcels import Parcel, do, packed, unpacked
from seisnb.conventions import SeisnbError
from seisnb.threads import Portable, single_threaded

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")

#: How often results and a cancel are looked for [s]; workers do not wait for it.
GLANCE = 0.02
#: How often workers are counted while none brings a result [s].
LOOK_AROUND = 2.0
#: Rounds without a result after which work that gets lost is given up.
MOST_LOST = 3


class DaskSpreader:
    """Spreads items over the workers of a scheduler; a :class:`seisnb.threads.Spreader`.

    Parameters
    ----------
    client : Client
        Connected to the scheduler.
    patience : float or None
        How long to wait where there is no worker [s]; None: until there is one.
    """

    def __init__(self, client: Client, patience: float | None) -> None:
        self._client, self._patience = client, patience
        self._address = client.scheduler.address if client.scheduler else "?"
        self._sent: dict[int, Future] = {}

    def map_unordered(
        self,
        work: Portable[ItemT, ResultT],
        items: list[ItemT],
        *,
        is_cancelled: Callable[[], bool],
    ) -> Iterator[tuple[ItemT, ResultT]]:
        """Yield (item, result) as workers finish them, each once.

        After a cancel no item starts, and what workers are doing is given up. An item whose worker
        dies is done by another; what was sent is sent again where no worker has it any more.

        Raises
        ------
        SeisnbError
            The scheduler is gone, or all workers are, or an item ended several of them.
        """
        left, n_barren = list(items), 0
        with single_threaded():
            while left and self._finds_workers(is_cancelled):
                lost: list[ItemT] = []
                yield from self._round(work, left, lost, is_cancelled)
                if lost and self._client.status != "running":
                    raise self._gone(len(lost))
                n_barren = n_barren + 1 if len(lost) == len(left) else 0
                if n_barren == MOST_LOST:
                    raise SeisnbError(
                        f"cluster: the workers of {self._address} were lost {n_barren} times "
                        f"before one of {len(lost)} item(s) was done; is their memory short?"
                    )
                left = lost

    def _round(
        self,
        work: Portable[ItemT, ResultT],
        items: list[ItemT],
        lost: list[ItemT],
        is_cancelled: Callable[[], bool],
    ) -> Iterator[tuple[ItemT, ResultT]]:
        """All items handed to the scheduler; notes those that went down with what they need."""
        try:
            shared = [self._sent_once(part) for part in work.shared]
            parcel = self._send(packed(work, work.shared))
        except (OSError, KeyError) as error:  # a worker went while it was being sent to
            if self._client.status != "running":
                raise self._gone(len(items)) from error
            lost += items
            return
        futures = self._client.map(do, items, parcel=parcel, shared=shared, pure=False)
        waiting = dict(zip(futures, items, strict=True))
        ready = as_completed(futures, loop=self._client.loop, with_results=True)
        del futures  # what has been taken is let go of
        seen = time.monotonic()
        try:
            while waiting and not is_cancelled():
                batch = ready.next_batch(block=False)
                if batch:
                    seen = time.monotonic()
                elif time.monotonic() - seen > LOOK_AROUND:
                    if not self._finds_workers(is_cancelled):
                        return
                    seen = time.monotonic()
                else:
                    time.sleep(GLANCE)
                while batch:
                    future, result = batch.pop()
                    item = waiting.pop(future)
                    if future.status == "finished":
                        yield item, unpacked(result)
                    elif future.status == "error":
                        raise _told(result[1])
                    else:
                        lost.append(item)
        finally:
            ready.clear()
            if waiting and self._client.status == "running":
                self._client.cancel(list(waiting))

    def _finds_workers(self, is_cancelled: Callable[[], bool]) -> bool:
        """Wait until there is a worker; False when cancelled."""
        begun = time.monotonic()
        while not is_cancelled():
            try:
                if self._client.nthreads():
                    return True
            except (OSError, RuntimeError) as error:
                raise self._gone() from error
            if self._patience is not None and time.monotonic() - begun > self._patience:
                raise SeisnbError(
                    f"cluster: the scheduler at {self._address} has had no workers for "
                    f"{self._patience:g} s. Start some and run again: finished items are kept "
                    "when a checkpoint is given."
                )
            time.sleep(0.2)
        return False

    def _sent_once(self, part: object) -> Future:
        """A shared part; let go of by the workers when nobody here holds it any more."""
        future = self._sent.get(id(part))
        if future is None or future.status != "finished":
            if future is None:
                weakref.finalize(part, self._sent.pop, id(part), None).atexit = False
            future = self._send(packed(part))
            self._sent[id(part)] = future
        return future

    def _send(self, content: bytes) -> Future:
        """A parcel to every worker that there is."""
        return self._client.scatter(Parcel(content), broadcast=True, hash=False)

    def _gone(self, n_left: int | None = None) -> SeisnbError:
        """The scheduler does not answer any more."""
        left = "" if n_left is None else f" with {n_left} item(s) not done"
        return SeisnbError(
            f"cluster: the connection to the scheduler at {self._address} was lost{left}. Start it "
            "and run again: finished items are kept when a checkpoint is given."
        )


def _told(error: BaseException) -> BaseException:
    """What ended an item, in words where it is Dask's."""
    if isinstance(error, KilledWorker):
        return SeisnbError(
            "cluster: an item ended every worker that tried it; is their memory short? Give them "
            "more, or start fewer on a machine."
        )
    return error
