"""The wavefront network against closed forms, finite differences and the grid referee."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import eikonalfm
import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from seisnb.conventions import Cancelled, CheckpointError, InputError
from seisnb.traveltime.analytic import travel_time_linear_gradient
from seisnb.traveltime.wavefront import (
    Collocation,
    GridFrame,
    WavefrontNetwork,
    fit_heads,
    load_network,
)
from seisnb.traveltime.wavefront_heads import bilinear
from seisnb.traveltime.wavefront_training import (
    TrainingStep,
    WavefrontConfig,
    _gradient_step,
    _new_trunk,
    collocation_points,
    fitting_points,
    train_wavefront,
)
from seisnb.traveltime.wavefront_trunk import (
    Background,
    Trunk,
    fit_background,
    initial_weights,
    scale_jets,
    sine,
)
from tests.seeds import shifted

STEP = 0.5
FRAME = GridFrame(
    x0=0.0, dx=STEP, nx=61, dz=STEP, nz=25, surface=(np.array([0.0, 30.0]), np.zeros(2))
)
HILLY = replace(FRAME, surface=(np.linspace(0, 30, 16), 0.4 * np.sin(np.linspace(0, 9, 16)) - 0.2))
SOURCES = np.stack([np.arange(3.0, 30.0, 4.0), np.zeros(7)], axis=1)


def draws(n: int, seed: int, *, frame: GridFrame = FRAME) -> Tensor:
    """v = 2 + 0.3 z plus a Gaussian field of 0.3 km/s, lengths 8 and 4 km, drawn by axis."""
    rng = np.random.default_rng(shifted(seed))
    roots = []
    for x, length in ((frame.easting, 8.0), (frame.below_surface, 4.0)):
        values, vectors = np.linalg.eigh(np.exp(-((x[:, None] - x) ** 2) / length**2))
        roots.append(vectors * np.sqrt(np.clip(values, 0, None)))
    field = np.einsum("ij,njk,lk->nil", roots[0], rng.standard_normal((n, 61, 25)), roots[1])
    mean = (2 + 0.3 * frame.below_surface)[None, None, :]
    return torch.as_tensor(mean + 0.3 * field, dtype=torch.float32)


def referee(velocity: Tensor, source: float) -> np.ndarray:
    """Times (nx, nz) from a source on the level surface, grid of a fifth of the spacing."""
    refine = 5
    fine = torch.nn.functional.interpolate(
        velocity[None, None].double(), size=(60 * refine + 1, 24 * refine + 1),
        mode="bilinear", align_corners=True,
    )[0, 0].numpy()  # fmt: skip
    start, h = (round(source / STEP * refine), 0), STEP / refine
    factor = eikonalfm.factored_fast_marching(fine, start, (h, h), 2)
    x, z = np.meshgrid(*(np.arange(n) * h for n in fine.shape), indexing="ij")
    return (factor * np.hypot(x - source, z))[::refine, ::refine]


def untrained(
    frame: GridFrame = FRAME, dtype: torch.dtype = torch.float64, n_basis: int = 24
) -> WavefrontNetwork:
    """A network of random weights over the background of some draws."""
    generator = torch.Generator().manual_seed(shifted(3))
    background = fit_background(draws(16, 0).double().numpy(), frame, dtype=dtype)
    weights = initial_weights(32, 2, n_basis, generator, dtype)
    return WavefrontNetwork(
        trunk=Trunk(background=background, center=15.0, length=8.0, weights=weights),
        frame=frame,
        sources=torch.as_tensor(SOURCES),
        prior_head=torch.zeros(n_basis, dtype=dtype),
    )


@pytest.fixture(scope="module")
def trained() -> WavefrontNetwork:
    """A small network, trained for a few seconds."""
    torch.set_num_threads(1)
    config = WavefrontConfig(width=64, n_basis=96, n_models=96, n_collocation=500, n_steps=450)
    return train_wavefront(
        draws(96, 1),
        SOURCES,
        FRAME,
        generator=torch.Generator().manual_seed(shifted(0)),
        config=config,
    )


@pytest.fixture(scope="module")
def where(trained: WavefrontNetwork) -> Collocation:
    """Collocation points for fitting heads."""
    generator = torch.Generator().manual_seed(shifted(7))
    return trained.collocate(*fitting_points(trained, 2000, generator))


def pairs(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Random points and sources below the surface."""
    rng = np.random.default_rng(shifted(seed))
    size = np.array([30.0, 12.0])
    return rng.random((n, 2)) * size, rng.random((n, 2)) * size * [1.0, 0.3]


