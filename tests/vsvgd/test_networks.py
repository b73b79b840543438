"""Networks with hand-written derivatives against automatic ones."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from seisnb.vsvgd.networks import (
    Network,
    forward,
    fourier_features,
    gram,
    initial_weights,
    matched_frequencies,
    mish,
    pull,
    push,
)
from tests.seeds import shifted

DOUBLE = torch.zeros(0, dtype=torch.float64)


def small(n_hidden: int, n_particles: int = 3):
    generator = torch.Generator().manual_seed(shifted(n_hidden))
    network = Network(n_inputs=6, width=5, n_hidden=n_hidden)
    frequencies = matched_frequencies((0.3, 0.5), n_particles, 3, generator)
    weights = initial_weights(network, n_particles, generator, DOUBLE)
    weights += 0.1 * torch.randn(weights.shape, generator=generator, dtype=torch.float64)
    place = torch.rand(7, 2, generator=generator, dtype=torch.float64)
    return network, frequencies, weights, place


def plain(network: Network, weights: torch.Tensor, inputs: torch.Tensor) -> torch.Tensor:
    """One particle's network, written as anybody would."""
    state = inputs
    layers = network.layers(weights[None])
    for matrix, bias in layers[:-1]:
        state = torch.nn.functional.mish(state @ matrix[0].T + bias[0])
    return (state @ layers[-1][0][0].T + layers[-1][1][0])[..., 0]


def test_mish_and_its_derivatives() -> None:
    x = torch.linspace(-12, 12, 97, dtype=torch.float64, requires_grad=True)
    value = torch.nn.functional.mish(x)
    (first,) = torch.autograd.grad(value.sum(), x, create_graph=True)
    (second,) = torch.autograd.grad(first.sum(), x)
    for found, exact in zip(mish(x.detach()), (value, first, second), strict=True):
        np.testing.assert_allclose(found, exact.detach(), rtol=0, atol=1e-6)
    single = mish(torch.tensor([-1e4, -80.0, 80.0, 1e4]))
    assert all(bool(each.isfinite().all()) for each in single)
    np.testing.assert_allclose(single[0], [0, 0, 80, 1e4], rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("n_hidden", [1, 2, 3])
def test_values_and_tangents(n_hidden: int) -> None:
    network, frequencies, weights, place = small(n_hidden)
    done = forward(network, weights, fourier_features(frequencies, place, tangents=True))
    for particle in range(len(weights)):
        here = place.clone().requires_grad_()
        phase = 2 * np.pi * here @ frequencies[particle].T
        value = plain(network, weights[particle], torch.cat([phase.cos(), phase.sin()], dim=1))
        (gradient,) = torch.autograd.grad(value.sum(), here)
        np.testing.assert_allclose(done.output[particle, 0], value.detach(), atol=1e-12)
        np.testing.assert_allclose(done.output[particle, 1:], gradient.T, atol=1e-12)


@pytest.mark.parametrize("n_hidden", [1, 2, 3])
@pytest.mark.parametrize("tangents", [False, True])
def test_derivatives_by_weights(n_hidden: int, tangents: bool) -> None:
    network, frequencies, weights, place = small(n_hidden)
    features = fourier_features(frequencies, place, tangents=tangents)

    def output(w: torch.Tensor) -> torch.Tensor:
        return forward(network, w, features).output

    done = forward(network, weights, features)
    cotangent, change = torch.randn_like(done.output), torch.randn_like(weights)
    _, back = torch.func.vjp(output, weights)
    np.testing.assert_allclose(pull(done, cotangent), back(cotangent)[0], atol=1e-12)
    _, moved = torch.autograd.functional.jvp(output, weights, change)
    np.testing.assert_allclose(push(done, network, change), moved, atol=1e-12)

    def number(w: torch.Tensor) -> torch.Tensor:
        return (output(w) * cotangent).sum(dim=1)

    jacobian = torch.func.jacrev(number)(weights)
    jacobian = torch.stack([jacobian[i, :, i] for i in range(len(weights))])
    exact = jacobian @ jacobian.mT
    np.testing.assert_allclose(gram(done, cotangent[:, :, None]), exact, atol=1e-10)


def test_frequencies_have_the_priors_spectrum() -> None:
    """Mean cosine over many frequencies is the kernel, sampling error 1 / sqrt(2 n)."""
    lengths = (0.2, 1.5)
    frequencies = matched_frequencies(
        lengths, 1, 200_000, torch.Generator().manual_seed(shifted(0))
    )[0]
    for away in [(0.1, 0.0), (0.0, 0.7), (0.2, 1.0), (0.15, -2.0)]:
        distance = torch.tensor(away, dtype=torch.float64)
        kernel = np.exp(-sum((d / length) ** 2 for d, length in zip(away, lengths, strict=True)))
        found = (2 * np.pi * frequencies @ distance).cos().mean()
        assert float(found) == pytest.approx(kernel, abs=8e-3)
