"""The look of all HTML pages, and writing one whole."""

from __future__ import annotations

import os
from pathlib import Path

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
