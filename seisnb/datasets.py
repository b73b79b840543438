"""Real refraction lines by name, from their public source or from a folder of one's own.

The data belong to others and come under their own licences; the package holds only where they
are, their SHA-256 and how to read them. They are downloaded once into the user's cache folder. If
the environment variable ``SEISNB_DATA`` names a folder, they are taken from there and nothing is
downloaded; either way their checksum is verified.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import xarray as xr

from seisnb.conventions import FileFormatError, InputError, SeisnbError
from seisnb.io import PickStd, read_picks

#: Environment variable that names a folder with the data.
DATA_VARIABLE = "SEISNB_DATA"
_RAW = "https://raw.githubusercontent.com"
_REFRAPY = f"{_RAW}/viictorjs/Refrapy/d1885bb7806b1eb486fdb4cc18657517e2b6801f/sample%20data"


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A named data set.

    Attributes
    ----------
    title : str
        What it is.
    url : str
        Public source, at a fixed revision.
    sha256 : str
        Checksum of the file.
    path : str
        Path under the folder that ``SEISNB_DATA`` names.
    licence : str
        Terms of use, as far as stated.
    reference : str
        Whom to cite.
    suggested_pick_std : str
        A standard deviation that was used for it elsewhere; never applied by itself.
    has_pick_std : bool
        Whether the file states standard deviations.
    options : mapping of str to object
        How :func:`seisnb.io.read_picks` reads it.
    """

    title: str
    url: str
    sha256: str
    path: str
    licence: str
    reference: str
    suggested_pick_std: str
    has_pick_std: bool = False
    options: Mapping[str, Any] = field(default_factory=lambda: {"format": "sgt"})


REGISTRY: Mapping[str, Entry] = {
    "koenigsee": Entry(
        title="Koenigsee refraction line",
        url=f"{_RAW}/gimli-org/example-data/3bab9c6b96a606e2ca12cbdafc8c7da4f1b73c67"
        "/traveltime/koenigsee.sgt",
        sha256="cf8f6c8c79fd0f60984eefc61aff67b567b0c875f8f5c663fe904cdbf0d0414a",
        path="koenigsee/koenigsee.sgt",
        licence="Apache-2.0 (as once part of pyGIMLi); none stated at the source",
        reference="pyGIMLi example data, https://github.com/gimli-org/example-data",
        suggested_pick_std="3%+0.0005",
    ),
    "schilthorn": Entry(
        title="Schilthorn permafrost refraction line",
        url=f"{_RAW}/florian-wagner/four-phase-inversion"
        "/4678a1dfc07f5e0dbcbe29504d03da3a5227b4d9/data/rst.data",
        sha256="276c8694dc7962a40c8ecb7802fac785a039fc4fcc43050dea75cf1c2e79cad3",
        path="schilthorn/rst.data",
        licence="BSD-3-Clause",
        reference="Pellet et al. 2016, doi:10.3389/feart.2015.00091; Wagner et al. 2019, "
        "Geophys. J. Int. (the pick errors in the file, 5 ms throughout, are a placeholder)",
        suggested_pick_std="0.0003",
        has_pick_std=True,
    ),
    "refrapy_01": Entry(
        title="Refrapy field example 1",
        url=f"{_REFRAPY}/field_example_01/picks/field_example_01.sgt",
        sha256="2ddf6a0118aeab55fbec18f35ce5d44710116cc5ede672452c5ebd293fe22f94",
        path="refrapy_fields/field_example_01.sgt",
        licence="MIT",
        reference="Refrapy, https://github.com/viictorjs/Refrapy",
        suggested_pick_std="2%+0.0005",
    ),
    "refrapy_02": Entry(
        title="Refrapy field example 2",
        url=f"{_REFRAPY}/field_example_02/picks/field_example_02.sgt",
        sha256="9b05dfddb397d9a598e7f7c421043c07382747af6bf03e631504270e2d1800e2",
        path="refrapy_fields/field_example_02.sgt",
        licence="MIT",
        reference="Refrapy, https://github.com/viictorjs/Refrapy",
        suggested_pick_std="2%+0.0005",
    ),
}


