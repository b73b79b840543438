"""Six columns: Reflexw's .TOM, and .PCK of Reflexw and Terraloc."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from seisnb.conventions import FileFormatError, InputError
from seisnb.io import read_picks

Write = Callable[[str, str | bytes], Path]
Notes = Callable[[xr.Dataset], list[str]]

TOM = """0.0041 0 0.00 -100.0 5.00 -101.0
0.0100 0 0.00 -100.0 12.00 -100.5
"""
PCK = """1: 0.0244 0 23.00 0.00 0.00 0.00
2: 0.0234 0 23.00 0.00 2.00 0.00
3: -0.0038 0 23.00 0.00 4.00 0.00
"""


def test_tom_has_depths_in_m(write: Write) -> None:
    survey = read_picks(write("a.tom", TOM), time_unit="s", pick_std="0.0005")
    np.testing.assert_allclose(survey["shot_depth"], -0.1)
    np.testing.assert_allclose(survey["receiver_depth"], [-0.101, -0.1005])
    np.testing.assert_allclose(survey["receiver_easting"], [0.005, 0.012])
    np.testing.assert_array_equal(survey["travel_time"], [0.0041, 0.01])


def test_times_in_ms(write: Write) -> None:
    text = TOM.replace("0.0041", "4.1").replace("0.0100", "10")
    survey = read_picks(write("a.tom", text), time_unit="ms", pick_std="0.0005")
    np.testing.assert_allclose(survey["travel_time"], [0.0041, 0.01])


def test_the_unit_of_times_is_asked_for(write: Write) -> None:
    with pytest.raises(
        InputError,
        match=r"a.tom: no unit is stated for the times in the first column. Pass time_unit='s' or "
        r"time_unit='ms' \(--time-unit on the command line\). The median of distance / time is "
        r"1.21 km/s in s",
    ):
        read_picks(write("a.tom", TOM), pick_std="0.0005")
    with pytest.raises(InputError, match=r"is 1.21 km/s in ms"):
        read_picks(write("a.tom", TOM.replace("0.0041", "4.1").replace("0.0100", "10")))


def test_pck_rows_are_numbered_and_some_are_not_picked(write: Write, notes: Notes) -> None:
    survey = read_picks(write("a.pck", PCK), time_unit="s", pick_std="0.0005")
    np.testing.assert_allclose(survey["receiver_easting"] * 1e3, [0, 2])
    np.testing.assert_array_equal(survey["travel_time"], [0.0244, 0.0234])
    assert notes(survey)[0] == "Dropped 1 rows with a negative time (not picked): lines 3."


def test_the_second_coordinate_of_pck_is_asked_about(write: Write) -> None:
    path = write("a.PCK", PCK.replace("2.00 0.00", "2.00 0.30"))
    with pytest.raises(InputError, match="z runs from 0 to 0.0003 km, and nothing says whether it"):
        read_picks(path, time_unit="s", pick_std="0.0005")
    for vertical, depth in (("elevation", -0.0003), ("depth", 0.0003)):
        survey = read_picks(path, time_unit="s", pick_std="0.0005", vertical=vertical)
        np.testing.assert_allclose(survey["receiver_depth"], [0, depth])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (TOM + "0.02 0 0 -100 9\n", "a.tom, line 3: '0.02 0 0 -100 9' has 5 values; expected 6"),
        (TOM.replace("12.00", "x"), "a.tom, line 2: receiver x is 'x'; expected a number"),
        (TOM.replace("0.0100", "nan"), "a.tom, line 2: travel time is nan s; expected a finite"),
    ],
)
def test_bad_rows_are_named(write: Write, text: str, message: str) -> None:
    path = write("a.tom", text)
    with pytest.raises(FileFormatError, match=message):
        read_picks(path, time_unit="s", pick_std="0.0005")
    survey = read_picks(path, time_unit="s", pick_std="0.0005", on_bad="drop")
    assert 1 <= survey.sizes["pick"] <= 2
