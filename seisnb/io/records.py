"""What every pick format is parsed into, before the shared checks of :mod:`seisnb.io.picks`."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

#: A phase code meaning that the format has none.
NO_PHASE = ""


@dataclass(frozen=True, kw_only=True)
class PickRow:
    """One pick as it stands in the file, lengths in km and times in s.

    A depth of NaN means that the file gives none; the caller's surface supplies it.
    ``pick_std``, ``shot`` and ``receiver`` are None where the file has no column for them.
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
    water_velocity : float or None
        Velocity of the water [km/s], where the file holds it.
    title : str
        Title, where the file holds one.
    """

    rows: list[PickRow]
    notes: list[str] = field(default_factory=list)
    first_arrivals: frozenset[str] | None = None
    surface: tuple[Array, Array] | None = None
    water_velocity: float | None = None
    title: str = ""

    def phase_counts(self) -> dict[str, int]:
        """Phase codes with their number of picks, empty for a format without codes."""
        counts = Counter(row.phase for row in self.rows)
        return {code: counts[code] for code in sorted(counts, key=_by_number) if code != NO_PHASE}


def _by_number(code: str) -> tuple[int, int, str]:
    """Sorting key: whole numbers by value, then words."""
    return (0, int(code), "") if code.isdecimal() else (1, 0, code)
