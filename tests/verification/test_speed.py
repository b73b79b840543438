"""The stopwatch: first times at a target, gains, and bounds for runs that never get there."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from seisnb.conventions import InputError
from seisnb.inference.base import seeded
from seisnb.verification import cases
from seisnb.verification.cases import Case
from seisnb.verification.methods import METHODS
from seisnb.verification.speed import (
    Snapshot,
    Target,
    final_snapshot,
    iterated_snapshots,
    speed_against,
    speed_table,
)
from tests.seeds import shifted
from tests.verification.test_coverage import CALIBRATED


def squeezed_towards_truth(case: Case, n_members: int, spread: float, seed: int) -> np.ndarray:
    """The truth plus prior spread times a factor: chi2 falls with it."""
    prior = case.process
    models = prior.velocity(prior.draw(n_members, seeded(shifted(seed), 1)))
    return case.truth + spread * (models - prior.mean)


def falling(case: Case, n_members: int) -> Iterator[Snapshot]:
    """From the prior's spread through the reference's to a collapse."""
    for k, spread in enumerate((1.0, 0.5, 0.1, 0.01)):
        yield Snapshot(
            seconds=10.0 * (k + 1), velocity=squeezed_towards_truth(case, n_members, spread, 2)
        )


def at_once(case: Case, n_members: int) -> Iterator[Snapshot]:
    yield Snapshot(seconds=0.5, velocity=squeezed_towards_truth(case, n_members, 0.1, 3))


def test_first_times_gain_and_bound() -> None:
    """The reference is the prior itself, so that the right spread is known at every snapshot."""
    case = cases.small_case(1)
    lines: list[str] = []
    found = speed_against(
        case,
        {"late": falling, "never": at_once},
        n_members=24,
        reference=CALIBRATED,
        target=Target(chi2=1e9, std_off=0.2),
        report=lines.append,
    )
    ratio = found["std_ratio"].values
    # it was there at the first snapshot, and was not asked for another
    assert len(lines) == 2
    assert ratio[0, 0] == pytest.approx(1.0, abs=0.15)
    assert ratio[1, 0] == pytest.approx(0.1, abs=0.02)
    assert found["seconds_to_both"].values[0] == 10.0
    assert np.isnan(found["seconds_to_both"].values[1])
    assert found["is_bound"].values.tolist() == [0, 1]
    assert found["gain"].values == pytest.approx([1.0, 0.05])
    table = speed_table(found)
    assert "not in 0.5" in table
    assert "at least 0.1" in table or "at least 0.0" in table


def test_misfit_and_spread_are_timed_apart() -> None:
    """A run that fits only after its spread has collapsed never has both."""
    case = cases.small_case(1)
    found = speed_against(
        case,
        {"collapsing": falling},
        n_members=24,
        reference=CALIBRATED,
        target=Target(chi2=1.2, std_off=0.2),
    )
    chi2 = found["chi2_referee"].values[0]
    assert (np.diff(chi2) < 0).all()
    assert chi2[-1] == pytest.approx(1.0, abs=0.2)
    assert float(found["seconds_to_std"][0]) == 10.0
    assert float(found["seconds_to_chi2"][0]) == 10.0 * (1 + int(np.argmax(chi2 <= 1.2)))
    assert np.isnan(found["seconds_to_both"].values[0])
    assert "gain" in speed_table(found)


def test_budget_ends_a_run() -> None:
    found = speed_against(
        cases.small_case(1),
        {"collapsing": falling},
        n_members=4,
        reference=CALIBRATED,
        n_reference=8,
        target=Target(chi2=0.0),
        budget=15.0,
    )
    assert found["seconds"].values[0].tolist() == [10.0, 20.0]


def test_members_of_another_shape_are_refused() -> None:
    def wrong(case: Case, n_members: int) -> Iterator[Snapshot]:
        yield Snapshot(seconds=1.0, velocity=np.ones((n_members, 3, 3)))

    given = {"n_members": 4, "reference": CALIBRATED, "n_reference": 4}
    with pytest.raises(InputError, match="wrong gave velocity of shape"):
        speed_against(cases.small_case(1), {"wrong": wrong}, **given)
    with pytest.raises(InputError, match="no runs"):
        speed_against(cases.small_case(1), {}, **given)


@pytest.mark.slow
def test_default_engine_against_stein_particles() -> None:
    """The default is there in one go; particles are timed at ever more iterations."""
    case = cases.small_case(0)
    found = speed_against(
        case,
        {
            "grid": final_snapshot(METHODS["grid"]),
            "svgd": iterated_snapshots(METHODS["svgd"], (1, 4)),
        },
        n_members=24,
        reference=METHODS["grid"],
        n_reference=96,
        target=Target(chi2=1.15, std_off=0.25),
    )
    assert float(found["seconds_to_both"].sel(run="grid")) > 0
    assert float(found["std_ratio"].sel(run="grid")[0]) == pytest.approx(1.0, abs=0.2)
    seconds = found["seconds"].sel(run="svgd").values
    assert seconds[0] > 0
