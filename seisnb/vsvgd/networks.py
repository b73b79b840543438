"""Small fully connected networks, one per particle, all particles in one tensor.

A pass carries values and their derivatives with respect to place (tangents) forward together, and
keeps what its two derivatives with respect to the weights need: :func:`pull` (reverse, J.T y) and
:func:`push` (forward, J w). Both are written out because the travel-time equation needs J of a
derivative: automatic differentiation would go back through a backward pass.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Generator, Tensor

#: Mish is the identity to nine digits beyond.
MISH_LINEAR = 10.0


@dataclass(frozen=True, kw_only=True)
class Network:
    """The shape of a network with one output.

    Attributes
    ----------
    n_inputs : int
        Width of the input.
    width : int
        Width of every hidden layer.
    n_hidden : int
        Number of hidden layers.

    >>> Network(n_inputs=4, width=3, n_hidden=2).n_weights
    31
    """

    n_inputs: int
    width: int
    n_hidden: int

    @property
    def shapes(self) -> tuple[tuple[int, int], ...]:
        """(outputs, inputs) of every layer."""
        widths = [self.n_inputs, *[self.width] * self.n_hidden, 1]
        return tuple((after, before) for before, after in pairwise(widths))

    @property
    def n_weights(self) -> int:
        """Number of weights, biases included."""
        return sum(after * (before + 1) for after, before in self.shapes)

    def layers(self, weights: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Views (particle, out, in) and (particle, out) of flat weights (particle, n_weights)."""
        found, at = [], 0
        for after, before in self.shapes:
            matrix = weights[:, at : at + after * before].reshape(-1, after, before)
            at += after * before
            found.append((matrix, weights[:, at : at + after]))
            at += after
        return found


def initial_weights(
    network: Network, n_particles: int, generator: Generator, like: Tensor
) -> Tensor:
    """Weights that keep the variance of what passes (Glorot), no biases, (particle, n_weights)."""
    parts = []
    for after, before in network.shapes:
        size = (n_particles, after * before)
        draw = torch.randn(size, generator=generator, dtype=torch.float64)
        parts.append(draw * math.sqrt(2.0 / (after + before)))
        parts.append(torch.zeros(n_particles, after, dtype=torch.float64))
    return torch.cat(parts, dim=1).to(like)


@dataclass(frozen=True, kw_only=True)
class Pass:
    """One forward pass and what its derivatives need.

    Attributes
    ----------
    layers : list of (Tensor, Tensor)
        Matrices and biases.
    inputs : list of Tensor, (particle, 1 + d, n, width)
        What entered each layer: values, then tangents along each coordinate.
    slopes : list of Tensor, (particle, 1, n, width)
        First derivative of the activation after each hidden layer.
    bends : list of Tensor, (particle, d, n, width)
        Its second derivative times the tangents.
    output : Tensor, (particle, 1 + d, n)
        Values, then tangents.
    """

    layers: list[tuple[Tensor, Tensor]]
    inputs: list[Tensor]
    slopes: list[Tensor]
    bends: list[Tensor]
    output: Tensor


def forward(network: Network, weights: Tensor, inputs: Tensor) -> Pass:
    """Values and tangents of every particle's network.

    Parameters
    ----------
    network : Network
        Its shape.
    weights : Tensor, (particle, n_weights)
        Flat weights.
    inputs : Tensor, (particle, 1 + d, n, n_inputs)
        Inputs, then their derivative along each of d coordinates (d may be 0).
    """
    layers = network.layers(weights)
    entered, slopes, bends = [], [], []
    state = inputs
    for matrix, bias in layers[:-1]:
        entered.append(state)
        before = _times(state, matrix.mT)
        before[:, 0] += bias[:, None]
        value, first, second = mish(before[:, 0])
        state = torch.empty_like(before)
        state[:, 0] = value
        state[:, 1:] = first[:, None] * before[:, 1:]
        slopes.append(first[:, None])
        bends.append(second[:, None] * before[:, 1:])
    entered.append(state)
    matrix, bias = layers[-1]
    output = _times(state, matrix.mT)[..., 0]
    output[:, 0] += bias
    return Pass(layers=layers, inputs=entered, slopes=slopes, bends=bends, output=output)


def pull(done: Pass, cotangent: Tensor) -> Tensor:
    """J.T y: (particle, 1 + d, n) back to the weights, (particle, n_weights)."""
    parts: list[Tensor] = []
    for entered, delta in zip(reversed(done.inputs), deltas(done, cotangent), strict=True):
        flat = delta.flatten(1, 2)
        parts.append(delta[:, 0].sum(dim=1))
        parts.append((flat.mT @ entered.flatten(1, 2)).flatten(1))
    return torch.cat(parts[::-1], dim=1)


