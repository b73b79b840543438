"""Populations of non-negative slip: on their way, at their end, and on disk in between."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from seisnb.conventions import CheckpointError
from seisnb.io.checkpoint import read_arrays, write_arrays

Array = NDArray[np.float64]

#: What losing the file of a population means.
RESTART = "only this population starts again"


@dataclass(frozen=True, kw_only=True, eq=False)
class Population:
    """Equally weighted draws of the posterior.

    Attributes
    ----------
    slip : Array, (sample, unknown)
        Slip [m].
    structure, length : NDArray of int, (sample,)
        Structures and correlation lengths, by their indices.
    amplitude : Array, (sample,)
        Prior standard deviations [m].
    misfit : Array, (sample,)
        Sums of squared whitened residuals.
    structure_probability : Array, (structure,)
        Mean over samples of the probability of a structure given the slip.
    log_evidence : float
        Of the whitened data.
    wbic : float
        Mean of minus the log likelihood at the inverse temperature 1 / log(n).
    """

    slip: Array
    structure: NDArray[np.intp]
    length: NDArray[np.intp]
    amplitude: Array
    misfit: Array
    structure_probability: Array
    log_evidence: float
    wbic: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Round:
    """All particles once, at the posterior; fields as of :class:`Population`."""

    slip: Array
    structure: NDArray[np.intp]
    length: NDArray[np.intp]
    amplitude: Array
    misfit: Array
    chance: Array


@dataclass(kw_only=True, eq=False)
class Journey:
    """A population on its way: all that going on needs, random numbers included.

    Attributes
    ----------
    rng : numpy.random.Generator
        Random numbers.
    coefficients, structure, length, amplitude : (particle, mode), (particle,) three times
        The particles; structures and lengths by their indices.
    squares : Array, (particle, structure)
        Sums of squared whitened residuals under every structure.
    step : float
        Length of a step of a path.
    reached : float
        Inverse temperature.
    log_evidence, wbic : float
        As of :class:`Population`; the latter is NaN until its temperature is passed.
    rounds : list of Round
        What was kept at the posterior.
    """

    rng: np.random.Generator
    coefficients: Array
    structure: NDArray[np.intp]
    length: NDArray[np.intp]
    amplitude: Array
    squares: Array
    step: float
    reached: float = 0.0
    log_evidence: float = 0.0
    wbic: float = np.nan
    rounds: list[Round] = field(default_factory=list)

    @property
    def state(self) -> tuple[Array, NDArray[np.intp], NDArray[np.intp], Array]:
        """What moves."""
        return self.coefficients, self.structure, self.length, self.amplitude

    @property
    def misfit(self) -> Array:
        """Sums of squares under every particle's own structure, (particle,)."""
        return np.asarray(self.squares[np.arange(self.structure.size), self.structure])

    def keep_round(self, slip: Array, log_weight: Array) -> None:
        """Keep all particles, whose slip is (particle, unknown), as they are."""
        log_p = log_weight - 0.5 * self.squares
        chance = np.exp(log_p - logsumexp(log_p, axis=1, keepdims=True)).mean(axis=0)
        self.rounds.append(
            Round(
                slip=slip, structure=self.structure.copy(), length=self.length.copy(),
                amplitude=self.amplitude.copy(), misfit=self.misfit, chance=chance,
            )
        )  # fmt: skip

    def population(self) -> Population:
        """What all rounds hold."""
        parts = {
            name: np.concatenate([getattr(each, name) for each in self.rounds])
            for name in ("slip", "structure", "length", "amplitude", "misfit")
        }
        chance = np.mean([each.chance for each in self.rounds], axis=0)
        return Population(
            **parts, structure_probability=np.asarray(chance), log_evidence=self.log_evidence,
            wbic=self.wbic,
        )  # fmt: skip

    def arrays(self) -> dict[str, NDArray[Any]]:
        """All of it, to be written."""
        random = json.dumps(self.rng.bit_generator.state).encode()
        found: dict[str, NDArray[Any]] = {
            "random": np.frombuffer(random, np.uint8),
            "numbers": np.array([self.step, self.reached, self.log_evidence, self.wbic]),
            "squares": self.squares,
            **dict(zip(_STATE, self.state, strict=True)),
        }
        for name in _ROUND if self.rounds else ():
            found[f"round.{name}"] = np.stack([getattr(each, name) for each in self.rounds])
        return found


