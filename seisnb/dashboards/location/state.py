"""The state of a location dashboard."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import traitlets

from seisnb.dashboards.state import ConfigTrait, SectionState
from seisnb.location import LocationConfig

#: Answers that can be drawn.
ANSWERS = ("both", "all models", "one model")


class LocationState(SectionState):
    """Which event, located with what, seen how.

    Attributes
    ----------
    opened : dict
        Files (``arrivals``, ``stations``, ``models``, ``boundary``) and how they were read; empty
        for data that were handed over.
    event : str
        The event on show.
    filter : str
        Part of the names of the events that are listed.
    least_picks : int
        Fewest picks of the events that are listed.
    likelihood, use_p, use_s : str, bool, bool
        As in :class:`seisnb.location.LocationConfig`.
    unused : tuple of str
        Stations that are not located with.
    config : LocationConfig
        Every other setting.
    answer : str
        What is drawn, one of :data:`ANSWERS`.
    trial : list of float
        A trial hypocentre: easting, northing, depth [km]; empty: none.
    new_station : list of float
        A station to be tried: easting, northing, depth [km]; empty: none.
    azimuth : float
        Direction of the section through the event, clockwise from north [degrees].
    half_length : float
        Half the section's length [km]; 0: chosen from the clouds.
    is_weighted : bool
        The section shows the models by their probabilities given the event.
    """

    kind: ClassVar[str] = "location session"
    version: ClassVar[int] = 1

    opened = traitlets.Dict()
    event = traitlets.Unicode("")
    filter = traitlets.Unicode("")
    least_picks = traitlets.Int(0, min=0)
    likelihood = traitlets.Enum(["student", "gaussian", "edt"], default_value="student")
    use_p = traitlets.Bool(True)
    use_s = traitlets.Bool(True)
    unused = traitlets.Tuple()
    config = ConfigTrait(LocationConfig)
    answer = traitlets.Enum(list(ANSWERS), default_value="both")
    trial = traitlets.List(traitlets.Float())
    new_station = traitlets.List(traitlets.Float())
    azimuth = traitlets.Float(90.0, min=0.0, max=180.0)
    half_length = traitlets.Float(0.0, min=0.0)
    tab = traitlets.Int(0, min=0, max=4)
    folder = traitlets.Unicode("results/location")
    is_weighted = traitlets.Bool(False)
    has_contours = traitlets.Bool(False)

    @traitlets.validate("trial", "new_station")
    def _places(self, proposal: Mapping[str, Any]) -> list[float]:
        """None, or three numbers."""
        values = proposal["value"]
        if len(values) not in (0, 3):
            raise traitlets.TraitError(
                f"{proposal['trait'].name} is {values}; expected easting, northing, depth [km]."
            )
        return list(values)

    @traitlets.validate("unused")
    def _names(self, proposal: Mapping[str, Any]) -> tuple[str, ...]:
        """Names of stations."""
        values = proposal["value"]
        if not all(isinstance(v, str) for v in values):
            raise traitlets.TraitError(f"unused is {values!r}; expected names of stations.")
        return tuple(sorted(set(values)))
