"""The verification notebook, executed as a user would, with studies as small as they can be."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from seisnb.batch.notebooks import execute_notebook, find_notebook
from seisnb.conventions import SeisnbError

pytestmark = pytest.mark.slow

TINY = {
    "engines": ["rml", "vsvgd"],
    "n_particles": 12,
    "n_iterations": 3,
    "methods": ["grid"],
    "n_truths": 2,
    "n_members": 3,
}


def execute(out: Path, **parameters: object) -> Path:
    executed = out / "run.ipynb"
    execute_notebook(
        find_notebook("verification"), executed, {"out_dir": str(out), **TINY, **parameters}
    )
    return executed


def html_of(notebook: Path) -> str:
    """Everything the cells displayed as HTML."""
    cells = json.loads(notebook.read_text())["cells"]
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    return "\n".join("".join(each.get("data", {}).get("text/html", "")) for each in outputs)


def test_small_studies_run_and_are_saved(tmp_path: Path) -> None:
    executed = execute(tmp_path)
    line = xr.load_dataset(tmp_path / "one_dimensional.nc")
    assert list(line["engine"].values) == ["rml", "vsvgd"]
    assert (line["n_particles"] == 12).all()
    assert float(line["n_steps"].isel(test=1)) == 3
    summary = xr.load_dataset(tmp_path / "summary.nc")
    assert int(summary["n_truths"].max()) == 2
    assert np.isfinite(summary["coverage"].sel(zone="all", level=0.95)).all()
    tables = (tmp_path / "tables.txt").read_text()
    report = (tmp_path / "report.html").read_text()
    for text in ("95% intervals hold the truth", "sqrt MMD"):
        assert text in tables
        assert text in report
    headings = ("Posterior on the line", "Coverage by depth", "Ranks of the truth: grid", "Scores")
    assert all(f"<h2>{heading}</h2>" in report for heading in headings)
    assert not re.search(r"<(script|link|img)[^>]*(src|href)=", report)
    shown = html_of(executed)
    assert shown.count("data-root-id") == report.count("data-root-id") == 6
    assert executed.stat().st_size < 4_000_000

    # a second run goes on from the first: no truth is inverted again
    begun = {path: path.stat().st_mtime_ns for path in (tmp_path / "study").glob("*/*.nc")}
    assert len(begun) == 2
    # and a finished study may be named
    again = tmp_path / "again"
    again.mkdir()
    execute(again, study=str(tmp_path / "study"), engines=["rml"])
    assert not (again / "study").exists()
    xr.testing.assert_equal(xr.load_dataset(again / "summary.nc"), summary)
    execute(tmp_path, engines=["rml"])
    assert {path: path.stat().st_mtime_ns for path in begun} == begun


def test_a_folder_without_a_study_stops_it_in_words(tmp_path: Path) -> None:
    with pytest.raises(SeisnbError, match="no truths of a study"):
        execute(tmp_path, engines=["rml"], study=str(tmp_path / "nowhere"))
