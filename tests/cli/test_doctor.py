"""``seisnb doctor``: what it says of a good installation, and of each way to be a bad one."""

from __future__ import annotations

import importlib.metadata
import json
import locale
from typing import Any

import numpy as np
import pytest

from seisnb import cli
from seisnb.cli.doctor import CHECKS, EXIT_PROBLEM, core_quota


@pytest.fixture(autouse=True)
def quiet(monkeypatch, tmp_path):
    """A folder of its own, nothing set, no limit of the machine's."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SEISNB_DATA", raising=False)
    monkeypatch.delenv("SEISNB_PROFILE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def diagnose(capsys):
    """Run it; its exit code and its findings by check."""

    def run() -> tuple[int, dict[str, dict[str, Any]]]:
        code = cli.main(["doctor", "--json"])
        told = json.loads(capsys.readouterr().out)
        states = [finding["state"] for finding in told["findings"]]
        assert all(told[s] == states.count(s) for s in ("ok", "warning", "problem"))
        assert code == (EXIT_PROBLEM if told["problem"] else 0)
        return code, {finding["check"]: finding for finding in told["findings"]}

    return run


def test_this_installation_is_well(diagnose):
    code, found = diagnose()
    assert code == 0, found
    for check in ("python", "seisnb", "numba kernels", "eikonalfm", "torch", "kernel python3",
                  "working folder", "cache folder", "free disk", "encoding"):  # fmt: skip
        assert found[check]["state"] == "ok", found[check]
    assert all(bool(f["advice"]) == (f["state"] != "ok") for f in found.values())


def test_one_line_per_finding(capsys):
    assert cli.main(["doctor"]) == 0
    *lines, last = capsys.readouterr().out.splitlines()
    assert all(line.startswith(("ok ", "warning ")) for line in lines)
    assert len(lines) >= len(CHECKS)
    assert last.startswith("0 problems, ")


def test_a_dependency_that_is_missing_or_too_old(diagnose, monkeypatch):
    true_version = importlib.metadata.version

    def version(name: str) -> str:
        if name == "bokeh":
            raise importlib.metadata.PackageNotFoundError(name)
        return "1.26.4" if name == "numpy" else true_version(name)

    monkeypatch.setattr(importlib.metadata, "version", version)
    code, found = diagnose()
    assert code == EXIT_PROBLEM
    assert found["bokeh"]["found"] == "not installed"
    assert "pip install 'bokeh>=" in found["bokeh"]["advice"]
    assert found["numpy"]["state"] == "problem"
    assert "1.26.4, but seisnb needs >=2.0" in found["numpy"]["found"]


def test_a_solver_that_is_wrong_is_told_by_how_much(diagnose, monkeypatch):
    monkeypatch.setattr(
        "seisnb.traveltime.marching.march", lambda v, *_: np.full(v.shape, 1.1 / v[0, 0])
    )
    code, found = diagnose()
    assert code == EXIT_PROBLEM
    assert "10.0%" in found["numba kernels"]["found"]
    assert found["eikonalfm"]["state"] == "ok"


def test_a_library_that_breaks_is_a_problem_and_not_the_end(diagnose, monkeypatch):
    def broken(*_: Any, **__: Any) -> None:
        raise OSError("libgomp.so: cannot open")

    monkeypatch.setattr("torch.tensor", broken)
    code, found = diagnose()
    assert code == EXIT_PROBLEM
    assert "libgomp" in found["torch"]["found"]
    assert found["encoding"]["state"] == "ok"


def test_a_kernel_of_another_python(diagnose, monkeypatch, tmp_path):
    spec = tmp_path / "jupyter" / "kernels" / "python3"
    spec.mkdir(parents=True)
    argv = ["/elsewhere/bin/python", "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    (spec / "kernel.json").write_text(
        json.dumps({"argv": argv, "display_name": "Python 3", "language": "python"})
    )
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    code, found = diagnose()
    assert code == EXIT_PROBLEM
    assert "/elsewhere/bin/python" in found["kernel python3"]["found"]
    assert "ipykernel install" in found["kernel python3"]["advice"]


def test_the_data_folder(diagnose, monkeypatch, tmp_path):
    monkeypatch.setenv("SEISNB_DATA", str(tmp_path / "none"))
    code, found = diagnose()
    assert code == EXIT_PROBLEM
    assert "is no folder" in found["SEISNB_DATA"]["found"]
    (tmp_path / "none").mkdir()
    code, found = diagnose()
    assert code == 0
    assert found["SEISNB_DATA"]["state"] == "warning"
    assert "koenigsee.sgt" in found["SEISNB_DATA"]["found"]


def test_a_profile_that_is_not_known(diagnose, monkeypatch):
    monkeypatch.setenv("SEISNB_PROFILE", "tiny")
    code, found = diagnose()
    assert code == EXIT_PROBLEM
    assert "tiny" in found["SEISNB_PROFILE"]["found"]


def test_a_folder_without_room_or_permission(diagnose, monkeypatch, tmp_path):
    (tmp_path / "cache").write_text("a file, so that no folder can be made in it")
    code, found = diagnose()
    assert code == EXIT_PROBLEM
    assert "cannot be written to" in found["cache folder"]["found"]
    (tmp_path / "cache").unlink()
    for free, state in ((1.0, "warning"), (0.1, "problem")):
        usage = type("Usage", (), {"free": free * 1e9})
        monkeypatch.setattr("shutil.disk_usage", lambda _, usage=usage: usage)
        assert diagnose()[1]["free disk"]["state"] == state


def test_another_encoding_and_no_programs_are_warnings(diagnose, monkeypatch):
    monkeypatch.setattr(locale, "getpreferredencoding", lambda _: "ISO-8859-1")
    monkeypatch.setattr("shutil.which", lambda _: None)
    code, found = diagnose()
    assert code == 0
    assert found["encoding"]["found"] == "ISO-8859-1 for files"
    assert {found[name]["state"] for name in ("encoding", "Chromium", "Node")} == {"warning"}


def test_the_cores_of_a_container(diagnose, monkeypatch, tmp_path):
    assert core_quota(tmp_path) is None
    for text, cores in (("max 100000", None), ("150000 100000", 1.5)):
        (tmp_path / "cpu.max").write_text(text + "\n")
        assert core_quota(tmp_path) == cores
    monkeypatch.setattr("seisnb.cli.doctor.core_quota", lambda: 0.5)
    code, found = diagnose()
    assert code == 0
    assert "0.5 may be used" in found["threads"]["found"]
