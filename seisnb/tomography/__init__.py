"""Tomography: first-arrival picks of a line in, an ensemble of velocity models out.

Names are looked up when they are first used: configurations need no PyTorch, whose loading takes a
second.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from seisnb.handles import Progress
    from seisnb.tomography.config import TomographyConfig
    from seisnb.tomography.inversion import invert
    from seisnb.tomography.resolution import resolution_test
    from seisnb.tomography.scan import scan_prior
    from seisnb.tomography.scan_result import best_prior, credible_range

__all__ = [
    "Progress",
    "TomographyConfig",
    "best_prior",
    "credible_range",
    "invert",
    "resolution_test",
    "scan_prior",
]

_HOMES = {
    "Progress": "seisnb.handles",
    "TomographyConfig": "seisnb.tomography.config",
    "best_prior": "seisnb.tomography.scan_result",
    "credible_range": "seisnb.tomography.scan_result",
    "invert": "seisnb.tomography.inversion",
    "resolution_test": "seisnb.tomography.resolution",
    "scan_prior": "seisnb.tomography.scan",
}


def __getattr__(name: str) -> object:
    """Load what is asked for."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(import_module(_HOMES[name]), name)
    globals()[name] = found
    return found
