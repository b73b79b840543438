"""What a verdict on a result rests on, gathered from the result alone."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from seisnb.diagnostics.boundaries import Rise, steepest_rise
from seisnb.diagnostics.evidence import Velocities
from seisnb.diagnostics.gate import Gate
from seisnb.diagnostics.gates import gates

#: Correlation lengths of a prior.
LENGTHS = ("length_easting", "length_depth")
#: Normal score beyond which a check speaks: one right prior in a thousand.
SURE = 3.3
#: A length is called wrong when the picks ask for this factor or less (or its inverse or more).
LENGTH_FACTOR = 0.6
#: Correlation of neighbouring left-out residuals that matters.
CORRELATED = 0.1


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What a verdict rests on; NaN and empty where an ensemble does not hold it.

    Attributes
    ----------
    n_members, n_picks : int
        Members, picks.
    chi2 : float
        Misfit per pick by the referee, or along rays where it was not asked, or with Student
        weights.
    is_student : bool
        It is with Student weights.
    scale : float
        Mean factor on the sigmas.
    sigma : float
        Median pick sigma as used [s].
    checks : dict
        ``value``, ``low``, ``high`` and ``z`` of every check by its name.
    config, prior : dict
        The settings.
    estimated : frozenset of str
        Settings of the prior that were estimated from the picks.
    bias : float
        Leading bias of the members' mean where they were fitted [posterior std]; NaN: not
        measured.
    acceptance : float
        Share of the Langevin steps that were accepted, mean of the tenth of the members that moved
        least.
    rise : Rise or None
        Where the mean velocity rises fastest.
    is_cancelled : bool
        The run was cut short.
    gates : tuple of Gate
        The gates.
    """

    n_members: int
    n_picks: int
    chi2: float
    is_student: bool
    scale: float
    sigma: float
    checks: dict[str, dict[str, float]]
    config: dict[str, Any]
    prior: dict[str, Any]
    estimated: frozenset[str]
    bias: float
    acceptance: float
    rise: Rise | None
    is_cancelled: bool
    gates: tuple[Gate, ...]

    @property
    def is_together(self) -> bool:
        """Members are particles that move together, whose bias is not of this kind."""
        return self.config.get("method") == "vsvgd" or self.config.get("engine") == "svgd"

    def shared_std(self, correlation: float) -> float:
        """Std of errors that correlate left-out neighbours so [s]."""
        return self.sigma * float(np.sqrt(correlation))

    def z(self, check: str) -> float:
        """A check as a normal score; zero where it was not made."""
        return self.checks[check]["z"] if check in self.checks else 0.0

    def value(self, check: str) -> float:
        """A check as found; one where it was not made."""
        return self.checks[check]["value"] if check in self.checks else 1.0


def facts_of(ensemble: xr.Dataset, velocity: Velocities | None = None) -> Facts:
    """Gather what a verdict rests on."""
    config = json.loads(ensemble.attrs.get("config", "{}"))
    is_student = config.get("likelihood") == "student"
    parts = ("value", "low", "high", "z")
    names = ensemble["check"].values if "check_z" in ensemble else ()
    return Facts(
        n_members=ensemble.sizes["particle"],
        n_picks=ensemble.sizes.get("pick", 0),
        chi2=_student_chi2(ensemble, config["student_dof"])
        if is_student
        else float(ensemble[judging_misfit(ensemble)].mean()),
        is_student=is_student,
        scale=float(ensemble["sigma_scale"].mean()),
        sigma=float(ensemble["pick_std"].median() * ensemble["sigma_scale"].mean()),
        checks={
            str(name): {part: float(ensemble[f"check_{part}"][i]) for part in parts}
            for i, name in enumerate(names)
        },
        config=config,
        prior=json.loads(ensemble.attrs.get("prior", "{}")),
        estimated=frozenset(json.loads(ensemble.attrs.get("prior_estimated", "[]"))),
        bias=float(ensemble.attrs.get("recentred_bias_std", np.nan)),
        acceptance=_acceptance(ensemble),
        rise=steepest_rise(ensemble),
        is_cancelled=bool(ensemble.attrs.get("cancelled", 0)),
        gates=tuple(gates(ensemble, velocity)),
    )


def judging_misfit(ensemble: xr.Dataset) -> str:
    """Name of the misfit to go by: the referee's, or along rays where a cancel came before it."""
    return "chi2_referee" if "chi2_referee" in ensemble else "chi2_ray"


def is_suspect(check: str, value: float, z: float) -> bool:
    """Whether a check speaks: surely, and by enough to matter.

    >>> is_suspect("prior_pull", 4.0, 5.0), is_suspect("length_depth", 0.8, -5.0)
    (True, False)
    """
    if abs(z) <= SURE:
        return False
    if check.startswith("length"):
        return value < LENGTH_FACTOR or value > 1 / LENGTH_FACTOR
    if check.startswith("neighbours"):
        return z > 0 and value > CORRELATED
    return True


def _acceptance(ensemble: xr.Dataset) -> float:
    """Share of Langevin steps accepted by the tenth of the members that moved least."""
    if "correction_acceptance" not in ensemble:
        return float("nan")
    found = np.sort(ensemble["correction_acceptance"].values.astype(float))
    return float(found[: max(1, found.size // 10)].mean())


def _student_chi2(ensemble: xr.Dataset, dof: float) -> float:
    """chi2 per pick along the rays with Student weights, one expected, outliers apart."""
    std = ensemble["pick_std"].values * ensemble["sigma_scale"].values[:, None]
    square = ((ensemble["travel_time"].values - ensemble["predicted_time"].values) / std) ** 2
    return float(np.mean(square * (dof + 1) / (dof + square)))
