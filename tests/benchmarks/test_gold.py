"""The default engine against exact chains by the independent solver; about five minutes.

Run: pytest -s -m benchmark tests/benchmarks/test_gold.py, or seisnb verify gold --out DIR.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
import xarray as xr

from seisnb.verification.chains import MOST_RHAT
from seisnb.verification.gold import (
    BY_RAYS,
    DEFAULT,
    PLAIN,
    gold_standard,
    gold_table,
    is_gold,
)

pytestmark = pytest.mark.benchmark
Say = Callable[[str], None]
MOVED = "rml + 30 Langevin steps"


@pytest.fixture(scope="module")
def result() -> xr.Dataset:
    lines: list[str] = []
    found = gold_standard(report=lines.append)
    found.attrs["lines"] = "\n".join(lines)
    return found


def test_chains_agree_and_so_does_the_corrected_engine(result: xr.Dataset, say: Say) -> None:
    """R-hat below 1.01; with Langevin steps mean within 0.1 std, std within 10 %, in every cell."""
    say(f"{result.attrs['lines']}\n{gold_table(result)}")
    assert float(result["rhat"].max()) < MOST_RHAT
    assert float(result["rhat_velocity"].max()) < MOST_RHAT
    assert float(result["ess"].min()) >= 1500
    assert is_gold(result, MOVED)


def test_rays_in_the_place_of_the_solver_do_no_harm(result: xr.Dataset) -> None:
    assert is_gold(result, BY_RAYS)
    assert float(result["mean_rms"].sel(row=BY_RAYS)) < 0.02


def test_the_default_engine_is_gold(result: xr.Dataset) -> None:
    """Mean within 0.1 exact std and std within 10 % in every cell."""
    assert is_gold(result, DEFAULT)
    assert float(result["mean_rms"].sel(row=DEFAULT)) < 0.06


def test_plain_fits_have_the_right_spread_and_a_bias_that_the_shift_removes(
    result: xr.Dataset,
) -> None:
    """Their std is within 10 %; their mean is not within 0.1 in every cell.

    The bias is the method's: fits to the very bottom along finer rays leave it as it is. It is
    largest below the rays.
    """
    plain = result.sel(row=PLAIN)
    assert 0.9 < float(plain["std_low"]) < float(plain["std_high"]) < 1.1
    assert 0.1 < float(plain["mean_max"]) < 0.3
    for better in (DEFAULT, MOVED):
        assert float(result["mean_rms"].sel(row=better)) < 0.75 * float(plain["mean_rms"])
