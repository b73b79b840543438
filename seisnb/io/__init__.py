"""The only door to files: picks, surfaces, arrivals, stations and models in, results out.

Lengths come out in km, times in s, depth positive down from sea level, whatever the file holds.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from seisnb.io.pick_std import PickStd, parse_pick_std
from seisnb.io.picks import PICK_FORMATS, PickSummary, describe_picks, read_picks, write_picks
from seisnb.io.results import (
    open_ensemble,
    open_hypocentres,
    open_slip,
    save_ensemble,
    save_hypocentres,
    save_slip,
)
from seisnb.io.surface import read_surface

if TYPE_CHECKING:
    from seisnb.io.events import (
        ARRIVAL_FORMATS,
        STATION_FORMATS,
        detect_arrival_format,
        read_arrivals,
        read_stations,
        write_arrivals_csv,
        write_nonlinloc,
        write_quakeml,
    )
    from seisnb.io.interface import read_interface
    from seisnb.io.models import read_models
    from seisnb.io.offsets import read_offsets

__all__ = [
    "ARRIVAL_FORMATS",
    "PICK_FORMATS",
    "STATION_FORMATS",
    "PickStd",
    "PickSummary",
    "describe_picks",
    "detect_arrival_format",
    "open_ensemble",
    "open_hypocentres",
    "open_slip",
    "parse_pick_std",
    "read_arrivals",
    "read_interface",
    "read_models",
    "read_offsets",
    "read_picks",
    "read_stations",
    "read_surface",
    "save_ensemble",
    "save_hypocentres",
    "save_slip",
    "write_arrivals_csv",
    "write_nonlinloc",
    "write_picks",
    "write_quakeml",
]

_HOMES = {"read_interface": "interface", "read_models": "models", "read_offsets": "offsets"}


def __getattr__(name: str) -> object:
    """Load on first use what reads places on Earth: a survey needs neither PROJ nor XML."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"seisnb.io.{_HOMES.get(name, 'events')}"), name)


def __dir__() -> list[str]:
    """All names, also those that are not loaded yet: for completion."""
    return sorted(__all__)
