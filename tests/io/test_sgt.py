from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from seisnb.conventions import FileFormatError, GeometryError, InputError
from seisnb.io import read_picks, write_picks

Write = Callable[[str, str | bytes], Path]
Notes = Callable[[xr.Dataset], list[str]]

PLAIN = """3 # shot/geophone points
#x\tz
0.0\t100.0
5.0\t101.0
12.0\t100.5
3 # measurements
#s\tg\tt\terr
1\t2\t0.004\t0.0005
1\t3\t0.010\t0.0006
3\t1\t0.011\t0.0007
"""
#: name, file, its table of pyGIMLi's own reading, points, shots, picks, shift in m, lengths in m
LINES = [
    ("koenigsee/koenigsee.sgt", "koenigsee/koenigsee_response.csv", 63, 15, 714, (-4.5, 51.5)),
    ("schilthorn/rst.data", "schilthorn/schilthorn_response.csv", 52, 25, 595, (-1.9, 48.94)),
    (
        "refrapy_fields/field_example_01.sgt",
        "refrapy_fields/refrapy_01_response.csv",
        29,
        5,
        120,
        (-20.0, 112.0),
    ),
    (
        "refrapy_fields/field_example_02.sgt",
        "refrapy_fields/refrapy_02_response.csv",
        57,
        9,
        207,
        (-2.5, 235.0),
    ),
]


@pytest.mark.parametrize(("file", "response", "n_points", "n_shots", "n_picks", "ends"), LINES)
def test_real_line_as_pygimli_reads_it(
    data_folder: Path,
    file: str,
    response: str,
    n_points: int,
    n_shots: int,
    n_picks: int,
    ends: tuple[float, float],
) -> None:
    survey = read_picks(data_folder / file, pick_std="0.001")
    assert survey.sizes == {"pick": n_picks, "profile": n_points}
    assert np.unique(survey["shot"]).size == n_shots
    assert survey["surface_easting"].values[[0, -1]] * 1e3 == pytest.approx(ends)
    assert survey.attrs["length_unit"] == "m"
    with (data_folder / response).open() as stream:
        rows = list(csv.DictReader(stream))
    np.testing.assert_array_equal(survey["shot"], [int(row["s0"]) + 1 for row in rows])
    np.testing.assert_array_equal(survey["receiver"], [int(row["g0"]) + 1 for row in rows])
    np.testing.assert_allclose(
        survey["travel_time"], [float(row["t_obs_s"]) for row in rows], atol=5.1e-7
    )


def test_elevation_in_m_becomes_depth_in_km(data_folder: Path) -> None:
    survey = read_picks(data_folder / LINES[3][0], pick_std="0.001")
    first = survey.isel(pick=0)
    assert float(first["shot_easting"]) == pytest.approx(-0.0025)
    assert float(first["shot_depth"]) == pytest.approx(-0.60670)
    assert float(survey["surface_depth"].min()) == pytest.approx(-0.6067)
    assert float(survey["surface_depth"].max()) == pytest.approx(-0.59479)


def test_schilthorn_reports_its_zero_offset_rows(data_folder: Path, notes: Notes) -> None:
    survey = read_picks(data_folder / LINES[1][0])
    told = notes(survey)
    assert told[0].startswith("Dropped 25 zero-offset rows")
    assert "lines 57, 83" in told[0]
    assert "All pick errors in the file are 0.005 s: perhaps a placeholder" in told[1]
    assert set(survey["pick_std"].values) == {0.005}
    ours = read_picks(data_folder / LINES[1][0], pick_std=0.0003)
    assert set(ours["pick_std"].values) == {0.0003}
    assert notes(ours)[-1].endswith("0.0003 as the caller gave, not the file's.")


