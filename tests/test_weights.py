"""Sums in logarithms against scipy's."""

import numpy as np
import pytest
from scipy.special import logsumexp

from seisnb.weights import log_sum_exp


@pytest.mark.parametrize("axis", [None, 0, 1])
@pytest.mark.parametrize("kind", [np.float64, np.float32])
def test_sums_are_those_of_scipy(axis, kind):
    values = np.random.default_rng(3).normal(-700.0, 300.0, (40, 7)).astype(kind)
    values[3] = -np.inf
    values[5, 2] = -np.inf
    found = log_sum_exp(values, axis=axis)
    expected = logsumexp(values.astype(float), axis=axis)
    assert np.shape(found) == np.shape(expected)
    np.testing.assert_allclose(found, expected, rtol=1e-6 if kind is np.float32 else 1e-13)


def test_nan_is_not_hidden():
    assert np.isnan(log_sum_exp(np.array([0.0, np.nan])))
