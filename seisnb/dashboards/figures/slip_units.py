"""What figures and reports of slip share: units, intervals, the two answers, what is in sight."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from seisnb.conventions import InputError
from seisnb.dashboards.figures.style import Array, number, plain

#: Names of the two answers: over the ensemble, and on its first structure.
ALL, ONE = "all structures", "first structure only"
#: Patches with so much of the peak slip are shown, and a whole fault that is at most so many times
#: as large as they and the sites are.
SHOWN, WHOLE = 0.25, 1.6


@dataclass(frozen=True, kw_only=True)
class Amount:
    """A unit that lengths are shown in.

    Attributes
    ----------
    unit : str
        ``mm``, ``cm`` or ``m``; per year for velocities.
    factor : float
        What brings metres there.
    """

    unit: str
    factor: float

    def scaled(self, values: ArrayLike) -> Array:
        """Metres in the unit."""
        return np.asarray(values, float) * self.factor

    def text(self, value: float) -> str:
        """A number of metres with its unit."""
        return f"{number(value * self.factor)} {self.unit}"


def check_slip(slip: xr.Dataset, where: str) -> None:
    """Refuse what is no result of an inversion for slip.

    Raises
    ------
    InputError
        The Dataset is of another kind.
    """
    if slip.attrs.get("kind") != "slip":
        raise InputError(
            f"{where}: the Dataset is of kind {slip.attrs.get('kind')!r}; expected what "
            "invert_slip returns."
        )


def amount_of(slip: xr.Dataset, values: ArrayLike) -> Amount:
    """The unit in which the largest of some values [m or m/yr] has one to three digits."""
    finite = np.abs(np.asarray(values, float))
    finite = finite[np.isfinite(finite)]
    largest = float(finite.max()) if finite.size else 1.0
    per = "/yr" if is_velocity(slip) else ""
    for unit, factor, below in (("mm", 1e3, 0.01 if not per else 1.0), ("cm", 1e2, 1.0)):
        if largest < below:
            return Amount(unit=unit + per, factor=factor)
    return Amount(unit=f"m{per}", factor=1.0)


def is_velocity(slip: xr.Dataset) -> bool:
    """True for slip in a year, from velocities."""
    return slip.attrs.get("quantity") == "velocity"


def magnitude_name(slip: xr.Dataset) -> str:
    """What the magnitude is of."""
    return "Moment magnitude of a year's slip" if is_velocity(slip) else "Moment magnitude"


def interval(values: ArrayLike) -> tuple[float, float, float]:
    """Lower end of the central 95 %, median, upper end."""
    low, middle, high = np.quantile(np.asarray(values, float), (0.025, 0.5, 0.975))
    return float(low), float(middle), float(high)


def answers(slip: xr.Dataset) -> list[tuple[str, str]]:
    """Prefix of the variables and name of each answer that is there."""
    n = slip.sizes["structure"]
    found = [("", ALL if n > 1 else "one structure")]
    return [*found, ("single_", ONE)] if "single_slip" in slip else found


def patches_shown(slips: Iterable[xr.Dataset], *, share: float = SHOWN) -> NDArray[np.bool_]:
    """The patches that figures are about, (patch,), of results on one fault.

    Those that slip, or all where the fault is not much larger than they and the network: a mesh
    often goes on far beyond the sites, where there is nothing but the prior.
    """
    found = None
    for slip in slips:
        mean = np.abs(slip["slip_mean"].values)
        moves = mean >= share * mean.max()
        found = moves if found is None or found.shape != moves.shape else found | moves
    if found is None:
        raise InputError("patches_shown: no result. Give at least one.")
    x, y = slip["patch_easting"].values, slip["patch_northing"].values
    sites = slip["site_easting"].values, slip["site_northing"].values
    near = max(
        float(np.ptp(np.append(p[found], s))) for p, s in zip((x, y), sites, strict=True)
    )  # fmt: skip
    whole = max(float(np.ptp(x)), float(np.ptp(y)))
    return np.ones_like(found) if whole <= WHOLE * near else found


def structure_labels(slip: xr.Dataset, length: int = 22) -> list[str]:
    """Names of the structures, safe for a canvas."""
    return [plain(name, length) for name in slip["structure_name"].values]
