"""Land and sea at places that everyone knows."""

from __future__ import annotations

import numpy as np

from seisnb.coast import coast_distance, coast_lines, is_land


def test_cities_and_oceans() -> None:
    lon = [139.75, -123.1, 11.58, -70.67, 144.0, -160.0, -10.0]
    lat = [35.68, 49.25, 48.14, -33.45, 36.0, 20.9, 0.0]
    land = [True, True, True, True, False, False, False]
    assert is_land(lon, lat).tolist() == land
    assert is_land(np.array(lon[:3]) - 360.0, lat[:3]).tolist() == land[:3]


def test_distances_to_the_coast() -> None:
    [munich, offshore] = coast_distance([11.58, -126.0], [48.14, 45.0])
    assert 280 < munich < 320  # to the Adriatic
    assert 150 < offshore < 170  # to Oregon
    assert coast_distance(0.0, -40.0)[0] == 500.0


def test_lines_lie_in_the_box() -> None:
    lines = coast_lines(-126, -122, 44, 48)
    points = np.concatenate(lines)
    assert len(lines) > 3
    assert points[:, 0].min() > -130
    assert points[:, 0].max() < -118
