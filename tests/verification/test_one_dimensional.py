"""Engines on the line whose posterior is known: mean and spread, beside the sampling floor."""

from __future__ import annotations

import numpy as np
import pytest

from seisnb.conventions import Cancelled, InputError
from seisnb.line_1d import Line
from seisnb.verification.one_dimensional import (
    one_dimensional_table,
    one_dimensional_test,
    score_line,
)
from seisnb.vsvgd.config import VsvgdConfig
from tests.bounds import sigmas, std_ratio
from tests.seeds import shifted

QUICK = VsvgdConfig(
    n_iterations=60,
    n_collocation=80,
    travel_width=24,
    n_warm_up=10,
    slave="gauss_newton",
    adjoint="dense",
    pull_back="regression",
)


@pytest.mark.parametrize("length", [0.075, 0.15])
def test_independent_fits_are_as_good_as_exact_draws(length: float) -> None:
    few = one_dimensional_test("rml", length=length, seed=shifted(1))
    many = one_dimensional_test("rml", length=length, n_particles=1024, seed=shifted(1))
    for found, floor in (
        (few.sqrt_mmd, few.floor), (few.sqrt_mmd_draws, few.floor_draws),
        (many.sqrt_mmd, many.floor),
    ):  # fmt: skip
        # the ends hold 95 % of exact draws: twice as far in the logarithm all but one in 10,000
        low, high = np.array([floor.low, floor.high]) ** 2 / floor.median
        assert low < found < high
    low, high = std_ratio(1024, len(many.std_ratio))
    assert all(low < ratio < high for ratio in many.std_ratio.values())
    assert many.mean_shift < sigmas(201) * 0.1 / np.sqrt(1024)


def test_stein_particles_are_closer_than_draws_but_too_narrow_where_data_are() -> None:
    result = one_dimensional_test("svgd", length=0.15, n_particles=64)
    assert result.sqrt_mmd < result.floor.low
    assert result.mean_shift < 0.005
    assert 0.75 < result.std_ratio["first group"] < 0.95
    assert 0.9 < result.std_ratio["between"] < 1.05


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["vsvgd", "gfsf"])
def test_networks_reach_the_exact_posterior(engine) -> None:
    """40 particles in a minute's settings; their fixed point without networks is 0.76-0.95."""
    result = one_dimensional_test(engine, length=0.15, n_particles=40, config=QUICK)
    assert result.sqrt_mmd < result.floor.median
    assert all(0.65 < ratio < 1.15 for ratio in result.std_ratio.values())
    assert result.mean_shift < 0.01
    assert result.members.shape == (40, 201)


def test_scores_tell_a_collapsed_ensemble() -> None:
    line = Line(length=0.15)
    rng = np.random.default_rng(shifted(0))
    basis = line.target.basis.numpy()
    velocity = 1 + 0.3 * rng.standard_normal((128, basis.shape[1])) @ basis.T
    result = score_line(line, velocity, engine="test", seed=0, n_steps=1, seconds=2.0)
    assert result.sqrt_mmd > 2 * result.floor.high
    assert result.std_ratio["between"] < 0.4
    residual = (line.observed - (1 / velocity) @ line.path.T) / 5e-3
    assert result.chi2 == pytest.approx(float((residual**2).mean()))
    table = one_dimensional_table([result])
    assert f"{result.sqrt_mmd:.4f}" in table
    assert f"{result.floor.median:.4f}" in table


def test_cancel_and_unknown_engines_are_told() -> None:
    with pytest.raises(Cancelled, match="after 0 iterations"):
        one_dimensional_test(
            "vsvgd", length=0.15, n_particles=4, config=QUICK, is_cancelled=lambda: True
        )
    with pytest.raises(InputError, match="engine is 'mcmc'"):
        one_dimensional_test("mcmc", length=0.15)
