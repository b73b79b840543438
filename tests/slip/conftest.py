"""The thrusts that tests of slip share."""

from __future__ import annotations

import pytest

from tests.slip.truths import thrust_ensemble


@pytest.fixture(scope="session")
def thrusts():
    """Dips about 18 degrees, by their prior."""
    return thrust_ensemble()
