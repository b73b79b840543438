"""An ensemble's section as the browser takes it: quantised members, fields, overlays, words.

Everything is in display units. Members travel as 16-bit codes, ``value = offset + scale * code``,
so that a value is known to half a step; the step is stated in the header's note.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from seisnb.conventions import InputError
from seisnb.dashboards.figures.layers import coverage_layer, painted_cells, ratio_layer
from seisnb.dashboards.figures.profiles import prior_interval
from seisnb.dashboards.figures.style import (
    SHOT,
    WATER,
    Array,
    display_of,
    is_marine,
    nice_limits,
    number,
    palette,
    plain,
    surface_name,
)
from seisnb.survey import surface_depth_at

#: Code of a cell without rock; values take the codes below :data:`N_CODES`.
MISSING, N_CODES = 65535, 65000
#: Most bytes of members that are sent to a browser, which needs about three times as much.
MAX_BYTES = 60_000_000

QUANTITIES = ("mean", "member", "std", "relative", "quantile", "exceedance", "correlation")
PALETTES: Mapping[str, tuple[str, bool]] = {
    "velocity": ("batlow", False),
    "std": ("lajolla", True),
    "probability": ("davos", True),
    "diverging": ("vik", False),
    "ratio": ("lapaz", False),
    "coverage": ("davos", True),
}


@dataclass(frozen=True, kw_only=True)
class Overlay:
    """Something drawn over the section, display units.

    Attributes
    ----------
    name, label : str
        Its key, and what the list of layers calls it; without a label it cannot be hidden.
    kind : str
        ``line`` (NaN lifts the pen), ``points``, ``cloud`` (dots) or ``fill`` (from ``z`` to
        ``other``).
    x, z, other : array, (n,)
        Where.
    colour : str
        CSS colour; ``paper`` and ``ink`` follow the page's theme.
    style : mapping
        ``width``, ``dash``, ``alpha``, ``marker``, ``size``, ``outline``.
    is_visible : bool
        Shown at first.
    """

    name: str
    kind: str
    x: Array
    z: Array
    colour: str
    label: str = ""
    other: Array | None = None
    style: Mapping[str, Any] = field(default_factory=dict)
    is_visible: bool = True

    def info(self) -> dict[str, Any]:
        """What the header says of it."""
        return {
            "name": self.name, "label": self.label, "kind": self.kind, "colour": self.colour,
            "visible": self.is_visible, "n": int(np.size(self.x)), **self.style,
        }  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Field:
    """A named picture of its own; without a title it only serves the profile."""

    name: str
    values: NDArray[np.float32]
    title: str = ""
    label: str = ""
    palette: str = "velocity"
    low: float = 0.0
    high: float = 1.0


@dataclass(frozen=True, kw_only=True, eq=False)
class SectionData:
    """All that a section view shows.

    Attributes
    ----------
    codes : array of uint16, (member, depth, easting)
        Members; :data:`MISSING` where there is no rock.
    offset, scale : float
        ``value = offset + scale * code``, display units.
    x, z : array
        Eastings (or distances along a line) and depths of the cells, evenly spaced.
    weights, other_weights : array, (member,), or None
        None: equal weights, and no others to switch to.
    """

    title: str
    codes: NDArray[np.uint16]
    offset: float
    scale: float
    x: Array
    z: Array
    limits: tuple[float, float]
    std_limits: tuple[float, float]
    top: float
    bottom: float
    unit: str = "km/s"
    length_unit: str = "km"
    label: str = "P velocity (km/s)"
    x_label: str = "Easting (km)"
    z_label: str = "Depth (km)"
    is_elevation: bool = False
    names: tuple[str, ...] = ()
    weights: Array | None = None
    other_weights: Array | None = None
    other_weights_label: str = ""
    fields: tuple[Field, ...] = ()
    overlays: tuple[Overlay, ...] = ()
    palettes: Mapping[str, tuple[str, bool]] = field(default_factory=lambda: PALETTES)
    quantities: tuple[str, ...] = QUANTITIES
    note: str = ""
    is_growing: bool = False

    @property
    def n_members(self) -> int:
        """Number of members."""
        return int(self.codes.shape[0])

    @property
    def n_bytes(self) -> int:
        """Bytes that are sent, without palettes and words."""
        return (
            self.codes.nbytes
            + 4 * len(self.fields) * self.x.size * self.z.size
            + 4 * sum(3 * np.size(each.x) for each in self.overlays)
        )

    def header(self, revision: int) -> dict[str, Any]:
        """The words and numbers that go before the members; JSON-able."""
        x, z = self.x, self.z
        return {
            "revision": revision,
            "title": plain(self.title),
            "grid": {
                "nx": int(x.size), "nz": int(z.size), "x0": float(x[0]),
                "dx": float((x[-1] - x[0]) / (x.size - 1)), "z0": float(z[0]),
                "dz": float((z[-1] - z[0]) / (z.size - 1)),
            },
            "quantisation": {"offset": self.offset, "scale": self.scale},
            "nMembers": self.n_members,
            "names": [plain(name, 40) for name in self.names],
            "weights": _listed(self.weights),
            "otherWeights": _listed(self.other_weights),
            "otherWeightsLabel": self.other_weights_label,
            "unit": self.unit, "label": self.label, "xLabel": self.x_label,
            "zLabel": self.z_label, "lengthUnit": self.length_unit,
            "isElevation": self.is_elevation,
            "limits": list(self.limits), "stdLimits": list(self.std_limits),
            "top": self.top, "bottom": self.bottom,
            "fields": [
                {"name": f.name, "label": f.label, "title": f.title, "palette": f.palette,
                 "low": f.low, "high": f.high}
                for f in self.fields
            ],
            "overlays": [each.info() for each in self.overlays],
            "palettes": {
                name: "".join(palette(table, reverse=is_reversed)).replace("#", "")
                for name, (table, is_reversed) in self.palettes.items()
            },
            "quantities": list(self.quantities),
            "note": self.note,
            "isGrowing": self.is_growing,
        }  # fmt: skip

    def field_bytes(self) -> bytes:
        """The fields, one after the other, float32."""
        return b"".join(np.ascontiguousarray(f.values, "<f4").tobytes() for f in self.fields)

    def encoded(self, velocity: ArrayLike) -> NDArray[np.uint16]:
        """Further members, display units, as codes on this section's scale."""
        return _codes(np.asarray(velocity), self.offset, self.scale)


