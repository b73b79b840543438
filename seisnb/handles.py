"""What long work says while it runs, and how it is stopped."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Progress:
    """One message from work that takes long.

    Attributes
    ----------
    stage : str
        ``prior``, ``training``, ``map``, ``members`` or ``referee`` of an inversion; ``tables``,
        ``terms`` or ``events`` of a location.
    done, total : int
        Units of work of the stage (members, steps, events).
    message : str
        One line for a person.
    elapsed, remaining : float
        Since the start, and expected for this stage [s]; None while unknown.
    chi2 : float or None
        Misfit per pick of the latest model.
    member : callable or None
        Gives the member just finished as (easting [km], depth [km], velocity (depth, easting)
        [km/s]) for a live picture.
    """

    stage: str
    done: int
    total: int
    message: str
    elapsed: float
    remaining: float | None = None
    chi2: float | None = None
    member: Callable[[], tuple[Array, Array, Array]] | None = None


@dataclass(frozen=True, kw_only=True)
class Handles:
    """Callbacks of one piece of work."""

    progress: Callable[[Progress], None]
    is_cancelled: Callable[[], bool]

    @classmethod
    def of(
        cls, progress: Callable[[Progress], None] | None, cancel: Callable[[], bool] | None
    ) -> Handles:
        """From what a caller may leave out."""
        return cls(progress=progress or (lambda _: None), is_cancelled=cancel or (lambda: False))