_STATE = ("coefficients", "structure", "length", "amplitude")
_ROUND = ("slip", "structure", "length", "amplitude", "misfit", "chance")


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """How large the arrays of a population are, which a file must keep to."""

    particle: int
    mode: int
    structure: int
    length: int
    unknown: int

    @property
    def of_state(self) -> dict[str, tuple[int, ...]]:
        """Shapes of the particles."""
        n = self.particle
        return {
            "coefficients": (n, self.mode), "structure": (n,), "length": (n,), "amplitude": (n,),
            "squares": (n, self.structure), "numbers": (4,),
        }  # fmt: skip

    @property
    def of_round(self) -> dict[str, tuple[int, ...]]:
        """Shapes of what is kept of a round."""
        n = self.particle
        return {
            "slip": (n, self.unknown), "structure": (n,), "length": (n,), "amplitude": (n,),
            "misfit": (n,), "chance": (self.structure,),
        }  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Store:
    """Where a population is kept while it is on its way.

    Attributes
    ----------
    file : Path
        Written whole or not at all.
    """

    file: Path

    def load(self, sizes: Sizes) -> Journey | None:
        """The population as it was kept; None where it was not begun.

        Raises
        ------
        CheckpointError
            A file that is damaged or of another inversion.
        """
        if not self.file.exists():
            return None
        arrays = read_arrays(self.file, RESTART)
        try:
            return _journey(arrays, sizes)
        except (KeyError, TypeError, ValueError) as error:
            raise CheckpointError(
                f"checkpoint: {self.file} does not hold the population that is expected ({error}). "
                f"Delete that file and start again; {RESTART}."
            ) from error

    def save(self, journey: Journey) -> None:
        """Keep a population.

        Raises
        ------
        OutputError
            The file cannot be written.
        """
        write_arrays(self.file, journey.arrays())


def _journey(arrays: Mapping[str, NDArray[Any]], sizes: Sizes) -> Journey:
    """A population from its arrays, every one of which is looked at: compiled code trusts them."""
    bounds = {"structure": sizes.structure, "length": sizes.length}
    for name, shape in sizes.of_state.items():
        _check(name, arrays[name], shape, bounds.get(name))
    rng = np.random.default_rng()
    rng.bit_generator.state = json.loads(arrays["random"].tobytes())
    step, reached, log_evidence, wbic = (float(value) for value in arrays["numbers"])
    if not (step > 0.0 and 0.0 <= reached <= 1.0 and np.isfinite(log_evidence)):
        raise ValueError(f"its numbers are {arrays['numbers'].tolist()}")
    if not (arrays["amplitude"] > 0.0).all():
        raise ValueError("an amplitude is not above zero")
    state = {name: arrays[name].copy() for name in (*_STATE, "squares")}  # to be written to
    return Journey(
        rng=rng, **state, step=step, reached=reached, log_evidence=log_evidence, wbic=wbic,
        rounds=_rounds(arrays, sizes, bounds),
    )  # fmt: skip


def _rounds(
    arrays: Mapping[str, NDArray[Any]], sizes: Sizes, bounds: Mapping[str, int]
) -> list[Round]:
    """What was kept of the posterior."""
    if "round.slip" not in arrays:
        return []
    n = len(arrays["round.slip"])
    for name, shape in sizes.of_round.items():
        _check(f"round.{name}", arrays[f"round.{name}"], (n, *shape), bounds.get(name))
    return [Round(**{name: arrays[f"round.{name}"][i] for name in _ROUND}) for i in range(n)]


def _check(name: str, array: NDArray[Any], shape: tuple[int, ...], bound: int | None) -> None:
    """Refuse an array of another shape or kind, and indices out of bounds."""
    kind = np.float64 if bound is None else np.intp
    if array.shape != shape or array.dtype != kind:
        raise ValueError(f"{name} is {array.dtype} {array.shape}, not {np.dtype(kind)} {shape}")
    if bound is not None and array.size and not (array.min() >= 0 and array.max() < bound):
        raise ValueError(f"{name} is out of bounds")
    if bound is None and name != "numbers" and not np.isfinite(array).all():
        raise ValueError(f"{name} is not finite")
