"""Points on a map: projected onto their line, with what is lost kept and told."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from seisnb.conventions import FileFormatError, GeometryError, InputError
from seisnb.io import read_picks, write_picks
from seisnb.survey import offset, offset_across, survey_checksum

Write = Callable[[str, str | bytes], Path]
Notes = Callable[[xr.Dataset], list[str]]


def table(shots: np.ndarray, receivers: np.ndarray, velocity: float = 2.0) -> str:
    """Picks of every shot at every receiver, positions in m, times by true distance."""
    lines = ["sx_m sy_m gx_m gy_m t_ms"]
    for s in shots:
        for g in receivers:
            if (s == g).all():
                continue
            time = float(np.hypot(*(g - s))) / velocity
            lines.append(f"{s[0]:.4f} {s[1]:.4f} {g[0]:.4f} {g[1]:.4f} {time:.6f}")
    return "\n".join(lines) + "\n"


def straight(azimuth: float, n: int = 25, step: float = 4.0) -> np.ndarray:
    """Points in UTM on a straight line [m]."""
    at = step * np.arange(n)
    angle = np.radians(azimuth)
    return np.stack([500123.0 + at * np.sin(angle), 4612345.0 + at * np.cos(angle)], axis=1)


@pytest.mark.parametrize("azimuth", [0.0, 37.0, 89.0, 124.0, 179.9])
def test_a_straight_line_loses_nothing(write: Write, azimuth: float) -> None:
    points = straight(azimuth)
    survey = read_picks(write("a.txt", table(points[::6], points)), pick_std="1%")
    true = survey["travel_time"].values * 2.0
    np.testing.assert_allclose(np.abs(offset(survey)), true, atol=2e-7)
    assert np.abs(offset_across(survey)).max() < 2e-7
    assert survey.attrs["line_azimuth"] == pytest.approx(azimuth, abs=0.01)
    assert survey.attrs["line_easting"] == pytest.approx(500.123, abs=1e-6)
    assert float(survey["surface_easting"].min()) == pytest.approx(0.0, abs=1e-8)


def test_true_distances_are_kept_on_a_crooked_line(write: Write, notes: Notes) -> None:
    points = straight(60.0)
    bend = 3.0 * np.sin(np.linspace(0, np.pi, len(points)))
    points[:, 0] -= bend * np.cos(np.radians(60.0))
    points[:, 1] += bend * np.sin(np.radians(60.0))
    survey = read_picks(write("a.txt", table(points[::6], points)), pick_std="1%")
    true = survey["travel_time"].values * 2.0
    np.testing.assert_allclose(np.hypot(offset(survey), offset_across(survey)), true, atol=2e-7)
    assert 2e-3 < np.ptp(survey["offset_across"].values) < 7e-3
    assert survey["offset_across"].attrs["units"] == "km"
    told = next(note for note in notes(survey) if "projected" in note)
    assert re.search(r"They lie at most 0\.00[12]\d* km off it \([12](\.\d)? % of its", told)
    assert "Care" not in told


def test_the_sign_of_what_is_across(write: Write) -> None:
    shots = np.array([[0.0, 0.0], [100.0, 0.0]])
    receivers = np.array([[20.0, 4.0], [40.0, 0.0], [60.0, 0.0], [80.0, -4.0]])
    survey = read_picks(write("a.txt", table(shots, receivers)), pick_std="1%")
    assert float(survey["offset_across"][0]) > 0  # to the left of a line that runs east
    assert float(survey["offset_across"][3]) < 0


def test_a_bent_line_is_told_and_a_loop_refused(write: Write, notes: Notes) -> None:
    points = straight(60.0)
    points[12:, 1] -= 0.5 * (points[12:, 0] - points[12, 0])
    survey = read_picks(write("a.txt", table(points[::6], points)), pick_std="1%")
    assert "Care: the line is crooked" in next(n for n in notes(survey) if "projected" in n)
    angle = np.linspace(0, 2 * np.pi, 25)
    loop = np.stack([40 * np.cos(angle), 20 * np.sin(angle)], axis=1)
    with pytest.raises(
        GeometryError, match="off the best straight line, 2[0-9] % of its length .* Split the line"
    ):
        read_picks(write("a.txt", table(loop[::6], loop)), pick_std="1%")


def test_it_survives_writing(write: Write, tmp_path: Path) -> None:
    points = straight(60.0)
    points[::2, 1] += 1.0
    before = read_picks(write("a.txt", table(points[::6], points)), pick_std="1%")
    write_picks(before, tmp_path / "b.csv")
    after = read_picks(tmp_path / "b.csv")
    np.testing.assert_array_equal(after["offset_across"], before["offset_across"])
    assert survey_checksum(after) == survey_checksum(before)
    for name in ("line_easting", "line_northing", "line_azimuth"):
        assert after.attrs[name] == before.attrs[name]
    with pytest.raises(InputError, match="offset_across., which an .sgt file cannot hold. Write a"):
        write_picks(before, tmp_path / "b.sgt")
    flat = before.drop_vars("offset_across")
    assert survey_checksum(flat) != survey_checksum(before)
    assert not offset_across(flat).any()


def test_topography_on_the_map(write: Write) -> None:
    points = straight(60.0)
    path = write("a.txt", table(points[::6], points))
    rows = [f"{x:.4f} {y:.4f} {600 + i}" for i, (x, y) in enumerate(points)]
    surface = write("s.txt", "easting_m northing_m elevation_m\n" + "\n".join(rows) + "\n")
    survey = read_picks(path, pick_std="1%", surface=surface)
    at = survey["receiver_easting"].values
    np.testing.assert_allclose(survey["receiver_depth"], -0.6 - at / 4.0, atol=1e-6)
    along = write("b.txt", "sx_m gx_m t_ms\n0 5 4.1\n0 9 7.2\n")
    with pytest.raises(
        GeometryError, match="s.txt has northings, but the picks have positions along"
    ):
        read_picks(along, pick_std="1%", surface=surface)


def test_our_own_table_holds_northings(write: Write) -> None:
    header = "shot_easting_m,shot_northing_m,receiver_easting_m,receiver_northing_m,travel_time_ms"
    text = f"{header}\n0,0,30,40,25\n0,0,60,80,50\n"
    survey = read_picks(write("a.csv", text), pick_std="1%")
    np.testing.assert_allclose(survey["receiver_easting"], [0.05, 0.1])
    both = text.replace("travel_time_ms", "travel_time_ms,offset_across_m").replace(
        "25\n", "25,0\n"
    )
    with pytest.raises(
        FileFormatError, match="there are northings and 'offset_across'; expected one"
    ):
        read_picks(write("a.csv", both.replace("50\n", "50,0\n")))


def test_one_northing_moves_nothing(write: Write, notes: Notes) -> None:
    points = straight(90.0)
    points[:, 1] = 4612345.0
    survey = read_picks(write("a.txt", table(points[::6], points)), pick_std="1%")
    assert float(survey["surface_easting"].min()) == pytest.approx(500.123)
    assert "All shots and receivers have the northing (y) 4612.35 km." in notes(survey)
    assert "line_azimuth" not in survey.attrs
