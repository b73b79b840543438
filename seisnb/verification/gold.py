"""The gold standard: ensembles against an exact posterior on a small line that bends strongly.

Long Metropolis chains whose likelihood is the referee's give mean and standard deviation of every
cell, with their Monte Carlo errors; the default engine, without its common shift and with Langevin
steps after every fit in its place, is held to them. All know the same picks, sigmas and prior, so
that what is left is the engine's doing: its bias, and its rays.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray

import seisnb
from seisnb import synthetic
from seisnb.conventions import Cancelled, InputError
from seisnb.prior import PriorConfig, gaussian_process_prior, linear_profile
from seisnb.section import section_grid
from seisnb.survey import make_survey, used_picks
from seisnb.threads import single_threaded
from seisnb.tomography import TomographyConfig, invert
from seisnb.tomography.problem import Problem, make_frame, make_problem
from seisnb.traveltime.referee import open_referee
from seisnb.verification.agreement import Agreement, agreement, reweighted
from seisnb.verification.cases import Case
from seisnb.verification.chains import MOST_RHAT, Chains, Diagnosis, diagnose, referee_chains
from seisnb.verification.tables import text_table

Array = NDArray[np.float64]

#: What an ensemble is held to: the mean in exact standard deviations, the std as a share.
MEAN_WITHIN, STD_WITHIN = 0.1, 0.1
#: The rows of the default engine, and of its fits without the common shift.
DEFAULT, PLAIN = "rml (default)", "rml, not recentred"
#: The row of the exact posterior with times along rays in the place of the referee's.
BY_RAYS = "exact, by rays"
SECTION = ("depth", "easting")
#: The line: width, depth and cell [km], standard deviation of the picks [s].
WIDTH, DEPTH, CELL, PICK_STD = 6.0, 2.0, 0.05, 0.02
#: Cells are compared in every second column and row: correlation lengths are 24 cells and more.
THIN = 2


def gold_case(seed: int = 0, amplitude: float = 0.15) -> Case:
    """A 6 km line of 46 picks over a draw from the prior; sigmas of 20 ms, 1 to 2 % of the times.

    Four receivers and twelve shots. The picks know about half of the unknowns, so that most of the
    posterior is wide, and rays and times bend over its width, the more the larger ``amplitude``
    (prior standard deviation of log velocity).
    """
    receivers, shots = np.linspace(0.5, WIDTH - 0.5, 4), np.linspace(0.2, WIDTH - 0.2, 12)
    receiver, shot = (a.ravel() for a in np.meshgrid(receivers, shots))
    apart = np.abs(receiver - shot) > 0.15
    geometry = make_survey(
        travel_time=np.abs(receiver - shot)[apart] / 3,
        pick_std=PICK_STD,
        shot_easting=shot[apart],
        shot_depth=0.0,
        receiver_easting=receiver[apart],
        receiver_depth=0.0,
        surface_easting=[0.0, WIDTH],
        surface_depth=[0.0, 0.0],
        title=f"gold standard, seed {seed}",
    )
    prior = PriorConfig(
        amplitude=amplitude,
        kernel="gaussian",
        length_easting=2.4,
        length_depth=1.2,
        length_depth_growth=0.0,
        surface_velocity=2.0,
        gradient=0.6,
    )
    process = gaussian_process_prior(
        section_grid(geometry, depth_max=DEPTH, cell=CELL),
        linear_profile(2.0, 0.6, WIDTH),
        field_kind="log_velocity",
        amplitude=amplitude,
        length_easting=2.4,
        length_depth=1.2,
    )
    generator = torch.Generator().manual_seed(seed)
    truth = process.velocity(process.draw(1, generator)[0])
    survey = synthetic.add_picks(geometry, truth, process.grid, step=0.025, generator=generator)
    settings = {
        "depth_max": DEPTH,
        "cell": CELL,
        "referee_cell": CELL,
        "infer_sigma": False,
        "ray_source": "grid",
        "n_workers": 1,
    }
    return Case(
        survey=survey, truth=truth, process=process, prior=prior, settings=settings,
        bands=((0.0, 1.0), (1.0, 2.0)),
    )  # fmt: skip


def gold_standard(
    *,
    seed: int = 0,
    amplitude: float = 0.15,
    n_members: int = 1500,
    correction_steps: int = 30,
    chains: Mapping[str, Any] | None = None,
    report: Callable[[str], None] | None = None,
    cancel: Callable[[], bool] | None = None,
) -> xr.Dataset:
    """Run the chains and the ensembles, and compare.

    Parameters
    ----------
    seed : int
        Seed of the truth, its noise, the chains and the members.
    amplitude : float
        Prior standard deviation of log velocity: how strongly the problem bends.
    n_members : int
        Members of each ensemble.
    correction_steps : int
        Langevin steps per member of the last ensemble.
    chains : mapping, optional
        Changed arguments of :func:`seisnb.verification.chains.referee_chains`.
    report : callable, optional
        Takes one line per stage.
    cancel : callable, optional
        Returns True to stop.

    Returns
    -------
    xr.Dataset
        Per cell (depth, easting) the exact ``velocity_mean`` and ``velocity_std`` [km/s] with their
        Monte Carlo errors; per unknown and per cell the chains' R-hat and effective sample size;
        per ensemble (row) everything of :class:`seisnb.verification.agreement.Agreement`, also of
        the exact draws weighted to times along rays, which tells what the rays alone do.

    Raises
    ------
    InputError
        Fewer than ten members, no steps, or no ``arviz-stats``.
    Cancelled
        Stopped by ``cancel``; nothing is kept.
    """
    if n_members < 10 or correction_steps < 1:
        raise InputError(
            f"gold_standard: {n_members} members and {correction_steps} correction steps; expected "
            "at least 10 and 1."
        )
    say, case = report or (lambda _: None), gold_case(seed, amplitude)
    diagnose(np.random.default_rng(0).standard_normal((2, 8, 1)))  # what is missing shows at once
    config = TomographyConfig(n_members=n_members, seed=seed, **case.settings)
    with single_threaded():
        problem = _problem(case, config)
        assert config.referee_cell
        begun = time.monotonic()
        with open_referee(problem.prior.grid, problem.geometry, 1) as referee:
            exact = referee_chains(
                problem, referee, config.referee_cell, seed=seed, report=say, cancel=cancel,
                **(chains or {}),
            )  # fmt: skip
        draws = _thinned(problem, exact.positions)
        cells = diagnose(draws)
        pooled = draws.reshape(-1, draws.shape[-1])
        result = _exact_dataset(problem, exact, pooled, cells)
        result.attrs.update(seconds_chains=time.monotonic() - begun, seed=seed, amplitude=amplitude)
        rows = {}
        engines: dict[str, dict[str, Any]] = {
            PLAIN: {"recentre": False},
            DEFAULT: {},
            f"rml + {correction_steps} Langevin steps": {"correction_steps": correction_steps},
        }
        for name, changes in engines.items():
            begun = time.monotonic()
            ensemble = invert(case.survey, case.prior, replace(config, **changes), cancel=cancel)
            if ensemble.attrs["cancelled"]:
                raise Cancelled("gold standard: cancelled; nothing is kept.")
            seconds = time.monotonic() - begun
            members = ensemble["velocity"].values[:, ::THIN, ::THIN].astype(float)
            members = members.reshape(n_members, -1)
            rows[name] = (agreement(members, pooled, cells, seed), seconds)
            say(f"{name}: {n_members} members in {seconds:.0f} s")
        rows[BY_RAYS] = (reweighted(draws, exact.log_ratio), np.nan)
    return result.merge(_rows_dataset(rows, result["velocity_mean"].shape))


def is_gold(result: xr.Dataset, row: str) -> bool:
    """Whether a row's mean is within 0.1 exact std and its std within 10 % in every cell."""
    one = result.sel(row=row)
    low, high = 1 - STD_WITHIN, 1 + STD_WITHIN
    return bool(
        (one["mean_max"] <= MEAN_WITHIN) and (one["std_low"] >= low) and (one["std_high"] <= high)
    )


