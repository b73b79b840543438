"""What located earthquakes say of the velocity models, carried to the next ones."""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from seisnb.conventions import InputError
from seisnb.velocity_ensembles import reweighted
from seisnb.velocity_models import VelocityEnsemble

Array = NDArray[np.float64]


def update_weights(
    ensemble: VelocityEnsemble, hypocentres: xr.Dataset, *, at_least: float = 10.0
) -> VelocityEnsemble:
    """The ensemble with the models' probabilities given located events as its prior weights.

    The evidences of independent events multiply. A few models would soon hold all the weight, more
    surely than errors that no model has allow; so the evidence is raised to the largest power of at
    most 1 that leaves ``at_least`` effective models (tempering).

    Parameters
    ----------
    ensemble : VelocityEnsemble
        That the events were located with.
    hypocentres : xr.Dataset
        Of :func:`seisnb.location.locate`.
    at_least : float
        Effective number of models, 1 over the sum of squared weights, to be kept; all of them
        where there are fewer before.

    Returns
    -------
    VelocityEnsemble
        Its ``notes`` say by which power the evidence was tempered.

    Raises
    ------
    InputError
        The events were located with other models, or ``at_least`` is below 1.
    """
    if hypocentres.attrs.get("ensemble_checksum") != ensemble.checksum:
        raise InputError(
            "update_weights: the events were located with other models (their checksums differ). "
            "Give the ensemble that locate was called with."
        )
    if not at_least >= 1.0:
        raise InputError(f"update_weights: at_least is {at_least}; expected 1 or more models.")
    gain = hypocentres["model_log_evidence"].sum("event").values
    kept = min(at_least, ensemble.n_effective)
    power = 1.0
    if _effective(ensemble.log_weight + gain) < kept:
        low, high = 0.0, 1.0
        for _ in range(60):
            power = 0.5 * (low + high)
            if _effective(ensemble.log_weight + power * gain) < kept:
                high = power
            else:
                low = power
        power = low
    found = reweighted(ensemble, ensemble.log_weight + power * gain)
    note = (
        f"Weights are the models' probabilities given {hypocentres.sizes['event']} events; the "
        f"evidence was raised to the power {power:.3g} and leaves {found.n_effective:.1f} "
        "effective models."
    )
    return VelocityEnsemble(
        groups=found.groups, log_weight=found.log_weight, vpvs=found.vpvs, name=found.name,
        projection=found.projection, notes=(*found.notes, note),
    )  # fmt: skip


def _effective(log_weight: Array) -> float:
    """Effective number of models."""
    w = np.exp(log_weight - np.max(log_weight))
    return float(w.sum() ** 2 / (w**2).sum())
