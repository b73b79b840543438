from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from seisnb.conventions import FileFormatError, GeometryError, InputError
from seisnb.io import describe_picks, read_picks
from seisnb.io.lines import read_text
from seisnb.io.txin import parse_txin

Write = Callable[[str, str | bytes], Path]
Notes = Callable[[xr.Dataset], list[str]]
Fortran = Callable[[Iterable[tuple[float, float, float, int]]], str]

END = (0.0, 0.0, 0.0, -1)
RECORDS = [
    (10.0, -1.0, 0.0, 0),
    (4.0, 1.5, 0.02, 1),
    (1.0, 2.3, 0.03, 5),
    (1.0, 3.9, 0.05, 8),
    (10.0, 1.0, 0.0, 0),
    (15.0, 1.4, 0.02, 1),
    (20.0, -1.0, 0.0, 0),
    (4.0, 3.1, 0.03, 1),
    END,
]
SEA_FLOOR = ([0.0, 10.0, 30.0], [1.0, 2.0, 3.0])


def test_every_field_of_every_pick(write: Write, fortran: Fortran, notes: Notes) -> None:
    survey = read_picks(write("tx.in", fortran(RECORDS)), phases=[1, 5])
    np.testing.assert_array_equal(survey["shot_easting"], [10, 10, 10, 20])
    np.testing.assert_array_equal(survey["receiver_easting"], [4, 1, 15, 4])
    np.testing.assert_array_equal(survey["travel_time"], [1.5, 2.3, 1.4, 3.1])
    np.testing.assert_array_equal(survey["pick_std"], [0.02, 0.03, 0.02, 0.03])
    np.testing.assert_array_equal(survey["phase"], ["1", "5", "1", "1"])
    np.testing.assert_array_equal(survey["shot"], [1, 1, 1, 2])
    assert survey["receiver"][0] == survey["receiver"][3]
    assert (survey["shot_depth"] == 0).all()
    assert notes(survey) == [
        "Left out later arrivals: 1 of phase 8.",
        "The file has no shot depths: every shot stands at sea level (depth 0), for want of a "
        "surface.",
        "The file has no receiver depths: every receiver stands at sea level (depth 0), for want "
        "of a surface.",
    ]


def test_phases_must_be_named(write: Write, fortran: Fortran) -> None:
    path = write("tx.in", fortran(RECORDS))
    with pytest.raises(InputError, match=r"phase codes 1 \(3 picks\), 5 \(1 picks\), 8 \(1 picks"):
        read_picks(path)
    with pytest.raises(InputError, match=r"no picks have the phase code 7. The file has 1 \(3"):
        read_picks(path, phases="1,7")
    with pytest.raises(InputError, match=r"phase code \(none given\)"):
        read_picks(path, phases=[])
    assert describe_picks(path).phases == {"1": 3, "5": 1, "8": 1}
    assert not describe_picks(path).has_depths


@pytest.mark.parametrize("phases", ["1", 1, [1], ["1"], (1,), " 1 ", np.int64(1), np.array([1])])
def test_phases_in_any_form(write: Write, fortran: Fortran, phases: object) -> None:
    survey = read_picks(write("tx.in", fortran(RECORDS)), phases=phases)
    assert survey.sizes["pick"] == 3


def test_columns_may_touch(write: Write, fortran: Fortran) -> None:
    text = fortran([(-99990.5, -1.0, 0.0, 0), (-99999.25, 100000.125, 100000.25, 1), END])
    assert len(text.splitlines()[1].split()) == 2  # the first three values run together
    row = parse_txin(read_text(write("tx.in", text), where="test")).rows[0]
    found = (row.shot_easting, row.receiver_easting, row.travel_time, row.pick_std, row.phase)
    assert found == (-99990.5, -99999.25, 100000.125, 100000.25, "1")


def test_at_sea_the_header_is_the_instrument(write: Write, fortran: Fortran, notes: Notes) -> None:
    path = write("tx.in", fortran(RECORDS))
    survey = read_picks(path, phases=[1, 5], water_velocity=1.5, surface=SEA_FLOOR)
    np.testing.assert_allclose(survey["shot_depth"], [2, 2, 2, 2.5])
    np.testing.assert_array_equal(survey["receiver_depth"], 0)
    assert survey.attrs["water_velocity"] == 1.5
    assert "every receiver stands at the sea surface" in notes(survey)[2]
    other = read_picks(
        path, phases=[1, 5], water_velocity=1.5, surface=SEA_FLOOR, instrument="receiver"
    )
    np.testing.assert_array_equal(other["shot_depth"], 0)
    np.testing.assert_allclose(other["receiver_depth"], [1.4, 1.1, 2.25, 1.4])
    with pytest.raises(InputError, match="there is no sea floor. Pass surface"):
        read_picks(path, phases=1, water_velocity=1.5)
    with pytest.raises(InputError, match="instrument is 'obs'; expected 'shot' or 'receiver'"):
        read_picks(path, phases=1, instrument="obs")  # type: ignore[arg-type]


