"""Members of an ensemble in a Zarr folder: written some at a time, read back as needed.

A chunk holds whole sections of a few members, which is what a viewer asks for, and travel times.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import DTypeLike

#: Size of a chunk before it is compressed.
CHUNK_BYTES = 4 * 2**20
#: The variable that is large, by member first.
LARGE = "velocity"


def members_per_chunk(shape: tuple[int, ...], dtype: DTypeLike = np.float32) -> int:
    """Whole members of an array (particle, ...) that make one chunk."""
    size = np.dtype(dtype).itemsize * int(np.prod(shape[1:]))
    return int(np.clip(CHUNK_BYTES // max(size, 1), 1, max(shape[0], 1)))


def create(path: Path, shape: tuple[int, ...], dims: tuple[str, ...], dtype: DTypeLike) -> Any:
    """Start a store of version 2 with room for the members; returns their array."""
    import zarr  # a fifth of a second that a page which opens does not need

    group = zarr.open_group(path, mode="w", zarr_format=2)
    return group.create_array(
        LARGE,
        shape=shape,
        dtype=np.dtype(dtype),
        chunks=(members_per_chunk(shape, dtype), *(max(n, 1) for n in shape[1:])),
        fill_value=np.nan if np.dtype(dtype).kind == "f" else None,
        attributes={"_ARRAY_DIMENSIONS": list(dims)},
    )


def complete(path: Path, dataset: xr.Dataset, attributes: dict[Any, Any]) -> None:
    """Add all but the members to a store, their attributes, and metadata for one read."""
    import zarr

    zarr.open_array(path / LARGE, mode="r+", zarr_format=2).attrs.update(attributes)
    dataset.drop_vars(LARGE, errors="ignore").to_zarr(
        path, mode="a", zarr_format=2, consolidated=True
    )


def write(path: Path, dataset: xr.Dataset) -> None:
    """A Dataset as a store of version 2, whose metadata every reader understands."""
    if LARGE not in dataset:
        dataset.to_zarr(path, mode="w", zarr_format=2, consolidated=True)
        return
    members = dataset[LARGE]
    array = create(path, members.shape, tuple(map(str, members.dims)), members.dtype)
    step = members_per_chunk(members.shape, members.dtype)
    for first in range(0, members.shape[0], step):
        array[first : first + step] = members[first : first + step].values
    complete(path, dataset, members.attrs)
