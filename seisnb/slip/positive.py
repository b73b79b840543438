"""Non-negative slip over all structures: particles from the prior to the posterior by tempering.

Slip is the positive part of a Gaussian field: half of a fault that no datum sees does not slip, and
finer patches do not change what is believed of the whole, as a field that is cut off at zero would.

A population carries the field, the structure, the prior's amplitude and its correlation length. It
begins with draws of the prior, and is weighted, resampled and moved from one inverse temperature to
the next, so that the mean weights multiply to the evidence (sequential Monte Carlo, Del Moral et
al. 2006). How the field moves: :mod:`seisnb.slip.positive_kernels`. Several populations that know
nothing of each other say how far it has converged.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from seisnb.slip import positive_kernels

Array = NDArray[np.float64]

#: Length of the first step of a Hamiltonian path, its bounds, and the share to be accepted.
FIRST_STEP, STEPS, ACCEPTED = 0.3, (0.02, 1.0), 0.8
#: Share of the particles that are still worth something after a step of temperature.
EFFECTIVE = 0.6


@dataclass(frozen=True, kw_only=True, eq=False)
class Target:
    """What is sampled.

    Attributes
    ----------
    observed : Array, (datum,)
        Whitened data.
    kernels : Array, (structure, datum, unknown)
        Whitened predictions of unit slip.
    log_weight : Array, (structure,)
        Log prior of the structures.
    factors : Array, (length, unknown, mode), or (1, 0, unknown) for the unit matrix
        The field by its coefficients, for every correlation length; all equally probable.
    ranks : NDArray of int, (length,)
        Modes of every length; further columns are zero.
    amplitude : tuple of float
        Bounds of the prior standard deviation [m]; equal when it is known.
    """

    observed: Array
    kernels: Array
    log_weight: Array
    factors: Array
    ranks: NDArray[np.intp]
    amplitude: tuple[float, float]

    @cached_property
    def columns(self) -> tuple[Array, Array]:
        """Predictions as (structure, unknown, datum), and sums of squares (structure, unknown)."""
        columns = np.ascontiguousarray(self.kernels.transpose(0, 2, 1))
        return columns, (columns**2).sum(axis=2)

    @cached_property
    def masses(self) -> tuple[Array, Array]:
        """Directions that the data determine, (structure, length, mode, r), and curvatures."""
        found = [
            [
                np.linalg.svd(kernel @ factor if factor.size else kernel, full_matrices=False)[1:]
                for factor in self.factors
            ]
            for kernel in self.kernels
        ]
        bases = np.array([[vector.T for _, vector in row] for row in found])
        return bases, np.array([[value**2 for value, _ in row] for row in found])


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


def run_population(
    target: Target,
    *,
    n_particles: int,
    n_moves: int,
    n_rounds: int,
    seed: int,
    is_cancelled: Callable[[], bool] = lambda: False,
    report: Callable[[float], None] = lambda _: None,
) -> Population | None:
    """Carry a population from the prior to the posterior; None when cancelled.

    Parameters
    ----------
    target : Target
        What is sampled.
    n_particles, n_moves : int
        Particles, and moves of each at every temperature.
    n_rounds : int
        Times that all particles are kept, with ``n_moves`` between.
    seed : int
        Of the random numbers.
    is_cancelled : callable
        Asked at every temperature.
    report : callable
        Told every inverse temperature.
    """
    rng = np.random.default_rng([seed, 31])
    n_data, (low, high) = target.observed.size, target.amplitude
    bases, stretches = target.masses
    amplitude = np.exp(rng.uniform(np.log(low), np.log(high), n_particles))
    structure = rng.choice(target.log_weight.size, n_particles, p=np.exp(target.log_weight))
    length = rng.integers(len(target.factors), size=n_particles)
    coefficients = rng.standard_normal((n_particles, target.factors.shape[2]))
    state = (coefficients, structure, length, amplitude)
    step = FIRST_STEP

    def move(inverse_temperature: float) -> Array:
        nonlocal step
        squares, accepted = positive_kernels.move(
            rng, *state, target.observed, *target.columns, target.factors, target.ranks, bases,
            stretches, target.log_weight, low, high, inverse_temperature, step, n_moves,
        )  # fmt: skip
        # a step that is still learning is no part of a chain
        if inverse_temperature < 1.0 and np.isfinite(accepted):
            step = float(np.clip(step * np.exp(accepted - ACCEPTED), *STEPS))
        return np.asarray(squares)

    constant = -0.5 * n_data * np.log(2.0 * np.pi)
    squares = move(0.0)
    warm = 1.0 / np.log(max(n_data, 3))
    wbic, reached, evidence = np.nan, 0.0, 0.0
    while reached < 1.0:
        if is_cancelled():
            return None
        log_likelihood = constant - 0.5 * squares[np.arange(n_particles), structure]
        change = _change(log_likelihood, 1.0 - reached)
        if reached < warm < reached + change:
            change = warm - reached
        evidence += float(logsumexp(change * log_likelihood) - np.log(n_particles))
        weight = np.exp(change * (log_likelihood - log_likelihood.max()))
        chosen = _resampled(weight / weight.sum(), rng)
        for each in state:
            each[:] = each[chosen]
        reached = min(reached + change, 1.0) if change < 1.0 - reached else 1.0
        squares = move(reached)
        report(reached)
        if reached == warm:
            at = squares[np.arange(n_particles), structure]
            wbic = float(np.mean(0.5 * at - constant))
    kept: list[tuple[Array, NDArray[np.intp], NDArray[np.intp], Array, Array]] = []
    chance = np.zeros(target.log_weight.size)
    for _ in range(n_rounds):
        if is_cancelled():
            return None
        squares = move(1.0)
        misfit = squares[np.arange(n_particles), structure]
        slip = [
            positive_kernels.slip_of(coefficients[p], amplitude[p], target.factors[length[p]])
            for p in range(n_particles)
        ]
        kept.append((np.array(slip), structure.copy(), length.copy(), amplitude.copy(), misfit))
        log_p = target.log_weight - 0.5 * squares
        chance += np.exp(log_p - logsumexp(log_p, axis=1, keepdims=True)).mean(axis=0) / n_rounds
    parts = [np.concatenate(each) for each in zip(*kept, strict=True)]
    return Population(
        slip=parts[0], structure=parts[1], length=parts[2], amplitude=parts[3], misfit=parts[4],
        structure_probability=chance, log_evidence=evidence, wbic=wbic,
    )  # fmt: skip


def scale_reduction(populations: Sequence[Array]) -> float:
    """How much wider draws of all populations are than those of one (Gelman & Rubin 1992).

    Parameters
    ----------
    populations : sequence of Array, (sample,)
        One quantity by independent populations; 1 where they agree.
    """
    within = float(np.mean([np.var(each, ddof=1) for each in populations]))
    between = float(np.var([each.mean() for each in populations], ddof=1))
    return float(np.sqrt(1.0 + between / max(within, 1e-300)))


def _change(log_likelihood: Array, most: float) -> float:
    """The largest step of inverse temperature that keeps enough particles effective."""

    def effective(change: float) -> float:
        weight = np.exp(change * (log_likelihood - log_likelihood.max()))
        return float(weight.sum() ** 2 / (weight**2).sum() / weight.size)

    if effective(most) >= EFFECTIVE:
        return most
    low, high = 0.0, most
    for _ in range(60):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if effective(middle) >= EFFECTIVE else (low, middle)
    return max(low, 1e-12)


def _resampled(weight: Array, rng: np.random.Generator) -> NDArray[np.intp]:
    """Indices by systematic resampling."""
    n = weight.size
    at = (rng.random() + np.arange(n)) / n
    return np.minimum(np.searchsorted(np.cumsum(weight), at), n - 1)
