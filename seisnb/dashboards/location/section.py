"""The velocity ensemble along a line through an event, with clouds, stations and the boundary."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from seisnb.dashboards.figures.clouds import ANSWERS
from seisnb.dashboards.figures.location import N_DRAWN, STATION, TRIAL
from seisnb.dashboards.figures.style import Array
from seisnb.dashboards.section_data import MAX_BYTES, Overlay, SectionData, section_data
from seisnb.eigenvectors import signed
from seisnb.location.interfaces import Boundary, LineBoundary, MeshBoundary
from seisnb.velocity_models import VelocityEnsemble
from seisnb.velocity_sections import velocity_along

#: Cells of the section.
N_ALONG, N_DEPTH = 121, 81


class Line:
    """A straight line on the map.

    Parameters
    ----------
    centre : tuple of float
        Easting and northing [km] of its middle.
    azimuth : float
        Clockwise from north [degrees].
    half_length : float
        In km.
    """

    def __init__(self, centre: tuple[float, float], azimuth: float, half_length: float) -> None:
        self.centre, self.azimuth, self.half_length = centre, azimuth, half_length
        a = np.radians(azimuth)
        self._step = (float(np.sin(a)), float(np.cos(a)))

    @property
    def ends(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """Easting and northing [km] of both ends."""
        (x, y), (dx, dy), h = self.centre, self._step, self.half_length
        return (x - h * dx, y - h * dy), (x + h * dx, y + h * dy)

    def along(self, easting: Array, northing: Array) -> tuple[Array, Array]:
        """Distance from the middle along the line and off it [km]."""
        dx, dy = easting - self.centre[0], northing - self.centre[1]
        s, c = self._step
        return dx * s + dy * c, -dx * c + dy * s


def line_through(one: xr.Dataset, azimuth: float, half_length: float) -> Line:
    """The line through an event's mean; without a length, as long as its stations ask for."""
    centre = (float(one["mean_easting"].item()), float(one["mean_northing"].item()))
    if half_length <= 0:
        line = Line(centre, azimuth, 1.0)
        away, _ = line.along(one["station_easting"].values, one["station_northing"].values)
        half_length = float(np.clip(1.1 * np.quantile(np.abs(away), 0.8), 15.0, 150.0))
    return Line(centre, azimuth, half_length)


