"""The state of a slip dashboard."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import traitlets

from seisnb.dashboards.figures.slip_arrows import Component
from seisnb.dashboards.figures.slip_maps import Field
from seisnb.dashboards.state import ConfigTrait, State
from seisnb.settings import about
from seisnb.slip import SlipConfig

#: Tabs of the dashboard, by what they are for.
TABS = ("data", "run", "slip", "structures", "moment", "fit", "smoothing")
#: Fields of slip that can be on the map.
FIELDS: tuple[Field, ...] = ("mean", "std", "sample")
#: Components of displacements.
COMPONENTS: tuple[Component, ...] = ("horizontal", "vertical")
#: Displacements that can be on it.
VECTORS = ("observed and predicted", "observed", "predicted", "residual", "none")


@dataclass(frozen=True, kw_only=True)
class ReadingConfig:
    """How files of displacements and meshes are read, and how structures vary around a mesh."""

    unit: Literal["mm", "m"] = field(
        default="mm",
        metadata=about("unit of columns whose names do not say theirs; per year for velocities"),
    )
    coordinates: Literal["guess", "degrees", "km", "m"] = field(
        default="guess", metadata=about("of the meshes' horizontal axes; guess goes by their range")
    )
    members: int = field(default=1, metadata=about("structures around each mesh, itself included"))
    dip_std: float = field(default=0.0, metadata=about("std of their dip", "deg"))
    depth_std: float = field(default=0.0, metadata=about("std of their shift in depth", "km"))
    relief_std: float = field(default=0.0, metadata=about("std of smooth relief on them", "km"))
    poisson_std: float = field(default=0.0, metadata=about("std of their Poisson's ratio"))
    poisson: float = field(default=0.25, metadata=about("Poisson's ratio"))
    shear_modulus: float = field(default=30.0, metadata=about("that turns slip into moment", "GPa"))


class SlipState(State):
    """What slip is asked of which sites, and what is looked at.

    Attributes
    ----------
    opened : dict
        Files (``offsets``, ``meshes``) and how they were read (``reading``); empty for data that
        were handed over.
    reading : ReadingConfig
        The form of files.
    muted : tuple of str
        Sites that are not inverted.
    config : SlipConfig
        How to invert.
    run : str
        The result on show, by its name; empty: none.
    field : str
        Of slip on the map, one of :data:`FIELDS`.
    sample : int
        The sample on the map.
    vectors, component : str
        Displacements on the map: one of :data:`VECTORS`, and of :data:`COMPONENTS`.
    patch : int or None
        The patch that is looked at.
    tab : int
        Of :data:`TABS`.
    folder : str
        For the results.
    """

    kind: ClassVar[str] = "slip session"
    version: ClassVar[int] = 1

    opened = traitlets.Dict()
    reading = ConfigTrait(ReadingConfig)
    muted = traitlets.Tuple()
    config = ConfigTrait(SlipConfig)
    run = traitlets.Unicode("")
    field = traitlets.Enum(list(FIELDS), default_value=FIELDS[0])
    sample = traitlets.Int(0, min=0)
    vectors = traitlets.Enum(list(VECTORS), default_value=VECTORS[0])
    component = traitlets.Enum(list(COMPONENTS), default_value=COMPONENTS[0])
    patch = traitlets.Int(None, allow_none=True, min=0)
    tab = traitlets.Int(0, min=0, max=len(TABS) - 1)
    folder = traitlets.Unicode("results/slip")

    @traitlets.validate("muted")
    def _names(self, proposal: Mapping[str, Any]) -> tuple[str, ...]:
        """Names of sites."""
        values = proposal["value"]
        if not all(isinstance(v, str) for v in values):
            raise traitlets.TraitError(f"muted is {values!r}; expected names of sites.")
        return tuple(sorted(set(values)))
