"""The work of locating one event, with all that it needs, so that it may leave this process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from seisnb.location.config import LocationConfig
from seisnb.location.density import EventDensity, Noise
from seisnb.location.event import Posterior, locate_event
from seisnb.location.picks import EventPicks
from seisnb.location.prepare import Prepared
from seisnb.location.result import Located
from seisnb.location.space import Space
from seisnb.location.terms import Terms
from seisnb.location.variants import FINER, LEAST_EFFECTIVE, Variants, draw_variants
from seisnb.traveltime.tables import TravelTimeTables
from seisnb.velocity_models import emptied

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class EventWork:
    """Locates an event by its index.

    Attributes
    ----------
    events : list of EventPicks
        All events.
    tables, single : TravelTimeTables, TravelTimeTables or None
        Travel times through all models, and through their mean.
    easting, northing : Array, (station,)
        Of the stations [km].
    space, noise, config, terms
        What all events share.
    prior : Array, (n_members,)
        Log prior weights of the members.
    variants, finer : Variants or None
        Members with smooth errors; more of them, for events that few models fit.
    trials : Array, (event, 3)
        Trial hypocentres [km]; NaN where there is none.
    n_samples : int or None
        Instead of the configuration's.
    """

    events: list[EventPicks]
    tables: TravelTimeTables
    single: TravelTimeTables | None
    easting: Array
    northing: Array
    space: Space
    noise: Noise
    config: LocationConfig
    terms: Terms
    prior: Array
    variants: Variants | None
    finer: Variants | None
    trials: Array
    n_samples: int | None

    @classmethod
    def of(
        cls,
        events: list[EventPicks],
        prepared: Prepared,
        config: LocationConfig,
        terms: Terms,
        trials: Array,
        *,
        stage: str,
        n_samples: int | None,
    ) -> EventWork:
        """The work of a stage: the ``events`` themselves, or a round of their station terms."""
        weight = prepared.ensemble.weight
        errors = (
            prepared.noise.smooth,
            prepared.noise.vpvs_std / float(np.mean(prepared.ensemble.vpvs)),
            config.seed,
        )
        finer = None  # station terms are means over many events
        if stage == "events":
            finer = draw_variants(
                weight, *errors, n_least=FINER * config.n_variants, is_blended=config.blend_models
            )
        space = prepared.space
        return cls(
            events=events, tables=prepared.tables, single=prepared.single,
            easting=prepared.stations["easting"].values.astype(float),
            northing=prepared.stations["northing"].values.astype(float),
            space=replace(space, sections=tuple(emptied(group) for group in space.sections)),
            noise=prepared.noise, config=config, terms=terms, prior=prepared.ensemble.log_weight,
            variants=draw_variants(weight, *errors, n_least=config.n_variants), finer=finer,
            trials=trials, n_samples=n_samples,
        )  # fmt: skip

    @property
    def shared(self) -> tuple[object, ...]:
        """The travel times, which every round needs again."""
        return (self.tables,) if self.single is None else (self.tables, self.single)

    def __call__(self, index: int, is_cancelled: Callable[[], bool]) -> Located | None:
        """An event over all models, and in their mean; None when cancelled midway."""

        def by(
            tables: TravelTimeTables, prior: Array, variants: Variants | None = None
        ) -> Posterior:
            return self._posterior(index, tables, prior, variants, is_cancelled)

        multi = by(self.tables, self.prior, self.variants)
        if is_cancelled():
            return None
        is_few = multi.n_effective < LEAST_EFFECTIVE * self.config.n_variants
        if is_few and self.finer is not None:
            # what the picks say of each model is said by the models themselves
            multi = replace(
                by(self.tables, self.prior, self.finer),
                model_log_evidence=multi.model_log_evidence,
                model_probability=multi.model_probability,
            )
        single = None if self.single is None else by(self.single, np.zeros(1))
        return None if is_cancelled() else Located(multi=multi, single=single)

    def _posterior(
        self,
        index: int,
        tables: TravelTimeTables,
        prior: Array,
        variants: Variants | None,
        is_cancelled: Callable[[], bool],
    ) -> Posterior:
        """An event by some travel times."""
        event = self.events[index]
        term, term_std = self.terms.of(event)
        log_weight = prior if variants is None else variants.log_weight(prior)
        density = EventDensity(
            event=event, tables=tables, space=self.space, noise=self.noise, config=self.config,
            term=term, term_std=term_std, log_weight=log_weight, variants=variants,
        )  # fmt: skip
        used = np.unique(event.station)
        return locate_event(
            density, (self.easting[used], self.northing[used]), self.config, index,
            n_samples=self.n_samples, trial=self.trials[index], is_cancelled=is_cancelled,
        )  # fmt: skip
