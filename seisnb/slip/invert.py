"""Slip: GNSS offsets and an ensemble of structures in, slip over all of them out."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.special import logsumexp

import seisnb
from seisnb.conventions import OFFSETS, Cancelled, check_dataset
from seisnb.geodesy import offsets_checksum
from seisnb.handles import Handles, Progress
from seisnb.io.checkpoint import check_folder, start_folder
from seisnb.slip.cache import KernelCache
from seisnb.slip.config import SlipConfig
from seisnb.slip.gaussian import log_evidences
from seisnb.slip.populations import Population, Store
from seisnb.slip.positive import Target, run_population, scale_reduction
from seisnb.slip.problem import Problem, make_problem
from seisnb.slip.result import Answer, Convergence, slip_dataset
from seisnb.slip.structures import Structure, StructureEnsemble, structure_ensemble
from seisnb.threads import in_parallel, single_threaded, worker_count

Array = NDArray[np.float64]

#: Independent populations of the sampler, and rounds in which samples are kept.
N_POPULATIONS, N_ROUNDS = 4, 5
#: Times as many moves as asked for, one after the other until the populations agree.
MOVES = (1, 2)


def invert_slip(
    offsets: xr.Dataset,
    structures: StructureEnsemble | Structure | Sequence[Structure],
    config: SlipConfig | None = None,
    *,
    cache: KernelCache | None = None,
    checkpoint: str | Path | None = None,
    progress: Callable[[Progress], None] | None = None,
    cancel: Callable[[], bool] | None = None,
) -> xr.Dataset:
    """Slip over all structures of an ensemble, and on its first one beside.

    Parameters
    ----------
    offsets : xr.Dataset
        Of :func:`seisnb.io.read_offsets` or :func:`seisnb.geodesy.make_offsets`.
    structures : StructureEnsemble, Structure or sequence of Structure
        What may be below the ground.
    config : SlipConfig, optional
        Directions, prior, sampler.
    cache : KernelCache, optional
        Where displacements of unit slip are kept for another inversion.
    checkpoint : str or Path, optional
        Folder in which the sampler of non-negative slip keeps what it reached. The same call goes
        on from there after a stop or a kill, and comes to the same result. Slip of any sign takes
        seconds and keeps nothing.
    progress : callable, optional
        Takes a :class:`seisnb.handles.Progress`.
    cancel : callable, optional
        Returns True to stop.

    Returns
    -------
    xr.Dataset
        Of kind ``slip``: samples, means, quantiles, moment, probabilities of the structures,
        residuals.

    Raises
    ------
    InputError, GeometryError
        Offsets, structures or settings that cannot be used; the message says where and what to do.
    CheckpointError, OutputError
        The checkpoint is of another inversion or damaged, or cannot be written.
    Cancelled
        On request.

    Notes
    -----
    The likelihood is the mean over structures, by their prior weights, of normal densities of the
    data, with motions of the whole network integrated out. Where slip may have any sign, all is in
    closed form: every structure, prior amplitude and correlation length is a normal distribution,
    and the posterior their mixture. Where it may not, particles are carried from the prior to the
    posterior (:mod:`seisnb.slip.positive`).
    """
    config = config or SlipConfig()
    handles, begun = Handles.of(progress, cancel), time.monotonic()
    check_dataset(offsets, {n: OFFSETS[n] for n in ("easting", "northing")}, where="invert_slip",
                  kind="offsets")  # fmt: skip
    ensemble = structures if isinstance(structures, StructureEnsemble) else structure_ensemble(
        [structures] if isinstance(structures, Structure) else structures
    )  # fmt: skip

    def tell(stage: str, done: int, total: int, message: str) -> None:
        handles.progress(
            Progress(
                stage=stage, done=done, total=total, message=message,
                elapsed=time.monotonic() - begun,
            )
        )  # fmt: skip

    folder = None if checkpoint is None or not config.positive else Path(checkpoint)
    identity = {} if folder is None else _identity(offsets, ensemble, config)
    if folder is not None:
        check_folder(folder, identity)  # before kernels are computed
    with single_threaded():
        problem = make_problem(
            offsets, ensemble, config, cache=cache, is_cancelled=handles.is_cancelled,
            report=lambda done, n: tell("kernels", done, n, f"{done} of {n} structures"),
        )  # fmt: skip
        if folder is not None:
            start_folder(folder, identity)
        solve = partial(_sampled, folder=folder) if config.positive else _exact
        answer = solve(problem, handles, tell, np.arange(len(ensemble.structures)))
        single = None
        if config.single_model and len(ensemble.structures) > 1:
            single = solve(problem, handles, tell, np.arange(1))
        found = slip_dataset(problem, offsets, answer, single, elapsed=time.monotonic() - begun)
    if cache is not None and cache.notes:
        found.attrs["notes"] = json.dumps([*json.loads(found.attrs["notes"]), *cache.notes])
    return found


Tell = Callable[[str, int, int, str], None]

#: Settings that do not change what the sampler does.
_FREE = {"n_workers", "n_samples", "single_model"}


def _identity(
    offsets: xr.Dataset, ensemble: StructureEnsemble, config: SlipConfig
) -> dict[str, object]:
    """What an inversion is, as its checkpoint states it."""
    structures = " ".join(each.checksum for each in ensemble.structures)
    settings = {name: value for name, value in asdict(config).items() if name not in _FREE}
    return {
        "version": seisnb.__version__,
        "offsets": offsets_checksum(offsets),
        "structures": hashlib.sha256(structures.encode()).hexdigest(),
        "log_weight": [round(float(value), 12) for value in ensemble.log_weight],
        **settings,
    }


@dataclass(frozen=True, kw_only=True)
class _Hyper:
    """One prior of slip: a correlation length, its factor, an amplitude."""

    length: float
    factor: Array
    amplitude: float


def _hypers(problem: Problem) -> list[_Hyper]:
    """All priors that are tried, equally probable."""
    return [
        _Hyper(length=float(length), factor=factor, amplitude=float(amplitude))
        for length in problem.lengths
        for factor in [problem.factor(length)]
        for amplitude in problem.amplitudes
    ]


def _evidences(
    problem: Problem, which: NDArray[np.intp], hypers: list[_Hyper], temperature: float = 1.0
) -> Array:
    """Log evidences of structures under priors, (structure, hyper)."""
    factors = {each.length: each.factor for each in hypers}  # amplitudes within lengths
    return np.array(
        [
            np.concatenate(
                [
                    log_evidences(
                        problem.white_kernels[k], factor, problem.white_observed,
                        problem.amplitudes, temperature,
                    )
                    for factor in factors.values()
                ]
            )
            for k in which
        ]
    )  # fmt: skip


def _weights(problem: Problem, which: NDArray[np.intp]) -> Array:
    """Log prior weights of some structures, (structure, 1), that sum to one."""
    log_weight = problem.ensemble.log_weight[which]
    return np.asarray(log_weight - logsumexp(log_weight))[:, None]


def _exact(problem: Problem, handles: Handles, tell: Tell, which: NDArray[np.intp]) -> Answer:
    """The mixture of normal distributions over structures and priors."""
    config, rng = problem.config, np.random.default_rng([problem.config.seed, 37])
    hypers = _hypers(problem)
    log_prior = _weights(problem, which) - np.log(len(hypers))
    log_joint = log_prior + _evidences(problem, which, hypers)
    tell("slip", 1, 2, f"{log_joint.size} normal distributions")
    if handles.is_cancelled():
        raise Cancelled("invert_slip: cancelled before slip was known; nothing to return.")
    log_evidence = float(logsumexp(log_joint))
    chance = np.exp(log_joint - log_evidence)
    counts = rng.multinomial(config.n_samples, chance.ravel() / chance.sum())
    mean, square = 0.0, 0.0
    slip, structure, amplitude, length = [], [], [], []
    for index in np.flatnonzero((chance.ravel() > 1e-12) | (counts > 0)):
        i, j = divmod(int(index), len(hypers))
        hyper = hypers[j]
        gaussian = problem.gaussian(int(which[i]), hyper.factor, hyper.amplitude)
        mean = mean + chance[i, j] * gaussian.mean
        square = square + chance[i, j] * (gaussian.variance + gaussian.mean**2)
        n = int(counts[index])
        if n:
            slip.append(gaussian.draw(n, rng))
            structure.append(np.full(n, which[i]))
            amplitude.append(np.full(n, hyper.amplitude))
            length.append(np.full(n, hyper.length))
    order = rng.permutation(config.n_samples)
    tell("slip", 2, 2, "slip is known")
    return Answer(
        slip=np.concatenate(slip)[order], structure=np.concatenate(structure)[order],
        amplitude=np.concatenate(amplitude)[order], length=np.concatenate(length)[order],
        mean=np.asarray(mean), std=np.sqrt(np.maximum(square - mean**2, 0.0)), which=which,
        probability=chance.sum(axis=1), log_evidence=log_evidence + problem.whitening.log_volume,
        wbic=_exact_wbic(problem, which, hypers, log_prior), convergence=None,
    )  # fmt: skip


def _exact_wbic(
    problem: Problem, which: NDArray[np.intp], hypers: list[_Hyper], log_prior: Array
) -> float:
    """Mean of minus the log likelihood at the inverse temperature 1 / log(n) (Watanabe 2013)."""
    n = problem.observed.size
    warm = 1.0 / np.log(max(n, 3))
    log_joint = log_prior + _evidences(problem, which, hypers, warm)
    chance = np.exp(log_joint - logsumexp(log_joint))
    misfit = sum(
        chance[i, j] * problem.gaussian(int(k), h.factor, h.amplitude, warm).expected_misfit
        for i, k in enumerate(which)
        for j, h in enumerate(hypers)
        if chance[i, j] > 1e-9
    )
    return float(0.5 * misfit + 0.5 * n * np.log(2 * np.pi) - problem.whitening.log_volume)


def _sampled(
    problem: Problem, handles: Handles, tell: Tell, which: NDArray[np.intp], *, folder: Path | None
) -> Answer:
    """Populations of non-negative slip, kept in a folder."""
    config = problem.config
    factors, ranks = problem.modes()
    target = Target(
        observed=problem.white_observed,
        kernels=np.ascontiguousarray(problem.white_kernels[which]),
        log_weight=_weights(problem, which)[:, 0], factors=factors, ranks=ranks,
        amplitude=(float(problem.amplitudes[0]), float(problem.amplitudes[-1])),
    )  # fmt: skip
    name = "all" if which.size == len(problem.ensemble.structures) else "first"
    for times in MOVES:
        kept = None if folder is None else folder / f"{name}_{times}"
        whole = _populations(target, config, times * config.n_moves, kept, handles, tell)
        convergence = _convergence(problem, whole)
        if convergence.is_good:
            break
    evidence = np.array([each.log_evidence for each in whole])
    # populations count by their evidence, as in one large population
    share = np.exp(evidence - evidence.max())
    share /= share.sum()
    rng = np.random.default_rng([config.seed, 41])
    owner = rng.choice(N_POPULATIONS, config.n_samples, p=share)
    at = [rng.integers(len(each.structure)) for each in (whole[k] for k in owner)]
    slip = np.stack([whole[k].slip[j] for k, j in zip(owner, at, strict=True)])
    mean = sum(s * each.slip.mean(axis=0) for s, each in zip(share, whole, strict=True))
    square = sum(s * (each.slip**2).mean(axis=0) for s, each in zip(share, whole, strict=True))
    volume = problem.whitening.log_volume
    return Answer(
        slip=slip,
        structure=which[[whole[k].structure[j] for k, j in zip(owner, at, strict=True)]],
        amplitude=np.array([whole[k].amplitude[j] for k, j in zip(owner, at, strict=True)]),
        length=problem.lengths[[whole[k].length[j] for k, j in zip(owner, at, strict=True)]],
        mean=np.asarray(mean), std=np.sqrt(np.maximum(square - np.asarray(mean) ** 2, 0.0)),
        which=which,
        probability=np.asarray(
            sum(s * each.structure_probability for s, each in zip(share, whole, strict=True))
        ),
        log_evidence=float(logsumexp(evidence) - np.log(N_POPULATIONS)) + volume,
        wbic=float(share @ [each.wbic for each in whole]) - volume,
        convergence=convergence,
    )  # fmt: skip


def _populations(
    target: Target,
    config: SlipConfig,
    n_moves: int,
    kept: Path | None,
    handles: Handles,
    tell: Tell,
) -> list[Population]:
    """Populations that know nothing of each other; ``kept`` is what their files begin with."""
    _ = target.columns, target.masses  # here, or every thread would find its own
    reached = np.zeros(N_POPULATIONS)
    stores = [
        None if kept is None else Store(file=kept.with_name(f"{kept.name}_{i}.safetensors"))
        for i in range(N_POPULATIONS)
    ]

    def population(i: int) -> Population | None:
        def report(at: float) -> None:
            reached[i] = at
            message = f"{n_moves} moves each, inverse temperature {at:.3g}"
            tell("slip", int(100 * reached.mean()), 100, message)

        return run_population(
            target, n_particles=-(-config.n_particles // N_POPULATIONS),
            n_moves=n_moves, n_rounds=N_ROUNDS, seed=config.seed * N_POPULATIONS + i,
            store=stores[i], is_cancelled=handles.is_cancelled, report=report,
        )  # fmt: skip

    done = dict(
        in_parallel(
            population, list(range(N_POPULATIONS)), n_workers=worker_count(config.n_workers),
            is_cancelled=handles.is_cancelled,
        )
    )  # fmt: skip
    found = [done.get(i) for i in range(N_POPULATIONS)]
    whole = [each for each in found if each is not None]
    if len(whole) < N_POPULATIONS:
        raise Cancelled(
            "invert_slip: cancelled before slip was known; nothing to return."
            if kept is None
            else "invert_slip: cancelled before slip was known. What the sampler reached is in "
            f"{kept.parent}; the same call goes on from there."
        )
    return whole


def _convergence(problem: Problem, populations: list[Population]) -> Convergence:
    """How well populations that know nothing of each other agree."""
    area = np.repeat(problem.fault.area, problem.n_directions)
    quantities = (
        [each.slip @ area for each in populations],
        [each.misfit for each in populations],
        [np.log(each.amplitude) for each in populations],
    )
    is_free = problem.amplitudes.size > 1
    return Convergence(
        scale_reduction=max(scale_reduction(each) for each in quantities[: 2 + is_free]),
        log_evidence_std=float(np.std([each.log_evidence for each in populations], ddof=1)),
    )
