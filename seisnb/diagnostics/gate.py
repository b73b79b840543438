"""A gate: a condition that a result must meet, and how gates are stored with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import xarray as xr

Level = Literal["good", "care", "bad"]


@dataclass(frozen=True, kw_only=True)
class Gate:
    """A condition that a result must meet.

    Attributes
    ----------
    name, title : str
        For programs and for people.
    value : float
        As found; NaN where it is not known or where there is nothing to judge.
    low, high : float
        The range allowed; infinite where open.
    passed : bool or None
        None: not known.
    sentence : str
        What was found, without an end stop.
    remedy : str
        What to do where the gate is not passed, beginning with a verb; empty where it is.
    level : str
        What a result with this gate failed is at best, ``care`` or ``bad``.
    """

    name: str
    title: str
    value: float
    low: float = -np.inf
    high: float = np.inf
    passed: bool | None
    sentence: str
    remedy: str = ""
    level: Level = "bad"


def gate_dataset(found: Sequence[Gate]) -> xr.Dataset:
    """The gates as variables, to be stored with the result.

    Parameters
    ----------
    found : sequence of Gate
        As :func:`gates` gives them.

    Returns
    -------
    xr.Dataset
        ``gate_value``, ``gate_low``, ``gate_high`` and ``gate_passed`` (1 passed, 0 failed,
        -1 not known) on ``gate``, whose coordinate holds the names.
    """
    made = xr.Dataset(
        {
            "gate_value": ("gate", np.array([each.value for each in found], float)),
            "gate_low": ("gate", np.array([each.low for each in found], float)),
            "gate_high": ("gate", np.array([each.high for each in found], float)),
            "gate_passed": (
                "gate",
                np.array([-1 if g.passed is None else int(g.passed) for g in found], np.int8),
            ),
        },
        coords={"gate": [each.name for each in found]},
    )
    names = {
        "gate_value": "gate: value found; NaN: not known or nothing to judge",
        "gate_low": "gate: least value allowed",
        "gate_high": "gate: largest value allowed",
        "gate_passed": "gate: 1 passed, 0 failed, -1 not known",
        "gate": "condition that a result must meet",
    }
    for name, long_name in names.items():
        made[name].attrs.update(units="1", long_name=long_name)
    return made
