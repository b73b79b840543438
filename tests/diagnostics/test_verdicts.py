"""The verdict: all reasons with remedies, the level, and what it must never say."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import xarray as xr

from seisnb.diagnostics import judge, told, verdict, verdict_level
from seisnb.diagnostics.boundaries import steepest_rise
from seisnb.diagnostics.reasons import HARM
from seisnb.prior import PriorConfig
from seisnb.tomography import TomographyConfig


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
    assert "use infer_sigma=True or smaller sigmas" in verdict(found)
    found.attrs["config"] = json.dumps({"infer_sigma": True})
    assert "use smaller sigmas" in verdict(found)


def test_verdict_says_when_a_shift_is_not_enough() -> None:
    found = result()
    found.attrs["recentred_bias_std"] = 0.4
    assert "bias" not in names(found)
    found.attrs["recentred_bias_std"] = 0.8
    assert "biased by about 0.8 posterior std" in verdict(found)
    assert verdict_level(found) == "care"
    found.attrs["recentred_bias_std"] = 1.5
    assert verdict_level(found) == "bad"
    assert "correction_steps" not in verdict(found)  # no cure was seen


@pytest.mark.parametrize(
    ("steps", "acceptance", "is_silent"),
    [(30, 0.9, True), (30, 0.3, False), (30, np.nan, False), (300, 0.3, True), (300, 0.05, False)],
)
def test_langevin_steps_silence_nothing_unless_they_moved(
    steps: int, acceptance: float, is_silent: bool
) -> None:
    found = result().assign_attrs(
        config=json.dumps({"correction_steps": steps}), recentred_bias_std=0.0
    )
    found["correction_acceptance"] = ("particle", np.full(64, acceptance))
    assert ("bias" not in names(found)) == is_silent
    assert "Langevin steps change none of that" in verdict(found)
    found["correction_acceptance"].values[:8] = 0.0  # some members stood still
    assert "bias" in names(found)
    assert "correction_steps=0 with recentre=True" in verdict(found)


def test_a_bias_that_was_not_measured_is_told() -> None:
    plain = result().assign_attrs(config=json.dumps({"recentre": False}), recentred_bias_std=0.0)
    assert "use recentre=True" in verdict(plain)
    unknown = result().assign_attrs(recentred_bias_std=np.nan)
    assert "was not measured: it is with likelihood='gaussian'" in verdict(unknown)
    assert verdict_level(unknown) != "good"
    together = unknown.assign_attrs(config=json.dumps({"engine": "svgd"}))
    assert "bias_unknown" not in names(together)


def test_what_makes_a_result_bad_is_said_first() -> None:
    found = result().assign_attrs(recentred_bias_std=1.5)
    found["check"] = ("check", ["neighbours_shot"])
    for part, value in (("value", 0.4), ("low", -0.1), ("high", 0.1), ("z", 9.0)):
        found[f"check_{part}"] = ("check", [value])
    said = names(found)
    assert said.index("bias") < said.index("shared")


def test_verdict_names_the_setting_of_the_engine() -> None:
    found = result(converged=0.0)
    found.attrs["config"] = json.dumps({"engine": "svgd"})
    assert "raise n_iterations" in verdict(found)
    found.attrs["config"] = json.dumps({"method": "vsvgd"})
    assert "raise n_network_iterations" in verdict(found)


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
        ({"chi2": 2.5}, r"Misfit is too large \(chi2 2\.50.*infer_sigma=True"),
        ({"chi2": 0.3}, r"fitted better than their sigmas say \(chi2 0\.30"),
        ({"n_members": 16}, r"16 members give rough intervals: use n_members=64"),
        ({"converged": 0.5}, r"50% of the members did not converge: raise n_steps"),
        ({"clock": 0.03, "chi2": 500.0}, "Misfit is too large"),
        (
            {"clock": 0.009},
            r"differ from the referee's by 0\.9 pick sigmas: choose a smaller wavefront_cell",
        ),
    ],
)
def test_verdict_is_sentences_with_remedies(changes: dict[str, Any], said: str) -> None:
    sentences = verdict(result(**changes)).splitlines()
    assert all(re.fullmatch(r"[A-Z0-9].*[^.]\.", each) for each in sentences)
    assert not [each for each in sentences if "nan" in each.split()]
    assert [each for each in sentences if re.search(said, each)]
    assert sentences[-1].startswith("The intervals are conditional on")
    assert "rock with sharp boundaries is covered less often" in sentences[-1]


def test_all_reasons_are_told_the_most_harmful_first() -> None:
    found = checked(
        {"prior_pull": (9.0, 8.0), "neighbours_shot": (0.4, 9.0)},
        n_members=16, chi2=3.0, converged=0.5, clock=0.02,
    )  # fmt: skip
    told_names = names(found)
    assert told_names == sorted(told_names, key=HARM.index)
    assert told_names == [
        "converged_members", "ray_times", "misfit", "stiff", "shared", "few_members", "not_known",
        "bias_unknown",
    ]  # fmt: skip
    assert verdict_level(found) == "bad"


def names(found: xr.Dataset) -> list[str]:
    """Reasons that speak, by name."""
    return [each.name for each in judge(found).reasons]


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
            r"too stiff: the picks pull the model 3\.0 times .* amplitude of 0\.1 allows; use a "
            r"larger amplitude \(about 0\.3\) or shorter lengths .*, or leave them open",
        ),
        (
            checked({"prior_pull": (9.0, 8.0), "neighbours_shot": (0.4, 9.0)}),
            r"eighbouring picks miss together \(correlation 0\.40\)",
        ),
        (
            checked({"length_easting": (0.3, -9.0)}),
            r"too stiff: they ask for a shorter length_easting; use shorter lengths .*, or leave",
        ),
        # small sigmas ask for short lengths too: not the prior's fault
        (
            checked({"length_easting": (0.3, -9.0), "pick_sigma": (3.0, 12.0)}, chi2=3.0),
            r"sigmas are too small; use infer_sigma=True or larger sigmas",
        ),
        (
            checked({"prior_pull": (0.25, -4.0)}),
            r"looser than the picks ask for: .* use a smaller amplitude \(about 0\.05\) or longer",
        ),
        (checked({"length_depth": (2.5, 4.0)}), "ask for a longer length_depth, so the intervals"),
        # what was estimated cannot be left open, and a length at its search's limit is no mistake
        (checked({"length_depth": (0.3, -4.0)}, estimated=ALL_OPEN), "fitted within their sigmas"),
        (
            checked({"prior_pull": (9.0, 8.0)}, estimated=ALL_OPEN),
            r"use a larger amplitude \(about 0\.3\), given by hand",
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
    sentences = verdict(found).splitlines()
    assert [each for each in sentences if re.search(said, each)], sentences
    assert not [each for each in sentences if ". " in each]


@pytest.mark.parametrize(("share", "n_members"), [(0.5, 64), (1.0, 64), (0.5, 4)])
def test_members_that_spread_too_little_are_told(share: float, n_members: int) -> None:
    draws = np.random.default_rng(0).standard_normal((n_members, 30))
    found = result(n_members).drop_vars("pick_std")
    found = found.assign(
        pick_std=("pick", np.full(30, 0.05)),
        predicted_std=("pick", np.full(30, 0.01)),
        predicted_time=(("particle", "pick"), 2.0 + share * 0.01 * draws),
    ).assign_attrs(config=json.dumps({"engine": "svgd"}))
    is_told = "intervals are too narrow: use engine='rml'" in verdict(found)
    assert is_told == (share < 0.75 and n_members >= 8)


NARROW_SIGNS: list[dict[str, Any]] = [
    {"chi2": 2.0},
    {"converged": 0.5},
    {"clock": 0.02},
    {"checks": {"neighbours_shot": (0.4, 9.0)}},
    {"checks": {"length_easting": (0.3, -9.0)}},
    {"attrs": {"recentred_bias_std": 0.9}},
]


@pytest.mark.parametrize("sign", NARROW_SIGNS)
def test_intervals_are_never_called_wide_when_they_may_be_narrow(sign: dict[str, Any]) -> None:
    loose = {"prior_pull": (0.25, -4.0)}
    assert "wider than they need to be" in verdict(checked(loose))
    sign = dict(sign)
    attrs = sign.pop("attrs", {})
    found = checked({**loose, **sign.pop("checks", {})}, **sign).assign_attrs(**attrs)
    assert "wider" not in verdict(found)


def test_a_profile_fitted_to_few_picks_is_no_good_prior() -> None:
    found = checked({}, estimated=("profile", *ALL_OPEN))
    assert "fitted_profile" in names(found)
    assert "estimated from these same picks and then taken as known" in verdict(found)
    many = found.drop_vars("pick_std").assign(pick_std=("pick", np.full(600, 0.01)))
    assert "fitted_profile" not in names(many)
    assert "fitted_profile" not in names(checked({}, estimated=ALL_OPEN))


@pytest.mark.parametrize(
    ("estimated", "said"),
    [
        ((), "on the prior's kernel, amplitude, length_easting, length_depth and mean profile as"),
        (("amplitude",), "on the prior's amplitude, estimated from these same picks"),
        (ALL_OPEN, "kernel, amplitude, length_easting and length_depth, estimated from these"),
        (ALL_OPEN, "on its mean profile as given"),
    ],
)
def test_the_condition_tells_what_was_estimated(estimated: tuple[str, ...], said: str) -> None:
    assert said in verdict(checked({}, estimated=estimated)).splitlines()[-1]


def section(log_velocity: Callable[[np.ndarray], np.ndarray]) -> xr.Dataset:
    """A mean model over 30 m, crossed by rays to 25 m under a surface that dips."""
    depth, easting = np.arange(0, 0.0301, 0.0005), np.linspace(0, 0.1, 41)
    surface = np.linspace(0, 0.004, 41)
    below = depth[:, None] - surface
    cells = ("depth", "easting")
    return xr.Dataset(
        {
            "velocity_mean": (cells, np.exp(log_velocity(np.maximum(below, 0.0)))),
            "ray_coverage": (cells, ((below >= 0) & (below < 0.02)).astype(float)),
            "rock": (cells, below >= -1e-9),
        },
        coords={"depth": depth, "easting": easting},
    )


def test_a_jump_of_velocity_is_found_and_a_gradient_is_none() -> None:
    step = steepest_rise(section(lambda z: 0.9 / (1 + np.exp(-(z - 0.008) / 0.0004))))
    assert step is not None
    assert step.is_sharp
    assert step.depth == pytest.approx(0.008, abs=0.0007)
    assert np.log(step.factor) == pytest.approx(0.9, abs=0.2)
    for smooth in (
        lambda z: np.log(0.5 + 80 * z),  # compaction steepens towards the surface
        lambda z: np.log(0.3 + 2 * z**0.25),
        lambda z: 30 * z,
        lambda z: 0.0 * z,
    ):
        found = steepest_rise(section(smooth))
        assert found is not None
        assert not found.is_sharp
    assert steepest_rise(result()) is None


def test_a_boundary_under_a_smooth_prior_is_never_good() -> None:
    jump = section(lambda z: 0.9 / (1 + np.exp(-(z - 0.008) / 0.0004)))
    found = result().merge(jump)
    assert "boundary" in names(found)
    assert "2.1-fold within 2 m at 7.9 m" in verdict(found)
    assert verdict_level(found) == "care"


def settings_known() -> set[str]:
    """Every setting that a remedy may name."""
    configs = (TomographyConfig, PriorConfig)
    return {each.name for config in configs for each in dataclasses.fields(config)}


def test_every_setting_that_a_verdict_names_exists() -> None:
    known = {*settings_known(), "mean_profile"}
    texts = [
        verdict(checked({"prior_pull": (9.0, 8.0), "neighbours_shot": (0.4, 9.0)}, **changes))
        for changes in (
            {"chi2": 3.0, "converged": 0.5, "clock": 0.02, "n_members": 8},
            {"chi2": 0.3, "estimated": ("profile", *ALL_OPEN)},
        )
    ]
    for config in ({"recentre": False}, {"correction_steps": 3}, {"engine": "svgd"}):
        texts.append(verdict(result(converged=0.2).assign_attrs(config=json.dumps(config))))
    scaled = result()
    scaled["sigma_scale"].values[:] = 5.0
    texts.append(verdict(scaled))
    named = {word for text in texts for word in re.findall(r"\b[a-z]+(?:_[a-z]+)+\b", text)}
    assert {"n_steps", "wavefront_cell", "infer_sigma", "recentre"} - {"recentre"} <= named
    assert named <= known, named - known
    assert "likelihood='student'" in texts[-1]


def test_what_was_stored_is_told_and_an_older_result_is_judged() -> None:
    stored = result().assign_attrs(verdict="One.\nTwo.", verdict_level="care")
    assert told(stored) == ("care", ["One.", "Two."])
    older = result().assign_attrs(verdict="Everything is fine.")
    level, sentences = told(older)
    assert level == "care"
    assert "Everything is fine." not in sentences
    odd = result().assign_attrs(verdict="Fine.", verdict_level="<b>superb</b>")
    assert told(odd)[0] == "care"
