"""Amplitude, lengths and sigma scale against the prior that the truth was drawn from.

Run: make bench, or pytest -m benchmark tests/benchmarks/test_hyper_parameters.py
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from seisnb import synthetic
from seisnb.prior import PriorConfig
from seisnb.survey import used_picks
from seisnb.tomography import TomographyConfig, scan_prior
from seisnb.tomography.lengths import LENGTHS, choose_lengths
from seisnb.tomography.problem import make_frame

pytestmark = pytest.mark.benchmark
Say = Callable[[str], None]

TRUE = replace(synthetic.TEST_LINE_PRIOR, kernel="gaussian", length_depth_growth=0.0)
NAMES = ("amplitude", *LENGTHS)
HEAD = (
    "truth   evidence: a, lx, lz   WBIC: a, lx, lz    95 % of a      of lx        of lz      sigma"
)


@pytest.mark.parametrize(("share", "n_truths", "octaves"), [(1.0, 10, 1), (0.5, 20, 2)])
def test_scan(say: Say, share: float, n_truths: int, octaves: int) -> None:
    """The most probable combination, WBIC's, and whether the ranges hold the truth."""
    prior = replace(TRUE, amplitude=None, length_easting=None, length_depth=None)
    config = TomographyConfig(depth_max=20.0 * share, cell=0.2)
    # steps of sqrt 2, the true lengths in the middle, the true amplitude between two values
    steps = 2.0 ** (np.arange(-2 * octaves, 2 * octaves + 1) / 2)
    grid = {
        "amplitudes": 0.35 * 2.0 ** (np.arange(-2.5, 2.5) / 2),  # above 0.8 none is proper
        "lengths_easting": TRUE.length_easting * steps,
        "lengths_depth": TRUE.length_depth * steps,
    }
    say(f"\nshare {share:g} of the line, sigmas given wrong by 2 (true factor 0.5)\n{HEAD}")
    held = dict.fromkeys(NAMES, 0)
    log_off: dict[str, list[dict[str, float]]] = {"best_by_evidence": [], "best_by_wbic": []}
    scales, seconds = [], []
    for seed in range(n_truths):
        survey = synthetic.test_line(seed, share=share)[0]
        survey["pick_std"] = 2.0 * survey["pick_std"]
        begun = time.perf_counter()
        found = scan_prior(survey, prior, config, **grid)
        seconds.append(time.perf_counter() - begun)
        best = {name: json.loads(found.attrs[name]) for name in log_off}
        for name, values in best.items():
            log_off[name].append({k: np.log(values[k] / getattr(TRUE, k)) for k in NAMES})
        ranges = {name: found.attrs[f"credible_{name}"] for name in NAMES}
        for name in NAMES:
            held[name] += ranges[name][0] < getattr(TRUE, name) < ranges[name][1]
        scales.append(best["best_by_evidence"]["sigma_scale"])
        say(
            f"{seed:5d}   "
            + "   ".join(
                " ".join(f"{values[name]:6.3g}" for name in NAMES) for values in best.values()
            )
            + "   "
            + "  ".join(f"{low:5.3g}-{high:5.3g}" for low, high in ranges.values())
            + f"  {scales[-1]:.3f}"
        )
    for name, offs in log_off.items():
        factors = {k: float(np.exp(np.mean([abs(off[k]) for off in offs]))) for k in NAMES}
        say(f"{name}: mean factor off { {k: round(v, 2) for k, v in factors.items()} }")
    say(
        f"95 % ranges that hold the truth, of {n_truths}: {held}; sigma scale "
        f"{np.mean(scales):.3f} +- {np.std(scales):.3f}; {np.mean(seconds):.1f} s per scan"
    )


@pytest.mark.parametrize("is_open", ["lengths", "all but the mean profile", "all"])
def test_choice(say: Say, is_open: str) -> None:
    """What an inversion chooses by itself, by how much is left open."""
    prior = {
        "lengths": replace(TRUE, length_easting=None, length_depth=None),
        "all but the mean profile": PriorConfig(
            field="velocity", surface_velocity=2.0, gradient=0.3
        ),
        "all": PriorConfig(),
    }[is_open]
    config = TomographyConfig(depth_max=20.0, cell=0.2)
    off: dict[str, list[float]] = {name: [] for name in LENGTHS}
    say(f"\nopen: {is_open}")
    for seed in range(10):
        survey = used_picks(synthetic.test_line(seed)[0], where="benchmark")
        begun = time.perf_counter()
        frame = make_frame(survey, prior, config)
        best, tried = choose_lengths(survey, prior, config, frame, lambda _: None)
        seconds = time.perf_counter() - begun
        assert best is not None
        for name in LENGTHS:
            off[name].append(abs(np.log(getattr(best.prior, name) / getattr(TRUE, name))))
        say(
            f"truth {seed}: {best.prior.kernel}, {best.prior.length_easting:.3g} km along, "
            f"{best.prior.length_depth:.3g} km + {best.prior.length_depth_growth} z in depth, "
            f"amplitude {best.prior.amplitude:.2g}, sigmas x {best.sigma_scale:.3f}, "
            f"{len(tried)} fits, {seconds:.1f} s"
        )
    factors = {name: round(float(np.exp(np.mean(values))), 2) for name, values in off.items()}
    say(f"mean factor off (true: 12.7 km along, 4.95 km in depth): {factors}")
