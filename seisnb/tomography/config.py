"""What a user may set of an inversion, and what it tells while it runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from seisnb.conventions import InputError
from seisnb.settings import about

Array = NDArray[np.float64]
RaySource = Literal["auto", "grid", "network", "both", "map", "network+map"]
#: Ray sources that train a network, and those whose grid rays are the most probable model's.
NETWORK_SOURCES, MAP_SOURCES = ("network", "both", "network+map"), ("map", "network+map")


@dataclass(frozen=True, kw_only=True)
class TomographyConfig:
    """How to invert; every None is chosen from the survey and recorded in the result."""

    n_members: int = field(default=64, metadata=about("members of the ensemble"))
    method: Literal["rays", "vsvgd"] = field(
        default="rays",
        metadata=about(
            "rays: rays bent in every model; vsvgd: the published method, two networks per "
            "particle, minutes to hours, for comparisons"
        ),
    )
    engine: Literal["rml", "svgd"] = field(
        default="rml",
        metadata=about(
            "rml: calibrated independent draws; svgd: Stein variational particles, too confident"
        ),
    )
    likelihood: Literal["gaussian", "student"] = field(
        default="gaussian", metadata=about("student: heavy tails, for automatic picks")
    )
    student_dof: float = field(
        default=4.0, metadata=about("degrees of freedom of the Student likelihood")
    )
    infer_sigma: bool = field(
        default=True,
        metadata=about("scale all pick sigmas by one factor inferred from the picks"),
    )
    shot_term_std: float = field(
        default=0.0,
        metadata=about("std of an unknown delay of every shot (late triggers); 0: none", "s"),
    )
    receiver_term_std: float = field(
        default=0.0,
        metadata=about("std of an unknown delay of every receiver; 0: none", "s"),
    )
    gather_error_std: float = field(
        default=0.0,
        metadata=about("std of an error that neighbouring picks of one shot share; 0: none", "s"),
    )
    gather_error_length: float | None = field(
        default=None,
        metadata=about("distance over which they share it; default: a tenth of the line", "km"),
    )
    ray_source: RaySource = field(
        default="auto",
        metadata=about(
            "wavefronts that rays follow: grid, network or both; auto: grid, best on 2-D lines; "
            "map, network+map: grid rays of the most probable model only, for comparisons"
        ),
    )
    bend: bool = field(
        default=True,
        metadata=about("bend rays to the least time; without, for comparisons only"),
    )
    training_steps: int = field(
        default=600,
        metadata=about("training steps of the network, for the ray sources network and both"),
    )
    depth_max: float | None = field(
        default=None,
        metadata=about("depth of the model below the surface; default: from the picks", "km"),
    )
    cell: float | None = field(
        default=None, metadata=about("cell of the model grid; default: from the line", "km")
    )
    wavefront_cell: float | None = field(
        default=None,
        metadata=about(
            "cell of the grid that rays are traced on; default: four of the model", "km"
        ),
    )
    referee_cell: float | None = field(
        default=None,
        metadata=about("cell of the referee; default: halved until it no longer matters", "km"),
    )
    n_steps: int = field(default=40, metadata=about("most Gauss-Newton steps per member"))
    correction_steps: int = field(
        default=0,
        metadata=about(
            "Metropolis-adjusted Langevin steps per member after the fit, instead of recentre: "
            "exact for enough steps, several times the time"
        ),
    )
    recentre: bool = field(
        default=True,
        metadata=about(
            "move all members together so that their mean is the posterior's, where RML's is off; "
            "for Gaussian picks and 16 members or more"
        ),
    )
    n_iterations: int = field(default=60, metadata=about("iterations of svgd"))
    n_network_iterations: int = field(default=300, metadata=about("iterations of vsvgd"))
    n_workers: int = field(default=0, metadata=about("threads that fit members; 0: all cores"))
    seed: int = field(default=0, metadata=about("seed of every random number"))

    def __post_init__(self) -> None:
        """Refuse values outside what each setting can mean."""
        choices = {
            "method": ("rays", "vsvgd"),
            "engine": ("rml", "svgd"),
            "likelihood": ("gaussian", "student"),
            "ray_source": get_args(RaySource),
        }
        for name, allowed in choices.items():
            if getattr(self, name) not in allowed:
                raise InputError(
                    f"TomographyConfig: {name} is {getattr(self, name)!r}; "
                    f"expected one of {', '.join(allowed)}."
                )
        least = {
            "n_members": 2,
            "n_steps": 1,
            "correction_steps": 0,
            "n_iterations": 1,
            "n_network_iterations": 1,
            "n_workers": 0,
            "seed": 0,
            "training_steps": 1,
        }
        for name, low in least.items():
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < low:
                raise InputError(
                    f"TomographyConfig: {name} is {value!r}; expected a whole number of at least "
                    f"{low}."
                )
            object.__setattr__(self, name, int(value))  # results hold settings as JSON
        for name in ("shot_term_std", "receiver_term_std", "gather_error_std"):
            value = getattr(self, name)
            if not (np.isfinite(value) and value >= 0):
                raise InputError(
                    f"TomographyConfig: {name} is {value}; expected seconds, zero or more."
                )
            if value and is_together(self):
                raise InputError(
                    f"TomographyConfig: {name} is {value}; only engine='rml' with method='rays' "
                    "has time terms. Use these, or 0."
                )
            object.__setattr__(self, name, float(value))
        for name in (
            "depth_max", "cell", "wavefront_cell", "referee_cell", "gather_error_length",
        ):  # fmt: skip
            value = getattr(self, name)
            if value is not None and not (np.isfinite(value) and value > 0):
                raise InputError(f"TomographyConfig: {name} is {value}; expected more than zero.")
            object.__setattr__(self, name, None if value is None else float(value))
        if self.correction_steps and is_together(self):
            raise InputError(
                f"TomographyConfig: correction_steps is {self.correction_steps}; only members of "
                "engine='rml' and method='rays' are corrected. Use these, or 0."
            )
        if not 1 < self.student_dof < np.inf:
            raise InputError(
                f"TomographyConfig: student_dof is {self.student_dof}; expected more than 1, "
                "finite. For infinitely many use likelihood='gaussian'."
            )
        object.__setattr__(self, "student_dof", float(self.student_dof))


def is_together(config: TomographyConfig) -> bool:
    """Whether members are particles that move together, so that their number matters to each."""
    return config.method == "vsvgd" or config.engine == "svgd"
