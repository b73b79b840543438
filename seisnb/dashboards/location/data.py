"""What a location dashboard locates with: handed over, or read from files that are named."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from seisnb.catalogue import arrivals_checksum
from seisnb.conventions import InputError
from seisnb.dashboards.sessions import files_named
from seisnb.io import read_arrivals, read_models, read_stations
from seisnb.location import read_boundary
from seisnb.location.interfaces import Boundary
from seisnb.location.prepare import Models, as_ensemble, stations_checksum


@dataclass(frozen=True, kw_only=True, eq=False)
class Data:
    """What a dashboard locates with: arrivals, stations, models; other hypocentres, a boundary."""

    arrivals: xr.Dataset
    stations: xr.Dataset
    models: Models
    trial: xr.Dataset | None
    boundary: Boundary | Sequence[Boundary] | None

    @property
    def checksums(self) -> dict[str, str]:
        """What the data are, by name."""
        models = as_ensemble(self.models)
        weights = hashlib.sha256(np.round(models.log_weight, 9).tobytes()).hexdigest()
        return {
            "arrivals": arrivals_checksum(self.arrivals),
            "stations": stations_checksum(self.stations),
            "models": models.checksum,
            "weights": weights,
        }

    @property
    def station_names(self) -> tuple[str, ...]:
        """Of all stations, in their order."""
        return tuple(str(name) for name in self.stations["station"].values)


def files_of(
    arrivals: str, stations: str, models: str, *, format: str, pick_std: str, boundary: str
) -> dict[str, Any]:
    """What a person typed as a state's ``opened``; patterns such as ``vel_*.csv`` name many files.

    Raises
    ------
    InputError
        A file is not named, a pattern matches none, a std is no number.
    """
    for what, text in (("arrivals", arrivals), ("stations", stations), ("models", models)):
        if not text.strip():
            raise InputError(f"dashboard: no file of {what} is named.")
    return {
        "arrivals": str(Path(arrivals).expanduser()),
        "stations": str(Path(stations).expanduser()),
        "models": [str(path) for part in models.split() for path in files_named(part)],
        "format": format,
        "pick_std": _stds(pick_std),
        "boundary": str(Path(boundary).expanduser()) if boundary.strip() else "",
    }


def read_data(opened: Mapping[str, Any]) -> Data:
    """The data in files, read as a state's ``opened`` says."""
    arrivals = read_arrivals(
        opened["arrivals"], opened["format"] or None, pick_std=opened["pick_std"] or None
    )
    stations = read_stations(opened["stations"])
    models = read_models(opened["models"])
    boundary = None
    if opened.get("boundary"):
        boundary = read_boundary(opened["boundary"], stations.attrs["projection"])
    return Data(arrivals=arrivals, stations=stations, models=models, trial=None, boundary=boundary)


def _stds(text: str) -> dict[str, float] | None:
    """Stds of P and S from text such as ``0.1, 0.2``."""
    parts = text.replace(";", ",").split(",") if text.strip() else []
    if not parts:
        return None
    try:
        values = [float(part) for part in parts]
    except ValueError:
        raise InputError(
            f"dashboard: std of the picks is {text!r}; expected seconds, as 0.1 or 0.1, 0.2."
        ) from None
    return {"P": values[0], "S": values[-1]}
