"""Location: arrivals and an ensemble of velocity models in, hypocentres over all models out."""

from seisnb.location.config import LocationConfig
from seisnb.location.interfaces import LineBoundary, MeshBoundary, boundary_distance, read_boundary
from seisnb.location.locate import locate
from seisnb.location.prepare import Prepared, prepare
from seisnb.location.sequential import update_weights
from seisnb.location.synthetic import (
    as_trial,
    example_network,
    random_layers,
    synthetic_arrivals,
)

__all__ = [
    "LineBoundary",
    "LocationConfig",
    "MeshBoundary",
    "Prepared",
    "as_trial",
    "boundary_distance",
    "example_network",
    "locate",
    "prepare",
    "random_layers",
    "read_boundary",
    "synthetic_arrivals",
    "update_weights",
]
