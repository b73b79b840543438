"""Mean profiles from picks whose times are known in closed form."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from seisnb.prior import MeanProfile, linear_profile
from seisnb.profile import profile_from_picks, turning_depth
from seisnb.survey import make_survey
from seisnb.traveltime.analytic import travel_time_linear_gradient, travel_time_profile
from tests.seeds import shifted


def pairs(width: float, n_receivers: int, n_shots: int) -> tuple[np.ndarray, np.ndarray]:
    receiver, shot = (
        a.ravel()
        for a in np.meshgrid(
            np.linspace(0.02, 0.98, n_receivers) * width, np.linspace(0, 1, n_shots) * width
        )
    )
    apart = np.abs(receiver - shot) > 1e-3 * width
    return shot[apart], receiver[apart]


def land(
    times: np.ndarray, shot: np.ndarray, receiver: np.ndarray, width: float, noise: float
) -> xr.Dataset:
    """A level line; noise as a share of the times."""
    rng = np.random.default_rng(shifted(0))
    return make_survey(
        travel_time=times * (1 + noise * rng.standard_normal(times.size)),
        pick_std=0.01 * times + 1e-3 * times.max(),
        shot_easting=shot,
        shot_depth=0.0,
        receiver_easting=receiver,
        receiver_depth=0.0,
        surface_easting=[0.0, width],
        surface_depth=[0.0, 0.0],
    )


@pytest.mark.parametrize(("v0", "gradient", "width"), [(2.0, 0.6, 6.0), (1.0, 8.0, 0.3)])
def test_recovers_a_linear_gradient(v0: float, gradient: float, width: float) -> None:
    shot, receiver = pairs(width, 8, 20)
    distance = np.abs(shot - receiver)
    times = travel_time_linear_gradient(distance, v0, v0, gradient)
    found = profile_from_picks(land(times, shot, receiver, width, 0.01))
    deepest = turning_depth(linear_profile(v0, gradient, width), distance.max())
    depth = np.linspace(0.02, 0.9, 20) * deepest
    np.testing.assert_allclose(found.at(depth), v0 + gradient * depth, rtol=0.05)
    predicted = travel_time_profile(distance, found.depth, found.velocity)
    assert np.sqrt(np.mean((predicted / times - 1) ** 2)) < 0.01
    assert (np.diff(found.velocity) > 0).all()
    assert found.depth[0] == 0
    assert found.depth[-1] == pytest.approx(distance.max())


def test_recovers_an_exponential_of_a_short_line_with_outliers() -> None:
    """0.4 km/s at the surface to 2 km/s under 8 m scale depth; a twentieth of the picks doubled."""
    width, depth = 0.1, np.concatenate([[0.0], np.geomspace(1e-5, 0.1, 300)])

    def speed(z: np.ndarray) -> np.ndarray:
        return 0.4 + 1.6 * (1 - np.exp(-z / 0.008)) + 1e-4 * z

    shot, receiver = pairs(width, 24, 12)
    distance = np.abs(shot - receiver)
    times = travel_time_profile(distance, depth, speed(depth), n_slowness=4000)
    line = land(times, shot, receiver, width, 0.01)
    line["travel_time"].values[::20] *= 2
    found = profile_from_picks(line)
    inside = np.array([0.0005, 0.001, 0.002, 0.004, 0.008, 0.012])
    np.testing.assert_allclose(found.at(inside), speed(inside), rtol=0.1)


@pytest.mark.parametrize("nearest", [0.3, 3.0])
def test_recovers_a_gradient_under_water(nearest: float) -> None:
    """Ocean-bottom receivers under 2 km of water, with and without the direct water wave."""
    depth = np.linspace(0, 30, 600)
    shots = np.concatenate([np.arange(0.0, 40.0, 0.8)])
    shot, receiver = (a.ravel() for a in np.meshgrid(shots, [5.0, 20.0, 35.0]))
    distance = np.abs(shot - receiver)
    shot, receiver = shot[distance > nearest], receiver[distance > nearest]
    distance = distance[distance > nearest]
    times = travel_time_profile(
        distance, depth, 2.5 + 0.3 * depth,
        water_thickness=2.0, water_velocity=1.5, n_slowness=4000,
    )  # fmt: skip
    assert (times == np.hypot(distance, 2.0) / 1.5).any() == (nearest < 1)
    line = make_survey(
        travel_time=times, pick_std=0.03, shot_easting=shot, shot_depth=0.0,
        receiver_easting=receiver, receiver_depth=2.0,
        surface_easting=[0.0, 40.0], surface_depth=[2.0, 2.0], water_velocity=1.5,
    )  # fmt: skip
    found = profile_from_picks(line)
    inside = np.linspace(0.3, 4.0, 12)
    np.testing.assert_allclose(found.at(inside), 2.5 + 0.3 * inside, rtol=0.06)


def test_muted_picks_do_not_count() -> None:
    shot, receiver = pairs(6.0, 6, 12)
    times = travel_time_linear_gradient(np.abs(shot - receiver), 2.0, 2.0, 0.6)
    line = land(times, shot, receiver, 6.0, 0.0)
    wild = line.copy(deep=True)
    for survey in (line, wild):
        survey["used"].values[::4] = False
    wild["travel_time"].values[::4] *= 5
    np.testing.assert_array_equal(
        profile_from_picks(line).velocity, profile_from_picks(wild).velocity
    )


def test_no_ray_turns_in_a_low_velocity_zone() -> None:
    depth = np.linspace(0, 10, 101)
    velocity = 2 + 0.5 * depth
    slow = MeanProfile(depth=depth, velocity=np.where(np.abs(depth - 3) < 0.5, 1.5, velocity))
    full = turning_depth(MeanProfile(depth=depth, velocity=velocity), 20.0)
    assert turning_depth(slow, 20.0) == pytest.approx(full, rel=0.15)


@settings(max_examples=25, deadline=None)
@given(v0=st.floats(0.5, 4.0), gradient=st.floats(0.1, 3.0), distance=st.floats(0.5, 20.0))
def test_turning_depth_of_a_linear_gradient(v0: float, gradient: float, distance: float) -> None:
    """The ray is an arc of a circle: its lowest point in closed form."""
    exact = v0 / gradient * (np.sqrt(1 + (gradient * distance / (2 * v0)) ** 2) - 1)
    depth = np.linspace(0, 2 * exact, 400)
    profile = MeanProfile(depth=depth, velocity=v0 + gradient * depth)
    assert turning_depth(profile, distance) == pytest.approx(exact, rel=0.02)
