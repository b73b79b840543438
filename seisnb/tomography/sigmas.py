"""Standard deviations of picks drawn along with a model: one factor, and Student weights."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Generator, Tensor

from seisnb.inference.rml import SCALE_WEIGHT
from seisnb.tomography.peak import Peak
from seisnb.tomography.problem import PickTarget, Problem


def draw_scale(problem: Problem, peak: Peak, generator: Generator) -> float:
    """The factor on all sigmas, drawn around the most probable model's.

    The posterior of a variance is inverse chi2; its degrees are the free picks and the pseudo-data
    of the belief that the given sigmas are right.
    """
    if not problem.config.infer_sigma:
        return peak.sigma_scale
    shape = torch.tensor((peak.n_free + SCALE_WEIGHT) / 2, dtype=torch.float64)
    return peak.sigma_scale * float(torch.sqrt(shape / gamma_draws(shape, generator)))


def student_target(
    problem: Problem, predicted: Tensor, scale: float, generator: Generator
) -> PickTarget:
    """Sigmas with the scale-mixture weights of a Student likelihood drawn given the residuals."""
    dof, std = problem.config.student_dof, problem.target.std * scale
    residual = (problem.target.observed - predicted) / std
    shape = torch.full_like(residual, (dof + 1) / 2)
    weight = gamma_draws(shape, generator) / ((dof + residual**2) / 2)
    return replace(problem.target, std=std / weight.sqrt())


class SigmaSampler:
    """Gibbs draws of the sigmas given predicted times; remembers the factor drawn last."""

    def __init__(self, problem: Problem, scale: float) -> None:
        """Start from a factor on the given sigmas."""
        self.problem = problem
        self.scale = scale

    def __call__(self, predicted: Tensor, generator: Generator) -> PickTarget:
        """A target with sigmas anew; its forward model is the problem's."""
        problem, config = self.problem, self.problem.config
        target = replace(problem.target, std=problem.target.std * self.scale)
        if config.likelihood == "student":
            target = student_target(problem, predicted, self.scale, generator)
        if not config.infer_sigma:
            return target
        # inverse chi2 as in draw_scale, all picks being free once the model is given
        squares = ((target.observed - predicted) / target.std).square().sum() * self.scale**2
        shape = torch.tensor((predicted.numel() + SCALE_WEIGHT) / 2, dtype=torch.float64)
        gamma = gamma_draws(shape, generator)
        scale = float(((squares + SCALE_WEIGHT) / 2 / gamma).sqrt())
        target = replace(target, std=target.std * (scale / self.scale))
        self.scale = scale
        return target


def gamma_draws(shape: Tensor, generator: Generator) -> Tensor:
    """Gamma(shape, 1) draws from a torch generator (torch has no public one that takes it)."""
    seed = int(torch.randint(2**62, (1,), generator=generator))
    return torch.from_numpy(
        np.asarray(np.random.default_rng(seed).gamma(shape.numpy()), dtype=float)
    )
