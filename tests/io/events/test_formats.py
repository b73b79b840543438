"""Each format of arrivals: every field that is read, and the mistakes of its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from seisnb.conventions import FileFormatError, InputError
from seisnb.io import ARRIVAL_FORMATS, detect_arrival_format, read_arrivals

Write = Callable[[str, str | bytes], Path]
Notes = Callable[[xr.Dataset], list[str]]
Files = dict[str, tuple[str, str]]


def times(arrivals: xr.Dataset) -> list[str]:
    return list(np.datetime_as_string(arrivals["arrival_time"].values, unit="ns"))


def names(arrivals: xr.Dataset, kind: str) -> list[str]:
    return list(map(str, arrivals[kind].values))


@pytest.mark.parametrize("kind", ARRIVAL_FORMATS)
def test_told_from_contents_alone(write: Write, files: Files, kind: str) -> None:
    assert detect_arrival_format(write("nothing", files[kind][1])) == kind
    crlf = files[kind][1].replace("\n", "\r\n").encode("utf-8-sig")
    path = write("crlf", crlf)
    assert detect_arrival_format(path) == kind
    plain = read_arrivals(write("lf", files[kind][1]), pick_std=0.1)
    np.testing.assert_array_equal(
        read_arrivals(path, pick_std=0.1)["arrival_time"], plain["arrival_time"]
    )


@pytest.mark.parametrize("said", ARRIVAL_FORMATS)
@pytest.mark.parametrize("real", ARRIVAL_FORMATS)
def test_another_format_than_said(write: Write, files: Files, said: str, real: str) -> None:
    path = write(*files[real])
    if said == real:
        assert read_arrivals(path, said, pick_std=0.1).sizes["pick"] > 0
    elif (said, real) == ("csv", "pyocto"):  # tables both; this one's columns have other names
        with pytest.raises(FileFormatError, match="no column holds the event"):
            read_arrivals(path, said, pick_std=0.1)
    elif (said, real) == ("pyocto", "csv"):  # its columns are among those that are known
        assert read_arrivals(path, said, pick_std=0.1).sizes["pick"] > 0
    else:
        with pytest.raises(FileFormatError, match=f"looks like .*format '{real}'.*format='{said}'"):
            read_arrivals(path, said, pick_std=0.1)


@pytest.mark.parametrize(
    ("name", "contents", "message"),
    [
        ("a.dat", "hello world\n", "is of no known format; it looks like text that starts 'hello"),
        ("a.xml", "<html/>", "XML with the root element <html>"),
        ("a.xml", "<FDSNStationXML/>", "StationXML, which read_stations reads"),
        ("a.in", "GTSRCE A LATLON 1 2 0 0\n", "NonLinLoc's stations, which read_stations reads"),
        ("a.obs", "", "is empty"),
        ("a.obs", b"\x00\x01\x02", "is a binary file"),
        ("a.obs", "# nothing\n", "none of 0 picks is usable"),
        ("a.csv", "event,station,phase,arrival_time\n", "nothing follows the header"),
        ("a.csv", "event_idx,station,phase,time\n", "nothing follows the header"),
    ],
)
def test_no_arrivals(write: Write, name: str, contents: str | bytes, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_arrivals(write(name, contents))


def test_missing_file_and_options(tmp_path: Path, write: Write, files: Files) -> None:
    with pytest.raises(InputError, match="does not exist"):
        read_arrivals(tmp_path / "none.obs")
    path = write(*files["nlloc"])
    with pytest.raises(InputError, match="format is 'nll'; expected one of nlloc, hypodd"):
        read_arrivals(path, "nll")
    with pytest.raises(InputError, match="on_bad is 'skip'"):
        read_arrivals(path, on_bad="skip")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="utc_offset is 9.* whose times are UTC. Leave it out"):
        read_arrivals(path, utc_offset=9)


def test_nonlinloc(write: Write, files: Files, notes: Notes) -> None:
    arrivals = read_arrivals(write(*files["nlloc"]))
    assert names(arrivals, "event") == ["first event"] * 3 + ["2"]
    assert names(arrivals, "station") == ["UH1", "UH1", "UH2", "UH1"]
    assert names(arrivals, "phase") == ["P", "S", "P", "P"]
    assert times(arrivals) == [
        "2010-05-27T23:59:59.130000000",
        "2010-05-28T00:00:01.460000000",
        "2010-05-28T00:00:00.040000000",
        "2010-05-27T16:56:26.130000000",
    ]
    np.testing.assert_array_equal(arrivals["pick_std"], [0.02, 0.03, 0.03, 0.02])
    np.testing.assert_array_equal(arrivals["used"], [True, True, False, True])
    assert notes(arrivals) == [
        "Phases taken for first arrivals: Sg to S (1).",
        "Left out picks of other phases: 'PmP' (1).",
    ]
    assert "preliminary_depth" not in arrivals


def test_nonlinloc_location_file(write: Write) -> None:
    head = "PHASE ID Ins Cmp On Pha FM Date HrMn Sec Err ErrMag Coda Amp Per PriorWt > TTpred\n"
    text = (
        'NLLOC "a" "LOCATED" "done"\nPUBLIC_ID None\n'
        "GEOGRAPHIC  OT 2022 10 31  05 02 28.960252  Lat -32.726757 Long 116.492222 Depth -0.5625\n"
        f"{head}NWAO ? Z ? P ? 20221031 0502 41.3602 GAU 0.1 -1 -1 -1 1.0 > 12.7 -0.3 1.2\n"
        "END_PHASE\nEND_NLLOC\n\n"
        'NLLOC "b" "REJECTED" "no"\nPUBLIC_ID x/2\n'
        "GEOGRAPHIC  OT 1900 01 01  00 00 0.0  Lat 0 Long 0 Depth 0\n"
        f"{head}NWAO ? Z ? S ? 20221031 0602 41.3602 GAU 0.2 -1 -1 -1 1.0 > 12.7 -0.3 1.2\n"
        "END_PHASE\nEND_NLLOC\n"
    )
    arrivals = read_arrivals(write("a.hyp", text))
    assert names(arrivals, "event") == ["1", "x/2"]
    assert names(arrivals, "catalogue_event") == ["1"]
    assert float(arrivals["preliminary_longitude"][0]) == 116.492222
    assert float(arrivals["preliminary_latitude"][0]) == -32.726757
    assert float(arrivals["preliminary_depth"][0]) == -0.5625
    assert arrivals["preliminary_origin_time"].values[0] == np.datetime64(
        "2022-10-31T05:02:28.960252"
    )


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("20100527 1656 26", "20100532 1656 26", "line 7: the date is 2010-5-32"),
        ("20100527 1656 26", "100527 1656 26", "line 7: the date is '100527'; expected year"),
        ("1656 26.1300", "2561 26.1300", "line 7: the time of day is 25:61"),
        ("1656 26.1300", "1656 nan", "line 7: seconds is 'nan'; expected a finite number"),
        ("1656 26.1300", "1656 9e9", "line 7: seconds are 9e"),
        ("26.1300 GAU  2.00e-02 >", "26.1300 GAU  0.00e-02 >", "line 7: the P pick.* sigma of 0 s"),
        ("26.1300 GAU  2.00e-02 >", "26.1300 GAU  -1 >", "sigma of -1 s; expected above 0"),
        ("26.1300 GAU  2.00e-02 >", "26.1300 BOX  2.00e-02 >", "line 7: .* no sigma, 1 such. Give"),
        (
            "?    ? P      ? 20100527 1656",
            "P 20100527",
            "line 7: .* has 7 values; expected at least",
        ),
    ],
)
def test_nonlinloc_bad_lines(
    write: Write, files: Files, notes: Notes, old: str, new: str, message: str
) -> None:
    text = files["nlloc"][1]
    assert text.count(old) == 1
    path = write("a.obs", text.replace(old, new))
    with pytest.raises(FileFormatError, match=message):
        read_arrivals(path)
    dropped = read_arrivals(path, on_bad="drop")
    assert dropped.sizes["pick"] == 3
    assert any("line 7" in note or "without a sigma" in note for note in notes(dropped))


def test_one_public_id_twice(write: Write, files: Files) -> None:
    text = files["nlloc"][1].replace("\n\n", "\n\nPUBLIC_ID first event\n")
    with pytest.raises(FileFormatError, match="event 'first event' is there again, first in line"):
        read_arrivals(write("a.obs", text))


def test_hypodd(write: Write, files: Files) -> None:
    path = write(*files["hypodd"])
    with pytest.raises(FileFormatError, match="NCCSP has no sigma, 4 such. Give pick_std"):
        read_arrivals(path)
    arrivals = read_arrivals(path, pick_std={"P": 0.1, "S": 0.2})
    assert names(arrivals, "event") == ["38542"] * 3 + ["2"]
    assert names(arrivals, "station") == ["NCCSP", "NCNCA", "NCBBB", "JJJ"]
    assert times(arrivals)[0] == "1985-01-24T02:20:02.850000000"
    assert times(arrivals)[3] == "2011-03-11T05:46:48.623456000"
    np.testing.assert_allclose(arrivals["pick_std"], [0.1, 0.4, 0.1, 0.1])
    np.testing.assert_array_equal(arrivals["used"], [True, True, False, True])
    np.testing.assert_array_equal(arrivals["preliminary_longitude"], [-122.2415, 142.86])
    np.testing.assert_array_equal(arrivals["preliminary_depth"], [9.8, 24])


@pytest.mark.parametrize(
    ("old", "new", "message", "n_left"),
    [
        ("#  1985  1", "#  1985 13", "line 1: the date is 1985-13-24", 1),
        (" 38542", "", "line 1: the event line has 13 values; expected 14", 1),
        ("NCNCA       3.550   0.250   S", "NCNCA 3.550 0.250", "line 3: .* has 3 values", 3),
        ("0.250", "heavy", "line 3: weight is 'heavy'; expected a number", 3),
        (" 0 0 0 2\n", " 0 0 0 38542\n", "line 5: event 38542 is there again", 3),
    ],
)
def test_hypodd_bad_lines(
    write: Write, files: Files, old: str, new: str, message: str, n_left: int
) -> None:
    text = files["hypodd"][1]
    assert text.count(old) == 1
    path = write("a.pha", text.replace(old, new))
    with pytest.raises(FileFormatError, match=message):
        read_arrivals(path, "hypodd", pick_std=0.1)
    assert read_arrivals(path, "hypodd", pick_std=0.1, on_bad="drop").sizes["pick"] == n_left


def test_hypodd_two_digit_years(write: Write, files: Files) -> None:
    path = write("a.pha", files["hypodd"][1].replace("1985", "85"))
    assert times(read_arrivals(path, pick_std=0.1))[0][:4] == "1985"


def test_pyocto(write: Write, files: Files) -> None:
    path = write(*files["pyocto"])
    arrivals = read_arrivals(path, pick_std={"P": 0.1, "S": 0.2})
    assert names(arrivals, "event") == ["7", "7", "8"]
    assert times(arrivals)[:2] == ["2011-01-02T02:11:06.200000000", "2011-01-02T02:11:21.123456789"]
    np.testing.assert_array_equal(arrivals["pick_std"], [0.1, 0.2, 0.1])
    np.testing.assert_array_equal(arrivals["preliminary_latitude"], [49.16, 48.0])
    np.testing.assert_array_equal(arrivals["preliminary_depth"], [42.578125, 10.0])
    assert arrivals["preliminary_origin_time"].values[0] == np.datetime64(
        "2011-01-02T02:10:45.887104"
    )


def test_seisbench_list_with_an_event_column(write: Write, notes: Notes) -> None:
    text = (
        "event_index;station_id;phase_type;peak_time;score\n"
        "3.0;CX.PB01.;P;2020-01-01T00:00:00.5;0.9\n-1;CX.PB02.;P;2020-01-01T00:00:01;0.2\n"
        "4;CX.PB01.;S;2020-01-01T00:10:00.5;0.9\n"
    )
    arrivals = read_arrivals(write("a.csv", text), pick_std=0.1)
    assert names(arrivals, "event") == ["3", "4"]
    assert names(arrivals, "station") == ["CX.PB01."] * 2
    assert "preliminary_depth" not in arrivals
    assert notes(arrivals) == ["Left out 1 picks that belong to no event."]


@pytest.mark.parametrize("text", ["nan", "", "2011-01-02", "noon", "1e300"])
def test_times_that_are_none(write: Write, files: Files, text: str) -> None:
    path = write("a.csv", files["pyocto"][1].replace("1293937845.5", text))
    with pytest.raises(FileFormatError, match="line 4: arrival time is"):
        read_arrivals(path, pick_std=0.1)
    assert read_arrivals(path, pick_std=0.1, on_bad="drop").sizes["pick"] == 2


def test_csv(write: Write, files: Files) -> None:
    arrivals = read_arrivals(write(*files["csv"]))
    assert names(arrivals, "event") == ["a b", "a b", '<b>, "x" &']
    assert times(arrivals) == [
        "2011-01-02T02:11:06.200000001",
        "2011-01-02T02:11:21.000000000",
        "2011-01-02T02:11:06.000000000",
    ]
    np.testing.assert_array_equal(arrivals["pick_std"], [0.1, 0.25, 0.125])
    np.testing.assert_array_equal(arrivals["used"], [True, False, True])


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("0.125,true", "0.125", "line 5: .* has 5 values; expected 6"),
        ("0.125,true", "0.125,perhaps", "line 5: 'used' is 'perhaps'; expected 1, 0"),
        ("0.125,true", "much,true", "line 5: pick std is 'much'; expected a number"),
        ("0.125,true", "nan,true", "line 5: the P pick .* has no sigma"),
        (",PFB,P", ",,P", "line 5: the station is empty"),
    ],
)
def test_csv_bad_lines(write: Write, files: Files, old: str, new: str, message: str) -> None:
    path = write("a.csv", files["csv"][1].replace(old, new))
    with pytest.raises(FileFormatError, match=message):
        read_arrivals(path)
    assert read_arrivals(path, on_bad="drop").sizes["pick"] == 2


def test_csv_header(write: Write, notes: Notes) -> None:
    text = "event,station,phase,arrival_time,pick_std,mood\n1,A,P,2011-01-02T00:00:00,0.1,good\n"
    assert notes(read_arrivals(write("a.csv", text))) == ["Ignored columns: 'mood'."]
    with pytest.raises(FileFormatError, match="line 1: no column holds the phase"):
        read_arrivals(write("b.csv", text.replace("phase", "kind")), "csv")
    with pytest.raises(FileFormatError, match="'station' has two columns"):
        read_arrivals(write("c.csv", text.replace("mood", "station")))


def test_win(write: Write, files: Files, notes: Notes) -> None:
    arrivals = read_arrivals(write(*files["hypomh"]))
    assert names(arrivals, "event") == ["980217.235958.755"] * 5
    assert names(arrivals, "station") == ["ASO", "ASO", "KBH", "KBH", "NIK"]
    assert names(arrivals, "phase") == ["P", "S", "P", "S", "P"]
    assert times(arrivals)[:2] == ["1998-02-17T23:59:58.755000000", "1998-02-18T00:00:03.917000000"]
    np.testing.assert_array_equal(arrivals["pick_std"], [0.003, 0.006, 0.006, 0.006, 0.003])
    assert float(arrivals["preliminary_depth"][0]) == 8.048
    assert "Give utc_offset=9 if they are in Japanese standard time" in notes(arrivals)[0]
    assert notes(arrivals)[1] == "Station corrections in the file were not applied: KBH."
    japan = read_arrivals(write(*files["hypomh"]), utc_offset=9)
    shift = arrivals["arrival_time"].values - japan["arrival_time"].values
    np.testing.assert_array_equal(shift, np.timedelta64(9, "h"))
    assert japan["preliminary_origin_time"].values[0] == np.datetime64("1998-02-17T14:59:57.174")


def test_win_years_several_events_and_plain_input(write: Write, files: Files) -> None:
    text = files["hypomh"][1]
    assert times(read_arrivals(write("a.pick", text.replace("#s 98/", "#s 11/"))))[0][:4] == "2011"
    assert times(read_arrivals(write("a.pick", text), year=1998))[0][:4] == "1998"
    with pytest.raises(FileFormatError, match="line 4: the year is 98; expected 11"):
        read_arrivals(write("a.pick", text), year=2011)
    two = read_arrivals(write("two", text + text.replace("98/", "99/")))
    assert names(two, "event") == ["1"] * 5 + ["2"] * 5
    seis = "\n".join(raw[3:] for raw in text.splitlines() if raw.startswith("#s"))
    plain = read_arrivals(write("a.seis", seis))
    assert names(plain, "event")[0] == "a"
    assert times(plain) == times(read_arrivals(write("b.pick", text)))


def test_win_bad_lines(write: Write, files: Files) -> None:
    text = files["hypomh"][1]
    only_p = "\n".join(raw for raw in text.splitlines() if raw.startswith("#p"))
    with pytest.raises(FileFormatError, match="there are no #s lines; .* Locate the event once in"):
        read_arrivals(write("a.pick", only_p))
    with pytest.raises(FileFormatError, match="line 5: P time is '58.7550.003'"):
        read_arrivals(write("b.pick", text.replace("58.755 0", "58.7550")))
    with pytest.raises(FileFormatError, match="comes first; expected the reference minute"):
        read_arrivals(write("c.pick", text.replace("#s 98/02/17 23:59 ", "#s x98/02/17 23:59 ")))


def test_quakeml(write: Write, files: Files, notes: Notes) -> None:
    arrivals = read_arrivals(write(*files["quakeml"]))
    assert names(arrivals, "event") == ["smi:local/event/one"] * 5
    assert names(arrivals, "station") == ["LON", "LON", "RATT", "GNW", "SQM"]
    assert names(arrivals, "phase") == ["P", "S", "P", "P", "P"]
    assert times(arrivals)[:2] == ["2020-01-01T23:59:59.500000000", "2020-01-02T00:00:03.123456000"]
    np.testing.assert_allclose(arrivals["pick_std"], [0.05, 0.2, 0.05, 0.05, 0.05])
    np.testing.assert_array_equal(arrivals["used"], [True, True, False, False, False])
    assert float(arrivals["preliminary_depth"][0]) == 25.5
    assert float(arrivals["preliminary_longitude"][0]) == -122.5
    assert notes(arrivals) == ["Phases taken for first arrivals: Pn to P (1)."]


def test_quakeml_station_of_two_networks(write: Write, files: Files) -> None:
    text = files["quakeml"][1].replace('"UW" stationCode="SQM"', '"PB" stationCode="LON"')
    arrivals = read_arrivals(write("a.xml", text))
    assert names(arrivals, "station") == ["UW.LON", "UW.LON", "UW.RATT", "UW.GNW", "PB.LON"]


def test_quakeml_without_time_or_sigma(write: Write, files: Files, notes: Notes) -> None:
    text = files["quakeml"][1]
    path = write("a.xml", text.replace("2020-01-02T00:00:06Z", "NaN"))
    with pytest.raises(FileFormatError, match="pick smi:local/pick/5 of event .* has no time"):
        read_arrivals(path)
    dropped = read_arrivals(path, on_bad="drop")
    assert dropped.sizes["pick"] == 4
    assert any(
        note.startswith("Dropped 1 picks: a.xml, pick smi:local/") for note in notes(dropped)
    )
    path = write("b.xml", text.replace("<uncertainty>0.05</uncertainty>", ""))
    with pytest.raises(FileFormatError, match="pick smi:local/pick/1: .* has no sigma"):
        read_arrivals(path)
    assert read_arrivals(path, pick_std=0.1).sizes["pick"] == 5


BOMB = """<?xml version="1.0"?>
<!DOCTYPE lolz [<!ENTITY lol "lol"><!ENTITY lol2 "&lol;&lol;&lol;&lol;&lol;&lol;&lol;&lol;">]>
"""
EXTERNAL = """<?xml version="1.0"?>
<!doctype q [<!ENTITY xxe SYSTEM "file:///etc/passwd">]>
"""


@pytest.mark.parametrize("prolog", [BOMB, EXTERNAL])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_entities_never_reach_a_parser(
    write: Write, files: Files, prolog: str, encoding: str
) -> None:
    body = files["quakeml"][1].partition("?>")[2].replace("Pdiff", "&lol2;&xxe;")
    path = write("a.xml", (prolog + body).encode(encoding))
    with pytest.raises(FileFormatError, match="line 2: there is a <!DOCTYPE, which could read"):
        read_arrivals(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("</event>", ""), "is no well-formed XML .* Was it saved fully"),
        (("Pdiff", "&nothing;"), "is no well-formed XML"),
        (("</eventParameters>\n</q:quakeml>", "</eventParameters>"), "is no well-formed XML"),
        (("eventParameters", "other"), "ObsPy cannot read a.xml|none of 0 picks"),
    ],
)
def test_malformed_quakeml(
    write: Write, files: Files, change: tuple[str, str], message: str
) -> None:
    with pytest.raises(FileFormatError, match=message):
        read_arrivals(write("a.xml", files["quakeml"][1].replace(*change)))
