"""Vector Stein variational gradient descent with two networks per particle (Agata et al. 2023).

Every iteration draws collocation points anew, refits the travel-time networks to the velocities
there, takes the adjoint of that fit, moves the velocities at these points by the Stein force and
pulls the move back to the weights of the velocity networks.

Under :func:`seisnb.ranks.process_group` each process does this for its own particles; velocities
and scores are gathered for the force, weights after it, so that every process holds all particles.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace

import torch
from torch import Generator, Tensor

from seisnb import ranks
from seisnb.conventions import CheckpointError
from seisnb.vsvgd.config import VsvgdConfig
from seisnb.vsvgd.forces import particle_force
from seisnb.vsvgd.networks import (
    Network,
    Pass,
    forward,
    fourier_features,
    gram,
    initial_weights,
    matched_frequencies,
    pull,
)
from seisnb.vsvgd.problem import VsvgdProblem, prior_score, velocity_of
from seisnb.vsvgd.slave import (
    Collocation,
    adjoint_cgnr,
    adjoint_dense,
    eikonal_objective,
    gauss_newton,
    lbfgs,
    solve_damped,
)
from seisnb.vsvgd.travel_times import (
    TravelTimeNetwork,
    clock,
    clock_pull,
    eikonal_gap,
    pair_features,
)

#: Decay of Adam's mean gradient and mean square.
ADAM = (0.9, 0.999)
#: Particles are shared in blocks: vector instructions round whole registers and what is left over
#: differently, and Adam makes a last digit a large step. Registers of 16 numbers are full then.
BLOCK = 16
#: Rounds in which the first velocity networks are fitted to draws from the prior.
START_ROUNDS = 20


@dataclass(frozen=True, kw_only=True)
class NetworkSwarm:
    """All particles on their way; every field is a tensor, so that a state is a file of tensors.

    Attributes
    ----------
    iteration : Tensor, ()
        Iterations done.
    velocity_weights, travel_weights : Tensor, (particle, n_weights)
        Weights of the networks.
    velocity_frequencies, travel_frequencies : Tensor, (particle, n_frequencies, d)
        Their random frequencies [cycles per km].
    gradient_mean, gradient_square : Tensor, (particle, n_weights)
        Adam's memory.
    random_state : Tensor
        State of the random generator after the iteration.
    """

    iteration: Tensor
    velocity_weights: Tensor
    travel_weights: Tensor
    velocity_frequencies: Tensor
    travel_frequencies: Tensor
    gradient_mean: Tensor
    gradient_square: Tensor
    random_state: Tensor

    def tensors(self) -> dict[str, Tensor]:
        """Everything by name, for a file."""
        return {each.name: getattr(self, each.name).contiguous() for each in fields(self)}

    def of(self, which: slice) -> NetworkSwarm:
        """Some of the particles."""
        shared = ("iteration", "random_state")
        own = {f.name: getattr(self, f.name)[which] for f in fields(self) if f.name not in shared}
        return replace(self, **own)


@dataclass(frozen=True, kw_only=True)
class VsvgdProgress:
    """What a person wants to see of an iteration.

    Attributes
    ----------
    iteration, n_iterations : int
        Done, and in all.
    chi2 : float
        Mean squared normalised residual of the picks by the networks, mean over particles.
    eikonal_rms : float
        Rms residual of the eikonal equation at the collocation points [km/s].
    change : float
        Rms change of velocity at the points that the force asks for, in prior std.
    swarm : NetworkSwarm
        The state, for snapshots and checkpoints.
    """

    iteration: int
    n_iterations: int
    chi2: float
    eikonal_rms: float
    change: float
    swarm: NetworkSwarm = field(repr=False)


def swarm_from_tensors(
    tensors: Mapping[str, Tensor], problem: VsvgdProblem, config: VsvgdConfig
) -> NetworkSwarm:
    """A stored state.

    Raises
    ------
    CheckpointError
        The tensors are not those of this problem and configuration.
    """
    swarm_names = [each.name for each in fields(NetworkSwarm)]
    missing = sorted(set(swarm_names) - set(tensors))
    if missing:
        raise CheckpointError(f"vsvgd: the stored state lacks {missing}; start anew.")
    velocity, travel = _networks(problem, config)
    expected = {
        "velocity_weights": (config.n_particles, velocity.n_weights),
        "travel_weights": (config.n_particles, travel.n_weights),
    }
    for name, shape in expected.items():
        if tuple(tensors[name].shape) != shape:
            raise CheckpointError(
                f"vsvgd: stored {name} have shape {tuple(tensors[name].shape)}, expected {shape}; "
                "the state belongs to another configuration. Restore its settings, or start anew."
            )
    device = problem.ends.device
    moved = {name: tensors[name].to(device) for name in swarm_names if name != "random_state"}
    return NetworkSwarm(**moved, random_state=tensors["random_state"])


def start_swarm(problem: VsvgdProblem, config: VsvgdConfig, generator: Generator) -> NetworkSwarm:
    """Velocity networks at draws from the prior, travel-time networks fitted to them."""
    velocity, travel = _networks(problem, config)
    like, lengths = problem.ends, problem.prior.lengths
    count, n = config.n_particles, config.n_frequencies
    frequencies = [matched_frequencies(lengths, count, n, generator).to(like) for _ in range(2)]
    weights = initial_weights(velocity, count, generator, like)
    travel_weights = initial_weights(travel, count, generator, like)
    # near a constant effective velocity, away from where grad T vanishes and 1/|grad T| explodes
    travel_weights[:, -travel.shapes[-1][1] - 1 :] *= 0.1
    swarm = NetworkSwarm(
        iteration=torch.tensor(0),
        velocity_weights=weights,
        travel_weights=travel_weights,
        velocity_frequencies=frequencies[0],
        travel_frequencies=frequencies[1],
        gradient_mean=torch.zeros_like(weights),
        gradient_square=torch.zeros_like(weights),
        random_state=generator.get_state(),
    )
    particles = _share(config)
    own = swarm.of(particles.mine)
    own = replace(own, velocity_weights=_at_prior_draws(problem, config, own, generator))
    for _ in range(config.n_warm_up):
        place, source = _draw_points(problem, config, generator)
        process = _process(problem, config, own, place)[1]
        own = _refit(problem, config, own, place, source, process)[0]
    weights, travel_weights = particles.gathered(own.velocity_weights, own.travel_weights)
    return replace(
        swarm,
        velocity_weights=weights,
        travel_weights=travel_weights,
        random_state=generator.get_state(),
    )


def step_swarm(
    problem: VsvgdProblem, config: VsvgdConfig, swarm: NetworkSwarm
) -> tuple[NetworkSwarm, VsvgdProgress]:
    """One iteration: refit, adjoint, force, pull-back, Adam."""
    generator = Generator()
    generator.set_state(swarm.random_state)
    place, source = _draw_points(problem, config, generator)
    particles = _share(config)
    own = swarm.of(particles.mine)
    done, process = _process(problem, config, own, place)
    own, points = _refit(problem, config, own, place, source, process)
    by_velocity, chi2, mean_gap = likelihood_score(problem, config, own, points)
    by_process = by_velocity * velocity_of(problem.prior, place, process)[1]
    process, by_process, chi2, mean_gap = particles.gathered(process, by_process, chi2, mean_gap)
    score = by_process + prior_score(problem.prior, place, process, jitter=config.jitter)
    force = particle_force(
        process,
        score,
        force=config.force,
        bandwidth=config.bandwidth,
        factor=config.bandwidth_factor,
    )
    force_here = force[particles.mine]
    travel_weights, gradient = particles.gathered(
        own.travel_weights, -_pulled_back(problem, config, done, place, force_here)
    )
    iteration = int(swarm.iteration) + 1
    mean = ADAM[0] * swarm.gradient_mean + (1 - ADAM[0]) * gradient
    square = ADAM[1] * swarm.gradient_square + (1 - ADAM[1]) * gradient.square()
    unbiased = mean / (1 - ADAM[0] ** iteration)
    rate = 0.5 * config.learning_rate * (1 + math.cos(math.pi * iteration / config.n_iterations))
    scale = (square / (1 - ADAM[1] ** iteration)).sqrt() + 1e-12
    after = replace(
        swarm,
        iteration=torch.tensor(iteration),
        velocity_weights=swarm.velocity_weights - rate * unbiased / scale,
        travel_weights=travel_weights,
        gradient_mean=mean,
        gradient_square=square,
        random_state=generator.get_state(),
    )
    return after, VsvgdProgress(
        iteration=iteration,
        n_iterations=config.n_iterations,
        chi2=float(chi2.mean()),
        eikonal_rms=float(mean_gap.mean().sqrt()),
        change=float(force.square().mean().sqrt()) * problem.prior.amplitude,
        swarm=after,
    )


def run_vsvgd(
    problem: VsvgdProblem,
    config: VsvgdConfig,
    generator: Generator,
    *,
    swarm: NetworkSwarm | None = None,
    progress: Callable[[VsvgdProgress], None] = lambda _: None,
    is_cancelled: Callable[[], bool] = lambda: False,
) -> NetworkSwarm:
    """All iterations, or those that are left of a stored state.

    Parameters
    ----------
    problem : VsvgdProblem
        Picks and prior.
    config : VsvgdConfig
        Settings.
    generator : Generator
        Source of the start; later draws go on from the state that the swarm carries.
    swarm : NetworkSwarm, optional
        A state to go on from (:func:`swarm_from_tensors`).
    progress : callable
        Called after every iteration, with the state.
    is_cancelled : callable
        Asked before every iteration; the state so far is returned. Processes that work together
        stop together.

    Returns
    -------
    NetworkSwarm
        Ask it with :func:`velocity_at` and :func:`travel_time_of`. ``iteration`` tells whether all
        were done.

    Raises
    ------
    InputError
        Fewer particles than processes, or processes that were given different problems.
    RankError
        Another process died or does not answer.

    References
    ----------
    Agata, Shiraishi and Fujie 2023, IEEE TGRS 61, doi 10.1109/TGRS.2023.3295414.
    """
    _share(config).check(where="vsvgd", what="particles")
    ranks.check_same(_fingerprint(problem, config, swarm), where="vsvgd", what="picks or priors")
    if swarm is None:
        generator.set_state(ranks.first_says(generator.get_state()))
        swarm = start_swarm(problem, config, generator)
    while int(swarm.iteration) < config.n_iterations and not ranks.any_of(is_cancelled()):
        swarm, info = step_swarm(problem, config, swarm)
        progress(info)
    return swarm


def velocity_at(
    problem: VsvgdProblem, config: VsvgdConfig, swarm: NetworkSwarm, place: Tensor
) -> Tensor:
    """Velocity of every particle at places (n, d), (particle, n) [km/s]."""
    process = _process(problem, config, swarm, place)[1]
    return velocity_of(problem.prior, place, process)[0]


def travel_time_of(
    problem: VsvgdProblem, config: VsvgdConfig, swarm: NetworkSwarm, ends: Tensor
) -> Tensor:
    """Travel times by the networks between pairs of points (n, 2, d), (particle, n) [s]."""
    travel = travel_network(problem, config, swarm)
    features = pair_features(travel.frequencies, ends[:, 0], ends[:, 1], tangents=False)
    return clock(travel, swarm.travel_weights, features, ends).time


def travel_network(
    problem: VsvgdProblem, config: VsvgdConfig, swarm: NetworkSwarm
) -> TravelTimeNetwork:
    """Shape, features and bounds of the travel-time networks."""
    return TravelTimeNetwork(
        network=_networks(problem, config)[1],
        frequencies=swarm.travel_frequencies,
        bounds=problem.prior.bounds,
    )


def likelihood_score(
    problem: VsvgdProblem, config: VsvgdConfig, swarm: NetworkSwarm, points: Collocation
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradient of the log likelihood by velocity at the points, through the refitted networks.

    Returns
    -------
    score : Tensor, (particle, n)
        By velocity [s/km].
    chi2, mean_gap : Tensor, (particle,)
        For a person: misfit of the picks, mean square misfit of the equation [km**2/s**2].
    """
    travel = travel_network(problem, config, swarm)
    ends = problem.ends
    at_ends = pair_features(travel.frequencies, ends[:, 0], ends[:, 1], tangents=False)
    times = clock(travel, swarm.travel_weights, at_ends, ends)
    residual = problem.observed - times.time
    by_weights = clock_pull(times, residual / problem.std.square())
    gap = eikonal_gap(travel, swarm.travel_weights, points.features, points.place, points.source)
    mean_gap = (points.velocity - gap.apparent).square().mean(dim=1)
    chi2 = (residual / problem.std).square().mean(dim=1)
    if config.adjoint == "dense":
        score = adjoint_dense(gap, travel.network, by_weights, damping=config.damping)
    else:
        score = adjoint_cgnr(
            gap,
            travel.network,
            by_weights,
            n_steps=config.n_adjoint,
            tolerance=config.adjoint_tolerance,
        )
    return score, chi2, mean_gap


