"""BokehJS for the page while Python is still loading: a dashboard is there a second earlier."""

from __future__ import annotations

import sys
from pathlib import Path

import anywidget
import bokeh
import traitlets

#: BokehJS as Python's own bokeh brings it.
BOKEH_JS = Path(bokeh.__file__).parent / "server" / "static" / "js" / "bokeh.min.js"
_STATIC = Path(__file__).parent / "static"


class Preload(anywidget.AnyWidget):
    """Brings BokehJS to the page unasked; it is closed once the page has it.

    A pane has to ask for it, and a kernel that loads modules does not answer.
    """

    _esm = (_STATIC / "preload.js").read_text(encoding="utf-8")
    bokeh_version = traitlets.Unicode(bokeh.__version__).tag(sync=True)
    library = traitlets.Bytes().tag(sync=True)

    def __init__(self) -> None:
        super().__init__(library=BOKEH_JS.read_bytes())
        self.on_msg(lambda *_: self.close())


def preload() -> None:
    """Send BokehJS ahead where a person's page waits for the running cell, otherwise nothing.

    Notebooks that are executed without a page keep what is sent to widgets: they get nothing.
    """
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    kernel = getattr(shell, "kernel", None)
    if getattr(kernel, "_allow_stdin", False):
        Preload()
