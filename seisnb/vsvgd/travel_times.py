"""The travel-time network: T = |x - xs| / f with an effective velocity f learned per particle.

The network is evaluated from either end and averaged (reciprocity), then squashed,

    u = (g(x, xs) + g(xs, x)) / 2,    f = low + (high - low) / (1 + exp(-u)),

so that T lies within the bounds that velocity sets and is 0 at the source with no term to tell it.
The eikonal residual is in velocity units: r = v(x) - 1 / |grad T|.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from seisnb.vsvgd.networks import Network, Pass, forward, fourier_features, gram, pull, push

#: The effective velocity may leave the bounds of velocity by this share.
SLACK = 0.1


@dataclass(frozen=True, kw_only=True)
class TravelTimeNetwork:
    """Shape, features and bounds of all particles' travel-time networks.

    Attributes
    ----------
    network : Network
        The shape; its inputs are the features of both ends.
    frequencies : Tensor, (particle, n_frequencies, d)
        Of the random features [cycles per km].
    bounds : tuple of float
        Slowest and fastest velocity that may occur [km/s].
    """

    network: Network
    frequencies: Tensor
    bounds: tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class Gap:
    """How far particles are from solving the eikonal equation at collocation points.

    Attributes
    ----------
    done : Pass
        The pass, from either end: rows 0..n (x, xs), rows n..2n (xs, x).
    apparent : Tensor, (particle, n)
        1 / |grad T| [km/s].
    slope : Tensor, (particle, 1 + d, n)
        Derivative of r = v - apparent by u and grad u.
    """

    done: Pass
    apparent: Tensor
    slope: Tensor


@dataclass(frozen=True, kw_only=True)
class Clock:
    """Travel times of the picks.

    Attributes
    ----------
    done : Pass
        The pass from either end.
    time : Tensor, (particle, n_pick)
        Travel times [s].
    slope : Tensor, (particle, n_pick)
        Their derivative by u.
    """

    done: Pass
    time: Tensor
    slope: Tensor


def pair_features(frequencies: Tensor, place: Tensor, source: Tensor, *, tangents: bool) -> Tensor:
    """Network inputs from either end, (particle, 1 or 1 + d, 2 n, n_inputs)."""
    at_place = fourier_features(frequencies, place, tangents=tangents)
    at_source = torch.zeros_like(at_place)
    at_source[:, :1] = fourier_features(frequencies, source, tangents=False)
    there = torch.cat([at_place, at_source], dim=-1)
    back = torch.cat([at_source, at_place], dim=-1)
    return torch.cat([there, back], dim=2)


def eikonal_gap(
    travel: TravelTimeNetwork, weights: Tensor, features: Tensor, place: Tensor, source: Tensor
) -> Gap:
    """The slowness that the time fields say at collocation points, and its derivative.

    With e the unit vector away from the source, D the distance and q = f e - D grad f,
    grad T = q / f**2 and 1 / |grad T| = f**2 / |q|.

    Parameters
    ----------
    travel : TravelTimeNetwork
        The networks.
    weights : Tensor, (particle, n_weights)
        Their weights.
    features : Tensor
        From :func:`pair_features` with tangents.
    place, source : Tensor, (n, d)
        Collocation points and the source of each [km].
    """
    done = forward(travel.network, weights, features)
    u = _mean_of_ends(done.output)
    speed, first, second = _squash(travel.bounds, u[:, 0])
    gradient_u = u[:, 1:]
    away = place - source
    distance = away.square().sum(dim=-1).sqrt()
    unit = (away / distance.clamp_min(1e-12)[:, None]).T
    q = speed[:, None] * unit - distance * first[:, None] * gradient_u
    length = q.square().sum(dim=1).sqrt().clamp_min(1e-12)
    apparent = speed.square() / length
    by_q = -apparent[:, None] * q / length.square()[:, None]  # of the apparent velocity
    by_speed = 2 * speed / length
    q_by_u = first[:, None] * unit - distance * second[:, None] * gradient_u
    by_u = by_speed * first + (by_q * q_by_u).sum(dim=1)
    by_gradient = -by_q * (distance * first)[:, None]
    slope = -torch.cat([by_u[:, None], by_gradient], dim=1)
    return Gap(done=done, apparent=apparent, slope=slope)


def gap_pull(gap: Gap, weighting: Tensor) -> Tensor:
    """J.T y with J the derivative of r by the weights: (particle, n) to (particle, n_weights)."""
    half = 0.5 * gap.slope * weighting[:, None]
    return pull(gap.done, torch.cat([half, half], dim=-1))


def gap_push(gap: Gap, network: Network, change: Tensor) -> Tensor:
    """J w: a change of the weights to that of r, (particle, n)."""
    return (gap.slope * _mean_of_ends(push(gap.done, network, change))).sum(dim=1)


def gap_gram(gap: Gap) -> Tensor:
    """J J.T, (particle, n, n)."""
    half = 0.5 * gap.slope[:, :, None]
    return gram(gap.done, torch.cat([half, half], dim=2))


def clock(travel: TravelTimeNetwork, weights: Tensor, features: Tensor, ends: Tensor) -> Clock:
    """Travel times of picks.

    Parameters
    ----------
    travel : TravelTimeNetwork
        The networks.
    weights : Tensor, (particle, n_weights)
        Their weights.
    features : Tensor
        From :func:`pair_features` of the picks' ends, without tangents.
    ends : Tensor, (n_pick, 2, d)
        Where the picks' paths begin and end [km].
    """
    done = forward(travel.network, weights, features)
    speed, first, _ = _squash(travel.bounds, _mean_of_ends(done.output)[:, 0])
    distance = (ends[:, 0] - ends[:, 1]).square().sum(dim=-1).sqrt()
    return Clock(done=done, time=distance / speed, slope=-distance * first / speed.square())


def clock_pull(times: Clock, weighting: Tensor) -> Tensor:
    """F.T w with F the derivative of the times by the weights, (particle, n_weights)."""
    half = 0.5 * (times.slope * weighting)[:, None]
    return pull(times.done, torch.cat([half, half], dim=-1))


def clock_push(times: Clock, network: Network, change: Tensor) -> Tensor:
    """F w: a change of the weights to that of the times, (particle, n_pick)."""
    return times.slope * _mean_of_ends(push(times.done, network, change))[:, 0]


def _mean_of_ends(output: Tensor) -> Tensor:
    """Average of the rows from one end and from the other."""
    there, back = output.chunk(2, dim=-1)
    return 0.5 * (there + back)


def _squash(bounds: tuple[float, float], u: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Effective velocity within the bounds, with its first and second derivative by u."""
    low, high = (1 - SLACK) * bounds[0], (1 + SLACK) * bounds[1]
    share = torch.sigmoid(u)
    first = (high - low) * share * (1 - share)
    return low + (high - low) * share, first, first * (1 - 2 * share)
