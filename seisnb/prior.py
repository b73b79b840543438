"""The prior over velocity models: a Gaussian process around a mean profile hung from the surface.

The process is a(x, z') on log velocity (positive by construction) or on velocity, with the kernel

    k = amplitude**2 * exp(-dx**2 / length_easting**2 - dz**2 / length_depth**2)

(no factor 2: a length here is sqrt(2) times the usual "sigma" of a Gaussian correlation). The
kernel is a product, so its eigenfunctions are products of one-dimensional ones: a model is

    field = amplitude * U_easting @ W @ U_depth.T,     W ~ N(0, 1),

exact up to the truncation of the smallest eigenvalues, with fewer unknowns than random features.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from seisnb.conventions import InputError, PriorError
from seisnb.section import SectionGrid

if TYPE_CHECKING:
    import torch

Array = NDArray[np.float64]
FieldKind = Literal["log_velocity", "velocity"]
Kernel = Literal["gaussian", "matern"]

#: A model in plain velocity bends smoothly away from zero below this share of the mean profile.
FLOOR = 0.1
#: Log velocity bends smoothly away from the ceiling within this much below it.
BEND = 0.05
#: Mean velocities must keep this far below the ceiling, as a share of it.
LEAST_ROOM = 0.03
#: Depth over which the amplitude closes in on its value far down, as a share of the model's.
CLOSING = 0.1
#: Nodes of the quadrature for moments of velocities.
N_NODES = 32
#: Shortest length that a grid resolves, in cells.
LEAST_CELLS = 1.5
#: An entry of an eigenvector is large above this share of its largest.
LARGE = 0.7
#: Log velocity is held this close to the mean profile's.
MOST_LOG = 20.0


@dataclass(frozen=True, kw_only=True)
class PriorConfig:
    """What is believed about the rock before the picks are seen; None is estimated from them."""

    field: FieldKind = dataclasses.field(
        default="log_velocity",
        metadata={"help": "quantity that the Gaussian process acts on", "unit": ""},
    )
    amplitude: float | None = dataclasses.field(
        default=None,
        metadata={
            "help": "standard deviation around the mean profile "
            "(log velocity: a fraction; velocity: km/s)",
            "unit": "1 or km/s",
        },
    )
    kernel: Kernel | None = dataclasses.field(
        default=None,
        metadata={
            "help": "gaussian: exp(-d2/l2), smooth; matern: rougher, "
            "(1 + sqrt(3) d/l) exp(-sqrt(3) d/l) along each axis",
            "unit": "",
        },
    )
    length_easting: float | None = dataclasses.field(
        default=None,
        metadata={"help": "correlation length along the line", "unit": "km"},
    )
    length_depth: float | None = dataclasses.field(
        default=None,
        metadata={"help": "correlation length in depth at the surface", "unit": "km"},
    )
    length_depth_growth: float | None = dataclasses.field(
        default=None,
        metadata={
            "help": "growth of the length in depth per depth; "
            "default: none for a given length_depth, else 0.3",
            "unit": "1",
        },
    )
    surface_velocity: float | None = dataclasses.field(
        default=None,
        metadata={"help": "mean velocity at the surface; with gradient", "unit": "km/s"},
    )
    gradient: float | None = dataclasses.field(
        default=None,
        metadata={"help": "mean velocity gradient; with surface_velocity", "unit": "1/s"},
    )
    profile: tuple[tuple[float, float], ...] | None = dataclasses.field(
        default=None,
        metadata={
            "help": "mean profile as (depth below surface [km], velocity [km/s]) pairs",
            "unit": "km, km/s",
        },
    )

    amplitude_at_depth: float | None = dataclasses.field(
        default=None,
        metadata={
            "help": "amplitude far down as a share of the one at the surface: rock varies less "
            "under pressure; default: 1 for a given amplitude, else from the picks",
            "unit": "1",
        },
    )
    velocity_max: float = dataclasses.field(
        default=9.0,
        metadata={
            "help": "fastest that rock may be; log velocity bends smoothly away from it",
            "unit": "km/s",
        },
    )

    def __post_init__(self) -> None:
        """Refuse values that give no proper prior."""
        if not (np.isfinite(self.velocity_max) and self.velocity_max > 0):
            raise PriorError(
                f"PriorConfig: velocity_max is {self.velocity_max}; expected a finite velocity "
                "above zero [km/s]."
            )
        if self.field not in ("log_velocity", "velocity"):
            raise PriorError(
                f"PriorConfig: field is {self.field!r}; expected 'log_velocity' or 'velocity'."
            )
        for name in ("amplitude", "length_easting", "length_depth"):
            value = getattr(self, name)
            if value is not None and not (np.isfinite(value) and value > 0):
                raise PriorError(
                    f"PriorConfig: {name} is {value}; the covariance is only positive definite "
                    f"for a finite {name} above zero."
                )
        share = self.amplitude_at_depth
        if share is not None and not 0 < share <= 1:
            raise PriorError(
                f"PriorConfig: amplitude_at_depth is {share}; expected a share of the amplitude "
                "at the surface, above 0 and at most 1."
            )
        growth = self.length_depth_growth
        if growth is not None and not 0 <= growth < np.inf:
            raise PriorError(f"PriorConfig: length_depth_growth is {growth}; expected >= 0.")
        if (self.surface_velocity is None) != (self.gradient is None):
            raise PriorError(
                "PriorConfig: surface_velocity and gradient go together; "
                "give both, or neither to have the mean profile estimated from the picks."
            )
        if self.profile is not None and self.gradient is not None:
            raise PriorError("PriorConfig: give either profile or surface_velocity and gradient.")
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if isinstance(value, np.number):
                object.__setattr__(self, field.name, float(value))  # results hold settings as JSON


@dataclass(frozen=True, kw_only=True)
class MeanProfile:
    """Mean velocity against depth below the surface; linear between points, then by the last.

    Attributes
    ----------
    depth : Array, (n,)
        Depths below the surface [km], increasing from zero.
    velocity : Array, (n,)
        Velocities [km/s], all positive.
    """

    depth: Array
    velocity: Array

    def __post_init__(self) -> None:
        """Check that the profile increases in depth and is positive."""
        if self.depth.ndim != 1 or self.depth.shape != self.velocity.shape or self.depth.size < 1:
            raise PriorError("MeanProfile: expected equal lists of depths and velocities.")
        if not (np.isfinite(self.depth).all() and np.isfinite(self.velocity).all()):
            raise PriorError("MeanProfile: a depth or velocity is NaN or infinite.")
        if (np.diff(self.depth) <= 0).any():
            raise PriorError("MeanProfile: depths below the surface must increase.")
        if (self.velocity <= 0).any():
            at = int(np.argmin(self.velocity))
            raise PriorError(
                f"MeanProfile: velocity {self.velocity[at]:g} km/s at {self.depth[at]:g} km; "
                "every velocity must be above zero."
            )

    def at(self, depth: Array) -> Array:
        """Velocity at depths below the surface [km/s]; constant beyond the last point."""
        return np.interp(depth, self.depth, self.velocity)


def linear_profile(surface_velocity: float, gradient: float, depth_max: float) -> MeanProfile:
    """``surface_velocity + gradient * depth`` down to ``depth_max`` [km]."""
    depth = np.array([0.0, depth_max])
    return MeanProfile(depth=depth, velocity=surface_velocity + gradient * depth)


@dataclass(frozen=True, kw_only=True)
class GaussianProcessPrior:
    """A Gaussian process on a section grid, in whitened unknowns.

    Attributes
    ----------
    grid : SectionGrid
        Where models live.
    mean : Array, (n_easting, n_depth)
        Mean velocity [km/s].
    field_kind : str
        ``log_velocity`` or ``velocity``.
    amplitude : float
        Standard deviation of the process (fraction, or km/s).
    basis_easting : Array, (n_easting, k_easting)
        Eigenfunctions along the line times the root of their eigenvalues.
    basis_depth : Array, (n_depth, k_depth)
        The same in depth.
    kept : NDArray[np.intp], (2, n_unknowns)
        Which products of the two are kept.
    length_easting, length_depth : float
        Correlation lengths [km], for the record.
    velocity_max : float
        Ceiling of the velocity of a process on log velocity [km/s]; infinite: none.
    amplitude_at_depth : float
        Amplitude far down as a share of ``amplitude``, for the record.
    taper : Array, (n_depth,)
        The process's amplitude by depth as a share of ``amplitude``; part of ``basis_depth``.
    """

    grid: SectionGrid
    mean: Array
    field_kind: FieldKind
    amplitude: float
    basis_easting: Array
    basis_depth: Array
    kept: NDArray[np.intp]
    length_easting: float
    length_depth: float
    taper: Array
    velocity_max: float = np.inf
    amplitude_at_depth: float = 1.0

    @property
    def n_unknowns(self) -> int:
        """Number of whitened unknowns."""
        return int(self.kept.shape[1])

    def field(self, unknowns: Array) -> Array:
        """The process on the grid, (..., n_unknowns) -> (..., n_easting, n_depth)."""
        unknowns = np.asarray(unknowns, float)
        shape = (*unknowns.shape[:-1], self.basis_easting.shape[1], self.basis_depth.shape[1])
        weights = np.zeros(shape)
        weights[..., self.kept[0], self.kept[1]] = unknowns
        return self.amplitude * (self.basis_easting @ weights @ self.basis_depth.T)

    def velocity(self, unknowns: Array) -> Array:
        """Velocity on the grid [km/s], positive everywhere, shapes as in :meth:`field`."""
        return self._velocity_of_field(self.field(unknowns))[0]

    def velocity_and_derivative(self, unknowns: Array) -> tuple[Array, Array]:
        """Velocity [km/s] and its derivative with respect to the process, node by node."""
        return self._velocity_of_field(self.field(unknowns))

    def velocity_std(self) -> Array:
        """Prior standard deviation of velocity, (n_easting, n_depth) [km/s]."""
        variance = self.field_variance()
        if self.field_kind != "log_velocity":
            return np.sqrt(variance)
        nodes, weights = np.polynomial.hermite_e.hermegauss(N_NODES)
        weights = weights / weights.sum()
        first, second = np.zeros_like(variance), np.zeros_like(variance)
        for node, weight in zip(nodes, weights, strict=True):
            velocity = self._velocity_of_field(node * np.sqrt(variance))[0]
            first += weight * velocity
            second += weight * velocity**2
        return np.sqrt(np.maximum(second - first**2, 0.0))

    def field_variance(self) -> Array:
        """Variance of the truncated process at every node, (n_easting, n_depth)."""
        weights = np.zeros((self.basis_easting.shape[1], self.basis_depth.shape[1]))
        weights[self.kept[0], self.kept[1]] = 1.0
        return np.asarray(
            self.amplitude**2 * (self.basis_easting**2 @ weights @ (self.basis_depth**2).T)
        )

    def unknowns_of(self, process: Array) -> Array:
        """Unknowns of the nearest representable process to (n_easting, n_depth), (n_unknowns,)."""
        weights = process / (self.amplitude * self.taper)
        for axis, basis in enumerate(
            (self.basis_easting, self.basis_depth / self.taper[:, None])  # orthogonal columns
        ):
            squared = (basis**2).sum(axis=0)
            inverse = basis / (squared + 1e-6 * squared.max())
            weights = np.moveaxis(np.tensordot(inverse, weights, axes=(0, axis)), 0, axis)
        return np.asarray(weights[self.kept[0], self.kept[1]])

    def process_of(self, velocity: Array) -> Array:
        """The process that gives a velocity model, both (n_easting, n_depth)."""
        if self.field_kind == "log_velocity":
            if np.isinf(self.velocity_max):
                return np.log(velocity / self.mean)
            below = np.minimum(np.log(velocity / self.velocity_max), -1e-9)
            unbent = below - BEND * np.log(-np.expm1(below / BEND))
            return np.asarray(unbent + np.log(self.velocity_max / self.mean))
        floor = FLOOR * self.mean
        bent = np.maximum(velocity / floor - 1.0, 1e-9)
        return np.asarray(floor * (np.log(np.expm1(bent)) + 1.0) - self.mean)

    def draw(self, n: int, generator: torch.Generator) -> Array:
        """Whitened unknowns of ``n`` draws, (n, n_unknowns)."""
        import torch  # loading it takes a second, which a prior alone need not wait for

        return torch.randn(n, self.n_unknowns, generator=generator, dtype=torch.float64).numpy()

    def _velocity_of_field(self, process: Array) -> tuple[Array, Array]:
        """Map the process to velocity and give the derivative."""
        if self.field_kind == "log_velocity":
            # far beyond any model: a trial step that overshoots must be refused, not overflow
            process = np.clip(process, -MOST_LOG, MOST_LOG)
            if np.isinf(self.velocity_max):
                velocity = self.mean * np.exp(process)
                return velocity, velocity
            free = process + np.log(self.mean / self.velocity_max)
            bent = np.logaddexp(0.0, free / BEND)
            velocity = self.velocity_max * np.exp(free - BEND * bent)
            return velocity, velocity * np.exp(-bent)
        floor = FLOOR * self.mean
        scaled = (self.mean + process - floor) / floor
        bent = np.logaddexp(0.0, scaled)
        return floor * (1.0 + bent), np.exp(scaled - bent)


def gaussian_process_prior(
    grid: SectionGrid,
    profile: MeanProfile,
    *,
    field_kind: FieldKind,
    amplitude: float,
    length_easting: float,
    length_depth: float,
    length_depth_growth: float = 0.0,
    kernel: Kernel = "gaussian",
    variance_lost: float = 5e-4,
    velocity_max: float = np.inf,
    amplitude_at_depth: float = 1.0,
) -> GaussianProcessPrior:
    """Build the prior on a grid.

    Parameters
    ----------
    grid : SectionGrid
        Where models live.
    profile : MeanProfile
        Mean velocity against depth below the surface.
    field_kind : str
        ``log_velocity`` or ``velocity``.
    amplitude : float
        Standard deviation of the process (fraction of velocity, or km/s).
    length_easting, length_depth : float
        Correlation lengths [km] of the kernel exp(-d**2 / l**2); infinite easting: one column.
    length_depth_growth : float
        The length in depth is ``length_depth + length_depth_growth * depth``.
    variance_lost : float
        Share of the prior variance that truncation may lose.
    velocity_max : float
        Ceiling of the velocity of a process on log velocity [km/s].
    amplitude_at_depth : float
        Amplitude far down as a share r of ``amplitude``: r + (1 - r) exp(-depth / h), with h
        :data:`CLOSING` of the model's depth.

    Raises
    ------
    PriorError
        Lengths below 1.5 cells or not positive; a mean that is not positive on the grid.
    """
    for name, length, cell in (
        ("length_easting", length_easting, grid.cell_easting),
        ("length_depth", length_depth, grid.cell_depth),
    ):
        if not length > 0:
            raise PriorError(
                f"prior: {name} is {length} km; the covariance is only positive definite "
                "for lengths above zero."
            )
        if length < LEAST_CELLS * cell:
            raise PriorError(
                f"prior: {name} of {length:g} km is not resolved by cells of {cell:g} km. "
                f"Choose cell at most {length / 3:.3g} km, or a longer {name}."
            )
    if not amplitude > 0:
        raise PriorError(f"prior: amplitude is {amplitude}; expected more than zero.")
    below = grid.below_surface
    stretched = (
        below / length_depth
        if length_depth_growth == 0
        else np.log1p(length_depth_growth * below / length_depth) / length_depth_growth
    )
    along = grid.easting / length_easting if np.isfinite(length_easting) else 0.0 * grid.easting
    basis_easting, share_easting = _eigenfunctions(along, kernel, variance_lost)
    basis_depth, share_depth = _eigenfunctions(stretched, kernel, variance_lost)
    share = share_easting[:, None] * share_depth[None, :]
    order = np.argsort(-share, axis=None, kind="stable")
    lost = 1.0 - np.cumsum(share.ravel()[order])
    n_kept = int(np.searchsorted(-lost, -2 * variance_lost)) + 1
    kept = np.stack(np.unravel_index(np.sort(order[:n_kept]), share.shape))
    taper = amplitude_at_depth + (1 - amplitude_at_depth) * np.exp(-below / (CLOSING * below[-1]))
    return GaussianProcessPrior(
        grid=grid,
        mean=np.broadcast_to(profile.at(below), (grid.n_easting, grid.n_depth)).copy(),
        field_kind=field_kind,
        amplitude=float(amplitude),
        basis_easting=basis_easting,
        basis_depth=basis_depth * taper[:, None],
        kept=kept,
        length_easting=float(length_easting),
        length_depth=float(length_depth),
        taper=taper,
        velocity_max=float(velocity_max),
        amplitude_at_depth=float(amplitude_at_depth),
    )


def _eigenfunctions(coordinate: Array, kernel: Kernel, variance_lost: float) -> tuple[Array, Array]:
    """Scaled eigenvectors of the kernel on points, and each one's share of the variance."""
    distance = np.abs(coordinate[:, None] - coordinate[None, :])
    if kernel == "matern":
        covariance = (1 + np.sqrt(3.0) * distance) * np.exp(-np.sqrt(3.0) * distance)
    else:
        covariance = np.exp(-(distance**2))
    values, vectors = np.linalg.eigh(covariance)
    values, vectors = np.maximum(values[::-1], 0.0), vectors[:, ::-1]
    share = values / values.sum()
    n_kept = int(np.searchsorted(np.cumsum(share), 1.0 - variance_lost / 4)) + 1
    return _signed(vectors[:, :n_kept]) * np.sqrt(values[:n_kept]), share[:n_kept]


