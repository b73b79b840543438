"""The line against published figures, brute force and exact times."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from seisnb.conventions import PriorError
from seisnb.line_1d import ZONES, Line, gaussian_draws
from tests.bounds import sigmas, std_ratio
from tests.seeds import shifted

PLACES = (0.10, 0.20, 0.25, 0.30, 0.35, 0.40, 0.45, 0.50, 0.60)
PUBLISHED = {
    0.075: (0.0997, 0.0570, 0.0300, 0.0303, 0.0300, 0.0570, 0.0927, 0.0997, 0.1000),
    0.15: (0.0869, 0.0404, 0.0203, 0.0175, 0.0203, 0.0404, 0.0672, 0.0869, 0.0987),
}


@pytest.mark.parametrize("length", [0.075, 0.15])
def test_exact_std_is_the_published(length: float) -> None:
    line = Line(length=length)
    found = np.interp(PLACES, line.place, line.posterior_std)
    np.testing.assert_allclose(found, PUBLISHED[length], atol=2e-4)
    assert line.posterior_std.mean() == pytest.approx(
        {0.075: 0.0741, 0.15: 0.0616}[length], abs=3e-4
    )
    np.testing.assert_allclose(line.posterior_std, line.posterior_std[::-1], atol=1e-8)


def test_geometry_is_the_published() -> None:
    line = Line(length=0.15)
    assert line.ends.shape == (40, 2)
    assert line.place.shape == (201,)
    groups = (line.ends < 0.6).sum(axis=1)
    assert sorted(groups) == [0] * 20 + [2] * 20
    np.testing.assert_allclose(
        np.unique(line.ends.round(9)), [*PLACES[1:6], 0.8, 0.85, 0.9, 0.95, 1.0]
    )
    np.testing.assert_allclose(line.path.sum(axis=1), np.abs(np.diff(line.ends)[:, 0]), rtol=1e-12)


def test_times_of_a_linear_velocity_are_exact() -> None:
    """Integral of 1 / (a + b x) is log(v_2 / v_1) / b."""
    line = Line(length=0.15)
    velocity = 0.8 + 0.5 * line.grid
    at_ends = 0.8 + 0.5 * line.ends
    exact = np.abs(np.log(at_ends[:, 1] / at_ends[:, 0])) / 0.5
    np.testing.assert_allclose(line.path @ (1 / velocity), exact, rtol=1e-6)


@pytest.mark.parametrize("length", [0.075, 0.15])
def test_posterior_by_another_way(length: float) -> None:
    """Information form in the whitened unknowns instead of the data-space formula."""
    line = Line(length=length)
    target = line.target
    here = target.linearise(torch.zeros(target.n_unknowns, dtype=torch.float64), None)
    weighted = here.jacobian / target.std[:, None]
    precision = weighted.T @ weighted + torch.eye(target.n_unknowns, dtype=torch.float64)
    basis = target.basis[::3].numpy()
    covariance = basis @ torch.linalg.inv(precision).numpy() @ basis.T
    np.testing.assert_allclose(covariance, line.posterior_covariance, atol=1e-7)
    np.testing.assert_allclose(here.predicted, line.observed, rtol=1e-12)


def test_derivative_of_the_target() -> None:
    target = Line(length=0.15).target
    position = torch.randn(
        target.n_unknowns, generator=torch.Generator().manual_seed(shifted(0)), dtype=torch.float64
    )
    predicted, memory = target.predict(position, None)
    here = target.linearise(position, memory)
    np.testing.assert_allclose(here.predicted, predicted)
    exact = torch.autograd.functional.jacobian(lambda x: target.predict(x, None)[0], position)
    np.testing.assert_allclose(here.jacobian, exact, atol=1e-12)


def test_a_step_beyond_zero_velocity_has_long_times() -> None:
    """So that a line search refuses it, instead of a negative time that may fit."""
    target = Line(length=0.15).target
    position = torch.zeros(target.n_unknowns, dtype=torch.float64)
    position[0] = -100.0 * torch.sign(target.basis[:, 0].mean())
    predicted = target.predict(position, None)[0]
    assert float(target.velocity(position).min()) < 0
    assert float((predicted / target.observed).min()) > 5


def test_draws_have_the_posteriors_spread_zone_by_zone() -> None:
    line = Line(length=0.15)
    draws = line.posterior_draws(4000, torch.Generator().manual_seed(shifted(0)))
    assert set(line.std_ratio(draws)) == set(ZONES)
    assert all(0.95 < ratio < 1.05 for ratio in line.std_ratio(draws).values())
    squeezed = 1 + 0.5 * (draws - 1)
    assert all(0.47 < ratio < 0.53 for ratio in line.std_ratio(squeezed).values())
    exact, variance = line.posterior_covariance, np.diag(line.posterior_covariance)
    error = np.sqrt((np.outer(variance, variance) + exact**2) / len(draws))
    assert (np.abs(np.cov(draws.T) - exact) < sigmas(exact.size) * error).all()


def test_draws_of_a_singular_normal() -> None:
    generator = torch.Generator().manual_seed(shifted(0))
    draws = gaussian_draws(np.array([1.0, 2.0]), np.ones((2, 2)), 500, generator)
    np.testing.assert_allclose(draws[:, 1] - draws[:, 0], 1.0, atol=1e-7)
    low, high = std_ratio(500)
    assert low < draws[:, 0].std(ddof=1) < high


@pytest.mark.parametrize("length", [0.0, -1.0, 0.005, float("nan")])
def test_a_length_that_the_grid_does_not_resolve_is_refused(length: float) -> None:
    with pytest.raises(PriorError, match="expected at least 0.01 km"):
        Line(length=length)
