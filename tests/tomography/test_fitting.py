"""Every member a fit of its own: paths kept, objectives held against their law, failures named."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from seisnb.handles import Handles
from seisnb.inference import rml
from seisnb.inference.base import Remembering, seeded
from seisnb.inference.rml import gauss_newton_step, start_fit
from seisnb.io import read_picks
from seisnb.prior import PriorConfig
from seisnb.tomography import TomographyConfig, fitting, invert
from seisnb.tomography.checkpoint import Member
from seisnb.tomography.fitting import expected_objective, fit_member
from seisnb.tomography.members import own_fits
from seisnb.tomography.peak import Peak, find_peak
from seisnb.tomography.problem import Problem, RayMemory, make_frame, make_problem
from seisnb.traveltime.base import Rays
from seisnb.traveltime.rays import NEAR, ROUNDING, two_fastest
from tests.bounds import sigmas
from tests.tomography.conftest import PRIOR, Line, config


@pytest.fixture(scope="module")
def posed(line: Line) -> tuple[Problem, Peak]:
    settings = config()
    problem = make_problem(line.survey, PRIOR, settings, make_frame(line.survey, PRIOR, settings))
    return problem, find_peak(problem, Handles.of(None, None), 0.0)


def never() -> bool:
    return False


@pytest.mark.kernels
def test_objectives_follow_their_law(posed: tuple[Problem, Peak]) -> None:
    """Nearly linear times: twice the objective is noncentral chi2 in mean and spread."""
    problem, peak = posed
    fits = [fit_member(problem, peak, 1.0, seeded(7, i), never) for i in range(40)]
    assert all(fit is not None and fit.is_own and fit.fit.is_converged for fit in fits)
    scores = np.array([fit.excess for fit in fits if fit is not None])
    # the law is skew to fourth order only; nonlinear times add a tenth of a standard deviation
    assert abs(scores.mean()) < sigmas() / np.sqrt(scores.size) + 0.2
    assert 0.5 < scores.std(ddof=1) < 1.6
    positions = {fit.fit.position.numpy().tobytes() for fit in fits if fit is not None}
    assert len(positions) == 40


def test_the_expected_objective_is_exact_for_linear_times(posed: tuple[Problem, Peak]) -> None:
    _, peak = posed
    mean, std = expected_objective(peak, peak.target)
    n, at_peak = peak.target.observed.numel(), 2 * peak.fit.objective
    assert mean == pytest.approx(n + at_peak, rel=1e-9)
    assert std == pytest.approx(np.sqrt(2 * n + 4 * at_peak), rel=1e-9)


def test_a_member_that_gets_nowhere_is_tried_from_elsewhere(
    posed: tuple[Problem, Peak], monkeypatch: pytest.MonkeyPatch
) -> None:
    problem, peak = posed
    good = fit_member(problem, peak, 1.0, seeded(7, 0), never)
    monkeypatch.setattr(fitting, "FARTHEST", good.excess + 0.1)
    monkeypatch.setattr(fitting, "MOST_EXCESS", -1.0)
    tried: list[torch.Tensor] = []

    def lame(fit, target, tolerance, **options):
        """Steps from the most probable model fail."""
        if torch.equal(fit.position, peak.fit.position):
            tried.append(fit.position)
            return replace(fit, is_stalled=True)
        return gauss_newton_step(fit, target, tolerance, **options)

    monkeypatch.setattr(rml, "gauss_newton_step", lame)
    found = fit_member(problem, peak, 1.0, seeded(7, 0), never)
    assert len(tried) == 1
    assert found is not None
    assert good is not None
    assert found.is_own
    assert found.fit.is_converged
    assert found.fit.objective < 1.02 * good.fit.objective


def test_members_that_fail_are_left_out_counted_and_named(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lame(fit, target, tolerance, **options):
        """No step of every third member succeeds."""
        drawn = int(1e6 * abs(float(fit.anchor[0])))  # zero for the most probable model
        if drawn and drawn % 3 == 0:
            return replace(fit, is_stalled=True)
        return gauss_newton_step(fit, target, tolerance, **options)

    monkeypatch.setattr(rml, "gauss_newton_step", lame)
    monkeypatch.setattr(fitting, "MOST_EXCESS", 1e-3)
    monkeypatch.setattr(fitting, "FARTHEST", 0.0)
    found = invert(line.survey, PRIOR, config(n_members=12))
    n_failed = found.attrs["n_failed"]
    assert 1 <= n_failed < 12
    assert found.sizes["particle"] == 12 - n_failed
    assert found.attrs["verdict_level"] != "good"
    assert f"{n_failed}" in found.attrs["verdict"]
    assert not found.attrs["cancelled"]


def test_failures_alone_are_still_an_ensemble() -> None:
    own = Member(**{each.name: np.ones(1) for each in fields(Member)})
    failed = replace(own, is_own=np.zeros(1))
    assert own_fits([failed, own, own]) == [own, own]
    two = [failed, own]
    assert own_fits(two) is two


def rays_at(depths: list[float]) -> Rays:
    """One ray a pick of three nodes, through a depth in its middle; NaN for none."""
    nodes = np.zeros((len(depths), 4, 2))
    nodes[:, 1] = np.stack([np.full(len(depths), 0.5), np.nan_to_num(depths)], axis=1)
    nodes[:, 2] = (1.0, 0.0)
    return Rays(nodes=nodes, count=np.where(np.isnan(depths), 0, 3))


def test_the_second_fastest_path_is_kept_where_it_is_near_and_another() -> None:
    std = np.full(4, 1.0)
    far = 1.1 * NEAR
    first = (np.array([1.0, 1.0, 1.0, 1.0]), rays_at([0.0, 0.0, 0.0, 0.0]))
    #                     the same path, faster by more, too slow, no ray
    second = (np.array([0.9, 0.5, 1.0 + far, np.inf]), rays_at([0.01, 1.0, 1.0, np.nan]))
    paths = two_fastest([first, second], margin=1e-3, apart=0.1, std=std)
    np.testing.assert_array_equal(paths.second.count > 0, [False, True, False, False])
    gap = 0.5 / ROUNDING
    expected = [0.9, 0.5 - ROUNDING * np.log1p(np.exp(-gap)), 1.0, 1.0]
    np.testing.assert_allclose(paths.times, expected, atol=1e-12)
    np.testing.assert_array_equal(paths.rays.nodes[1, 1], [0.5, 1.0])
    np.testing.assert_array_equal(paths.second.nodes[1, 1], [0.5, 0.0])
    assert (paths.share[[0, 2, 3]] == 0).all()
    equal = two_fastest([first, (first[0], rays_at([1.0] * 4))], margin=0.0, apart=0.1, std=std)
    np.testing.assert_allclose(equal.times, 1 - ROUNDING * np.log(2))
    np.testing.assert_allclose(equal.share, 0.5)


def test_a_path_found_later_serves_the_old_position(posed: tuple[Problem, Peak]) -> None:
    """Recalling what another position has found never makes a time later."""
    problem, peak = posed
    target = problem.target
    assert isinstance(target, Remembering)
    zero = torch.zeros_like(peak.fit.position)
    _, found = target.predict(0.1 + zero, problem.start)
    # a path that is not bent is not the fastest
    unbent = replace(target, forward=replace(target.forward, wavefronts=(), n_steps=0))
    slow, lost = unbent.predict(zero, RayMemory(rays=problem.start.rays, times=np.zeros(0)))
    fast, _ = unbent.recall(zero, lost, found)
    assert float((fast - slow).max()) < 1e-3 * float(target.std.max())
    assert float((fast - slow).min()) < -1e-3


def test_a_step_that_fails_is_not_convergence(posed: tuple[Problem, Peak]) -> None:
    problem, peak = posed
    target = problem.target

    class Worse:
        """Times that are off as soon as anything moves."""

        observed, std, n_unknowns = target.observed, target.std, target.n_unknowns

        def predict(self, position, memory):
            predicted, memory = target.predict(position, memory)
            return predicted + 1.0, memory

        def linearise(self, position, memory):
            return target.linearise(position, memory)

    anchor = torch.ones_like(peak.fit.position)
    data = target.observed + 3 * target.std
    fit = start_fit(target, peak.fit.position, peak.fit.here, anchor, data)
    after = gauss_newton_step(fit, Worse(), 0.01)
    assert after.is_stalled
    assert not after.is_converged
    assert torch.equal(after.position, fit.position)


@pytest.mark.slow
def test_a_crustal_line_does_not_collapse(data_folder: Path, tmp_path: Path) -> None:
    """345 km, 8 shots, Pg and Pn; lengths given so that only members are made here."""
    folder = data_folder / "zelt_crustal_line"
    lines = (folder / "v.in").read_text().splitlines()
    easting, depth = ([v for k in (a, a + 3, a + 6) for v in lines[k].split()[1:]] for a in (0, 1))
    surface = np.array([easting, depth], float)
    survey = read_picks(folder / "tx.in", phases=(1, 5), surface=(surface[0], surface[1]))
    prior = PriorConfig(
        kernel="gaussian", amplitude=0.4, amplitude_at_depth=0.25,
        length_easting=12.0, length_depth=8.0, length_depth_growth=0.3,
    )  # fmt: skip
    found = invert(survey, prior, TomographyConfig(n_members=8, seed=0))
    assert found.attrs["n_failed"] == 0
    velocity = found["velocity"].values
    assert len({member.tobytes() for member in velocity}) == 8
    assert velocity.max() <= 9.0
    excess = (found["objective"] - found["objective"].attrs["expected"]).values
    assert (excess / found["objective"].attrs["std"]).max() < 4
    assert found["floor_ray_share"] <= 0.01
    sigma = np.median(survey["pick_std"].values) * float(found["sigma_scale"].mean())
    assert found.attrs["ray_error_seconds"] < 0.3 * sigma
    met = found["ray_coverage"].values > 0
    ratio = (found["velocity_std"] / found["prior_std"]).values[met]
    assert 0.2 < np.median(ratio) < 1.0
    assert float(found["rms_referee_mean"]) < 0.11
