"""The standard deviation of a pick: constant, or a share of the travel time plus a floor."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seisnb.conventions import InputError

_TERM = re.compile(r"([0-9]+\.?[0-9]*(?:[eE][+-]?[0-9]+)?|\.[0-9]+(?:[eE][+-]?[0-9]+)?)(%|ms|s)?")
_SHIFT = {"%": -2, "ms": -3, "s": 0, "": 0}


@dataclass(frozen=True, kw_only=True)
class PickStd:
    """Standard deviation of picks: ``relative * travel_time + floor``.

    Attributes
    ----------
    relative : float
        Share of the travel time (0.03 is 3 %).
    floor : float
        Constant part [s].

    Raises
    ------
    InputError
        A part is negative or not finite, both are zero, or the share is 1 or more.
    """

    relative: float = 0.0
    floor: float = 0.0

    def __post_init__(self) -> None:
        """Check the two numbers."""
        for name, value in (("relative", self.relative), ("floor", self.floor)):
            if not (math.isfinite(value) and value >= 0):
                raise InputError(f"PickStd: {name} is {value}; expected a number of at least 0.")
        if self.relative >= 1:
            raise InputError(
                f"PickStd: relative is {self.relative}, {100 * self.relative:g} % of the travel "
                "time; expected less than 1. Give 0.03 for 3 %."
            )
        if self.relative == self.floor == 0:
            raise InputError("PickStd: relative and floor are both 0; one must be positive.")

    def __str__(self) -> str:
        """The text that :func:`parse_pick_std` turns into the same object."""
        parts = [f"{(Decimal(repr(self.relative)) * 100).normalize():f}%"] if self.relative else []
        return "+".join(parts + ([repr(self.floor)] if self.floor else []))

    def at(self, travel_time: ArrayLike) -> NDArray[np.float64]:
        """Standard deviations [s] of picks with these travel times [s], same shape."""
        return self.relative * np.asarray(travel_time, float) + self.floor


def parse_pick_std(text: str) -> PickStd:
    """Read a pick standard deviation as a person writes it.

    Parameters
    ----------
    text : str
        ``"0.0003"`` (seconds), ``"0.3ms"``, ``"3%"`` (of the travel time) or a sum of one of each,
        ``"3%+0.0005"``. Spaces do not matter.

    Returns
    -------
    PickStd

    Raises
    ------
    InputError
        The text is nothing of the kind, or its numbers cannot be standard deviations.

    Examples
    --------
    >>> parse_pick_std("3% + 0.5ms")
    PickStd(relative=0.03, floor=0.0005)
    >>> parse_pick_std("0.0003").at([0.01, 0.02])
    array([0.0003, 0.0003])
    """
    found: dict[str, float] = {}
    for term in re.split(r"(?<![eE])\+", "".join(text.split())):
        match = _TERM.fullmatch(term)
        kind = "relative" if match and match[2] == "%" else "floor"
        if match is None or kind in found:
            raise InputError(
                f"parse_pick_std: pick_std is {text[:60]!r}; expected seconds ('0.0003'), a share "
                "of the travel time ('3%') or their sum ('3%+0.0005')."
            )
        found[kind] = float(Decimal(match[1]).scaleb(_SHIFT[match[2] or ""]))
    return PickStd(**found)


def as_pick_std(value: str | float | PickStd | None) -> PickStd | None:
    """What callers pass as ``pick_std`` as a :class:`PickStd`; None stays None."""
    if value is None or isinstance(value, PickStd):
        return value
    return parse_pick_std(value) if isinstance(value, str) else PickStd(floor=float(value))
