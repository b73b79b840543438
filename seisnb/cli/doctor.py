"""``seisnb doctor``: whether this installation can work, and what to do where it cannot."""

from __future__ import annotations

import argparse
import json
import locale
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

EXIT_PROBLEM = 1
#: Free disk [GB]: less is a problem, less is worth a warning.
LEAST_DISK, SCARCE_DISK = 0.2, 2.0


@dataclass(frozen=True)
class Finding:
    """What one check found.

    Attributes
    ----------
    check : str
        What was looked at.
    state : {'ok', 'warning', 'problem'}
        A warning costs comfort or time, a problem a result.
    found : str
        What is there.
    advice : str
        What to do; empty where all is well.
    """

    check: str
    state: Literal["ok", "warning", "problem"]
    found: str
    advice: str = ""


Check = Callable[[], Iterator[Finding]]


def add_doctor(commands: Any) -> None:
    """Add the command and its options."""
    command = commands.add_parser(
        "doctor",
        help="check this installation and say what to do about what is wrong",
        description="One line per check: ok, a warning, or a problem with what to do about it. "
        "Exit code 0 where there is no problem, else 1.",
        epilog="example: seisnb doctor --json > doctor.json",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument("--json", action="store_true", help="print the findings as JSON")


def run_doctor(args: argparse.Namespace) -> int:
    """Run all checks, print what they find, return 1 where there is a problem."""
    findings = []
    for check in CHECKS:
        for finding in _found_by(check):
            findings.append(finding)
            if not args.json:
                print(_line(finding), flush=True)
    counts = {s: sum(f.state == s for f in findings) for s in ("ok", "warning", "problem")}
    if args.json:
        print(json.dumps({**counts, "findings": [asdict(f) for f in findings]}, indent=1))
    else:
        print(f"{counts['problem']} problems, {counts['warning']} warnings")
    return EXIT_PROBLEM if counts["problem"] else 0


def _found_by(check: Check) -> Iterator[Finding]:
    """What a check finds; one that fails itself is a problem of its own."""
    try:
        yield from check()
    except Exception as error:  # noqa: BLE001 (a broken library may raise anything)
        name = check.__name__.removeprefix("_").replace("_", " ")
        text = " ".join(f"{type(error).__name__}: {error}".split())
        yield Finding(name, "problem", text, "reinstall seisnb and its dependencies")


def _line(finding: Finding) -> str:
    advice = f"; {finding.advice}" if finding.advice else ""
    return f"{finding.state:<8} {finding.check}: {finding.found}{advice}"


def _python() -> Iterator[Finding]:
    from importlib.metadata import metadata

    from packaging.specifiers import SpecifierSet

    found = ".".join(map(str, sys.version_info[:3]))
    wanted = str(metadata("seisnb")["Requires-Python"])
    if SpecifierSet(wanted).contains(found):
        yield Finding("python", "ok", f"{found} at {sys.executable}")
    else:
        advice = f"install seisnb into a Python {wanted}"
        yield Finding("python", "problem", f"{found} at {sys.executable}", advice)


def _dependencies() -> Iterator[Finding]:
    from importlib.metadata import PackageNotFoundError, requires, version

    from packaging.requirements import Requirement

    from seisnb import __version__

    n_right = 0
    for requirement in map(Requirement, requires("seisnb") or ()):
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        advice = f"run {sys.executable} -m pip install '{requirement}'"
        try:
            found = version(requirement.name)
        except PackageNotFoundError:
            yield Finding(requirement.name, "problem", "not installed", advice)
            continue
        if requirement.specifier.contains(found, prereleases=True):
            n_right += 1
        else:
            wanted = f"{found}, but seisnb needs {requirement.specifier}"
            yield Finding(requirement.name, "problem", wanted, advice)
    where = Path(__file__).resolve().parents[1]
    yield Finding("seisnb", "ok", f"{__version__} in {where}, {n_right} dependencies as declared")


def _compiled_kernels() -> Iterator[Finding]:
    """Two solvers that share no code, on rock whose times are known."""
    import numpy as np

    from seisnb.traveltime.grid import library_march
    from seisnb.traveltime.marching import march

    velocity = np.full((9, 7), 2.5)
    for name, solver in (("numba kernels", march), ("eikonalfm", library_march)):
        factor = solver(velocity, 4, 3, 0.5)
        if np.allclose(factor, 1 / 2.5, rtol=1e-9):
            yield Finding(name, "ok", "run, times as known")
        else:
            worst = float(np.abs(factor * 2.5 - 1).max())
            advice = "reinstall it for this processor; do not use results until this is right"
            yield Finding(name, "problem", f"times off by up to {worst:.1%}", advice)


def _torch() -> Iterator[Finding]:
    import torch

    from seisnb.threads import worker_count

    x = torch.tensor([1.5, -2.0], dtype=torch.float64, requires_grad=True)
    (x**3).sum().backward()
    assert x.grad is not None
    if torch.allclose(x.grad, 3 * x.detach() ** 2):
        yield Finding("torch", "ok", f"{torch.__version__}, gradients as known")
    else:
        yield Finding("torch", "problem", "gradients are wrong", "reinstall torch")
    cores, threads, quota = worker_count(0), torch.get_num_threads(), core_quota()
    found = f"{threads} torch threads, {cores} cores"
    if quota is not None and quota < cores:
        advice = (
            "name the workers (--set n_workers=1) and set OMP_NUM_THREADS=1; seisnb cannot use "
            "cores it is not given"
        )
        yield Finding("threads", "warning", f"{found}, of which {quota:g} may be used", advice)
    elif threads > cores:
        yield Finding("threads", "warning", found, f"set OMP_NUM_THREADS={cores}")
    else:
        yield Finding("threads", "ok", found)
    if torch.cuda.is_available():
        yield Finding("graphics card", "ok", torch.cuda.get_device_name(0))
    else:
        yield Finding("graphics card", "ok", "none; all work is done by the processor")


def core_quota(folder: Path = Path("/sys/fs/cgroup")) -> float | None:
    """Cores that a container may keep busy; None where nothing is said."""
    try:
        quota, period = (folder / "cpu.max").read_text().split()
    except (OSError, ValueError):
        return None
    return None if quota == "max" else int(quota) / int(period)


def _kernel_spec() -> Iterator[Finding]:
    from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel

    try:
        program = KernelSpecManager().get_kernel_spec("python3").argv[0]
    except NoSuchKernel:
        program = "missing"
    # a bare name is looked up in the server's own environment
    if program in ("python", "python3") or Path(program) == Path(sys.executable):
        yield Finding("kernel python3", "ok", "is this Python")
        return
    advice = f"run {sys.executable} -m ipykernel install --sys-prefix"
    yield Finding("kernel python3", "problem", f"is {program}, not this Python", advice)


def _programs() -> Iterator[Finding]:
    wanted = {
        "Chromium": (("chromium", "chromium-browser", "google-chrome"), "browser tests"),
        "Node": (("node",), "checks of the widgets' sources"),
    }
    for name, (programs, purpose) in wanted.items():
        found = next(filter(None, map(shutil.which, programs)), None)
        if found:
            yield Finding(name, "ok", found)
        else:
            yield Finding(name, "warning", "not found", f"install it for {purpose}; else ignore")


def _folders() -> Iterator[Finding]:
    import pooch

    places = [("working folder", Path.cwd()), ("cache folder", Path(pooch.os_cache("seisnb")))]
    for name, folder in places:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder) as probe:
                probe.write(b"seisnb")
        except OSError as error:
            found = f"{folder} cannot be written to ({error.strerror or error})"
            yield Finding(name, "problem", found, "change to another folder, or its permissions")
        else:
            yield Finding(name, "ok", f"{folder} can be written to")
    free = shutil.disk_usage(Path.cwd()).free / 1e9
    state: Literal["ok", "warning", "problem"] = "ok"
    if free < SCARCE_DISK:
        state = "problem" if free < LEAST_DISK else "warning"
    advice = "" if state == "ok" else "make room: an ensemble of 256 members takes 0.1 GB"
    yield Finding("free disk", state, f"{free:.1f} GB", advice)


