"""Accessible names and live regions for ipywidgets, which leave some of them out."""

from __future__ import annotations

from pathlib import Path

import anywidget


class A11y(anywidget.AnyWidget):
    """An invisible widget that mends every ipywidget of its app (class ``seisnb-app``).

    Slider handles and progress bars get their visible label as name; boxes of class
    ``seisnb-status`` and ``seisnb-alert`` become live regions that screen readers announce.
    """

    _esm = (Path(__file__).parent / "static" / "a11y.js").read_text(encoding="utf-8")