def test_errors_of_the_file_are_kept(write: Write, notes: Notes) -> None:
    survey = read_picks(write("a.sgt", PLAIN))
    np.testing.assert_array_equal(survey["pick_std"], [0.0005, 0.0006, 0.0007])
    np.testing.assert_allclose(survey["receiver_depth"], [-0.101, -0.1005, -0.1])
    assert notes(survey) == []
    assert survey.attrs["title"] == "a"
    assert survey.attrs["source"] == "a.sgt"


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text.replace("\n", "\r"),
        lambda text: "\ufeff" + text,
        lambda text: text.replace("\t", "   "),
        lambda text: text.replace("\n", "\n\n  \n"),
        lambda text: text.replace("#x", "# a remark\n# X"),
        lambda text: "# made by hand\n" + text.replace("0.0006", "0.0006 # checked"),
        lambda text: text + "0\n",
        lambda text: text.replace("#x\tz\n", "").replace("#s\tg\tt\terr\n", ""),
        lambda text: text.replace("#x\tz", "#x/m z/m").replace("#s\tg\tt\terr", "#s g t/s err/s"),
        lambda text: text.rstrip("\n"),
        lambda text: text.replace("1\t2\t", "1.0\t2.0\t"),
        lambda text: text.replace("0.004", "4D-3"),
        lambda text: text.replace("3 # shot/geophone points", "3 shot/geophone points"),
        lambda text: text.replace("3 # measurements", "3 measurements, picked by hand"),
        lambda text: text.replace("#", "//"),
        lambda text: "// line 7\n" + text.replace("0.0005", "0.0005 // checked # twice"),
        lambda text: text.replace("#x\tz", "#x elevation"),
        lambda text: (
            text.replace("#x\tz", "# elev/m x/m")
            .replace("0.0\t100.0", "100.0 0.0")
            .replace("5.0\t101.0", "101.0 5.0")
            .replace("12.0\t100.5", "100.5 12.0")
        ),
        lambda text: text.replace("#x\tz", "#x depth").replace("\t10", "\t-10"),
        lambda text: text.replace("#x\tz", "# X (m)  Depth [m]").replace("\t10", "\t-10"),
        lambda text: (
            text.replace("#s\tg\tt\terr", "#s g t(ms) err (s)")
            .replace("0.004\t", "4 ")
            .replace("0.010\t", "10 ")
            .replace("0.011\t", "11 ")
        ),
    ],
)
def test_variants_of_the_same_file(write: Write, change: Callable[[str], str]) -> None:
    expected = read_picks(write("a.sgt", PLAIN))
    found = read_picks(write("a.sgt", change(PLAIN)))
    xr.testing.assert_equal(found, expected)


def test_columns_in_any_order_and_unit(write: Write, notes: Notes) -> None:
    text = (
        "2\n#z/mm x/km\n1000 0\n2000 0.01\n2\n#err/% t/ms k g s valid\n10 5 9 2 1 1\n10 6 9 1 2 0\n"
    )
    survey = read_picks(write("a.sgt", text))
    np.testing.assert_allclose(survey["travel_time"], [0.005, 0.006])
    np.testing.assert_allclose(survey["pick_std"], [0.0005, 0.0006])
    np.testing.assert_array_equal(survey["used"], [True, False])
    np.testing.assert_allclose(survey["surface_easting"], [0, 0.01])
    np.testing.assert_allclose(survey["surface_depth"], [-0.001, -0.002])
    assert notes(survey) == ["Ignored columns of the measurements: k."]


@pytest.mark.parametrize(
    ("header", "rows", "depth"),
    [
        ("#x y z", ("0 0 7", "9 0 8"), [-0.007, -0.008]),
        ("#x y z", ("0 7 0", "9 8 0"), [-0.007, -0.008]),
        ("", ("0 0 7", "9 0 8"), [-0.007, -0.008]),
        ("#x", ("0", "9"), [0, 0]),
        ("", ("0", "9"), [0, 0]),
    ],
)
def test_which_column_is_the_elevation(
    write: Write, header: str, rows: tuple[str, str], depth: list[float]
) -> None:
    text = "\n".join(["2", header, *rows, "1", "#s g t err", "1 2 0.005 0.001"])
    np.testing.assert_allclose(read_picks(write("a.sgt", text))["surface_depth"], depth)


def test_duplicate_points_count_as_one(write: Write, notes: Notes) -> None:
    text = PLAIN.replace("3 # shot", "4 # shot").replace("5.0\t", "0.0\t100.0\n5.0\t")
    text = text.replace("1\t3", "2\t4").replace("3\t1", "1\t3").replace("1\t2\t", "1\t2\t")
    survey = read_picks(write("a.sgt", text))
    told = notes(survey)
    assert told[0] == "Merged 1 points that lie where an earlier point does: 2 (as 1)."
    assert told[1].startswith("Dropped 1 zero-offset rows")
    np.testing.assert_array_equal(survey["shot"], [1, 1])
    assert survey.sizes["profile"] == 3


