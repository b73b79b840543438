"""Do the data look as prior and sigmas say they should? Checks whose spread is known in advance.

Everything rests on the linearisation at the most probable position, in units of the sigmas,

    d = J x + e,    x ~ N(0, 1),    e ~ N(0, 1),    hence d ~ N(0, J J.T + 1).

Under a right prior every statistic here is a quadratic form in a normal vector, so that its mean
and variance are known without a simulation. With P = (J J.T + 1)**-1 the residual of the best fit
is P d, which is also d(log evidence) / d(d); no second fit is needed for anything.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from scipy.special import chdtr, chdtrc, chdtri, ndtri
from torch import Tensor

from seisnb.inference.base import Linearised

#: Central share of a check's values that a right prior gives, as ``low`` to ``high``.
LEVEL = 0.95
#: Normal scores beyond this are not told apart.
FARTHEST = 37.0


@dataclass(frozen=True, kw_only=True)
class Check:
    """One statistic, and what it would be if prior and sigmas were right.

    Attributes
    ----------
    value : float
        As found.
    low, high : float
        Its central 95 % under a right prior.
    z : float
        As a normal score: below -2 or above 2 once in twenty under a right prior.
    """

    value: float
    low: float
    high: float
    z: float


@dataclass(frozen=True, kw_only=True)
class WhitenedFit:
    """A linearised fit in units of the sigmas, in its own axes.

    Attributes
    ----------
    jacobian : Tensor, (n_data, n_unknowns)
        J.
    axes : Tensor, (n_data, k)
        Orthonormal directions of the data that the prior reaches.
    share : Tensor, (k,)
        How far the data decide along each of them: 0 not at all, 1 alone.
    residual : Tensor, (n_data,)
        P d, the residual at the most probable position.
    """

    jacobian: Tensor
    axes: Tensor
    share: Tensor
    residual: Tensor

    @property
    def position(self) -> Tensor:
        """The most probable position, (n_unknowns,)."""
        return self.jacobian.T @ self.residual

    @property
    def leverage(self) -> Tensor:
        """Each datum's own share in its prediction, (n_data,); their sum is the unknowns found."""
        return (self.axes.square() @ self.share).clamp(max=1 - 1e-12)

    @property
    def left_out(self) -> Tensor:
        """Each datum against its prediction from all others, in predictive std, (n_data,)."""
        return self.residual / (1 - self.leverage).sqrt()


def whitened_fit(here: Linearised, position: Tensor, observed: Tensor, std: Tensor) -> WhitenedFit:
    """Solve the linearised problem anew, exactly.

    A search that stops a tenth of a log probability short of the top is still many sigmas off along
    directions that the data fix well; statistics of its own residuals would be off with it.

    Parameters
    ----------
    here : Linearised
        The forward model where the search ended.
    position : Tensor, (n_unknowns,)
        That place.
    observed, std : Tensor, (n_data,)
        Data and the standard deviations of the fit.
    """
    jacobian = here.jacobian / std[:, None]
    data = (observed - here.predicted) / std + jacobian @ position
    values, vectors = torch.linalg.eigh(jacobian.T @ jacobian)
    kept = values > 1e-12 * values[-1].clamp(min=1e-300)
    values = values[kept]
    axes = jacobian @ vectors[:, kept] / values.sqrt()
    share = values / (1 + values)
    return WhitenedFit(
        jacobian=jacobian, axes=axes, share=share, residual=data - axes @ (share * (axes.T @ data))
    )


def sigma_check(fit: WhitenedFit) -> Check:
    """Squared residuals per free datum: above one the sigmas are too small, below too large.

    |r|**2 / (n - effective unknowns). Where the sigmas were scaled to the residuals, it is one.
    """
    n_data = fit.residual.numel()
    rest = 1 - fit.share
    n_free = n_data - float(fit.share.sum())
    variance = 2 * (n_data - rest.numel() + float(rest.square().sum()))
    return _of_squares(float(fit.residual.square().sum()) / n_free, variance / n_free**2)


def pull_check(fit: WhitenedFit) -> Check:
    """Squared distance from the prior's mean per effective unknown: one under a right prior.

    |x|**2 / sum h / (1 + h), whose balance is MacKay's condition for the most probable amplitude:
    the amplitude asked for is the root of this times the prior's.

    References
    ----------
    MacKay 1992, doi 10.1162/neco.1992.4.3.415.
    """
    n_found = float(fit.share.sum())
    variance = 2 * float(fit.share.square().sum())
    return _of_squares(float(fit.position.square().sum()) / n_found, variance / n_found**2)


