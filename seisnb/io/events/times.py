"""Times of earthquakes as whole nanoseconds since 1970-01-01 UTC, exact to the last digit."""

from __future__ import annotations

import math
import re
from datetime import date
from decimal import Decimal

from seisnb.conventions import InputError
from seisnb.io.lines import Line, shown

SECOND = 10**9
_EPOCH_DAY = date(1970, 1, 1).toordinal()
_EPOCH_SECONDS = re.compile(r"[+-]?[0-9]{1,20}\.?[0-9]*([eE][+]?[0-9]{1,2})?")
_ISO = re.compile(
    r"(\d{4})-(\d{2})-(\d{2})[T ](\d{2}):(\d{2}):(\d{2}(?:\.\d+)?)\s*"
    r"(Z|UTC|[+-]\d{2}:?\d{2})?"
)
#: Two-digit years from here on belong to the 20th century.
_PIVOT = 70
#: Hours and seconds that a pick may run past the time on its line.
_MOST_HOURS = 48
_MOST_SECONDS = 1e5


def civil_time(
    line: Line, year: int, month: int, day: int, hour: int, minute: int, second: float
) -> int:
    """Nanoseconds since 1970 of a date and a time of day; seconds may be negative or above 60.

    Raises
    ------
    FileFormatError
        No such day, hour or minute, or seconds that are a day or more away.
    """
    try:
        days = date(year, month, day).toordinal() - _EPOCH_DAY
    except ValueError:
        found = f"the date is {year}-{month}-{day}"
        raise line.error(found, "a day of the calendar, year first") from None
    if not 0 <= hour < _MOST_HOURS or not 0 <= minute < 60:
        raise line.error(f"the time of day is {hour}:{minute}", "hours and minutes")
    if not abs(second) < _MOST_SECONDS:
        raise line.error(f"seconds are {second:g}", "seconds within a day of the minute")
    return ((days * 24 + hour) * 60 + minute) * 60 * SECOND + round(second * SECOND)


def parse_time(line: Line, text: str, what: str) -> int:
    """Nanoseconds since 1970 of an ISO 8601 text (UTC unless it says otherwise) or epoch seconds.

    Raises
    ------
    FileFormatError
        The text is neither.
    """
    text = text.strip()
    if _EPOCH_SECONDS.fullmatch(text):
        return round(Decimal(text) * SECOND)
    match = _ISO.fullmatch(text)
    if not match:
        raise line.error(
            f"{what} is {shown(text)}",
            "a UTC time such as 2011-01-02T02:10:55.25, or seconds since 1970",
        )
    year, month, day, hour, minute = (int(part) for part in match.groups()[:5])
    second = Decimal(match[6])
    whole = civil_time(line, year, month, day, hour, minute, 0.0) + round(second * SECOND)
    return whole - _zone(match[7])


def _zone(text: str | None) -> int:
    """Nanoseconds that a zone's clock is ahead of UTC."""
    if text in (None, "Z", "UTC"):
        return 0
    assert text is not None
    sign = -1 if text[0] == "-" else 1
    return sign * (int(text[1:3]) * 60 + int(text[-2:])) * 60 * SECOND


def full_year(line: Line, year: int, given: int | None) -> int:
    """The year of a number that may have two digits; ``given`` decides its century.

    Raises
    ------
    FileFormatError
        ``given`` ends in other digits than the file.
    """
    if year >= 100:
        return year
    if given is None:
        return year + (1900 if year >= _PIVOT else 2000)
    if given % 100 != year:
        raise line.error(
            f"the year is {year:02d}",
            f"{given % 100:02d}, the last digits of year={given}",
            "Correct year, or leave it out.",
        )
    return given


def offset_ns(hours: float | None) -> int:
    """A clock's lead over UTC [h] in nanoseconds, 0 for None.

    Raises
    ------
    InputError
        Not finite or beyond 14 hours.
    """
    if hours is None:
        return 0
    if not math.isfinite(hours) or abs(hours) > 14:
        raise InputError(
            f"read_arrivals: utc_offset is {hours} h; expected -14 to 14, for instance 9 for "
            "Japanese standard time."
        )
    return round(hours * 3600 * SECOND)


def iso_text(time: int) -> str:
    """A time [ns since 1970] as ISO 8601 in UTC, to the nanosecond.

    Examples
    --------
    >>> iso_text(1_293_934_266_200_000_000)
    '2011-01-02T02:11:06.200000000'
    """
    days, rest = divmod(time, 86400 * SECOND)
    seconds, fraction = divmod(rest, SECOND)
    day = date.fromordinal(_EPOCH_DAY + days).isoformat()
    hour, minute = seconds // 3600, seconds // 60 % 60
    return f"{day}T{hour:02d}:{minute:02d}:{seconds % 60:02d}.{fraction:09d}"
