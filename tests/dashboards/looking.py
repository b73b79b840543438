"""What a tomography dashboard and its figures show."""

import numpy as np
from bokeh.models import GlyphRenderer

from seisnb.dashboards.tomography.controller import TABS


def look_at(app, name):
    """Turn to a tab: what is out of sight is not drawn."""
    app.tabs.selected_index = TABS.index(name)


def passing(model, name):
    """Which rows of its source a renderer of this name shows."""
    renderer = model.select_one({"name": name, "type": GlyphRenderer})
    rows = np.zeros(len(next(iter(renderer.data_source.data.values()))), bool)
    indices = renderer.view.filter.indices
    rows[slice(None) if indices is None else indices] = True
    return rows
