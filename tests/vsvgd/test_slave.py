"""Travel-time networks: their equation, their fit, and the adjoint of the fit."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from seisnb.conventions import InputError
from seisnb.traveltime.analytic import travel_time_linear_gradient
from seisnb.vsvgd.networks import Network, initial_weights, matched_frequencies
from seisnb.vsvgd.slave import (
    Collocation,
    adjoint_cgnr,
    adjoint_dense,
    eikonal_objective,
    gauss_newton,
    lbfgs,
    solve_damped,
)
from seisnb.vsvgd.travel_times import (
    SLACK,
    TravelTimeNetwork,
    clock,
    clock_pull,
    clock_push,
    eikonal_gap,
    gap_gram,
    gap_pull,
    gap_push,
    pair_features,
)
from tests.seeds import shifted

BOUNDS = (0.5, 2.0)


def small(d: int, n_points: int, n_particles: int = 2, width: int = 5, seed: int = 0):
    """Networks at random weights, points with sources, picks."""
    generator = torch.Generator().manual_seed(shifted(seed))
    frequencies = matched_frequencies((1.0,) * d, n_particles, 3, generator)
    network = Network(n_inputs=12, width=width, n_hidden=2)
    travel = TravelTimeNetwork(network=network, frequencies=frequencies, bounds=BOUNDS)
    weights = initial_weights(network, n_particles, generator, frequencies)
    weights += 0.1 * torch.randn(weights.shape, generator=generator, dtype=torch.float64)
    place = torch.rand(n_points, d, generator=generator, dtype=torch.float64)
    source = torch.rand(n_points, d, generator=generator, dtype=torch.float64)
    ends = torch.rand(4, 2, d, generator=generator, dtype=torch.float64)
    return travel, weights, place, source, ends


def gap_at(travel, weights, place, source):
    features = pair_features(travel.frequencies, place, source, tangents=True)
    return eikonal_gap(travel, weights, features, place, source)


def clock_at(travel, weights, ends):
    features = pair_features(travel.frequencies, ends[:, 0], ends[:, 1], tangents=False)
    return clock(travel, weights, features, ends)


def plain_time(travel, weights, place, source, particle: int) -> torch.Tensor:
    """T of one particle, as anybody would write it."""

    def features(x):
        phase = 2 * np.pi * x @ travel.frequencies[particle].T
        return torch.cat([phase.cos(), phase.sin()], dim=1)

    def g(one, other):
        state = torch.cat([features(one), features(other)], dim=1)
        layers = travel.network.layers(weights[particle : particle + 1])
        for matrix, bias in layers[:-1]:
            state = torch.nn.functional.mish(state @ matrix[0].T + bias[0])
        return (state @ layers[-1][0][0].T + layers[-1][1][0])[:, 0]

    u = (g(place, source) + g(source, place)) / 2
    low, high = (1 - SLACK) * BOUNDS[0], (1 + SLACK) * BOUNDS[1]
    return (place - source).norm(dim=1) / (low + (high - low) * torch.sigmoid(u))


def plain_apparent(travel, weights, place, source, particle: int) -> torch.Tensor:
    """1 / |grad T| by automatic differentiation."""
    gradient = torch.func.grad(lambda x: plain_time(travel, weights, x, source, particle).sum())
    return 1 / gradient(place).norm(dim=1)


@pytest.mark.parametrize("d", [1, 2, 3])
def test_times_and_apparent_velocity(d: int) -> None:
    travel, weights, place, source, ends = small(d, 9)
    gap, times = gap_at(travel, weights, place, source), clock_at(travel, weights, ends)
    for particle in range(2):
        exact = plain_apparent(travel, weights, place, source, particle)
        np.testing.assert_allclose(gap.apparent[particle], exact, rtol=1e-9)
        exact = plain_time(travel, weights, ends[:, 0], ends[:, 1], particle)
        np.testing.assert_allclose(times.time[particle], exact, rtol=1e-12)


@pytest.mark.parametrize("d", [1, 2, 3])
def test_derivatives_by_weights(d: int) -> None:
    travel, weights, place, source, ends = small(d, 9)
    gap, times = gap_at(travel, weights, place, source), clock_at(travel, weights, ends)
    weighting, change = torch.randn(2, 9).double(), torch.randn_like(weights)
    jacobian = torch.stack(
        [
            torch.func.jacrev(lambda w, p=p: -plain_apparent(travel, w, place, source, p))(weights)[
                :, p
            ]
            for p in range(2)
        ]
    )
    by_times = torch.stack(
        [
            torch.func.jacrev(lambda w, p=p: plain_time(travel, w, ends[:, 0], ends[:, 1], p))(
                weights
            )[:, p]
            for p in range(2)
        ]
    )
    scale = float(jacobian.abs().max())
    close = {"rtol": 0, "atol": 1e-9 * max(1.0, scale) ** 2}
    np.testing.assert_allclose(
        gap_pull(gap, weighting), (weighting[:, None] @ jacobian)[:, 0], **close
    )
    np.testing.assert_allclose(
        gap_push(gap, travel.network, change), (jacobian @ change[..., None])[..., 0], **close
    )
    np.testing.assert_allclose(gap_gram(gap), jacobian @ jacobian.mT, **close)
    picked = torch.randn(2, 4).double()
    np.testing.assert_allclose(
        clock_pull(times, picked), (picked[:, None] @ by_times)[:, 0], atol=1e-12
    )
    np.testing.assert_allclose(
        clock_push(times, travel.network, change),
        (by_times @ change[..., None])[..., 0],
        atol=1e-12,
    )


def test_times_are_reciprocal_bounded_and_zero_at_the_source() -> None:
    travel, weights, _, _, ends = small(2, 3)
    weights = 5 * weights
    there, back = clock_at(travel, weights, ends), clock_at(travel, weights, ends.flip(1))
    np.testing.assert_array_equal(there.time, back.time)
    distance = (ends[:, 0] - ends[:, 1]).norm(dim=1)
    speed = distance / there.time
    assert float(speed.min()) >= (1 - 1e-12) * 0.9 * BOUNDS[0]
    assert float(speed.max()) <= (1 + 1e-12) * 1.1 * BOUNDS[1]
    at_source = clock_at(travel, weights, ends[:, :1].expand(-1, 2, -1))
    assert float(at_source.time.abs().max()) == 0


def dense_adjoint(travel, weights, place, source, ends, gradient_by_time) -> torch.Tensor:
    """-(J.T)^+ F.T g with J and F by automatic differentiation."""
    rows = []
    for p in range(len(weights)):
        residual = torch.func.jacrev(lambda w, p=p: -plain_apparent(travel, w, place, source, p))(
            weights
        )[:, p]
        times = torch.func.jacrev(lambda w, p=p: plain_time(travel, w, ends[:, 0], ends[:, 1], p))(
            weights
        )[:, p]
        right = times.T @ gradient_by_time[p]
        rows.append(-torch.linalg.lstsq(residual.T, right[:, None], driver="gelsd").solution[:, 0])
    return torch.stack(rows)


@pytest.mark.parametrize("d", [1, 2])
def test_adjoint_is_that_of_automatic_differentiation(d: int) -> None:
    travel, weights, place, source, ends = small(d, 8)
    gap, times = gap_at(travel, weights, place, source), clock_at(travel, weights, ends)
    by_time = torch.randn(2, 4, generator=torch.Generator().manual_seed(shifted(3))).double()
    by_weights = clock_pull(times, by_time)
    exact = dense_adjoint(travel, weights, place, source, ends, by_time)
    dense = adjoint_dense(gap, travel.network, by_weights, damping=1e-14)
    cgnr = adjoint_cgnr(gap, travel.network, by_weights, n_steps=200, tolerance=1e-12)
    scale = float(exact.abs().max())
    np.testing.assert_allclose(dense, exact, atol=1e-5 * scale)
    np.testing.assert_allclose(cgnr, exact, atol=1e-5 * scale)


def test_adjoint_agrees_with_refitting() -> None:
    """Finite differences: move the velocity at one point, fit again, read the clock."""
    travel, weights, place, source, ends = small(2, 8)
    features = pair_features(travel.frequencies, place, source, tangents=True)
    gap = gap_at(travel, weights, place, source)
    held = gap.apparent.clone()
    by_time = torch.tensor([[0.7, -1.0, 0.3, 0.5]] * 2, dtype=torch.float64)

    def misfit_after(change: torch.Tensor) -> torch.Tensor:
        points = Collocation(place=place, source=source, features=features, velocity=held + change)
        fitted = gauss_newton(travel, points, weights, n_steps=12, damping=1e-13)
        residual = points.velocity - gap_at(travel, fitted, place, source).apparent
        assert float(residual.abs().max()) < 1e-9
        return (clock_at(travel, fitted, ends).time * by_time).sum(dim=1)

    step = 1e-4 * torch.eye(8, dtype=torch.float64)
    found = torch.stack([(misfit_after(row) - misfit_after(-row)) / 2e-4 for row in step], dim=1)
    by_weights = clock_pull(clock_at(travel, weights, ends), by_time)
    adjoint = adjoint_cgnr(gap, travel.network, by_weights, n_steps=200, tolerance=1e-12)
    np.testing.assert_allclose(adjoint, found, atol=2e-3 * float(found.abs().max()))


def test_lbfgs_finds_the_minimum_of_a_quadratic_for_every_particle() -> None:
    generator = torch.Generator().manual_seed(shifted(0))
    root = torch.randn(5, 12, 12, generator=generator, dtype=torch.float64)
    scale = 10.0 ** torch.arange(-2, 3, dtype=torch.float64)
    matrix = scale[:, None, None] * (root @ root.mT + torch.eye(12, dtype=torch.float64))
    lowest = torch.randn(5, 12, generator=generator, dtype=torch.float64)

    def objective(weights, which):
        off = weights - lowest[which]
        slope = (matrix[which] @ off[..., None])[..., 0]
        return 0.5 * (off * slope).sum(dim=1), slope

    found = lbfgs(objective, torch.zeros(5, 12, dtype=torch.float64), n_epochs=60)
    np.testing.assert_allclose(found, lowest, atol=1e-5)


def test_lbfgs_never_climbs_and_keeps_particles_apart() -> None:
    """Rosenbrock's valley from several starts: alone or together, the same path."""

    def objective(weights, which):
        x, y = weights[:, 0], weights[:, 1]
        value = (1 - x) ** 2 + 100 * (y - x**2) ** 2
        slope = torch.stack([-2 * (1 - x) - 400 * x * (y - x**2), 200 * (y - x**2)], dim=1)
        return value, slope

    start = torch.tensor([[-1.2, 1.0], [0.0, 0.0], [2.0, -1.0]], dtype=torch.float64)
    everyone = torch.arange(3)
    previous = objective(start, everyone)[0]
    for n_epochs in (1, 3, 10, 30):
        value = objective(lbfgs(objective, start, n_epochs=n_epochs), everyone)[0]
        assert bool((value <= previous + 1e-12).all())
        previous = value
    assert float(objective(lbfgs(objective, start, n_epochs=100), everyone)[0].max()) < 1e-8
    together = lbfgs(objective, start, n_epochs=20)
    alone = torch.cat([lbfgs(objective, row[None], n_epochs=20) for row in start])
    np.testing.assert_allclose(together, alone, atol=1e-10)


