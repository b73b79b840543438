"""Change of Coulomb stress by slip, on given planes and on the fault that slips itself.

Shear stress along a receiver's rake plus friction times normal stress, tension positive: what is
positive brings the receiver nearer to slip. Rock is one homogeneous elastic half-space.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Literal, get_args

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

import seisnb
from seisnb.conventions import Cancelled, InputError, Variable, check_dataset, set_units
from seisnb.slip.elastic import strains
from seisnb.slip.receivers import RECEIVERS, Planes, own_planes, planes_of
from seisnb.slip.result import QUANTILES
from seisnb.slip.structures import (
    PLAUSIBLE_MODULUS,
    Structure,
    StructureEnsemble,
    structure_ensemble,
)
from seisnb.threads import in_parallel, single_threaded, worker_count

Array = NDArray[np.float64]
StressUnit = Literal["kPa", "MPa"]

WHERE = "coulomb_stress"
#: Pairs of points and triangles whose strains are held at once.
N_AT_ONCE = 200_000
_PASCALS = {"kPa": 1e3, "MPa": 1e6}
_SLIP = {
    "slip_vector": Variable(dims=("sample", "patch", "direction"), units="m", long_name="slip"),
    "structure": Variable(dims=("sample",), units="1", long_name="structure of a sample"),
}


def coulomb_stress(
    slip: xr.Dataset | ArrayLike,
    structures: StructureEnsemble | Structure,
    receivers: xr.Dataset | None = None,
    *,
    friction: float = 0.4,
    rake: ArrayLike = 90.0,
    shear_modulus: float | None = None,
    unit: StressUnit = "kPa",
    keep_samples: bool = False,
    n_workers: int = 0,
    cancel: Callable[[], bool] = lambda: False,
) -> xr.Dataset:
    """Change of Coulomb stress, for every sample of slip on the structure that it was drawn with.

    Parameters
    ----------
    slip : xr.Dataset or array_like, (patch, 2) or (sample, patch, 2)
        What :func:`seisnb.slip.invert_slip` returned; or slip along strike and up the dip [m] on
        one structure.
    structures : StructureEnsemble or Structure
        Those that the slip was inverted on.
    receivers : xr.Dataset, optional
        Of :func:`seisnb.slip.receiver_planes`; by default the slipping fault's own patches, which
        move with the structure of each sample.
    friction : float
        Effective coefficient of friction, pore pressure included, 0 to 1.
    rake : array_like, () or (patch,)
        On the fault's own patches [degrees]; given receivers have theirs.
    shear_modulus : float, optional
        Of the half-space [Pa]; by default the mean of a structure's, by area.
    unit : {"kPa", "MPa"}
        Of the result.
    keep_samples : bool
        Also return every sample.
    n_workers : int
        Threads; 0 means all cores.
    cancel : callable, optional
        Returns True to stop.

    Returns
    -------
    xr.Dataset
        Of kind ``coulomb``, by receiver: ``coulomb_mean``, ``coulomb_std``, ``coulomb_quantile``,
        ``shear_mean``, ``normal_mean`` (tension positive), ``probability_positive``; places and
        angles, of own patches those of the first structure; ``coulomb`` (sample, receiver) where
        asked for. Stress per year of velocities.

    Raises
    ------
    InputError
        Slip that does not belong to the structures, structures with layers, a friction, modulus or
        unit that cannot be, or a receiver on an edge of the fault's triangles.
    GeometryError
        A receiver above the ground.
    Cancelled
        On request.

    Notes
    -----
    On the fault itself stress is that at the centroids of triangles, each of which slips evenly. It
    has a value there, but it depends on the mesh: what a patch relieves itself of grows as its slip
    over its size, and near the borders of patches stress has no bound. Read it between patches, or
    with smooth slip on patches much smaller than its variations.

    A strain takes about 20 microseconds for each structure in the samples, point and triangle:
    ``slip.isel(sample=slice(100))`` holds fewer structures.
    """
    ensemble = structures if isinstance(structures, StructureEnsemble) else structure_ensemble(
        [structures]
    )  # fmt: skip
    _check_settings(ensemble, friction, shear_modulus, unit)
    vectors, which, attributes = _slip_of(slip, ensemble)
    given = None if receivers is None else planes_of(receivers, where=WHERE)
    planes = {
        k: given or own_planes(ensemble.structures[k].fault, rake, where=WHERE)
        for k in np.unique(which)
    }
    parts = [
        (k, slice(first, first + _points_at_once(ensemble.structures[k])))
        for k, own in planes.items()
        for first in range(0, len(own.points), _points_at_once(ensemble.structures[k]))
    ]

    def part(i: int) -> tuple[Array, Array]:
        k, rows = parts[i]
        structure = ensemble.structures[k]
        modulus = (shear_modulus or _mean_modulus(structure)) / _PASCALS[unit]
        return _stress(structure, planes[k], rows, modulus * vectors[which == k])

    n_receivers = given.n_receivers if given else ensemble.n_patches
    shear, normal = (np.zeros((len(vectors), n_receivers)) for _ in range(2))
    n_done = 0
    with single_threaded():
        for i, found in in_parallel(
            part, list(range(len(parts))), n_workers=worker_count(n_workers), is_cancelled=cancel
        ):
            k, rows = parts[i]
            at = np.flatnonzero(which == k)[:, None], planes[k].receiver[rows]
            for whole, each in zip((shear, normal), found, strict=True):
                np.add.at(whole, at, each)  # a patch may have several points
            n_done += 1
    if n_done < len(parts):
        raise Cancelled(f"{WHERE}: cancelled after {n_done} of {len(parts)} parts.")
    if receivers is None:
        receivers = _described_patches(ensemble.structures[0], rake)
    return _dataset(
        shear, normal, friction=friction, receivers=receivers, keep_samples=keep_samples,
        units=unit + ("/yr" if attributes.get("quantity") == "velocity" else ""),
        attributes=attributes,
    )  # fmt: skip


def _check_settings(
    ensemble: StructureEnsemble, friction: float, shear_modulus: float | None, unit: str
) -> None:
    """Refuse settings and structures that cannot be used."""
    if unit not in get_args(StressUnit):
        raise InputError(f"{WHERE}: unit is {unit!r}; expected 'kPa' or 'MPa'.")
    if not 0.0 <= friction <= 1.0:
        raise InputError(f"{WHERE}: friction is {friction}; expected 0 to 1, for rock near 0.4.")
    low, high = PLAUSIBLE_MODULUS
    if shear_modulus is not None and not low <= shear_modulus <= high:
        raise InputError(
            f"{WHERE}: shear_modulus is {shear_modulus:g}; expected {low:g} to {high:g} Pa. "
            "Multiply GPa by 1e9."
        )
    for each in ensemble.structures:
        if each.layers is not None:
            raise InputError(
                f"{WHERE}: structure {each.name!r} has layers; stress is computed in a "
                "homogeneous half-space only. Replace its layers by None and give poisson."
            )


def _slip_of(
    slip: xr.Dataset | ArrayLike, ensemble: StructureEnsemble
) -> tuple[Array, NDArray[np.intp], dict[str, str]]:
    """Slip (sample, patch, 2) [m], the structure of every sample, and what is known of it."""
    n = ensemble.n_patches
    if not isinstance(slip, xr.Dataset):
        vectors = np.asarray(slip, float)
        vectors = vectors[None] if vectors.ndim == 2 else vectors
        if vectors.ndim != 3 or vectors.shape[1:] != (n, 2) or not np.isfinite(vectors).all():
            raise InputError(
                f"{WHERE}: slip of shape {np.shape(slip)}; expected finite metres along strike and "
                f"up the dip of {n} patches, ({n}, 2), or samples of them."
            )
        if len(ensemble.structures) > 1:
            raise InputError(
                f"{WHERE}: slip is an array and there are {len(ensemble.structures)} structures. "
                "Give the one that it is on, or the Dataset that invert_slip returned."
            )
        return vectors, np.zeros(len(vectors), np.intp), {}
    check_dataset(slip, _SLIP, where=WHERE, kind="slip")
    checksums = json.loads(str(slip.attrs.get("structure_checksums", "[]")))
    if checksums != [each.checksum for each in ensemble.structures]:
        raise InputError(
            f"{WHERE}: the slip was inverted on {len(checksums)} other structures than the "
            f"{len(ensemble.structures)} given. Give the same ensemble in the same order."
        )
    keys = ("quantity", "offsets_checksum", "structure_checksums", "projection")
    known = {key: str(slip.attrs[key]) for key in keys if key in slip.attrs}
    return slip["slip_vector"].values.astype(float), slip["structure"].values.astype(int), known


def _mean_modulus(structure: Structure) -> float:
    """A structure's shear modulus [Pa], the mean of its patches' by area."""
    return float(np.average(np.asarray(structure.shear_modulus), weights=structure.fault.area))


def _points_at_once(structure: Structure) -> int:
    """Points whose strains by all triangles are held at once."""
    return max(1, N_AT_ONCE // len(structure.fault.triangles))


def _stress(structure: Structure, planes: Planes, rows: slice, slip: Array) -> tuple[Array, Array]:
    """Shear stress along the rakes and normal stress at some points, each (sample, point).

    By slip (sample, patch, 2) times the shear modulus, and times the points' shares of receivers.
    """
    strain = strains(structure.fault, planes.points[rows], structure.poisson)
    share = 2.0 * structure.poisson / (1.0 - 2.0 * structure.poisson)  # lambda over mu
    n, s = planes.normal[rows], planes.slip[rows]
    shear_by = 2.0 * np.einsum("nk,nkpd->npd", _pairs(n, s), strain)
    normal_by = 2.0 * np.einsum("nk,nkpd->npd", _pairs(n, n), strain)
    normal_by += share * strain[:, :3].sum(axis=1)
    flat = slip.reshape(len(slip), -1)
    shear, normal = (flat @ each.reshape(len(each), -1).T for each in (shear_by, normal_by))
    return shear * planes.weight[rows], normal * planes.weight[rows]


def _pairs(a: Array, b: Array) -> Array:
    """Factors (n, 6) of xx, yy, zz, xy, xz, yz in a . strain . b."""
    both = [a[:, i] * b[:, j] + a[:, j] * b[:, i] for i, j in ((0, 1), (0, 2), (1, 2))]
    return np.column_stack([a * b, *both])


def _described_patches(structure: Structure, rake: ArrayLike) -> xr.Dataset:
    """The fault's own patches as receivers."""
    fault = structure.fault
    values = {
        **dict(zip(("easting", "northing", "depth"), fault.centre.T, strict=True)),
        "strike": fault.strike, "dip": fault.dip,
        "rake": np.broadcast_to(np.asarray(rake, float), fault.n_patches),
    }  # fmt: skip
    return xr.Dataset({name: ("receiver", value) for name, value in values.items()})


