"""How well is this place resolved? A known pattern is hidden in the model and looked for.

The picks of the same geometry are computed through a model with and without the pattern, by the
independent grid referee, and both are inverted with the same settings and the same random numbers;
only the picks with the pattern carry noise (or none do). What the second inversion shows beyond the
first is the pattern as these picks would show it: blurred, weakened, with one realisation of noise.
Without the twin the prior's pull on the model itself would be taken for the pattern.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Literal

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray

import seisnb
from seisnb.conventions import SURVEY, Cancelled, InputError
from seisnb.handles import Progress
from seisnb.inference.base import seeded
from seisnb.prior import PriorConfig
from seisnb.section import SectionGrid, section_grid, to_depth_grid
from seisnb.survey import survey_checksum, used_picks
from seisnb.tomography.config import TomographyConfig
from seisnb.tomography.inversion import invert
from seisnb.tomography.lengths import LENGTHS
from seisnb.tomography.pattern import (
    add_pattern_figures,
    checkerboard,
    describe_resolution,
    spike,
)
from seisnb.tomography.problem import make_frame
from seisnb.traveltime.base import pick_geometry
from seisnb.traveltime.referee import open_referee

Array = NDArray[np.float64]
Pattern = Literal["checkerboard", "spike"]

#: Members of the two inversions, unless asked otherwise.
N_MEMBERS = 16
#: The stream of random numbers of the picks' noise.
NOISE_STREAM = 2**41
#: What the result keeps of the ensemble with the pattern.
_KEPT = ("rock", "ray_coverage", "deepest_ray", *SURVEY)


@dataclass(frozen=True, kw_only=True)
class _Setting:
    """What both inversions share: picks, settings, and the model that the pattern is put into."""

    survey: xr.Dataset
    prior: PriorConfig
    config: TomographyConfig
    grid: SectionGrid
    velocity: Array
    referee_cell: float


def resolution_test(
    source: xr.Dataset,
    *,
    pattern: Pattern = "checkerboard",
    size: tuple[float, float] | None = None,
    amplitude: float = 0.05,
    at: tuple[float, float] | None = None,
    noise: bool = True,
    n_members: int = N_MEMBERS,
    seed: int | None = None,
    prior: PriorConfig | None = None,
    config: TomographyConfig | None = None,
    progress: Callable[[Progress], None] | None = None,
    cancel: Callable[[], bool] | None = None,
) -> xr.Dataset:
    """Hide a checkerboard or a spike in the model and see what the picks bring back.

    Parameters
    ----------
    source : xr.Dataset
        An ensemble of :func:`seisnb.tomography.invert`, whose mean model, prior, settings and
        inferred sigmas are used; or a survey, also one without real picks yet, whose model is then
        the prior's mean.
    pattern : str
        ``checkerboard`` or ``spike``.
    size : (float, float), optional
        Size along the line and in depth [km]: of one field of the checkerboard, or the spike's full
        width at half maximum. Default: the prior's correlation lengths.
    amplitude : float
        Greatest change of velocity, as a fraction.
    at : (float, float), optional
        Easting, and depth below the surface [km], of a spike. Default: the middle of the cells
        that rays cross.
    noise : bool
        Add the picks' noise, as a real line has it. Without, what is lost is lost to geometry and
        prior alone; ``recovered_std`` tells of the noise either way.
    n_members : int
        Members of the two inversions.
    seed : int, optional
        Of members and noise; the settings' own by default.
    prior, config : PriorConfig, TomographyConfig, optional
        For a survey (amplitude and lengths must be given); an ensemble brings its own.
    progress, cancel : callable, optional
        As for :func:`seisnb.tomography.invert`.

    Returns
    -------
    xr.Dataset
        On (depth, easting), fractions of velocity: ``true_perturbation``,
        ``recovered_perturbation`` (mean), ``recovered_std``; ``recovery_ratio``, the recovered
        pattern's share of the true one around each cell (1: all of it, 0: nothing). For a spike
        also ``peak_recovered`` (fraction), ``peak_shift_easting``, ``peak_shift_depth``,
        ``width_easting``, ``width_depth`` [km]. ``attrs["verdict"]`` says it in a sentence.

    Raises
    ------
    InputError
        A pattern, size, amplitude or place that cannot be; settings given beside an ensemble.
    Cancelled
        Cancelled before the end; a part is of no use here.

    References
    ----------
    Leveque, Rivera and Wittlinger 1993, doi 10.1111/j.1365-246X.1993.tb05605.x (what
    checkerboards hide: large structure may be lost where small is found; try several sizes).
    """
    setting = _setting_of(source, prior, config, n_members, seed)
    size = size or _default_size(setting)
    _check(pattern, size, amplitude, setting, at)
    if pattern == "spike":
        at = at or _default_place(source, setting)
        shape = spike(setting.grid, size, at)
    else:
        shape = checkerboard(setting.grid, size)
    change = amplitude * shape
    geometry = pick_geometry(setting.survey)
    with open_referee(setting.grid, geometry, 1) as referee:
        plain, changed = (
            referee.times(setting.velocity * (1 + part), setting.referee_cell)
            for part in (0.0, change)
        )
    generator = seeded(setting.config.seed, NOISE_STREAM)
    errors = torch.randn(plain.size, generator=generator, dtype=torch.float64).numpy()
    errors *= noise * setting.survey["pick_std"].values
    results = [
        _inverted(setting, times, label, progress, cancel)
        for times, label in ((plain, "without the pattern"), (changed + errors, "with the pattern"))
    ]
    described: dict[str, object] = {
        "pattern": pattern,
        "size_km": list(size),
        "amplitude": amplitude,
        "noise": int(noise),
        **({"at_km": list(at)} if at is not None and pattern == "spike" else {}),
    }
    return _result(setting, results, change, described)


def _setting_of(
    source: xr.Dataset,
    prior: PriorConfig | None,
    config: TomographyConfig | None,
    n_members: int,
    seed: int | None,
) -> _Setting:
    """Picks, settings and model of an ensemble or a survey."""
    is_ensemble = source.attrs.get("kind") == "ensemble"
    if is_ensemble and (prior is not None or config is not None):
        raise InputError(
            "resolution_test: prior and config are those of the ensemble. Leave them out, or give "
            "a survey."
        )
    survey = used_picks(source[list(SURVEY)], where="resolution_test")
    if is_ensemble:
        settings = json.loads(source.attrs["prior"])
        settings["profile"] = tuple(tuple(pair) for pair in settings["profile"])
        prior = PriorConfig(**settings)
        config = TomographyConfig(**json.loads(source.attrs["config"]))
        survey["pick_std"] = survey["pick_std"] * float(source["sigma_scale"].mean())
    prior, config = prior or PriorConfig(), config or TomographyConfig()
    opened = [name for name in ("amplitude", *LENGTHS) if getattr(prior, name) is None]
    if opened:
        raise InputError(
            f"resolution_test: the prior leaves {' and '.join(opened)} open, and a survey's times "
            "are not used here. Give them, or an ensemble, whose prior is known."
        )
    frame = make_frame(survey, prior, config)
    grid = section_grid(survey, depth_max=config.depth_max or frame.depth_max, cell=config.cell)
    below = np.broadcast_to(grid.below_surface, (grid.n_easting, grid.n_depth))
    velocity = (
        _hung(source["velocity_mean"].values, source["depth"].values, grid)
        if is_ensemble
        else frame.profile.at(below)
    )
    config = replace(
        config,
        n_members=n_members,
        seed=config.seed if seed is None else seed,
        infer_sigma=False,  # they are known here, and the picks without noise would belie them
        recentre=False,  # the two inversions share every draw; shifts of their own would differ
        likelihood="gaussian",
        depth_max=config.depth_max or frame.depth_max,
        cell=grid.cell_easting,
    )
    cell = float(source.attrs.get("referee_cell_km", 0.5 * grid.cell_depth))
    return _Setting(
        survey=survey,
        prior=prior,
        config=config,
        grid=grid,
        velocity=velocity,
        referee_cell=min(cell, grid.cell_depth),
    )


def _hung(values: Array, depth: Array, grid: SectionGrid) -> Array:
    """A section (depth, easting) on depths [km], on the section grid (n_easting, n_depth)."""
    return np.stack(
        [
            np.interp(top + grid.below_surface, depth, column)
            for top, column in zip(grid.surface, values.T, strict=True)
        ]
    )


def _default_size(setting: _Setting) -> tuple[float, float]:
    """The prior's correlation lengths, held to the section."""
    along, depth = setting.prior.length_easting, setting.prior.length_depth
    assert along and depth
    x0, x1, *_ = setting.grid.extent
    return min(along, x1 - x0), min(depth, float(setting.grid.below_surface[-1]))


