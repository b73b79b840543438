"""Slip on faults from GNSS offsets, over an ensemble of structures."""

from seisnb.slip.cache import KernelCache, memory_needed
from seisnb.slip.config import SlipConfig
from seisnb.slip.coulomb import coulomb_stress
from seisnb.slip.faults import Fault, rectangle_fault, triangle_fault
from seisnb.slip.invert import invert_slip
from seisnb.slip.layered import layered_displacements
from seisnb.slip.layers import Layers
from seisnb.slip.receivers import receiver_planes
from seisnb.slip.structures import (
    Structure,
    StructureEnsemble,
    perturbed_structures,
    structure_ensemble,
    structure_weights,
)

__all__ = [
    "Fault",
    "KernelCache",
    "Layers",
    "SlipConfig",
    "Structure",
    "StructureEnsemble",
    "coulomb_stress",
    "invert_slip",
    "layered_displacements",
    "memory_needed",
    "perturbed_structures",
    "receiver_planes",
    "rectangle_fault",
    "structure_ensemble",
    "structure_weights",
    "triangle_fault",
]
