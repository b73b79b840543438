"""The posterior density of one event's hypocentre, for any members of an ensemble at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import lgamma

import numpy as np
from numpy.typing import NDArray

from seisnb.location.config import LocationConfig
from seisnb.location.kernels import equal_differential_time, gaussian, robust, vary
from seisnb.location.picks import EventPicks
from seisnb.location.space import Space
from seisnb.location.variants import Variants
from seisnb.traveltime.tables import TravelTimeTables

Array = NDArray[np.float64]
Single = NDArray[np.float32]

#: Points times members that are looked at together, so that their residuals stay in the cache.
N_TOGETHER = 96 * 256
#: Velocities by which a cell's size becomes a time while cells are divided [km/s].
CELL_P, CELL_S = 6.0, 3.5


@dataclass(frozen=True, kw_only=True)
class Noise:
    """Standard deviations beyond those of the picks.

    Attributes
    ----------
    share : tuple of float
        Share of the travel time, for P and S, that every pick errs by on its own.
    least, most : float
        Its limits where it is not zero [s].
    smooth : float
        Share of the travel time that all picks err by together, smoothly over azimuth.
    vpvs_std : float
        Standard deviation of Vp/Vs beyond that of the models.
    """

    share: tuple[float, float]
    least: float
    most: float
    smooth: float = 0.0
    vpvs_std: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """The likelihood at points, for members.

    Attributes
    ----------
    log_likelihood : Array, (n, m)
        Log likelihood, the origin time integrated out.
    origin, origin_std : Array, (n, m)
        Mean and standard deviation of the origin time after the event's reference [s].
    """

    log_likelihood: Array
    origin: Array
    origin_std: Array


@dataclass(frozen=True, kw_only=True)
class EventDensity:
    """Everything that the density of one event needs.

    Attributes
    ----------
    event : EventPicks
        The picks.
    tables : TravelTimeTables
        Travel times.
    space : Space
        Where hypocentres may be.
    noise : Noise
        Errors of the models.
    config : LocationConfig
        The likelihood.
    term, term_std : Array, (n_picks,)
        Station term of every pick and its standard deviation [s].
    log_weight : Array, (n_members,)
        Log prior weights of the members, or of their variants.
    variants : Variants or None
        Members with smooth errors; "members" are then these.
    """

    event: EventPicks
    tables: TravelTimeTables
    space: Space
    noise: Noise
    config: LocationConfig
    term: Array
    term_std: Array
    log_weight: Array
    variants: Variants | None = None

    def travel_times(self, points: Array, members: NDArray[np.intp] | None = None) -> Single:
        """Predicted travel time of every pick, station term included, (n_picks, n, m) [s]."""
        chosen = np.arange(self.log_weight.size) if members is None else members
        times = np.empty((self.event.n_picks, points.shape[0], chosen.size), np.float32)
        make = self._times_of(points, chosen)
        for station in np.unique(self.event.station):
            picks = np.flatnonzero(self.event.station == station)
            make(int(station), picks, times)
        return times

    def _times_of(
        self, points: Array, chosen: NDArray[np.intp]
    ) -> Callable[[int, NDArray[np.intp], Single], None]:
        """What fills in the times of a station's picks, for some members or variants."""
        event, variants, term = self.event, self.variants, self.term.astype(np.float32)
        if variants is None:
            wanted = None if chosen.size == self.tables.n_members else chosen

            def plain(station: int, picks: NDArray[np.intp], out: Single) -> None:
                both = self.tables.times(station, points, wanted)
                for i in picks:
                    np.add(both[int(event.is_s[i])], term[i], out=out[i])

            return plain
        factor = variants.factors(chosen)
        blend = None if variants.blend is None else np.ascontiguousarray(variants.blend[:, chosen])
        base, own = None, np.arange(chosen.size)
        if blend is None:
            base, own = np.unique(variants.base[chosen], return_inverse=True)

        def varied(station: int, picks: NDArray[np.intp], out: Single) -> None:
            both = self.tables.times(station, points, base)
            if blend is not None:
                both = both[0] @ blend, both[1] @ blend
            x, y = self.tables.place(station)
            azimuth = np.arctan2(x - points[:, 0], y - points[:, 1])
            cosine, sine = np.cos(azimuth).astype(np.float32), np.sin(azimuth).astype(np.float32)
            for i in picks:
                phase = int(event.is_s[i])
                vary(both[phase], own, factor[phase], cosine, sine, term[i], out[i])

        return varied

    def sigma(self, times: Single) -> Array:
        """Standard deviation of every pick at every point, (n_picks, n) [s]."""
        variance = np.broadcast_to(
            (self.event.pick_std**2 + self.term_std**2)[:, None], times.shape[:2]
        ).copy()
        share = np.where(self.event.is_s, self.noise.share[1], self.noise.share[0])
        if share.any():
            mean = times.mean(axis=2, dtype=np.float64)
            part = np.clip(share[:, None] * mean, self.noise.least, self.noise.most)
            variance += np.where(share[:, None] > 0, part, 0.0) ** 2
        return np.sqrt(variance)

    @property
    def _velocity(self) -> Array:
        """By which a cell's size becomes a time, for every pick [km/s]."""
        return np.where(self.event.is_s, CELL_S, CELL_P)

    def resolution(self, point: Array, members: NDArray[np.intp] | None = None) -> float:
        """Half-width of a cell over which times vary as much as they err, at a point (3,) [km]."""
        times = self.travel_times(point[None], members)
        sigma = self.sigma(times)[:, 0]
        spread = (times[:, 0] - times[:, 0].mean(axis=0)).std(axis=1)
        size = np.sqrt(3.0) * self._velocity * np.sqrt(sigma**2 + spread**2)
        return float(np.median(size))

    def evaluate(
        self,
        points: Array,
        members: NDArray[np.intp] | None = None,
        half_width: Array | None = None,
    ) -> Evaluation:
        """The likelihood at points (n, 3) [km].

        ``half_width`` (n,) [km] widens the sigmas by the standard deviation of the times over cubes
        of that half-width.
        """
        n = max(N_TOGETHER // (self.log_weight.size if members is None else members.size), 16)
        parts = [
            self._evaluate(
                points[i : i + n], members, None if half_width is None else half_width[i : i + n]
            )
            for i in range(0, points.shape[0], n)
        ]
        return Evaluation(
            log_likelihood=np.concatenate([part.log_likelihood for part in parts]),
            origin=np.concatenate([part.origin for part in parts]),
            origin_std=np.concatenate([part.origin_std for part in parts]),
        )

    def _evaluate(
        self, points: Array, members: NDArray[np.intp] | None, half_width: Array | None
    ) -> Evaluation:
        """The same for a few points."""
        times = self.travel_times(points, members)
        sigma = self.sigma(times)
        if half_width is not None:
            over = half_width[None, :] / (np.sqrt(3.0) * self._velocity[:, None])
            sigma = np.sqrt(sigma**2 + over**2)
        residual = self.event.observed.astype(np.float32)[:, None, None] - times
        if self.config.likelihood == "gaussian" and self.config.outlier_probability == 0:
            return _evaluation(gaussian(residual, sigma))
        if self.config.likelihood == "edt":
            unknown = np.full(residual.shape[1:], np.nan)
            return Evaluation(
                log_likelihood=equal_differential_time(residual, sigma),
                origin=unknown, origin_std=unknown,
            )  # fmt: skip
        log_l, origin, spread = self._robust(residual, sigma)
        return Evaluation(log_likelihood=log_l, origin=origin, origin_std=spread)

    def _robust(self, residual: Single, sigma: Array) -> tuple[Array, Array, Array]:
        """Log likelihood, mean and standard deviation of the origin time, (n, m) each."""
        start = np.median(residual.mean(axis=2), axis=0).astype(float)
        dof = 0.0 if self.config.likelihood == "gaussian" else self.config.student_dof
        floor, constant = _floor(dof, self.config)
        log_l, origin, spread = robust(residual, sigma, start, dof, floor)
        return log_l + constant * self.event.n_picks, origin, spread

    def origins(self, points: Array, model: NDArray[np.intp]) -> tuple[Array, Array]:
        """Mean and std of the origin time at points (n, 3), each in one member (n,), (n,) each [s].

        For EDT, whose density does not know it: by the Student likelihood.
        """
        members, own = np.unique(model, return_inverse=True)
        times = self.travel_times(points, members)
        sigma = self.sigma(times)
        residual = self.event.observed[:, None] - times[:, np.arange(model.size), own]
        _, origin, spread = self._robust(residual.astype(np.float32)[:, :, None], sigma)
        return origin[:, 0], spread[:, 0]

    def weights(self, residual: Array, sigma: Array) -> Array:
        """How much each pick counts, 0 to 1, given its residual and sigma [s], any shape.

        Student: (dof + 1) / (dof + r**2) over its value at 0; with outliers times the probability
        that the pick is none. Gaussian: 1.
        """
        square = (residual / sigma) ** 2
        if self.config.likelihood == "gaussian":
            dof, weight = 0.0, np.ones_like(square)
            density = np.exp(-0.5 * square)
        else:
            dof = self.config.student_dof
            weight = 1.0 / (1.0 + square / dof)
            density = (1.0 + square / dof) ** (-0.5 * (dof + 1.0))
        floor, _ = _floor(dof, self.config)
        return np.asarray(weight * density / (density + floor * sigma + 1e-300))


def _evaluation(found: tuple[Array, Array, Array]) -> Evaluation:
    """By name."""
    return Evaluation(log_likelihood=found[0], origin=found[1], origin_std=found[2])


def _floor(dof: float, config: LocationConfig) -> tuple[float, float]:
    """Density of an outlier over the peak of a pick's at sigma 1, and the log of the peak."""
    if dof > 0:
        peak = lgamma(0.5 * (dof + 1)) - lgamma(0.5 * dof) - 0.5 * np.log(dof * np.pi)
    else:
        peak = -0.5 * np.log(2 * np.pi)
    share = config.outlier_probability if config.likelihood != "edt" else 0.0
    floor = share / ((1.0 - share) * np.exp(peak) * config.outlier_window)
    return float(floor), float(peak + np.log1p(-share))
