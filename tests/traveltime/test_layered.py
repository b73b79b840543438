"""First arrivals of layered models against closed forms and an eikonal solver."""

from __future__ import annotations

import eikonalfm
import numpy as np
import pytest

from seisnb.conventions import InputError
from seisnb.traveltime.layered import layered_times
from seisnb.velocity_models import LayeredModel
from tests.seeds import shifted

DISTANCE = np.concatenate([[0.0], np.geomspace(0.5, 300.0, 60)])


def layers(top, vp, gradient=None) -> LayeredModel:
    top = np.asarray(top, float)
    return LayeredModel(
        name="a", top=top, vp=np.asarray(vp, float),
        vp_gradient=np.zeros(top.size) if gradient is None else np.asarray(gradient, float),
    )  # fmt: skip


@pytest.mark.parametrize("receiver", [0.0, 3.0])
@pytest.mark.parametrize("growth", [0.02, 0.06, 0.09])
def test_a_linear_gradient(receiver: float, growth: float) -> None:
    """Cerveny's closed form; to a millisecond over 300 km."""
    depth = np.array([0.0, 1.0, 5.0, 20.0, 52.0])
    found = layered_times(layers([0.0], [5.0], [growth]), "P", receiver, DISTANCE, depth)
    square = DISTANCE[:, None] ** 2 + (depth - receiver) ** 2
    v1, v2 = 5.0 + growth * receiver, 5.0 + growth * depth
    exact = np.arccosh(1.0 + growth**2 * square / (2.0 * v1 * v2)) / growth
    np.testing.assert_allclose(found, exact, atol=2e-3)
    assert np.sqrt(((found - exact) ** 2).mean()) < 3e-4


def test_direct_and_head_waves_of_two_layers() -> None:
    found = layered_times(layers([0.0, 30.0], [6.0, 8.0]), "P", 0.0, DISTANCE, np.array([10.0]))
    direct = np.hypot(DISTANCE, 10.0) / 6.0
    slow = np.sqrt(1 / 36.0 - 1 / 64.0)
    critical = (30.0 + 20.0) * 6.0 / np.sqrt(64.0 - 36.0)
    head = np.where(critical <= DISTANCE, DISTANCE / 8.0 + 50.0 * slow, np.inf)
    np.testing.assert_allclose(found[:, 0], np.minimum(direct, head), atol=2e-4)


def test_a_source_on_a_level_and_at_the_station() -> None:
    model = layers([0.0, 10.0], [5.0, 7.0], [0.05, 0.0])
    near = layered_times(model, "P", 10.0, np.array([0.0, 7.0]), np.array([10.0]))
    np.testing.assert_allclose(near[:, 0], [0.0, 1.0], atol=1e-6)


def test_reciprocity() -> None:
    rng = np.random.default_rng(shifted(0))
    for _ in range(10):
        top = np.concatenate([[0.0], np.sort(rng.uniform(1, 40, 4))])
        model = layers(top, rng.uniform(3, 8, 5), rng.uniform(-0.01, 0.03, 5))
        a, b = rng.uniform(0, 45, 2)
        there = layered_times(model, "P", a, DISTANCE, np.array([b]))
        back = layered_times(model, "P", b, DISTANCE, np.array([a]))
        np.testing.assert_allclose(there, back, atol=4e-3)


def test_against_an_eikonal_solver() -> None:
    """Layers with jumps, gradients and a slow one, to 10 ms rms; the solver's grid is 0.1 km."""
    step = 0.1
    model = layers([0.0, 4.0, 9.0, 20.0], [4.5, 6.2, 5.6, 7.6], [0.08, 0.02, 0.05, 0.01])
    x, z = np.arange(0.0, 80.0 + step, step), np.arange(0.0, 30.0 + step, step)
    # slowness over a cell of the solver
    fine = np.linspace(-0.5, 0.5, 21)[:, None] * step + z
    column = 1.0 / (1.0 / model.velocity(np.maximum(fine, 0.0))).mean(axis=0)
    velocity = np.broadcast_to(column, (x.size, z.size)).copy()
    solved = eikonalfm.factored_fast_marching(velocity, (0, 0), (step, step), 2)
    solved = solved * eikonalfm.distance(velocity.shape, (step, step), (0, 0), indexing="ij")
    depth = np.array([2.0, 6.0, 12.0, 18.0, 26.0])
    found = layered_times(model, "P", 0.0, x[::20], depth)
    referee = solved[::20][:, np.round(depth / step).astype(int)]
    away = found - referee
    assert np.sqrt((away**2).mean()) < 0.01
    assert np.abs(away).max() < 0.05


def test_no_ray_comes_before_the_fastest_rock_allows() -> None:
    rng = np.random.default_rng(shifted(1))
    for _ in range(20):
        top = np.concatenate([[0.0], np.sort(rng.uniform(1, 40, 5))])
        model = layers(top, rng.uniform(3, 8, 6), rng.uniform(0, 0.02, 6))
        found = layered_times(model, "P", 0.0, DISTANCE, np.array([15.0]))[:, 0]
        assert np.isfinite(found).all()
        assert (np.diff(found) > -1e-9).all()
        assert (found >= np.hypot(DISTANCE, 15.0) / 20.0).all()
        straight = np.hypot(DISTANCE, 15.0)
        levels = np.linspace(0, 15, 400)
        assert (found <= straight * (1 / model.velocity(levels)).mean() * 1.001 + 1e-3).all()


def test_what_is_refused() -> None:
    model = layers([0.0], [5.0])
    with pytest.raises(InputError, match="distances from 0"):
        layered_times(model, "P", 0.0, np.array([-1.0]), np.array([1.0]))
    with pytest.raises(InputError, match="no S velocity"):
        layered_times(model, "S", 0.0, np.array([1.0]), np.array([1.0]))
