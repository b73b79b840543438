"""Results on disk: NetCDF or Zarr, whole or not at all, back without loss.

``.nc`` is NetCDF-4 (one file, compressed), ``.zarr`` is Zarr (version 2, consolidated; one
folder, a few members per chunk). Both hold the Dataset as it is: names, dims, types, units,
attributes. An ensemble larger than memory is written by :func:`growing_ensemble`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from seisnb.conventions import ENSEMBLE, HYPOCENTRES, FileFormatError, InputError, OutputError
from seisnb.io import zarr_members
from seisnb.io.atomic import prepare_folder, replaced

_ZARR_MARKS = (".zgroup", "zarr.json")
#: By kind: the variable that makes a result one of it, and its dims.
_KINDS = {
    "ensemble": ("velocity", ENSEMBLE["velocity"].dims),
    "hypocentres": ("longitude", HYPOCENTRES["longitude"].dims),
    "slip": ("slip", ("sample", "patch")),
}


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
    _save(ensemble, path, "ensemble", "save_ensemble")


def save_hypocentres(hypocentres: xr.Dataset, path: str | Path) -> None:
    """Write what :func:`seisnb.location.locate` returned; all as for :func:`save_ensemble`."""
    _save(hypocentres, path, "hypocentres", "save_hypocentres")


@dataclass(frozen=True, kw_only=True)
class GrowingEnsemble:
    """An ensemble that is being written; of :func:`growing_ensemble`.

    Attributes
    ----------
    folder : Path
        Where it is written until it is whole.
    where : str
        Who writes, for messages.
    """

    folder: Path
    where: str

    def members(self, shape: tuple[int, int, int]) -> Any:
        """Room for velocities (particle, depth, easting) float32 [km/s], to be written by slices.

        A slice of :func:`seisnb.io.zarr_members.members_per_chunk` members at a multiple of that
        number is written once; others are read first.
        """
        return zarr_members.create(self.folder, shape, ENSEMBLE["velocity"].dims, np.float32)

    def finish(self, rest: xr.Dataset, attributes: Mapping[str, Any]) -> None:
        """Write all else of the ensemble, and attributes of the velocity.

        Raises
        ------
        InputError
            An attribute is neither text nor numbers.
        """
        _check_attributes(rest, self.where)
        zarr_members.complete(self.folder, _encoded(rest), dict(attributes))


def check_growing(path: str | Path, *, where: str) -> None:
    """Refuse a place that :func:`growing_ensemble` could not write to, before long work.

    Raises
    ------
    InputError
        An extension other than ``.zarr``.
    OutputError
        The folder does not exist or cannot be written, or other things lie in the place.
    """
    path = Path(path)
    _by_extension(path, {".zarr": None}, where)
    _check_place(path, where)
    prepare_folder(path.parent, where=f"{where}:")


@contextmanager
def growing_ensemble(path: str | Path, *, where: str) -> Iterator[GrowingEnsemble]:
    """Write an ensemble to Zarr some members at a time; it takes its place when it is whole.

    Parameters
    ----------
    path : str or Path
        A folder that ends in ``.zarr``; an older result is replaced.
    where : str
        The public function's name, for messages.

    Raises
    ------
    InputError, OutputError
        As for :func:`check_growing`; the disk is full.
    """
    check_growing(path, where=where)
    with replaced(path, where=where) as temporary:
        yield GrowingEnsemble(folder=temporary, where=where)


def save_slip(slip: xr.Dataset, path: str | Path) -> None:
    """Write what :func:`seisnb.slip.invert_slip` returned; all as for :func:`save_ensemble`."""
    _save(slip, path, "slip", "save_slip")


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
    return _open(path, "ensemble", "open_ensemble", load=load)


def open_hypocentres(path: str | Path, *, load: bool = True) -> xr.Dataset:
    """Open what :func:`save_hypocentres` wrote; all as for :func:`open_ensemble`."""
    return _open(path, "hypocentres", "open_hypocentres", load=load)


def open_slip(path: str | Path, *, load: bool = True) -> xr.Dataset:
    """Open what :func:`save_slip` wrote; all as for :func:`open_ensemble`."""
    return _open(path, "slip", "open_slip", load=load)


def kind_of(path: str | Path) -> str:
    """The kind that a NetCDF file or Zarr folder says it is; "unknown" if it says none.

    Raises
    ------
    InputError
        There is no such file, or the extension is unknown.
    FileFormatError
        It cannot be read.
    """
    dataset = _opened(Path(path), "kind_of", load=False)
    with dataset:
        return _kind(dataset)


def _save(dataset: xr.Dataset, path: str | Path, kind: str, where: str) -> None:
    """Write a result of a kind."""
    path = Path(path)
    found = _kind(dataset)
    if found != kind:
        raise InputError(
            f"{where}: the Dataset is of kind {found!r}; expected one of kind {kind!r}."
        )
    _check_attributes(dataset, where)
    writers: dict[str, Callable[[Path, xr.Dataset], None]] = {
        ".nc": _write_netcdf,
        ".zarr": zarr_members.write,
    }
    write = _by_extension(path, writers, where)
    _check_place(path, where)
    with replaced(path, where=where) as temporary:
        write(temporary, _encoded(dataset))


def _check_place(path: Path, where: str) -> None:
    """Refuse a folder that is not a store of ours."""
    if path.suffix == ".zarr" and path.is_dir() and not _is_zarr(path) and any(path.iterdir()):
        raise OutputError(
            f"{where}: {str(path)!r} is a folder with other things in it; a result would "
            "replace it. Give another path."
        )


def _encoded(dataset: xr.Dataset) -> xr.Dataset:
    """Times to the nanosecond; everything else as it is."""
    plain = dataset.drop_encoding()
    for variable in plain.variables.values():
        if variable.dtype.kind == "M":
            variable.encoding = {"units": "nanoseconds since 1970-01-01", "dtype": "int64"}
    return plain


def _open(path: str | Path, kind: str, where: str, *, load: bool) -> xr.Dataset:
    """Open a result of a kind."""
    path = Path(path)
    dataset = _opened(path, where, load=load)
    _check_kind(dataset, path, kind, where)
    texts = [name for name, part in dataset.variables.items() if part.dtype.kind == "O"]
    return dataset.assign({name: dataset[name].astype(str) for name in texts})


def _opened(path: Path, where: str, *, load: bool) -> xr.Dataset:
    """The Dataset of a file; unless ``load``, values are read when they are used."""
    engine = _by_extension(path, {".nc": "netcdf4", ".zarr": "zarr"}, where)
    if not path.exists():
        raise InputError(f"{where}: {str(path)!r} does not exist. Check the path.")
    unreadable = FileFormatError(
        f"{where}: {str(path)!r} cannot be read as {engine}; expected what seisnb wrote. It may be "
        "cut short or of another format: compute or copy it again."
    )
    if path.is_dir() != (engine == "zarr") or (engine == "zarr" and not _is_zarr(path)):
        raise unreadable
    options: dict[str, Any] = {"consolidated": True} if engine == "zarr" else {}
    try:
        # A "units" of "s" or a NaN is meant as it stands, so only bool, text and dates are decoded.
        dataset = xr.open_dataset(path, engine=engine, decode_timedelta=False, **options)
        if load:
            with dataset:
                dataset = dataset.load()
    except (OSError, RuntimeError, ValueError, KeyError) as error:
        raise unreadable from error
    return dataset


def _write_netcdf(path: Path, dataset: xr.Dataset) -> None:
    """Compressed NetCDF-4; the library's own failures become OSError."""
    encoding: dict[Any, dict[str, Any]] = {}
    for name, variable in dataset.variables.items():
        encoding[name] = {**variable.encoding, "_FillValue": None}
        if variable.dtype.kind in "biuf" and variable.ndim:
            encoding[name].update(zlib=True, complevel=4, shuffle=True)
    try:
        dataset.to_netcdf(path, engine="netcdf4", format="NETCDF4", encoding=encoding)
    except RuntimeError as error:
        raise OSError(f"{error}; is the disk full?") from error


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


def _check_kind(dataset: xr.Dataset, path: Path, kind: str, where: str) -> None:
    """The Dataset says that it is of the kind, and holds its main variable."""
    name, dims = _KINDS[kind]
    if _kind(dataset) != kind or name not in dataset:
        found = f"is of kind {_kind(dataset)!r} and holds {sorted(map(str, dataset))[:10]}"
    elif dataset[name].dims != dims:
        found = f"has {name} over {dataset[name].dims}"
    else:
        return
    dataset.close()
    raise FileFormatError(
        f"{where}: {str(path)!r} {found}; expected kind {kind!r} with {name} over {dims}. Open "
        "what seisnb wrote."
    )


def _check_attributes(dataset: xr.Dataset, where: str) -> None:
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
                    f"{where}: the attribute {name!r} of {owner} is {value!r}; expected text "
                    "or numbers. Write true as 1, a missing value by leaving it out, and anything "
                    "else as JSON text."
                )
