"""Chains of a costly target, screened by a cheap one: delayed acceptance.

Between two looks at the costly posterior p a chain takes some Metropolis steps towards the
posterior p* of a cheap target. These are reversible with respect to p*, and so is their sequence;
where it ends is accepted with

    min(1, p(x') p*(x) / (p(x) p*(x'))).

Exact for p whatever p* is, and nearly always accepted where the two agree: the cheap target only
proposes.

References
----------
Christen and Fox 2005, doi 10.1198/106186005X76983.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import Generator, Tensor

from seisnb.conventions import InputError
from seisnb.inference.base import Memory, Target
from seisnb.inference.mcmc import Chain, MetropolisLangevin, log_posterior


@dataclass(frozen=True, kw_only=True)
class ScreenedChain:
    """A chain on its way.

    Attributes
    ----------
    screen : Chain
        Where it stands, as a chain of the cheap target.
    predicted : Tensor, (n_data,)
        The costly target's predicted data there.
    memory : Memory
        What its forward model remembers.
    log_density : float
        The costly target's log posterior density there, up to a constant.
    n_steps, n_accepted : int
        Looks at the costly target so far, and those of them that were accepted.
    """

    screen: Chain
    predicted: Tensor
    memory: Memory
    log_density: float
    n_steps: int = 0
    n_accepted: int = 0


def start_screened(chain: Chain, costly: Target, memory: Memory) -> ScreenedChain:
    """Go on from a chain of the cheap target.

    Raises
    ------
    InputError
        The costly target's density is not finite there.
    """
    predicted, memory = costly.predict(chain.position, memory)
    log_density = log_posterior(costly, chain.position, predicted)
    if not math.isfinite(log_density):
        raise InputError(
            f"start_screened: the log density is {log_density} where the chain is to start. Start "
            "where the forward model gives finite data."
        )
    return ScreenedChain(screen=chain, predicted=predicted, memory=memory, log_density=log_density)


def advance_screened(
    state: ScreenedChain,
    cheap: Target,
    costly: Target,
    generator: Generator,
    *,
    engine: MetropolisLangevin,
    n_inner: int,
) -> ScreenedChain:
    """Some steps towards the cheap posterior, then one look at the costly one.

    Parameters
    ----------
    state : ScreenedChain
        Where the chain stands.
    cheap, costly : Target
        What proposes, and what decides; equal unknowns.
    generator : Generator
        Source of the random numbers.
    engine : MetropolisLangevin
        The steps; past their adaptation, which would not be reversible.
    n_inner : int
        How many.

    Raises
    ------
    InputError
        An engine that still adapts, or no steps.
    """
    if engine.n_adapt or n_inner < 1:
        raise InputError(
            f"advance_screened: n_adapt is {engine.n_adapt} and n_inner {n_inner}; expected 0 and "
            "at least 1. Adapt a plain chain first."
        )
    ahead = state.screen
    for _ in range(n_inner):
        ahead = engine.advance(ahead, cheap, generator)
    threshold = math.log(
        max(float(torch.rand((), generator=generator, dtype=torch.float64)), 1e-300)
    )
    if torch.equal(ahead.position, state.screen.position):
        return replace(state, n_steps=state.n_steps + 1, n_accepted=state.n_accepted + 1)
    predicted, memory = costly.predict(ahead.position, state.memory)
    log_density = log_posterior(costly, ahead.position, predicted)
    log_ratio = log_density - state.log_density - (ahead.log_density - state.screen.log_density)
    if not (math.isfinite(log_ratio) and threshold < log_ratio):
        return replace(state, n_steps=state.n_steps + 1)
    return ScreenedChain(
        screen=ahead,
        predicted=predicted,
        memory=memory,
        log_density=log_density,
        n_steps=state.n_steps + 1,
        n_accepted=state.n_accepted + 1,
    )
