"""Eigenvectors, and factors of covariances, that are the same on every processor.

An eigenvector has no sign of its own, and equal eigenvalues leave a rotation open besides: what a
library returns depends on the instructions of the processor. Random draws along such vectors would
then differ from machine to machine for the same seed. The functions here settle both.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

#: An entry counts as large above this share of the largest one. No entry of a smooth eigenvector
#: lies within rounding of it, as many do of the largest one itself.
LARGE = 0.7
#: Rounding turns neighbouring eigenvectors by about 1e-15 of the largest eigenvalue over the gap
#: between theirs; in a factor they weigh as the root of their eigenvalue. Gaps below this share of
#: the geometric mean of eigenvalue and largest one are not resolved: factors agree to some 1e-11.
GAP = 1e-4
#: Components are not parted from others whose variance is the same but for this share.
ALIKE = 1e-3


def signed(vectors: Array) -> Array:
    """Vectors whose first large entry is positive, whatever sign a library gave them.

    The largest entry itself would not do: an odd eigenvector holds it twice, with both signs, and
    rounding decides which one is larger; nor would the sum, which is zero for odd ones.

    Parameters
    ----------
    vectors : Array, (..., n, m)
        One vector in each column, as of :func:`numpy.linalg.eigh`.

    Examples
    --------
    >>> signed(np.array([[-0.6, 0.8], [-0.8, -0.6]]))
    array([[ 0.6,  0.8],
           [ 0.8, -0.6]])
    """
    size = np.abs(vectors)
    first = np.argmax(size > LARGE * size.max(axis=-2, keepdims=True), axis=-2, keepdims=True)
    return np.asarray(vectors * np.where(np.take_along_axis(vectors, first, -2) < 0, -1.0, 1.0))


def principal_factor(covariance: Array, left_out: float) -> Array:
    """The factor F with covariance = F F' whose columns are the principal components.

    Draws ``F @ noise`` are the same on every processor. Columns are ordered by their variance and
    signed; where eigenvalues are equal or nearly so, as for fields on a square, the columns are
    those of the symmetric square root turned to a basis that the covariance alone determines.

    Parameters
    ----------
    covariance : Array, (n, n)
        Symmetric; it may be singular.
    left_out : float
        Share of the total variance that may be left out with the least components; equal ones
        are left out together or not at all.

    Returns
    -------
    Array, (n, m)
        Scaled eigenvectors.

    Examples
    --------
    >>> factor = principal_factor(np.array([[2.0, 1.0], [1.0, 2.0]]), 1e-12)
    >>> (factor @ factor.T).round(12)
    array([[2., 1.],
           [1., 2.]])
    >>> principal_factor(np.eye(2), 1e-12)  # no direction is a principal one
    array([[1., 0.],
           [0., 1.]])
    """
    values, vectors = np.linalg.eigh(covariance)
    values, vectors = np.maximum(values[::-1], 0.0), vectors[:, ::-1]
    share = np.cumsum(values[::-1])
    n_kept = values.size - int(np.searchsorted(share, left_out * share[-1]))
    while n_kept < values.size and values[n_kept] > (1.0 - ALIKE) * values[n_kept - 1]:
        n_kept += 1
    values, vectors = values[:n_kept], vectors[:, :n_kept]
    resolved = -np.diff(values) > GAP * np.sqrt(values[:-1] * values[:1])
    groups = np.split(np.arange(n_kept), np.flatnonzero(resolved) + 1)
    return np.concatenate(
        [_group_factor(values[group], vectors[:, group]) for group in groups], axis=1
    )


def _group_factor(values: Array, vectors: Array) -> Array:
    """Columns that span a group of eigenvectors, whatever rotation a library gave them."""
    if values.size == 1:
        return signed(vectors) * np.sqrt(values)
    # columns of the projector, orthogonalised: each at the first place that still has much of it
    basis = np.zeros_like(vectors)
    for column in range(values.size):
        rest = vectors - basis @ (basis.T @ vectors)
        left = np.square(rest).sum(axis=1)
        place = int(np.argmax(left > LARGE * left.max()))
        chosen = rest @ vectors[place]
        chosen -= basis @ (basis.T @ chosen)
        basis[:, column] = chosen / np.linalg.norm(chosen)
    return np.asarray((vectors * np.sqrt(values)) @ (vectors.T @ basis))
