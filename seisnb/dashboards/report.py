"""A self-contained HTML report of an ensemble: figures, numbers, settings; opens offline."""

from __future__ import annotations

import os
from html import escape
from pathlib import Path

import numpy as np
import xarray as xr
from bokeh.layouts import row

from seisnb.conventions import ENSEMBLE, check_dataset
from seisnb.dashboards import figures
from seisnb.dashboards.diagnosis import diagnosis_table, gate_table
from seisnb.dashboards.figures.style import display_of, is_marine, number, settings_of, surface_name
from seisnb.dashboards.page import Plate, notes_html, page_html, table_html
from seisnb.dashboards.style_sheet import write_page
from seisnb.dashboards.verdict_box import VERDICT_CSS, verdict_html
from seisnb.prior import PriorConfig
from seisnb.settings import list_settings
from seisnb.tomography import TomographyConfig


def write_report(ensemble: xr.Dataset, path: str | os.PathLike[str]) -> Path:
    """Write the report of an ensemble as one HTML file that needs nothing else.

    BokehJS is in the file, so figures can be zoomed and read off without a network. The file
    appears whole or not at all. Every text that came from a file is escaped.

    Parameters
    ----------
    ensemble : xr.Dataset
        As returned by :func:`seisnb.tomography.invert`.
    path : path
        Where to write, usually ``report.html``.

    Returns
    -------
    Path
        The file written.

    Raises
    ------
    InputError
        The Dataset is not an ensemble.
    OutputError
        The folder is not there or cannot be written to, or the disk is full.
    """
    check_dataset(ensemble, ENSEMBLE, where="write_report", kind="ensemble")
    return write_page(report_html(ensemble), path, where="write_report")


def report_html(ensemble: xr.Dataset) -> str:
    """The report's HTML text; see :func:`write_report`."""
    title = str(ensemble.attrs.get("title") or "Untitled line")
    attrs = ensemble.attrs
    source = str(attrs.get("source") or "not named")
    is_cut = bool(attrs.get("cancelled", 0))
    notes = notes_html(ensemble)
    header = f"""<h1>{escape(title)}</h1>
<p class="source">First-arrival tomography with uncertainty. Picks: {escape(source)}</p>
{verdict_html(ensemble, more=_cut_short(ensemble) if is_cut else "")}"""
    main = f"""<h2>Key numbers</h2>
{table_html(key_numbers(ensemble), head=("Quantity", "Value"))}
<h2>How far to believe it</h2>
<p>What every result must meet before its intervals may be called good, then each figure that tells
how far it can be believed, what is good, and what to do where it is not. The verdict above sums
them up.</p>
{gate_table(ensemble)}
{diagnosis_table(ensemble)}
{{plates}}
<h2>Settings</h2>
{table_html(shown_settings(ensemble, "config", TomographyConfig), caption="Inversion")}
{table_html(shown_settings(ensemble, "prior", PriorConfig), caption="Prior")}
{f"<h2>Notes from reading the picks</h2><ul>{notes}</ul>" if notes else ""}"""
    footer = f"""seisnb {escape(str(attrs.get("seisnb_version", "of unknown version")))} · seed
{escape(str(attrs.get("seed", "not recorded")))} · checksum of the survey
<code>{escape(str(attrs.get("survey_checksum", "not recorded")))}</code>"""
    plates = report_plates(ensemble)
    return page_html(f"{title}: tomography report", header, main, footer, plates, style=VERDICT_CSS)


def _cut_short(ensemble: xr.Dataset) -> str:
    """What a cancelled run lacks."""
    lacks, asked = [], settings_of(ensemble, "config").get("n_members")
    if isinstance(asked, int) and ensemble.sizes["particle"] < asked:
        lacks.append("the ensemble is smaller than asked for")
    if "chi2_referee" not in ensemble:
        lacks.append(
            "its members were neither moved together, which removes the bias of their mean, nor "
            "checked by the grid referee"
        )
    told = f"The run was cancelled{': ' * bool(lacks)}{', and '.join(lacks)}."
    return f"<p><strong>{told}</strong></p>"


