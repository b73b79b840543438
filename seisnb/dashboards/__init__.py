"""Figures, reports and dashboards: all that a person sees."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from seisnb.dashboards.location import LocationDashboard
    from seisnb.dashboards.slip import SlipDashboard
    from seisnb.dashboards.tomography import TomographyDashboard

__all__ = ["LocationDashboard", "SlipDashboard", "TomographyDashboard"]


def __getattr__(name: str) -> object:
    """Load the dashboard on first use: figures and reports need no widgets."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    with _no_collection():
        from seisnb.dashboards.preload import preload

        preload()
        if name == "TomographyDashboard":
            from seisnb.dashboards.tomography import TomographyDashboard

            return TomographyDashboard
        if name == "SlipDashboard":
            from seisnb.dashboards.slip import SlipDashboard

            return SlipDashboard
        from seisnb.dashboards.location import LocationDashboard

        return LocationDashboard


def __dir__() -> list[str]:
    """All names, also those that are not loaded yet: for completion."""
    return sorted(__all__)


@contextmanager
def _no_collection() -> Iterator[None]:
    """Let the collector rest while modules load: it finds nothing and takes a sixth of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
