"""Where notebooks and dashboards begin on a small machine."""

from __future__ import annotations

import pytest

from seisnb.conventions import InputError
from seisnb.dashboards import TomographyDashboard
from seisnb.dashboards.location.controller import LocationController
from seisnb.dashboards.machine_profile import PROFILE_VARIABLE, machine_profile
from seisnb.dashboards.tomography.controller import TomographyController
from seisnb.location import LocationConfig
from seisnb.tomography import TomographyConfig


def test_unset_it_changes_nothing(monkeypatch):
    monkeypatch.delenv(PROFILE_VARIABLE, raising=False)
    assert TomographyController().state.config == TomographyConfig()
    assert LocationController().state.config == LocationConfig()


def test_small_begins_smaller_and_says_so_in_the_code(monkeypatch):
    monkeypatch.setenv(PROFILE_VARIABLE, "small")
    config = TomographyController().state.config
    assert config.n_members < TomographyConfig().n_members
    assert config.n_workers == 1
    dashboard = TomographyDashboard()
    assert dashboard.config.read() == dashboard.state.config == config  # what Run takes
    assert not dashboard.controller.history.can_undo
    assert LocationController().state.config.n_workers == 1
    own = LocationConfig(n_samples=2000)
    assert LocationController(config=own).state.config == own


def test_another_name_is_refused(monkeypatch):
    monkeypatch.setenv(PROFILE_VARIABLE, "tiny")
    with pytest.raises(InputError, match="SEISNB_PROFILE is 'tiny'; expected 'small'"):
        machine_profile()
