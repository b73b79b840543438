"""What is believed of slip before the data: how large, and how alike neighbours are."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cholesky
from scipy.spatial.distance import cdist

from seisnb.slip.config import Smoothing
from seisnb.slip.faults import Fault, neighbours

Array = NDArray[np.float64]

#: Share of a patch's variance that is its own: keeps covariances invertible.
NUGGET = 1e-4


def correlation(fault: Fault, smoothing: Smoothing, length: float) -> Array:
    """Prior covariance of slip for unit mean variance, (patch, patch).

    Parameters
    ----------
    fault : Fault
        Whose patches; distances are straight lines between their centres.
    smoothing : {"none", "gaussian_process", "laplacian"}
        ``gaussian_process``: Matern 3/2 of distance over ``length``. ``laplacian``: the precision
        is the square of (1 - length**2 Laplacian) over neighbours, a Matern field on the mesh after
        Lindgren et al. (2011).
    length : float
        [km]; not used by ``none``.
    """
    n = fault.n_patches
    if smoothing == "none":
        return np.eye(n)
    centre = fault.centre
    if smoothing == "gaussian_process":
        apart = np.sqrt(3.0) / length * cdist(centre, centre)
        return np.asarray((1.0 + apart) * np.exp(-apart) + NUGGET * np.eye(n)) / (1.0 + NUGGET)
    operator = np.eye(n)
    pairs = neighbours(fault)
    for i, j in pairs:
        weight = (length / np.linalg.norm(centre[i] - centre[j])) ** 2
        operator[[i, j], [i, j]] += weight
        operator[[i, j], [j, i]] -= weight
    covariance = np.linalg.inv(operator @ operator)
    scale = 1.0 / np.sqrt(np.diag(covariance))  # edges would vary more
    return np.asarray(covariance * scale[:, None] * scale)


def factor_of(covariance: Array) -> Array:
    """Lower F with covariance = F F'."""
    return np.asarray(cholesky(covariance, lower=True))
