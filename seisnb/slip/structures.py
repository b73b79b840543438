"""What is uncertain below the ground: faults and elastic properties, as an ensemble."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from seisnb.conventions import InputError
from seisnb.eigenvectors import principal_factor
from seisnb.slip.elastic import PLAUSIBLE_POISSON, check_poisson, displacements
from seisnb.slip.faults import Fault, moved
from seisnb.slip.layered import layered_displacements
from seisnb.slip.layers import Layers
from seisnb.weights import prior_log_weights

Array = NDArray[np.float64]

#: Probability that a structure keeps from one event to the next, at least.
LEAST_WEIGHT = 1e-12
#: Share of the variance of a relief that its factor may leave out.
RELIEF_LEFT_OUT = 1e-6
#: Shear moduli of rock [Pa].
PLAUSIBLE_MODULUS = (1e8, 3e11)


@dataclass(frozen=True, kw_only=True)
class Structure:
    """One fault in one elastic half-space, homogeneous or of layers.

    Attributes
    ----------
    fault : Fault
        Its patches.
    poisson : float
        Poisson's ratio of the half-space; not used with ``layers``.
    shear_modulus : Array, (patch,)
        Rigidity [Pa] that turns slip into moment, 3e10 by default. It may change with depth, and
        does so for the moment only: displacements are those of a homogeneous half-space. With
        ``layers`` it is theirs at the patches' centres, whatever is given here.
    layers : Layers, optional
        Elastic layers in place of the homogeneous half-space.
    name : str
        For people.
    parameters : dict of str to float
        What distinguishes it, for figures: ``{"dip": 14.0}``.
    """

    fault: Fault
    poisson: float = 0.25
    shear_modulus: ArrayLike = 3e10
    layers: Layers | None = None
    name: str = ""
    parameters: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse elastic constants that no rock has.

        Raises
        ------
        InputError
            A Poisson's ratio outside 0 to 0.49, a modulus outside 0.1 to 300 GPa, or moduli that
            are not one for each patch.
        """
        check_poisson(self.poisson)
        given = np.asarray(self.shear_modulus, float)
        if self.layers is not None:
            given = self.layers.modulus_at(self.fault.centre[:, 2])
        if given.shape not in ((), (1,), (self.fault.n_patches,)):
            raise InputError(
                f"Structure {self.name!r}: shear moduli of shape {given.shape}; expected one, or "
                f"one for each of {self.fault.n_patches} patches."
            )
        modulus = np.broadcast_to(given, self.fault.n_patches)
        low, high = PLAUSIBLE_MODULUS
        if not ((modulus >= low) & (modulus <= high)).all():
            raise InputError(
                f"Structure {self.name!r}: shear moduli from {modulus.min():g} to "
                f"{modulus.max():g}; expected {low:g} to {high:g} Pa. Multiply GPa by 1e9."
            )
        object.__setattr__(self, "shear_modulus", modulus)

    @property
    def checksum(self) -> str:
        """SHA-256 over all that displacements depend on."""
        half_space = float(self.poisson) if self.layers is None else self.layers
        digest = hashlib.sha256(repr(half_space).encode())
        for array in (self.fault.vertices, self.fault.triangles, self.fault.patch):
            digest.update(repr((array.shape, str(array.dtype))).encode())
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()

    def displacements(self, easting: Array, northing: Array) -> Array:
        """Displacement of sites [km] by unit slip, (site, 3, patch, 2), in its half-space.

        Raises
        ------
        InputError
            A site on the fault's trace.
        """
        if self.layers is not None:
            return layered_displacements(self.fault, easting, northing, self.layers)
        return displacements(self.fault, easting, northing, self.poisson)


@dataclass(frozen=True, kw_only=True)
class StructureEnsemble:
    """Structures with their prior weights; patch i is the same part of the fault in all.

    Attributes
    ----------
    structures : tuple of Structure
        Members.
    log_weight : Array, (structure,)
        Log prior weights that sum to one.
    """

    structures: tuple[Structure, ...]
    log_weight: Array

    @property
    def weight(self) -> Array:
        """Prior weights, (structure,)."""
        return np.exp(self.log_weight)

    @property
    def n_patches(self) -> int:
        """Patches of every member."""
        return self.structures[0].fault.n_patches


def structure_ensemble(
    structures: Sequence[Structure], log_weight: ArrayLike | None = None
) -> StructureEnsemble:
    """Structures as an ensemble.

    Parameters
    ----------
    structures : sequence of Structure
        Members with equal numbers of patches.
    log_weight : array_like, (structure,), optional
        Log prior weights, equal by default; for instance what an earlier event left
        (:func:`seisnb.slip.structure_weights`).

    Raises
    ------
    InputError
        No member, members of different patch counts, or weights that are none.
    """
    if not structures:
        raise InputError("structure_ensemble: no structures. At least one is needed.")
    counts = [each.fault.n_patches for each in structures]
    if len(set(counts)) > 1:
        k = next(k for k, n in enumerate(counts) if n != counts[0])
        raise InputError(
            f"structure_ensemble: structure {k} ({structures[k].name!r}) has {counts[k]} patches, "
            f"structure 0 has {counts[0]}. Slip is compared patch by patch: mesh them alike, for "
            "instance by perturbing one mesh (perturbed_structures)."
        )
    return StructureEnsemble(
        structures=tuple(structures),
        log_weight=prior_log_weights(log_weight, len(structures), where="structure_ensemble"),
    )


