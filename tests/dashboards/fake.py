"""Synthetic ensembles that follow the schema of a real result, made in milliseconds.

The numbers are plausible, not physical: a velocity gradient with smooth random deviations whose
spread grows from the deepest ray downwards, and times of a linear gradient with noise.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from seisnb.conventions import ENSEMBLE, Cancelled, PriorError, set_units
from seisnb.survey import make_survey, survey_checksum
from seisnb.tomography import Progress

Array = NDArray[np.float64]
QUANTILES = (0.025, 0.16, 0.5, 0.84, 0.975)


def land_survey(seed: int = 0) -> xr.Dataset:
    """A 118 m hammer line over a small ridge: 9 shots, 60 geophones, times of some tens of ms."""
    rng = np.random.default_rng(seed)
    easting = np.arange(60) * 0.002
    elevation = 0.412 + 0.009 * np.exp(-(((easting - 0.07) / 0.025) ** 2)) + 0.02 * easting
    shots = np.arange(0, 60, 7)
    pairs = np.array([(s, r) for s in shots for r in range(60) if s != r])
    distance = np.abs(easting[pairs[:, 0]] - easting[pairs[:, 1]])
    time = _gradient_time(distance, 0.55, 55.0)
    std = 0.0004 + 0.02 * time
    return make_survey(
        travel_time=time * (1 + 0.03 * np.sin(80 * easting[pairs[:, 1]]))
        + std * rng.normal(size=len(time)) * 0.7,
        pick_std=std,
        shot=pairs[:, 0] + 1,
        receiver=pairs[:, 1] + 1,
        shot_easting=easting[pairs[:, 0]],
        shot_depth=-elevation[pairs[:, 0]],
        receiver_easting=easting[pairs[:, 1]],
        receiver_depth=-elevation[pairs[:, 1]],
        title="Ridge line, hammer source",
        source="ridge.sgt",
        notes=["9 rows with zero offset were dropped."],
    )


def marine_survey(seed: int = 0) -> xr.Dataset:
    """A 120 km line: 9 OBS under 1 to 4 km of water, an airgun shot every 1.5 km."""
    rng = np.random.default_rng(seed)
    profile = np.linspace(-5, 125, 131)
    floor = 1.2 + 2.4 / (1 + np.exp(-(profile - 55) / 14)) + 0.12 * np.sin(profile / 4)
    obs = np.linspace(10, 110, 9)
    guns = np.arange(0, 120.1, 1.5)
    pairs = np.array([(s, r) for r in range(9) for s in range(guns.size)])
    distance = np.abs(guns[pairs[:, 0]] - obs[pairs[:, 1]])
    pairs, distance = pairs[distance < 75], distance[distance < 75]
    water = np.interp(guns[pairs[:, 0]], profile, floor)
    time = np.hypot(_gradient_time(distance, 2.4, 0.42), 0.4) + water / 1.5 * 0.9
    std = 0.02 + 0.0006 * distance
    return make_survey(
        travel_time=time + std * rng.normal(size=len(time)),
        pick_std=std,
        shot=pairs[:, 0] + 1,
        receiver=pairs[:, 1] + 1,
        shot_easting=guns[pairs[:, 0]],
        shot_depth=0.01,
        receiver_easting=obs[pairs[:, 1]],
        receiver_depth=np.interp(obs[pairs[:, 1]], profile, floor),
        surface_easting=profile,
        surface_depth=floor,
        water_velocity=1.5,
        title="Trench line, airgun and OBS",
        source="trench.tx.in",
    )


def ensemble_of(survey: xr.Dataset, n_members: int = 16, seed: int = 0) -> xr.Dataset:
    """An ensemble Dataset on the survey's line with every variable of the schema."""
    rng = np.random.default_rng(seed)
    marine = "water_velocity" in survey.attrs
    x0, x1 = survey["surface_easting"].values[[0, -1]]
    length = x1 - x0
    top = 0.0 if marine else float(survey["surface_depth"].min())
    easting = np.linspace(x0, x1, 241)
    depth = np.linspace(top, top + length * 0.25 + (0.012 if not marine else 0), 81)
    surface = np.interp(easting, survey["surface_easting"], survey["surface_depth"])
    below = depth[:, None] - surface
    rock = below >= 0
    below = np.maximum(below, 0.0)
    v0, gradient = (2.4, 0.2) if marine else (0.5, 90.0)
    prior_mean = v0 + gradient * below
    middle = 0.5 * (x0 + x1)
    deepest = surface + length * 0.16 * np.clip(
        1 - ((easting - middle) / (0.52 * length)) ** 4, 0, 1
    )
    resolved = 1 / (1 + np.exp(-(depth[:, None] - deepest) / (0.012 * length)))
    spread = 0.3 * (0.12 + 0.88 * resolved)
    truth = 0.16 * (1 - resolved) * _smooth(rng, below.shape, (6, 18))
    members = np.stack(
        [
            prior_mean * np.exp(truth + spread * _smooth(rng, below.shape, (6, 18)))
            for _ in range(n_members)
        ]
    ).astype(np.float32)
    time = survey["travel_time"].values
    centre = time + survey["pick_std"].values * 0.4 * rng.normal(size=time.size)
    predicted = centre + survey["pick_std"].values * rng.normal(size=(n_members, 1)) * np.sqrt(
        0.15 + 0.1 * rng.random(time.size)
    )
    residual = time - predicted.mean(axis=0)
    chi2 = (((time - predicted) / survey["pick_std"].values) ** 2).mean(axis=1) + 0.6
    section, member = ("depth", "easting"), ("particle",)
    ensemble = xr.Dataset(
        {
            "velocity": (("particle", *section), members),
            "log_weight": (member, np.full(n_members, -np.log(n_members))),
            "velocity_mean": (section, members.mean(axis=0)),
            "velocity_std": (section, members.std(axis=0, ddof=1)),
            "velocity_quantile": (("quantile", *section), np.quantile(members, QUANTILES, axis=0)),
            "prior_mean": (section, prior_mean),
            "prior_std": (section, 0.31 * prior_mean),
            "ray_coverage": (
                section,
                np.where(
                    rock,
                    (1 - resolved)
                    * 60
                    * (depth[1] - depth[0])
                    * (1.2 + _smooth(rng, below.shape, (2, 4))).clip(0),
                    0,
                ),
            ),
            "rock": (section, rock),
            "deepest_ray": (("easting",), deepest),
            "predicted_time": (("particle", "pick"), predicted),
            "residual": (("pick",), residual),
            "chi2_ray": (member, chi2),
            "chi2_referee": (member, chi2 + 0.03 * rng.normal(size=n_members)),
            "rms_referee_mean": ((), float(np.sqrt((residual**2).mean()))),
            "sigma_scale": (member, np.ones(n_members)),
            "ray_error": (("pick",), 0.02 * survey["pick_std"].values),
            "left_out_residual": (("pick",), rng.normal(size=time.size)),
            "predicted_std": (("pick",), predicted.std(axis=0, ddof=1)),
            "check_value": (("check",), [1.02, 1.1, 0.02, -0.05, 0.9, 1.1]),
            "check_low": (("check",), [0.9, 0.5, -0.1, -0.1, 0.7, 0.7]),
            "check_high": (("check",), [1.1, 1.7, 0.05, 0.05, 1.4, 1.4]),
            "check_z": (("check",), [0.4, 0.4, 0.9, -0.6, -0.6, 0.5]),
        },
        coords={
            "particle": np.arange(n_members),
            "depth": depth,
            "easting": easting,
            "quantile": list(QUANTILES),
            "check": [
                "pick_sigma",
                "prior_pull",
                "neighbours_shot",
                "neighbours_receiver",
                "length_easting",
                "length_depth",
            ],
        },
        attrs={
            **survey.attrs,
            "kind": "ensemble",
            "seisnb_version": "0.1.0",
            "config": json.dumps({"n_members": n_members, "engine": "rml", "cell": None}),
            "prior": json.dumps({"field": "log_velocity", "amplitude": 0.3}),
            "seed": seed,
            "survey_checksum": survey_checksum(survey),
            "verdict": "The ensemble explains the picks within their errors (chi2/n 1.01).\n"
            "The intervals are conditional on this fake.",
            "verdict_level": "care",
            "elapsed_seconds": 83.2,
        },
    )
    ensemble = ensemble.merge(survey, combine_attrs="override")
    return set_units(ensemble, ENSEMBLE)


