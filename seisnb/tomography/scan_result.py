"""What a scan of priors found: weights, credible ranges, the best combinations."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Literal

import numpy as np
import xarray as xr
from numpy.typing import NDArray

import seisnb
from seisnb.conventions import InputError, PriorError, Variable, set_units
from seisnb.prior import PriorConfig
from seisnb.tomography.config import TomographyConfig

Array = NDArray[np.float64]
Criterion = Literal["log_evidence", "wbic"]

#: The hyper-parameters, in the order of the dimensions.
HYPER = ("amplitude", "length_easting", "length_depth")
#: Level of the credible ranges in the attributes.
LEVEL = 0.95
#: What became of a combination of lengths.
STATUS = ("fitted", "too many unknowns", "unresolved by the cell")
VARIABLES = {
    "log_evidence": Variable(dims=HYPER, units="1", long_name="log evidence (Laplace)"),
    "wbic": Variable(
        dims=HYPER, units="1", long_name="widely applicable Bayesian information criterion"
    ),
    "sigma_scale": Variable(
        dims=HYPER, units="1", long_name="most probable factor on the pick sigmas"
    ),
    "posterior_weight": Variable(
        dims=HYPER, units="1", long_name="posterior probability on a flat grid"
    ),
    "n_unknowns": Variable(dims=HYPER[1:], units="1", long_name="whitened unknowns of the prior"),
    "status": Variable(dims=HYPER[1:], units="1", long_name="what became of the combination"),
    "length_easting": Variable(dims=HYPER[1:2], units="km", long_name="length along the line"),
    "length_depth": Variable(dims=HYPER[2:], units="km", long_name="length in depth"),
}


def scan_dataset(
    axes: Mapping[str, Array],
    values: Mapping[str, Array],
    n_unknowns: Array,
    status: NDArray[np.int8],
    *,
    prior: PriorConfig,
    config: TomographyConfig,
) -> xr.Dataset:
    """The grid as a Dataset with weights, best combinations and what they are worth.

    Parameters
    ----------
    axes : mapping of str to Array
        Values of the hyper-parameters.
    values : mapping of str to Array, (amplitude, length_easting, length_depth)
        ``log_evidence``, ``wbic`` and ``sigma_scale``; NaN where nothing was fitted.
    n_unknowns, status : Array, (length_easting, length_depth)
        Unknowns of the priors, and the index into :data:`STATUS`.
    prior, config : PriorConfig, TomographyConfig
        The settings, for the record.

    Raises
    ------
    PriorError
        Nothing was fitted.
    """
    evidence = values["log_evidence"]
    if not np.isfinite(evidence).any():
        raise PriorError(
            "scan_prior: no combination could be fitted: too many unknowns, or lengths too short "
            "for the cell. Give longer lengths, a smaller depth_max, or no cell."
        )
    weight = np.nan_to_num(np.exp(evidence - np.nanmax(evidence)), nan=0.0)
    found = xr.Dataset(
        {
            **{name: (HYPER, array) for name, array in values.items()},
            "posterior_weight": (HYPER, weight / weight.sum()),
            "n_unknowns": (HYPER[1:], n_unknowns),
            "status": (HYPER[1:], status),
        },
        coords={name: (name, array) for name, array in axes.items()},
    )
    set_units(found, VARIABLES)
    is_log = prior.field == "log_velocity"
    found["amplitude"].attrs.update(
        units="1" if is_log else "km/s", long_name=f"prior standard deviation of {prior.field}"
    )
    found["status"].attrs.update(
        flag_values=np.arange(len(STATUS), dtype=np.int8),
        flag_meanings=" ".join(each.replace(" ", "_") for each in STATUS),
    )
    best = {
        "best_by_evidence": _combination(found, int(np.nanargmax(evidence))),
        "best_by_wbic": _combination(found, int(np.nanargmin(found["wbic"].values))),
    }
    chosen = best["best_by_evidence"]
    found.attrs = {
        "kind": "prior scan",
        "seisnb_version": seisnb.__version__,
        "config": json.dumps(asdict(config)),
        "prior": json.dumps(asdict(prior)),
        "n_too_costly": int((status == 1).sum()),
        "n_unresolved": int((status == 2).sum()),
        **{name: json.dumps(combination) for name, combination in best.items()},
        "at_edge": json.dumps([n for n in HYPER if _is_at_edge(found[n].values, chosen[n])]),
    }
    for name in HYPER:
        found.attrs[f"credible_{name}"] = credible_range(found, name)
    return found


def _combination(found: xr.Dataset, flat: int) -> dict[str, float]:
    """Values of the hyper-parameters and the sigma's factor at a place of the grid."""
    place = np.unravel_index(flat, found["log_evidence"].shape)
    values = {name: float(found[name][k]) for name, k in zip(HYPER, place, strict=True)}
    return {**values, "sigma_scale": float(found["sigma_scale"].values[place])}


def _is_at_edge(values: Array, chosen: float) -> bool:
    """Whether a best value has no neighbour on one side; a single value has been given."""
    return values.size > 1 and chosen in (values[0], values[-1])


def credible_range(scan: xr.Dataset, name: str, level: float = LEVEL) -> tuple[float, float]:
    """Central range of one hyper-parameter by the posterior weights, all others summed over.

    A value of the grid stands for everything that is nearer to it than to its neighbours on a log
    scale, so that a range is never narrower than the grid can tell.

    Parameters
    ----------
    scan : xr.Dataset
        From :func:`scan_prior`.
    name : str
        ``amplitude``, ``length_easting`` or ``length_depth``.
    level : float
        Probability inside, between 0 and 1.

    Returns
    -------
    low, high : float
        In the unit of the hyper-parameter; the value twice where the grid has only one.
    """
    if name not in HYPER or not 0 < level < 1:
        raise InputError(
            f"credible_range: {name!r} at level {level}; expected one of {', '.join(HYPER)} and a "
            "level between 0 and 1."
        )
    values = scan[name].values
    if values.size == 1:
        return float(values[0]), float(values[0])
    weight = scan["posterior_weight"].sum([other for other in HYPER if other != name]).values
    logs = np.log(values)
    middles = (logs[1:] + logs[:-1]) / 2
    edges = np.concatenate([[2 * logs[0] - middles[0]], middles, [2 * logs[-1] - middles[-1]]])
    below = np.concatenate([[0.0], np.cumsum(weight)])
    low, high = np.interp([(1 - level) / 2, (1 + level) / 2], below / below[-1], edges)
    return float(np.exp(low)), float(np.exp(high))


def best_prior(scan: xr.Dataset, criterion: Criterion = "log_evidence") -> PriorConfig:
    """The best combination of a scan as a prior for :func:`seisnb.tomography.invert`."""
    settings = json.loads(scan.attrs["prior"])
    if settings["profile"] is not None:
        settings["profile"] = tuple(tuple(point) for point in settings["profile"])
    best = json.loads(scan.attrs[_ATTRIBUTE[criterion]])
    return PriorConfig(**{**settings, **{name: best[name] for name in HYPER}})


#: Attributes that hold the best combinations.
_ATTRIBUTE = {"log_evidence": "best_by_evidence", "wbic": "best_by_wbic"}
