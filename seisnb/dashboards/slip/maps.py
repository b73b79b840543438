"""The map of slip as the dashboard shows it: displacements chosen, a patch picked, samples fast."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr
from bokeh.core.properties import value
from bokeh.models import ColumnDataSource, GlyphRenderer, TapTool
from bokeh.plotting import figure

from seisnb.dashboards.figures.slip import slip_map
from seisnb.dashboards.figures.slip_maps import scale_of
from seisnb.dashboards.figures.style import Array
from seisnb.dashboards.slip.state import SlipState
from seisnb.slip.faults import rim_of

#: Names of what is drawn for observed displacements, their errors, and predicted ones.
_DRAWN = {
    "observed": ("observed", "rims"),
    "errors": ("ellipses", "intervals"),
    "predicted": ("predicted",),
}


@dataclass(frozen=True, kw_only=True, eq=False)
class SlipMap:
    """A map that follows what is looked at.

    Attributes
    ----------
    plot : figure
        To be shown.
    faces : GlyphRenderer
        The triangles; its source's selection is what was tapped.
    rim : ColumnDataSource
        The outline of the patch that is looked at.
    factor : float
        From metres to the map's unit.
    """

    plot: figure
    faces: GlyphRenderer
    rim: ColumnDataSource
    factor: float

    def patch_at(self, face: int) -> int:
        """The patch of a triangle."""
        return int(self.faces.data_source.data["patch"][face])

    def show_patch(self, slip: xr.Dataset, patch: int | None) -> None:
        """Draw the outline of a patch."""
        sides = _rim(slip, patch)
        self.rim.data = {"xs": list(sides[..., 0]), "ys": list(sides[..., 1])}

    def show_sample(self, slip: xr.Dataset, sample: int) -> None:
        """Colour the patches by another sample; the scale of colours stays."""
        patches = self.faces.data_source.data["patch"]
        shown = self.factor * slip["slip"].values[sample].astype(float)
        self.faces.data_source.patch({"value": [(slice(None), shown[patches])]})
        self.plot.title.text = f"Slip of sample {sample}"


def make_map(slip: xr.Dataset, state: SlipState) -> SlipMap:
    """The map that a state asks for.

    Samples have one scale of colours: that of the sample with the largest slip.
    """
    largest = int(np.abs(slip["slip"].values).max(axis=1).argmax())
    shown = _with_residuals(slip) if state.vectors == "residual" else slip
    plot = slip_map(
        shown, state.field, sample=largest, component=state.component,
        arrows=state.vectors != "none", frame_width=560,
    )  # fmt: skip
    _choose_vectors(plot, state.vectors)
    faces = next(each for each in plot.renderers if each.name == "patches")
    faces.nonselection_glyph = None
    faces.selection_glyph = None
    plot.add_tools(tap := TapTool(renderers=[faces]))
    plot.toolbar.active_tap = tap
    rim = ColumnDataSource({"xs": [], "ys": []})
    plot.multi_line(
        xs="xs", ys="ys", source=rim, line_color="#c1272d", line_width=3, name="chosen patch"
    )
    _, amount = scale_of([slip], state.field, sample=largest)
    found = SlipMap(plot=plot, faces=faces, rim=rim, factor=amount.factor)
    if state.field == "sample":
        found.show_sample(slip, state.sample)
    found.show_patch(slip, state.patch)
    return found


def _with_residuals(slip: xr.Dataset) -> xr.Dataset:
    """Residuals in the place of what was observed, and nothing predicted."""
    return slip.assign(
        observed=slip["residual"], predicted_mean=xr.zeros_like(slip["predicted_mean"])
    )


def _choose_vectors(plot: figure, vectors: str) -> None:
    """Hide displacements that are not asked for, also in the legend.

    Errors are hidden beside residuals: as long as they are, they would hide the map.
    """
    hidden = {
        "observed and predicted": (), "none": (), "observed": ("predicted",),
        "predicted": ("observed", "errors"), "residual": ("predicted", "errors"),
    }[vectors]  # fmt: skip
    names = {name for kind in hidden for name in _DRAWN[kind]}
    gone = [each for each in plot.renderers if each.name in names]
    for each in gone:
        each.visible = False
    for legend in plot.legend:
        legend.items = [
            item for item in legend.items if not any(each in gone for each in item.renderers)
        ]
        for item in legend.items:
            if vectors == "residual" and item.label == value("observed"):
                item.label = value("residual")


def _rim(slip: xr.Dataset, patch: int | None) -> Array:
    """Sides of a patch, (n, 2, 2)."""
    if patch is None:
        return np.zeros((0, 2, 2))
    triangles = slip["triangle"].values[slip["face_patch"].values == patch]
    places = np.column_stack([slip["vertex_easting"].values, slip["vertex_northing"].values])
    return np.asarray(places[rim_of(triangles, np.zeros(len(triangles), int))])
