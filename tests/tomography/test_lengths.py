"""The prior chosen from the picks against the prior that the truth was drawn from."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from seisnb import synthetic
from seisnb.inference.rml import log_evidence, maximum_a_posteriori
from seisnb.prior import PriorConfig
from seisnb.survey import used_picks
from seisnb.tomography import TomographyConfig
from seisnb.tomography.lengths import Candidate, choose_lengths, fit_prior
from seisnb.tomography.problem import make_frame
from tests.seeds import shifted

TRUE = replace(synthetic.TEST_LINE_PRIOR, kernel="gaussian", length_depth_growth=0.0)
#: Only the mean profile is given; kernel, lengths, growth and amplitude are open.
OPEN = PriorConfig(field="velocity", surface_velocity=2.0, gradient=0.3)


def chosen(seed: int, prior: PriorConfig, *, share: float = 1.0) -> Candidate:
    survey = used_picks(synthetic.test_line(shifted(seed), share=share)[0], where="test")
    config = TomographyConfig(depth_max=20.0 * share, cell=0.2)
    frame = make_frame(survey, prior, config)
    best, tried = choose_lengths(survey, prior, config, frame, lambda _: None)
    assert best is not None
    assert best.evidence == max(evidence for _, evidence in tried)
    return best


def mean_factor(found: list[PriorConfig], name: str) -> float:
    """Geometric mean of how far off a hyper-parameter is, up or down."""
    true = getattr(TRUE, name)
    return float(np.exp(np.mean([abs(np.log(getattr(prior, name) / true)) for prior in found])))


@pytest.mark.slow
def test_what_is_left_open_is_found_near_the_truth() -> None:
    found = [chosen(seed, OPEN) for seed in range(6)]
    priors = [candidate.prior for candidate in found]
    factors = {name: mean_factor(priors, name) for name in ("length_easting", "length_depth")}
    scales = [candidate.sigma_scale for candidate in found]
    assert max(factors.values()) < 1.6, factors
    assert mean_factor(priors, "amplitude") < 1.6
    assert sum(prior.kernel == "gaussian" for prior in priors) >= 4
    # 840 picks, some sixty of them spent on the model: 2.5 % each
    assert np.abs(np.array(scales) - 1.0).max() < 0.1


@pytest.mark.slow
def test_the_finer_steps_reach_both_lengths() -> None:
    """Coarse steps alone end at 6 km, with the length in depth in proportion."""
    prior = replace(TRUE, length_easting=None, length_depth=None)
    found = [chosen(seed, prior).prior for seed in range(3)]
    assert mean_factor(found, "length_easting") < 1.3
    assert mean_factor(found, "length_depth") < 1.4


def test_a_given_length_is_kept() -> None:
    best = chosen(0, replace(TRUE, length_depth=None), share=0.5)
    assert best.prior.length_easting == TRUE.length_easting
    assert best.prior.length_depth != TRUE.length_depth
    assert best.prior.amplitude == TRUE.amplitude


def test_linear_evidence_of_a_fit_is_laplace_s() -> None:
    """At the fit's own scales to rounding, at others that of its linear problem; refits are near.

    What refits differ by is how the rays move: a twentieth of what the scales change, at most.
    """
    survey = used_picks(synthetic.test_line(shifted(1), share=0.5)[0], where="test")
    config = TomographyConfig(depth_max=10.0, cell=0.2, infer_sigma=False)
    frame = make_frame(survey, TRUE, config)
    candidate = fit_prior(survey, TRUE, config, frame, None, tolerance=1e-6)
    assert candidate is not None
    linear = candidate.linear_evidence()
    assert linear.at() == pytest.approx(candidate.evidence, abs=2e-3)
    target, fit = candidate.problem.target, candidate.fit
    jacobian, std = fit.here.jacobian.numpy(), target.std.numpy()
    data = (target.observed - fit.here.predicted + fit.here.jacobian @ fit.position).numpy()
    off, change = [], []
    for factor in (0.5, 2.0):
        assert TRUE.amplitude
        other = replace(TRUE, amplitude=factor * TRUE.amplitude)
        problem = fit_prior(survey, other, config, frame, candidate, tolerance=1e-6)
        assert problem is not None
        wider = replace(problem.problem.target, std=2 * problem.problem.target.std)
        refit = maximum_a_posteriori(
            wider, problem.fit.here.memory, position=problem.fit.position, tolerance=1e-6
        )
        for sigma, again in ((1.0, problem.evidence), (2.0, log_evidence(refit, wider.std))):
            found = linear.at(amplitude=factor, sigma=sigma)
            covariance = factor**2 * jacobian @ jacobian.T + np.diag((sigma * std) ** 2)
            exact = multivariate_normal(cov=covariance).logpdf(data)
            assert found == pytest.approx(exact, abs=1e-6)
            off.append(abs(found - again))
            change.append(abs(again - candidate.evidence))
    assert sum(off) < 0.05 * sum(change), (off, change)
