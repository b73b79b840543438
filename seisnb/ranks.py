"""Work shared by several processes: what ``torchrun`` starts, on one machine or on many.

An algorithm takes its part of particles or points from a :class:`Share`, works on it, and puts the
parts together again. Outside :func:`process_group`, and for a single process, everything here gives
back what it is given, so that the algorithm reads the same; a group that somebody else started is
left alone. Every process draws the random numbers of all and takes its own: results do not depend
on how many processes there are.

Tensors travel by gloo from main memory and by NCCL from graphics cards. All processes have to make
the same calls in the same order. One that dies ends the others with :class:`RankError`: at once
where its connections break, after the group's timeout where a machine or network falls silent.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

from seisnb.conventions import InputError, RankError

#: How long a process waits for another one [s]; more than any may be ahead.
TIMEOUT = 600.0
#: Largest relative difference of numbers that should be the same everywhere: machines round
#: differently, other data differ by more.
SAME = 1e-4

ItemT = TypeVar("ItemT")


@dataclass(frozen=True, kw_only=True)
class _Group:
    """Place of this process among those that work together."""

    rank: int
    size: int
    timeout: float


_group: ContextVar[_Group | None] = ContextVar("seisnb_ranks", default=None)


def launched_size() -> int:
    """Processes that ``torchrun`` started for this run; 1 without it."""
    named = all(name in os.environ for name in ("RANK", "MASTER_ADDR", "MASTER_PORT"))
    return int(os.environ.get("WORLD_SIZE", "1")) if named else 1


@contextmanager
def process_group(*, timeout: float = TIMEOUT) -> Iterator[None]:
    """Work together in this block with the processes that ``torchrun`` started beside this one.

    Parameters
    ----------
    timeout : float
        How long to wait for another process [s].

    Raises
    ------
    InputError
        More processes on a machine than it has graphics cards.
    RankError
        The others could not be reached.
    """
    n_ranks = launched_size()
    if n_ranks == 1 or _group.get() is not None:
        yield
        return
    backend = "gloo"
    if torch.cuda.is_available():
        torch.cuda.set_device(_own_card())
        backend = "cpu:gloo,cuda:nccl"
    group = _Group(rank=int(os.environ["RANK"]), size=n_ranks, timeout=timeout)
    with _answered(group):
        dist.init_process_group(backend, timeout=timedelta(seconds=timeout))
    token = _group.set(group)
    try:
        yield
    finally:
        _group.reset(token)
        dist.destroy_process_group()  # breaks connections, so that nobody waits for this process


def rank() -> int:
    """Number of this process; 0 when alone."""
    group = _group.get()
    return 0 if group is None else group.rank


def size() -> int:
    """How many processes work together; 1 when alone."""
    group = _group.get()
    return 1 if group is None else group.size


def is_first() -> bool:
    """Whether this is the process that writes files and talks to a person."""
    return rank() == 0


@dataclass(frozen=True, kw_only=True)
class Share:
    """Items that are dealt to the processes in order, in parts as equal as whole blocks allow.

    Attributes
    ----------
    n : int
        Items of all processes together.
    block : int
        Parts begin at its multiples, as long as there is a block for every process.

    >>> Share(n=128).mine
    slice(0, 128, None)
    """

    n: int
    block: int = 1

    @property
    def mine(self) -> slice:
        """Which items are this process's."""
        return self._parts[rank()]

    def gathered(self, *own: Tensor) -> tuple[Tensor, ...]:
        """Everyone's rows of some tensors, in order.

        Parameters
        ----------
        *own : Tensor, (own items, ...)
            This process's rows; one dtype and device. They travel in one message.

        Returns
        -------
        tuple of Tensor, (n, ...)

        Raises
        ------
        RankError
            Another process died or does not answer.
        """
        group = _group.get()
        if group is None:
            return own
        rows = [part.stop - part.start for part in self._parts]
        widths = [math.prod(each.shape[1:]) for each in own]
        message = own[0].new_zeros(max(rows), sum(widths))
        flat = [each.reshape(rows[group.rank], w) for each, w in zip(own, widths, strict=True)]
        message[: rows[group.rank]] = torch.cat(flat, dim=1)
        every = [torch.empty_like(message) for _ in rows]
        with _answered(group):
            dist.all_gather(every, message)
        table = torch.cat([each[:n_rows] for each, n_rows in zip(every, rows, strict=True)])
        return tuple(
            part.contiguous().reshape(self.n, *each.shape[1:])
            for part, each in zip(table.split(widths, dim=1), own, strict=True)
        )

    def check(self, *, where: str, what: str) -> None:
        """Refuse to deal fewer items than there are processes.

        Raises
        ------
        InputError
            There are.
        """
        if self.n < size():
            raise InputError(
                f"{where}: {self.n} {what} cannot be shared by {size()} processes. "
                f"Start at most {self.n} with torchrun."
            )

    @property
    def _parts(self) -> list[slice]:
        """The items of every process."""
        n_ranks = size()
        block = self.block if self.n >= self.block * n_ranks else 1
        n_blocks = -(-self.n // block)
        ends = [min(self.n, block * -(-n_blocks * k // n_ranks)) for k in range(n_ranks + 1)]
        return [slice(start, stop) for start, stop in pairwise(ends)]


def check_same(numbers: Iterable[float], *, where: str, what: str) -> None:
    """Refuse to work on different things: numbers that every process should have alike.

    Raises
    ------
    InputError
        They differ by more than machines round.
    """
    if size() == 1:
        return
    own = torch.tensor(list(numbers), dtype=torch.float64)
    (every,) = Share(n=size()).gathered(own[None])
    apart = (every - every[0]).abs() > SAME * every[0].abs()
    if bool(apart.any()):
        others = sorted(set(apart.nonzero()[:, 0].tolist()))
        raise InputError(
            f"{where}: ranks {others} have other {what} than rank 0. "
            "Give every machine the same files and settings."
        )


def joined(own: Iterable[ItemT]) -> Iterable[ItemT]:
    """Everyone's items, process by process; alone, the items as they come.

    They travel pickled, between processes of one run only.
    """
    group = _group.get()
    if group is None:
        return own
    every: list[list[ItemT]] = [[] for _ in range(group.size)]
    items = list(own)
    with _answered(group):
        dist.all_gather_object(every, items)
    return [item for part in every for item in part]


def any_of(flag: bool) -> bool:
    """Whether any process says so: they stop together, or not."""
    group = _group.get()
    if group is None:
        return flag
    said = torch.tensor(int(flag))
    with _answered(group):
        dist.all_reduce(said, dist.ReduceOp.MAX)
    return bool(said)


def first_says(value: ItemT) -> ItemT:
    """The first process's value: what it read from a file, its clock, its random state."""
    group = _group.get()
    if group is None:
        return value
    box = [value]
    with _answered(group):
        dist.broadcast_object_list(box, src=0)
    return box[0]


def first_has(*tensors: Tensor) -> tuple[Tensor, ...]:
    """The first process's tensors; the others hand in tensors of the same shapes and dtypes."""
    group = _group.get()
    if group is None:
        return tensors
    copies = tuple(tensor.detach().clone() for tensor in tensors)
    with _answered(group):
        for copy in copies:
            dist.broadcast(copy, src=0)
    return copies


def _own_card() -> int:
    """The graphics card of this process."""
    own, n_cards = int(os.environ.get("LOCAL_RANK", "0")), torch.cuda.device_count()
    if own >= n_cards:
        raise InputError(
            f"torchrun started {os.environ.get('LOCAL_WORLD_SIZE')} processes on a machine with "
            f"{n_cards} graphics card(s); expected at most one per card. Give --nproc-per-node "
            f"{n_cards}, or hide the cards with CUDA_VISIBLE_DEVICES= to work on the cores."
        )
    return own


@contextmanager
def _answered(group: _Group) -> Iterator[None]:
    """What the backends raise when another process is gone, as one kind of error."""
    try:
        yield
    except RuntimeError as error:
        first_line = str(error).strip().splitlines()[0]
        raise RankError(
            f"rank {group.rank} of {group.size}: another process of this run died, or did not "
            f"answer for {group.timeout:g} s ({first_line}). Its own message says why; start all "
            "of them again."
        ) from error
