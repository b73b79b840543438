"""One sentence on a result: what it is good for, or what is wrong and what to do."""

from __future__ import annotations

import json

import numpy as np
import xarray as xr


def verdict(ensemble: xr.Dataset) -> str:
    """One sentence on a result: what it is good for, or what is wrong and what to do.

    Parameters
    ----------
    ensemble : xr.Dataset
        A result of :func:`seisnb.tomography.invert`.
    """
    config = json.loads(ensemble.attrs.get("config", "{}"))
    if config.get("likelihood") == "student":
        chi2 = _student_chi2(ensemble, config["student_dof"])
        weights = " with Student weights"
    else:
        chi2, weights = float(ensemble["chi2_referee"].mean()), ""
    scale = float(ensemble["sigma_scale"].mean())
    std = ensemble["pick_std"].values * scale
    sigmas = "their sigmas" if 0.8 < scale < 1.25 else f"{scale:.2g} times their sigmas"
    remedy = "" if config.get("infer_sigma") else "infer_sigma or "
    clock = ensemble.attrs.get("ray_error_seconds", np.nan) / float(np.median(std))
    n_members = ensemble.sizes["particle"]
    steps = "n_iterations" if config.get("engine") == "svgd" else "n_steps"
    stuck = float((1 - ensemble["is_converged"]).mean())
    if stuck > 0.1:
        return (
            f"{stuck:.0%} of the members did not converge: raise {steps}, or look for picks that "
            "no model can fit together."
        )
    if clock > 0.5 and clock**2 > 0.1 * chi2:
        return (
            f"Times along the rays differ from the referee by {clock:.1f} pick sigmas: choose a "
            "smaller cell or wavefront_cell."
        )
    if chi2 > 1.5:
        return (
            f"Misfit is too large (chi2 {chi2:.2f} per pick): the pick sigmas are too small or the "
            f"prior too stiff. Use {remedy}a larger amplitude or shorter correlation lengths, "
            "or mute picks whose residuals stand out."
        )
    if chi2 < 0.6:
        return (
            f"Picks are fitted better than their sigmas say (chi2 {chi2:.2f} per pick): the sigmas "
            f"are too large, so the intervals are too wide. Use {remedy}smaller sigmas."
        )
    if n_members < 32:
        return (
            f"Picks are fitted within {sigmas} (chi2 {chi2:.2f}{weights}), but {n_members} members "
            "give rough intervals: use 64 or more for publication."
        )
    return (
        f"Picks are fitted within {sigmas} (chi2 {chi2:.2f} per pick"
        f"{weights or ' by the independent solver'}); where the std ratio is near one, the picks "
        "say nothing beyond the prior."
    )


def _student_chi2(ensemble: xr.Dataset, dof: float) -> float:
    """chi2 per pick along the rays with Student weights, one expected, outliers apart."""
    std = ensemble["pick_std"].values * ensemble["sigma_scale"].values[:, None]
    square = ((ensemble["travel_time"].values - ensemble["predicted_time"].values) / std) ** 2
    return float(np.mean(square * (dof + 1) / (dof + square)))
