"""FDSN StationXML, read by ObsPy: where each station's sensor is.

The depth below sea level is minus the station's elevation, plus the depth below ground of its
channels where all of them agree (a borehole, a buried sensor). Some archives give an ocean-bottom
instrument the depth of the water as depth of its channels beside an elevation that already is the
sea floor's; such a depth is not added.
"""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from typing import Any

from seisnb.conventions import FileFormatError
from seisnb.io.events.xml import screened, warnings_noted
from seisnb.io.lines import TextFile, listed

#: A channel's depth [m] this near to minus the elevation is that of the water.
_SAME_DEPTH = 50.0


@dataclass(frozen=True, kw_only=True, slots=True)
class StationPlace:
    """A station of an inventory: [degrees], depth below sea level [km]."""

    network: str
    code: str
    longitude: float
    latitude: float
    depth: float


def parse_stationxml(text: TextFile) -> tuple[list[StationPlace], list[str]]:
    """Parse StationXML (module docstring) into places and notes.

    Parameters
    ----------
    text : TextFile
        The file.

    Raises
    ------
    FileFormatError
        No well-formed StationXML, a document type in it, or ObsPy cannot read it.
    """
    from obspy.io.stationxml.core import _read_stationxml

    where = "read_stations"
    notes: list[str] = []
    data = screened(text, root="FDSNStationXML", what="StationXML", where=where)
    try:
        with warnings_noted(notes, "ObsPy"):
            inventory = _read_stationxml(BytesIO(data))
    except Exception as error:
        raise FileFormatError(
            f"{where}: ObsPy cannot read {text.name} ({error}); expected StationXML 1.0 to 1.2. "
            "Check it with ObsPy's read_inventory."
        ) from error
    buried: list[str] = []
    unclear: list[str] = []
    water: list[str] = []
    places = []
    for network in inventory:
        for station in network:
            name = f"{network.code}.{station.code}"
            below = _burial(station, name, buried, unclear, water)
            places.append(
                StationPlace(
                    network=network.code or "",
                    code=station.code,
                    longitude=float(station.longitude),
                    latitude=float(station.latitude),
                    depth=(below - float(station.elevation)) / 1e3,
                )
            )
    for told, names in (
        ("Depth below ground of the channels was added", buried),
        ("Channels at several depths below ground; the station's elevation was taken", unclear),
        ("Depth of the channels is that of the water and was not added again", water),
    ):
        if names:
            notes.append(f"{told}: {listed(dict.fromkeys(names))}.")
    return places, notes


def _burial(
    station: Any, name: str, buried: list[str], unclear: list[str], water: list[str]
) -> float:
    """Depth below ground [m] of a station's sensors, 0 where it is not clear."""
    depths = {round(float(channel.depth or 0.0), 3) for channel in station.channels}
    if len(depths) > 1:
        unclear.append(name)
        return 0.0
    depth = depths.pop() if depths else 0.0
    elevation = float(station.elevation)
    if depth and elevation < -_SAME_DEPTH and abs(depth + elevation) <= _SAME_DEPTH:
        water.append(name)
        return 0.0
    if depth:
        buried.append(f"{name} ({depth:g} m)")
    return depth
