"""Compiled moves of particles of non-negative slip: Gibbs sweeps and choices of structure."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

_JIT = {"nogil": True, "cache": True, "error_model": "numpy"}


@njit(**_JIT)
def positive_normal(rng, mean, std):
    """A draw of a normal distribution, given that it is not negative (Robert 1995)."""
    low = -mean / std
    if low < 0.5:
        while True:
            z = rng.standard_normal()
            if z >= low:
                return max(mean + std * z, 0.0)
    rate = 0.5 * (low + math.sqrt(low * low + 4.0))
    while True:
        z = low - math.log(1.0 - rng.random()) / rate
        if rng.random() <= math.exp(-0.5 * (z - rate) ** 2):
            return max(mean + std * z, 0.0)


@njit(**_JIT)
def sweep(rng, slip, residual, drift, kernel, norm, precision, amplitude, inverse_temperature):
    """Draw every unknown of a particle given all others, in place.

    Parameters
    ----------
    rng : numpy.random.Generator
        Random numbers.
    slip : (unknown,)
        Slip [m], not negative.
    residual : (datum,)
        Whitened data less prediction.
    drift : (unknown,)
        ``precision @ slip``; where precision is empty, not used.
    kernel : (unknown, datum)
        Whitened predictions of unit slip.
    norm : (unknown,)
        Sums of their squares.
    precision : (unknown, unknown) or (0, 0)
        Inverse of the prior correlation; empty for the unit matrix.
    amplitude, inverse_temperature : float
        Prior standard deviation [m]; what the log likelihood is multiplied by.
    """
    n, n_data = kernel.shape
    is_dense = precision.shape[0] > 0
    per = 1.0 / (amplitude * amplitude)
    for i in range(n):
        own = precision[i, i] if is_dense else 1.0
        pull = drift[i] if is_dense else slip[i]
        tau = own * per + inverse_temperature * norm[i]
        slope = 0.0
        for j in range(n_data):
            slope += kernel[i, j] * residual[j]
        mean = slip[i] + (inverse_temperature * slope - per * pull) / tau
        new = positive_normal(rng, mean, 1.0 / math.sqrt(tau))
        change = new - slip[i]
        slip[i] = new
        for j in range(n_data):
            residual[j] -= change * kernel[i, j]
        if is_dense:
            for j in range(n):
                drift[j] += change * precision[i, j]


@njit(**_JIT)
def exchange(rng, slip, residual, drift, pairs, kernel, precision, amplitude, inverse_temperature):
    """Move slip between neighbours, (n, 2), along the direction that leaves their sum, in place.

    What data cannot tell apart moves far in such steps, and hardly in those of :func:`sweep`.
    """
    n, n_data = kernel.shape
    is_dense = precision.shape[0] > 0
    per = 1.0 / (amplitude * amplitude)
    for p in range(pairs.shape[0]):
        a, b = pairs[p]
        slope, norm = 0.0, 0.0
        for j in range(n_data):
            g = kernel[a, j] - kernel[b, j]
            slope += g * residual[j]
            norm += g * g
        if is_dense:
            own = precision[a, a] + precision[b, b] - 2.0 * precision[a, b]
            pull = drift[a] - drift[b]
        else:
            own, pull = 2.0, slip[a] - slip[b]
        tau = own * per + inverse_temperature * norm
        mean = (inverse_temperature * slope - per * pull) / tau
        std = 1.0 / math.sqrt(tau)
        low, high = -slip[a] - mean, slip[b] - mean
        change = mean + std * bounded_normal(rng, low / std, high / std)
        change = min(max(change, -slip[a]), slip[b])
        slip[a] += change
        slip[b] -= change
        for j in range(n_data):
            residual[j] -= change * (kernel[a, j] - kernel[b, j])
        if is_dense:
            for j in range(n):
                drift[j] += change * (precision[a, j] - precision[b, j])


@njit(**_JIT)
def bounded_normal(rng, low, high):
    """A draw of a standard normal distribution between two bounds (Robert 1995)."""
    if high - low < 1e-12:
        return 0.5 * (low + high)
    if low <= 0.0 <= high and high - low > 2.0:
        while True:
            z = rng.standard_normal()
            if low <= z <= high:
                return z
    nearest = 0.0
    if low > 0.0:
        nearest = low
    elif high < 0.0:
        nearest = high
    if nearest != 0.0 and high - low > 2.0:  # a tail: exponential from its near end
        side = 1.0 if nearest > 0.0 else -1.0
        start = abs(nearest)
        rate = 0.5 * (start + math.sqrt(start * start + 4.0))
        while True:
            z = start - math.log(1.0 - rng.random()) / rate
            if rng.random() <= math.exp(-0.5 * (z - rate) ** 2) and low <= side * z <= high:
                return side * z
    while True:
        z = low + (high - low) * rng.random()
        if rng.random() <= math.exp(0.5 * (nearest * nearest - z * z)):
            return z


@njit(**_JIT)
def misfits(slip, observed, kernels):
    """Sums of squared residuals of one particle under all structures, (structure,)."""
    n_structures, n, n_data = kernels.shape
    found = np.empty(n_structures)
    residual = np.empty(n_data)
    for k in range(n_structures):
        for j in range(n_data):
            residual[j] = observed[j]
        for i in range(n):
            if slip[i] != 0.0:
                for j in range(n_data):
                    residual[j] -= slip[i] * kernels[k, i, j]
        total = 0.0
        for j in range(n_data):
            total += residual[j] * residual[j]
        found[k] = total
    return found


@njit(**_JIT)
def move(
    rng, slip, structure, amplitude, observed, kernels, norms, precision, pairs, log_weight, low,
    high, inverse_temperature, n_sweeps,
):  # fmt: skip
    """Sweeps, a choice of structure and one of amplitude for every particle, in place.

    Parameters
    ----------
    rng : numpy.random.Generator
        Random numbers.
    slip, structure, amplitude : (particle, unknown), (particle,), (particle,)
        The particles.
    observed : (datum,)
        Whitened data.
    kernels, norms : (structure, unknown, datum), (structure, unknown)
        Whitened predictions of unit slip, sums of their squares.
    precision : (unknown, unknown) or (0, 0)
        As for :func:`sweep`.
    pairs : (n, 2)
        Neighbours, for :func:`exchange`.
    log_weight : (structure,)
        Prior of the structures.
    low, high : float
        Bounds of the amplitude, whose logarithm is uniform between them [m]; equal when it is
        known.
    inverse_temperature : float
        What the log likelihood is multiplied by.
    n_sweeps : int
        Sweeps per particle.

    Returns
    -------
    (particle, structure)
        Sums of squared residuals under every structure.
    """
    n_particles, n = slip.shape
    n_structures = kernels.shape[0]
    is_dense = precision.shape[0] > 0
    found = np.empty((n_particles, n_structures))
    drift = np.zeros(n)
    for p in range(n_particles):
        for _ in range(n_sweeps):
            k = structure[p]
            residual = observed.copy()
            for i in range(n):
                for j in range(observed.size):
                    residual[j] -= slip[p, i] * kernels[k, i, j]
            if is_dense:
                drift = precision @ slip[p]
            sweep(
                rng,
                slip[p],
                residual,
                drift,
                kernels[k],
                norms[k],
                precision,
                amplitude[p],
                inverse_temperature,
            )
            exchange(
                rng,
                slip[p],
                residual,
                drift,
                pairs,
                kernels[k],
                precision,
                amplitude[p],
                inverse_temperature,
            )
            if high > low:
                size = slip[p] @ drift if is_dense else slip[p] @ slip[p]
                amplitude[p] = draw_amplitude(rng, size, n, low, high)
        found[p] = misfits(slip[p], observed, kernels)
        structure[p] = draw_structure(rng, log_weight - 0.5 * inverse_temperature * found[p])
    return found


@njit(**_JIT)
def draw_amplitude(rng, size, n, low, high):
    """Amplitude a of density a**-n exp(-size / 2 a**2) / a between bounds."""
    for _ in range(100):
        drawn = rng.standard_gamma(0.5 * n) / (0.5 * max(size, 1e-300))
        a = 1.0 / math.sqrt(drawn)
        if low <= a <= high:
            return a
    # hardly any mass inside: the bound that is nearer to the mode
    return low if math.sqrt(size / n) < low else high


@njit(**_JIT)
def draw_structure(rng, log_probability):
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
