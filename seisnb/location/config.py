"""What a user may set of a location."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, get_args

import numpy as np

from seisnb.conventions import InputError
from seisnb.settings import about

LikelihoodName = Literal["student", "gaussian", "edt"]
TermsOption = Literal["given", "none", "estimate"]


@dataclass(frozen=True, kw_only=True)
class LocationConfig:
    """How to locate; every None is chosen from the data and recorded in the result."""

    likelihood: LikelihoodName = field(
        default="student",
        metadata=about(
            "student: heavy tails; gaussian: for picks without outliers; edt: equal differential "
            "times, as NonLinLoc"
        ),
    )
    student_dof: float = field(
        default=4.0, metadata=about("degrees of freedom of the Student likelihood")
    )
    outlier_probability: float = field(
        default=0.0,
        metadata=about("prior probability that a pick belongs to something else; not for edt"),
    )
    outlier_window: float = field(
        default=20.0, metadata=about("span that such a pick may lie in", "s")
    )
    model_share: float | None = field(
        default=None,
        metadata=about(
            "share of the travel time that is added to pick sigmas for errors of the models; by "
            "default 0.02 for 1-D models and 0 for sections and volumes, whose spread is theirs"
        ),
    )
    model_share_s: float | None = field(
        default=None, metadata=about("the same for S; twice that of P by default")
    )
    smooth_share: float | None = field(
        default=None,
        metadata=about(
            "share of the travel time by which neighbouring paths err together, smoothly over "
            "azimuth; by default for 1-D models, which leave out lateral variation, half of what "
            "they differ by, 0.02 to 0.05; else 0"
        ),
    )
    vpvs_std: float | None = field(
        default=None,
        metadata=about(
            "standard deviation of Vp/Vs around that of the models; by default 0.04 for 1-D "
            "models, else 0"
        ),
    )
    model_std_least: float = field(
        default=0.1, metadata=about("least such error, where there is any", "s")
    )
    model_std_most: float = field(default=1.0, metadata=about("greatest such error", "s"))
    use_p: bool = field(default=True, metadata=about("locate with P"))
    use_s: bool = field(default=True, metadata=about("locate with S"))
    leave_out: tuple[str, ...] = field(
        default=(), metadata=about("stations that are not located with")
    )
    blend_models: bool = field(
        default=True,
        metadata=about(
            "where few models fit the picks, take the ensemble's mean and covariance for more of "
            "its kind, so that intervals are not those of the few"
        ),
    )
    n_variants: int = field(
        default=256,
        metadata=about(
            "models, each with draws of its errors, that an event is located with, at least; four "
            "times as many where few of them fit"
        ),
    )
    station_terms: TermsOption = field(
        default="given",
        metadata=about(
            "given: those of the stations; none; estimate: from the catalogue's residuals, their "
            "uncertainty marginalised"
        ),
    )
    term_std: float = field(
        default=0.2, metadata=about("prior standard deviation of estimated station terms", "s")
    )
    region: tuple[float, float, float, float] | None = field(
        default=None,
        metadata=about(
            "easting and northing that events may lie in: least, greatest, least, greatest; by "
            "default around the stations",
            "km",
        ),
    )
    depth_range: tuple[float, float] | None = field(
        default=None,
        metadata=about("depths below sea level that events may lie in; by default all of the rock "
                       "that the models know, to 80 km for 1-D models", "km"),
    )  # fmt: skip
    min_picks: int = field(default=4, metadata=about("fewest picks of an event"))
    min_stations: int = field(default=3, metadata=about("fewest stations of an event"))
    on_bad: Literal["raise", "drop"] = field(
        default="raise",
        metadata=about("drop: leave out events and picks that cannot be located with, and say so"),
    )
    n_samples: int = field(default=1000, metadata=about("samples per event"))
    cell_tolerance: float = field(
        default=0.6,
        metadata=about(
            "cells are divided until half their width is this share of the posterior std"
        ),
    )
    table_step: float | None = field(
        default=None, metadata=about("grid step for travel times in sections and volumes", "km")
    )
    single_model: bool = field(
        default=True, metadata=about("locate in the ensemble mean too, for comparison")
    )
    check_station_depths: bool = field(
        default=True,
        metadata=about("refuse stations above sea level in the sea, or far below it on land"),
    )
    n_workers: int = field(default=0, metadata=about("events located at once; 0: one per core"))
    seed: int = field(default=0, metadata=about("of all random numbers"))

    def __post_init__(self) -> None:
        """Refuse settings that cannot be.

        Raises
        ------
        InputError
            A setting is out of its range; the message names it.
        """
        checks = {
            "likelihood": (self.likelihood in get_args(LikelihoodName), "student, gaussian or edt"),
            "station_terms": (self.station_terms in get_args(TermsOption), "given, none, estimate"),
            "on_bad": (self.on_bad in ("raise", "drop"), "raise or drop"),
            "student_dof": (1.0 <= self.student_dof <= 1000.0, "1 to 1000"),
            "outlier_probability": (0.0 <= self.outlier_probability <= 0.5, "0 to 0.5"),
            "outlier_window": (0.0 < self.outlier_window < np.inf, "above 0 s"),
            "model_share": (self._is_share(self.model_share), "0 to 1, or None"),
            "model_share_s": (self._is_share(self.model_share_s), "0 to 1, or None"),
            "smooth_share": (self._is_share(self.smooth_share), "0 to 1, or None"),
            "vpvs_std": (self._is_share(self.vpvs_std), "0 to 1, or None"),
            "model_std_least": (0.0 <= self.model_std_least < np.inf, "0 s or more"),
            "model_std_most": (
                self.model_std_most >= self.model_std_least, "model_std_least or more"
            ),
            "use_p": (self.use_p or self.use_s, "P, S or both"),
            "term_std": (0.0 < self.term_std < np.inf, "above 0 s"),
            "region": (self._is_region(), "four finite values [km], each second above the first"),
            "depth_range": (self._is_range(self.depth_range), "two finite, increasing depths [km]"),
            "min_picks": (self.min_picks >= 4, "4 or more: there are four unknowns"),
            "min_stations": (self.min_stations >= 2, "2 or more"),
            "n_variants": (16 <= self.n_variants <= 16_384, "16 to 16384"),
            "n_samples": (100 <= self.n_samples <= 100_000, "100 to 100000"),
            "cell_tolerance": (0.05 <= self.cell_tolerance <= 2.0, "0.05 to 2"),
            "table_step": (self.table_step is None or self.table_step > 0, "above 0 km"),
            "n_workers": (self.n_workers >= 0, "0 or more"),
            "seed": (self.seed >= 0, "0 or more"),
        }  # fmt: skip
        for name, (is_good, expected) in checks.items():
            if not is_good:
                raise InputError(
                    f"LocationConfig: {name} is {getattr(self, name)!r}; expected {expected}."
                )
        if self.likelihood == "edt" and self.outlier_probability > 0:
            raise InputError(
                "LocationConfig: likelihood is 'edt' with an outlier_probability; EDT is robust "
                "without one. Leave it at 0."
            )

    @staticmethod
    def _is_share(value: float | None) -> bool:
        return value is None or 0.0 <= value <= 1.0

    @staticmethod
    def _is_range(value: tuple[float, float] | None) -> bool:
        return value is None or (
            np.shape(value) == (2,) and bool(np.isfinite(value).all()) and value[0] < value[1]
        )

    def _is_region(self) -> bool:
        value = self.region
        return value is None or (
            np.shape(value) == (4,) and self._is_range(value[:2]) and self._is_range(value[2:])
        )