def gold_table(result: xr.Dataset) -> str:
    """The figures of :func:`gold_standard` as text."""
    attrs = result.attrs
    lines = [
        f"exact: {result.sizes['chain']} chains, {attrs['n_draws']} draws of "
        f"{result.sizes['unknown']} unknowns given {attrs['n_picks']} picks by the referee, "
        f"{attrs['seconds_chains']:.0f} s",
        f"R-hat at most {float(result['rhat'].max()):.4f} over unknowns, "
        f"{float(result['rhat_velocity'].max()):.4f} over cells (believed below {MOST_RHAT}); bulk "
        f"ESS at least {float(result['ess'].min()):.0f} and "
        f"{float(result['ess_velocity'].min()):.0f}",
        f"times along rays less the referee's: {1e3 * attrs['ray_error_seconds']:.2f} ms rms, "
        f"{attrs['ray_error_seconds'] / attrs['pick_std_seconds']:.3f} of a pick's sigma",
        "",
        "mean: off by how many exact std over all cells; std: over the exact one; noise: what the "
        "Monte Carlo error of both sides alone makes (largest cell: 95 times in a hundred below)",
    ]
    table = [
        ["", "members", "mean rms", "noise", "mean max", "noise", "std", "noise", "s", "0.1, 10 %"]
    ]
    for name in result["row"].values:
        one = result.sel(row=name)
        table.append(
            [
                str(name),
                f"{float(one['n_members']):.0f}",
                *(_number(one[key]) for key in ("mean_rms", "noise_rms", "mean_max", "noise_max")),
                f"{float(one['std_low']):.3f}-{float(one['std_high']):.3f}",
                _number(one["noise_std"]),
                _number(one["seconds"], 0),
                "within" if is_gold(result, str(name)) else "not within",
            ]
        )
    return "\n".join(lines) + "\n" + text_table(table)


