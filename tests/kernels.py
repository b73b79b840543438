"""The tests marked ``kernels``, once for each of two of OpenBLAS' kernels.

OpenBLAS holds one set of loops per kind of processor and takes the one that suits the machine; they
sum in different orders. A result that holds by its last digits holds on one kind of machine only,
and this is where it shows: ``python -m tests.kernels``, with options of pytest behind it.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import numpy as np

TESTS = Path(__file__).resolve().parent
#: Says which kernel every OpenBLAS of the process has taken.
TAKEN = """\
import json, numpy, scipy.linalg
from threadpoolctl import threadpool_info
print(json.dumps([pool.get("architecture", pool["internal_api"]) for pool in threadpool_info()
                  if pool["user_api"] == "blas"]))
"""


def choose() -> tuple[str, str]:
    """Two kernels that this machine's processor can run, the better one last."""
    simd = np.show_config(mode="dicts")["SIMD Extensions"]
    has = set(simd["baseline"]) | set(simd["found"])
    if has & {"X86_V4", "AVX512_SKX"}:
        return "Haswell", "SkylakeX"
    if has & {"X86_V3", "AVX2"}:
        return "Sandybridge", "Haswell"
    return "Prescott", "Nehalem"


def environment(kernel: str) -> dict[str, str]:
    """One thread; an instruction that a kernel asks for and the processor lacks would kill."""
    threads = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    return {**os.environ, **threads, "OPENBLAS_CORETYPE": kernel}


def taken(kernel: str) -> set[str]:
    """What the libraries of a process say that they run when they are asked for a kernel."""
    said = subprocess.run(
        [sys.executable, "-c", TAKEN], env=environment(kernel), capture_output=True, text=True,
        check=True,
    ).stdout  # fmt: skip
    return set(json.loads(said))


def marked_files() -> list[Path]:
    """Files of tests that hold the mark: the others need not be loaded."""
    return [path for path in sorted(TESTS.rglob("test_*.py")) if "mark.kernels" in path.read_text()]


def main(options: list[str]) -> int:
    """Run them, both kernels side by side; the first bad exit status, or 0."""
    if platform.machine().lower() not in ("x86_64", "amd64"):
        print(f"kernels: not run: chosen on x86-64 only, and this is {platform.machine()}")
        return 0
    pair = choose()
    for kernel in pair:
        if (found := taken(kernel)) != {kernel}:
            print(f"kernels: not run: asked for {kernel}, NumPy and SciPy run {sorted(found)}")
            return 0
    files = [str(path) for path in marked_files()]
    running = [
        subprocess.Popen(
            [sys.executable, "-m", "pytest", "-m", "kernels", "-p", "no:cacheprovider", *files,
             *options],
            env=environment(kernel), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )
        for kernel in pair
    ]  # fmt: skip
    worst = 0
    for kernel, child in zip(pair, running, strict=True):
        said, _ = child.communicate()
        print(f"kernels: OpenBLAS as on {kernel}\n{said}", flush=True)
        worst = worst or child.returncode
    return worst


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