@pytest.mark.parametrize("method", ["lbfgs", "gauss_newton"])
def test_networks_learn_the_times_of_a_linear_gradient(method: str) -> None:
    """Two particles with different gradients, points drawn anew: within 1 % of the closed form."""
    generator = torch.Generator().manual_seed(shifted(0))
    frequencies = matched_frequencies((3.0, 1.5), 2, 12, generator)
    network = Network(n_inputs=48, width=20, n_hidden=2)
    travel = TravelTimeNetwork(network=network, frequencies=frequencies, bounds=(1.5, 5.0))
    weights = initial_weights(network, 2, generator, frequencies)
    gradient = torch.tensor([[0.3], [0.9]], dtype=torch.float64)
    box = torch.tensor([4.0, 2.0], dtype=torch.float64)
    sources = torch.tensor([[0.5, 0.0], [2.0, 0.0], [3.5, 0.0]], dtype=torch.float64)
    for _ in range(40):
        place = box * torch.rand(80, 2, generator=generator, dtype=torch.float64)
        source = sources[torch.randint(3, (80,), generator=generator)]
        points = Collocation(
            place=place,
            source=source,
            features=pair_features(frequencies, place, source, tangents=True),
            velocity=2 + gradient * place[:, 1],
        )
        if method == "lbfgs":
            weights = lbfgs(eikonal_objective(travel, points), weights, n_epochs=10)
        else:
            weights = gauss_newton(travel, points, weights, n_steps=1, damping=1e-4)
    place = box * torch.rand(60, 2, generator=generator, dtype=torch.float64)
    ends = torch.stack([sources.repeat(20, 1), place], dim=1)
    found = clock_at(travel, weights, ends).time
    distance = (ends[:, 0] - ends[:, 1]).norm(dim=1).numpy()
    exact = np.stack(
        [
            travel_time_linear_gradient(distance, 2.0, 2 + float(g) * place[:, 1].numpy(), float(g))
            for g in gradient
        ]
    )
    error = np.sqrt((((found.numpy() - exact) / exact) ** 2).mean(axis=1))
    assert error.max() < 0.01


def test_a_damping_below_the_precision_is_named_with_its_remedy() -> None:
    """Two equal rows make a singular matrix; damping mends it, none does not."""
    row = torch.tensor([[1.0, 2.0], [1.0, 2.0]], dtype=torch.float64)
    matrix = (row @ row.mT)[None]
    right = torch.ones(1, 2, dtype=torch.float64)
    found = solve_damped(matrix, right, 1e-2)
    exact = np.linalg.solve(matrix[0].numpy() + 0.05 * np.eye(2), right[0].numpy())
    np.testing.assert_allclose(found[0], exact, rtol=1e-9)
    with pytest.raises(InputError, match=r"damping -0\.1 the normal matrix of 1 .*larger damping"):
        solve_damped(matrix, right, -0.1)
