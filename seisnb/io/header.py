"""The line that names the columns of a table, and the fields of every line under it."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass

from seisnb.io.lines import Line, TextFile, is_number
from seisnb.io.names import Column, attach_units, guess_column
from seisnb.io.units import LENGTHS, TIMES

_SEPARATORS = ";\t,"


@dataclass(frozen=True)
class Header:
    """The named columns of a table.

    Attributes
    ----------
    line : Line
        Where the names stand.
    columns : dict of str to (int, Column)
        Index and meaning by quantity; a quantity that two columns claim is in ``doubled``.
    unknown : tuple of str
        Names that mean nothing to us.
    doubled : tuple of str
        Pairs of names that mean the same.
    """

    line: Line
    columns: dict[str, tuple[int, Column]]
    unknown: tuple[str, ...] = ()
    doubled: tuple[str, ...] = ()

    def real(
        self, line: Line, quantity: str, default_unit: str | None, *, finite: bool = True
    ) -> float:
        """A column's value in km or s; as it stands where no unit is known."""
        index, column = self.columns[quantity]
        unit = column.unit or default_unit
        value = line.real(index, quantity.replace("_", " "), finite=finite)
        return value / {**LENGTHS, **TIMES}[unit] if unit else value


def split_fields(raw: str) -> tuple[str, ...]:
    """The fields of a line, by semicolons, tabs or commas if it has any, else by white space."""
    data = raw.strip()
    separator = next((sign for sign in _SEPARATORS if sign in data), None)
    if separator is None:
        return tuple(attach_units(data).split())
    return tuple(field.strip() for field in next(csv.reader([data], delimiter=separator)))


def table_lines(text: TextFile) -> list[Line]:
    """Every line with its fields split as a table's, comments apart."""
    result = []
    for line in text.all_lines():
        data = line.raw.partition("#")[0]
        fields = split_fields(data) if data.strip() else ()
        result.append(Line(line.file, line.number, line.raw, fields, line.comment))
    return result


def find_header(lines: Sequence[Line], *, positions: bool = False, least: int = 2) -> Header | None:
    """The header of a table: its first line with values, or a comment before them.

    None where neither holds ``least`` names that are known.
    """
    for line in lines:
        fields = line.fields or split_fields(line.comment)
        if fields and not all(map(is_number, fields)):
            header = _header(line, fields, positions)
            if len(header.columns) >= least:
                return header
        if line.fields:
            return None
    return None


def _header(line: Line, fields: tuple[str, ...], positions: bool) -> Header:
    """The meaning of every name."""
    columns: dict[str, tuple[int, Column]] = {}
    unknown, doubled = [], []
    for index, name in enumerate(fields):
        column = guess_column(name, positions=positions)
        if not column.quantity:
            unknown.append(name)
        elif column.quantity in columns:
            doubled.append(f"{columns[column.quantity][1].name!r} and {name!r}")
        else:
            columns[column.quantity] = (index, column)
    return Header(line, columns, tuple(unknown), tuple(doubled))