def _problem(case: Case, config: TomographyConfig) -> Problem:
    """What invert makes of the case."""
    picks = used_picks(case.survey, where="gold_standard")
    return make_problem(picks, case.prior, config, make_frame(picks, case.prior, config))


def _thinned(problem: Problem, positions: Array) -> Array:
    """Velocities (chain, draw, cell) of positions (chain, draw, n_unknowns), row by row."""
    found = [problem.prior.velocity(chain)[:, ::THIN, ::THIN] for chain in positions]
    return np.moveaxis(np.stack(found), -1, -2).reshape(*positions.shape[:2], -1)


def _exact_dataset(problem: Problem, exact: Chains, pooled: Array, cells: Diagnosis) -> xr.Dataset:
    """Moments of the chains per cell, and what the chains are worth."""
    grid = problem.prior.grid
    values = {
        "velocity_mean": pooled.mean(axis=0),
        "velocity_std": pooled.std(axis=0, ddof=1),
        "mean_error": cells.mean_error,
        "std_error": cells.std_error,
        "rhat_velocity": cells.rhat,
        "ess_velocity": cells.ess,
    }
    depth, easting = grid.below_surface[::THIN], grid.easting[::THIN]
    shape = (depth.size, easting.size)
    return _described(
        xr.Dataset(
            {
                **{name: (SECTION, value.reshape(shape)) for name, value in values.items()},
                "rhat": ("unknown", exact.diagnosis.rhat),
                "ess": ("unknown", exact.diagnosis.ess),
                "acceptance": ("chain", exact.acceptance),
            },
            coords={"depth": depth, "easting": easting},
            attrs={
                "kind": "gold standard",
                "seisnb_version": seisnb.__version__,
                "n_picks": problem.target.observed.numel(),
                "n_draws": len(pooled),
                "step_size": exact.step_size,
                "ray_error_seconds": exact.ray_error,
                "pick_std_seconds": PICK_STD,
            },
        )
    )


def _rows_dataset(
    rows: Mapping[str, tuple[Agreement, float]], shape: tuple[int, ...]
) -> xr.Dataset:
    """The figures of every row, and its cells."""
    found = [each for each, _ in rows.values()]
    figures = [each.figures for each in found]
    cells = ("row", *SECTION)
    return _described(
        xr.Dataset(
            {
                **{name: ("row", [f[name] for f in figures]) for name in figures[0]},
                "seconds": ("row", [seconds for _, seconds in rows.values()]),
                "mean_off": (cells, np.stack([each.mean_off.reshape(shape) for each in found])),
                "std_ratio": (cells, np.stack([each.std_ratio.reshape(shape) for each in found])),
            },
            coords={"row": list(rows)},
        )
    )


def _described(dataset: xr.Dataset) -> xr.Dataset:
    """Units of everything."""
    for name in dataset.variables:
        if name in ("velocity_mean", "velocity_std", "mean_error", "std_error"):
            dataset[name].attrs["units"] = "km/s"
        elif name in SECTION:
            dataset[name].attrs["units"] = "km"
        elif name != "row":
            dataset[name].attrs["units"] = "s" if name == "seconds" else "1"
    return dataset


def _number(value: xr.DataArray, digits: int = 3) -> str:
    """A number, or a dash for what cannot be told."""
    return f"{float(value):.{digits}f}" if np.isfinite(value) else "-"
