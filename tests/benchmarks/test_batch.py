"""What a batch adds to its notebooks' own time.

pytest -s -m benchmark tests/benchmarks/test_batch.py
"""

import json
import sys
import time
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "batch"))
from making import WRITES, batch, executed, make_sweep

pytestmark = pytest.mark.benchmark

N_RUNS, N_WORKERS, SECONDS = 100, 2, 5.0
#: Five seconds by the clock: how long a run takes must not depend on who shares the machine.
WAITS = f"import time\nbegun = time.monotonic()\ntime.sleep({SECONDS} - 0.01)\n"


def test_a_hundred_runs_and_their_resume(tmp_path):
    sweep = make_sweep(tmp_path, WAITS, WRITES, ks=list(range(N_RUNS)))
    out = tmp_path / "out"
    started = time.monotonic()
    code, said = batch(sweep, out, "--workers", str(N_WORKERS), timeout=1800)
    took = time.monotonic() - started
    assert code == 0, said
    manifests = [json.loads(path.read_text()) for path in out.glob("runs/*/manifest.json")]
    over = np.array([told["seconds"] for told in manifests]) - SECONDS
    ideal = N_RUNS * SECONDS / N_WORKERS
    print(
        f"\n{N_RUNS} runs of {SECONDS:g} s, {N_WORKERS} workers: {took:.0f} s, {took / ideal:.2f} "
        f"of the ideal; per run {np.median(over):.2f} s over (p90 {np.quantile(over, 0.9):.2f} s)"
    )
    times = []
    for _ in range(3):
        started = time.monotonic()
        code, said = batch(sweep, out)
        times.append(time.monotonic() - started)
        assert code == 0
        assert f"{N_RUNS} finished before" in said
    print(f"  resume of {N_RUNS} finished runs: {', '.join(f'{t:.2f}' for t in times)} s")
    assert executed(tmp_path) == list(range(N_RUNS))
    assert np.median(over) <= 2.0
    assert took / ideal <= 1.3
    assert np.median(times) <= 3.0
