"""Picks that look wrong: planted ones are found with their reasons, good ones left alone."""

import numpy as np
import pytest
from scipy.stats import poisson

from seisnb.conventions import InputError
from seisnb.outliers import suspects
from seisnb.survey import make_survey
from seisnb.synthetic import marine_line
from tests.bounds import FALSE_ALARM, counts
from tests.seeds import shifted


@pytest.fixture(scope="module")
def lines():
    return [marine_line(seed=shifted(seed))[0] for seed in range(5)]


def spoiled(survey, n, size, seed):
    rng = np.random.default_rng(shifted(seed))
    chosen = rng.choice(survey.sizes["pick"], n, replace=False)
    bad = survey.copy(deep=True)
    step = size * float(np.median(survey["pick_std"])) * rng.choice([-1, 1], n)
    bad["travel_time"].values[chosen] += step
    return bad, {int(pick) for pick in chosen}


def test_good_picks_are_left_alone(lines):
    named = [len(suspects(line)) for line in lines]
    assert np.mean(named) <= 2  # of about a thousand picks each


def test_planted_outliers_are_found(lines):
    """Nine in ten, and one other pick in a line, within the errors of such counts."""
    found = missed = wrong = 0
    for seed, line in enumerate(lines):
        bad, chosen = spoiled(line, 10, 15.0, seed)
        named = {each.pick for each in suspects(bad)}
        found, missed = found + len(named & chosen), missed + len(chosen - named)
        wrong += len(named - chosen)
    assert found >= counts(found + missed, 0.9)[0]
    assert wrong <= poisson.isf(FALSE_ALARM, len(lines))


def test_the_reason_says_where_how_much_and_which_way(lines):
    line = lines[0].copy(deep=True)
    pick = 300
    line["travel_time"].values[pick] += 1.0
    worst = suspects(line)[0]
    assert worst.pick == pick
    assert "later than its neighbours in the gather of" in worst.reason
    assert worst.score > 5


def test_muted_picks_neither_judge_nor_are_judged(lines):
    bad, chosen = spoiled(lines[0], 5, 20.0, 3)
    bad["used"].values[list(chosen)] = False
    assert not {each.pick for each in suspects(bad)} & chosen


def survey_of(pairs, times, **more):
    pairs = np.array(pairs, float)
    return make_survey(
        travel_time=np.array(times), pick_std=0.01, shot=np.arange(len(pairs)),
        receiver=np.arange(len(pairs)), shot_easting=pairs[:, 0], shot_depth=0.0,
        receiver_easting=pairs[:, 1], receiver_depth=0.0, **more,
    )  # fmt: skip


def test_a_path_picked_both_ways_must_agree():
    survey = survey_of([(0, 10), (10, 0), (0, 20), (20, 0)], [3.0, 3.2, 5.0, 5.001])
    found = suspects(survey)
    assert {each.pick for each in found} == {0, 1}
    assert "the same path the other way" in found[0].reason
    assert found[0].score == pytest.approx(0.2 / np.hypot(0.01, 0.01))


def test_nothing_is_faster_than_rock():
    found = suspects(survey_of([(0, 50), (0, 60)], [3.0, 12.0]))
    assert [each.pick for each in found] == [0]
    assert "faster than rock" in found[0].reason


def test_nonsense_is_refused(lines):
    with pytest.raises(InputError):
        suspects(lines[0].drop_vars("pick_std"))
