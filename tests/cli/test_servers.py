"""``seisnb lab`` and ``seisnb voila``: which notebook, from where, with which options."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from seisnb import cli
from seisnb.batch.notebooks import find_notebook
from seisnb.cli.servers import COPIES

NOTEBOOKS = find_notebook("welcome").parent


@pytest.fixture
def launched(monkeypatch, tmp_path):
    """Command lines that the servers were given; none is started."""
    given: list[list[str]] = []
    for name in ("jupyterlab.labapp.LabApp", "voila.app.Voila"):
        monkeypatch.setattr(f"{name}.launch_instance", lambda argv: given.append(argv))
    monkeypatch.chdir(tmp_path)
    return given


def root_of(argv: list[str]) -> Path:
    [root] = [a.partition("=")[2] for a in argv if a.startswith("--ServerApp.root_dir=")]
    return Path(root)


@pytest.mark.parametrize("name", [None, "dashboard", "survey_to_source"])
def test_lab_opens_a_notebook_by_name_where_it_lies(launched, name):
    assert cli.main(["lab", *([name] if name else [])]) == 0
    [argv] = launched
    assert Path(argv[0]) == NOTEBOOKS / f"{name or 'welcome'}.ipynb"
    assert root_of(argv) == NOTEBOOKS


def test_lab_opens_a_file_of_one_s_own_from_the_current_folder(launched, tmp_path):
    own = tmp_path / "deep" / "line7.ipynb"
    own.parent.mkdir()
    own.write_text("{}")
    assert cli.main(["lab", "deep/line7.ipynb", "--no-browser", "--port=9000"]) == 0
    [argv] = launched
    assert Path(argv[0]) == own
    assert root_of(argv) == tmp_path
    assert argv[-2:] == ["--no-browser", "--port=9000"]


def test_notebooks_that_cannot_be_saved_are_copied_once(launched, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr("seisnb.cli.servers.os.access", lambda *_: False)
    assert cli.main(["lab", "welcome"]) == 0
    copies = tmp_path / COPIES
    assert Path(launched[0][0]) == copies / "welcome.ipynb"
    assert str(copies) in capsys.readouterr().out
    names = {path.name for path in copies.glob("*.ipynb")}
    assert names == {path.name for path in NOTEBOOKS.glob("*.ipynb")}
    assert (copies / "figures" / "survey_to_source.png").is_file()
    (copies / "dashboard.ipynb").write_text("my work")
    assert cli.main(["lab", "dashboard"]) == 0
    assert (copies / "dashboard.ipynb").read_text() == "my work"


def test_voila_serves_a_dashboard_by_its_word(launched):
    for word, name in (
        ("tomography", "dashboard"), ("location", "location_dashboard"),
        ("slip", "slip_dashboard"),
    ):  # fmt: skip
        assert cli.main(["voila", word, "--no-browser"]) == 0
        assert launched[-1] == [str(NOTEBOOKS / f"{name}.ipynb"), "--no-browser"]
    assert cli.main(["voila"]) == 0
    assert launched[-1] == [str(NOTEBOOKS / "dashboard.ipynb")]


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["lab", "nosuch"], ["'nosuch'", "welcome", "equals sign"]),
        (["lab", "--port", "9000"], ["'9000'", "--port=9000"]),
        (["lab", "none.ipynb"], ["there is no file none.ipynb"]),
        (["voila", "picks"], ["picks", "tomography", "location", "slip"]),
        (["demo", "--out", "x", "--bogus"], ["unrecognized", "--bogus"]),
    ],
)
def test_what_is_not_there_is_one_line(launched, capsys, arguments, parts):
    try:
        code = cli.main(arguments)
    except SystemExit as stop:  # argparse's way
        code = stop.code
    errors = capsys.readouterr().err
    assert code == cli.EXIT_BAD_INPUT
    assert len(errors.splitlines()) == 1, errors
    assert all(part in errors for part in parts), errors
    assert not launched


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "options", "page"),
    [
        ("lab", ["--IdentityProvider.token=t", "--ServerApp.ip=127.0.0.1"], "/api/status?token=t"),
        ("voila", ["--Voila.ip=127.0.0.1"], "/voila/static/voila.js"),
    ],
)
def test_it_starts_and_ends(tmp_path, command, options, page):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    folders = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")
    log = tmp_path / "log"
    with log.open("w") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "seisnb", command, "--no-browser", f"--port={port}", *options],
            env={**os.environ, **{name: str(tmp_path / name) for name in folders}},
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    try:
        deadline = time.monotonic() + 120
        while True:
            assert process.poll() is None, log.read_text()
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}{page}", timeout=5) as answer:
                    assert answer.status == 200
                break
            except OSError:
                assert time.monotonic() < deadline, log.read_text()
                time.sleep(0.3)
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) in (0, -signal.SIGTERM)
