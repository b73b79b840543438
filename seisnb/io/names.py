"""Column names as people write them, and the units in them.

A name such as ``sx``, ``Shot_X [m]``, ``source easting/km`` or ``tt_ms`` is told by its letters and
digits alone; the unit follows a separator or stands in brackets.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from seisnb.io.units import LENGTHS, TIMES

_KINDS = {
    "shot": ("shot", "shots", "source", "src", "sou", "sht", "sp", "shotpoint", "s"),
    "receiver": ("receiver", "receivers", "rec", "recv", "rcv", "rcvr", "geophone", "geophones",
                 "geo", "gph", "phone", "g", "r"),
}  # fmt: skip
_AXES = {
    "easting": ("x", "easting", "east", "pos", "position", "loc", "location", "coord",
                "coordinate"),
    "northing": ("y", "northing", "north"),
    "vertical": ("z",),
    "elevation": ("elevation", "elev", "height", "altitude", "alt"),
    "depth": ("depth", "dep"),
}  # fmt: skip
_ALONE = {
    "travel_time": ("time", "t", "tt", "traveltime", "firstbreak", "firstbreaks", "firstarrival",
                    "firstarrivals", "fb", "fbp", "pick", "picks", "picktime", "arrival",
                    "arrivaltime", "ttime", "timepick", "tobs", "tpick"),
    "pick_std": ("std", "sigma", "err", "error", "unc", "uncertainty", "terr", "tstd", "pickstd",
                 "pickerror", "timeerror", "terror", "sd"),
    "phase": ("phase", "phasecode", "code"),
    "used": ("used", "valid"),
}  # fmt: skip
_UNIT_NAMES = {
    "km": "km", "kilometer": "km", "kilometre": "km", "kilometers": "km", "kilometres": "km",
    "m": "m", "meter": "m", "metre": "m", "meters": "m", "metres": "m",
    "s": "s", "sec": "s", "secs": "s", "second": "s", "seconds": "s",
    "ms": "ms", "msec": "ms", "millisecond": "ms", "milliseconds": "ms",
}  # fmt: skip
_BRACKETED = re.compile(r"\s*[\[(]\s*([A-Za-z]+)\s*[\])]")
_WITH_UNIT = re.compile(r"(.+?)[\s_./:-]+([A-Za-z]+)\]?")
#: Whole names that are a unit: the time itself.
_TIME_UNITS = {"ms": "ms", "msec": "ms", "sec": "s", "seconds": "s", "milliseconds": "ms"}


def _bare(name: str) -> str:
    """The letters and digits of a name, lower case."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _vocabulary() -> dict[str, str]:
    """Quantity of every known name, by its letters and digits."""
    known = {name: quantity for quantity, names in _ALONE.items() for name in names}
    for kind, words in _KINDS.items():
        for axis, axis_words in _AXES.items():
            for word in words:
                for axis_word in axis_words:
                    known[word + axis_word] = known[axis_word + word] = f"{kind}_{axis}"
        for word in words:
            known.setdefault(word, kind)
            for suffix in ("number", "no", "nr", "id", "index", "name"):
                known[word + suffix] = kind
    known.update(dict.fromkeys(("channel", "trace", "chan", "station"), "receiver"))
    known.update(dict.fromkeys(("ffid",), "shot"))
    return known


_KNOWN = _vocabulary()
#: Names in a list of positions, where it is clear whose they are.
_POSITIONS = {word: axis for axis, words in _AXES.items() for word in words} | dict.fromkeys(
    ("id", "no", "nr", "number", "name", "station", "point", "index"), "name"
)


@dataclass(frozen=True)
class Column:
    """What a column name means.

    Attributes
    ----------
    name : str
        As it stands in the file.
    quantity : str
        Such as ``shot_easting``, ``receiver_vertical``, ``travel_time``, ``pick_std``, ``shot``;
        empty when the name is not known.
    unit : str
        "km", "m", "s" or "ms"; empty when none is stated.
    """

    name: str
    quantity: str
    unit: str = ""


def attach_units(header: str) -> str:
    """A header line whose units in brackets stick to their names: "time (ms)" is "time[ms]"."""
    return _BRACKETED.sub(lambda match: f"[{match[1]}]", header)


def guess_column(name: str, *, positions: bool = False) -> Column:
    """What a column name means.

    Parameters
    ----------
    name : str
        Name of a column, its unit attached.
    positions : bool
        Whether the column is one of a list of positions, where "x" is enough.

    Returns
    -------
    Column

    Examples
    --------
    >>> guess_column("Shot_X [m]")
    Column(name='Shot_X [m]', quantity='shot_easting', unit='m')
    >>> guess_column("x_s").quantity, guess_column("tt_ms").unit, guess_column("ms").unit
    ('shot_easting', 'ms', 'ms')
    """
    known = _POSITIONS | _of_kinds() if positions else _KNOWN
    bare = _bare(name)
    if bare in known:
        return Column(name, known[bare])
    if bare in _TIME_UNITS and not positions:
        return Column(name, "travel_time", _TIME_UNITS[bare])
    bracket = re.fullmatch(r"(.+?)\s*[\[(]\s*([A-Za-z]+)\s*[\])]", name.strip())
    match = bracket or _WITH_UNIT.fullmatch(name.strip())
    if match and (unit := _UNIT_NAMES.get(match[2].lower())):
        quantity = known.get(_bare(match[1]), "")
        allowed = TIMES if quantity in ("travel_time", "pick_std") else LENGTHS
        if quantity in ("phase", "used"):
            allowed = {}
        if quantity and unit in allowed:
            return Column(name, quantity, unit)
    return Column(name, "")


def _of_kinds() -> dict[str, str]:
    """Names such as "sx" in a list of positions, and "shot" for its numbers."""
    result = {}
    for bare, quantity in _KNOWN.items():
        kind, _, axis = quantity.partition("_")
        if kind in _KINDS:
            result[bare] = axis or "name"
    return result
