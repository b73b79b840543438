from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from seisnb.conventions import FileFormatError, GeometryError, InputError
from seisnb.io import describe_picks, read_picks

Write = Callable[[str, str | bytes], Path]
Notes = Callable[[xr.Dataset], list[str]]

PLAIN = """2
s 10 2.0 3
r 4 0.0 0 2.5 0.02
r 4 0.0 1 6.0 0.1
r 16.5 0.005 0 2.7 0.03
s 20 2.5 1
r 4 0.0 0 4.1 0.04
"""
SEA = {"water_velocity": 1.5, "surface": ([0.0, 10.0, 30.0], [1.0, 2.0, 3.0])}


def test_every_field_of_every_pick(write: Write, notes: Notes) -> None:
    survey = read_picks(write("tt.dat", PLAIN), **SEA)
    np.testing.assert_array_equal(survey["shot"], [1, 1, 2])
    np.testing.assert_array_equal(survey["shot_easting"], [10, 10, 20])
    np.testing.assert_array_equal(survey["shot_depth"], [2, 2, 2.5])
    np.testing.assert_array_equal(survey["receiver"], [1, 2, 1])
    np.testing.assert_array_equal(survey["receiver_easting"], [4, 16.5, 4])
    np.testing.assert_array_equal(survey["receiver_depth"], [0, 0.005, 0])
    np.testing.assert_array_equal(survey["travel_time"], [2.5, 2.7, 4.1])
    np.testing.assert_array_equal(survey["pick_std"], [0.02, 0.03, 0.04])
    assert notes(survey) == ["Left out later arrivals: 1 of phase 1."]
    summary = describe_picks(write("tt.dat", PLAIN))
    assert (summary.format, summary.n_picks, summary.phases) == ("tomo2d", 4, {"0": 3, "1": 1})
    assert summary.has_depths
    assert summary.has_pick_std


def test_wrong_sign_of_an_instrument_is_told(write: Write) -> None:
    with pytest.raises(
        GeometryError,
        match="shot 1 at easting 10 km has depth -2 km; it lies abov"
        "e the sea; .* Depth is positive down: use 2.",
    ):
        read_picks(write("tt.dat", PLAIN.replace("s 10 2.0", "s 10 -2.0")), **SEA)
    with pytest.raises(
        GeometryError,
        match="shot 2 at easting 20 km has depth 4.5 km; it lies und"
        "er the sea floor; the surface there has depth 2.5 km",
    ):
        read_picks(write("tt.dat", PLAIN.replace("s 20 2.5", "s 20 4.5")), **SEA)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("2\ns", "3\ns"), "line 7: the file ends after 2 of 3 sources; expected a source line"),
        (
            ("2\ns", "1\ns"),
            "line 6: found 's 20 2.5 1' after 1 sources; expected the file's end. C"
            "orrect the number of sources in line 1",
        ),
        (("2\ns", "0\ns"), "line 1: number of sources is 0; expected at least 1"),
        (("2.0 3", "2.0 4"), "line 2: 4 receivers are announced but 3 follow before line 6, 's 20"),
        (("2.0 3", "2.0 2"), "line 5: found 'r 16.5 0.005 0 2.7 0.03'; expected source 2 of 2"),
        (("2.5 1", "2.5 2"), "line 6: 2 receivers are announced but 1 follow"),
        (("s 20", "x 20"), "line 6: found 'x 20 2.5 1'; expected source 2 of 2"),
        (("s 20", "s nan"), "line 6: source easting is 'nan'; expected a finite number"),
        (("2.5 1\n", "2.5\n"), "line 6: 's 20 2.5' has 3 values; expected at least 4"),
        (("2.0 3", "2.0 -1"), "line 2: number of receivers is -1; expected at least 0"),
    ],
)
def test_bad_structure(write: Write, change: tuple[str, str], message: str) -> None:
    with pytest.raises(FileFormatError, match=message):
        read_picks(write("tt.dat", PLAIN.replace(*change)), on_bad="drop", **SEA)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("0 2.7 0.03", "0 2.7"), "line 5: 'r 16.5 0.005 0 2.7' has 5 values; expected at least 6"),
        (("2.7", "-2.7"), "line 5: travel time is -2.7 s; expected a finite time above 0"),
        (("2.7", "NaN"), "line 5: travel time is nan s; expected a finite time above 0"),
        (("0.03", "0"), "line 5: pick std is 0.0 s; expected a finite value above 0"),
        (("0.005", "deep"), "line 5: receiver depth is 'deep'; expected a number"),
    ],
)
def test_bad_pick(write: Write, notes: Notes, change: tuple[str, str], message: str) -> None:
    path = write("tt.dat", PLAIN.replace(*change))
    with pytest.raises(FileFormatError, match=message):
        read_picks(path, **SEA)
    survey = read_picks(path, on_bad="drop", **SEA)
    assert survey.sizes["pick"] == 2
    assert any("Dropped 1 bad lines: tt.dat, line 5" in note for note in notes(survey))


def test_a_geometry_file_without_times_is_refused(write: Write) -> None:
    text = "1\ns 10 2 2\nr 4 0 0 0 0\nr 5 0 0 0 0\n"
    with pytest.raises(
        InputError,
        match="none of 2 picks is usable. Dropped 2 rows with a travel "
        "time of 0 .no pick.: lines 3, 4",
    ):
        read_picks(write("geom.dat", text), **SEA)


def test_a_source_without_receivers_is_fine(write: Write) -> None:
    text = PLAIN.replace("2\ns", "3\ns 1 1.1 0\ns", 1)
    assert list(read_picks(write("tt.dat", text), **SEA)["shot"]) == [2, 2, 3]
