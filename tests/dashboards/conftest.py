"""Ensembles that the dashboard tests share; they are only read."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import fake


@pytest.fixture(scope="session")
def land():
    return fake.land_ensemble()


@pytest.fixture(scope="session")
def marine():
    return fake.marine_ensemble()


@pytest.fixture(scope="session", params=["land", "marine"])
def ensemble(request):
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="session")
def marine_survey():
    return fake.marine_survey()
