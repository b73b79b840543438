"""When a controller has its views drawn, and where their failures go."""

import pytest
import traitlets

from seisnb.conventions import InputError
from seisnb.dashboards.controller import Controller
from seisnb.dashboards.state import State


class Toy(State):
    kind, version = "toy", 1
    left = traitlets.Int(0, min=0)
    right = traitlets.Int(0, min=0)


@pytest.fixture
def controller():
    return Controller(Toy())


@pytest.fixture
def seen(controller):
    """What happened, in order: steps of the history and pictures, each with the state drawn."""
    happened = []
    state = controller.state

    def draw():
        happened.append((state.left, state.right))

    controller.history.observe(lambda change: happened.append(change["new"]), "undo_label")
    state.observe(controller.guarded(draw), "left")
    state.observe(controller.guarded(draw), "right")
    return happened


def test_a_change_is_recorded_and_then_drawn_once(controller, seen):
    controller.change("both", left=1, right=2)
    assert seen == ["both", (1, 2)]


def test_what_is_set_outside_a_change_is_drawn_at_once(controller, seen):
    controller.state.left = 1
    controller.state.right = 2
    assert seen == [(1, 0), (1, 2)]


def test_a_refused_change_shows_the_state_as_it_was_and_its_reason(controller, seen):
    controller.change("both", left=1, right=-2)
    assert (controller.state.left, controller.state.right) == (0, 0)
    assert set(seen) <= {(0, 0)}
    assert "right" in controller.error


def test_a_view_that_changes_the_state_is_drawn_after_itself(controller, seen):
    def level():
        if controller.state.right < controller.state.left:
            controller.change("level", right=controller.state.left)

    controller.state.observe(controller.guarded(level), "left")
    controller.change("first", left=3)
    assert seen[0] == "first"
    assert seen[-1] == (3, 3)
    assert controller.history.undo_label == "level"


def test_one_view_that_fails_keeps_no_other_from_being_drawn(controller, seen):
    def fail():
        raise InputError("no ink")

    controller.state.observe(controller.guarded(fail), "left")
    controller.state.observe(controller.guarded(lambda: seen.append("last")), "left")
    controller.change("both", left=1)
    assert seen == ["both", (1, 0), "last"]
    assert controller.error == "no ink"
    controller.change("again", right=1)
    assert controller.error == ""
