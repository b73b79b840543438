"""What a section shows: mean, std, prior-to-posterior ratio, ray coverage, members."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from seisnb.conventions import InputError
from seisnb.dashboards.figures.style import (
    Array,
    display_of,
    nice_limits,
    nice_step,
    number,
    palette,
)


@dataclass(frozen=True, kw_only=True)
class Layer:
    """One quantity over the section, in display units, ready to be painted."""

    title: str
    label: str
    values: NDArray[np.float32]
    palette: tuple[str, ...]
    low: float
    high: float
    contour_step: float | None = None
    grey: NDArray[np.bool_] | None = None
    note: str = ""

    @property
    def greyed(self) -> NDArray[np.bool_]:
        """Painted cells that are too uncertain to be read."""
        grey = np.zeros(self.values.shape, bool) if self.grey is None else self.grey
        return grey & np.isfinite(self.values)


def mean_layer(
    ensemble: xr.Dataset, *, grey_above: float | None = None, grey_ratio: float | None = None
) -> Layer:
    """The mean velocity, greyed where too uncertain to be read.

    Parameters
    ----------
    ensemble : xr.Dataset
        An ensemble.
    grey_above : float, optional
        Std [km/s] above which cells are greyed.
    grey_ratio : float, optional
        Share of the prior std above which cells are greyed, and with them all below the deepest
        ray; ``grey_above`` goes first.
    """
    display = display_of(ensemble)
    low, high = _velocity_limits(ensemble)
    layer = Layer(
        title="Mean of the ensemble",
        label=f"P velocity ({display.velocity})",
        values=_painted(ensemble, display.scaled(ensemble["velocity_mean"].values)),
        palette=palette("batlow"),
        low=low,
        high=high,
        contour_step=nice_step(high - low, 6),
    )
    if grey_above is None and grey_ratio is not None:
        return replace(
            layer,
            grey=(ratio_layer(ensemble).values > grey_ratio) | _below_rays(ensemble),
            note=f"grey: above {grey_ratio:.0%} of the prior std".replace("%", " %"),
        )
    return _greyed(layer, ensemble, grey_above)


def std_layer(ensemble: xr.Dataset, *, grey_above: float | None = None) -> Layer:
    """The posterior std (1 sigma); cells where it exceeds ``grey_above`` [km/s] are greyed."""
    display = display_of(ensemble)
    std = display.scaled(ensemble["velocity_std"].values)
    high = nice_limits(std[ensemble["rock"].values], zero=True)[1]
    layer = Layer(
        title="Uncertainty of the velocity (1 std)",
        label=f"Velocity std ({display.velocity})",
        values=_painted(ensemble, std),
        palette=palette("lajolla", reverse=True),
        low=0.0,
        high=high if grey_above is None else min(high, grey_above * display.factor),
    )
    return _greyed(layer, ensemble, grey_above)


def ratio_layer(ensemble: xr.Dataset) -> Layer:
    """Posterior over prior std: 0 where the picks decide, 1 where only the prior speaks."""
    prior = np.maximum(ensemble["prior_std"].values, 1e-12)
    return Layer(
        title="What the picks have taught: posterior over prior std",
        label="Posterior std / prior std",
        values=_painted(ensemble, ensemble["velocity_std"].values / prior),
        palette=palette("lapaz"),
        low=0.0,
        high=1.0,
        contour_step=0.5,
    )


def coverage_layer(ensemble: xr.Dataset) -> Layer:
    """Ray length per cell, mean over members; cells that no ray crosses are left white."""
    display = display_of(ensemble)
    coverage = display.scaled(ensemble["ray_coverage"].values)
    crossed = coverage > 0
    high = float(np.quantile(coverage[crossed], 0.99)) if crossed.any() else 1.0
    return Layer(
        title="Ray coverage",
        label=f"Ray length per cell ({display.length})",
        values=_painted(ensemble, np.where(crossed, coverage, np.nan)),
        palette=palette("davos", reverse=True),
        low=0.0,
        high=nice_limits([0.0, high], zero=True)[1],
    )


def member_layer(ensemble: xr.Dataset, member: int) -> Layer:
    """One velocity model of the ensemble, in the mean's colours.

    Raises
    ------
    InputError
        There is no such member.
    """
    n_members = ensemble.sizes["particle"]
    if not 0 <= member < n_members:
        raise InputError(
            f"figures: member {member} asked for; the ensemble has 0 to {n_members - 1}."
        )
    display = display_of(ensemble)
    low, high = _velocity_limits(ensemble)
    chi2 = float(ensemble["chi2_ray"][member])
    return Layer(
        title=f"Member {member + 1} of {n_members} (chi²/n {chi2:.2f})",
        label=f"P velocity ({display.velocity})",
        values=_painted(ensemble, display.scaled(ensemble["velocity"][member].values)),
        palette=palette("batlow"),
        low=low,
        high=high,
        contour_step=nice_step(high - low, 6),
    )


def readable_std(ensemble: xr.Dataset) -> float:
    """A std [km/s] above which cells are greyed: half the prior's where rays can reach."""
    crossed = (ensemble["ray_coverage"].values > 0) & ensemble["rock"].values.astype(bool)
    prior = ensemble["prior_std"].values
    half = 0.5 * float(np.median(prior[crossed] if crossed.any() else prior))
    return float(number(half, 2))


def deepest_easting(ensemble: xr.Dataset) -> float:
    """Easting [km] where the rays go deepest, or the line's middle."""
    x = ensemble["easting"].values
    if "deepest_ray" not in ensemble:
        return float(x[x.size // 2])
    deepest = ensemble["deepest_ray"].values
    return (
        float(x[int(np.nanargmax(deepest))])
        if np.isfinite(deepest).any()
        else float(x[x.size // 2])
    )


def _below_rays(ensemble: xr.Dataset) -> NDArray[np.bool_]:
    """Cells deeper than the deepest ray of any member."""
    if "deepest_ray" not in ensemble:
        return np.zeros(ensemble["velocity_std"].shape, bool)
    return ensemble["depth"].values[:, None] > ensemble["deepest_ray"].values


def _velocity_limits(ensemble: xr.Dataset) -> tuple[float, float]:
    """Colour limits of all velocity pictures: the mean's range in the rock, display units."""
    rock = ensemble["velocity_mean"].values[ensemble["rock"].values.astype(bool)]
    return nice_limits(display_of(ensemble).scaled(rock))


def painted_cells(ensemble: xr.Dataset) -> NDArray[np.bool_]:
    """Cells that are coloured, (depth, easting): of rock, and those that the surface cuts.

    The latter keep the rock's value; the line-work covers their upper part.
    """
    from scipy.ndimage import binary_dilation  # a dashboard that opens needs none of it yet

    rock = ensemble["rock"].values.astype(bool)
    return np.asarray(binary_dilation(rock, np.ones((3, 3), bool)))


def _painted(ensemble: xr.Dataset, values: Array) -> NDArray[np.float32]:
    """Values as float32, NaN in cells that lie wholly above the surface."""
    return np.where(painted_cells(ensemble), values, np.nan).astype(np.float32)


def _greyed(layer: Layer, ensemble: xr.Dataset, limit: float | None) -> Layer:
    """The layer with cells greyed whose std exceeds the limit [km/s]."""
    if limit is None:
        return layer
    display = display_of(ensemble)
    return replace(
        layer,
        grey=ensemble["velocity_std"].values > limit,
        note=f"grey: std above {display.text(limit, display.velocity)}",
    )
