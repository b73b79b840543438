"""Phase codes that are first arrivals, each perhaps only over a range of offsets.

``1,5`` takes all picks of codes 1 and 5; ``1:-90,5:185-`` takes code 1 up to 90 km of offset and
code 5 from 185 km on; ``5:100-200`` takes a range. Offsets are horizontal distances in km, without
a sign, ends included.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from seisnb.conventions import InputError
from seisnb.io.records import PickFile, PickRow

#: What callers give to name phase codes: "1,5", "1:-90,5:185-", 1 or [1, "5:185-"].
Phases: TypeAlias = str | int | Sequence[str | int]

_NUMBER = r"([0-9]+\.?[0-9]*|\.[0-9]+)?"
_RANGE = re.compile(rf"\s*{_NUMBER}\s*-\s*{_NUMBER}\s*")


@dataclass(frozen=True)
class OffsetRange:
    """Offsets from ``least`` to ``most`` [km], both included."""

    least: float = 0.0
    most: float = math.inf

    def __str__(self) -> str:
        """The text that it was parsed from."""
        low = f"{self.least:g}" if self.least else ""
        return f"{low}-{'' if math.isinf(self.most) else f'{self.most:g}'}"


def parse_phases(phases: Phases, *, where: str = "parse_phases") -> dict[str, OffsetRange]:
    """Read phase codes and their offsets as a person writes them.

    Parameters
    ----------
    phases : str, int or sequence
        Codes, each perhaps with a range of offsets [km] behind a colon.
    where : str
        The public function's name, for messages.

    Returns
    -------
    dict of str to OffsetRange

    Raises
    ------
    InputError
        A range that is none, or a code that is named twice.

    Examples
    --------
    >>> {code: str(reach) for code, reach in parse_phases("1:-90,5:185-").items()}
    {'1': '-90', '5': '185-'}
    """
    given = phases.split(",") if isinstance(phases, str) else np.ravel(phases).tolist()
    found: dict[str, OffsetRange] = {}
    for item in given:
        code, colon, reach = (part.strip() for part in str(item).partition(":"))
        match = _RANGE.fullmatch(reach) if colon else None
        if colon and (match is None or not (match[1] or match[2])):
            raise InputError(
                f"{where}: the offsets of phase {code} are {reach!r}; expected km such as '185-' "
                "(from 185 km on), '-90' (up to 90 km) or '90-185', as in phases='1:-90,5:185-'."
            )
        if code in found:
            raise InputError(f"{where}: phase {code} is named twice. Name it once.")
        span = OffsetRange()
        if match is not None:
            span = OffsetRange(float(match[1] or 0.0), float(match[2] or math.inf))
        if span.least >= span.most:
            raise InputError(
                f"{where}: the offsets of phase {code} run from {span.least:g} to {span.most:g} "
                "km; expected the smaller one first."
            )
        found[code] = span
    return found


def select_phases(
    parsed: PickFile, phases: Phases | None, where: str, notes: list[str]
) -> list[PickRow]:
    """The first arrivals: rows of the codes, and offsets, that the caller or the format names."""
    counts = parsed.phase_counts()
    told = ", ".join(f"{code} ({n} picks)" for code, n in counts.items())
    if phases is None:
        wanted = dict.fromkeys(parsed.first_arrivals or (), OffsetRange())
        if counts and not wanted:
            raise InputError(
                f"{where}: the file has phase codes {told}. Say which are first arrivals: "
                f"phases={next(iter(counts))!r}, for example."
            )
    elif not counts:
        raise InputError(f"{where}: phases is {phases!r} but the file has no phase codes. Omit it.")
    else:
        wanted = parse_phases(phases, where=where)
        unknown = sorted(wanted.keys() - counts.keys())
        if unknown or not wanted:
            raise InputError(
                f"{where}: no picks have the phase code {', '.join(unknown) or '(none given)'}. "
                f"The file has {told}."
            )
    if not counts:
        return parsed.rows
    later = {code: n for code, n in counts.items() if code not in wanted}
    if later:
        listing = ", ".join(f"{n} of phase {code}" for code, n in later.items())
        notes.append(f"Left out later arrivals: {listing}.")
    rows = [row for row in parsed.rows if row.phase in wanted]
    kept = [row for row in rows if _within(row, wanted[row.phase])]
    for code, span in wanted.items():
        beyond = sum(row.phase == code for row in rows) - sum(row.phase == code for row in kept)
        if beyond:
            notes.append(f"Left out {beyond} picks of phase {code} at offsets outside {span} km.")
        elif span != OffsetRange():
            notes.append(f"No picks of phase {code} lie at offsets outside {span} km.")
    return kept


def _within(row: PickRow, span: OffsetRange) -> bool:
    """Whether a pick's offset lies in a range."""
    offset = math.hypot(
        row.receiver_easting - row.shot_easting, row.receiver_northing - row.shot_northing
    )
    return span.least <= offset <= span.most