def neighbour_check(fit: WhitenedFit, pairs: Tensor) -> Check:
    """Mean product of left-out residuals of neighbours; well above its range: they miss together.

    Neighbours are not expected to be uncorrelated: each serves to predict the other. With
    z = D**-1/2 P d the mean is tr(W R) and the variance 2 tr(W R W R), R the covariance of z and
    W the pairs.

    Parameters
    ----------
    fit : WhitenedFit
        The fit.
    pairs : Tensor of int64, (n_pairs, 2)
        Which data are neighbours.
    """
    n_data, n_pairs = fit.residual.numel(), len(pairs)
    first, second = pairs[:, 0], pairs[:, 1]
    left_out = fit.left_out
    own = 1 / (1 - fit.leverage)
    spread = fit.axes * (own.sqrt()[:, None] * fit.share.sqrt())
    mean = -float((spread[first] * spread[second]).sum()) / n_pairs
    across = torch.zeros(n_data, spread.shape[1], dtype=spread.dtype)
    across.index_add_(0, first, 0.5 * spread[second])
    across.index_add_(0, second, 0.5 * spread[first])
    inner = spread.T @ across
    alone = 0.5 * float((own[first] * own[second]).sum())
    mixed = float((own[:, None] * across.square()).sum())
    variance = 2 * (alone - 2 * mixed + float((inner * inner.T).sum())) / n_pairs**2
    value = float((left_out[first] * left_out[second]).sum()) / n_pairs
    std = math.sqrt(variance)
    reach = -float(ndtri((1 - LEVEL) / 2)) * std
    return Check(value=value, low=mean - reach, high=mean + reach, z=_bounded((value - mean) / std))


def factor_check(fit: WhitenedFit, jacobian: Tensor, factor: float) -> Check:
    """The factor on a setting of the prior that the data ask for, from the slope of the evidence.

    Rao's score: with C the derivative of J J.T with respect to the setting's logarithm the slope
    of the log evidence is (r.T C r - tr(P C)) / 2 and its variance tr(P C P C) / 2 under the
    prior; one over the other is the step that is asked for. Of steps beyond a factor of two only
    the direction is meant.

    Parameters
    ----------
    fit : WhitenedFit
        The fit.
    jacobian : Tensor, (n_data, any)
        J of a prior whose setting is ``factor`` times this one's, in units of the sigmas.
    factor : float
        A little above one.

    References
    ----------
    Rao 1948, doi 10.1017/S0305004100023987.
    """
    step = math.log(factor)
    both = torch.cat([jacobian, fit.jacobian], dim=1)
    sign = torch.ones(both.shape[1], dtype=both.dtype)
    sign[jacobian.shape[1] :] = -1
    along = fit.axes.T @ both
    inner = (both.T @ both - (along.T * fit.share) @ along) * sign / step
    square = float(((both.T @ fit.residual).square() * sign).sum()) / step
    slope = 0.5 * (square - float(inner.diagonal().sum()))
    information = 0.5 * float((inner * inner.T).sum())
    if not information > 1e-12:
        return Check(value=1.0, low=0.0, high=math.inf, z=0.0)
    std = 1 / math.sqrt(information)
    reach = -float(ndtri((1 - LEVEL) / 2)) * std
    bound = math.log(4)
    return Check(
        value=math.exp(min(max(slope / information, -bound), bound)),
        low=math.exp(-min(reach, bound)),
        high=math.exp(min(reach, bound)),
        z=_bounded(slope * std),
    )


def _of_squares(ratio: float, variance: float) -> Check:
    """A ratio of mean one: its law is near a chi2 over its degrees (Satterthwaite 1946)."""
    degrees, unit = 2 / variance, variance / 2
    low, median, high = (unit * chdtri(degrees, 0.5 + side * LEVEL / 2) for side in (1, 0, -1))
    below = ratio < median
    tail = ndtri((chdtr if below else chdtrc)(degrees, ratio / unit))
    z = float(tail if below else -tail)
    return Check(value=ratio, low=float(low), high=float(high), z=_bounded(z))


def _bounded(z: float) -> float:
    """A normal score that stays finite."""
    return min(max(z, -FARTHEST), FARTHEST)
