"""Compiled moves of particles of non-negative slip: of the field, and choices of the rest.

The field moves along Hamiltonian paths, or patch by patch (Gibbs sampling). Drawing all patches
once costs what one or two steps of a path do. Patch by patch it converges as the Gauss-Seidel
iteration for the same equations does (Roberts & Sahu 1997): a patch is forgotten after about 1 + h
draws, h being what the data add to its prior precision, where its neighbours are known as well. So
every patch is drawn so many times. Where that is too many, a path is taken, whose mass is the
curvature of the linear problem; its steps must be short where many patches are near zero.
"""

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
def sweeps(rng, coefficients, amplitude, observed, columns, squares, inverse_temperature):
    """Draw coefficients given all others, in place; for fields of uncorrelated patches.

    Below zero a coefficient is as before the data, above zero it is normal with them; the two parts
    are weighted by what lies below them. Each is drawn as often as it needs to be forgotten.

    Parameters
    ----------
    rng, coefficients, amplitude, observed, inverse_temperature
        As for :func:`path`.
    columns : (unknown, datum)
        Whitened predictions of unit slip.
    squares : (unknown,)
        Their sums of squares.
    """
    residual = observed - amplitude * (columns.T @ np.maximum(coefficients, 0.0))
    added = inverse_temperature * amplitude * amplitude * squares
    for number in range(math.ceil(1.0 + added.max())):
        for i in range(coefficients.size):
            if number >= 1.0 + added[i]:
                continue
            column, slipping = columns[i], max(coefficients[i], 0.0)
            pull = column @ residual + amplitude * slipping * squares[i]
            std = 1.0 / math.sqrt(1.0 + added[i])
            mean = inverse_temperature * amplitude * pull * std * std
            if rng.random() < chance_above(mean / std, std):
                coefficients[i] = mean + std * normal_above(rng, -mean / std)
            else:
                coefficients[i] = -abs(rng.standard_normal())
            change = amplitude * (max(coefficients[i], 0.0) - slipping)
            if change != 0.0:
                residual -= change * column


@njit(**_JIT)
def draws_needed(amplitude, squares, inverse_temperature):
    """How often :func:`sweeps` draws a coefficient, on average."""
    return np.mean(np.ceil(1.0 + inverse_temperature * amplitude * amplitude * squares))


@njit(**_JIT)
def chance_above(m, std):
    """Probability of the part above zero: normal of mean ``m * std`` there, standard below."""
    if m > 35.0:
        return 1.0
    # exp(m**2 / 2) * normal distribution function of m, and its limit where that underflows
    mills = (
        math.exp(0.5 * m * m) * math.erfc(-m / math.sqrt(2.0))
        if m > -25.0
        else math.sqrt(2.0 / math.pi) * -m / (m * m + 1.0)
    )
    above = std * mills
    return above / (1.0 + above)


@njit(**_JIT)
def normal_above(rng, least):
    """A standard normal number above ``least`` (Robert 1995)."""
    if least < 0.4:
        while True:
            x = rng.standard_normal()
            if x > least:
                return x
    rate = 0.5 * (least + math.sqrt(least * least + 4.0))
    while True:
        x = least + rng.standard_exponential() / rate
        if rng.random() <= math.exp(-0.5 * (x - rate) ** 2):
            return x


@njit(**_JIT)
def misfits(slip, observed, columns):
    """Sums of squared residuals of one slip under all structures, (structure,)."""
    found = np.empty(columns.shape[0])
    for k in range(columns.shape[0]):
        residual = observed - columns[k].T @ slip
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
    rng, coefficients, structure, length, amplitude, observed, columns, squares, factors, ranks,
    bases, stretches, log_weight, low, high, inverse_temperature, step, n_moves,
):  # fmt: skip
    """Move all particles in place: field, amplitude, correlation length and structure.

    Parameters
    ----------
    rng : numpy.random.Generator
        Random numbers.
    coefficients, structure, length, amplitude : (particle, mode), (particle,) three times
        The particles; structures and lengths by their indices.
    observed : (datum,)
        Whitened data.
    columns, squares : (structure, unknown, datum), (structure, unknown)
        As for :func:`sweeps`.
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
        Sums of squared residuals under every structure; the share of paths that were accepted, NaN
        where there was none.
    """
    n_particles, n_lengths = coefficients.shape[0], factors.shape[0]
    found = np.empty((n_particles, columns.shape[0]))
    n_accepted, n_paths = 0, 0
    is_plain = factors.shape[1] == 0
    log_length = np.empty(n_lengths)
    for p in range(n_particles):
        for _ in range(n_moves):
            k, i = structure[p], length[p]
            kernel = columns[k].T
            n_draws = draws_needed(amplitude[p], squares[k], inverse_temperature)
            if is_plain and n_draws <= QUARTER / step:
                sweeps(
                    rng, coefficients[p], amplitude[p], observed, columns[k], squares[k],
                    inverse_temperature,
                )  # fmt: skip
            else:
                n_paths += 1
                n_accepted += path(
                    rng, coefficients[p], amplitude[p], observed, kernel, factors[i], bases[k, i],
                    stretches[k, i], inverse_temperature, step,
                )  # fmt: skip
            if high > low:
                amplitude[p] = scale_by_data(
                    rng, coefficients[p], amplitude[p], observed, kernel, factors[i], low, high,
                    inverse_temperature,
                )  # fmt: skip
                own = coefficients[p, : ranks[i]]
                a = scale_by_field(rng, amplitude[p] ** 2 * (own @ own), ranks[i], low, high)
                if a > 0.0:
                    own *= amplitude[p] / a
                    amplitude[p] = a
            if n_lengths > 1:
                for j in range(n_lengths):
                    slip = slip_of(coefficients[p], amplitude[p], factors[j])
                    residual = observed - kernel @ slip
                    log_length[j] = -0.5 * inverse_temperature * (residual @ residual)
                length[p] = drawn(rng, log_length)
            slip = slip_of(coefficients[p], amplitude[p], factors[length[p]])
            found[p] = misfits(slip, observed, columns)
            structure[p] = drawn(rng, log_weight - 0.5 * inverse_temperature * found[p])
    return found, n_accepted / n_paths if n_paths else np.nan


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
