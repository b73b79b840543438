"""``seisnb resolution``: a sentence, a Dataset and a page, or one line that says what is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
import xarray as xr

from seisnb import cli
from seisnb.io import save_ensemble
from seisnb.tomography import TomographyConfig, invert
from seisnb.verification.cases import small_case


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> Path:
    case = small_case(3)
    settings = TomographyConfig(n_members=2, n_workers=1, **case.settings)
    path = tmp_path_factory.mktemp("result") / "ensemble.nc"
    survey = case.survey.assign_attrs(title="<b>line</b>")
    save_ensemble(invert(survey, case.prior, settings), path)
    return path


def test_writes_what_it_promises(
    result: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--pattern", "spike", "--size", "8,4", "--at", "15,2", "--members", "2"]
    assert cli.main(["resolution", str(result), "--out", str(tmp_path), *options]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed[0].startswith("A spike of 8 x 4 km")
    with xr.open_dataset(tmp_path / "resolution.nc") as test:
        assert test.attrs["verdict"] == printed[0]
        assert list(test.attrs["at_km"]) == [15.0, 2.0]
        assert test["recovered_perturbation"].attrs["units"] == "1"
    page = (tmp_path / "resolution.html").read_text(encoding="utf-8")
    assert printed[0] in page
    assert "<b>line" not in page


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--size", "8"], "expected km along the line and in depth"),
        (["--size", "0.1,0.1"], "at least two cells"),
        (["--pattern", "spike", "--at", "99,1"], "outside the model"),
        (["--amplitude", "2"], "a fraction of velocity"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(
    result: Path,
    tmp_path: Path,
    options: list[str],
    words: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    try:
        code = cli.main(["resolution", str(result), "--out", str(tmp_path), *options])
    except SystemExit as stop:  # the parser's own way out
        code = stop.code
    assert code == cli.EXIT_BAD_INPUT
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1
