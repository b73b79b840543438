"""States are validated and come back from JSON; histories go back and forth."""

import json

import pytest
import traitlets

from seisnb.conventions import InputError
from seisnb.dashboards.state import ConfigTrait, History, State
from seisnb.dashboards.tomography.state import TomographyState
from seisnb.prior import PriorConfig


class Toy(State):
    kind = "toy"
    version = 2
    size = traitlets.Float(1.0, min=0.0)
    name = traitlets.Unicode("")
    chosen = traitlets.Tuple()
    prior = ConfigTrait(PriorConfig)


def test_there_and_back_through_json():
    toy = Toy(size=2.5, name="<b>", chosen=(3, 1))
    toy.prior = PriorConfig(amplitude=0.2, profile=((0.0, 2.0), (5.0, 6.0)))
    text = json.dumps(toy.to_json())
    again = Toy()
    again.take(json.loads(text))
    assert again.snapshot() == toy.snapshot()
    assert again.prior == toy.prior
    assert json.loads(text)["prior"] == {"amplitude": 0.2, "profile": [[0.0, 2.0], [5.0, 6.0]]}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"kind": "other"}, "of kind 'other'; expected 'toy'"),
        ({"version": 3}, "Update seisnb"),
        ({"version": "1"}, "version"),
        ({"sise": 1}, "no setting is called 'sise'"),
        ({"size": "big"}, "size is 'big'"),
        ({"size": -1.0}, "size is -1"),
        ({"size": float("nan")}, "finite"),
        ({"prior": {"amplitud": 1}}, "Did you mean prior.amplitude"),
        ({"prior": {"amplitude": -1}}, "amplitude is -1"),
        ({"prior": 3}, "expected an object"),
    ],
)
def test_what_cannot_be_is_refused_whole(content, message):
    toy = Toy()
    with pytest.raises(InputError, match=message):
        toy.take({"name": "changed", **content})
    assert toy.snapshot() == Toy().snapshot()


def test_a_change_is_all_or_nothing():
    toy = Toy()
    with pytest.raises(traitlets.TraitError):
        toy.change(name="x", size=-1.0)
    assert (toy.name, toy.size) == ("", 1.0)


@pytest.mark.parametrize(
    "values", [{"muted": [1, "2"]}, {"muted": [-1]}, {"compared": ["one"]}, {"tab": 9}]
)
def test_the_tomography_state_checks_its_values(values):
    with pytest.raises((InputError, traitlets.TraitError)):
        TomographyState().take(values)


def test_mutes_are_sorted_and_unique():
    state = TomographyState()
    state.take({"muted": [5, 1, 5]})
    assert state.muted == (1, 5)


@pytest.fixture
def toy():
    return Toy()


@pytest.fixture
def history(toy):
    return History(toy)


def test_undo_and_redo_any_number_of_steps(toy, history):
    for size in (2.0, 3.0, 4.0):
        toy.size = size
        history.record(f"size {size:g}")
    assert (history.can_undo, history.can_redo, history.undo_label) == (True, False, "size 4")
    seen = []
    while values := history.step(back=True):
        toy.take(values)
        seen.append(toy.size)
    assert seen == [3.0, 2.0, 1.0]
    assert (history.can_undo, history.redo_label) == (False, "size 2")
    toy.take(history.step(back=False))
    assert toy.size == 2.0


def test_a_new_step_forgets_what_was_undone(toy, history):
    toy.size = 2.0
    history.record("a")
    toy.take(history.step(back=True))
    toy.size = 5.0
    history.record("b")
    assert not history.can_redo
    assert history.step(back=False) is None


def test_nothing_changed_is_no_step(toy, history):
    history.record("nothing")
    assert not history.can_undo


def test_a_drag_is_one_step(toy, history):
    for size in range(2, 30):
        toy.size = float(size)
        history.record("drag", gesture="size")
    toy.name = "x"
    history.record("name")
    toy.size = 40.0
    history.record("drag", gesture="size")
    seen = []
    while values := history.step(back=True):
        toy.take(values)
        seen.append((toy.size, toy.name))
    assert seen == [(29.0, "x"), (29.0, ""), (1.0, "")]


def test_a_pause_ends_a_gesture(toy, history, monkeypatch):
    clock = [0.0]
    monkeypatch.setattr("seisnb.dashboards.state.time.monotonic", lambda: clock[0])
    for size in (2.0, 3.0):
        clock[0] += 5.0
        toy.size = size
        history.record("drag", gesture="size")
    toy.take(history.step(back=True))
    assert toy.size == 2.0


def test_what_nobody_did_is_no_step(toy, history):
    toy.size = 2.0
    history.record("a")
    toy.name = "from the data"
    history.absorb("name")
    toy.size = 3.0
    history.record("b")
    toy.take(history.step(back=True))
    assert (toy.size, toy.name) == (2.0, "from the data")
