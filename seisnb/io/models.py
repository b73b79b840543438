"""Velocity models to locate in, from files: ensembles, 3-D grids, 1-D tables, NonLinLoc layers.

- ``.nc`` or ``.zarr``: an ensemble that seisnb wrote; or a 3-D grid, a variable ``velocity`` or
  ``vp`` over ``easting``, ``northing``, ``depth`` [km] and, for several members, ``particle``.
- Text with a header that names columns: 1-D layers, one per line, the values at its top. ``depth``,
  ``vp``, optional ``vs``, ``vp_grad``, ``vs_grad``, and ``model`` where one file holds several.
  Kilometres and km/s, or ``depth_m``, ``vp_m_s``, ``vs_m_s``; gradients per km.
- Text with lines ``LAYER depth Vp VpGrad Vs VsGrad density gradient``, as in a NonLinLoc control
  file; other lines are skipped.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from seisnb.conventions import FileFormatError, InputError
from seisnb.io.events.columns import Table, header_names, read_table, require
from seisnb.io.lines import Line, TextFile, listed, read_text
from seisnb.io.results import kind_of, open_ensemble
from seisnb.velocity_ensembles import (
    join_ensembles,
    layered_ensemble,
    section_ensemble,
    volume_ensemble,
)
from seisnb.velocity_models import LayeredModel, VelocityEnsemble

Array = NDArray[np.float64]

WHERE = "read_models"
#: A last layer's gradient is not followed beyond this P velocity [km/s], which no rock above 400 km
#: reaches; and where it would be at a depth of 100 km, a gradient that only repeats the layer
#: above is none: tables made by differences end so.
FASTEST, JUDGED_AT = 9.5, 100.0
#: Names of columns, and the units that other names stand for.
COLUMNS = {
    "model": ("model", "name", "member"),
    "depth": ("depth", "depth_km", "z", "depth_m", "top"),
    "vp": ("vp", "vp_km_s", "vp_km/s", "p", "vp_m_s", "vp_m/s"),
    "vs": ("vs", "vs_km_s", "vs_km/s", "s", "vs_m_s", "vs_m/s"),
    "vp_grad": ("vp_grad", "vp_gradient", "vpgrad"),
    "vs_grad": ("vs_grad", "vs_gradient", "vsgrad"),
}


def read_models(
    paths: str | Path | Sequence[str | Path],
    *,
    vpvs: float = 1.73,
    vpvs_std: float = 0.0,
    origin: tuple[float, float] = (0.0, 0.0),
    azimuth: float = 90.0,
    projection: str | None = None,
    seed: int = 0,
) -> VelocityEnsemble:
    """Read one or many files of velocity models as one ensemble.

    Parameters
    ----------
    paths : path or sequence of paths
        See the module's documentation.
    vpvs, vpvs_std : float
        Mean and standard deviation of Vp/Vs for models without S velocities.
    origin, azimuth, projection
        Where a tomography ensemble's line lies: as for
        :func:`seisnb.velocity_ensembles.section_ensemble`.
    seed : int
        Of the draws of Vp/Vs.

    Returns
    -------
    VelocityEnsemble
        Members in the order of the files; all of equal weight but for weights inside ensembles.

    Raises
    ------
    InputError
        No file, a file that does not exist, velocities that cannot be.
    FileFormatError
        A file that is none of the kinds; the message names file, line and column.
    """
    files = [paths] if isinstance(paths, str | Path) else list(paths)
    if not files:
        raise InputError(f"{WHERE}: no files. Give at least one.")
    layers: list[LayeredModel] = []
    notes: list[str] = []
    others: list[VelocityEnsemble] = []
    for path in map(Path, files):
        if path.suffix in (".nc", ".zarr"):
            others.append(_gridded(path, vpvs, vpvs_std, origin, azimuth, projection, seed))
        else:
            layers += _layers(read_text(path, where=WHERE), notes)
    groups = [[m for m in layers if m.vs is not None], [m for m in layers if m.vs is None]]
    ensembles = [
        layered_ensemble(group, vpvs=vpvs, vpvs_std=vpvs_std, seed=seed)
        for group in groups
        if group
    ] + others
    whole = ensembles[0] if len(ensembles) == 1 else join_ensembles(ensembles)
    return replace(whole, notes=(*whole.notes, *notes))


def _gridded(
    path: Path,
    vpvs: float,
    vpvs_std: float,
    origin: tuple[float, float],
    azimuth: float,
    projection: str | None,
    seed: int,
) -> VelocityEnsemble:
    """An ensemble or a 3-D grid."""
    if kind_of(path) == "ensemble":
        return section_ensemble(
            open_ensemble(path), origin=origin, azimuth=azimuth, projection=projection,
            vpvs=vpvs, vpvs_std=vpvs_std, seed=seed,
        )  # fmt: skip
    with xr.open_dataset(path) as dataset:
        names = [n for n in ("velocity", "vp", "Vp") if n in dataset]
        if not names or not {"easting", "northing", "depth"} <= set(dataset[names[0]].dims):
            raise FileFormatError(
                f"{WHERE}: {path.name} holds {listed(map(str, dataset.variables))} with dims "
                f"{dict(dataset.sizes)}; expected an ensemble of seisnb, or a variable velocity or "
                "vp over easting, northing and depth [km]. Rename its dims with xarray."
            )
        grid = dataset[names[0]].load()
    return volume_ensemble(
        grid, projection=projection or dataset.attrs.get("projection"), vpvs=vpvs,
        vpvs_std=vpvs_std, seed=seed,
    )  # fmt: skip


def _layers(text: TextFile, notes: list[str]) -> list[LayeredModel]:
    """The 1-D models of a text file."""
    rows = [line for line in text.rows() if line.fields[0].upper() == "LAYER"]
    if rows:
        return [_nonlinloc(rows, text.stem, notes)]
    if not {"depth", "depth_km", "depth_m", "z", "top"} & set(header_names(text)):
        raise text.line(1).error(
            "no line starts with LAYER, and the first line names no column 'depth'",
            "a NonLinLoc control file, or a table with columns depth, vp and vs",
            "For other formats write such a table: one line per layer, values at its top, km and "
            "km/s.",
        )
    table = read_table(text, COLUMNS)
    require(table, COLUMNS, ("depth", "vp"))
    by_model: dict[str, list[Line]] = {}
    for line in table.rows:
        table.check(line)
        name = table.text(line, "model")
        by_model.setdefault(name, []).append(line)
    return [_tabled(table, rows, name or text.stem, notes) for name, rows in by_model.items()]


def _tabled(table: Table, rows: list[Line], name: str, notes: list[str]) -> LayeredModel:
    """One model of a table."""

    def column(quantity: str) -> Array:
        if quantity not in table.index:
            return np.zeros(len(rows))
        unit = table.names[table.index[quantity]]
        scale = 1e-3 if unit.endswith(("_m", "_m_s", "_m/s")) else 1.0
        return scale * np.array([table.real(line, quantity) for line in rows])

    depth = column("depth")
    _increasing(rows, depth)
    has_s = "vs" in table.index
    return _ended(
        name, depth, column("vp"), column("vp_grad"), column("vs") if has_s else None,
        column("vs_grad") if has_s else None, notes,
    )  # fmt: skip


def _nonlinloc(rows: list[Line], name: str, notes: list[str]) -> LayeredModel:
    """The model of the LAYER lines of a control file."""
    what = ("depth", "Vp", "Vp gradient", "Vs", "Vs gradient")
    values = np.array([[line.real(i + 1, w) for i, w in enumerate(what)] for line in rows])
    _increasing(rows, values[:, 0])
    has_s = bool((values[:, 3] > 0).all())
    return _ended(
        name, values[:, 0], values[:, 1], values[:, 2], values[:, 3] if has_s else None,
        values[:, 4] if has_s else None, notes,
    )  # fmt: skip


def _ended(
    name: str,
    top: Array,
    vp: Array,
    vp_gradient: Array,
    vs: Array | None,
    vs_gradient: Array | None,
    notes: list[str],
) -> LayeredModel:
    """The model with a last layer that rock can have."""
    reach = max(JUDGED_AT - float(top[-1]), 0.0)
    if float(vp[-1] + vp_gradient[-1] * reach) > FASTEST:
        is_repeated = top.size > 1 and np.isclose(vp_gradient[-1], vp_gradient[-2], rtol=1e-6)
        if is_repeated:
            vp_gradient = np.append(vp_gradient[:-1], 0.0)
            vs_gradient = None if vs_gradient is None else np.append(vs_gradient[:-1], 0.0)
            notes.append(
                f"{name}: the gradient of the last layer, {top[-1]:g} km down, repeats that of the "
                f"layer above and would lead to {vp[-1] + vp_gradient[-2] * reach:.1f} km/s at "
                f"{JUDGED_AT:g} km; the velocity is held at {vp[-1]:g} km/s there."
            )
        elif top.size > 1 and vp[-1] < FASTEST:
            depth = float(top[-1] + (FASTEST - vp[-1]) / vp_gradient[-1])
            notes.append(
                f"{name}: velocity is held at {FASTEST:g} km/s below {depth:.1f} km, where the "
                "gradient of the last layer leads to."
            )
            if vs is not None and vs_gradient is not None:
                end = vs[-1] + vs_gradient[-1] * (depth - top[-1])
                vs, vs_gradient = np.append(vs, end), np.append(vs_gradient, 0.0)
            top, vp = np.append(top, depth), np.append(vp, FASTEST)
            vp_gradient = np.append(vp_gradient, 0.0)
    return LayeredModel(
        name=name, top=top, vp=vp, vp_gradient=vp_gradient, vs=vs, vs_gradient=vs_gradient
    )


def _increasing(rows: list[Line], depth: Array) -> None:
    """Refuse layers that are not in order."""
    for line, above, below in zip(rows[1:], depth[:-1], depth[1:], strict=True):
        if not below > above:
            raise line.error(
                f"the layer's top is at {below:g} km, the one before at {above:g} km",
                "depths that increase from line to line",
                "Sort the layers; give each the velocity at its top, and its gradient where "
                "velocity grows in it.",
            )
