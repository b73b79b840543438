"""Plain tables of picks as people keep them: any columns in any order, names guessed.

One pick per line; the first line names the columns (it may be a comment). Separators are white
space, commas, semicolons or tabs; ``#`` starts a comment::

    sx_m  gx_m  gz_m  t_ms  err_ms
    0     5     1.2   4.1   0.3

=====================  ============================================================
meaning                names, in any case and with any separators, for example
=====================  ============================================================
position of the shot   ``sx``, ``x_s``, ``shot_x``, ``source easting``, ``shot``
position of receiver   ``gx``, ``rx``, ``x_r``, ``receiver_x``, ``geophone``
across, ``y``          ``sy``, ``gy``, ``shot_northing``
height or depth        ``sz``, ``gz`` (see below), ``shot_elevation``, ``shot_depth``
travel time            ``t``, ``tt``, ``time``, ``travel_time``, ``first_break``, ``ms``
its std                ``err``, ``std``, ``sigma``, ``uncertainty``
phase, mute            ``phase``, ``code``; ``used``, ``valid``
=====================  ============================================================

Units are part of a name (``gx_m``, ``time (ms)``, ``t/s``); columns without one take the unit that
the caller states and are refused otherwise. The std has the time's unit unless it names its own. A
``z`` is an elevation or a depth, as the caller states. ``shot`` and ``receiver`` hold numbers or
names when the caller gives lists of positions (:mod:`seisnb.io.positions`) or when other columns
hold the positions, else they are the positions.
"""

from __future__ import annotations

import math
from dataclasses import replace

from seisnb.io.header import Header, find_header, table_lines
from seisnb.io.lines import Line, TextFile, as_number, keep_good, listed, shown
from seisnb.io.positions import Place, point_name, read_positions, vertical_sign
from seisnb.io.records import NO_PHASE, PickFile, PickRow, ReadOptions
from seisnb.io.units import open_units

_YES_NO = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}
_HEIGHTS = ("elevation", "depth", "vertical")
_ENDS = ("shot", "receiver")
#: Numbers of shots and receivers are smaller.
_LARGEST = 2**31
#: The columns a table must have, as a message asks for them.
_NEEDED = {
    "shot": "the shot's position ('sx_m')",
    "receiver": "the receiver's position ('gx_m')",
    "travel_time": "the travel time ('t_ms')",
}


def is_column_table(text: TextFile) -> bool:
    """Whether the first line names at least two of shot, receiver and travel time."""
    header = find_header(table_lines(text))
    return header is not None and len(_missing(header)) <= 1


def parse_columns(text: TextFile, options: ReadOptions) -> PickFile:
    """Parse a plain table (module docstring).

    Parameters
    ----------
    text : TextFile
        The file.
    options : ReadOptions
        Units, sign of z and lists of positions.

    Returns
    -------
    PickFile
        Depths are NaN where the table has none.

    Raises
    ------
    FileFormatError
        Columns that are missing (all of them named) or doubled; a line that does not fit.
    InputError
        A unit or the sign of z is not stated, or a number is not in its list of positions.
    """
    lines = table_lines(text)
    header = find_header(lines, least=1)
    rows = [line for line in lines if line.fields]
    if header is None:
        first = rows[0] if rows else lines[-1]
        raise first.error(
            f"found {shown(first.raw.strip())}",
            "a line that names the columns, such as 'sx_m gx_m t_ms'",
            "Write it above the numbers.",
        )
    if header.line.fields:
        rows = rows[1:]
    if not rows:
        raise header.line.error("no picks follow the header", "one line per pick")
    header = _with_positions(header, options)
    notes = [f"Columns: {_reading(header)}."]
    if header.unknown:
        notes.append(f"Ignored columns: {listed(map(shown, header.unknown))}.")
    for kind, path in (("shot", options.shots), ("receiver", options.receivers)):
        if path is not None and kind not in header.columns:
            raise header.line.error(
                f"there is no column of {kind} numbers",
                f"one, for the list of positions {path.name}",
                f"Name it '{kind}', or omit {kind}s.",
            )
    lists = {
        kind: read_positions(path, options, kind=kind, where="read_picks")
        for kind, path in (("shot", options.shots), ("receiver", options.receivers))
        if path is not None
    }
    parsed = keep_good(
        rows,
        lambda line: _row(line, header, options, lists),
        on_bad=options.on_bad,
        notes=notes,
    )
    _ask_units(header, parsed, options, lists, text.name)
    parsed = _with_signs(header, parsed, options, lists, text.name)
    codes = frozenset(row.phase for row in parsed)
    only = codes if len(codes) == 1 and codes != {NO_PHASE} else None
    return PickFile(rows=parsed, notes=notes, first_arrivals=only)


def _missing(header: Header) -> list[str]:
    """The quantities that a table lacks."""
    return [
        name
        for name in _NEEDED
        if not {name, f"{name}_easting", f"{name}_northing"} & header.columns.keys()
    ]


