"""The pick formats: what each is called, how it is told, and who reads it.

A new format is a module with a reader from text to :class:`~seisnb.io.records.PickFile`, one entry
here, one sample in ``tests/contracts/pick_files.py`` and a section in ``docs/formats.md``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from seisnb.conventions import FileFormatError, InputError
from seisnb.io.columns import is_column_table, parse_columns
from seisnb.io.lines import TextFile, is_number, shown
from seisnb.io.pyrefra import is_pyrefra, parse_pyrefra
from seisnb.io.records import PickFile, ReadOptions
from seisnb.io.seisimager import is_seisimager, parse_seisimager
from seisnb.io.sgt import is_sgt, parse_sgt
from seisnb.io.table import is_table, parse_table
from seisnb.io.tom import is_tom, parse_tom
from seisnb.io.tomo2d import is_tomo2d, parse_tomo2d
from seisnb.io.txin import is_txin, parse_txin

_POSITIONS = frozenset({"shots", "receivers", "length_unit", "vertical"})


@dataclass(frozen=True, kw_only=True)
class PickFormat:
    """One format of picks.

    Attributes
    ----------
    name : str
        What a caller calls it.
    title : str
        What it is.
    suffixes : tuple of str
        Extensions that tell it where the contents do not.
    is_like : callable
        Whether a file's contents are of this format.
    parse : callable
        From the text and what the caller says to picks.
    takes : frozenset of str
        Fields of :class:`ReadOptions` beyond ``on_bad`` that have a meaning for it.
    """

    name: str
    title: str
    is_like: Callable[[TextFile], bool]
    parse: Callable[[TextFile, ReadOptions], PickFile]
    suffixes: tuple[str, ...] = ()
    takes: frozenset[str] = frozenset()


_LISTED = (
    PickFormat(
        name="sgt",
        title="unified data format (pyGIMLi, Refrapy)",
        is_like=is_sgt,
        parse=lambda text, options: parse_sgt(
            text, on_bad=options.on_bad, vertical=options.vertical
        ),
        suffixes=(".sgt",),
        takes=frozenset({"vertical"}),
    ),
    PickFormat(
        name="txin",
        title="RAYINVR tx.in",
        is_like=is_txin,
        parse=lambda text, options: parse_txin(text, on_bad=options.on_bad),
        suffixes=(".in",),
    ),
    PickFormat(
        name="tomo2d",
        title="TOMO2D geometry and times",
        is_like=is_tomo2d,
        parse=lambda text, options: parse_tomo2d(text, on_bad=options.on_bad),
    ),
    PickFormat(
        name="csv",
        title="seisnb's own table",
        is_like=is_table,
        parse=lambda text, options: parse_table(text, on_bad=options.on_bad),
        suffixes=(".csv",),
    ),
    PickFormat(
        name="vs",
        title="SeisImager (Pickwin, Plotrefa) .vs",
        is_like=is_seisimager,
        parse=lambda text, options: parse_seisimager(text, on_bad=options.on_bad),
        suffixes=(".vs",),
    ),
    PickFormat(
        name="tom",
        title="Reflexw .TOM, Reflexw and Terraloc .PCK",
        is_like=is_tom,
        parse=parse_tom,
        suffixes=(".tom", ".pck"),
        takes=frozenset({"length_unit", "time_unit", "vertical"}),
    ),
    PickFormat(
        name="pyrefra",
        title="PyRefra picks.dat with shots.geo and receivers.geo",
        is_like=is_pyrefra,
        parse=parse_pyrefra,
        takes=_POSITIONS,
    ),
    PickFormat(
        name="columns",
        title="any table whose first line names its columns",
        is_like=is_column_table,
        parse=parse_columns,
        takes=_POSITIONS | {"time_unit"},
    ),
)
#: The formats by name.
FORMATS: Mapping[str, PickFormat] = {entry.name: entry for entry in _LISTED}
#: The order in which contents are looked at: those with a sign of their own first.
_BY_CONTENTS = ("csv", "vs", "tomo2d", "txin", "pyrefra", "sgt", "columns", "tom")

#: What other files look like, and what to do with them.
_OTHERS: tuple[tuple[str, str], ...] = (
    (r"\s*<\?xml|\s*<[a-zA-Z!]", "looks like XML or a web page. Earthquakes' arrivals in QuakeML "
     "are read by seisnb locate"),
    (r"\s*[{\[]", "looks like JSON. Write its picks as a table whose first line names the columns"),
    (r"\s*(PUBLIC_ID|EVENT|NLLOC|GTSRCE|PHASE\s+ID)\b", "looks like NonLinLoc's; arrivals of "
     "earthquakes are read by seisnb locate"),
    (r"#\s+\d{4}\s+\d{1,2}\s+\d{1,2}\s", "looks like hypoDD's phases; arrivals of earthquakes are "
     "read by seisnb locate"),
    (r"H00[0-9]\s?|[SRX]\s+\S+\s+\d", "looks like SPS positions, which hold no picks"),
)  # fmt: skip


def guess_format(text: TextFile) -> PickFormat:
    """The format of a file by its contents, else by its extension.

    Raises
    ------
    FileFormatError
        It is of none; the message says what it looks like and what to do.
    """
    for name in _BY_CONTENTS:
        if FORMATS[name].is_like(text):
            return FORMATS[name]
    rows = text.rows()
    first = rows[0] if rows else text.all_lines()[0]
    for pattern, looks in _OTHERS:
        if re.match(pattern, first.raw):
            raise FileFormatError(f"read_picks: {text.name} {looks}.")
    for entry in FORMATS.values():
        if text.suffix in entry.suffixes:
            return entry
    if rows and all(map(is_number, first.fields)):
        raise FileFormatError(
            f"read_picks: {text.name} is of no known format; line {first.number} has "
            f"{len(first.fields)} numbers, {shown(first.raw.strip())}. If it is a table, write a "
            "line above them that names the columns, such as 'sx_m gx_m t_ms'; else pass format, "
            f"one of {', '.join(FORMATS)}."
        )
    raise FileFormatError(
        f"read_picks: {text.name} is of no known format; line {first.number} is "
        f"{first.raw.strip()[:60]!r}. Pass format, one of {', '.join(FORMATS)}."
    )


def check_options(entry: PickFormat, options: ReadOptions, where: str) -> None:
    """Refuse what a caller says of a file that states it itself.

    Raises
    ------
    InputError
        An option that means nothing for the format.
    """
    for name in ("length_unit", "time_unit", "vertical", "shots", "receivers"):
        value = getattr(options, name)
        if value is not None and name not in entry.takes:
            what = "holds the positions itself" if name in ("shots", "receivers") else "states it"
            raise InputError(
                f"{where}: {name} is {str(value)!r} but the format {entry.name} ({entry.title}) "
                f"{what}. Omit it, or pass format if the file is of another."
            )
