"""Stein variational gradient descent against the exact posterior of a linear target."""

from __future__ import annotations

import torch

from seisnb.inference.svgd import SteinVariationalGradientDescent
from tests.contracts.engine import EngineContract


class TestSteinVariationalGradientDescent(EngineContract):
    n_particles = 60
    n_steps = 120
    mean_bias = 0.3
    least_spread, most_spread = 0.75, 1.3

    def make(self):
        return SteinVariationalGradientDescent(features=torch.eye(6, dtype=torch.float64))
