"""What the method is given: picks between pairs of points, and a Gaussian process on velocity.

Nothing here knows how many dimensions space has: places are (n, d).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

import torch
from torch import Tensor

from seisnb.conventions import InputError, PriorError

FieldKind = Literal["velocity", "log_velocity"]


class ProcessPrior(Protocol):
    """A Gaussian process around a mean velocity."""

    @property
    def field_kind(self) -> FieldKind:
        """Whether the process is added to the mean velocity or to its logarithm."""
        ...

    @property
    def amplitude(self) -> float:
        """Standard deviation of the process [km/s or 1]."""
        ...

    @property
    def lengths(self) -> tuple[float, ...]:
        """Correlation length along every coordinate [km]."""
        ...

    @property
    def bounds(self) -> tuple[float, float]:
        """Slowest and fastest velocity that may occur [km/s]."""
        ...

    def mean(self, place: Tensor) -> Tensor:
        """Mean velocity at places (n, d), (n,) [km/s]."""
        ...

    def covariance(self, one: Tensor, other: Tensor) -> Tensor:
        """Covariance of the process between places, (n, m)."""
        ...


@dataclass(frozen=True, kw_only=True)
class StationaryPrior:
    """The prior with the kernel amplitude**2 * exp(-sum d_k**2 / length_k**2) (no factor 2).

    Attributes
    ----------
    mean_velocity : callable
        Mean velocity [km/s] at places (n, d).
    amplitude : float
        Standard deviation of the process [km/s; 1 on log velocity].
    lengths : tuple of float
        Correlation length along every coordinate [km].
    bounds : tuple of float
        Slowest and fastest velocity [km/s] that may occur.
    field_kind : str
        ``velocity`` or ``log_velocity``.
    """

    mean_velocity: Callable[[Tensor], Tensor]
    amplitude: float
    lengths: tuple[float, ...]
    bounds: tuple[float, float]
    field_kind: FieldKind = "velocity"

    def __post_init__(self) -> None:
        """Refuse what is no proper prior."""
        if not self.amplitude > 0 or not all(length > 0 for length in self.lengths):
            raise PriorError(
                f"StationaryPrior: amplitude {self.amplitude} and lengths {self.lengths}; the "
                "covariance is only positive definite for values above zero."
            )
        if not 0 < self.bounds[0] < self.bounds[1]:
            raise PriorError(
                f"StationaryPrior: velocity bounds {self.bounds}; expected 0 < slowest < fastest."
            )

    def mean(self, place: Tensor) -> Tensor:
        """Mean velocity at places (n, d), (n,) [km/s]."""
        return self.mean_velocity(place)

    def covariance(self, one: Tensor, other: Tensor) -> Tensor:
        """Covariance of the process between places (n, d) and (m, d), (n, m)."""
        scale = torch.tensor(self.lengths, dtype=one.dtype, device=one.device)
        away = (one[:, None] - other[None]) / scale
        return self.amplitude**2 * torch.exp(-away.square().sum(dim=-1))


@dataclass(frozen=True, kw_only=True)
class VsvgdProblem:
    """Picks and beliefs; dtype and device of ``ends`` are those of all work.

    Attributes
    ----------
    ends : Tensor, (n_pick, 2, d)
        Where each pick's path begins and ends [km].
    observed, std : Tensor, (n_pick,)
        Travel times and their standard deviations [s].
    prior : ProcessPrior
        What is believed of velocity.
    domain : Tensor, (2, d)
        Lowest and highest corner of the box that the model fills [km].
    top : callable, optional
        Depth of the surface [km] at places (n, d), the last coordinate being depth: the equation
        is held below it only.
    """

    ends: Tensor
    observed: Tensor
    std: Tensor
    prior: ProcessPrior
    domain: Tensor
    top: Callable[[Tensor], Tensor] | None = None

    def __post_init__(self) -> None:
        """Check shapes, numbers and that everything lies in the box."""
        n_pick, d = self.ends.shape[0], self.ends.shape[-1]
        if self.ends.shape != (n_pick, 2, d) or n_pick == 0:
            raise InputError(
                f"VsvgdProblem: ends have shape {tuple(self.ends.shape)}; expected (n_pick, 2, d) "
                "with at least one pick."
            )
        for name in ("observed", "std"):
            if getattr(self, name).shape != (n_pick,):
                raise InputError(
                    f"VsvgdProblem: {name} has shape {tuple(getattr(self, name).shape)}; "
                    f"expected one number per pick, ({n_pick},)."
                )
        if self.domain.shape != (2, d) or len(self.prior.lengths) != d:
            raise InputError(
                f"VsvgdProblem: places have {d} coordinates, the domain has shape "
                f"{tuple(self.domain.shape)} and the prior {len(self.prior.lengths)} lengths."
            )
        if not bool((self.std > 0).all()) or not bool(self.observed.isfinite().all()):
            raise InputError(
                "VsvgdProblem: travel times must be finite and their std above zero; "
                "mute the picks that are not."
            )
        outside = ((self.ends < self.domain[0]) | (self.ends > self.domain[1])).any(-1).any(-1)
        if bool(outside.any()):
            raise InputError(
                f"VsvgdProblem: pick {int(outside.nonzero()[0])} begins or ends outside the "
                f"domain {self.domain.tolist()}. Enlarge the domain or mute the pick."
            )
        if bool((self.ends[:, 0] == self.ends[:, 1]).all(-1).any()):
            raise InputError("VsvgdProblem: a pick begins where it ends; mute it.")

    @property
    def anchors(self) -> Tensor:
        """Distinct points on the side of the picks that has fewer, (n_anchor, d): the sources.

        Times are reciprocal, so the eikonal equation needs fields of one side only.
        """
        sides = [torch.unique(self.ends[:, side], dim=0) for side in (0, 1)]
        return min(sides, key=len)


def velocity_of(prior: ProcessPrior, place: Tensor, process: Tensor) -> tuple[Tensor, Tensor]:
    """Velocity [km/s] and its derivative by the process, both (particle, n)."""
    mean = prior.mean(place)
    if prior.field_kind == "log_velocity":
        velocity = mean * process.exp()
        return velocity, velocity
    return mean + process, torch.ones_like(process)


def prior_score(prior: ProcessPrior, place: Tensor, process: Tensor, *, jitter: float) -> Tensor:
    """Gradient of the log prior density of the process at places, (particle, n).

    -(C + jitter * amplitude**2 I)**-1 process. Places closer together than the correlation length
    make C singular; the jitter gives roughness that the prior forbids the finite standard deviation
    sqrt(jitter) * amplitude instead of none. Solved in double precision.
    """
    double = place.double()
    covariance = prior.covariance(double, double)
    covariance.diagonal().add_(jitter * prior.amplitude**2)
    inverse = torch.cholesky_inverse(torch.linalg.cholesky(covariance))
    return -process @ inverse.to(process)
