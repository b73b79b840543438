"""One wavefront network for a whole ensemble of velocity models.

    T_i(x, xs) = T_bg(x, xs) (1 + sum_k a_ik phi_k(x, xs))

The basis phi_k is shared and learnt once (:mod:`seisnb.traveltime.wavefront_training`); a model i
is only its head a_i, found by Gauss-Newton (:mod:`seisnb.traveltime.wavefront_heads`) on the
eikonal residual r = |grad T| v - 1 at collocation points, all sources at once. r is the relative
error of slowness, which is what times are made of; the squared form |grad T|^2 v^2 - 1 lets the few
fastest points rule where velocities differ tenfold (5 ms instead of 1.2 ms rms on such a line).

All functions are pure and hold no state: members may run in threads.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from seisnb.conventions import CheckpointError
from seisnb.traveltime.wavefront_heads import (
    Collocation,
    HeadFit,
    bilinear,
    fit_heads,
    velocity_sensitivity,
)
from seisnb.traveltime.wavefront_trunk import Background, GridFrame, Trunk, scale_jets

Array = NDArray[np.float64]
__all__ = [
    "Collocation",
    "GridFrame",
    "HeadFit",
    "RayBasis",
    "WavefrontNetwork",
    "fit_heads",
    "load_network",
]

_FORMAT = "seisnb wavefront network 1"


@dataclass(frozen=True, kw_only=True, eq=False)
class RayBasis:
    """Times of any model at fixed points from fixed sources, as one matrix product.

    Attributes
    ----------
    background : Tensor, (n_sources, ...)
        T_bg [s].
    corrections : Tensor, (n_sources, ..., H)
        T_bg phi_k [s].
    """

    background: Tensor
    corrections: Tensor

    def __matmul__(self, head: Tensor) -> Tensor:
        """Times (n_sources, ...) [s] of a head (H,)."""
        return self.background + self.corrections @ head.to(self.corrections)


@dataclass(frozen=True, kw_only=True, eq=False)
class WavefrontNetwork:
    """Travel times of first arrivals for any model of the prior it was trained on.

    Attributes
    ----------
    trunk : Trunk
        Background and basis functions.
    frame : GridFrame
        The velocity models' grid and the surface.
    sources : Tensor, (n_sources, 2)
        The survey's source positions: easting, depth below the surface [km].
    prior_head : Tensor, (H,)
        The training models' mean head: where a cold fit starts.
    """

    trunk: Trunk
    frame: GridFrame
    sources: Tensor
    prior_head: Tensor

    @property
    def n_basis(self) -> int:
        """Unknowns of a head."""
        return len(self.prior_head)

    def _pairs(self, points: ArrayLike | Tensor, sources: ArrayLike | Tensor) -> list[Tensor]:
        """Points and sources (n, 2) below the surface, to physical positions."""
        like = self.trunk.weights[0]
        pairs = [
            torch.as_tensor(self.frame.hang(np.asarray(_host(p), float))).to(like)
            for p in (points, sources)
        ]
        return [p.contiguous() for p in torch.broadcast_tensors(*pairs)]

    @torch.no_grad()
    def jets(
        self, points: ArrayLike | Tensor, sources: ArrayLike | Tensor
    ) -> tuple[Tensor, Tensor]:
        """T_bg and T_bg phi_k with their derivatives along easting and (physical) depth.

        Parameters
        ----------
        points, sources : array_like, (n, 2)
            Easting and depth below the surface [km]; one of them may be (1, 2).

        Returns
        -------
        background : Tensor, (3, n)
            Time [s], derivatives [s/km].
        corrections : Tensor, (3, n, H)
            The same of every T_bg phi_k.
        """
        pair = self._pairs(points, sources)
        background = self.trunk.background.times(*pair)
        return background, scale_jets(background, self.trunk.jets(*pair))

    @torch.no_grad()
    def times(
        self, points: ArrayLike | Tensor, sources: ArrayLike | Tensor, head: Tensor
    ) -> Tensor:
        """Travel times between points and sources.

        Parameters
        ----------
        points, sources : array_like, (n, 2)
            Easting and depth below the surface [km]; one of them may be (1, 2).
        head : Tensor, (H,) or (n_models, H)
            One head or several.

        Returns
        -------
        Tensor, (n,) or (n_models, n)
            Times [s]; exactly zero where a point is its source.
        """
        pair = self._pairs(points, sources)
        phi = self.trunk.jets(*pair, values_only=True)[0]
        return self.trunk.background.times(*pair)[0] * (1 + head.to(phi) @ phi.T)

    @torch.no_grad()
    def basis_at(self, points: ArrayLike, sources: ArrayLike | Tensor | None = None) -> RayBasis:
        """The basis at the nodes of a grid, for rays to be traced on.

        Parameters
        ----------
        points : array_like, (..., 2)
            Nodes: easting and depth below the surface [km], below zero in the air.
        sources : array_like, (n_sources, 2), optional
            The survey's sources by default.

        Returns
        -------
        RayBasis
            ``basis @ head`` gives times (n_sources, ...) [s].
        """
        nodes = np.asarray(points, float)
        flat = nodes.reshape(-1, 2)
        background, corrections = [], []
        for source in np.asarray(_host(self.sources if sources is None else sources), float):
            pair = self._pairs(flat, source[None])
            times = self.trunk.background.times(*pair)[0]
            phi = self.trunk.jets(*pair, values_only=True)[0]
            background.append(times.reshape(nodes.shape[:-1]))
            corrections.append((times[:, None] * phi).reshape(*nodes.shape[:-1], -1))
        return RayBasis(background=torch.stack(background), corrections=torch.stack(corrections))

    @torch.no_grad()
    def collocate(self, points: ArrayLike | Tensor, sources: ArrayLike | Tensor) -> Collocation:
        """Prepare collocation points (n, 2) with their sources (n, 2) for fitting heads."""
        background, corrections = self.jets(points, sources)
        where = torch.as_tensor(_host(points), dtype=torch.float64)
        node, weight = bilinear(where, self.frame)
        return Collocation(
            points=where,
            sources=torch.as_tensor(_host(sources), dtype=torch.float64),
            background=background[1:],
            corrections=corrections[1:],
            node=node.to(background.device),
            weight=weight.to(background),
            shape=(self.frame.nx, self.frame.nz),
        )

    def velocity_sensitivity(
        self,
        where: Collocation,
        velocity: Tensor,
        head: Tensor,
        points: ArrayLike | Tensor,
        sources: ArrayLike | Tensor,
        *,
        ridge: float = 1e-6,
    ) -> Tensor:
        """Derivative of picks' network times with respect to velocity, the head refitted.

        Points and sources (m, 2): easting and depth below the surface [km]. Returns (m, n) as
        :func:`seisnb.traveltime.wavefront_heads.velocity_sensitivity` does.
        """
        derivative = self.jets(points, sources)[1][0]
        return velocity_sensitivity(where, velocity, head, derivative, ridge=ridge)

    def eikonal_residual(self, head: Tensor, velocity: Tensor, where: Collocation) -> float:
        """Root mean square of |grad T| v - 1 for a head and its model (nx, nz) at given points."""
        head = head.to(where.background)
        gradient = where.background + where.corrections @ head
        residual = torch.sqrt((gradient**2).sum(0)) * where.velocity(velocity) - 1
        return float(residual.double().square().mean().sqrt())

    def reciprocity_error(self, head: Tensor) -> float:
        """Largest |T(a, b) - T(b, a)| between the survey's sources [s]; rounding, by symmetry."""
        n = len(self.sources)
        a, b = self.sources.repeat(n, 1), self.sources.repeat_interleave(n, 0)
        return float((self.times(a, b, head) - self.times(b, a, head)).abs().max())

    def save(self, path: Path) -> None:
        """Write the network as safetensors: tensors, and the scalars as JSON metadata."""
        background = self.trunk.background
        tensors = {f"weight_{i}": w.detach() for i, w in enumerate(self.trunk.weights)} | {
            "datum": background.datum,
            "slope": background.slope,
            "sources": self.sources,
            "prior_head": self.prior_head,
            "surface": torch.as_tensor(np.stack(self.frame.surface)),
        }
        scalars = {
            "velocity": background.velocity, "gradient": background.gradient,
            "datum_x0": background.x0, "datum_step": background.step,
            "center": self.trunk.center, "length": self.trunk.length,
            "x0": self.frame.x0, "dx": self.frame.dx, "nx": self.frame.nx,
            "dz": self.frame.dz, "nz": self.frame.nz, "n_weights": len(self.trunk.weights),
        }  # fmt: skip
        metadata = {"format": _FORMAT, "scalars": json.dumps(scalars)}
        save_file({k: t.contiguous() for k, t in tensors.items()}, path, metadata=metadata)


