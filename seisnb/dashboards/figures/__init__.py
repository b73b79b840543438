"""Figures of surveys and ensembles: pure functions from a Dataset to a bokeh model."""

from seisnb.dashboards.figures.diagnosis import checks_figure, left_out_histogram
from seisnb.dashboards.figures.layers import (
    Layer,
    coverage_layer,
    deepest_easting,
    mean_layer,
    member_layer,
    ratio_layer,
    readable_std,
    std_layer,
)
from seisnb.dashboards.figures.line import Line, line_figure, mark_gather
from seisnb.dashboards.figures.line_1d import (
    line_posterior,
    line_std,
    mmd_scores,
    zone_ratios,
)
from seisnb.dashboards.figures.picks import (
    Marks,
    gathers_of,
    mark_muted,
    reduction_velocity_of,
    travel_time_curves,
)
from seisnb.dashboards.figures.prior import prior_times
from seisnb.dashboards.figures.profiles import chi2_histogram, velocity_profile
from seisnb.dashboards.figures.residuals import misfit_figure, residual_map
from seisnb.dashboards.figures.resolution import resolution_sections
from seisnb.dashboards.figures.scan import amplitude_profile, evidence_map
from seisnb.dashboards.figures.sections import member_gallery, repaint, section
from seisnb.dashboards.figures.style import nice_limits
from seisnb.dashboards.figures.verification import (
    coverage_by_depth,
    crps_by_depth,
    rank_histograms,
    reliability,
)

__all__ = [
    "Layer",
    "Line",
    "Marks",
    "amplitude_profile",
    "checks_figure",
    "chi2_histogram",
    "coverage_by_depth",
    "coverage_layer",
    "crps_by_depth",
    "deepest_easting",
    "evidence_map",
    "gathers_of",
    "left_out_histogram",
    "line_figure",
    "line_posterior",
    "line_std",
    "mark_gather",
    "mark_muted",
    "mean_layer",
    "member_gallery",
    "member_layer",
    "misfit_figure",
    "mmd_scores",
    "nice_limits",
    "prior_times",
    "rank_histograms",
    "ratio_layer",
    "readable_std",
    "reduction_velocity_of",
    "reliability",
    "repaint",
    "residual_map",
    "resolution_sections",
    "section",
    "std_layer",
    "travel_time_curves",
    "velocity_profile",
    "zone_ratios",
]
