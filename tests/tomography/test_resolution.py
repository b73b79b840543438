"""Resolution tests: patterns in closed form, recovery against the linear resolution operator."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import xarray as xr

from seisnb.conventions import Cancelled, InputError
from seisnb.section import SectionGrid, to_depth_grid
from seisnb.tomography import Progress, resolution_test
from seisnb.tomography.pattern import (
    add_pattern_figures,
    checkerboard,
    describe_resolution,
    half_width,
    recovery_ratio,
    spike,
)
from tests.tomography.conftest import PRIOR, Line, config
from tests.tomography.test_checks import solved

GRID = SectionGrid(
    x0=2.0, cell_easting=0.1, cell_depth=0.05, surface=-0.2 * np.ones(101), n_depth=81
)
#: Of the small lines.
BOARD: dict[str, Any] = {"size": (1.5, 0.5), "n_members": 4}


def test_checkerboard_fields_alternate_and_are_as_large_as_asked() -> None:
    board = checkerboard(GRID, (2.0, 1.0))
    centre = board[10::20][:, 10::20]  # one node in the middle of every field
    expected = (-1.0) ** (np.arange(5)[:, None] + np.arange(4))
    np.testing.assert_allclose(centre, expected, atol=1e-12)
    np.testing.assert_allclose(board[::20], 0, atol=1e-12)
    np.testing.assert_allclose(board[:, ::20], 0, atol=1e-12)
    assert np.abs(board).max() == pytest.approx(1.0)


def test_spike_has_the_place_and_the_widths_asked_for() -> None:
    bump = spike(GRID, (2.0, 0.6), (7.0, 1.5))
    assert np.unravel_index(bump.argmax(), bump.shape) == (50, 30)
    assert bump.max() == 1.0
    assert half_width(GRID.easting, bump[:, 30], 50) == pytest.approx(2.0, abs=0.01)
    assert half_width(GRID.below_surface, bump[50], 30) == pytest.approx(0.6, abs=0.01)


def test_half_width_ends_with_the_axis() -> None:
    axis = np.arange(5.0)
    assert half_width(axis, np.array([4.0, 3.0, 1.0, 0.0, 0.0]), 0) == pytest.approx(1.5)
    assert half_width(axis, np.ones(5), 2) == 4.0


@pytest.mark.parametrize("share", [1.0, 0.4, 0.0, -0.3])
def test_ratio_is_the_share_that_came_back(share: float) -> None:
    """Also where the board crosses zero, and whatever is recovered at right angles to it."""
    board = checkerboard(GRID, (2.0, 1.0)).T
    found = recovery_ratio(board, share * board, (20, 20))
    np.testing.assert_allclose(found, share, atol=1e-12)
    empty = board.copy()
    empty[:, 50:] = 0
    ratio = recovery_ratio(empty, share * empty, (20, 20))
    assert np.isnan(ratio[:, 75:]).all()
    np.testing.assert_allclose(ratio[:, :50], share, atol=1e-12)


def shown(pattern: str, recovered: np.ndarray, true: np.ndarray, **attrs: Any) -> xr.Dataset:
    section = ("depth", "easting")
    return add_pattern_figures(
        xr.Dataset(
            {
                "true_perturbation": (section, true.T),
                "recovered_perturbation": (section, recovered.T),
                "rock": (section, np.ones(true.T.shape, bool)),
                "ray_coverage": (section, np.ones(true.T.shape)),
                "surface_easting": ("profile", [2.0, 12.0]),
                "surface_depth": ("profile", [-0.2, -0.2]),
            },
            coords={"easting": GRID.easting, "depth": -0.2 + GRID.below_surface},
            attrs={"pattern": pattern, **attrs},
        )
    )


@pytest.mark.parametrize("amplitude", [0.1, -0.1])
def test_a_blurred_and_shifted_spike_is_measured(amplitude: float) -> None:
    true = amplitude * spike(GRID, (2.0, 0.6), (7.0, 1.5))
    recovered = 0.6 * amplitude * spike(GRID, (3.0, 0.9), (7.4, 1.4))
    found = shown("spike", recovered, true, size_km=[2.0, 0.6], amplitude=amplitude)
    assert float(found["peak_recovered"]) == pytest.approx(0.6 * amplitude)
    assert float(found["peak_shift_easting"]) == pytest.approx(0.4)
    assert float(found["peak_shift_depth"]) == pytest.approx(-0.1)
    assert float(found["width_easting"]) == pytest.approx(3.0, abs=0.02)
    assert float(found["width_depth"]) == pytest.approx(0.9, abs=0.02)
    assert "is resolved: 60% of its height" in describe_resolution(found)
    weak = shown("spike", 0.3 * true, true, size_km=[2.0, 0.6], amplitude=amplitude)
    assert "is not resolved: 30%" in describe_resolution(weak)


def test_the_depth_that_a_board_reaches_is_told() -> None:
    board = checkerboard(GRID, (2.0, 1.0))
    fading = board * np.where(GRID.below_surface < 2.0, 0.9, 0.1)
    sentence = describe_resolution(
        shown("checkerboard", fading, board, size_km=[2.0, 1.0], amplitude=1.0)
    )
    assert "more than half of it down to 2 km under the surface" in sentence
    whole = shown("checkerboard", board, board, size_km=[2.0, 1.0], amplitude=1.0)
    assert "100% of its strength" in describe_resolution(whole)
    assert "more than half of it wherever rays run" in describe_resolution(whole)
    none = shown("checkerboard", 0 * board, board, size_km=[2.0, 1.0], amplitude=1.0)
    assert "at no depth" in describe_resolution(none)


@pytest.fixture(scope="module")
def tested(ensemble: xr.Dataset) -> xr.Dataset:
    return resolution_test(ensemble, **BOARD)


def test_recovery_is_what_linear_theory_says(line: Line) -> None:
    """(J.T J + 1)**-1 J.T J pattern at the prior's mean, from dense matrices.

    Rays bend into the fast fields of a board, so that the two agree in kind, not to the digit.
    """
    survey = line.survey
    tested = resolution_test(
        survey, prior=PRIOR, config=config(), size=(3.0, 1.0), n_members=8, noise=False,
        amplitude=0.03,
    )  # fmt: skip
    problem, _ = solved(survey, PRIOR, config())
    prior, forward, std = problem.prior, problem.target.forward, problem.target.std.numpy()
    zero = np.zeros(prior.n_unknowns)
    near, rays = forward.times(zero, problem.start.rays)
    kernel = forward.kernel(zero, rays) / std[:, None]
    change = 0.03 * checkerboard(prior.grid, (3.0, 1.0))
    far, _ = forward.times_in(prior.velocity(zero) * (1 + change), rays)
    inverse = np.linalg.inv(kernel.T @ kernel + np.eye(zero.size))
    moved = inverse @ kernel.T @ ((far - near) / std)
    expected = to_depth_grid(prior.field(moved), prior.grid, tested["depth"].values)
    found = tested["recovered_perturbation"].values
    crossed = tested["ray_coverage"].values > 0
    found, expected = found[crossed], expected[crossed]
    assert np.corrcoef(found, expected)[0, 1] > 0.95
    assert found @ expected / (expected @ expected) == pytest.approx(1.0, abs=0.15)
    np.testing.assert_allclose(
        tested["true_perturbation"],
        to_depth_grid(change, prior.grid, tested["depth"].values),
        atol=1e-12,
    )


def test_holds_what_a_person_and_a_figure_need(ensemble: xr.Dataset, tested: xr.Dataset) -> None:
    assert tested.attrs["kind"] == "resolution"
    assert tested.attrs["pattern"] == "checkerboard"
    assert tested.attrs["n_members"] == 4
    assert tested.attrs["verdict"].endswith(".")
    for name in ("true_perturbation", "recovered_perturbation", "recovered_std", "recovery_ratio"):
        assert tested[name].dims == ("depth", "easting")
        assert tested[name].attrs["units"] == "1"
        assert tested[name].attrs["long_name"]
    assert {"rock", "ray_coverage", "deepest_ray", "shot_easting", "surface_depth"} <= set(tested)
    np.testing.assert_array_equal(tested["easting"], ensemble["easting"])
    again = resolution_test(ensemble, **BOARD)
    xr.testing.assert_identical(again, tested)


@pytest.mark.slow
def test_better_picks_bring_back_more(line: Line) -> None:
    """A survey alone serves too; the spike is so small that poor picks blur it."""
    ratio = []
    for factor in (3.0, 1.0, 0.2):
        survey = line.survey.copy(deep=True)
        survey["pick_std"].values[:] *= factor
        found = resolution_test(
            survey, prior=PRIOR, config=config(), pattern="spike", size=(1.2, 0.6), at=(3.0, 0.5),
            n_members=2, amplitude=0.1, noise=False,
        )  # fmt: skip
        ratio.append(float(found["peak_recovered"]) / 0.1)
    assert ratio[0] < ratio[1] < ratio[2]
    assert ratio[2] == pytest.approx(1.0, abs=0.15)
    assert abs(float(found["peak_shift_easting"])) <= 0.2
    assert abs(float(found["peak_shift_depth"])) <= 0.1


def test_noise_adds_what_the_posterior_std_says(ensemble: xr.Dataset, tested: xr.Dataset) -> None:
    """With and without noise differ by about a std, and do differ."""
    clean = resolution_test(ensemble, **BOARD, noise=False)
    change = tested["recovered_perturbation"] - clean["recovered_perturbation"]
    z = (change / tested["recovered_std"]).values[ensemble["ray_coverage"].values > 0]
    # a std of four members only: Student's law of three degrees has no mean square to speak of
    assert 0.1 < np.median(np.abs(z)) < 2.0


def test_tells_how_far_it_is_and_stops_when_asked(ensemble: xr.Dataset) -> None:
    seen: list[Progress] = []
    resolution_test(ensemble, **{**BOARD, "n_members": 2}, progress=seen.append)
    labels = [message.message.split(":")[0] for message in seen]
    assert labels == sorted(labels, reverse=True)
    assert set(labels) == {"without the pattern", "with the pattern"}
    with pytest.raises(Cancelled):
        resolution_test(ensemble, **BOARD, cancel=lambda: True)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"pattern": "stripes"}, "expected 'checkerboard' or 'spike'"),
        ({"size": (0.1, 0.5)}, "at least two cells"),
        ({"size": (1.0, np.nan)}, "at least two cells"),
        ({"amplitude": 0.0}, "a fraction of velocity"),
        ({"pattern": "spike", "at": (9.0, 1.0)}, "outside the model"),
        ({"prior": PRIOR}, "are those of the ensemble"),
    ],
)
def test_what_cannot_be_tested_is_refused(
    ensemble: xr.Dataset, changes: dict[str, Any], said: str
) -> None:
    with pytest.raises(InputError, match=said):
        resolution_test(ensemble, **changes)


def test_a_survey_needs_a_whole_prior(line: Line) -> None:
    with pytest.raises(InputError, match="amplitude and length_easting and length_depth open"):
        resolution_test(line.survey)
