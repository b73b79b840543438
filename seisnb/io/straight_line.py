"""Points off a straight line: the line that fits them best, and what is lost by it.

A section is two-dimensional. Points with two horizontal coordinates (UTM, say) are projected onto
the line that fits all shots and receivers best (least squares across it); ``easting`` then is the
distance along that line from its first point. What stays is kept: ``offset_across`` [km] of a pick
is how much farther to the left of the line, looking along it, its receiver lies than its shot, so
that the true distance is the root of easting, depth and across squared and summed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from seisnb.conventions import GeometryError
from seisnb.io.records import DIGITS, Array, PickFile, PickRow, StraightLine

#: Points may lie this far off the line [share of its length].
MOST_OFF_LINE = 0.15
#: From here on the note warns [share of the line's length].
FAR_OFF_LINE = 0.03
#: Distances across the line below this are rounding [km].
ROUNDING = 1e-6


def straighten(
    parsed: PickFile, where: str, notes: list[str]
) -> tuple[PickFile, StraightLine | None]:
    """Points on one line, their distances across it as northings.

    Parameters
    ----------
    parsed : PickFile
        Picks, points and topography with eastings and northings [km].
    where : str
        Function and file, for messages.
    notes : list of str
        Gets a sentence on what was projected.

    Returns
    -------
    PickFile
        Eastings are distances along the line where one was fitted.
    StraightLine or None
        None where all points have one northing.

    Raises
    ------
    GeometryError
        Points farther than :data:`MOST_OFF_LINE` off the line.
    """
    if parsed.is_projected or not parsed.rows:
        return parsed, parsed.line
    places = np.unique(_ends(parsed.rows), axis=0)
    northing = places[:, 1]
    if np.ptp(northing) <= ROUNDING:
        if northing[0] != 0:
            notes.append(f"All shots and receivers have the northing (y) {northing[0]:g} km.")
        return _moved(parsed, lambda x, y: (x, np.zeros_like(y))), None
    line = _best_line(places)
    along, across = line.along_across(places[:, 0], places[:, 1])
    length, widest = float(np.ptp(along)), float(np.abs(across).max())
    share = widest / length
    if share > MOST_OFF_LINE:
        worst = int(np.argmax(np.abs(across)))
        raise GeometryError(
            f"{where}: the point at easting {places[worst, 0]:g} km, northing "
            f"{places[worst, 1]:g} km lies {widest:.3g} km off the best straight line, "
            f"{100 * share:.0f} % of its length of {length:.3g} km; at most "
            f"{100 * MOST_OFF_LINE:.0f} % make a section. Split the line at its bends, or leave "
            "out the points that are off it."
        )
    moved = _moved(parsed, line.along_across)
    notes.append(_told(line, moved.rows, length, widest))
    return moved, line


def offsets_across(rows: Sequence[PickRow]) -> Array | None:
    """Receiver minus shot across the line [km], (pick,); None where it is rounding."""
    across = np.array([row.receiver_northing - row.shot_northing for row in rows])
    return across if np.abs(across).max(initial=0.0) > ROUNDING else None


def _best_line(places: Array) -> StraightLine:
    """The line through the points' centre with the least squares across it, eastward."""
    centre = places.mean(axis=0)
    direction = np.linalg.svd(places - centre, full_matrices=False)[2][0]
    first = direction[0] if abs(direction[0]) > 1e-9 else direction[1]
    direction = direction * np.sign(first)
    along = (places - centre) @ direction
    start = centre + along.min() * direction
    azimuth = round(math.degrees(math.atan2(direction[0], direction[1])), DIGITS) % 360.0
    return StraightLine(float(start[0]), float(start[1]), azimuth)


def _ends(rows: Sequence[PickRow]) -> Array:
    """Easting and northing of all ends of picks, (2 picks, 2) [km]."""
    return np.array(
        [(row.shot_easting, row.shot_northing) for row in rows]
        + [(row.receiver_easting, row.receiver_northing) for row in rows]
    )


def _moved(parsed: PickFile, move: Callable[[Array, Array], tuple[Array, Array]]) -> PickFile:
    """The file with all its points moved by a function of easting and northing."""
    along, across = move(*_ends(parsed.rows).T)
    n = len(parsed.rows)
    rows = [
        replace(
            row,
            shot_easting=float(along[i]),
            shot_northing=float(across[i]),
            receiver_easting=float(along[n + i]),
            receiver_northing=float(across[n + i]),
        )
        for i, row in enumerate(parsed.rows)
    ]
    blocks = []
    for block in (parsed.points, parsed.topography):
        if block is not None:
            block = np.stack([*move(block[:, 0], block[:, 1]), block[:, 2]], axis=1)
        blocks.append(block)
    return replace(parsed, rows=rows, points=blocks[0], topography=blocks[1], is_projected=True)


def _told(line: StraightLine, rows: Sequence[PickRow], length: float, widest: float) -> str:
    """What the projection did, in numbers."""
    ends = _ends(rows)
    n = len(rows)
    along = np.abs(ends[n:, 0] - ends[:n, 0])
    true = np.hypot(along, ends[n:, 1] - ends[:n, 1])
    stretch = float((1 - along[true > 0] / true[true > 0]).max(initial=0.0))
    care = (
        " Care: the line is crooked; velocities from short offsets at its bends are uncertain."
        if widest > FAR_OFF_LINE * length
        else ""
    )
    return (
        f"Points were projected onto the straight line from easting {line.easting:.6g} km, "
        f"northing {line.northing:.6g} km with azimuth {line.azimuth:.1f} degrees; positions are "
        f"distances along it. They lie at most {widest:.3g} km off it "
        f"({100 * widest / length:.2g} % of its length); a pick's distance along the line is at "
        f"most {100 * stretch:.2g} % short of the true one (offset_across keeps the "
        f"difference).{care}"
    )
