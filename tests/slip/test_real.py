"""Real offsets: the exact answer explains them, where others have the slip."""

from __future__ import annotations

import numpy as np

from seisnb.io import read_offsets
from seisnb.io.meshes import read_mesh
from seisnb.slip import SlipConfig, Structure, invert_slip, triangle_fault


def test_cascadia_2010_in_closed_form(data_folder):
    folder = data_folder / "cascadia_ets2010"
    offsets = read_offsets(folder / "offsets_2010_derived.csv")
    vertices, triangles = read_mesh(folder / "cascadia.msh", offsets.attrs["projection"])
    structure = Structure(fault=triangle_fault(vertices, triangles), shear_modulus=4e10)
    config = SlipConfig(
        smoothing="gaussian_process", frame="translation", depth_min=18.0, depth_max=55.0,
        reach=120.0, positive=False,
    )  # fmt: skip
    found = invert_slip(offsets, structure, config)
    peak = int(found["slip_mean"].values.argmax())
    assert 25.0 <= found["patch_depth"][peak] <= 45.0
    assert 0.02 < found["slip_mean"][peak] < 0.06  # others: 2.8 to 4.4 cm
    assert 0.3 < float(found["chi2"]) < 1.5
    assert 6.2 < np.median(found["magnitude"]) < 7.0
