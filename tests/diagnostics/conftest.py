"""One small ensemble that every gate passes, and copies of it with a fault each."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import xarray as xr

from seisnb.tomography import invert
from tests.tomography.conftest import PRIOR, config, make_line

N_MEMBERS = 32


@pytest.fixture(scope="session")
def inverted() -> xr.Dataset:
    """32 members over a draw from the prior, on a model with room below the rays."""
    line = make_line(3)
    return invert(line.survey, PRIOR, config(n_members=N_MEMBERS, depth_max=4.5))


@pytest.fixture(scope="session")
def healthy(inverted: xr.Dataset) -> xr.Dataset:
    """The same with all that a result of this version may hold; only read."""
    n_picks = inverted.sizes["pick"]
    expected = 2.0 * n_picks
    objective = expected + np.sqrt(2.0 * n_picks) * np.random.default_rng(0).standard_normal(
        N_MEMBERS
    )
    return inverted.assign(
        objective=("particle", objective, {"expected": expected, "std": np.sqrt(2.0 * n_picks)}),
        floor_ray_share=((), 0.0),
        side_ray_share=((), 0.0),
    ).assign_attrs(n_failed=0, n_asked=N_MEMBERS, recentred_bias_std=0.1)


@pytest.fixture
def altered(healthy: xr.Dataset) -> Callable[..., xr.Dataset]:
    """A copy with variables and attributes replaced."""

    def change(attrs: dict[str, object] | None = None, **variables: object) -> xr.Dataset:
        made = healthy.copy(deep=True)
        for name, value in variables.items():
            made[name] = made[name].copy(data=np.broadcast_to(value, made[name].shape).copy())
        return made.assign_attrs(**(attrs or {}))

    return change
