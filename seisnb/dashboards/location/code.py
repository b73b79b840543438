"""Python that makes what a location dashboard shows."""

from __future__ import annotations

from dataclasses import fields

from seisnb.dashboards.location.state import LocationState
from seisnb.location import LocationConfig


def config_of(state: LocationState, stations: tuple[str, ...]) -> LocationConfig:
    """The configuration as the controls stand; stations that are not known are not named."""
    base = state.config
    values = {field.name: getattr(base, field.name) for field in fields(base)}
    unused = [name for name in state.unused if name in stations]
    values |= {
        "likelihood": state.likelihood,
        "use_p": state.use_p,
        "use_s": state.use_s,
        "leave_out": tuple(sorted({*base.leave_out, *unused})),
        "on_bad": "drop",
    }
    return LocationConfig(**values)


def code_of(state: LocationState, stations: tuple[str, ...]) -> str:
    """The lines that read, locate and save as the state says.

    Runs as it stands for data that were read from files; for data that were handed over the
    variables ``arrivals``, ``stations`` and ``models`` must hold them.
    """
    default = LocationConfig()
    config = config_of(state, stations)
    changed = {
        field.name: getattr(config, field.name)
        for field in fields(config)
        if getattr(config, field.name) != getattr(default, field.name)
    }
    arguments = ", ".join(f"{name}={value!r}" for name, value in changed.items())
    blocks = [_imports(state), _reads(state)]
    locate = [f"config = LocationConfig({arguments})"]
    if state.event:
        locate.append(
            f"one = locate(arrivals.isel(pick=arrivals['event'].values == {state.event!r}), "
            "stations, models, config)"
        )
    locate.append("hypocentres = locate(arrivals, stations, models, config)")
    blocks.append("\n".join(locate))
    blocks.append(
        "save_hypocentres(hypocentres, 'hypocentres.nc')\n"
        "write_quakeml(hypocentres, 'catalogue.xml')"
    )
    return "\n\n".join(blocks)


def _imports(state: LocationState) -> str:
    names = ["save_hypocentres", "write_quakeml"]
    if state.opened:
        names = ["read_arrivals", "read_models", "read_stations", *names]
    return (
        f"from seisnb.io import {', '.join(names)}\n"
        "from seisnb.location import LocationConfig, locate"
    )


def _reads(state: LocationState) -> str:
    opened = state.opened
    if not opened:
        return "# arrivals, stations and models are those that the dashboard was given"
    std = opened.get("pick_std")
    kind = opened.get("format")
    options = "".join([f", {kind!r}" if kind else "", f", pick_std={dict(std)!r}" if std else ""])
    return "\n".join(
        [
            f"arrivals = read_arrivals({opened['arrivals']!r}{options})",
            f"stations = read_stations({opened['stations']!r})",
            f"models = read_models({list(opened['models'])!r})",
        ]
    )
