"""A slip inversion made ready: whitened data, predictions of unit slip, prior."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.spatial import KDTree

from seisnb.conventions import Cancelled, GeometryError, InputError
from seisnb.eigenvectors import principal_factor
from seisnb.geodesy import COMPONENTS
from seisnb.slip.cache import N_COPIES, KernelCache, check_memory, kernel_key
from seisnb.slip.config import SlipConfig
from seisnb.slip.faults import Fault, part_of
from seisnb.slip.gaussian import GaussianSlip, Whitening
from seisnb.slip.prior import correlation, factor_of
from seisnb.slip.structures import Structure, StructureEnsemble
from seisnb.threads import in_parallel, worker_count

Array = NDArray[np.float64]

#: Free motions of the network vary by so many times the data's own size.
FREE = 30.0
#: Prior standard deviations that are tried, in powers of two around what fits the data's size.
POWERS = np.arange(-4.0, 6.0)
#: Correlation lengths that are tried, as shares of the fault's size.
LENGTHS = (0.05, 0.1, 0.2, 0.4)
#: Share of the field's variance that modes may leave out.
LEFT_OUT = 1e-3
#: A site farther from the fault than so many times the fault's size tells that units are confused.
FARTHEST = 30.0


@dataclass(frozen=True, kw_only=True, eq=False)
class Problem:
    """Whitened data and kernels.

    Attributes
    ----------
    ensemble : StructureEnsemble
        The structures, of patches that may slip.
    notes : tuple of str
        What was left out.
    config : SlipConfig
        How to invert.
    used : NDArray of bool, (site, 3)
        Components that are fitted.
    observed : Array, (datum,)
        Their values [m].
    kernels : Array, (structure, datum, unknown)
        Predictions [m] of a metre of slip; unknowns are directions within patches.
    directions : Array, (patch, n_directions, 2)
        Unit slip of every unknown along strike and up the dip, on the first structure.
    motions : Array, (datum, m)
        Motions of the network that are no slip, per unit.
    motion_std : Array, (m,)
        Their prior standard deviations [m].
    whitening : Whitening
        Of errors and motions.
    """

    ensemble: StructureEnsemble
    notes: tuple[str, ...]
    config: SlipConfig
    used: NDArray[np.bool_]
    observed: Array
    kernels: Array
    directions: Array
    motions: Array
    motion_std: Array
    whitening: Whitening

    @property
    def fault(self) -> Fault:
        """The first structure's fault, which distances are measured on."""
        return self.ensemble.structures[0].fault

    @property
    def n_directions(self) -> int:
        """Unknowns of a patch."""
        return int(self.directions.shape[1])

    @cached_property
    def white_observed(self) -> Array:
        """Whitened data, (datum,)."""
        return self.whitening(self.observed)

    @cached_property
    def white_kernels(self) -> Array:
        """Whitened kernels, (structure, datum, unknown)."""
        return np.stack([self.whitening(kernel) for kernel in self.kernels])

    @cached_property
    def amplitudes(self) -> Array:
        """Prior standard deviations to be tried [m]: the given one, or around what fits."""
        if self.config.slip_std is not None:
            return np.array([self.config.slip_std])
        size = np.mean([(kernel**2).sum() for kernel in self.white_kernels])
        signal = max(float(self.white_observed @ self.white_observed), self.observed.size)
        return np.asarray(np.sqrt(signal / max(size, 1e-300)) * 2.0**POWERS)

    @cached_property
    def lengths(self) -> Array:
        """Correlation lengths to be tried [km]: the given one, or shares of the fault's size."""
        if self.config.smoothing == "none":
            return np.array([0.0])
        if self.config.smoothing_length is not None:
            return np.array([self.config.smoothing_length])
        size = float(np.linalg.norm(np.ptp(self.fault.centre, axis=0)))
        return np.asarray(size * np.array(LENGTHS), float)

    def factor(self, length: float) -> Array:
        """Lower factor of the prior correlation of all unknowns."""
        over_patches = correlation(self.fault, self.config.smoothing, length)
        return np.asarray(np.kron(factor_of(over_patches), np.eye(self.n_directions)), float)

    def modes(self) -> tuple[Array, NDArray[np.intp]]:
        """Fields by few coefficients, (length, unknown, mode), and how many each length has.

        Modes are left out that hold less than :data:`LEFT_OUT` of the variance. Without smoothing
        there is nothing to leave out: (1, 0, unknown) stands for the unit matrix.
        """
        n = self.n_directions * self.fault.n_patches
        if self.config.smoothing == "none":
            return np.zeros((1, 0, n)), np.array([n])
        found = []
        for length in self.lengths:
            over_patches = correlation(self.fault, self.config.smoothing, length)
            kept = principal_factor(over_patches, LEFT_OUT)
            found.append(np.kron(kept, np.eye(self.n_directions)))
        ranks = np.array([each.shape[1] for each in found])
        whole = np.zeros((len(found), n, ranks.max()))
        for row, each in zip(whole, found, strict=True):
            row[:, : each.shape[1]] = each
        return whole, ranks

    def gaussian(
        self, structure: int, factor: Array, amplitude: float, inverse_temperature: float = 1.0
    ) -> GaussianSlip:
        """The linear Gaussian problem of one structure."""
        return GaussianSlip(
            kernel=self.white_kernels[structure], factor=amplitude * factor,
            observed=self.white_observed, inverse_temperature=inverse_temperature,
        )  # fmt: skip


