"""README's Python, run as it stands on files of the names that it uses."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from seisnb.io import (
    open_ensemble,
    open_hypocentres,
    open_slip,
    write_arrivals_csv,
    write_picks,
)
from seisnb.projection import Projection
from seisnb.slip.synthetic import PROJECTION, TRUE_DIP, example_thrust
from seisnb.synthetic import test_line as line_of
from tests.location.conftest import arrivals_at, network
from tests.tables import write_offsets, write_stations

README = Path(__file__).resolve().parents[1] / "README.md"


def blocks() -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", README.read_text(encoding="utf-8"), re.M | re.S)


def write_slab(path: Path) -> None:
    """The thrust's plane as Slab2 gives one: longitude, latitude, z in km, negative down."""
    to_degrees = Projection(PROJECTION)
    ends = to_degrees.inverse(np.array([0.0, 85.0]), np.array([-60.0, 60.0]))
    longitude, latitude = (np.linspace(*each, 25) for each in ends)
    east, _ = to_degrees.forward(*np.meshgrid(longitude, latitude))
    depth = 5.0 + np.maximum(east, 0.0) * np.tan(np.radians(TRUE_DIP))
    xr.Dataset(
        {"z": (("lat", "lon"), -depth, {"units": "km"})}, {"lat": latitude, "lon": longitude}
    ).to_netcdf(path)


@pytest.fixture
def files(tmp_path, monkeypatch) -> Path:
    """A folder with every file that README reads."""
    monkeypatch.chdir(tmp_path)
    survey, _, _ = line_of(0, share=0.5)
    write_picks(survey, tmp_path / "line7.sgt")
    stations = network()
    arrivals = arrivals_at(stations, [(4.0, -3.0, 12.0), (-8.0, 6.0, 15.0)])
    write_arrivals_csv(arrivals, tmp_path / "picks.csv")
    write_stations(stations, tmp_path / "stations.csv")
    for name, vp in (("a", 4.9), ("b", 5.1)):
        layers = f"0,{vp},2.9\n8,6,3.45\n"
        (tmp_path / f"{name}.csv").write_text(f"depth,vp,vs\n{layers}")
    offsets, _, _ = example_thrust(n_sites=12)
    write_offsets(offsets, tmp_path / "offsets.csv")
    write_slab(tmp_path / "slab.nc")
    return tmp_path


@pytest.mark.slow
def test_every_block_runs_to_its_end(files: Path) -> None:
    ran: list[dict[str, Any]] = []
    for code in blocks():
        known = ran[-1] if ran else {}
        names = {**known, "__name__": "readme"}  # what only a script's own process may start rests
        exec(compile(code, str(README), "exec"), names)
        ran.append(names)
    assert len(ran) == 5
    ensemble = open_ensemble(files / "ensemble.nc")
    assert ensemble.sizes["particle"] == 64
    hypocentres = open_hypocentres(files / "hypocentres.nc")
    assert list(hypocentres["mean_depth"].dims) == ["event"]
    slip, last = open_slip(files / "slip.nc"), ran[-1]
    assert slip.sizes["structure"] == 32
    assert np.isfinite(last["stress"].to_array().values).all()
    assert np.isclose(np.exp(last["later"].log_weight).sum(), 1.0)
    # layers that are stiffer below: another answer, of a magnitude near that of the half-spaces
    layered = last["layered"]
    assert layered.sizes["structure"] == 1
    assert abs(layered["magnitude"].mean() - slip["magnitude"].mean()) < 0.3
