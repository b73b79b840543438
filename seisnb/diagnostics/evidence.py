"""What gates judge, gathered from an ensemble: equal members, velocities, stds, rays at edges."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.spatial import cKDTree

Array = NDArray[np.float64]
#: Models that differ by less than this share of the velocity in every cell of rock are one.
SAME_MODEL = 1e-6
#: Velocities of rock [km/s].
VELOCITIES = (0.05, 9.0)
#: Share of a member's ray length that may lie in other velocities.
IMPLAUSIBLE = 0.01
#: Cells farther than this from every ray [correlation lengths] must keep the prior's std.
FAR = 2.0
#: Fewest such cells that are judged, and the largest sampling noise of the ratio [1].
LEAST_FAR, MOST_NOISE = 20, 0.2
#: Velocities read at once, and velocities in all above which stored gates are believed [bytes].
BLOCK_BYTES, LARGE_BYTES = 2**26, 2**28


class Velocities(Protocol):
    """Models (particle, depth, easting), in memory or on disk."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Members, depths, eastings."""

    def __getitem__(self, key: Any, /) -> Any:
        """A part, in memory."""


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What the gates judge; NaN where an ensemble does not hold it.

    Attributes
    ----------
    ensemble : xr.Dataset
        The result.
    config, prior : mapping
        Its settings.
    n_distinct : float
        Members that differ from each other.
    implausible : float
        Share of ray length in velocities that rock does not have, of the worst member.
    n_implausible : float
        Members with more than :data:`IMPLAUSIBLE` of it.
    """

    ensemble: xr.Dataset
    config: Mapping[str, Any] = field(default_factory=dict)
    prior: Mapping[str, Any] = field(default_factory=dict)
    n_distinct: float = np.nan
    implausible: float = np.nan
    n_implausible: float = np.nan

    @classmethod
    def of_settings(cls, ensemble: xr.Dataset) -> Evidence:
        """All but what takes reading the velocities."""
        config, prior = (_mapping(ensemble, name) for name in ("config", "prior"))
        return cls(ensemble=ensemble, config=config, prior=prior)

    @property
    def n_members(self) -> int:
        """Members of the ensemble."""
        return int(self.ensemble.sizes["particle"])

    @property
    def is_together(self) -> bool:
        """Members are particles that moved together, without an objective of their own."""
        return self.config.get("method") == "vsvgd" or self.config.get("engine") == "svgd"

    def cells(self, name: str) -> Array | None:
        """A variable on (depth, easting); None where there is none."""
        if name not in self.ensemble:
            return None
        return np.asarray(self.ensemble[name].values, float)

    @property
    def rock(self) -> NDArray[np.bool_] | None:
        """Cells of rock, (depth, easting)."""
        return None if "rock" not in self.ensemble else self.ensemble["rock"].values.astype(bool)

    @property
    def crossed(self) -> NDArray[np.bool_] | None:
        """Cells of rock that a ray of any member meets, (depth, easting)."""
        coverage, rock = self.cells("ray_coverage"), self.rock
        return None if coverage is None or rock is None else rock & (coverage > 0)

    @property
    def std_ratio(self) -> Array | None:
        """Std over prior std; NaN where the prior has none."""
        std, prior = self.cells("velocity_std"), self.cells("prior_std")
        if std is None or prior is None:
            return None
        return np.where(prior > 0, std / np.where(prior > 0, prior, 1.0), np.nan)


def evidence_of(ensemble: xr.Dataset, velocity: Velocities | None = None) -> Evidence:
    """Gather what the gates judge, reading all velocities once.

    Velocities of more than :data:`LARGE_BYTES` are not read again where the gates that need them
    are stored with the result.
    """
    base = Evidence.of_settings(ensemble)
    if velocity is None and "velocity" in ensemble:
        held = ensemble["velocity"]
        if held.nbytes > LARGE_BYTES and "gate_value" in ensemble:
            stored = dict(
                zip(ensemble["gate"].values, ensemble["gate_value"].values.tolist(), strict=True)
            )
            return replace(
                base,
                n_distinct=stored.get("distinct_members", np.nan),
                implausible=stored.get("plausible_velocity", np.nan),
            )
        velocity = held.variable if held.dims == ("particle", "depth", "easting") else None
    if velocity is None or base.rock is None:
        return base
    n_distinct, implausible, n_implausible = scan_velocities(
        velocity, base.rock, base.cells("ray_coverage")
    )
    return replace(
        base, n_distinct=n_distinct, implausible=implausible, n_implausible=n_implausible
    )


def scan_velocities(
    velocity: Velocities, rock: NDArray[np.bool_], coverage: Array | None
) -> tuple[float, float, float]:
    """Count members that differ, and velocities that rock does not have.

    Members are sorted by the mean of their log velocity, which differs by at most
    :data:`SAME_MODEL` between equal ones, so that only neighbours are compared cell by cell.

    Parameters
    ----------
    velocity : array, (particle, depth, easting)
        The models [km/s].
    rock : Array of bool, (depth, easting)
        Cells of rock.
    coverage : Array, (depth, easting)
        Length of ray in every cell [km]; None where that is not known.

    Returns
    -------
    n_distinct : float
        Members that differ from each other.
    implausible, n_implausible : float
        Share of ray length in velocities outside :data:`VELOCITIES`, of the worst member, and how
        many members have more than :data:`IMPLAUSIBLE`; NaN without rays. Weighted by ray length,
        because wide posteriors reach beyond the range in cells that hardly a ray meets.
    """
    n = velocity.shape[0]
    step = max(1, BLOCK_BYTES // max(8 * int(np.prod(velocity.shape[1:])), 1))
    weight = np.zeros(int(rock.sum())) if coverage is None else coverage[rock]
    print_of, outside = np.empty(n), np.zeros(n)
    for first in range(0, n, step):
        block = np.asarray(velocity[first : first + step])
        inside = np.maximum(block[:, rock], 1e-9)
        print_of[first : first + len(block)] = np.log(inside).mean(axis=1, dtype=float)
        is_outside = ~((inside >= VELOCITIES[0]) & (inside <= VELOCITIES[1]))
        outside[first : first + len(block)] = is_outside @ weight
    n_distinct = float(_count_distinct(velocity, rock, print_of))
    if not weight.sum() > 0:
        return n_distinct, np.nan, np.nan
    share = outside / weight.sum()
    return n_distinct, float(share.max()), float((share > IMPLAUSIBLE).sum())


def _count_distinct(velocity: Velocities, rock: NDArray[np.bool_], print_of: Array) -> int:
    """Models of which no two are equal in every cell of rock."""

    def model(index: int) -> Array:
        return np.asarray(np.asarray(velocity[index])[rock], float)

    found: list[tuple[float, Array]] = []  # only those that the next one may equal
    n_distinct = 0
    for index in np.argsort(print_of, kind="stable"):
        mine = print_of[index]
        found = [each for each in found if mine - each[0] <= 3 * SAME_MODEL]
        has_near = bool(found) or np.sum(np.abs(print_of - mine) <= 3 * SAME_MODEL) > 1
        if not has_near:
            n_distinct += 1
            continue
        here = model(int(index))
        if not any(_is_same(here, other) for _, other in found):
            n_distinct += 1
            found.append((float(mine), here))
    return n_distinct


def _is_same(one: Array, other: Array) -> bool:
    """Two models are equal in every cell, to the precision of their storage."""
    return bool((np.abs(one - other) <= SAME_MODEL * np.abs(other)).all())


def far_ratio(found: Evidence) -> tuple[float, float, float]:
    """Std over prior std in rock that lies far from every ray, and its sampling noise.

    Distances are in correlation lengths, by the prior's own coordinates: easting over
    ``length_easting``, and depth below the surface stretched as the kernel stretches it. With n
    members and k independent patches of that rock the ratio's own std is
    sqrt((2 + e) / n k) / 2; e is the excess kurtosis of a log-normal velocity of the prior's
    width, and a patch is as large as the square of the kernel, integrated.

    Returns
    -------
    ratio, noise, n_cells : float
        Root mean square ratio over the cells, the ratio's std, how many cells; NaN for what is not
        known or not there.
    """
    ratio, crossed, rock = found.std_ratio, found.crossed, found.rock
    lengths = [found.prior.get(name) for name in ("length_easting", "length_depth")]
    if ratio is None or crossed is None or rock is None or not all(lengths) or not crossed.any():
        return np.nan, np.nan, np.nan
    easting, depth = (found.ensemble[name].values.astype(float) for name in ("easting", "depth"))
    surface = depth[np.argmax(rock, axis=0)]
    below = depth[:, None] - surface
    held = rock & (below <= depth[-1] - surface.max() + 1e-9) & np.isfinite(ratio)
    along, down = _stretched(found.prior, easting, np.maximum(below, 0.0))
    place = np.stack([np.broadcast_to(along, down.shape), down], axis=-1)
    rest = held & ~crossed
    if not rest.any():
        return np.nan, np.nan, 0.0
    near, _ = cKDTree(place[crossed]).query(place[rest], distance_upper_bound=FAR)
    is_far = np.isinf(near)
    n_cells = int(is_far.sum())
    if n_cells < LEAST_FAR:
        return np.nan, np.nan, float(n_cells)
    value = float(np.sqrt(np.mean(ratio[rest][is_far] ** 2)))
    size = np.abs(np.gradient(along))[None, :] * np.abs(np.gradient(down, axis=0))
    patch = 2.08 if found.prior.get("kernel") == "matern" else np.pi / 2
    n_patches = max(1.0, float(size[rest][is_far].sum()) / patch)
    prior_mean, prior_std = found.cells("prior_mean"), found.cells("prior_std")
    excess = 0.0
    if prior_mean is not None and prior_std is not None:
        width = np.median((prior_std[rest] / prior_mean[rest])[is_far])
        growth = 1 + min(width, 1.0) ** 2  # exp of the log's variance
        excess = growth**4 + 2 * growth**3 + 3 * growth**2 - 6
    noise = 0.5 * np.sqrt((2 + excess) / (n_patches * found.n_members))
    return value, float(noise), float(n_cells)


def _stretched(prior: Mapping[str, Any], easting: Array, below: Array) -> tuple[Array, Array]:
    """Coordinates in which the prior's kernel has the length one."""
    length, growth = float(prior["length_depth"]), float(prior.get("length_depth_growth") or 0.0)
    down = np.log1p(growth * below / length) / growth if growth else below / length
    return easting / float(prior["length_easting"]), np.asarray(down)


