"""PyRefra's picks with its lists of positions."""

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

PICKS = """1 1 -0.00017 -0.00067 0.00033
1 2 0.00612 0.00562 0.00662
7 1 0.01729 0.01629 0.01829
7 2 0.00954 0.00904 0.01004
"""
SHOTS = "1\t0.00\t0\t0.\n7\t11.92\t0\t0.\n"
RECEIVERS = "1 0.0 0 0\n2 5.0 0 0\n"


@pytest.fixture
def picks(write: Write) -> Path:
    """The picks with both lists beside them."""
    write("shots.geo", SHOTS)
    write("receivers.geo", RECEIVERS)
    return write("picks.dat", PICKS)


def test_every_field_of_every_pick(picks: Path, notes: Notes) -> None:
    survey = read_picks(picks)
    np.testing.assert_array_equal(survey["shot"], [1, 7, 7])
    np.testing.assert_array_equal(survey["receiver"], [2, 1, 2])
    np.testing.assert_allclose(survey["shot_easting"] * 1e3, [0, 11.92, 11.92])
    np.testing.assert_allclose(survey["receiver_easting"] * 1e3, [5, 0, 5])
    np.testing.assert_array_equal(survey["travel_time"], [0.00612, 0.01729, 0.00954])
    np.testing.assert_allclose(survey["pick_std"], [0.0005, 0.001, 0.0005])
    assert notes(survey)[0].startswith("Dropped 1 zero-offset rows")
    assert describe_picks(picks).has_pick_std


def test_lists_may_lie_elsewhere(picks: Path, tmp_path: Path) -> None:
    expected = read_picks(picks)
    (tmp_path / "elsewhere").mkdir()
    for name in ("shots.geo", "receivers.geo"):
        (tmp_path / name).rename(tmp_path / "elsewhere" / name)
    with pytest.raises(
        InputError, match="need the positions of the shots, but there is no shots.g"
    ):
        read_picks(picks)
    found = read_picks(
        picks,
        shots=tmp_path / "elsewhere" / "shots.geo",
        receivers=tmp_path / "elsewhere" / "receivers.geo",
    )
    xr.testing.assert_identical(found, expected)


def test_the_sign_of_z_is_asked_for(write: Write, picks: Path) -> None:
    write("receivers.geo", "1 0.0 0 0\n2 5.0 0 0.4\n")
    with pytest.raises(
        InputError, match="z runs from 0 to 0.0004 km, and nothing says whether it i"
    ):
        read_picks(picks)
    up = read_picks(picks, vertical="elevation")
    np.testing.assert_allclose(up["receiver_depth"] * 1e3, [-0.4, 0, -0.4])
    down = read_picks(picks, vertical="depth")
    np.testing.assert_allclose(down["receiver_depth"] * 1e3, [0.4, 0, 0.4])


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        (
            "picks.dat",
            PICKS + "8 1 0.02 0.01 0.03\n",
            "line 5: shot 8 is not in the list of shots; ",
        ),
        ("picks.dat", PICKS + "7 1 0.02\n", "line 5: '7 1 0.02' has 3 values; expected 5: shot"),
        ("picks.dat", PICKS + "7.5 1 0.02 0.01 0.03\n", "line 5: shot number is '7.5'"),
        ("shots.geo", SHOTS + "1 4 0 0\n", "shots.geo, line 3: shot 1 has a second position"),
        ("shots.geo", "1 4 0\n", "shots.geo, line 1: found '1 4 0'; expected column names such as"),
        ("receivers.geo", "1 x 0 0\n", "receivers.geo, line 1: found '1 x 0 0'; expected"),
        ("receivers.geo", RECEIVERS + "3 x 0 0\n", "receivers.geo, line 3: easting is 'x'"),
    ],
)
def test_bad_files_name_the_line(
    write: Write, picks: Path, file: str, text: str, message: str
) -> None:
    write(file, text)
    with pytest.raises(FileFormatError, match=message):
        read_picks(picks)
