"""The tomography notebook, executed as a user would: on its own line and on a file."""

from __future__ import annotations

import json
from html import escape
from pathlib import Path

import numpy as np
import pytest

from seisnb.batch.notebooks import execute_notebook, find_notebook
from seisnb.conventions import SeisnbError
from seisnb.io import open_ensemble

pytestmark = pytest.mark.slow


def execute(out: Path, **parameters: object) -> Path:
    executed = out / "run.ipynb"
    parameters = {"n_members": 4, "out_dir": str(out), "progress": "lines", **parameters}
    execute_notebook(find_notebook("tomography"), executed, parameters)
    return executed


def texts(notebook: Path) -> str:
    """Everything the cells printed or displayed as text."""
    cells = json.loads(notebook.read_text())["cells"]
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    parts = [output.get("text", output.get("data", {}).get("text/markdown")) for output in outputs]
    return "\n".join("".join(part) for part in parts if part)


def test_the_synthetic_marine_line(tmp_path):
    executed = execute(tmp_path)
    ensemble = open_ensemble(tmp_path / "ensemble.nc")
    assert ensemble.sizes["particle"] == 4
    assert ensemble.attrs["water_velocity"] > 0
    assert bool((ensemble["velocity"] > 0).all())
    report = (tmp_path / "report.html").read_text()
    assert ensemble.attrs["title"] in report
    said = texts(executed)
    assert f"Verdict: {ensemble.attrs['verdict_level'].upper()}" in said
    for sentence in ensemble.attrs["verdict"].splitlines():
        assert escape(sentence) in said
    assert "holds the truth in" in said
    assert "[report.html](report.html)" in said
    assert executed.stat().st_size < 2_000_000


def test_a_real_line_with_settings(tmp_path, data_folder):
    picks = data_folder / "koenigsee" / "koenigsee.sgt"
    settings = {"prior.amplitude": 0.3, "length_easting": 0.012, "length_depth": 0.009}
    executed = execute(tmp_path, picks=str(picks), pick_std="0.0005", settings=settings)
    ensemble = open_ensemble(tmp_path / "ensemble.nc")
    assert json.loads(ensemble.attrs["prior"])["amplitude"] == pytest.approx(0.3)
    assert ensemble.attrs["length_unit"] == "m"
    assert np.isfinite(ensemble["velocity_mean"]).all()
    assert "holds the truth in" not in texts(executed)


def test_bad_picks_stop_it_with_the_reader_s_own_words(tmp_path):
    picks = tmp_path / "empty.csv"
    picks.write_text("")
    with pytest.raises(SeisnbError, match="empty.csv"):
        execute(tmp_path, picks=str(picks))
