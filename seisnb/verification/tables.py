"""What a coverage study found, summed up: arrays for figures, and tables as text.

Standard errors are over truths. Cells of one truth hang together, truths do not, so the spread of
the truths' own shares is the honest measure of what a share over all cells is worth.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray

from seisnb.diagnostics import (
    expected_coverage,
    interval_ranks,
    rank_histogram,
    uniformity_p,
)
from seisnb.verification.coverage import NO_RANK

Array = NDArray[np.float64]

#: Levels of the tables.
LEVELS = (0.5, 0.68, 0.9, 0.95)
#: Classes of ray coverage with their upper bounds [km of ray per km**2].
RAY_CLASSES = (("no ray", 0.0), ("few rays", 15.0), ("many rays", np.inf))
#: What the 95 % intervals of a method that is called calibrated hold: over all cells, and at least
#: in every depth band.
CALIBRATED, CALIBRATED_BAND = (0.93, 0.97), 0.90


@dataclass(frozen=True, kw_only=True)
class Zone:
    """A part of the section.

    Attributes
    ----------
    name, kind : str
        For tables; ``all``, ``depth`` or ``rays``.
    cells : NDArray[np.bool_], (truth, depth, easting)
        Where it lies.
    """

    name: str
    kind: str
    cells: NDArray[np.bool_]


def zones_of(study: xr.Dataset) -> list[Zone]:
    """The whole section, its depth bands, its classes of ray coverage."""
    density = study["ray_density"].max("method_name", skipna=True).values
    known = np.isfinite(density)
    depth = study["depth"].values[None, :, None]
    found = [Zone(name="all", kind="all", cells=known)]
    for top, bottom in json.loads(study.attrs["bands"]):
        inside = (depth >= top) & (depth < bottom + 1e-6)
        found.append(Zone(name=f"{top:g}-{bottom:g} km", kind="depth", cells=known & inside))
    low = -np.inf
    for name, high in RAY_CLASSES:
        found.append(Zone(name=name, kind="rays", cells=(density > low) & (density <= high)))
        low = high
    return found


def share(hits: Array, cells: Array) -> tuple[float, float]:
    """A share over all cells and its standard error over truths.

    Parameters
    ----------
    hits, cells : Array, (truth,)
        Sum over the cells of a truth, and how many there are.

    Returns
    -------
    share, error : float
        Ratio of the sums; NaN without cells, the error also for one truth.
    """
    n, total = int((cells > 0).sum()), float(cells.sum())
    if total == 0:
        return np.nan, np.nan
    mean = float(hits.sum()) / total
    if n < 2:
        return mean, np.nan
    off = (hits - mean * cells)[cells > 0]
    return mean, float(np.sqrt((off**2).sum() * n / (n - 1)) / total)


def summarise(
    study: xr.Dataset,
    generator: torch.Generator,
    *,
    levels: Sequence[float] = LEVELS,
    n_bins: int = 10,
) -> xr.Dataset:
    """Sum a study up by method and zone.

    Parameters
    ----------
    study : xr.Dataset
        From :func:`seisnb.verification.coverage.coverage_study` or ``gather``.
    generator : torch.Generator
        For the test of the rank histograms.
    levels : sequence of float
        Levels of the intervals; a fine row of them gives the curve of a reliability diagram.
    n_bins : int
        Bins of the rank histograms.

    Returns
    -------
    xr.Dataset
        On (method_name, zone): ``coverage`` and ``coverage_error`` (level) with ``expected``
        (method_name,
        level) of calibrated ensembles of that many members, ``rank_histogram`` and
        ``rank_histogram_error`` (bin) with ``uniformity_p``, ``crps`` and ``crps_error`` [km/s],
        ``crps_skill`` (1 - crps over the prior's), ``std_ratio`` (std over the prior's) and
        ``error_over_std`` (rms error of the mean over rms std; one when calibrated). On
        method_name: members, truths, time per member and in all [s], chi2.
    """
    zones, methods = zones_of(study), [str(name) for name in study["method_name"].values]
    shape = (len(methods), len(zones))
    plain = ("uniformity_p", "crps", "crps_error", "crps_skill", "std_ratio", "error_over_std")
    by_zone = {name: np.full(shape, np.nan) for name in plain}
    covered = {name: np.full((*shape, len(levels)), np.nan) for name in ("mean", "error")}
    binned = {name: np.full((*shape, n_bins), np.nan) for name in ("mean", "error")}
    expected = np.full((len(methods), len(levels)), np.nan)
    n_truths = np.zeros(len(methods), int)
    for m, name in enumerate(methods):
        one = study.sel(method_name=name)
        rank = one["rank"].values
        done = (rank != NO_RANK).any(axis=(1, 2))
        n_truths[m], n_members = done.sum(), _one_size(one, name)
        expected[m] = [expected_coverage(n_members, level) for level in levels]
        fields = {
            key: one[key].values[done].astype(float)
            for key in ("crps", "crps_prior", "velocity_std", "prior_std")
        }
        error = (one["velocity_mean"] - one["velocity_truth"]).values[done].astype(float)
        rank = rank[done]
        for z, zone in enumerate(zones):
            cells = zone.cells[done]
            count = cells.sum(axis=(1, 2)).astype(float)

            def total(values: Array, cells: NDArray[np.bool_] = cells) -> Array:
                return np.where(cells, values, 0.0).sum(axis=(1, 2))

            for k, level in enumerate(levels):
                low, high = interval_ranks(n_members, level)
                hits = total((rank >= low) & (rank <= high))
                covered["mean"][m, z, k], covered["error"][m, z, k] = share(hits, count)
            histograms = np.stack(
                [rank_histogram(r[c], n_members, n_bins) for r, c in zip(rank, cells, strict=True)]
            )
            for k in range(n_bins):
                hits = np.where(count > 0, np.nan_to_num(histograms[:, k]) * count, 0.0)
                binned["mean"][m, z, k], binned["error"][m, z, k] = share(hits, count)
            by_zone["uniformity_p"][m, z] = uniformity_p(histograms, generator, weights=count)
            by_zone["crps"][m, z], by_zone["crps_error"][m, z] = share(total(fields["crps"]), count)
            if count.sum():
                sums = {key: float(total(values).sum()) for key, values in fields.items()}
                by_zone["crps_skill"][m, z] = 1 - sums["crps"] / sums["crps_prior"]
                by_zone["std_ratio"][m, z] = sums["velocity_std"] / sums["prior_std"]
                # the mean of n draws is itself off by std / sqrt(n)
                variance = total(fields["velocity_std"] ** 2).sum() * (1 + 1 / n_members)
                by_zone["error_over_std"][m, z] = np.sqrt(total(error**2).sum() / variance)
    summary = xr.Dataset(
        {
            "coverage": (("method_name", "zone", "level"), covered["mean"]),
            "coverage_error": (("method_name", "zone", "level"), covered["error"]),
            "expected": (("method_name", "level"), expected),
            "rank_histogram": (("method_name", "zone", "bin"), binned["mean"]),
            "rank_histogram_error": (("method_name", "zone", "bin"), binned["error"]),
            **{name: (("method_name", "zone"), values) for name, values in by_zone.items()},
            "cell_share": ("zone", [float(z.cells.sum() / zones[0].cells.sum()) for z in zones]),
            "n_truths": ("method_name", n_truths),
            "n_members": study["n_members"].max("truth"),
            "seconds_per_member": (study["seconds_members"] / study["n_members"]).median("truth"),
            "seconds_training": study["seconds_training"].median("truth"),
            "seconds_total": study["seconds_total"].median("truth"),
            "chi2_referee": study["chi2_referee"].mean("truth"),
        },
        coords={
            "method_name": methods,
            "label": study["label"],
            "zone": [zone.name for zone in zones],
            "zone_kind": ("zone", [zone.kind for zone in zones]),
            "level": list(levels),
            "bin": (np.arange(n_bins) + 0.5) / n_bins,
        },
        attrs={**study.attrs, "kind": "coverage summary"},
    )
    for name, unit in (("crps", "km/s"), ("crps_error", "km/s")):
        summary[name].attrs["units"] = unit
    for name in ("seconds_per_member", "seconds_training", "seconds_total"):
        summary[name].attrs.update(units="s", long_name=name.replace("_", " "))
    return summary


def is_calibrated(summary: xr.Dataset, method: str) -> bool:
    """Whether the 95 % intervals hold 0.93 to 0.97 of all cells, and 0.90 in every depth band."""
    held = summary["coverage"].sel(method_name=method, level=0.95)
    overall = float(held.sel(zone="all"))
    bands = held[(summary["zone_kind"] == "depth").values]
    inside = CALIBRATED[0] <= overall <= CALIBRATED[1]
    return inside and bool((bands >= CALIBRATED_BAND).all())


def coverage_table(summary: xr.Dataset) -> str:
    """Shares of the truth inside the intervals, one table per level, as text."""
    blocks = []
    zones = [str(zone) for zone in summary["zone"].values]
    for k, level in enumerate(summary["level"].values):
        rows = [["method", "truths", "expected", *zones]]
        for m, method in enumerate(summary["method_name"].values):
            cells = [
                _with_error(value, error)
                for value, error in zip(
                    summary["coverage"].values[m, :, k],
                    summary["coverage_error"].values[m, :, k],
                    strict=True,
                )
            ]
            expected = f"{float(summary['expected'][m, k]):.3f}"
            rows.append([str(method), str(int(summary["n_truths"][m])), expected, *cells])
        title = f"{level:.0%} intervals hold the truth (expected: of calibrated ensembles; +- s.e.)"
        blocks.append(f"{title}\n{text_table(rows)}")
    return "\n\n".join(blocks)


def scores_table(summary: xr.Dataset) -> str:
    """Everything but coverage: rank histograms, scores, spread and time, as text."""
    zones = [str(zone) for zone in summary["zone"].values]
    titles = {
        "uniformity_p": "p of a flat rank histogram (signs over truths)",
        "error_over_std": "rms error of the mean over rms std (calibrated: 1)",
        "crps_skill": "CRPS skill over the prior (0: no better, 1: the truth)",
        "std_ratio": "std over the prior's",
    }
    blocks = []
    for name, title in titles.items():
        rows = [["method", *zones]]
        for m, method in enumerate(summary["method_name"].values):
            rows.append([str(method), *(_number(v) for v in summary[name].values[m])])
        blocks.append(f"{title}\n{text_table(rows)}")
    rows = [["method", "members", "s/member", "s training", "s in all", "chi2", "what it is"]]
    for m, method in enumerate(summary["method_name"].values):
        one = summary.isel(method_name=m)
        rows.append(
            [
                str(method),
                f"{float(one['n_members']):.0f}",
                f"{float(one['seconds_per_member']):.3f}",
                f"{float(one['seconds_training']):.1f}",
                f"{float(one['seconds_total']):.1f}",
                f"{float(one['chi2_referee']):.3f}",
                str(one["label"].item()),
            ]
        )
    blocks.append(
        f"time on one thread (median truth) and misfit by the referee\n{text_table(rows)}"
    )
    return "\n\n".join(blocks)


def text_table(rows: list[list[str]]) -> str:
    """Columns aligned by blanks, numbers to the right.

    >>> print(text_table([["method", "x"], ["grid", "0.95"]]))
    method     x
    grid    0.95
    """
    widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if k == 0 else cell.rjust(width)
            for k, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


def _one_size(one: xr.Dataset, name: str) -> int:
    """Members of a method's ensembles."""
    sizes = one["n_members"].values
    sizes = np.unique(sizes[np.isfinite(sizes)])
    assert sizes.size == 1, f"{name}: ensembles of {sizes} members do not share ranks"
    return int(sizes[0])


def _number(value: float) -> str:
    """Three digits, or a dash for what cannot be told."""
    return f"{value:.3f}" if np.isfinite(value) else "-"


def _with_error(value: float, error: float) -> str:
    """A share with its standard error."""
    if not np.isfinite(value):
        return "-"
    return f"{value:.3f}" + (f" +-{error:.3f}" if np.isfinite(error) else "")
