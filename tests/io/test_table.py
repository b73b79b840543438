from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from seisnb.conventions import FileFormatError, GeometryError, InputError, OutputError
from seisnb.io import read_picks, write_picks
from seisnb.survey import make_survey, survey_checksum

Write = Callable[[str, str | bytes], Path]
Notes = Callable[[xr.Dataset], list[str]]

PLAIN = """# title = Line 7
shot_easting_km,shot_depth_km,receiver_easting_km,receiver_depth_km,travel_time_s,pick_std_s
10,0.1,14,0.0,1.5,0.02
10,0.1,20,0.2,2.5,0.03
"""


def marine() -> xr.Dataset:
    rng = np.random.default_rng(0)
    x = rng.uniform(0, 100, 40)
    survey = make_survey(
        travel_time=rng.uniform(5, 9, 40),
        pick_std=rng.uniform(0.01, 0.1, 40),
        shot_easting=np.repeat([20.0, 70.0 + 1 / 3], 20),
        shot_depth=np.repeat([1.59, 3.0], 20),
        receiver_easting=x,
        receiver_depth=0.0,
        surface_easting=[0, 1 / 3, 50, 100],
        surface_depth=[2, 2 / 3, 3, 3],
        water_velocity=1.5,
        used=rng.random(40) > 0.2,
        title="a line, with a comma",
    )
    survey["phase"] = ("pick", np.array(["1", "Pn"] * 20))
    return survey


def test_every_field(write: Write, notes: Notes) -> None:
    survey = read_picks(write("a.csv", PLAIN))
    np.testing.assert_array_equal(survey["shot_easting"], [10, 10])
    np.testing.assert_array_equal(survey["shot_depth"], [0.1, 0.1])
    np.testing.assert_array_equal(survey["receiver_depth"], [0, 0.2])
    np.testing.assert_array_equal(survey["pick_std"], [0.02, 0.03])
    assert survey.attrs["title"] == "Line 7"
    assert notes(survey) == []


def test_round_trip_is_exact(tmp_path: Path) -> None:
    before = marine()
    write_picks(before, tmp_path / "line.csv")
    after = read_picks(tmp_path / "line.csv")
    assert survey_checksum(after) == survey_checksum(before)
    for name in before:
        np.testing.assert_array_equal(after[name], before[name])
    assert after.attrs["title"] == before.attrs["title"]
    assert after.attrs["water_velocity"] == 1.5


def test_units_signs_order_and_mutes(write: Write) -> None:
    text = (
        "used;travel_time_ms;Pick_Std_ms;receiver_elevation_m;shot_elevation_km;receiver_easting_m;"
        "shot_easting_m;shot;receiver;phase\n"
        "1;9;0.5;620;0.6;30;10;7;3;P\nFALSE;12;0.5;630;0.6;40;10;7;4;P\n"
    )
    survey = read_picks(write("a.csv", text))
    np.testing.assert_allclose(survey["travel_time"], [0.009, 0.012])
    np.testing.assert_allclose(survey["pick_std"], 0.0005)
    np.testing.assert_allclose(survey["receiver_depth"], [-0.62, -0.63])
    np.testing.assert_allclose(survey["shot_depth"], -0.6)
    np.testing.assert_allclose(survey["receiver_easting"], [0.03, 0.04])
    np.testing.assert_array_equal(survey["used"], [True, False])
    np.testing.assert_array_equal(survey["shot"], 7)
    np.testing.assert_array_equal(survey["receiver"], [3, 4])
    np.testing.assert_array_equal(survey["phase"], "P")


def test_without_depths_the_surface_gives_them(write: Write, notes: Notes) -> None:
    text = "shot_easting_km,receiver_easting_km,travel_time_s\n10,14,1.5\n"
    survey = read_picks(write("a.csv", text), pick_std=0.02, surface=([0, 20], [-1, 0]))
    assert float(survey["shot_depth"][0]) == -0.5
    assert float(survey["receiver_depth"][0]) == pytest.approx(-0.3)
    assert "The file has no shot depths: every shot stands on the surface given." in notes(survey)


def test_extra_columns_are_reported(write: Write, notes: Notes) -> None:
    text = PLAIN.replace("pick_std_s", "pick_std_s,quality").replace("\n10,", "\n10,")
    text = text.replace("0.02\n", "0.02,a\n").replace("0.03\n", "0.03,b\n")
    assert notes(read_picks(write("a.csv", text))) == ["Ignored columns: 'quality'."]


