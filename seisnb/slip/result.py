"""The slip Dataset: what moved, by how much, on which structure, and how well it fits."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

import seisnb
from seisnb.geodesy import horizontal_correlation, offsets_checksum
from seisnb.projection import Projection
from seisnb.slip.problem import Problem

Array = NDArray[np.float64]

#: Levels of the stored quantiles: median, central 68 % and 95 % intervals.
QUANTILES = (0.025, 0.16, 0.5, 0.84, 0.975)
#: Populations agree where their scale reduction is at most the first, and the standard deviation of
#: their log evidences at most the second: beyond it one of them outweighs the others.
AGREED = (1.1, 1.0)


@dataclass(frozen=True, kw_only=True)
class Convergence:
    """Whether independent populations of a sampler agree.

    Attributes
    ----------
    scale_reduction : float
        The largest of slipped area times slip, misfit, and prior amplitude; 1 when they agree.
    log_evidence_std : float
        Standard deviation of their log evidences.
    """

    scale_reduction: float
    log_evidence_std: float

    @property
    def is_good(self) -> bool:
        """Whether the answer can be used."""
        return self.scale_reduction <= AGREED[0] and self.log_evidence_std <= AGREED[1]


@dataclass(frozen=True, kw_only=True, eq=False)
class Answer:
    """What an engine found.

    Attributes
    ----------
    slip : Array, (sample, unknown)
        Draws [m].
    structure : NDArray of int, (sample,)
        The structure of each.
    amplitude, length : Array, (sample,)
        The prior's standard deviation [m] and correlation length [km] of each.
    mean, std : Array, (unknown,)
        Of the posterior; in closed form where there is one.
    which : NDArray of int, (n,)
        Structures that took part.
    probability : Array, (n,)
        Of each of them.
    log_evidence : float
        Log probability density of the data [1/m each].
    wbic : float
        Widely applicable Bayesian information criterion.
    convergence : Convergence or None
        Of a sampler; None in closed form.
    """

    slip: Array
    structure: NDArray[np.intp]
    amplitude: Array
    length: Array
    mean: Array
    std: Array
    which: NDArray[np.intp]
    probability: Array
    log_evidence: float
    wbic: float
    convergence: Convergence | None


def moment_magnitude(moment: Array) -> Array:
    """Mw of a seismic moment [N m] (Hanks & Kanamori 1979)."""
    return np.asarray(2.0 / 3.0 * (np.log10(np.maximum(moment, 1e-300)) - 9.1))


def slip_dataset(
    problem: Problem, offsets: xr.Dataset, answer: Answer, single: Answer | None, *, elapsed: float
) -> xr.Dataset:
    """Assemble the result."""
    fault, config = problem.fault, problem.config
    variables = _answer_variables(problem, answer)
    if single is not None:
        some = _answer_variables(problem, single)
        variables |= {f"single_{name}": value for name, value in some.items()}
    projection = Projection(str(offsets.attrs["projection"]))
    longitude, latitude = projection.inverse(fault.vertices[:, 0], fault.vertices[:, 1])
    used = problem.used
    observed = np.where(used, offsets["displacement"].values, np.nan)
    probability = np.zeros(len(problem.ensemble.structures))
    probability[answer.which] = answer.probability
    names = sorted({key for each in problem.ensemble.structures for key in each.parameters})
    dataset = xr.Dataset(
        {
            **variables,
            "structure_probability": ("structure", probability),
            "structure_prior": ("structure", problem.ensemble.weight),
            **{
                f"structure_{name}": (
                    "structure",
                    [each.parameters.get(name, np.nan) for each in problem.ensemble.structures],
                )
                for name in names
            },
            "observed": (("site", "component"), observed),
            "observed_std": (("site", "component"), offsets["std"].values),
            "observed_correlation": ("site", horizontal_correlation(offsets)),
            "residual": (("site", "component"), observed - variables["predicted_mean"][1]),
            "patch_easting": ("patch", fault.centre[:, 0]),
            "patch_northing": ("patch", fault.centre[:, 1]),
            "patch_depth": ("patch", fault.centre[:, 2]),
            "area": ("patch", fault.area),
            "vertex_easting": ("vertex", fault.vertices[:, 0]),
            "vertex_northing": ("vertex", fault.vertices[:, 1]),
            "vertex_depth": ("vertex", fault.vertices[:, 2]),
            "vertex_longitude": ("vertex", longitude),
            "vertex_latitude": ("vertex", latitude),
            "triangle": (("face", "corner"), fault.triangles),
            "face_patch": ("face", fault.patch),
            **{
                f"site_{name}": ("site", offsets[name].values)
                for name in ("easting", "northing", "longitude", "latitude")
            },
        },
        coords={
            "site": offsets["site"].values,
            "component": offsets["component"].values,
            "quantile": list(QUANTILES),
            "structure_name": (
                "structure",
                [each.name or str(k) for k, each in enumerate(problem.ensemble.structures)],
            ),
        },
        attrs={
            "kind": "slip", "quantity": offsets.attrs["quantity"], "projection": projection.proj,
            "seisnb_version": seisnb.__version__, "config": json.dumps(asdict(config)),
            "seed": config.seed, "offsets_checksum": offsets_checksum(offsets),
            "structure_checksums": json.dumps(
                [each.checksum for each in problem.ensemble.structures]
            ),
            "notes": json.dumps(
                [*json.loads(offsets.attrs.get("notes", "[]")), *fault.notes, *problem.notes]
            ),
            "verdict": verdict(answer, single), "n_data": int(used.sum()),
            "elapsed_seconds": elapsed,
        },
    )  # fmt: skip
    return _described(dataset)


def _answer_variables(
    problem: Problem, answer: Answer
) -> dict[str, tuple[str | tuple[str, ...], object]]:
    """What an answer says of slip, moment and fit."""
    fault, n = problem.fault, problem.n_directions
    whole = answer.slip.reshape(len(answer.slip), fault.n_patches, n)
    vectors = np.einsum("spd,pdq->spq", whole, problem.directions)
    amount = whole[..., 0] if n == 1 else np.linalg.norm(vectors, axis=2)
    mean_vector = np.einsum(
        "pd,pdq->pq", answer.mean.reshape(fault.n_patches, n), problem.directions
    )
    stiffness = np.stack(
        [
            np.asarray(each.shear_modulus) * each.fault.area * 1e6
            for each in problem.ensemble.structures
        ]
    )
    weight = stiffness[answer.structure]
    if problem.config.positive:
        moment = np.einsum("sp,sp->s", amount, weight)
    else:  # the sum of what may cancel: errors of single patches are no moment
        moment = np.linalg.norm(np.einsum("spq,sp->sq", vectors, weight), axis=1)
    predicted = _predictions(problem, answer)
    mean, std = (np.full(problem.used.shape, np.nan) for _ in range(2))
    mean[problem.used], std[problem.used] = predicted.mean(axis=0), predicted.std(axis=0)
    residual = problem.whitening(problem.observed - predicted.mean(axis=0))
    found: dict[str, tuple[str | tuple[str, ...], object]] = {
        "slip": (("sample", "patch"), amount.astype(np.float32)),
        "slip_vector": (("sample", "patch", "direction"), vectors.astype(np.float32)),
        "slip_mean": ("patch", answer.mean if n == 1 else amount.mean(axis=0)),
        "slip_std": ("patch", answer.std if n == 1 else amount.std(axis=0, ddof=1)),
        "slip_vector_mean": (("patch", "direction"), mean_vector),
        "slip_quantile": (
            ("quantile", "patch"),
            np.quantile(amount, QUANTILES, axis=0, method="weibull"),
        ),
        "structure": ("sample", answer.structure),
        "prior_std": ("sample", answer.amplitude),
        "prior_length": ("sample", answer.length),
        "moment": ("sample", moment),
        "magnitude": ("sample", moment_magnitude(moment)),
        "predicted_mean": (("site", "component"), mean),
        "predicted_std": (("site", "component"), std),
        "chi2": ((), float(residual @ residual) / residual.size),
        "log_evidence": ((), answer.log_evidence),
        "wbic": ((), answer.wbic),
    }
    if answer.convergence is not None:
        found["scale_reduction"] = ((), answer.convergence.scale_reduction)
        found["log_evidence_std"] = ((), answer.convergence.log_evidence_std)
    return found


def _predictions(problem: Problem, answer: Answer) -> Array:
    """Predicted data of every sample with the network's most probable motion, (sample, datum)."""
    predicted = np.empty((len(answer.slip), problem.observed.size))
    for k in np.unique(answer.structure):
        at = answer.structure == k
        predicted[at] = answer.slip[at] @ problem.kernels[k].T
    if problem.motion_std.size:
        modes = problem.whitening(problem.motions)
        left = problem.whitening((problem.observed - predicted).T)
        # the whitened prior of motions: what E[motion | residual] is of a Gaussian
        gain = problem.motion_std[:, None] ** 2 * modes.T
        predicted = predicted + (problem.motions @ (gain @ left)).T
    return predicted


