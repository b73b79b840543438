"""The 60 km test line: accuracy of the clock, calibration, time, cost per member and core.

Run: make bench, or pytest -m benchmark tests/benchmarks/test_line.py
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import psutil
import pytest
import torch
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from seisnb import synthetic
from seisnb.diagnostics import coverage, expected_coverage
from seisnb.tomography import TomographyConfig
from seisnb.traveltime.base import Wavefronts, pick_geometry
from seisnb.traveltime.grid import GridWavefronts, referee_times
from seisnb.traveltime.network import train_network_wavefronts
from seisnb.traveltime.rays import RayForward, straight_rays
from tests.benchmarks.conftest import timed_invert

pytestmark = pytest.mark.benchmark
Say = Callable[[str], None]

BANDS = ((0.0, 2.0), (2.0, 5.0), (5.0, 10.0), (10.0, 20.01))
LINE = TomographyConfig(depth_max=20.0, cell=0.2)


def test_clock(say: Say) -> None:
    """Times and kernels at eight truths against the referee and finite differences."""
    worst = {"grid": 0.0, "network": 0.0, "both": 0.0}
    slope = 0.0
    network: Wavefronts | None = None
    for seed in range(8):
        survey, truth, prior = synthetic.test_line(seed)
        geometry, grid = pick_geometry(survey), prior.grid
        if network is None:
            generator = torch.Generator().manual_seed(0)
            network = train_network_wavefronts(
                prior.velocity(prior.draw(64, generator)), grid, geometry,
                step=0.4, spacing=0.6, n_steps=600, generator=generator,
            )  # fmt: skip
        referee = referee_times(truth, grid, geometry, 0.1)
        start = straight_rays(grid, geometry, 0.6)
        grid_source = GridWavefronts(step=0.8, spacing=0.6)
        sources = {"grid": (grid_source,), "network": (network,), "both": (network, grid_source)}
        for name, wavefronts in sources.items():
            forward = RayForward(prior=prior, geometry=geometry, wavefronts=wavefronts, n_steps=8)
            error = forward.times_in(truth, start)[0] - referee
            rms = float(np.sqrt(np.mean(error**2)))
            worst[name] = max(worst[name], rms)
            say(f"truth {seed}, rays {name}: {1e3 * rms:.2f} ms rms of the referee")
        forward = RayForward(prior=prior, geometry=geometry, wavefronts=(grid_source,), n_steps=12)
        unknowns = prior.unknowns_of(prior.process_of(truth))
        _, rays = forward.times(unknowns, start)
        refitted = replace(forward, wavefronts=())
        step = 1e-3 * np.random.default_rng(seed).normal(size=unknowns.size)
        ahead, behind = (refitted.times(unknowns + s * step, rays)[0] for s in (1, -1))
        numeric = (ahead - behind) / 2
        analytic = forward.kernel(unknowns, rays) @ step
        slope = max(slope, float(np.linalg.norm(analytic - numeric) / np.linalg.norm(numeric)))
    say(f"worst rms [ms]: { {name: round(1e3 * rms, 2) for name, rms in worst.items()} }")
    say(f"worst kernel error against finite differences: {slope:.2%}")
    assert worst["grid"] <= 5e-3
    assert slope <= 0.05


def test_calibration_and_time(say: Say) -> None:
    """Sixty-four members on eight truths: time, misfit, coverage, and spread far from rays."""
    chi2, seconds, far_ratio = [], [], []
    inside: dict[tuple[float, float], list[NDArray[np.float64]]] = {b: [] for b in BANDS}
    for seed in range(8):
        survey, truth, prior = synthetic.test_line(seed)
        run = timed_invert(survey, synthetic.TEST_LINE_PRIOR, LINE)
        ensemble = run.ensemble
        hit = coverage(ensemble["velocity"].values, truth.T)
        depth = ensemble["depth"].values
        for band in BANDS:
            inside[band].append(hit[(depth >= band[0]) & (depth < band[1])].mean())
        chi2.append(float(ensemble["chi2_referee"].mean()))
        seconds.append(run.total)
        lengths = prior.length_depth / 0.2, prior.length_easting / 0.2
        away = distance_transform_edt(
            ensemble["ray_coverage"].values == 0, sampling=(1 / lengths[0], 1 / lengths[1])
        )
        far = away > 2.0
        ratio = (ensemble["velocity_std"] / ensemble["prior_std"]).values
        far_ratio.append(float(ratio[far].mean()) if far.any() else np.nan)
        say(
            f"truth {seed}: {run.total:.1f} s, chi2 by referee {chi2[-1]:.3f}, 95 % intervals hold "
            + " / ".join(f"{inside[b][-1]:.2f}" for b in BANDS)
            + f", std over prior farther than two lengths from rays {far_ratio[-1]:.2f}"
        )
    n = LINE.n_members
    say(
        "mean coverage by band "
        + " / ".join(f"{np.mean(inside[b]):.3f}" for b in BANDS)
        + f" (calibrated ensembles of {n}: {expected_coverage(n, 0.95):.3f}); "
        f"chi2 {np.mean(chi2):.3f}; longest run {max(seconds):.1f} s"
    )
    assert max(seconds) <= 120
    assert 0.95 <= np.mean(chi2) <= 1.05
    assert not np.isfinite(far_ratio).any() or np.nanmean(far_ratio) >= 0.9


def test_spread_far_from_rays(say: Say) -> None:
    """A short spread at one end leaves rock that no ray comes near: its std is the prior's."""
    survey, _, prior = synthetic.test_line(3)
    near = (survey["shot_easting"] <= 20) & (survey["receiver_easting"] <= 20)
    short = survey.isel(pick=np.flatnonzero(near.values))
    ensemble = timed_invert(short, synthetic.TEST_LINE_PRIOR, LINE).ensemble
    scale = (0.2 / prior.length_depth, 0.2 / prior.length_easting)
    away = distance_transform_edt(ensemble["ray_coverage"].values == 0, sampling=scale)
    ratio = (ensemble["velocity_std"] / ensemble["prior_std"]).values[away > 2]
    say(f"{ratio.size} cells farther than two lengths from rays: std over prior {ratio.mean():.3f}")
    assert ratio.size > 1000
    assert ratio.mean() >= 0.9