def _share(config: VsvgdConfig) -> ranks.Share:
    """The particles as processes share them."""
    return ranks.Share(n=config.n_particles, block=BLOCK)


def _networks(problem: VsvgdProblem, config: VsvgdConfig) -> tuple[Network, Network]:
    """Shapes of the velocity and the travel-time network."""
    velocity = Network(
        n_inputs=2 * config.n_frequencies,
        width=config.velocity_width,
        n_hidden=config.velocity_hidden,
    )
    travel = Network(
        n_inputs=4 * config.n_frequencies,
        width=config.travel_width,
        n_hidden=config.travel_hidden,
    )
    return velocity, travel


def _draw_points(
    problem: VsvgdProblem, config: VsvgdConfig, generator: Generator
) -> tuple[Tensor, Tensor]:
    """Collocation points all over the domain, each with one of the sources."""
    low, high = problem.domain
    share = torch.rand(config.n_collocation, len(low), generator=generator, dtype=torch.float64)
    anchors = problem.anchors
    which = torch.randint(len(anchors), (config.n_collocation,), generator=generator)
    place = low + (high - low) * share.to(low)
    if problem.top is not None:
        top = problem.top(place)
        place[:, -1] = top + (high[-1] - top) * share[:, -1].to(low)
    return place, anchors[which.to(anchors.device)]


