"""The command line: what it hands on, what it writes, and how it says no."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest
import xarray as xr

from seisnb import cli
from seisnb.cli.reading import FORMATS, OPTIONS
from seisnb.conventions import Cancelled
from seisnb.dashboards.tomography.state import ReadingConfig
from seisnb.interrupts import EXIT_CANCELLED
from seisnb.io import (
    PICK_FORMATS,
    open_ensemble,
    read_models,
    read_picks,
    save_ensemble,
    write_picks,
)
from tests.dashboards.fake import ensemble_of, land_survey

HEADER = (
    "shot_easting_m,shot_depth_m,receiver_easting_m,receiver_depth_m,travel_time_ms,pick_std_ms"
)


@pytest.fixture
def picks(tmp_path) -> Path:
    """A small land line in the pick table's format."""
    path = tmp_path / "ridge.csv"
    write_picks(land_survey(), path)
    return path


class Inversion:
    """Stands in for invert: remembers what it was given, answers with a made-up ensemble."""

    def __init__(self) -> None:
        self.given: dict[str, Any] = {}
        self.during: Callable[[], object] = lambda: None

    def __call__(self, survey: xr.Dataset, prior: Any, config: Any, **more: Any) -> xr.Dataset:
        self.given = {"survey": survey, "prior": prior, "config": config, **more}
        more["checkpoint"].mkdir(exist_ok=True)
        (more["checkpoint"] / "member").write_text("half")
        self.during()
        ensemble = ensemble_of(survey, n_members=4)
        ensemble.attrs["cancelled"] = int(more["cancel"]())
        if more["out"] is None:
            return ensemble
        save_ensemble(ensemble, more["out"])
        return open_ensemble(more["out"], load=False)


@pytest.fixture
def inversion(monkeypatch) -> Inversion:
    fake = Inversion()
    monkeypatch.setattr("seisnb.tomography.invert", fake)
    return fake


def run(*arguments: object) -> int:
    return cli.main([str(argument) for argument in arguments])


def said_no(capsys, code: int, *parts: str) -> None:
    """One line on standard error with these parts; code 2."""
    errors = capsys.readouterr().err
    assert code == cli.EXIT_BAD_INPUT
    assert len(errors.splitlines()) == 1, errors
    for part in parts:
        assert part in errors


def test_picks_in_ensemble_and_report_out(picks, tmp_path, inversion, capsys):
    out = tmp_path / "deep" / "results"
    assert run("tomography", picks, "--out", out, "--members", 8, "--seed", 3) == 0
    survey = inversion.given["survey"]
    assert survey.sizes["pick"] == land_survey().sizes["pick"]
    assert (inversion.given["config"].n_members, inversion.given["config"].seed) == (8, 3)
    ensemble = open_ensemble(out / "ensemble.nc")
    assert ensemble.sizes["particle"] == 4
    assert ensemble["velocity"].dims == ("particle", "depth", "easting")
    assert "<html" in (out / "report.html").read_text()
    printed = capsys.readouterr().out
    assert f"ensemble: {out / 'ensemble.nc'}" in printed
    assert f"report: {out / 'report.html'}" in printed
    assert "4 members" in printed
    assert sorted(path.name for path in out.iterdir()) == ["ensemble.nc", "report.html"]


def test_a_large_ensemble_goes_to_zarr(picks, tmp_path, inversion, capsys):
    out = tmp_path / "out"
    assert run("tomography", picks, "--out", out, "--zarr") == 0
    assert sorted(path.name for path in out.iterdir()) == ["ensemble.zarr", "report.html"]
    assert f"ensemble: {out / 'ensemble.zarr'}" in capsys.readouterr().out
    assert read_models(out / "ensemble.zarr").n_members == 4
    assert run("tomography", picks, "--out", out) == 0
    said = capsys.readouterr().out
    assert f"ensemble: {out / 'ensemble.nc'}" in said
    assert f"note: {out / 'ensemble.zarr'} is left from an earlier run." in said


def test_reader_options_reach_the_reader(picks, tmp_path, inversion, monkeypatch):
    given: dict[str, Any] = {}

    def read_picks(path: Path, format: str | None = None, **options: Any) -> xr.Dataset:
        given.update(options, path=path, format=format)
        return land_survey()

    monkeypatch.setattr("seisnb.io.read_picks", read_picks)
    surface = tmp_path / "surface.txt"
    options = ["--format", "txin", "--phases", "1,5:185-,Pg", "--pick-std", "3%+0.0005"]
    options += ["--surface", surface, "--water-velocity", "1.48", "--on-bad", "drop"]
    options += ["--instrument", "receiver", "--buried", "both", "--length-unit", "m"]
    options += ["--time-unit", "ms", "--vertical", "depth"]
    options += ["--shots", tmp_path / "s.geo", "--receivers", tmp_path / "r.geo"]
    assert run("tomography", picks, "--out", tmp_path / "out", *options) == 0
    assert given == {
        "path": picks,
        "format": "txin",
        "phases": (1, "5:185-", "Pg"),
        "pick_std": "3%+0.0005",
        "surface": surface,
        "water_velocity": 1.48,
        "instrument": "receiver",
        "on_bad": "drop",
        "buried": "both",
        "shots": tmp_path / "s.geo",
        "receivers": tmp_path / "r.geo",
        "length_unit": "m",
        "time_unit": "ms",
        "vertical": "depth",
    }


