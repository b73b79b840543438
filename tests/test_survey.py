from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import xarray as xr

from seisnb.conventions import SURVEY, GeometryError, InputError
from seisnb.survey import (
    check_survey,
    horizontal_distance,
    make_survey,
    offset,
    offset_across,
    surface_depth_at,
    survey_checksum,
    used_picks,
)

LAND: dict[str, Any] = {
    "travel_time": [0.5, 0.9, 1.2, 0.8],
    "pick_std": [0.01, 0.01, 0.02, 0.02],
    "shot_easting": [0.0, 0.0, 4.0, 4.0],
    "shot_depth": [-0.5, -0.5, -0.7, -0.7],
    "receiver_easting": [1.0, 2.0, 1.0, 2.0],
    "receiver_depth": [-0.6, -0.55, -0.6, -0.55],
}
SEA: dict[str, Any] = {
    "travel_time": [3.0, 6.0],
    "pick_std": 0.02,
    "shot_easting": 20.0,
    "shot_depth": 2.0,
    "receiver_easting": [25.0, 40.0],
    "receiver_depth": 0.0,
    "surface_easting": [0.0, 50.0],
    "surface_depth": [1.6, 2.6],
    "water_velocity": 1.5,
}


def test_holds_what_it_was_given() -> None:
    line = make_survey(**LAND, title="Line", source="a.sgt", checksum="ab", notes=["one", "two"])
    for name, variable in SURVEY.items():
        assert line[name].dims == variable.dims
        assert line[name].attrs == {"units": variable.units, "long_name": variable.long_name}
    for name, values in LAND.items():
        np.testing.assert_array_equal(line[name], values)
    assert json.loads(line.attrs["notes"]) == ["one", "two"]
    assert (line.attrs["kind"], line.attrs["title"], line.attrs["source"]) == (
        "survey",
        "Line",
        "a.sgt",
    )
    assert line["used"].values.all()


def test_numbers_follow_positions() -> None:
    line = make_survey(**LAND)
    np.testing.assert_array_equal(line["shot"], [1, 1, 2, 2])
    np.testing.assert_array_equal(line["receiver"], [1, 2, 1, 2])
    given = make_survey(**LAND, shot=[7, 7, 9, 9], receiver=[3, 4, 3, 4])
    np.testing.assert_array_equal(given["shot"], [7, 7, 9, 9])
    assert given["receiver"].dtype == np.int64


def test_one_value_serves_all_picks() -> None:
    line = make_survey(**SEA)
    np.testing.assert_array_equal(line["pick_std"], [0.02, 0.02])
    np.testing.assert_array_equal(line["shot_depth"], [2, 2])
    assert line.attrs["water_velocity"] == 1.5


@pytest.mark.parametrize(("scale", "unit"), [(1.0, "km"), (0.4, "m")])
def test_short_lines_display_in_metres(scale: float, unit: str) -> None:
    line = {name: np.asarray(values) * scale for name, values in LAND.items()}
    assert make_survey(**line).attrs["length_unit"] == unit


def test_surface_runs_through_the_topmost_points() -> None:
    borehole = LAND | {
        "shot_easting": [0.0, 0.0, 0.0, 4.0],
        "shot_depth": [-0.5, 0.3, 0.1, -0.7],
    }
    line = make_survey(**borehole)
    np.testing.assert_array_equal(line["surface_easting"], [0, 1, 2, 4])
    np.testing.assert_array_equal(line["surface_depth"], [-0.5, -0.6, -0.55, -0.7])
    np.testing.assert_allclose(surface_depth_at(line, [-9, 0.5, 9]), [-0.5, -0.55, -0.7])


def test_offset_is_receiver_minus_shot() -> None:
    np.testing.assert_array_equal(offset(make_survey(**LAND)), [1, 2, -3, -2])


def test_what_lies_across_the_line_belongs_to_the_distance() -> None:
    flat = make_survey(**LAND)
    assert not offset_across(flat).any()
    np.testing.assert_array_equal(horizontal_distance(flat), np.abs(offset(flat)))
    crooked = make_survey(**LAND, offset_across=0.3)
    np.testing.assert_allclose(horizontal_distance(crooked), np.hypot(offset(crooked), 0.3))
    assert survey_checksum(crooked) != survey_checksum(flat)
    with pytest.raises(GeometryError, match="offset_across of pick 0 is nan"):
        make_survey(**LAND, offset_across=np.nan)


