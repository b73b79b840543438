"""Coulomb stress against closed form, finite differences and symmetry."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from cutde import halfspace
from numpy.testing import assert_allclose

from seisnb.conventions import Cancelled, GeometryError, InputError
from seisnb.slip import (
    Layers,
    SlipConfig,
    Structure,
    coulomb_stress,
    invert_slip,
    receiver_planes,
    rectangle_fault,
    structure_ensemble,
)
from seisnb.slip import coulomb as module
from seisnb.slip.elastic import strains
from tests.slip.okada import rectangle
from tests.slip.truths import line_offsets, line_sites, thrust

PLANE = {"top_centre": (3.0, -2.0, 4.0), "length": 20.0, "width": 12.0, "strike": 37.0, "dip": 25.0}
MODULUS = 3e10


def tractions(stress, strike, dip, rake):
    """Shear along the rake and normal stress on a plane, by Aki & Richards' formulas."""
    strike, dip, rake = np.radians([strike, dip, rake])
    # north, east, down
    normal = np.array(
        [-np.sin(dip) * np.sin(strike), np.sin(dip) * np.cos(strike), -np.cos(dip)]
    )  # fmt: skip
    slip = np.array(
        [
            np.cos(rake) * np.cos(strike) + np.sin(rake) * np.cos(dip) * np.sin(strike),
            np.cos(rake) * np.sin(strike) - np.sin(rake) * np.cos(dip) * np.cos(strike),
            -np.sin(rake) * np.sin(dip),
        ]
    )
    turn = np.array([[0, 1, 0], [1, 0, 0], [0, 0, -1.0]])
    stress = turn @ stress @ turn
    return slip @ stress @ normal, normal @ stress @ normal


def hooke(strain, poisson):
    """Stress [kPa] of a strain (3, 3)."""
    first = 2 * MODULUS * poisson / (1 - 2 * poisson)
    return (first * np.trace(strain) * np.eye(3) + 2 * MODULUS * strain) / 1e3


@pytest.mark.parametrize("poisson", [0.2, 0.25, 0.31])
@pytest.mark.parametrize("slip", [(1.0, 0.0), (0.0, 1.0), (0.6, -0.8)])
def test_stress_on_the_ground_is_okadas(poisson, slip):
    fault = rectangle_fault(**PLANE, n_along=3, n_down=2)
    x, y, h = np.array([20.0, -13.0, 4.0]), np.array([5.0, -22.0, 31.0]), 1e-3

    def moved(dx, dy):
        return rectangle(x + dx, y + dy, **PLANE, poisson=poisson, slip=slip)

    by_x = (moved(h, 0) - moved(-h, 0)) / (2e3 * h)
    by_y = (moved(0, h) - moved(0, -h)) / (2e3 * h)
    angles = {
        "strike": [10.0, 130.0, 250.0],
        "dip": [30.0, 60.0, 90.0],
        "rake": [0.0, 90.0, -140.0],
    }
    found = coulomb_stress(
        np.tile(slip, (fault.n_patches, 1)), Structure(fault=fault, poisson=poisson),
        receiver_planes(easting=x, northing=y, depth=0.0, **angles), friction=0.6,
    )  # fmt: skip
    for k in range(3):
        # no traction on the ground
        up = -poisson / (1 - poisson) * (by_x[k, 0] + by_y[k, 1])
        across = (by_x[k, 1] + by_y[k, 0]) / 2
        strain = np.array([[by_x[k, 0], across, 0], [across, by_y[k, 1], 0], [0, 0, up]])
        shear, normal = tractions(hooke(strain, poisson), *[angles[name][k] for name in angles])
        size = np.abs(hooke(strain, poisson)).max()
        assert size > 5.0
        assert_allclose(found["shear_mean"][k], shear, atol=1e-5 * size)
        assert_allclose(found["normal_mean"][k], normal, atol=1e-5 * size)
        assert_allclose(found["coulomb_mean"][k], shear + 0.6 * normal, atol=2e-5 * size)


def test_strain_in_the_rock_is_the_difference_of_displacements():
    fault = rectangle_fault(**PLANE, n_along=2, n_down=2)
    points, h = np.array([[6.0, -1.0, 3.0], [0.0, -9.0, 9.0], [15.0, 8.0, 20.0]]), 1e-3
    corners = fault.corners * (1.0, 1.0, -1.0)

    def moved(step):
        at = points * (1.0, 1.0, -1.0) + step
        return halfspace.disp_matrix(obs_pts=at, tris=corners, nu=0.25)[..., :2]

    gradient = np.stack([(moved(h * e) - moved(-h * e)) / (2e3 * h) for e in np.eye(3)], axis=1)
    whole = gradient.reshape(3, 3, 3, 4, 2, 2).sum(axis=4)  # two triangles a patch
    found = strains(fault, points)
    for k, (i, j) in enumerate([(0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2)]):
        expected = (whole[:, i, j] + whole[:, j, i]) / 2
        assert_allclose(found[:, k], expected, atol=1e-6 * np.abs(whole).max())


