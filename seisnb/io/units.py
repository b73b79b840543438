"""Units that a file leaves open: asked for, with what each answer would mean, never assumed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from seisnb.conventions import InputError
from seisnb.io.records import PickRow
from seisnb.survey import PLAUSIBLE_VELOCITY

#: How many of a unit there are in km and in s.
LENGTHS: Mapping[str, float] = {"km": 1.0, "m": 1e3}
TIMES: Mapping[str, float] = {"s": 1.0, "ms": 1e3}
#: Allowed values of the options, for messages.
CHOICES: Mapping[str, tuple[str, ...]] = {
    "length_unit": ("m", "km"),
    "time_unit": ("s", "ms"),
    "vertical": ("elevation", "depth"),
}


def open_units(
    where: str,
    what: Sequence[str],
    rows: Sequence[PickRow],
    *,
    length: bool,
    time: bool,
    has_names: bool = True,
) -> InputError:
    """The error that asks for units, with the velocity that each plausible answer means.

    Parameters
    ----------
    where : str
        Function and file.
    what : sequence of str
        Names of the columns without a unit, quoted.
    rows : sequence of PickRow
        Picks with lengths as they stand in the file where ``length`` is asked for (else in km),
        times likewise (else in s).
    length, time : bool
        Which units are asked for.
    has_names : bool
        Whether the file names its columns.
    """
    distance = np.array(
        [
            np.hypot(row.receiver_easting - row.shot_easting,
                     row.receiver_northing - row.shot_northing)
            for row in rows
        ]
    )  # fmt: skip
    travel = np.array([row.travel_time for row in rows])
    good = (distance > 0) & (travel > 0)
    middle = float(np.median(distance[good] / travel[good])) if good.any() else 0.0
    low, high = PLAUSIBLE_VELOCITY
    meanings = []
    for length_unit in CHOICES["length_unit"] if length else ("km",):
        for time_unit in CHOICES["time_unit"] if time else ("s",):
            velocity = middle / LENGTHS[length_unit] * TIMES[time_unit]
            named = [length_unit] * length + [time_unit] * time
            if low <= velocity <= high:
                meanings.append(f"{velocity:.3g} km/s in {' and '.join(named)}")
    asked = [name for name, ask in (("length_unit", length), ("time_unit", time)) if ask]
    wanted = " and ".join(
        " or ".join(f"{name}='{value}'" for value in CHOICES[name]) for name in asked
    )
    hint = f" The median of distance / time is {', '.join(meanings)}." if meanings else ""
    flags = " ".join(f"--{name.replace('_', '-')}" for name in asked)
    names = ", or write it into the column's name" if has_names else ""
    return InputError(
        f"{where}: no unit is stated for {', '.join(what)}. Pass {wanted} ({flags} on the command "
        f"line){names}.{hint}"
    )