def test_only_boreholes_lie_under_the_sea_floor() -> None:
    deep = SEA | {"shot_depth": 4.5}
    with pytest.raises(
        GeometryError, match="under the sea floor; .* buried='shot' .--buried shot."
    ):
        make_survey(**deep)
    assert make_survey(**deep, buried="shot").attrs["buried"] == "shot"
    assert "buried" not in make_survey(**LAND, buried="none").attrs
    with pytest.raises(
        InputError, match="buried is 'shots'; expected 'shot', 'receiver' or 'both'"
    ):
        make_survey(**LAND, buried="shots")


def test_checksum_sees_every_number_and_nothing_else() -> None:
    line = make_survey(**LAND)
    same = make_survey(**LAND, title="another title", notes=["a note"])
    assert survey_checksum(line) == survey_checksum(same)
    seen = {survey_checksum(line)}
    for name in SURVEY:
        other = line.copy(deep=True)
        flat = other[name].values
        flat[0] = not flat[0] if flat.dtype == bool else flat[0] + 1e-9 + (flat.dtype.kind == "i")
        seen.add(survey_checksum(other))
    seen.add(survey_checksum(line.assign_attrs(water_velocity=1.5)))
    assert len(seen) == len(SURVEY) + 2


def test_muted_picks_are_left_out() -> None:
    line = make_survey(**LAND, used=[True, False, True, True])
    kept = used_picks(line, where="test")
    np.testing.assert_array_equal(kept["travel_time"], [0.5, 1.2, 0.8])
    line["used"][:] = False
    with pytest.raises(InputError, match="test: all 4 picks are muted. Restore at least three"):
        used_picks(line, where="test")


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        (
            "travel_time",
            np.nan,
            "travel_time of pick 1 .shot 1, receiver 2. is nan s; 1 such. Expe",
        ),
        ("travel_time", np.inf, "travel_time of pick 1 .* is inf s"),
        ("travel_time", 0.0, "travel_time of pick 1 .* is 0.0 s; .* finite value above zero"),
        ("travel_time", -0.1, "travel_time of pick 1 .* is -0.1 s"),
        ("pick_std", np.nan, "pick_std of pick 1 .* is nan s"),
        ("pick_std", 0.0, "pick_std of pick 1 .* is 0.0 s"),
        ("pick_std", -0.1, "pick_std of pick 1 .* is -0.1 s"),
        ("shot_easting", np.nan, "shot_easting of pick 1 is nan; 1 such. Every position must be"),
        ("receiver_depth", -np.inf, "receiver_depth of pick 1 is -inf; 1 such"),
    ],
)
def test_bad_values_name_the_pick(name: str, value: float, message: str) -> None:
    values = np.array(LAND[name])
    values[1] = value
    with pytest.raises(InputError, match=message):
        make_survey(**LAND | {name: values})


@pytest.mark.parametrize("name", ["pick_std", "shot_easting", "receiver_depth", "used", "shot"])
def test_lists_of_another_length(name: str) -> None:
    with pytest.raises(InputError, match=rf"{name} has shape \(3,\) but there are 4 travel times"):
        make_survey(**LAND | {name: [1, 1, 1]})


def test_no_picks() -> None:
    with pytest.raises(InputError, match="make_survey: no picks. At least one first-arrival"):
        make_survey(**{name: [] for name in LAND})


def test_times_in_ms_and_positions_in_m() -> None:
    times = {"travel_time": np.array(LAND["travel_time"]) * 1e3}
    with pytest.raises(InputError, match="is 0.00.* km/s; rock has .* Are the times in ms"):
        make_survey(**LAND | times)
    metres = {k: np.array(v) * 1e3 for k, v in LAND.items() if k.endswith(("easting", "depth"))}
    with pytest.raises(InputError, match="Are the positions in m, or the times too small"):
        make_survey(**LAND | metres)
    with pytest.raises(InputError, match="the median pick_std is 10 s, .* Is pick_std in ms"):
        make_survey(**LAND | {"pick_std": 10.0})


def test_only_used_picks_count_for_the_velocity() -> None:
    times = np.array(LAND["travel_time"]) * [1, 1e4, 1e4, 1e4]
    make_survey(**LAND | {"travel_time": times}, used=[True, False, False, False])