def deltas(done: Pass, cotangent: Tensor) -> list[Tensor]:
    """Derivative of <cotangent, output> by what leaves each layer's matrix, last layer first."""
    delta = cotangent[..., None]
    found = [delta]
    for layer in range(len(done.layers) - 1, 0, -1):
        back = _times(delta, done.layers[layer][0])
        slope, bend = done.slopes[layer - 1], done.bends[layer - 1]
        delta = slope * back
        delta[:, 0] += (bend * back[:, 1:]).sum(dim=1)
        found.append(delta)
    return found


def push(done: Pass, network: Network, change: Tensor) -> Tensor:
    """J w: a change of the weights (particle, n_weights) to that of the output, its shape."""
    moved: Tensor | None = None
    for layer, (matrix, bias) in enumerate(network.layers(change)):
        before = _times(done.inputs[layer], matrix.mT)
        if moved is not None:
            before = before + _times(moved, done.layers[layer][0].mT)
        before[:, 0] += bias[:, None]
        if layer == network.n_hidden:
            return before[..., 0]
        slope, bend = done.slopes[layer], done.bends[layer]
        moved = slope * before
        moved[:, 1:] += bend * before[:, :1]
    raise AssertionError("a network has an output layer")


def gram(done: Pass, cotangent: Tensor) -> Tensor:
    """J J.T of one number per point, (particle, n, n), never forming J.

    Parameters
    ----------
    done : Pass
        The pass.
    cotangent : Tensor, (particle, 1 + d, share, n)
        Derivative of a point's number by the output's values and tangents; ``share`` rows of the
        pass belong to one point (they are ``share`` blocks of n along its row dimension).
    """
    n_particles, n_tangents, n_share, n_points = cotangent.shape
    blocks = n_tangents * n_share
    total = cotangent.new_zeros(n_particles, n_points, n_points)
    found = deltas(done, cotangent.flatten(2))
    for entered, delta in zip(reversed(done.inputs), found, strict=True):
        left = delta.reshape(n_particles, blocks, n_points, -1)
        right = entered.reshape(n_particles, blocks, n_points, -1)
        for one in range(blocks):
            for other in range(one + 1):
                inner = right[:, one] @ right[:, other].mT
                if one < n_share and other < n_share:
                    inner += 1  # the bias enters with the values only
                part = inner * (left[:, one] @ left[:, other].mT)
                total += part if one == other else part + part.mT
    return total


def fourier_features(frequencies: Tensor, place: Tensor, *, tangents: bool) -> Tensor:
    """[cos 2 pi B x, sin 2 pi B x] and, on request, the derivative along each coordinate of x.

    Parameters
    ----------
    frequencies : Tensor, (particle, n_frequencies, d)
        B of every particle [cycles per km].
    place : Tensor, (n, d)
        Points [km].
    tangents : bool
        Also the derivatives.

    Returns
    -------
    Tensor, (particle, 1 or 1 + d, n, 2 n_frequencies)
        Features, then derivatives.
    """
    angular = 2 * math.pi * frequencies
    phase = place @ angular.mT
    cosine, sine = phase.cos(), phase.sin()
    value = torch.cat([cosine, sine], dim=-1)
    if not tangents:
        return value[:, None]
    turned = torch.cat([-sine, cosine], dim=-1)[:, None]
    rate = torch.cat([angular, angular], dim=1).permute(0, 2, 1)[:, :, None]
    return torch.cat([value[:, None], turned * rate], dim=1)


def matched_frequencies(
    lengths: Sequence[float], n_particles: int, n_frequencies: int, generator: Generator
) -> Tensor:
    """Frequencies of the prior's own spectrum, (particle, n_frequencies, d) [cycles per km].

    The kernel exp(-sum d_k**2 / l_k**2) is the mean of cos 2 pi b.d over b_k ~ N(0, s_k**2) with
    s_k = 1 / (sqrt(2) pi l_k) (Rahimi and Recht 2007).
    """
    spread = 1 / (math.sqrt(2) * math.pi * torch.tensor(list(lengths), dtype=torch.float64))
    size = (n_particles, n_frequencies, len(lengths))
    return spread * torch.randn(size, generator=generator, dtype=torch.float64)


def mish(x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Mish, x tanh(log(1 + exp x)) (Misra 2019), with its first and second derivatives."""
    growth = x.clamp(max=MISH_LINEAR).exp()
    inverse = 1 / (growth * (growth + 2) + 2)
    level = 1 - 2 * inverse
    first = 4 * growth * (growth + 1) * inverse.square()
    second = 4 * growth * (2 * growth + 1) * inverse.square() - first.square() / inverse
    return x * level, level + x * first, 2 * first + x * second


def _times(state: Tensor, matrix: Tensor) -> Tensor:
    """(particle, blocks, n, a) times (particle, a, b)."""
    return (state.flatten(1, 2) @ matrix).unflatten(1, state.shape[1:3])
