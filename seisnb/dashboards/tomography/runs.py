"""Results of a session: what each was made from."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, replace

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from seisnb.conventions import SURVEY
from seisnb.prior import PriorConfig
from seisnb.survey import survey_checksum
from seisnb.tomography import TomographyConfig


@dataclass(frozen=True, eq=False, kw_only=True)
class Asked:
    """What one inversion is made of."""

    survey: xr.Dataset
    prior: PriorConfig
    config: TomographyConfig

    @property
    def key(self) -> str:
        """The same for the same picks, mutes, prior and inversion; worker counts do not matter."""
        used = self.survey["used"].values.astype(bool)
        content = [
            survey_checksum(self.survey),
            hashlib.sha256(np.packbits(used).tobytes()).hexdigest(),
            asdict(self.prior),
            asdict(replace(self.config, n_workers=0)),
        ]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


@dataclass(frozen=True, eq=False, kw_only=True)
class Run:
    """A result and what it was made from.

    Attributes
    ----------
    name : str
        For a person.
    ensemble : xr.Dataset
        The result.
    key : str
        Of :class:`Asked`; empty for a result that was opened.
    fitted : array of int, (pick,)
        Numbers in the survey of the result's picks.
    """

    name: str
    ensemble: xr.Dataset
    key: str = ""
    fitted: NDArray[np.int64]

    @classmethod
    def of(cls, name: str, ensemble: xr.Dataset, asked: Asked | None) -> Run:
        """A result of an inversion, or one that was opened."""
        n_picks = ensemble.sizes["pick"]
        used = np.ones(n_picks, bool)
        if asked is not None:
            used = asked.survey["used"].values.astype(bool)
        whole = n_picks == used.size
        fitted = np.arange(used.size) if whole else np.flatnonzero(used)
        return cls(
            name=name, ensemble=ensemble, key="" if asked is None else asked.key, fitted=fitted
        )


def survey_of(ensemble: xr.Dataset) -> xr.Dataset:
    """The picks that an ensemble holds, all used."""
    survey = ensemble[[name for name in SURVEY if name in ensemble]]
    survey = survey.drop_vars([n for n in survey.coords if n not in ("pick", "profile")])
    if "used" not in survey:
        survey = survey.assign(used=("pick", np.ones(survey.sizes["pick"], bool)))
    return survey
