"""A section in a page that opens without a kernel and without a network."""

from __future__ import annotations

import base64
import json
import os
import zlib
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seisnb.conventions import InputError
from seisnb.dashboards.figures.style import number, plain
from seisnb.dashboards.section_data import MISSING, N_CODES, SectionData, overlay_bytes
from seisnb.dashboards.style_sheet import STYLE, write_page

#: Largest page [byte]; values are rounded until it fits.
MAX_PAGE = 5_000_000
_SCRIPT = Path(__file__).parent / "static" / "section_page.js"
_STATE: Mapping[str, Any] = {
    "revision": 0, "description": "section of an ensemble", "quantity": "mean", "member": 0,
    "level": 0.5, "threshold": 0.0, "limits": [], "picked": [], "span": [], "grey_above": None,
    "is_weighted": False, "is_playing": False, "has_contours": True, "has_profile": True,
    "hidden": [], "group": "page", "painter": "auto",
}  # fmt: skip


def section_page(
    data: SectionData, *, state: Mapping[str, Any] | None = None, max_bytes: int = MAX_PAGE
) -> str:
    """A self-contained page with the section as it is browsed in Jupyter.

    Parameters
    ----------
    data : SectionData
        What is shown.
    state : mapping, optional
        Traits of :class:`~seisnb.dashboards.section_view.SectionView` to begin with.
    max_bytes : int
        Values are rounded until the page is smaller; the page says to what.

    Raises
    ------
    InputError
        Too many members for a page, however coarse their values.
    """
    state = {**_STATE, "threshold": float(np.mean(data.limits)), **(state or {})}
    unknown = set(state) - set(_STATE)
    if unknown:
        raise InputError(f"section_page: no setting of a section is called {sorted(unknown)}.")
    script = _SCRIPT.read_text(encoding="utf-8").replace("</script", "<\\/script")
    room = max_bytes - len(script.encode()) - 20_000
    for step in (1, 4, 16, 64, 256):
        packed = {
            "state": {**state, "is_playing": False},
            "header": _rounded_header(data, step),
            "fields": _deflated(_shortened(data.field_bytes())),
            "points": _deflated(overlay_bytes(data.overlays)),
            "members": _deflated(planes_of(_rounded(data.codes, step))),
        }
        body = json.dumps(packed).replace("<", "\\u003c")
        if len(body) < room:
            return _page(data, script, body)
    raise InputError(
        f"section_page: {data.n_members} members on {data.x.size} x {data.z.size} cells do not fit "
        f"into a page of {max_bytes / 1e6:g} MB. Export fewer members or a coarser grid."
    )


def write_section_page(
    data: SectionData, path: str | os.PathLike[str], *, state: Mapping[str, Any] | None = None
) -> Path:
    """Write :func:`section_page` to a file, whole or not at all; returns its path.

    Raises
    ------
    InputError
        Too many members.
    OutputError
        The folder is not there or cannot be written to, or the disk is full.
    """
    return write_page(section_page(data, state=state), path, where="write_section_page")


def planes_of(codes: NDArray[np.uint16]) -> bytes:
    """Differences along depth as a plane of low and one of high bytes: they deflate well."""
    step = np.diff(codes, axis=1, prepend=np.uint16(0)) if codes.size else codes
    flat = step.astype(np.uint16).ravel()
    return (flat & 255).astype(np.uint8).tobytes() + (flat >> 8).astype(np.uint8).tobytes()


def _rounded(codes: NDArray[np.uint16], step: int) -> NDArray[np.uint16]:
    """Codes in units of ``step``; a missing cell stays one."""
    units = (codes.astype(np.uint32) + step // 2) // step
    return np.where(codes == MISSING, MISSING, units).astype(np.uint16)


def _rounded_header(data: SectionData, step: int) -> dict[str, Any]:
    """The header of rounded members, with their precision in the note."""
    header = data.header(0)
    scale = data.scale * step
    header["quantisation"] = {"offset": data.offset, "scale": scale}
    header["note"] = f"Values are shown to ± {number(scale / 2, 2)} {data.unit}."
    assert N_CODES * step < 2**32
    return header


def _shortened(fields: bytes) -> bytes:
    """32-bit floats with 11 bits of mantissa: 0.03 % at worst, half the size when deflated."""
    words = np.frombuffer(fields, "<u4")
    # NaN keeps its highest bits, and with them stays NaN
    return bytes(((words + 0x800) & np.uint32(0xFFFFF000)).astype("<u4").tobytes())


def _deflated(content: bytes) -> str:
    """Deflated bytes as text."""
    return base64.b64encode(zlib.compress(content, 9)).decode()


def _page(data: SectionData, script: str, body: str) -> str:
    """The page itself."""
    title = escape(plain(data.title))
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{STYLE}
main {{ max-width: 1120px; }}
@media (prefers-color-scheme: dark) {{ :root {{ color-scheme: dark; }}
  body {{ background: #161616; color: #e8e8e8; }} }}
</style>
</head>
<body class="seisnb-alone">
<header><h1>{title}</h1></header>
<main><div id="section"></div></main>
<script>{script}</script>
<script type="application/json" id="ensemble">{body}</script>
<script>
seisnbSection(document.getElementById("section"),
  JSON.parse(document.getElementById("ensemble").textContent)).catch((error) => {{
  document.getElementById("section").textContent = "The section could not be shown: " + error;
}});
</script>
</body>
</html>
"""