def _data() -> Iterator[Finding]:
    from seisnb.conventions import SeisnbError
    from seisnb.dashboards.machine_profile import PROFILE_VARIABLE, machine_profile
    from seisnb.datasets import DATA_VARIABLE, fetch, names

    folder = os.environ.get(DATA_VARIABLE)
    if not folder:
        found = "not set; data sets are downloaded when they are first asked for"
        yield Finding(DATA_VARIABLE, "ok", found)
    elif not Path(folder).is_dir():
        advice = "name a folder that is there, or unset it"
        yield Finding(DATA_VARIABLE, "problem", f"{folder} is no folder", advice)
    else:
        wrong = []
        for name in names():
            try:
                fetch(name)
            except SeisnbError as error:
                wrong.append(str(error))
        if wrong:
            yield Finding(DATA_VARIABLE, "warning", f"{folder}: {wrong[0]}", "unset it, or do that")
        else:
            yield Finding(DATA_VARIABLE, "ok", f"{folder} holds {len(names())} data sets")
    try:
        machine_profile()
    except SeisnbError as error:
        yield Finding(PROFILE_VARIABLE, "problem", str(error))
    else:
        yield Finding(PROFILE_VARIABLE, "ok", os.environ.get(PROFILE_VARIABLE) or "not set")


def _text() -> Iterator[Finding]:
    encodings = {
        "files": locale.getpreferredencoding(False),
        "names of files": sys.getfilesystemencoding(),
        "output": sys.stdout.encoding or "none",
    }
    other = {what: e for what, e in encodings.items() if e.lower().replace("-", "") != "utf8"}
    if not other:
        yield Finding("encoding", "ok", "UTF-8")
        return
    found = ", ".join(f"{encoding} for {what}" for what, encoding in other.items())
    yield Finding("encoding", "warning", found, "set PYTHONUTF8=1, or LANG=C.UTF-8")


CHECKS: tuple[Check, ...] = (
    _python, _dependencies, _compiled_kernels, _torch, _kernel_spec, _programs, _folders, _data,
    _text,
)  # fmt: skip
