"""Draws along eigenvectors that rounding does not change: the same on every processor."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from seisnb.diagnostics.distance import mmd_floor
from seisnb.eigenvectors import Array, principal_factor, signed
from seisnb.geodesy import make_offsets
from seisnb.line_1d import gaussian_draws
from seisnb.prior import gaussian_process_prior, linear_profile
from seisnb.section import SectionGrid
from seisnb.slip import SlipConfig, Structure, rectangle_fault, structure_ensemble
from seisnb.slip.problem import make_problem
from seisnb.slip.structures import perturbed_structures
from tests.seeds import shifted
from tests.slip.truths import PROJECTION

pytestmark = pytest.mark.kernels


def line_covariance(n: int, length: float, kind: str) -> Array:
    apart = np.abs(np.subtract.outer(np.linspace(0.0, 10.0, n), np.linspace(0.0, 10.0, n))) / length
    return np.exp(-(apart**2)) if kind == "gaussian" else (1.0 + apart) * np.exp(-apart)


def square_covariance(n: int, length: float) -> Array:
    """On a square every other eigenvalue comes twice, and its eigenvectors turn freely."""
    place = np.stack(np.meshgrid(np.arange(n), np.arange(n)), axis=-1).reshape(-1, 2)
    apart = np.linalg.norm(place[:, None] - place, axis=2) / length
    return np.asarray((1.0 + apart) * np.exp(-apart))


CASES = {
    "gaussian": line_covariance(90, 1.5, "gaussian"),
    "matern": line_covariance(90, 1.5, "matern"),
    "square": square_covariance(11, 3.0),
    "constant": np.ones((8, 8)),
    "unit": np.eye(7),
}


def shaken(covariance: Array, rng: np.random.Generator) -> Array:
    """The matrix with relative noise of 1e-14, a hundred times what libraries differ by."""
    noise = rng.standard_normal(covariance.shape)
    return np.asarray(covariance * (1.0 + 0.5e-14 * (noise + noise.T)))


@pytest.mark.parametrize("left_out", [1e-3, 1e-6, 1e-9])
@pytest.mark.parametrize("name", CASES)
def test_draws_do_not_know_the_rounding_of_a_covariance(name: str, left_out: float) -> None:
    covariance, rng = CASES[name], np.random.default_rng(shifted(0))
    factor = principal_factor(covariance, left_out)
    noise = rng.standard_normal((factor.shape[1], 20))
    for _ in range(5):
        again = principal_factor(shaken(covariance, rng), left_out)
        np.testing.assert_allclose(again @ noise, factor @ noise, rtol=0, atol=1e-9)


@pytest.mark.parametrize("left_out", [1e-3, 1e-6, 1e-9])
@pytest.mark.parametrize("name", CASES)
def test_a_factor_loses_no_more_than_it_may(name: str, left_out: float) -> None:
    covariance = CASES[name]
    factor = principal_factor(covariance, left_out)
    lost = covariance - factor @ factor.T
    rounding = 1e-12 * np.trace(covariance)
    assert -rounding < np.trace(lost) < left_out * np.trace(covariance) + rounding
    assert np.linalg.eigvalsh(lost).min() > -rounding
    assert factor.shape[1] <= np.linalg.matrix_rank(covariance)


def test_the_sign_is_not_the_library_s() -> None:
    _, vectors = np.linalg.eigh(np.stack([line_covariance(40, length, "matern")
                                          for length in (1.0, 3.0)]))  # fmt: skip
    flips = np.random.default_rng(shifted(1)).choice([-1.0, 1.0], (2, 1, 40))
    settled = signed(flips * vectors)
    np.testing.assert_array_equal(settled, signed(vectors))
    np.testing.assert_array_equal(np.abs(settled), np.abs(vectors))
    # an odd vector holds its largest entry twice: rounding must not choose between them
    odd = np.sin(np.linspace(-np.pi, np.pi, 41))[:, None]
    odd[[10, 30]] *= [[1.0 - 1e-15], [1.0 + 1e-15]]
    np.testing.assert_array_equal(signed(odd), signed(-odd))
    np.testing.assert_allclose(signed(odd), signed(odd[::-1]), atol=1e-14)


def other_library(monkeypatch: pytest.MonkeyPatch) -> None:
    """Eigenvectors of another rounding, with signs of their own."""
    eigh, rng = np.linalg.eigh, np.random.default_rng(shifted(2))

    def other(matrix: Array) -> tuple[Array, Array]:
        values, vectors = eigh(shaken(matrix, rng))
        return values, vectors * rng.choice([-1.0, 1.0], values.shape)[..., None, :]

    monkeypatch.setattr(np.linalg, "eigh", other)


def of_the_prior() -> Array:
    grid = SectionGrid(
        x0=0.0, cell_easting=0.2, cell_depth=0.1, surface=np.zeros(41), n_depth=26
    )  # fmt: skip
    prior = gaussian_process_prior(
        grid, linear_profile(2.0, 0.6, 2.5), field_kind="log_velocity", amplitude=0.25,
        length_easting=1.5, length_depth=0.6, kernel="matern",
    )  # fmt: skip
    return prior.velocity(prior.draw(4, torch.Generator().manual_seed(shifted(3))))


def of_a_line() -> Array:
    generator = torch.Generator().manual_seed(shifted(4))
    return gaussian_draws(np.zeros(90), CASES["matern"], 4, generator)


def of_reliefs() -> Array:
    fault = rectangle_fault(
        top_centre=(0.0, 0.0, 2.0), length=12.0, width=12.0, strike=0.0, dip=40.0,
        n_along=5, n_down=5,
    )  # fmt: skip
    found = perturbed_structures(Structure(fault=fault), 3, relief_std=0.3, seed=shifted(5))
    return np.stack([each.fault.vertices for each in found.structures])


def of_a_floor() -> Array:
    rng, covariance = np.random.default_rng(shifted(6)), CASES["matern"][:4, :4]
    generator = torch.Generator().manual_seed(shifted(7))
    reference = rng.standard_normal((50, 4))
    found = mmd_floor(np.zeros(4), covariance, 10, 3.0, generator, reference=reference, n_draws=9)
    return np.array([found.low, found.median, found.high])


@pytest.mark.parametrize("draw", [of_the_prior, of_a_line, of_reliefs, of_a_floor])
def test_draws_do_not_know_whose_eigenvectors_they_are_along(
    draw: Callable[[], Array], monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = draw()
    other_library(monkeypatch)
    np.testing.assert_allclose(draw(), ours, rtol=0, atol=1e-9)


def test_modes_of_slip_on_a_square_fault_do_not_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fields along strike and down dip vary alike there: their modes could be any mixture."""
    fault = rectangle_fault(
        top_centre=(0.0, 0.0, 2.0), length=12.0, width=12.0, strike=0.0, dip=90.0,
        n_along=8, n_down=8,
    )  # fmt: skip
    offsets = make_offsets(
        site=["A", "B"], displacement=np.ones((2, 3)), std=np.ones((2, 3)),
        easting=[0.0, 5.0], northing=[1.0, 2.0], projection=PROJECTION,
    )  # fmt: skip
    config = SlipConfig(smoothing="gaussian_process")
    problem = make_problem(offsets, structure_ensemble([Structure(fault=fault)]), config)
    ours, ranks = problem.modes()
    other_library(monkeypatch)
    again, other_ranks = problem.modes()
    np.testing.assert_array_equal(other_ranks, ranks)
    np.testing.assert_allclose(again, ours, rtol=0, atol=1e-9)
