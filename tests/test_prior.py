from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from seisnb.conventions import InputError, PriorError
from seisnb.prior import (
    FLOOR,
    FieldKind,
    GaussianProcessPrior,
    MeanProfile,
    PriorConfig,
    check_amplitude,
    gaussian_process_prior,
    linear_profile,
)
from seisnb.section import SectionGrid
from tests.bounds import sigmas
from tests.seeds import shifted

KINDS: tuple[FieldKind, ...] = ("log_velocity", "velocity")
GRID = SectionGrid(
    x0=2.0,
    cell_easting=0.2,
    cell_depth=0.1,
    surface=0.1 * np.sin(np.arange(41)),
    n_depth=26,
)
PROFILE = linear_profile(2.0, 0.6, 2.5)
#: Nodes whose covariances are compared: the corners, close pairs, far pairs.
NODES = np.array([(0, 0), (1, 0), (0, 2), (20, 5), (20, 9), (24, 5), (26, 12), (40, 25), (40, 0)])


def make(kind: FieldKind = "log_velocity", **changes: Any) -> GaussianProcessPrior:
    settings = {"amplitude": 0.25, "length_easting": 1.5, "length_depth": 0.6, **changes}
    return gaussian_process_prior(GRID, PROFILE, field_kind=kind, **settings)


def draws(prior: GaussianProcessPrior, n: int, seed: int = 0) -> np.ndarray:
    return prior.draw(n, torch.Generator().manual_seed(shifted(seed)))


def process_covariance(prior: GaussianProcessPrior) -> np.ndarray:
    """Covariance of the process at NODES: it is linear in N(0, 1) unknowns."""
    columns = prior.field(np.eye(prior.n_unknowns))[:, NODES[:, 0], NODES[:, 1]]
    return columns.T @ columns


def separation() -> tuple[np.ndarray, np.ndarray]:
    x, z = GRID.easting[NODES[:, 0]], GRID.below_surface[NODES[:, 1]]
    return np.abs(x[:, None] - x), np.abs(z[:, None] - z)


@pytest.mark.parametrize("kind", KINDS)
def test_covariance_is_the_stated_kernel(kind: FieldKind) -> None:
    dx, dz = separation()
    kernel = 0.25**2 * np.exp(-(dx**2) / 1.5**2 - dz**2 / 0.6**2)
    assert ((kernel / 0.25**2 > 0.05) & (kernel / 0.25**2 < 0.95)).sum() >= 10
    np.testing.assert_allclose(process_covariance(make(kind)), kernel, atol=0.02 * 0.25**2)
    exact = make(kind, variance_lost=1e-9)
    np.testing.assert_allclose(process_covariance(exact), kernel, atol=1e-6 * 0.25**2)


def test_covariance_of_draws_is_the_stated_kernel() -> None:
    prior, n = make(), 6000
    sample = prior.field(draws(prior, n))[:, NODES[:, 0], NODES[:, 1]]
    dx, dz = separation()
    kernel = 0.25**2 * np.exp(-(dx**2) / 1.5**2 - dz**2 / 0.6**2)
    slack = 0.02 + sigmas(45) * np.sqrt(2 / n)
    np.testing.assert_allclose(np.cov(sample.T), kernel, atol=slack * 0.25**2)
    assert np.abs(sample.mean(axis=0)).max() < sigmas(9) * 0.25 / np.sqrt(n)


def test_matern_kernel() -> None:
    """(1 + sqrt(3) d) exp(-sqrt(3) d) along each axis, as the setting's help says."""
    dx, dz = separation()
    kernel = np.full(dx.shape, 0.25**2)
    for d, length in ((dx, 1.5), (dz, 0.6)):
        scaled = np.sqrt(3.0) * d / length
        kernel *= (1 + scaled) * np.exp(-scaled)
    found = process_covariance(make(kernel="matern", variance_lost=1e-9))
    np.testing.assert_allclose(found, kernel, atol=1e-5 * 0.25**2)


def test_growing_length_in_depth() -> None:
    """Close neighbours correlate as exp(-d2 / l(z)2) with l = length + growth * z."""
    prior = make(length_depth=0.4, length_depth_growth=0.5, variance_lost=1e-9)
    columns = prior.field(np.eye(prior.n_unknowns))[:, 20, :]
    correlation = columns.T @ columns / 0.25**2
    np.testing.assert_allclose(np.diag(correlation), 1.0, atol=1e-6)
    for row in (2, 10, 20):
        middle = GRID.below_surface[row] + GRID.cell_depth
        expected = np.exp(-((2 * GRID.cell_depth) ** 2) / (0.4 + 0.5 * middle) ** 2)
        assert correlation[row, row + 2] == pytest.approx(expected, rel=0.02)
    assert correlation[20, 22] > correlation[10, 12] > correlation[2, 4] + 0.02


