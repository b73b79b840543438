"""The one-dimensional test: every engine against the exact posterior of :mod:`seisnb.line_1d`."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray

import seisnb
from seisnb.conventions import Cancelled, InputError
from seisnb.diagnostics import (
    Floor,
    median_squared_distance,
    mmd_floor,
    sqrt_mmd,
    sqrt_mmd_gaussian,
)
from seisnb.inference.base import Engine, Linearised, StateT, run, seeded
from seisnb.inference.rml import RandomisedMaximumLikelihood, maximum_a_posteriori
from seisnb.inference.svgd import SteinVariationalGradientDescent
from seisnb.line_1d import STRIDE, ZONES, Line, LineTarget
from seisnb.vsvgd.config import VsvgdConfig
from seisnb.vsvgd.problem import StationaryPrior, VsvgdProblem
from seisnb.vsvgd.run import NetworkSwarm, VsvgdProgress, run_vsvgd, velocity_at

Array = NDArray[np.float64]
OneDimensionalEngine = Literal["vsvgd", "gfsf", "svgd", "rml"]
ENGINES: tuple[OneDimensionalEngine, ...] = get_args(OneDimensionalEngine)

#: Draws of the exact posterior that the published score is taken from.
N_REFERENCE = 2000
#: Slowest and fastest velocity that the travel-time networks expect [km/s].
BOUNDS = (0.5, 1.5)
#: The published method by second-order refits and a pull-back that solves for the weights: where
#: the published settings go in hours, in minutes.
SECOND_ORDER = VsvgdConfig(
    n_iterations=250,
    n_collocation=100,
    pull_back="regression",
    slave="gauss_newton",
    adjoint="dense",
    n_warm_up=15,
)
#: Streams of random numbers for one seed.
REFERENCE_STREAM, FLOOR_STREAM, ENGINE_STREAM = 0, 1, 2
#: Most steps of the engines of :mod:`seisnb.inference`, and the tolerances that they go down to.
RML_STEPS, FIT_TOLERANCE = 30, 1e-4
SVGD_STEPS, SVGD_TOLERANCE = 300, 2e-4


@dataclass(frozen=True, kw_only=True)
class OneDimensionalTest:
    """What an engine scored.

    Attributes
    ----------
    engine : str
        Which engine.
    length : float
        Correlation length [km].
    n_particles, seed : int
        Size of the ensemble; seed of everything random.
    sqrt_mmd : float
        Distance to the exact posterior.
    floor : Floor
        What as many independent exact draws score.
    sqrt_mmd_draws, floor_draws : float, Floor
        The same against 2,000 draws, as published.
    std_ratio : mapping of str to float
        Mean std over exact mean std by part of the line (:data:`seisnb.line_1d.ZONES`).
    mean_shift : float
        Largest |mean - exact mean| [km/s].
    chi2 : float
        Mean squared normalised residual of the times, integrated along the line.
    n_steps : int
        Steps or iterations taken.
    seconds : float
        Wall time of the engine.
    place : Array, (201,)
        Where the members are compared [km].
    members : Array, (n_particles, 201)
        Their velocities [km/s].
    exact_mean, exact_std : Array, (201,)
        The truth [km/s].
    """

    engine: str
    length: float
    n_particles: int
    seed: int
    sqrt_mmd: float
    floor: Floor
    sqrt_mmd_draws: float
    floor_draws: Floor
    std_ratio: Mapping[str, float]
    mean_shift: float
    chi2: float
    n_steps: int
    seconds: float
    place: Array
    members: Array
    exact_mean: Array
    exact_std: Array


def one_dimensional_test(
    engine: OneDimensionalEngine,
    *,
    length: float,
    n_particles: int = 128,
    seed: int = 0,
    config: VsvgdConfig | None = None,
    dtype: torch.dtype = torch.float32,
    device: str = "cpu",
    progress: Callable[[VsvgdProgress], None] = lambda _: None,
    is_cancelled: Callable[[], bool] = lambda: False,
    swarm: NetworkSwarm | None = None,
) -> OneDimensionalTest:
    """Run an engine on the line and score it.

    Parameters
    ----------
    engine : str
        ``vsvgd`` or ``gfsf`` (the published method with either force), ``svgd`` or ``rml``
        (:mod:`seisnb.inference`).
    length : float
        Correlation length of the prior [km]; published: 0.075 and 0.15.
    n_particles : int
        Members.
    seed : int
        Of everything random.
    config : VsvgdConfig, optional
        Settings of the published method, :data:`SECOND_ORDER` by default (as published:
        ``VsvgdConfig()``); ``n_particles`` and ``force`` are overruled.
    dtype, device : torch.dtype, str
        Of the networks.
    progress, is_cancelled : callable
        For the published method: called after, and asked before, every iteration.
    swarm : NetworkSwarm, optional
        A state of the published method to go on from.

    Raises
    ------
    InputError
        An engine of another name, or fewer than two particles.
    Cancelled
        ``is_cancelled`` said so.
    """
    engine = check_engine(engine)
    if n_particles < 2:
        raise InputError(
            f"one_dimensional_test: {n_particles} particles have no spread; expected at least 2."
        )
    line = Line(length=length)
    started = time.monotonic()
    if engine in ("rml", "svgd"):
        velocity, n_steps = _by_inference(line, engine, n_particles, seeded(seed, ENGINE_STREAM))
    else:
        settings = replace(
            config or SECOND_ORDER,
            n_particles=n_particles,
            force="svgd" if engine == "vsvgd" else "gfsf",
        )
        problem = line_problem(line, dtype=dtype, device=device)
        swarm = run_vsvgd(
            problem,
            settings,
            seeded(seed, ENGINE_STREAM),
            swarm=swarm,
            progress=progress,
            is_cancelled=is_cancelled,
        )
        n_steps = int(swarm.iteration)
        if n_steps < settings.n_iterations:
            raise Cancelled(f"one_dimensional_test: cancelled after {n_steps} iterations.")
        velocity = line_velocity(line, problem, settings, swarm)
    seconds = time.monotonic() - started
    return score_line(line, velocity, engine=engine, seed=seed, n_steps=n_steps, seconds=seconds)


def check_engine(name: str) -> OneDimensionalEngine:
    """The engine of a name.

    Raises
    ------
    InputError
        There is none.
    """
    for engine in ENGINES:
        if engine == name:
            return engine
    raise InputError(f"one_dimensional_test: engine is {name!r}; expected one of {ENGINES}.")


def score_line(
    line: Line, velocity: Array, *, engine: str, seed: int, n_steps: int, seconds: float
) -> OneDimensionalTest:
    """Score members (particle, n_grid) [km/s] on the line's grid."""
    members = velocity[:, ::STRIDE]
    mean, covariance = line.posterior_mean, line.posterior_covariance
    reference = line.posterior_draws(N_REFERENCE, seeded(seed, REFERENCE_STREAM))
    bandwidth = median_squared_distance(reference)
    generator = seeded(seed, FLOOR_STREAM)
    n, n_draws = len(members), max(50, min(200, 25_600 // len(members)))
    floors = [
        mmd_floor(mean, covariance, n, bandwidth, generator, reference=draws, n_draws=n_draws)
        for draws in (None, reference)
    ]
    residual = (line.observed - (1 / velocity) @ line.path.T) / line.time_std
    return OneDimensionalTest(
        engine=engine,
        length=line.length,
        n_particles=n,
        seed=seed,
        sqrt_mmd=sqrt_mmd_gaussian(members, mean, covariance, bandwidth),
        floor=floors[0],
        sqrt_mmd_draws=sqrt_mmd(members, reference, bandwidth),
        floor_draws=floors[1],
        std_ratio=line.std_ratio(members),
        mean_shift=float(np.abs(members.mean(axis=0) - mean).max()),
        chi2=float((residual**2).mean()),
        n_steps=n_steps,
        seconds=seconds,
        place=line.place,
        members=members,
        exact_mean=mean,
        exact_std=line.posterior_std,
    )


def one_dimensional_table(tests: Sequence[OneDimensionalTest]) -> str:
    """Scores with the floor beside them, as text."""
    head = ["engine", "l [km]", "n", "sqrt MMD", "floor (95 %)", "vs 2000 draws", "floor (95 %)"]
    head += [f"std {name}" for name in ZONES] + ["shift [km/s]", "chi2", "time [s]"]
    rows = [head]
    for test in tests:
        row = [test.engine, f"{test.length:g}", str(test.n_particles)]
        for score, floor in (
            (test.sqrt_mmd, test.floor),
            (test.sqrt_mmd_draws, test.floor_draws),
        ):
            row += [f"{score:.4f}", f"{floor.median:.4f} ({floor.low:.4f}-{floor.high:.4f})"]
        row += [f"{test.std_ratio[name]:.3f}" for name in ZONES]
        row += [f"{test.mean_shift:.4f}", f"{test.chi2:.2f}", f"{test.seconds:.1f}"]
        rows.append(row)
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    return "\n".join(
        "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def one_dimensional_dataset(tests: Sequence[OneDimensionalTest]) -> xr.Dataset:
    """Scores and posteriors of several tests, labelled.

    Parameters
    ----------
    tests : sequence of OneDimensionalTest
        At least one.

    Returns
    -------
    xr.Dataset
        On (test, easting): ``velocity_mean``, ``velocity_std``, ``exact_mean``, ``exact_std``
        [km/s]; on (test, zone): ``std_ratio``; on test: ``sqrt_mmd`` with ``floor_low``,
        ``floor_median`` and ``floor_high``, ``mean_shift`` [km/s], ``chi2``, ``n_particles``,
        ``n_steps``, ``seconds`` [s], and the coordinates ``engine`` and ``length`` [km].
    """
    along, by_zone = ("test", "easting"), ("test", "zone")
    fields = {
        "velocity_mean": [test.members.mean(axis=0) for test in tests],
        "velocity_std": [test.members.std(axis=0, ddof=1) for test in tests],
        "exact_mean": [test.exact_mean for test in tests],
        "exact_std": [test.exact_std for test in tests],
    }
    plain = ("sqrt_mmd", "mean_shift", "chi2", "n_particles", "n_steps", "seconds")
    found = xr.Dataset(
        {
            **{name: (along, np.stack(values)) for name, values in fields.items()},
            "std_ratio": (by_zone, [[test.std_ratio[zone] for zone in ZONES] for test in tests]),
            **{
                f"floor_{name}": ("test", [getattr(test.floor, name) for test in tests])
                for name in ("low", "median", "high")
            },
            **{name: ("test", [getattr(test, name) for test in tests]) for name in plain},
        },
        coords={
            "engine": ("test", [test.engine for test in tests]),
            "length": ("test", [test.length for test in tests]),
            "easting": tests[0].place,
            "zone": list(ZONES),
            "zone_from": ("zone", [low for low, _ in ZONES.values()]),
            "zone_to": ("zone", [high for _, high in ZONES.values()]),
        },
        attrs={"kind": "one-dimensional test", "seisnb_version": seisnb.__version__},
    )
    for name, (units, long_name) in _DESCRIBED.items():
        found[name].attrs.update(units=units, long_name=long_name)
    return found


#: Units and meanings of :func:`one_dimensional_dataset`.
_DESCRIBED = {
    "velocity_mean": ("km/s", "mean of the particles"),
    "velocity_std": ("km/s", "standard deviation of the particles"),
    "exact_mean": ("km/s", "exact posterior mean"),
    "exact_std": ("km/s", "exact posterior standard deviation"),
    "std_ratio": ("1", "mean standard deviation over the exact one"),
    "sqrt_mmd": ("1", "square root of the maximum mean discrepancy to the exact posterior"),
    "floor_low": ("1", "2.5 % quantile of the score of as many independent exact draws"),
    "floor_median": ("1", "median of the score of as many independent exact draws"),
    "floor_high": ("1", "97.5 % quantile of the score of as many independent exact draws"),
    "mean_shift": ("km/s", "largest distance of the mean from the exact one"),
    "chi2": ("1", "mean squared normalised residual of the times"),
    "n_particles": ("1", "particles"),
    "n_steps": ("1", "steps or iterations"),
    "seconds": ("s", "wall time of the engine"),
    "length": ("km", "correlation length of the prior"),
    "easting": ("km", "distance along the line"),
    "zone_from": ("km", "beginning of the zone"),
    "zone_to": ("km", "end of the zone"),
}


def line_problem(
    line: Line, *, dtype: torch.dtype = torch.float32, device: str = "cpu"
) -> VsvgdProblem:
    """The line as the published method is given it."""

    def mean_velocity(place: torch.Tensor) -> torch.Tensor:
        return torch.full_like(place[:, 0], line.velocity_mean)

    def tensor(values: Array) -> torch.Tensor:
        return torch.from_numpy(values).to(device=device, dtype=dtype)

    return VsvgdProblem(
        ends=tensor(line.ends[:, :, None]),
        observed=tensor(line.observed),
        std=tensor(np.full(len(line.ends), line.time_std)),
        prior=StationaryPrior(
            mean_velocity=mean_velocity,
            amplitude=line.amplitude,
            lengths=(line.length,),
            bounds=BOUNDS,
        ),
        domain=tensor(line.grid[[0, -1], None]),
    )


def line_velocity(
    line: Line, problem: VsvgdProblem, config: VsvgdConfig, swarm: NetworkSwarm
) -> Array:
    """Velocity of every particle on the line's grid, (particle, n_grid) [km/s]."""
    place = torch.from_numpy(line.grid[:, None]).to(problem.ends)
    return velocity_at(problem, config, swarm, place).double().cpu().numpy()


def _by_inference(
    line: Line, engine: str, n_particles: int, generator: torch.Generator
) -> tuple[Array, int]:
    """Members (particle, n_grid) by an engine of seisnb.inference, and its steps."""
    target = line.target
    peak = maximum_a_posteriori(target, None, tolerance=FIT_TOLERANCE)
    start = peak.position.expand(n_particles, -1)
    if engine == "rml":
        fits = RandomisedMaximumLikelihood(tolerance=FIT_TOLERANCE)
        members, n_steps = _stepped(fits, start, peak.here, target, generator, RML_STEPS)
    else:
        swarm = SteinVariationalGradientDescent(
            features=target.basis[::STRIDE], tolerance=SVGD_TOLERANCE
        )
        members, n_steps = _stepped(swarm, start, peak.here, target, generator, SVGD_STEPS)
    return target.velocity(members).numpy(), n_steps


def _stepped(
    engine: Engine[StateT],
    start: torch.Tensor,
    here: Linearised,
    target: LineTarget,
    generator: torch.Generator,
    n_steps: int,
) -> tuple[torch.Tensor, int]:
    """Where an engine's particles end, (particle, n_unknowns), and after how many steps."""
    state = engine.init(start, here, target, generator)
    state, _, done = run(engine, state, target, generator, n_steps=n_steps)
    return torch.stack([position for position, _ in engine.particles(state)]), done