def names() -> tuple[str, ...]:
    """Names of the data sets."""
    return tuple(REGISTRY)


def entry(name: str) -> Entry:
    """Source, checksum, licence and reading options of a data set.

    Raises
    ------
    InputError
        There is no data set of this name.
    """
    if name not in REGISTRY:
        raise InputError(f"datasets: there is no {name!r}; expected one of {', '.join(REGISTRY)}.")
    return REGISTRY[name]


def fetch(name: str) -> Path:
    """Give the path of a data set's file, downloading it on first use.

    Parameters
    ----------
    name : str
        One of :func:`names`.

    Returns
    -------
    Path
        Under ``$SEISNB_DATA`` if that is set, else in the user's cache folder.

    Raises
    ------
    InputError
        There is no data set of this name, or no file in the folder.
    FileFormatError
        The file is not the published one.
    SeisnbError
        The download failed.
    """
    wanted = entry(name)
    folder = os.environ.get(DATA_VARIABLE)
    if folder:
        path = Path(folder) / wanted.path
        if not path.is_file():
            raise InputError(
                f"fetch: {DATA_VARIABLE} is {folder!r} but there is no {wanted.path!r} in it. "
                f"Put the file from {wanted.url} there, or unset {DATA_VARIABLE} to download it."
            )
    else:
        path = _download(name, wanted)
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != wanted.sha256:
        raise FileFormatError(
            f"fetch: {str(path)!r} has SHA-256 {found}, expected {wanted.sha256}: it is not the "
            f"published {name!r}. Replace it by {wanted.url}."
        )
    return path


def load(name: str, *, pick_std: str | float | PickStd | None = None, **options: Any) -> xr.Dataset:
    """Read a data set into a survey.

    Parameters
    ----------
    name : str
        One of :func:`names`.
    pick_std : str, float or PickStd, optional
        Standard deviation of the picks; needed where the file has none (all but schilthorn, whose
        own are a placeholder). ``entry(name).suggested_pick_std`` is one that others used.
    **options
        Further arguments of :func:`seisnb.io.read_picks`.

    Returns
    -------
    xr.Dataset
        The survey; attrs ``source`` (URL), ``licence`` and ``reference`` say whose it is.

    Raises
    ------
    InputError
        No such data set, or it needs a ``pick_std``.
    FileFormatError, SeisnbError
        As :func:`fetch`.
    """
    wanted = entry(name)
    if pick_std is None and not wanted.has_pick_std:
        raise InputError(
            f"load: {name!r} has no pick errors, and none are assumed. Pass pick_std; others used "
            f"{wanted.suggested_pick_std!r}."
        )
    settings: dict[str, Any] = {"title": wanted.title, **wanted.options, **options}
    survey = read_picks(fetch(name), pick_std=pick_std, **settings)
    survey.attrs.update(source=wanted.url, licence=wanted.licence, reference=wanted.reference)
    return survey


def _download(name: str, wanted: Entry) -> Path:
    """The file in the user's cache folder, downloaded if it is not there or not right."""
    import pooch  # a tenth of a second that data which are there do not need

    try:
        return Path(
            pooch.retrieve(
                url=wanted.url,
                known_hash=f"sha256:{wanted.sha256}",
                fname=f"{name}{Path(wanted.path).suffix}",
                path=pooch.os_cache("seisnb"),
            )
        )
    except (OSError, ValueError) as error:
        raise SeisnbError(
            f"fetch: {name!r} could not be downloaded from {wanted.url} ({error}). Check the "
            f"network, or put the file into a folder as {wanted.path!r} and name that folder in "
            f"{DATA_VARIABLE}."
        ) from error