def test_truncation_keeps_the_variance() -> None:
    for lost in (1e-2, 5e-4):
        prior = make(variance_lost=lost)
        share = prior.field_variance() / 0.25**2
        assert 1 - 3 * lost < share.mean() <= 1
        assert share.max() < 1 + 1e-9
        assert share.min() > 1 - 60 * lost  # the corners lose most
        columns = prior.field(np.eye(prior.n_unknowns))
        np.testing.assert_allclose(prior.field_variance(), (columns**2).sum(axis=0), rtol=1e-10)
    assert make(variance_lost=1e-2).n_unknowns < make(variance_lost=5e-4).n_unknowns
    assert make().n_unknowns < 120


@pytest.mark.parametrize("kind", KINDS)
def test_velocity_std_of_draws(kind: FieldKind) -> None:
    prior, n = make(kind), 4000
    velocity = prior.velocity(draws(prior, n, seed=1))
    np.testing.assert_allclose(velocity.std(axis=0), prior.velocity_std(), rtol=0.08)
    centre = prior.mean * (np.exp(0.25**2 / 2) if kind == "log_velocity" else 1.0)
    error = np.abs(velocity.mean(axis=0) - centre)
    assert (error / prior.velocity_std()).max() < 5 / np.sqrt(n) + 0.01
    assert prior.mean[:, 0] == pytest.approx(2.0)
    assert prior.mean[:, -1] == pytest.approx(3.5)


def test_velocity_std_of_a_wide_log_normal() -> None:
    """At 60 % the mean of exp matters: mean over all nodes, where sampling errors average out."""
    prior = make(amplitude=0.6)
    ratio = prior.velocity(draws(prior, 6000, seed=4)).std(axis=0) / prior.velocity_std()
    assert abs(ratio.mean() - 1) < 0.03


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=20)
@given(size=st.floats(0.1, 300.0), seed=st.integers(0, 2**20))
def test_velocity_is_positive_for_any_unknowns(kind: FieldKind, size: float, seed: int) -> None:
    prior = make(kind)
    unknowns = size * np.random.default_rng(seed).standard_normal(prior.n_unknowns)
    velocity, slope = prior.velocity_and_derivative(unknowns)
    assert (velocity > 0).all()
    assert (slope >= 0).all()
    if kind == "velocity":
        assert np.isfinite(velocity).all()
        assert (velocity >= FLOOR * prior.mean * (1 - 1e-12)).all()
        assert (slope <= 1).all()


def test_plain_velocity_is_itself_near_the_mean_and_bends_far_below() -> None:
    prior = make("velocity")
    rows = prior.unknowns_of(np.full(prior.mean.shape, -50.0))
    velocity, slope = prior.velocity_and_derivative(rows)
    np.testing.assert_allclose(velocity, FLOOR * prior.mean, rtol=1e-3)
    assert slope.max() < 1e-3
    little = draws(prior, 1)[0] * 0.2
    np.testing.assert_allclose(
        prior.velocity(little), prior.mean + prior.field(little), atol=FLOOR * 2e-3
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [1.0, 6.0])
def test_derivative_against_finite_differences(kind: FieldKind, size: float) -> None:
    prior = make(kind)
    here, along = draws(prior, 2, seed=2)
    here = size * here
    step = 1e-5
    change = prior.velocity(here + step * along) - prior.velocity(here - step * along)
    slope = prior.velocity_and_derivative(here)[1]
    np.testing.assert_allclose(
        slope * prior.field(along), change / (2 * step), rtol=1e-5, atol=1e-8 * np.abs(slope).max()
    )


@pytest.mark.parametrize("kind", KINDS)
def test_velocity_to_process_to_unknowns_and_back(kind: FieldKind) -> None:
    prior = make(kind)
    unknowns = draws(prior, 1, seed=3)[0]
    process = prior.process_of(prior.velocity(unknowns))
    np.testing.assert_allclose(process, prior.field(unknowns), atol=1e-9)
    back = prior.unknowns_of(process)
    np.testing.assert_allclose(prior.field(back), prior.field(unknowns), atol=1e-3 * 0.25)
    np.testing.assert_allclose(back, unknowns, atol=0.05)


def test_processes_of_many_models_at_once() -> None:
    prior = make()
    many = draws(prior, 6).reshape(2, 3, -1)
    assert prior.velocity(many).shape == (2, 3, 41, 26)
    np.testing.assert_allclose(prior.velocity(many)[1, 2], prior.velocity(many[1, 2]), rtol=1e-12)


def test_infinite_length_along_the_line_gives_one_column() -> None:
    prior = make(length_easting=np.inf)
    field = prior.field(draws(prior, 1)[0])
    assert prior.n_unknowns < 15
    np.testing.assert_allclose(field, np.broadcast_to(field[:1], field.shape), atol=1e-12)
    assert field.std() > 0.05


