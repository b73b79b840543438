"""Python that makes what a tomography dashboard shows."""

from __future__ import annotations

from typing import Any

import xarray as xr

from seisnb.dashboards.state import SECTION_TRAITS, ConfigTrait
from seisnb.dashboards.tomography.state import TomographyState


def code_of(state: TomographyState, base: xr.Dataset | None) -> str:
    """The lines that read the picks, mute, invert and show as the state says.

    Runs as it stands for picks that were read from a file; for picks that were handed over the
    variable ``survey`` must hold them.
    """
    if base is None:
        return "# Open a file of picks: the lines that repeat what you do appear here."
    blocks = ["\n".join(_imports(state)), "\n".join(_picks(state))]
    blocks.append(
        "\n".join(
            [
                f"prior = PriorConfig({_arguments(state, 'prior')})",
                f"config = TomographyConfig({_arguments(state, 'config')})",
                "ensemble = invert(survey, prior, config)",
            ]
        )
    )
    blocks.append(
        "\n".join(
            [
                f"view = SectionView(ensemble_section(ensemble){_section(state)})",
                "view",
            ]
        )
    )
    return "\n\n".join(blocks)


def _imports(state: TomographyState) -> list[str]:
    reads = ["read_picks"] if state.opened else []
    if state.pick_std.strip():
        reads.insert(0, "parse_pick_std")
    lines = [
        "from seisnb.dashboards.section_data import ensemble_section",
        "from seisnb.dashboards.section_view import SectionView",
    ]
    if reads:
        lines.append(f"from seisnb.io import {', '.join(reads)}")
    return [
        *lines,
        "from seisnb.prior import PriorConfig",
        "from seisnb.tomography import TomographyConfig, invert",
    ]


def _picks(state: TomographyState) -> list[str]:
    if state.opened:
        reading = dict(state.opened.get("reading", {}))
        kind = reading.pop("format", None)
        options = ([repr(kind)] if kind else []) + [f"{k}={v!r}" for k, v in reading.items()]
        lines = [f"survey = read_picks({', '.join([repr(state.opened['path']), *options])})"]
    else:
        lines = ["survey = survey.copy(deep=True)  # the picks that the dashboard was given"]
    if state.pick_std.strip():
        lines.append(
            f"survey['pick_std'].values[:] = parse_pick_std({state.pick_std!r})"
            ".at(survey['travel_time'].values)"
        )
    lines.append("survey['used'].values[:] = True")
    if state.muted:
        lines.append(f"survey['used'].values[{list(state.muted)}] = False")
    return lines


def _arguments(state: TomographyState, name: str) -> str:
    """Fields of a configuration that are not as by default, as keywords."""
    trait = state.traits()[name]
    assert isinstance(trait, ConfigTrait)
    return ", ".join(f"{k}={v!r}" for k, v in trait.encode(getattr(state, name)).items())


def _section(state: TomographyState) -> str:
    """What of the section is not as by default, as further keywords."""
    values: dict[str, Any] = state.snapshot()
    default = TomographyState().snapshot()
    changed = {n: values[n] for n in SECTION_TRAITS if values[n] != default[n]}
    return "".join(f", {name}={value!r}" for name, value in changed.items())