def test_topography_block_shapes_the_surface(write: Write) -> None:
    text = PLAIN + "4 # topography\n#x z\n-5 99\n2 102\n8 100\n20 98\n"
    survey = read_picks(write("a.sgt", text))
    np.testing.assert_allclose(survey["surface_easting"] * 1e3, [-5, 2, 8, 12, 20])
    np.testing.assert_allclose(survey["surface_depth"] * -1e3, [99, 102, 100, 100.5, 98])
    flipped = text.replace(" 99\n", " -99\n").replace(" 102\n", " -102\n").replace(" 98", " -98")
    with pytest.raises(GeometryError, match="above the surface"):
        read_picks(write("a.sgt", flipped.replace("8 100\n", "8 -100\n")))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("1\t3\t0.010\t0.0006\n3\t1\t0.011\t0.0007\n", "1\t3\t0.0"), "line 6: 3 measurements are"),
        (("0.010\t0.0006", "0.010"), r"line 9: '1\\t3\\t0.010' has 3 values; expected at least 4,"),
        (("0.010", "abc"), "line 9: travel time is 'abc'; expected a number"),
        (("0.010", "0,010"), "a number. Write decimals with a point, not a comma"),
        (("0.010", "1_0"), "line 9: travel time is '1_0'; expected a number"),
        (("0.010", "-0.010"), "line 9: travel time is -0.01 s; expected a finite time above 0"),
        (("0.010", "nan"), "line 9: travel time is nan s; expected a finite time above 0"),
        (("0.010", "inf"), "line 9: travel time is inf s; expected a finite time above 0"),
        (("0.010", "1e999"), "line 9: travel time is inf s; expected a finite time"),
        (("0.0006", "0"), "line 9: pick std is 0.0 s; expected a finite value above 0"),
        (("0.0006", "nan"), "line 9: pick std is nan s; expected a finite value above 0"),
        (("1\t3", "1\t4"), "line 9: geophone point g is 4; expected a point number from 1 to 3"),
        (("1\t3", "0\t3"), "shot point s is 0; .* Points count from 1"),
        (("1\t3", "1.5\t3"), "line 9: shot point s is '1.5'; expected a whole number"),
    ],
)
def test_bad_measurement_names_line_and_value(
    write: Write, notes: Notes, change: tuple[str, str], message: str
) -> None:
    path = write("bad.sgt", PLAIN.replace(*change))
    with pytest.raises(FileFormatError, match=message) as caught:
        read_picks(path)
    assert str(caught.value).startswith("bad.sgt, line ")
    if "announced" in str(caught.value):
        return
    survey = read_picks(path, on_bad="drop")
    assert survey.sizes["pick"] == 2
    assert notes(survey)[0].startswith("Dropped 1 bad lines: bad.sgt, line 9: ")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("#x\tz", "#Position Depth"), "line 2: the comment 'Position Depth' may name a column of"),
        (("#x\tz", "#x z depth"), "line 1: the columns have depth and z; expected one vertical"),
        (
            ("3 # shot", "3 4 # shot"),
            "line 1: found '3 4 # shot/geophone points'; expected the num",
        ),
        (
            ("3 # shot", "4 # shot"),
            "line 8: found .* Correct the line, or the count of the block before",
        ),
        (("3 # shot", "2 # shot"), r"line 5: found '12.0\\t100.5'; expected the number of meas"),
        (("3 # meas", "2 # meas"), "line 10: found .* expected the number of topography points"),
        (("3 # meas", "4 # meas"), "line 6: 4 measurements are announced but 3 follow"),
        (("3 # meas", "0 # meas"), "line 6: the number of measurements is 0; expected at least 1"),
        (("12.0", "nan"), "line 5: coordinate x is 'nan'; expected a finite number"),
        (("101.0", "abc"), "line 4: coordinate z is 'abc'; expected a number"),
        (("#x\tz", "#y\tz"), "line 1: the columns have no 'x'; expected 'x' and 'z' or 'y'"),
        (("#s\tg\tt\terr", "#s\tg\ttime\terr"), "line 6: the measurements have no column 't'"),
        (("#s\tg\tt\terr", "#s\tg\tt/h\terr"), "the column 't' is in 'h'; expected one of s, ms"),
    ],
)
def test_bad_structure_raises_even_when_dropping(
    write: Write, change: tuple[str, str], message: str
) -> None:
    with pytest.raises(FileFormatError, match=message):
        read_picks(write("bad.sgt", PLAIN.replace(*change)), on_bad="drop")


def test_truncated_anywhere_is_an_error_or_a_shorter_count(write: Write) -> None:
    for end in range(1, len(PLAIN) - 2):
        with pytest.raises(InputError) as caught:
            read_picks(write("cut.sgt", PLAIN[:end]))
        assert "cut.sgt" in str(caught.value)