def test_draws_are_seeded_and_standard_normal() -> None:
    prior = make()
    np.testing.assert_array_equal(draws(prior, 3, 5), draws(prior, 3, 5))
    assert np.abs(draws(prior, 3, 5) - draws(prior, 3, 6)).max() > 0.1
    many = draws(prior, 500)
    assert many.shape == (500, prior.n_unknowns)
    assert abs(many.mean()) < 5 / np.sqrt(many.size)
    assert abs(many.std() - 1) < 5 / np.sqrt(2 * many.size)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"field": "slowness"}, r"field is 'slowness'; expected 'log_velocity' or 'velocity'"),
        *[
            ({name: value}, rf"{name} is .*only positive definite for a finite {name} above zero")
            for name in ("amplitude", "length_easting", "length_depth")
            for value in (0.0, -1.0, np.nan, np.inf)
        ],
        ({"length_depth_growth": -0.1}, r"length_depth_growth is -0\.1; expected >= 0"),
        ({"length_depth_growth": np.nan}, "expected >= 0"),
        ({"surface_velocity": 2.0}, "surface_velocity and gradient go together"),
        ({"gradient": 0.5}, "surface_velocity and gradient go together"),
        (
            {"surface_velocity": 2.0, "gradient": 0.5, "profile": ((0.0, 2.0),)},
            "either profile or surface_velocity and gradient",
        ),
    ],
)
def test_config_refuses_what_is_no_prior(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(PriorError, match=message):
        PriorConfig(**settings)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"length_easting": 0.0}, r"length_easting is 0\.0 km; .*positive definite"),
        ({"length_depth": -1.0}, r"length_depth is -1\.0 km; .*positive definite"),
        ({"length_depth": np.nan}, "positive definite"),
        (
            {"length_easting": 0.29},
            r"length_easting of 0\.29 km is not resolved by cells of 0\.2 km\. "
            r"Choose cell at most 0\.0967 km",
        ),
        ({"length_depth": 0.14}, r"length_depth of 0\.14 km is not resolved by cells of 0\.1 km"),
        ({"amplitude": 0.0}, r"amplitude is 0\.0; expected more than zero"),
        ({"amplitude": np.nan}, "expected more than zero"),
    ],
)
def test_process_refuses_what_is_no_prior(changes: dict[str, float], message: str) -> None:
    with pytest.raises(PriorError, match=message):
        make(**changes)


def test_shortest_lengths_are_still_distributions() -> None:
    prior = make(length_easting=0.31, length_depth=0.155, variance_lost=1e-6)
    assert prior.field_variance().min() > 0.99 * 0.25**2


@pytest.mark.parametrize(
    ("depth", "velocity", "message"),
    [
        ([0.0, 1.0], [2.0], "equal lists"),
        ([], [], "equal lists"),
        ([[0.0]], [[2.0]], "equal lists"),
        ([0.0, 0.0], [2.0, 3.0], "must increase"),
        ([1.0, 0.0], [2.0, 3.0], "must increase"),
        ([0.0, 1.0], [2.0, np.nan], "NaN or infinite"),
        ([0.0, np.inf], [2.0, 3.0], "NaN or infinite"),
        ([0.0, 1.0], [2.0, 0.0], r"velocity 0 km/s at 1 km; every velocity must be above zero"),
        ([0.0, 1.0, 2.0], [2.0, -1.0, 3.0], r"velocity -1 km/s at 1 km"),
    ],
)
def test_mean_profile_refuses(depth: list[float], velocity: list[float], message: str) -> None:
    with pytest.raises(PriorError, match=message):
        MeanProfile(depth=np.array(depth), velocity=np.array(velocity))


def test_mean_profile_is_linear_between_points_and_constant_beyond() -> None:
    profile = MeanProfile(depth=np.array([0.0, 1.0, 3.0]), velocity=np.array([1.0, 2.0, 6.0]))
    np.testing.assert_allclose(profile.at(np.array([0.0, 0.5, 2.0, 3.0, 9.0])), [1, 1.5, 4, 6, 6])
    with pytest.raises(PriorError, match="above zero"):
        linear_profile(2.0, -1.0, 5.0)


def test_amplitude_that_would_go_below_zero() -> None:
    config = PriorConfig(field="velocity", amplitude=0.81)
    with pytest.raises(InputError, match=r"0\.81 km/s .* mean of 2 km/s.*log_velocity"):
        check_amplitude(config, PROFILE)
    check_amplitude(PriorConfig(field="velocity", amplitude=0.79), PROFILE)
    check_amplitude(PriorConfig(field="log_velocity", amplitude=0.9), PROFILE)
    check_amplitude(PriorConfig(field="velocity"), PROFILE)


def test_a_step_far_beyond_any_model_does_not_overflow() -> None:
    prior = make()
    for far in (1e6, -1e6):
        velocity = prior.velocity(np.full(prior.n_unknowns, far))
        assert np.isfinite(velocity).all()
        assert (velocity > 0).all()
