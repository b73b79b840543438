"""Points in the ground: asked about where they would make a zig-zag, and the surface above them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from seisnb.conventions import FileFormatError, GeometryError
from seisnb.io import read_picks, write_picks
from seisnb.survey import survey_checksum

Write = Callable[[str, str | bytes], Path]
Notes = Callable[[xr.Dataset], list[str]]

#: Two instruments 2.3 and 2.5 km deep, airgun shots at the sea surface.
OBS = "2\ns 10 2.3 3\nr 9 0 0 2.1 0.02\nr 10.4 0 0 1.7 0.02\nr 20 0 0 4.2 0.02\n" + (
    "s 15 2.5 2\nr 9 0 0 3.1 0.02\nr 20 0 0 2.8 0.02\n"
)
ENDS = "sx_m shot_depth_m gx_m receiver_depth_m t_ms\n"


def hole_to_hole(*, deviates: float = 0.0) -> str:
    """Shots 2 to 20 m deep in one hole, receivers in another 10 m away, 2 km/s."""
    rows = [
        f"{deviates * a} {a} 10 {b} {np.hypot(10 - deviates * a, a - b) / 2:.6f}"
        for a in range(2, 22, 6)
        for b in range(2, 22, 6)
    ]
    return ENDS + "\n".join(rows) + "\n"


def test_instruments_under_the_sea_are_asked_about(write: Write) -> None:
    with pytest.raises(
        GeometryError,
        match=r"obs: the shot at easting 15 km, depth 2.5 km lies 2.5 km below a point beside it "
        r"\(2 such\): that is no topography. .* Pass surface and water_velocity .* Pass "
        r"buried='shot' \(--buried shot\). Is the topography so steep\? Pass buried='none'",
    ):
        read_picks(write("obs", OBS))


def test_the_three_answers(write: Write, notes: Notes) -> None:
    path = write("obs", OBS)
    sea = read_picks(path, surface=([0, 30], [2.3, 2.3 + 0.04 * 30]), water_velocity=1.5)
    assert sea.attrs["water_velocity"] == 1.5
    land = read_picks(path, buried="shot")
    assert (land["surface_depth"] == 0).all()
    assert land.attrs["buried"] == "shot"
    assert notes(land)[-1].startswith(
        "2 shot positions lie in the ground, down to 2.5 km below the"
    )
    steep = read_picks(path, buried="none")
    assert float(steep["surface_depth"].max()) == 2.5
    assert "buried" not in steep.attrs


@pytest.mark.parametrize("deviates", [0.0, 0.01])
def test_cross_hole(write: Write, deviates: float) -> None:
    path = write("a.txt", hole_to_hole(deviates=deviates))
    with pytest.raises(GeometryError, match=r"the shot or receiver .* buried='both'"):
        read_picks(path, pick_std="1%")
    survey = read_picks(path, pick_std="1%", buried="both")
    np.testing.assert_allclose(survey["surface_depth"], 0)
    ends = survey["surface_easting"].values[[0, -1]]
    assert ends[0] < 0
    assert ends[1] > 0.010


def test_holes_high_above_the_sea(write: Write, notes: Notes) -> None:
    text = (
        "sx_m shot_elevation_m gx_m receiver_elevation_m t_ms\n0 598 10 598 5\n0 580 10 598 10.3\n"
    )
    survey = read_picks(write("a.txt", text), pick_std="1%", buried="both")
    np.testing.assert_allclose(survey["surface_depth"], -0.598)
    assert "level at depth -0.598 km" in notes(survey)[-1]


def test_zero_offset_vsp(write: Write) -> None:
    text = ENDS + "0 0 0 10 5\n0 0 0 20 10\n0 0 0 30 15\n"
    with pytest.raises(
        GeometryError, match="all shots and receivers stand at easting 0 km. For a ve"
    ):
        read_picks(write("a.txt", text), pick_std="1%")
    survey = read_picks(write("a.txt", text), pick_std="1%", buried="receiver")
    np.testing.assert_allclose(survey["surface_easting"], [-0.015, 0, 0.015])
    np.testing.assert_allclose(survey["surface_depth"], 0)


def test_vsp_on_a_slope_hangs_from_the_shots(write: Write) -> None:
    rows = [f"{x} {-100 - 0.2 * x} 20 {-100 + z} {np.hypot(x - 20, z + 0.2 * x) / 2:.5f}"
            for x in (0, 40, 80) for z in (0, 10, 20)]  # fmt: skip
    survey = read_picks(
        write("a.txt", ENDS + "\n".join(rows) + "\n"), pick_std="1%", buried="receiver"
    )
    at = np.interp(0.02, survey["surface_easting"], survey["surface_depth"])
    assert at == pytest.approx(-0.104)


def test_buried_points_above_the_others_lift_the_surface(write: Write) -> None:
    text = ENDS + "0 0 20 -3 10\n0 0 20 8 10.8\n50 0 20 8 15.5\n50 0 0 1 25\n"
    survey = read_picks(write("a.txt", text), pick_std="1%", buried="receiver")
    at = np.interp([0.0, 0.02, 0.05], survey["surface_easting"], survey["surface_depth"])
    np.testing.assert_allclose(at, [0, -0.003, 0])


def test_shots_a_little_under_the_ground_are_no_boreholes(write: Write) -> None:
    text = ENDS + "".join(f"20 1.0 {x} 0 {abs(x - 20) / 2 + 0.5}\n" for x in range(0, 101, 5))
    survey = read_picks(write("a.txt", text), pick_std="1%")
    assert (survey["surface_depth"] == 0).all()
    assert (survey["shot_depth"] == 0.001).all()


def test_boreholes_at_sea(write: Write) -> None:
    text = ENDS + "0 0 500 1300 700\n100 0 500 1300 650\n300 0 500 1200 600\n"
    path = write("a.txt", text)
    floor = ([-1, 2], [1.0, 1.0])
    with pytest.raises(
        GeometryError,
        match="receiver .* lies under the sea floor; .* buried='receiver' .--buried re",
    ):
        read_picks(path, pick_std="1%", surface=floor, water_velocity=1.5)
    survey = read_picks(path, pick_std="1%", surface=floor, water_velocity=1.5, buried="receiver")
    np.testing.assert_allclose(survey["receiver_depth"], [1.3, 1.3, 1.2])


def test_points_of_a_hole_without_a_pick_are_no_surface(write: Write) -> None:
    text = (
        "6\n#x depth\n0 0\n20 0\n10 5\n10.01 10\n10.02 15\n10.03 20\n4\n#s g t err\n"
        "1 3 0.006 .0001\n2 3 0.006 .0001\n1 5 0.009 .0001\n2 5 0.009 .0001\n"
    )
    survey = read_picks(write("a.sgt", text), buried="receiver")
    assert (survey["surface_depth"] == 0).all()


def test_it_survives_writing(write: Write, tmp_path: Path) -> None:
    text = ENDS + "0 0 500 1300 700\n100 0 500 1300 650\n300 0 500 1200 600\n"
    floor = ([-1, 2], [1.0, 1.0])
    before = read_picks(
        write("a.txt", text), pick_std="1%", surface=floor, water_velocity=1.5, buried="receiver"
    )
    write_picks(before, tmp_path / "b.csv")
    after = read_picks(tmp_path / "b.csv")
    assert after.attrs["buried"] == "receiver"
    assert survey_checksum(after) == survey_checksum(before)
    wrong = (tmp_path / "b.csv").read_text().replace("buried = receiver", "buried = all")
    with pytest.raises(FileFormatError, match="buried is 'all'; expected shot, receiver or both"):
        read_picks(write("c.csv", wrong))
