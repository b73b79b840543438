"""Python that makes what a slip dashboard shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from seisnb.dashboards.slip.state import ReadingConfig, SlipState
from seisnb.settings import make_configs
from seisnb.slip.meshes import Spread


def reading_of(opened: Mapping[str, Any]) -> ReadingConfig:
    """How opened files were read."""
    values = {f"reading.{key}": value for key, value in dict(opened.get("reading", {})).items()}
    found: ReadingConfig = make_configs({"reading": ReadingConfig}, values, where="dashboard")[
        "reading"
    ]
    return found


def structure_options(reading: ReadingConfig) -> dict[str, Any]:
    """Keywords of :func:`seisnb.slip.meshes.read_structures` that are not as by default."""
    found: dict[str, Any] = {}
    if reading.coordinates != "guess":
        found["coordinates"] = reading.coordinates
    default = ReadingConfig()
    for name in ("shear_modulus", "poisson"):
        if getattr(reading, name) != getattr(default, name):
            found[name] = getattr(reading, name)
    if reading.members != 1:
        found["n_members"] = reading.members
    spread = {name: getattr(reading, name) for name in asdict(Spread())}
    if any(spread.values()):
        found["spread"] = Spread(**{name: value for name, value in spread.items() if value})
    return found


def code_of(state: SlipState, *, has_data: bool) -> str:
    """The lines that read, mute, invert and save as the state says.

    Runs as it stands for data that were read from files; for data that were handed over the
    variables ``offsets`` and ``structures`` must hold them, and ``slip`` a result without data.
    """
    lasts = [
        "map_of_slip = slip_map("
        + ", ".join(
            ["slip", repr(state.field)]
            + ([f"sample={state.sample}"] if state.field == "sample" else [])
            + ([f"component={state.component!r}"] if state.component != "horizontal" else [])
            + (["arrows=False"] if state.vectors == "none" else [])
        )
        + ")",
    ]
    saves = "save_slip(slip, 'slip.nc')\nwrite_slip_report(slip, 'report.html')"
    if not has_data:
        head = "# slip is the result that the dashboard was given"
        return "\n\n".join([_imports(state, has_data=False), head, *lasts, saves])
    blocks = [_imports(state, has_data=True), _reads(state)]
    if state.muted:
        blocks.append(
            f"muted = {list(state.muted)!r}\n"
            "is_used = ~offsets['site'].isin(muted).values\n"
            "both = [name for name in ('site', 'site_2') if name in offsets.dims]\n"
            "offsets = offsets.isel({name: is_used for name in both})"
        )
    config = state.snapshot()["config"]
    arguments = ", ".join(f"{name}={value!r}" for name, value in config.items())
    blocks.append(
        f"config = SlipConfig({arguments})\nslip = invert_slip(offsets, structures, config)"
    )
    return "\n\n".join([*blocks, *lasts, saves])


def _imports(state: SlipState, *, has_data: bool) -> str:
    lines = [
        "from seisnb.dashboards.figures.slip import slip_map",
        "from seisnb.dashboards.slip_report import write_slip_report",
        f"from seisnb.io import {'read_offsets, ' if state.opened else ''}save_slip",
    ]
    if has_data:
        lines.append("from seisnb.slip import SlipConfig, invert_slip")
    if state.opened:
        spread = "Spread, " if "spread" in structure_options(reading_of(state.opened)) else ""
        lines.append(f"from seisnb.slip.meshes import {spread}read_structures")
    return "\n".join(lines)


def _reads(state: SlipState) -> str:
    opened = state.opened
    if not opened:
        return "# offsets and structures are those that the dashboard was given"
    reading = reading_of(opened)
    options = "".join(
        f", {name}={_spread_text(value) if name == 'spread' else repr(value)}"
        for name, value in structure_options(reading).items()
    )
    return (
        f"offsets = read_offsets({opened['offsets']!r}, unit={reading.unit!r})\n"
        f"structures = read_structures({list(opened['meshes'])!r}, offsets{options})"
    )


def _spread_text(spread: Spread) -> str:
    """A spread as it is written."""
    given = {name: value for name, value in asdict(spread).items() if value}
    return f"Spread({', '.join(f'{name}={value!r}' for name, value in given.items())})"
