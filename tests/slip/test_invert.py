"""The whole job: calibration with and without the structure's uncertainty, moments, bad input."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from seisnb.conventions import Cancelled, GeometryError, InputError
from seisnb.geodesy import make_offsets
from seisnb.io import open_slip, save_slip
from seisnb.slip import (
    SlipConfig,
    Structure,
    invert_slip,
    perturbed_structures,
    rectangle_fault,
    structure_ensemble,
    structure_weights,
)
from seisnb.slip import invert as engine
from seisnb.slip.elastic import displacements
from seisnb.slip.faults import part_of
from seisnb.slip.synthetic import example_thrust
from tests.bounds import counts, student
from tests.seeds import shifted
from tests.slip.truths import (
    PLAIN,
    PROJECTION,
    SMOOTH,
    draw,
    draw_forward,
    draw_second,
    holds_dip,
    holds_moment,
    is_held,
    line_offsets,
    line_sites,
    thrust,
)


@pytest.mark.slow
def test_intervals_hold_over_all_dips_and_not_by_a_wrong_one(thrusts):
    """100 truths: 95 % intervals of slip, and of dip."""
    dips = np.array([each.parameters["dip"] for each in thrusts.structures])
    held, held_wrong, held_dip = [], [], []
    for seed in range(100):
        k, slip, offsets = draw(thrusts, seed)
        found = invert_slip(offsets, thrusts, SlipConfig(**SMOOTH, single_model=False))
        held.append(is_held(found, slip))
        wrong = thrusts.structures[(k + 6) % len(dips)]
        other = invert_slip(offsets, wrong, SlipConfig(**SMOOTH))
        held_wrong.append(is_held(other, slip))
        held_dip.append(holds_dip(found, k))
    # a truth's patches are alike: their error is that of 100 truths
    share, error = np.mean(held), np.std(np.mean(held, axis=1)) / 10.0
    assert abs(share - 0.95) < max(student(99) * error, 0.01), (share, error)
    assert error < 0.02
    assert np.mean(held_wrong) < 0.8
    assert np.sum(held_dip) >= counts(100, 0.95)[0]


def test_an_earlier_event_lowers_the_criterion_of_the_next(thrusts):
    """Two events on one fault: the first's structures are the prior of the second."""
    better = 0.0
    for seed in range(10):
        k, _, first = draw(thrusts, seed)
        second = draw_second(thrusts, k, seed)
        config = SlipConfig(**SMOOTH, single_model=False)
        known = structure_weights(invert_slip(first, thrusts, config))
        carried = structure_ensemble(thrusts.structures, known)
        before, after = (float(invert_slip(second, e, config)["wbic"]) for e in (thrusts, carried))
        better += before - after
    assert better > 0


@pytest.mark.slow
def test_non_negative_slip_and_its_moment_are_calibrated(thrusts):
    """Truths of the prior: half of the patches slip, half-normally; a dip of the ensemble."""
    held, held_moment = [], []
    for seed in range(12):
        k, slip, offsets = draw_forward(thrusts, seed)
        config = SlipConfig(slip_std=1.0, n_particles=400, seed=shifted(seed), single_model=False)
        found = invert_slip(offsets, thrusts, config)
        assert (found["slip"] >= 0).all()
        held.append(is_held(found, slip))
        held_moment.append(holds_moment(found, thrusts.structures[k], slip))
        assert float(found["scale_reduction"]) < 1.1
        assert found.attrs["verdict"] == "The sampler's independent populations agree."
        assert float(found["chi2"]) < 2.0
    share, error = np.mean(held), np.std(np.mean(held, axis=1), ddof=1) / np.sqrt(12)
    assert share > 0.95 - student(11) * error
    assert np.sum(held_moment) >= counts(12, 0.95)[0]


def test_a_sampler_that_has_not_converged_says_so(thrusts):
    _, _, offsets = draw(thrusts, 0, std=1e-4)
    found = invert_slip(offsets, thrusts, SlipConfig(n_particles=20, n_moves=1))
    assert found.attrs["verdict"].startswith("NOT CONVERGED: ")
    assert "Use more n_particles or n_moves" in found.attrs["verdict"]
    with pytest.raises(InputError, match="its weights are noise"):
        structure_weights(found)
    with pytest.raises(InputError, match="expected a result of invert_slip"):
        structure_weights(offsets)


