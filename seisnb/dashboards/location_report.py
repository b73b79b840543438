"""A self-contained HTML report of located earthquakes; opens offline."""

from __future__ import annotations

import json
import os
from html import escape
from pathlib import Path

import numpy as np
import xarray as xr

from seisnb.conventions import InputError
from seisnb.dashboards.figures.location import (
    catalogue_map,
    event_figure,
    model_figure,
    residual_figure,
    shift_figure,
)
from seisnb.dashboards.page import Plate, notes_html, page_html, table_html
from seisnb.dashboards.report import shown_settings
from seisnb.dashboards.style_sheet import write_page
from seisnb.location import LocationConfig

#: Events whose clouds the report shows, those best constrained first; and rows of its table.
N_SHOWN, N_ROWS = 4, 200


def write_location_report(hypocentres: xr.Dataset, path: str | os.PathLike[str]) -> Path:
    """Write the report of a catalogue as one HTML file that needs nothing else.

    Parameters
    ----------
    hypocentres : xr.Dataset
        Of :func:`seisnb.location.locate`.
    path : path
        Where to write; the file appears whole or not at all.

    Returns
    -------
    Path
        The file written.

    Raises
    ------
    InputError
        The Dataset holds no hypocentres.
    OutputError
        The folder is not there or cannot be written to, or the disk is full.
    """
    if hypocentres.attrs.get("kind") != "hypocentres":
        raise InputError(
            f"write_location_report: the Dataset is of kind {hypocentres.attrs.get('kind')!r}; "
            "expected what locate returns."
        )
    return write_page(_html(hypocentres), path, where="write_location_report")


def _html(hypocentres: xr.Dataset) -> str:
    """The text of the page."""
    attrs = hypocentres.attrs
    source = escape(str(attrs.get("source") or "not named"))
    notes = notes_html(hypocentres)
    left_out = json.loads(str(attrs.get("left_out", "{}")))
    reasons = "".join(
        f"<li>{escape(str(reason))}</li>" for reason in list(left_out.values())[:N_ROWS]
    )
    more = len(left_out) - N_ROWS
    header = f"""<h1>Earthquakes located over {hypocentres.sizes["member"]} velocity models</h1>
<p class="source">Arrivals: {source}</p>
<p class="verdict{" cancelled" if attrs.get("cancelled") else ""}">{escape(verdict(hypocentres))}
</p>"""
    main = f"""<h2>Key numbers</h2>
{table_html(key_numbers(hypocentres), head=("Quantity", "Value"))}
{{plates}}
<h2>Hypocentres</h2>
{_events_html(hypocentres)}
<h2>Settings</h2>
{table_html(shown_settings(hypocentres, "config", LocationConfig), caption="Location")}
{f"<h2>Events not located</h2><ul>{reasons}</ul>" if left_out else ""}
{f"<p>and {more} more, in the attribute left_out of hypocentres.nc.</p>" if more > 0 else ""}
{f"<h2>Notes</h2><ul>{notes}</ul>" if notes else ""}"""
    footer = f"""seisnb {escape(str(attrs.get("seisnb_version", "of unknown version")))} · seed
{escape(str(attrs.get("seed")))} · checksum of the arrivals
<code>{escape(str(attrs.get("arrivals_checksum")))}</code> · of the models
<code>{escape(str(attrs.get("ensemble_checksum")))}</code>"""
    title = f"{attrs.get('source') or 'not named'}: location report"
    return page_html(title, header, main, footer, _plates(hypocentres))


def verdict(hypocentres: xr.Dataset) -> str:
    """One sentence on what the ensemble changed, and what to look at."""
    n = hypocentres.sizes["event"]
    said = [f"{n} event{'s' if n != 1 else ''} located."]
    if hypocentres.attrs.get("cancelled"):
        said.append("The run was cancelled before all were done.")
    if "std_ratio" in hypocentres:
        ratio = float(hypocentres["std_ratio"].sel(component="depth").median())
        shift = float(np.median(np.abs(hypocentres["shift_over_std"].sel(component="depth"))))
        said.append(
            f"In depth the uncertainty over all models is {ratio:.1f} times that of the mean "
            f"model (median), whose answer stands {shift:.1f} of its own standard deviations away."
        )
    at_edge = int((hypocentres["edge_mass"] > 0.05).sum())
    if at_edge:
        said.append(f"{at_edge} reach a side of the region: widen it (region) to see all of them.")
    few = int((hypocentres["ess"] < 100).sum())
    if few:
        said.append(f"{few} rest on fewer than 100 effective draws: raise n_samples.")
    scale = _misfit(hypocentres)
    if scale > 1.5:
        said.append(
            f"Residuals are {scale:.1f} times what the sigmas promise: pick errors or model_share "
            "are too small."
        )
    return " ".join(said)


def _misfit(hypocentres: xr.Dataset) -> float:
    """Median absolute residual over that of normal errors of the stated sigmas."""
    ratio = np.abs(hypocentres["residual"].values) / hypocentres["sigma"].values
    return float(np.nanmedian(ratio) / 0.6745)


