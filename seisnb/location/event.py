"""One event located: its posterior over all models as samples, and what can be said of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from seisnb.location.config import LocationConfig
from seisnb.location.density import Evaluation, EventDensity
from seisnb.location.octree import CellDraws, Cells, divide
from seisnb.location.sampler import Draws, sample, systematic
from seisnb.location.space import event_box
from seisnb.weights import log_sum_exp

Array = NDArray[np.float64]

#: Members by which cells are divided; the samples count by all of them.
N_SUBSET = 32
#: Probability at the edge of an event's box beyond which the box is widened, and how often.
EDGE_MASS, N_GROWN = 1e-3, 5
#: Effective draws, as a share of the samples, below which cells are divided more finely; how often.
LEAST_ESS, N_FINER = 0.15, 3
#: Points by which the top of the density is fitted; samples by which residuals are averaged.
N_TOP, N_RESIDUAL = 60, 200


@dataclass(frozen=True, kw_only=True)
class Posterior:
    """The posterior of one event.

    Attributes
    ----------
    points : Array, (sample, 3)
        Easting, northing, depth [km].
    origin : Array, (sample,)
        Origin time after the event's reference [s].
    model : NDArray of int, (sample,)
        Member that the sample was drawn with.
    log_density : Array, (sample,)
        Log posterior density of the place [1/km^3].
    best : Array, (4,)
        Easting, northing, depth [km], origin time [s] of the greatest density.
    best_log_density : float
        The density there.
    residual, predicted_std : Array, (pick,)
        Observed time less the posterior mean of the predicted one, and the latter's standard
        deviation [s].
    sigma, weight : Array, (pick,)
        Standard deviation of a pick with the models' share [s]; how much it counts, 0 to 1.
    ess : float
        Effective number of the draws that the samples were taken from.
    log_evidence : float
        Log probability of the picks over all models and places.
    model_log_evidence, model_probability : Array, (member,)
        The same for every member; its posterior probability.
    n_effective : float
        Effective number of members, or of their variants, given the picks.
    edge_mass : float
        Share of the samples within 2 % of a side of the region.
    trial_log_density : float
        Density at the trial hypocentre; NaN without one.
    """

    points: Array
    origin: Array
    model: NDArray[np.intp]
    log_density: Array
    best: Array
    best_log_density: float
    residual: Array
    predicted_std: Array
    sigma: Array
    weight: Array
    ess: float
    log_evidence: float
    model_log_evidence: Array
    model_probability: Array
    n_effective: float
    edge_mass: float
    trial_log_density: float


def locate_event(
    density: EventDensity,
    stations: tuple[Array, Array],
    config: LocationConfig,
    seed: int,
    *,
    n_samples: int | None = None,
    trial: Array | None = None,
    is_cancelled: Callable[[], bool] = lambda: False,
) -> Posterior:
    """Locate one event over all members that its density knows.

    Parameters
    ----------
    density : EventDensity
        Picks, travel times and likelihood.
    stations : tuple of Array
        Easting and northing of the event's stations [km].
    config : LocationConfig
        Tolerance and number of samples.
    seed : int
        Of the event; with the configuration's own it makes the random numbers.
    n_samples : int, optional
        Instead of the configuration's.
    trial : Array, (3,), optional
        A place [km] whose density is wanted too.
    is_cancelled : callable
        Ends the division of cells early.
    """
    n = n_samples or config.n_samples
    rng = np.random.default_rng([config.seed, seed, 71])

    def exact(points: Array) -> tuple[Array, Evaluation]:
        found = density.evaluate(points)
        log_l = log_sum_exp(found.log_likelihood + density.log_weight, axis=1)
        return np.asarray(log_l + density.space.log_prior(points)), found

    tolerance = config.cell_tolerance
    for _ in range(N_FINER):
        cells = _cells(density, stations, tolerance, rng, is_cancelled)
        draws = sample(exact, density.space.log_prior, CellDraws.of(cells), n, rng)
        if draws.ess >= LEAST_ESS * n or is_cancelled():
            break
        tolerance *= 0.5
    best, best_log_density = _best(draws, density, exact)
    chosen = systematic(draws.log_weight, n, rng)
    rng.shuffle(chosen)
    share = draws.evaluation.log_likelihood[chosen] + density.log_weight
    gumbel = rng.gumbel(size=share.shape)
    model = np.argmax(share + gumbel, axis=1)
    points = draws.points[chosen]
    rows = (chosen, model)
    origin, spread = draws.evaluation.origin[rows], draws.evaluation.origin_std[rows]
    if config.likelihood == "edt":
        origin, spread = density.origins(points, model)
    origin = origin + spread * rng.standard_normal(n)
    residual, predicted_std, sigma = _residuals(density, points, origin, model)
    trial_log_density = np.nan
    if trial is not None and np.isfinite(trial).all():
        trial_log_density = float(exact(trial[None])[0][0]) - draws.log_evidence
    low, high = density.space.low, density.space.high
    near = (points - low < 0.02 * (high - low)) | (high - points < 0.02 * (high - low))
    by_variant = density.log_weight + draws.model_log_evidence
    if density.variants is not None:
        model = density.variants.base[model]
    return Posterior(
        points=points, origin=origin, model=model, log_density=draws.log_density[chosen],
        best=best, best_log_density=best_log_density,
        residual=residual, predicted_std=predicted_std, sigma=sigma,
        weight=density.weights(residual, sigma), ess=draws.ess, log_evidence=draws.log_evidence,
        model_log_evidence=(
            _by_member(by_variant, density) - _by_member(density.log_weight, density)
        ),
        model_probability=np.exp(_by_member(by_variant - log_sum_exp(by_variant), density)),
        n_effective=float(1.0 / np.sum(softmax(by_variant) ** 2)),
        edge_mass=float(near[:, :2].any(axis=1).mean()), trial_log_density=trial_log_density,
    )  # fmt: skip


def _by_member(log_values: Array, density: EventDensity) -> Array:
    """Log of the sum over the variants of every member."""
    if density.variants is None:
        return log_values
    base = density.variants.base
    found = np.full(int(base.max()) + 1, -np.inf)
    np.logaddexp.at(found, base, log_values)
    return found


def _cells(
    density: EventDensity,
    stations: tuple[Array, Array],
    tolerance: float,
    rng: np.random.Generator,
    is_cancelled: Callable[[], bool],
) -> Cells:
    """Cells in a box around the event's stations that holds its posterior."""
    members = None
    log_weight = density.log_weight
    if log_weight.size > N_SUBSET:
        members, counts = np.unique(systematic(log_weight, N_SUBSET, rng), return_counts=True)
        log_weight = np.log(counts / counts.sum())

    def smoothed(points: Array, half_width: Array) -> Array:
        found = density.evaluate(points, members, half_width)
        return log_sum_exp(found.log_likelihood + log_weight, axis=1)

    def resolution(point: Array) -> float:
        return density.resolution(point, members)

    grown = 1.0
    for _ in range(N_GROWN):
        box = event_box(density.space, *stations, grown)
        cells = divide(
            density.space, box, smoothed, resolution, tolerance, is_cancelled=is_cancelled
        )
        if cells.edge_mass(box, density.space) <= EDGE_MASS or is_cancelled():
            break
        grown *= 2.0
    return cells


