"""Members moved on by Langevin steps: settings, resuming, sigmas, times without a past."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import xarray as xr
from scipy import stats

from seisnb.conventions import InputError
from seisnb.handles import Handles
from seisnb.inference.base import seeded
from seisnb.inference.rml import SCALE_WEIGHT, Fit
from seisnb.survey import used_picks
from seisnb.tomography import TomographyConfig, invert
from seisnb.tomography.correction import correction, without_memory
from seisnb.tomography.peak import Peak, find_peak
from seisnb.tomography.problem import Problem, make_frame, make_problem
from seisnb.tomography.sigmas import SigmaSampler
from tests.bounds import FALSE_ALARM
from tests.seeds import shifted
from tests.tomography.conftest import PRIOR, Line, config, same_result

Run = Callable[..., xr.Dataset]
STEPS = 6


@pytest.fixture(scope="module")
def corrected(run: Run) -> xr.Dataset:
    return run(correction_steps=STEPS)


def problem_of(line: Line, settings: TomographyConfig) -> Problem:
    picks = used_picks(line.survey, where="test")
    return make_problem(picks, PRIOR, settings, make_frame(picks, PRIOR, settings))


def peak_of(problem: Problem) -> Peak:
    return find_peak(problem, Handles(progress=lambda _: None, is_cancelled=lambda: False), 0.0)


def test_members_move_and_tell_how_many_steps_did(corrected: xr.Dataset, ensemble) -> None:
    share = corrected["correction_acceptance"].values
    np.testing.assert_allclose(share * STEPS, np.round(share * STEPS), atol=1e-9)
    assert (share > 0).any()
    assert (share <= 1).all()
    assert corrected["correction_acceptance"].attrs["units"] == "1"
    moved = np.abs(corrected["velocity"].values - ensemble["velocity"].values).max(axis=(1, 2))
    assert ((moved > 0) == (share > 0)).all()
    assert "correction_acceptance" not in ensemble
    # members that moved are still models that fit their picks
    assert corrected["chi2_referee"].max() < 2 * float(ensemble["chi2_referee"].max())
    assert np.sqrt(float((corrected["ray_error"] ** 2).mean())) < 0.002


def test_resumes_bitwise_and_whatever_the_workers(
    line: Line, corrected: xr.Dataset, tmp_path: Path
) -> None:
    settings = config(correction_steps=STEPS)
    invert(line.survey, PRIOR, settings, checkpoint=tmp_path)
    (tmp_path / "member_00003.safetensors").unlink()
    same_result(invert(line.survey, PRIOR, settings, checkpoint=tmp_path), corrected)
    same_result(invert(line.survey, PRIOR, replace(settings, n_workers=2)), corrected)


@pytest.mark.parametrize("likelihood", ["gaussian", "student"])
def test_unknown_sigmas_move_along(run: Run, likelihood: str) -> None:
    found = run(correction_steps=STEPS, infer_sigma=True, likelihood=likelihood)
    fitted = run(infer_sigma=True, likelihood=likelihood)
    scale = found["sigma_scale"].values
    assert len(set(scale)) == scale.size
    assert (scale != fitted["sigma_scale"].values).all()
    assert 0.5 < np.median(scale) / np.median(fitted["sigma_scale"].values) < 2
    assert (found["correction_acceptance"] > 0).any()


def test_sigmas_are_drawn_from_their_conditional(line: Line) -> None:
    """Inverse chi2 of the squared factor; gamma weights of the Student mixture."""
    settings = config(infer_sigma=True)
    problem = problem_of(line, settings)
    observed, given = problem.target.observed, problem.target.std
    predicted = observed + 1.7 * given * torch.sin(torch.arange(observed.numel()) * 1.3)
    squares = float(((observed - predicted) / given).square().sum())
    sampler, generator = SigmaSampler(problem, 1.0), seeded(shifted(1), 0)
    scales = []
    for _ in range(800):
        target = sampler(predicted, generator)
        torch.testing.assert_close(target.std, given * sampler.scale)
        scales.append(sampler.scale)
    law, least = stats.chi2(observed.numel() + SCALE_WEIGHT), FALSE_ALARM / 3
    assert (
        stats.kstest((squares + SCALE_WEIGHT) / np.array(scales) ** 2, law.cdf).pvalue
        > FALSE_ALARM / 3
    )
    student = replace(settings, infer_sigma=False, likelihood="student", student_dof=3.0)
    sampler = SigmaSampler(replace(problem, config=student), 1.4)
    residual = (observed - predicted) / given / 1.4
    found = []
    for _ in range(40):
        weight = (1.4 * given / sampler(predicted, generator).std) ** 2
        found.append((weight * (3.0 + residual**2)).numpy())
    assert sampler.scale == 1.4
    assert stats.kstest(np.concatenate(found), stats.chi2(4.0).cdf).pvalue > least
    # together: given its weights, the factor follows the weighted squares
    both = SigmaSampler(replace(problem, config=replace(student, infer_sigma=True)), 1.0)
    ratios = []
    for _ in range(800):
        target = both(predicted, generator)
        weight = (both.scale * given / target.std) ** 2
        weighted = float((weight * ((observed - predicted) / given) ** 2).sum())
        ratios.append((weighted + SCALE_WEIGHT) / both.scale**2)
    assert stats.kstest(ratios, law.cdf).pvalue > least


def test_times_depend_on_the_model_alone(line: Line) -> None:
    problem = problem_of(line, config())
    peak = peak_of(problem)
    assert not without_memory(problem, peak).target.forward.keeps_rays
    forward = replace(problem.target.forward, wavefronts=(), keeps_rays=True)
    kept = replace(problem, target=replace(problem.target, forward=forward))
    free = without_memory(kept, peak).target
    n = problem.target.n_unknowns
    model = torch.full((n,), 0.3, dtype=torch.float64)
    far = problem.target.predict(torch.linspace(-2, 2, n, dtype=torch.float64), problem.start)[1]
    ways = (problem.start, far, peak.fit.here.memory)
    assert not torch.equal(*(kept.target.predict(model, way)[0] for way in ways[:2]))
    times = [free.predict(model, way)[0] for way in ways]
    assert torch.equal(times[0], times[1])
    assert torch.equal(times[0], times[2])


def test_a_cancel_in_the_middle_leaves_the_member_out(line: Line) -> None:
    problem = problem_of(line, config(correction_steps=50))
    fit: Fit = (peak := peak_of(problem)).fit
    asked = iter(range(100))
    correct = correction(problem, peak)
    assert (
        correct(fit.position, fit.here, 1.0, seeded(shifted(0), 0), lambda: next(asked) > 5) is None
    )
    assert correct(fit.position, fit.here, 1.0, seeded(shifted(0), 0), lambda: False) is not None


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"correction_steps": -1}, "correction_steps is -1; expected a whole number of at least 0"),
        ({"correction_steps": 2.5}, "correction_steps is 2.5; expected a whole number"),
        (
            {"correction_steps": 5, "engine": "svgd"},
            "correction_steps is 5; only members of engine='rml' and method='rays' are corrected",
        ),
        ({"correction_steps": 5, "method": "vsvgd"}, "correction_steps is 5; only members of"),
    ],
)
def test_settings_that_cannot_be_are_refused(changes: dict[str, object], said: str) -> None:
    with pytest.raises(InputError, match=said):
        config(**changes)
