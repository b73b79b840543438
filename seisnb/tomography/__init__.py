"""Tomography: first-arrival picks of a line in, an ensemble of velocity models out."""

from seisnb.handles import Progress
from seisnb.tomography.config import TomographyConfig
from seisnb.tomography.invert import invert
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
