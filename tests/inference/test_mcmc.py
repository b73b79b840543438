"""Metropolis chains against exact posteriors: closed forms and sums over fine grids."""

from __future__ import annotations

from seisnb.inference.mcmc import (
    MetropolisLangevin,
)
from tests.contracts.engine import EngineContract


class TestMetropolisLangevin(EngineContract):
    n_particles = 500
    n_steps = 16

    def make(self):
        return MetropolisLangevin(step_size=0.9)


class TestIndependentProposals(EngineContract):
    """On a linear target a step of one is an exact draw, and always accepted."""

    n_particles = 500
    n_steps = 1

    def make(self):
        return MetropolisLangevin(step_size=1.0)
