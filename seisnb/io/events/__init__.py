"""The doors for earthquakes: arrivals and stations in, hypocentres out."""

from seisnb.io.events.arrivals import read_arrivals, write_arrivals_csv
from seisnb.io.events.catalogue_out import write_nonlinloc, write_quakeml
from seisnb.io.events.formats import ARRIVAL_FORMATS, detect_arrival_format
from seisnb.io.events.stations import STATION_FORMATS, read_stations

__all__ = [
    "ARRIVAL_FORMATS",
    "STATION_FORMATS",
    "detect_arrival_format",
    "read_arrivals",
    "read_stations",
    "write_arrivals_csv",
    "write_nonlinloc",
    "write_quakeml",
]