def make_problem(
    offsets: xr.Dataset,
    ensemble: StructureEnsemble,
    config: SlipConfig,
    *,
    cache: KernelCache | None = None,
    report: Callable[[int, int], None] = lambda *_: None,
    is_cancelled: Callable[[], bool] = lambda: False,
) -> Problem:
    """Compute predictions of unit slip for all structures, in parallel, and whiten.

    Raises
    ------
    InputError, GeometryError
        No datum is left, sites and fault are not in one place, or kernels do not fit into memory.
    Cancelled
        On request.
    """
    used = np.isfinite(offsets["displacement"].values)
    if not config.use_vertical:
        used[:, COMPONENTS.index("up")] = False
    if not used.any():
        raise InputError("invert_slip: no component of any site is left. Use more of them.")
    x, y = offsets["easting"].values.astype(float), offsets["northing"].values.astype(float)
    _check_places(x, y, ensemble)
    ensemble, notes = _slipping(ensemble, np.column_stack([x, y])[used.any(axis=1)], config)
    turns = [directions_of(each.fault, config) for each in ensemble.structures]
    n_copies, n_fields = _held(config)
    check_memory(
        len(turns), int(used.sum()), turns[0][..., 0].size, n_copies=n_copies, n_fields=n_fields
    )

    def kernel(k: int) -> Array:
        structure = ensemble.structures[k]
        unit = _displacements(structure, x, y, cache)
        along = np.einsum("scpq,pdq->scpd", unit, turns[k])
        return np.asarray(along[used].reshape(used.sum(), -1))

    found: dict[int, Array] = {}
    n = len(ensemble.structures)
    for k, each in in_parallel(
        kernel, list(range(n)), n_workers=worker_count(config.n_workers), is_cancelled=is_cancelled
    ):
        found[k] = each
        report(len(found), n)
    if len(found) < n:
        raise Cancelled(f"invert_slip: cancelled after {len(found)} of {n} structures.")
    observed = offsets["displacement"].values[used].astype(float)
    motions, motion_std = _motions(x, y, used, observed, config)
    return Problem(
        ensemble=ensemble, notes=notes, config=config, used=used, observed=observed,
        kernels=np.stack([found[k] for k in range(n)]), directions=turns[0], motions=motions,
        motion_std=motion_std,
        whitening=Whitening.of(_covariance(offsets, used), motions, motion_std),
    )  # fmt: skip


def _held(config: SlipConfig) -> tuple[int, int]:
    """Arrays held at once, of (structure, datum, unknown) and of (unknown, unknown), as measured.

    The sampler adds columns, and for every correlation length the directions that data determine
    and, while they are found, what they are found from.
    """
    is_rough = config.smoothing == "none"
    n_lengths = 1 if is_rough or config.smoothing_length is not None else len(LENGTHS)
    n_copies = N_COPIES + (2 + n_lengths if config.positive else 0)
    if is_rough:
        return n_copies, 0 if config.positive else 3
    return n_copies, 7


