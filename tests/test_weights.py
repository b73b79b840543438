"""Prior weights: what comes out sums to one, and what is none is refused."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from seisnb.conventions import InputError
from seisnb.weights import prior_log_weights


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
