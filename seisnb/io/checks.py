"""The checks that all pick formats share: what is left out, and what stops the reading.

Each function takes and returns rows, and adds one sentence to the notes for all that it changed.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from seisnb.conventions import GeometryError, InputError
from seisnb.io.lines import TextFile, keep_good, listed
from seisnb.io.pick_std import PickStd
from seisnb.io.records import Array, PickRow

_ENDS = ("shot", "receiver")
#: Two ends closer than this are one place [km].
_SAME_PLACE = 1e-9
#: Repeated picks of one shot and receiver may differ by this many standard deviations.
_REPEAT = 3.0


def place_ends(
    rows: Iterable[PickRow],
    profile: tuple[Array, Array] | None,
    water_velocity: float | None,
    instrument: str,
    where: str,
    notes: list[str],
) -> list[PickRow]:
    """Rows whose ends without depth are put on the surface, or at sea on sea floor and sea."""
    rows = list(rows)
    ends = [end for end in _ENDS if any(math.isnan(_depth(row, end)) for row in rows)]
    if not ends:
        return rows
    at_sea = water_velocity is not None
    for end in ends:
        afloat = at_sea and end != instrument
        if profile is None:
            highest = min((_depth(row, other) for row in rows for other in _ENDS
                           if not math.isnan(_depth(row, other))), default=0.0)  # fmt: skip
            if highest < 0:
                raise GeometryError(
                    f"{where}: the file has no {end} depths, but its other points lie up to "
                    f"{-highest:g} km above sea level. Give the {end}s' elevations, or the "
                    "topography (surface, --surface)."
                )
            place = "at sea level (depth 0), for want of a surface"
        else:
            place = "at the sea surface" if afloat else "on the surface given"
        notes.append(f"The file has no {end} depths: every {end} stands {place}.")
        x = np.array([getattr(row, f"{end}_easting") for row in rows])
        z = np.zeros(x.size) if profile is None else np.interp(x, *profile)
        z = np.minimum(z, 0.0) if afloat else z
        rows = [
            _with_depth(row, end, float(depth)) if math.isnan(_depth(row, end)) else row
            for row, depth in zip(rows, z, strict=True)
        ]
    return rows


def _depth(row: PickRow, end: str) -> float:
    """Depth of one end of a pick [km]."""
    return row.shot_depth if end == "shot" else row.receiver_depth


def _with_depth(row: PickRow, end: str, depth: float) -> PickRow:
    """The pick with the depth [km] of one end set."""
    return replace(row, shot_depth=depth) if end == "shot" else replace(row, receiver_depth=depth)


def _distance(row: PickRow) -> float:
    """Straight distance between the ends [km]."""
    return math.hypot(
        row.receiver_easting - row.shot_easting,
        row.receiver_northing - row.shot_northing,
        row.receiver_depth - row.shot_depth,
    )


def drop_zero_offset(rows: list[PickRow], notes: list[str]) -> list[PickRow]:
    """Rows with a distance and a time; the others are noted with their lines."""
    together = [row for row in rows if _distance(row) < _SAME_PLACE]
    no_time = [row for row in rows if row.travel_time == 0 and _distance(row) >= _SAME_PLACE]
    for group, why in (
        (together, "zero-offset rows (shot and receiver at one place)"),
        (no_time, "rows with a travel time of 0 (no pick)"),
    ):
        if group:
            lines = listed(row.line for row in group)
            notes.append(f"Dropped {len(group)} {why}: lines {lines}.")
    dropped = {row.line for row in together + no_time}
    return [row for row in rows if row.line not in dropped]


def set_std(
    rows: list[PickRow],
    std: PickStd | None,
    text: TextFile,
    on_bad: str,
    where: str,
    notes: list[str],
) -> list[PickRow]:
    """Rows with checked times and standard deviations, the caller's before the file's."""
    in_file = any(row.pick_std is not None for row in rows)
    if std is None and rows and not in_file:
        raise InputError(
            f"{where}: the file has no pick errors, and none are assumed. Pass pick_std, such as "
            "'0.0003' (seconds) or '3%+0.0005' (share of the travel time plus seconds)."
        )

    def check(row: PickRow) -> PickRow:
        if not (math.isfinite(row.travel_time) and row.travel_time > 0):
            raise text.line(row.line).error(
                f"travel time is {row.travel_time} s",
                "a finite time above 0",
                "Correct or remove the line, or pass on_bad='drop'.",
            )
        own = row.pick_std if std is None else float(std.at(row.travel_time))
        if own is None or not (math.isfinite(own) and own > 0):
            raise text.line(row.line).error(
                f"pick std is {own} s",
                "a finite value above 0",
                "Correct the line, pass pick_std, or pass on_bad='drop'.",
            )
        return replace(row, pick_std=own)

    by_line = {row.line: row for row in rows}
    good = keep_good(
        map(text.line, by_line),
        lambda line: check(by_line[line.number]),
        on_bad=on_bad,
        notes=notes,
    )
    values = {row.pick_std for row in good}
    if std is not None:
        replaced_note = ", not the file's" if in_file else ""
        notes.append(f"Pick standard deviations are {std} as the caller gave{replaced_note}.")
    elif len(good) > 1 and len(values) == 1:
        notes.append(
            f"All pick errors in the file are {values.pop()} s: perhaps a placeholder. "
            "Pass pick_std if you know better."
        )
    return good


def drop_repeats(
    rows: list[PickRow], text: TextFile, on_bad: str, notes: list[str]
) -> list[PickRow]:
    """At most one pick of a pair of places, unless repeated picks agree; muted ones stay."""
    groups: dict[tuple[float, ...], list[PickRow]] = defaultdict(list)
    for row in filter(lambda row: row.used, rows):
        ends = (
            row.shot_easting, row.shot_northing, row.shot_depth,
            row.receiver_easting, row.receiver_northing, row.receiver_depth,
        )  # fmt: skip
        groups[ends].append(row)
    copies: list[int] = []
    later: list[int] = []
    repeats: list[int] = []
    contradictions: list[PickRow] = []
    for group in groups.values():
        first = min(group, key=lambda row: row.travel_time)
        for row in group:
            if row is first:
                continue
            spread = _REPEAT * math.hypot(row.pick_std or 0.0, first.pick_std or 0.0)
            if row.phase != first.phase:
                later.append(row.line)
            elif row.travel_time == first.travel_time:
                copies.append(row.line)
            elif row.travel_time - first.travel_time <= spread:
                repeats.append(row.line)
            else:
                contradictions.append(row)
                if on_bad == "raise":
                    raise text.line(row.line).error(
                        f"travel time is {row.travel_time} s for the shot and receiver of line "
                        f"{first.line}, {first.travel_time} s there",
                        "one first arrival",
                        "Remove the wrong one, or pass on_bad='drop' to keep the earlier.",
                    )
    for found, what in (
        (copies, "Dropped {} copies of a pick"),
        (later, "Dropped {} picks that another phase precedes at the same receiver"),
        (repeats, "Kept {} repeated picks of a shot and receiver, equal within 3 sigma"),
        ([row.line for row in contradictions], "Dropped {} picks later than another of the pair"),
    ):
        if found:
            notes.append(f"{what.format(len(found))}: lines {listed(found)}.")
    dropped = {*copies, *later, *(row.line for row in contradictions)}
    return [row for row in rows if row.line not in dropped]