def verdict(answer: Answer, single: Answer | None) -> str:
    """What to think of the result, in a sentence."""
    found = {"": answer.convergence}
    if single is not None:
        found[" of the first structure alone"] = single.convergence
    for which, each in found.items():
        if each is None:
            return "The posterior is exact: a mixture of normal distributions."
        if not each.is_good:
            return (
                f"NOT CONVERGED: the sampler's populations{which} disagree (scale reduction "
                f"{each.scale_reduction:.2f}, at most {AGREED[0]:g}; std of log evidence "
                f"{each.log_evidence_std:.1f}, at most {AGREED[1]:g}). Use more n_particles or "
                "n_moves before anything is read off."
            )
    return "The sampler's independent populations agree."


def _described(dataset: xr.Dataset) -> xr.Dataset:
    """Units and long names."""
    per = "m/yr" if dataset.attrs["quantity"] == "velocity" else "m"
    moment = "N m/yr" if per == "m/yr" else "N m"
    known = {
        "slip": (per, "slip"),
        "slip_vector": (per, "slip along strike and up the dip"),
        "slip_mean": (per, "posterior mean of slip"),
        "slip_std": (per, "posterior std of slip"),
        "slip_vector_mean": (per, "posterior mean along strike and up the dip"),
        "slip_quantile": (per, "quantiles of slip"),
        "structure": ("1", "structure of a sample"),
        "prior_std": (per, "prior std of slip of a sample"),
        "prior_length": ("km", "prior correlation length of a sample; 0 without smoothing"),
        "moment": (moment, "seismic moment, of the sum of slip vectors where slip has any sign"),
        "magnitude": ("1", "moment magnitude"),
        "predicted_mean": (per, "posterior mean of the predicted displacement"),
        "predicted_std": (per, "posterior std of the predicted displacement"),
        "chi2": ("1", "chi2 per datum of the mean prediction"),
        "log_evidence": ("1", "log probability density of the data"),
        "wbic": ("1", "widely applicable Bayesian information criterion"),
        "scale_reduction": ("1", "scale reduction over independent populations"),
        "log_evidence_std": ("1", "std of the log evidence over independent populations"),
        "structure_probability": ("1", "probability of a structure given the data"),
        "structure_prior": ("1", "prior probability of a structure"),
        "observed": (per, "observed displacement"),
        "observed_std": (per, "its std"),
        "observed_correlation": ("1", "correlation of the errors of east and north"),
        "residual": (per, "observed less posterior mean of the predicted displacement"),
        "area": ("km2", "area of a patch"),
    }
    for name, (units, long_name) in known.items():
        for full in (name, f"single_{name}"):
            if full in dataset:
                words = long_name if full == name else f"{long_name}, one structure"
                dataset[full].attrs.update(units=units, long_name=words)
    dataset.coords["direction"] = ["strike", "dip"]
    return dataset
