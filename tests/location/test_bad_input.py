"""What cannot be located is said before any work: where, what was found, what to do."""

from __future__ import annotations

import json

import numpy as np
import pytest
import xarray as xr

from seisnb.catalogue import make_arrivals, make_stations
from seisnb.conventions import GeometryError, InputError
from seisnb.location import LocationConfig, locate
from seisnb.location.station_depths import check_station_depths
from seisnb.velocity_ensembles import section_ensemble, volume_ensemble
from tests.location.conftest import arrivals_at, model, settings


def refused(arrivals, stations, match: str, kind: type = InputError, **changes) -> None:
    with pytest.raises(kind, match=match):
        locate(arrivals, stations, [model(1.0)], settings(**changes))


def test_a_station_without_coordinates(stations) -> None:
    arrivals = arrivals_at(stations)
    known = stations.isel(station=slice(1, None))
    refused(arrivals, known, "station ST00 has picks but no coordinates", GeometryError)
    found = locate(arrivals, known, [model(1.0)], settings(on_bad="drop"))
    assert found["n_stations"][0] == 11


def test_fewer_than_four_picks_and_one_station(stations) -> None:
    arrivals = arrivals_at(stations)
    refused(arrivals.isel(pick=slice(0, 3)), stations, "3 usable picks at 2 stations .ST00, ST01.")
    refused(arrivals.isel(pick=slice(0, 2)), stations, "at least 4 picks at 3 stations")
    one = make_arrivals(
        event=["a"] * 2, station=["ST00"] * 2, phase=["P", "S"],
        arrival_time=np.array(["2020-01-01T00:00:01", "2020-01-01T00:00:03"], "M8[ns]"),
        pick_std=0.1,
    )  # fmt: skip
    refused(one, stations, "at 1 stations .ST00.", min_picks=4)


def test_s_before_p_and_repeats(stations) -> None:
    arrivals = arrivals_at(stations)
    swapped = arrivals.copy(deep=True)
    time = swapped["arrival_time"].values
    time[0], time[1] = time[1], time[0]
    refused(swapped, stations, "S is not after P. Are they swapped")
    twice = xr.concat([arrivals, arrivals.isel(pick=[0])], "pick", data_vars="all")
    twice.attrs.update(arrivals.attrs)
    refused(twice, stations, "the P pick at ST00 is there twice")
    dropped = locate(twice, stations, [model(1.0)], settings(on_bad="drop"))
    assert dropped["n_used"][0] == 24


@pytest.mark.parametrize("std", [0.0, -0.1, np.nan, np.inf])
def test_a_sigma_that_is_none(stations, std: float) -> None:
    arrivals = arrivals_at(stations)
    arrivals["pick_std"].values[5] = std
    refused(arrivals, stations, "the S pick at ST02 has a pick_std of")


def test_a_wrong_year_and_a_missing_time(stations) -> None:
    arrivals = arrivals_at(stations)
    arrivals["arrival_time"].values[4] += np.timedelta64(365, "D")
    refused(arrivals, stations, "Check the date and the year")
    arrivals["arrival_time"].values[4] = np.datetime64("NaT")
    refused(arrivals, stations, "at NaT")


def test_midnight_is_no_border(stations) -> None:
    """The times of the fixtures run over midnight; the origin is on the day before."""
    found = locate(arrivals_at(stations), stations, [model(1.0)], settings())
    assert str(found["mean_origin_time"].values[0]).startswith("2020-02-29T23:59:5") or str(
        found["mean_origin_time"].values[0]
    ).startswith("2020-03-01T23:59:5")
    assert float(found["rms"][0]) < 0.1


def at_sea(depth: float) -> xr.Dataset:
    lon, lat = [-125.5, -125.3, -125.4, -125.2], [44.0, 44.1, 44.3, 44.2]
    return make_stations(
        station=["A", "B", "C", "D"], longitude=lon, latitude=lat, depth=[2.0, depth, 2.1, 2.2]
    )


def test_the_sign_of_a_station() -> None:
    assert check_station_depths(at_sea(2.0)) == []
    with pytest.raises(GeometryError, match=r"station B has depth -1.95 km .* in the sea.*1.95"):
        check_station_depths(at_sea(-1.95))
    [note] = check_station_depths(at_sea(-0.1))
    assert "is the sign right" in note
    inland = make_stations(
        station=["A", "B"], longitude=[-120.5, -120.6], latitude=[44.0, 44.1], depth=[-1.2, 1.2]
    )
    with pytest.raises(GeometryError, match=r"station B has depth 1.2 km .* on land"):
        check_station_depths(inland)
    island = make_stations(station=["SNB"], longitude=[-123.17], latitude=[48.78], depth=[-0.402])
    assert check_station_depths(island) == []


def test_the_sign_is_checked_before_work_and_can_be_waived() -> None:
    stations = at_sea(-1.95)
    arrivals = arrivals_at(stations, [(0.0, 0.0, 10.0)])
    refused(arrivals, stations, "in the sea", GeometryError)
    found = locate(
        arrivals, stations, [model(1.0)], settings(check_station_depths=False, min_stations=3)
    )
    assert found.sizes["event"] == 1