class TestBackground:
    def test_is_exact_in_a_linear_gradient(self) -> None:
        velocity = np.broadcast_to(2 + 0.3 * FRAME.below_surface, (1, 61, 25))
        background = fit_background(velocity, FRAME, dtype=torch.float64)
        network = replace(untrained(), trunk=replace(untrained().trunk, background=background))
        points, sources = pairs(200)
        found = network.times(points, sources, torch.zeros(24)).numpy()
        distance = np.hypot(*(points - sources).T)
        expected = travel_time_linear_gradient(
            distance, 2 + 0.3 * sources[:, 1], 2 + 0.3 * points[:, 1], 0.3
        )
        np.testing.assert_allclose(found, expected, rtol=1e-12)

    def test_obeys_the_eikonal_equation_of_its_medium(self) -> None:
        network = untrained()
        points, sources = pairs(200)
        gradient = network.jets(points, sources)[0][1:]
        speed, _ = network.trunk.background.velocity_at(torch.as_tensor(points))
        torch.testing.assert_close(gradient.norm(dim=0) * speed, torch.ones_like(speed))

    @pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
    @pytest.mark.parametrize("frame", [FRAME, HILLY])
    def test_source_has_time_zero_and_a_finite_gradient(
        self, dtype: torch.dtype, frame: GridFrame
    ) -> None:
        network = untrained(frame, dtype)
        head = torch.randn(24, generator=torch.Generator().manual_seed(shifted(1)), dtype=dtype)
        assert torch.equal(network.times(SOURCES, SOURCES, head), torch.zeros(7, dtype=dtype))
        background, corrections = network.jets(SOURCES, SOURCES)
        assert bool(torch.isfinite(background).all())
        assert bool(torch.isfinite(corrections).all())

    def test_float32_keeps_its_digits_close_to_the_source(self) -> None:
        single, double = untrained(dtype=torch.float32), untrained(dtype=torch.float64)
        source = np.array([[16.0, 0.0]])
        points = source + np.array([[1.0, 0.5]]) * 2.0 ** -np.arange(0, 12)[:, None]
        head = torch.zeros(24)
        found, expected = (n.times(points, source, head).double() for n in (single, double))
        torch.testing.assert_close(found, expected, rtol=1e-5, atol=0.0)

    def test_datum_lies_above_the_surface_and_is_smooth(self) -> None:
        background = untrained(HILLY).trunk.background
        x = torch.linspace(0, 30, 301, dtype=torch.float64)
        surface = torch.as_tensor(HILLY.surface_at(x.numpy()))
        value, gradient = background.velocity_at(torch.stack([x, surface], dim=1))
        assert float(value.min()) >= background.velocity - 1e-9
        step = 1e-4
        ahead, _ = background.velocity_at(torch.stack([x + step, surface], dim=1))
        torch.testing.assert_close(
            (ahead - value)[:-1] / step, gradient[0, :-1], atol=1e-4, rtol=1e-3
        )


class TestTrunk:
    @pytest.mark.parametrize("frame", [FRAME, HILLY])
    def test_tangents_are_the_derivatives_of_the_values(self, frame: GridFrame) -> None:
        network = untrained(frame)
        points, sources = (torch.as_tensor(frame.hang(p)) for p in pairs(50))
        step = 1e-6
        for phi in (True, False):

            def jet(at: Tensor, phi: bool = phi) -> Tensor:
                trunk = network.trunk
                return trunk.jets(at, sources) if phi else trunk.background.times(at, sources)

            for axis in (0, 1):
                shift = torch.zeros(2, dtype=torch.float64)
                shift[axis] = step
                found = jet(points)[1 + axis]
                expected = (jet(points + shift)[0] - jet(points - shift)[0]) / (2 * step)
                torch.testing.assert_close(found, expected, atol=1e-7, rtol=1e-5)

    def test_values_alone_are_those_of_the_jets(self) -> None:
        trunk = untrained().trunk
        points, sources = (torch.as_tensor(p) for p in pairs(20))
        values = trunk.jets(points, sources, values_only=True)
        torch.testing.assert_close(values[0], trunk.jets(points, sources)[0])

    def test_reverse_pass_of_the_sine(self) -> None:
        jet = torch.randn(
            3, 5, 4, generator=torch.Generator().manual_seed(shifted(0)), dtype=torch.float64
        )
        assert torch.autograd.gradcheck(sine, jet.requires_grad_())

    def test_is_reciprocal_for_any_weights(self) -> None:
        network = untrained(HILLY)
        head = torch.randn(
            24, generator=torch.Generator().manual_seed(shifted(1)), dtype=torch.float64
        )
        a, b = pairs(100)
        torch.testing.assert_close(network.times(a, b, head), network.times(b, a, head))
        assert network.reciprocity_error(head) < 1e-12


