"""What a verdict advises, tried: a fault is provoked and named, and the remedy takes it away."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import xarray as xr

from seisnb.diagnostics import judge
from seisnb.tomography import invert
from tests.tomography.conftest import PRIOR, Line, config, make_line

pytestmark = pytest.mark.slow

Survey = Callable[[xr.Dataset], None]
Settings = dict[str, Any]


@pytest.fixture(scope="module")
def many() -> Line:
    """A line of 160 picks, so that a wrong setting shows."""
    return make_line(3, n_receivers=8, n_shots=21)


def reasons(
    line: Line, change: Survey | None = None, prior: Settings | None = None, **settings: Any
) -> dict[str, str]:
    """Reasons by name of an inversion with changed picks, prior and settings."""
    survey = line.survey.copy(deep=True)
    if change:
        change(survey)
    changed = replace(PRIOR, **(prior or {}))
    found = judge(invert(survey, changed, config(**{"n_members": 3, **settings})))
    return {each.name: each.sentence for each in found.reasons}


def scaled(factor: float) -> Survey:
    def change(survey: xr.Dataset) -> None:
        survey["pick_std"].values[:] *= factor

    return change


def outliers(survey: xr.Dataset) -> None:
    """Every eighth pick is late by ten to thirty sigmas."""
    late = np.random.default_rng(0).uniform(10, 30, survey.sizes["pick"])
    late[np.arange(late.size) % 8 > 0] = 0.0
    survey["travel_time"].values[:] += late * survey["pick_std"].values


def delays(survey: xr.Dataset) -> None:
    """Every shot fires late or early by three sigmas."""
    shot = survey["shot"].values
    late = np.random.default_rng(1).standard_normal(shot.max() + 1)
    survey["travel_time"].values[:] += 0.03 * late[shot]


CASES: list[tuple[str, Settings, str, Settings]] = [
    ("stiff", {"prior": {"amplitude": 0.04}}, "leave them open", {"prior": {"amplitude": None}}),
    ("misfit", {"change": scaled(0.5)}, "infer_sigma=True", {"infer_sigma": True}),
    ("misfit", {"change": scaled(0.5)}, "larger sigmas", {"change": scaled(1.0)}),
    ("overfit", {"change": scaled(2.0)}, "infer_sigma=True", {"infer_sigma": True}),
    ("overfit", {"change": scaled(2.0)}, "smaller sigmas", {"change": scaled(1.0)}),
    (
        "sigma_scale",
        {"change": outliers, "infer_sigma": True},
        "likelihood='student'",
        {"likelihood": "student"},
    ),
    (
        "sigma_scale",
        {"change": scaled(0.3), "infer_sigma": True},
        "give larger sigmas",
        {"change": scaled(1.0)},
    ),
    ("shared", {"change": delays}, "correct the shots' times", {"change": scaled(1.0)}),
    ("shared", {"change": delays}, "shot_term_std", {"shot_term_std": 0.03}),
    ("shared", {"change": delays}, "gather_error_std", {"gather_error_std": 0.03}),
    ("converged_members", {"n_steps": 1}, "raise n_steps", {"n_steps": 40}),
    (
        "spread",
        {"engine": "svgd", "n_iterations": 60, "n_members": 16},
        "engine='rml'",
        {"engine": "rml"},
    ),
    ("floor_rays", {"depth_max": 0.4}, "larger depth_max", {"depth_max": 2.0}),
    ("loose", {"prior": {"amplitude": 0.5}}, "leave them open", {"prior": {"amplitude": None}}),
    (
        "ray_times",
        {"wavefront_cell": 1.0, "bend": False},
        "smaller wavefront_cell",
        {"wavefront_cell": 0.1},
    ),
]


@pytest.mark.parametrize(("name", "fault", "advice", "remedy"), CASES)
def test_a_remedy_takes_its_reason_away(
    name: str, fault: Settings, advice: str, remedy: Settings, many: Line
) -> None:
    found = reasons(many, **fault)
    assert name in found, found
    assert advice in found[name]
    assert name not in reasons(many, **{**fault, **remedy})