def test_several_phases_must_be_chosen(write: Write) -> None:
    text = PLAIN.replace("pick_std_s", "pick_std_s,phase")
    text = text.replace("0.02\n", "0.02,Pg\n").replace("0.03\n", "0.03,Pn\n")
    path = write("a.csv", text)
    with pytest.raises(InputError, match=r"Pg \(1 picks\), Pn \(1 picks\). Say which are first"):
        read_picks(path)
    assert read_picks(path, phases="Pg,Pn").sizes["pick"] == 2
    assert read_picks(path, phases=["Pn"]).sizes["pick"] == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            ("pick_std_s", "pick_sdt_s"),
            "line 2: there is no column 'pick_sdt_s'; expected a name s"
            "uch as 'pick_std_s'. Correct the name",
        ),
        (
            ("travel_time_s", "travel_time"),
            "line 2: there is no column 'travel_time'; expected a name such as 'travel_time_",
        ),
        (
            ("shot_depth_km", "shot_easting_m"),
            "line 2: 'shot_easting' has two columns; expected one",
        ),
        (("receiver_depth_km", "shot_elevation_m"), "the shot has a depth and an elevation"),
        (
            ("shot_easting_km", "x"),
            "line 2: the header is .* expected it to hold 'shot_easting_km'",
        ),
    ],
)
def test_bad_header(write: Write, change: tuple[str, str], message: str) -> None:
    with pytest.raises(FileFormatError, match=message):
        read_picks(write("a.csv", PLAIN.replace(*change)), on_bad="drop")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            ("10,0.1,20,0.2,2.5,0.03", "10,0.1,20"),
            "line 4: '10,0.1,20' has 3 values; expected 6, as"
            " in the header. The line may be truncated",
        ),
        (("2.5", "2,5"), "has 7 values; expected 6, .* a decimal comma split a number"),
        (("2.5", ""), "line 4: travel time is ''; expected a number"),
        (("2.5", "-2.5"), "line 4: travel time is -2.5 s; expected a finite time above 0"),
        (("2.5", "nan"), "line 4: travel time is nan s"),
        (("0.03", "0"), "line 4: pick std is 0.0 s; expected a finite value above 0"),
        (("20,0.2", "inf,0.2"), "line 4: receiver easting is 'inf'; expected a finite number"),
    ],
)
def test_bad_line(write: Write, notes: Notes, change: tuple[str, str], message: str) -> None:
    path = write("a.csv", PLAIN.replace(*change))
    with pytest.raises(FileFormatError, match=message):
        read_picks(path)
    survey = read_picks(path, on_bad="drop")
    assert survey.sizes["pick"] == 1
    assert "Dropped 1 bad lines: a.csv, line 4: " in notes(survey)[0]


def test_bad_flag_and_phase(write: Write) -> None:
    for column, value, message in [
        ("used", "maybe", "line 3: 'used' is 'maybe'; expected 1, 0, true or false"),
        ("phase", "", "line 3: phase is ''; expected a code"),
        ("phase", '"P,g"', "line 3: phase is 'P,g'; expected a code: one number or word"),
        ("shot", "1.5", "line 3: shot number is '1.5'; expected a whole number"),
    ]:
        text = PLAIN.replace("pick_std_s", f"pick_std_s,{column}").replace(
            "0.02\n", f"0.02,{value}\n"
        )
        with pytest.raises(FileFormatError, match=message):
            read_picks(write("a.csv", text))


def test_no_picks_at_all(write: Write) -> None:
    with pytest.raises(FileFormatError, match="line 2: no picks follow the header"):
        read_picks(write("a.csv", "\n".join(PLAIN.splitlines()[:2])))
    with pytest.raises(FileFormatError, match="is of no known format|only comments"):
        read_picks(write("a.csv", "# nothing\n"))
    muted = PLAIN.replace("pick_std_s", "pick_std_s,used").replace("2\n", "2,0\n")
    with pytest.raises(InputError, match="all 2 picks are muted"):
        read_picks(write("a.csv", muted.replace("3\n", "3,0\n")))


def test_wrong_sign_at_sea(write: Write, tmp_path: Path) -> None:
    write_picks(marine(), tmp_path / "line.csv")
    text = (tmp_path / "line.csv").read_text().replace(",1.59,", ",-1.59,")
    with pytest.raises(
        GeometryError,
        match="depth -1.59 km; it lies above the sea; .* Depth is positive down: use 1.59",
    ):
        read_picks(write("bad.csv", text))


def test_unwritable_places_leave_nothing(tmp_path: Path, write: Write) -> None:
    survey = read_picks(write("a.csv", PLAIN))
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError, match="file' is not a folder"):
        write_picks(survey, tmp_path / "file" / "b.csv")
    with pytest.raises(
        OutputError, match="does not exist, so 'b.csv' cannot be written. Create it"
    ):
        write_picks(survey, tmp_path / "none" / "b.csv")
    (tmp_path / "b.csv").mkdir()
    with pytest.raises(OutputError, match="b.csv' is a folder; a file would replace it"):
        write_picks(survey, tmp_path / "b.csv")
    with pytest.raises(InputError, match="format is 'txt'; expected one of csv, sgt"):
        write_picks(survey, tmp_path / "b.txt")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.csv", "b.csv", "file"]
