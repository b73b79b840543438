"""Answers that follow a control: the quick one first, and none that nobody waits for."""

import pytest
import xarray as xr

from seisnb.conventions import Cancelled
from seisnb.dashboards.location import answers
from seisnb.dashboards.location.answers import N_KEPT, QUICK_SAMPLES, Answers
from seisnb.location import LocationConfig


@pytest.fixture(autouse=True)
def no_rest(monkeypatch):
    monkeypatch.setattr(answers, "REST", 0.0)


def answer(config, is_old):
    return xr.Dataset(attrs={"n": config.n_samples})


def taken(kept, asked=("event", 1), find=answer, is_old=lambda: False):
    """What is handed over: samples, and whether it is the full answer."""
    found = []
    kept.give(
        asked, LocationConfig(), find, lambda each, full: found.append((each.attrs["n"], full)),
        is_old,
    )  # fmt: skip
    return found


def test_the_quick_answer_comes_first_and_the_full_one_is_kept():
    kept, full = Answers(), (LocationConfig().n_samples, True)
    assert taken(kept) == [(QUICK_SAMPLES, False), full]
    assert taken(kept) == [full]
    assert taken(kept, ("event", 2)) == [(QUICK_SAMPLES, False), full]
    kept.forget()
    assert taken(kept) == [(QUICK_SAMPLES, False), full]


def test_the_oldest_answers_go():
    kept = Answers()
    for number in range(N_KEPT + 1):
        taken(kept, (number,))
    assert len(taken(kept, (1,))) == 1
    assert len(taken(kept, (0,))) == 2


@pytest.mark.parametrize("is_heard", [True, False])
@pytest.mark.parametrize("samples", [QUICK_SAMPLES, LocationConfig().n_samples])
def test_work_that_became_old_gives_up_and_shows_nothing(samples, is_heard):
    """Whether the work hears of it, or ends before it asks."""
    asked = []

    def find(config, is_old):
        if config.n_samples == samples:
            asked.append(config.n_samples)
            if is_heard and is_old():
                raise Cancelled("locate: cancelled before any event was located.")
        return answer(config, is_old)

    kept = Answers()
    found = taken(kept, find=find, is_old=lambda: bool(asked))
    assert found == [(QUICK_SAMPLES, False)][: samples != QUICK_SAMPLES]
    assert len(taken(kept)) == 2  # nothing of it was kept
