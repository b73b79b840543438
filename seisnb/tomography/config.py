"""What a user may set of an inversion, and what it tells while it runs."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from seisnb.conventions import InputError

Array = NDArray[np.float64]
RaySource = Literal["auto", "grid", "network", "both"]
Stage = Literal["prior", "training", "map", "members", "referee"]


def _setting(default: object, help_text: str, unit: str = "") -> object:
    """A field that carries its help and unit, for forms, notebooks and the command line."""
    return dataclasses.field(default=default, metadata={"help": help_text, "unit": unit})


@dataclass(frozen=True, kw_only=True)
class TomographyConfig:
    """How to invert; every None is chosen from the survey and recorded in the result."""

    n_members: int = _setting(64, "members of the ensemble")  # type: ignore[assignment]
    engine: Literal["rml", "svgd"] = _setting(  # type: ignore[assignment]
        "rml", "rml: calibrated independent draws; svgd: Stein variational particles"
    )
    likelihood: Literal["gaussian", "student"] = _setting(  # type: ignore[assignment]
        "gaussian", "student: heavy tails, for automatic picks"
    )
    student_dof: float = _setting(4.0, "degrees of freedom of the Student likelihood")  # type: ignore[assignment]
    infer_sigma: bool = _setting(  # type: ignore[assignment]
        True, "scale all pick sigmas by one factor inferred from the picks"
    )
    ray_source: RaySource = _setting(  # type: ignore[assignment]
        "auto", "wavefronts that rays are traced down: grid solver, network, or both"
    )
    training_seconds: float = _setting(  # type: ignore[assignment]
        45.0, "time given to the network's training", "s"
    )
    depth_max: float | None = _setting(  # type: ignore[assignment]
        None, "depth of the model below the surface; default: from the picks", "km"
    )
    cell: float | None = _setting(None, "cell of the model grid; default: from the line", "km")  # type: ignore[assignment]
    wavefront_cell: float | None = _setting(  # type: ignore[assignment]
        None, "cell of the grid that rays are traced on; default: twice the model's", "km"
    )
    referee_cell: float | None = _setting(  # type: ignore[assignment]
        None,
        "cell of the independent grid solver; default: halved until it no longer matters",
        "km",
    )
    n_steps: int = _setting(40, "most Gauss-Newton steps per member")  # type: ignore[assignment]
    n_iterations: int = _setting(60, "iterations of svgd")  # type: ignore[assignment]
    n_workers: int = _setting(0, "threads that fit members; 0: all cores")  # type: ignore[assignment]
    seed: int = _setting(0, "seed of every random number")  # type: ignore[assignment]

    def __post_init__(self) -> None:
        """Refuse values outside what each setting can mean."""
        choices = {
            "engine": ("rml", "svgd"),
            "likelihood": ("gaussian", "student"),
            "ray_source": ("auto", "grid", "network", "both"),
        }
        for name, allowed in choices.items():
            if getattr(self, name) not in allowed:
                raise InputError(
                    f"TomographyConfig: {name} is {getattr(self, name)!r}; "
                    f"expected one of {', '.join(allowed)}."
                )
        least = {"n_members": 2, "n_steps": 1, "n_iterations": 1, "n_workers": 0, "seed": 0}
        for name, low in least.items():
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < low:
                raise InputError(
                    f"TomographyConfig: {name} is {value!r}; expected a whole number of at least "
                    f"{low}."
                )
        for name in ("depth_max", "cell", "wavefront_cell", "referee_cell", "training_seconds"):
            value = getattr(self, name)
            if value is not None and not (np.isfinite(value) and value > 0):
                raise InputError(f"TomographyConfig: {name} is {value}; expected more than zero.")
        if not self.student_dof > 1:
            raise InputError(
                f"TomographyConfig: student_dof is {self.student_dof}; expected more than 1."
            )


@dataclass(frozen=True, kw_only=True)
class Progress:
    """One message from a running inversion.

    Attributes
    ----------
    stage : str
        ``prior``, ``training``, ``map``, ``members`` or ``referee``.
    done, total : int
        Units of work of the stage (members, steps).
    message : str
        One line for a person.
    elapsed, remaining : float
        Since the start, and expected for this stage [s]; None while unknown.
    chi2 : float or None
        Misfit per pick of the latest model.
    partial : callable or None
        Gives (easting, depth, mean velocity so far) for a live picture.
    """

    stage: Stage
    done: int
    total: int
    message: str
    elapsed: float
    remaining: float | None = None
    chi2: float | None = None
    partial: Callable[[], tuple[Array, Array, Array] | None] | None = None


@dataclass(frozen=True, kw_only=True)
class Handles:
    """Callbacks of one inversion."""

    progress: Callable[[Progress], None]
    is_cancelled: Callable[[], bool]
