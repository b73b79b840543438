"""The trunk of the wavefront network: closed-form background, symmetric features, basis functions.

Everything here is a *jet*: a tensor (3, n, ...) of a value and its derivatives along easting and
depth at the receiver, carried forward together. One reverse pass through jets trains the network on
an equation of first order; nothing is differentiated twice.

Positions are physical (easting, depth below sea level) [km]. The background hangs from a *datum*, a
smoothed copy of the surface laid above it, so that no feature inherits a kink of the topography.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from seisnb.conventions import InputError
from seisnb.section import SectionGrid

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class GridFrame:
    """A regular grid in (easting, depth below the surface) [km], and the surface it hangs from.

    Attributes
    ----------
    x0, dx, dz : float
        Easting of the first column, spacings along easting and depth [km].
    nx, nz : int
        Columns and rows; the first row lies on the surface.
    surface : tuple of Array
        Easting and depth [km] of the surface profile: increasing eastings, linear in between.
    """

    x0: float
    dx: float
    nx: int
    dz: float
    nz: int
    surface: tuple[Array, Array]

    def __post_init__(self) -> None:
        if self.nx < 2 or self.nz < 2 or not (self.dx > 0 and self.dz > 0):
            raise InputError(
                f"GridFrame: {self.nx} x {self.nz} nodes, spacings {self.dx} and {self.dz} km; "
                "expected at least 2 x 2 nodes and spacings above zero."
            )

    @classmethod
    def of_section(cls, grid: SectionGrid) -> GridFrame:
        """The frame of a section grid."""
        return cls(
            x0=grid.x0, dx=grid.cell_easting, nx=grid.n_easting, dz=grid.cell_depth,
            nz=grid.n_depth, surface=(grid.easting, grid.surface),
        )  # fmt: skip

    @property
    def easting(self) -> Array:
        """Eastings of the columns, (nx,) [km]."""
        return np.asarray(self.x0 + self.dx * np.arange(self.nx))

    @property
    def below_surface(self) -> Array:
        """Depths of the rows below the surface, (nz,) [km]."""
        return np.asarray(self.dz * np.arange(self.nz))

    @property
    def nodes(self) -> Array:
        """Easting and depth below the surface of every node, (nx, nz, 2) [km]."""
        return np.stack(np.meshgrid(self.easting, self.below_surface, indexing="ij"), axis=-1)

    def surface_at(self, easting: ArrayLike) -> Array:
        """Depth of the surface [km] at eastings [km]."""
        return np.interp(np.asarray(easting, float), *self.surface)

    def hang(self, points: ArrayLike) -> Array:
        """Depths below the surface to depths below sea level: points (..., 2) to (..., 2) [km]."""
        points = np.array(points, float)
        points[..., 1] += self.surface_at(points[..., 0])
        return points


@dataclass(frozen=True, kw_only=True, eq=False)
class Background:
    """A linear-gradient medium hung from a datum: v = v_0 + g w, w = depth below the datum.

    Attributes
    ----------
    velocity : float
        v_0, at the datum [km/s].
    gradient : float
        g [1/s], more than zero.
    x0, step : float
        First easting and spacing of the datum's table [km].
    datum : Tensor, (n,)
        The datum's depth [km]; cubic between nodes.
    slope : Tensor, (n,)
        Its slope at the nodes.
    """

    velocity: float
    gradient: float
    x0: float
    step: float
    datum: Tensor
    slope: Tensor

    def to(self, device: torch.device) -> Background:
        """The same on another device."""
        return replace(self, datum=self.datum.to(device), slope=self.slope.to(device))

    def velocity_at(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """Velocity (n,) [km/s] at points (n, 2) and its gradient (2, n) [1/s].

        Above the datum it falls to half of v_0 and then stays: nodes in the air ask for it.
        """
        place = (points[:, 0] - self.x0) / self.step
        index = place.long().clamp(0, len(self.datum) - 2)
        t = (place - index).clamp(0, 1)
        a, b = self.datum[index], self.datum[index + 1]
        da, db = self.slope[index] * self.step, self.slope[index + 1] * self.step
        datum = a + t * (da + t * (3 * (b - a) - 2 * da - db + t * (2 * (a - b) + da + db)))
        slope = da + t * (2 * (3 * (b - a) - 2 * da - db) + 3 * t * (2 * (a - b) + da + db))
        value = self.velocity + self.gradient * (points[:, 1] - datum)
        rising = value > 0.5 * self.velocity
        gradient = torch.stack([-slope / self.step, torch.ones_like(slope)]) * self.gradient
        return value.clamp(min=0.5 * self.velocity), gradient * rising

    def times(self, points: Tensor, sources: Tensor) -> Tensor:
        """Jet (3, n) of the closed-form time [s, s/km]: (2/g) asinh(g d / (2 sqrt(v_s v_r))).

        Exact where the datum is level; zero, with a zero instead of a NaN gradient, at the source.
        """
        at_point, slope = self.velocity_at(points)
        at_source, _ = self.velocity_at(sources)
        separation = (points - sources).T
        distance = torch.sqrt((separation**2).sum(0))
        inverse = torch.where(distance > 0, 1 / distance, 0.0)
        scale = 0.5 * self.gradient * torch.rsqrt(at_point * at_source)
        u = scale * distance
        rate = 2 / self.gradient * torch.rsqrt(1 + u * u) * scale
        gradient = rate * (separation * inverse - 0.5 * distance * slope / at_point)
        return torch.cat([2 / self.gradient * torch.asinh(u)[None], gradient])


class _SineJet(torch.autograd.Function):
    """sin of a jet: (sin z, cos z z_x, cos z z_z), with its own reverse pass."""

    @staticmethod
    def forward(ctx: torch.autograd.function.FunctionCtx, jet: Tensor) -> Tensor:
        sine, cosine = torch.sin(jet[0]), torch.cos(jet[0])
        ctx.save_for_backward(sine, cosine, jet)
        out = torch.empty_like(jet)
        out[0] = sine
        torch.mul(cosine, jet[1:], out=out[1:])
        return out

    @staticmethod
    def backward(ctx: torch.autograd.function.FunctionCtx, grad: Tensor) -> Tensor:
        sine, cosine, jet = ctx.saved_tensors  # type: ignore[attr-defined]
        out = cosine * grad
        bend = grad[1] * jet[1]
        bend.addcmul_(grad[2], jet[2])
        out[0].addcmul_(sine, bend, value=-1)
        return out


def sine(jet: Tensor) -> Tensor:
    """The sine of a jet (3, n, ...), or of values alone (1, n, ...)."""
    return _SineJet.apply(jet) if len(jet) == 3 else torch.sin(jet)


@dataclass(frozen=True, kw_only=True, eq=False)
class Trunk:
    """Basis functions phi_k(x, xs), symmetric in their two points by construction.

    The features are invariant when x and xs change places (means, squares and products of
    differences), so times are reciprocal for any weights, and every pick teaches both its ends.

    Attributes
    ----------
    background : Background
        Its velocity stretches depth: log(v / v_0).
    center, length : float
        Easting [km] and the velocity's correlation length along it [km].
    weights : sequence of Tensor
        Weight (out, in) and bias (out,) of every layer in turn.
    """

    background: Background
    center: float
    length: float
    weights: Sequence[Tensor]

    n_features = 4

    def features(self, points: Tensor, sources: Tensor) -> Tensor:
        """Jet (3, n, n_features) of the symmetric coordinates of point pairs (n, 2)."""
        at_point, slope = self.background.velocity_at(points)
        at_source, _ = self.background.velocity_at(sources)
        x, xs = ((p[:, 0] - self.center) / self.length for p in (points, sources))
        z, zs = (torch.log(v / self.background.velocity) for v in (at_point, at_source))
        zero = torch.zeros_like(x)
        dx, dz = x - xs, z - zs
        x_x = torch.full_like(x, 1 / self.length)
        z_x, z_z = slope / at_point
        tame = torch.rsqrt(dx * dx + 0.1)
        tame_x = -dx * tame**3 * x_x
        reach = dx * dx * tame
        reach_x = 2 * dx * tame * x_x + dx * dx * tame_x
        cross = dx * dz * tame
        cross_x = dz * tame * x_x + dx * z_x * tame + dx * dz * tame_x
        return torch.stack(
            [
                torch.stack([0.5 * (x + xs), 0.5 * x_x, zero], dim=0),
                torch.stack([z + zs, z_x, z_z], dim=0),
                torch.stack([reach, reach_x, zero], dim=0),
                torch.stack([cross, cross_x, dx * tame * z_z], dim=0),
            ],
            dim=-1,
        )

    def jets(self, points: Tensor, sources: Tensor, *, values_only: bool = False) -> Tensor:
        """Jet (3, n, H) of the basis functions, or their values (1, n, H) alone."""
        jet = self.features(points, sources)
        return self.basis(jet[:1] if values_only else jet)

    def basis(self, jet: Tensor) -> Tensor:
        """Basis functions (3 or 1, n, H) of the features' jets, or of their values alone."""
        n_layers = len(self.weights) // 2
        for i in range(n_layers):
            jet = jet @ self.weights[2 * i].T
            jet[0] += self.weights[2 * i + 1]
            if i < n_layers - 1:
                jet = sine(jet)
        return jet


