"""Exact Markov chains of a tomography whose likelihood is the referee's: no ray decides anything.

Rays only propose: some Langevin steps towards their own posterior, then one look at the times of
the independent grid solver, which accepts or not (:mod:`seisnb.inference.screened`). Chains begin
far apart, and are believed when the spread between them is that within them.

References
----------
Vehtari, Gelman, Simpson, Carpenter and Buerkner 2021, doi 10.1214/20-BA1221 (R-hat and effective
sample size by ranks).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor

from seisnb.conventions import Cancelled, InputError
from seisnb.inference.base import Linearised, Memory, seeded
from seisnb.inference.mcmc import (
    MetropolisLangevin,
    Reference,
    gauss_newton_reference,
    log_posterior,
)
from seisnb.inference.rml import maximum_a_posteriori
from seisnb.inference.screened import ScreenedChain, advance_screened, start_screened
from seisnb.tomography.problem import PickTarget, Problem
from seisnb.traveltime.grid import GridWavefronts
from seisnb.traveltime.referee import Referee

Array = NDArray[np.float64]

#: Chains begin this many Gauss-Newton standard deviations wide around the most probable model.
DISPERSION = 2.0
#: Above this R-hat chains are not believed.
MOST_RHAT = 1.01
#: Stream of random numbers of the first chain; no member has one as high.
CHAIN_STREAM = 2**41


@dataclass(frozen=True, kw_only=True)
class RefereeTarget:
    """The picks as a function of the unknowns, by the independent grid solver.

    Attributes
    ----------
    target : PickTarget
        Picks, their standard deviations, and the prior.
    referee : Referee
        The solver in its own process.
    cell : float
        Its spacing [km].
    """

    target: PickTarget
    referee: Referee
    cell: float

    @property
    def n_unknowns(self) -> int:
        """Length of a position."""
        return self.target.n_unknowns

    @property
    def observed(self) -> Tensor:
        """The picks, (pick,) [s]."""
        return self.target.observed

    @property
    def std(self) -> Tensor:
        """Their standard deviations, (pick,) [s]."""
        return self.target.std

    def predict(self, position: Tensor, memory: Memory) -> tuple[Tensor, Memory]:
        """Times of all picks [s]; nothing to remember."""
        velocity = self.target.forward.prior.velocity(position.numpy())
        return torch.from_numpy(self.referee.times(velocity, self.cell)), None

    def linearise(self, position: Tensor, memory: Memory) -> Linearised:
        """Refused: a grid solver gives times without a derivative."""
        raise NotImplementedError("the referee has no derivative")


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """What chains are worth, per quantity.

    Attributes
    ----------
    rhat : Array, (n,)
        Rank-normalised split R-hat.
    ess : Array, (n,)
        Bulk effective sample size.
    mean_error, std_error : Array, (n,)
        Monte Carlo standard errors of the mean and of the standard deviation.
    """

    rhat: Array
    ess: Array
    mean_error: Array
    std_error: Array


@dataclass(frozen=True, kw_only=True)
class Chains:
    """Draws of the exact posterior.

    Attributes
    ----------
    positions : Array, (chain, draw, n_unknowns)
        Whitened unknowns.
    log_ratio : Array, (chain, draw)
        Log density of the posterior by the problem's own rays over the referee's, up to a constant.
    ray_error : float
        Times along these rays less the referee's, rms over draws and picks [s].
    step_size : float
        Of the proposals.
    acceptance : Array, (chain,)
        Share of looks at the referee that accepted.
    diagnosis : Diagnosis
        Of the unknowns.
    """

    positions: Array
    log_ratio: Array
    ray_error: float
    step_size: float
    acceptance: Array
    diagnosis: Diagnosis


def referee_chains(
    problem: Problem,
    referee: Referee,
    cell: float,
    *,
    seed: int,
    n_chains: int = 4,
    n_looks: int = 400,
    least_ess: float = 1500.0,
    n_rounds: int = 8,
    n_inner: int = 16,
    n_adapt: int = 600,
    report: Callable[[str], None] | None = None,
    cancel: Callable[[], bool] | None = None,
) -> Chains:
    """Chains that go on until they agree.

    Parameters
    ----------
    problem : Problem
        What is solved; its rays must be those of the model alone (ray source ``grid``).
    referee : Referee
        The independent solver.
    cell : float
        Its spacing [km].
    seed : int
        Seed of all random numbers.
    n_chains : int
        Chains, at least 2.
    n_looks : int
        Looks at the referee per chain and round; half a round is burn-in, after ``n_adapt`` steps
        by rays that end the same way.
    least_ess, n_rounds : float, int
        Rounds go on until R-hat is below :data:`MOST_RHAT` and the effective sample size above
        ``least_ess`` for every unknown, or until there were ``n_rounds``.
    n_inner, n_adapt : int
        Steps by rays between two looks, and at the start to adapt the step size.
    report : callable, optional
        Takes one line per round.
    cancel : callable, optional
        Returns True to stop.

    Raises
    ------
    InputError
        Fewer than two chains, or no ``arviz-stats`` to judge chains.
    Cancelled
        Stopped by ``cancel``.
    """
    if n_chains < 2:
        raise InputError(f"referee_chains: {n_chains} chains; expected at least two.")
    say, is_cancelled = report or (lambda _: None), cancel or (lambda: False)
    cheap = sharp_rays(problem)
    costly = RefereeTarget(target=problem.target, referee=referee, cell=cell)
    fit = maximum_a_posteriori(cheap, problem.start)
    reference = gauss_newton_reference(fit.position, fit.here, cheap)
    walkers = [
        _Walker(problem, cheap, reference, costly, seeded(seed, CHAIN_STREAM + index))
        for index in range(n_chains)
    ]
    # one step size for all: a chain that was far out while it adapted learnt little
    step = float(np.median([walker.adapt(n_adapt, is_cancelled) for walker in walkers]))
    for walker in walkers:
        walker.state = replace(walker.state, screen=replace(walker.state.screen, log_step=step))
        walker.walk(n_looks // 2, n_inner, is_cancelled)
        walker.forget()
    for done in range(1, n_rounds + 1):
        for walker in walkers:
            walker.walk(n_looks, n_inner, is_cancelled)
        positions = np.stack([np.stack(walker.positions) for walker in walkers])
        found = diagnose(positions)
        say(
            f"chains, round {done}: {n_chains} x {positions.shape[1]} draws, "
            f"R-hat at most {found.rhat.max():.4f}, bulk ESS at least {found.ess.min():.0f}"
        )
        if found.rhat.max() < MOST_RHAT and found.ess.min() >= least_ess:
            break
    return Chains(
        positions=positions,
        log_ratio=np.array([walker.log_ratio for walker in walkers]),
        ray_error=float(np.sqrt(np.mean([walker.ray_square for walker in walkers]))),
        step_size=float(np.exp(step)),
        acceptance=np.array([w.state.n_accepted / w.state.n_steps for w in walkers]),
        diagnosis=found,
    )


def sharp_rays(problem: Problem) -> PickTarget:
    """The picks by rays of a finer solver, bent to the end: what the referee accepts most often."""
    forward, config = problem.target.forward, problem.config
    assert config.cell
    forward = replace(
        forward,
        wavefronts=(GridWavefronts(step=2 * config.cell, spacing=3 * config.cell),),
        n_steps=8,
        tolerance=forward.tolerance / 10,
        keeps_rays=False,  # times of the model alone, whatever the way there
    )
    return replace(problem.target, forward=forward)


class _Walker:
    """One chain on its way, and where it has been."""

    def __init__(
        self,
        problem: Problem,
        cheap: PickTarget,
        reference: Reference,
        costly: RefereeTarget,
        generator: Generator,
    ) -> None:
        """Begin far out."""
        self.problem, self.cheap, self.costly = problem, cheap, costly
        self.generator, self.engine = generator, MetropolisLangevin()
        noise = torch.randn(cheap.n_unknowns, generator=generator, dtype=torch.float64)
        start = reference.from_white(DISPERSION * noise)
        chain = self.engine.start(start, cheap, reference, problem.start)
        self.state: ScreenedChain = start_screened(chain, costly, None)
        self.forget()

    def adapt(self, n_steps: int, is_cancelled: Callable[[], bool]) -> float:
        """Find a step size by rays alone; its logarithm."""
        engine, chain = replace(self.engine, n_adapt=n_steps), self.state.screen
        for _ in range(n_steps):
            _check(is_cancelled)
            chain = engine.advance(chain, self.cheap, self.generator)
        self.state = start_screened(chain, self.costly, None)
        return chain.log_step

    def forget(self) -> None:
        """Drop what was so far: burn-in."""
        self.positions: list[Array] = []
        self.log_ratio: list[float] = []
        self.squares: list[float] = []

    def walk(self, n_looks: int, n_inner: int, is_cancelled: Callable[[], bool]) -> None:
        """Some more looks at the referee."""
        for _ in range(n_looks):
            _check(is_cancelled)
            self.state = advance_screened(
                self.state, self.cheap, self.costly, self.generator,
                engine=self.engine, n_inner=n_inner,
            )  # fmt: skip
            position, target = self.state.screen.position, self.problem.target
            by_rays, _ = target.predict(position, self.problem.start)
            self.positions.append(position.numpy())
            self.log_ratio.append(log_posterior(target, position, by_rays) - self.state.log_density)
            self.squares.append(float((by_rays - self.state.predicted).square().mean()))

    @property
    def ray_square(self) -> float:
        """Mean square of the rays' error over draws and picks [s**2]."""
        return float(np.mean(self.squares))


def _check(is_cancelled: Callable[[], bool]) -> None:
    """End what was cancelled."""
    if is_cancelled():
        raise Cancelled("gold standard: cancelled; nothing is kept.")


def diagnose(draws: Array) -> Diagnosis:
    """R-hat, effective sample size and Monte Carlo errors by ``arviz-stats``.

    Parameters
    ----------
    draws : Array, (chain, draw, n)
        Any quantities.

    Raises
    ------
    InputError
        ``arviz-stats`` is not installed.
    """
    try:
        from arviz_stats.base.array import array_stats
    except ImportError as error:
        raise InputError(
            "gold standard: the package arviz-stats is missing, which judges chains. Install it: "
            "pip install 'seisnb[verification]'."
        ) from error
    axes = {"chain_axis": 0, "draw_axis": 1}
    return Diagnosis(
        rhat=np.asarray(array_stats.rhat(draws, **axes), float),
        ess=np.asarray(array_stats.ess(draws, **axes), float),
        mean_error=np.asarray(array_stats.mcse(draws, **axes), float),
        std_error=np.asarray(array_stats.mcse(draws, method="sd", **axes), float),
    )
