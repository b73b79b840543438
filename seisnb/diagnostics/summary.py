"""Every figure that says how far an ensemble can be believed, from the ensemble alone."""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from seisnb.diagnostics.evidence import Evidence, spread_ratio
from seisnb.diagnostics.verdicts import told

Array = NDArray[np.float64]

#: Bins of the histogram of left-out residuals.
N_BINS = 10
#: Normal score that encloses 95 % of left-out residuals.
REACH = 1.96

#: Unit, long name and what is good, by variable.
_MEANING = {
    "chi2_ray": ("1", "chi2 per pick, times along rays", "about 1"),
    "chi2_referee": ("1", "chi2 per pick, by the grid referee", "about 1"),
    "chi2_network": ("1", "chi2 per pick, by the network alone", "about 1"),
    "ray_error": ("s", "rms error of times along rays against the referee", "far below a sigma"),
    "ray_error_sigmas": ("1", "the same in pick sigmas", "below 0.3"),
    "network_error": ("s", "rms error of the network's times against the referee", "below a sigma"),
    "network_error_sigmas": ("1", "the same in pick sigmas", "below 1"),
    "leakage_ray": ("1", "leakage of the rays' kernels", "0"),
    "leakage_network": ("1", "leakage of the network's own kernels", "0; not used"),
    "kernel_difference": ("1", "network's kernels less rays', as the prior sees it", "below 0.1"),
    "n_members": ("1", "members", "64 or more"),
    "n_effective": ("1", "effective members (Kish, from the weights)", "as many as members"),
    "n_independent": ("1", "effective number of independent draws", "as many as members"),
    "spread_ratio": ("1", "spread of predicted times over the linearised posterior's", "about 1"),
    "std_ratio": ("1", "std ratio posterior over prior, median", "below 1"),
    "std_ratio_crossed": ("1", "std ratio in cells with rays, median", "well below 1"),
    "std_ratio_uncrossed": ("1", "std ratio in cells without rays, median", "near 1: the prior"),
    "outside_share": ("1", "picks outside 95 % of their left-out prediction", "about 0.05"),
    "left_out_share": ("1", "share of left-out residuals by probability", "0.1 in every bin"),
    "left_out_low": ("1", "lower end of what 95 % of right settings give", ""),
    "left_out_high": ("1", "upper end of what 95 % of right settings give", ""),
    "probability": ("1", "probability of a lower value after the other picks", ""),
}  # fmt: skip


def diagnose(ensemble: xr.Dataset) -> xr.Dataset:
    """Every figure that says how far an ensemble can be believed.

    Figures that an ensemble does not hold (those of the network without one, those of left-out
    picks for one of an older version) are left out.

    Parameters
    ----------
    ensemble : xr.Dataset
        A result of :func:`seisnb.tomography.invert`.

    Returns
    -------
    xr.Dataset
        One variable per figure with ``units``, ``long_name`` and ``expected`` (what is good):

        - ``chi2_ray``, ``chi2_referee``, ``chi2_network``: misfit per pick, weighted mean over
          members, sigmas as they were used;
        - ``ray_error``, ``network_error`` [s] and ``*_sigmas``: rms over picks and members of times
          against the independent referee;
        - ``leakage_ray``, ``leakage_network``, ``kernel_difference``: kernels against rays, see
          :mod:`seisnb.traveltime.leakage`;
        - ``n_members``, ``n_effective`` (Kish: 1 / sum of squared weights), ``n_independent``: the
          same for engines whose members are independent draws; NaN for Stein particles, which
          repel each other and are no draws, so that no such number exists: judge them by
          ``spread_ratio``, the root mean square spread of predicted times over that of the
          linearised posterior;
        - ``std_ratio``, ``std_ratio_crossed``, ``std_ratio_uncrossed``: median over cells of rock,
          those with rays and those without;
        - ``outside_share``, and ``left_out_share`` (probability) with ``left_out_low`` and
          ``left_out_high``: histogram of the probability that each pick's left-out prediction
          gives to less than the pick, flat when prior and sigmas are right;
        - ``check_value``, ``check_low``, ``check_high``, ``check_z`` (check), from
          :mod:`seisnb.inference.checks`.

        ``attrs["verdict"]`` and ``attrs["verdict_level"]`` are those of the result, or judged anew
        where it is of an older version.

    References
    ----------
    Kish 1965, Survey Sampling; Dawid 1984, doi 10.2307/2981683 (probability integral transform).
    """
    weight = _weights(ensemble)
    values: dict[str, float] = {
        name: float(weight @ ensemble[name].values)
        for name in ("chi2_ray", "chi2_referee", "chi2_network")
        if name in ensemble
    }
    values |= _errors(ensemble) | _members(ensemble, weight) | _std_ratios(ensemble)
    for name in ("leakage_ray", "leakage_network", "kernel_difference"):
        if name in ensemble:
            values[name] = float(ensemble[name])
    if "leakage_ray" not in values:
        values["leakage_ray"] = 0.0  # the kernel of a ray is the ray
    found = xr.Dataset({name: ((), value) for name, value in values.items()})
    if "left_out_residual" in ensemble:
        found = found.merge(_left_out(ensemble["left_out_residual"].values))
        found = found.merge(ensemble[[f"check_{part}" for part in ("value", "low", "high", "z")]])
    for name, (units, long_name, expected) in _MEANING.items():
        if name in found.variables:
            found[name].attrs.update(units=units, long_name=long_name)
            if expected:
                found[name].attrs["expected"] = expected
    level, sentences = told(ensemble)
    found.attrs = {"verdict": "\n".join(sentences), "verdict_level": level}
    return found