def key_numbers(ensemble: xr.Dataset) -> dict[str, str]:
    """The numbers that say how far the result can be trusted, as shown text by name."""
    display = display_of(ensemble)
    rows = {
        "Members": str(ensemble.sizes["particle"]),
        "Picks used": str(ensemble.sizes["pick"]),
        "chi² per pick, times along rays": _spread(ensemble["chi2_ray"].values),
    }
    if "chi2_referee" in ensemble:
        rows["chi² per pick, by the grid referee"] = _spread(ensemble["chi2_referee"].values)
    if "chi2_network" in ensemble:
        rows["chi² per pick, by the network"] = _spread(ensemble["chi2_network"].values)
    rows["rms misfit of the mean model (referee)"] = display.text(
        float(ensemble["rms_referee_mean"]), display.time
    )
    std = ensemble["pick_std"].values
    rows["Pick errors (1 std), median and range"] = (
        f"{display.text(float(np.median(std)), display.time)} "
        f"({number(display.factor * std.min())} to {number(display.factor * std.max())})"
    )
    if "sigma_scale" in ensemble:
        scale = ensemble["sigma_scale"].values
        rows["Factor on the pick errors"] = (
            "1 (as given)" if np.allclose(scale, 1) else f"{_spread(scale)}, inferred"
        )
    x, z = ensemble["easting"].values, ensemble["depth"].values
    rows["Grid"] = (
        f"{x.size} × {z.size} nodes, spacing {number(display.factor * float(x[1] - x[0]))} × "
        f"{display.text(float(z[1] - z[0]), display.length)}"
    )
    if "elapsed_seconds" in ensemble.attrs:
        rows["Time taken"] = f"{float(ensemble.attrs['elapsed_seconds']):.0f} s"
    return rows


def report_plates(ensemble: xr.Dataset) -> list[Plate]:
    """All figures of the report, in reading order."""
    display = display_of(ensemble)
    limit = figures.readable_std(ensemble)
    rock = ensemble["rock"].values.astype(bool)
    mean = display.scaled(ensemble["velocity_mean"].values[rock])
    std = display.scaled(ensemble["velocity_std"].values[rock])
    x = figures.deepest_easting(ensemble)
    floor = surface_name(ensemble)
    velocities = (
        f"from {number(float(mean.min()))} to {number(float(mean.max()))} {display.velocity}"
    )
    water = " The water is light blue." if is_marine(ensemble) else ""
    limit_text = display.text(limit, display.velocity)
    return [
        *settings_plates(ensemble),
        Plate(
            "Mean velocity",
            figures.section(ensemble, figures.mean_layer(ensemble)),
            "Average of all members. Where it departs from the prior above the deepest ray "
            "(dashed), the picks asked for it; below it the mean is the prior's. "
            f"Black line: {floor}.{water}",
            f"Section of the mean P velocity, {velocities}.",
        ),
        Plate(
            "Uncertainty",
            figures.section(ensemble, figures.std_layer(ensemble, grey_above=limit)),
            "Standard deviation of the velocity over the members (1 sigma). Cells above "
            f"{limit_text} are grey: there the picks say little. No structure should be "
            "read from grey cells or from below the deepest ray.",
            f"Section of the velocity's standard deviation, median "
            f"{number(float(np.median(std)))} {display.velocity}; grey above {limit_text}.",
        ),
        Plate(
            "What can be read",
            figures.section(ensemble, figures.mean_layer(ensemble, grey_ratio=0.5)),
            "The mean again; grey where the picks took away less than half of the prior's standard "
            "deviation, and below the deepest ray. In colour the picks decide more than the prior, "
            "under this prior: what is sharper than its correlation lengths is shown smoothed.",
            "Section of the mean P velocity with uncertain cells greyed.",
        ),
        Plate(
            "Gain over the prior",
            figures.section(ensemble, figures.ratio_layer(ensemble)),
            "Posterior divided by prior standard deviation. Dark: decided by the picks. Near 1: "
            "the result is the prior's, whatever the mean looks like. The thin line is 0.5.",
            "Section of the ratio of posterior to prior standard deviation, between 0 and 1.",
        ),
        Plate(
            "Members",
            figures.member_gallery(ensemble),
            "Single velocity models, each fitted to its own noisy picks and its own draw of the "
            "prior. A feature that comes and goes is not decided by the picks. One that is in "
            "every panel is decided by the picks or by the prior; the gain over the prior tells "
            "which. All are smooth because the prior is. In each title: member number and misfit.",
            "Small sections of several members of the ensemble in one colour scale.",
        ),
        Plate(
            "Fit to the picks",
            figures.travel_time_curves(ensemble),
            "Reduced travel times with their errors (1 sigma) and the ensemble's prediction; under "
            "them the residuals, observed minus mean predicted. Colour: position of the common "
            f"{figures.gathers_of(ensemble).kind}. Residuals that stay on one side over several "
            "neighbours point to geometry, picking or a pick error that is too small.",
            "Reduced travel-time curves, observed and predicted, with residuals below.",
        ),
        Plate(
            "Profile and misfit",
            row(figures.velocity_profile(ensemble, x), figures.chi2_histogram(ensemble)),
            f"Left: velocity against depth at easting {display.text(x, display.length)}, where the "
            "rays go deepest; posterior intervals over the prior's. Right: chi² per pick of every "
            "member, by times along its rays and by an independent grid solver; around 1 the model "
            "fits as well as the pick errors promise, far above 1 the errors are too small or the "
            "prior too stiff, far below 1 the errors are too large.",
            "Velocity against depth with quantiles, and a histogram of the members' misfit.",
        ),
        Plate(
            "Ray coverage",
            figures.section(ensemble, figures.coverage_layer(ensemble)),
            "Length of ray in each cell, mean over the members. White: no ray in any member.",
            "Section of the ray length per cell.",
        ),
    ]


