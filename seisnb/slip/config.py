"""What a user may set of a slip inversion."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from seisnb.conventions import InputError
from seisnb.settings import about

RakeMode = Literal["fixed", "range", "free"]
Smoothing = Literal["none", "gaussian_process", "laplacian"]
Frame = Literal["none", "translation", "rotation"]


@dataclass(frozen=True, kw_only=True)
class SlipConfig:
    """How to invert; every None is chosen from the data and recorded in the result."""

    rake_mode: RakeMode = field(
        default="fixed",
        metadata=about("fixed: slip along one rake; range: between two; free: any direction"),
    )
    rake: float | None = field(
        default=90.0,
        metadata=about(
            "rake of fixed slip, and middle of a range: 0 left-lateral, 90 thrust", "deg"
        ),
    )
    azimuth: float | None = field(
        default=None,
        metadata=about(
            "instead of a rake: direction in which the hanging wall moves, clockwise from north, "
            "such as that of convergence reversed",
            "deg",
        ),
    )
    rake_width: float = field(
        default=60.0, metadata=about("width of a range of rakes, below 180", "deg")
    )
    positive: bool = field(
        default=True, metadata=about("slip only forward along its rake; not for free slip")
    )
    depth_min: float | None = field(
        default=None, metadata=about("patches whose centre is shallower do not slip", "km")
    )
    depth_max: float | None = field(
        default=None, metadata=about("patches whose centre is deeper do not slip", "km")
    )
    reach: float | None = field(
        default=None,
        metadata=about("patches farther than this from every site, on the map, do not slip", "km"),
    )
    smoothing: Smoothing = field(
        default="none",
        metadata=about(
            "none: every patch for itself; gaussian_process: correlated over smoothing_length; "
            "laplacian: neighbours alike"
        ),
    )
    smoothing_length: float | None = field(
        default=None,
        metadata=about("correlation length along the fault; by default by evidence", "km"),
    )
    slip_std: float | None = field(
        default=None,
        metadata=about("prior standard deviation of a patch's slip; by default by evidence", "m"),
    )
    frame: Frame = field(
        default="none",
        metadata=about(
            "motion of the whole network that is no slip: translation, or rotation about a pole "
            "with it"
        ),
    )
    use_vertical: bool = field(default=True, metadata=about("use vertical components"))
    single_model: bool = field(
        default=True, metadata=about("also invert with the first structure alone")
    )
    n_samples: int = field(default=1000, metadata=about("samples of slip"))
    n_particles: int = field(
        default=400, metadata=about("particles of the sampler of positive slip")
    )
    n_moves: int = field(
        default=8,
        metadata=about(
            "moves of every particle at every temperature; twice as many where the sampler's "
            "populations disagree"
        ),
    )
    seed: int = field(default=0, metadata=about("random seed"))
    n_workers: int = field(default=0, metadata=about("threads; 0 means all cores"))

    def __post_init__(self) -> None:
        """Refuse values that cannot be.

        Raises
        ------
        InputError
            The message names the field, its value and what is expected.
        """
        checks = {
            "rake_mode": (self.rake_mode in ("fixed", "range", "free"), "fixed, range or free"),
            "rake": (
                self.rake is None or -360 <= self.rake <= 360, "-180 to 180 degrees, or None",
            ),
            "azimuth": (
                self.azimuth is None or -360 <= self.azimuth <= 360, "0 to 360 degrees, or None",
            ),
            "rake_width": (0 < self.rake_width < 180, "above 0 and below 180 degrees"),
            "smoothing": (
                self.smoothing in ("none", "gaussian_process", "laplacian"),
                "none, gaussian_process or laplacian",
            ),
            "smoothing_length": (
                self.smoothing_length is None or 0 < self.smoothing_length < np.inf,
                "above 0 km, or None",
            ),
            "depth_min": (
                self.depth_min is None or 0 <= self.depth_min < np.inf, "0 km or more, or None",
            ),
            "depth_max": (
                self.depth_max is None or (self.depth_min or 0) < self.depth_max < np.inf,
                "above depth_min, or None",
            ),
            "reach": (self.reach is None or 0 < self.reach < np.inf, "above 0 km, or None"),
            "slip_std": (self.slip_std is None or 0 < self.slip_std < 1e3, "above 0 m, or None"),
            "frame": (self.frame in ("none", "translation", "rotation"),
                      "none, translation or rotation"),
            "n_samples": (10 <= self.n_samples <= 1_000_000, "10 to 1000000"),
            "n_particles": (20 <= self.n_particles <= 100_000, "20 to 100000"),
            "n_moves": (1 <= self.n_moves <= 1000, "1 to 1000"),
            "seed": (self.seed >= 0, "0 or more"),
            "n_workers": (self.n_workers >= 0, "0 or more"),
        }  # fmt: skip
        for name, (is_good, expected) in checks.items():
            if not is_good:
                raise InputError(
                    f"SlipConfig: {name} is {getattr(self, name)!r}; expected {expected}."
                )
        if (self.rake is None) == (self.azimuth is None) and self.rake_mode != "free":
            raise InputError(
                f"SlipConfig: rake is {self.rake} and azimuth {self.azimuth}; give one of them and "
                "None for the other."
            )
        if self.positive and self.rake_mode == "free":
            raise InputError(
                "SlipConfig: free slip has no forward direction. Set positive to false, or "
                "rake_mode to range."
            )
