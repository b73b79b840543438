"""A Bokeh figure as a Jupyter widget: offline, small in a saved notebook, always up to date.

BokehJS comes from Python's own bokeh over the widget's comm, once per page. Every view asks for
the current document, so a reloaded page never shows an old picture; a change is one message with
binary buffers.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anywidget
import bokeh
import traitlets
from bokeh.core.json_encoder import serialize_json
from bokeh.document import Document
from bokeh.document.events import DocumentPatchedEvent
from bokeh.embed.util import standalone_docs_json_and_render_items
from bokeh.model import Model
from bokeh.protocol import Protocol

from seisnb.dashboards.preload import BOKEH_JS

#: Tag of models whose changes in the browser come back, such as a source of points to be dragged.
HEARD = "heard"


class BokehPane(anywidget.AnyWidget):
    """Shows one Bokeh model; :meth:`show` puts another in its place, :meth:`clear` words.

    Parameters
    ----------
    model : bokeh model, optional
        A figure or layout; without one the description is shown as text.
    description : str
        What a screen reader says the figure is.

    Notes
    -----
    Events that Python code subscribed to by ``on_event``, changes of selections and of models with
    the tag :data:`HEARD` come back from the browser. Ranges do not: zooming stays there.
    """

    _esm = (Path(__file__).parent / "static" / "pane.js").read_text(encoding="utf-8")
    bokeh_version = traitlets.Unicode(bokeh.__version__).tag(sync=True)
    description = traitlets.Unicode("figure").tag(sync=True)
    revision = traitlets.Int(0).tag(sync=True)
    has_export = traitlets.Bool(True).tag(sync=True)

    listened = ("Selection",)
    _is_attached = False
    _held: list[DocumentPatchedEvent] | None = None

    def __init__(
        self, model: Model | None = None, *, description: str = "figure", **options: Any
    ) -> None:
        super().__init__(description=description, **options)
        self._model = self._attached(model)
        self.on_msg(self._on_message)

    @property
    def model(self) -> Model | None:
        """The Bokeh model on show; None while there are only words."""
        return self._model

    def show(self, model: Model, *, description: str | None = None) -> None:
        """Show another model in every view."""
        self._detach()
        self._model = self._attached(model)
        self._renew(self.description if description is None else description)

    def clear(self, text: str) -> None:
        """Show words in the place of the figure."""
        self._detach()
        self._model = None
        self._renew(text)

    def _renew(self, description: str) -> None:
        """Have views ask again; one message, so that none has new words on an old figure."""
        with self.hold_sync():
            self.description = description
            self.revision += 1

    @contextmanager
    def together(self) -> Iterator[None]:
        """Send what a block changes in the figure as one message: it is painted once."""
        if self._held is not None:
            yield
            return
        self._held = []
        try:
            yield
        finally:
            events, self._held = self._held, None
            if events:
                self._send_patch(events)

    def select_one(self, name: str) -> Any:
        """The part of the figure of this name; None where there is none."""
        return None if self._model is None else self._model.select_one({"name": name})

    def close(self) -> None:
        """Close the widget and let the document go."""
        self._detach()
        super().close()

    def _attached(self, model: Model | None) -> Model | None:
        """The model in a document of its own whose changes are sent."""
        if model is None:
            return None
        if model.document is None:
            Document().add_root(model)
        model.document.on_change_dispatch_to(self)
        self._is_attached = True
        return model

    def _detach(self) -> None:
        """Stop sending the shown document's changes; a second time does nothing."""
        if self._held:
            self._held.clear()
        if self._is_attached and self._model is not None:
            self._model.document.callbacks.remove_on_change(self)
            self._is_attached = False

    def _on_message(self, _: object, content: dict[str, Any], __: list[memoryview]) -> None:
        """Answer a view, or take over what it reports."""
        kind = content["kind"]
        if kind == "bokehjs":
            self.send({"re": content["id"]}, [BOKEH_JS.read_bytes()])
        elif kind == "doc":
            self.send({"re": content["id"], **self._document_message()})
        elif kind == "event" and self._model is not None and content["revision"] == self.revision:
            self._model.document.apply_json_patch(json.loads(content["patch"]), setter=self)

    def _document_message(self) -> dict[str, Any]:
        """The whole document as it is now, or the words in its place."""
        if self._model is None:
            return {"text": self.description, "revision": self.revision}
        document = self._model.document
        for model in document.models:
            model._update_event_callbacks()  # on_event() after attaching is otherwise never heard
        documents, _ = standalone_docs_json_and_render_items(
            [self._model], suppress_callback_warning=True
        )
        return {
            "doc": serialize_json(next(iter(documents.values()))),
            "roots": [root.id for root in document.roots],
            "listen": self.listened,
            "revision": self.revision,
        }

    def _document_patched(self, event: DocumentPatchedEvent) -> None:
        """Send a change to the views; Bokeh calls this for every one."""
        if event.setter is self:
            return
        if self._held is None:
            self._send_patch([event])
        else:
            self._held.append(event)

    def _send_patch(self, events: list[DocumentPatchedEvent]) -> None:
        message = Protocol().create("PATCH-DOC", events)
        self.send(
            {
                "kind": "patch",
                "revision": self.revision,
                "content": message.content_json,
                "ids": [buffer.ref["id"] for buffer in message.buffers],
            },
            [buffer.to_bytes() for buffer in message.buffers],
        )
