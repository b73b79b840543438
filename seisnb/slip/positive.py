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

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from seisnb.slip import positive_kernels
from seisnb.slip.populations import Journey, Population, Sizes, Store

Array = NDArray[np.float64]

#: Length of the first step of a Hamiltonian path, its bounds, and the share to be accepted.
FIRST_STEP, STEPS, ACCEPTED = 0.3, (0.02, 1.0), 0.8
#: Share of the particles that are still worth something after a step of temperature.
EFFECTIVE = 0.6
#: How often a population is kept [s].
KEEP_EVERY = 5.0


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


def run_population(
    target: Target,
    *,
    n_particles: int,
    n_moves: int,
    n_rounds: int,
    seed: int,
    store: Store | None = None,
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
    store : Store, optional
        Where the population is kept every few seconds, when cancelled and at its end. It goes on
        from there, and comes to the same end as without a stop.
    is_cancelled : callable
        Asked at every temperature.
    report : callable
        Told every inverse temperature.

    Raises
    ------
    CheckpointError, OutputError
        The store cannot be read or written.
    """
    sizes = Sizes(
        particle=n_particles, mode=target.factors.shape[2], structure=target.log_weight.size,
        length=len(target.factors), unknown=target.kernels.shape[2],
    )  # fmt: skip
    journey = store.load(sizes) if store else None
    if journey is None:
        journey = _begun(target, sizes, seed)
        _move(journey, target, n_moves)
    kept = time.monotonic()
    while len(journey.rounds) < n_rounds:
        if is_cancelled():
            if store:
                store.save(journey)
            return None
        if store and time.monotonic() - kept > KEEP_EVERY:
            store.save(journey)
            kept = time.monotonic()
        if journey.reached < 1.0:
            _cool(journey, target, n_moves)
            report(journey.reached)
        else:
            _move(journey, target, n_moves)
            slip = [
                positive_kernels.slip_of(w, a, target.factors[i])
                for w, a, i in zip(
                    journey.coefficients, journey.amplitude, journey.length, strict=True
                )
            ]
            journey.keep_round(np.array(slip), target.log_weight)
    if store:
        store.save(journey)
    return journey.population()


def _begun(target: Target, sizes: Sizes, seed: int) -> Journey:
    """Draws of the prior."""
    rng, n, (low, high) = np.random.default_rng([seed, 31]), sizes.particle, target.amplitude
    amplitude = np.exp(rng.uniform(np.log(low), np.log(high), n))
    structure = rng.choice(sizes.structure, n, p=np.exp(target.log_weight))
    length = rng.integers(sizes.length, size=n)
    return Journey(
        rng=rng, coefficients=rng.standard_normal((n, sizes.mode)), structure=structure,
        length=length, amplitude=amplitude, squares=np.zeros((n, sizes.structure)), step=FIRST_STEP,
    )  # fmt: skip


def _move(journey: Journey, target: Target, n_moves: int) -> None:
    """Move all particles at their temperature."""
    low, high = target.amplitude
    squares, accepted = positive_kernels.move(
        journey.rng, *journey.state, target.observed, *target.columns, target.factors,
        target.ranks, *target.masses, target.log_weight, low, high, journey.reached, journey.step,
        n_moves,
    )  # fmt: skip
    # a step that is still learning is no part of a chain
    if journey.reached < 1.0 and np.isfinite(accepted):
        journey.step = float(np.clip(journey.step * np.exp(accepted - ACCEPTED), *STEPS))
    journey.squares = np.asarray(squares)


def _cool(journey: Journey, target: Target, n_moves: int) -> None:
    """To the next temperature: weighted, resampled, moved."""
    n_data = target.observed.size
    constant, warm = -0.5 * n_data * np.log(2.0 * np.pi), 1.0 / np.log(max(n_data, 3))
    log_likelihood = constant - 0.5 * journey.misfit
    left = 1.0 - journey.reached
    change = _change(log_likelihood, left)
    if journey.reached < warm < journey.reached + change:
        change = warm - journey.reached
    journey.log_evidence += float(logsumexp(change * log_likelihood) - np.log(log_likelihood.size))
    weight = np.exp(change * (log_likelihood - log_likelihood.max()))
    chosen = _resampled(weight / weight.sum(), journey.rng)
    for each in journey.state:
        each[:] = each[chosen]
    journey.reached = min(journey.reached + change, 1.0) if change < left else 1.0
    _move(journey, target, n_moves)
    if journey.reached == warm:
        journey.wbic = float(np.mean(0.5 * journey.misfit - constant))


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
