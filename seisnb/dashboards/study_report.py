"""Figures of a study as HTML: one page that opens offline, and pieces of it for a notebook."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

from bokeh.embed import components
from bokeh.model import Model
from bokeh.resources import Resources

import seisnb
from seisnb.dashboards.page import STYLE, Plate, plate_html
from seisnb.io.atomic import replaced

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
    script, boxes = components([plate.model for plate in plates])
    figures = "\n".join(plate_html(plate, box) for plate, box in zip(plates, boxes, strict=True))
    texts = "\n".join(
        f"<h2>{escape(heading)}</h2>\n<pre>{escape(text)}</pre>" for heading, text in tables.items()
    )
    page = f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title>
<style>{STYLE}{_TABLE_STYLE}</style>
{library_html()}
</head>
<body>
<header>
<h1>{escape(title)}</h1>
<p class="verdict">{escape(introduction)}</p>
</header>
<main>
{figures}
{texts}
</main>
<footer>
<p>seisnb {escape(seisnb.__version__)}</p>
</footer>
{script}
</body>
</html>
"""
    target = Path(path)
    with replaced(target, where="write_study_report") as temporary:
        temporary.write_text(page, encoding="utf-8")
    return target


def library_html() -> str:
    """BokehJS as HTML, to be shown once in a notebook before its figures."""
    return str(Resources(mode="inline", components=["bokeh"]).render_js())


def figure_html(model: Model) -> str:
    """A figure as HTML for a notebook that has shown :func:`library_html`."""
    script, box = components(model)
    return f"{box}\n{script}"
