"""What surrounds every dashboard: title, messages, undo and redo, code, session."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import Any, Protocol

import ipywidgets as widgets

from seisnb.dashboards.a11y import A11y
from seisnb.dashboards.controller import Controller
from seisnb.dashboards.controls import check_control, text_control
from seisnb.dashboards.looks import CSS, button, message, small_button, words, wrapped_row


class SessionController(Protocol):
    """A controller whose session can be kept, and told as code."""

    @property
    def code(self) -> str:
        """Python that makes what the dashboard shows."""
        ...

    def save_session(self, folder: str) -> None:
        """Write the session into a folder."""
        ...

    def restore_session(self, folder: str, *, allow_changed: bool = False) -> None:
        """Bring a session back."""
        ...


class Shell:
    """Title, undo, alert, status, code and session of a dashboard.

    Parameters
    ----------
    controller : Controller
        Also a :class:`SessionController`.
    session_folder : str
        Where sessions are saved unless another folder is typed.
    """

    def __init__(self, controller: Any, *, session_folder: str) -> None:
        self.controller: Controller = controller
        session: SessionController = controller
        self._session = session
        self.title = words(kind="title")
        self.undo = small_button("Undo", "undo", "Go one step back")
        self.redo = small_button("Redo", "repeat", "Go one step forth")
        self.status, self.alert = message("status"), message("alert")
        self.code = words()
        self.session_folder = text_control("Session folder", hint="a folder")
        self.session_folder.value = session_folder
        self.save_session = button("Save session", "save", "State, links to the data, results")
        self.restore_session = button("Restore session", "upload", "Bring a saved session back")
        self.allow_changed = check_control("Accept data that have changed", value=False)
        self.undo.on_click(lambda _: controller.undo())
        self.redo.on_click(lambda _: controller.redo())
        self.save_session.on_click(lambda _: session.save_session(self.session_folder.value))
        self.restore_session.on_click(
            lambda _: session.restore_session(
                self.session_folder.value, allow_changed=self.allow_changed.value
            )
        )
        kept = widgets.VBox(
            [
                self.session_folder,
                wrapped_row(self.save_session, self.restore_session),
                self.allow_changed,
            ]
        )
        self.foot = widgets.Accordion(
            [self.code, kept], titles=["Code: what is set here, as Python", "Session"],
            selected_index=None,
        )  # fmt: skip
        controller.history.observe(
            self._sync_history, ["can_undo", "can_redo", "undo_label", "redo_label"]
        )
        controller.observe(self._sync_error, "error")
        controller.state.observe(self._sync_code)
        self._sync_history()
        self._sync_error()
        self._sync_code()

    def around(self, body: widgets.Widget) -> list[widgets.Widget]:
        """Children of the app, with the body in their middle."""
        top = wrapped_row(self.title, self.undo, self.redo)
        return [words(CSS), top, self.alert, body, self.foot, A11y()]

    def refresh(self) -> None:
        """Show the code anew: the data have changed."""
        self._sync_code()

    def _sync_history(self, _: object = None) -> None:
        history = self.controller.history
        for control, can, what in (
            (self.undo, history.can_undo, history.undo_label),
            (self.redo, history.can_redo, history.redo_label),
        ):
            control.disabled = not can
            control.tooltip = f"{control.description}: {what}" if what else control.description

    def _sync_error(self, _: object = None) -> None:
        self.alert.value = escape(self.controller.error)

    def _sync_code(self, _: object = None) -> None:
        self.code.value = f'<pre class="seisnb-code">{escape(self._session.code)}</pre>'


def taking(controller: Controller, form: Any, name: str) -> Callable[..., bool]:
    """What takes a form's configuration over into the state, or shows why it cannot be."""

    def take(_: object = None) -> bool:
        with controller.reporting():
            controller.error = ""
            value = form.read()
            if value != getattr(controller.state, name):
                controller.change(f"set the {form.group}", f"form {name}", **{name: value})
        return not controller.error

    return take
