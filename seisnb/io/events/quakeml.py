"""QuakeML catalogues, read by ObsPy.

Each event gives its picks. The phase is that of the preferred origin's arrival (the first origin's
where none is preferred), else the pick's hint. A pick is kept but not used where that arrival has a
time weight of 0, where the pick is marked as rejected, or where the origin has arrivals but none
for the pick. The sigma is the time's uncertainty, or the mean of its lower and upper ones. The
preferred origin is kept as preliminary. An event is called by its resource id; one written by
seisnb by its name in the source.

Stations are called by their code; if one code belongs to two networks, all are ``NET.STA``.
"""

from __future__ import annotations

import math
from typing import Any

from seisnb.conventions import FileFormatError
from seisnb.io.events.records import ArrivalFile, ArrivalRow, ParseOptions, SourceHypocentre
from seisnb.io.events.xml import screened, warnings_noted
from seisnb.io.lines import TextFile, listed, shown

#: Where resource ids of seisnb's own catalogues start.
OWN_PREFIX = "smi:local/seisnb/"


def parse_quakeml(text: TextFile, options: ParseOptions) -> ArrivalFile:
    """Parse a QuakeML catalogue (module docstring).

    Parameters
    ----------
    text : TextFile
        The file.
    options : ParseOptions
        ``on_bad`` decides on picks without a time or station.

    Raises
    ------
    FileFormatError
        No well-formed QuakeML, a document type in it, or a pick without time or station.
    """
    from obspy.io.quakeml.core import Unpickler

    where = "read_arrivals"
    notes: list[str] = []
    data = screened(text, root="quakeml", what="QuakeML", where=where)
    try:
        with warnings_noted(notes, "ObsPy"):
            catalogue = Unpickler().loads(data)
    except Exception as error:
        raise FileFormatError(
            f"{where}: ObsPy cannot read {text.name} ({error}); expected QuakeML 1.2. Check it "
            "with ObsPy's read_events."
        ) from error
    both = _two_networks(catalogue)
    rows: list[ArrivalRow] = []
    bad: list[str] = []
    hypocentres: list[SourceHypocentre] = []
    seen: set[str] = set()
    for event in catalogue:
        name = _event_name(event)
        if name in seen:
            raise FileFormatError(
                f"{where}: {text.name}: event {shown(name)} is there twice; expected each once. "
                "Remove one."
            )
        seen.add(name)
        origin = event.preferred_origin() or (event.origins[0] if event.origins else None)
        hypocentres.append(_hypocentre(origin, name))
        rows += _rows(event, origin, name, both, text.name, bad)
    if bad and options.on_bad == "raise":
        raise FileFormatError(f"{where}: {bad[0]}; expected both. Correct or remove it.")
    if bad:
        notes.append(f"Dropped {len(bad)} picks: {listed(bad)}.")
    return ArrivalFile(rows=rows, hypocentres=hypocentres, notes=notes)


def _rows(
    event: Any, origin: Any, name: str, both: bool, file: str, bad: list[str]
) -> list[ArrivalRow]:
    """The picks of one event; those without time or station are told in ``bad``."""
    arrivals = {str(a.pick_id): a for a in (origin.arrivals if origin is not None else [])}
    rows = []
    for pick in event.picks:
        place = f"{file}, pick {pick.resource_id}"
        station = _station(pick, both)
        if pick.time is None or not station:
            missing = "time" if pick.time is None else "station"
            bad.append(f"{place} of event {name} has no {missing}")
            continue
        arrival = arrivals.get(str(pick.resource_id))
        left_out = arrival.time_weight == 0 if arrival is not None else bool(arrivals)
        rejected = str(pick.evaluation_status) == "rejected"
        code = (arrival.phase if arrival is not None else None) or pick.phase_hint or ""
        rows.append(
            ArrivalRow(
                place=place,
                event=name,
                station=station,
                code=str(code),
                time=int(pick.time.ns),
                pick_std=_sigma(pick.time_errors),
                used=not (left_out or rejected),
            )
        )
    return rows


def _sigma(errors: Any) -> float | None:
    """The uncertainty [s] of a time, or the mean of its two sides."""
    if errors.uncertainty is not None:
        return float(errors.uncertainty)
    sides = (errors.lower_uncertainty, errors.upper_uncertainty)
    return None if None in sides else 0.5 * float(sum(sides))


def _station(pick: Any, both: bool) -> str:
    """Station code of a pick, with its network where codes alone are not unique."""
    stream = pick.waveform_id
    code = (stream.station_code or "") if stream is not None else ""
    return f"{stream.network_code or ''}.{code}" if both and code else code


def _two_networks(catalogue: Any) -> bool:
    """Whether one station code belongs to two networks."""
    network: dict[str, str] = {}
    streams = (p.waveform_id for e in catalogue for p in e.picks if p.waveform_id is not None)
    return any(
        network.setdefault(s.station_code, s.network_code or "") != (s.network_code or "")
        for s in streams
    )


def _event_name(event: Any) -> str:
    """Resource id, or the source's name in a catalogue that seisnb wrote."""
    identifier = str(event.resource_id)
    if identifier.startswith(OWN_PREFIX):
        for description in event.event_descriptions:
            if description.type == "earthquake name":
                return str(description.text)
    return identifier


def _hypocentre(origin: Any, name: str) -> SourceHypocentre:
    """The hypocentre of an origin; one without numbers where there is no origin."""
    if origin is None:
        return SourceHypocentre(event=name)

    def number(value: Any, scale: float = 1.0) -> float:
        return math.nan if value is None else float(value) / scale

    return SourceHypocentre(
        event=name,
        origin_time=None if origin.time is None else int(origin.time.ns),
        longitude=number(origin.longitude),
        latitude=number(origin.latitude),
        depth=number(origin.depth, 1e3),
    )
