"""How ``seisnb tomography`` is told to read a file of picks; nothing heavy is imported here."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

#: Names of the formats, as :data:`seisnb.io.PICK_FORMATS` has them.
FORMATS = ("sgt", "txin", "tomo2d", "csv", "vs", "tom", "pyrefra", "columns")
#: Arguments of :func:`seisnb.io.read_picks` that have an option of the same name.
OPTIONS = (
    "pick_std", "phases", "water_velocity", "surface", "instrument", "on_bad", "buried", "shots",
    "receivers", "length_unit", "time_unit", "vertical",
)  # fmt: skip


def add_reading(command: argparse.ArgumentParser) -> None:
    """Add the options that say what a file of picks leaves open."""
    command.add_argument("--format", choices=FORMATS, help="of PICKS")
    command.add_argument(
        "--phases",
        metavar="1,5:185-",
        type=_phases,
        help="phase codes that are first arrivals, each perhaps only at offsets (km): 1:-90,5:185-",
    )
    command.add_argument(
        "--pick-std",
        metavar="STD",
        help="standard deviation of the picks where PICKS has none: 0.0003 (s), or 3%%+0.0005 "
        "(of the time, plus s)",
    )
    command.add_argument(
        "--surface", metavar="FILE", type=Path, help="topography or sea floor: easting, depth"
    )
    command.add_argument(
        "--water-velocity", metavar="KM/S", type=float, help="for lines at sea, such as 1.5"
    )
    command.add_argument(
        "--instrument",
        choices=("shot", "receiver"),
        default="shot",
        help="end of a pick that stands on the sea floor, where PICKS has no depths (shot)",
    )
    command.add_argument(
        "--buried",
        choices=("shot", "receiver", "both", "none"),
        help="ends of picks that stand in boreholes; none for topography that is so steep",
    )
    for kind in ("shots", "receivers"):
        command.add_argument(
            f"--{kind}", metavar="FILE", type=Path, help=f"positions of the {kind}: number, x, y, z"
        )
    command.add_argument("--length-unit", choices=("m", "km"), help="where PICKS does not state it")
    command.add_argument("--time-unit", choices=("s", "ms"), help="where PICKS does not state it")
    command.add_argument(
        "--vertical",
        choices=("elevation", "depth"),
        help="what a z is that may be positive up (elevation) or down (depth)",
    )
    command.add_argument(
        "--on-bad",
        choices=("raise", "drop"),
        default="raise",
        help="refuse a file with a bad pick (raise), or drop such picks and say which",
    )


def reading_options(args: argparse.Namespace) -> dict[str, Any]:
    """The keywords of :func:`seisnb.io.read_picks` from the parsed command line."""
    return {name: getattr(args, name) for name in OPTIONS}


def _phases(text: str) -> tuple[int | str, ...]:
    """``1,5:185-`` or ``P,Pg`` as phase codes."""
    codes = [code.strip() for code in text.split(",")]
    if not all(codes):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a list of phase codes; expected codes and commas, as in 1,5"
        )
    return tuple(int(code) if code.lstrip("+-").isdigit() else code for code in codes)
