"""Batches: many runs of notebooks with checked parameters, resumed, on one machine or many."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from seisnb.batch.driver import Report, run_batch
    from seisnb.batch.sweep import Block, Limits, Sweep, read_sweep

__all__ = ["Block", "Limits", "Report", "Sweep", "read_sweep", "run_batch"]


def __getattr__(name: str) -> object:
    """Load on first use: a notebook's parameters are checked without an engine to run it."""
    if name in ("Report", "run_batch"):
        from seisnb.batch import driver

        return getattr(driver, name)
    if name in __all__:
        from seisnb.batch import sweep

        return getattr(sweep, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