def overlay_bytes(overlays: Sequence[Overlay]) -> bytes:
    """The overlays' points, float32: x, z and, of a fill, the other edge."""
    parts = []
    for each in overlays:
        parts += [each.x, each.z]
        if each.kind == "fill":
            if each.other is None:
                raise InputError(f"section: the fill {each.name!r} has no other edge.")
            parts.append(each.other)
    return b"".join(np.asarray(part, "<f4").tobytes() for part in parts)


def section_data(
    velocity: NDArray[np.floating],
    x: Array,
    z: Array,
    *,
    title: str,
    value_range: tuple[float, float] | None = None,
    **options: Any,
) -> SectionData:
    """A section from members on a grid, display units.

    Parameters
    ----------
    velocity : array, (member, depth, easting)
        NaN where there is no rock; may hold no member yet when ``value_range`` is given.
    x, z : array
        Cell centres, evenly spaced.
    title : str
        Of the figure.
    value_range : tuple of float, optional
        Values that codes can tell apart; by default those that occur.
    options
        Further fields of :class:`SectionData`.

    Raises
    ------
    InputError
        Shapes that do not fit, fewer than two cells along an axis, or no finite value.
    """
    if velocity.ndim != 3 or velocity.shape[1:] != (z.size, x.size) or min(x.size, z.size) < 2:
        raise InputError(
            f"section: velocity has shape {velocity.shape}; expected (member, {z.size}, {x.size}) "
            "with two cells or more along each axis."
        )
    finite = velocity[np.isfinite(velocity)]
    if value_range is None:
        if not finite.size:
            raise InputError("section: no member has a finite velocity. Give value_range.")
        value_range = float(finite.min()), float(finite.max())
    offset = value_range[0]
    scale = max(value_range[1] - value_range[0], 1e-9) / (N_CODES - 1)
    defaults: dict[str, Any] = {
        "std_limits": (0.0, 1.0),
        "top": float(z[0]),
        "bottom": float(z[-1]),
    }
    if "limits" not in options:
        defaults["limits"] = nice_limits(finite if finite.size else value_range)
    if len(velocity) > 1 and "std_limits" not in options:
        inside = np.isfinite(velocity).all(axis=0)
        defaults["std_limits"] = nice_limits(velocity[:, inside].std(axis=0), zero=True)
    unit = options.get("unit", "km/s")
    step = f"Values are shown to ± {number(scale / 2, 2)} {unit}."
    note = " ".join(part for part in (options.pop("note", ""), step) if part)
    return SectionData(
        title=title, codes=_codes(velocity, offset, scale), offset=offset, scale=scale,
        x=np.asarray(x, float), z=np.asarray(z, float), note=note, **{**defaults, **options},
    )  # fmt: skip


