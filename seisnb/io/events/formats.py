"""Formats of arrivals: their parsers, and how a file is told from its contents and its name."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from seisnb.io.events.associations import is_association, parse_associations
from seisnb.io.events.columns import header_names
from seisnb.io.events.hypodd import is_hypodd, parse_hypodd
from seisnb.io.events.hypomh import is_hypomh, parse_hypomh
from seisnb.io.events.nonlinloc import is_nonlinloc, parse_nonlinloc
from seisnb.io.events.quakeml import parse_quakeml
from seisnb.io.events.records import ArrivalFile, ParseOptions
from seisnb.io.events.table import is_arrival_table, parse_arrival_table
from seisnb.io.events.xml import root_name
from seisnb.io.lines import TextFile, read_text


class _Parser(Protocol):
    """From text to picks, one function per format."""

    def __call__(self, text: TextFile, options: ParseOptions) -> ArrivalFile:
        """Parse a text."""


PARSERS: Mapping[str, _Parser] = {
    "nlloc": parse_nonlinloc,
    "hypodd": parse_hypodd,
    "pyocto": parse_associations,
    "quakeml": parse_quakeml,
    "csv": parse_arrival_table,
    "hypomh": parse_hypomh,
}
#: Names of the formats of arrivals.
ARRIVAL_FORMATS = tuple(PARSERS)
#: What each format is called by those who use it.
CALLED = {
    "nlloc": "a NonLinLoc phase file",
    "hypodd": "a HypoDD phase file",
    "pyocto": "a table of associated picks (PyOcto, SeisBench)",
    "quakeml": "QuakeML",
    "csv": "an arrival table of seisnb",
    "hypomh": "a WIN (hypomh) pick file",
}
_EXTENSIONS = {
    ".obs": "nlloc", ".hyp": "nlloc", ".pha": "hypodd", ".qml": "quakeml", ".quakeml": "quakeml",
    ".pick": "hypomh",
}  # fmt: skip


def detect_arrival_format(path: str | Path) -> str | None:
    """The format of a file of arrivals, told from its contents, then from its extension.

    Parameters
    ----------
    path : str or Path
        The file.

    Returns
    -------
    str or None
        One of :data:`ARRIVAL_FORMATS`; None where neither tells.

    Raises
    ------
    InputError
        There is no such file.
    FileFormatError
        The file is empty or binary.
    """
    text = read_text(path, where="detect_arrival_format")
    return format_by_contents(text) or _EXTENSIONS.get(Path(path).suffix.lower())


def format_by_contents(text: TextFile) -> str | None:
    """The format by the root element, the header or the first lines."""
    root = root_name(text)
    if root:
        return "quakeml" if root == "quakeml" else None
    lines = [raw for raw in text.lines if raw.strip()]
    if is_hypomh(lines[0]):
        return "hypomh"
    for raw in lines:
        if is_hypodd(raw):
            return "hypodd"
        if not raw.lstrip().startswith("#"):
            break
    names = header_names(text)
    if is_arrival_table(names):
        return "csv"
    if is_association(names):
        return "pyocto"
    plain = [raw for raw in lines if not raw.lstrip().startswith("#")]
    return "nlloc" if plain and is_nonlinloc(plain[0]) else None


def looks_like(text: TextFile) -> str:
    """What a file looks like, for a message."""
    known = format_by_contents(text)
    if known is not None:
        return f"{CALLED[known]} (format {known!r})"
    root = root_name(text)
    if root == "FDSNStationXML":
        return "StationXML, which read_stations reads"
    if root:
        return f"XML with the root element <{root}>"
    first = next((raw for raw in text.lines if raw.strip()), "")
    if first.split()[0] in ("GTSRCE", "LOCSRCE"):
        return "NonLinLoc's stations, which read_stations reads"
    return f"text that starts {first.strip()[:60]!r}"
