"""The project's own promises: one lock, clean notebooks, one way down, one version."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import seisnb

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
#: Notebooks that papermill runs.
BATCH = {
    "location.ipynb", "slip.ipynb", "survey_to_source.ipynb", "tomography.ipynb",
    "verification.ipynb",
}  # fmt: skip
#: May know the user interface; everything else is science.
INTERFACE = {"__init__", "__main__", "batch", "cli", "dashboards", "interrupts", "progress"}


def locked() -> dict[str, str]:
    pins = {}
    for line in (ROOT / "requirements.lock").read_text().splitlines():
        if line and not line.startswith("#"):
            name, _, pinned = line.partition("==")
            pins[canonicalize_name(name)] = pinned
    return pins


def test_the_lock_pins_plain_versions_and_nothing_else():
    for line in (ROOT / "requirements.lock").read_text().splitlines():
        assert line.startswith("#") or re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.!]+", line), line
    assert locked()["torch"] == "2.13.0"


def test_the_lock_satisfies_the_lower_bounds():
    pins = locked()
    extras = PROJECT["project"]["optional-dependencies"]
    for text in PROJECT["project"]["dependencies"] + extras["dev"]:
        requirement = Requirement(text)
        name = canonicalize_name(requirement.name)
        assert name in pins, f"{name} is not in requirements.lock; run make lock"
        assert requirement.specifier.contains(pins[name]), f"{text} but {pins[name]} is locked"


def test_this_environment_is_the_locked_one():
    pins = locked()
    for text in PROJECT["project"]["dependencies"]:
        name = canonicalize_name(Requirement(text).name)
        assert version(name).partition("+")[0] == pins[name], name


def test_one_version():
    changelog = (ROOT / "CHANGELOG.md").read_text()
    stated = PROJECT["project"]["version"]
    assert seisnb.__version__ == stated
    assert f"[{stated}]" in changelog or "[Unreleased]" in changelog
    assert f"version: {stated}" in (ROOT / "CITATION.cff").read_text()


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.name)
def test_notebooks_hold_no_outputs_and_explain_their_parameters(notebook):
    content = json.loads(notebook.read_text())
    cells = content["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert all(not cell["outputs"] and cell["execution_count"] is None for cell in code)
    assert content["metadata"]["kernelspec"]["name"] == "python3"
    assert "widgets" not in content["metadata"]
    tagged = [c for c in code if "parameters" in c["metadata"].get("tags", [])]
    assert len(tagged) <= 1
    for line in [line for cell in tagged for line in "".join(cell["source"]).splitlines()]:
        assert re.match(r"\w+: .+ = .+  # .+", line), f"{notebook.name}: {line!r} explains nothing"
    assert tagged or notebook.name not in BATCH, f"{notebook.name} has no parameters cell"


def test_the_notebooks_are_there():
    assert {path.name for path in NOTEBOOKS} >= BATCH


def test_every_science_module_is_under_the_contract():
    _, forbidden = PROJECT["tool"]["importlinter"]["contracts"]
    modules = {p.stem for p in (ROOT / "seisnb").iterdir() if p.suffix == ".py" or p.is_dir()}
    science = {f"seisnb.{name}" for name in modules - INTERFACE if not name.startswith("__")}
    assert set(forbidden["source_modules"]) == science, "list them in pyproject.toml"


def test_imports_point_down_only(tmp_path):
    lint = Path(sys.executable).parent / "lint-imports"
    done = subprocess.run(
        [lint, "--no-logo", "--cache-dir", tmp_path],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_help_answers_without_the_heavy_imports():
    heavy = ["numpy", "torch", "numba", "bokeh", "ipywidgets", "papermill", "matplotlib"]
    code = (
        "import sys; from seisnb import cli\n"
        "try: cli.main(['tomography', '--help'])\n"
        "except SystemExit as stop: assert stop.code == 0\n"
        f"assert not set({heavy}) & set(sys.modules), set({heavy}) & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "--pick-std" in done.stdout
