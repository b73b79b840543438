"""What the prior believes before the picks, and rays through the mean."""

import json

import numpy as np
import pytest

from seisnb.conventions import Cancelled, InputError
from seisnb.prior import PriorConfig
from seisnb.synthetic import marine_line
from seisnb.tomography import TomographyConfig, invert
from seisnb.tomography.preview import preview_prior, rays_through_mean

PRIOR = PriorConfig(amplitude=0.2, length_easting=10.0, length_depth=4.0)
CONFIG = TomographyConfig(cell=0.5, n_members=2, n_workers=1)


@pytest.fixture(scope="module")
def survey():
    return marine_line(seed=0)[0]


@pytest.fixture(scope="module")
def draws(survey):
    return preview_prior(survey, PRIOR, CONFIG, n_draws=40)


def test_draws_have_the_priors_mean_and_spread(draws):
    velocity, rock = draws["velocity"].values, draws["rock"].values
    logs = np.log(velocity[:, rock])
    assert abs(logs.std(axis=0, ddof=1).mean() / 0.2 - 1) < 0.12
    assert abs(logs.mean(axis=0) - np.log(draws["prior_mean"].values[rock])).mean() < 0.06


def test_times_of_fast_draws_are_short(draws):
    near = draws["velocity"].values[:, :20].mean(axis=(1, 2))
    mean = draws["predicted_time"].values.mean(axis=1)
    assert np.corrcoef(near, mean)[0, 1] < -0.5


def test_the_first_order_fit_is_near_the_picks(draws):
    miss = draws["first_order_time"].values - draws["travel_time"].values
    spread = draws["predicted_time"].values.std(axis=0)
    assert np.sqrt(np.mean(miss**2)) < np.median(spread)


def test_few_gathers_are_predicted_and_settings_are_recorded(draws, survey):
    assert np.unique(draws["receiver"].values).size <= 8
    assert draws.sizes["pick"] < survey.sizes["pick"]
    assert json.loads(draws.attrs["prior"])["length_depth"] == 4.0


def test_the_same_seed_gives_the_same_draws(survey):
    one, other = (preview_prior(survey, PRIOR, CONFIG, n_draws=2) for _ in range(2))
    assert one["velocity"].identical(other["velocity"])


def test_it_can_be_cancelled_and_refuses_what_invert_refuses(survey):
    with pytest.raises(Cancelled):
        preview_prior(survey, PRIOR, CONFIG, cancel=lambda: True)
    few = survey.copy(deep=True)
    few["used"].values[1:] = False
    with pytest.raises(InputError):
        preview_prior(few, PRIOR, CONFIG)


def test_rays_run_from_anchors_to_entries_below_the_sea_floor(survey):
    ensemble = invert(survey, PRIOR, CONFIG)
    rays = rays_through_mean(ensemble, n_rays=40)
    assert 30 <= len(rays) <= 40
    floor = np.stack([survey["surface_easting"].values, survey["surface_depth"].values])
    for ray in rays:
        assert (ray[:, 1] >= np.interp(ray[:, 0], *floor) - 0.02).all()
    deepest = max(ray[:, 1].max() for ray in rays)
    assert deepest == pytest.approx(np.nanmax(ensemble["deepest_ray"].values), rel=0.25)
