"""Structures from files of meshes, with members around each of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from seisnb.conventions import GeometryError, InputError
from seisnb.io.meshes import read_mesh
from seisnb.slip.faults import triangle_fault
from seisnb.slip.structures import (
    Structure,
    StructureEnsemble,
    perturbed_structures,
    structure_ensemble,
)

Array = NDArray[np.float64]
WHERE = "read_structures"
#: Slip on a fault that is farther from every site [km] is not seen.
FARTHEST = 1000.0


@dataclass(frozen=True, kw_only=True)
class Spread:
    """How members of an ensemble differ from their mesh.

    Attributes
    ----------
    dip_std : float
        Standard deviation of a change of dip [degrees].
    depth_std, relief_std : float
        Of a shift of the whole fault, and of smooth relief on it [km].
    poisson_std : float
        Of Poisson's ratio.
    """

    dip_std: float = 0.0
    depth_std: float = 0.0
    relief_std: float = 0.0
    poisson_std: float = 0.0

    @property
    def is_any(self) -> bool:
        """Whether members differ at all."""
        return any(value != 0 for value in asdict(self).values())


def read_structures(
    paths: Sequence[str | Path],
    offsets: xr.Dataset,
    *,
    coordinates: str | None = None,
    shear_modulus: float = 30.0,
    poisson: float = 0.25,
    n_members: int = 1,
    spread: Spread | None = None,
    seed: int = 0,
) -> StructureEnsemble:
    """Meshes with equal numbers of patches, each with members around it, as one ensemble.

    Parameters
    ----------
    paths : sequence of str or Path
        As for :func:`seisnb.io.meshes.read_mesh`; the first one is the structure that answers are
        compared with and maps are drawn on. All are equally probable.
    offsets : xr.Dataset
        The displacements, whose projection the meshes come out in.
    coordinates : {"degrees", "km", "m"}, optional
        Of the files' horizontal axes; told from their range by default.
    shear_modulus : float
        [GPa].
    poisson : float
        Poisson's ratio.
    n_members : int
        Members around each mesh, itself among them.
    spread : Spread, optional
        How they differ; needed for more than one member.
    seed : int
        Of their draws.

    Raises
    ------
    InputError
        No mesh, a mesh twice, members without a spread or a spread without members, unequal
        numbers of patches, elastic constants that no rock has, or a file that is not there.
    FileFormatError, GeometryError
        A file that is no mesh, triangles that are no fault, or a fault far from all sites; the
        message names the file.
    """
    files = [Path(path) for path in paths]
    spread = spread or Spread()
    _check(files, n_members, spread)
    members = []
    for k, path in enumerate(files):
        vertices, triangles = read_mesh(path, offsets.attrs["projection"], coordinates=coordinates)
        _check_near(path.name, vertices, offsets)
        one = Structure(
            fault=triangle_fault(vertices, triangles, where=f"{WHERE}: {path.name}"),
            poisson=poisson, shear_modulus=1e9 * shear_modulus, name=path.stem,
        )  # fmt: skip
        if n_members == 1:
            members.append(replace(one, parameters={"dip": _mean_dip(one), "poisson": poisson}))
        else:
            around = perturbed_structures(one, n_members, seed=seed + k, **asdict(spread))
            members.extend(around.structures)
    return structure_ensemble(members)


def _mean_dip(structure: Structure) -> float:
    """Mean dip by area [degrees]."""
    return float(np.average(structure.fault.dip, weights=structure.fault.area))


def _check(files: Sequence[Path], n_members: int, spread: Spread) -> None:
    """Refuse what cannot be an ensemble, before any file is read."""
    if not files:
        raise InputError(f"{WHERE}: no mesh. Give at least one file.")
    twice = {str(path) for path in files if files.count(path) > 1}
    if twice:
        raise InputError(f"{WHERE}: {sorted(twice)[0]} is given twice. Name every mesh once.")
    if n_members < 1:
        raise InputError(f"{WHERE}: {n_members} members; expected 1 or more.")
    if n_members > 1 and not spread.is_any:
        raise InputError(
            f"{WHERE}: {n_members} members without a spread would all be alike. Say how they "
            "differ: dip_std, depth_std, relief_std or poisson_std."
        )
    if n_members == 1 and spread.is_any:
        raise InputError(
            f"{WHERE}: a spread needs members to differ. Ask for more than one member, such as 32."
        )


def _check_near(name: str, vertices: Array, offsets: xr.Dataset) -> None:
    """Refuse a mesh that is nowhere near the sites."""
    sites = np.column_stack([offsets["easting"].values, offsets["northing"].values])
    nearest = float(cKDTree(vertices[:, :2]).query(sites)[0].min())
    if not nearest <= FARTHEST:
        raise GeometryError(
            f"{WHERE}: {name} is {nearest:.0f} km from the nearest site. Are degrees, metres and "
            "kilometres confused? Say what its horizontal axes are in (coordinates)."
        )
