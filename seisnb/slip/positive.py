"""Non-negative slip over all structures: particles from the prior to the posterior by tempering.

A population carries slip, structure and the prior's amplitude. It begins with draws of the prior,
and is weighted, resampled and moved (Gibbs) from one inverse temperature to the next, so that the
mean weights multiply to the evidence (sequential Monte Carlo, Del Moral et al. 2006). Several
populations that know nothing of each other say how far it has converged.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from seisnb.slip import positive_kernels

Array = NDArray[np.float64]

#: Share of the particles that are still worth something after a step of temperature.
EFFECTIVE = 0.6


@dataclass(frozen=True, kw_only=True, eq=False)
class Target:
    """What is sampled.

    Attributes
    ----------
    observed : Array, (datum,)
        Whitened data.
    kernels : Array, (structure, unknown, datum)
        Whitened predictions of unit slip.
    log_weight : Array, (structure,)
        Log prior of the structures.
    factor : Array, (unknown, unknown)
        Lower factor of the prior correlation.
    precision : Array, (unknown, unknown) or (0, 0)
        Its inverse; empty for the unit matrix.
    pairs : NDArray of int, (n, 2)
        Unknowns that share an edge and a direction.
    amplitude : tuple of float
        Bounds of the prior standard deviation [m]; equal when it is known.
    """

    observed: Array
    kernels: Array
    log_weight: Array
    factor: Array
    precision: Array
    pairs: NDArray[np.intp]
    amplitude: tuple[float, float]


@dataclass(frozen=True, kw_only=True, eq=False)
class Population:
    """Equally weighted draws of the posterior.

    Attributes
    ----------
    slip : Array, (sample, unknown)
        Slip [m].
    structure : NDArray of int, (sample,)
        Structures.
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
    amplitude: Array
    misfit: Array
    structure_probability: Array
    log_evidence: float
    wbic: float


def run_population(
    target: Target,
    *,
    n_particles: int,
    n_sweeps: int,
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
    n_particles, n_sweeps : int
        Particles, and Gibbs sweeps of each at every temperature.
    n_rounds : int
        Times that all particles are kept, with ``n_sweeps`` between.
    seed : int
        Of the random numbers.
    is_cancelled : callable
        Asked at every temperature.
    report : callable
        Told every inverse temperature.
    """
    rng = np.random.default_rng([seed, 31])
    n_data = target.observed.size
    norms = (target.kernels**2).sum(axis=2)
    low, high = target.amplitude
    n_unknowns = target.kernels.shape[1]
    amplitude = np.exp(rng.uniform(np.log(low), np.log(high), n_particles))
    structure = rng.choice(target.log_weight.size, n_particles, p=np.exp(target.log_weight))
    slip = amplitude[:, None] * np.abs(
        rng.standard_normal((n_particles, n_unknowns)) @ target.factor.T
    )

    def move(inverse_temperature: float, sweeps: int) -> Array:
        return np.asarray(
            positive_kernels.move(
                rng, slip, structure, amplitude, target.observed, target.kernels, norms,
                target.precision, target.pairs, target.log_weight, low, high,
                inverse_temperature, sweeps,
            )
        )  # fmt: skip

    constant = -0.5 * n_data * np.log(2.0 * np.pi)
    # |F z| is the prior itself only where patches are independent: let the others settle
    squares = move(0.0, 1 if target.precision.size == 0 else 5 * n_sweeps)
    warm = 1.0 / np.log(max(n_data, 3))
    wbic, reached, evidence = np.nan, 0.0, 0.0
    while reached < 1.0:
        if is_cancelled():
            return None
        log_likelihood = constant - 0.5 * squares[np.arange(n_particles), structure]
        step = _step(log_likelihood, 1.0 - reached)
        if reached < warm < reached + step:
            step = warm - reached
        evidence += float(logsumexp(step * log_likelihood) - np.log(n_particles))
        weight = np.exp(step * (log_likelihood - log_likelihood.max()))
        chosen = _resampled(weight / weight.sum(), rng)
        slip[:], structure[:], amplitude[:] = slip[chosen], structure[chosen], amplitude[chosen]
        reached = min(reached + step, 1.0) if step < 1.0 - reached else 1.0
        squares = move(reached, n_sweeps)
        report(reached)
        if reached == warm:
            at = squares[np.arange(n_particles), structure]
            wbic = float(np.mean(0.5 * at - constant))
    kept: list[tuple[Array, NDArray[np.intp], Array, Array]] = []
    chance = np.zeros(target.log_weight.size)
    for _ in range(n_rounds):
        if is_cancelled():
            return None
        squares = move(1.0, n_sweeps)
        misfit = squares[np.arange(n_particles), structure]
        kept.append((slip.copy(), structure.copy(), amplitude.copy(), misfit))
        log_p = target.log_weight - 0.5 * squares
        chance += np.exp(log_p - logsumexp(log_p, axis=1, keepdims=True)).mean(axis=0) / n_rounds
    parts = [np.concatenate(each) for each in zip(*kept, strict=True)]
    return Population(
        slip=parts[0], structure=parts[1], amplitude=parts[2], misfit=parts[3],
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


def _step(log_likelihood: Array, most: float) -> float:
    """The largest step of inverse temperature that keeps enough particles effective."""

    def effective(step: float) -> float:
        weight = np.exp(step * (log_likelihood - log_likelihood.max()))
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
