"""1,024 members on 801 x 201 cells: built, opened, summarised, looked at and located over in 4 GiB.

Every step is a process of its own. Its memory is what it and its children hold together, looked at
every tenth of a second; pages that they share count for each of them.
"""

from __future__ import annotations

import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

pytestmark = pytest.mark.benchmark
Say = Callable[[str], None]
LIMIT = 4 * 2**30

BUILD = """
from seisnb.tomography import TomographyConfig, invert
from seisnb.verification.cases import line_case

case = line_case(0)
config = TomographyConfig(n_members=1024, cell=0.075, depth_max=15.0, seed=1)
with invert(case.survey, case.prior, config, out=path) as ensemble:
    assert ensemble["velocity"].shape == (1024, 201, 801), ensemble["velocity"].shape
    print(ensemble.attrs["verdict"])
"""
OPEN = """
import numpy as np
from seisnb.io import open_ensemble

with open_ensemble(path, load=False) as ensemble:
    for name in ("velocity_mean", "velocity_std", "velocity_quantile"):
        assert np.isfinite(ensemble[name].values).all(), name
    velocity = ensemble["velocity"]
    column = velocity[:, :, 400].values
    assert np.allclose(column.mean(axis=0), ensemble["velocity_mean"][:, 400].values, atol=1e-4)
    assert np.isfinite(velocity[1023].values).all()
    print(f"chunks of {velocity.encoding['chunks']}")
"""
SUMMARISE = """
import numpy as np
from seisnb.dashboards.report import write_report
from seisnb.dashboards.section_data import ensemble_section
from seisnb.io import open_ensemble

with open_ensemble(path, load=False) as ensemble:
    data = ensemble_section(ensemble)
    write_report(ensemble, path + ".html")
print(data.note)
"""
LOCATE = """
import numpy as np
from seisnb.catalogue import make_stations
from seisnb.io import read_models
from seisnb.location import LocationConfig, locate, synthetic_arrivals
from seisnb.velocity_ensembles import one_member

models = read_models(path)
assert models.n_members == 1024
rng = np.random.default_rng(3)
stations = make_stations(
    station=[f"N{i:02d}" for i in range(12)], depth=np.zeros(12),
    easting=np.linspace(3.0, 57.0, 12), northing=rng.uniform(-15.0, 15.0, 12),
)
places = rng.uniform((15.0, -8.0, 3.0), (45.0, 8.0, 12.0), (20, 3))
arrivals = synthetic_arrivals(stations, one_member(models, 7), places)
found = locate(arrivals, stations, models, LocationConfig(depth_range=(0.0, 15.0)))
miss = np.hypot(found["easting"].mean("sample") - places[:, 0],
                found["northing"].mean("sample") - places[:, 1])
print(f"{found.sizes['event']} events, {float(np.median(miss)):.2f} km off (median, epicentre)")
"""


def held(process: psutil.Process) -> int:
    """Bytes of a process and all that it started."""
    total = 0
    for each in [process, *process.children(recursive=True)]:
        try:
            total += each.memory_info().rss
        except psutil.NoSuchProcess:
            continue
    return total


def measured(name: str, code: str, path: Path, say: Say) -> int:
    """Greatest memory of a step [bytes]."""
    guarded = "def main(path):\n" + textwrap.indent(code, "    ") + "\n"
    guarded += f"if __name__ == '__main__':\n    main({str(path)!r})\n"
    script = path.parent / f"{name}.py"
    script.write_text(guarded)
    begun, most = time.perf_counter(), 0
    with subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True) as child:
        process = psutil.Process(child.pid)
        while child.poll() is None:
            try:
                most = max(most, held(process))
            except psutil.NoSuchProcess:
                break
            time.sleep(0.1)
        printed = child.stdout.read().strip() if child.stdout else ""
    assert child.returncode == 0, name
    say(f"{name}: {most / 2**30:.2f} GiB at most, {time.perf_counter() - begun:.0f} s. {printed}")
    return most


def test_a_large_ensemble_within_four_gib(say: Say, tmp_path: Path) -> None:
    path = tmp_path / "large.zarr"
    steps = {"built": BUILD, "opened": OPEN, "summarised": SUMMARISE, "located over": LOCATE}
    most = {name: measured(name, code, path, say) for name, code in steps.items()}
    size = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    say(f"on disk: {size / 2**30:.2f} GiB")
    assert max(most.values()) <= LIMIT, most
