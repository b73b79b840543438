"""The whole method: seeds, checkpoints, cancel, both adjoints, pull-backs, and the exact answer."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from seisnb.conventions import CheckpointError, InputError, PriorError
from seisnb.inference.base import seeded
from seisnb.vsvgd.config import VsvgdConfig
from seisnb.vsvgd.problem import StationaryPrior, VsvgdProblem, prior_score, velocity_of
from seisnb.vsvgd.run import (
    run_vsvgd,
    start_swarm,
    step_swarm,
    swarm_from_tensors,
    travel_time_of,
    velocity_at,
)
from tests.seeds import shifted

SMALL = VsvgdConfig(
    n_particles=6,
    n_iterations=4,
    n_collocation=40,
    velocity_width=8,
    travel_width=12,
    n_frequencies=6,
    n_epochs=3,
    n_warm_up=3,
)


def section_problem(field_kind="velocity", dtype=torch.float64) -> VsvgdProblem:
    """Six shots and five receivers at the surface of 4 x 1 km, times of v = 2 + 0.5 z."""
    shots, receivers = np.linspace(0.1, 3.9, 6), np.linspace(0.3, 3.6, 5)
    ends = np.array([[[s, 0.0], [r, 0.0]] for s in shots for r in receivers])
    distance = np.abs(ends[:, 0, 0] - ends[:, 1, 0])
    observed = 2 / 0.5 * np.arcsinh(0.5 * distance / (2 * 2.0))
    prior = StationaryPrior(
        mean_velocity=lambda place: 2 + 0.5 * place[:, 1],
        amplitude=0.2 if field_kind == "velocity" else 0.1,
        lengths=(1.5, 0.6),
        bounds=(1.2, 3.6),
        field_kind=field_kind,
    )
    return VsvgdProblem(
        ends=torch.from_numpy(ends).to(dtype),
        observed=torch.from_numpy(observed).to(dtype),
        std=torch.full((len(ends),), 0.02, dtype=dtype),
        prior=prior,
        domain=torch.tensor([[0.0, 0.0], [4.0, 1.0]], dtype=dtype),
    )


def test_same_seed_same_swarm_and_another_seed_another() -> None:
    problem = section_problem()
    one, same, other = (run_vsvgd(problem, SMALL, seeded(shifted(s), 0)) for s in (3, 3, 4))
    for name, tensor in one.tensors().items():
        np.testing.assert_array_equal(tensor, same.tensors()[name])
    assert float((one.velocity_weights - other.velocity_weights).abs().max()) > 0.1


def test_a_stored_state_goes_on_as_if_never_stopped(tmp_path: Path) -> None:
    problem = section_problem()
    whole = run_vsvgd(problem, SMALL, seeded(shifted(3), 0))
    seen = []
    half = run_vsvgd(
        problem,
        SMALL,
        seeded(shifted(3), 0),
        progress=seen.append,
        is_cancelled=lambda: len(seen) == 2,
    )
    assert int(half.iteration) == 2
    assert [info.iteration for info in seen] == [1, 2]
    save_file(half.tensors(), tmp_path / "swarm.safetensors")
    stored = swarm_from_tensors(load_file(tmp_path / "swarm.safetensors"), problem, SMALL)
    after = run_vsvgd(problem, SMALL, seeded(shifted(99), 0), swarm=stored)
    assert int(after.iteration) == 4
    for name, tensor in whole.tensors().items():
        np.testing.assert_array_equal(tensor, after.tensors()[name])


def test_a_state_of_other_settings_is_refused() -> None:
    problem = section_problem()
    tensors = start_swarm(problem, SMALL, seeded(shifted(0), 0)).tensors()
    with pytest.raises(CheckpointError, match=r"velocity_weights have shape \(6, .*another conf"):
        swarm_from_tensors(tensors, problem, replace(SMALL, velocity_width=9))
    tensors.pop("gradient_mean")
    with pytest.raises(CheckpointError, match="lacks .*gradient_mean"):
        swarm_from_tensors(tensors, problem, SMALL)


def test_the_start_is_drawn_from_the_prior() -> None:
    """Mean and std at places over 200 particles; sampling errors 7 % and 5 %."""
    problem = section_problem()
    config = replace(SMALL, n_particles=200, n_warm_up=0, velocity_width=20, n_collocation=60)
    swarm = start_swarm(problem, config, seeded(shifted(0), 0))
    place = problem.domain[1] * torch.rand(
        50, 2, generator=torch.Generator().manual_seed(shifted(1)), dtype=torch.float64
    )
    process = velocity_at(problem, config, swarm, place) - problem.prior.mean(place)
    assert float((process.mean(dim=0) / 0.2).square().mean().sqrt()) < 0.2
    assert 0.85 < float((process.std(dim=0) / 0.2).mean()) < 1.15
    covariance = torch.cov(process.T)
    exact = problem.prior.covariance(place, place)
    assert float((covariance - exact).square().mean().sqrt()) < 0.15 * 0.2**2


@pytest.mark.parametrize("field_kind", ["velocity", "log_velocity"])
@pytest.mark.parametrize("pull_back", ["vjp", "regression"])
def test_a_section_comes_to_fit_its_picks(field_kind, pull_back: str) -> None:
    problem = section_problem(field_kind, torch.float32)
    config = replace(
        SMALL,
        n_iterations=60,
        n_particles=10,
        n_collocation=80,
        velocity_width=12,
        travel_width=16,
        slave="gauss_newton",
        adjoint="dense",
        damping=1e-3,
        pull_back=pull_back,
        learning_rate=1e-2,
        n_warm_up=20,
    )
    seen = []
    swarm = run_vsvgd(problem, config, seeded(shifted(0), 0), progress=seen.append)
    assert np.mean([info.chi2 for info in seen[-5:]]) < 0.5 * seen[0].chi2
    assert np.mean([info.chi2 for info in seen[-5:]]) < 1.2
    there = travel_time_of(problem, config, swarm, problem.ends)
    back = travel_time_of(problem, config, swarm, problem.ends.flip(1))
    np.testing.assert_array_equal(there, back)
    chi2 = float(((there - problem.observed) / problem.std).square().mean())
    assert chi2 == pytest.approx(seen[-1].chi2, rel=0.5)
    velocity = velocity_at(problem, config, swarm, problem.domain.mean(dim=0, keepdim=True))
    assert velocity.shape == (10, 1)
    assert float(velocity.std()) > 0.02


def test_published_and_dense_adjoints_lead_the_same_way() -> None:
    problem = section_problem()
    dense = replace(SMALL, adjoint="dense", damping=1e-10)
    cgnr = replace(SMALL, n_adjoint=400, adjoint_tolerance=1e-10)
    start = start_swarm(problem, SMALL, seeded(shifted(5), 0))
    moved = [step_swarm(problem, config, start)[0].gradient_mean for config in (dense, cgnr)]
    np.testing.assert_allclose(moved[0], moved[1], atol=1e-2 * float(moved[0].abs().max()))


def test_prior_score_is_the_gradient_of_the_log_density() -> None:
    problem = section_problem()
    generator = torch.Generator().manual_seed(shifted(0))
    place = problem.domain[1] * torch.rand(12, 2, generator=generator, dtype=torch.float64)
    process = (0.1 * torch.randn(3, 12, generator=generator, dtype=torch.float64)).requires_grad_()
    covariance = problem.prior.covariance(place, place) + 0.05 * 0.2**2 * torch.eye(12).double()
    normal = torch.distributions.MultivariateNormal(torch.zeros(12).double(), covariance)
    (exact,) = torch.autograd.grad(normal.log_prob(process).sum(), process)
    found = prior_score(problem.prior, place, process.detach(), jitter=0.05)
    np.testing.assert_allclose(found, exact, rtol=1e-8)


@pytest.mark.parametrize("field_kind", ["velocity", "log_velocity"])
def test_velocity_and_its_derivative(field_kind) -> None:
    prior = section_problem(field_kind).prior
    place = torch.tensor([[0.0, 0.0], [1.0, 0.8]], dtype=torch.float64)
    process = torch.tensor([[0.1, -0.2]], dtype=torch.float64, requires_grad=True)
    velocity, derivative = velocity_of(prior, place, process)
    (exact,) = torch.autograd.grad(velocity.sum(), process)
    np.testing.assert_allclose(derivative.detach(), exact)
    assert bool((velocity > 0).all())


def test_sources_are_the_side_with_fewer_points() -> None:
    problem = section_problem()
    assert problem.anchors.shape == (5, 2)
    swapped = replace(problem, ends=problem.ends.flip(1))
    np.testing.assert_array_equal(problem.anchors, swapped.anchors)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"ends": torch.zeros(0, 2, 2)}, "at least one pick"),
        ({"observed": torch.zeros(3)}, r"observed has shape \(3,\)"),
        ({"std": torch.zeros(30)}, "std above zero"),
        ({"observed": torch.full((30,), torch.nan)}, "must be finite"),
        ({"domain": torch.tensor([[0.0, 0.0], [2.0, 1.0]])}, "outside the domain"),
        ({"domain": torch.zeros(2, 3)}, "coordinates"),
    ],
)
def test_bad_problems_are_refused(changes, message: str) -> None:
    with pytest.raises(InputError, match=message):
        replace(section_problem(dtype=torch.float32), **changes)


def test_a_pick_without_a_path_is_refused() -> None:
    problem = section_problem()
    ends = problem.ends.clone()
    ends[3, 1] = ends[3, 0]
    with pytest.raises(InputError, match="begins where it ends"):
        replace(problem, ends=ends)


@pytest.mark.parametrize(
    ("changes", "error"),
    [({"amplitude": 0.0}, PriorError), ({"lengths": (1.0, -1.0)}, PriorError),
     ({"bounds": (2.0, 1.0)}, PriorError)],
)  # fmt: skip
def test_improper_priors_are_refused(changes, error) -> None:
    with pytest.raises(error):
        replace(section_problem().prior, **changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n_particles": 1}, "n_particles is 1"),
        ({"force": "gravity"}, "force is 'gravity'"),
        ({"bandwidth": "mean"}, "bandwidth is 'mean'"),
        ({"pull_back": "push"}, "pull_back is 'push'"),
        ({"slave": "adam"}, "slave is 'adam'"),
        ({"adjoint": "none"}, "adjoint is 'none'"),
        ({"jitter": 0.0}, "jitter is 0.0"),
    ],
)
def test_bad_settings_are_refused(changes, message: str) -> None:
    with pytest.raises(InputError, match=message):
        replace(SMALL, **changes)