def _best(
    draws: Draws,
    density: EventDensity,
    exact: Callable[[Array], tuple[Array, Evaluation]],
) -> tuple[Array, float]:
    """The place of the greatest density, by a parabola through the best draws, and its density."""
    order = np.argsort(-draws.log_density)[:N_TOP]
    at, top = draws.points[order[0]], float(draws.log_density[order[0]])
    origin = _origin(draws.evaluation, density, at, int(order[0]))
    value = draws.log_density[order]
    good = np.isfinite(value) & (value > value[0] - 6.0)
    if good.sum() >= 20:
        away = draws.points[order][good] - at
        scale = np.maximum(away.std(axis=0), 1e-9)
        u = away / scale
        pairs = [(0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2)]
        design = np.column_stack([np.ones(len(u)), u, *(u[:, i] * u[:, j] for i, j in pairs)])
        found, *_ = np.linalg.lstsq(design, value[good], rcond=None)
        hessian = np.zeros((3, 3))
        for (i, j), c in zip(pairs, found[4:], strict=True):
            hessian[i, j] += c
            hessian[j, i] += c
        if np.linalg.eigvalsh(hessian)[-1] < -1e-6:
            step = np.clip(-np.linalg.solve(hessian, found[1:4]), u.min(axis=0), u.max(axis=0))
            vertex = at + scale * step
            log_p, evaluation = exact(vertex[None])
            if log_p[0] - draws.log_evidence > top:
                at, top = vertex, float(log_p[0] - draws.log_evidence)
                origin = _origin(evaluation, density, at, 0)
    return np.append(at, origin), top


def _origin(evaluation: Evaluation, density: EventDensity, at: Array, index: int) -> float:
    """Mean origin time over members at a place, which is one of the points."""
    share = softmax(evaluation.log_likelihood[index] + density.log_weight)
    origin = evaluation.origin[index]
    if np.isnan(origin).any():
        likely = np.flatnonzero(share > 1e-3 * share.max())
        found, _ = density.origins(np.repeat(at[None], likely.size, axis=0), likely)
        return float(share[likely] @ found / share[likely].sum())
    return float(share @ origin)


def _residuals(
    density: EventDensity, points: Array, origin: Array, model: NDArray[np.intp]
) -> tuple[Array, Array, Array]:
    """Residuals against the posterior mean prediction, its deviation, and sigmas of the picks."""
    part = slice(0, N_RESIDUAL)
    chosen = model[part]
    members, own = np.unique(chosen, return_inverse=True)
    times = density.travel_times(points[part], members)
    predicted = times[:, np.arange(chosen.size), own].astype(float) + origin[part]
    sigma = density.sigma(times).mean(axis=1)
    return density.event.observed - predicted.mean(axis=1), predicted.std(axis=1), sigma
