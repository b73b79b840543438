"""Prior weights: what comes out sums to one, and what is none is refused; sums of log weights."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.special import logsumexp

from seisnb.conventions import InputError
from seisnb.weights import log_sum_exp, prior_log_weights
from tests.seeds import shifted


def test_weights_sum_to_one_whatever_constant_is_added():
    given = np.log([1.0, 2.0, 5.0])
    for constant in (0.0, 700.0, -5000.0):
        found = prior_log_weights(given + constant, 3, where="here")
        assert_allclose(np.exp(found), [0.125, 0.25, 0.625], rtol=1e-9)
    assert_allclose(np.exp(prior_log_weights(None, 5, where="here")), 0.2)


def test_a_member_may_have_no_weight():
    assert_allclose(np.exp(prior_log_weights([-np.inf, 3.0], 2, where="here")), [0.0, 1.0])


@pytest.mark.parametrize(
    "log_weight", [[0.0], [0.0, np.nan], [-np.inf, -np.inf], [[0.0, 0.0]], [0.0, np.inf]]
)
def test_weights_that_are_none(log_weight):
    with pytest.raises(InputError, match="here: log_weight has shape .* for each of 2 members"):
        prior_log_weights(log_weight, 2, where="here")


@pytest.mark.parametrize("axis", [None, 0, 1])
@pytest.mark.parametrize("kind", [np.float64, np.float32])
def test_sums_are_those_of_scipy(axis, kind):
    values = np.random.default_rng(shifted(3)).normal(-700.0, 300.0, (40, 7)).astype(kind)
    values[3] = -np.inf
    values[5, 2] = -np.inf
    found = log_sum_exp(values, axis=axis)
    expected = logsumexp(values.astype(float), axis=axis)
    assert np.shape(found) == np.shape(expected)
    assert_allclose(found, expected, rtol=1e-6 if kind is np.float32 else 1e-13)


def test_nan_is_not_hidden():
    assert np.isnan(log_sum_exp(np.array([0.0, np.nan])))
