"""Triangles against a rectangle in closed form; bad places."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from seisnb.conventions import GeometryError, InputError
from seisnb.slip.elastic import displacements
from seisnb.slip.faults import moved, neighbours, rectangle_fault, rim_of, triangle_fault
from tests.seeds import shifted
from tests.slip.okada import rectangle

PLANES = [
    {"top_centre": (3.0, -2.0, 1.5), "length": 20.0, "width": 12.0, "strike": 37.0, "dip": 25.0},
    {"top_centre": (0.0, 0.0, 10.0), "length": 60.0, "width": 80.0, "strike": 170.0, "dip": 12.0},
    {"top_centre": (-8.0, 5.0, 0.3), "length": 15.0, "width": 10.0, "strike": 300.0, "dip": 80.0},
]


@pytest.fixture
def sites():
    rng = np.random.default_rng(shifted(1))
    return rng.uniform(-90, 90, 200), rng.uniform(-90, 90, 200)


@pytest.mark.parametrize("plane", PLANES)
@pytest.mark.parametrize("poisson", [0.2, 0.25, 0.31])
@pytest.mark.parametrize("slip", [(1.0, 0.0), (0.0, 1.0), (0.6, -0.8)])
def test_triangles_are_okadas_rectangle(plane, poisson, slip, sites):
    fault = rectangle_fault(**plane, n_along=3, n_down=2)
    unit = displacements(fault, *sites, poisson)
    assert unit.shape == (200, 3, 6, 2)
    found = unit.sum(axis=2) @ np.array(slip)
    exact = rectangle(*sites, **plane, poisson=poisson, slip=slip)
    assert np.abs(exact).max() > 0.01
    assert_allclose(found, exact, atol=1e-7)


def test_angles_and_areas_are_those_asked_for():
    for plane in PLANES:
        fault = rectangle_fault(**plane, n_along=4, n_down=3)
        assert_allclose(fault.strike, plane["strike"])
        assert_allclose(fault.dip, plane["dip"])
        assert_allclose(fault.area, plane["length"] * plane["width"] / 12)
        assert (fault.normal[:, 2] > 0).all()
        assert len(neighbours(fault)) == 3 * 3 + 4 * 2


def test_the_rim_of_a_patch_has_no_diagonals():
    fault = rectangle_fault(
        top_centre=(0.0, 0.0, 1.0), length=6.0, width=4.0, strike=90.0, dip=30.0, n_along=3,
        n_down=2,
    )  # fmt: skip
    sides = fault.vertices[rim_of(fault.triangles, fault.patch)]
    lengths = np.linalg.norm(sides[:, 0] - sides[:, 1], axis=1)
    assert_allclose(lengths, 2.0)  # patches are squares
    assert len(sides) == 6 * 4
    whole = rim_of(fault.triangles, np.zeros(len(fault.triangles), int))
    assert len(whole) == 2 * (3 + 2)


def test_flipped_triangles_are_turned_and_told(sites):
    whole = rectangle_fault(**PLANES[0], n_along=3, n_down=2)
    flipped = whole.triangles.copy()
    flipped[[1, 4]] = flipped[[1, 4], ::-1]
    fault = triangle_fault(whole.vertices, flipped)
    assert fault.notes == ("2 of 12 triangles were flipped against the others and are turned",)
    one_by_one = displacements(fault, *sites).sum(axis=2)
    assert_allclose(one_by_one, displacements(whole, *sites).sum(axis=2), atol=1e-12)


CORNERS = [[0.0, 0.0, 5.0], [10.0, 0.0, 5.0], [0.0, 10.0, 8.0]]


@pytest.mark.parametrize(
    ("vertices", "triangles", "message"),
    [
        ([*CORNERS, [20.0, 0.0, 5.0]], [[0, 1, 2], [0, 1, 3]], "1 triangles are degenerate"),
        ([[0, 0, -1.0], *CORNERS[1:]], [[0, 1, 2]], "rise above the ground, .* to 1 km"),
        ([[0, 0, 5000.0], *CORNERS[1:]], [[0, 1, 2]], "Divide metres by 1000"),
        (CORNERS, [[0, 1, 3]], "name vertices 0 to 3; there are 3"),
        ([[0, 0, np.nan], *CORNERS[1:]], [[0, 1, 2]], "finite numbers"),
        (CORNERS, [[0, 1]], r"expected \(m, 3\) indices"),
    ],
)
def test_meshes_that_are_none(vertices, triangles, message):
    with pytest.raises(GeometryError, match=message):
        triangle_fault(vertices, triangles)


def test_a_move_above_the_ground_is_refused():
    fault = triangle_fault(CORNERS, [[0, 1, 2]])
    with pytest.raises(GeometryError, match="rise above the ground"):
        moved(fault, fault.vertices - (0, 0, 6.0))


def test_places_and_constants_that_cannot_be():
    fault = rectangle_fault(**PLANES[2] | {"top_centre": (0.0, 0.0, 0.0)})
    with pytest.raises(InputError, match="lie on an edge of the fault"):
        displacements(fault, np.array([0.0]), np.array([0.0]))
    with pytest.raises(InputError, match="Poisson's ratio is 0.6; expected 0 to 0.49"):
        displacements(fault, np.array([9.0]), np.array([0.0]), 0.6)
    with pytest.raises(InputError, match="expected 0 to 90 degrees"):
        rectangle_fault(**PLANES[0] | {"dip": 120.0})
