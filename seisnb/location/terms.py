"""Station terms: what all picks of a station and phase are late by, and how well that is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from seisnb.location.event import Posterior
from seisnb.location.picks import EventPicks

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Terms:
    """Terms by station and phase.

    Attributes
    ----------
    term, std : Array, (station, 2)
        Term of P and of S, and its standard deviation [s].
    """

    term: Array
    std: Array

    @classmethod
    def given(cls, stations: xr.Dataset) -> Terms:
        """Those of the stations, taken as exact."""
        term = np.column_stack([stations["term_p"].values, stations["term_s"].values])
        return cls(term=term.astype(float), std=np.zeros(term.shape))

    @classmethod
    def zero(cls, n_stations: int, std: float = 0.0) -> Terms:
        """None, of a standard deviation."""
        return cls(term=np.zeros((n_stations, 2)), std=np.full((n_stations, 2), std))

    def of(self, event: EventPicks) -> tuple[Array, Array]:
        """Term and standard deviation of every pick of an event."""
        phase = event.is_s.astype(int)
        return self.term[event.station, phase], self.std[event.station, phase]


def estimated(
    events: Sequence[EventPicks], posteriors: Sequence[Posterior], terms: Terms, prior_std: float
) -> Terms:
    """Terms that the residuals of a catalogue ask for, shrunk towards zero.

    A term has a normal prior of mean 0 and ``prior_std``; every residual counts by its robust
    weight over the variance of the pick and of its prediction.

    Parameters
    ----------
    events, posteriors : sequence
        Located events.
    terms : Terms
        What they were located with.
    prior_std : float
        [s].
    """
    over, under = np.zeros(terms.term.shape), np.full(terms.term.shape, prior_std**-2)
    for event, posterior in zip(events, posteriors, strict=True):
        phase = event.is_s.astype(int)
        term, _ = terms.of(event)
        sigma = np.sqrt(event.pick_std**2 + posterior.predicted_std**2)
        weight = posterior.weight / sigma**2
        np.add.at(over, (event.station, phase), weight * (posterior.residual + term))
        np.add.at(under, (event.station, phase), weight)
    return Terms(term=over / under, std=under**-0.5)