def empty_section() -> SectionData:
    """A section before there is one."""
    return section_data(
        np.zeros((0, 2, 2), np.float32), np.array([0.0, 1.0]), np.array([0.0, 1.0]),
        title="Nothing yet", value_range=(0.0, 1.0),
    )  # fmt: skip


def ensemble_section(
    ensemble: xr.Dataset, *, max_bytes: int = MAX_BYTES, overlays: Sequence[Overlay] = ()
) -> SectionData:
    """A tomography ensemble as a section.

    Parameters
    ----------
    ensemble : xr.Dataset
        Of :func:`seisnb.tomography.invert`; may be opened without loading.
    max_bytes : int
        More are not sent: cells, then members are left out, and the note says so.
    overlays : sequence of Overlay
        Drawn over the line's own.
    """
    display = display_of(ensemble)
    whole = dict(ensemble.sizes)
    ensemble, told = thinned(ensemble, max_bytes)
    rock, painted = ensemble["rock"].values.astype(bool), painted_cells(ensemble)
    velocity = ensemble["velocity"].values.astype(np.float32) * np.float32(display.factor)
    velocity[:, ~painted] = np.nan
    std = display.scaled(ensemble["velocity_std"].values)
    mean = display.scaled(ensemble["velocity_mean"].values)
    low, high = prior_interval(ensemble, ensemble)
    ratio, coverage = ratio_layer(ensemble), coverage_layer(ensemble)
    fields = (
        Field(name="prior_mean", values=_float(display.scaled(ensemble["prior_mean"].values))),
        Field(name="prior_low", values=_float(low)),
        Field(name="prior_high", values=_float(high)),
        Field(name="ratio", values=ratio.values, title="Posterior over prior std",
              label=ratio.label, palette="ratio", low=ratio.low, high=ratio.high),
        Field(name="coverage", values=coverage.values, title=coverage.title,
              label=coverage.label, palette="coverage", low=coverage.low, high=coverage.high),
    )  # fmt: skip
    x, z = display.scaled(ensemble["easting"].values), display.scaled(ensemble["depth"].values)
    top = _top(ensemble) * display.factor
    note = ""
    if told:
        note = f"{told} of {whole['particle']} members on {whole['easting']} x {whole['depth']}."
    log_weight = ensemble["log_weight"].values
    return section_data(
        velocity, x, z,
        title=str(ensemble.attrs.get("title") or "Ensemble"),
        limits=nice_limits(mean[rock]),
        std_limits=(0.0, nice_limits(std[rock], zero=True)[1]),
        top=top, bottom=float(z[-1]),
        unit=display.velocity, length_unit=display.length,
        label=f"P velocity ({display.velocity})", x_label=f"Easting ({display.length})",
        z_label=display.vertical, is_elevation=display.is_elevation,
        weights=None if np.ptp(log_weight) < 1e-9 else np.exp(log_weight - log_weight.max()),
        fields=fields, overlays=(*line_overlays(ensemble, top), *overlays), note=note,
    )  # fmt: skip


