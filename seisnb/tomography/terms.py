"""Errors that picks share: time terms of shots and receivers, and drifts along a shot's gather.

Each is an unknown beside the model's, normal with mean zero: what a trigger was late by at a shot,
what a receiver's ground delays, and a smooth error along a gather (a picker that follows another
phase for a while, rock off the line). Their columns are scaled by their standard deviations, so
that the unknowns are N(0, 1) like all others.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray
from torch import Tensor

from seisnb.eigenvectors import signed
from seisnb.tomography.config import TomographyConfig

Array = NDArray[np.float64]

#: Share of a gather's shared error that its smooth functions may lose.
LOST = 0.05


@dataclass(frozen=True, kw_only=True)
class TimeTerms:
    """What terms add to the times: ``matrix @ unknowns``.

    Attributes
    ----------
    matrix : Tensor, (pick, term)
        Seconds per unit of each unknown.
    labels : tuple of str
        What each term is: ``shot 3``, ``receiver 12``, ``gather 3.0``.
    """

    matrix: Tensor
    labels: tuple[str, ...]

    @property
    def n_terms(self) -> int:
        """Number of unknowns."""
        return len(self.labels)


def time_terms(survey: xr.Dataset, config: TomographyConfig) -> TimeTerms | None:
    """The terms that a configuration asks for; None for none.

    Parameters
    ----------
    survey : xr.Dataset
        Used picks.
    config : TomographyConfig
        ``shot_term_std``, ``receiver_term_std`` and ``gather_error_std`` [s].
    """
    columns: list[Array] = []
    labels: list[str] = []
    for kind, std in (("shot", config.shot_term_std), ("receiver", config.receiver_term_std)):
        if std > 0:
            ids = survey[kind].values
            for name in np.unique(ids):
                columns.append(std * (ids == name))
                labels.append(f"{kind} {name}")
    if config.gather_error_std > 0:
        shots = survey["shot"].values
        for name in np.unique(shots):
            picks = np.flatnonzero(shots == name)
            for k, smooth in enumerate(_smooth_functions(survey, picks, config).T):
                column = np.zeros(shots.size)
                column[picks] = smooth
                columns.append(column)
                labels.append(f"gather {name}.{k}")
    if not columns:
        return None
    return TimeTerms(matrix=torch.from_numpy(np.stack(columns, axis=1)), labels=tuple(labels))


def _smooth_functions(
    survey: xr.Dataset, picks: NDArray[np.intp], config: TomographyConfig
) -> Array:
    """Functions of the receivers of one gather whose squares sum to the shared variance."""
    easting = survey["receiver_easting"].values[picks]
    width = float(np.ptp(survey["surface_easting"].values))
    length = config.gather_error_length or 0.1 * width
    covariance = np.exp(-(((easting[:, None] - easting[None, :]) / length) ** 2))
    values, vectors = np.linalg.eigh(covariance)
    values, vectors = np.maximum(values[::-1], 0.0), vectors[:, ::-1]
    n_kept = int(np.searchsorted(np.cumsum(values) / values.sum(), 1.0 - LOST)) + 1
    kept = signed(vectors[:, :n_kept]) * np.sqrt(values[:n_kept])
    return np.asarray(config.gather_error_std * kept)