def ray_time_error(ensemble: xr.Dataset) -> float:
    """Rms error of times along rays against the referee, in pick sigmas as used; NaN if unknown."""
    scale = float(ensemble["sigma_scale"].mean()) if "sigma_scale" in ensemble else 1.0
    sigma = ensemble["pick_std"].values * scale
    if "ray_error" in ensemble:
        return float(np.sqrt(np.mean((ensemble["ray_error"].values / sigma) ** 2)))
    return float(ensemble.attrs.get("ray_error_seconds", np.nan)) / float(np.median(sigma))


def spread_ratio(ensemble: xr.Dataset) -> float:
    """Std of the members' predicted times over that of the linearised posterior; NaN if unknown."""
    if "predicted_std" not in ensemble or ensemble.sizes["particle"] < 2:
        return float("nan")
    expected = float((ensemble["predicted_std"] ** 2).mean())
    if not expected > 0:
        return float("nan")
    return float(
        np.sqrt(float(ensemble["predicted_time"].var("particle", ddof=1).mean()) / expected)
    )


def floor_cells(found: Evidence) -> NDArray[np.bool_] | None:
    """Cells within one row of the model's floor."""
    rock = found.rock
    if rock is None or not {"depth", "easting"} <= set(found.ensemble.coords):
        return None
    depth = found.ensemble["depth"].values.astype(float)
    surface = depth[np.argmax(rock, axis=0)]
    floor = surface + (depth[-1] - surface.max())
    return np.asarray(depth[:, None] >= floor - 1.5 * (depth[1] - depth[0]))


def side_cells(found: Evidence) -> NDArray[np.bool_] | None:
    """Cells of the first and last column."""
    rock = found.rock
    if rock is None:
        return None
    edge = np.zeros(rock.shape, bool)
    edge[:, [0, -1]] = True
    return edge


def _mapping(ensemble: xr.Dataset, name: str) -> Mapping[str, Any]:
    """Settings that an attribute holds as JSON; empty where it holds none."""
    try:
        found = json.loads(str(ensemble.attrs.get(name, "{}")))
    except json.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}
