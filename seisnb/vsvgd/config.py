"""Settings of the published method."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from seisnb.conventions import InputError
from seisnb.vsvgd.forces import Bandwidth, Force


@dataclass(frozen=True, kw_only=True)
class VsvgdConfig:
    """Settings; the defaults are the published ones of the one-dimensional test.

    Attributes
    ----------
    n_particles : int
        Particles, each with two networks.
    n_iterations : int
        Stein iterations.
    n_collocation : int
        Collocation points, which are also where the particles are compared; drawn anew each time.
    velocity_width, velocity_hidden : int
        Width and number of hidden layers of the velocity networks.
    travel_width, travel_hidden : int
        The same of the travel-time networks.
    n_frequencies : int
        Random Fourier frequencies of either network.
    force : str
        ``svgd`` or ``gfsf``.
    bandwidth : str
        Squared bandwidth of the kernel: ``median`` squared distance or ``median/log n``.
    bandwidth_factor : float
        Multiplies it; 1 as published.
    pull_back : str
        ``vjp``: weights follow (dv/dw).T phi; ``regression``: they take the least change that moves
        the velocities by C phi, with C the prior's covariance between the points.
    learning_rate : float
        Adam's, falling to zero along half a cosine.
    slave : str
        ``lbfgs`` (published) or ``gauss_newton``: how the travel-time networks are refitted.
    n_epochs : int
        Directions of L-BFGS per iteration.
    n_newton : int
        Steps of Gauss-Newton per iteration.
    n_warm_up : int
        Iterations' worth of refitting before the first move.
    adjoint : str
        ``cgnr`` (published) or ``dense``.
    n_adjoint : int
        Most CGNR iterations.
    adjoint_tolerance : float
        Fall of the residual of its normal equations at which CGNR stops.
    damping : float
        Of Gauss-Newton and of the dense adjoint, in mean diagonals of J J.T.
    jitter : float
        Added to the prior's covariance at the points, in variances of the prior.
    """

    n_particles: int = 128
    n_iterations: int = 1500
    n_collocation: int = 200
    velocity_width: int = 30
    velocity_hidden: int = 2
    travel_width: int = 50
    travel_hidden: int = 2
    n_frequencies: int = 15
    force: Force = "svgd"
    bandwidth: Bandwidth = "median"
    bandwidth_factor: float = 1.0
    pull_back: Literal["vjp", "regression"] = "vjp"
    learning_rate: float = 1e-2
    slave: Literal["lbfgs", "gauss_newton"] = "lbfgs"
    n_epochs: int = 10
    n_newton: int = 1
    n_warm_up: int = 30
    adjoint: Literal["cgnr", "dense"] = "cgnr"
    n_adjoint: int = 20
    adjoint_tolerance: float = 1e-2
    damping: float = 1e-4
    jitter: float = 1e-3

    def __post_init__(self) -> None:
        """Refuse numbers and names that mean nothing."""
        for name, least in (("n_particles", 2), ("n_collocation", 1), ("n_frequencies", 1)):
            if getattr(self, name) < least:
                raise InputError(
                    f"VsvgdConfig: {name} is {getattr(self, name)}; expected at least {least}."
                )
        allowed = {
            "force": ("svgd", "gfsf"),
            "bandwidth": ("median", "median/log n"),
            "pull_back": ("vjp", "regression"),
            "slave": ("lbfgs", "gauss_newton"),
            "adjoint": ("cgnr", "dense"),
        }
        for name, values in allowed.items():
            if getattr(self, name) not in values:
                raise InputError(
                    f"VsvgdConfig: {name} is {getattr(self, name)!r}; expected one of {values}."
                )
        for name in ("learning_rate", "jitter", "bandwidth_factor", "damping"):
            if not getattr(self, name) > 0:
                raise InputError(
                    f"VsvgdConfig: {name} is {getattr(self, name)}; expected more than zero."
                )