def test_one_structure_is_shown_beside_all(thrusts):
    _, _, offsets = draw(thrusts, 2)
    found = invert_slip(offsets, thrusts, SlipConfig(**SMOOTH))
    assert found["single_slip_mean"].shape == (12,)
    assert float(found["log_evidence"]) > float(found["single_log_evidence"])
    assert_allclose(
        found["magnitude"], 2 / 3 * (np.log10(found["moment"].values) - 9.1), rtol=1e-12
    )
    assert_allclose(found["structure_probability"].sum(), 1.0)


def test_a_motion_of_the_network_is_no_slip(thrusts):
    x = line_sites()
    y = np.linspace(-40.0, 40.0, x.size)
    structure = thrust(15.0)
    exact = displacements(structure.fault, x, y)[..., 1] @ np.full(12, 0.5)
    moved = exact + np.array([3.0, -1.0, 0.0])
    moved[:, 0] -= 0.02 * (y - y.mean())
    moved[:, 1] += 0.02 * (x - x.mean())
    offsets = make_offsets(
        site=[str(i) for i in range(x.size)], displacement=moved, std=np.full(moved.shape, 1e-3),
        easting=x, northing=y, projection=PROJECTION,
    )  # fmt: skip
    found = invert_slip(offsets, structure, SlipConfig(**PLAIN, frame="rotation"))
    assert_allclose(found["predicted_mean"], moved, atol=5e-3)
    assert_allclose(found["slip_mean"].sum(), 6.0, rtol=0.05)


def test_patches_that_do_not_slip_by_the_settings_are_left_out(thrusts):
    _, _, offsets = draw(thrusts, 3)
    centre = thrusts.structures[0].fault.centre
    kept = (centre[:, 2] > 4.0) & (centre[:, 2] < 9.0) & (centre[:, 0] < 40.0)
    settings = {**PLAIN, "depth_min": 4.0, "depth_max": 9.0}
    found = invert_slip(offsets, thrusts, SlipConfig(**settings))
    assert 0 < found.sizes["patch"] < 12
    assert (found["patch_depth"] > 4.0).all()
    assert (found["patch_depth"] < 9.0).all()
    assert (
        "patches do not slip (depth_min 4.0, depth_max 9.0, reach None km)"
        in (found.attrs["notes"])
    )
    part = part_of(thrusts.structures[0].fault, kept)
    assert_allclose(part.centre, centre[kept])
    assert_allclose(part.area, thrusts.structures[0].fault.area[kept])
    near = offsets.isel(site=[0, 1])
    near = invert_slip(near, thrusts, SlipConfig(**PLAIN, reach=25.0))
    x = np.abs(near["patch_easting"].values[:, None] - line_sites()[None, :2]).min(axis=1)
    assert (x <= 25.0).all()
    assert near.sizes["patch"] < 12
    with pytest.raises(InputError, match="no patch may slip: depth_min 700"):
        invert_slip(offsets, thrusts, SlipConfig(**PLAIN, depth_min=700.0))


def test_errors_of_patches_are_no_moment(thrusts):
    """Slip that cancels between patches has no moment where it may have any sign."""
    x, fault = line_sites(), thrusts.structures[0].fault
    slip = np.where(np.arange(12) % 2, 1.0, -1.0)
    exact = displacements(fault, x, np.zeros_like(x))[..., 1] @ slip
    found = invert_slip(line_offsets(exact, 1e-5), thrusts.structures[0], SlipConfig(**PLAIN))
    each = 3e10 * fault.area.mean() * 1e6
    assert_allclose(found["slip_mean"], slip, atol=0.1)
    assert np.median(found["moment"]) < 0.5 * each


def test_perturbed_structures_are_ordered_and_kept_below_ground():
    base = Structure(fault=rectangle_fault(
        top_centre=(0.0, 0.0, 5.0), length=100.0, width=80.0, strike=30.0, dip=15.0, n_along=4,
        n_down=4,
    ), name="base")  # fmt: skip
    found = perturbed_structures(
        base, 12, dip_std=3.0, depth_std=3.0, relief_std=1.0, poisson_std=0.03, seed=2
    )
    assert found.structures[0].fault is base.fault
    assert found.structures[0].parameters["dip"] == pytest.approx(15.0)
    dips = [each.parameters["dip"] for each in found.structures[1:]]
    assert np.std(dips) > 1.0
    assert min(each.fault.vertices[:, 2].min() for each in found.structures) >= 0.0
    means = [float(each.fault.dip.mean()) for each in found.structures[1:]]
    assert np.corrcoef(dips, means)[0, 1] > 0.9
    again = perturbed_structures(
        base, 12, dip_std=3.0, depth_std=3.0, relief_std=1.0, poisson_std=0.03, seed=2
    )
    assert [a.checksum for a in again.structures] == [b.checksum for b in found.structures]


