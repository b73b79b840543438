"""The page of a batch: failures first, each with its error and notebook, then what was found."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import quote

from seisnb import __version__
from seisnb.batch.parameters import SETTINGS
from seisnb.batch.record import FAILURE, MANIFEST, NOTEBOOK, THUMBNAIL, Outcome, read_json
from seisnb.batch.sweep import Run
from seisnb.dashboards.style_sheet import STYLE, write_page

_STYLE = """
.runs { display: grid; grid-template-columns: repeat(auto-fill, minmax(260px, 1fr)); gap: 1.2rem;
  padding: 0; list-style: none; }
.runs li { border: 1px solid #bbb; border-radius: 4px; padding: .7rem .9rem; min-width: 0; }
.runs img { width: 100%; height: auto; display: block; margin-bottom: .5rem; }
.runs .failed { border-left: 5px solid #c1272d; }
.runs h3 { font-size: 1rem; margin: 0 0 .3rem; overflow-wrap: anywhere; }
.runs p { margin: .2rem 0; font-size: .9rem; overflow-wrap: anywhere; }
.error { color: #a1161b; }
main, header, footer { max-width: 1200px; }
"""


def write_summary(root: Path, runs: Sequence[Run], outcomes: Sequence[Outcome]) -> Path:
    """Write ``summary.html`` into a batch's folder; returns its path.

    Parameters
    ----------
    root : Path
        The batch's folder.
    runs : sequence of Run
        All runs of the sweep.
    outcomes : sequence of Outcome
        Those of the present call; what came before is read from the runs' folders.

    Raises
    ------
    OutputError
        The page cannot be written.
    """
    now = {outcome.name: outcome for outcome in outcomes}
    cards: dict[str, list[str]] = {"failed": [], "done": [], "left": []}
    varied = _varied(runs)
    for run in runs:
        folder = root / "runs" / run.name
        done, failed = read_json(folder / MANIFEST), read_json(folder / FAILURE)
        own = now.get(run.name)
        if own is not None and not own.is_done and not failed:
            failed = {"error": own.error, "kind": own.kind}  # nothing could be written
        kind = "failed" if failed else "done" if done.get("key") == run.key else "left"
        cards[kind].append(_card(run, folder, root, kind, failed or done, varied))
    counts = {kind: len(found) for kind, found in cards.items()}
    verdict = f"{counts['done']} of {len(runs)} runs are finished"
    if counts["failed"]:
        verdict += f", {counts['failed']} failed"
    if counts["left"]:
        verdict += f", {counts['left']} were not run yet"
    parts = [
        f"<h2>{heading}</h2>\n<ul class='runs'>{''.join(cards[kind])}</ul>"
        for kind, heading in (("failed", "Failed"), ("done", "Finished"), ("left", "Not run yet"))
        if cards[kind]
    ]
    mark = " cancelled" if counts["failed"] else ""
    text = f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(verdict)}</title>
<style>{STYLE}{_STYLE}</style>
</head>
<body>
<header><h1>Batch</h1><p class="verdict{mark}">{escape(verdict)}.</p></header>
<main>
{"".join(parts)}
</main>
<footer><p>seisnb {escape(__version__)}</p></footer>
</body>
</html>
"""
    return write_page(text, root / "summary.html", where="batch")


def _card(
    run: Run, folder: Path, root: Path, kind: str, told: Mapping[str, Any], varied: set[str]
) -> str:
    """One run: picture, what sets it apart, how it went, where its files are."""
    values = _flat(run.parameters)
    apart = {name: values[name] for name in values if name in varied} or values
    rows = "".join(
        f"<p>{escape(name)}: {escape(_text(value))}</p>" for name, value in apart.items()
    )
    picture = ""
    if kind == "done" and (folder / THUMBNAIL).is_file():
        alt = escape(f"First figure of {run.name}", quote=True)
        picture = f'<img src="{_link(folder / THUMBNAIL, root)}" alt="{alt}" loading="lazy">'
    said = ""
    if kind == "failed":
        said = f'<p class="error"><strong>{escape(str(told.get("error", "")))}</strong></p>'
    if told.get("seconds"):
        said += f"<p>{float(told['seconds']):.1f} s, {float(told['n_bytes']) / 1e9:.2f} GB</p>"
    files = [path for path in (folder / NOTEBOOK, *sorted(folder.glob("*.html"))) if path.is_file()]
    links = ", ".join(f'<a href="{_link(p, root)}">{escape(p.name)}</a>' for p in files)
    return (
        f'<li class="{kind}">{picture}<h3>{escape(run.name)}</h3>{said}{rows}<p>{links}</p></li>\n'
    )


def _varied(runs: Sequence[Run]) -> set[str]:
    """Parameters that are not the same in all runs."""
    seen: dict[str, set[str]] = {}
    told = [_flat(run.parameters) for run in runs]
    for name in {name for values in told for name in values}:
        seen[name] = {json.dumps(values.get(name), sort_keys=True) for values in told}
    return {name for name, values in seen.items() if len(values) > 1}


def _flat(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters with the entries of ``settings`` beside them."""
    own = {name: value for name, value in parameters.items() if name != SETTINGS}
    return own | {f"{SETTINGS}.{n}": v for n, v in dict(parameters.get(SETTINGS) or {}).items()}


def _text(value: Any) -> str:
    """A value as a page shows it."""
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= 120 else f"{text[:117]}..."


def _link(path: Path, root: Path) -> str:
    """A relative address."""
    return escape(quote(path.relative_to(root).as_posix()), quote=True)
