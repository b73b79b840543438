"""What every pick format is parsed into, before the shared checks of :mod:`seisnb.io.picks`."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from seisnb.conventions import FileFormatError

Array = NDArray[np.float64]

#: A phase code meaning that the format has none.
NO_PHASE = ""
#: Positions along a line are kept to a micrometre, so that equal ones stay equal.
DIGITS = 9


@dataclass(frozen=True)
class StraightLine:
    """A line on the map.

    Attributes
    ----------
    easting, northing : float
        Where distances along it begin [km].
    azimuth : float
        Its direction, clockwise from north [degrees].
    """

    easting: float
    northing: float
    azimuth: float

    def along_across(self, easting: Array, northing: Array) -> tuple[Array, Array]:
        """Distances along the line, and across it to its left [km]."""
        sine, cosine = math.sin(math.radians(self.azimuth)), math.cos(math.radians(self.azimuth))
        x, y = easting - self.easting, northing - self.northing
        return np.round(x * sine + y * cosine, DIGITS), np.round(y * sine - x * cosine, DIGITS)


@dataclass(frozen=True, kw_only=True)
class PickRow:
    """One pick as it stands in the file, lengths in km and times in s.

    A depth of NaN means that the file gives none; the caller's surface supplies it.
    ``pick_std``, ``shot`` and ``receiver`` are None where the file has no column for them.
    Northings are 0 in formats that know only a position along the line.
    """

    line: int
    shot_easting: float
    shot_depth: float
    receiver_easting: float
    receiver_depth: float
    travel_time: float
    pick_std: float | None = None
    phase: str = NO_PHASE
    used: bool = True
    shot: int | None = None
    receiver: int | None = None
    shot_northing: float = 0.0
    receiver_northing: float = 0.0


@dataclass(frozen=True, kw_only=True)
class PickFile:
    """A parsed pick file.

    Attributes
    ----------
    rows : list of PickRow
        All picks in the file's order.
    notes : list of str
        What was dropped or assumed so far.
    first_arrivals : frozenset of str or None
        Codes that are first arrivals by the format's own rule; None leaves it to the caller.
    surface : tuple of Array or None
        Easting and depth [km] of the rock's surface, where the file holds it.
    points : Array or None, (n, 3)
        Easting, northing and depth [km] of all points of a file that lists them apart from the
        picks, those without a pick included.
    topography : Array or None, (n, 3)
        The same of points on the surface that are no shots or receivers; the surface then runs
        through them and all points above or beyond them.
    is_projected : bool
        Eastings already are distances along the line, northings distances across it.
    needs_surface : FileFormatError or None
        Raised unless the caller gives a surface: the file holds one that is not understood.
    water_velocity : float or None
        Velocity of the water [km/s], where the file holds it.
    buried : str or None
        Which ends of picks stand in boreholes, where the file says it.
    line : StraightLine or None
        Where the line lies on the map, where the file says it.
    title : str
        Title, where the file holds one.
    """

    rows: list[PickRow]
    notes: list[str] = field(default_factory=list)
    first_arrivals: frozenset[str] | None = None
    surface: tuple[Array, Array] | None = None
    points: Array | None = None
    topography: Array | None = None
    is_projected: bool = False
    needs_surface: FileFormatError | None = None
    water_velocity: float | None = None
    buried: str | None = None
    line: StraightLine | None = None
    title: str = ""

    def phase_counts(self) -> dict[str, int]:
        """Phase codes with their number of picks, empty for a format without codes."""
        counts = Counter(row.phase for row in self.rows)
        return {code: counts[code] for code in sorted(counts, key=_by_number) if code != NO_PHASE}


@dataclass(frozen=True, kw_only=True)
class ReadOptions:
    """What a caller says of a file that the file itself may leave open.

    Attributes
    ----------
    on_bad : str
        "raise" or "drop": what to do with a bad pick.
    length_unit : str or None
        "m" or "km".
    time_unit : str or None
        "s" or "ms".
    vertical : str or None
        What the vertical coordinate is: "elevation" (positive up) or "depth" (positive down).
    shots, receivers : Path or None
        Files that list the positions of shots and receivers.
    folder : Path
        Where the pick file lies.
    """

    on_bad: str = "raise"
    length_unit: str | None = None
    time_unit: str | None = None
    vertical: str | None = None
    shots: Path | None = None
    receivers: Path | None = None
    folder: Path = Path()


def _by_number(code: str) -> tuple[int, int, str]:
    """Sorting key: whole numbers by value, then words."""
    return (0, int(code), "") if code.isdecimal() else (1, 0, code)
