"""Small pick files written as their programs would write them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
import xarray as xr

Write = Callable[[str, str | bytes], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a file of a name and contents into a fresh folder."""

    def write_file(name: str, contents: str | bytes) -> Path:
        path = tmp_path / name
        path.write_bytes(contents.encode() if isinstance(contents, str) else contents)
        return path

    return write_file


@pytest.fixture
def notes() -> Callable[[xr.Dataset], list[str]]:
    """The notes of a survey as a list."""
    return lambda survey: json.loads(survey.attrs["notes"])


@pytest.fixture
def fortran() -> Callable[[Iterable[tuple[float, float, float, int]]], str]:
    """Records in the columns of Fortran's 3F10.3,I10."""
    return lambda records: "".join(
        f"{x:10.3f}{t:10.3f}{u:10.3f}{code:10d}\n" for x, t, u, code in records
    )