def location_section(
    ensemble: VelocityEnsemble, one: xr.Dataset, line: Line, *, title: str
) -> SectionData:
    """All members along the line, from the highest station to below the event.

    Parameters
    ----------
    ensemble : VelocityEnsemble
        Members.
    one : xr.Dataset
        The event (no ``event`` dim).
    line : Line
        Where.
    title : str
        Of the figure.
    """
    parts = [one[f"{p}depth"].values for p, _, _ in ANSWERS if f"{p}depth" in one]
    deepest = float(np.quantile(np.concatenate(parts), 0.999))
    top = min(0.0, float(one["station_depth"].min())) - 0.5
    depth = np.linspace(top, max(1.3 * deepest, deepest + 5.0), N_DEPTH)
    n = ensemble.n_members
    n_most = max(2, MAX_BYTES // (2 * N_ALONG * N_DEPTH))
    along, velocity = velocity_along(ensemble, *line.ends, depth, n_along=N_ALONG)
    note = ""
    if n > n_most:
        velocity, note = velocity[:n_most], f"Shown are {n_most} of {n} members."
    finite = velocity[np.isfinite(velocity)]
    return section_data(
        velocity, along - line.half_length, depth, title=title, note=note,
        limits=_limits(finite), x_label=f"Distance along {line.azimuth:.0f}° (km)",
        names=tuple(ensemble.name[: len(velocity)]),
        weights=ensemble.weight[: len(velocity)],
    )  # fmt: skip


def event_overlays(
    one: xr.Dataset,
    line: Line,
    *,
    trial: Sequence[float] = (),
    boundary: Boundary | Sequence[Boundary] | None = None,
    within: float = 2.0,
    answer: str = "both",
) -> list[Overlay]:
    """Clouds, means with their 68 % ellipses, stations near the line, boundary, trial."""
    found: list[Overlay] = []
    hidden = {"all models": "single_", "one model": ""}.get(answer)
    found += _boundary(line, boundary, within)
    for prefix, colour, label in ANSWERS:
        if f"{prefix}easting" not in one or prefix == hidden:
            continue
        x, y, z = (one[f"{prefix}{n}"].values for n in ("easting", "northing", "depth"))
        along, _ = line.along(x, y)
        shown = slice(0, N_DRAWN)
        name = prefix or "all_"
        ex, ez = _ellipse(along, z)
        found += [
            Overlay(name=f"{name}cloud", label=f"cloud, {label}", kind="cloud", x=along[shown],
                    z=z[shown], colour=colour, style={"alpha": 0.55, "size": 1.3}),
            Overlay(name=f"{name}ellipse", label=f"68 % ellipse, {label}", kind="line", x=ex,
                    z=ez, colour=colour, style={"width": 2}),
        ]  # fmt: skip
    along, off = line.along(one["station_easting"].values, one["station_northing"].values)
    near = np.abs(off) < 0.5 * line.half_length
    found.append(
        Overlay(name="stations", label="stations near the line", kind="points", x=along[near],
                z=one["station_depth"].values[near], colour=STATION,
                style={"marker": "inverted", "size": 5})
    )  # fmt: skip
    if len(trial) == 3:
        at, _ = line.along(np.array([trial[0]]), np.array([trial[1]]))
        found.append(
            Overlay(name="trial", label="trial hypocentre", kind="points", x=at,
                    z=np.array([trial[2]]), colour=TRIAL,
                    style={"marker": "cross", "size": 6, "width": 3})
        )  # fmt: skip
    return found


def _boundary(
    line: Line, boundary: Boundary | Sequence[Boundary] | None, within: float
) -> list[Overlay]:
    """The boundary's depth along the line, and the band within a distance of it."""
    if boundary is None:
        return []
    each = list(boundary) if isinstance(boundary, Sequence) else [boundary]
    share = np.linspace(-line.half_length, line.half_length, N_ALONG)
    s, c = np.sin(np.radians(line.azimuth)), np.cos(np.radians(line.azimuth))
    x, y = line.centre[0] + share * s, line.centre[1] + share * c
    levels = np.array([_depth_of(one, x, y) for one in each])
    known = np.isfinite(levels).all(axis=0)
    if not known.any():
        return []
    middle = levels[:, known].mean(axis=0)
    spread = 2.0 * levels[:, known].std(axis=0) + within
    at = share[known]
    return [
        Overlay(name="band", label=f"boundary ± {within:g} km", kind="fill", x=at,
                z=middle - spread, other=middle + spread, colour=TRIAL, style={"alpha": 0.25}),
        Overlay(name="boundary", label="boundary", kind="line", x=at, z=middle, colour=TRIAL,
                style={"width": 2}),
    ]  # fmt: skip


def _depth_of(boundary: LineBoundary | MeshBoundary, x: Array, y: Array) -> Array:
    """Depth of a boundary under places [km]; NaN where it does not reach."""
    below, _ = boundary.separation(np.column_stack([x, y, np.zeros(x.size)]))
    return -below


def _ellipse(x: Array, z: Array) -> tuple[Array, Array]:
    """The ellipse that holds 68 % of a normal cloud."""
    covariance = np.cov(np.stack([x, z]))
    values, vectors = np.linalg.eigh(covariance)
    angle = np.linspace(0, 2 * np.pi, 73)
    circle = np.sqrt(2.28 * np.maximum(values, 0))[:, None] * [np.cos(angle), np.sin(angle)]
    points = signed(vectors) @ circle
    return points[0] + x.mean(), points[1] + z.mean()


def _limits(values: NDArray[np.floating]) -> tuple[float, float]:
    """Round colour limits."""
    low, high = np.quantile(values, (0.01, 0.99))
    return float(np.floor(2 * low) / 2), float(np.ceil(2 * high) / 2)
