"""Numbers of picks as a person writes them."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from seisnb.conventions import InputError


def parse_picks(text: str) -> list[int]:
    """Pick numbers from text such as ``"3, 8-12"``, sorted.

    Raises
    ------
    InputError
        A part that is neither a number nor a range.

    Examples
    --------
    >>> parse_picks("3, 8-10")
    [3, 8, 9, 10]
    """
    picks: set[int] = set()
    for part in text.replace(";", ",").split(","):
        low, dash, high = part.strip().partition("-")
        if not part.strip():
            continue
        try:
            first = int(low)
            last = int(high) if dash else first
        except ValueError:
            raise InputError(
                f"Selected picks: {part.strip()!r} is no number or range. Write 3, 8-12."
            ) from None
        if last - first > 10_000_000:
            raise InputError(f"Selected picks: {part.strip()!r} is too long a range.")
        picks.update(range(first, last + 1))
    return sorted(picks)


def format_picks(picks: Iterable[int]) -> str:
    """Pick numbers as text with runs folded, the inverse of :func:`parse_picks`.

    Examples
    --------
    >>> format_picks([8, 3, 9, 10])
    '3, 8-10'
    """
    numbers = np.unique(np.fromiter(picks, np.int64))
    runs = np.split(numbers, np.flatnonzero(np.diff(numbers) > 1) + 1)
    return ", ".join(
        str(run[0]) if run.size == 1 else f"{run[0]}-{run[-1]}" for run in runs if run.size
    )
