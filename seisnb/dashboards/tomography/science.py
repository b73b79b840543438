"""What an inversion needs and a page that opens does not: loaded when first used, or meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import NamedTuple

import xarray as xr

from seisnb.threads import be_polite

#: When it is loaded in any case, after a dashboard was made [s].
WARM_UP_AFTER = 2.5


class Science(NamedTuple):
    """The functions that a dashboard calls."""

    invert: Callable[..., xr.Dataset]
    preview_prior: Callable[..., xr.Dataset]
    scan_prior: Callable[..., xr.Dataset]


def science() -> Science:
    """Load what takes seconds to load, when it is first asked for."""
    from seisnb.tomography.inversion import invert
    from seisnb.tomography.preview import preview_prior
    from seisnb.tomography.scan import scan_prior

    return Science(invert=invert, preview_prior=preview_prior, scan_prior=scan_prior)


def warm_up() -> None:
    """Load it in the background, while a person looks at the picks: not before they are drawn."""

    def work() -> None:
        be_polite()
        science()

    timer = threading.Timer(WARM_UP_AFTER, work)
    timer.name, timer.daemon = "seisnb-warm-up", True
    timer.start()