def _with_positions(header: Header, options: ReadOptions) -> Header:
    """The header with a column "shot" (or "receiver") turned into its position where it is that."""
    missing = [_NEEDED[name] for name in _missing(header)]
    if missing or header.doubled:
        found = f"the columns are {shown(' '.join(_names(header)))}"
        if header.doubled:
            found = f"{', '.join(header.doubled)} mean the same"
        expected = " and ".join(missing) or "one column for each quantity"
        raise header.line.error(
            found,
            f"also {expected}" if missing else expected,
            "Name them in the first line" + (
                "; numbers of shots and receivers need lists of positions (shots, receivers)."
                if missing else "; rename or remove one."
            ),
        )  # fmt: skip
    columns = dict(header.columns)
    for kind, given in (("shot", options.shots), ("receiver", options.receivers)):
        if f"{kind}_easting" in columns or f"{kind}_northing" in columns:
            continue
        if given is None:
            columns[f"{kind}_easting"] = columns.pop(kind)
    return replace(header, columns=columns)


def _names(header: Header) -> list[str]:
    """Names of all columns that are known, as they stand in the file, then the others."""
    return [column.name for _, column in header.columns.values()] + list(header.unknown)


def _reading(header: Header) -> str:
    """Which column was taken for what."""
    return ", ".join(
        f"{column.name!r} is {quantity.replace('_', ' ')}"
        for quantity, (_, column) in header.columns.items()
    )


def _row(
    line: Line, header: Header, options: ReadOptions, lists: dict[str, dict[str, Place]]
) -> PickRow:
    """One pick; values without a unit stay as they are, heights are not yet depths."""
    columns = header.columns
    places = {kind: _place(line, kind, header, options, lists) for kind in _ENDS}
    time_unit = columns["travel_time"][1].unit or options.time_unit
    numbers: dict[str, int] = {}
    for kind in _ENDS:
        if kind in columns:
            value = as_number(line.field(columns[kind][0], kind))
            if value is not None and value.is_integer() and abs(value) < _LARGEST:
                numbers[kind] = int(value)
    used = line.field(columns["used"][0], "'used'").lower() if "used" in columns else "1"
    used = point_name(used)
    if used not in _YES_NO:
        raise line.error(f"'used' is {shown(used)}", "1, 0, true or false")
    phase = line.field(columns["phase"][0], "phase") if "phase" in columns else NO_PHASE
    if "phase" in columns and (not phase or set(phase) & set(' \t,;#":')):
        raise line.error(f"phase is {shown(phase)}", "a code: one number or word")
    shot, receiver = places["shot"], places["receiver"]
    return PickRow(
        line=line.number,
        shot_easting=shot.easting,
        shot_northing=shot.northing,
        shot_depth=shot.depth,
        receiver_easting=receiver.easting,
        receiver_northing=receiver.northing,
        receiver_depth=receiver.depth,
        travel_time=header.real(line, "travel_time", time_unit, finite=False),
        pick_std=(
            header.real(line, "pick_std", time_unit, finite=False)
            if "pick_std" in columns
            else None
        ),
        phase=point_name(phase),
        used=_YES_NO[used],
        shot=numbers.get("shot"),
        receiver=numbers.get("receiver"),
    )


def _place(
    line: Line,
    kind: str,
    header: Header,
    options: ReadOptions,
    lists: dict[str, dict[str, Place]],
) -> Place:
    """Where one end of a pick is, by its list or by the columns."""
    columns = header.columns
    if kind in lists and kind in columns:
        name = point_name(line.field(columns[kind][0], f"{kind} number"))
        if name not in lists[kind]:
            raise line.error(
                f"{kind} {shown(name)} is not in the list of {kind}s",
                f"one of {listed(lists[kind])}",
                "Add its position to the list.",
            )
        return lists[kind][name]

    def value(axis: str) -> float:
        quantity = f"{kind}_{axis}"
        return header.real(line, quantity, options.length_unit) if quantity in columns else 0.0

    height = next((axis for axis in _HEIGHTS if f"{kind}_{axis}" in columns), None)
    return Place(value("easting"), value("northing"), value(height) if height else math.nan)


def _ask_units(
    header: Header,
    rows: list[PickRow],
    options: ReadOptions,
    lists: dict[str, dict[str, Place]],
    file: str,
) -> None:
    """Refuse positions or times whose unit nobody states, all of them at once."""
    lengths, times = [], []
    for quantity, (_, column) in header.columns.items():
        kind, _, axis = quantity.partition("_")
        if column.unit:
            continue
        if kind in _ENDS and axis and kind not in lists and not options.length_unit:
            lengths.append(shown(column.name))
        if quantity == "travel_time" and not options.time_unit:
            times.append(shown(column.name))
    if lengths or times:
        raise open_units(
            f"read_picks: {file}", [*lengths, *times], rows, length=bool(lengths), time=bool(times)
        )


def _with_signs(
    header: Header,
    rows: list[PickRow],
    options: ReadOptions,
    lists: dict[str, dict[str, Place]],
    file: str,
) -> list[PickRow]:
    """Rows whose heights have become depths."""
    asked = [kind for kind in _ENDS if kind not in lists or kind not in header.columns]
    heights = [
        getattr(row, f"{kind}_depth")
        for kind in asked
        if f"{kind}_vertical" in header.columns
        for row in rows
    ]
    for kind in asked:
        axis = next((axis for axis in _HEIGHTS if f"{kind}_{axis}" in header.columns), None)
        sign = vertical_sign(axis, heights or [0.0], options, f"read_picks: {file}")
        rows = [
            replace(row, **{f"{kind}_depth": sign * getattr(row, f"{kind}_depth") + 0.0})
            for row in rows
        ]
    return rows