def test_all_at_one_place() -> None:
    here = {"shot_easting": 1.0, "receiver_easting": 1.0}
    with pytest.raises(GeometryError, match="all shots and receivers stand at easting 1.0 km"):
        make_survey(**LAND | here)
    zero = {name: LAND[name.replace("receiver", "shot")] for name in LAND if "receiver" in name}
    with pytest.raises(InputError, match="every used pick has zero offset; nothing can be learnt"):
        make_survey(**LAND | zero)


@pytest.mark.parametrize(
    ("profile", "message"),
    [
        (([0, 5], None), "only one of surface_easting and surface_depth is given"),
        (([0, 5], [0, 0, 0]), "shapes .2,. and .3,.; expected two equal lists of at least two"),
        (([0], [0]), "shapes .1,. and .1,.; expected two equal lists of at least two points"),
        (([0, np.nan], [0, 0]), "the surface profile holds NaN or infinite values"),
        (([0, 5, 5], [0, 0, 0]), "easting does not increase at point 2 .5.0 km after 5.0 km."),
        (
            ([0.5, 5], [-0.8, -0.8]),
            "shot 1 at easting 0 km .* beyond the surface profile .0.5 to 5",
        ),
    ],
)
def test_bad_profiles(profile: tuple[Any, Any], message: str) -> None:
    with pytest.raises(GeometryError, match=message):
        make_survey(**LAND, surface_easting=profile[0], surface_depth=profile[1])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"shot_depth": -2.0},
            "shot 1 .* depth -2 km; it lies above the sea; .* depth 2 km. 2 su"
            "ch picks. Depth is positive down: use 2.",
        ),
        (
            {"shot_depth": 2.5},
            "shot 1 .* it lies under the sea floor; the surface there has depth 2",
        ),
        ({"receiver_depth": -0.5}, "receiver 1 .* it lies above the sea; .* use 0.5"),
        ({"water_velocity": 1500.0}, "water_velocity is 1500.0 km/s; sea water has 1.4 to 1.6"),
        ({"receiver_easting": [25.0, 60.0]}, "receiver 2 at easting 60 km .* Extend the profile"),
        ({"surface_easting": None, "surface_depth": None}, "but there is no sea floor. Give surf"),
        (
            {"water_velocity": None},
            "receiver 1 .* it lies above the surface; .* Correct it, or state water_velocity",
        ),
    ],
)
def test_bad_positions_at_sea(change: dict[str, Any], message: str) -> None:
    with pytest.raises(GeometryError, match=message):
        make_survey(**SEA | change)


def test_bad_positions_on_land() -> None:
    profile = {"surface_easting": [0, 4], "surface_depth": [-0.6, -0.6]}
    level = LAND | {"shot_depth": -0.6, "receiver_depth": [-0.6, 0.6, -0.6, -0.6]} | profile
    with pytest.raises(
        GeometryError,
        match="receiver 3 at easting 2 km has depth 0.6 km; .* Depth is positive down: use -0.6",
    ):
        make_survey(**level)
    level["receiver_depth"] = [-0.6, -0.7, -0.6, -0.6]
    with pytest.raises(
        GeometryError,
        match="receiver 2 .* it lies above the surface; the surface t"
        "here has depth -0.6 km. 1 such picks. Correct it, or state water",
    ):
        make_survey(**level)
    level["receiver_depth"] = [-0.6, -0.5, -0.6, -0.6]  # a borehole
    assert make_survey(**level).sizes["pick"] == 4


def test_a_line_from_sea_to_land() -> None:
    shore = SEA | {"surface_depth": [4.0, -1.0], "receiver_depth": [0.0, 0.0]}
    assert make_survey(**shore).sizes["pick"] == 2
    hill = SEA | {"surface_depth": [3.2, -0.2], "receiver_easting": [25, 50], "shot_depth": 1.84}
    hill["receiver_depth"] = [0.0, -0.2]
    assert make_survey(**hill).sizes["pick"] == 2


def test_a_foreign_dataset_is_refused() -> None:
    with pytest.raises(InputError, match="has no variable 'travel_time'; build it by make_survey"):
        check_survey(xr.Dataset(), where="test")
    line = make_survey(**LAND)
    with pytest.raises(InputError, match="test: the survey Dataset has no variable 'used'"):
        check_survey(line.drop_vars("used"), where="test")
    with pytest.raises(
        InputError, match="'surface_depth' of the survey Dataset has dims .'node',."
    ):
        check_survey(line.assign(surface_depth=("node", [0.0, 0.0])), where="test")
