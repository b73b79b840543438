"""What HTML pages share: their look, figures with captions, tables; every text is escaped."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape

import xarray as xr
from bokeh.document import Document
from bokeh.embed import components
from bokeh.model import Model
from bokeh.resources import Resources

from seisnb.dashboards.style_sheet import STYLE


@dataclass(frozen=True)
class Plate:
    """A figure of the report with its caption and the words a screen reader says instead."""

    heading: str
    model: Model
    caption: str
    spoken: str


def notes_html(ensemble: xr.Dataset) -> str:
    """List items of what the reader dropped or converted."""
    try:
        notes = json.loads(str(ensemble.attrs.get("notes") or "[]"))
    except json.JSONDecodeError:
        notes = [ensemble.attrs["notes"]]
    return "".join(f"<li>{escape(str(note))}</li>" for note in notes)


def table_html(rows: Mapping[str, str], *, head: Iterable[str] = (), caption: str = "") -> str:
    """A two-column table, escaped."""
    if not rows:
        return f"<p>{escape(caption)}: not recorded.</p>"
    top = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in head)
    body = "".join(
        f'<tr><th scope="row">{escape(name)}</th><td>{escape(text)}</td></tr>'
        for name, text in rows.items()
    )
    return (
        f"<table>{f'<caption>{escape(caption)}</caption>' if caption else ''}"
        f"{f'<thead><tr>{top}</tr></thead>' if top else ''}<tbody>{body}</tbody></table>"
    )


def plate_html(plate: Plate, box: str) -> str:
    """One figure with heading and caption."""
    return (
        f"<h2>{escape(plate.heading)}</h2>\n<figure>"
        f'<div class="plot" role="img" aria-label="{escape(plate.spoken)}">{box}</div>'
        f"<figcaption>{escape(plate.caption)}</figcaption></figure>"
    )


def library_html() -> str:
    """BokehJS as HTML, to be shown once before the figures."""
    return str(Resources(mode="inline", components=["bokeh"]).render_js())


def page_html(
    title: str, header: str, main: str, footer: str, plates: Sequence[Plate], *, style: str = ""
) -> str:
    """A page that needs nothing else.

    Parameters
    ----------
    title : str
        Of the window, as text.
    header, main, footer : str
        HTML, escaped by the caller; ``{plates}`` in ``main`` stands for the figures.
    plates : sequence of Plate
        The figures in reading order.
    style : str
        Further CSS.
    """
    models = [plate.model for plate in plates]
    if all(model.document is None for model in models):  # figures that a notebook showed have one
        document = Document()
        with document.models.freeze():  # else every figure has all before it gone through
            for model in models:
                document.add_root(model)
    script, boxes = components(models)
    figures = "\n".join(plate_html(plate, box) for plate, box in zip(plates, boxes, strict=True))
    before, after = main.split("{plates}", 1)
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title>
<style>{STYLE}{style}</style>
{library_html()}
</head>
<body>
<header>
{header}
</header>
<main>
{before}{figures}{after}
</main>
<footer>
<p>{footer}</p>
</footer>
{script}
</body>
</html>
"""
