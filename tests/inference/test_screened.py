"""Delayed acceptance against the fine-grid posterior, with a cheap target that is wrong."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from seisnb.conventions import InputError
from seisnb.inference.base import seeded
from seisnb.inference.mcmc import MetropolisLangevin
from seisnb.inference.screened import ScreenedChain, advance_screened, start_screened
from tests.inference.curved import Curved, curved, exact_moments
from tests.inference.test_mcmc import agree, wide_reference
from tests.seeds import shifted

ENGINE = MetropolisLangevin(step_size=0.9)


def screened(
    cheap: Curved, costly: Curved, n: int, n_inner: int = 4
) -> tuple[np.ndarray, ScreenedChain]:
    """Positions (n, 2), and the chain at its end."""
    generator, reference = seeded(shifted(5), 0), wide_reference(cheap, 3.0)
    state = start_screened(ENGINE.start(reference.centre, cheap, reference, None), costly, None)
    found = []
    for _ in range(n):
        state = advance_screened(state, cheap, costly, generator, engine=ENGINE, n_inner=n_inner)
        found.append(state.screen.position)
    return torch.stack(found).numpy(), state


def test_a_wrong_screen_only_costs_proposals() -> None:
    """The cheap posterior lies 0.4 std off and is wider; the chain is that of the costly one."""
    costly = curved()
    cheap = replace(costly, observed=1.4 * costly.observed, std=1.2 * costly.std)
    mean, covariance = exact_moments(costly)
    wrong, _ = exact_moments(cheap)
    std = np.sqrt(np.diag(covariance))
    assert np.abs((wrong - mean) / std).max() > 0.3
    positions, state = screened(cheap, costly, 6000)
    agree(positions, mean, covariance, sharpness=0.04)
    assert 0.5 < state.n_accepted / state.n_steps < 0.95


def test_a_right_screen_is_always_accepted() -> None:
    _, state = screened(curved(), curved(), 200)
    assert state.n_accepted == state.n_steps == 200


def test_density_and_data_are_those_of_the_position() -> None:
    costly = curved(bend=1.2)
    _, state = screened(curved(), costly, 50)
    fresh = start_screened(state.screen, costly, None)
    assert fresh.log_density == state.log_density
    assert torch.equal(fresh.predicted, state.predicted)


def test_what_cannot_be_is_refused_with_a_remedy() -> None:
    target, reference = curved(), wide_reference(curved(), 3.0)
    state = start_screened(ENGINE.start(reference.centre, target, reference, None), target, None)
    for engine, n_inner in ((replace(ENGINE, n_adapt=3), 4), (ENGINE, 0)):
        with pytest.raises(InputError, match="Adapt a plain chain first"):
            advance_screened(
                state, target, target, seeded(shifted(0), 0), engine=engine, n_inner=n_inner
            )
    with pytest.raises(InputError, match="start_screened: the log density is nan"):
        start_screened(state.screen, replace(target, observed=target.observed * torch.nan), None)
