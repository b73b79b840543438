"""Ensembles that the dashboard tests share; they are only read."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import fake
import slip_case

from seisnb.dashboards import SlipDashboard, TomographyDashboard
from seisnb.io import write_picks
from seisnb.slip import invert_slip


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


@pytest.fixture(scope="session")
def structures():
    return slip_case.thrusts()


@pytest.fixture(scope="session")
def offsets(structures):
    return slip_case.sites_over(structures)


@pytest.fixture(scope="session")
def slip(offsets, structures):
    return invert_slip(offsets, structures, slip_case.QUICK)


@pytest.fixture
def in_a_folder(tmp_path, monkeypatch):
    """Results with a relative name go to a folder of the test."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def made(offsets, structures):
    return SlipDashboard(offsets, structures, slip_case.QUICK)


@pytest.fixture
def run(made):
    made.run_tab.run_button.click()
    assert made.job.wait(60)
    assert made.alert.value == ""
    return made


@pytest.fixture
def app():
    return TomographyDashboard(survey=fake.land_survey(), invert=fake.make_invert())


@pytest.fixture
def finished(app):
    app.run_button.click()
    assert app.controller.job.wait(30)
    assert app.controller.job.status == "done", app.controller.job.error
    return app


@pytest.fixture
def pick_file(tmp_path):
    path = tmp_path / "line<b>7.csv"
    write_picks(fake.marine_survey(), path)
    return path
