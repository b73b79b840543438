"""What is left of the bias of randomised maximum likelihood, removed: by a shift, weights or steps.

A member is the bottom of |(d_i - f(x)) / std|**2 + |x - x_i|**2 for its own data d_i and prior draw
x_i. Where f bends, members are not draws of the posterior p. There are three ways on from them.

**A common shift.** The gradient g of log p has the mean zero under p (Stein's identity). Its mean
over members is what their own mean is off by, seen through the curvature: to leading order all
members moved by

    H**-1 mean_i [g(x_i) + J*.T (d_i - d) + x_i0],    H = 1 + J*.T J*,

have the posterior's mean (J* is J at the most probable x, data in units of std). The last two terms
have the mean zero and are a control variate: what a linear f would add to g(x_i) by chance is taken
away, so that the shift is exactly zero for linear f, and hardly noisy else. It costs one product
per member, and is on by default.

**Importance weights.** At a bottom x_i = x + J.T (f(x) - d_i) (data in units of std), so that a
member with its data (x, d_i) has the density (Oliver 2017; Ba et al. 2022)

    q(x, d_i) = N(x_i; 0, 1) N(d_i; d, 1) |det K|,
    K = 1 + J.T J + sum_k (f_k(x) - d_ik) f_k''(x).

Weighted against p(x) times the normal distribution of d_i given x that q would have were det K
constant, what depends on d_i cancels but for det K:

    log w = -U(x) + 1/2 g.T H**-1 g + 1/2 log det H - log |det K|,

with U = -log p, g its gradient and H = 1 + J.T J. Exact with the full K, for fits that went down to
their bottom, if every objective has one bottom or the bottoms found do not depend on the start (a
part of p where no fit ends gets no weight). Without ``curvature`` K is replaced by H, which is
right to first order in f''. Linear f: all weights are equal. In many dimensions a few members may
hold all the weight, and K costs two linearisations per unknown: look at :func:`effective_members`
before believing a weighted mean. For this reason :mod:`seisnb.tomography`, with its hundreds of
unknowns, does not offer weights; for a handful of unknowns they are exact and cheap.

**Langevin steps.** From every member a short Metropolis-adjusted Langevin chain. Each step leaves
p as it is and moves any other distribution towards it, exactly so for enough steps; a bias shrinks
by about the chain's autocorrelation over the steps taken. Members stay independent, of equal
weight, and there is no collapse in many dimensions: the method of choice.

References
----------
Stein 1972 (the identity); Oliver 2017, doi 10.1007/s10596-016-9614-4; Ba, de Wiljes, Oliver and
Reich 2022, doi 10.1007/s10596-021-10100-y; Bardsley et al. 2014, doi 10.1137/140964023.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor

from seisnb.inference.base import Linearised, Target
from seisnb.inference.mcmc import Chain, MetropolisLangevin, Reference, judged
from seisnb.inference.rml import Fit, posterior_covariance_factor

Array = NDArray[np.float64]

#: A target whose standard deviations are drawn anew, given the data predicted so far.
Redraw = Callable[[Tensor, Generator], Target]


def score_excess(fit: Fit, target: Target, peak: Linearised) -> Tensor:
    """What a member adds to the mean gradient of the log posterior beyond a linear problem's share.

    Parameters
    ----------
    fit : Fit
        The member.
    target : Target
        What it was fitted to, with the data themselves and the member's standard deviations.
    peak : Linearised
        The forward model at the most probable position.

    Returns
    -------
    Tensor, (n_unknowns,)
        Zero at the bottom of a linear problem's fit.
    """
    precision = 1 / target.std**2
    score = fit.here.jacobian.T @ ((target.observed - fit.here.predicted) * precision)
    noise = peak.jacobian.T @ ((fit.data - target.observed) * precision)
    return score - fit.position + noise + fit.anchor


def common_shift(excess: Tensor, factor: Tensor) -> Tensor:
    """The shift of all members that gives their mean the posterior's, to leading order.

    Shrunk by its own Monte Carlo noise (James and Stein's rule, positive part, in the posterior's
    metric): a shift that is not told from noise is zero.

    Parameters
    ----------
    excess : Tensor, (member, n_unknowns)
        :func:`score_excess` of every member; at least two.
    factor : Tensor, (n_unknowns, n_unknowns)
        :func:`seisnb.inference.rml.posterior_covariance_factor` at the most probable position.

    Returns
    -------
    Tensor, (n_unknowns,)
    """
    white = torch.linalg.solve_triangular(factor, excess.T, upper=False).T
    mean, noise = white.mean(dim=0), white.var(dim=0).sum() / len(excess)
    share = float((1 - noise / mean.square().sum().clamp_min(1e-300)).clamp_min(0.0))
    return share * torch.linalg.solve_triangular(factor.T, mean[:, None], upper=True)[:, 0]


def rml_log_weight(
    target: Target, position: Tensor, here: Linearised, *, curvature: Tensor | None = None
) -> float:
    """Log importance weight of a converged member, up to a constant shared by all members.

    Parameters
    ----------
    target : Target
        The posterior, with the data themselves.
    position : Tensor, (n_unknowns,)
        The member.
    here : Linearised
        The forward model there.
    curvature : Tensor, (n_unknowns, n_unknowns), optional
        Hessian K of the member's own objective, from :func:`objective_hessian`; without it the
        Gauss-Newton Hessian.
    """
    residual = (target.observed - here.predicted) / target.std
    gradient = position - here.jacobian.T @ (residual / target.std)
    factor = posterior_covariance_factor(here, target.std)
    inner = torch.linalg.solve_triangular(factor, gradient[:, None], upper=False)
    energy = 0.5 * float(residual.square().sum() + position.square().sum())
    half_log_det = float(factor.diagonal().log().sum())
    log_det = (
        2 * half_log_det if curvature is None else float(torch.linalg.slogdet(curvature).logabsdet)
    )
    return -energy + 0.5 * float(inner.square().sum()) + half_log_det - log_det


def objective_hessian(
    target: Target, position: Tensor, here: Linearised, data: Tensor, *, step: float = 1e-3
) -> Tensor:
    """Hessian of a member's objective, its second-order part by central differences.

    1 + J.T J - sum_k residual_k f_k'' / std_k, the last by 2 n_unknowns linearisations: for few
    unknowns.

    Parameters
    ----------
    target : Target
        The posterior.
    position : Tensor, (n_unknowns,)
        The member.
    here : Linearised
        The forward model there.
    data : Tensor, (n_data,)
        The member's own data.
    step : float
        Half the width of the differences [prior standard deviations].

    Returns
    -------
    Tensor, (n_unknowns, n_unknowns)
        Symmetric.
    """
    pull = (data - here.predicted) / target.std**2
    columns = []
    for k in range(position.numel()):
        pulled = []
        for sign in (1.0, -1.0):
            moved = position.clone()
            moved[k] += sign * step
            _, memory = target.predict(moved, here.memory)
            pulled.append(target.linearise(moved, memory).jacobian.T @ pull)
        columns.append((pulled[0] - pulled[1]) / (2 * step))
    second = torch.stack(columns, dim=1)
    weighted = here.jacobian / target.std[:, None]
    identity = torch.eye(position.numel(), dtype=position.dtype, device=position.device)
    return identity + weighted.T @ weighted - 0.5 * (second + second.T)


def normalised(log_weight: Array) -> Array:
    """Log weights whose weights sum to one, (n,)."""
    log_weight = np.asarray(log_weight, float)
    return np.asarray(log_weight - np.logaddexp.reduce(log_weight))


def effective_members(log_weight: Array) -> float:
    """How many equal members the weighted ones are worth: (sum w)**2 / sum w**2 (Kish 1965).

    >>> round(effective_members(np.log([0.5, 0.5, 1e-9])), 3)
    2.0
    """
    return float(np.exp(-np.logaddexp.reduce(2 * normalised(log_weight))))


def langevin_correction(
    target: Target,
    position: Tensor,
    here: Linearised,
    reference: Reference,
    generator: Generator,
    *,
    n_steps: int,
    redraw: Redraw | None = None,
    is_cancelled: Callable[[], bool] = lambda: False,
) -> tuple[Chain, Target]:
    """Move a member by Metropolis-adjusted Langevin steps that leave the posterior as it is.

    The step size is adapted in the first half and stays in the second, whose steps leave the
    posterior exactly as it is. The forward model must be a function of the position alone.

    Parameters
    ----------
    target : Target
        The posterior.
    position : Tensor, (n_unknowns,)
        The member.
    here : Linearised
        The forward model there.
    reference : Reference
        What proposals are laid around, the same for all members.
    generator : Generator
        Source of the proposals.
    n_steps : int
        Steps.
    redraw : callable, optional
        Draws the target's standard deviations given the data predicted at the chain's position
        (a Gibbs step) before every step, where they are unknown too.
    is_cancelled : callable
        Ends the chain early.

    Returns
    -------
    chain : Chain
        Where it ended; ``n_accepted`` tells how many steps moved.
    target : Target
        The target of the last step.
    """
    engine = MetropolisLangevin(n_adapt=n_steps // 2)
    chain = engine.start(position, target, reference, here.memory, here=here)
    for _ in range(n_steps):
        if is_cancelled():
            break
        if redraw is not None:
            target = redraw(chain.predicted, generator)
            chain = judged(chain, target)
        chain = engine.advance(chain, target, generator)
    return chain, target