def _weights(ensemble: xr.Dataset) -> Array:
    """Weights of the members, summing to one."""
    log_weight = ensemble["log_weight"].values
    weight = np.exp(log_weight - log_weight.max())
    return np.asarray(weight / weight.sum())


def _errors(ensemble: xr.Dataset) -> dict[str, float]:
    """Errors (rms) of times against the referee, in seconds and in pick sigmas as used."""
    sigma = ensemble["pick_std"].values * float(ensemble["sigma_scale"].mean())
    out = {}
    for name in ("ray_error", "network_error"):
        if name in ensemble:
            error = ensemble[name].values
            out[name] = float(np.sqrt(np.mean(error**2)))
            out[f"{name}_sigmas"] = float(np.sqrt(np.mean((error / sigma) ** 2)))
    return out


def _members(ensemble: xr.Dataset, weight: Array) -> dict[str, float]:
    """How many members there are, and what they are worth."""
    is_together = Evidence.of_settings(ensemble).is_together
    kish = 1 / float(np.sum(weight**2))
    out = {
        "n_members": float(weight.size),
        "n_effective": kish,
        "n_independent": np.nan if is_together else kish,
    }
    spread = spread_ratio(ensemble)
    if np.isfinite(spread):
        out["spread_ratio"] = spread
    return out


def _std_ratios(ensemble: xr.Dataset) -> dict[str, float]:
    """Posterior over prior std: median over rock, with and without rays."""
    rock = ensemble["rock"].values.astype(bool)
    prior = ensemble["prior_std"].values
    ratio = ensemble["velocity_std"].values / np.where(prior > 0, prior, np.nan)
    crossed = ensemble["ray_coverage"].values > 0
    cells = {
        "std_ratio": rock,
        "std_ratio_crossed": rock & crossed,
        "std_ratio_uncrossed": rock & ~crossed,
    }
    return {name: float(np.nanmedian(ratio[held])) for name, held in cells.items() if held.any()}


def _left_out(residual: Array) -> xr.Dataset:
    """Histogram of left-out residuals by probability, with the range of a flat one."""
    from scipy.special import ndtr  # slow to load, and few need it

    edges = np.linspace(0, 1, N_BINS + 1)
    counts, _ = np.histogram(ndtr(residual), edges)
    reach = REACH * np.sqrt((1 - 1 / N_BINS) / N_BINS / residual.size)
    flat = np.full(N_BINS, 1 / N_BINS)
    return xr.Dataset(
        {
            "outside_share": ((), float(np.mean(np.abs(residual) > REACH))),
            "left_out_share": ("probability", counts / residual.size),
            "left_out_low": ("probability", np.maximum(flat - reach, 0.0)),
            "left_out_high": ("probability", flat + reach),
        },
        coords={"probability": (edges[:-1] + edges[1:]) / 2},
    )