def _default_place(source: xr.Dataset, setting: _Setting) -> tuple[float, float]:
    """Middle of the cells that rays cross; without rays, of the upper half of the section."""
    grid = setting.grid
    if "ray_coverage" not in source:
        return float(grid.easting.mean()), float(grid.below_surface[-1]) / 4
    row, column = np.nonzero(source["ray_coverage"].values > 0)
    x, z = float(grid.easting[column].mean()), float(source["depth"].values[row].mean())
    return x, max(z - float(np.interp(x, grid.easting, grid.surface)), 0.0)


def _check(
    pattern: str,
    size: tuple[float, float],
    amplitude: float,
    setting: _Setting,
    at: tuple[float, float] | None,
) -> None:
    """Refuse what no test can be made of."""
    grid = setting.grid
    if pattern not in ("checkerboard", "spike"):
        raise InputError(
            f"resolution_test: pattern is {pattern!r}; expected 'checkerboard' or 'spike'."
        )
    least = (2 * grid.cell_easting, 2 * grid.cell_depth)
    if not (least[0] <= size[0] < np.inf and least[1] <= size[1] < np.inf):
        raise InputError(
            f"resolution_test: size is {tuple(size)} km; expected two lengths, along the line and "
            f"in depth, of at least two cells ({least[0]:g}, {least[1]:g})."
        )
    if not 0 < abs(amplitude) <= 0.5:
        raise InputError(
            f"resolution_test: amplitude is {amplitude}; expected a fraction of velocity up to "
            "0.5, such as 0.05, or its negative."
        )
    x0, x1, *_ = grid.extent
    if at is not None and not (x0 <= at[0] <= x1 and 0 <= at[1] <= grid.below_surface[-1]):
        raise InputError(
            f"resolution_test: the spike at easting {at[0]:g} km, {at[1]:g} km under the surface, "
            f"lies outside the model ({x0:g} to {x1:g} km, down to {grid.below_surface[-1]:g} km)."
        )