def test_a_depth_column_is_positive_down(write: Write) -> None:
    text = PLAIN.replace("#x\tz", "#x depth")
    survey = read_picks(write("a.sgt", text))
    np.testing.assert_allclose(survey["shot_depth"], [0.1, 0.1, 0.1005])
    said = read_picks(write("a.sgt", PLAIN), vertical="depth")
    np.testing.assert_allclose(said["shot_depth"], [0.1, 0.1, 0.1005])


def test_a_constant_y_is_no_second_elevation(write: Write, notes: Notes) -> None:
    text = "2\n#x y z\n0 4 7\n9 4 8\n1\n#s g t err\n1 2 0.005 0.001\n"
    survey = read_picks(write("a.sgt", text))
    np.testing.assert_allclose(survey["surface_depth"], [-0.007, -0.008])
    np.testing.assert_allclose(survey["surface_easting"], [0, 0.009])
    assert "offset_across" not in survey
    assert notes(survey) == ["All shots and receivers have the northing (y) 0.004 km."]


def test_points_in_space_are_projected_onto_their_line(write: Write) -> None:
    text = (
        "3\n#x y z\n500000 4600000 7\n500003 4600004 8\n500006 4600008 9\n"
        "2\n#s g t err\n1 2 0.005 0.001\n1 3 0.010 0.001\n1\n#x y z\n500009 4600012 10\n"
    )
    survey = read_picks(write("a.sgt", text))
    np.testing.assert_allclose(survey["receiver_easting"], [0.005, 0.01], atol=1e-9)
    np.testing.assert_allclose(survey["surface_easting"], [0, 0.005, 0.01, 0.015], atol=1e-9)
    np.testing.assert_allclose(survey["surface_depth"], [-0.007, -0.008, -0.009, -0.01])
    assert survey.attrs["line_azimuth"] == pytest.approx(36.8699, abs=1e-3)


def test_y_of_a_map_is_no_elevation(write: Write, notes: Notes) -> None:
    text = "2\n#x y\n500000 4600000\n500003 4600004\n1\n#s g t err\n1 2 0.005 0.001\n"
    survey = read_picks(write("a.sgt", text))
    np.testing.assert_allclose(survey["receiver_easting"], 0.005, atol=1e-9)
    assert notes(survey)[0].startswith("The points' y are too large for elevations")
    placed = read_picks(write("a.sgt", text), surface=([0, 0.005], [-0.6, -0.61]))
    np.testing.assert_allclose(placed["receiver_depth"], -0.61)


def test_without_errors_refused_unless_given(write: Write) -> None:
    text = PLAIN.replace("\terr", "").replace("\t0.0005", "").replace("\t0.0006", "")
    path = write("a.sgt", text.replace("\t0.0007", ""))
    with pytest.raises(InputError, match="no pick errors, and none are assumed. Pass pick_std"):
        read_picks(path)
    survey = read_picks(path, pick_std="10%+0.0001")
    np.testing.assert_allclose(survey["pick_std"], [0.0005, 0.0011, 0.0012])


@pytest.mark.parametrize("line", LINES, ids=lambda line: line[0])
def test_round_trip_of_a_real_line(data_folder: Path, tmp_path: Path, line: tuple) -> None:
    before = read_picks(data_folder / line[0], pick_std="3%+0.0005")
    before["used"][3] = False
    write_picks(before, tmp_path / "again.sgt")
    after = read_picks(tmp_path / "again.sgt")
    for name in set(before) - {"shot", "receiver"}:
        np.testing.assert_allclose(after[name], before[name], rtol=1e-14, atol=1e-15)
    for name in ("shot", "receiver"):
        one_to_one = set(zip(before[name].values, after[name].values, strict=True))
        assert len(one_to_one) == np.unique(before[name]).size


def test_water_cannot_be_written(tmp_path: Path, write: Write) -> None:
    survey = read_picks(write("a.sgt", PLAIN))
    survey.attrs["water_velocity"] = 1.5
    with pytest.raises(InputError, match="water velocity, which an .sgt file cannot hold"):
        write_picks(survey, tmp_path / "b.sgt")
    assert not (tmp_path / "b.sgt").exists()


def test_at_sea_a_surface_is_needed(write: Write) -> None:
    with pytest.raises(InputError, match="there is no sea floor. Pass surface"):
        read_picks(write("a.sgt", PLAIN), water_velocity=1.5)
