"""The folder that Binder builds from: complete, runnable, of the lock's versions."""

from __future__ import annotations

import json
import os
import re
import subprocess
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
BINDER = ROOT / "binder"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def pins(path: Path) -> dict[str, str]:
    found = {}
    for line in path.read_text().splitlines():
        name, _, pinned = line.partition("==")
        if pinned and not line.startswith("#"):
            found[canonicalize_name(name)] = pinned
    return found


def test_its_python_is_one_that_seisnb_wants():
    found = (BINDER / "runtime.txt").read_text().strip()
    assert re.fullmatch(r"python-3\.\d+", found)
    wanted = Requirement(f"python{PROJECT['requires-python']}").specifier
    assert wanted.contains(f"{found.removeprefix('python-')}.0")


def test_its_versions_are_those_of_the_lock():
    locked = pins(ROOT / "requirements.lock")
    constrained = pins(BINDER / "constraints.txt")
    assert constrained.items() <= locked.items()
    # Binder brings its own JupyterLab and kernel; everything else is held
    own = {"jupyterlab", "ipykernel", "packaging", "torch", "traitlets"}
    declared = {canonicalize_name(Requirement(d).name) for d in PROJECT["dependencies"]}
    assert declared - own <= set(constrained)
    lines = (BINDER / "requirements.txt").read_text().splitlines()
    assert f"torch=={locked['torch']}+cpu" in lines
    assert "-c constraints.txt" in lines
    assert "-e ." in lines


@pytest.mark.parametrize("name", ["postBuild", "start", "prove.sh"])
def test_its_scripts_run(name):
    script = BINDER / name
    assert os.access(script, os.X_OK)
    assert script.read_text().startswith("#!/bin/bash\n")
    subprocess.run(["bash", "-n", script], check=True)


def test_start_runs_what_it_is_given_on_one_core_s_worth_of_threads(tmp_path):
    code = "import os, json, sys; print(json.dumps([dict(os.environ), sys.argv[1:]]))"
    done = subprocess.run(
        [BINDER / "start", "python3", "-c", code, "a b", "--c=d"],
        capture_output=True, text=True, check=True, cwd=tmp_path,
    )  # fmt: skip
    environment, arguments = json.loads(done.stdout)
    assert arguments == ["a b", "--c=d"]
    assert environment["SEISNB_PROFILE"] == "small"
    assert environment["OMP_NUM_THREADS"] == environment["NUMBA_NUM_THREADS"] == "1"
    # what postBuild compiles must fit the processor of another day
    assert environment["NUMBA_CPU_NAME"] == "generic"


def test_the_badge_opens_the_doors():
    readme = (ROOT / "README.md").read_text()
    [url] = set(re.findall(r"https://mybinder\.org/v2/gh/[^)\s`]+", readme))
    opened = re.fullmatch(r".+/gh/[^/]+/[^/]+/HEAD\?urlpath=lab/tree/(.+)", url)
    assert opened, url
    assert (ROOT / opened[1]).is_file()


def test_every_notebook_is_installed_and_every_door_leads_somewhere():
    shared = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]
    installed = shared["targets"]["wheel"]["shared-data"]
    for notebook in (ROOT / "notebooks").glob("*.ipynb"):
        name = f"notebooks/{notebook.name}"
        assert installed.get(name) == f"share/seisnb/{name}", name
    welcome = json.loads((ROOT / "notebooks" / "welcome.ipynb").read_text())
    text = "\n".join("".join(cell["source"]) for cell in welcome["cells"])
    doors = re.findall(r"^%run (\S+)", text, flags=re.MULTILINE)
    assert len(doors) == 3
    pictures = re.findall(r'src="([^"]+)"', text)
    assert len(pictures) == 3
    for target in [*doors, *pictures, *re.findall(r"\]\(([^)]+)\)", text)]:
        assert (ROOT / "notebooks" / target).is_file(), target
        assert target.endswith(".ipynb") or f"notebooks/{target}" in installed