def load_network(path: Path) -> WavefrontNetwork:
    """Read a network that :meth:`WavefrontNetwork.save` wrote.

    Raises
    ------
    CheckpointError
        Not a safetensors file, or not one of this version of the network.
    """
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            if metadata.get("format") != _FORMAT:
                raise CheckpointError(
                    f"load_network: {path} holds {metadata.get('format', 'no network')!r}, "
                    f"expected {_FORMAT!r}. Train the network again."
                )
            s = json.loads(metadata["scalars"])
            tensor = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            weights = [tensor[f"weight_{i}"] for i in range(s["n_weights"])]
    except (SafetensorError, KeyError, json.JSONDecodeError) as error:
        raise CheckpointError(
            f"load_network: {path} is not a wavefront network ({error}). Train it again."
        ) from error
    surface = tensor["surface"].numpy()
    background = Background(
        velocity=s["velocity"], gradient=s["gradient"], x0=s["datum_x0"], step=s["datum_step"],
        datum=tensor["datum"], slope=tensor["slope"],
    )  # fmt: skip
    return WavefrontNetwork(
        trunk=Trunk(
            background=background, center=s["center"], length=s["length"], weights=weights
        ),
        frame=GridFrame(
            x0=s["x0"], dx=s["dx"], nx=s["nx"], dz=s["dz"], nz=s["nz"],
            surface=(surface[0], surface[1]),
        ),
        sources=tensor["sources"],
        prior_head=tensor["prior_head"],
    )  # fmt: skip


def _host(values: ArrayLike | Tensor) -> ArrayLike:
    """Tensors on the host, anything else as it is."""
    return values.detach().cpu().numpy() if isinstance(values, Tensor) else values