class TestTraining:
    def test_unseen_draws_agree_with_the_referee(
        self, trained: WavefrontNetwork, where: Collocation
    ) -> None:
        models = draws(4, seed=50)
        zero = torch.zeros(trained.n_basis)
        fit = fit_heads(where, models, zero)
        error, background_error = [], []
        for model, head in zip(models, fit.heads, strict=True):
            for source in SOURCES[::2]:
                x = np.arange(1.0, 30.0)
                points = np.stack([x, 0 * x], axis=1)
                truth = referee(model, source[0])[2:-1:2, 0]
                error.append(trained.times(points, source[None], head).numpy() - truth)
                background_error.append(trained.times(points, source[None], zero).numpy() - truth)
        rms, background_rms = (float(np.std(e)) for e in (error, background_error))
        assert rms < 0.04
        assert rms < 0.2 * background_rms

    def test_topography_agrees_with_the_closed_form(self) -> None:
        relief = torch.as_tensor(0.3 * HILLY.surface_at(HILLY.easting), dtype=torch.float32)
        config = WavefrontConfig(width=48, n_basis=64, n_models=64, n_steps=400)
        network = train_wavefront(
            draws(64, 1) + relief[:, None], SOURCES, HILLY,
            generator=torch.Generator().manual_seed(shifted(0)), config=config,
        )  # fmt: skip
        where = network.collocate(
            *fitting_points(network, 2000, torch.Generator().manual_seed(shifted(7)))
        )
        depth = HILLY.surface_at(HILLY.easting)[:, None] + HILLY.below_surface
        model = torch.as_tensor(2.3 + 0.24 * depth)
        head = fit_heads(where, model, network.prior_head).heads[0]
        points = np.stack([np.arange(1.0, 30.0), np.zeros(29)], axis=1)
        for source in SOURCES:
            found = network.times(points, source[None], head).numpy()
            (x, z), at = HILLY.hang(source), HILLY.hang(points)
            expected = travel_time_linear_gradient(
                np.hypot(at[:, 0] - x, at[:, 1] - z), 2.3 + 0.24 * z, 2.3 + 0.24 * at[:, 1], 0.24
            )
            assert float(np.abs(found - expected).max()) < 0.04

    def test_fitting_lowers_the_residual_of_unseen_draws(
        self, trained: WavefrontNetwork, where: Collocation
    ) -> None:
        model = draws(1, seed=51)[0]
        zero = torch.zeros(trained.n_basis)
        fit = fit_heads(where, model, zero)
        before = trained.eikonal_residual(zero, model, where)
        after = trained.eikonal_residual(fit.heads[0], model, where)
        assert after == pytest.approx(float(fit.residual_rms[0]), rel=1e-3)
        assert after < 0.3 * before
        fresh = trained.collocate(
            *fitting_points(trained, 2000, torch.Generator().manual_seed(shifted(8)))
        )
        assert trained.eikonal_residual(fit.heads[0], model, fresh) < 1.3 * after

    def test_warm_start_reaches_the_same_head_in_fewer_steps(
        self, trained: WavefrontNetwork, where: Collocation
    ) -> None:
        model = draws(1, seed=52)[0]
        cold = fit_heads(where, model, torch.zeros(trained.n_basis), n_steps=20, tolerance=1e-9)
        warm = fit_heads(where, 1.002 * model, cold.heads, n_steps=20)
        assert int(warm.n_steps) < int(cold.n_steps)
        again = fit_heads(where, model, warm.heads, n_steps=20, tolerance=1e-9)
        torch.testing.assert_close(again.residual_rms, cold.residual_rms, rtol=1e-3, atol=0)

    def test_batch_is_the_models_one_by_one(
        self, trained: WavefrontNetwork, where: Collocation
    ) -> None:
        models, start = draws(3, seed=53), trained.prior_head
        batch = fit_heads(where, models, start).heads
        single = torch.cat([fit_heads(where, model, start).heads for model in models])
        assert torch.equal(batch, single)

    def test_steps_repeat_to_the_last_digit_for_any_number_of_threads(self) -> None:
        config = WavefrontConfig(width=64, n_basis=96, n_models=96, n_steps=25)

        def train(n_threads: int) -> WavefrontNetwork:
            torch.set_num_threads(n_threads)
            return train_wavefront(
                lambda n, generator: draws(n, int(torch.randint(99, (1,), generator=generator))),
                SOURCES, FRAME, generator=torch.Generator().manual_seed(shifted(5)), config=config,
            )  # fmt: skip

        before = torch.get_num_threads()
        first, second = train(1), train(2)
        torch.set_num_threads(before)
        for a, b in zip(first.trunk.weights, second.trunk.weights, strict=True):
            assert torch.equal(a, b)
        assert torch.equal(first.prior_head, second.prior_head)

    @pytest.mark.parametrize("n", [41, 1])
    def test_a_step_has_the_gradients_of_the_mean_over_all_points(self, n: int) -> None:
        """By automatic differentiation of the residual as it is written, in float64."""
        generator = torch.Generator().manual_seed(shifted(3))
        models = draws(5, seed=61).double()
        trunk = _new_trunk(
            models, FRAME, WavefrontConfig(width=16, depth=2, n_basis=12), generator, torch.float64
        )
        weights = [weight.clone().requires_grad_() for weight in trunk.weights]
        trunk = replace(trunk, weights=weights)
        heads = 0.1 * torch.randn(5, 12, generator=generator, dtype=torch.float64)
        heads.requires_grad_()
        where = collocation_points(FRAME, np.array(SOURCES), n, generator, scale_depth=4.0)
        flat = models.reshape(5, -1).T.contiguous()
        pair = [torch.as_tensor(FRAME.hang(points)) for points in where]
        background = trunk.background.times(*pair)
        basis = scale_jets(background, trunk.jets(*pair))[1:]
        gradient = background[1:, :, None] + basis @ heads.T
        node, weight = bilinear(torch.from_numpy(where[0]), FRAME)
        speed = (flat[node] * weight[..., None]).sum(1)
        residual = torch.sqrt((gradient**2).sum(0) + 1e-20) * speed - 1
        expected = torch.autograd.grad(residual.square().mean(), [*weights, heads])
        own = heads.detach()
        mean = _gradient_step(trunk, own, flat, *where, FRAME, map)
        torch.testing.assert_close(mean, residual.square().mean().detach(), rtol=1e-12, atol=0)
        found = [each.grad for each in [*weights, own]]
        for one, other in zip(found, expected, strict=True):
            torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-12)

    def test_refresh_goes_on_from_a_network(self, trained: WavefrontNetwork) -> None:
        reports: list[TrainingStep] = []
        config = WavefrontConfig(n_collocation=500, n_steps=150, learning_rate=5e-3)
        models = draws(32, seed=60)
        refreshed = train_wavefront(
            models, SOURCES, FRAME, generator=torch.Generator().manual_seed(shifted(1)),
            config=config, network=trained, progress=reports.append,
        )  # fmt: skip
        assert reports[-1].step == 150
        assert reports[-1].fraction == 1.0
        fresh = train_wavefront(
            models, SOURCES, FRAME, generator=torch.Generator().manual_seed(shifted(1)),
            config=config,
        )  # fmt: skip
        points = fitting_points(trained, 1000, torch.Generator().manual_seed(shifted(2)))
        went_on, began = (
            float(fit_heads(n.collocate(*points), models, n.prior_head).residual_rms.mean())
            for n in (refreshed, fresh)
        )
        assert went_on < 0.8 * began

    def test_cancel_stops(self) -> None:
        with pytest.raises(Cancelled, match="before the network was trained"):
            train_wavefront(
                draws(4, 0), SOURCES, FRAME, generator=torch.Generator().manual_seed(shifted(0)),
                config=WavefrontConfig(width=8, n_basis=8, seconds=30.0), cancel=lambda: True,
            )  # fmt: skip

    @pytest.mark.parametrize(
        ("models", "sources", "message"),
        [
            (draws(2, 0)[:, :-1], SOURCES, "expected \\(n_models, 61, 25\\)"),
            (-draws(2, 0), SOURCES, "above zero"),
            (draws(2, 0), SOURCES + np.array([40.0, 0.0]), "source 0 at easting 43 km"),
            (draws(2, 0), SOURCES[:, 0], "expected \\(n_sources, 2\\)"),
        ],
    )
    def test_bad_input_is_named(self, models: Tensor, sources: np.ndarray, message: str) -> None:
        with pytest.raises(InputError, match=message):
            train_wavefront(
                models, sources, FRAME, generator=torch.Generator().manual_seed(shifted(0))
            )

    def test_bad_configuration_is_named(self) -> None:
        with pytest.raises(InputError, match="n_basis is 0"):
            WavefrontConfig(n_basis=0)
        with pytest.raises(InputError, match="seconds is None"):
            WavefrontConfig(seconds=None)


