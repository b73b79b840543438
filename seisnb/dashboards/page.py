"""What HTML pages share: their look, figures with captions, tables; every text is escaped."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

import xarray as xr
from bokeh.embed import components
from bokeh.model import Model
from bokeh.resources import Resources

from seisnb.io.atomic import replaced

STYLE = """
:root { color-scheme: light; }
body { margin: 0; background: #fff; color: #1a1a1a;
  font: 16px/1.55 Helvetica, Arial, "Liberation Sans", sans-serif; }
main, header, footer { max-width: 920px; margin: 0 auto; padding: 0 24px; }
header { padding-top: 32px; }
h1 { font-size: 1.75rem; line-height: 1.25; margin: 0 0 .3rem; overflow-wrap: anywhere; }
h2 { font-size: 1.3rem; margin: 2.6rem 0 .8rem; border-bottom: 1px solid #bbb;
  padding-bottom: .25rem; }
.source { color: #555; margin: 0 0 1rem; overflow-wrap: anywhere; }
.verdict { font-size: 1.1rem; border-left: 5px solid #1c5460; background: #eef4f5;
  padding: .8rem 1rem; margin: 1rem 0; }
.cancelled { border-left-color: #c1272d; background: #fbeeee; }
figure { margin: 0 0 2.2rem; }
.plot { overflow-x: auto; }
figcaption { color: #333; font-size: .95rem; max-width: 820px; margin-top: .3rem; }
figcaption b { color: #1a1a1a; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { text-align: left; vertical-align: top; padding: .3rem 1.2rem .3rem 0;
  border-bottom: 1px solid #ddd; }
th { font-weight: 600; }
td { overflow-wrap: anywhere; }
.diagnosis td:nth-child(2) { min-width: 8rem; }
.diagnosis strong { color: #a1161b; }
caption { text-align: left; font-weight: 600; padding: .8rem 0 .3rem; }
footer { color: #555; font-size: .9rem; border-top: 1px solid #bbb; margin-top: 3rem;
  padding-top: 1rem; padding-bottom: 2rem; overflow-wrap: anywhere; }
@media print {
  @page { size: 275mm 389mm; margin: 14mm; } /* A4's shape, as wide as a figure */
  main, header, footer { max-width: none; padding: 0; }
  figure, table, .verdict { break-inside: avoid; }
  h2 { break-after: avoid; }
  .plot { overflow: visible; }
}
"""


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
    script, boxes = components([plate.model for plate in plates])
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


def write_page(text: str, path: str | os.PathLike[str], *, where: str) -> Path:
    """Write a page whole or not at all; returns its path.

    Raises
    ------
    OutputError
        The folder is not there or cannot be written to, or the disk is full.
    """
    target = Path(path)
    with replaced(target, where=where) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return target
