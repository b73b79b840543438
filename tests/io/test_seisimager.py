"""SeisImager's .vs: metres, milliseconds, zeros behind the last shot."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from seisnb.conventions import FileFormatError, InputError
from seisnb.io import describe_picks, read_picks

Write = Callable[[str, str | bytes], Path]
Notes = Callable[[xr.Dataset], list[str]]

PLAIN = """1996 0 3.000000
0 2 2.000000
-1.000000 3 0.000000
0.000000 2.970000 1
2.000000 6.830000 1
4.000000 9.100000 2
5.000000 2 0.000000
0.000000 10.400000 2
4.000000 2.600000 1
0 0
0
0 0
"""


def test_every_field_of_every_pick(write: Write, notes: Notes) -> None:
    survey = read_picks(write("line.vs", PLAIN), pick_std="0.0005")
    np.testing.assert_allclose(survey["shot_easting"] * 1e3, [-1, -1, -1, 5, 5])
    np.testing.assert_allclose(survey["receiver_easting"] * 1e3, [0, 2, 4, 0, 4])
    np.testing.assert_allclose(survey["travel_time"] * 1e3, [2.97, 6.83, 9.1, 10.4, 2.6])
    np.testing.assert_array_equal(survey["shot"], [1, 1, 1, 2, 2])
    np.testing.assert_array_equal(survey["receiver"], [1, 2, 3, 1, 3])
    assert (survey["shot_depth"] == 0).all()
    assert notes(survey)[0].startswith("The file has no shot depths")


def test_what_it_holds(write: Write) -> None:
    summary = describe_picks(write("line.vs", PLAIN))
    assert (summary.format, summary.n_picks, summary.phases) == ("vs", 5, {})
    assert not summary.has_pick_std
    assert not summary.has_depths


def test_the_caller_gives_the_topography(write: Write) -> None:
    survey = read_picks(
        write("line.vs", PLAIN), pick_std="0.0005", surface=([-0.001, 0.005], [-0.01, -0.016])
    )
    np.testing.assert_allclose(survey["receiver_depth"] * -1e3, [11, 13, 15, 11, 15])


def test_terrain_is_not_read_as_if_it_were_flat(write: Write, notes: Notes) -> None:
    path = write("line.vs", PLAIN.replace("0 0\n0\n", "0 0\n3\n"))
    with pytest.raises(
        FileFormatError, match="line.vs, line 11: '3' follows the last shot; .* Pas"
    ):
        read_picks(path, pick_std="0.0005")
    survey = read_picks(path, pick_std="0.0005", surface=([-1, 1], [0, 0]))
    assert survey.sizes["pick"] == 5


def test_a_third_value_of_a_shot_is_told(write: Write, notes: Notes) -> None:
    text = PLAIN.replace("-1.000000 3 0.000000", "-1.000000 3 0.500000")
    told = notes(read_picks(write("line.vs", text), pick_std="0.0005"))
    assert "The third value of 1 shot lines is not 0 and was not read (lines 3)." in told


def test_nothing_says_how_good_the_picks_are(write: Write) -> None:
    with pytest.raises(InputError, match="no pick errors, and none are assumed"):
        read_picks(write("line.vs", PLAIN))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("1996", "1997"), "line 1: found '1997 0 3.000000'; expected SeisImager's first line"),
        (
            ("0 2 2.0", "0 3 2.0"),
            "line 10: found '0 0', as after the last shot; expected shot 3 of 3",
        ),
        (("0 2 2.0", "0 1 2.0"), "line 7: .* follows the last shot; .* the number of shots"),
        (("0 2 2.0", "0 0 2.0"), "line 2: the number of shots is 0; expected at least 1"),
        (("5.000000 2 0", "5.000000 9 0"), "line 7: 9 picks are announced but 5 follow"),
        (("2.000000 6.83", "2.000000 x"), "line 5: travel time is 'x0000'; expected a number"),
        (("6.83", "-6.83"), "line 5: travel time is -0.00683 s; expected a finite time above 0"),
    ],
)
def test_bad_files_name_the_line(write: Write, change: tuple[str, str], message: str) -> None:
    with pytest.raises(FileFormatError, match=message):
        read_picks(write("line.vs", PLAIN.replace(*change)), "vs", pick_std="0.0005")