class TestSensitivity:
    def test_agrees_with_finite_differences_of_refitted_heads(
        self, trained: WavefrontNetwork, where: Collocation
    ) -> None:
        model = draws(1, seed=54)[0].double()
        ridge = 1e-6

        def refit(velocity: Tensor, start: Tensor) -> Tensor:
            return fit_heads(
                where, velocity, start, n_steps=30, tolerance=1e-13, ridge=ridge
            ).heads[0]

        head = refit(model, torch.zeros(trained.n_basis, dtype=torch.float64))
        points = np.array([[25.0, 0.0], [14.0, 0.0], [20.0, 0.0], [8.0, 3.0]])
        sources = np.array([[3.0, 0.0], [7.0, 0.0], [11.0, 0.0], [27.0, 0.0]])
        found = trained.velocity_sensitivity(where, model, head, points, sources, ridge=ridge)
        kernel = where.to_grid(found)
        change = draws(3, seed=55).double() - draws(3, seed=56).double()
        basis = trained.jets(points, sources)[1][0].double()
        for direction in change:
            step = 2e-3
            ahead, behind = (refit(model + s * step * direction, head) for s in (1, -1))
            expected = basis @ (ahead - behind) / (2 * step)
            torch.testing.assert_close(
                (kernel * direction).sum((1, 2)), expected, rtol=0.01,
                atol=0.01 * float(expected.abs().max()),
            )  # fmt: skip

    def test_grid_and_points_give_the_same_change(
        self, trained: WavefrontNetwork, where: Collocation
    ) -> None:
        direction = draws(1, seed=57)[0].double()
        sensitivity = torch.randn(
            2,
            len(where.points),
            generator=torch.Generator().manual_seed(shifted(0)),
            dtype=torch.float64,
        )
        at_points = (sensitivity * where.velocity(direction).double()).sum(1)
        at_nodes = (where.to_grid(sensitivity) * direction).sum((1, 2))
        torch.testing.assert_close(at_points, at_nodes, rtol=1e-4, atol=1e-3)


