"""Tables with a header line: which column holds what, told by the names that programs give."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from seisnb.io.lines import Line, TextFile, listed, shown


@dataclass(frozen=True)
class Table:
    """A table: the index of each known column, and its lines split into fields.

    Attributes
    ----------
    header : Line
        The header line.
    index : dict of str to int
        Quantity to column; a quantity without a column is not there.
    names : tuple of str
        All column names, lower-case.
    rows : list of Line
        The lines below; a wrong number of fields is found by :meth:`check`.
    """

    header: Line
    index: dict[str, int]
    names: tuple[str, ...]
    rows: list[Line]

    def check(self, line: Line) -> None:
        """Refuse a line with another number of fields than the header has."""
        if len(line.fields) != len(self.names):
            raise line.error(
                f"{shown(line.raw.strip())} has {len(line.fields)} values",
                f"{len(self.names)}, as in the header",
                "The line may be truncated, or a decimal comma split a number.",
            )

    def text(self, line: Line, quantity: str) -> str:
        """The field of a quantity, "" where there is no such column."""
        return line.fields[self.index[quantity]].strip() if quantity in self.index else ""

    def real(self, line: Line, quantity: str, *, finite: bool = True) -> float:
        """The field of a quantity as a float."""
        return line.real(self.index[quantity], quantity.replace("_", " "), finite=finite)

    def name(self, line: Line, quantity: str) -> str:
        """The field of a quantity that must not be empty."""
        text = self.text(line, quantity)
        if not text:
            raise line.error(f"the {quantity} is empty", "a name")
        return text

    def ignored(self) -> list[str]:
        """Names of columns that no quantity took, except a nameless row number."""
        taken = set(self.index.values())
        return [n for i, n in enumerate(self.names) if i not in taken and n and "unnamed" not in n]


def header_names(text: TextFile) -> tuple[str, ...]:
    """Names in the first line that is not blank or a comment, lower-case; () if it is no header."""
    for raw in text.lines:
        if raw.strip() and not raw.startswith("#"):
            names = split_fields(raw, _delimiter(raw))
            return tuple(name.lower() for name in names) if len(names) > 1 else ()
    return ()


def read_table(text: TextFile, quantities: Mapping[str, Sequence[str]]) -> Table:
    """Find the header and the columns of a table.

    Parameters
    ----------
    text : TextFile
        The file; lines that start with # are comments.
    quantities : mapping of str to sequence of str
        Names of the column that may hold each quantity; the first found is taken.

    Raises
    ------
    FileFormatError
        The file has only comments, or two columns of one name that is needed.
    """
    lines = [
        Line(text.name, number, raw, ())
        for number, raw in enumerate(text.lines, start=1)
        if raw.strip() and not raw.startswith("#")
    ]
    if not lines:
        raise text.line(1).error("the file has only comments", "a header that names the columns")
    delimiter = _delimiter(lines[0].raw)
    rows = [
        Line(line.file, line.number, line.raw, split_fields(line.raw, delimiter)) for line in lines
    ]
    names = tuple(name.lower() for name in rows[0].fields)
    index: dict[str, int] = {}
    for quantity, aliases in quantities.items():
        found = [alias for alias in aliases if alias in names]
        if found and names.count(found[0]) > 1:
            raise rows[0].error(f"{found[0]!r} has two columns", "one", "Remove or rename one.")
        if found:
            index[quantity] = names.index(found[0])
    return Table(rows[0], index, names, rows[1:])


def require(table: Table, quantities: Mapping[str, Sequence[str]], needed: Sequence[str]) -> None:
    """Refuse a table without a needed column, or without a line below its header."""
    for quantity in needed:
        if quantity not in table.index:
            raise table.header.error(
                f"no column holds the {quantity.replace('_', ' ')}; the header is "
                f"{listed(n for n in table.names if n)}",
                f"a column {' or '.join(repr(a) for a in quantities[quantity])}",
                "The first line that is not a comment must name the columns.",
            )
    if not table.rows:
        raise table.header.error("nothing follows the header", "one line for each entry")


def split_fields(raw: str, delimiter: str) -> tuple[str, ...]:
    """The fields of one CSV line, stripped."""
    try:
        return tuple(field.strip() for field in next(csv.reader([raw], delimiter=delimiter)))
    except (csv.Error, StopIteration):  # a field beyond the module's limit
        return tuple(raw.split(delimiter))


def quoted(text: str) -> str:
    """A field as CSV text, quoted where a comma, quote or leading # would be misread."""
    if any(sign in text for sign in ',;\t"') or text.startswith("#"):
        return '"' + text.replace('"', '""') + '"'
    return text


def _delimiter(raw: str) -> str:
    """The separator that a header uses: comma, semicolon or tab."""
    return max(",;\t", key=raw.count)
