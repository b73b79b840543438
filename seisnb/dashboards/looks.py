"""What dashboards share: style, buttons, messages that screen readers announce."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any, TypeVar

import ipywidgets as widgets
from ipywidgets.widgets.widget_string import HTMLStyle

from seisnb.dashboards.verdict_box import VERDICT_CSS

CSS = (
    f"<style>{VERDICT_CSS}"
    + """
.seisnb-app { font-size: 13px; }
.seisnb-app .seisnb-alert .widget-html-content:not(:empty) { background: #fbeeee; color: #7d1418;
  border-left: 5px solid #c1272d; padding: 6px 10px; white-space: pre-wrap; line-height: 1.4; }
.seisnb-app .seisnb-status .widget-html-content { line-height: 1.4; white-space: normal; }
.seisnb-app .seisnb-title { font-size: 18px; font-weight: 600; line-height: 1.4; }
.seisnb-app .seisnb-text .widget-html-content { line-height: 1.4; white-space: normal; }
.seisnb-app .seisnb-verdict { border-left: 5px solid #1c5460; background: #eef4f5; color: #1a1a1a;
  padding: 6px 10px; margin: 4px 0; font-size: 14px; }
.seisnb-app .seisnb-text table { border-collapse: collapse; }
.seisnb-app .seisnb-text th, .seisnb-app .seisnb-text td { text-align: left;
  padding: 2px 12px 2px 0; vertical-align: top;
  border-bottom: 1px solid var(--jp-border-color2, #ddd); }
.seisnb-app .jupyter-widget-Collapse-header,
.seisnb-app .jupyter-widget-tab > .lm-TabBar .lm-TabBar-tab {
  color: var(--jp-ui-font-color1, #1a1a1a); }
.seisnb-app pre.seisnb-code { font: 12px/1.4 monospace; white-space: pre-wrap; margin: 0;
  color: inherit; background: none; }
.seisnb-app .seisnb-pane { background: #fff; overflow-x: auto; }
.seisnb-app .widget-button.mod-primary { background: #1c5460; color: #fff; }
</style>"""
)


LookT = TypeVar("LookT", widgets.Layout, widgets.Style)
_looks: dict[tuple[object, ...], widgets.Widget] = {}


def shared(kind: type[LookT], **traits: str) -> LookT:
    """One style or layout for all that look the same, not to be changed.

    Every style and layout is a model of its own in the page; one each would be most of its models.
    """
    key = (kind, *sorted(traits.items()))
    found = _looks.get(key)
    if not isinstance(found, kind) or found.comm is None:  # closed with all widgets
        found = _looks[key] = kind(**traits)
    return found


def button(label: str, icon: str, tip: str, *, width: str = "", **options: Any) -> widgets.Button:
    """A button with an icon and a tip."""
    look = {"width": width} if width else {}
    return widgets.Button(
        description=label, icon=icon, tooltip=tip, style=shared(widgets.ButtonStyle),
        layout=shared(widgets.Layout, **look), **options,
    )  # fmt: skip


def small_button(label: str, icon: str, tip: str, **options: Any) -> widgets.Button:
    """A button as wide as its words."""
    return button(label, icon, tip, width="auto", **options)


def words(html: str = "", *, kind: str = "") -> widgets.HTML:
    """Text of a class ``seisnb-<kind>``; the caller escapes what came from files."""
    box = widgets.HTML(html, style=shared(HTMLStyle), layout=shared(widgets.Layout))
    if kind:
        box.add_class(f"seisnb-{kind}")
    return box


def message(role: str) -> widgets.HTML:
    """A line of text that screen readers announce when it changes."""
    return words(kind=role)


def text_box(html: str = "") -> widgets.HTML:
    """Text with tables; the caller escapes what came from files."""
    return words(html, kind="text")


def wrapped_row(*children: widgets.Widget) -> widgets.HBox:
    """Widgets side by side, under each other where there is no room."""
    return widgets.HBox(list(children), layout=shared(widgets.Layout, flex_flow="row wrap"))


def empty_html(text: str) -> str:
    """What stands in the place of a figure that is not there yet."""
    return f"<p style='font: 14px sans-serif; color: #555'>{escape(text)}</p>"


def tab_stack(pages: Mapping[str, widgets.Widget], selected: int) -> widgets.Tab:
    """Pages by name behind tabs, as wide as there is room."""
    return widgets.Tab(
        list(pages.values()), titles=[name.capitalize() for name in pages],
        selected_index=selected, layout=widgets.Layout(flex="1 1 700px", min_width="0"),
    )  # fmt: skip
