"""What HTML pages share: their look, figures with captions, tables; every text is escaped."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from html import escape

import xarray as xr
from bokeh.model import Model

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
