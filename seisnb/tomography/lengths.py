"""What the user left open in the prior, chosen by marginal likelihood (empirical Bayes).

A coordinate search over kernel, lengths, their growth with depth, and amplitude, first in coarse
and then in finer steps: for every candidate the most probable model is found (from the one before)
and Laplace's evidence compared.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
import xarray as xr

from seisnb.conventions import PriorError
from seisnb.inference.base import Memory
from seisnb.inference.evidence import LinearEvidence, linear_evidence
from seisnb.inference.rml import (
    Fit,
    inferred_scale,
    log_evidence,
    maximum_a_posteriori,
    posterior_covariance_factor,
    refitted,
)
from seisnb.prior import LEAST_CELLS, Kernel, PriorConfig
from seisnb.threads import in_parallel
from seisnb.tomography.config import TomographyConfig
from seisnb.tomography.peak import student_weights
from seisnb.tomography.problem import Frame, Problem, make_problem

#: Correlation lengths of a prior.
LENGTHS = ("length_easting", "length_depth")
#: Kernels that are tried.
KERNELS: tuple[Kernel, ...] = ("gaussian", "matern")
#: Lengths along the line that are tried, as shares of its width.
SHARES = (0.4, 0.2, 0.1, 0.05, 0.03)
#: Lengths in depth that are tried, as shares of the length along the line.
FLATNESS = (0.7, 0.35, 0.18)
#: Growths of the length in depth that are tried.
GROWTHS = (0.3, 0.0)
#: Amplitudes that are tried: fractions of velocity.
AMPLITUDES = (0.4, 0.25, 0.16, 0.1)
#: Amplitudes far down that are tried, as shares of that at the surface.
AT_DEPTH = (1.0, 0.5, 0.25)
#: Factor on the lengths in the last, finer steps.
FINER = 2**0.5
#: A kernel that is behind by more log evidence per pick after the coarse steps is given up.
HOPELESS = 0.08
#: Shortest length in depth that is tried, as a share of the line's width.
SHORTEST = 1 / 60
#: Priors with more unknowns are not tried: their members would take too long.
MOST_UNKNOWNS = 800


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A prior with its most probable model, factor on the pick sigmas, and log evidence.

    ``weights`` (pick,) are those of a Student likelihood at that model; ones for a Gaussian.
    """

    prior: PriorConfig
    problem: Problem
    fit: Fit
    sigma_scale: float
    evidence: float
    weights: torch.Tensor

    def linear_evidence(self) -> LinearEvidence:
        """Log evidence of other amplitudes and sigmas, with the rays of this most probable model.

        Factors are on this prior's amplitude and on the given pick sigmas.
        """
        here, target = self.fit.here, self.problem.target
        data = self.fit.data - here.predicted + here.jacobian @ self.fit.position
        return linear_evidence(here.jacobian, data, target.std / self.weights.sqrt())


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

    kernels = list(KERNELS if prior.kernel is None else (prior.kernel,))
    chains = {
        kernel: _Chain(
            survey=survey, prior=prior, config=config, frame=frame, report=told, kernel=kernel
        )
        for kernel in kernels
    }

    def in_each(work: Callable[[_Chain], None], chosen: list[_Chain]) -> float:
        """Let chains work side by side; the best evidence so far."""
        n_workers = min(len(chosen), config.n_workers or len(chosen))
        list(in_parallel(work, chosen, n_workers=n_workers))
        return max(chain.reached for chain in chosen)

    best = in_each(_Chain.climb, list(chains.values()))
    if not np.isfinite(best):
        raise PriorError(
            "invert: every prior that was tried has too many unknowns, or lengths too short for "
            "the cell. Give length_easting and length_depth, a smaller depth_max, or no cell."
        )
    behind = HOPELESS * survey.sizes["pick"]
    best = in_each(_Chain.refine, [c for c in chains.values() if c.reached > best - behind])
    winner = next(chain for chain in chains.values() if chain.reached == best)
    return winner.best, [pair for chain in chains.values() for pair in chain.tried]


