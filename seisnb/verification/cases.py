"""Truths that a study inverts: picks with their answer, and the prior that it is drawn from.

With truths drawn from the very prior, a calibrated ensemble holds the truth in a 95 % interval 95
times in a hundred: whatever is missing is the method's doing, not the prior's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from seisnb import synthetic
from seisnb.conventions import InputError
from seisnb.prior import GaussianProcessPrior, PriorConfig

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Case:
    """One truth with its picks.

    Attributes
    ----------
    survey : xr.Dataset
        The picks.
    truth : Array, (n_easting, n_depth)
        The true velocity on the process' grid [km/s].
    process : GaussianProcessPrior
        What the truth was drawn from.
    prior : PriorConfig
        The same as settings, nothing left open.
    settings : mapping
        Fields of the inversion's configuration that put it on the truth's grid.
    bands : tuple of (float, float)
        Depth bands [km] of the tables.
    """

    survey: xr.Dataset
    truth: Array
    process: GaussianProcessPrior
    prior: PriorConfig
    bands: tuple[tuple[float, float], ...]
    settings: Mapping[str, Any] = field(default_factory=dict)


#: Makes the case of a seed; a function of a module, so that other processes find it.
CaseMaker = Callable[[int], Case]


def line_case(seed: int) -> Case:
    """The 60 x 20 km line with 840 picks."""
    return _line(seed, 1.0, ((0.0, 2.0), (2.0, 5.0), (5.0, 10.0), (10.0, 20.0)))


def small_case(seed: int) -> Case:
    """Its twin of half the length and depth with a quarter of the picks, for costly methods."""
    return _line(seed, 0.5, ((0.0, 2.0), (2.0, 5.0), (5.0, 10.0)))


#: Cases by name.
CASES: Mapping[str, CaseMaker] = {"line": line_case, "small": small_case}


def case_maker(name: str) -> CaseMaker:
    """The cases of a name.

    Raises
    ------
    InputError
        There are none.
    """
    if name not in CASES:
        raise InputError(f"verify: there is no case {name!r}; expected {' or '.join(CASES)}.")
    return CASES[name]


def _line(seed: int, share: float, bands: tuple[tuple[float, float], ...]) -> Case:
    """The test line, or a share of it."""
    survey, truth, process = synthetic.test_line(seed, share=share)
    prior = replace(synthetic.TEST_LINE_PRIOR, kernel="gaussian", length_depth_growth=0.0)
    settings = {"depth_max": 20.0 * share, "cell": 0.2}
    return Case(
        survey=survey, truth=truth, process=process, prior=prior, settings=settings, bands=bands
    )
