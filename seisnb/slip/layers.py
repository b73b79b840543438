"""Elastic layers over a half-space: thickness, velocities, densities."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seisnb.conventions import InputError

Array = NDArray[np.float64]

#: Thickness [km], P and S velocities [km/s] and densities [kg/m3] of rock, sediment to mantle.
PLAUSIBLE = {
    "thickness": (1e-3, 1000.0), "vp": (0.3, 15.0), "vs": (0.05, 9.0), "density": (900.0, 6000.0),
}  # fmt: skip
_UNITS = {"thickness": "km", "vp": "km/s", "vs": "km/s", "density": "kg/m3"}


@dataclass(frozen=True, kw_only=True)
class Layers:
    """Level elastic layers from the ground down, the last a half-space.

    Attributes
    ----------
    thickness : tuple of float, (n - 1,)
        Of every layer but the last, which has no lower side [km].
    vp, vs : tuple of float, (n,)
        Velocities [km/s].
    density : tuple of float, (n,)
        [kg/m3].

    Examples
    --------
    >>> crust = Layers(thickness=[30.0], vp=[6.2, 8.0], vs=[3.6, 4.5], density=[2700, 3300])
    >>> [round(float(each) / 1e9) for each in crust.modulus_at([10.0, 50.0])]
    [35, 67]
    """

    thickness: ArrayLike  # a tuple of floats, once made
    vp: ArrayLike
    vs: ArrayLike
    density: ArrayLike

    def __post_init__(self) -> None:
        """Keep tuples of floats; refuse lengths that differ and values that no rock has.

        Raises
        ------
        InputError
            Unequal lengths, a value outside its range, or a vs at which Poisson's ratio is
            negative.
        """
        for name, (low, high) in PLAUSIBLE.items():
            values = np.atleast_1d(np.asarray(getattr(self, name), float))
            bad = ~((values >= low) & (values <= high))
            if values.ndim != 1 or bad.any():
                worst = values[bad][0] if values.ndim == 1 else values.shape
                raise InputError(
                    f"Layers: {name} is {worst}; expected {low:g} to {high:g} {_UNITS[name]}."
                )
            object.__setattr__(self, name, tuple(values.tolist()))
        sizes = {name: len(getattr(self, name)) for name in PLAUSIBLE}
        n = sizes["vp"]
        if sizes != {"thickness": n - 1, "vp": n, "vs": n, "density": n}:
            raise InputError(
                f"Layers: {sizes} values; expected as many vp, vs and density, and one thickness "
                "less: the last layer has no lower side."
            )
        ratio = np.asarray(self.vp) / np.asarray(self.vs)
        if (ratio < np.sqrt(2.0)).any():
            k = int(np.argmin(ratio))
            raise InputError(
                f"Layers: layer {k} has vp/vs {ratio[k]:.3f}, so that Poisson's ratio is negative; "
                "expected 1.42 or more, for rock near 1.73. Are vp and vs exchanged?"
            )

    @property
    def top(self) -> Array:
        """Depths of the layers' upper sides, (n,) [km]."""
        return np.append(0.0, np.cumsum(np.asarray(self.thickness, float)))

    @property
    def modulus(self) -> Array:
        """Shear moduli, (n,) [Pa]."""
        return np.asarray(self.density, float) * (1e3 * np.asarray(self.vs, float)) ** 2

    @property
    def first_modulus(self) -> Array:
        """Lame's first parameter, (n,) [Pa]."""
        return np.asarray(
            np.asarray(self.density, float) * (1e3 * np.asarray(self.vp, float)) ** 2
            - 2.0 * self.modulus
        )

    def index_at(self, depth: ArrayLike) -> NDArray[np.intp]:
        """The layers that depths [km] are in; an interface counts to the layer below it."""
        return np.searchsorted(self.top, np.asarray(depth, float), side="right") - 1

    def modulus_at(self, depth: ArrayLike) -> Array:
        """Shear moduli [Pa] at depths [km]."""
        return np.asarray(self.modulus[self.index_at(depth)])
