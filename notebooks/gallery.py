"""Execute the notebooks at small sizes and write them as web pages that ask no other host.

python notebooks/gallery.py [OUT] [NAME ...]

OUT is results/gallery by default; names choose notebooks. ``make gallery`` runs it.
"""

from __future__ import annotations

import base64
import re
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import nbformat
from nbconvert import HTMLExporter

from seisnb.batch.notebooks import execute_notebook
from seisnb.dashboards.style_sheet import STYLE, write_page

HERE = Path(__file__).resolve().parent
#: What is executed, in the order of the index, and with which parameters.
SIZES: Mapping[str, Mapping[str, Any]] = {
    "survey_to_source": {
        "n_members": 20,
        "n_events": 6,
        "settings": {"location.n_samples": 500, "location.table_step": 1.2},
    },
    "tomography": {"n_members": 16},
    "location": {"settings": {"n_samples": 500}},
    "slip": {},
    "verification": {
        "engines": ["rml", "svgd"],
        "n_particles": 32,
        "n_truths": 2,
        "n_members": 19,
        "methods": ["grid"],
    },
}
_LINK = re.compile(r"\[([^\]]+)\]\((\w+)\.ipynb\)")
_INDEX_STYLE = """
article { display: flex; gap: 24px; border-bottom: 1px solid #ddd; padding: 1.2rem 0; }
article > div { flex: 1; }
article h2 { border: 0; margin: 0 0 .4rem; padding: 0; }
article img { width: 280px; height: 180px; object-fit: cover; object-position: left top;
  border: 1px solid #ddd; }
"""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A notebook in the index: its folder's name, heading, first paragraph, picture if any."""

    name: str
    title: str
    text: str
    picture: str | None


def write_gallery(out: Path, names: Sequence[str]) -> Path:
    """Execute notebooks into ``out``, one folder each, and write their pages and the index."""
    entries = []
    for name in names:
        folder = out / name
        folder.mkdir(parents=True, exist_ok=True)
        executed = folder / f"{name}.ipynb"
        parameters = {"out_dir": str(folder), **SIZES[name]}
        if name != "verification":
            parameters["progress"] = "lines"
        execute_notebook(HERE / f"{name}.ipynb", executed, parameters)
        notebook = nbformat.read(executed, 4)
        write_page(page_of(notebook, names), folder / "index.html", where="gallery")
        entries.append(entry_of(notebook, name, folder))
    return write_page(index_of(entries), out / "index.html", where="gallery")


def page_of(notebook: nbformat.NotebookNode, names: Sequence[str]) -> str:
    """The notebook as one HTML page; links to other notebooks lead to their pages."""

    def link(found: re.Match[str]) -> str:
        text, name = found.groups()
        return f"[{text}](../{name}/index.html)" if name in names else text

    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = _LINK.sub(link, cell.source)
    exporter = HTMLExporter(
        template_name="lab", embed_images=True, mathjax_url="", require_js_url="", jquery_url=""
    )
    return str(exporter.from_notebook_node(notebook)[0])


def entry_of(notebook: nbformat.NotebookNode, name: str, folder: Path) -> Entry:
    """Heading and first paragraph, and a picture: one kept beside the sources, or the first."""
    heading, paragraph, *_ = notebook.cells[0].source.split("\n\n")
    picture = folder / "picture.png"
    kept = HERE / "figures" / f"{name}.png"
    images = [
        output.data["image/png"]
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if "image/png" in output.get("data", {})
    ]
    if kept.is_file():
        shutil.copyfile(kept, picture)
    elif images:
        picture.write_bytes(base64.b64decode(images[0]))
    return Entry(
        name=name,
        title=heading.lstrip("# "),
        text=_LINK.sub(r"\1", paragraph),
        picture=f"{name}/{picture.name}" if picture.is_file() else None,
    )


def index_of(entries: Sequence[Entry]) -> str:
    """The index: one entry after the other, nothing from elsewhere."""
    articles = []
    for entry in entries:
        image = f'<img src="{escape(entry.picture)}" alt="">' if entry.picture else ""
        articles.append(
            f'<article><div><h2><a href="{escape(entry.name)}/index.html">{escape(entry.title)}'
            f"</a></h2><p>{escape(entry.text)}</p></div>{image}</article>"
        )
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>seisnb: gallery</title>
<style>{STYLE}{_INDEX_STYLE}</style>
</head>
<body>
<header><h1>Notebooks of seisnb</h1>
<p class="source">Executed on synthetic data at small sizes; the figures of the README are from
larger runs.</p></header>
<main>
{"".join(articles)}
</main>
</body>
</html>
"""


def main(arguments: Sequence[str]) -> int:
    """Write the gallery that the command line asks for."""
    out = Path(arguments[0] if arguments else "results/gallery").resolve()
    names = list(arguments[1:]) or list(SIZES)
    unknown = [name for name in names if name not in SIZES]
    if unknown:
        print(f"gallery: {unknown[0]!r} is none of {', '.join(SIZES)}", file=sys.stderr)
        return 2
    print(f"gallery: {write_gallery(out, names)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
