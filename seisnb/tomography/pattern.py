"""Patterns that a resolution test hides, and the figures that say how much of one came back."""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter

from seisnb.section import SectionGrid
from seisnb.survey import surface_depth_at

Array = NDArray[np.float64]

#: Share of the pattern's greatest size below which a cell has none to recover.
LEAST_SHARE = 0.05
#: Share of the pattern that must come back for a place to be called resolved.
RESOLVED = 0.5

_ATTRS = {
    "base_velocity": ("km/s", "velocity that the pattern is put into"),
    "true_perturbation": ("1", "true change of velocity, as a fraction"),
    "recovered_perturbation": ("1", "recovered change of velocity, as a fraction"),
    "recovered_std": ("1", "posterior std of velocity, as a fraction"),
    "recovery_ratio": ("1", "share of the pattern that came back"),
    "peak_recovered": ("1", "greatest recovered change, as a fraction"),
    "peak_shift_easting": ("km", "recovered peak east of the true one"),
    "peak_shift_depth": ("km", "recovered peak below the true one"),
    "width_easting": ("km", "full width at half maximum along the line, recovered"),
    "width_depth": ("km", "full width at half maximum in depth, recovered"),
}


def checkerboard(grid: SectionGrid, size: tuple[float, float]) -> Array:
    """Fields of alternating sign, sin(pi x / a) sin(pi z / b), hung from the surface.

    Parameters
    ----------
    grid : SectionGrid
        Where the model lives.
    size : (float, float)
        One field along the line and in depth [km].

    Returns
    -------
    Array, (n_easting, n_depth)
        Between -1 and 1; zero at the surface and at the line's first column.
    """
    along = np.sin(np.pi * (grid.easting - grid.x0) / size[0])
    return np.asarray(along[:, None] * np.sin(np.pi * grid.below_surface / size[1]))


def spike(grid: SectionGrid, size: tuple[float, float], at: tuple[float, float]) -> Array:
    """One Gaussian bump of height one.

    Parameters
    ----------
    grid : SectionGrid
        Where the model lives.
    size : (float, float)
        Full width at half maximum along the line and in depth [km].
    at : (float, float)
        Easting, and depth below the surface [km].

    Returns
    -------
    Array, (n_easting, n_depth)
    """
    along = ((grid.easting - at[0]) / size[0]) ** 2
    down = ((grid.below_surface - at[1]) / size[1]) ** 2
    return np.asarray(np.exp(-4 * np.log(2) * (along[:, None] + down)))


def recovery_ratio(true: Array, recovered: Array, cells: tuple[float, float]) -> Array:
    """Share of a pattern that came back around each cell.

    The regression of recovered on true over a window of one field, sum(true recovered) /
    sum(true**2): where the pattern itself passes through zero a plain quotient means nothing.

    Parameters
    ----------
    true, recovered : Array, (depth, easting)
        The two patterns.
    cells : (float, float)
        The window in depth and along the line [cells].

    Returns
    -------
    Array, (depth, easting)
        NaN where there is no pattern to recover.
    """
    window = [max(1, 2 * round(each / 2) + 1) for each in cells]
    both = uniform_filter(true * recovered, window, mode="nearest")
    own = uniform_filter(true**2, window, mode="nearest")
    held = own > (LEAST_SHARE * np.abs(true).max()) ** 2
    return np.where(held, both / np.where(held, own, 1.0), np.nan)


def add_pattern_figures(found: xr.Dataset) -> xr.Dataset:
    """The ratio of every cell and, for a spike, its peak and widths; units of everything."""
    x, z = found["easting"].values, found["depth"].values
    true, recovered = (
        found[f"{name}_perturbation"].values for name in ("true", "recovered")
    )  # fmt: skip
    along, down = found.attrs["size_km"]
    cells = (down / float(z[1] - z[0]), along / float(x[1] - x[0]))
    ratio = recovery_ratio(true, recovered, cells)
    ratio[~found["rock"].values.astype(bool)] = np.nan
    found = found.assign(recovery_ratio=(("depth", "easting"), ratio))
    if found.attrs["pattern"] == "spike":
        found = found.assign({name: ((), value) for name, value in _peak(found).items()})
    for name, (units, long_name) in _ATTRS.items():
        if name in found:
            found[name].attrs.update(units=units, long_name=long_name)
    return found