def endless(width, n_down):
    """A strike-slip fault without end, from the ground down."""
    return rectangle_fault(
        top_centre=(0.0, 0.0, 0.0), length=60000.0, width=width, strike=0.0, dip=90.0, n_down=n_down
    )


def antiplane(depth, width):
    """Stress [kPa] on the plane of a metre of slip above a depth, in closed form."""
    return MODULUS * width / (np.pi * (depth**2 - width**2)) / 1e6


def test_below_an_endless_strike_slip_fault_stress_grows_as_it_should():
    depth = np.array([10.5, 12.0, 20.0, 40.0])
    found = coulomb_stress(
        np.array([[1.0, 0.0]]), Structure(fault=endless(10.0, 1)),
        receiver_planes(easting=0.0, northing=1.0, depth=depth, strike=0.0, dip=90.0, rake=0.0),
    )  # fmt: skip
    assert_allclose(found["coulomb_mean"], antiplane(depth, 10.0), rtol=1e-5)
    assert_allclose(found["normal_mean"], 0.0, atol=1e-6)


def test_on_the_fault_itself_stress_falls_where_it_slipped_and_rises_beside():
    fault = endless(20.0, 10)
    slip = np.zeros((10, 2))
    slip[:5, 0] = 1.0
    found = coulomb_stress(slip, Structure(fault=fault), rake=0.0)
    triangles = fault.corners[:, :, 2].mean(axis=1)
    expected = np.bincount(fault.patch, antiplane(triangles, 10.0)) / 2
    assert (expected[:5] < 0).all()
    assert (expected[5:] > 0).all()
    assert_allclose(found["coulomb_mean"], expected, rtol=1e-5)
    assert_allclose(found["probability_positive"], [0.0] * 5 + [1.0] * 5)
    assert_allclose(found["depth"], fault.centre[:, 2])
    against = coulomb_stress(slip, Structure(fault=fault), rake=180.0)
    assert_allclose(against["coulomb_mean"], -expected, rtol=1e-5)


def test_the_mirror_image_of_slip_has_that_of_stress():
    # a vertical thrust plane of north strike seen in the mirror of easting 0
    fault = rectangle_fault(
        top_centre=(0.0, 0.0, 5.0), length=10.0, width=8.0, strike=0.0, dip=90.0
    )
    structure, place = Structure(fault=fault), {"northing": [3.0, 3.0], "depth": 9.0, "dip": 45.0}
    both = receiver_planes(easting=[12.0, -12.0], strike=[20.0, 160.0], rake=[70.0, 110.0], **place)
    slip = np.array([[1.0, 0.0]])
    found = coulomb_stress(slip, structure, both, friction=0.5)
    for name in ("shear_mean", "normal_mean"):
        assert abs(float(found[name][0])) > 1.0
        assert_allclose(found[name][0], -found[name][1], rtol=1e-6)


def test_far_away_stress_vanishes_with_the_third_power():
    fault = rectangle_fault(**PLANE)
    planes = receiver_planes(
        easting=[3e2, 6e2],
        northing=[2e2, 4e2],
        depth=[10.0, 10.0],
        strike=20.0,
        dip=45.0,
        rake=60.0,
    )
    found = coulomb_stress(np.array([[0.0, 1.0]]), Structure(fault=fault), planes)
    near, far = np.abs(found["coulomb_mean"].values)
    assert 0 < near < 1.0
    assert near / far == pytest.approx(8.0, rel=0.15)


def test_units_moduli_and_friction_do_what_they_say():
    fault = rectangle_fault(**PLANE, n_down=3)
    structure = Structure(fault=fault, shear_modulus=[2e10, 3e10, 7e10])
    slip = np.column_stack([np.zeros(3), [0.2, 1.0, 0.5]])
    kilo = coulomb_stress(slip, structure)
    mega = coulomb_stress(slip, structure, unit="MPa", shear_modulus=4e10)
    assert kilo["coulomb_mean"].attrs["units"] == "kPa"
    assert mega["coulomb_mean"].attrs["units"] == "MPa"
    assert_allclose(kilo["coulomb_mean"], 1e3 * mega["coulomb_mean"])  # 4e10 is the mean
    smooth = coulomb_stress(slip, structure, friction=0.0)
    assert_allclose(smooth["coulomb_mean"], smooth["shear_mean"])
    assert_allclose(smooth["shear_mean"] + 0.4 * smooth["normal_mean"], kilo["coulomb_mean"])


