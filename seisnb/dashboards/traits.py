"""Traits of what widgets and controllers hold."""

from __future__ import annotations

import traitlets
import xarray as xr


class DatasetTrait(traitlets.TraitType):
    """A Dataset or None; a change is another object, since Datasets compare by their values."""

    def set(self, obj: traitlets.HasTraits, value: xr.Dataset | None) -> None:
        """Store the value and tell observers when it is another object."""
        name = str(self.name)
        before = obj._trait_values.get(name)
        obj._trait_values[name] = value
        if value is not before:
            obj._notify_trait(name, before, value)
