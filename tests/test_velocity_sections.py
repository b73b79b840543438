"""Velocities along a line: every kind of member gives what it was made of."""

import numpy as np
import pytest
import xarray as xr

from seisnb.conventions import InputError
from seisnb.velocity_ensembles import join_ensembles, layered_ensemble, volume_ensemble
from seisnb.velocity_models import LayeredModel, SectionGroup, VelocityEnsemble
from seisnb.velocity_sections import velocity_along

DEPTH = np.linspace(0.0, 30.0, 31)


def layers():
    top = np.array([0.0, 10.0])
    model = LayeredModel(
        name="a", top=top, vp=np.array([5.0, 7.0]), vp_gradient=np.array([0.1, 0.0])
    )
    return layered_ensemble([model])


def section(azimuth=90.0, origin=(0.0, 0.0)):
    along, depth = np.linspace(-50, 50, 101), np.linspace(0, 40, 41)
    velocity = (4 + 0.02 * along + 0.1 * depth[:, None])[None]
    group = SectionGroup(
        velocity=velocity, along=along, depth=depth, surface=np.full(101, 2.0), origin=origin,
        azimuth=azimuth,
    )  # fmt: skip
    return VelocityEnsemble(
        groups=(group,), log_weight=np.zeros(1), vpvs=np.array([1.73]), name=("s",)
    )


def volume():
    axis = np.linspace(-40.0, 40.0, 17)
    depth = np.linspace(0.0, 40.0, 9)
    north, east, z = np.meshgrid(axis, axis, depth, indexing="ij")
    values = 5 + 0.01 * east + 0.02 * north + 0.05 * z
    return volume_ensemble(
        xr.DataArray(
            values, dims=("northing", "easting", "depth"),
            coords={"northing": axis, "easting": axis, "depth": depth},
        )
    )  # fmt: skip


def test_layers_are_the_same_everywhere():
    along, velocity = velocity_along(layers(), (0, 0), (30, 40), DEPTH, n_along=11)
    assert along[-1] == pytest.approx(50.0)
    assert velocity.shape == (1, 31, 11)
    np.testing.assert_allclose(velocity[0, 5], 5.5, rtol=1e-6)
    np.testing.assert_allclose(velocity[0, 20], 7.0, rtol=1e-6)


def test_a_section_is_read_along_itself_and_has_none_above_its_surface():
    along, velocity = velocity_along(section(), (-40, 7), (40, 7), DEPTH, n_along=9)
    expected = 4 + 0.02 * (along - 40) + 0.1 * DEPTH[:, None]
    inside = DEPTH >= 2.0
    np.testing.assert_allclose(velocity[0, inside], expected[inside], rtol=1e-5)
    assert np.isnan(velocity[0, DEPTH < 1.5]).all()


def test_a_line_across_a_section_sees_one_column():
    _, velocity = velocity_along(section(), (10, -30), (10, 30), DEPTH, n_along=7)
    np.testing.assert_allclose(velocity[0, 10], 4 + 0.2 + 1.0, rtol=1e-5)


def test_a_section_to_the_north_is_turned():
    turned = section(azimuth=0.0, origin=(3.0, 0.0))
    along, velocity = velocity_along(turned, (3, -40), (3, 40), DEPTH, n_along=9)
    np.testing.assert_allclose(velocity[0, 10], 4 + 0.02 * (along - 40) + 1.0, rtol=1e-5)


def test_a_volume_is_linear_between_nodes_and_held_at_its_edge():
    _, velocity = velocity_along(volume(), (-20, -20), (60, 20), DEPTH, n_along=5)
    x, y = np.linspace(-20, 60, 5), np.linspace(-20, 20, 5)
    expected = 5 + 0.01 * np.clip(x, -40, 40) + 0.02 * y + 0.05 * 12
    np.testing.assert_allclose(velocity[0, 12], expected, rtol=1e-5)


def test_members_of_several_kinds_are_in_order():
    both = join_ensembles([layers(), volume()])
    _, velocity = velocity_along(both, (0, 0), (10, 0), DEPTH)
    assert velocity.shape[0] == 2
    assert velocity[0, 20, 0] == pytest.approx(7.0)
    assert velocity[1, 20, 0] == pytest.approx(6.0)


@pytest.mark.parametrize("end", [(0.0, 0.0), (np.nan, 1.0)])
def test_a_line_needs_a_length(end):
    with pytest.raises(InputError, match="no length"):
        velocity_along(layers(), (0, 0), end, DEPTH)
