"""What dashboards share: style, buttons, messages that screen readers announce."""

from __future__ import annotations

from typing import Any

import ipywidgets as widgets

CSS = """<style>
.seisnb-app { font-size: 13px; }
.seisnb-app .seisnb-alert .widget-html-content:not(:empty) { background: #fbeeee; color: #7d1418;
  border-left: 5px solid #c1272d; padding: 6px 10px; white-space: pre-wrap; line-height: 1.4; }
.seisnb-app .seisnb-status .widget-html-content { line-height: 1.4; white-space: normal; }
.seisnb-app .seisnb-title { font-size: 18px; font-weight: 600; line-height: 1.4; }
</style>"""


def button(label: str, icon: str, tip: str, **options: Any) -> widgets.Button:
    """A button with an icon and a tip."""
    return widgets.Button(description=label, icon=icon, tooltip=tip, **options)


def message(role: str) -> widgets.HTML:
    """A line of text that screen readers announce when it changes."""
    box = widgets.HTML()
    box.add_class(f"seisnb-{role}")
    return box
