"""Figures of a study as HTML: one page that opens offline, and pieces of it for a notebook."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

from bokeh.embed import components
from bokeh.model import Model

import seisnb
from seisnb.dashboards.page import Plate, library_html, page_html
from seisnb.dashboards.style_sheet import write_page

__all__ = ["figure_html", "library_html", "write_study_report"]

_TABLE_STYLE = "pre { overflow-x: auto; font-size: .8rem; line-height: 1.4; }"


def write_study_report(
    path: str | os.PathLike[str],
    plates: Sequence[Plate],
    *,
    title: str,
    introduction: str,
    tables: Mapping[str, str],
) -> Path:
    """Write figures and tables of a study as one HTML file that needs nothing else.

    Parameters
    ----------
    path : path
        Where to write; the file appears whole or not at all.
    plates : sequence of Plate
        Figures with captions, in reading order.
    title, introduction : str
        Text, escaped.
    tables : mapping of str to str
        Tables as text by heading, put behind the figures.

    Returns
    -------
    Path
        The file written.

    Raises
    ------
    OutputError
        The folder is not there or cannot be written to, or the disk is full.
    """
    texts = "\n".join(
        f"<h2>{escape(heading)}</h2>\n<pre>{escape(text)}</pre>" for heading, text in tables.items()
    )
    header = f'<h1>{escape(title)}</h1>\n<p class="verdict">{escape(introduction)}</p>'
    footer = f"seisnb {escape(seisnb.__version__)}"
    text = page_html(title, header, "{plates}\n" + texts, footer, plates, style=_TABLE_STYLE)
    return write_page(text, path, where="write_study_report")


def figure_html(model: Model) -> str:
    """A figure as HTML for a notebook that has shown :func:`library_html`."""
    script, box = components(model)
    return f"{box}\n{script}"
