"""The verdict on a result as HTML: level by word, symbol and colour, then every sentence."""

from __future__ import annotations

from html import escape

import xarray as xr

from seisnb.diagnostics import told

#: Word, symbol and what it means, by level.
LEVEL_WORDS = {
    "good": ("Good", "✓", "every gate holds and nothing speaks against it"),
    "care": ("Care", "▲", "use the result with the following in mind"),
    "bad": ("Bad", "✕", "do not use models or intervals as they stand"),
}

#: Colours of the levels, on a light ground whatever the page's.
VERDICT_CSS = """
.seisnb-judged { border-left: 5px solid #1c5460; background: #eef4f5; color: #1a1a1a;
  padding: 8px 14px; margin: 6px 0 12px; line-height: 1.45; }
.seisnb-judged.good { border-left-color: #22663a; background: #edf6ef; }
.seisnb-judged.care { border-left-color: #96590a; background: #fdf4e3; }
.seisnb-judged.bad { border-left-color: #b3181f; background: #fbeceb; }
.seisnb-judged .level { font-weight: 700; }
.seisnb-judged.good .level b { color: #22663a; }
.seisnb-judged.care .level b { color: #7f4a05; }
.seisnb-judged.bad .level b { color: #a1161b; }
.seisnb-judged p { margin: .2em 0; }
.seisnb-judged ul { margin: .4em 0; padding-left: 1.3em; }
.seisnb-judged li { margin: .2em 0; list-style: disc; }
.seisnb-judged summary { cursor: pointer; }
.seisnb-judged .condition { font-size: .93em; color: #3c3c3c; }
.seisnb-gates td { white-space: nowrap; min-width: 0; }
.seisnb-gates.diagnosis td:nth-child(2) { min-width: 3rem; }
.seisnb-gates td:last-child { white-space: normal; }
"""


def verdict_html(ensemble: xr.Dataset, *, more: str = "", folded: bool = False) -> str:
    """The verdict in a box, every text of it escaped.

    Parameters
    ----------
    ensemble : xr.Dataset
        A result of :func:`seisnb.tomography.invert`; one of an older version is judged now.
    more : str
        HTML to add at the end, escaped by the caller.
    folded : bool
        Show the level and the first sentence; the others unfold.
    """
    level, sentences = told(ensemble)
    word, symbol, meaning = LEVEL_WORDS[level]
    badge = f'<b><span aria-hidden="true">{symbol}</span> {word}</b>'
    *reasons, condition = sentences
    if folded and reasons:
        first, *rest = reasons
        head = f'<span class="level">{badge}:</span> {escape(first)}'
        inside = (
            f"<details><summary>{head}</summary>{_list_html(rest)}"
            f'<p class="condition">{escape(condition)}</p>{more}</details>'
        )
    else:
        inside = (
            f'<p class="level">{badge}: {meaning}.</p>{_list_html(reasons)}'
            f'<p class="condition">{escape(condition)}</p>{more}'
        )
    return f'<div class="seisnb-judged {level}" role="note">{inside}</div>'


def verdict_line(ensemble: xr.Dataset) -> str:
    """The level with the first sentence, as text."""
    level, sentences = told(ensemble)
    return f"{LEVEL_WORDS[level][0]}: {sentences[0]}"


def _list_html(sentences: list[str]) -> str:
    """Sentences as a list; nothing where there are none."""
    items = "".join(f"<li>{escape(each)}</li>" for each in sentences)
    return f"<ul>{items}</ul>" if items else ""