def _process(
    problem: VsvgdProblem, config: VsvgdConfig, swarm: NetworkSwarm, place: Tensor
) -> tuple[Pass, Tensor]:
    """The velocity networks at places: the pass, and amplitude times their output."""
    features = fourier_features(swarm.velocity_frequencies, place, tangents=False)
    done = forward(_networks(problem, config)[0], swarm.velocity_weights, features)
    return done, problem.prior.amplitude * done.output[:, 0]


def _refit(
    problem: VsvgdProblem,
    config: VsvgdConfig,
    swarm: NetworkSwarm,
    place: Tensor,
    source: Tensor,
    process: Tensor,
) -> tuple[NetworkSwarm, Collocation]:
    """Fit the travel-time networks to the velocities at collocation points."""
    travel = travel_network(problem, config, swarm)
    points = Collocation(
        place=place,
        source=source,
        features=pair_features(travel.frequencies, place, source, tangents=True),
        velocity=velocity_of(problem.prior, place, process)[0],
    )
    if config.slave == "gauss_newton":
        weights = gauss_newton(
            travel, points, swarm.travel_weights, n_steps=config.n_newton, damping=config.damping
        )
    else:
        objective = eikonal_objective(travel, points)
        weights = lbfgs(objective, swarm.travel_weights, n_epochs=config.n_epochs)
    return replace(swarm, travel_weights=weights), points