def _inverted(
    setting: _Setting,
    times: Array,
    label: str,
    progress: Callable[[Progress], None] | None,
    cancel: Callable[[], bool] | None,
) -> xr.Dataset:
    """One of the two inversions, whole."""

    def tell(message: Progress) -> None:
        if progress:
            progress(replace(message, message=f"{label}: {message.message}", member=None))

    survey = setting.survey.copy()
    survey["travel_time"] = survey["travel_time"].copy(data=times)
    found = invert(survey, setting.prior, setting.config, progress=tell, cancel=cancel)
    if found.attrs["cancelled"]:
        raise Cancelled("resolution_test: cancelled; a part of the members shows nothing.")
    return found


def _result(
    setting: _Setting,
    results: list[xr.Dataset],
    change: Array,
    described: dict[str, object],
) -> xr.Dataset:
    """True and recovered pattern on the depths of an ensemble."""
    plain, changed = results
    depth = changed["depth"].values
    section = ("depth", "easting")
    base = to_depth_grid(setting.velocity, setting.grid, depth)
    recovered = (changed["velocity_mean"].values - plain["velocity_mean"].values) / base
    found = changed[[name for name in _KEPT if name in changed]].assign(
        base_velocity=(section, base),
        true_perturbation=(section, to_depth_grid(change, setting.grid, depth)),
        recovered_perturbation=(section, recovered),
        recovered_std=(section, changed["velocity_std"].values / base),
    )
    found.attrs = {
        "kind": "resolution",
        **{
            name: changed.attrs[name]
            for name in ("title", "source", "length_unit", "water_velocity")
            if name in changed.attrs
        },
        "seisnb_version": seisnb.__version__,
        **described,
        "n_members": changed.sizes["particle"],
        "seed": setting.config.seed,
        "config": json.dumps(asdict(setting.config)),
        "prior": changed.attrs["prior"],
        "survey_checksum": survey_checksum(setting.survey),
    }
    found = add_pattern_figures(found)
    found.attrs["verdict"] = describe_resolution(found)
    return found
