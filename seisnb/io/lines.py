"""Text files as numbered lines, so that a message can name file, line and value.

Every reader starts with :func:`read_text` and asks its :class:`Line` objects for numbers; a field
that is missing, not a number or not finite becomes a :class:`FileFormatError` in one form.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from seisnb.conventions import FileFormatError, InputError

T = TypeVar("T")

_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eEdD][+-]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[+-]?(nan|inf|infinity)", re.IGNORECASE)
_CONTROL_BYTES = bytes(set(range(32)) - set(b"\t\n\f\r\x1a"))
_LINE_END = re.compile(r"\r\n|\r|\n")
_LONGEST_SHOWN = 40
_N_SHOWN = 5


def shown(value: object) -> str:
    """A value from a file, quoted, on one line and cut to a readable length."""
    text = str(value)
    return repr(text if len(text) <= _LONGEST_SHOWN else text[:_LONGEST_SHOWN] + "...")


def listed(values: Iterable[object]) -> str:
    """The first few values, comma-separated, and how many more there are."""
    items = [str(value) for value in values]
    more = f" and {len(items) - _N_SHOWN} more" if len(items) > _N_SHOWN else ""
    return ", ".join(items[:_N_SHOWN]) + more


def is_number(text: str) -> bool:
    """Whether a field is a finite number, Fortran's exponents included.

    Examples
    --------
    >>> is_number("-4D-3"), is_number("x"), is_number("nan")
    (True, False, False)
    """
    return as_number(text) is not None


def as_number(text: str) -> float | None:
    """The finite number that a field is, else None."""
    if _NUMBER.fullmatch(text.strip()) is None:
        return None
    value = float(text.lower().replace("d", "e"))
    return value if math.isfinite(value) else None


@dataclass(frozen=True)
class Line:
    """One line of a text file.

    Attributes
    ----------
    file : str
        Name of the file, for messages.
    number : int
        Line number from 1.
    raw : str
        The line as it stands in the file, without its end.
    fields : tuple of str
        Its values, comments removed.
    comment : str
        What follows the comment sign, stripped.
    """

    file: str
    number: int
    raw: str
    fields: tuple[str, ...]
    comment: str = ""

    def error(self, found: str, expected: str, remedy: str = "") -> FileFormatError:
        """The error to raise for this line: where, found, expected, what to do."""
        remedy = remedy or "Correct the line."
        return FileFormatError(
            f"{self.file}, line {self.number}: {found}; expected {expected}. {remedy}"
        )

    def field(self, index: int, what: str) -> str:
        """The field at an index; the line is too short when there is none."""
        if index >= len(self.fields):
            raise self.error(
                f"{shown(self.raw.strip())} has {len(self.fields)} values",
                f"at least {index + 1}, the last being the {what}",
                "The line may be truncated: complete or remove it.",
            )
        return self.fields[index]

    def real(self, index: int, what: str, *, finite: bool = True) -> float:
        """The field at an index as a float; NaN and infinity pass if ``finite`` is False."""
        text = self.field(index, what).strip()
        if _NUMBER.fullmatch(text):
            value = float(text.lower().replace("d", "e"))
        elif _NOT_FINITE.fullmatch(text):
            value = float(text)
        else:
            comma = re.fullmatch(r"[+-]?[0-9]+,[0-9]+", text)
            remedy = "Write decimals with a point, not a comma." if comma else ""
            raise self.error(f"{what} is {shown(text)}", "a number", remedy)
        if finite and not math.isfinite(value):
            raise self.error(f"{what} is {shown(text)}", "a finite number")
        return value

    def integer(self, index: int, what: str) -> int:
        """The field at an index as an int ("3" and "3.0" are, "3.5" is not)."""
        value = self.real(index, what)
        if not value.is_integer():
            raise self.error(f"{what} is {shown(self.fields[index])}", "a whole number")
        return int(value)


@dataclass(frozen=True, kw_only=True)
class TextFile:
    """A text file in memory.

    Attributes
    ----------
    name : str
        Name of the file without its folder, printable.
    stem : str
        The same without its extension.
    suffix : str
        The extension, lower case, with its point.
    lines : tuple of str
        Lines without their ends.
    checksum : str
        SHA-256 of the bytes.
    notes : tuple of str
        What had to be assumed to read it (encoding).
    """

    name: str
    stem: str
    suffix: str
    lines: tuple[str, ...]
    checksum: str
    notes: tuple[str, ...] = ()

    def line(self, number: int) -> Line:
        """The line with a number, comment sign and all."""
        raw = self.lines[number - 1]
        return Line(self.name, number, raw, tuple(raw.split()))

    def all_lines(self, comment: str = "#") -> list[Line]:
        """Every line, split at white space, also blank and comment lines."""
        result = []
        for number, raw in enumerate(self.lines, start=1):
            data, _, remark = raw.partition(comment) if comment else (raw, "", "")
            result.append(Line(self.name, number, raw, tuple(data.split()), remark.strip()))
        return result

    def rows(self, comment: str = "#") -> list[Line]:
        """The lines that hold values."""
        return [line for line in self.all_lines(comment) if line.fields]


def read_text(path: str | Path, *, where: str) -> TextFile:
    """Read a text file whatever its line ends, byte-order mark or 8-bit encoding.

    Parameters
    ----------
    path : str or Path
        The file. UTF-8 is tried first, then Latin-1 (numbers are the same in both), UTF-16 where
        a byte-order mark says so.
    where : str
        The public function's name, for messages.

    Returns
    -------
    TextFile

    Raises
    ------
    InputError
        There is no such file, or it cannot be read.
    FileFormatError
        The file is empty, blank or binary.
    """
    path = Path(path)
    name = path.name if path.name.isprintable() else repr(path.name)
    if not path.is_file():
        found = "is a folder or a device" if path.exists() else "does not exist"
        raise InputError(f"{where}: {str(path)!r} {found}; expected a text file. Check the path.")
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(
            f"{where}: {str(path)!r} cannot be read ({error.strerror}). Check its permissions."
        ) from error
    text, notes = _decode(data, name, where)
    if not text.strip():
        raise FileFormatError(
            f"{where}: {name} is empty ({len(data)} bytes); expected picks. Was it saved fully?"
        )
    return TextFile(
        name=name,
        stem=Path(name).stem,
        suffix=path.suffix.lower(),
        lines=tuple(_LINE_END.split(text.rstrip("\x1a"))),
        checksum=hashlib.sha256(data).hexdigest(),
        notes=notes,
    )


def keep_good(
    lines: Iterable[Line],
    parse: Callable[[Line], T],
    *,
    on_bad: str,
    notes: list[str],
) -> list[T]:
    """Parse lines one by one; a bad one stops, or with ``on_bad="drop"`` is noted and left out."""
    good: list[T] = []
    bad: list[str] = []
    for line in lines:
        try:
            good.append(parse(line))
        except FileFormatError as error:
            if on_bad == "raise":
                raise
            bad.append(str(error))
    if bad:
        notes.append(f"Dropped {len(bad)} bad lines: {' '.join(bad)}")
    return good


def _decode(data: bytes, name: str, where: str) -> tuple[str, tuple[str, ...]]:
    """Bytes to text, and a note when the encoding had to be guessed."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        try:
            return data.decode("utf-16"), ()
        except UnicodeDecodeError:
            pass
    if data.translate(None, _CONTROL_BYTES) != data:
        at = next(i for i, byte in enumerate(data) if byte in _CONTROL_BYTES)
        raise FileFormatError(
            f"{where}: {name} is a binary file (byte {data[at]:#04x} at offset {at}); "
            "expected text. Give the pick file, not the seismograms or a result."
        )
    try:
        return data.decode("utf-8-sig"), ()
    except UnicodeDecodeError:
        return data.decode("latin-1"), (f"{name} is not UTF-8; it was read as Latin-1.",)
