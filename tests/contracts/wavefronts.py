"""What every source of wavefronts must do, whatever it is made of.

Inherit, and say in ``make`` how one is built::

    class TestMine(WavefrontsContract):
        def make(self, grid, geometry):
            return Mine(...)
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from seisnb.section import SectionGrid
from seisnb.traveltime.base import PickGeometry, Rays, Wavefronts, pick_geometry
from seisnb.traveltime.rays import bend_rays, straight_rays
from tests.contracts import cases
from tests.contracts.cases import Array, Surface

SPACING = 0.15


class WavefrontsContract:
    """Times of bent rays against closed forms and invariants.

    ``accuracy`` [s] is what the source promises for bent rays in smooth media (times of 0.1 to
    2.5 s).
    """

    accuracy = 3e-4

    def make(self, grid: SectionGrid, geometry: PickGeometry) -> Wavefronts:
        """A source for models on ``grid`` and the anchors of ``geometry``."""
        raise NotImplementedError

    def rays(self, velocity: Array, grid: SectionGrid, geometry: PickGeometry) -> Rays:
        """Candidates as they come from the source."""
        like = straight_rays(grid, geometry, SPACING)
        return self.make(grid, geometry).trace(velocity, grid, geometry, like)

    def times(self, velocity: Array, grid: SectionGrid, geometry: PickGeometry) -> Array:
        """Times of the bent candidates [s]."""
        rays = self.rays(velocity, grid, geometry)
        return bend_rays(velocity, grid, geometry, rays, tolerance=1e-9)[0]

    def test_closed_form_on_land(self) -> None:
        grid, geometry = _case("flat")
        error = self.times(cases.gradient_model(grid), grid, geometry) - cases.land_times(geometry)
        assert error.min() > -1e-9  # Fermat: no path is faster than the first arrival
        assert error.max() < self.accuracy

    def test_closed_form_at_sea(self) -> None:
        grid, geometry = _case("level_sea")
        error = self.times(cases.gradient_model(grid), grid, geometry) - cases.sea_times(geometry)
        assert error.min() > -1e-6
        assert error.max() < self.accuracy

    @pytest.mark.parametrize("surface", ["flat", "hills"])
    def test_reciprocity(self, surface: Surface) -> None:
        grid, geometry = _case(surface)
        prior = cases.prior_on(grid)
        velocity = prior.velocity(cases.unknowns(prior, 3))
        there = self.times(velocity, grid, geometry)
        back = self.times(velocity, grid, cases.swapped(geometry))
        # a caustic may hide one of two branches from one of the two ends
        assert np.quantile(np.abs(there - back), 0.95) < 2 * self.accuracy
        assert np.abs(there - back).max() < 0.01 * there.max()

    @pytest.mark.parametrize("surface", ["flat", "hills", "sea"])
    def test_doubled_slowness_doubles_times(self, surface: Surface) -> None:
        grid, geometry = _case(surface)
        prior = cases.prior_on(grid)
        velocity = prior.velocity(cases.unknowns(prior, 4))
        slow = replace(geometry, water_slowness=2 * geometry.water_slowness)
        fast_times = self.times(velocity, grid, geometry)
        slow_times = self.times(velocity / 2, grid, slow)
        assert np.abs(slow_times / 2 - fast_times).max() < self.accuracy

    @pytest.mark.parametrize("surface", ["hills", "valley", "sea"])
    def test_rays_run_in_the_rock_from_start_to_anchor(self, surface: Surface) -> None:
        grid, geometry = _case(surface)
        velocity = cases.gradient_model(grid)
        candidates = self.rays(velocity, grid, geometry)
        bent = bend_rays(velocity, grid, geometry, candidates)[1]
        for rays, slack in ((candidates, 0.2 * cases.CELL), (bent, 1e-9)):
            for p in range(geometry.n_picks):
                nodes = rays.nodes[p, : rays.count[p]]
                assert np.isfinite(nodes).all()
                np.testing.assert_array_equal(nodes[-1], geometry.anchors[geometry.anchor[p]])
                if not geometry.in_water[p]:
                    np.testing.assert_array_equal(nodes[0], geometry.start[p])
                top = np.interp(nodes[:, 0], grid.easting, grid.surface)
                assert (nodes[:, 1] >= top - slack).all()

    def test_the_same_model_gives_the_same_rays(self) -> None:
        grid, geometry = _case("hills")
        prior = cases.prior_on(grid)
        velocity = prior.velocity(cases.unknowns(prior, 5))
        first, second = (self.rays(velocity, grid, geometry) for _ in range(2))
        np.testing.assert_array_equal(first.count, second.count)
        for p, n in enumerate(first.count):
            np.testing.assert_array_equal(first.nodes[p, :n], second.nodes[p, :n])


def _case(surface: Surface) -> tuple[SectionGrid, PickGeometry]:
    """Grid and geometry of a line."""
    survey = cases.line(surface)
    return cases.grid_of(survey), pick_geometry(survey)
