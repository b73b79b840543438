"""Plain tables: names guessed, units stated or asked for, positions in lists of their own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from seisnb.conventions import FileFormatError, InputError
from seisnb.io import describe_picks, read_picks
from seisnb.io.names import guess_column

Write = Callable[[str, str | bytes], Path]
Notes = Callable[[xr.Dataset], list[str]]

PLAIN = "sx_m gx_m t_ms err_ms\n0 5 4.1 0.3\n0 9 7.2 0.4\n"


@pytest.mark.parametrize(
    ("name", "quantity", "unit"),
    [
        ("sx", "shot_easting", ""),
        ("x_s", "shot_easting", ""),
        ("X-Shot", "shot_easting", ""),
        ("Source Easting [km]", "shot_easting", "km"),
        ("shot_x/m", "shot_easting", "m"),
        ("source", "shot", ""),
        ("shot_m", "shot", "m"),
        ("gx(m)", "receiver_easting", "m"),
        ("rx", "receiver_easting", ""),
        ("geophone_x", "receiver_easting", ""),
        ("geophone", "receiver", ""),
        ("channel", "receiver", ""),
        ("rec_elevation_m", "receiver_elevation", "m"),
        ("gz", "receiver_vertical", ""),
        ("receiver depth (km)", "receiver_depth", "km"),
        ("y_r", "receiver_northing", ""),
        ("tt", "travel_time", ""),
        ("Travel-Time", "travel_time", ""),
        ("t_s", "travel_time", "s"),
        ("time (msec)", "travel_time", "ms"),
        ("ms", "travel_time", "ms"),
        ("First Break", "travel_time", ""),
        ("sigma_s", "pick_std", "s"),
        ("uncertainty", "pick_std", ""),
        ("time_m", "", ""),
        ("gx_ms", "", ""),
        ("quality", "", ""),
    ],
)
def test_names_are_told(name: str, quantity: str, unit: str) -> None:
    column = guess_column(name)
    assert (column.quantity, column.unit) == (quantity, unit)


@pytest.mark.parametrize(
    "text",
    [
        "err_ms t_ms gx_m sx_m\n0.3 4.1 5 0\n0.4 7.2 9 0\n",
        "# a remark\n\nsx_m;gx_m;t_ms;err_ms\n0;5;4.1;0.3\n0;9;7.2;0.4\n",
        "Shot [m],Geophone [m],Time [ms],Error [ms]\n0,5,4.1,0.3\n0,9,7.2,0.4\n",
        "shot x (m)\trec x (m)\tt (s)\tstd (s)\n0\t5\t.0041\t.0003\n0\t9\t.0072\t.0004\n",
        "# sx_km gx_km tt_s sigma_ms\n0 .005 .0041 .3\n0 .009 .0072 .4\n",
        "sx_m gx_m t_ms err\n0 5 4.1 0.3\n0 9 7.2 0.4\n",
    ],
)
def test_any_order_name_separator_and_unit(write: Write, text: str) -> None:
    survey = read_picks(write("picks.txt", text))
    assert describe_picks(write("picks.dat", text)).format == "columns"
    np.testing.assert_allclose(survey["receiver_easting"] * 1e3, [5, 9])
    np.testing.assert_allclose(survey["shot_easting"], 0)
    np.testing.assert_allclose(survey["travel_time"] * 1e3, [4.1, 7.2])
    np.testing.assert_allclose(survey["pick_std"] * 1e3, [0.3, 0.4])


def test_what_each_column_was_taken_for_is_told(write: Write, notes: Notes) -> None:
    text = PLAIN.replace("err_ms", "err_ms note").replace("0.3\n", "0.3 a\n")
    told = notes(read_picks(write("a.txt", text.replace("0.4\n", "0.4 b\n"))))
    assert told[0] == (
        "Columns: 'sx_m' is shot easting, 'gx_m' is receiver easting, 't_ms' is travel time, "
        "'err_ms' is pick std."
    )
    assert told[1] == "Ignored columns: 'note'."


def test_all_missing_columns_are_named_at_once(write: Write) -> None:
    with pytest.raises(
        FileFormatError,
        match=r"a.txt, line 1: the columns are 'sx_m quality'; expected also the receiver's "
        r"position \('gx_m'\) and the travel time \('t_ms'\). Name them in the first line",
    ):
        read_picks(write("a.txt", "sx_m quality\n0 1\n"), "columns")
    with pytest.raises(
        FileFormatError, match="line 1: found '0 5 4.1'; expected a line that names"
    ):
        read_picks(write("a.txt", "0 5 4.1\n"), "columns")
    with pytest.raises(FileFormatError, match="'sx_m' and 'shot_x_m' mean the same; expected one"):
        read_picks(write("a.txt", "sx_m shot_x_m gx_m t_s\n0 0 5 4.1\n"))


def test_units_are_asked_for_all_at_once(write: Write) -> None:
    path = write("a.txt", "sx gx t\n0 5 4.1\n0 9 7.2\n")
    with pytest.raises(
        InputError,
        match=r"a.txt: no unit is stated for 'sx', 'gx', 't'. Pass length_unit='m' or "
        r"length_unit='km' and time_unit='s' or time_unit='ms' \(--length-unit --time-unit on the "
        r"command line\), or write .* is 1.23 km/s in m and ms, 1.23 km/s in km and s",
    ):
        read_picks(path, pick_std="3%")
    with pytest.raises(InputError, match="no unit is stated for 't'. Pass time_unit='s' or time_"):
        read_picks(path, pick_std="3%", length_unit="m")
    with pytest.raises(InputError, match="no unit is stated for 'sx', 'gx'. Pass length_unit"):
        read_picks(path, pick_std="3%", time_unit="ms")
    survey = read_picks(path, pick_std="3%", length_unit="m", time_unit="ms")
    np.testing.assert_allclose(survey["receiver_easting"], [0.005, 0.009])
    np.testing.assert_allclose(survey["travel_time"], [0.0041, 0.0072])


def test_a_unit_in_a_name_is_not_overruled(write: Write) -> None:
    survey = read_picks(write("a.txt", PLAIN), length_unit="km", time_unit="s")
    np.testing.assert_allclose(survey["receiver_easting"], [0.005, 0.009])
    np.testing.assert_allclose(survey["travel_time"], [0.0041, 0.0072])


@pytest.mark.parametrize(
    ("header", "vertical", "depth"),
    [
        ("gz_m sz_m", "elevation", [-0.601, -0.602]),
        ("gz_m sz_m", "depth", [0.601, 0.602]),
        ("rec_elevation_m shot_elevation_m", None, [-0.601, -0.602]),
        ("rec_depth_m shot_depth_m", None, [0.601, 0.602]),
    ],
)
def test_heights(write: Write, header: str, vertical: str | None, depth: list[float]) -> None:
    text = f"sx_m gx_m t_ms {header}\n0 5 4.1 601 600\n0 9 7.2 602 600\n"
    survey = read_picks(write("a.txt", text), pick_std="3%", vertical=vertical)
    np.testing.assert_allclose(survey["receiver_depth"], depth)


def test_the_sign_of_z_is_asked_for(write: Write) -> None:
    text = "sx_m gx_m t_ms gz_m sz_m\n0 5 4.1 601 600\n0 9 7.2 602 600\n"
    with pytest.raises(
        InputError, match=r"z runs from 0.6 to 0.602 km, .* vertical='elevation' or"
    ):
        read_picks(write("a.txt", text), pick_std="3%")


def test_heights_of_one_end_alone_are_refused(write: Write) -> None:
    text = "sx_m gx_m t_ms rec_elevation_m\n0 5 4.1 601\n0 9 7.2 602\n"
    path = write("a.txt", text)
    with pytest.raises(
        InputError, match="no shot depths, but its other points lie up to 0.602 km a"
    ):
        read_picks(path, pick_std="3%")
    survey = read_picks(path, pick_std="3%", surface=([0, 0.009], [-0.6, -0.602]))
    np.testing.assert_allclose(survey["shot_depth"], -0.6)


@pytest.mark.parametrize(
    ("shots", "receivers"),
    [
        (
            "number x_m y_m elevation_m\nA 0 0 10\nB 20 0 11\n",
            "id,x (km),z_elevation_m\n1,.005,12\n",
        ),
        ("# shot, x_m, elevation_m\nA,0,10\nB,20,11\n", "elevation_m geophone x_m\n12 1 5\n"),
        ("sx_m elevation_m shot\n0 10 A\n20 11 B\n", "x_m number elevation_m\n5 1 12\n"),
    ],
)
def test_positions_stand_in_lists(write: Write, shots: str, receivers: str) -> None:
    receivers = receivers.replace("z_elevation_m", "elevation_m")
    path = write("a.txt", "shot receiver time_ms\nA 1 5\nB 1.0 14\n")
    survey = read_picks(
        path, pick_std="3%", shots=write("s.txt", shots), receivers=write("r.txt", receivers)
    )
    np.testing.assert_allclose(survey["shot_easting"] * 1e3, [0, 20])
    np.testing.assert_allclose(survey["shot_depth"] * 1e3, [-10, -11])
    np.testing.assert_allclose(survey["receiver_easting"] * 1e3, [5, 5])
    np.testing.assert_allclose(survey["receiver_depth"] * 1e3, [-12, -12])


@pytest.mark.parametrize(
    ("shots", "message"),
    [
        ("id x\nA 0\nB 9\n", "s.txt states no unit for 'x'. Pass length_unit='m' or 'km'"),
        (
            "id x_m z_m\nA 0 3\nB 9 4\n",
            "s.txt: the points' z runs from 0.003 to 0.004 km, and noth",
        ),
        ("id x_m\nA 0\n", "a.txt, line 3: shot 'B' is not in the list of shots; expected one of A"),
        (
            "name y_m\nA 0\n",
            "s.txt, line 1: the columns are 'name y_m'; expected a number .or name",
        ),
        (
            "# nothing\n",
            "s.txt, line 2: the file has only comments; expected one position per line",
        ),
    ],
)
def test_bad_lists(write: Write, shots: str, message: str) -> None:
    path = write("a.txt", "shot gx_m time_ms\nA 1 5\nB 2 14\n")
    with pytest.raises(InputError, match=message):
        read_picks(path, pick_std="3%", shots=write("s.txt", shots))


def test_a_list_needs_its_numbers(write: Write) -> None:
    shots = write("s.txt", "id x_m\n1 0\n")
    with pytest.raises(
        FileFormatError, match="no column of shot numbers; expected one, for the lis"
    ):
        read_picks(write("a.txt", PLAIN), shots=shots)


def test_options_that_a_format_cannot_use_are_refused(write: Write) -> None:
    path = write("a.csv", "shot_easting_km,receiver_easting_km,travel_time_s\n10,14,1.0\n")
    for options, said in (
        (
            {"time_unit": "ms"},
            "time_unit is 'ms' but the format csv .seisnb's own table. states it",
        ),
        ({"shots": path}, "shots is .* but the format csv .* holds the positions itself. Omit it"),
        ({"length_unit": "cm"}, "length_unit is 'cm'; expected 'm' or 'km'"),
        ({"vertical": "up"}, "vertical is 'up'; expected 'elevation' or 'depth'"),
        ({"buried": "all"}, "buried is 'all'; expected 'shot' or 'receiver' or 'both' or 'none'"),
    ):
        with pytest.raises(InputError, match=said):
            read_picks(path, **options)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<?xml version='1.0'?>\n<q/>\n", "a.txt looks like XML .* are read by seisnb locate"),
        ('{"picks": []}\n', "a.txt looks like JSON. Write its picks as a table"),
        ("# 2011  7 12  4 31 8.3 45.1 -125.0 9.1\n", "is of no known format|looks like hypoDD"),
        ("0 5 4.1\n", "line 1 has 3 numbers, '0 5 4.1'. If it is a table, write a line above them"),
        ("to be done\n", "is of no known format; line 1 is 'to be done'. Pass format, one of sgt"),
    ],
)
def test_a_refusal_says_what_the_file_looks_like(write: Write, text: str, message: str) -> None:
    with pytest.raises(FileFormatError, match=message):
        read_picks(write("a.txt", text))


def test_bad_rows_are_named_or_dropped(write: Write, notes: Notes) -> None:
    path = write("a.txt", PLAIN + "0 12 x 0.4\n0 13\n")
    with pytest.raises(
        FileFormatError, match="a.txt, line 4: travel time is 'x'; expected a number"
    ):
        read_picks(path)
    survey = read_picks(path, on_bad="drop")
    assert survey.sizes["pick"] == 2
    assert "Dropped 2 bad lines: a.txt, line 4" in notes(survey)[1]


def test_mutes_and_phases(write: Write) -> None:
    text = "sx_m gx_m t_ms used phase\n0 5 4 1 P\n0 9 7 0 P\n0 12 9 yes S\n"
    survey = read_picks(write("a.txt", text), pick_std="3%", phases="P")
    np.testing.assert_array_equal(survey["used"], [True, False])
    np.testing.assert_array_equal(survey["phase"], "P")
