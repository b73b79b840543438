"""Displacements of unit slip kept on disk, and the memory that all of them need."""

from __future__ import annotations

import hashlib
import io
import os
import string
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import psutil
from numpy.typing import NDArray

from seisnb.conventions import InputError, OutputError
from seisnb.io.atomic import prepare_folder, replaced

Array = NDArray[np.float64]

#: Part of every key: another number for another way of computing displacements.
ENGINE = "1"
#: Arrays of one number for each structure, datum and unknown that an inversion holds at its peak:
#: kernels, whitened kernels, and either while they are stacked or transposed.
N_COPIES = 3
GIB = 2**30
#: Temporary files of writers that were killed are removed after so many seconds.
STALE = 3600.0
_DIGEST = hashlib.sha256().digest_size


class KernelCache:
    """Arrays in a folder, found again by key; threads and processes may share it.

    A file is an array as NumPy writes it, then the SHA-256 of key and array. It appears whole or
    not at all; one that does not agree with its checksum is removed, with a note, and counts as
    absent. What was used longest ago is removed when the folder grows beyond its limit. A folder
    that cannot be written to costs time, never a result.

    Parameters
    ----------
    folder : str or Path
        Made if it is not there. Anyone who can write to it can make results wrong.
    limit_gib : float
        What the folder may hold [GiB].

    Attributes
    ----------
    notes : list of str
        What was damaged or could not be kept.

    Raises
    ------
    InputError
        A limit that is not positive.
    OutputError
        The folder cannot be made or written to.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     cache = KernelCache(folder)
    ...     cache.put("ab12", np.arange(3.0))
    ...     cache.get("ab12"), cache.get("ff00")
    (array([0., 1., 2.]), None)
    """

    def __init__(self, folder: str | Path, limit_gib: float = 20.0) -> None:
        if not limit_gib > 0:
            raise InputError(f"KernelCache: limit_gib is {limit_gib}; expected a size above 0 GiB.")
        self.folder = prepare_folder(Path(folder), where="KernelCache: folder")
        self.limit = int(limit_gib * GIB)
        self.notes: list[str] = []
        for file in self.folder.glob(".*.npy.*.part"):
            if _age(file) > STALE:
                _remove(file)

    def get(self, key: str, shape: tuple[int, ...] | None = None) -> Array | None:
        """The array of a key; None where there is none that is whole.

        Parameters
        ----------
        key : str
            Hexadecimal digits, such as those of :func:`kernel_key`.
        shape : tuple of int, optional
            What it must have.
        """
        file = self._file(key)
        try:
            content = file.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            self._note(f"{file.name} could not be read ({error.strerror or error}): computed anew")
            return None
        found = _read(key, content)
        if found is None or (shape is not None and found.shape != shape):
            self._note(f"{file.name} is damaged: removed, and computed anew")
            _remove(file)
            return None
        with suppress(OSError):  # a folder that may only be read, or a file that is gone by now
            os.utime(file)
        return found

    def put(self, key: str, array: Array) -> None:
        """Keep an array of numbers; what cannot be kept is noted."""
        file = self._file(key)
        stream = io.BytesIO()
        np.lib.format.write_array(stream, np.asarray(array, float), allow_pickle=False)
        content = stream.getvalue()
        if len(content) + _DIGEST > self.limit:
            self._note(f"{len(content) / GIB:.2f} GiB are more than the cache's limit: not kept")
            return
        self._make_room(len(content) + _DIGEST)
        try:
            with replaced(file, where="KernelCache") as temporary:
                temporary.write_bytes(content + _digest(key, content))
        except OutputError as error:
            self._note(f"not kept: {error}")

    def _file(self, key: str) -> Path:
        """Where a key's array is.

        Raises
        ------
        InputError
            A key that is not hexadecimal, which might lead out of the folder.
        """
        if not key or set(key) - set(string.hexdigits):
            raise InputError(
                f"KernelCache: the key is {key!r}; expected hexadecimal digits, as of kernel_key."
            )
        return self.folder / f"{key}.npy"

    def _make_room(self, size: int) -> None:
        """Remove what was used longest ago until so many bytes more fit."""
        files = []
        for file in self.folder.glob("*.npy"):
            try:
                stat = file.stat()
            except OSError:
                continue  # another process removed it
            files.append((stat.st_mtime, stat.st_size, file))
        held = sum(each[1] for each in files)
        for _, bytes_held, file in sorted(files):
            if held + size <= self.limit:
                return
            _remove(file)
            held -= bytes_held

    def _note(self, text: str) -> None:
        """Remember what a user should know, once."""
        note = f"kernel cache: {text}"
        if note not in self.notes:
            self.notes.append(note)


