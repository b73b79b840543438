"""Methods that a study compares: named changes of the inversion's settings.

The default traces every model's own rays down the grid solver's field and bends them. What each
part earns shows when it is taken away: rays of the network alone, rays of the most probable model
alone, no bending. The Stein variational engines stand beside them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import xarray as xr

from seisnb.conventions import InputError
from seisnb.prior import PriorConfig
from seisnb.settings import make_configs, parse_assignments
from seisnb.tomography import Progress, TomographyConfig, invert
from seisnb.verification.cases import Case


class Inverter(Protocol):
    """What :func:`seisnb.tomography.invert` is: picks and beliefs in, an ensemble out."""

    def __call__(
        self,
        survey: xr.Dataset,
        prior: PriorConfig | None = None,
        config: TomographyConfig | None = None,
        *,
        progress: Callable[[Progress], None] | None = None,
        cancel: Callable[[], bool] | None = None,
    ) -> xr.Dataset:
        """An ensemble with ``velocity``, ``chi2_referee`` and ``depth`` as invert returns them."""
        ...


@dataclass(frozen=True, kw_only=True)
class Method:
    """One way to an ensemble.

    Attributes
    ----------
    name : str
        Short, and the name of its folder.
    label : str
        For tables and figures.
    settings : mapping
        Changed fields of :class:`seisnb.tomography.TomographyConfig`, also ``n_members``.
    inverter : Inverter
        Another function in the place of :func:`seisnb.tomography.invert`.
    """

    name: str
    label: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    inverter: Inverter = invert

    def config(self, case: Case, *, n_members: int, seed: int) -> TomographyConfig:
        """The settings for a case; its members on one thread, so that time per member compares.

        Raises
        ------
        InputError
            A setting that does not exist or cannot have its value.
        """
        values = {
            "n_members": n_members,
            "seed": seed,
            "n_workers": 1,
            **case.settings,
            **self.settings,
        }
        where = f"method {self.name}"
        found = make_configs({"tomography": TomographyConfig}, values, where=where)
        config = found["tomography"]
        assert isinstance(config, TomographyConfig)
        return config


#: Methods by name. Unbent rays are as the solver or the network drew them.
METHODS: Mapping[str, Method] = {
    method.name: method
    for method in (
        Method(name="grid", label="every model's grid rays, bent", settings={"ray_source": "grid"}),
        Method(
            name="grid-unbent",
            label="every model's grid rays, unbent",
            settings={"ray_source": "grid", "bend": False},
        ),
        Method(name="map", label="best model's grid rays, bent", settings={"ray_source": "map"}),
        Method(
            name="map-unbent",
            label="best model's grid rays, unbent",
            settings={"ray_source": "map", "bend": False},
        ),
        Method(name="network", label="network rays, bent", settings={"ray_source": "network"}),
        Method(
            name="network-unbent",
            label="network rays, unbent",
            settings={"ray_source": "network", "bend": False},
        ),
        Method(
            name="network+map",
            label="network and best model's grid rays, bent",
            settings={"ray_source": "network+map"},
        ),
        Method(
            name="network+map-unbent",
            label="network and best model's grid rays, unbent",
            settings={"ray_source": "network+map", "bend": False},
        ),
        Method(
            name="both",
            label="network and every model's grid rays, bent",
            settings={"ray_source": "both"},
        ),
        Method(
            name="svgd",
            label="Stein variational particles, velocity space",
            settings={"engine": "svgd"},
        ),
        Method(
            name="vsvgd",
            label="two networks per particle (published method)",
            settings={"method": "vsvgd"},
        ),
    )
}


def find_method(text: str) -> Method:
    """A method by name, or one made from ``name:setting=value,setting=value``.

    Raises
    ------
    InputError
        No method of that name, or settings that are not assignments.

    Examples
    --------
    >>> find_method("map").settings["ray_source"]
    'map'
    >>> find_method("stiff:n_steps=3,ray_source=grid").settings["n_steps"]
    '3'
    """
    name, colon, assignments = text.partition(":")
    if colon:
        if not name or name in METHODS or any(mark in name for mark in "/\\"):
            raise InputError(
                f"verify: method {text!r} needs a name of its own before the colon; "
                f"{', '.join(METHODS)} are taken."
            )
        settings = parse_assignments(assignments.split(","), where=f"method {name}")
        return Method(name=name, label=assignments.replace(",", ", "), settings=settings)
    if name not in METHODS:
        raise InputError(
            f"verify: there is no method {name!r}; expected {', '.join(METHODS)}, or one of your "
            "own as name:setting=value,setting=value."
        )
    return METHODS[name]
