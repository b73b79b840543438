"""xarray works as ever, and no process loads ``dask.array`` before somebody wants it."""

import subprocess
import sys

import pytest
from xarray.namedarray import pycompat

from seisnb.unloaded_dask import spare_dask

WITHOUT = """\
import sys
import numpy as np
import xarray as xr
import seisnb.conventions
made = xr.Dataset({"v": (("x", "y"), np.arange(6.0).reshape(2, 3))}, {"x": [0.0, 1.0]})
assert float((2 * made).sum()["v"]) == 30 and made.chunks == {}
made.isel(x=0).copy(deep=True).to_netcdf(sys.argv[1])
assert float(xr.open_dataset(sys.argv[1])["v"].mean()) == 1
assert "dask.array" not in sys.modules
"""
AFTERWARDS = """\
chunked = made.chunk({"y": 2})
import dask.array
assert isinstance(chunked["v"].data, dask.array.Array)
assert chunked.chunks["y"] == (2, 1)
own = xr.Variable("x", dask.array.from_array(np.ma.masked_equal([1.0, 2.0], 2.0)))
assert isinstance(own.data, dask.array.Array) and np.isnan(own.compute().data[1])
assert chunked.compute().identical(made)
"""


def test_dask_is_left_alone_until_it_is_wanted(tmp_path):
    code = WITHOUT + AFTERWARDS
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "v.nc")], check=True, timeout=120)


@pytest.mark.parametrize("known", [None, {"dask": "as loaded before"}])
def test_an_xarray_that_cannot_be_told_or_knows_already_is_left_as_it_is(known, monkeypatch):
    before = None if known is None else dict(known)
    monkeypatch.setattr(pycompat, "_cached_duck_array_modules", known)
    spare_dask()
    assert known == before
