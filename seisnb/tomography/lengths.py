"""What the user left open in the prior, chosen by marginal likelihood (empirical Bayes).

A coordinate search over kernel, lengths, their growth with depth, and amplitude: for every
candidate the most probable model is found (from the one before) and Laplace's evidence compared.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
import xarray as xr

from seisnb.conventions import PriorError
from seisnb.inference.base import Memory, in_parallel
from seisnb.inference.rml import Fit, inferred_scale, log_evidence, maximum_a_posteriori
from seisnb.prior import LEAST_CELLS, Kernel, PriorConfig
from seisnb.tomography.config import TomographyConfig
from seisnb.tomography.problem import Frame, Problem, make_problem

#: Kernels that are tried.
KERNELS: tuple[Kernel, ...] = ("gaussian", "matern")
#: Lengths along the line that are tried, as shares of its width.
SHARES = (0.4, 0.2, 0.1, 0.05, 0.03)
#: Lengths in depth that are tried, as shares of the length along the line.
FLATNESS = (0.7, 0.35, 0.18)
#: Growths of the length in depth that are tried.
GROWTHS = (0.3, 0.0)
#: Amplitudes that are tried: fractions of velocity.
AMPLITUDES = (0.4, 0.25)
#: Shortest length in depth that is tried, as a share of the line's width.
SHORTEST = 1 / 60
#: Priors with more unknowns are not tried: their members would take too long.
MOST_UNKNOWNS = 800


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
    """Fill in whatever the prior leaves open (None) of kernel, lengths, growth and amplitude.

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
    lock = threading.Lock()

    def told(line: str) -> None:
        with lock:
            report(line)

    def climb_along(kernel: Kernel) -> tuple[_Chain, float, float]:
        chain = _Chain(survey=survey, prior=prior, config=config, frame=frame, report=told)
        return chain, *_climb(SHARES, 2, lambda share: chain.attempt(kernel, share))

    kernels = list(KERNELS if prior.kernel is None else (prior.kernel,))
    n_workers = min(len(kernels), config.n_workers or len(kernels))
    found = dict(in_parallel(climb_along, kernels, n_workers=n_workers))
    kernel = max(kernels, key=lambda name: found[name][2])
    chain, share, _ = found[kernel]
    flatness, _ = _climb(FLATNESS, 0, lambda x: chain.attempt(kernel, share, x))
    growth, _ = _climb(GROWTHS, 0, lambda x: chain.attempt(kernel, share, flatness, x))
    _climb(AMPLITUDES, 0, lambda x: chain.attempt(kernel, share, flatness, growth, x))
    if chain.best is None:
        raise PriorError(
            "invert: every prior that was tried has too many unknowns, or lengths too short for "
            "the cell. Give length_easting and length_depth, a smaller depth_max, or no cell."
        )
    return chain.best, [pair for name in kernels for pair in found[name][0].tried]


@dataclass(kw_only=True)
class _Chain:
    """Candidates of one kernel, each started from the best before it."""

    survey: xr.Dataset
    prior: PriorConfig
    config: TomographyConfig
    frame: Frame
    report: Callable[[str], None]
    tried: list[tuple[PriorConfig, float]] = field(default_factory=list)
    best: Candidate | None = None

    def attempt(
        self,
        kernel: Kernel,
        share: float,
        flatness: float = FLATNESS[0],
        growth: float = GROWTHS[0],
        amplitude: float = AMPLITUDES[0],
    ) -> float:
        """Log evidence of a prior; minus infinity for one too costly, or too fine for the cell."""
        settings = self._settings(kernel, share, flatness, growth, amplitude)
        if self._is_unresolved(settings):
            return -np.inf
        for known, evidence in self.tried:
            if known == settings:
                return evidence
        candidate = _evaluate(self.survey, settings, self.config, self.frame, self.best)
        if candidate is None:
            return -np.inf
        self.tried.append((settings, candidate.evidence))
        self.report(
            f"{settings.kernel}, {settings.length_easting:.3g} km along, "
            f"{settings.length_depth:.3g} km in depth, growth {settings.length_depth_growth}, "
            f"amplitude {settings.amplitude:.2g}: log evidence {candidate.evidence:.1f}"
        )
        if self.best is None or candidate.evidence > self.best.evidence:
            self.best = candidate
        return candidate.evidence

    def _is_unresolved(self, settings: PriorConfig) -> bool:
        """A length that the user left open is too short for the cell that the user gave."""
        least = LEAST_CELLS * (self.config.cell or 0.0)
        return any(
            getattr(self.prior, name) is None and getattr(settings, name) < least
            for name in ("length_easting", "length_depth")
        )

    def _settings(
        self, kernel: Kernel, share: float, flatness: float, growth: float, amplitude: float
    ) -> PriorConfig:
        """The prior with what the user left open filled in."""
        prior, frame = self.prior, self.frame
        unit = 1.0 if prior.field == "log_velocity" else float(frame.profile.velocity.min())
        along = prior.length_easting or share * frame.width
        shortest, longest = SHORTEST * frame.width, 0.5 * frame.depth_max
        is_open = prior.length_depth_growth is None and prior.length_depth is None
        return replace(
            prior,
            kernel=prior.kernel or kernel,
            length_easting=along,
            length_depth=prior.length_depth or float(np.clip(flatness * along, shortest, longest)),
            length_depth_growth=growth if is_open else prior.length_depth_growth or 0.0,
            amplitude=prior.amplitude or amplitude * unit,
        )


def _climb(
    values: Sequence[float], start: int, attempt: Callable[[float], float]
) -> tuple[float, float]:
    """Walk along values from a start while the score grows, down the list first; best and score."""
    scores = {start: attempt(values[start])}
    for direction in (1, -1):
        at = start
        while 0 <= at + direction < len(values):
            at += direction
            scores[at] = attempt(values[at])
            if scores[at] <= scores[at - direction]:
                break
        if direction == 1 and max(scores, key=lambda k: scores[k]) != start:
            break
    best = max(scores, key=lambda k: scores[k])
    return values[best], scores[best]


def _evaluate(
    survey: xr.Dataset,
    prior: PriorConfig,
    config: TomographyConfig,
    frame: Frame,
    before: Candidate | None,
) -> Candidate | None:
    """Most probable model and evidence of one prior, started from another prior's model."""
    problem = make_problem(survey, prior, config, frame)
    if problem.prior.n_unknowns > MOST_UNKNOWNS:
        return None
    memory: Memory = problem.start
    position = None
    if before is not None and before.problem.prior.grid.n_depth == problem.prior.grid.n_depth:
        velocity = before.problem.prior.velocity(before.fit.position.numpy())
        position = torch.from_numpy(problem.prior.unknowns_of(problem.prior.process_of(velocity)))
        memory = before.fit.here.memory
    scale = 1.0 if before is None else before.sigma_scale
    for _ in range(2 if config.infer_sigma else 1):
        target = replace(problem.target, std=problem.target.std * scale)
        fit = maximum_a_posteriori(target, memory, position=position, tolerance=2.0)
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
