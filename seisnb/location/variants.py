"""What 1-D models leave out: the earth varies sideways, smoothly, which picks of an event share.

Errors of neighbouring paths are alike, so they do not average out over picks as independent ones
do, and an interval that takes them for independent is too small. Every member is therefore taken
several times, each time with travel times multiplied by a smooth function of azimuth,
1 + a + b cos(azimuth) + c sin(azimuth), and those of S by one factor more for Vp/Vs: the sum over
members then is the integral over these errors too.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm, qmc

Array = NDArray[np.float64]

#: Members with their variants, at least; a power of two.
N_VARIANTS = 256


@dataclass(frozen=True, kw_only=True)
class Variants:
    """Members taken several times.

    Attributes
    ----------
    base : NDArray of int, (m,)
        The member that each variant is of.
    factor : Array, (m, 3)
        a, b and c of each.
    shear : Array, (m,)
        Factor on S times less one.
    """

    base: NDArray[np.intp]
    factor: Array
    shear: Array

    def factors(self, azimuth: Array, chosen: NDArray[np.intp]) -> NDArray[np.float32]:
        """Factor on P times (n, m) at azimuths (n,) [radians] for some variants."""
        a, b, c = self.factor[chosen].T.astype(np.float32)
        cosine, sine = np.cos(azimuth).astype(np.float32), np.sin(azimuth).astype(np.float32)
        return np.asarray(1.0 + a + np.outer(cosine, b) + np.outer(sine, c), np.float32)

    def log_weight(self, log_weight: Array) -> Array:
        """Log prior weights of the variants, from those of the members."""
        return np.asarray(log_weight[self.base] - np.log(self.base.size / log_weight.size))


def draw_variants(n_members: int, std: float, shear_std: float, seed: int) -> Variants | None:
    """Variants of every member, drawn evenly; None where there are no such errors.

    Parameters
    ----------
    n_members : int
        Members.
    std : float
        Standard deviation of the factor at any azimuth, half of its variance common to all.
    shear_std : float
        Standard deviation of the further factor on S.
    seed : int
        Of the draws (scrambled Sobol points).
    """
    if std == 0.0 and shear_std == 0.0:
        return None
    times = -(-N_VARIANTS // n_members)
    n = times * n_members
    points = qmc.Sobol(4, rng=np.random.default_rng([seed, 97])).random(1 << (n - 1).bit_length())
    draws = norm.ppf(np.clip(points[:n], 1e-6, 1.0 - 1e-6))
    return Variants(
        base=np.tile(np.arange(n_members), times),
        factor=std * np.sqrt(0.5) * draws[:, :3],
        shear=shear_std * draws[:, 3],
    )
