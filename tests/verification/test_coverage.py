"""Coverage studies: the counting against ensembles whose calibration is known, then the real thing.

Draws of the prior are an ensemble that is calibrated beyond doubt when the truth is a draw of the
same prior; squeezed, it is overconfident by a known factor.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import xarray as xr

from seisnb import cli
from seisnb.conventions import Cancelled, CheckpointError, InputError
from seisnb.diagnostics import crps, expected_coverage, rank_of_truth
from seisnb.inference.base import seeded
from seisnb.prior import GaussianProcessPrior, PriorConfig
from seisnb.tomography import Progress, TomographyConfig
from seisnb.verification import cases, tables
from seisnb.verification.coverage import NO_RANK, coverage_study, gather, save_study
from seisnb.verification.judge import judge
from seisnb.verification.methods import METHODS, Method, find_method
from seisnb.verification.tables import (
    coverage_table,
    is_calibrated,
    scores_table,
    share,
    summarise,
)
from tests.bounds import student
from tests.seeds import shifted


@lru_cache
def small_process() -> GaussianProcessPrior:
    return cases.small_case(0).process


def prior_draws(config: TomographyConfig, squeeze: float) -> xr.Dataset:
    """An ensemble of prior draws, drawn together by a factor around their expectation."""
    prior = small_process()
    models = prior.velocity(prior.draw(config.n_members, seeded(config.seed, 7)))
    models = prior.mean + squeeze * (models - prior.mean)
    return xr.Dataset(
        {
            "velocity": (("particle", "depth", "easting"), models.transpose(0, 2, 1)),
            "chi2_referee": ("particle", np.full(config.n_members, 9.0)),
        },
        coords={"depth": prior.grid.below_surface, "easting": prior.grid.easting},
    )


def calibrated(
    survey: xr.Dataset,
    prior: PriorConfig | None = None,
    config: TomographyConfig | None = None,
    *,
    progress: Callable[[Progress], None] | None = None,
    cancel: Callable[[], bool] | None = None,
) -> xr.Dataset:
    """Stands in for invert: calibrated and ignorant."""
    assert config
    return prior_draws(config, 1.0)


def overconfident(
    survey: xr.Dataset,
    prior: PriorConfig | None = None,
    config: TomographyConfig | None = None,
    *,
    progress: Callable[[Progress], None] | None = None,
    cancel: Callable[[], bool] | None = None,
) -> xr.Dataset:
    """Stands in for invert: half the spread."""
    assert config
    return prior_draws(config, 0.5)


CALIBRATED = Method(name="calibrated", label="prior draws", inverter=calibrated)
OVERCONFIDENT = Method(name="overconfident", label="squeezed", inverter=overconfident)


@pytest.fixture(scope="module")
def ignorant(tmp_path_factory: pytest.TempPathFactory) -> xr.Dataset:
    """Both stand-ins on the same sixty truths, which are made once."""
    out = tmp_path_factory.mktemp("ignorant")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(cases.CASES, "small", lru_cache(maxsize=None)(cases.small_case))
        return coverage_study([CALIBRATED, OVERCONFIDENT], 60, out=out, case="small", n_members=39)


@pytest.fixture(scope="module")
def summary(ignorant: xr.Dataset) -> xr.Dataset:
    return summarise(ignorant, torch.Generator().manual_seed(shifted(0)))


def test_draws_of_the_prior_are_calibrated_everywhere(summary: xr.Dataset) -> None:
    found = summary.sel(method_name="calibrated")
    off = (found["coverage"] - found["expected"]) / found["coverage_error"]
    assert float(np.abs(off).max()) < student(59, off.size)
    assert float(found["coverage_error"].max()) < 0.06
    assert float(found["uniformity_p"].min()) > 0.005
    flat = (found["rank_histogram"] - 0.1) / found["rank_histogram_error"]
    assert float(np.abs(flat).max()) < student(59, flat.size)
    assert float(np.abs(found["crps_skill"]).max()) < 0.15
    np.testing.assert_allclose(found["std_ratio"], 1.0, atol=0.05)
    np.testing.assert_allclose(found["error_over_std"], 1.0, atol=0.15)


def test_half_the_spread_is_found_out(summary: xr.Dataset) -> None:
    found = summary.sel(method_name="overconfident")
    inside = 2 * 0.8365 - 1  # normal probability within 1.96 / 2 standard deviations
    assert float(found["coverage"].sel(zone="all", level=0.95)) == pytest.approx(inside, abs=0.06)
    assert float(found["uniformity_p"].sel(zone="all")) < 0.01
    assert float(found["error_over_std"].sel(zone="all")) == pytest.approx(2.0, abs=0.25)
    np.testing.assert_allclose(found["std_ratio"], 0.5, atol=0.03)
    histogram = found["rank_histogram"].sel(zone="all").values
    assert min(histogram[0], histogram[-1]) > 2 * histogram[4:6].max()
    assert not is_calibrated(summary, "overconfident")


def test_verdict_asks_for_every_band(summary: xr.Dataset) -> None:
    good = summary.copy(deep=True)
    good["coverage"].loc[{"level": 0.95}] = 0.95
    assert is_calibrated(good, "calibrated")
    one_band = good.copy(deep=True)
    one_band["coverage"].loc[{"level": 0.95, "zone": "5-10 km"}] = 0.89
    assert not is_calibrated(one_band, "calibrated")
    wide = good.copy(deep=True)
    wide["coverage"].loc[{"level": 0.95, "zone": "all"}] = 0.98
    assert not is_calibrated(wide, "calibrated")


def test_expectation_stands_beside_every_figure(summary: xr.Dataset) -> None:
    np.testing.assert_allclose(
        summary["expected"][0], [expected_coverage(39, level) for level in (0.5, 0.68, 0.9, 0.95)]
    )
    text = coverage_table(summary)
    for level in ("50% intervals", "68% intervals", "90% intervals", "95% intervals"):
        assert level in text
    [line] = [x for x in text.split("95% intervals")[1].splitlines() if x.startswith("calibrated")]
    held = float(summary["coverage"].sel(method_name="calibrated", zone="all", level=0.95))
    assert line.split()[1:4] == ["60", "0.950", f"{held:.3f}"]
    assert "prior draws" in scores_table(summary)


def test_zones_divide_the_section(summary: xr.Dataset) -> None:
    shares = summary["cell_share"].groupby("zone_kind").sum()
    np.testing.assert_allclose(shares, 1.0)
    assert {"no ray", "few rays", "many rays"} < set(summary["zone"].values)


def test_any_levels_for_a_reliability_curve(ignorant: xr.Dataset) -> None:
    levels = np.arange(0.1, 1.0, 0.1)
    curve = summarise(ignorant, torch.Generator().manual_seed(shifted(0)), levels=levels)[
        "coverage"
    ]
    assert (curve.sel(method_name="calibrated", zone="all").diff("level") > 0).all()


def test_share_of_equal_truths_has_the_standard_error_of_their_mean() -> None:
    hits = np.array([7.0, 9.0, 4.0, 10.0])
    mean, error = share(hits, np.full(4, 10.0))
    assert mean == pytest.approx(0.75)
    assert error == pytest.approx((hits / 10).std(ddof=1) / 2)
    assert np.isnan(share(hits[:1], np.full(1, 10.0))[1])
    assert np.isnan(share(np.zeros(3), np.zeros(3))).all()


def test_judged_cells_are_those_of_the_truth() -> None:
    """Ranks and scores cell by cell against the fine grid, picked by coordinate."""
    case = cases.small_case(3)
    ensemble = prior_draws(TomographyConfig(n_members=9, seed=3), 1.0)
    judged = judge(ensemble, case)
    fine = xr.DataArray(case.truth.T, coords=ensemble["velocity"][0].coords)
    at = {"depth": judged["depth"], "easting": judged["easting"]}
    truth, members = fine.sel(at).values, ensemble["velocity"].sel(at).values
    np.testing.assert_array_equal(judged["rank"], rank_of_truth(members, truth))
    np.testing.assert_allclose(judged["crps"], crps(members, truth), rtol=1e-5)
    np.testing.assert_allclose(judged["velocity_truth"], truth, rtol=1e-6)
    spacing = np.diff(judged["depth"])[0], np.diff(judged["easting"])[0]
    lengths = case.process.length_depth, case.process.length_easting
    np.testing.assert_allclose(spacing, np.array(lengths) / 5, rtol=0.1)
    # rays leave the lower corners alone and crowd under the receivers
    density = judged["ray_density"].values
    assert density[-1, 0] == density[-1, -1] == 0
    assert density[0, 2:-2].min() > 10


def test_an_ensemble_on_another_grid_is_refused() -> None:
    ensemble = prior_draws(TomographyConfig(n_members=3), 1.0).isel(easting=slice(None, None, 2))
    with pytest.raises(InputError, match="columns, its truth has"):
        judge(ensemble, cases.small_case(0))


class Counted:
    """Counts what it inverts; may stop the study."""

    def __init__(self, most: int = 100) -> None:
        self.seeds: list[int] = []
        self.most = most

    def __call__(self, survey: xr.Dataset, prior: Any, config: Any, **more: Any) -> xr.Dataset:
        if len(self.seeds) == self.most:
            raise KeyboardInterrupt
        self.seeds.append(config.seed)
        return prior_draws(config, 1.0)


def study(inverter: Any, out: Path, n_truths: int, **more: Any) -> xr.Dataset:
    method = Method(name="counted", label="counted", inverter=inverter)
    return coverage_study([method], n_truths, out=out, case="small", n_members=5, **more)


def test_a_study_goes_on_where_it_stood(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        study(Counted(most=2), tmp_path / "a", 4)
    assert gather(tmp_path / "a").sizes["truth"] == 2
    later = Counted()
    resumed = study(later, tmp_path / "a", 4)
    assert later.seeds == [2, 3]
    whole = study(Counted(), tmp_path / "b", 4)
    clock = [name for name in whole if str(name).startswith("seconds")]
    xr.testing.assert_identical(resumed.drop_vars(clock), whole.drop_vars(clock))
    study(later, tmp_path / "a", 4)
    assert later.seeds == [2, 3]


def test_methods_with_different_truths_stand_in_one_table(tmp_path: Path) -> None:
    coverage_study([CALIBRATED], 3, out=tmp_path, case="small", n_members=9)
    coverage_study([OVERCONFIDENT], 2, out=tmp_path, case="small", n_members=19, first_seed=2)
    both = gather(tmp_path)
    assert both["truth"].values.tolist() == [0, 1, 2, 3]
    rank = both["rank"]
    assert rank.dtype == np.int16
    missing = (rank == NO_RANK).all(["depth", "easting"])
    assert missing.values.tolist() == [[False, False, False, True], [True, True, False, False]]
    summary = summarise(both, torch.Generator())
    assert summary["n_truths"].values.tolist() == [3, 2]
    assert summary["n_members"].values.tolist() == [9, 19]
    assert np.isfinite(summary["coverage"]).all()
    alone = summarise(gather(tmp_path, ["overconfident"]), torch.Generator())
    np.testing.assert_allclose(alone["coverage"][0], summary["coverage"][1])


def test_a_folder_of_other_settings_is_refused(tmp_path: Path) -> None:
    study(Counted(), tmp_path, 1)
    with pytest.raises(CheckpointError, match="was made by .* Give another folder"):
        coverage_study(
            [Method(name="counted", label="", settings={"n_steps": 3}, inverter=Counted())],
            1, out=tmp_path, case="small", n_members=5,
        )  # fmt: skip


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"case": "marine"}, "no case 'marine'; expected line or small"),
        ({"n_truths": 0}, "0 truths"),
        ({"jobs": 0}, "0 jobs"),
        ({"methods": []}, "0 methods"),
        ({"methods": [Method(name="x", label="", settings={"n_stpes": 1})]}, "mean .*n_steps"),
    ],
)
def test_a_study_that_cannot_be(change: dict[str, Any], said: str, tmp_path: Path) -> None:
    given = {"methods": [CALIBRATED], "n_truths": 1, "case": "small", "out": tmp_path, **change}
    with pytest.raises(InputError, match=said):
        coverage_study(given.pop("methods"), given.pop("n_truths"), **given)


def test_nothing_to_gather(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no truths of a study"):
        gather(tmp_path)


def test_cancelled_studies_keep_what_is_done(tmp_path: Path) -> None:
    lines: list[str] = []
    with pytest.raises(Cancelled):
        study(Counted(), tmp_path, 3, report=lines.append, cancel=lambda: len(lines) == 1)
    assert gather(tmp_path).sizes["truth"] == 1


def test_methods_by_name_and_by_setting() -> None:
    assert find_method("network-unbent") is METHODS["network-unbent"]
    own = find_method("short:n_steps=3,bend=false")
    config = own.config(cases.small_case(0), n_members=8, seed=2)
    assert (config.n_steps, config.bend, config.n_members, config.seed) == (3, False, 8, 2)
    assert (config.cell, config.depth_max, config.n_workers) == (0.2, 10.0, 1)
    for text in ("grdi", "grid:n_steps=3", "a/b:n_steps=3"):
        with pytest.raises(InputError, match="grid, grid-unbent"):
            find_method(text)


def test_a_summary_survives_the_disk(summary: xr.Dataset, tmp_path: Path) -> None:
    save_study(summary, tmp_path / "summary.nc")
    with xr.open_dataset(tmp_path / "summary.nc", decode_timedelta=False) as held:
        assert coverage_table(held) == coverage_table(summary)
        assert scores_table(held) == scores_table(summary)


@pytest.mark.slow
def test_default_engine_on_forty_small_truths(tmp_path: Path) -> None:
    """What the full study asks for, and no zone, beyond the errors of forty truths."""
    found = coverage_study([METHODS["grid"]], 40, out=tmp_path, case="small", n_members=39)
    all_methods = summarise(found, torch.Generator().manual_seed(shifted(0)))
    summary = all_methods.isel(method_name=0)
    held, error = (summary[n].sel(level=0.95) for n in ("coverage", "coverage_error"))
    reach, (low, high) = student(39, held.size) * error, tables.CALIBRATED
    assert bool(((held + reach > low) & (held - reach < high)).all())
    for level in (0.68, 0.95):
        one = summary.sel(level=level)
        off = (one["coverage"] - one["expected"]) / one["coverage_error"]
        assert float(np.abs(off).max()) < student(39, 2 * off.size), one["coverage"].values
    assert float(summary["coverage_error"].sel(zone="all", level=0.95)) < 0.02
    assert float(summary["crps_skill"].sel(zone="0-2 km")) > 0.9
    assert 0.9 < float(summary["chi2_referee"]) < 1.1


@pytest.mark.slow
def test_processes_find_the_same(tmp_path: Path) -> None:
    one = coverage_study([METHODS["grid"]], 2, out=tmp_path / "a", case="small", n_members=4)
    two = coverage_study(
        [METHODS["grid"]], 2, out=tmp_path / "b", case="small", n_members=4, jobs=2
    )
    clock = [name for name in one if str(name).startswith("seconds")]
    xr.testing.assert_identical(one.drop_vars(clock), two.drop_vars(clock))


@pytest.mark.slow
def test_a_killed_study_keeps_whole_truths_and_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["verify", "coverage", "--case", "small", "--truths", "3", "--members", "4"]
    options += ["--out", str(tmp_path)]
    child = subprocess.Popen(
        [sys.executable, "-m", "seisnb", *options],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    until = time.monotonic() + 60
    while not list(tmp_path.glob("grid/truth_*.nc")) and time.monotonic() < until:
        time.sleep(0.02)
    child.send_signal(signal.SIGKILL)
    child.communicate()
    before = {path: path.stat().st_mtime_ns for path in tmp_path.glob("grid/truth_*.nc")}
    assert 1 <= len(before) < 3
    assert cli.main(options) == 0
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert gather(tmp_path).sizes["truth"] == 3
    printed = capsys.readouterr().out
    assert "95% intervals hold the truth" in printed
    assert (tmp_path / "tables.txt").read_text() in printed
    assert (tmp_path / "study.nc").is_file()
    assert (tmp_path / "summary.nc").is_file()


def test_a_wrong_method_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["verify", "coverage", "--out", str(tmp_path), "--methods", "grdi"]) == 2
    errors = capsys.readouterr().err.splitlines()
    assert len(errors) == 1
    assert "no method 'grdi'; expected grid, grid-unbent" in errors[0]
