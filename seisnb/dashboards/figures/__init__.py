"""Figures of surveys and ensembles: pure functions from a Dataset to a bokeh model."""

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
from seisnb.dashboards.figures.picks import (
    gathers_of,
    mark_muted,
    reduction_velocity_of,
    travel_time_curves,
)
from seisnb.dashboards.figures.profiles import chi2_histogram, velocity_profile
from seisnb.dashboards.figures.scan import amplitude_profile, evidence_map
from seisnb.dashboards.figures.sections import member_gallery, repaint, section

__all__ = [
    "Layer",
    "amplitude_profile",
    "chi2_histogram",
    "coverage_layer",
    "deepest_easting",
    "evidence_map",
    "gathers_of",
    "mark_muted",
    "mean_layer",
    "member_gallery",
    "member_layer",
    "ratio_layer",
    "readable_std",
    "reduction_velocity_of",
    "repaint",
    "section",
    "std_layer",
    "travel_time_curves",
    "velocity_profile",
]