def _pulled_back(
    problem: VsvgdProblem, config: VsvgdConfig, done: Pass, place: Tensor, force: Tensor
) -> Tensor:
    """The change of the velocity networks' weights that a force on their values asks for."""
    amplitude = problem.prior.amplitude
    if config.pull_back == "vjp":
        return pull(done, amplitude * force[:, None])
    # as it is the force is mostly roughness that the prior forbids and no network can follow
    smooth = force @ problem.prior.covariance(place, place)
    return _regressed(done, smooth / amplitude, config.damping)


def _regressed(done: Pass, wanted: Tensor, damping: float) -> Tensor:
    """The least change of weights that moves the output by what is wanted, (particle, n)."""
    matrix = gram(done, torch.ones_like(wanted)[:, None, None])
    return pull(done, solve_damped(matrix, wanted, damping)[:, None])


def _at_prior_draws(
    problem: VsvgdProblem, config: VsvgdConfig, own: NetworkSwarm, generator: Generator
) -> Tensor:
    """Weights with which this process's velocity networks stand at draws from the prior."""
    network, weights = _networks(problem, config)[0], own.velocity_weights
    place, _ = _draw_points(problem, config, generator)
    covariance = problem.prior.covariance(place.double(), place.double())
    covariance.diagonal().add_(1e-6 * problem.prior.amplitude**2)
    factor = torch.linalg.cholesky(covariance)
    size = (config.n_particles, len(place))
    noise = torch.randn(size, generator=generator, dtype=torch.float64).to(factor)
    draws = (noise @ factor.T)[_share(config).mine]
    wanted = (draws / problem.prior.amplitude).to(weights)
    features = fourier_features(own.velocity_frequencies, place, tangents=False)
    for _ in range(START_ROUNDS):
        done = forward(network, weights, features)
        weights = weights + _regressed(done, wanted - done.output[:, 0], 1e-2)
    return weights


def _fingerprint(
    problem: VsvgdProblem, config: VsvgdConfig, swarm: NetworkSwarm | None
) -> list[float]:
    """Numbers that two problems hardly share."""
    data = [float(each.double().sum()) for each in (problem.ends, problem.observed, problem.std)]
    prior, done = problem.prior, 0 if swarm is None else int(swarm.iteration)
    return [
        len(problem.observed), *data, prior.amplitude, *prior.bounds, sum(prior.lengths),
        config.n_particles, config.n_iterations, done,
    ]  # fmt: skip
