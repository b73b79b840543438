from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from seisnb.conventions import InputError
from seisnb.io import PickStd, parse_pick_std

SHARES = st.floats(0, 0.999, allow_subnormal=False)
FLOORS = st.floats(0, 100, allow_subnormal=False)


@given(SHARES, FLOORS)
def test_text_and_back_is_exact(relative: float, floor: float) -> None:
    assume(relative > 0 or floor > 0)
    std = PickStd(relative=relative, floor=floor)
    assert parse_pick_std(str(std)) == std


@given(SHARES, FLOORS, st.floats(1e-6, 1e3))
def test_is_the_sum_of_share_and_floor(relative: float, floor: float, time: float) -> None:
    assume(relative > 0 or floor > 0)
    found = PickStd(relative=relative, floor=floor).at(time)
    assert found == pytest.approx(relative * time + floor, rel=1e-12)


@given(st.text(max_size=12))
def test_any_text_is_understood_or_refused(text: str) -> None:
    try:
        std = parse_pick_std(text)
    except InputError:
        return
    assert np.isfinite(std.at(1.0))
    assert std.at(1.0) > 0


@pytest.mark.parametrize(
    ("text", "relative", "floor"),
    [
        ("0.0003", 0, 0.0003),
        ("3e-4", 0, 0.0003),
        ("1e+1", 0, 10),
        ("0.3ms", 0, 0.0003),
        ("0.3 ms", 0, 0.0003),
        ("3%", 0.03, 0),
        ("3%+0.0005", 0.03, 0.0005),
        (" 0.5 ms + 3 % ", 0.03, 0.0005),
        ("3%+5e-4s", 0.03, 0.0005),
        (".02", 0, 0.02),
    ],
)
def test_what_people_write(text: str, relative: float, floor: float) -> None:
    assert parse_pick_std(text) == PickStd(relative=relative, floor=floor)


@pytest.mark.parametrize(
    "text", ["", "abc", "3%+4%", "1+2", "-0.001", "3%-0.001", "1_0", "nan", "inf", "0.003 km", "٣%"]
)
def test_other_text_is_refused_with_examples(text: str) -> None:
    with pytest.raises(InputError, match=r"expected seconds \('0.0003'\), a share") as caught:
        parse_pick_std(text)
    assert repr(text) in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0", "relative and floor are both 0"),
        ("0%+0", "relative and floor are both 0"),
        ("300%", "300 % of the travel time; expected less than 1. Give 0.03 for 3 %"),
        ("1e999", "floor is inf; expected a number of at least 0"),
    ],
)
def test_impossible_numbers_are_refused(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        parse_pick_std(text)


def test_shape_follows_the_times() -> None:
    std = PickStd(relative=0.1, floor=1.0)
    np.testing.assert_allclose(std.at([[1.0, 2.0]]), [[1.1, 1.2]])
