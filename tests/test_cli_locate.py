"""``seisnb locate`` as a process: files in, three results out, bad input in one line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import obspy
import pytest

from seisnb.cli import EXIT_BAD_INPUT, main
from seisnb.io import open_hypocentres, write_arrivals_csv
from tests.location.conftest import arrivals_at, network
from tests.tables import write_stations

TABLE = "depth,vp,vs,vp_grad,vs_grad\n0,{0},2.9,0.05,0.03\n8,6,3.45,0.02,0.01\n"


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("locate")
    stations = network()
    arrivals = arrivals_at(stations, [(4.0, -3.0, 12.0), (-8.0, 6.0, 15.0)])
    write_arrivals_csv(arrivals, folder / "picks.csv")
    write_stations(stations, folder / "stations.csv")
    for k, vp in enumerate((4.9, 5.0, 5.1)):
        (folder / f"m{k}.csv").write_text(TABLE.format(vp))
    return folder


def command(files: Path, out: Path, *more: object) -> list[str]:
    models = [files / f"m{k}.csv" for k in range(3)]
    return [
        "locate", str(files / "picks.csv"), "--stations", str(files / "stations.csv"),
        "--ensemble", *map(str, models), "--out", str(out), "--set", "n_samples=200",
        "--set", "check_station_depths=False", *map(str, more),
    ]  # fmt: skip


@pytest.mark.slow
def test_the_whole_command(files: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = subprocess.run(
        [sys.executable, "-m", "seisnb", *command(files, out, "--likelihood", "edt",
                                                   "--nonlinloc")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "48 picks, 12 stations, 3 velocity models" in done.stdout
    found = open_hypocentres(out / "hypocentres.nc")
    assert found["event"].values.tolist() == ["ev0", "ev1"]
    for name in ("latitude", "longitude", "depth", "origin_time", "model", "log_weight"):
        assert found[name].dims == ("event", "sample")
    np.testing.assert_allclose(found["mean_depth"], [12, 15], atol=4)
    assert len(obspy.read_events(str(out / "catalogue.xml"))) == 2
    assert "2 events located" in (out / "report.html").read_text()
    assert len(list((out / "nonlinloc").glob("*.hyp"))) == 2
    assert not (out / "checkpoint").exists()


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--set", "likelihood=cauchy"), "likelihood"),
        (("--format", "nlloc"), "picks.csv"),
        (("--vpvs", "17"), "Vp/Vs"),
    ],
)
def test_bad_input_is_one_line(files: Path, tmp_path, capsys, more, said: str) -> None:
    arguments = command(files, tmp_path / "out", *more)
    if more[0] == "--vpvs":
        (files / "p.csv").write_text("depth,vp\n0,5\n")
        arguments[arguments.index("--ensemble") + 1] = str(files / "p.csv")
    assert main(arguments) == EXIT_BAD_INPUT
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert said in error


def test_a_line_needs_its_place(files: Path, tmp_path, capsys) -> None:
    from seisnb.io import save_ensemble
    from tests.location.test_bad_input import tomography

    save_ensemble(tomography(0.0), tmp_path / "e.nc")
    arguments = command(files, tmp_path / "out")
    at = arguments.index("--ensemble")
    arguments[at + 1 : at + 4] = [str(tmp_path / "e.nc")]
    assert main(arguments) == EXIT_BAD_INPUT
    assert "--origin LON,LAT" in capsys.readouterr().err
