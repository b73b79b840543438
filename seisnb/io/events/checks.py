"""The checks that arrivals of every format go through, one after the other.

Each takes rows and returns those that stay. A bad pick stops the reading, or with
``on_bad="drop"`` is left out and named in the notes.
"""

from __future__ import annotations

import math
import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime

from seisnb.conventions import FileFormatError, InputError
from seisnb.io.events.records import ArrivalRow
from seisnb.io.events.times import SECOND, iso_text
from seisnb.io.lines import listed, shown

#: Phase codes that are first arrivals of P and S.
FIRST_ARRIVALS = {
    code: phase
    for phase in ("P", "S")
    for code in (phase, f"{phase}n", f"{phase}g", f"{phase}b", f"{phase}*", phase.lower())
}
#: Picks of one earthquake that are farther apart [s] belong to two, or one has a wrong time.
WIDEST_SPREAD = 600.0
#: The first year that had seismographs worth locating with.
FIRST_YEAR = 1900

PickStdOption = float | Mapping[str, float] | None
PhasesOption = str | Sequence[str] | Mapping[str, str] | None


def phase_map(phases: PhasesOption, where: str) -> dict[str, str]:
    """From codes to P and S, as the caller chose them.

    Raises
    ------
    InputError
        A code that is mapped to something else, or that is not known and not mapped.
    """
    if phases is None:
        return FIRST_ARRIVALS
    if isinstance(phases, Mapping):
        chosen = dict(phases)
    else:
        codes = [phases] if isinstance(phases, str) else list(phases)
        chosen = {code: FIRST_ARRIVALS.get(code, "") for code in codes}
    bad = [code for code, phase in chosen.items() if phase not in ("P", "S")]
    if bad or not chosen:
        raise InputError(
            f"{where}: phases does not say whether {listed(map(shown, bad)) or 'any code'} is P or "
            "S. Give a dict such as {'P': 'P', 'Pdiff': 'P', 'S': 'S'}."
        )
    return chosen


def name_phases(
    rows: list[ArrivalRow], codes: Mapping[str, str], notes: list[str]
) -> list[ArrivalRow]:
    """P and S by their codes; picks of other codes are left out and counted."""
    kept = [replace(row, phase=codes[row.code]) for row in rows if row.code in codes]
    renamed = Counter(f"{row.code} to {row.phase}" for row in kept if row.code != row.phase)
    if renamed:
        notes.append(f"Phases taken for first arrivals: {_counts(renamed)}.")
    others = Counter(shown(row.code) for row in rows if row.code not in codes)
    if others:
        notes.append(f"Left out picks of other phases: {_counts(others)}.")
    return kept


def set_std(
    rows: list[ArrivalRow],
    pick_std: PickStdOption,
    *,
    on_bad: str,
    where: str,
    notes: list[str],
) -> list[ArrivalRow]:
    """A sigma for each pick: the caller's over the square root of the weight, or the source's.

    Raises
    ------
    InputError
        ``pick_std`` is not above 0 or names other phases; no pick has a sigma.
    FileFormatError
        A sigma of the source is zero, negative or infinite, or missing.
    """
    given = _given_std(pick_std, where)
    kept: list[ArrivalRow] = []
    missing: list[ArrivalRow] = []
    bad: list[str] = []
    for row in rows:
        std = given.get(row.phase, row.pick_std)
        if std is None or math.isnan(std):
            missing.append(row)
        elif not 0 < std < math.inf:
            bad.append(f"{row.place}: {_told(row)} has a sigma of {std:g} s")
        else:
            kept.append(replace(row, pick_std=std / math.sqrt(row.weight or 1.0)))
    if missing and (on_bad == "raise" or not kept):
        raise FileFormatError(
            f"{missing[0].place}: {_told(missing[0])} has no sigma, {len(missing)} such. Give "
            "pick_std [s], a number or a dict such as {'P': 0.1, 'S': 0.2}."
        )
    remedy = "expected above 0 s. Correct it, or give pick_std, which replaces those of the file."
    _stop_or_note(bad, remedy, on_bad, notes, "picks with an impossible sigma")
    if missing:
        notes.append(f"Dropped {len(missing)} picks without a sigma: {listed(map(_told, missing))}")
    return kept


def check_times(rows: list[ArrivalRow], on_bad: str, notes: list[str]) -> list[ArrivalRow]:
    """Times between 1900 and tomorrow."""
    first = (date(FIRST_YEAR, 1, 1).toordinal() - date(1970, 1, 1).toordinal()) * 86400 * SECOND
    last = time.time_ns() + 86400 * SECOND
    bad = [
        f"{row.place}: {_told(row)} is at {_when(row.time)}"
        for row in rows
        if not first <= row.time <= last
    ]
    today = datetime.now(UTC).date().isoformat()
    remedy = (
        f"expected {FIRST_YEAR} to today, {today}. Check the year, and whether epoch times are in "
        "seconds."
    )
    _stop_or_note(bad, remedy, on_bad, notes, "picks before 1900 or in the future")
    return [row for row in rows if first <= row.time <= last] if bad else rows


