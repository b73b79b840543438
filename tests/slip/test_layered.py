"""Layers against triangles, against images in closed form, and against another program."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from seisnb.conventions import InputError
from seisnb.slip import (
    Layers,
    Structure,
    layered_displacements,
    perturbed_structures,
    rectangle_fault,
)
from seisnb.slip.elastic import displacements
from seisnb.slip.layered import integration_points
from tests.seeds import shifted

CRUST = Layers(
    thickness=[4.0, 12.0], vp=[4.0, 6.0, 8.0], vs=[2.0, 3.5, 4.5], density=[2300, 2700, 3300]
)
PLANES = [
    {"top_centre": (3.0, -2.0, 1.5), "length": 20.0, "width": 12.0, "strike": 37.0, "dip": 25.0},
    {"top_centre": (0.0, 0.0, 10.0), "length": 60.0, "width": 80.0, "strike": 170.0, "dip": 12.0},
    {"top_centre": (-8.0, 5.0, 0.0), "length": 15.0, "width": 10.0, "strike": 300.0, "dip": 80.0},
]


def uniform(thickness, vp, vs):
    """Layers all alike."""
    n = len(thickness) + 1
    return Layers(thickness=thickness, vp=[vp] * n, vs=[vs] * n, density=[2700.0] * n)


@pytest.fixture
def sites():
    rng = np.random.default_rng(shifted(1))
    return rng.uniform(-90, 90, 100), rng.uniform(-90, 90, 100)


@pytest.mark.parametrize("plane", PLANES)
@pytest.mark.parametrize(("thickness", "vs"), [([], 3.4), ([5.0, 7.0], 3.0)])
def test_layers_all_alike_are_the_triangles(plane, thickness, vs, sites):
    fault = rectangle_fault(**plane, n_along=3, n_down=2)
    poisson = (6.0**2 - 2 * vs**2) / (2 * (6.0**2 - vs**2))
    found = layered_displacements(fault, *sites, uniform(thickness, 6.0, vs))
    exact = displacements(fault, *sites, poisson)
    size = np.linalg.norm(exact, axis=1).max(axis=-1)  # of every site and patch: far ones count
    apart = np.linalg.norm(found - exact, axis=1).max(axis=-1)
    assert (apart / size).max() < 2e-3
    assert np.quantile(apart / size, 0.95) < 6e-4


@pytest.mark.parametrize("depth", [10.0, 15.0])
def test_an_endless_strike_slip_fault_in_a_layer_is_its_images(depth):
    # Rybicki (1971): slip from the ground down to a depth in a layer 15 km thick
    layers = Layers(thickness=[15.0], vp=[6.0, 8.0], vs=[3.0, 4.5], density=[2700, 3300])
    fault = rectangle_fault(
        top_centre=(0.0, 0.0, 0.0), length=40000.0, width=depth, strike=0.0, dip=90.0
    )
    x = np.array([2.0, 5.0, 20.0, 60.0, 150.0])
    found = layered_displacements(fault, x, np.zeros_like(x), layers)[:, :, 0, 0]
    above, below = layers.modulus
    share = (above - below) / (above + below)
    exact = np.arctan(depth / x)
    for n in range(1, 300):
        images = np.arctan((30.0 * n + depth) / x) - np.arctan((30.0 * n - depth) / x)
        exact = exact + share**n * images
    assert_allclose(np.abs(found[:, 1]), exact / np.pi, rtol=5e-4)
    assert np.abs(found[:, [0, 2]]).max() < 1e-4
    homogeneous = np.arctan(depth / x) / np.pi
    assert (np.abs(homogeneous / (exact / np.pi) - 1) > 0.01).sum() >= 3  # layers matter


#: East, north, up [1e-6 m] at (0, -30), (-20, 5), (0, 40) km by a metre of slip on a square
#: kilometre of strike 30 and dip 40 degrees in CRUST: PyGRT 0.18.0, static_greenfn, Length=400.
PYGRT = {
    (2.5, 0): [[-4.47015, 49.8728, 4.83942], [-41.1468, -8.23117, -5.87327],
               [2.12692, -11.5204, 3.12946]],
    (2.5, 1): [[-5.20583, 21.9379, -3.79315], [142.173, -42.4898, 2.55226],
               [3.13373, -9.67015, -2.24886]],
    (9.0, 0): [[-9.20972, 188.710, -20.3070], [-67.1044, -7.25894, 6.16863],
               [5.58114, -21.9336, 7.28879]],
    (9.0, 1): [[-12.1398, 31.7845, -15.1474], [185.682, -59.6170, -46.4506],
               [8.13433, -12.7238, -6.66589]],
    (25.0, 0): [[-8.76765, 174.390, -88.8753], [3.82168, -20.1146, -16.4751],
                [3.73128, 15.5677, 15.5903]],
    (25.0, 1): [[-7.49670, -37.2909, 12.6713], [-84.9001, 14.8877, 74.8929],
                [7.56409, 24.4394, 5.43707]],
}  # fmt: skip


@pytest.mark.parametrize(("depth", "direction"), list(PYGRT))
def test_three_layers_as_another_program_has_them(depth, direction):
    size, dip, strike = 0.05, np.radians(40.0), np.radians(30.0)
    down = np.array([np.cos(strike) * np.cos(dip), -np.sin(strike) * np.cos(dip), np.sin(dip)])
    fault = rectangle_fault(
        top_centre=tuple(np.array([0.0, 0.0, depth]) - down * size / 2), length=size, width=size,
        strike=30.0, dip=40.0,
    )  # fmt: skip
    x, y = np.array([0.0, -20.0, 0.0]), np.array([-30.0, 5.0, 40.0])
    found = layered_displacements(fault, x, y, CRUST)[:, :, 0, direction] / size**2
    expected = 1e-6 * np.array(PYGRT[depth, direction])
    apart = np.linalg.norm(found - expected, axis=1)
    assert (apart < 1e-3 * np.linalg.norm(expected, axis=1)).all()


def test_a_patch_through_an_interface_is_its_two_halves(sites):
    plane = {"length": 10.0, "strike": 20.0, "dip": 90.0}
    whole = rectangle_fault(top_centre=(0.0, 0.0, 2.0), width=4.0, **plane)
    upper = rectangle_fault(top_centre=(0.0, 0.0, 2.0), width=2.0, **plane)
    lower = rectangle_fault(top_centre=(0.0, 0.0, 4.0), width=2.0, **plane)
    one = layered_displacements(whole, *sites, CRUST)
    two = sum(layered_displacements(each, *sites, CRUST) for each in (upper, lower))
    assert np.abs(one - two).max() < 1e-3 * np.abs(two).max()


def test_points_are_dense_where_a_site_is_near_and_areas_are_kept():
    fault = rectangle_fault(**PLANES[0], n_along=2, n_down=2)
    far, near = np.array([[500.0, 0.0]]), np.array([[500.0, 0.0], [3.0, -2.0]])
    few = integration_points(fault, far, np.zeros(0))
    many = integration_points(fault, near, np.zeros(0))
    cut = integration_points(fault, far, np.array([1.0, 4.0, 4.7]))
    assert len(many[0]) > 3 * len(few[0])
    assert len(cut[0]) > len(few[0])
    for points, weight, triangle in (few, many, cut):
        assert_allclose(np.bincount(fault.patch[triangle], weight), fault.area)
        centre = np.column_stack(
            [np.bincount(fault.patch[triangle], weight * each) for each in points.T]
        )
        assert_allclose(centre / fault.area[:, None], fault.centre)


def test_a_structure_with_layers_uses_them(sites):
    fault = rectangle_fault(**PLANES[1], n_down=4)
    plain, layered = Structure(fault=fault), Structure(fault=fault, layers=CRUST)
    assert plain.checksum != layered.checksum
    assert_allclose(layered.shear_modulus, CRUST.modulus_at(fault.centre[:, 2]))
    assert len(set(layered.shear_modulus)) == 2
    assert_allclose(layered.displacements(*sites), layered_displacements(fault, *sites, CRUST))
    assert_allclose(plain.displacements(*sites), displacements(fault, *sites))
    deeper = perturbed_structures(layered, 3, depth_std=5.0, seed=2)
    for each in deeper.structures:
        assert_allclose(each.shear_modulus, CRUST.modulus_at(each.fault.centre[:, 2]))
        assert "poisson" not in each.parameters


def test_moduli_and_layers_by_depth():
    assert_allclose(CRUST.top, [0.0, 4.0, 16.0])
    assert_allclose(CRUST.modulus, [9.2e9, 33.075e9, 66.825e9])
    assert_allclose(CRUST.index_at([0.0, 3.9, 4.0, 15.9, 400.0]), [0, 0, 1, 1, 2])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"vs": [2.0, 3.5]}, "as many vp, vs and density, and one thickness less"),
        ({"vs": [2000.0, 3.5, 4.5]}, "vs is 2000.0; expected 0.05 to 9 km/s"),
        ({"density": [2.3, 2.7, 3.3]}, r"density is 2.3; expected 900 to 6000 kg/m3"),
        ({"thickness": [4.0, np.nan]}, "thickness is nan; expected 0.001 to 1000 km"),
        ({"vp": [2.5, 6.0, 8.0]}, "layer 0 has vp/vs 1.250"),
    ],
)
def test_layers_that_are_none(change, message):
    given = {"thickness": [4.0, 12.0], "vp": [4.0, 6.0, 8.0], "vs": [2.0, 3.5, 4.5],
             "density": [2300, 2700, 3300]}  # fmt: skip
    with pytest.raises(InputError, match=message):
        Layers(**given | change)


def test_a_site_on_the_trace_and_what_layers_leave_no_room_for():
    fault = rectangle_fault(**PLANES[2])
    with pytest.raises(InputError, match="a site at easting -8.000, northing 5.000 km lies on"):
        layered_displacements(fault, np.array([-8.0]), np.array([5.0]), CRUST)
    with pytest.raises(InputError, match="poisson_std is 0.02, but the structure has layers"):
        perturbed_structures(Structure(fault=fault, layers=CRUST), 2, poisson_std=0.02)
    with pytest.raises(InputError, match=r"shear moduli of shape \(3,\)"):
        Structure(fault=fault, shear_modulus=[3e10] * 3)
