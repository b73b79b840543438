"""The rock's surface where neither the caller nor the file gives it: through shots and receivers.

Points that stand in boreholes, or on the sea floor under others at the sea surface, are no
topography. Where a surface through all points would be a zig-zag, the caller is asked what they
are: ``buried`` names the ends of picks that lie in the ground ("shot", "receiver" or "both"), or
"none" for steep topography. The surface then runs through the other points, and through buried
ones only where they lie above it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias

import numpy as np

from seisnb.conventions import GeometryError
from seisnb.io.records import Array, PickRow

#: Which ends of picks lie in the ground.
Buried: TypeAlias = Literal["shot", "receiver", "both", "none"]
BURIED: tuple[Buried, ...] = ("shot", "receiver", "both", "none")
#: Topography steeper than this between two points is asked about (56 degrees) ...
STEEPEST = 1.5
#: ... if it also falls by this share of the line, or by this much [km]; so are points that lie that
#: share of the line under another at the same easting.
LEAST_FALL = 0.02
LEAST_FALL_KM = 0.03
#: A single point this far [km] below both its neighbours is asked about ...
PIT = 0.5
#: ... if both sides fall this steeply (17 degrees).
PIT_SLOPE = 0.3
#: What is added to both ends of a section with buried points [share of its larger side].
MARGIN = 0.1
#: The same where all points stand at one easting (zero-offset VSP).
MARGIN_OF_ONE = 0.5
#: A point this far above a given topography [share of the line] is in the air, not on a bump.
BUMP = 0.1
#: Points closer than this to the topography lie on it [km].
ROUNDING = 1e-9


def natural_surface(
    rows: Sequence[PickRow],
    points: Array | None,
    topography: Array | None,
    buried: Buried | None,
    where: str,
    notes: list[str],
) -> tuple[Array, Array]:
    """The surface through the points of a file.

    Parameters
    ----------
    rows : sequence of PickRow
        Picks, all positions known.
    points : Array or None, (n, 3)
        Easting, northing and depth [km] of further points of the file.
    topography : Array or None, (n, 3)
        The same of points on the surface that are no shots or receivers.
    buried : {"shot", "receiver", "both", "none"}, optional
        Which ends of picks lie in the ground; None asks where it matters.
    where : str
        Function and file, for messages.
    notes : list of str
        Gets a sentence on points in the ground.

    Returns
    -------
    easting, depth : Array, (profile,)
        [km], easting increasing.

    Raises
    ------
    GeometryError
        A surface through all points would be a zig-zag, or all points stand at one easting.
    """
    ends = {
        kind: np.array(
            [(getattr(row, f"{kind}_easting"), getattr(row, f"{kind}_depth")) for row in rows]
        )
        for kind in ("shot", "receiver")
    }
    everything = np.concatenate([*ends.values(), *([] if points is None else [points[:, ::2]])])
    everything = everything[np.isfinite(everything).all(axis=1)]
    if topography is not None:
        return _through_topography(everything, topography[:, ::2])
    if buried is None or buried == "none":
        surface = _upper(everything)
        if surface[0].size < 2:
            raise GeometryError(
                f"{where}: all shots and receivers stand at easting {surface[0][0]:g} km. For a "
                "vertical seismic profile say which ends lie in the hole: buried='receiver' "
                "(--buried), or 'shot' or 'both'; a line needs positions along it."
            )
        if buried is None:
            _ask(ends, surface, where)
        return surface
    return _above_buried(ends, everything, buried, notes)


def _upper(places: Array) -> tuple[Array, Array]:
    """The profile through the highest point at each easting."""
    easting, inverse = np.unique(places[:, 0], return_inverse=True)
    depth = np.full(easting.size, np.inf)
    np.minimum.at(depth, inverse.reshape(-1), places[:, 1])
    return easting, depth


def _through_topography(places: Array, topography: Array) -> tuple[Array, Array]:
    """The profile through the topography and the points above or beyond it."""
    order = np.argsort(topography[:, 0], kind="stable")
    line_x, line_z = topography[order].T
    x, z = places.T
    above = np.interp(x, line_x, line_z) - z
    reach = BUMP * max(np.ptp(np.concatenate([x, line_x])), 1e-6)
    bump = ((above > ROUNDING) & (above < reach)) | (x < line_x[0]) | (x > line_x[-1])
    return _upper(np.concatenate([topography[order], places[bump]]))


def _ask(ends: dict[str, Array], surface: tuple[Array, Array], where: str) -> None:
    """Refuse a profile that no ground has, naming the deepest point and the ways out."""
    width = float(np.ptp(surface[0]))
    suspect = [*_cliffs(*surface, width), *_stacked(ends, surface, width)]
    if not suspect:
        return
    x, z, above = max(suspect, key=lambda point: point[2])
    found = {(x, z) for x, z, _ in suspect}
    kinds = [kind for kind, places in ends.items() if found & set(map(tuple, places.tolist()))]
    flag = "both" if len(kinds) > 1 else (kinds or ["receiver"])[0]
    raise GeometryError(
        f"{where}: the {' or '.join(kinds) or 'point'} at easting {x:g} km, depth {z:g} km lies "
        f"{above:.3g} km below a point beside it ({len(found)} such): that is no topography. Do "
        "these stand on the sea floor? Pass surface and water_velocity (--surface, "
        f"--water-velocity). In boreholes? Pass buried='{flag}' (--buried {flag}). Is the "
        "topography so steep? Pass buried='none'."
    )


def _cliffs(easting: Array, depth: Array, width: float) -> list[tuple[float, float, float]]:
    """Points of a profile that lie too far under their neighbours: easting, depth, how far."""
    step, fall = np.diff(easting), np.diff(depth)
    cliff = (np.abs(fall) > STEEPEST * step) & (
        np.abs(fall) > min(LEAST_FALL * width, LEAST_FALL_KM)
    )
    under = np.zeros(easting.size)
    under[1:] = np.where(cliff, fall, 0.0)
    under[:-1] = np.maximum(under[:-1], np.where(cliff, -fall, 0.0))
    if easting.size > 2:
        steep = np.minimum(fall[:-1] / step[:-1], -fall[1:] / step[1:]) > PIT_SLOPE
        below = depth[1:-1] - np.maximum(depth[:-2], depth[2:])
        pit = np.where(steep & (below > PIT), below, 0.0)
        under[1:-1] = np.maximum(under[1:-1], pit)
    return [
        (float(easting[i]), float(depth[i]), float(under[i])) for i in np.flatnonzero(under > 0)
    ]


def _stacked(
    ends: dict[str, Array], surface: tuple[Array, Array], width: float
) -> list[tuple[float, float, float]]:
    """Points far under another at the same easting: easting, depth, how far."""
    places = np.unique(np.concatenate(list(ends.values())), axis=0)
    under = places[:, 1] - np.interp(places[:, 0], *surface)
    deep = under > LEAST_FALL * width
    return [
        (float(x), float(z), float(down))
        for (x, z), down in zip(places[deep], under[deep], strict=True)
    ]


def _above_buried(
    ends: dict[str, Array], everything: Array, buried: Buried, notes: list[str]
) -> tuple[Array, Array]:
    """The profile through the ends that are not buried, wide enough for rays around the others."""
    wanted = ("shot", "receiver") if buried == "both" else (buried,)
    hidden = np.concatenate([ends[kind] for kind in wanted])
    # points without a pick may be in the hole as well
    open_air = [places for kind, places in ends.items() if kind not in wanted]
    if open_air:
        x, z = _upper(open_air[0])
        source = "through the points that are not"
    else:
        top = min(float(hidden[:, 1].min()), 0.0)
        x, z = np.array([float(hidden[0, 0])]), np.array([top])
        source = f"level at depth {top:g} km"
    over = everything[:, 1] < np.interp(everything[:, 0], x, z) - ROUNDING
    if over.any():
        x, z = _upper(np.concatenate([np.stack([x, z], axis=1), everything[over]]))
    low, high = float(everything[:, 0].min()), float(everything[:, 0].max())
    under = hidden[:, 1] - np.interp(hidden[:, 0], x, z)
    depth = float(under.max())
    margin = MARGIN * max(high - low, depth) if high > low else MARGIN_OF_ONE * max(depth, 1e-3)
    easting = np.unique(np.concatenate([[low - margin], x, [high + margin]]))
    n_deep = np.unique(hidden[under > ROUNDING], axis=0).shape[0]
    notes.append(
        f"{n_deep} {' and '.join(wanted)} positions lie in the ground, down to {depth:.3g} km "
        f"below the surface, which was drawn {source} and {margin:.3g} km beyond the outermost "
        "points. Pass surface if it is another."
    )
    return easting, np.interp(easting, x, z)