def kernel_key(structure_checksum: str, easting: Array, northing: Array) -> str:
    """The key of displacements of sites [km] by slip on a structure."""
    digest = hashlib.sha256(f"{ENGINE} {structure_checksum} {len(easting)}".encode())
    for axis in (easting, northing):
        digest.update(np.ascontiguousarray(axis, "<f8").tobytes())
    return digest.hexdigest()


def memory_needed(
    n_structures: int, n_data: int, n_unknowns: int, *, n_copies: int = N_COPIES, n_fields: int = 0
) -> float:
    """What the arrays of an inversion take at its peak [GiB].

    Parameters
    ----------
    n_structures, n_data, n_unknowns : int
        Sizes.
    n_copies : int
        Arrays of (structure, datum, unknown).
    n_fields : int
        Arrays of (unknown, unknown), which priors of slip take.

    Examples
    --------
    >>> round(memory_needed(100, 300, 1000), 2), round(memory_needed(1, 1, 10_000, n_fields=7), 1)
    (0.67, 5.2)
    """
    numbers = n_copies * n_structures * n_data * n_unknowns + n_fields * n_unknowns**2
    return 8.0 * numbers / GIB


def memory_available() -> float:
    """What this process may still take [GiB]: of the machine, or of the container that it is in."""
    available = float(psutil.virtual_memory().available)
    with suppress(OSError, ValueError):  # no container, or one without a limit ("max")
        limit = Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii")
        used = Path("/sys/fs/cgroup/memory.current").read_text(encoding="ascii")
        available = min(available, float(limit) - float(used))
    return available / GIB


def check_memory(
    n_structures: int, n_data: int, n_unknowns: int, *, n_copies: int = N_COPIES, n_fields: int = 0
) -> None:
    """Refuse an inversion whose arrays do not fit, before any of them is computed.

    Raises
    ------
    InputError
        They need more than is available.
    """
    needed = memory_needed(n_structures, n_data, n_unknowns, n_copies=n_copies, n_fields=n_fields)
    available = memory_available()
    if needed > available:
        raise InputError(
            f"invert_slip: {n_structures} structures of {n_unknowns} unknowns and {n_data} data "
            f"need {needed:.1f} GiB; {available:.1f} GiB are available. Use fewer structures, a "
            "coarser mesh, fewer sites or a larger machine."
        )


def _digest(key: str, content: bytes) -> bytes:
    """Checksum of an array under its key."""
    return hashlib.sha256(key.encode() + b"\n" + content).digest()


def _read(key: str, content: bytes) -> Array | None:
    """The array in a file; None where the checksum does not agree or it holds no numbers."""
    array, digest = content[:-_DIGEST], content[-_DIGEST:]
    if _digest(key, array) != digest:
        return None
    try:
        found = np.lib.format.read_array(io.BytesIO(array), allow_pickle=False)
    except (ValueError, EOFError):
        return None
    return found if found.dtype == np.float64 else None


def _age(file: Path) -> float:
    """Seconds since a file was written; 0 where it is gone."""
    try:
        return time.time() - file.stat().st_mtime
    except OSError:
        return 0.0


def _remove(file: Path) -> None:
    """Remove a file that may be gone, or that may only be read."""
    with suppress(OSError):
        file.unlink(missing_ok=True)