def land_ensemble(n_members: int = 16, seed: int = 0) -> xr.Dataset:
    """The small land line, shown in m, m/s and ms."""
    return ensemble_of(land_survey(seed), n_members, seed)


def marine_ensemble(n_members: int = 16, seed: int = 0) -> xr.Dataset:
    """The marine line, shown in km, km/s and s, with water."""
    return ensemble_of(marine_survey(seed), n_members, seed)


def _gradient_time(distance: Array, v0: float, gradient: float) -> Array:
    """First-arrival time [s] at the surface of v = v0 + gradient * depth."""
    return 2 / gradient * np.arcsinh(gradient * distance / (2 * v0))


def _smooth(rng: np.random.Generator, shape: tuple[int, ...], sigma: tuple[int, int]) -> Array:
    """A smooth random field of unit variance."""
    field = gaussian_filter(rng.normal(size=shape), sigma, mode="reflect")
    return field / field.std()


def make_invert(
    seconds: float = 0.0, n_members: int = 16, fails: str = ""
) -> Callable[..., xr.Dataset]:
    """A stand-in for `invert`: it reports progress, takes its time and obeys cancel."""

    def invert(survey, prior=None, config=None, *, progress=None, cancel=None, checkpoint=None):
        if fails:
            raise PriorError(fails)
        done = 0
        shown = ensemble_of(survey, n_members)
        for done in range(1, n_members + 1):
            time.sleep(seconds / n_members)
            if progress is not None:
                progress(
                    Progress(
                        stage="members",
                        done=done,
                        total=n_members,
                        message="",
                        elapsed=done * seconds / n_members,
                        remaining=(n_members - done) * seconds / n_members,
                        chi2=1.0 + 0.5 / done,
                        member=lambda k=done - 1: (
                            shown["easting"].values,
                            shown["depth"].values,
                            shown["velocity"].values[k],
                        ),
                    )
                )
            if cancel is not None and cancel():
                break
        if done < 2:
            raise Cancelled("invert: cancelled before two members were done.")
        used = survey.isel(pick=np.flatnonzero(survey["used"].values))
        ensemble = ensemble_of(used, done)
        if done < n_members:
            ensemble.attrs["cancelled"] = 1
        return ensemble

    return invert


def write_large_ensemble(path):
    """An ensemble whose velocities take more than a gigabyte: 1000 members on 801 x 321 cells."""
    from seisnb.io import save_ensemble

    n, marine = 1000, marine_ensemble()
    x, z = np.linspace(0, 120, 801), np.linspace(0, 32, 321)
    fine = marine.drop_vars("velocity").isel(particle=0, drop=True).interp(easting=x, depth=z)
    fine["rock"] = fine["rock"] > 0.5
    for name in ("log_weight", "chi2_ray", "chi2_referee"):
        fine[name] = ("particle", np.zeros(n))
    predicted = np.broadcast_to(marine["predicted_time"].values[0], (n, marine.sizes["pick"]))
    fine["predicted_time"] = (("particle", "pick"), predicted.astype(np.float32))
    row = np.linspace(2.0, 8.0, z.size, dtype=np.float32)[:, None]
    fine["velocity"] = (("particle", "depth", "easting"), np.broadcast_to(row, (n, z.size, x.size)))
    save_ensemble(fine.assign_attrs(marine.attrs), path)
    return path
