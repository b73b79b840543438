"""The pane's half of the conversation with the browser, without a browser."""

import json
from types import SimpleNamespace

import IPython
import numpy as np
import pytest
from bokeh.events import Tap
from bokeh.models import ColumnDataSource
from bokeh.plotting import figure

from seisnb.dashboards.pane import BokehPane
from seisnb.dashboards.preload import Preload, preload


def make_pane():
    source = ColumnDataSource({"x": np.arange(3.0), "y": np.ones(3)}, name="points")
    plot = figure(width=200, height=100)
    plot.scatter("x", "y", source=source)
    pane = BokehPane(plot, description="three points")
    sent = []
    pane.send = lambda content, buffers=None: sent.append((content, buffers))
    return pane, plot, source, sent


def event(pane, kind, **content):
    return {
        "kind": "event",
        "revision": pane.revision,
        "patch": json.dumps({"events": [{"kind": kind, **content}]}),
    }


def test_bokehjs_comes_from_the_installed_bokeh():
    pane, *_, sent = make_pane()
    pane._on_message(None, {"kind": "bokehjs", "id": "1"}, [])
    content, [code] = sent[0]
    assert content == {"re": "1"}
    assert pane.bokeh_version.encode() in code


def test_every_view_gets_the_current_document():
    pane, plot, source, sent = make_pane()
    source.data = {"x": [7.5], "y": [8.5]}
    pane._on_message(None, {"kind": "doc", "id": "2"}, [])
    answer = sent[-1][0]
    assert answer["roots"] == [plot.id]
    assert "7.5" in answer["doc"]
    assert answer["revision"] == 0


def test_a_change_is_one_message_with_binary_buffers():
    _pane, _, source, sent = make_pane()
    source.data = {"x": np.array([0.5, 1.5]), "y": np.array([1.0, 2.0])}
    assert len(sent) == 1
    content, buffers = sent[0]
    assert content["kind"] == "patch"
    assert len(content["ids"]) == len(buffers) == 2
    assert [np.frombuffer(b).tolist() for b in buffers] == [[0.5, 1.5], [1.0, 2.0]]


def test_changes_made_together_are_one_message():
    pane, plot, source, sent = make_pane()
    with pane.together():
        source.data = {"x": np.array([0.5]), "y": np.array([1.0])}
        with pane.together():
            plot.title.text = "both"
        assert sent == []
    assert len(sent) == 1
    content, buffers = sent[0]
    assert [e["kind"] for e in json.loads(content["content"])["events"]] == [
        "ColumnDataChanged",
        "ModelChanged",
    ]
    assert len(buffers) == 2
    with pane.together():
        plot.title.text = "another figure takes its place"
        pane.clear("gone")
    assert len(sent) == 1


def test_a_selection_made_in_the_browser_reaches_python_and_is_not_echoed():
    pane, _, source, sent = make_pane()
    heard = []
    source.selected.on_change("indices", lambda attr, old, new: heard.append(new))
    patch = event(
        pane,
        "ModelChanged",
        model={"id": source.selected.id},
        attr="indices",
        new=[0, 2],
    )
    pane._on_message(None, patch, [])
    assert heard == [[0, 2]]
    assert sent == []


def test_a_tap_reaches_python_even_when_subscribed_after_wrapping():
    pane, plot, _, _ = make_pane()
    heard = []
    plot.on_event(Tap, lambda tap: heard.append((tap.x, tap.y)))
    pane._on_message(None, {"kind": "doc", "id": "3"}, [])
    values = {"type": "map", "entries": [["model", {"id": plot.id}], ["x", 1.25], ["y", 2.5]]}
    patch = event(
        pane,
        "MessageSent",
        msg_type="bokeh_event",
        msg_data={"type": "event", "name": "tap", "values": values},
    )
    pane._on_message(None, patch, [])
    assert heard == [(1.25, 2.5)]


def test_show_replaces_the_document_and_the_old_one_falls_silent():
    pane, _, source, sent = make_pane()
    late = event(pane, "ModelChanged", model={"id": source.selected.id}, attr="indices", new=[1])
    fresh = figure(width=200, height=100)
    pane.show(fresh, description="empty axes")
    assert (pane.revision, pane.description, pane.model) == (1, "empty axes", fresh)
    source.data = {"x": [1.0], "y": [1.0]}
    assert [content for content, _ in sent if content.get("kind") == "patch"] == []
    pane._on_message(None, late, [])
    assert source.selected.indices == []


def test_new_words_and_a_new_figure_go_to_the_views_as_one_message(monkeypatch):
    pane, *_ = make_pane()
    states = []
    monkeypatch.setattr(pane, "send_state", lambda key=None: states.append(set(key)))
    monkeypatch.setattr(type(pane), "comm", "a page")
    pane.show(figure(width=200, height=100), description="empty axes")
    pane.clear("nothing yet")
    assert states == [{"description", "revision"}] * 2


def test_nothing_big_is_kept_in_the_widget_state():
    pane, *_ = make_pane()
    state = {k: v for k, v in pane.get_state().items() if k != "_esm"}
    assert len(json.dumps(state, default=str)) < 2000
    assert len(pane.get_state()["_esm"]) < 10_000


def test_close_lets_the_document_go():
    pane, _, source, sent = make_pane()
    pane.close()
    sent.clear()
    source.data = {"x": [1.0], "y": [1.0]}
    assert sent == []


@pytest.mark.parametrize("waits", [True, False])
def test_the_library_goes_ahead_only_to_a_page_that_waits(monkeypatch, waits):
    made = []
    shell = SimpleNamespace(kernel=SimpleNamespace(_allow_stdin=waits))
    monkeypatch.setattr(IPython, "get_ipython", lambda: shell)
    monkeypatch.setattr("seisnb.dashboards.preload.Preload", lambda: made.append(1))
    preload()
    assert made == [1] * waits


def test_the_library_that_went_ahead_is_let_go_once_the_page_has_it():
    sent = Preload()
    assert b"Bokeh" in sent.library
    sent._handle_custom_msg({"kind": "taken"}, [])
    assert sent.comm is None
