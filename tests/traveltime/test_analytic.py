"""Closed-form times against other forms of themselves, quadrature and brute force."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.optimize import brentq

from seisnb.conventions import InputError
from seisnb.traveltime.analytic import travel_time_linear_gradient, travel_time_profile

speeds = st.floats(0.2, 8.0)
gradients = st.floats(0.01, 20.0)


@given(distance=st.floats(1e-3, 50.0), a=speeds, b=speeds, gradient=gradients)
def test_linear_gradient_is_the_other_textbook_form(
    distance: float, a: float, b: float, gradient: float
) -> None:
    """T = acosh(1 + g2 d2 / (2 v_s v_r)) / g, where the two ends' depths allow the distance."""
    distance = max(distance, abs(a - b) / gradient)
    found = travel_time_linear_gradient(distance, a, b, gradient)
    textbook = np.arccosh(1 + (gradient * distance) ** 2 / (2 * a * b)) / gradient
    # acosh loses digits where its argument is near one
    assert found == pytest.approx(textbook, rel=1e-6 + 1e-15 / (gradient * distance) ** 2 * a * b)
    assert found == travel_time_linear_gradient(distance, b, a, gradient)


@given(a=speeds, gradient=gradients, factor=st.floats(0.1, 10.0), distance=st.floats(0.01, 50.0))
def test_faster_medium_shortens_times_in_proportion(
    a: float, gradient: float, factor: float, distance: float
) -> None:
    slow = travel_time_linear_gradient(distance, a, a, gradient)
    fast = travel_time_linear_gradient(distance, factor * a, factor * a, factor * gradient)
    assert fast * factor == pytest.approx(slow, rel=1e-12)


def test_linear_gradient_by_quadrature_along_the_ray() -> None:
    """Offset and time of one ray parameter, integrated down to the turning point."""
    v0, gradient, p = 2.0, 0.6, 0.3
    turn = (1 / p - v0) / gradient

    def along(power: int) -> float:  # z = turn - u2 takes the singularity out
        def integrand(u: float) -> float:
            v = v0 + gradient * (turn - u * u)
            return 2 * u * (p * v) ** power / (v * np.sqrt(1 - (p * v) ** 2))

        return 2 * quad(integrand, 0, np.sqrt(turn))[0]

    time, offset = along(0), along(2) / p
    assert travel_time_linear_gradient(offset, v0, v0, gradient) == pytest.approx(time, rel=1e-6)


def test_vanishing_gradient_and_vanishing_distance() -> None:
    assert travel_time_linear_gradient(6.0, 2.0, 2.0, 1e-9) == pytest.approx(3.0, rel=1e-9)
    assert travel_time_linear_gradient(6.0, 2.0, 2.0, 0.0) == 3.0
    np.testing.assert_allclose(
        travel_time_linear_gradient([0.0, 1e-12], 2.0, 2.0, 0.6), [0.0, 5e-13], rtol=1e-9
    )


def test_linear_gradient_solves_the_eikonal_equation() -> None:
    x, z = np.meshgrid(np.linspace(1.0, 5.0, 401), np.linspace(0.0, 3.0, 301), indexing="ij")
    v = 2.0 + 0.6 * z
    time = travel_time_linear_gradient(np.hypot(x, z - 0.5), 2.3, v, 0.6)
    slope = np.hypot(*np.gradient(time, 0.01))
    np.testing.assert_allclose((slope * v)[1:-1, 1:-1], 1.0, atol=1e-4)


def test_profile_of_one_gradient_is_the_closed_form() -> None:
    depth, offset = np.linspace(0, 5, 60), np.linspace(0, 10, 101)
    found = travel_time_profile(offset, depth, 2 + 0.6 * depth, n_slowness=2000)
    exact = travel_time_linear_gradient(offset, 2.0, 2.0, 0.6)
    assert (found - exact).min() > -1e-12
    assert (found - exact).max() < 1e-5


def test_profile_of_two_layers_is_direct_and_head_wave() -> None:
    depth = np.array([0.0, 1.0, 1.0 + 1e-6, 4.0])
    velocity = np.array([1.5, 1.5 + 1e-7, 4.0, 4.0 + 1e-7])
    offset = np.linspace(0, 12, 61)
    head = offset / 4.0 + 2.0 * np.sqrt(1 / 1.5**2 - 1 / 4.0**2)
    exact = np.minimum(offset / 1.5, head)
    found = travel_time_profile(offset, depth, velocity, n_slowness=4000)
    assert np.abs(found - exact).max() < 3e-4
    assert (head < offset / 1.5).any()
    assert (head > offset / 1.5).any()


