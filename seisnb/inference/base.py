"""The seam between physics and inference: targets below, engines above, ``run`` in between.

A target is a data fit in whitened unknowns: the prior is N(0, 1), the data are ``observed`` with
standard deviations ``std``. Engines know nothing else.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar, runtime_checkable

from torch import Generator, Tensor

#: What a forward model wants to remember between two calls for neighbouring positions.
Memory = Any
StateT = TypeVar("StateT")


@dataclass(frozen=True, kw_only=True)
class Linearised:
    """A forward model at one position.

    Attributes
    ----------
    predicted : Tensor, (n_data,)
        Predicted data.
    jacobian : Tensor, (n_data, n_unknowns)
        Their derivative.
    memory : Memory
        To be handed back at the next position.
    """

    predicted: Tensor
    jacobian: Tensor
    memory: Memory


class Target(Protocol):
    """A data fit in whitened unknowns with prior N(0, 1)."""

    @property
    def n_unknowns(self) -> int:
        """Length of a position."""
        ...

    @property
    def observed(self) -> Tensor:
        """The data, (n_data,)."""
        ...

    @property
    def std(self) -> Tensor:
        """Their standard deviations, (n_data,)."""
        ...

    def predict(self, position: Tensor, memory: Memory) -> tuple[Tensor, Memory]:
        """Predicted data (n_data,) at a position, and what to remember."""
        ...

    def linearise(self, position: Tensor, memory: Memory) -> Linearised:
        """Predicted data and their derivative at the position that the memory comes from."""
        ...


@runtime_checkable
class Remembering(Target, Protocol):
    """A target whose data are the least over many paths, of which it remembers those found.

    ``predict`` searches anew, besides what is remembered. It can find at one position what it
    missed at the one before, so that two predictions only compare once ``recall`` has been asked.
    """

    def recall(self, position: Tensor, *memories: Memory) -> tuple[Tensor, Memory]:
        """Predicted data by the best of what memories lead to, and what to remember."""
        ...


@dataclass(frozen=True, kw_only=True)
class StepInfo:
    """What a person wants to see of a step.

    Attributes
    ----------
    chi2 : float
        Sum of squared normalised residuals over the number of data, mean over particles.
    change : float
        Size of the step: fall of the objective (RML) or rms move in prior standard deviations.
    is_converged : bool
        No particle moves any more.
    """

    chi2: float
    change: float
    is_converged: bool


class Engine(Protocol[StateT]):
    """Moves particles towards a target. ``independent`` engines may be run particle by particle."""

    @property
    def independent(self) -> bool:
        """Particles do not talk to each other."""
        ...

    def init(
        self, position: Tensor, here: Linearised, target: Target, generator: Generator
    ) -> StateT:
        """State of particles starting at ``position`` (particle, n_unknowns), near ``here``."""
        ...

    def step(self, state: StateT, target: Target, generator: Generator) -> tuple[StateT, StepInfo]:
        """Move every particle once."""
        ...

    def particles(self, state: StateT) -> list[tuple[Tensor, Linearised]]:
        """Position of every particle and the forward model there."""
        ...


def run(
    engine: Engine[StateT],
    state: StateT,
    target: Target,
    generator: Generator,
    *,
    n_steps: int,
    is_cancelled: Callable[[], bool] = lambda: False,
) -> tuple[StateT, StepInfo, int]:
    """Step until converged, cancelled, or ``n_steps`` are done; also tells how many were."""
    info = StepInfo(chi2=math.nan, change=math.inf, is_converged=False)
    done = 0
    while done < n_steps and not info.is_converged and not is_cancelled():
        state, info = engine.step(state, target, generator)
        done += 1
    return state, info, done


def seeded(seed: int, stream: int) -> Generator:
    """A generator of its own for every (seed, stream): members do not depend on their order."""
    mixed = (seed * 0x9E3779B97F4A7C15 + stream * 0xBF58476D1CE4E5B9 + 0x94D049BB133111EB) % 2**63
    return Generator().manual_seed(mixed)