def check_spread(rows: list[ArrivalRow], on_bad: str, notes: list[str]) -> list[ArrivalRow]:
    """Picks of an event within ten minutes; the one farthest from the median is the odd one."""
    events: dict[str, list[int]] = defaultdict(list)
    for i, row in enumerate(rows):
        events[row.event].append(i)
    bad: list[str] = []
    dropped: set[int] = set()
    for members in events.values():
        left = sorted(members, key=lambda i: rows[i].time)
        while (spread := (rows[left[-1]].time - rows[left[0]].time) / SECOND) > WIDEST_SPREAD:
            middle = rows[left[len(left) // 2]].time
            odd = max((left[0], left[-1]), key=lambda i, m=middle: abs(rows[i].time - m))  # type: ignore[misc]
            bad.append(
                f"{rows[odd].place}: {_told(rows[odd])} is at {_when(rows[odd].time)}, "
                f"{spread:.0f} s from the event's farthest pick, the median is at {_when(middle)}"
            )
            dropped.add(odd)
            left.remove(odd)
    remedy = (
        f"expected all picks of an event within {WIDEST_SPREAD:.0f} s. Check its date and year, or "
        "split the event; on_bad='drop' leaves the odd picks out."
    )
    _stop_or_note(bad, remedy, on_bad, notes, "picks far from the rest of their event")
    return [row for i, row in enumerate(rows) if i not in dropped] if dropped else rows


def drop_repeats(rows: list[ArrivalRow], on_bad: str, notes: list[str]) -> list[ArrivalRow]:
    """One used pick for each phase, station and event: the earlier.

    Two codes for one phase (Pg and Pn) are no mistake: the first arrival is kept without asking.
    """
    first: dict[tuple[str, str, str], ArrivalRow] = {}
    bad: list[str] = []
    later: list[str] = []
    dropped: set[int] = set()
    for row in sorted((row for row in rows if row.used), key=lambda row: row.time):
        kept = first.setdefault((row.event, row.station, row.phase), row)
        if kept is row:
            continue
        dropped.add(id(row))
        if kept.code != row.code:
            later.append(_told(row))
        else:
            bad.append(
                f"{row.place}: {_told(row)} is there twice, at {_when(kept.time)} ({kept.place}) "
                f"and at {_when(row.time)}"
            )
    remedy = "expected one. Remove one; on_bad='drop' keeps the earlier."
    _stop_or_note(bad, remedy, on_bad, notes, "repeated picks, keeping the earlier")
    if later:
        notes.append(
            f"Left out {len(later)} later arrivals where two codes are one phase: {listed(later)}."
        )
    return [row for row in rows if id(row) not in dropped] if dropped else rows


def check_order(rows: list[ArrivalRow], on_bad: str, notes: list[str]) -> list[ArrivalRow]:
    """P before S at each station of an event, among used picks; both go if not."""
    used = [row for row in rows if row.used]
    p_rows = {(row.event, row.station): row for row in used if row.phase == "P"}
    bad: list[str] = []
    dropped: set[int] = set()
    for s in used:
        p = p_rows.get((s.event, s.station)) if s.phase == "S" else None
        if p is not None and p.time >= s.time:
            dropped |= {id(p), id(s)}
            bad.append(
                f"{s.place}: at station {s.station} of event {s.event} S is at {_when(s.time)}, "
                f"not after P at {_when(p.time)} ({p.place})"
            )
    remedy = "expected P before S. Correct or remove one; on_bad='drop' leaves both out."
    _stop_or_note(bad, remedy, on_bad, notes, "pairs whose S is not after P")
    return [row for row in rows if id(row) not in dropped] if dropped else rows


def _given_std(pick_std: PickStdOption, where: str) -> dict[str, float]:
    """The caller's sigma [s] by phase."""
    if pick_std is None:
        return {}
    given = dict(pick_std) if isinstance(pick_std, Mapping) else {"P": pick_std, "S": pick_std}
    for phase, std in given.items():
        if phase not in ("P", "S"):
            raise InputError(
                f"{where}: pick_std has a value for {phase!r}; expected the keys 'P' and 'S'."
            )
        if not 0 < std < math.inf:
            raise InputError(
                f"{where}: pick_std of {phase} is {std:g} s; expected above 0, such as 0.1."
            )
    return {phase: float(std) for phase, std in given.items()}


def _stop_or_note(bad: list[str], remedy: str, on_bad: str, notes: list[str], what: str) -> None:
    """Raise for the first bad pick, or note them all."""
    if not bad:
        return
    if on_bad == "raise":
        more = f", {len(bad)} such" if len(bad) > 1 else ""
        raise FileFormatError(f"{bad[0]}{more}; {remedy}")
    notes.append(f"Dropped {len(bad)} {what}: {listed(bad)}.")


def _told(row: ArrivalRow) -> str:
    """A pick in words."""
    return f"the {row.code or 'nameless'} pick of event {row.event} at {row.station}"


def _when(nanoseconds: int) -> str:
    """A time for a message, to the millisecond; in s where no calendar has it."""
    try:
        return iso_text(nanoseconds)[:-6]
    except (ValueError, OverflowError):
        return f"{nanoseconds / SECOND:.3g} s after 1970"


def _counts(counts: Counter[str]) -> str:
    """What was counted, most frequent first."""
    return listed(f"{what} ({n})" for what, n in counts.most_common())
