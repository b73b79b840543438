"""Tomography: first-arrival picks of a line in, an ensemble of velocity models out."""

from seisnb.tomography.config import Progress, TomographyConfig
from seisnb.tomography.invert import invert

__all__ = ["Progress", "TomographyConfig", "invert"]
