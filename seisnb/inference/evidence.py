"""How probable the data are under a prior and its sigmas: WBIC, and the evidence of neighbours.

Everything here rests on one linearisation at the most probable position,

    observed - f(m) + J m = J x + e,    x ~ N(0, 1),  e ~ N(0, std**2),

and is exact when the forward model is linear. Laplace's evidence of a fit is
:func:`seisnb.inference.rml.log_evidence`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from scipy.optimize import minimize_scalar
from torch import Generator, Tensor

from seisnb.conventions import InputError
from seisnb.inference.base import Linearised, Memory, Target, run
from seisnb.inference.rml import (
    SCALE_WEIGHT,
    RandomisedMaximumLikelihood,
    maximum_a_posteriori,
    posterior_covariance_factor,
)


@dataclass(frozen=True, kw_only=True)
class Tempered:
    """A target whose likelihood is raised to the power ``beta``: sigmas over sqrt(beta).

    Attributes
    ----------
    target : Target
        The data fit.
    beta : float
        Inverse temperature; 1 leaves the target as it is.
    """

    target: Target
    beta: float

    @property
    def n_unknowns(self) -> int:
        """Length of a position."""
        return self.target.n_unknowns

    @property
    def observed(self) -> Tensor:
        """The data, (n_data,)."""
        return self.target.observed

    @property
    def std(self) -> Tensor:
        """Their widened standard deviations, (n_data,)."""
        return self.target.std / math.sqrt(self.beta)

    def predict(self, position: Tensor, memory: Memory) -> tuple[Tensor, Memory]:
        """Predicted data, as the target predicts them."""
        return self.target.predict(position, memory)

    def linearise(self, position: Tensor, memory: Memory) -> Linearised:
        """Their derivative, as the target gives it."""
        return self.target.linearise(position, memory)


def wbic(
    target: Target,
    memory: Memory,
    *,
    position: Tensor | None = None,
    n_members: int = 0,
    generator: Generator | None = None,
    tolerance: float = 0.1,
    n_steps: int = 40,
) -> float:
    """The widely applicable Bayesian information criterion, an estimate of -log p(observed).

    WBIC = E[-log p(observed | x)] over the tempered posterior, whose density is proportional to
    p(observed | x)**beta p(x) with beta = 1 / log n_data. The mean of -log p(observed | x) over all
    temperatures is -log p(observed) exactly; WBIC takes one temperature, which is right for many
    data per unknown. Where the prior decides most unknowns, use it to compare priors, beside
    Laplace's evidence, not as that number itself. The less, the better.

    Parameters
    ----------
    target : Target
        The data fit.
    memory : Memory
        What the forward model starts from.
    position : Tensor, (n_unknowns,), optional
        Where the search for the tempered most probable position starts.
    n_members : int
        Randomised maximum likelihood draws that the mean is taken over; 0: the normal
        distribution at the most probable position, without random numbers.
    generator : Generator, optional
        Source of the draws; needed with ``n_members``.
    tolerance : float
        Fall of the objective below which a step is the last.
    n_steps : int
        Most steps of a fit.

    Raises
    ------
    InputError
        Fewer than three data, or draws asked for without a generator.

    References
    ----------
    Watanabe 2013, Journal of Machine Learning Research 14, 867-897.
    """
    n_data = target.observed.numel()
    if n_data < 3:
        raise InputError(f"wbic: {n_data} data; the temperature 1 / log n asks for at least 3.")
    if n_members and generator is None:
        raise InputError(f"wbic: {n_members} draws need a generator. Give one, or n_members=0.")
    warm = Tempered(target=target, beta=1 / math.log(n_data))
    fit = maximum_a_posteriori(
        warm, memory, position=position, tolerance=tolerance, n_steps=n_steps
    )
    if not n_members or generator is None:
        weighted = fit.here.jacobian / target.std[:, None]
        factor = posterior_covariance_factor(fit.here, warm.std)
        spread = torch.linalg.solve_triangular(factor, weighted.T, upper=False).square().sum()
        return _cost(target, fit.here.predicted) + 0.5 * float(spread)
    engine = RandomisedMaximumLikelihood(tolerance=tolerance)
    costs = []
    for _ in range(n_members):
        state = engine.init(fit.position[None], fit.here, warm, generator)
        state, _, _ = run(engine, state, warm, generator, n_steps=n_steps)
        costs += [_cost(target, here.predicted) for _, here in engine.particles(state)]
    return sum(costs) / len(costs)


@dataclass(frozen=True, kw_only=True)
class LinearEvidence:
    """Log evidence of a linear problem in its own axes, where scales cost nothing to change.

    Attributes
    ----------
    variances : Tensor, (k,)
        Variance that the prior gives to the data along each axis, in units of the noise's.
    squares : Tensor, (k,)
        Squared data along each axis, in the same units.
    rest : float
        Squared data along all other axes, where the prior gives none.
    n_data : int
        Number of data.
    constant : float
        What no scale changes.
    """

    variances: Tensor
    squares: Tensor
    rest: float
    n_data: int
    constant: float

    def at(self, *, amplitude: float = 1.0, sigma: float = 1.0) -> float:
        """Log evidence with the prior's amplitude and all sigmas multiplied by factors."""
        total = sigma**2 + amplitude**2 * self.variances
        n_rest = self.n_data - self.variances.numel()
        along = float((total.log() + self.squares / total).sum())
        across = n_rest * math.log(sigma**2) + self.rest / sigma**2
        return self.constant - 0.5 * (along + across)

    def best_sigma(self, *, amplitude: float = 1.0, believed: float = 1.0) -> tuple[float, float]:
        """The most probable factor on the sigmas and its score, for an amplitude's factor.

        The score is the log evidence less what :data:`SCALE_WEIGHT` pseudo-data that say that the
        factor is ``believed`` lose by another one; nothing where they are right. The best factor
        is the fixed point of :func:`seisnb.inference.rml.inferred_scale`.
        """

        def cost(logarithm: float) -> float:
            ratio = (believed / math.exp(logarithm)) ** 2
            loss = 0.5 * SCALE_WEIGHT * (ratio - 1.0 - math.log(ratio))
            return loss - self.at(amplitude=amplitude, sigma=math.exp(logarithm))

        found = minimize_scalar(cost, bounds=(-4.0, 4.0), method="bounded", options={"xatol": 1e-6})
        return math.exp(found.x), -float(found.fun)

    def wbic(self, *, amplitude: float = 1.0, sigma: float = 1.0) -> float:
        """:func:`wbic` of the linear problem, with amplitude and sigmas multiplied by factors."""
        beta, noise = 1 / math.log(self.n_data), sigma**2
        variances = amplitude**2 * self.variances
        total = beta * variances + noise
        along = self.squares * (noise / total).square() + variances * noise / total
        mean_square = (float(along.sum()) + self.rest) / noise
        return self.n_data * math.log(sigma) + 0.5 * mean_square - self.constant