def describe_resolution(found: xr.Dataset) -> str:
    """One sentence on a finished test."""
    along, down = found.attrs["size_km"]
    if found.attrs["pattern"] == "spike":
        share = float(found["peak_recovered"]) / found.attrs["amplitude"]
        shift = np.hypot(float(found["peak_shift_easting"]), float(found["peak_shift_depth"]))
        word = "is resolved" if share >= RESOLVED else "is not resolved"
        return (
            f"A spike of {along:.3g} x {down:.3g} km {word}: {max(share, 0.0):.0%} of its height "
            f"comes back, {shift:.2g} km from its place, {float(found['width_easting']):.3g} km "
            f"wide and {float(found['width_depth']):.3g} km high."
        )
    ratio, crossed = found["recovery_ratio"].values, found["ray_coverage"].values > 0
    here = ratio[crossed & np.isfinite(ratio)]
    z = found["depth"].values
    under = z[:, None] - surface_depth_at(found, found["easting"].values)
    rows = np.arange(0.0, float(under.max()), float(z[1] - z[0]))
    level = np.digitize(under, rows) - 1
    held = np.isfinite(ratio) & crossed
    median = [
        float(np.median(ratio[part])) if (part := held & (level == k)).any() else np.nan
        for k in range(rows.size)
    ]
    lost = np.flatnonzero(np.array(median) < RESOLVED)
    deep = f"down to {rows[lost[0]]:.2g} km under the surface" if lost.size else "wherever rays run"
    if lost.size and lost[0] == 0:
        deep = "at no depth"
    return (
        f"A checkerboard of {along:.3g} x {down:.3g} km comes back with "
        f"{max(float(np.median(here)), 0.0):.0%} of its strength where rays run (median); more "
        f"than half of it {deep}."
    )


def _peak(found: xr.Dataset) -> dict[str, float]:
    """Place and height of the recovered peak near the true one, and its widths through it."""
    x, z = found["easting"].values, found["depth"].values
    true, recovered = found["true_perturbation"].values, found["recovered_perturbation"].values
    sign = np.sign(found.attrs["amplitude"])
    near = (true * sign > LEAST_SHARE * np.abs(true).max()) & found["rock"].values.astype(bool)
    row, column = np.unravel_index(
        np.argmax(np.where(near, sign * recovered, -np.inf)), true.shape
    )  # fmt: skip
    true_row, true_column = np.unravel_index(np.argmax(sign * true), true.shape)
    return {
        "peak_recovered": float(recovered[row, column]),
        "peak_shift_easting": float(x[column] - x[true_column]),
        "peak_shift_depth": float(z[row] - z[true_row]),
        "width_easting": half_width(x, sign * recovered[row], int(column)),
        "width_depth": half_width(z, sign * recovered[:, column], int(row)),
    }


def half_width(axis: Array, values: Array, peak: int) -> float:
    """Full width at half maximum around a peak, linear between nodes, to the ends at most.

    >>> half_width(np.arange(5.0), np.array([0.0, 1.0, 2.0, 1.0, 0.0]), 2)
    2.0
    """
    half = values[peak] / 2
    ends = []
    for step in (-1, 1):
        k = peak
        while 0 <= k + step < axis.size and values[k + step] > half:
            k += step
        if 0 <= k + step < axis.size and values[k] > values[k + step]:
            part = (values[k] - half) / (values[k] - values[k + step])
            ends.append(axis[k] + part * (axis[k + step] - axis[k]))
        else:
            ends.append(axis[k])
    return float(ends[1] - ends[0])
