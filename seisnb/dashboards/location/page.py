"""One event's clouds in a page that opens without a kernel and without a network."""

from __future__ import annotations

import os
from html import escape
from pathlib import Path

import xarray as xr

from seisnb.dashboards.figures.location import event_figure, model_figure, residual_figure
from seisnb.dashboards.page import Plate, page_html
from seisnb.dashboards.style_sheet import write_page


def write_event_page(hypocentre: xr.Dataset, path: str | os.PathLike[str]) -> Path:
    """Write the figures of one located event as an interactive page; returns its path.

    Parameters
    ----------
    hypocentre : xr.Dataset
        One event of :func:`seisnb.location.locate`.
    path : path
        The ``.html`` file; it appears whole or not at all.

    Raises
    ------
    OutputError
        The folder is not there or cannot be written to, or the disk is full.
    """
    name = str(hypocentre["event"].values[0])
    mean, std = hypocentre["mean_depth"].item(), float(hypocentre["std"].values[0, 2])
    header = (
        f'<h1>Event {escape(name)}</h1><p class="verdict">Depth {mean:.1f} ± {std:.1f} km over '
        "all velocity models.</p>"
    )
    plates = [
        Plate("Where it was", event_figure(hypocentre, 0),
              "Samples of the posterior over all velocity models, and in their mean alone; crosses "
              "are the means.", f"map, section and depths of event {name}"),
        Plate("How well picks are explained", residual_figure(hypocentre),
              "Observed less predicted arrivals by station.", "residuals by station"),
        Plate("What it says of the models", model_figure(hypocentre),
              "Probability of every velocity model given the arrivals of this event.",
              "probabilities of the models"),
    ]  # fmt: skip
    page = page_html(f"Event {name}", header, "{plates}", "Made by seisnb.", plates)
    return write_page(page, path, where="write_event_page")
