"""Ensembles on disk: NetCDF or Zarr, whole or not at all, back without loss.

``.nc`` is NetCDF-4 (one file, compressed), ``.zarr`` is Zarr (version 2, consolidated; one
folder). Both hold the Dataset as it is: names, dims, types, units, attributes.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from seisnb.conventions import ENSEMBLE, FileFormatError, InputError, OutputError
from seisnb.io.atomic import replaced

_ZARR_MARKS = (".zgroup", "zarr.json")
_KIND = "ensemble"


def save_ensemble(ensemble: xr.Dataset, path: str | Path) -> None:
    """Write an ensemble to NetCDF (``.nc``) or Zarr (``.zarr``), by the extension.

    It is written beside its place, synced to the disk and renamed, so that a full disk or a crash
    leaves either the old result or the new one, never a part.

    Parameters
    ----------
    ensemble : xr.Dataset
        With ``attrs["kind"] == "ensemble"``. Attributes are text, numbers or lists of them.
    path : str or Path
        The file or folder; an older one is replaced.

    Raises
    ------
    InputError
        It is not an ensemble, an attribute is of another type, or the extension is unknown.
    OutputError
        The folder does not exist or cannot be written, the disk is full, or something that is not
        a result stands in the place.
    """
    path = Path(path)
    found = _kind(ensemble)
    if found != _KIND:
        raise InputError(
            f"save_ensemble: the Dataset is of kind {found!r}; expected what invert returns, of "
            f"kind {_KIND!r}."
        )
    _check_attributes(ensemble)
    write = _by_extension(path, {".nc": _write_netcdf, ".zarr": _write_zarr}, "save_ensemble")
    if path.suffix == ".zarr" and path.is_dir() and not _is_zarr(path) and any(path.iterdir()):
        raise OutputError(
            f"save_ensemble: {str(path)!r} is a folder with other things in it; a result would "
            "replace it. Give another path."
        )
    with replaced(path, where="save_ensemble") as temporary:
        write(ensemble.drop_encoding(), temporary)


def open_ensemble(path: str | Path, *, load: bool = True) -> xr.Dataset:
    """Open an ensemble that :func:`save_ensemble` wrote.

    Parameters
    ----------
    path : str or Path
        A ``.nc`` file or a ``.zarr`` folder.
    load : bool
        Read everything into memory and close the file; False reads values when they are used
        (close the Dataset afterwards).

    Returns
    -------
    xr.Dataset
        What was saved.

    Raises
    ------
    InputError
        There is no such file, or the extension is unknown.
    FileFormatError
        The file is not NetCDF or Zarr, is cut short, or holds no ensemble.
    """
    path = Path(path)
    engine = _by_extension(path, {".nc": "netcdf4", ".zarr": "zarr"}, "open_ensemble")
    if not path.exists():
        raise InputError(f"open_ensemble: {str(path)!r} does not exist. Check the path.")
    unreadable = FileFormatError(
        f"open_ensemble: {str(path)!r} cannot be read as {engine}; expected what save_ensemble "
        "wrote. It may be cut short or of another format: compute or copy it again."
    )
    if path.is_dir() != (engine == "zarr") or (engine == "zarr" and not _is_zarr(path)):
        raise unreadable
    options: dict[str, Any] = {"consolidated": True} if engine == "zarr" else {}
    try:
        # A "units" of "s" or a NaN is meant as it stands, so only bool and text are decoded.
        ensemble = xr.open_dataset(path, engine=engine, decode_timedelta=False, **options)
        if load:
            with ensemble:
                ensemble = ensemble.load()
    except (OSError, RuntimeError, ValueError, KeyError) as error:
        raise unreadable from error
    _check_ensemble(ensemble, path)
    texts = [name for name, part in ensemble.variables.items() if part.dtype.kind == "O"]
    return ensemble.assign({name: ensemble[name].astype(str) for name in texts})


def _write_netcdf(dataset: xr.Dataset, path: Path) -> None:
    """Compressed NetCDF-4; the library's own failures become OSError."""
    encoding: dict[Any, dict[str, Any]] = {}
    for name, variable in dataset.variables.items():
        encoding[name] = {"_FillValue": None}
        if variable.dtype.kind in "biuf" and variable.ndim:
            encoding[name].update(zlib=True, complevel=4, shuffle=True)
    try:
        dataset.to_netcdf(path, engine="netcdf4", format="NETCDF4", encoding=encoding)
    except RuntimeError as error:
        raise OSError(f"{error}; is the disk full?") from error


def _write_zarr(dataset: xr.Dataset, path: Path) -> None:
    """Zarr version 2, whose metadata every reader understands."""
    dataset.to_zarr(path, mode="w", zarr_format=2, consolidated=True)


def _by_extension(path: Path, choices: Mapping[str, Any], where: str) -> Any:
    """What belongs to the path's extension."""
    if path.suffix not in choices:
        raise InputError(
            f"{where}: {path.name!r} ends in {path.suffix!r}; expected {' or '.join(choices)}."
        )
    return choices[path.suffix]


def _kind(dataset: xr.Dataset) -> str:
    """What a Dataset says it is."""
    return str(dataset.attrs.get("kind", "unknown"))


def _is_zarr(path: Path) -> bool:
    """Whether a folder is a Zarr store."""
    return any((path / mark).is_file() for mark in _ZARR_MARKS)


def _check_ensemble(dataset: xr.Dataset, path: Path) -> None:
    """The Dataset says that it is an ensemble and holds the members."""
    velocity = ENSEMBLE["velocity"]
    if _kind(dataset) != _KIND or "velocity" not in dataset:
        found = f"is of kind {_kind(dataset)!r} and holds {sorted(map(str, dataset))[:10]}"
    elif dataset["velocity"].dims != velocity.dims:
        found = f"has velocity over {dataset['velocity'].dims}"
    else:
        return
    dataset.close()
    raise FileFormatError(
        f"open_ensemble: {str(path)!r} {found}; expected kind {_KIND!r} with velocity over "
        f"{velocity.dims}. Open what save_ensemble wrote."
    )


def _check_attributes(dataset: xr.Dataset) -> None:
    """Attributes must be what NetCDF and Zarr both keep."""
    parts = {"the Dataset": dataset.attrs} | {
        f"{name!r}": variable.attrs for name, variable in dataset.variables.items()
    }
    for owner, attributes in parts.items():
        for name, value in attributes.items():
            items = value if isinstance(value, list | tuple | np.ndarray) else [value]
            if any(isinstance(item, bool | np.bool_) for item in items) or not all(
                isinstance(item, str | int | float | np.number) for item in items
            ):
                raise InputError(
                    f"save_ensemble: the attribute {name!r} of {owner} is {value!r}; expected text "
                    "or numbers. Write true as 1, a missing value by leaving it out, and anything "
                    "else as JSON text."
                )
