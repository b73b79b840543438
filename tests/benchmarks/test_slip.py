"""How often intervals of slip hold the truth, and slip of real events beside what others found.

pytest -s -m benchmark tests/benchmarks/test_slip.py
"""

from __future__ import annotations

import numpy as np
import pytest

from seisnb.io import read_offsets
from seisnb.io.meshes import read_mesh
from seisnb.slip import (
    SlipConfig,
    Structure,
    invert_slip,
    perturbed_structures,
    structure_ensemble,
    structure_weights,
    triangle_fault,
)
from tests.slip.truths import (
    SMOOTH,
    draw,
    draw_forward,
    draw_second,
    holds_dip,
    holds_moment,
    is_held,
    thrust_ensemble,
)

pytestmark = pytest.mark.benchmark


N_TRUTHS = 100


def told(name, shares):
    print(f"  {name:<42} {np.mean(shares):.3f} +- {np.std(shares) / np.sqrt(len(shares)):.3f}")


def test_a_thrust_of_uncertain_dip():
    """Truths of the prior: 17 dips, slip of either sign along 12 patches, offsets to 1 cm."""
    thrusts = thrust_ensemble()
    n = len(thrusts.structures)
    config = SlipConfig(**SMOOTH, single_model=False)
    held, wrong, held_dip, better = [], [], [], []
    for seed in range(N_TRUTHS):
        k, slip, offsets = draw(thrusts, seed)
        found = invert_slip(offsets, thrusts, config)
        held.append(np.mean(is_held(found, slip)))
        other = invert_slip(offsets, thrusts.structures[(k + 6) % n], config)
        wrong.append(np.mean(is_held(other, slip)))
        held_dip.append(holds_dip(found, k))
        second = draw_second(thrusts, k, seed)
        carried = structure_ensemble(thrusts.structures, structure_weights(found))
        before, after = (
            float(invert_slip(second, each, config)["wbic"]) for each in (thrusts, carried)
        )
        better.append(before - after)
    print(f"\n{N_TRUTHS} thrusts, 95 % intervals")
    told("slip, over all dips", held)
    told("slip, with a wrong dip", wrong)
    told("the dip", held_dip)
    told("WBIC of a second event, less by the first", better)
    assert abs(np.mean(held) - 0.95) < 0.02
    assert np.mean(wrong) < 0.8
    assert np.mean(held_dip) >= 0.9
    assert np.mean(better) > 0


def test_a_thrust_of_forward_slip():
    """Truths of the prior: half of the patches slip, none backward."""
    thrusts = thrust_ensemble()
    held, held_moment = [], []
    for seed in range(N_TRUTHS // 2):
        k, slip, offsets = draw_forward(thrusts, seed)
        config = SlipConfig(slip_std=1.0, seed=seed, single_model=False)
        found = invert_slip(offsets, thrusts, config)
        held.append(np.mean(is_held(found, slip)))
        held_moment.append(holds_moment(found, thrusts.structures[k], slip))
    print(f"\n{N_TRUTHS // 2} thrusts of forward slip, 95 % intervals")
    told("slip, over all dips", held)
    told("moment", held_moment)
    assert abs(np.mean(held) - 0.95) < 0.03
    assert np.mean(held_moment) >= 0.86


def read(folder, table, mesh, **options):
    """Offsets and the structure of a mesh in one projection."""
    offsets = read_offsets(folder / table, **options)
    vertices, triangles = read_mesh(folder / mesh, offsets.attrs["projection"])
    fault = triangle_fault(vertices, triangles)
    return offsets, Structure(fault=fault, shear_modulus=4e10, name=folder.name)


def test_cascadia_slow_slip_of_2010(data_folder):
    """Mw 6.8 (Hall & Houston 2014); others have the peak at 36 to 38 km."""
    offsets, structure = read(
        data_folder / "cascadia_ets2010", "offsets_2010_derived.csv", "cascadia.msh"
    )
    structures = perturbed_structures(
        structure, 8, dip_std=2.0, depth_std=3.0, relief_std=1.5, relief_length=80.0,
        poisson_std=0.02, least_depth=1.0,
    )  # fmt: skip
    config = SlipConfig(
        smoothing="laplacian", frame="translation", depth_min=18.0, depth_max=55.0, reach=120.0,
        single_model=False,
    )  # fmt: skip
    found = invert_slip(offsets, structures, config)
    assert found.attrs["verdict"] == "The sampler's independent populations agree."
    low, middle, high = np.quantile(found["magnitude"], (0.025, 0.5, 0.975))
    print(f"\nMw {middle:.2f} ({low:.2f} to {high:.2f}), chi2 {float(found['chi2']):.2f}")
    assert 6.6 <= low < middle < high <= 7.0
    peak = found["patch_depth"][int(found["slip_mean"].values.argmax())]
    assert 25.0 <= peak <= 45.0
    assert 0.5 < float(found["chi2"]) < 1.5


def test_nankai_is_locked_off_shikoku_and_kii(data_folder):
    offsets, structure = read(
        data_folder / "celeri_japan",
        "japan_station.csv",
        "nankai.msh",
        region=(131.0, 137.5, 31.5, 36.0),
    )
    config = SlipConfig(
        rake=None, azimuth=305.0, smoothing="gaussian_process", frame="rotation", reach=150.0,
        positive=False, use_vertical=False,
    )  # fmt: skip
    found = invert_slip(offsets, structure, config)
    depth = found["patch_depth"].values
    longitude = found["vertex_longitude"].values[found["triangle"].values].mean(axis=1)
    is_locked = (longitude > 133.0) & (longitude < 136.5) & (depth > 8.0) & (depth < 25.0)
    is_deep = depth > 40.0
    mean = found["slip"].values[:, is_locked].mean(axis=1)
    low, high = np.quantile(mean, (0.025, 0.975))
    print(
        f"\nslip deficit {1e3 * low:.0f} to {1e3 * high:.0f} mm/yr, chi2 {float(found['chi2']):.2f}"
    )
    assert 0.03 < low < high < 0.08
    assert found["slip_mean"].values[is_deep].mean() < 0.5 * mean.mean()
