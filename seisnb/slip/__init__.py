"""Slip on faults from GNSS offsets, over an ensemble of structures."""

from seisnb.slip.config import SlipConfig
from seisnb.slip.faults import Fault, rectangle_fault, triangle_fault
from seisnb.slip.invert import invert_slip
from seisnb.slip.structures import (
    Structure,
    StructureEnsemble,
    perturbed_structures,
    structure_ensemble,
    structure_weights,
)

__all__ = [
    "Fault",
    "SlipConfig",
    "Structure",
    "StructureEnsemble",
    "invert_slip",
    "perturbed_structures",
    "rectangle_fault",
    "structure_ensemble",
    "structure_weights",
    "triangle_fault",
]
