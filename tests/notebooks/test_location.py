"""The location notebooks, executed as a user would: on their own data and on files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from seisnb.batch.notebooks import execute_notebook, find_notebook
from seisnb.conventions import SeisnbError
from seisnb.io import open_ensemble, open_hypocentres

pytestmark = pytest.mark.slow


def execute(name: str, out: Path, **parameters: object) -> str:
    """Run it; everything the cells printed or displayed as text."""
    executed = out / "run.ipynb"
    parameters = {"out_dir": str(out), "progress": "lines", **parameters}
    execute_notebook(find_notebook(name), executed, parameters)
    cells = json.loads(executed.read_text())["cells"]
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    parts = [output.get("text", output.get("data", {}).get("text/markdown")) for output in outputs]
    return "\n".join("".join(part) for part in parts if part)


def test_the_synthetic_coast(tmp_path) -> None:
    said = execute("location", tmp_path, settings={"n_samples": 300})
    found = open_hypocentres(tmp_path / "hypocentres.nc")
    assert found.sizes["event"] == 12
    assert (found["trial_credibility"] <= 0.95).sum() >= 9
    assert "12 events located" in said
    assert "over all models" in said
    assert (tmp_path / "catalogue.xml").is_file()
    assert (tmp_path / "report.html").is_file()


def test_files_of_one_s_own(tmp_path, data_folder) -> None:
    folder = data_folder / "cascadia_obs2011"
    lines = (folder / "all_pick_assignments_2011.csv").read_text().splitlines()[:120]
    picks = tmp_path / "picks.csv"
    picks.write_text("\n".join(lines) + "\n")
    models = [str(folder / f"vel_{name}.csv") for name in ("pnsn_wa", "nwa_shore")]
    said = execute(
        "location", tmp_path, picks=str(picks), stations=str(folder / "all_stations_2011.csv"),
        ensemble=models, pick_std=[0.1, 0.2], settings={"n_samples": 200},
    )  # fmt: skip
    found = open_hypocentres(tmp_path / "hypocentres.nc")
    assert found["member"].values.tolist() == ["vel_pnsn_wa", "vel_nwa_shore"]
    assert "velocity is held at" in said
    assert np.isfinite(found["mean_depth"]).all()
    with pytest.raises(SeisnbError, match="does not exist"):
        execute("location", tmp_path, picks=str(tmp_path / "none.csv"), stations="x")


def test_from_the_survey_to_the_source(tmp_path) -> None:
    said = execute(
        "survey_to_source", tmp_path, n_members=20, n_events=4,
        settings={"location.n_samples": 300, "location.table_step": 1.6},
    )  # fmt: skip
    ensemble = open_ensemble(tmp_path / "ensemble.nc")
    found = open_hypocentres(tmp_path / "hypocentres.nc")
    assert found.sizes["member"] == ensemble.sizes["particle"] == 20
    assert "truly within 1 km" in said
    assert "event0003" in said
    floor = np.interp(
        found["easting"].values, ensemble["surface_easting"], ensemble["surface_depth"]
    )
    assert (found["depth"].values > floor - 0.2).all()  # none in the water