def test_a_line_from_sea_to_land(write: Write, fortran: Fortran) -> None:
    path = write("tx.in", fortran(RECORDS))
    shore = ([0.0, 10.0, 30.0], [1.0, 0.0, -1.0])
    survey = read_picks(path, phases=[1, 5], water_velocity=1.5, surface=shore)
    np.testing.assert_allclose(survey["receiver_depth"], [0, 0, -0.25, 0])
    np.testing.assert_allclose(survey["shot_depth"], [0, 0, 0, -0.5])


def test_on_land_both_ends_stand_on_the_topography(write: Write, fortran: Fortran) -> None:
    path = write("tx.in", fortran(RECORDS))
    survey = read_picks(path, phases=[1, 5], surface=([0, 30], [-0.3, 0.0]))
    np.testing.assert_allclose(survey["shot_depth"], [-0.2, -0.2, -0.2, -0.1])
    np.testing.assert_allclose(survey["receiver_depth"], [-0.26, -0.29, -0.15, -0.26])
    with pytest.raises(GeometryError, match="easting 1 km .* beyond the surface profile .2 to 30"):
        read_picks(path, phases=[1, 5], surface=([2, 30], [0, 0]))


def test_zero_offset_at_sea_is_no_zero_distance(write: Write, fortran: Fortran) -> None:
    records = [(10.0, 1.0, 0.0, 0), (10.0, 1.33, 0.02, 1), (15.0, 2.6, 0.02, 1), END]
    path = write("tx.in", fortran(records))
    assert read_picks(path, phases=1).sizes["pick"] == 1
    at_sea = read_picks(path, phases=1, water_velocity=1.5, surface=SEA_FLOOR)
    assert at_sea.sizes["pick"] == 2


def test_of_two_phases_the_first_is_kept(write: Write, fortran: Fortran, notes: Notes) -> None:
    records = [
        (0.0, 1.0, 0.0, 0),
        (20.0, 4.0, 0.02, 5),
        (20.0, 3.8, 0.02, 1),
        (30.0, 5.0, 0.02, 5),
        END,
    ]
    survey = read_picks(write("tx.in", fortran(records)), phases="1,5")
    np.testing.assert_array_equal(survey["travel_time"], [3.8, 5.0])
    assert "Dropped 1 picks that another phase precedes at the same receiver: lines 2." in notes(
        survey
    )


def test_free_format_is_read_too(write: Write) -> None:
    text = "10 -1 0 0\n4 1.5 .02 1\n 0 0 0 -1\n"
    survey = read_picks(write("picks", text), phases=1)
    assert float(survey["travel_time"][0]) == 1.5


@pytest.mark.parametrize(
    ("records", "message"),
    [
        (RECORDS[1:], "line 1: a pick comes before any shot; expected a shot header"),
        ([(1.0, 0.5, 0, 0), *RECORDS], "line 1: direction of the shot header is '0.500'; expected"),
        ([RECORDS[0], (1.0, 0.5, 0, -3), END], "line 2: the code is -3; expected 0 .shot., -1"),
        (RECORDS[:-1], "line 8: the file ends without the end record .* may be truncated"),
        ([RECORDS[0], (4.0, -1.5, 0.02, 1), END], "line 2: travel time is -1.5 s; expected a fin"),
        ([RECORDS[0], (4.0, float("nan"), 0.02, 1), END], "line 2: travel time is nan s"),
        ([RECORDS[0], (4.0, 1.5, 0.0, 1), END], "line 2: pick std is 0.0 s; expected a finite"),
        ([RECORDS[0], (float("inf"), 1.5, 0.02, 1), END], "line 2: receiver position is 'inf'"),
    ],
)
def test_bad_records(
    write: Write, fortran: Fortran, records: list[tuple[float, float, float, int]], message: str
) -> None:
    with pytest.raises(FileFormatError, match=message):
        read_picks(write("tx.in", fortran(records)), "txin", phases=1)


def test_bad_text_in_a_record(write: Write, fortran: Fortran, notes: Notes) -> None:
    text = fortran(RECORDS)
    overflow = write("tx.in", text.replace("     1.400", "**********"))
    with pytest.raises(FileFormatError, match=r"line 6: travel time is '\*\*\*\*\*\*\*\*\*\*'"):
        read_picks(overflow, phases=[1, 5])
    survey = read_picks(overflow, phases=[1, 5], on_bad="drop")
    assert survey.sizes["pick"] == 3
    assert notes(survey)[0].startswith("Dropped 1 bad lines: tx.in, line 6: travel time is")
    cut = write("cut.in", text[: text.index("1.400") + 3])
    with pytest.raises(FileFormatError, match="cut.in, line 6: "):
        read_picks(cut, phases=[1, 5])
    assert read_picks(cut, phases=[1, 5], on_bad="drop").sizes["pick"] == 2


def test_oddities_are_reported(write: Write, fortran: Fortran, notes: Notes) -> None:
    records = [(10.0, 1.0, 0, 0), (4.0, 1.5, 0.02, 1), (14.0, 1.5, 0.02, 1), END, *RECORDS]
    told = notes(read_picks(write("tx.in", fortran(records)), phases=1))
    assert told[0] == "9 lines after the end record in line 4 were not read."
    assert told[1].startswith("1 picks lie on the other side of the shot than its header says")
