"""Trial hypocentres predict what the model says; a station to try brings what relocation finds."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from seisnb.catalogue import make_arrivals, make_stations
from seisnb.conventions import InputError
from seisnb.location import locate, prepare
from seisnb.location.explore import predicted_arrivals, station_gain
from seisnb.traveltime.layered import layered_times
from tests.location.conftest import TRUE, arrivals_at, ensemble_of, settings
from tests.seeds import shifted


@pytest.fixture(scope="module")
def one(stations, ensemble, prepared) -> xr.Dataset:
    return locate(arrivals_at(stations), stations, ensemble, settings(), prepared=prepared)


def test_exact_picks_leave_nothing_at_their_own_place(stations):
    alone = ensemble_of(1, std=0.0)
    prepared = prepare(stations, alone, settings())
    found = predicted_arrivals(arrivals_at(stations, std=0.0), prepared, TRUE, settings())
    assert np.abs(found["residual"]).max() < 2e-3
    assert found["model_std"].max() < 1e-9
    assert found.attrs["chi2"] < 0.1
    away = np.hypot(stations["easting"] - TRUE[0], stations["northing"] - TRUE[1])
    for name, distance in zip(found["station"].values, found["distance"].values, strict=True):
        assert distance == pytest.approx(away.sel(station=name).item())


def test_a_place_to_the_east_is_late_in_the_west(stations, ensemble, prepared):
    place = (TRUE[0] + 10.0, TRUE[1], TRUE[2])
    found = predicted_arrivals(arrivals_at(stations), prepared, place, settings())
    azimuth = np.radians(found["azimuth"].values)
    slope = np.polyfit(np.sin(azimuth), found["residual"].values, 1)[0]
    assert slope > 0.5  # arrivals in the east are later than predicted, in the west earlier
    assert found.attrs["chi2"] > 20


def test_models_that_differ_show_as_spread(stations, ensemble, prepared):
    found = predicted_arrivals(arrivals_at(stations), prepared, TRUE, settings())
    # members are one model scaled: times are, too, and their common delay is an origin time
    speeds = [each.vp[0] for each in ensemble.groups[0].models]
    share = np.std(np.reciprocal(speeds)) / np.mean(np.reciprocal(speeds))
    time = found["travel_time"].values
    expected = share * np.abs(time - time.mean())
    np.testing.assert_allclose(found["model_std"], expected, rtol=0.05, atol=2e-3)


def test_only_one_event_is_taken(arrivals, prepared):
    with pytest.raises(InputError, match="expected the arrivals of one"):
        predicted_arrivals(arrivals, prepared, TRUE, settings())


def test_phases_that_are_not_used_are_left_out(stations, prepared):
    found = predicted_arrivals(arrivals_at(stations), prepared, TRUE, settings(use_s=False))
    assert set(found["phase"].values) == {"P"}


@pytest.mark.slow
def test_the_expected_gain_is_what_relocation_finds(stations, ensemble, prepared, one):
    """Truths drawn from the posterior, picks drawn from them, located again with the station."""
    place = (TRUE[0] + 1.0, TRUE[1], 0.0)
    std = (0.05, 0.05)
    expected = station_gain(one, prepared, place, pick_std=std)
    base = arrivals_at(stations)
    names = [*map(str, stations["station"].values), "NEW"]
    grown = make_stations(
        station=names,
        depth=[*stations["depth"].values, place[2]],
        easting=[*stations["easting"].values, place[0]],
        northing=[*stations["northing"].values, place[1]],
        projection=stations.attrs["projection"],
    )
    tables = prepare(grown, ensemble, settings())
    rng = np.random.default_rng(shifted(3))
    variances = []
    for k in rng.choice(one.sizes["sample"], 16, replace=False):
        x, y, z = (one[name].values[0, k] for name in ("easting", "northing", "depth"))
        rock = ensemble.groups[0].models[int(one["model"].values[0, k])]
        away = np.array([np.hypot(x - place[0], y - place[1])])
        times = [
            float(layered_times(rock, phase, place[2], away, np.array([z]))[0, 0]) for phase in "PS"
        ]
        arrival = [
            one["origin_time"].values[0, k]
            + np.timedelta64(round((t + s * rng.standard_normal()) * 1e9), "ns")
            for t, s in zip(times, std, strict=True)
        ]
        both = make_arrivals(
            event=[*base["event"].values, "ev0", "ev0"],
            station=[*base["station"].values, "NEW", "NEW"],
            phase=[*base["phase"].values, "P", "S"],
            arrival_time=np.array([*base["arrival_time"].values, *arrival]),
            pick_std=np.array([*base["pick_std"].values, *std]),
        )
        found = locate(both, grown, ensemble, settings(), prepared=tables)
        variances.append(found["std"].values[0, :3] ** 2)
    measured = np.sqrt(np.mean(variances, axis=0))
    np.testing.assert_allclose(expected["std_after"], measured, rtol=0.2)
    assert expected["std_after"][2] < 0.85 * expected["std_before"][2]


def test_a_station_far_away_brings_little(prepared, one):
    near = station_gain(one, prepared, (TRUE[0], TRUE[1], 0.0))
    far = station_gain(one, prepared, (TRUE[0] + 30.0, TRUE[1], 0.0))
    assert near["std_after"][2] < far["std_after"][2]
    assert (far["std_after"] < 1.1 * far["std_before"]).all()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"phases": ("X",)}, "expected P, S or both"),
        ({"phases": ()}, "expected P, S or both"),
        ({"pick_std": (0.0, 0.1)}, "stds above 0"),
    ],
)
def test_nonsense_is_refused(prepared, one, changes, message):
    with pytest.raises(InputError, match=message):
        station_gain(one, prepared, (0.0, 0.0, 0.0), **changes)


def test_one_event_at_a_time(prepared, stations, ensemble, arrivals):
    three = locate(arrivals, stations, ensemble, settings(), prepared=prepared)
    with pytest.raises(InputError, match="expected one"):
        station_gain(three, prepared, (0.0, 0.0, 0.0))
