"""Every figure of a result against closed forms."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import xarray as xr

from seisnb.diagnostics import diagnose, verdict
from tests.bounds import counts
from tests.seeds import shifted

N_MEMBERS, N_PICKS = 40, 2000


def ensemble(**attrs: Any) -> xr.Dataset:
    """A result whose figures are known: normal residuals, half the prior's std under rays."""
    rng = np.random.default_rng(shifted(0))
    cells = ("depth", "easting")
    crossed = np.zeros((4, 6), bool)
    crossed[:2] = True
    rock = np.ones((4, 6), bool)
    rock[0, 0] = False
    z = rng.standard_normal(N_PICKS)
    return xr.Dataset(
        {
            "log_weight": ("particle", np.full(N_MEMBERS, -np.log(N_MEMBERS))),
            "chi2_ray": ("particle", np.full(N_MEMBERS, 1.1)),
            "chi2_referee": ("particle", np.linspace(0.8, 1.4, N_MEMBERS)),
            "sigma_scale": ("particle", np.full(N_MEMBERS, 2.0)),
            "is_converged": ("particle", np.ones(N_MEMBERS, bool)),
            "pick_std": ("pick", np.full(N_PICKS, 0.01)),
            "predicted_time": (
                ("particle", "pick"),
                1.0 + 0.003 * rng.standard_normal((N_MEMBERS, N_PICKS)),
            ),
            "predicted_std": ("pick", np.full(N_PICKS, 0.003)),
            "ray_error": ("pick", np.where(np.arange(N_PICKS) % 2, 0.001, 0.003)),
            "left_out_residual": ("pick", z),
            "rock": (cells, rock),
            "ray_coverage": (cells, crossed.astype(float)),
            "prior_std": (cells, np.full((4, 6), 0.4)),
            "velocity_std": (cells, np.where(crossed, 0.2, 0.4)),
            **{
                f"check_{part}": ("check", [1.0, 1.2])
                for part in ("value", "low", "high")
            },
            "check_z": ("check", [0.0, 0.1]),
        },
        coords={"check": ["pick_sigma", "prior_pull"]},
        attrs={"config": json.dumps({"engine": "rml"}), "ray_error_seconds": 0.002, **attrs},
    )  # fmt: skip


def test_figures_by_hand() -> None:
    made = ensemble()
    found = diagnose(made)
    assert float(found["chi2_ray"]) == pytest.approx(1.1)
    assert float(found["chi2_referee"]) == pytest.approx(1.1)
    assert float(found["ray_error"]) == pytest.approx(np.sqrt(5e-6))
    assert float(found["ray_error_sigmas"]) == pytest.approx(np.sqrt(5e-6) / 0.02)
    assert float(found["std_ratio_crossed"]) == 0.5
    assert float(found["std_ratio_uncrossed"]) == 1.0
    assert float(found["std_ratio"]) == 1.0
    assert float(found["n_members"]) == N_MEMBERS
    assert float(found["n_effective"]) == pytest.approx(N_MEMBERS)
    assert float(found["n_independent"]) == pytest.approx(N_MEMBERS)
    assert float(found["spread_ratio"]) == pytest.approx(1.0, abs=0.02)
    assert float(found["leakage_ray"]) == 0.0
    assert "network_error" not in found
    assert found.attrs["verdict"] == verdict(made)
    xr.testing.assert_identical(found["check_value"], made["check_value"])
    for name in found:
        if not str(name).startswith("check_"):
            assert {"units", "long_name"} <= set(found[name].attrs), name


def test_network_figures_appear_when_they_are_there() -> None:
    made = ensemble().assign(
        chi2_network=("particle", np.full(N_MEMBERS, 3.0)),
        network_error=("pick", np.full(N_PICKS, 0.06)),
        leakage_network=((), 0.8),
        leakage_ray=((), 0.0),
        kernel_difference=((), 0.1),
    )
    found = diagnose(made)
    assert float(found["chi2_network"]) == pytest.approx(3.0)
    assert float(found["network_error_sigmas"]) == pytest.approx(3.0)
    assert float(found["leakage_network"]) == 0.8
    assert found["network_error"].attrs["units"] == "s"


def test_weights_make_fewer_members_and_other_means() -> None:
    made = ensemble()
    made["log_weight"].values[:] = -np.inf
    made["log_weight"].values[:4] = 7.0  # any constant: weights are normalised
    found = diagnose(made)
    assert float(found["n_effective"]) == pytest.approx(4.0)
    assert float(found["chi2_referee"]) == pytest.approx(float(made["chi2_referee"][:4].mean()))


def test_stein_particles_are_no_draws() -> None:
    found = diagnose(ensemble(config=json.dumps({"engine": "svgd"})))
    assert np.isnan(found["n_independent"])
    assert float(found["n_effective"]) == pytest.approx(N_MEMBERS)


def test_histogram_of_left_out_picks_is_flat_when_they_are_normal() -> None:
    found = diagnose(ensemble())
    share = found["left_out_share"]
    assert float(share.sum()) == pytest.approx(1.0)
    held = (share >= found["left_out_low"]) & (share <= found["left_out_high"])
    assert held.sum() >= counts(held.size, 0.95)[0]
    low, high = counts(N_PICKS, 0.05)
    assert low <= N_PICKS * float(found["outside_share"]) <= high


@pytest.mark.parametrize(("factor", "ends"), [(2.0, "high"), (0.4, "low")])
def test_histogram_shows_sigmas_that_are_wrong(factor: float, ends: str) -> None:
    made = ensemble()
    made["left_out_residual"].values[:] *= factor
    found = diagnose(made)
    outer = found["left_out_share"][[0, -1]]
    if ends == "high":
        assert (outer > found["left_out_high"][0]).all()
        assert float(found["outside_share"]) > 0.2
    else:
        assert (outer < found["left_out_low"][0]).all()
        assert float(found["outside_share"]) == 0.0


def test_an_older_result_gives_what_it_holds() -> None:
    names = ["left_out_residual", "predicted_std", "ray_error"]
    names += [f"check_{part}" for part in ("value", "low", "high", "z")]
    found = diagnose(ensemble().drop_vars([*names, "check"]))
    assert "outside_share" not in found
    assert "spread_ratio" not in found
    assert float(found["chi2_ray"]) == pytest.approx(1.1)