def tomography(floor: float = 2.0) -> xr.Dataset:
    """The smallest ensemble that a section is made of: a line 80 km long under water."""
    x, z = np.linspace(-40, 40, 41), np.linspace(0, 30, 31)
    rock = np.broadcast_to((z >= floor)[:, None], (31, 41))
    velocity = np.stack([(1 + s) * np.broadcast_to((5.5 + 0.06 * z)[:, None], (31, 41))
                         for s in (-0.02, 0.0, 0.02)])  # fmt: skip
    return xr.Dataset(
        {"velocity": (("particle", "depth", "easting"), velocity),
         "log_weight": ("particle", np.full(3, -np.log(3))),
         "rock": (("depth", "easting"), rock)},
        coords={"easting": x, "depth": z}, attrs={"kind": "ensemble"},
    )  # fmt: skip


def test_stations_and_regions_outside_of_the_models(stations) -> None:
    arrivals = arrivals_at(stations, phases="P")
    far = stations.copy(deep=True)
    far["easting"].values[3] = 70.0
    ensemble = section_ensemble(tomography(0.0))
    with pytest.raises(GeometryError, match="station ST03 lies at 70.0 km along the section"):
        locate(arrivals, far, ensemble, settings())
    with pytest.raises(GeometryError, match="holds no rock"):
        locate(arrivals, stations, ensemble, settings(region=(60.0, 90.0, -10.0, 10.0)))
    axis = np.linspace(-20, 20, 11)
    small = volume_ensemble(
        xr.DataArray(
            np.full((11, 11, 11), 6.0), dims=("northing", "easting", "depth"),
            coords={"northing": axis, "easting": axis, "depth": np.linspace(0, 30, 11)},
        )
    )  # fmt: skip
    with pytest.raises(GeometryError, match=r"station ST00 lies at 32.0 km of easting"):
        locate(arrivals, stations, small, settings())
    with pytest.raises(GeometryError, match="the velocity models know -20 to 20"):
        locate(arrivals, stations, small, settings(region=(30.0, 60.0, 0.0, 10.0)))


def test_no_event_in_the_water() -> None:
    """Picks of an explosion in the water: the answer lies in the rock below it."""
    stations = make_stations(
        station=[f"O{i}" for i in range(6)], depth=[2.0] * 6,
        easting=[-20, -10, 0, 10, 20, 5], northing=[3, -4, 5, -3, 4, 0],
    )  # fmt: skip
    away = np.hypot(stations["easting"] - 1.0, stations["northing"])
    time = np.datetime64("2020-01-01T00:00:00", "ns") + np.round(
        np.hypot(away, 1.5) / 5.6 * 1e9
    ).values.astype("timedelta64[ns]")
    arrivals = make_arrivals(
        event=["shot"] * 6, station=list(stations["station"].values), phase=["P"] * 6,
        arrival_time=time, pick_std=0.05,
    )  # fmt: skip
    for models in (section_ensemble(tomography()), [model(1.0)]):
        found = locate(arrivals, stations, models, settings())
        assert float(found["depth"].min()) >= 2.0
        assert float(found["single_depth"].min()) >= 2.0


def test_names_with_markup_are_names(stations) -> None:
    arrivals = arrivals_at(stations)
    arrivals["event"] = ("pick", np.array(["<b>&ev</b>"] * arrivals.sizes["pick"]))
    found = locate(arrivals, stations, [model(1.0)], settings())
    assert found["event"].values.tolist() == ["<b>&ev</b>"]


def test_what_is_left_out_is_listed(stations) -> None:
    arrivals = arrivals_at(stations, [(0.0, 0.0, 10.0), (3.0, 3.0, 9.0)])
    poor = arrivals["event"].values == "ev1"
    keep = ~poor | (np.cumsum(poor) <= 2)
    arrivals = arrivals.isel(pick=np.flatnonzero(keep))
    found = locate(arrivals, stations, [model(1.0)], settings(on_bad="drop"))
    assert found["event"].values.tolist() == ["ev0"]
    assert "at least 4 picks" in json.loads(found.attrs["left_out"])["ev1"]
    with pytest.raises(InputError, match="none of 1 events can be located"):
        locate(
            arrivals.isel(pick=arrivals["event"].values == "ev1"), stations, [model(1.0)],
            settings(on_bad="drop"),
        )  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"likelihood": "cauchy"}, "student, gaussian or edt"),
        ({"min_picks": 3}, "four unknowns"),
        ({"region": (1.0, 0.0, 0.0, 1.0)}, "each second above the first"),
        ({"depth_range": (5.0, np.nan)}, "finite, increasing"),
        ({"likelihood": "edt", "outlier_probability": 0.1}, "robust"),
        ({"use_p": False, "use_s": False}, "P, S or both"),
        ({"smooth_share": -0.1}, "0 to 1"),
        ({"n_samples": 3}, "100 to"),
    ],
)
def test_settings_that_cannot_be(changes: dict, match: str) -> None:
    with pytest.raises(InputError, match=match):
        LocationConfig(**changes)


def test_other_things_than_models_and_arrivals(stations, arrivals) -> None:
    with pytest.raises(InputError, match="expected what read_models"):
        locate(arrivals, stations, {"vp": 6.0}, settings())
    with pytest.raises(InputError, match="read_arrivals"):
        locate(arrivals.drop_vars("phase"), stations, [model(1.0)], settings())
    with pytest.raises(InputError, match="leave_out names station 'XX'"):
        locate(arrivals, stations, [model(1.0)], settings(leave_out=("XX",)))
    trial = xr.Dataset({"depth": ("event", [1.0])}, coords={"event": ["ev0"]})
    with pytest.raises(InputError, match="longitude, latitude and depth over event"):
        locate(arrivals, stations, [model(1.0)], settings(), trial=trial)
