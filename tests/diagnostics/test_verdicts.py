from __future__ import annotations

import json
import re
from typing import Any

import numpy as np
import pytest
import xarray as xr

from seisnb.diagnostics import verdict


def result(n_members: int = 64, **changes: Any) -> xr.Dataset:
    """What a verdict looks at."""
    values = {"chi2": 1.0, "converged": 1.0, "clock": 1e-4, **changes}
    converged = np.arange(n_members) < values["converged"] * n_members
    return xr.Dataset(
        {
            "chi2_referee": ("particle", np.full(n_members, values["chi2"])),
            "sigma_scale": ("particle", np.ones(n_members)),
            "is_converged": ("particle", converged),
            "pick_std": ("pick", np.full(9, 0.01)),
        },
        attrs={"ray_error_seconds": values["clock"]},
    )


def test_verdict_says_when_sigmas_were_scaled() -> None:
    found = result()
    found["sigma_scale"].values[:] = 3.0
    assert "fitted within 3 times their sigmas" in verdict(found)
    found["chi2_referee"].values[:] = 0.4
    assert "Use infer_sigma or smaller sigmas" in verdict(found)
    found.attrs["config"] = json.dumps({"infer_sigma": True})
    assert "Use smaller sigmas" in verdict(found)


def test_verdict_names_the_setting_of_the_engine() -> None:
    found = result(converged=0.0)
    found.attrs["config"] = json.dumps({"engine": "svgd"})
    assert "raise n_iterations" in verdict(found)


def test_verdict_of_a_student_likelihood_is_not_upset_by_outliers() -> None:
    found = result()
    residual = 0.01 * np.random.default_rng(0).standard_t(4.0, (64, 400))
    residual[:, :20] = 1.0
    found = found.drop_vars("pick_std").assign(
        pick_std=("pick", np.full(400, 0.01)),
        travel_time=("pick", np.full(400, 2.0)),
        predicted_time=(("particle", "pick"), 2.0 - residual),
        chi2_referee=("particle", np.full(64, 500.0)),
    )
    assert "Misfit is too large" in verdict(found)
    found.attrs["config"] = json.dumps({"likelihood": "student", "student_dof": 4.0})
    assert re.search(r"fitted within their sigmas \(chi2 1\.[12]", verdict(found))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, r"fitted within their sigmas \(chi2 1\.00"),
        ({"chi2": 2.5}, r"Misfit is too large \(chi2 2\.50.*infer_sigma"),
        ({"chi2": 0.3}, r"fitted better than their sigmas say \(chi2 0\.30"),
        ({"n_members": 16}, r"16 members give rough intervals: use 64"),
        ({"converged": 0.5}, r"50% of the members did not converge: raise n_steps"),
        ({"clock": 0.03, "chi2": 500.0}, "Misfit is too large"),
        ({"clock": 0.009}, r"differ from the referee by 0\.9 pick sigmas: choose a smaller cell"),
    ],
)
def test_verdict_is_a_sentence_with_a_remedy(changes: dict[str, Any], said: str) -> None:
    sentence = verdict(result(**changes))
    assert sentence.endswith(".")
    assert "nan" not in sentence
    assert re.search(said, sentence)
