"""Location: arrivals and an ensemble of velocity models in, hypocentres over all models out."""

from seisnb.location.config import LocationConfig
from seisnb.location.interfaces import LineBoundary, MeshBoundary, boundary_distance, read_boundary
from seisnb.location.locate import locate
from seisnb.location.prepare import Prepared, prepare
from seisnb.location.sequential import update_weights

__all__ = [
    "LineBoundary",
    "LocationConfig",
    "MeshBoundary",
    "Prepared",
    "boundary_distance",
    "locate",
    "prepare",
    "read_boundary",
    "update_weights",
]
