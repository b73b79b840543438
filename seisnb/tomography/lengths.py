"""Amplitude and correlation lengths that the user left open, chosen by marginal likelihood (type-II MAP).

A coordinate search over the length along the line, the length in depth and the amplitude: at every
candidate the most probable model is found (from the one before) and Laplace's evidence compared.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
import xarray as xr

from seisnb.inference.base import Memory
from seisnb.inference.rml import Fit, inferred_scale, log_evidence, maximum_a_posteriori
from seisnb.prior import PriorConfig
from seisnb.tomography.config import TomographyConfig
from seisnb.tomography.problem import Frame, Problem, make_problem

#: Growth of an estimated length in depth.
GROWTH = 0.3
#: Amplitudes that are tried: fractions of velocity.
AMPLITUDES = (0.4, 0.25)
#: Lengths along the line that are tried, as shares of its width.
SHARES = (0.2, 0.1, 0.05, 0.03)
#: Lengths in depth that are tried, as shares of the length along the line.
FLATNESS = (0.8, 0.4)
#: Shortest length in depth that is tried, as a share of the line's width.
SHORTEST = 1 / 60


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A prior with its most probable model, factor on the pick sigmas, and log evidence."""

    prior: PriorConfig
    problem: Problem
    fit: Fit
    sigma_scale: float
    evidence: float


def choose_lengths(
    survey: xr.Dataset,
    prior: PriorConfig,
    config: TomographyConfig,
    frame: Frame,
    report: Callable[[str], None],
) -> tuple[Candidate | None, list[tuple[PriorConfig, float]]]:
    """Fill in the amplitude and the correlation lengths that are None.

    Parameters
    ----------
    survey, prior, config, frame
        The problem so far.
    report : callable
        Takes one line per candidate.

    Returns
    -------
    best : Candidate or None
        The most probable prior with its problem and fit; None when all were given.
    tried : list of (PriorConfig, float)
        Every candidate and its log evidence.
    """
    if prior.length_easting and prior.length_depth and prior.amplitude:
        return None, []
    growth = prior.length_depth_growth
    if growth is None:
        growth = 0.0 if prior.length_depth else GROWTH
    tried: list[tuple[PriorConfig, float]] = []
    best: Candidate | None = None

    def attempt(along: float, depth: float, amplitude: float) -> float:
        nonlocal best
        settings = replace(
            prior,
            length_easting=along,
            length_depth=depth,
            length_depth_growth=growth,
            amplitude=amplitude,
        )
        candidate = _evaluate(survey, settings, config, frame, best)
        tried.append((candidate.prior, candidate.evidence))
        report(
            f"lengths {along:.3g} km along, {depth:.3g} km in depth, amplitude {amplitude:.2g}: "
            f"log evidence {candidate.evidence:.1f}"
        )
        if best is None or candidate.evidence > best.evidence:
            best = candidate
        return candidate.evidence

    def in_depth(along: float, flatness: float) -> float:
        return prior.length_depth or float(
            np.clip(flatness * along, SHORTEST * frame.width, 0.5 * frame.depth_max)
        )

    unit = 1.0 if prior.field == "log_velocity" else float(frame.profile.velocity[0])
    first, *others = (
        [prior.amplitude] if prior.amplitude else [share * unit for share in AMPLITUDES]
    )
    along = prior.length_easting
    if along is None:
        along = _climb(
            [share * frame.width for share in SHARES],
            lambda x: attempt(x, in_depth(x, FLATNESS[0]), first),
        )
    if prior.length_depth is None:
        done = {candidate.length_depth for candidate, _ in tried}
        for flatness in FLATNESS:
            if (depth := in_depth(along, flatness)) not in done:
                attempt(along, depth, first)
    elif not tried:
        attempt(along, prior.length_depth, first)
    assert best is not None
    chosen = best.prior
    assert chosen.length_easting and chosen.length_depth
    for amplitude in others:
        attempt(chosen.length_easting, chosen.length_depth, amplitude)
    return best, tried


def _climb(values: Sequence[float], attempt: Callable[[float], float]) -> float:
    """Try values in order until the evidence falls; the best of them."""
    scores: list[float] = []
    for value in values:
        scores.append(attempt(value))
        if len(scores) > 1 and scores[-1] < scores[-2]:
            break
    return values[int(np.argmax(scores))]


def _evaluate(
    survey: xr.Dataset,
    prior: PriorConfig,
    config: TomographyConfig,
    frame: Frame,
    before: Candidate | None,
) -> Candidate:
    """Most probable model and evidence of one prior, started from another prior's model."""
    problem = make_problem(survey, prior, config, frame)
    memory: Memory = problem.start
    position = None
    if before is not None and before.problem.prior.grid.n_depth == problem.prior.grid.n_depth:
        velocity = before.problem.prior.velocity(before.fit.position.numpy())
        position = torch.from_numpy(problem.prior.unknowns_of(problem.prior.process_of(velocity)))
        memory = before.fit.here.memory
    scale = 1.0 if before is None else before.sigma_scale
    for _ in range(2 if config.infer_sigma else 1):
        target = replace(problem.target, std=problem.target.std * scale)
        fit = maximum_a_posteriori(target, memory, position=position, tolerance=1.0)
        if config.infer_sigma:
            scale = inferred_scale(fit, problem.target.std, scale)
            position, memory = fit.position, fit.here.memory
    return Candidate(
        prior=prior,
        problem=problem,
        fit=fit,
        sigma_scale=scale,
        evidence=log_evidence(fit, target.std),
    )