def _dataset(
    shear: Array,
    normal: Array,
    *,
    friction: float,
    receivers: xr.Dataset,
    keep_samples: bool,
    units: str,
    attributes: dict[str, str],
) -> xr.Dataset:
    """Mean, deviation and quantiles over samples."""
    coulomb = shear + friction * normal
    words = {
        "coulomb_mean": (("receiver",), units, "mean change of Coulomb stress"),
        "coulomb_std": (("receiver",), units, "its standard deviation over samples"),
        "coulomb_quantile": (("quantile", "receiver"), units, "quantiles of it over samples"),
        "shear_mean": (("receiver",), units, "mean change of shear stress along the rake"),
        "normal_mean": (("receiver",), units, "mean change of normal stress, tension positive"),
        "probability_positive": (("receiver",), "1", "share of samples that bring slip nearer"),
        "coulomb": (("sample", "receiver"), units, "change of Coulomb stress"),
    }
    values = {
        "coulomb_mean": coulomb.mean(axis=0),
        "coulomb_std": coulomb.std(axis=0, ddof=1) if len(coulomb) > 1 else 0.0 * coulomb[0],
        "coulomb_quantile": np.quantile(coulomb, QUANTILES, axis=0, method="weibull"),
        "shear_mean": shear.mean(axis=0),
        "normal_mean": normal.mean(axis=0),
        "probability_positive": (coulomb > 0).mean(axis=0),
    }
    if keep_samples:
        values["coulomb"] = coulomb.astype(np.float32)
    dataset = xr.Dataset(
        {
            **{name: (words[name][0], value) for name, value in values.items()},
            **{name: ("receiver", receivers[name].values.copy()) for name in RECEIVERS},
        },
        coords={"quantile": list(QUANTILES)},
        attrs={
            "kind": "coulomb", "friction": friction, "seisnb_version": seisnb.__version__,
            **attributes,
        },
    )  # fmt: skip
    table = {n: Variable(dims=d, units=u, long_name=long) for n, (d, u, long) in words.items()}
    return set_units(set_units(dataset, RECEIVERS), table)