def _slipping(
    ensemble: StructureEnsemble, sites: Array, config: SlipConfig
) -> tuple[StructureEnsemble, tuple[str, ...]]:
    """The structures without patches that do not slip by the configuration, and a note of them."""
    centre = ensemble.structures[0].fault.centre
    keep = np.ones(len(centre), bool)
    if config.depth_min is not None:
        keep &= centre[:, 2] >= config.depth_min
    if config.depth_max is not None:
        keep &= centre[:, 2] <= config.depth_max
    if config.reach is not None:
        keep &= KDTree(sites).query(centre[:, :2])[0] <= config.reach
    if keep.all():
        return ensemble, ()
    limits = f"depth_min {config.depth_min}, depth_max {config.depth_max}, reach {config.reach} km"
    if not keep.any():
        raise InputError(
            f"invert_slip: no patch may slip: {limits}; the fault's patches are at depths of "
            f"{centre[:, 2].min():.1f} to {centre[:, 2].max():.1f} km. Widen the limits."
        )
    rest = [
        replace(
            each, fault=part_of(each.fault, keep),
            shear_modulus=np.asarray(each.shear_modulus)[keep],
        )
        for each in ensemble.structures
    ]  # fmt: skip
    note = f"{(~keep).sum()} of {keep.size} patches do not slip ({limits})"
    return replace(ensemble, structures=tuple(rest)), (note,)


def _displacements(structure: Structure, x: Array, y: Array, cache: KernelCache | None) -> Array:
    """Displacement of sites by unit slip, (site, 3, patch, 2), computed only where not kept."""
    if cache is None:
        return structure.displacements(x, y)
    key = kernel_key(structure.checksum, x, y)
    found = cache.get(key, (x.size, 3, structure.fault.n_patches, 2))
    if found is None:
        found = structure.displacements(x, y)
        cache.put(key, found)
    return found


def directions_of(fault: Fault, config: SlipConfig) -> Array:
    """Unit slip of the unknowns of every patch, (patch, n_directions, 2): along strike, up dip."""
    n = fault.n_patches
    if config.rake_mode == "free":
        return np.broadcast_to(np.eye(2), (n, 2, 2))
    if config.azimuth is None:
        rake = np.full(n, np.radians(config.rake or 0.0))
    else:
        a = np.radians(config.azimuth)
        heading = np.array([np.sin(a), np.cos(a), 0.0])
        level = np.cos(np.radians(fault.dip))
        up_dip = (fault.up_dip @ heading) / np.maximum(level, 1e-3) ** 2
        rake = np.arctan2(up_dip, fault.along_strike @ heading)
    half = np.radians(config.rake_width) / 2
    angles = [rake] if config.rake_mode == "fixed" else [rake - half, rake + half]
    return np.stack([np.column_stack([np.cos(r), np.sin(r)]) for r in angles], axis=1)


def _covariance(offsets: xr.Dataset, used: NDArray[np.bool_]) -> Array:
    """Covariance of the used components [m2]."""
    if "covariance" in offsets:
        n = used.size
        whole = offsets["covariance"].values.reshape(n, n)
        return np.asarray(whole[np.ix_(used.ravel(), used.ravel())], float)
    return np.diag(offsets["std"].values[used].astype(float) ** 2)


def _motions(
    x: Array, y: Array, used: NDArray[np.bool_], observed: Array, config: SlipConfig
) -> tuple[Array, Array]:
    """Motions of the network, (datum, m) per unit, and their prior standard deviations (m,)."""
    zero, one = np.zeros_like(x), np.ones_like(x)
    modes: list[Array] = []
    if config.frame != "none":
        shown = [
            np.column_stack(c) for c in ((one, zero, zero), (zero, one, zero), (zero, zero, one))
        ]
        modes = [mode for mode, is_used in zip(shown, used.T, strict=True) if is_used.any()]
    if config.frame == "rotation":
        dx, dy = x - x.mean(), y - y.mean()
        reach = max(float(np.hypot(dx, dy).max()), 1e-9)
        modes.append(np.column_stack([-dy / reach, dx / reach, zero]))
    size = FREE * max(float(np.sqrt(np.mean(observed**2))), 1e-6)
    if not modes:
        return np.zeros((observed.size, 0)), np.zeros(0)
    return np.column_stack([mode[used] for mode in modes]), np.full(len(modes), size)


def _check_places(x: Array, y: Array, ensemble: StructureEnsemble) -> None:
    """Refuse sites and faults that are not in one region."""
    vertices = ensemble.structures[0].fault.vertices
    middle = vertices[:, :2].mean(axis=0)
    size = max(float(np.linalg.norm(np.ptp(vertices, axis=0))), 1.0)
    nearest = float(np.hypot(x - middle[0], y - middle[1]).min())
    if nearest > FARTHEST * size:
        raise GeometryError(
            f"invert_slip: the nearest site is {nearest:.0f} km from the middle of a fault that is "
            f"{size:.0f} km across. Are degrees, metres and kilometres confused, or two "
            "projections? Read sites and mesh in one projection."
        )