def line_overlays(dataset: xr.Dataset, top: float) -> tuple[Overlay, ...]:
    """Air, water, surface, deepest ray, shots and receivers of a survey or ensemble."""
    display = display_of(dataset)
    knots = dataset["surface_easting"].values
    x = dataset["easting"].values if "easting" in dataset else knots
    x = np.unique(np.concatenate([x, knots[(knots > x[0]) & (knots < x[-1])]]))
    surface = display.scaled(surface_depth_at(dataset, x))
    x = display.scaled(np.concatenate([[2 * x[0] - x[1]], x, [2 * x[-1] - x[-2]]]))
    surface = np.concatenate([surface[:1], surface, surface[-1:]])
    high = np.full(x.size, top - 10 * abs(top) - 10 * float(np.ptp(surface)) - 1.0)
    found = [Overlay(name="air", kind="fill", x=x, z=high, other=surface, colour="paper")]
    if is_marine(dataset):
        sea = np.minimum(0.0, surface)
        found += [
            Overlay(name="water", kind="fill", x=x, z=sea, other=surface, colour=WATER),
            Overlay(name="sea_surface", kind="line", x=x, z=np.zeros(x.size), colour="#5a8fb5",
                    style={"width": 1.2}),
        ]  # fmt: skip
    name = surface_name(dataset)
    found.append(
        Overlay(name="surface", label=name, kind="line", x=x, z=surface, colour="ink",
                style={"width": 1.6})
    )  # fmt: skip
    if "deepest_ray" in dataset:
        deepest = display.scaled(dataset["deepest_ray"].values)
        at = dataset["easting"].values
        under = deepest > display.scaled(surface_depth_at(dataset, at))
        found.append(
            Overlay(name="deepest_ray", label="deepest ray", kind="line", x=display.scaled(at),
                    z=np.where(under, deepest, np.nan), colour="#1a1a1a",
                    style={"width": 1.8, "dash": [7, 4]})
        )  # fmt: skip
    for kind, colour, marker in (("receiver", "#ffffff", "inverted"), ("shot", SHOT, "star")):
        places = np.unique(
            np.stack([dataset[f"{kind}_easting"].values, dataset[f"{kind}_depth"].values]), axis=1
        )
        is_crowd = places.shape[1] > 60
        found.append(
            Overlay(name=f"{kind}s", label=f"{kind}s", kind="points",
                    x=display.scaled(places[0]), z=display.scaled(places[1]), colour=colour,
                    style={"marker": "circle" if is_crowd else marker,
                           "size": 2.2 if is_crowd else 5})
        )  # fmt: skip
    return tuple(found)


def thinned(ensemble: xr.Dataset, max_bytes: int) -> tuple[xr.Dataset, str]:
    """An ensemble that fits into ``max_bytes`` at 16 bit, and what was left out.

    Cells go first while there are more than a screen can show, then members.
    """
    sizes = ensemble.sizes
    cells = 1
    while (
        sizes["particle"] * sizes["easting"] * sizes["depth"] * 2 > max_bytes
        and min(sizes["easting"] / 2, sizes["depth"]) > 150
    ):
        cells *= 2
        every = slice(None, None, 2)
        ensemble = ensemble.isel(easting=every, depth=every)
        sizes = ensemble.sizes
    n_fit = max(2, int(max_bytes // (2 * sizes["easting"] * sizes["depth"])))
    n = sizes["particle"]
    if n > n_fit:
        chosen = np.unique(np.linspace(0, n - 1, n_fit).round().astype(int))
        ensemble = ensemble.isel(particle=chosen)
    if cells == 1 and n <= n_fit:
        return ensemble, ""
    every_cell = "every cell" if cells == 1 else f"one cell in {cells} along each axis"
    return ensemble, (
        f"Too large for a browser: shown are {every_cell} and {ensemble.sizes['particle']}"
    )


def _top(dataset: xr.Dataset) -> float:
    """Where the picture begins [km]: above every instrument and the sea."""
    names = ("surface_depth", "shot_depth", "receiver_depth")
    highest = min(float(dataset[name].min()) for name in names)
    highest = min(highest, 0.0) if is_marine(dataset) else highest
    return highest - 0.05 * (float(dataset["depth"].values[-1]) - highest)


def _codes(values: NDArray[np.floating], offset: float, scale: float) -> NDArray[np.uint16]:
    """Values as codes; those out of range take the nearest code."""
    codes = np.empty(values.shape, np.uint16)
    for k, member in enumerate(values):  # one member at a time: the ensemble is large
        with np.errstate(invalid="ignore"):
            code = np.rint((member - offset) / scale)
            codes[k] = np.where(np.isfinite(code), np.clip(code, 0, N_CODES - 1), MISSING)
    return codes


def _float(values: ArrayLike) -> NDArray[np.float32]:
    return np.asarray(values, np.float32)


def _listed(weights: Array | None) -> list[float] | None:
    return None if weights is None else [float(w) for w in weights]
