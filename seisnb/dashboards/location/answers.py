"""Answers for the event on show while a person changes what it is located with."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

import xarray as xr

from seisnb.conventions import Cancelled
from seisnb.location import LocationConfig

#: What makes the first answer quick.
QUICK_SAMPLES, QUICK_VARIANTS, QUICK_TOLERANCE = 300, 64, 1.5
#: Rest after the last change before the full answer is computed [s].
REST = 0.25
#: Full answers that are kept: going back to a setting shows its answer at once.
N_KEPT = 32


class Answers:
    """First a quick answer (the members as they are, fewer samples), then the full one."""

    def __init__(self) -> None:
        self._kept: dict[str, xr.Dataset] = {}

    def forget(self) -> None:
        """Keep nothing that was found with other data."""
        self._kept.clear()

    def give(
        self,
        asked: tuple[object, ...],
        config: LocationConfig,
        find: Callable[[LocationConfig, Callable[[], bool]], xr.Dataset],
        take: Callable[[xr.Dataset, bool], None],
        is_old: Callable[[], bool],
    ) -> None:
        """Hand over answers as they come.

        Parameters
        ----------
        asked : tuple
            All that the answer depends on.
        config : LocationConfig
            What the full answer is found with.
        find : callable
            Locates the event; asks its second argument whether to give up.
        take : callable
            Takes an answer, and whether it is the full one.
        is_old : callable
            True when something else was asked for meanwhile: nothing more is handed over.
        """
        key = repr(asked)
        known = self._kept.get(key)
        if known is not None:
            take(known, True)
            return
        full = replace(config, check_station_depths=False, n_workers=1)
        quick = replace(
            full, n_samples=QUICK_SAMPLES, cell_tolerance=QUICK_TOLERANCE,
            n_variants=QUICK_VARIANTS, blend_models=False,
        )  # fmt: skip

        def found_by(which: LocationConfig) -> xr.Dataset:
            found = find(which, is_old)
            if is_old():
                raise Cancelled("location: something newer was asked for.")
            return found

        with suppress(Cancelled):
            take(found_by(quick), False)
            until = time.monotonic() + REST
            while time.monotonic() < until:
                if is_old():
                    return
                time.sleep(0.02)
            found = found_by(full)
            self._kept[key] = found
            for oldest in [*self._kept][:-N_KEPT]:
                del self._kept[oldest]
            take(found, True)