def key_numbers(hypocentres: xr.Dataset) -> dict[str, str]:
    """Numbers of the catalogue as text by name."""
    located = np.isfinite(hypocentres["residual"].values)
    std = hypocentres["std"].median("event").values
    rows = {
        "Events": str(hypocentres.sizes["event"]),
        "Velocity models": str(hypocentres.sizes["member"]),
        "Picks located with": f"{int(located.sum())} of {located.size}",
        "Uncertainty (1 std), median": (
            f"easting {std[0]:.2f} km, northing {std[1]:.2f} km, depth {std[2]:.2f} km, "
            f"origin time {std[3]:.2f} s"
        ),
        "Residual, median absolute": f"{np.nanmedian(np.abs(hypocentres['residual'])):.3f} s",
        "The same over that of the stated sigmas": f"{_misfit(hypocentres):.2f}",
    }
    if "std_ratio" in hypocentres:
        ratio = hypocentres["std_ratio"].median("event").values
        rows["Std over all models / of the mean model, median"] = (
            f"easting {ratio[0]:.2f}, northing {ratio[1]:.2f}, depth {ratio[2]:.2f}"
        )
    rows["Time taken"] = f"{float(hypocentres.attrs['elapsed_seconds']):.0f} s"
    return rows


def _plates(hypocentres: xr.Dataset) -> list[Plate]:
    """All figures in reading order."""
    plates = [
        Plate(
            "Epicentres",
            catalogue_map(hypocentres),
            "Posterior mean of every event over all models, with the ellipse that holds 68 % of "
            "its epicentre; colour: depth below sea level. Triangles: stations.",
            f"Map of {hypocentres.sizes['event']} epicentres, coloured by depth.",
        )
    ]
    shifts = shift_figure(hypocentres)
    if shifts is not None and hypocentres.sizes["event"] > 1:
        plates.append(
            Plate(
                "What the velocity model's uncertainty changes",
                shifts,
                "Left: how far the answer of the mean model lies from that over all models, in its "
                "own standard deviations: beyond 2 its interval promises too much. Right: how many "
                "times wider the honest interval is.",
                "Histograms of depth shifts and of ratios of depth uncertainty.",
            )
        )
    order = np.argsort(hypocentres["std"].sel(component="depth").values, kind="stable")
    for i in order[:N_SHOWN]:
        name = str(hypocentres["event"].values[i])
        plates.append(
            Plate(
                f"Event {name}",
                event_figure(hypocentres, int(i)),
                "Samples of the hypocentre over all models and in the mean model alone; crosses: "
                "their means.",
                f"Clouds of event {name} on a map, in a section and over depth.",
            )
        )
    plates.append(
        Plate(
            "Residuals",
            residual_figure(hypocentres),
            "Observed time less the posterior mean of the predicted one. A station that is off by "
            "the same amount in all events wants a station term (station_terms=estimate); one of "
            "the wrong sign of depth, a correction.",
            "Median residuals of P and S by station.",
        )
    )
    if hypocentres.sizes["member"] > 1:
        plates.append(
            Plate(
                "Velocity models",
                model_figure(hypocentres),
                "Probability of each model given an event's arrivals, mean over events; a model "
                "that most events disfavour does not hold where they are.",
                "Bars of the models' probabilities.",
            )
        )
    return plates


def _events_html(hypocentres: xr.Dataset) -> str:
    """A table of the hypocentres."""
    head = ("Event", "Origin time (UTC)", "Longitude", "Latitude", "Depth (km)", "95 % depth (km)",
            "Picks", "Gap (°)", "rms (s)")  # fmt: skip
    top = "".join(f'<th scope="col">{name}</th>' for name in head)
    std = hypocentres["std"].values
    low, high = (
        hypocentres["quantile_value"].sel(component="depth", quantile=q).values
        for q in (0.025, 0.975)
    )
    rows = []
    n = min(hypocentres.sizes["event"], N_ROWS)
    columns = {
        name: hypocentres[name].values
        for name in ("event", "mean_origin_time", "mean_longitude", "mean_latitude", "mean_depth",
                     "n_used", "azimuthal_gap", "rms")
    }  # fmt: skip
    for i in range(n):
        one = {name: values[i] for name, values in columns.items()}
        cells = (
            escape(str(one["event"])), str(one["mean_origin_time"])[:22].replace("T", " "),
            f"{one['mean_longitude']:.4f}", f"{one['mean_latitude']:.4f}",
            f"{one['mean_depth']:.1f} ± {std[i, 2]:.1f}", f"{low[i]:.1f} to {high[i]:.1f}",
            f"{one['n_used']:d}", f"{one['azimuthal_gap']:.0f}", f"{one['rms']:.2f}",
        )  # fmt: skip
        rows.append("<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>")
    more = hypocentres.sizes["event"] - n
    tail = f"<p>and {more} more, in hypocentres.nc.</p>" if more > 0 else ""
    return f"<table><thead><tr>{top}</tr></thead><tbody>{''.join(rows)}</tbody></table>{tail}"