def initial_weights(
    width: int, depth: int, n_basis: int, generator: torch.Generator, dtype: torch.dtype
) -> list[Tensor]:
    """Random weights; the first layer's frequencies are about those of a kernel of unit length."""
    sizes = [Trunk.n_features, *[width] * depth, n_basis]
    weights = []
    for i, (n_in, n_out) in enumerate(pairwise(sizes)):
        last = i == len(sizes) - 2
        scale = 0.8 if i == 0 else math.sqrt(1 / n_in)
        weight = scale * torch.randn(n_out, n_in, generator=generator, dtype=dtype)
        bias = math.pi * (2 * torch.rand(n_out, generator=generator, dtype=dtype) - 1)
        weights += [weight, torch.zeros_like(bias) if last else bias]
    return weights


def fit_background(velocity: Array, frame: GridFrame, *, dtype: torch.dtype) -> Background:
    """The linear-gradient background nearest to velocity models (n_models, nx, nz) [km/s].

    The datum is the surface smoothed over a twentieth of the line and lifted until it lies above
    the surface everywhere; v_0 and g fit the models' log-mean profile, the shallow part most.
    """
    x = np.linspace(frame.easting[0], frame.easting[-1], 401)
    width = 0.05 * (x[-1] - x[0])
    kernel = np.exp(-0.5 * ((x[:, None] - x[None, :]) / width) ** 2)
    smooth = kernel @ frame.surface_at(x) / kernel.sum(1)
    smooth -= max(0.0, float((smooth - frame.surface_at(x)).max()))
    profile = np.exp(np.log(velocity).mean(axis=0))
    surface = frame.surface_at(frame.easting) - np.interp(frame.easting, x, smooth)
    depth = surface[:, None] + frame.below_surface[None, :]
    weight = np.exp(-2 * frame.below_surface / frame.below_surface[-1])[None, :] / profile**2
    design = np.stack([np.ones_like(depth).ravel(), depth.ravel()], axis=1)
    scaled = design * np.sqrt(weight).ravel()[:, None]
    value, gradient = np.linalg.lstsq(scaled, (profile * np.sqrt(weight)).ravel(), rcond=None)[0]
    middle = float(np.median(profile))
    return Background(
        velocity=max(float(value), 0.2 * float(profile.min())),
        gradient=max(float(gradient), 1e-3 * middle / float(depth.max())),
        x0=float(x[0]),
        step=float(x[1] - x[0]),
        datum=torch.as_tensor(smooth, dtype=dtype),
        slope=torch.as_tensor(np.gradient(smooth, x), dtype=dtype),
    )


def scale_jets(background: Tensor, phi: Tensor) -> Tensor:
    """Jets (3, n, H) of T_bg phi_k from the jets of T_bg (3, n) and phi (3, n, H)."""
    out = background[0][None, :, None] * phi
    out[1:].addcmul_(background[1:, :, None], phi[0])
    return out
