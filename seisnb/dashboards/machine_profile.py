"""What notebooks and dashboards begin with on a small machine, where nothing else is asked for.

The environment variable ``SEISNB_PROFILE`` names it: ``small`` suits one core and 2 GB, as on
Binder; unset, the configurations' own defaults hold. It only moves where a form or a notebook
begins: what a person, a command or a papermill parameter asks for is never changed.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from seisnb.conventions import InputError

#: Environment variable that names the profile.
PROFILE_VARIABLE = "SEISNB_PROFILE"


@dataclass(frozen=True, kw_only=True)
class MachineProfile:
    """Where notebooks and dashboards begin.

    Attributes
    ----------
    tomography, location : mapping of str to object
        Fields of ``TomographyConfig`` and ``LocationConfig`` that are not as by default. Names
        and values only: a page that opens must not wait for what it does not show.
    n_events : int
        Earthquakes of a synthetic catalogue.
    """

    tomography: Mapping[str, Any] = field(default_factory=dict)
    location: Mapping[str, Any] = field(default_factory=dict)
    n_events: int = 12

    @property
    def configs(self) -> Mapping[str, Mapping[str, Any]]:
        """The fields by the configurations' short names."""
        return {"tomography": self.tomography, "location": self.location}


PROFILES: Mapping[str, MachineProfile] = {
    "": MachineProfile(),
    # the cores of a shared machine are seen but not to be had, so workers are named
    "small": MachineProfile(
        tomography={"n_members": 20, "n_workers": 1},
        location={"n_samples": 500, "table_step": 1.2, "n_workers": 1},
        n_events=6,
    ),
}


def machine_profile() -> MachineProfile:
    """The profile that ``SEISNB_PROFILE`` names.

    Raises
    ------
    InputError
        There is no such profile.
    """
    name = os.environ.get(PROFILE_VARIABLE, "")
    if name not in PROFILES:
        raise InputError(
            f"machine_profile: {PROFILE_VARIABLE} is {name!r}; expected 'small', or unset it."
        )
    return PROFILES[name]