@dataclass(kw_only=True)
class _Chain:
    """Candidates of one kernel, each started from the best before it."""

    survey: xr.Dataset
    prior: PriorConfig
    config: TomographyConfig
    frame: Frame
    report: Callable[[str], None]
    kernel: Kernel
    tried: list[tuple[PriorConfig, float]] = field(default_factory=list)
    best: Candidate | None = None

    @property
    def reached(self) -> float:
        """Log evidence of the best; minus infinity where there is none."""
        return -np.inf if self.best is None else self.best.evidence

    def climb(self) -> None:
        """Walk along lengths along the line, the one in depth in proportion."""
        _climb(SHARES, 2, lambda share: self.score(self._settings(share)))

    def refine(self) -> None:
        """Go on from the best: length in depth, growth, amplitude, then lengths in finer steps."""
        if self.best is None:
            return
        assert self.best.prior.length_easting
        share = self.best.prior.length_easting / self.frame.width
        flatness, _ = _climb(
            self._flatness(share), 0, lambda x: self.score(self._settings(share, x))
        )
        _climb(GROWTHS, 0, lambda x: self.score(self._settings(share, flatness, x)))
        self._choose_amplitude()
        self._choose_amplitude_at_depth()
        width = self.frame.width
        self._walk("length_easting", min(SHARES) * width, max(SHARES) * width)
        self._walk("length_depth", *self._depth_limits)

    def _flatness(self, share: float) -> list[float]:
        """The flatness to try: those whose lengths in depth are not nearly the same."""
        kept: list[float] = []
        for flatness in FLATNESS:
            lengths = [self._settings(share, x).length_depth or 0.0 for x in (*kept[-1:], flatness)]
            if not kept or lengths[1] < 0.999 * lengths[0] / FINER:
                kept.append(flatness)
        return kept

    def _choose_amplitude(self) -> None:
        """Try the amplitude that the rays of the best model ask for, if it was left open."""
        if self.best is None or self.prior.amplitude is not None:
            return
        linear, now = self.best.linear_evidence(), self.best.prior
        assert now.amplitude
        ratio = amplitude_unit(self.prior, self.frame) / now.amplitude

        def foreseen(amplitude: float) -> float:
            if self.config.infer_sigma:
                return linear.best_sigma(amplitude=amplitude * ratio)[1]
            return linear.at(amplitude=amplitude * ratio)

        self.score(
            replace(
                now,
                amplitude=max(AMPLITUDES, key=foreseen) * amplitude_unit(self.prior, self.frame),
            )
        )

    def _choose_amplitude_at_depth(self) -> None:
        """Try less variation far down than near the surface, if the amplitude was left open."""
        prior = self.prior
        if self.best is None or prior.amplitude is not None or prior.amplitude_at_depth is not None:
            return
        now = self.best.prior
        _climb(AT_DEPTH, 0, lambda share: self.score(replace(now, amplitude_at_depth=share)))

    def _walk(self, name: str, low: float, high: float) -> None:
        """Lengthen what was left open in finer steps, or shorten it, as long as that pays."""
        if getattr(self.prior, name) is not None:
            return
        for factor in (FINER, 1 / FINER):
            before = self.best
            while (now := self.best) is not None:
                length = factor * getattr(now.prior, name)
                if not 0.999 * low <= length <= 1.001 * high:
                    break
                if self.score(replace(now.prior, **{name: length})) <= now.evidence:
                    break
            if self.best is not before:
                return

    def score(self, settings: PriorConfig) -> float:
        """Log evidence of a prior with nothing left open."""
        for known, evidence in self.tried:
            if known == settings:
                return evidence
        opened = [name for name in LENGTHS if getattr(self.prior, name) is None]
        if is_unresolved(settings, self.config, opened):
            return -np.inf
        candidate = fit_prior(self.survey, settings, self.config, self.frame, self.best)
        if candidate is None:
            return -np.inf
        self.tried.append((settings, candidate.evidence))
        self.report(
            f"{settings.kernel}, {settings.length_easting:.3g} km along, "
            f"{settings.length_depth:.3g} km in depth, growth {settings.length_depth_growth}, "
            f"amplitude {settings.amplitude:.2g} ({settings.amplitude_at_depth:.0%} far down): "
            f"log evidence {candidate.evidence:.1f}"
        )
        if self.best is None or candidate.evidence > self.best.evidence:
            self.best = candidate
        return candidate.evidence

    @property
    def _depth_limits(self) -> tuple[float, float]:
        """Shortest and longest length in depth that are tried [km]."""
        return SHORTEST * self.frame.width, 0.5 * self.frame.depth_max

    def _settings(
        self, share: float, flatness: float = FLATNESS[0], growth: float = GROWTHS[0]
    ) -> PriorConfig:
        """The prior with what the user left open filled in.

        Whatever the growth, the length a quarter of the way down is the same.
        """
        prior = self.prior
        along = prior.length_easting or share * self.frame.width
        in_depth = np.clip(flatness * along, *self._depth_limits)
        in_depth += (GROWTHS[0] - growth) * 0.25 * self.frame.depth_max
        is_open = prior.length_depth_growth is None and prior.length_depth is None
        return replace(
            prior,
            kernel=self.kernel,
            length_easting=along,
            length_depth=prior.length_depth or float(in_depth),
            length_depth_growth=growth if is_open else prior.length_depth_growth or 0.0,
            amplitude_at_depth=prior.amplitude_at_depth or 1.0,
            amplitude=prior.amplitude or AMPLITUDES[0] * amplitude_unit(self.prior, self.frame),
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


def amplitude_unit(prior: PriorConfig, frame: Frame) -> float:
    """What an amplitude of one is: a fraction, or for a prior on velocity the slowest [km/s]."""
    return 1.0 if prior.field == "log_velocity" else float(frame.profile.velocity.min())


def is_unresolved(
    prior: PriorConfig, config: TomographyConfig, names: Sequence[str] = LENGTHS
) -> bool:
    """Whether one of a prior's lengths is too short for the cell that the user gave."""
    least = LEAST_CELLS * (config.cell or 0.0)
    return any(getattr(prior, name) < least for name in names)


def fit_prior(
    survey: xr.Dataset,
    prior: PriorConfig,
    config: TomographyConfig,
    frame: Frame,
    before: Candidate | None,
    *,
    tolerance: float = 2.0,
) -> Candidate | None:
    """Most probable model and evidence of one prior, started from another prior's model.

    Parameters
    ----------
    survey, prior, config, frame
        The problem, with a prior that leaves nothing open.
    before : Candidate, optional
        Where to start.
    tolerance : float
        Fall of the objective (in units of log probability) below which a step is the last.

    Returns
    -------
    Candidate or None
        None for more unknowns than :data:`MOST_UNKNOWNS`.
    """
    problem = make_problem(survey, prior, config, frame)
    if problem.prior.n_unknowns > MOST_UNKNOWNS:
        return None
    memory: Memory = problem.start
    position, fit = None, None
    if before is not None and before.problem.prior.grid.n_depth == problem.prior.grid.n_depth:
        velocity = before.problem.prior.velocity(before.fit.position.numpy())
        process = problem.prior.process_of(velocity)
        position = torch.cat(
            [
                torch.from_numpy(problem.prior.unknowns_of(process)),
                before.fit.position[before.problem.prior.n_unknowns :],  # time terms
            ]
        )
        memory = before.fit.here.memory
    scale = 1.0 if before is None else before.sigma_scale
    is_student = config.likelihood == "student"
    weights = torch.ones_like(problem.target.std) if before is None else before.weights
    for _ in range(3 if is_student else 2 if config.infer_sigma else 1):
        target = replace(problem.target, std=problem.target.std * scale / weights.sqrt())
        if fit is None:
            fit = maximum_a_posteriori(
                target, memory, position=position, is_near=position is not None, tolerance=tolerance
            )
        else:
            fit = refitted(fit, target, tolerance)
        if is_student:
            weights = student_weights(problem, fit, scale)
        if config.infer_sigma:
            scale = inferred_scale(fit, problem.target.std / weights.sqrt(), scale)
    assert fit is not None
    return Candidate(
        prior=prior,
        problem=problem,
        fit=fit,
        sigma_scale=scale,
        evidence=_student_evidence(problem, fit, scale)
        if is_student
        else log_evidence(fit, target.std),
        weights=weights,
    )


def _student_evidence(problem: Problem, fit: Fit, scale: float) -> float:
    """Laplace's approximation of the log evidence under Student errors.

    The curvature is Fisher's, (dof + 1) / (dof + 3) of a Gaussian's: that of the likelihood itself
    is negative at an outlier.
    """
    dof, std = problem.config.student_dof, problem.target.std * scale
    residual = (problem.target.observed - fit.here.predicted) / std
    constant = math.lgamma((dof + 1) / 2) - math.lgamma(dof / 2) - 0.5 * math.log(math.pi * dof)
    likelihood = constant - std.log() - 0.5 * (dof + 1) * torch.log1p(residual.square() / dof)
    factor = posterior_covariance_factor(fit.here, std * math.sqrt((dof + 3) / (dof + 1)))
    prior = -0.5 * fit.position.square().sum()
    return float(likelihood.sum() + prior - factor.diagonal().log().sum())
