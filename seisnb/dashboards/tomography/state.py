"""The state of a tomography dashboard."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import traitlets

from seisnb.dashboards.state import ConfigTrait, SectionState
from seisnb.prior import PriorConfig
from seisnb.tomography import TomographyConfig


@dataclass(frozen=True, kw_only=True)
class ReadingConfig:
    """How a pick file is read; see :func:`seisnb.io.read_picks`."""

    format: Literal["guess", "sgt", "txin", "tomo2d", "csv", "vs", "tom", "pyrefra", "columns"] = (
        field(
            default="guess",
            metadata={"help": "format of the file; guess looks into it", "unit": ""},
        )
    )
    pick_std: str | None = field(
        default=None,
        metadata={
            "help": "std of the picks: seconds, or relative plus floor such as 3%+0.0005; "
            "auto takes the file's",
            "unit": "s",
        },
    )
    phases: str | None = field(
        default=None,
        metadata={
            "help": "phase codes that are first arrivals, perhaps with their offsets in km, such "
            "as 1,5 or 1:-90,5:185-",
            "unit": "",
        },
    )
    water_velocity: float | None = field(
        default=None, metadata={"help": "velocity of the water, for a line at sea", "unit": "km/s"}
    )
    surface: str | None = field(
        default=None,
        metadata={"help": "file of topography or sea floor: easting, depth [km]", "unit": ""},
    )
    instrument: Literal["shot", "receiver"] = field(
        default="shot",
        metadata={"help": "at sea: which end of a pick stands on the sea floor", "unit": ""},
    )
    buried: Literal["ask", "shot", "receiver", "both", "none"] = field(
        default="ask",
        metadata={"help": "which ends of picks stand in boreholes, if any", "unit": ""},
    )
    shots: str | None = field(
        default=None,
        metadata={"help": "file of shot positions: number, x, y, z", "unit": ""},
    )
    receivers: str | None = field(
        default=None,
        metadata={"help": "file of receiver positions: number, x, y, z", "unit": ""},
    )
    length_unit: Literal["ask", "m", "km"] = field(
        default="ask", metadata={"help": "unit of lengths that the file leaves open", "unit": ""}
    )
    time_unit: Literal["ask", "s", "ms"] = field(
        default="ask", metadata={"help": "unit of times that the file leaves open", "unit": ""}
    )
    vertical: Literal["ask", "elevation", "depth"] = field(
        default="ask",
        metadata={"help": "a z that the file leaves open: positive up or down", "unit": ""},
    )
    on_bad: Literal["raise", "drop"] = field(
        default="raise",
        metadata={"help": "a bad line stops the reading, or is dropped", "unit": ""},
    )


class TomographyState(SectionState):
    """What is read, muted, believed, asked for and looked at.

    Attributes
    ----------
    opened : dict
        The pick file and how it was read (``path``, ``reading``); empty for picks handed over.
    reading, prior, config : ReadingConfig, PriorConfig, TomographyConfig
        The forms as they stand.
    pick_std : str
        Stds that replace those read, as :func:`seisnb.io.parse_pick_std` takes them; empty: none.
    muted : tuple of int
        Picks of the survey that are not used.
    gather : str
        The gather on show, such as ``shot 12``; empty: all.
    reduction_velocity : float or None
        Of the travel-time curves [km/s]; None: chosen from the picks; 0: none.
    run : str
        Name of the result on show; empty: none.
    compared : tuple of str
        Names of the two results that are compared.
    tab : int
        The tab on show.
    folder : str
        Where results are saved.
    """

    kind: ClassVar[str] = "tomography session"
    version: ClassVar[int] = 1

    opened = traitlets.Dict()
    reading = ConfigTrait(ReadingConfig)
    prior = ConfigTrait(PriorConfig)
    config = ConfigTrait(TomographyConfig)
    pick_std = traitlets.Unicode("")
    muted = traitlets.Tuple()
    gather = traitlets.Unicode("")
    reduction_velocity = traitlets.Float(None, allow_none=True)
    run = traitlets.Unicode("")
    compared = traitlets.Tuple()
    tab = traitlets.Int(0, min=0, max=5)
    folder = traitlets.Unicode("results/tomography")

    @traitlets.validate("muted")
    def _muted_numbers(self, proposal: Mapping[str, Any]) -> tuple[int, ...]:
        """Pick numbers are whole and at least 0."""
        values = proposal["value"]
        if not all(isinstance(v, int) and not isinstance(v, bool) and v >= 0 for v in values):
            raise traitlets.TraitError(f"muted is {values!r}; expected numbers of picks.")
        return tuple(sorted(set(values)))

    @traitlets.validate("compared")
    def _compared_names(self, proposal: Mapping[str, Any]) -> tuple[str, ...]:
        """None, or two names."""
        values = proposal["value"]
        if len(values) not in (0, 2) or not all(isinstance(v, str) for v in values):
            raise traitlets.TraitError(f"compared is {values!r}; expected two names of results.")
        return tuple(values)