def test_options_of_reading_are_the_same_in_every_face():
    assert FORMATS == PICK_FORMATS
    hints = get_type_hints(ReadingConfig)
    assert get_args(hints["format"]) == ("guess", *PICK_FORMATS)
    named = set(inspect.signature(read_picks).parameters) - {"path", "format", "title"}
    assert named == set(OPTIONS) == set(hints) - {"format"}


def test_set_reaches_both_configurations(picks, tmp_path, inversion):
    options = ["--set", "prior.amplitude=0.2", "--set", "engine=svgd", "--set", "length_depth=0.01"]
    assert run("tomography", picks, "--out", tmp_path / "out", *options) == 0
    prior, config = inversion.given["prior"], inversion.given["config"]
    assert (prior.amplitude, prior.length_depth, config.engine) == (0.2, 0.01, "svgd")


@pytest.mark.parametrize(
    ("options", "parts"),
    [
        (["--set", "amplitud=1"], ["Did you mean prior.amplitude", "tomography.n_members"]),
        (["--set", "amplitude=-1"], ["amplitude is -1"]),
        (["--set", "amplitude=big"], ["amplitude=big", "expected a number"]),
        (["--set", "amplitude"], ["expected name=value"]),
        (["--members", "8", "--set", "n_members=9"], ["n_members is set twice"]),
        (["--members", "many"], ["--members", "many"]),
        (["--phases", "1,,5"], ["phase codes"]),
        (["--format", "segy"], ["--format", "sgt"]),
    ],
)
def test_wrong_settings_are_one_line(picks, tmp_path, inversion, capsys, options, parts):
    try:
        code = run("tomography", picks, "--out", tmp_path / "out", *options)
    except SystemExit as stop:  # argparse's way
        code = stop.code
    said_no(capsys, code, *parts)
    assert not inversion.given
    assert not (tmp_path / "out" / "ensemble.nc").exists()


def test_wrong_picks_are_one_line(tmp_path, inversion, capsys):
    out = tmp_path / "out"
    said_no(capsys, run("tomography", tmp_path / "none.csv", "--out", out), "there is no file")
    empty = tmp_path / "empty.csv"
    empty.write_text("")
    said_no(capsys, run("tomography", empty, "--out", out), "empty.csv")
    bad = tmp_path / "bad.csv"
    bad.write_text(f"{HEADER}\n0,0,5,0,nan,1\n")
    said_no(capsys, run("tomography", bad, "--out", out), "bad.csv", "line 2")
    assert not inversion.given
    assert not out.exists()


def test_a_folder_that_cannot_be_written_is_refused_before_any_work(
    picks, tmp_path, inversion, capsys
):
    (tmp_path / "file").write_text("")
    code = run("tomography", picks, "--out", tmp_path / "file" / "out")
    said_no(capsys, code, "--out", "Choose a folder that you can write to")
    assert not inversion.given


def test_ctrl_c_keeps_what_is_done_and_the_checkpoint(picks, tmp_path, inversion, capsys):
    out = tmp_path / "out"
    inversion.during = lambda: os.kill(os.getpid(), 2)
    assert run("tomography", picks, "--out", out) == EXIT_CANCELLED
    assert sorted(p.name for p in out.iterdir()) == ["checkpoint", "ensemble.nc", "report.html"]
    assert "run the same command again" in capsys.readouterr().out
    inversion.during = lambda: None
    assert run("tomography", picks, "--out", out) == 0
    assert not (out / "checkpoint").exists()


def test_cancelled_before_anything_is_130(picks, tmp_path, inversion, capsys):
    def stop() -> None:
        raise Cancelled("invert: stopped before two members were done.")

    inversion.during = stop
    assert run("tomography", picks, "--out", tmp_path / "out") == EXIT_CANCELLED
    assert capsys.readouterr().err.splitlines()[-1].startswith("seisnb: invert: stopped")


def test_settings_are_listed(capsys):
    with pytest.raises(SystemExit) as stop:
        run("tomography", "--list-settings")
    assert stop.value.code == 0
    listed = capsys.readouterr().out
    assert "prior.amplitude" in listed
    assert "tomography.n_members" in listed
    assert "[km]" in listed


def test_version_and_no_command(capsys):
    with pytest.raises(SystemExit) as stop:
        run("--version")
    assert stop.value.code == 0
    assert capsys.readouterr().out.startswith("seisnb ")
    with pytest.raises(SystemExit) as stop:
        run()
    said_no(capsys, stop.value.code, "COMMAND")


def test_demo_runs_the_notebook_and_says_where(tmp_path, monkeypatch, capsys):
    given: dict[str, Any] = {}

    def execute(source: Path, target: Path, parameters: dict[str, Any]) -> None:
        given.update(parameters, source=source)
        target.write_text("{}")
        (target.parent / "location.html").write_text("<html>")

    monkeypatch.setattr("seisnb.batch.notebooks.execute_notebook", execute)
    assert run("demo", "--out", tmp_path / "demo", "--members", 5, "--set", "cell=0.5") == 0
    assert given["source"].name == "survey_to_source.ipynb"
    assert given["n_members"] == 5
    assert given["n_events"] == 12
    assert given["settings"] == {"cell": "0.5"}
    assert f"report: {tmp_path / 'demo' / 'location.html'}" in capsys.readouterr().out


def test_demo_without_a_report_is_no_success(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("seisnb.batch.notebooks.execute_notebook", lambda *_: None)
    assert run("demo", "--out", tmp_path) == EXIT_CANCELLED
    assert "stopped before the report" in capsys.readouterr().err
