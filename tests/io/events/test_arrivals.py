"""The checks that arrivals of every format go through, and the CSV that keeps every digit."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from seisnb.catalogue import arrivals_checksum, event_names, make_arrivals
from seisnb.conventions import FileFormatError, InputError, OutputError
from seisnb.io import read_arrivals, write_arrivals_csv

Write = Callable[[str, str | bytes], Path]
Notes = Callable[[xr.Dataset], list[str]]

HEADER = "event,station,phase,arrival_time,pick_std\n"
GOOD = HEADER + (
    "e1,A,P,2011-01-02T23:59:58,0.1\n"
    "e1,A,S,2011-01-03T00:00:04,0.2\n"
    "e1,B,P,2011-01-03T00:00:01,0.1\n"
    "e2,A,P,2011-06-01T12:00:00,0.1\n"
)


@pytest.mark.parametrize(
    ("change", "message", "n_left"),
    [
        pytest.param(
            ("B,P,2011-01-03", "B,P,2010-01-03"),
            r"line 4: the P pick of event e1 at B is at 2010-01-03T00:00:01.000, 315.* s from the "
            r"event's farthest pick, .* Check its date and year",
            3, id="year",
        ),
        pytest.param(
            ("B,P,2011-01-03", "B,P,1811-01-03"),
            r"line 4: the P pick of event e1 at B is at 1811.*expected 1900 to today, 20.* Check",
            3, id="before 1900",
        ),
        pytest.param(
            ("B,P,2011-01-03", "B,P,2111-01-03"), "line 4: .* 2111-01-03T.*expected 1900 to today",
            3, id="future",
        ),
        pytest.param(
            ("2011-01-03T00:00:04", "2011-01-02T23:59:57.5"),
            r"line 3: at station A of event e1 S is at 2011-01-02T23:59:57.500, not after P at "
            r"2011-01-02T23:59:58.000 \(a.csv, line 2\); expected P before S",
            2, id="S before P",
        ),
        pytest.param(
            ("2011-01-03T00:00:04", "2011-01-02T23:59:58"), "line 3: .* S is at", 2, id="S with P"
        ),
        pytest.param(
            ("e1,B,P", "e1,A,P"),
            r"line 4: the P pick of event e1 at A is there twice, at 2011-01-02T23:59:58.000 "
            r"\(a.csv, line 2\) and at 2011-01-03T00:00:01.000; expected one",
            3, id="twice",
        ),
        pytest.param(("03T00:00:01,0.1", "03T00:00:01,0"), "line 4: .* sigma of 0 s", 3, id="0"),
        pytest.param(("03T00:00:01,0.1", "03T00:00:01,-1"), "sigma of -1 s", 3, id="negative"),
        pytest.param(("03T00:00:01,0.1", "03T00:00:01,inf"), "sigma of inf s", 3, id="infinite"),
        pytest.param(
            ("03T00:00:01,0.1", "03T00:00:01,"), "line 4: .* no sigma, 1 such. Give pick_std", 3,
            id="no sigma",
        ),
    ],
)  # fmt: skip
def test_bad_picks(
    write: Write, notes: Notes, change: tuple[str, str], message: str, n_left: int
) -> None:
    path = write("a.csv", GOOD.replace(*change))
    with pytest.raises(FileFormatError, match=message):
        read_arrivals(path)
    left = read_arrivals(path, on_bad="drop")
    assert left.sizes["pick"] == n_left
    assert len(notes(left)) == 1
    assert notes(left)[0].startswith("Dropped 1 ")


def test_midnight_few_picks_and_names_are_no_mistake(write: Write, notes: Notes) -> None:
    text = GOOD.replace("e2", "<script>alert(1)</script>")
    arrivals = read_arrivals(write("a.csv", text))
    assert event_names(arrivals) == ["e1", "<script>alert(1)</script>"]
    assert np.diff(arrivals["arrival_time"].values[:2]) == np.timedelta64(6, "s")
    assert notes(arrivals) == []


def test_of_two_times_the_earlier_stays(write: Write) -> None:
    text = GOOD + "e2,A,P,2011-06-01T11:59:59,0.3\n"
    left = read_arrivals(write("a.csv", text), on_bad="drop")
    assert left["arrival_time"].values[-1] == np.datetime64("2011-06-01T11:59:59")
    assert float(left["pick_std"][-1]) == 0.3


def test_rejected_picks_do_not_count_as_repeats_or_disorder(write: Write) -> None:
    text = GOOD.replace("pick_std\n", "pick_std,used\n").replace("0.1\n", "0.1,1\n")
    text = text.replace("0.2\n", "0.2,1\n") + (
        "e1,A,P,2011-01-02T23:59:50,0.1,0\ne1,A,S,2011-01-02T23:59:50,0.1,0\n"
    )
    arrivals = read_arrivals(write("a.csv", text))
    assert int(arrivals["used"].sum()) == 4
    assert arrivals.sizes["pick"] == 6


def test_the_odd_picks_go_one_by_one(write: Write) -> None:
    rows = [f"e,S{i},P,2011-01-02T00:00:{i:02d},0.1\n" for i in range(5)]
    rows += ["e,X,P,2012-01-02T00:00:00,0.1\n", "e,Y,P,2010-01-02T00:00:00,0.1\n"]
    left = read_arrivals(write("a.csv", HEADER + "".join(rows)), on_bad="drop")
    assert list(left["station"].values) == ["S0", "S1", "S2", "S3", "S4"]


def test_given_sigmas(write: Write) -> None:
    path = write("a.csv", GOOD.replace("0.2", "0"))
    both = read_arrivals(path, pick_std=0.3)
    np.testing.assert_array_equal(both["pick_std"], 0.3)
    with pytest.raises(FileFormatError, match="sigma of 0 s"):
        read_arrivals(path, pick_std={"P": 0.3})
    np.testing.assert_array_equal(
        read_arrivals(path, pick_std={"S": 0.5})["pick_std"], [0.1, 0.5, 0.1, 0.1]
    )
    for wrong, message in [
        (0.0, "pick_std of P is 0 s; expected above 0"),
        ({"S": float("nan")}, "pick_std of S is nan s"),
        ({"Pn": 0.1}, "a value for 'Pn'; expected the keys 'P' and 'S'"),
    ]:
        with pytest.raises(InputError, match=message):
            read_arrivals(path, pick_std=wrong)  # type: ignore[arg-type]


def test_phases(write: Write, notes: Notes) -> None:
    text = HEADER + "".join(
        f"e,A{i},{code},2011-01-02T00:00:0{i},0.1\n"
        for i, code in enumerate(["P", "Pg", "P*", "Sn", "AML", "PmP", "P1"])
    )
    path = write("a.csv", text)
    arrivals = read_arrivals(path)
    assert list(arrivals["phase"].values) == ["P", "P", "P", "S"]
    assert notes(arrivals) == [
        "Phases taken for first arrivals: Pg to P (1), P* to P (1), Sn to S (1).",
        "Left out picks of other phases: 'AML' (1), 'PmP' (1), 'P1' (1).",
    ]
    assert read_arrivals(path, phases="P").sizes["pick"] == 1
    assert read_arrivals(path, phases=["P", "Sn"]).sizes["pick"] == 2
    assert list(read_arrivals(path, phases={"P1": "S"})["phase"].values) == ["S"]
    for wrong in ("PmP", ["P", "X"], {"P": "Pn"}, []):
        with pytest.raises(InputError, match="phases does not say whether"):
            read_arrivals(path, phases=wrong)


def test_the_first_of_two_codes_of_a_phase_stays(write: Write, notes: Notes) -> None:
    text = HEADER + "e,A,Pg,2011-01-02T00:00:05,0.1\ne,A,Pn,2011-01-02T00:00:04,0.1\n"
    arrivals = read_arrivals(write("a.csv", text))
    assert arrivals["arrival_time"].values[0] == np.datetime64("2011-01-02T00:00:04")
    assert notes(arrivals)[1].startswith("Left out 1 later arrivals where two codes are one phase")


def test_everything_dropped_is_an_error(write: Write) -> None:
    text = HEADER + "e,A,P,2011-01-02T00:00:05,0.1\ne,A,S,2011-01-02T00:00:04,0.1\n"
    with pytest.raises(InputError, match="none of 2 picks is usable. Dropped 1 pairs whose S"):
        read_arrivals(write("a.csv", text), on_bad="drop")


def random_arrivals(n: int = 200) -> xr.Dataset:
    rng = np.random.default_rng(3)
    start = np.datetime64("2011-01-02T23:55:00", "ns").astype(np.int64)
    times = np.sort(start + rng.integers(0, 500 * 10**9, n))
    events = ["2011a", "b c", '<b>"q",;</b>', "#4", "smi:local/x?y=1&z"]
    return make_arrivals(
        event=[events[i % 5] for i in range(n)],
        station=[f"S{i}" for i in range(n)],
        phase=rng.choice(["P", "S"], n).tolist(),
        arrival_time=times.view("datetime64[ns]"),
        pick_std=rng.lognormal(-2, 1, n),
        used=rng.random(n) > 0.3,
    )


def test_csv_round_trip_is_exact(tmp_path: Path) -> None:
    before = random_arrivals()
    write_arrivals_csv(before, tmp_path / "a.csv")
    after = read_arrivals(tmp_path / "a.csv")
    assert arrivals_checksum(after) == arrivals_checksum(before)
    for name in before:
        np.testing.assert_array_equal(after[name], before[name])
        assert after[name].attrs == before[name].attrs


def test_csv_cannot_hold_every_name(tmp_path: Path) -> None:
    arrivals = random_arrivals(2)
    for name in ("a\nb", " a", ""):
        arrivals["station"] = ("pick", np.array(["A", name]))
        with pytest.raises(InputError, match="station .* cannot be written to CSV"):
            write_arrivals_csv(arrivals, tmp_path / "a.csv")
    with pytest.raises(OutputError, match="does not exist"):
        write_arrivals_csv(random_arrivals(2), tmp_path / "none" / "a.csv")
    assert list(tmp_path.iterdir()) == []


def test_a_year_of_cascadia(data_folder: Path) -> None:
    path = data_folder / "cascadia_obs2011" / "all_pick_assignments_2011.csv"
    with pytest.raises(FileFormatError, match="station MGB of event 693 S is at .*4 such"):
        read_arrivals(path, pick_std=0.1)
    begin = time.perf_counter()
    arrivals = read_arrivals(path, pick_std={"P": 0.1, "S": 0.2}, on_bad="drop")
    assert time.perf_counter() - begin < 10
    assert arrivals.sizes["pick"] == 16203 - 8
    assert len(event_names(arrivals)) == 1763
    assert arrivals.sizes["catalogue_event"] == 1763
    assert json.loads(arrivals.attrs["notes"])[0].startswith("Dropped 4 pairs whose S is not")
    delay = arrivals["arrival_time"].values[0] - arrivals["preliminary_origin_time"].values[0]
    assert np.timedelta64(20, "s") < delay < np.timedelta64(21, "s")