def perturbed_structures(
    structure: Structure,
    n: int,
    *,
    dip_std: float = 0.0,
    depth_std: float = 0.0,
    relief_std: float = 0.0,
    relief_length: float = 50.0,
    poisson_std: float = 0.0,
    least_depth: float = 0.0,
    seed: int = 0,
) -> StructureEnsemble:
    """An ensemble around one structure; its first member is the structure itself.

    Parameters
    ----------
    structure : Structure
        What is varied.
    n : int
        Members.
    dip_std : float
        Standard deviation of a change of dip [degrees], by a rotation about the upper edge: depths
        below the shallowest vertex grow by the ratio of the tangents of the mean dip.
    depth_std : float
        Of a shift of the whole fault [km].
    relief_std, relief_length : float
        Of smooth relief on the depths, a Gaussian process of that length along the ground [km].
    poisson_std : float
        Of Poisson's ratio.
    least_depth : float
        Vertices are kept below it [km].
    seed : int
        Of the draws.

    Raises
    ------
    InputError
        A deviation that is negative or not finite, or no member.
    """
    spread = {
        "dip_std": dip_std, "depth_std": depth_std, "relief_std": relief_std,
        "poisson_std": poisson_std,
    }  # fmt: skip
    for name, value in spread.items():
        if not (np.isfinite(value) and value >= 0):
            raise InputError(f"perturbed_structures: {name} is {value}; expected 0 or more.")
    if poisson_std and structure.layers is not None:
        raise InputError(
            f"perturbed_structures: poisson_std is {poisson_std}, but the structure has layers, "
            "whose velocities say Poisson's ratios. Leave it 0, or vary the layers."
        )
    if n < 1 or not relief_length > 0:
        raise InputError(
            f"perturbed_structures: n is {n} and relief_length {relief_length} km; expected one or "
            "more members and a length above 0."
        )
    rng = np.random.default_rng([seed, 29])
    fault = structure.fault
    place, depth = fault.vertices[:, :2], fault.vertices[:, 2]
    top = depth.min()
    mean_dip = float(np.average(fault.dip, weights=fault.area))
    relief = _relief(place, relief_length) if relief_std else None
    low, high = PLAUSIBLE_POISSON
    own = {"dip": mean_dip, "depth": 0.0}
    if structure.layers is None:
        own["poisson"] = structure.poisson
    found = [replace(structure, parameters={**structure.parameters, **own})]
    for k in range(1, n):
        turn, shift, change = rng.standard_normal(3)
        dip = float(np.clip(mean_dip + dip_std * turn, 1.0, 89.0))
        ratio = np.tan(np.radians(dip)) / np.tan(np.radians(mean_dip)) if dip_std else 1.0
        z = top + (depth - top) * ratio + depth_std * shift
        if relief is not None:
            z = z + relief_std * (relief @ rng.standard_normal(relief.shape[1]))
        vertices = np.column_stack([place, np.maximum(z, least_depth)])
        poisson = float(np.clip(structure.poisson + poisson_std * change, low, high))
        values = {"dip": dip, "depth": float(depth_std * shift), "poisson": poisson}
        found.append(
            replace(
                structure,
                fault=moved(fault, vertices, where="perturbed_structures"),
                poisson=poisson,
                name=f"{structure.name or 'structure'} {k}",
                parameters={**structure.parameters, **{name: values[name] for name in own}},
            )
        )
    return structure_ensemble(found)


def _relief(place: Array, length: float) -> Array:
    """A factor (n, m) of a Gaussian covariance over places (n, 2)."""
    apart = np.linalg.norm(place[:, None] - place[None], axis=2)
    return principal_factor(np.exp(-0.5 * (apart / length) ** 2), RELIEF_LEFT_OUT)


def structure_weights(slip: xr.Dataset) -> Array:
    """What one event says of the structures, as the prior of the next.

    Parameters
    ----------
    slip : xr.Dataset
        Of :func:`seisnb.slip.invert_slip`.

    Returns
    -------
    Array, (structure,)
        Log probabilities, for ``log_weight`` of :func:`structure_ensemble` with the same structures
        in the same order. A structure that no draw of a sampler came near keeps a small weight, so
        that a later event can bring it back.

    Raises
    ------
    InputError
        The Dataset is no result of slip, or holds a sampler's answer that has not converged.
    """
    if slip.attrs.get("kind") != "slip" or "structure_probability" not in slip:
        raise InputError(
            f"structure_weights: a Dataset of kind {slip.attrs.get('kind')!r}; expected a result "
            "of invert_slip."
        )
    if str(slip.attrs.get("verdict", "")).startswith("NOT CONVERGED"):
        raise InputError(
            "structure_weights: the event's sampler has not converged, so its weights are noise. "
            "Use more n_particles or n_moves."
        )
    return np.asarray(np.log(np.maximum(slip["structure_probability"].values, LEAST_WEIGHT)))
