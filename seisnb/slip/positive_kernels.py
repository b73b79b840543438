"""Compiled moves of particles of non-negative slip: Hamiltonian paths, and choices of the rest."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

_JIT = {"nogil": True, "cache": True, "error_model": "numpy"}
#: Tries of a slice sampler, which halve its interval on average.
N_SHRINKS = 60
#: A Hamiltonian path is a quarter of a period of the prior long, at most so many steps.
QUARTER, MOST_STEPS = 0.5 * math.pi, 60


@njit(**_JIT)
def slip_of(coefficients, amplitude, factor):
    """Slip (unknown,) [m] of coefficients (mode,): the part of the field that is above zero."""
    if factor.shape[0] == 0:  # the unit matrix
        return amplitude * np.maximum(coefficients, 0.0)
    return amplitude * np.maximum(factor @ coefficients, 0.0)


@njit(**_JIT)
def _descent(coefficients, amplitude, observed, kernel, factor, inverse_temperature):
    """Potential of coefficients, its gradient, and the sum of squared residuals."""
    slip = slip_of(coefficients, amplitude, factor)
    residual = observed - kernel @ slip
    pull = kernel.T @ residual
    for i in range(slip.size):
        if slip[i] <= 0.0:
            pull[i] = 0.0
    if factor.shape[0] > 0:
        pull = factor.T @ pull
    gradient = coefficients - inverse_temperature * amplitude * pull
    squares = residual @ residual
    potential = 0.5 * (coefficients @ coefficients) + 0.5 * inverse_temperature * squares
    return potential, gradient, squares


@njit(**_JIT)
def path(
    rng, coefficients, amplitude, observed, kernel, factor, basis, stretch, inverse_temperature,
    step,
):  # fmt: skip
    """One Hamiltonian path of coefficients, in place; returns whether it was accepted.

    Parameters
    ----------
    rng : numpy.random.Generator
        Random numbers.
    coefficients : (mode,)
        Of the field whose positive part is slip; standard normal before the data.
    amplitude, inverse_temperature : float
        Prior standard deviation [m]; what the log likelihood is multiplied by.
    observed, kernel : (datum,), (datum, unknown)
        Whitened data, predictions of unit slip.
    factor : (unknown, mode), or (0, mode) for the unit matrix
        The field by its coefficients.
    basis, stretch : (mode, r), (r,)
        Directions that the data determine and their curvatures for a metre of amplitude, as if
        slip might have any sign: the mass of the path.
    step : float
        Length of a step.
    """
    curvature = 1.0 + inverse_temperature * amplitude * amplitude * stretch
    noise = rng.standard_normal(coefficients.size)
    momentum = noise + basis @ ((np.sqrt(curvature) - 1.0) * (basis.T @ noise))
    slowing = 1.0 / curvature - 1.0
    potential, gradient, _ = _descent(
        coefficients, amplitude, observed, kernel, factor, inverse_temperature
    )
    velocity = momentum + basis @ (slowing * (basis.T @ momentum))
    before = potential + 0.5 * (momentum @ velocity)
    at = coefficients.copy()
    n_steps = int(min(math.ceil(QUARTER * (0.5 + rng.random()) / step), MOST_STEPS))
    for _ in range(n_steps):
        momentum = momentum - 0.5 * step * gradient
        velocity = momentum + basis @ (slowing * (basis.T @ momentum))
        at += step * velocity
        potential, gradient, _ = _descent(
            at, amplitude, observed, kernel, factor, inverse_temperature
        )
        momentum = momentum - 0.5 * step * gradient
    velocity = momentum + basis @ (slowing * (basis.T @ momentum))
    after = potential + 0.5 * (momentum @ velocity)
    if math.log(1.0 - rng.random()) < before - after:
        coefficients[:] = at
        return True
    return False


@njit(**_JIT)
def misfits(slip, observed, kernels):
    """Sums of squared residuals of one slip under all structures, (structure,)."""
    found = np.empty(kernels.shape[0])
    for k in range(kernels.shape[0]):
        residual = observed - kernels[k] @ slip
        found[k] = residual @ residual
    return found


@njit(**_JIT)
def scale_by_data(rng, coefficients, amplitude, observed, kernel, factor, low, high, temperature):
    """An amplitude given the data and the coefficients: a slice of its log (Neal 2003)."""
    predicted = kernel @ slip_of(coefficients, 1.0, factor)
    cross, square = predicted @ observed, predicted @ predicted
    at = amplitude
    level = temperature * (at * cross - 0.5 * at * at * square) + math.log(1.0 - rng.random())
    left, right = math.log(low), math.log(high)
    for _ in range(N_SHRINKS):
        a = math.exp(left + (right - left) * rng.random())
        if temperature * (a * cross - 0.5 * a * a * square) >= level:
            return a
        if a < amplitude:
            left = math.log(a)
        else:
            right = math.log(a)
    return amplitude


@njit(**_JIT)
def scale_by_field(rng, size, n, low, high):
    """Amplitude a of density a**-n exp(-size / 2 a**2) / a between bounds: given the field."""
    for _ in range(100):
        drawn = rng.standard_gamma(0.5 * n) / (0.5 * max(size, 1e-300))
        a = 1.0 / math.sqrt(drawn)
        if low <= a <= high:
            return a
    return -1.0  # hardly any mass inside: no draw


@njit(**_JIT)
def move(
    rng, coefficients, structure, length, amplitude, observed, kernels, factors, ranks, bases,
    stretches, log_weight, low, high, inverse_temperature, step, n_moves,
):  # fmt: skip
    """Paths, and choices of amplitude, correlation length and structure, of all particles in place.

    Parameters
    ----------
    rng : numpy.random.Generator
        Random numbers.
    coefficients, structure, length, amplitude : (particle, mode), (particle,) three times
        The particles; structures and lengths by their indices.
    observed : (datum,)
        Whitened data.
    kernels : (structure, datum, unknown)
        Whitened predictions of unit slip.
    factors : (length, unknown, mode), or (1, 0, mode) for the unit matrix
        Fields by their coefficients.
    ranks : (length,)
        Modes that a length has; the others are columns of zeros.
    bases, stretches : (structure, length, mode, r), (structure, length, r)
        As for :func:`path`.
    log_weight : (structure,)
        Prior of the structures.
    low, high : float
        Bounds of the amplitude, whose logarithm is uniform between them [m]; equal when known.
    inverse_temperature, step : float
        As for :func:`path`.
    n_moves : int
        Moves of every particle.

    Returns
    -------
    (particle, structure), float
        Sums of squared residuals under every structure; the share of paths that were accepted.
    """
    n_particles, n_lengths = coefficients.shape[0], factors.shape[0]
    found = np.empty((n_particles, kernels.shape[0]))
    n_accepted = 0
    log_length = np.empty(n_lengths)
    for p in range(n_particles):
        for _ in range(n_moves):
            k, i = structure[p], length[p]
            n_accepted += path(
                rng, coefficients[p], amplitude[p], observed, kernels[k], factors[i], bases[k, i],
                stretches[k, i], inverse_temperature, step,
            )  # fmt: skip
            if high > low:
                amplitude[p] = scale_by_data(
                    rng, coefficients[p], amplitude[p], observed, kernels[k], factors[i], low,
                    high, inverse_temperature,
                )  # fmt: skip
                own = coefficients[p, : ranks[i]]
                a = scale_by_field(rng, amplitude[p] ** 2 * (own @ own), ranks[i], low, high)
                if a > 0.0:
                    own *= amplitude[p] / a
                    amplitude[p] = a
            if n_lengths > 1:
                for j in range(n_lengths):
                    slip = slip_of(coefficients[p], amplitude[p], factors[j])
                    residual = observed - kernels[k] @ slip
                    log_length[j] = -0.5 * inverse_temperature * (residual @ residual)
                length[p] = drawn(rng, log_length)
            slip = slip_of(coefficients[p], amplitude[p], factors[length[p]])
            found[p] = misfits(slip, observed, kernels)
            structure[p] = drawn(rng, log_weight - 0.5 * inverse_temperature * found[p])
    return found, n_accepted / (n_particles * n_moves)


@njit(**_JIT)
def drawn(rng, log_probability):
    """An index by log probabilities."""
    top = log_probability.max()
    total = 0.0
    for value in log_probability:
        total += math.exp(value - top)
    left = rng.random() * total
    for k in range(log_probability.size):
        left -= math.exp(log_probability[k] - top)
        if left <= 0.0:
            return k
    return log_probability.size - 1