def test_saved_and_opened(thrusts, tmp_path):
    _, _, offsets = draw(thrusts, 1)
    found = invert_slip(offsets, thrusts, SlipConfig(**SMOOTH))
    save_slip(found, tmp_path / "slip.nc")
    again = open_slip(tmp_path / "slip.nc")
    assert_allclose(again["slip"], found["slip"])
    assert again.attrs["kind"] == "slip"


def test_what_cannot_be_is_refused(thrusts):
    _, _, offsets = draw(thrusts, 0)
    config = SlipConfig(**PLAIN)
    two = [thrust(15.0), Structure(fault=rectangle_fault(
        top_centre=(0, 0, 2), length=10, width=10, strike=0, dip=20, n_down=3))]  # fmt: skip
    with pytest.raises(InputError, match="structure 1 .* has 3 patches, structure 0 has 12"):
        invert_slip(offsets, two, config)
    with pytest.raises(InputError, match="no structures"):
        invert_slip(offsets, [], config)
    far = offsets.assign(easting=offsets["easting"] + 200_000.0)
    with pytest.raises(GeometryError, match="Are degrees, metres and kilometres confused"):
        invert_slip(far, thrusts, config)
    none = offsets.assign(displacement=offsets["displacement"] * np.nan)
    with pytest.raises(InputError, match="no component of any site is left"):
        invert_slip(none, thrusts, config)
    with pytest.raises(Cancelled):
        invert_slip(offsets, thrusts, config, cancel=lambda: True)
    with pytest.raises(InputError, match="free slip has no forward direction"):
        SlipConfig(rake_mode="free")
    with pytest.raises(InputError, match="give one of them"):
        SlipConfig(azimuth=20.0)
    with pytest.raises(InputError, match="Multiply GPa by 1e9"):
        Structure(fault=thrust(15.0).fault, shear_modulus=30.0)


@pytest.mark.parametrize(
    ("values", "std", "message"),
    [
        (np.full((2, 3), 12.0), 0.5, "expected metres. Divide millimetres by 1000"),
        (np.full((2, 3), 500.0), 0.5, "expected metres, at most 100"),
        (np.zeros((2, 3)), 0.0, "expected a positive standard deviation"),
        (np.zeros((2, 3)), np.nan, "expected a positive standard deviation"),
        (np.full((2, 3), np.inf), 0.1, "expected"),
        (np.full((2, 3), np.nan), 0.1, "no component of any site has a value"),
    ],
)
def test_offsets_that_cannot_be(values, std, message):
    with pytest.raises(InputError, match=message):
        make_offsets(
            site=["A", "B"], displacement=values, std=np.full((2, 3), std), easting=[0.0, 1.0],
            northing=[0.0, 1.0], projection=PROJECTION,
        )  # fmt: skip


def test_populations_that_disagree_move_twice_as_often(monkeypatch):
    offsets, structures, _ = example_thrust(n_sites=8)
    moves, run = [], engine.run_population

    def noted(target, *, n_moves, **options):
        moves.append(n_moves)
        return run(target, n_moves=n_moves, **options)

    monkeypatch.setattr(engine, "run_population", noted)
    few = SlipConfig(n_particles=20, n_moves=1, n_samples=20, single_model=False, seed=1)
    found = invert_slip(offsets, structures.structures[:2], few)
    assert found.attrs["verdict"].startswith("NOT CONVERGED")
    assert moves == [1] * 4 + [2] * 4
    moves.clear()
    many = SlipConfig(n_particles=400, n_moves=20, n_samples=20, single_model=False, seed=1)
    found = invert_slip(offsets, structures.structures[:1], many)
    assert found["scale_reduction"] <= 1.1
    assert moves == [20] * 4