class TestRayBasis:
    def test_product_gives_the_times(self, trained: WavefrontNetwork) -> None:
        head = (
            torch.randn(trained.n_basis, generator=torch.Generator().manual_seed(shifted(2))) * 0.01
        )
        nodes = FRAME.nodes[::6, ::6]
        times = trained.basis_at(nodes) @ head
        assert times.shape == (7, 11, 5)
        assert times.dtype == torch.float32
        for found, source in zip(times, SOURCES, strict=True):
            expected = trained.times(nodes.reshape(-1, 2), source[None], head)
            torch.testing.assert_close(found.reshape(-1), expected, rtol=1e-5, atol=1e-5)

    def test_nodes_in_the_air_are_finite(self) -> None:
        nodes = np.stack(np.meshgrid(FRAME.easting, [-2.0, -0.5, 0.0], indexing="ij"), axis=-1)
        basis = untrained(HILLY).basis_at(nodes)
        assert bool(torch.isfinite(basis.background).all())
        assert bool(torch.isfinite(basis.corrections).all())


class TestFiles:
    def test_round_trip_loses_nothing(self, trained: WavefrontNetwork, tmp_path: Path) -> None:
        trained.save(tmp_path / "network.safetensors")
        again = load_network(tmp_path / "network.safetensors")
        points, sources = pairs(50)
        head = trained.prior_head
        assert torch.equal(again.times(points, sources, head), trained.times(points, sources, head))
        assert torch.equal(again.prior_head, head)
        assert torch.equal(again.sources, trained.sources)
        assert (again.frame.nx, again.frame.dz) == (trained.frame.nx, trained.frame.dz)

    def test_other_files_are_refused(self, tmp_path: Path) -> None:
        text = tmp_path / "text.safetensors"
        text.write_text("not a network, but longer than eight bytes")
        with pytest.raises(CheckpointError, match="not a wavefront network"):
            load_network(text)
        other = tmp_path / "other.safetensors"
        save_file({"a": torch.zeros(2)}, other, metadata={"format": "something else"})
        with pytest.raises(CheckpointError, match="something else"):
            load_network(other)


def test_models_of_another_grid_are_refused(where: Collocation) -> None:
    with pytest.raises(InputError, match="network's grid is \\(61, 25\\)"):
        where.velocity(torch.ones(10, 10))


def test_background_moves_between_devices() -> None:
    background = untrained().trunk.background
    assert isinstance(background.to(torch.device("cpu")), Background)
