"""Time to a given misfit and to a given spread: one method against another, in the same run.

A method hands out snapshots of its ensemble with the seconds of its own work up to then; what the
snapshots are worth is measured outside its clock: chi2 by the referee, and the std over that of a
reference posterior. A method is there when the misfit is down and the spread is right, which for
particles that start at the prior and collapse may be never; then its time is a lower bound.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from seisnb.conventions import InputError
from seisnb.diagnostics import mean_square
from seisnb.inference.base import seeded
from seisnb.section import to_depth_grid
from seisnb.tomography.networks import (
    NETWORK_STREAM,
    check_networks,
    section_problem,
    section_settings,
    section_velocity,
)
from seisnb.tomography.problem import make_frame, make_problem
from seisnb.traveltime.base import pick_geometry
from seisnb.traveltime.referee import Referee, open_referee
from seisnb.verification.cases import Case
from seisnb.verification.methods import METHODS, Method
from seisnb.verification.tables import text_table
from seisnb.vsvgd.config import VsvgdConfig
from seisnb.vsvgd.run import start_swarm, step_swarm

Array = NDArray[np.float64]

#: Members whose misfit is refereed, spread over the ensemble.
REFEREED = 16


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """An ensemble on its way.

    Attributes
    ----------
    seconds : float
        Wall time of the method's own work since its start, everything included [s].
    velocity : Array, (particle, n_easting, n_depth)
        The members on the grid of the case [km/s].
    """

    seconds: float
    velocity: Array


#: Runs a method on a case with so many members.
Snapshots = Callable[[Case, int], Iterator[Snapshot]]


@dataclass(frozen=True, kw_only=True)
class Target:
    """What a method has to reach.

    Attributes
    ----------
    chi2 : float
        Mean chi2 per pick of the members by the referee, at most.
    std_off : float
        The spread's ratio to the reference's may be off one by as much.
    """

    chi2: float = 1.1
    std_off: float = 0.1


def final_snapshot(method: Method, *, seed: int = 0) -> Snapshots:
    """One snapshot, when the ensemble is finished: for members that are independent draws."""

    def snapshots(case: Case, n_members: int) -> Iterator[Snapshot]:
        yield _inverted(method, case, n_members, seed)

    return snapshots


def iterated_snapshots(
    method: Method, iterations: Sequence[int], *, setting: str = "n_iterations", seed: int = 0
) -> Snapshots:
    """The method stopped after ever more iterations, each run timed from its own start.

    Equal seeds give equal iterations, so the time of a run of k is the time to iteration k; a
    method whose adjoint or step sizes depend on the number of iterations is then timed as it is
    used.
    """

    def snapshots(case: Case, n_members: int) -> Iterator[Snapshot]:
        for n in iterations:
            stopped = replace(method, settings={**method.settings, setting: n})
            yield _inverted(stopped, case, n_members, seed)

    return snapshots


def network_snapshots(
    *, every: int, networks: VsvgdConfig | None = None, n_iterations: int = 300, seed: int = 0
) -> Snapshots:
    """The published method, looked at every so many iterations of one run.

    Its clock starts before the first network is fitted and stands still while it is looked at.
    """

    def snapshots(case: Case, n_members: int) -> Iterator[Snapshot]:
        method = replace(METHODS["vsvgd"], settings={"method": "vsvgd"})
        config = method.config(case, n_members=n_members, seed=seed)
        config = replace(config, n_network_iterations=n_iterations)
        begun = time.perf_counter()
        prior = check_networks(case.prior, config)
        problem = make_problem(case.survey, prior, config, make_frame(case.survey, prior, config))
        posed = section_problem(problem, problem.target.std)
        settings = section_settings(networks, config)
        swarm = start_swarm(posed, settings, seeded(seed, NETWORK_STREAM))
        spent = time.perf_counter() - begun
        while int(swarm.iteration) < n_iterations:
            begun = time.perf_counter()
            for _ in range(min(every, n_iterations - int(swarm.iteration))):
                swarm, _ = step_swarm(posed, settings, swarm)
            spent += time.perf_counter() - begun
            yield Snapshot(
                seconds=spent, velocity=section_velocity(problem, posed, settings, swarm)
            )

    return snapshots


def speed_against(
    case: Case,
    runs: dict[str, Snapshots],
    *,
    n_members: int,
    reference: Method,
    n_reference: int = 256,
    reference_seed: int = 1_000_003,
    target: Target | None = None,
    budget: float = np.inf,
    referee_cell: float | None = None,
    report: Callable[[str], None] | None = None,
) -> xr.Dataset:
    """Run methods one after the other on the same picks and time them to the same target.

    Parameters
    ----------
    case : Case
        The truth with its picks.
    runs : dict of str to Snapshots
        The methods; the first is the one whose gain is told.
    n_members : int
        Members of all of them.
    reference : Method
        Gives the posterior std that spreads are compared with, by ``n_reference`` members of a
        seed that no run uses; a converged sampler where there is one.
    target : Target, optional
        What has to be reached.
    budget : float
        A method that has worked longer [s] is not asked for another snapshot.
    referee_cell : float, optional
        Spacing of the referee [km]; by default a cell of the case.
    report : callable, optional
        Takes one line per snapshot.

    Returns
    -------
    xr.Dataset
        On (run, snapshot): ``seconds``, ``chi2_referee``, ``std_ratio`` (mean over cells of std
        over the reference's), NaN where a run had fewer. On run: ``seconds_to_chi2``,
        ``seconds_to_std``, ``seconds_to_both`` (NaN when never), ``seconds_spent``, and ``gain``,
        the time to both over the first run's: where ``is_bound`` is 1 a lower bound, from a run
        that was never there.

    Raises
    ------
    InputError
        No runs, or a snapshot of another shape.
    """
    if not runs:
        raise InputError("speed_against: no runs; expected at least one method.")
    target, say = target or Target(), report or (lambda _: None)
    grid = case.process.grid
    cell = referee_cell or grid.cell_depth
    expected = _inverted(reference, case, n_reference, reference_seed).velocity.std(axis=0, ddof=1)
    tracks: dict[str, list[tuple[float, float, float]]] = {name: [] for name in runs}
    with open_referee(grid, pick_geometry(case.survey), 1) as referee:
        for name, snapshots in runs.items():
            for snapshot in snapshots(case, n_members):
                shape = (n_members, grid.n_easting, grid.n_depth)
                if snapshot.velocity.shape != shape:
                    raise InputError(
                        f"speed_against: {name} gave velocity of shape {snapshot.velocity.shape}; "
                        f"expected {shape} (particle, easting, depth)."
                    )
                chi2 = _refereed(case, snapshot.velocity, referee, cell)
                ratio = float((snapshot.velocity.std(axis=0, ddof=1) / expected).mean())
                tracks[name].append((snapshot.seconds, chi2, ratio))
                say(
                    f"{name}: {snapshot.seconds:.1f} s, chi2 by the referee {chi2:.3f}, "
                    f"std over the reference's {ratio:.3f}"
                )
                is_there = chi2 <= target.chi2 and abs(ratio - 1) <= target.std_off
                if is_there or snapshot.seconds > budget:
                    break
    return _timed(tracks, target, n_members)


def speed_table(found: xr.Dataset) -> str:
    """The result of :func:`speed_against` as text."""
    chi2, off = found.attrs["chi2_target"], found.attrs["std_off_target"]
    rows = [
        [
            "run",
            f"s to chi2 <= {chi2:g}",
            f"s to std within {off:.0%}",
            "s to both",
            "gain",
            "last chi2",
            "last std ratio",
        ]
    ]
    for k, name in enumerate(found["run"].values):
        one = found.isel(run=k)
        spent = float(one["seconds_spent"])
        times = [
            f"{float(one[key]):.1f}" if np.isfinite(one[key]) else f"not in {spent:.1f}"
            for key in ("seconds_to_chi2", "seconds_to_std", "seconds_to_both")
        ]
        gain = f"{float(one['gain']):.1f}" if np.isfinite(one["gain"]) else "-"
        last = int(np.isfinite(one["seconds"]).sum()) - 1
        rows.append(
            [
                str(name),
                *times,
                f"at least {gain}" if int(one["is_bound"]) else gain,
                f"{float(one['chi2_referee'][last]):.3f}",
                f"{float(one['std_ratio'][last]):.3f}",
            ]
        )
    return text_table(rows)


def _timed(
    tracks: dict[str, list[tuple[float, float, float]]], target: Target, n_members: int
) -> xr.Dataset:
    """Tracks as a Dataset, with the first times at the target."""
    longest = max(len(track) for track in tracks.values())
    table = np.full((3, len(tracks), longest), np.nan)
    for k, track in enumerate(tracks.values()):
        table[:, k, : len(track)] = np.array(track).reshape(-1, 3).T
    seconds, chi2, ratio = table
    fits, spreads = chi2 <= target.chi2, np.abs(ratio - 1) <= target.std_off
    times = {
        "seconds_to_chi2": _first(seconds, fits),
        "seconds_to_std": _first(seconds, spreads),
        "seconds_to_both": _first(seconds, fits & spreads),
    }
    spent = np.nanmax(seconds, axis=1)
    reached = times["seconds_to_both"]
    found = xr.Dataset(
        {
            "seconds": (("run", "snapshot"), seconds),
            "chi2_referee": (("run", "snapshot"), chi2),
            "std_ratio": (("run", "snapshot"), ratio),
            **{name: ("run", values) for name, values in times.items()},
            "seconds_spent": ("run", spent),
            "gain": ("run", np.where(np.isnan(reached), spent, reached) / reached[0]),
            "is_bound": ("run", np.isnan(reached).astype(np.int8)),
        },
        coords={"run": list(tracks), "snapshot": np.arange(longest)},
        attrs={
            "kind": "speed",
            "n_members": n_members,
            "chi2_target": target.chi2,
            "std_off_target": target.std_off,
        },
    )
    for name in ("seconds", "seconds_spent", *times):
        found[name].attrs.update(units="s", long_name=name.replace("_", " "))
    return found


def _first(seconds: Array, is_there: NDArray[np.bool_]) -> Array:
    """The earliest time at which a run is there; NaN when never."""
    earliest = np.where(is_there, seconds, np.inf).min(axis=1)
    return np.where(np.isfinite(earliest), earliest, np.nan)


def _inverted(method: Method, case: Case, n_members: int, seed: int) -> Snapshot:
    """A finished inversion, its time from the outside."""
    config = method.config(case, n_members=n_members, seed=seed)
    begun = time.perf_counter()
    ensemble = method.inverter(case.survey, case.prior, config)
    seconds = time.perf_counter() - begun
    depth, grid = ensemble["depth"].values, case.process.grid
    level = to_depth_grid(case.process.mean, grid, depth)
    velocity = ensemble["velocity"].values.astype(float)
    if velocity.shape[1:] != level.shape or np.ptp(grid.surface) > 0:
        raise InputError(
            f"speed_against: {method.name} returned velocity on {velocity.shape[1:]} cells, the "
            f"case has {level.shape}, level at the surface. Invert with the case's own settings."
        )
    return Snapshot(seconds=seconds, velocity=velocity.transpose(0, 2, 1))


def _refereed(case: Case, velocity: Array, referee: Referee, cell: float) -> float:
    """Mean chi2 per pick of some members by the referee."""
    some = np.unique(np.linspace(0, len(velocity) - 1, REFEREED).round().astype(int))
    observed, std = case.survey["travel_time"].values, case.survey["pick_std"].values
    times = np.stack([referee.times(np.ascontiguousarray(velocity[k]), cell) for k in some])
    return float(mean_square(observed - times, std).mean())
