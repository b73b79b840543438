"""Members taken several times, so that a sum over them is an integral.

Two things need it. **Lateral variation.** 1-D models leave out that the earth varies sideways,
smoothly, so that neighbouring paths err together; such errors do not average out over picks as
independent ones do. Every member is taken several times with travel times multiplied by a smooth
function of azimuth, 1 + a + b cos(azimuth) + c sin(azimuth), and those of S by one factor more for
Vp/Vs. **Few models that fit.** Precise picks leave a handful of the members, and a sum over a
handful is no integral: its intervals are too small. Then members are blended: each is drawn towards
the mean and moved by a random combination of all, so that mean and covariance of the ensemble stay
what they are (kernel smoothing with shrinkage: West 1993, J. R. Stat. Soc. B 55; Liu & West 2001).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm, qmc

Array = NDArray[np.float64]

#: Times as many variants where few of them fit.
FINER = 4
#: Effective number of them, as a share of the least number, below which few fit.
LEAST_EFFECTIVE = 0.09375
#: Width of the kernels in standard deviations of the ensemble: Silverman's rule for a hundred to a
#: few hundred members in eight dimensions. Fewer effective members than the second are too few to
#: have a covariance.
KERNEL, LEAST_BLENDED = 0.6, 16


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
    blend : NDArray, (n_members, m) or None
        What each is made of, columns that sum to one; None where it is its base.
    """

    base: NDArray[np.intp]
    factor: Array
    shear: Array
    blend: NDArray[np.float32] | None = None

    def factors(self, chosen: NDArray[np.intp]) -> NDArray[np.float32]:
        """Factors on times of some variants, (2, 3, m): P and S; constant, cosine and sine."""
        azimuthal = self.factor[chosen].T + np.array([[1.0], [0.0], [0.0]])
        shear = np.stack([np.ones(chosen.size), 1.0 + self.shear[chosen]])
        return np.asarray(shear[:, None] * azimuthal, np.float32)

    def log_weight(self, log_weight: Array) -> Array:
        """Log prior weights of the variants, from those of the members."""
        return np.asarray(log_weight[self.base] - np.log(self.base.size / log_weight.size))


def draw_variants(
    weight: Array,
    std: float,
    shear_std: float,
    seed: int,
    *,
    n_least: int,
    is_blended: bool = False,
) -> Variants | None:
    """Variants of every member, drawn evenly; None where each would be its member.

    Parameters
    ----------
    weight : Array, (n_members,)
        Prior weights, whose sum is one.
    std : float
        Standard deviation of the factor at any azimuth, half of its variance common to all.
    shear_std : float
        Standard deviation of the further factor on S.
    seed : int
        Of the draws (scrambled Sobol points; normal draws for blends).
    n_least : int
        Variants in all, at least.
    is_blended : bool
        Blend members, where there are enough.
    """
    n_members = weight.size
    is_blended = is_blended and float(1.0 / (weight**2).sum()) >= LEAST_BLENDED
    if std == 0.0 and shear_std == 0.0 and not is_blended:
        return None
    times = -(-n_least // n_members)
    n = times * n_members
    points = qmc.Sobol(4, rng=np.random.default_rng([seed, 97])).random(1 << (n - 1).bit_length())
    draws = norm.ppf(np.clip(points[:n], 1e-6, 1.0 - 1e-6))
    base = np.tile(np.arange(n_members), times)
    return Variants(
        base=base,
        factor=std * np.sqrt(0.5) * draws[:, :3],
        shear=shear_std * draws[:, 3],
        blend=_blend(weight, base, seed) if is_blended else None,
    )


def _blend(weight: Array, base: NDArray[np.intp], seed: int) -> NDArray[np.float32]:
    """Columns that give the ensemble's mean and covariance over the variants."""
    rng = np.random.default_rng([seed, 101])
    n = weight.size
    keep = np.sqrt(1.0 - KERNEL**2)
    # weighted covariance, unbiased: normal sums of the members' departures from their mean
    noise = np.sqrt(weight)[:, None] * rng.standard_normal((n, base.size))
    noise /= np.sqrt(1.0 - (weight**2).sum())
    noise -= weight[:, None] * noise.sum(axis=0)
    columns = (1.0 - keep) * weight[:, None] + KERNEL * noise
    columns[base, np.arange(base.size)] += keep
    return columns.astype(np.float32)