def test_cost_per_member_and_core(say: Say) -> None:
    """Doubling members at most 2.1 times the time; two cores at least 1.7 times as fast as one."""
    survey, _, _ = synthetic.test_line(0)

    def seconds(n_members: int, n_workers: int) -> float:
        config = replace(LINE, n_members=n_members, n_workers=n_workers)
        return timed_invert(survey, synthetic.TEST_LINE_PRIOR, config).members

    seconds(8, 2)
    pairs = [(seconds(32, 2), seconds(64, 2), seconds(32, 1)) for _ in range(3)]
    doubling = float(np.median([b / a for a, b, _ in pairs]))
    cores = float(np.median([c / a for a, _, c in pairs]))
    say(f"64 members over 32: {doubling:.2f} times the time; two cores over one: {cores:.2f}")
    assert doubling <= 2.1
    assert cores >= 1.7


def test_ray_sources(say: Say) -> None:
    """What the network earns in 2-D: time and coverage by ray source, same seeds."""
    for source in ("grid", "network", "both"):
        covered, seconds, chi2 = [], [], []
        for seed in range(2):
            survey, truth, _ = synthetic.test_line(seed)
            config = replace(LINE, ray_source=source, n_members=32)
            run = timed_invert(survey, synthetic.TEST_LINE_PRIOR, config)
            covered.append(coverage(run.ensemble["velocity"].values, truth.T).mean())
            seconds.append(run.total)
            chi2.append(float(run.ensemble["chi2_referee"].mean()))
            if source != "grid":
                say(f"  chi2 by the network alone {run.ensemble['chi2_network'].values.mean():.2f}")
        say(
            f"rays {source}: {np.mean(seconds):.1f} s, chi2 {np.mean(chi2):.3f}, "
            f"95 % intervals hold {np.mean(covered):.3f}"
        )
        assert 0.9 <= np.mean(chi2) <= 1.1


def test_engines(say: Say) -> None:
    """Stein variational particles beside the default: spread and coverage on one truth."""
    survey, truth, _ = synthetic.test_line(0)
    spread = {}
    for engine in ("rml", "svgd"):
        config = replace(LINE, engine=engine, n_members=32)
        run = timed_invert(survey, synthetic.TEST_LINE_PRIOR, config)
        spread[engine] = float(run.ensemble["velocity_std"].mean())
        covered = coverage(run.ensemble["velocity"].values, truth.T).mean()
        say(
            f"engine {engine}: {run.total:.1f} s, mean std {spread[engine]:.3f} km/s, "
            f"95 % intervals hold {covered:.3f} (calibrated: {expected_coverage(32, 0.95):.3f})"
        )
    assert spread["svgd"] < spread["rml"]


def test_memory(say: Say) -> None:
    """256 members on 401 x 201 cells stay under 2 GiB, with the referee's process."""
    survey, _, _ = synthetic.test_line(0)
    config = replace(LINE, cell=0.15, depth_max=30.0, n_members=256)
    process, peak, done = psutil.Process(), 0, threading.Event()

    def watch() -> None:
        nonlocal peak
        while not done.wait(0.2):
            with contextlib.suppress(psutil.NoSuchProcess):
                family = [process, *process.children(recursive=True)]
                peak = max(peak, sum(each.memory_info().rss for each in family))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        ensemble = timed_invert(survey, synthetic.TEST_LINE_PRIOR, config).ensemble
    finally:
        done.set()
        watcher.join()
    say(f"velocity {ensemble['velocity'].shape}: at most {peak / 2**30:.2f} GiB in all processes")
    assert ensemble["velocity"].shape == (256, 201, 401)
    assert peak < 2 * 2**30
