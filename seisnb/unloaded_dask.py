"""Spare every process the loading of ``dask.array``, which it hardly ever needs.

xarray asks of whatever it is given whether it is a Dask array, and loads ``dask.array`` to know
what that is: half a second in every kernel, worker and command, where Dask is installed. Nothing
can be an array of a module that nobody has loaded, so the question has an answer without it.
"""

from __future__ import annotations

import sys
from typing import Any

from xarray.namedarray import pycompat


class _Dask:
    """What xarray knows of Dask: its kinds of array, none until somebody has loaded them."""

    def __init__(self, load: Any) -> None:
        self._load = load

    @property
    def type(self) -> tuple[type, ...]:
        """The kinds of array that there can be now."""
        array = getattr(sys.modules.get("dask.array"), "Array", None)
        return () if array is None else (array,)

    def __getattr__(self, name: str) -> Any:
        """Everything else, which takes loading."""
        return getattr(self._load("dask"), name)


def spare_dask() -> None:
    """Have xarray ask whether ``dask.array`` is loaded, where this xarray can be told so."""
    known = getattr(pycompat, "_cached_duck_array_modules", None)
    load = getattr(pycompat, "DuckArrayModule", None)
    if isinstance(known, dict) and load is not None:
        known.setdefault("dask", _Dask(load))
