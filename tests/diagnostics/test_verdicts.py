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


def test_verdict_says_when_a_shift_is_not_enough() -> None:
    found = result()
    found.attrs["recentred_bias_std"] = 0.4
    assert "correction_steps" not in verdict(found)
    found.attrs["recentred_bias_std"] = 0.8
    assert "off by 0.8 posterior std" in verdict(found)
    assert "correction_steps=30" in verdict(found)


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


RIGHT = {
    "pick_sigma": (1.0, 0.0),
    "prior_pull": (1.0, 0.0),
    "neighbours_shot": (-0.05, 0.0),
    "length_easting": (1.0, 0.0),
    "length_depth": (1.0, 0.0),
}


def checked(
    checks: dict[str, tuple[float, float]], *, estimated: tuple[str, ...] = (), **changes: Any
) -> xr.Dataset:
    """A result whose checks have the values and normal scores given, all others right."""
    found = {**RIGHT, **checks}
    value, z = np.array(list(found.values())).T
    made = result(**changes).assign(
        check_value=("check", value),
        check_low=("check", value - 1),
        check_high=("check", value + 1),
        check_z=("check", z),
    )
    prior = {"field": "log_velocity", "amplitude": 0.1, "length_easting": 5.0}
    return made.assign_coords(check=list(found)).assign_attrs(
        prior=json.dumps(prior), prior_estimated=json.dumps(list(estimated))
    )


ALL_OPEN = ("amplitude", "length_easting", "length_depth")


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (checked({}), "fitted within their sigmas"),
        (
            checked({"prior_pull": (9.0, 8.0)}),
            r"too stiff: the picks pull the model 3\.0 times .* amplitude of 0\.1 allows\. Use a "
            r"larger amplitude \(about 0\.3\) or shorter lengths, or leave them open",
        ),
        (
            checked({"prior_pull": (9.0, 8.0), "neighbours_shot": (0.4, 9.0)}),
            r"neighbouring picks miss together \(correlation 0\.40\)",
        ),
        (
            checked({"length_easting": (0.3, -9.0)}),
            r"too stiff: they ask for a shorter length_easting\. Use shorter lengths, or leave",
        ),
        # small sigmas ask for short lengths too: not the prior's fault
        (
            checked({"length_easting": (0.3, -9.0), "pick_sigma": (3.0, 12.0)}, chi2=3.0),
            r"sigmas are too small\. Use infer_sigma or larger sigmas",
        ),
        (
            checked({"prior_pull": (0.25, -4.0)}),
            r"looser than the picks ask for: .* Use a smaller amplitude \(about 0\.05\) or longer",
        ),
        (checked({"length_depth": (2.5, 4.0)}), "ask for a longer length_depth, so the intervals"),
        # what was estimated cannot be left open, and a length at its search's limit is no mistake
        (checked({"length_depth": (0.3, -4.0)}, estimated=ALL_OPEN), "fitted within their sigmas"),
        (
            checked({"prior_pull": (9.0, 8.0)}, estimated=ALL_OPEN),
            r"Use a larger amplitude \(about 0\.3\), given by hand",
        ),
        (
            checked({"neighbours_shot": (0.4, 9.0)}, estimated=ALL_OPEN),
            r"picks of one shot miss together \(correlation 0\.40\): they share errors",
        ),
        (checked({"neighbours_shot": (0.4, 9.0)}), "unless the prior is too stiff, they share"),
        (
            checked(
                {"neighbours_shot": (0.4, 9.0), "length_easting": (0.4, -9.0)}, estimated=ALL_OPEN
            ),
            r"a shorter length_easting, given by hand, may explain a part; they also share errors",
        ),
        (checked({"neighbours_shot": (0.07, 9.0)}), "say nothing beyond the prior"),
        (checked({"prior_pull": (1.8, 2.5)}), "fitted within their sigmas"),
    ],
)
def test_wrong_settings_are_named_with_what_to_do(found: xr.Dataset, said: str) -> None:
    sentence = verdict(found)
    assert re.search(said, sentence), sentence
    assert sentence.count(". ") <= 1
    assert sentence.endswith(".")


@pytest.mark.parametrize(("share", "n_members"), [(0.5, 64), (1.0, 64), (0.5, 4)])
def test_members_that_spread_too_little_are_told(share: float, n_members: int) -> None:
    draws = np.random.default_rng(0).standard_normal((n_members, 30))
    found = result(n_members).drop_vars("pick_std")
    found = found.assign(
        pick_std=("pick", np.full(30, 0.05)),
        predicted_std=("pick", np.full(30, 0.01)),
        predicted_time=(("particle", "pick"), 2.0 + share * 0.01 * draws),
    ).assign_attrs(config=json.dumps({"engine": "svgd"}))
    is_told = "intervals are too narrow. Use engine='rml'" in verdict(found)
    assert is_told == (share < 0.75 and n_members >= 8)
