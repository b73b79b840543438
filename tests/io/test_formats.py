"""The declared list of formats: each has a reader, a sample, a section and a line of the README."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from seisnb.cli.reading import OPTIONS
from seisnb.conventions import FileFormatError
from seisnb.io.formats import FORMATS, guess_format
from seisnb.io.lines import read_text
from seisnb.io.records import ReadOptions
from tests.contracts.pick_files import SAMPLES

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_is_documented(name: str) -> None:
    page = (ROOT / "docs" / "formats.md").read_text(encoding="utf-8")
    assert re.search(rf"^## .*`{name}`$", page, re.MULTILINE)
    assert f"| `{name}` |" in (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", FORMATS)
def test_a_sample_is_of_no_other_format(name: str, tmp_path: Path) -> None:
    path = tmp_path / "picks"
    path.write_text(SAMPLES[name].text)
    assert guess_format(read_text(path, where="test")).name == name


@pytest.mark.parametrize("name", FORMATS)
def test_an_extension_decides_where_contents_do_not(name: str, tmp_path: Path) -> None:
    for suffix in FORMATS[name].suffixes:
        path = tmp_path / f"picks{suffix.upper()}"
        path.write_text("no picks\n")
        assert guess_format(read_text(path, where="test")).name == name


def test_every_option_of_a_format_exists() -> None:
    for entry in FORMATS.values():
        assert entry.takes <= set(ReadOptions.__dataclass_fields__)


def test_the_page_names_every_option_of_the_command() -> None:
    page = (ROOT / "docs" / "formats.md").read_text(encoding="utf-8")
    for name in ("format", *OPTIONS):
        option = name.replace("_", "-")
        assert f"--{option}" in page


@pytest.mark.parametrize(
    ("first", "said"),
    [
        ("H000SPS format version num.     SPS001", "looks like SPS positions, which hold no picks"),
        ("PUBLIC_ID smi:nz/1", "looks like NonLinLoc's; arrivals of earthquakes"),
        ("<html>", "looks like XML or a web page"),
    ],
)
def test_what_else_people_hand_over(first: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "picks.sgt"
    path.write_text(first + "\n")
    with pytest.raises(FileFormatError, match=said):
        guess_format(read_text(path, where="test"))
