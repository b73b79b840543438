"""A section view that follows a dashboard's state, and changes it when a person does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from seisnb.dashboards.controller import Controller
from seisnb.dashboards.section_view import SectionView

_LABELS = {
    "quantity": "show another quantity", "member": "show another member",
    "level": "another quantile", "threshold": "another threshold", "limits": "colour limits",
    "picked": "pick a point", "span": "zoom or pan", "grey_above": "grey",
    "has_contours": "isolines", "has_profile": "profile", "hidden": "layers",
}  # fmt: skip


def link(view: SectionView, controller: Controller, names: Sequence[str]) -> None:
    """Keep traits of the same names of a view and of a controller's state equal.

    What the browser changes is a step of the history; a slider that is dragged is one step.
    """

    def to_state(change: dict[str, Any]) -> None:
        name = str(change["name"])
        if change["new"] == getattr(controller.state, name):
            return
        if view.is_showing:  # another section has other thresholds; that is no step
            controller.state.change(**{name: change["new"]})
            controller.history.absorb(name)
            return
        controller.change(_LABELS.get(name, name), f"section {name}", **{name: change["new"]})

    def to_view(change: dict[str, Any]) -> None:
        if getattr(view, change["name"]) != change["new"]:
            setattr(view, change["name"], change["new"])

    for name in names:
        setattr(view, name, getattr(controller.state, name))
    view.observe(to_state, list(names))
    controller.state.observe(to_view, list(names))
