"""One small file per pick format: what every format must do is tested on all of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Sample:
    """A file of one format.

    Attributes
    ----------
    text : str
        Two shots' worth at most; the same everywhere would not be worth a test.
    options : mapping of str to object
        What :func:`seisnb.io.read_picks` must be told.
    beside : mapping of str to str
        Other files that must lie beside it.
    slow : tuple of (str, str)
        What to replace, one after the other, so that times are a thousand times too long.
    """

    text: str
    options: Mapping[str, Any] = field(default_factory=dict)
    beside: Mapping[str, str] = field(default_factory=dict)
    slow: tuple[tuple[str, str], ...]


SAMPLES: Mapping[str, Sample] = {
    "sgt": Sample(
        text="3\n#x z\n0 0\n5 0\n9 0\n2\n#s g t err\n1 2 0.005 0.001\n1 3 0.008 0.001\n",
        slow=(("0.005", "5"), ("0.008", "8")),
    ),
    "txin": Sample(
        text=f"{10.0:10.3f}{1.0:10.3f}{0.0:10.3f}{0:10d}\n14 1.0 0.1 1\n0 0 0 -1\n",
        options={"phases": 1},
        slow=((" 1.0 ", " 1000 "),),
    ),
    "tomo2d": Sample(text="1\ns 10 0 1\nr 14 0 0 1.0 0.1\n", slow=((" 1.0 ", " 1000 "),)),
    "csv": Sample(
        text="shot_easting_km,receiver_easting_km,travel_time_s,pick_std_s\n10,14,1.0,0.1\n",
        slow=(("1.0", "1000"),),
    ),
    "vs": Sample(
        text="1996 0 3.0\n0 1 2.0\n-1.0 2 0.0\n0.0 2.5 1\n2.0 5.5 1\n0 0\n0\n0 0\n",
        options={"pick_std": "0.0005"},
        slow=(("2.5", "2500"), ("5.5", "5500")),
    ),
    "tom": Sample(
        text="0.0052 0 0.00 1.00 5.00 0.00\n0.0091 0 0.00 1.00 9.00 0.00\n",
        options={"pick_std": "0.0005", "time_unit": "s"},
        slow=(("0.0052", "5.2"), ("0.0091", "9.1")),
    ),
    "pyrefra": Sample(
        text="1 2 0.00612 0.00562 0.00662\n1 3 0.01212 0.01162 0.01262\n",
        beside={"shots.geo": "1\t0.5\t0\t0\n", "receivers.geo": "1 0 0 0\n2 5 0 0\n3 9 0 0\n"},
        slow=(("0.00612 0.00562 0.00662", "6 5.5 6.5"), ("0.01212 0.01162 0.01262", "12 11 13")),
    ),
    "columns": Sample(
        text="gx_m t_ms sx_m err\n5 4.1 0 0.3\n9 7.2 0 0.4\n",
        slow=(("4.1", "4100"), ("7.2", "7200")),
    ),
}
