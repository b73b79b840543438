"""Every gate fails on an ensemble that has exactly its fault, and passes on a healthy one."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import xarray as xr

from seisnb.diagnostics import Gate, gates, judge, judged, verdict_level
from seisnb.diagnostics.evidence import Evidence, evidence_of, far_ratio, scan_velocities
from seisnb.diagnostics.gates import GATES
from seisnb.io import open_ensemble, save_ensemble

Altered = Callable[..., xr.Dataset]
Fault = Callable[[xr.Dataset, Altered], xr.Dataset]


def by_name(ensemble: xr.Dataset) -> dict[str, Gate]:
    return {each.name: each for each in gates(ensemble)}


def test_a_healthy_result_passes_every_gate_and_is_good(healthy: xr.Dataset) -> None:
    found = by_name(healthy)
    assert len(found) == len(GATES) == 12
    assert {name: gate.passed for name, gate in found.items()} == dict.fromkeys(found, True)
    assert not any(gate.remedy for gate in found.values())
    judgement = judge(healthy)
    assert judgement.level == "good", judgement.text
    assert judgement.reasons == ()


def _duplicated(healthy: xr.Dataset, altered: Altered) -> xr.Dataset:
    velocity = healthy["velocity"].values.copy()
    velocity[5] = velocity[20] * np.float32(1 + 3e-7)  # to the precision of single floats
    return altered(velocity=velocity)


def _collapsed(healthy: xr.Dataset, altered: Altered) -> xr.Dataset:
    crossed = healthy["ray_coverage"].values > 0
    std = healthy["velocity_std"].values
    return altered(velocity_std=np.where(crossed, 1e-4 * std, std))


def _far_off(factor: float) -> Fault:
    def change(healthy: xr.Dataset, altered: Altered) -> xr.Dataset:
        crossed = healthy["ray_coverage"].values > 0
        std = healthy["velocity_std"].values
        return altered(velocity_std=np.where(crossed, std, factor * std))

    return change


def _narrow(healthy: xr.Dataset, altered: Altered) -> xr.Dataset:
    times = healthy["predicted_time"]
    mean = times.mean("particle")
    return altered(predicted_time=(mean + 0.5 * (times - mean)).transpose(*times.dims).values)


def _implausible(value: float) -> Fault:
    def change(healthy: xr.Dataset, altered: Altered) -> xr.Dataset:
        velocity = healthy["velocity"].values.copy()
        velocity[3, : velocity.shape[1] // 4] = value
        return altered(velocity=velocity)

    return change


FAULTS: list[tuple[str, Fault, str]] = [
    ("distinct_members", _duplicated, "bad"),
    ("std_where_rays_are", _collapsed, "bad"),
    ("failed_members", lambda _, altered: altered({"n_failed": 2, "n_asked": 34}), "care"),
    ("failed_members", lambda _, altered: altered({"n_failed": 32, "n_asked": 64}), "bad"),
    ("converged_members", lambda _, altered: altered(is_converged=np.arange(32) > 1), "care"),
    ("converged_members", lambda _, altered: altered(is_converged=np.arange(32) > 9), "bad"),
    (
        "own_objective",
        lambda healthy, altered: altered(
            objective=np.where(np.arange(32) < 2, 3.0, 1.0) * healthy["objective"].values
        ),
        "care",
    ),
    ("std_far_from_rays", _far_off(0.5), "bad"),
    ("std_far_from_rays", _far_off(2.0), "bad"),
    ("ray_times", lambda _, altered: altered(ray_error=0.005), "care"),
    ("ray_times", lambda _, altered: altered(ray_error=0.02), "bad"),
    ("floor_rays", lambda _, altered: altered(floor_ray_share=0.03), "care"),
    ("floor_rays", lambda _, altered: altered(floor_ray_share=0.3), "bad"),
    ("side_rays", lambda _, altered: altered(side_ray_share=0.03), "care"),
    ("spread", _narrow, "bad"),
    ("sigma_scale", lambda _, altered: altered(sigma_scale=2.6), "care"),
    ("sigma_scale", lambda _, altered: altered(sigma_scale=0.4, ray_error=5e-4), "care"),
    ("plausible_velocity", _implausible(12.0), "care"),
    ("plausible_velocity", _implausible(0.01), "care"),
]


@pytest.mark.parametrize(("name", "fault", "level"), FAULTS)
def test_a_gate_fails_for_its_own_fault_alone(
    name: str, fault: Fault, level: str, healthy: xr.Dataset, altered: Altered
) -> None:
    found = by_name(fault(healthy, altered))
    assert [gate.name for gate in found.values() if gate.passed is not True] == [name]
    gate = found[name]
    assert gate.passed is False
    assert not gate.low <= gate.value <= gate.high
    assert gate.level == level
    assert gate.remedy
    assert "nan" not in gate.sentence
    judgement = judge(fault(healthy, altered))
    assert judgement.level == level
    assert name in [reason.name for reason in judgement.reasons]


UNKNOWN: list[tuple[str, list[str]]] = [
    ("distinct_members", ["velocity"]),
    ("std_where_rays_are", ["velocity_std"]),
    ("converged_members", ["is_converged"]),
    ("own_objective", ["objective"]),
    ("std_far_from_rays", ["prior_std"]),
    ("floor_rays", ["floor_ray_share"]),
    ("side_rays", ["side_ray_share"]),
    ("spread", ["predicted_std"]),
]


@pytest.mark.parametrize(("name", "missing"), UNKNOWN)
def test_what_is_not_known_is_never_passed_and_never_good(
    name: str, missing: list[str], healthy: xr.Dataset
) -> None:
    lacking = healthy.drop_vars(missing)
    gate = by_name(lacking)[name]
    assert gate.passed is None
    assert np.isnan(gate.value)
    judgement = judge(lacking)
    assert judgement.level == "care"
    assert "Not known, so not to be called good" in judgement.text


def test_a_count_of_failed_members_that_is_missing_is_not_zero(healthy: xr.Dataset) -> None:
    older = healthy.drop_attrs(deep=False).assign_attrs(
        {name: value for name, value in healthy.attrs.items() if not name.startswith("n_")}
    )
    assert by_name(older)["failed_members"].passed is None
    assert verdict_level(older) == "care"


def test_a_times_gate_without_the_referee_is_not_known(healthy: xr.Dataset) -> None:
    cut = healthy.drop_vars(["ray_error", "chi2_referee"]).assign_attrs(cancelled=1)
    del cut.attrs["ray_error_seconds"]
    assert by_name(cut)["ray_times"].passed is None
    assert "run the same command again" in judge(cut).text


def test_particles_that_move_together_have_no_objective_to_miss(healthy: xr.Dataset) -> None:
    together = healthy.drop_vars("objective").assign_attrs(config=json.dumps({"engine": "svgd"}))
    assert by_name(together)["own_objective"].passed is True


def test_rays_along_the_floor_show_in_an_older_result_too(healthy: xr.Dataset) -> None:
    older = healthy.drop_vars("floor_ray_share").copy(deep=True)
    assert by_name(older)["floor_rays"].passed is None
    older["ray_coverage"].values[-1] += 0.3 * older["ray_coverage"].values.sum()
    assert by_name(older)["floor_rays"].passed is False


def test_equal_members_are_counted_whatever_their_order(healthy: xr.Dataset) -> None:
    rng = np.random.default_rng(1)
    velocity = healthy["velocity"].values[rng.integers(0, 32, 40)]
    rock, coverage = healthy["rock"].values.astype(bool), healthy["ray_coverage"].values
    expected = len({member.tobytes() for member in velocity})
    assert scan_velocities(velocity, rock, coverage)[0] == expected < 40
    apart = velocity.copy()
    apart[:, 5, 7] *= 1 + 1e-4 * np.arange(40, dtype=np.float32)  # one cell is enough
    assert scan_velocities(apart, rock, coverage)[0] == 40
    one = np.broadcast_to(velocity[0], velocity.shape)
    assert scan_velocities(one, rock, coverage)[0] == 1


def test_a_thousand_members_take_seconds() -> None:
    velocity = np.random.default_rng(0).random((1000, 200, 40), dtype=np.float32) + 1
    velocity[500:] = velocity[:500]
    begun = time.process_time()
    rock = np.ones(velocity.shape[1:], bool)
    assert scan_velocities(velocity, rock, rock.astype(float))[0] == 500
    assert time.process_time() - begun < 10


@pytest.mark.parametrize("kernel", ["gaussian", "matern"])
def test_the_noise_of_the_ratio_far_from_rays_is_that_of_prior_draws(kernel: Any) -> None:
    """Ensembles of prior draws: the std of their ratio against the one that is stated."""
    import torch

    from seisnb.prior import gaussian_process_prior, linear_profile
    from seisnb.section import section_grid, to_depth_grid
    from tests.tomography.conftest import make_line

    survey, n = make_line(0).survey, 24
    grid = section_grid(survey, depth_max=4.0, cell=0.1)
    prior = gaussian_process_prior(
        grid, linear_profile(2.0, 0.6, 4.0), field_kind="log_velocity", amplitude=0.2,
        length_easting=1.5, length_depth=0.7, kernel=kernel,
    )  # fmt: skip
    depth = np.arange(0.0, 4.01, 0.1)
    generator = torch.Generator().manual_seed(0)
    section = ("depth", "easting")
    coverage = np.zeros((depth.size, grid.n_easting))
    coverage[:5] = 1.0
    ratios, stated = [], []
    for _ in range(60):
        members = np.stack([prior.velocity(each) for each in prior.draw(n, generator)])
        drawn = to_depth_grid(members, grid, depth)
        ensemble = xr.Dataset(
            {
                "velocity_std": (section, drawn.std(axis=0, ddof=1)),
                "prior_std": (section, to_depth_grid(prior.velocity_std(), grid, depth)),
                "prior_mean": (section, to_depth_grid(prior.mean, grid, depth)),
                "rock": (section, np.ones(coverage.shape, bool)),
                "ray_coverage": (section, coverage),
                "log_weight": ("particle", np.zeros(n)),
            },
            coords={"depth": depth, "easting": grid.easting},
        )
        settings = {"length_easting": 1.5, "length_depth": 0.7, "kernel": kernel}
        ratio, noise, n_cells = far_ratio(Evidence(ensemble=ensemble, prior=settings))
        assert n_cells > 500
        ratios.append(ratio)
        stated.append(noise)
    assert np.mean(ratios) == pytest.approx(1.0, abs=0.03)
    assert 0.6 < np.std(ratios) / np.mean(stated) < 1.6


def test_stored_gates_are_those_found_and_come_back_from_disk(
    healthy: xr.Dataset, tmp_path: Any
) -> None:
    stored = judged(healthy)
    found = by_name(healthy)
    for name, gate in found.items():
        kept = stored.sel(gate=name)
        assert float(kept["gate_value"]) == pytest.approx(gate.value, nan_ok=True)
        assert int(kept["gate_passed"]) == 1
        assert (float(kept["gate_low"]), float(kept["gate_high"])) == (gate.low, gate.high)
    assert {"units", "long_name"} <= set(stored["gate_value"].attrs)
    assert stored.attrs["verdict_level"] == "good"
    save_ensemble(stored, tmp_path / "ensemble.nc")
    again = open_ensemble(tmp_path / "ensemble.nc")
    xr.testing.assert_identical(again["gate_passed"], stored["gate_passed"])
    xr.testing.assert_identical(judged(again), stored)


def test_an_inversion_stores_gates_and_level(inverted: xr.Dataset) -> None:
    assert {"gate_value", "gate_low", "gate_high", "gate_passed"} <= set(inverted)
    assert inverted.attrs["verdict_level"] in ("good", "care", "bad")
    assert inverted.attrs["verdict"] == judge(inverted).text


def test_gates_of_a_large_result_are_not_read_again(
    healthy: xr.Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = judged(healthy)
    monkeypatch.setattr("seisnb.diagnostics.evidence.LARGE_BYTES", 0)
    monkeypatch.setattr("seisnb.diagnostics.evidence.scan_velocities", None)
    assert evidence_of(stored).n_distinct == 32
    assert verdict_level(stored) == "good"


def test_an_older_file_without_anything_new_is_judged(inverted: xr.Dataset) -> None:
    names = [name for name in inverted.variables if str(name).startswith(("gate", "check", "left"))]
    older = inverted.drop_vars([*names, "predicted_std", "ray_error", "rock"])
    older.attrs = {"config": inverted.attrs["config"]}
    assert verdict_level(older) == "care"