def settings_plates(ensemble: xr.Dataset) -> list[Plate]:
    """Figures of what the picks say of prior and pick errors; none for an older ensemble."""
    if not {"left_out_residual", "check_z"} <= set(ensemble):
        return []
    outside = float((np.abs(ensemble["left_out_residual"].values) > 1.96).mean())
    return [
        Plate(
            "Were the settings right?",
            row(figures.left_out_histogram(ensemble), figures.checks_figure(ensemble)),
            "Left: where each pick falls in its prediction from all other picks. Flat within the "
            "grey band when prior and pick errors are right; high ends: errors too small or prior "
            "too stiff; high middle: errors too large. Right: checks as normal scores. Grey: 95 % "
            "of right settings; red, beyond the dashed lines: a setting that the table names with "
            "what to do. A prior that is too loose hardly shows, for it can always explain the "
            "picks.",
            f"Histogram of the picks in their left-out predictions, {outside:.0%} of them outside "
            "95 %, and the checks of prior and pick errors as normal scores.",
        )
    ]


def _spread(values: np.ndarray) -> str:
    """Mean over members with the range."""
    return f"{values.mean():.2f} (members {values.min():.2f} to {values.max():.2f})"


def shown_settings(ensemble: xr.Dataset, attribute: str, config: type) -> dict[str, str]:
    """The settings kept in an attribute as text with units; what was left open is said in words."""
    units = {
        each.name: "" if " or " in each.unit else each.unit
        for each in list_settings({attribute: config})
    }
    return {
        name.replace("_", " "): _shown(value, units.get(name, ""))
        for name, value in settings_of(ensemble, attribute).items()
    }


def _shown(value: object, unit: str) -> str:
    """One setting as text; a table of points as its ends."""
    if value is None:
        return "automatic"
    if isinstance(value, list) and len(value) > 3:
        return f"{len(value)} values, {_shown(value[0], '')} to {_shown(value[-1], unit)}"
    if isinstance(value, list):
        text = f"({', '.join(_shown(each, '') for each in value)})"
    else:
        text = number(value, 4) if isinstance(value, float) else str(value)
    return f"{text} {unit}" if unit not in ("", "1") else text
