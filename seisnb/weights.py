"""Log prior weights of an ensemble's members, given or equal, as log weights that sum to one."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seisnb.conventions import InputError


def prior_log_weights(log_weight: ArrayLike | None, n: int, *, where: str) -> NDArray[np.float64]:
    """Log weights that sum to one, (n,).

    Parameters
    ----------
    log_weight : array_like, (n,), optional
        Any constant may be added to all; equal by default.
    n : int
        Members.
    where : str
        The public function's name, for messages.

    Raises
    ------
    InputError
        Another number of them, NaN, or all minus infinity.

    Examples
    --------
    >>> np.exp(prior_log_weights([3.0, 3.0 + np.log(3.0)], 2, where="doc")).round(3)
    array([0.25, 0.75])
    """
    if log_weight is None:
        return np.full(n, -np.log(max(n, 1)))
    values = np.asarray(log_weight, float)
    if (
        values.shape != (n,)
        or np.isnan(values).any()
        or not np.isfinite(values.max(initial=-np.inf))
    ):
        raise InputError(
            f"{where}: log_weight has shape {values.shape} with values {values.ravel()[:3]}...; "
            f"expected one for each of {n} members, not NaN, not all minus infinity."
        )
    return np.asarray(values - np.logaddexp.reduce(values))