def _signed(vectors: Array) -> Array:
    """Eigenvectors whose first large entry is positive, whatever sign a processor's library gave.

    The largest entry itself would not do: an odd eigenvector holds it twice, with both signs, and
    rounding decides which one is larger; so would the sum, which is zero for odd ones.
    """
    size = np.abs(vectors)
    first = np.argmax(size > LARGE * size.max(axis=0), axis=0)
    return vectors * np.where(vectors[first, np.arange(vectors.shape[1])] < 0, -1.0, 1.0)


def check_amplitude(config: PriorConfig, profile: MeanProfile) -> None:
    """Refuse an amplitude or a ceiling that a mean profile leaves no room for.

    Raises
    ------
    InputError
        A plain-velocity amplitude of more than 40 % of the slowest mean velocity, which would make
        velocities negative; a mean profile that reaches ``velocity_max``.
    """
    slowest, fastest = float(profile.velocity.min()), float(profile.velocity.max())
    if config.field == "log_velocity" and fastest > (1 - LEAST_ROOM) * config.velocity_max:
        raise InputError(
            f"prior: the mean profile reaches {fastest:g} km/s, and rock may be no faster than "
            f"velocity_max, {config.velocity_max:g} km/s. Are the velocities in km/s? If they are, "
            f"set velocity_max to {1.1 * fastest:.3g} or more."
        )
    if config.field == "velocity" and (config.amplitude or 0.0) > 0.4 * slowest:
        raise InputError(
            f"prior: amplitude {config.amplitude:g} km/s on velocity around a mean of "
            f"{slowest:g} km/s would give negative velocities. Use field='log_velocity', "
            "whose amplitude is a fraction."
        )
