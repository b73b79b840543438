"""Results of a session: what each was made from, and the data without what is muted."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import xarray as xr

from seisnb.dashboards.figures.style import settings_of
from seisnb.dashboards.slip.code import reading_of, structure_options
from seisnb.geodesy import offsets_checksum
from seisnb.io import read_offsets
from seisnb.slip import Fault, SlipConfig, StructureEnsemble
from seisnb.slip.meshes import read_structures


def without(offsets: xr.Dataset, muted: Iterable[str]) -> xr.Dataset:
    """The displacements without some sites."""
    is_used = ~offsets["site"].isin(list(muted)).values
    return offsets.isel({name: is_used for name in ("site", "site_2") if name in offsets.dims})


def ensemble_checksum(ensemble: StructureEnsemble) -> str:
    """Of all structures and their prior weights."""
    digest = hashlib.sha256(np.round(ensemble.log_weight, 9).tobytes())
    for each in ensemble.structures:
        digest.update(each.checksum.encode())
        digest.update(np.ascontiguousarray(each.shear_modulus, float).tobytes())
    return digest.hexdigest()


@dataclass(frozen=True, eq=False, kw_only=True)
class Data:
    """Displacements and structures, with the checksum of the latter, which is dear."""

    offsets: xr.Dataset
    structures: StructureEnsemble
    structures_checksum: str

    @classmethod
    def of(cls, offsets: xr.Dataset, structures: StructureEnsemble) -> Data:
        """With the checksum computed once."""
        return cls(
            offsets=offsets, structures=structures,
            structures_checksum=ensemble_checksum(structures),
        )  # fmt: skip

    @property
    def checksums(self) -> dict[str, str]:
        """What the data are, by name."""
        return {
            "displacements": offsets_checksum(self.offsets),
            "structures": self.structures_checksum,
        }

    def key(self, muted: Iterable[str], config: SlipConfig) -> str:
        """The same for the same inversion; worker counts do not matter."""
        content = [
            offsets_checksum(without(self.offsets, muted)), self.structures_checksum,
            asdict(replace(config, n_workers=0)),
        ]  # fmt: skip
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def read_data(opened: Mapping[str, Any]) -> Data:
    """Displacements and structures from files, read as a state's ``opened`` says."""
    reading = reading_of(opened)
    offsets = read_offsets(opened["offsets"], unit=reading.unit)
    options = structure_options(reading)
    return Data.of(offsets, read_structures(list(opened["meshes"]), offsets, **options))


@dataclass(frozen=True, eq=False, kw_only=True)
class Run:
    """A result and what it was made from.

    Attributes
    ----------
    name : str
        For a person.
    slip : xr.Dataset
        The result.
    key : str
        Of :meth:`Data.key`; empty for a result that was handed over or opened.
    """

    name: str
    slip: xr.Dataset
    key: str = ""

    @property
    def smoothing(self) -> str:
        """The kind of its prior."""
        return str(settings_of(self.slip, "config").get("smoothing", "none"))

    @property
    def made_from(self) -> tuple[str, ...]:
        """The data, whatever the settings."""
        prior = np.round(self.slip["structure_prior"].values, 9)
        names = ("offsets_checksum", "structure_checksums")
        return (*(str(self.slip.attrs.get(name)) for name in names), prior.tobytes().hex())


def beside(run: Run, runs: Iterable[Run]) -> list[Run]:
    """The newest result of every kind of prior from the data of one; the weak prior first.

    Empty where there is one kind only.
    """
    found = {each.smoothing: each for each in runs if each.made_from == run.made_from}
    found[run.smoothing] = run
    if len(found) < 2:
        return []
    return sorted(found.values(), key=lambda each: (each.smoothing != "none", each.smoothing))


def data_of(slip: xr.Dataset) -> tuple[xr.Dataset, Fault]:
    """The displacements and the fault that a result holds, to be looked at."""
    places = ("easting", "northing", "longitude", "latitude")
    offsets = xr.Dataset(
        {
            "displacement": slip["observed"],
            "std": slip["observed_std"],
            **{name: slip[f"site_{name}"] for name in places},
        },
        attrs={name: slip.attrs[name] for name in ("projection", "quantity")},
    )
    if "observed_correlation" in slip:
        offsets["correlation"] = slip["observed_correlation"]
    parts = [slip[f"vertex_{name}"].values for name in ("easting", "northing", "depth")]
    fault = Fault(
        vertices=np.column_stack(parts), triangles=slip["triangle"].values,
        patch=slip["face_patch"].values,
    )  # fmt: skip
    return offsets, fault
