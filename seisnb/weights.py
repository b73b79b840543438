"""Log weights: sums of them, and those of an ensemble's members, given or equal."""

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


def log_sum_exp(values: NDArray[np.floating], axis: int | None = None) -> NDArray[np.float64]:
    """Log of the sum of exponentials, over one axis or all; minus infinity of nothing but that.

    For the many small arrays of a location, on which :func:`scipy.special.logsumexp` spends ten
    times as long finding out whose arrays they are as summing them.

    Examples
    --------
    >>> log_sum_exp(np.array([[0.0, 0.0], [-np.inf, -np.inf]]), axis=1).round(3)
    array([0.693,  -inf])
    """
    peak = values.max(axis=axis, keepdims=True)
    peak = np.where(np.isfinite(peak), peak, 0.0)
    with np.errstate(divide="ignore"):
        found = np.log(np.exp(values - peak).sum(axis=axis, keepdims=True)) + peak
    return np.asarray(found.squeeze() if axis is None else found.squeeze(axis))
