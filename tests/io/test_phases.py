"""Phases that are first arrivals only over a range of offsets."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from seisnb.conventions import InputError
from seisnb.io import read_picks
from seisnb.io.phases import parse_phases

Write = Callable[[str, str | bytes], Path]
Notes = Callable[[xr.Dataset], list[str]]
Fortran = Callable[[Iterable[tuple[float, float, float, int]]], str]

#: Pg at 20, 90, 150 km; Pn at 100, 185, 200 km, on both sides of the shot.
RECORDS = [
    (200.0, -1.0, 0.0, 0),
    (180.0, 3.4, 0.05, 1),
    (110.0, 15.0, 0.05, 1),
    (100.0, 17.9, 0.05, 5),
    (15.0, 29.8, 0.05, 5),
    (200.0, 1.0, 0.0, 0),
    (350.0, 25.0, 0.05, 1),
    (400.0, 31.8, 0.05, 5),
    (0.0, 0.0, 0.0, -1),
]


@pytest.mark.parametrize(
    ("phases", "times"),
    [
        ("1,5", [3.4, 15.0, 17.9, 29.8, 25.0, 31.8]),
        ("1,5:185-", [3.4, 15.0, 29.8, 25.0, 31.8]),
        ([1, "5:185-"], [3.4, 15.0, 29.8, 25.0, 31.8]),
        ("1:-90, 5 : 185 -", [3.4, 15.0, 29.8, 31.8]),
        ("1:100-", [25.0]),
        ("5:90-190", [17.9, 29.8]),
        ("1:-.5e3", None),
        ("1:0.5-89.9", [3.4]),
    ],
)
def test_offsets_of_a_phase(
    write: Write, fortran: Fortran, phases: str | list[str | int], times: list[float] | None
) -> None:
    path = write("tx.in", fortran(RECORDS))
    if times is None:
        with pytest.raises(
            InputError, match="the offsets of phase 1 are '-.5e3'; expected km such"
        ):
            read_picks(path, phases=phases)
        return
    np.testing.assert_array_equal(read_picks(path, phases=phases)["travel_time"], times)


def test_what_was_left_out_is_told(write: Write, fortran: Fortran, notes: Notes) -> None:
    told = notes(read_picks(write("tx.in", fortran(RECORDS)), phases="1:-200,5:185-"))
    assert told[:2] == [
        "No picks of phase 1 lie at offsets outside -200 km.",
        "Left out 1 picks of phase 5 at offsets outside 185- km.",
    ]


@pytest.mark.parametrize(
    ("phases", "message"),
    [
        ("5:185", "the offsets of phase 5 are '185'; expected km such as '185-' .from 185 km on"),
        ("5:-", "the offsets of phase 5 are '-'; expected"),
        ("5:", "the offsets of phase 5 are ''; expected"),
        ("5:x-", "the offsets of phase 5 are 'x-'; expected"),
        ("5:90-80", "the offsets of phase 5 run from 90 to 80 km; expected the smaller one first"),
        ("5,5:80-", "phase 5 is named twice. Name it once"),
        ("7:80-", "no picks have the phase code 7. The file has 1 .3 picks"),
        ("1:500-", "none of 6 picks is usable. Left out later arrivals: 3 of phase 5. Left out 3"),
    ],
)
def test_wrong_offsets(write: Write, fortran: Fortran, phases: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_picks(write("tx.in", fortran(RECORDS)), phases=phases)


def test_the_crustal_line(data_folder: Path) -> None:
    path = data_folder / "zelt_crustal_line" / "tx.in"
    whole = read_picks(path, phases="1,5")
    far = read_picks(path, phases="1,5:185-")
    offset = np.abs(far["receiver_easting"] - far["shot_easting"])
    assert float(offset[far["phase"] == "5"].min()) >= 185
    assert whole.sizes["pick"] == 1135
    assert int((far["phase"] == "1").sum()) >= int((whole["phase"] == "1").sum())


def test_ranges_read_back() -> None:
    for text in ("1", "1:-90", "5:185-", "P:0.5-2.25"):
        (code, span), *_ = parse_phases(text).items()
        again = parse_phases(f"{code}:{span}") if ":" in text else parse_phases(code)
        assert again == parse_phases(text)
