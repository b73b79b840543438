"""The door: a survey and what is believed before in, an ensemble out."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import xarray as xr

from seisnb import ranks
from seisnb.conventions import Cancelled, InputError
from seisnb.handles import Handles, Progress
from seisnb.inference.rml import mean_chi2
from seisnb.io.results import check_growing, growing_ensemble, open_ensemble
from seisnb.prior import PriorConfig
from seisnb.survey import used_picks
from seisnb.threads import in_front, single_threaded, worker_count
from seisnb.tomography.checkpoint import check_checkpoint, open_checkpoint
from seisnb.tomography.config import (
    MAP_SOURCES,
    NETWORK_SOURCES,
    TomographyConfig,
)
from seisnb.tomography.finish import is_checked, refereed
from seisnb.tomography.lengths import choose_lengths
from seisnb.tomography.members import fit_members, own_fits
from seisnb.tomography.networks import check_networks, section_settings
from seisnb.tomography.peak import find_peak, refresh_network, train
from seisnb.tomography.problem import (
    check_picks,
    make_frame,
    make_problem,
    with_traced_rays,
)
from seisnb.tomography.recentre import recentred
from seisnb.tomography.refine import Judged, refined_peak
from seisnb.tomography.result import (
    VELOCITY_ATTRIBUTES,
    Members,
    ensemble_dataset,
    fill_velocity,
    output_depth,
    with_velocity,
)
from seisnb.tomography.resume import keep_start, kept_start
from seisnb.traveltime.referee import Clerks
from seisnb.vsvgd.config import VsvgdConfig

#: Referee processes at most, of about 150 MB each: one per worker, since checking is all that the
#: last pass over the members does.
MOST_CLERKS = 8


def invert(
    survey: xr.Dataset,
    prior: PriorConfig | None = None,
    config: TomographyConfig | None = None,
    *,
    networks: VsvgdConfig | None = None,
    progress: Callable[[Progress], None] | None = None,
    cancel: Callable[[], bool] | None = None,
    checkpoint: str | Path | None = None,
    out: str | Path | None = None,
) -> xr.Dataset:
    """Turn first-arrival picks into an ensemble of velocity models.

    Parameters
    ----------
    survey : xr.Dataset
        Picks of a line, from :func:`seisnb.io.read_picks` or :func:`seisnb.survey.make_survey`.
    prior : PriorConfig, optional
        What is believed about the rock; whatever is None is estimated from the picks.
    config : TomographyConfig, optional
        How to invert.
    networks : VsvgdConfig, optional
        Settings of the networks of ``method="vsvgd"``; particles and iterations are the config's.
    progress : callable, optional
        Takes a :class:`Progress` at every stage and after every member.
    cancel : callable, optional
        Returns True to stop soon; finished members are kept.
    checkpoint : path, optional
        Folder for finished members; a run that died goes on from it with the same result. Of
        several processes (:mod:`seisnb.ranks`) only the first one looks at it.
    out : path, optional
        Folder ending in ``.zarr`` for the result, whose velocities then are written some members
        at a time and never all in memory. The Dataset returned reads them from there as they are
        used; close it. Of several processes all must reach the folder; only the first one writes.

    Returns
    -------
    xr.Dataset
        The ensemble: variables of :data:`seisnb.conventions.ENSEMBLE` on (depth, easting) [km],
        with ``chi2_*`` per member, residuals per pick, settings, seed, checksum and version.
        Where a cancel came before the members were checked by the referee, ``chi2_referee`` and
        ``ray_error`` are left out.

    Raises
    ------
    InputError
        A survey, prior or setting that cannot be used.
    CheckpointError
        The checkpoint belongs to another survey, configuration or version.
    Cancelled
        Cancelled before two members were finished.
    OutputError
        ``out`` cannot be written.
    RankError
        Another process of the run died or does not answer.
    """
    started = time.monotonic()
    handles = Handles.of(progress, cancel)

    def tell(message: str, stage: str, done: int, chi2: float | None = None) -> None:
        if handles.is_cancelled():
            raise Cancelled("invert: cancelled before any member was finished; nothing to return.")
        handles.progress(
            Progress(
                stage=stage, done=done, total=1, message=message, chi2=chi2,
                elapsed=time.monotonic() - started,
            )
        )  # fmt: skip

    picks = used_picks(survey, where="invert")
    folder = Path(checkpoint) if checkpoint and ranks.is_first() else None
    if out is not None and ranks.is_first():
        check_growing(out, where="invert")
    check_picks(picks)
    check_checkpoint(folder, picks)
    prior, config = prior or PriorConfig(), config or TomographyConfig()
    _check_ranks(config)
    members_on_disk = open_checkpoint(folder, picks, prior, config, networks)
    with closing(Clerks(min(worker_count(config.n_workers), MOST_CLERKS))) as clerks:
        clerks.start()  # they load while the prior is chosen
        tell("building the prior", "prior", 0)
        with single_threaded():
            judged = kept_start(members_on_disk, picks, config, clerks)
        if judged is not None:
            n_unknowns = judged.problem.prior.n_unknowns
            tell(f"{n_unknowns} unknowns, as the checkpoint has them", "prior", 1)
        else:
            judged = _start(picks, prior, config, clerks, handles, started, tell)
            keep_start(members_on_disk, judged)
        problem, peak = judged.problem, judged.peak
        referee, cell = judged.referee, judged.referee_cell
        if config.method == "vsvgd":
            problem = replace(problem, networks=section_settings(networks, config))
        with single_threaded():
            if problem.config.ray_source in NETWORK_SOURCES:
                problem = train(problem, handles, started)
                peak = find_peak(problem, handles, started, peak.fit, peak.sigma_scale)
            problem = refresh_network(problem, peak, handles, started)
            if problem.config.ray_source in MAP_SOURCES:
                problem = with_traced_rays(problem, peak.fit.here.memory.rays)
        tell("most probable model found", "map", 1, mean_chi2(peak.target, peak.fit.here.predicted))
        depth = output_depth(problem.prior.grid)
        members = fit_members(
            problem, peak, members_on_disk, depth, referee, cell, handles, started
        )
        if len(members) < 2:
            raise Cancelled(
                f"invert: cancelled after {len(members)} member(s); at least two make an ensemble."
            )
        n_made, own = len(members), own_fits(list(members.values()))
        found, bias = recentred(problem, peak, own, depth, referee, cell, handles, started)
        found = refereed(problem, found, referee, cell, handles, started)
        is_cancelled = n_made < problem.config.n_members or not is_checked(found)

        def assemble(velocity: Members) -> xr.Dataset:
            mean = fill_velocity(velocity, problem, found, depth)
            return ensemble_dataset(
                problem, peak, found, depth, velocity, mean,
                bias=bias, asked=prior, start=judged,
                elapsed=time.monotonic() - started, is_cancelled=is_cancelled,
                n_failed=n_made - len(found),
            )  # fmt: skip

        shape = len(found), depth.size, problem.prior.grid.n_easting
        if out is None:
            velocity = np.empty(shape, np.float32)
            return with_velocity(in_front(lambda: assemble(velocity)), velocity)
        if ranks.is_first():
            with growing_ensemble(out, where="invert") as growing:
                growing.finish(
                    in_front(lambda: assemble(growing.members(shape))), VELOCITY_ATTRIBUTES
                )
        ranks.first_says(None)  # it is written
        return open_ensemble(out, load=False)


def _start(
    picks: xr.Dataset,
    prior: PriorConfig,
    config: TomographyConfig,
    clerks: Clerks,
    handles: Handles,
    started: float,
    tell: Callable[[str, str, int], None],
) -> Judged:
    """Prior and most probable model, before any member."""
    with single_threaded():
        if config.method == "vsvgd":
            prior = check_networks(prior, config)
        frame = make_frame(picks, prior, config)
        best, _ = choose_lengths(picks, prior, config, frame, lambda line: tell(line, "prior", 0))
        problem = best.problem if best else make_problem(picks, prior, config, frame)
        tell(f"{problem.prior.n_unknowns} unknowns", "prior", 1)
        tell("fitting the most probable model", "map", 0)
        peak = (
            find_peak(problem, handles, started, best.fit, best.sigma_scale)
            if best
            else find_peak(problem, handles, started)
        )
    return refined_peak(problem, peak, config, clerks, handles, started)


def _check_ranks(config: TomographyConfig) -> None:
    """Refuse several processes for particles that only threads can move."""
    if ranks.size() > 1 and config.method == "rays" and config.engine == "svgd":
        raise InputError(
            f"invert: engine='svgd' moves its particles in one process; {ranks.size()} were "
            "started. Start it without torchrun, or use method='vsvgd' or engine='rml'."
        )
