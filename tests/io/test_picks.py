"""The door: formats told apart, bad files of every kind, checks that all formats share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from seisnb.conventions import FileFormatError, InputError
from seisnb.io import PICK_FORMATS, PickStd, describe_picks, read_picks, read_surface
from seisnb.io.records import ReadOptions
from tests.contracts.pick_files import SAMPLES

Write = Callable[[str, str | bytes], Path]
Notes = Callable[[xr.Dataset], list[str]]

SGT = SAMPLES["sgt"].text
CSV = SAMPLES["csv"].text

BINARY = {
    "segy": b"C 1 CLIENT" + b"\x00\x01\x00\x02" * 100,
    "png": b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR",
    "zip": b"PK\x03\x04\x14\x00\x08\x08",
    "netcdf": b"\x89HDF\r\n\x1a\n\x00\x00\x00",
    "noise": np.random.default_rng(0).bytes(1000),
}


@pytest.fixture(autouse=True)
def _positions(tmp_path: Path) -> None:
    """Lists of positions beside the picks, for the formats that need them."""
    for sample in SAMPLES.values():
        for name, text in sample.beside.items():
            (tmp_path / name).write_text(text)


def test_every_format_has_a_sample() -> None:
    assert set(SAMPLES) == set(PICK_FORMATS)


@pytest.mark.parametrize("kind", PICK_FORMATS)
@pytest.mark.parametrize(
    "name", ["picks", "picks.txt", "picks.sgt", "tx.in", "picks.csv", "a b.dat"]
)
def test_format_is_told_by_the_contents(write: Write, kind: str, name: str) -> None:
    path = write(name, SAMPLES[kind].text)
    options = SAMPLES[kind].options
    told = ReadOptions(time_unit=options.get("time_unit"), folder=path.parent)
    assert describe_picks(path, options=told).format == kind
    guessed = read_picks(path, **options)
    xr.testing.assert_identical(guessed, read_picks(path, kind, **options))
    assert len(guessed.attrs["checksum"]) == 64


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("a.sgt", "a.sgt, line 1: found 'no picks'; expected the number of points alone"),
        ("a.csv", "a.csv, line 1: the header is 'no picks'; expected it to hold 'shot_easting_km'"),
        ("tx.in", "tx.in, line 1: 'no picks' has 2 values; expected at least 4"),
        (
            "a.txt",
            "a.txt is of no known format; line 1 is 'no picks'. Pass format, one of sgt, txin",
        ),
    ],
)
def test_prose_is_refused(write: Write, name: str, message: str) -> None:
    with pytest.raises(FileFormatError, match=message):
        read_picks(write(name, "no picks\n"))


@pytest.mark.parametrize("kind", PICK_FORMATS)
@pytest.mark.parametrize("data", BINARY.values(), ids=BINARY.keys())
def test_binary_files_are_refused(write: Write, kind: str, data: bytes) -> None:
    with pytest.raises(
        FileFormatError, match=r"a.bin is a binary file \(byte 0x.* at offset \d+\)"
    ):
        read_picks(write("a.bin", data), kind)


@pytest.mark.parametrize("kind", PICK_FORMATS)
@pytest.mark.parametrize("data", [b"", b"\n \r\n", b"\xef\xbb\xbf"])
def test_empty_files_are_refused(write: Write, kind: str, data: bytes) -> None:
    with pytest.raises(FileFormatError, match="a.txt is empty .* expected picks. Was it saved"):
        read_picks(write("a.txt", data), kind)


@pytest.mark.parametrize("kind", PICK_FORMATS)
def test_comments_alone_are_refused(write: Write, kind: str) -> None:
    with pytest.raises(FileFormatError, match="a.txt, line "):
        read_picks(write("a.txt", "# nothing\n# here\n"), kind, phases=1)


@pytest.mark.parametrize("kind", PICK_FORMATS)
def test_any_prefix_is_read_or_refused_by_name(write: Write, kind: str) -> None:
    text, options = SAMPLES[kind].text, SAMPLES[kind].options
    for end in range(1, len(text)):
        path = write("cut.txt", text[:end])
        try:
            read_picks(path, kind, **options)
        except InputError as error:
            assert "cut.txt" in str(error)  # noqa: PT017


@pytest.mark.parametrize("kind", PICK_FORMATS)
def test_seeded_garbage_never_escapes_as_another_error(write: Write, kind: str) -> None:
    rng = np.random.default_rng(7)
    text, options = SAMPLES[kind].text, SAMPLES[kind].options
    alphabet = list("0123456789.-+eEdD#, ;\t\nsrxzné\"'=_na")
    for at in range(120):
        letters = list(text)
        for place in rng.integers(0, len(letters), rng.integers(1, 6)):
            letters[place] = str(rng.choice(alphabet))
        try:
            survey = read_picks(
                write("bad.txt", "".join(letters)),
                kind,
                on_bad=("raise", "drop")[at % 2],
                **options,
            )
        except InputError:
            continue
        assert np.isfinite(survey["travel_time"]).all()


@pytest.mark.parametrize(
    ("encode", "said"),
    [
        (lambda text: text.encode("utf-8-sig"), []),
        (lambda text: text.encode("utf-16"), []),
        (lambda text: text.replace("\n", "\r\n").encode(), []),
        (lambda text: ("# Königsee\n" + text).encode(), []),
        (
            lambda text: ("# K\u00f6nigsee\n" + text).encode("latin-1"),
            ["is not UTF-8; it was read"],
        ),
        (lambda text: text.encode() + b"\x1a", []),
    ],
)
def test_encodings_and_line_ends(
    write: Write, notes: Notes, encode: Callable[[str], bytes], said: list[str]
) -> None:
    expected = read_picks(write("a.csv", CSV))
    found = read_picks(write("b.csv", encode(CSV)))
    xr.testing.assert_equal(found, expected)
    told = [note for note in notes(found) if "UTF-8" in note]
    assert len(told) == len(said)
    assert all(part in note for part, note in zip(said, told, strict=True))


@pytest.mark.parametrize("kind", PICK_FORMATS)
def test_times_in_ms_are_detected(write: Write, kind: str) -> None:
    sample = SAMPLES[kind]
    text = sample.text
    for fast, slow in sample.slow:
        text = text.replace(fast, slow)
    with pytest.raises(InputError, match="Are the times in ms. Times are in s"):
        read_picks(write("a.txt", text), kind, **sample.options)


def test_pick_std_in_ms_is_detected(write: Write) -> None:
    with pytest.raises(InputError, match="the median pick_std is 0.3 s, .* Is pick_std in ms"):
        read_picks(write("a.sgt", SGT), pick_std=0.3)


@pytest.mark.parametrize("std", [0.0004, "0.0004", "0.4ms", PickStd(floor=0.0004)])
def test_pick_std_in_any_form(write: Write, notes: Notes, std: str | float | PickStd) -> None:
    survey = read_picks(write("a.sgt", SGT), pick_std=std)
    np.testing.assert_array_equal(survey["pick_std"], 0.0004)
    assert notes(survey)[-1].endswith("are 0.0004 as the caller gave, not the file's.")


def test_options_are_checked_first(write: Write, tmp_path: Path) -> None:
    path = write("a.sgt", SGT)
    with pytest.raises(InputError, match="on_bad is 'skip'; expected 'raise' or 'drop'"):
        read_picks(path, on_bad="skip")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="format is 'gmt'; expected one of sgt, txin, tomo2d, csv"):
        read_picks(path, "gmt")
    with pytest.raises(InputError, match="phases is '1' but the file has no phase codes. Omit it"):
        read_picks(path, phases="1")
    with pytest.raises(InputError, match="floor is -1"):
        read_picks(path, pick_std=-1)
    with pytest.raises(InputError, match="none.sgt' does not exist; expected a text file. Check"):
        read_picks(tmp_path / "none.sgt")
    with pytest.raises(InputError, match="is a folder or a device; expected a text file"):
        read_picks(tmp_path)


def test_a_copied_pick_is_dropped(write: Write, notes: Notes) -> None:
    text = SGT.replace("2\n#s", "3\n#s") + "1 3 0.008 0.001\n"
    survey = read_picks(write("a.sgt", text))
    assert survey.sizes["pick"] == 2
    assert "Dropped 1 copies of a pick: lines 10." in notes(survey)


def test_repeated_picks_that_agree_are_kept(write: Write, notes: Notes) -> None:
    text = SGT.replace("2\n#s", "3\n#s") + "1 3 0.010 0.001\n"
    survey = read_picks(write("a.sgt", text))
    np.testing.assert_array_equal(survey["travel_time"], [0.005, 0.008, 0.01])
    assert "Kept 1 repeated picks of a shot and receiver, equal within 3 sigma: lines 10." in notes(
        survey
    )


def test_repeated_picks_that_contradict_are_refused(write: Write, notes: Notes) -> None:
    text = SGT.replace("2\n#s", "3\n#s") + "1 3 0.030 0.001\n"
    path = write("a.sgt", text)
    with pytest.raises(
        FileFormatError,
        match="a.sgt, line 10: travel time is 0.03 s for the shot a"
        "nd receiver of line 9, 0.008 s there; expected one first arrival",
    ):
        read_picks(path)
    survey = read_picks(path, on_bad="drop")
    np.testing.assert_array_equal(survey["travel_time"], [0.005, 0.008])
    assert "Dropped 1 picks later than another of the pair: lines 10." in notes(survey)


def test_muted_picks_contradict_nobody(write: Write) -> None:
    text = SGT.replace("2\n#s g t err", "3\n#s g t err valid").replace("1\n1 3", "1 1\n1 3")
    text = text.rstrip() + " 1\n1 3 0.030 0.001 0\n"
    survey = read_picks(write("a.sgt", text))
    np.testing.assert_array_equal(survey["used"], [True, True, False])


def test_zero_offset_and_zero_time(write: Write, notes: Notes) -> None:
    text = SGT.replace("2\n#s", "5\n#s") + "2 2 0.0 0.001\n3 3 0.004 0.001\n3 1 0 0.001\n"
    survey = read_picks(write("a.sgt", text))
    assert survey.sizes["pick"] == 2
    assert notes(survey)[:2] == [
        "Dropped 2 zero-offset rows (shot and receiver at one place): lines 10, 11.",
        "Dropped 1 rows with a travel time of 0 (no pick): lines 12.",
    ]


def test_names_of_files_stay_on_one_line(write: Write) -> None:
    with pytest.raises(FileFormatError) as caught:
        read_picks(write("a\nb<script>.csv", "no picks\n"))
    assert "\n" not in str(caught.value)


def test_reading_writes_nothing(write: Write, tmp_path: Path) -> None:
    before = {path.name for path in tmp_path.iterdir()}
    read_picks(write("a.sgt", SGT))
    read_surface(write("s.txt", "0 0\n1 1\n"))
    assert {path.name for path in tmp_path.iterdir()} - before == {"a.sgt", "s.txt"}
