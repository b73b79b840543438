"""The figures of a slip report with their captions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr
from bokeh.layouts import row

from seisnb.dashboards.figures import slip as figures
from seisnb.dashboards.figures.slip_units import amount_of, patches_shown
from seisnb.dashboards.page import Plate


def slip_plates(slip: xr.Dataset, compared: Sequence[tuple[str, xr.Dataset]] = ()) -> list[Plate]:
    """All figures in reading order.

    Parameters
    ----------
    slip : xr.Dataset
        Of :func:`seisnb.slip.invert_slip`.
    compared : sequence of (str, xr.Dataset)
        Results to be shown side by side, ``slip`` among them; none for no comparison.
    """
    plates = [_map_plate(slip)]
    if compared:
        names = ", ".join(title for title, _ in compared)
        plates.append(
            Plate(
                "What the prior decides",
                figures.slip_maps(compared, frame_width=270),
                f"Mean slip by prior ({names}), with one scale of colours and of arrows. What "
                "is in all maps is asked for by the displacements; what comes and goes is the "
                "prior's.",
                f"Maps of mean slip side by side: {names}.",
            )
        )
    plates.append(
        Plate(
            "Uncertainty, and one draw",
            row(
                figures.slip_map(slip, "std", arrows=False, frame_width=255),
                figures.slip_map(slip, "sample", arrows=False, frame_width=255),
            ),
            "Left: standard deviation of slip (1 sigma) over samples and structures; where it is "
            "as large as the mean, no slip should be read off. Right: one sample, as rough as the "
            "data and the prior allow.",
            "Maps of the standard deviation of slip and of one sample.",
        )
    )
    plates += [_magnitude_plate(slip), _depth_plate(slip), *_structure_plates(slip)]
    if np.isfinite(slip["observed"].sel(component="up").values).any():
        plates.append(
            Plate(
                "Vertical displacements",
                figures.slip_map(slip, component="vertical"),
                "Arrows up the map: uplift; down: subsidence; with 95 % intervals. Where uplift "
                "turns to subsidence tells how deep slip reaches.",
                "Map of observed and predicted vertical displacements over mean slip.",
            )
        )
    plates.append(
        Plate(
            "Residuals",
            figures.residual_figure(slip),
            "Observed less predicted, in the standard deviations of the displacements. Of right "
            "errors 95 % are in the grey band; neighbours that stand off together point to slip "
            "or a structure that the ensemble does not hold.",
            "Residuals of all sites and components in standard deviations.",
        )
    )
    return plates


def _map_plate(slip: xr.Dataset) -> Plate:
    """Mean slip with displacements."""
    peak = float(slip["slip_mean"].max())
    far = "" if patches_shown([slip]).all() else (
        " The fault goes on beyond the frame, where displacements say little."
    )  # fmt: skip
    return Plate(
        "Slip",
        figures.slip_map(slip),
        "Posterior mean of slip over all structures, drawn on the first one. Dashed: depth of the "
        "fault. Black arrows: observed, with 95 % ellipses of their errors; blue: predicted." + far,
        f"Map of mean slip, at most {amount_of(slip, [peak]).text(peak)}, with displacements of "
        f"{slip.sizes['site']} sites.",
    )


def _magnitude_plate(slip: xr.Dataset) -> Plate:
    """Magnitudes."""
    return Plate(
        "Moment magnitude",
        figures.magnitude_histogram(slip),
        "With the uncertainty of the structure and without it; bars: 95 %, dots: medians. Where "
        "the second lies beside the first, one structure promised more than is known.",
        "Histograms of the moment magnitude over all structures and on the first alone.",
    )


def _depth_plate(slip: xr.Dataset) -> Plate:
    """Slip against depth."""
    return Plate(
        "Slip against depth",
        figures.depth_figure(slip),
        "Mean over the patches of the map by their depth on the first structure, weighted by area; "
        "bands: 95 %.",
        "Curves of mean slip against depth with 95 % bands.",
    )


def _structure_plates(slip: xr.Dataset) -> list[Plate]:
    """Probabilities of the structures."""
    if slip.sizes["structure"] < 2:
        return []
    plates = [
        Plate(
            "Structures",
            figures.structure_figure(slip),
            "Probability of each structure given the displacements (bars), and before them "
            "(dashes).",
            "Bars of the structures' probabilities.",
        )
    ]
    panels = figures.parameter_figure(slip)
    if panels is not None:
        plates.append(
            Plate(
                "Parameters of the structures",
                panels,
                "The same by the parameters in which the structures differ: posterior (filled) "
                "against prior (line), with mean ± standard deviation. Where the posterior leans "
                "on an end of the prior, widen it.",
                "Histograms of the structures' parameters, posterior against prior.",
            )
        )
    return plates