@pytest.fixture(scope="module")
def inverted():
    structures = structure_ensemble([thrust(12.0), thrust(16.0), thrust(20.0)])
    displacement = structures.structures[1].displacements(line_sites(), 0.0 * line_sites())
    offsets = line_offsets(displacement[:, :, 4:7, 1].sum(axis=2), 0.3)
    config = SlipConfig(positive=False, slip_std=1.0, n_samples=200)
    return structures, invert_slip(offsets, structures, config)


def test_every_sample_is_stressed_on_its_own_structure(inverted):
    structures, slip = inverted
    assert len(np.unique(slip["structure"])) > 1
    planes = receiver_planes(
        easting=[30.0, 60.0], northing=0.0, depth=[4.0, 25.0], strike=0.0, dip=15.0, rake=90.0
    )
    for receivers in (None, planes):
        found = coulomb_stress(slip, structures, receivers, keep_samples=True)
        assert found["coulomb"].dims == ("sample", "receiver")
        for sample in (0, 17, 101):
            structure = structures.structures[int(slip["structure"][sample])]
            alone = coulomb_stress(slip["slip_vector"].values[sample], structure, receivers)
            assert_allclose(found["coulomb"][sample], alone["coulomb_mean"], rtol=1e-5)
        assert_allclose(found["coulomb"].mean("sample"), found["coulomb_mean"], rtol=1e-4)
        assert_allclose(found["coulomb"].std("sample", ddof=1), found["coulomb_std"], rtol=1e-4)
        assert (found["coulomb_quantile"].diff("quantile") >= 0).all()
        assert found.attrs["offsets_checksum"] == slip.attrs["offsets_checksum"]


def test_the_same_stress_comes_of_any_number_of_threads_and_parts(inverted, monkeypatch):
    structures, slip = inverted
    whole = coulomb_stress(slip, structures, n_workers=1)
    monkeypatch.setattr(module, "N_AT_ONCE", 24 * 5)  # points of a patch fall into two parts
    parts = coulomb_stress(slip, structures, n_workers=2)
    for name in whole:
        assert_allclose(parts[name], whole[name], rtol=1e-9, atol=1e-9)


def test_slip_that_belongs_to_other_structures_is_refused(inverted):
    structures, slip = inverted
    others = structure_ensemble(structures.structures[::-1])
    with pytest.raises(InputError, match="other structures than the 3 given"):
        coulomb_stress(slip, others)
    with pytest.raises(InputError, match="slip is an array and there are 3 structures"):
        coulomb_stress(np.zeros((12, 2)), structures)
    with pytest.raises(InputError, match="no variable 'slip_vector'"):
        coulomb_stress(slip.drop_vars("slip_vector"), structures)
    with pytest.raises(Cancelled):
        coulomb_stress(slip, structures, cancel=lambda: True)


def test_what_cannot_be_is_refused_in_words():
    structure = Structure(fault=rectangle_fault(**PLANE, n_down=2))
    slip = np.ones((2, 2))
    layers = Layers(thickness=[], vp=6.0, vs=3.5, density=2700)
    place = {"easting": 1.0, "northing": 0.0, "depth": 5.0, "strike": 0.0, "dip": 45.0, "rake": 0.0}
    corner = dict(zip(("easting", "northing", "depth"), structure.fault.vertices[0], strict=True))
    for call, kind, message in (
        (lambda: coulomb_stress(slip, structure, unit="bar"), InputError, "expected 'kPa' or"),
        (lambda: coulomb_stress(slip, structure, friction=4.0), InputError, "friction is 4.0"),
        (lambda: coulomb_stress(slip, structure, shear_modulus=30.0), InputError, "GPa by 1e9"),
        (lambda: coulomb_stress(slip[:1], structure), InputError, "up the dip of 2 patches"),
        (lambda: coulomb_stress(slip, structure, rake=[0.0] * 3), InputError, "each of 2 patches"),
        (lambda: coulomb_stress(slip, replace(structure, layers=layers)), InputError, "has layers"),
        (lambda: receiver_planes(**place | {"depth": -1.0}), GeometryError, "depth of receiver 0"),
        (lambda: receiver_planes(**place | {"dip": 120.0}), InputError, "expected 0 to 90 degrees"),
        (lambda: receiver_planes(**place | {"rake": np.nan}), InputError, "rake of receiver 0"),
        (
            lambda: receiver_planes(**place | {"dip": [1.0, 2.0], "rake": [1.0] * 3}),
            InputError,
            "one number or one for each receiver",
        ),
        (
            lambda: coulomb_stress(slip, structure, receiver_planes(**place | corner)),
            InputError,
            "lie on an edge of the fault",
        ),
    ):
        with pytest.raises(kind, match=message):
            call()