def linear_evidence(jacobian: Tensor, data: Tensor, std: Tensor) -> LinearEvidence:
    """Log evidence of ``data = jacobian x + e`` with x ~ N(0, 1) and e ~ N(0, std**2).

    Parameters
    ----------
    jacobian : Tensor, (n_data, n_unknowns)
        The linear forward model.
    data, std : Tensor, (n_data,)
        Data less what the prior's mean predicts, and their standard deviations.
    """
    weighted, scaled = jacobian / std[:, None], data / std
    if weighted.shape[1] <= weighted.shape[0]:
        values, vectors = torch.linalg.eigh(weighted.T @ weighted)
        kept = values > 1e-12 * values[-1].clamp(min=1e-300)
        values = values[kept]
        along = vectors[:, kept].T @ (weighted.T @ scaled) / values.sqrt()
    else:
        values, vectors = torch.linalg.eigh(weighted @ weighted.T)
        values, along = values.clamp(min=0.0), vectors.T @ scaled
    squares = along.square()
    n_data = std.numel()
    return LinearEvidence(
        variances=values,
        squares=squares,
        rest=max(float(scaled.square().sum() - squares.sum()), 0.0),
        n_data=n_data,
        constant=-float(std.log().sum()) - 0.5 * n_data * math.log(2 * math.pi),
    )


def _cost(target: Target, predicted: Tensor) -> float:
    """-log p(observed | predicted)."""
    squares = ((target.observed - predicted) / target.std).square().sum()
    n_data = target.observed.numel()
    return 0.5 * float(squares) + float(target.std.log().sum()) + 0.5 * n_data * math.log(math.tau)