def test_curved_profile_by_quadrature() -> None:
    """An exponential profile: one ray traced by Snell's law lands where the profile says."""
    v0, dv, h = 0.4, 1.6, 0.02

    def speed(z: float) -> float:
        return v0 + dv * (1 - np.exp(-z / h))

    def along(p: float, turn: float, power: int) -> float:
        """2 int (p v)**power / (v sqrt(1 - (p v)**2)) dz, with z = turn - u2."""

        def integrand(u: float) -> float:
            v = speed(turn - u * u)
            return 2 * u * (p * v) ** power / (v * np.sqrt(1 - (p * v) ** 2))

        return 2 * quad(integrand, 0, np.sqrt(turn))[0]

    depth = np.concatenate([[0.0], np.geomspace(1e-5, 0.2, 400)])
    for p in (1 / 0.7, 1 / 1.1, 1 / 1.6):
        turn = brentq(lambda z, p=p: speed(z) - 1 / p, 0.0, 0.2)
        offset, time = along(p, turn, 2) / p, along(p, turn, 0)
        found = travel_time_profile(offset, depth, speed(depth), n_slowness=4000)[0]
        assert found == pytest.approx(time, rel=2e-4)


@pytest.mark.parametrize("thickness", [0.0, 0.05, 1.0, 3.0])
@pytest.mark.parametrize("gradient", [0.2, 3.0])
def test_water_by_brute_force_over_entry_points(thickness: float, gradient: float) -> None:
    """From right above to far: the direct wave, then rays that dive under the sea floor."""
    offset, depth = np.linspace(0.0, 6.0, 121), np.linspace(0, 6, 600)
    along = np.linspace(0.0, 6.0, 60_001)
    rock = travel_time_linear_gradient(along, 2.0, 2.0, gradient)
    water = np.hypot(offset[:, None] - along, thickness) / 1.5
    exact = (water + rock).min(axis=1)
    found = travel_time_profile(
        offset, depth, 2 + gradient * depth,
        water_thickness=thickness, water_velocity=1.5, n_slowness=3000,
    )  # fmt: skip
    assert np.abs(found - exact).max() < 5e-6
    critical = thickness * np.tan(np.arcsin(1.5 / 2.0))
    near = offset < 0.9 * critical
    direct = np.hypot(offset, thickness) / 1.5
    np.testing.assert_allclose(found[near], direct[near], rtol=1e-12)
    if thickness:
        assert (found[offset > 2 * critical] < direct[offset > 2 * critical]).all()


def test_water_may_differ_from_pick_to_pick() -> None:
    depth = np.linspace(0, 6, 100)
    together = travel_time_profile(
        [2.0, 2.0, 0.1], depth, 2 + depth, water_thickness=[0.0, 1.0, 1.0]
    )
    alone = [
        travel_time_profile(x, depth, 2 + depth, water_thickness=h)[0]
        for x, h in ((2.0, 0.0), (2.0, 1.0), (0.1, 1.0))
    ]
    np.testing.assert_array_equal(together, alone)


@settings(max_examples=30)
@given(factor=st.floats(0.2, 5.0), seed=st.integers(0, 1000))
def test_profile_scales_with_lengths_and_velocities(factor: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    depth = np.concatenate([[0.0], np.cumsum(rng.uniform(0.05, 0.5, 12))])
    velocity = np.cumsum(rng.uniform(0.1, 0.6, 13)) + 1.6
    offset = rng.uniform(0.0, 20.0, 9)
    base = travel_time_profile(offset, depth, velocity)
    np.testing.assert_allclose(
        travel_time_profile(factor * offset, factor * depth, velocity), factor * base, rtol=1e-9
    )
    np.testing.assert_allclose(
        travel_time_profile(offset, depth, factor * velocity), base / factor, rtol=1e-9
    )
    order = np.argsort(offset)
    assert (np.diff(base[order]) >= 0).all()


@pytest.mark.parametrize("velocity", [[2.0, 2.0], [2.0, 1.0], [0.0, 1.0], [-1.0, 1.0]])
def test_profile_refuses_velocities_that_do_not_increase(velocity: list[float]) -> None:
    with pytest.raises(InputError, match="positive and increase with depth"):
        travel_time_profile(1.0, np.array([0.0, 1.0]), np.array(velocity))
